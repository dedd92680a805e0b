#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/postfix/trace.h"

#define TRACES "tests/unit/traces/"

/* The log of one request to Postfix 3.7.11, with -v on smtpd and trivial-rewrite. */
static char *log_of(const char *name, size_t *length)
{
    char path[128];
    char *text = NULL;

    snprintf(path, sizeof(path), TRACES "%s.log", name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail_msg("%s cannot be read: run the tests in the tree's root", path);
    }
    size_t room = (size_t)128 * 1024;
    text = calloc(1, room);
    assert_non_null(text);
    *length = fread(text, 1, room - 1, file);
    fclose(file);
    return text;
}

struct wanted {
    enum trace_fact_kind kind;
    const char *subject;
    const char *table;
    const char *key;
    const char *pattern;
};

static void a_trace_names_what_let_the_request_by(void **state)
{
    (void)state;
    static const struct {
        const char *log;
        const char *recipient;
        struct wanted first; /* the most special fact */
        bool permitted;
        bool destination;
    } rows[] = {
        {"mynetworks-all",
         "canary@outside.example.net",
         {TRACE_LIST, "mynetworks", NULL, "198.51.100.7", "0.0.0.0/0"},
         true,
         false},
        {"client-hash",
         "canary@outside.example.net",
         {TRACE_TABLE, "check_client_access", "hash:/etc/postfix/access_client", "198.51.100",
          NULL},
         true,
         false},
        {"sender-regexp",
         "canary@outside.example.net",
         {TRACE_TABLE, "check_sender_access", "regexp:/etc/postfix/sender_ok",
          "someone@example.org", NULL},
         true,
         false},
        {"class",
         "canary@outside.example.net",
         {TRACE_TABLE, "check_sender_access", "hash:/etc/postfix/partners", "outside.example.net",
          NULL},
         true,
         false},
        {"relay-parent",
         "canary@sub.example.net",
         {TRACE_LIST, "relay_domains", NULL, "sub.example.net", "example.net"},
         false,
         true},
        {"virtual-domains",
         "canary@outside.example.net",
         {TRACE_LIST, "virtual_mailbox_domains", "hash:/etc/postfix/vdomains",
          "outside.example.net", NULL},
         false,
         true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t length = 0;
        char *text = log_of(rows[i].log, &length);
        struct trace trace;
        assert_true(trace_read(text, length, rows[i].recipient, &trace));
        assert_true(trace.count > 0);
        assert_int_equal(trace.permitted, rows[i].permitted);
        assert_int_equal(trace.destination, rows[i].destination);
        const struct trace_fact *fact = &trace.facts[0];
        const struct wanted *first = &rows[i].first;
        assert_int_equal(fact->kind, first->kind);
        assert_string_equal(fact->subject, first->subject);
        assert_string_equal(fact->key, first->key);
        if (first->table == NULL) {
            assert_null(fact->table);
            assert_string_equal(fact->pattern, first->pattern);
        } else {
            assert_string_equal(fact->table, first->table);
        }
        trace_free(&trace);
        free(text);
    }
}

static void an_alias_that_leads_outside_is_a_fact(void **state)
{
    (void)state;
    size_t length = 0;
    char *text = log_of("alias-percent", &length);
    struct trace trace;
    bool found = false;

    assert_true(trace_read(text, length, "canary%outside.example.net@example.org", &trace));
    for (size_t i = 0; i < trace.count; i++) {
        const struct trace_fact *fact = &trace.facts[i];
        found = found ||
                (fact->kind == TRACE_ALIAS && strcmp(fact->subject, "virtual_alias_maps") == 0 &&
                 strcmp(fact->table, "regexp:/etc/postfix/valias") == 0);
    }
    assert_true(found);
    trace_free(&trace);
    free(text);
}

static void a_class_is_told_from_the_inside_out(void **state)
{
    (void)state;
    size_t length = 0;
    char *text = log_of("class", &length);
    struct trace trace;
    static const char *const checks[] = {"permit", "partner", "check_sender_access"};
    size_t at = 0;

    assert_true(trace_read(text, length, "canary@outside.example.net", &trace));
    for (size_t i = 0; i < trace.count; i++) {
        if (trace.facts[i].kind == TRACE_RESTRICTION) {
            assert_true(at < 3);
            assert_string_equal(trace.facts[i].subject, checks[at++]);
        }
    }
    assert_int_equal(at, 3);
    trace_free(&trace);
    free(text);
}

static void what_was_refused_has_no_facts(void **state)
{
    (void)state;
    const char *text = "postfix/smtpd[7]: < unknown[198.51.100.7]: RCPT TO:<a@b.test>\n"
                       "postfix/smtpd[7]: >>> START Recipient address RESTRICTIONS <<<\n"
                       "postfix/smtpd[7]: generic_checks: name=permit_mynetworks\n"
                       "postfix/smtpd[7]: match_hostaddr: mynetworks: 198.51.100.7 ~? 127.0.0.0/8\n"
                       "postfix/smtpd[7]: match_list_match: 198.51.100.7: no match\n"
                       "postfix/smtpd[7]: generic_checks: name=permit_mynetworks status=0\n"
                       "postfix/smtpd[7]: generic_checks: name=reject_unauth_destination\n"
                       "postfix/smtpd[7]: generic_checks: name=reject_unauth_destination status=2\n"
                       "postfix/smtpd[7]: >>> END Recipient address RESTRICTIONS <<<\n";
    struct trace trace;

    assert_true(trace_read(text, strlen(text), "a@b.test", &trace));
    assert_int_equal(trace.count, 0);
    assert_false(trace.permitted);
    assert_false(trace.destination);
    trace_free(&trace);
}

static void only_the_recipients_own_restrictions_count(void **state)
{
    (void)state;
    /* A permit of the client's list ends that list alone. */
    const char *text = "postfix/smtpd[7]: < unknown[198.51.100.7]: RCPT TO:<a@b.test>\n"
                       "postfix/smtpd[7]: >>> START Client host RESTRICTIONS <<<\n"
                       "postfix/smtpd[7]: generic_checks: name=permit\n"
                       "postfix/smtpd[7]: generic_checks: name=permit status=1\n"
                       "postfix/smtpd[7]: >>> END Client host RESTRICTIONS <<<\n";
    struct trace trace;

    assert_true(trace_read(text, strlen(text), "a@b.test", &trace));
    assert_int_equal(trace.count, 0);
    assert_false(trace.permitted);
    trace_free(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_names_what_let_the_request_by),
        cmocka_unit_test(an_alias_that_leads_outside_is_a_fact),
        cmocka_unit_test(a_class_is_told_from_the_inside_out),
        cmocka_unit_test(what_was_refused_has_no_facts),
        cmocka_unit_test(only_the_recipients_own_restrictions_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
