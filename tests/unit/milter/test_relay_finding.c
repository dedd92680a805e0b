/* The findings of a recipient: their words, where each of their fields is shown, and what to
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "milter/relay_finding.h"

#define BOTH   (FIELD_EVIDENCE | FIELD_LOGGED)
#define FREE   (BOTH | FIELD_QUOTED)
#define NAMING (FIELD_SUBJECT | FIELD_LOGGED)

static struct client client;
static struct transaction transaction;
static struct rcpt_meaning rcpt;
static struct recipient_seen seen;
static struct finding finding;

/* A stranger whose recipient was taken for delivery elsewhere. */
static int fresh(void **state)
{
    (void)state;
    client = (struct client){
        .listener_text = "203.0.113.25:25",
        .text = "198.51.100.7",
        .helo = "client.example.net",
    };
    transaction = (struct transaction){
        .sender = "<a@example.net>",
        .permission = PERMISSION_NONE,
    };
    assert_true(address_parse("198.51.100.7", &client.address));
    rcpt = (struct rcpt_meaning){
        .decision = DECISION_ACCEPTED,
        .mailer = "smtp",
        .nexthop = "outside.example.net",
        .resolved_text = "<b@outside.example.net>",
    };
    seen = (struct recipient_seen){
        .path = "<b@outside.example.net>",
        .rcpt = &rcpt,
        .destination = DESTINATION_EXTERNAL,
        .sender_class = SENDER_EXTERNAL,
        .enforcement = ENFORCE_OBSERVE,
    };
    return 0;
}

static void open(void)
{
    relay_finding_open(&finding, &client, &transaction, &seen);
}

static void says(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
}

static void says_not(const char *text, const char *words)
{
    if (strstr(text, words) != NULL) {
        fail_msg("\"%s\" says \"%s\"", text, words);
    }
}

struct shown {
    const char *name;
    unsigned int places;
    const char *value;
};

static void has_fields(const struct shown *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i >= finding.fields) {
            fail_msg("there is no field %s", fields[i].name);
            return;
        }
        assert_string_equal(finding.field[i].name, fields[i].name);
        assert_int_equal(finding.field[i].places, fields[i].places);
        assert_string_equal(finding_get(&finding, fields[i].name), fields[i].value);
    }
    assert_int_equal(finding.fields, count);
}

static void an_open_relay_has_its_fields_in_their_order_and_places(void **state)
{
    static const struct shown fields[] = {
        {"client", BOTH, "198.51.100.7"},
        {"helo", FREE, "client.example.net"},
        {"sender", FREE, "<a@example.net>"},
        {"recipient", FREE, "<b@outside.example.net>"},
        {"destination", BOTH, "external"},
        {"mailer", BOTH, "smtp"},
        {"nexthop", BOTH, "outside.example.net"},
        {"listener", NAMING, "203.0.113.25:25"},
        {"network", FIELD_SUBJECT, "198.51.100.0/24"},
        {"sender_class", FIELD_EVIDENCE, "external"},
        {"resolved", FIELD_EVIDENCE, "<b@outside.example.net>"},
        {"permission", FIELD_EVIDENCE, "none"},
        {"decision", FIELD_EVIDENCE, "accepted"},
        {"enforced", FIELD_EVIDENCE, "observe"},
    };

    (void)state;
    open();
    assert_int_equal(finding.kind, FINDING_OPEN_RELAY);
    assert_int_equal(finding.severity, SEVERITY_CRITICAL);
    assert_string_equal(finding.key, "203.0.113.25:25 198.51.100.0/24");
    assert_string_equal(finding.fold, "203.0.113.25:25");
    has_fields(fields, sizeof(fields) / sizeof(fields[0]));
}

static void only_a_masked_client_and_the_probe_are_marked(void **state)
{
    (void)state;
    open();
    assert_null(finding_get(&finding, "masked"));
    assert_null(finding_get(&finding, "probe"));
    transaction.masked = true;
    open();
    assert_string_equal(finding_get(&finding, "masked"), "yes");
    assert_null(finding_get(&finding, "probe"));
    transaction.masked = false;
    seen.by_probe = true;
    open();
    assert_null(finding_get(&finding, "masked"));
    assert_string_equal(finding_get(&finding, "probe"), "yes");
    assert_int_equal(finding.field[14].places, BOTH);
}

static void the_sentence_tells_who_sent_where_and_what_came_of_it(void **state)
{
    static const struct {
        enum enforcement enforcement;
        const char *end;
    } ends[] = {
        {ENFORCE_OBSERVE, "(mailer smtp)"},
        {ENFORCE_HOLD, "(mailer smtp); the message is put on hold"},
        {ENFORCE_DEFER, "(mailer smtp); relaywarden refused it for now"},
        {ENFORCE_REJECT, "(mailer smtp); relaywarden refused it"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const char *begin = "198.51.100.7 is neither authenticated nor in a trusted network, and "
                            "the MTA took its mail for b@outside.example.net ";
        seen.enforcement = ends[i].enforcement;
        open();
        assert_memory_equal(finding.why, begin, strlen(begin));
        assert_string_equal(finding.why + strlen(begin), ends[i].end);
    }
    seen.by_probe = true;
    open();
    says(finding.why, "your relaywarden-probe, seen as 198.51.100.7, is neither");
    says(finding.why, "granted its request to relay to b@outside.example.net");
    says(finding.why, "; relaywarden refused it, so that no mail left");
    rcpt.mailer = "";
    open();
    says(finding.why, "(mailer unknown)");
}

static void brackets_are_taken_off_only_where_both_are(void **state)
{
    static const struct {
        const char *text;
        const char *shown;
    } rows[] = {
        {"<b@x.test>", "mail for b@x.test ("},
        {"b@x.test", "mail for b@x.test ("},
        {"<b@x.test", "mail for <b@x.test ("},
        {"b@x.test>", "mail for b@x.test> ("},
        {"<>", "mail for  ("},
        {"<", "mail for < ("},
        {"<b", "mail for <b ("},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rcpt.resolved_text = rows[i].text;
        open();
        says(finding.why, rows[i].shown);
    }
}

static void the_remedy_goes_by_who_the_sender_claims_to_be(void **state)
{
    (void)state;
    open();
    says(finding.fix.text, "check_client_access");
    seen.sender_class = SENDER_OWN;
    open();
    says(finding.fix.text, "The sender claims a domain of yours");
    seen.sender_class = SENDER_NULL;
    open();
    says(finding.fix.text, "The sender is the null path");
    transaction.masked = true;
    open();
    says(finding.why, "198.51.100.7 is masked");
    says(finding.fix.text, "--unmask 198.51.100.7");
    says_not(finding.fix.text, "null path");
}

static void a_message_that_cannot_be_held_names_the_obstacle(void **state)
{
    static const struct {
        enum hold_obstacle obstacle;
        const char *name;
        const char *why;
        const char *fix;
    } rows[] = {
        {HOLD_NO_QUEUE, "no-queue-file", "smtpd_proxy_filter", "take it out of the smtpd"},
        {HOLD_NOT_TAKEN, "not-taken", "did not take the order", "may quarantine"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct shown fields[] = {
            {"client", BOTH, "198.51.100.7"},
            {"sender", FREE, "<a@example.net>"},
            {"listener", NAMING, "203.0.113.25:25"},
            {"obstacle", NAMING, rows[i].name},
        };
        relay_finding_hold_impossible(&finding, &client, &transaction, rows[i].obstacle);
        assert_int_equal(finding.kind, FINDING_HOLD_IMPOSSIBLE);
        assert_int_equal(finding.severity, SEVERITY_WARNING);
        assert_string_equal(finding.fold, "203.0.113.25:25");
        has_fields(fields, sizeof(fields) / sizeof(fields[0]));
        says(finding.why, rows[i].why);
        says(finding.fix.text, rows[i].fix);
    }
}

static void the_first_queue_id_counts(void **state)
{
    (void)state;
    open();
    relay_finding_set_queue_id(&finding, NULL);
    relay_finding_set_queue_id(&finding, "");
    assert_null(finding_get(&finding, "queue_id"));
    relay_finding_set_queue_id(&finding, "4711");
    size_t fields = finding.fields;
    relay_finding_set_queue_id(&finding, "4712");
    assert_string_equal(finding_get(&finding, "queue_id"), "4711");
    assert_int_equal(finding.field[fields - 1].places, BOTH);
    assert_int_equal(finding.fields, fields);
}

static void undeclared(void)
{
    seen.destination = DESTINATION_MTA_OWN;
    rcpt.resolved_text = "<u@customer.test>";
    rcpt.resolved.domain = rcpt.resolved_text + 3;
    rcpt.resolved.domain_length = strlen("customer.test");
    relay_finding_undeclared(&finding, &client, &transaction, &seen);
}

static void an_undeclared_domain_is_a_warning_that_names_it(void **state)
{
    (void)state;
    undeclared();
    assert_int_equal(finding.kind, FINDING_UNDECLARED_DESTINATION);
    assert_int_equal(finding.severity, SEVERITY_WARNING);
    assert_string_equal(finding.key, "203.0.113.25:25 198.51.100.0/24");
    assert_string_equal(finding_get(&finding, "destination"), "mta-own");
    says(finding.why, "takes mail for u@customer.test as its own");
    says(finding.why, "the domain customer.test");
    says(finding.fix.text, "If customer.test is yours");
    seen.parent = "example.org";
    undeclared();
    says(finding.fix.text, "add .example.org to domains");
    says_not(finding.fix.text, "customer.test");
}

static void a_mailer_of_one_letter_is_named(void **state)
{
    (void)state;
    rcpt.mailer = "x";
    open();
    says(finding.why, "(mailer x)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_open_relay_has_its_fields_in_their_order_and_places, fresh),
        cmocka_unit_test_setup(only_a_masked_client_and_the_probe_are_marked, fresh),
        cmocka_unit_test_setup(the_sentence_tells_who_sent_where_and_what_came_of_it, fresh),
        cmocka_unit_test_setup(brackets_are_taken_off_only_where_both_are, fresh),
        cmocka_unit_test_setup(the_remedy_goes_by_who_the_sender_claims_to_be, fresh),
        cmocka_unit_test_setup(a_message_that_cannot_be_held_names_the_obstacle, fresh),
        cmocka_unit_test_setup(the_first_queue_id_counts, fresh),
        cmocka_unit_test_setup(an_undeclared_domain_is_a_warning_that_names_it, fresh),
        cmocka_unit_test_setup(a_mailer_of_one_letter_is_named, fresh),
    };

    return cmocka_run_group_tests_name("relay_finding", tests, NULL, NULL);
}
