/* Macros as real Postfix 3.7 and Sendmail 8.17 send them, and what they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "milter/dialect.h"

struct row {
    const char *path;
    struct rcpt_macros macros;
    enum decision decision;
    const char *domain; /* resolved; NULL = none */
};

static void expect_row(const struct row *row)
{
    struct rcpt_meaning meaning;

    dialect_rcpt(&row->macros, row->path, &meaning);
    assert_int_equal(meaning.decision, row->decision);
    if (row->decision != DECISION_ACCEPTED) {
        return;
    }
    if (row->domain == NULL) {
        assert_true(meaning.resolved.domain == NULL || meaning.resolved.domain_length == 0);
        return;
    }
    assert_non_null(meaning.resolved.domain);
    assert_int_equal(meaning.resolved.domain_length, strlen(row->domain));
    assert_memory_equal(meaning.resolved.domain, row->domain, strlen(row->domain));
}

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect_row(&rows[i]);
    }
}

static void an_accepted_recipient_is_what_the_mta_resolved_it_to(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<b@outside.test>",
         {"smtp", "outside.test", "b@outside.test"},
         DECISION_ACCEPTED,
         "outside.test"},
        {"<\"b@outside.test\"@site.test>",
         {"smtp", "outside.test", "b@outside.test"},
         DECISION_ACCEPTED,
         "outside.test"},
        {"<b%outside.test@site.test>",
         {"smtp", "outside.test", "b@outside.test"},
         DECISION_ACCEPTED,
         "outside.test"},
        {"<@site.test:b@outside.test>",
         {"smtp", "outside.test", "b@outside.test"},
         DECISION_ACCEPTED,
         "outside.test"},
        {"<outside.test!b>",
         {"smtp", "outside.test", "b@outside.test"},
         DECISION_ACCEPTED,
         "outside.test"},
        {"<u@site.test>", {"local", "site.test", "u@site.test"}, DECISION_ACCEPTED, "site.test"},
        {"<u@relayed.test>",
         {"smtp", "[10.0.0.9]", "u@relayed.test"},
         DECISION_ACCEPTED,
         "relayed.test"},
    };
    expect_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_refused_recipient_shows_the_error_mailer_with_a_bare_status(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<b@outside.test>", {"error", "5.7.1", "Relay access denied"}, DECISION_REFUSED, NULL},
        {"<b@outside.test>", {"error", "4.7.1", "Relay access denied"}, DECISION_DEFERRED, NULL},
        {"<x@site.test>", {"error", "5.1.1", "550 5.1.1 User unknown"}, DECISION_REFUSED, NULL},
        {"<b@outside.test>",
         {"error", "5.7.1", "ask.postmaster@site.test"},
         DECISION_REFUSED,
         NULL},
        {"<b@outside.test>", {"error", "5.7.1", NULL}, DECISION_REFUSED, NULL},
    };
    expect_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Only "error" with a status and no other word is a refusal: anything else was accepted. */
static void what_is_not_quite_a_refusal_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *mailer;
        const char *host;
        enum decision decision;
    } rows[] = {
        {"error", "5.7.1", DECISION_REFUSED},
        {"ERROR", "5.7.1", DECISION_REFUSED},
        {"error", "2.0.0", DECISION_REFUSED},
        {"error", "4.7.1", DECISION_DEFERRED},
        {"error", "5.123.456", DECISION_REFUSED},
        {"error", "4.0.0", DECISION_DEFERRED},
        {"error", "5.9.9", DECISION_REFUSED},
        {"error", "3.7.1", DECISION_ACCEPTED},
        {"error", "1.7.1", DECISION_ACCEPTED},
        {"error", "6.7.1", DECISION_ACCEPTED},
        {"error", "", DECISION_ACCEPTED},
        {"error", "5", DECISION_ACCEPTED},
        {"error", "5.", DECISION_ACCEPTED},
        {"error", "5.7", DECISION_ACCEPTED},
        {"error", "5.7.", DECISION_ACCEPTED},
        {"error", "5..1", DECISION_ACCEPTED},
        {"error", "5.7.1.", DECISION_ACCEPTED},
        {"error", "5.7.1.1", DECISION_ACCEPTED},
        {"error", "5.7.1 User unknown", DECISION_ACCEPTED},
        {"error", "5.1234.1", DECISION_ACCEPTED},
        {"error", "5.1.1234", DECISION_ACCEPTED},
        {"error", "5x7.1", DECISION_ACCEPTED},
        {"error", "5.7x1", DECISION_ACCEPTED},
        {"error", "55.7.1", DECISION_ACCEPTED},
        {"error", " 5.7.1", DECISION_ACCEPTED},
        {"error", "5.7.x", DECISION_ACCEPTED},
        {"errors", "5.7.1", DECISION_ACCEPTED},
        {"erro", "5.7.1", DECISION_ACCEPTED},
        {"smtp", "5.7.1", DECISION_ACCEPTED},
        {"", "5.7.1", DECISION_ACCEPTED},
    };
    struct rcpt_meaning meaning;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct rcpt_macros macros = {rows[i].mailer, rows[i].host, "Relay access denied"};
        dialect_rcpt(&macros, "<b@outside.test>", &meaning);
        assert_int_equal(meaning.decision, rows[i].decision);
        assert_string_equal(meaning.mailer, rows[i].mailer);
        assert_string_equal(meaning.nexthop, rows[i].host);
    }
}

/* With a bare status the text must be the very address that was asked for, in any case. */
static void only_the_recipients_own_address_makes_a_status_an_acceptance(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *shown;
        enum decision decision;
    } rows[] = {
        {"<x@va.test>", "x@va.test", DECISION_ACCEPTED},
        {"<x@va.test>", "X@VA.TEST", DECISION_ACCEPTED},
        {"<x@va.test>", "y@va.test", DECISION_REFUSED},
        {"<x@va.test>", "x@vb.test", DECISION_REFUSED},
        {"<x@va.test>", "xx@va.test", DECISION_REFUSED},
        {"<x@va.test>", "x@va.tes", DECISION_REFUSED},
        {"<x@va.test>", "x", DECISION_REFUSED},
        {"<x>", "x@va.test", DECISION_REFUSED},
        {"<x>", "x", DECISION_REFUSED},
        {"<x@va.test>", "", DECISION_REFUSED},
    };
    struct rcpt_meaning meaning;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        dialect_rcpt(&(struct rcpt_macros){"error", "5.1.1", rows[i].shown}, rows[i].path,
                     &meaning);
        assert_int_equal(meaning.decision, rows[i].decision);
    }
}

/* The text that the MTA resolved, and its place. */
static void the_resolved_text_is_the_one_that_names_the_domain(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *shown;
        bool by_the_mta;
    } rows[] = {
        {"<u@a.test>", "u@b.test", true}, {"<u@a.test>", "u", false}, {"<u@a.test>", "u@", false},
        {"<u@a.test>", NULL, false},      {"<u@a.test>", "", false},  {"<u@a.test>", "u@b", true},
    };
    struct rcpt_meaning meaning;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        dialect_rcpt(&(struct rcpt_macros){"smtp", "h", rows[i].shown}, rows[i].path, &meaning);
        assert_ptr_equal(meaning.resolved_text, rows[i].by_the_mta ? rows[i].shown : rows[i].path);
        assert_int_equal(meaning.resolved.domain[0], rows[i].by_the_mta ? 'b' : 'a');
    }
}

static void a_virtual_alias_domain_is_accepted_though_its_mailer_is_error(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<x@va.test>",
         {"error", "5.1.1 User unknown in virtual alias table", "x@va.test"},
         DECISION_ACCEPTED,
         "va.test"},
        {"<X@VA.test>", {"error", "5.1.1 User unknown", "X@va.test"}, DECISION_ACCEPTED, "va.test"},
        {"<x@va.test>", {"error", "5.1.1", "x@va.test"}, DECISION_ACCEPTED, "va.test"},
    };
    expect_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_bare_local_part_takes_the_domain_of_the_command(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<root@site.test>", {"local", "", "root"}, DECISION_ACCEPTED, "site.test"},
        {"<root>", {"local", "", "root"}, DECISION_ACCEPTED, NULL},
        {"<b@outside.test>",
         {"esmtp", "outside.test.", "b@outside.test"},
         DECISION_ACCEPTED,
         "outside.test"},
    };
    expect_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void without_macros_the_command_itself_is_judged_as_accepted(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<b@outside.test>", {NULL, NULL, NULL}, DECISION_ACCEPTED, "outside.test"},
        {"<>", {NULL, NULL, NULL}, DECISION_ACCEPTED, NULL},
    };
    expect_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void anonymous_is_not_authenticated(void **state)
{
    (void)state;
    assert_true(
        dialect_is_authenticated(&(struct client_macros){"PLAIN", "ann", NULL, NULL, NULL}));
    assert_false(dialect_is_authenticated(
        &(struct client_macros){"ANONYMOUS", "anonymous", NULL, NULL, NULL}));
    assert_false(
        dialect_is_authenticated(&(struct client_macros){"anonymous", "x", NULL, NULL, NULL}));
    assert_false(dialect_is_authenticated(&(struct client_macros){NULL, NULL, NULL, NULL, NULL}));
    assert_false(dialect_is_authenticated(&(struct client_macros){"PLAIN", "", NULL, NULL, NULL}));
    assert_false(dialect_is_authenticated(&(struct client_macros){"", "ann", NULL, NULL, NULL}));
    assert_false(
        dialect_is_authenticated(&(struct client_macros){"PLAIN", NULL, NULL, NULL, NULL}));
    assert_true(dialect_is_authenticated(&(struct client_macros){"X", "a", NULL, NULL, NULL}));
    assert_true(
        dialect_is_authenticated(&(struct client_macros){"ANONYMOUS-2", "x", NULL, NULL, NULL}));
    assert_true(
        dialect_is_authenticated(&(struct client_macros){"ANONYMOU", "x", NULL, NULL, NULL}));
}

static void a_certificate_counts_only_as_the_mta_verified_it(void **state)
{
    (void)state;
    const struct client_macros postfix = {.cert_subject = "partner"};
    const struct client_macros verified = {
        .cert_subject = "/CN=partner", .cn_subject = "partner", .verify = "OK"};
    const struct client_macros shown = {
        .cert_subject = "/CN=partner", .cn_subject = "partner", .verify = "FAIL"};
    const struct client_macros none = {.verify = "NOT"};

    assert_string_equal(dialect_certificate(&postfix), "partner");
    assert_string_equal(dialect_certificate(&verified), "partner");
    assert_null(dialect_certificate(&shown));
    assert_null(dialect_certificate(&none));
    assert_null(dialect_certificate(&(struct client_macros){0}));
    /* Sendmail's words, and what only begins like the good one. */
    static const char *const bad[] = {"NONE", "NO",  "TEMP",     "PROTOCOL", "SOFTWARE",
                                      "OKAY", "OK ", "ok",       "O",        "",
                                      "OK\n", "xOK", "DANE_FAIL"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct client_macros macros = {
            .cert_subject = "/CN=partner", .cn_subject = "partner", .verify = bad[i]};
        assert_null(dialect_certificate(&macros));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accepted_recipient_is_what_the_mta_resolved_it_to),
        cmocka_unit_test(a_refused_recipient_shows_the_error_mailer_with_a_bare_status),
        cmocka_unit_test(the_resolved_text_is_the_one_that_names_the_domain),
        cmocka_unit_test(only_the_recipients_own_address_makes_a_status_an_acceptance),
        cmocka_unit_test(what_is_not_quite_a_refusal_is_none),
        cmocka_unit_test(a_virtual_alias_domain_is_accepted_though_its_mailer_is_error),
        cmocka_unit_test(a_bare_local_part_takes_the_domain_of_the_command),
        cmocka_unit_test(without_macros_the_command_itself_is_judged_as_accepted),
        cmocka_unit_test(anonymous_is_not_authenticated),
        cmocka_unit_test(a_certificate_counts_only_as_the_mta_verified_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
