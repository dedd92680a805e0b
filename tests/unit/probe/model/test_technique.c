#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "probe/model/technique.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct technique_place place = {
    .canary = "canary@outside.example.net",
    .own = "example.org",
    .host = "mx.example.org",
    .literal = "[203.0.113.25]",
    .client = "[198.51.100.7]",
    .greeted = "mail.example.org",
    .ehlo = "smtp.example.org",
    .address = "203.0.113.25",
    .loopback = "127.0.0.1",
};

/* Other places: IPv6, a long canary, a quoted one. */
static const struct technique_place places[] = {
    {"canary@outside.example.net", "example.org", "mx.example.org", "[203.0.113.25]",
     "[198.51.100.7]", "mail.example.org", "smtp.example.org", "203.0.113.25", "127.0.0.1", NULL},
    {"a.b+c@x.test", "own.example.test", "h.example.net", "[IPv6:2001:db8:113::25]",
     "[IPv6:2001:db8:51::7]", "g.example.net", "e.example.net", "IPV6:2001:db8:113::25", "IPV6:::1",
     NULL},
    {"rw1.abcdefghijklmnopqrst@outside.example.net", "a.b.example.org", "mx", "[192.0.2.1]",
     "[192.0.2.2]", "g", "e", "192.0.2.1", "127.0.0.1", NULL},
};

static const struct {
    const char *id;
    unsigned int number;
    enum technique_form form;
    enum technique_sender sender_class;
    const char *sender;
    const char *recipient;
    const char *control;
} expected[] = {
    {"plain", 1, TECHNIQUE_PLAIN, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<canary@outside.example.net>", ""},
    {"null-sender", 2, TECHNIQUE_PLAIN, TECHNIQUE_SENDER_NULL, "<>", "<canary@outside.example.net>",
     ""},
    {"own-sender", 3, TECHNIQUE_PLAIN, TECHNIQUE_SENDER_OWN, "<postmaster@example.org>",
     "<canary@outside.example.net>", ""},
    {"percent-hack", 4, TECHNIQUE_MAILBOX, TECHNIQUE_SENDER_EXTERNAL,
     "<canary@outside.example.net>", "<canary%outside.example.net@example.org>",
     "<canary=outside.example.net@example.org>"},
    {"quoted", 5, TECHNIQUE_MAILBOX, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<\"canary@outside.example.net\"@example.org>",
     "<\"canary=outside.example.net\"@example.org>"},
    {"source-route", 6, TECHNIQUE_PLAIN, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<@example.org:canary@outside.example.net>", ""},
    {"bang-path", 7, TECHNIQUE_MAILBOX, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<outside.example.net!canary>", "<outside.example.net=canary>"},
    {"own-in-user", 58, TECHNIQUE_PLAIN, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<canary+example.org@outside.example.net>", ""},
    {"own-in-domain", 59, TECHNIQUE_PLAIN, TECHNIQUE_SENDER_EXTERNAL,
     "<canary@outside.example.net>", "<canary@example.org.outside.example.net>", ""},
    {"own-in-sender", 60, TECHNIQUE_PLAIN, TECHNIQUE_SENDER_EXTERNAL,
     "<canary@example.org.outside.example.net>", "<canary@outside.example.net>", ""},
    {"srs0", 63, TECHNIQUE_USER, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<SRS0=rwrw=BA=outside.example.net=canary@example.org>",
     "<SRS0=rwrw=BA=example.org=canary@example.org>"},
    {"srs1", 66, TECHNIQUE_USER, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<SRS1=rw=outside.example.net==rw=BA=outside.example.net=canary@example.org>",
     "<SRS1=rw=example.org==rw=BA=example.org=canary@example.org>"},
    {"batv", 67, TECHNIQUE_USER, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<prvs=1234abcdef=canary=outside.example.net@example.org>",
     "<prvs=1234abcdef=canary=example.org@example.org>"},
    {"equals", 68, TECHNIQUE_USER, TECHNIQUE_SENDER_EXTERNAL, "<canary@outside.example.net>",
     "<canary=outside.example.net@example.org>", "<canary=example.org@example.org>"},
};

/* The last domain of a path: what the server looks at. */
static const char *last_domain(const char *path, char out[ENVELOPE_PATH_SIZE])
{
    const char *at = strrchr(path, '@');
    const char *quote = strrchr(path, '"');

    if (at == NULL || (quote != NULL && quote > at)) {
        return "";
    }
    snprintf(out, ENVELOPE_PATH_SIZE, "%.*s", (int)(strlen(at + 1) - 1), at + 1);
    return out;
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Whether a server may read the path as one of its own mailboxes: its last domain is own, below it,
 * a name of the server's, an address literal, empty or missing. */
static bool may_be_a_mailbox(const char *path, const struct technique_place *at)
{
    char domain[ENVELOPE_PATH_SIZE];
    char below[ENVELOPE_PATH_SIZE];

    snprintf(below, sizeof(below), ".%s", at->own);
    const char *last = last_domain(path, domain);
    return last[0] == '\0' || last[0] == '[' || strcmp(last, at->own) == 0 ||
           strcmp(last, at->host) == 0 || ends_with(last, below);
}

static void a_form_counts_as_plain_only_if_its_last_domain_is_outside(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(places); i++) {
        for (size_t j = 0; j < technique_count; j++) {
            const struct technique *row = &techniques[j];
            struct envelope envelope;

            if (!technique_envelope(row, &places[i], &envelope)) {
                if (i < 2 || strcmp(row->id, "srs1") != 0) { /* it has the canary's domain twice */
                    fail_msg("%s cannot be built", row->id);
                }
                continue;
            }
            bool mailbox = may_be_a_mailbox(envelope.recipient, &places[i]);
            if (mailbox != (row->form != TECHNIQUE_PLAIN)) {
                fail_msg("%s has the wrong form for %s", row->id, envelope.recipient);
            }
            if (mailbox) {
                assert_true(may_be_a_mailbox(envelope.control, &places[i]));
                assert_string_not_equal(envelope.control, envelope.recipient);
            }
        }
    }
}

static void numbers_are_never_given_to_another_technique(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "plain",
        "null-sender",
        "own-sender",
        "percent-hack",
        "quoted",
        "source-route",
        "bang-path",
        "own-user-sender",
        "literal-sender",
        "host-sender",
        "greeted-sender",
        "ehlo-sender",
        "localhost-sender",
        "bare-sender",
        "no-brackets",
        "percent-literal",
        "percent-host",
        "percent-bare",
        "bang-own",
        "bang-literal",
        "bang-host",
        "quoted-literal",
        "quoted-host",
        "quoted-bare",
        "quoted-percent",
        "quoted-percent-own",
        "double-at",
        "double-at-literal",
        "double-at-host",
        "trailing-at",
        "source-route-host",
        "source-route-literal",
        "outside-literal",
        "percent-subdomain",
        "upper-case",
        "spaces",
        "orcpt",
        "notify",
        "smtputf8",
        "after-local",
        "second-transaction",
        "helo-own",
        "helo-host",
        "helo-localhost",
        "helo-literal",
        "before-starttls",
        "auth-null",
        "auth-own",
        "auth-anonymous",
        "xclient-loopback",
        "xclient-server",
        "xclient-login",
        "proxy-v1",
        "proxy-v2",
        "proxy-v1-server",
        "proxy-v2-server",
        "bang-sender",
        "own-in-user",
        "own-in-domain",
        "own-in-sender",
        "helo-client-address",
        "helo-address",
        "srs0",
        "srs0-plus",
        "srs0-minus",
        "srs1",
        "batv",
        "equals",
    };
    for (size_t i = 0; i < ROWS(ids); i++) {
        assert_non_null(technique_find(ids[i]));
        assert_int_equal(technique_find(ids[i])->number, i + 1);
    }
}

static void a_spelling_changes_only_how_the_path_is_written(void **state)
{
    (void)state;
    char out[ENVELOPE_PATH_SIZE];
    technique_spell(TECHNIQUE_SPELLING_USUAL, "<a@b.test>", out);
    assert_string_equal(out, "<a@b.test>");
    technique_spell(TECHNIQUE_SPELLING_NO_BRACKETS, "<a@b.test>", out);
    assert_string_equal(out, "a@b.test");
    technique_spell(TECHNIQUE_SPELLING_SPACES, "<a@b.test>", out);
    assert_string_equal(out, " < a@b.test >");
    technique_spell(TECHNIQUE_SPELLING_UPPER_CASE, "<a@b.test>", out);
    assert_string_equal(out, "<A@B.TEST>");
}

static void each_technique_asks_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(expected); i++) {
        const struct technique *technique = technique_find(expected[i].id);
        struct envelope envelope;

        assert_non_null(technique);
        assert_int_equal(technique->number, expected[i].number);
        assert_int_equal(technique->form, expected[i].form);
        assert_int_equal(technique->sender_class, expected[i].sender_class);
        assert_true(technique_envelope(technique, &place, &envelope));
        assert_string_equal(envelope.sender, expected[i].sender);
        assert_string_equal(envelope.recipient, expected[i].recipient);
        assert_string_equal(envelope.control, expected[i].control);
    }
}

static void every_row_of_the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < technique_count; i++) {
        const struct technique *row = &techniques[i];
        struct envelope envelope;

        assert_in_range(row->number, 1, 255);
        assert_true(row->summary[0] != '\0');
        assert_true(row->proves[0] != '\0');
        /* what may be a mailbox has a control, what cannot be one needs none */
        assert_int_equal(row->control != NULL, row->form != TECHNIQUE_PLAIN);
        assert_true(technique_envelope(row, &place, &envelope));
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(row->number, techniques[j].number);
            assert_string_not_equal(row->id, techniques[j].id);
        }
        assert_ptr_equal(technique_find(row->id), row);
    }
    assert_string_equal(techniques[0].id, "plain");
    assert_null(technique_find("no-such-technique"));
    assert_null(technique_find(""));
}

/* A control that routes would make a refused control prove nothing. */
static void no_control_has_a_character_that_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < technique_count; i++) {
        struct envelope envelope;
        size_t ats = 0;

        assert_true(technique_envelope(&techniques[i], &place, &envelope));
        assert_null(strpbrk(envelope.control, "%!:")); /* the place is on IPv4 */
        for (const char *at = envelope.control; *at != '\0'; at++) {
            ats += *at == '@';
        }
        assert_in_range(ats, 0, 1);
    }
}

static void every_name_in_braces_is_expanded(void **state)
{
    (void)state;
    const struct technique all = {
        .sender = "<{canary.local}@{host}>",
        .recipient = "<{canary.local}%{canary.domain}@{literal}>",
        .control = "<x@{own}>",
        .helo = "{greeted}",
        .sender_parameters = " AUTH=x@{ehlo}",
        .recipient_parameters = " X={client}",
        .claim = "ADDR={loopback} X={address}",
        .sequence = TECHNIQUE_SEQUENCE_AFTER_LOCAL,
    };
    struct envelope envelope;
    assert_true(technique_envelope(&all, &place, &envelope));
    assert_string_equal(envelope.sender, "<canary@mx.example.org>");
    assert_string_equal(envelope.recipient, "<canary%outside.example.net@[203.0.113.25]>");
    assert_string_equal(envelope.control, "<x@example.org>");
    assert_string_equal(envelope.helo, "mail.example.org");
    assert_string_equal(envelope.sender_parameters, " AUTH=x@smtp.example.org");
    assert_string_equal(envelope.recipient_parameters, " X=[198.51.100.7]");
    assert_string_equal(envelope.claim, "ADDR=127.0.0.1 X=203.0.113.25");
    assert_string_equal(envelope.local, "<postmaster@example.org>");
}

/* A stranger may write there without the operator's word: the canary's domain, and below it. */
static bool is_named(const char *path, const struct technique_place *at)
{
    char domain[ENVELOPE_PATH_SIZE];
    char below[ENVELOPE_PATH_SIZE];
    const char *canary = strrchr(at->canary, '@') + 1;
    const char *last = last_domain(path, domain);

    snprintf(below, sizeof(below), ".%s", canary);
    return may_be_a_mailbox(path, at) || strcasecmp(last, canary) == 0 || ends_with(last, below);
}

static void nobody_elses_domain_is_ever_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(places); i++) {
        for (size_t j = 0; j < technique_count; j++) {
            struct envelope envelope;
            if (technique_envelope(&techniques[j], &places[i], &envelope) &&
                (!is_named(envelope.recipient, &places[i]) ||
                 (envelope.control[0] != '\0' && !is_named(envelope.control, &places[i])))) {
                fail_msg("%s asks for %s", techniques[j].id, envelope.recipient);
            }
        }
    }
}

static void a_greeting_by_address_has_no_brackets(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        size_t place;
        const char *helo;
    } rows[] = {
        {"helo-address", 0, "203.0.113.25"},
        {"helo-address", 1, "2001:db8:113::25"},
        {"helo-client-address", 0, "198.51.100.7"},
        {"helo-client-address", 1, "2001:db8:51::7"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct envelope envelope;
        assert_true(
            technique_envelope(technique_find(rows[i].id), &places[rows[i].place], &envelope));
        assert_string_equal(envelope.helo, rows[i].helo);
    }
}

static bool makes(const char *recipient, const struct technique_place *at)
{
    struct envelope envelope = {.sender = "untouched"};
    const struct technique technique = {.sender = "<>", .recipient = recipient};
    bool made = technique_envelope(&technique, at, &envelope);

    if (!made) {
        assert_string_equal(envelope.sender, "untouched");
    }
    return made;
}

static void a_broken_template_or_an_empty_value_makes_no_envelope(void **state)
{
    (void)state;
    const struct technique_place bare = {.canary = "canary", .own = "", .host = NULL};
    assert_false(makes("<{nobody}>", &place));
    assert_false(makes("<{canary>", &place));
    assert_false(makes("{canary}", &place));
    assert_false(makes("<{canary}>", &bare));
    assert_false(makes("<{canary.local}>", &bare));
    assert_false(makes("<{canary.domain}>", &bare));
    assert_false(makes("<x@{own}>", &bare));
    assert_false(makes("<x@{host}>", &bare));
    assert_false(makes("<x@{literal}>", &bare));
    assert_true(makes("<x@y>", &bare));
}

/* RFC 5321 section 4.5.3.1: what is longer would be refused for its length. */
static void a_path_over_the_limits_of_smtp_makes_no_envelope(void **state)
{
    (void)state;
    char local[80];
    char domain[300];
    struct technique_place long_local = place;
    struct technique_place long_domain = place;

    snprintf(local, sizeof(local), "%064d@a.test", 0);
    long_local.canary = local;
    assert_true(makes("<{canary}>", &long_local));
    assert_false(makes("<\"{canary}\"@{own}>", &long_local));
    snprintf(local, sizeof(local), "%065d@a.test", 0);
    assert_false(makes("<{canary}>", &long_local));

    long_domain.own = domain;
    memset(domain, 'd', sizeof(domain));
    domain[252] = '\0'; /* <x@ and > make 256 */
    assert_true(makes("<x@{own}>", &long_domain));
    domain[252] = 'd';
    domain[253] = '\0';
    assert_false(makes("<x@{own}>", &long_domain));
    domain[253] = 'd';
    domain[299] = '\0';
    assert_false(makes("<{own}@{own}@{own}>", &long_domain));
}

/* The longest canary domain that the wrapped forms can carry: 64 octets of local part. */
static void a_long_canary_leaves_out_the_forms_that_cannot_hold_it(void **state)
{
    (void)state;
    struct technique_place far = place;
    struct envelope envelope;
    far.canary = "canary@a-rather-long-host-name.in-a-rather-long-domain.example.net";
    assert_true(technique_envelope(technique_find("plain"), &far, &envelope));
    assert_true(technique_envelope(technique_find("source-route"), &far, &envelope));
    assert_false(technique_envelope(technique_find("percent-hack"), &far, &envelope));
    assert_false(technique_envelope(technique_find("quoted"), &far, &envelope));
    assert_false(technique_envelope(technique_find("bang-path"), &far, &envelope));
}

static void nothing_can_break_out_of_a_path(void **state)
{
    (void)state;
    static const char *const canaries[] = {
        "a@b>\r\nRSET", "a b@c.test", "a>@b.test",       "<a@b.test",
        "\"a@b.test",   "a\\@b.test", "\xc3\xa4@b.test", "a@b\x7f.test",
    };
    for (size_t i = 0; i < ROWS(canaries); i++) {
        struct technique_place hostile = place;
        hostile.canary = canaries[i];
        assert_false(makes("<{canary}>", &hostile));
    }
    struct technique_place quoted = place;
    quoted.canary = "\"a\"@b.test";
    assert_true(makes("<{canary}>", &quoted));
    assert_false(makes("<\"{canary}\"@{own}>", &quoted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_technique_asks_as_documented),
        cmocka_unit_test(every_row_of_the_table_is_sound),
        cmocka_unit_test(a_form_counts_as_plain_only_if_its_last_domain_is_outside),
        cmocka_unit_test(numbers_are_never_given_to_another_technique),
        cmocka_unit_test(a_spelling_changes_only_how_the_path_is_written),
        cmocka_unit_test(no_control_has_a_character_that_routes),
        cmocka_unit_test(nobody_elses_domain_is_ever_asked_for),
        cmocka_unit_test(a_greeting_by_address_has_no_brackets),
        cmocka_unit_test(every_name_in_braces_is_expanded),
        cmocka_unit_test(a_broken_template_or_an_empty_value_makes_no_envelope),
        cmocka_unit_test(a_path_over_the_limits_of_smtp_makes_no_envelope),
        cmocka_unit_test(a_long_canary_leaves_out_the_forms_that_cannot_hold_it),
        cmocka_unit_test(nothing_can_break_out_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
