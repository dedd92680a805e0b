#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/judge/diagnosis.h"
#include "probe/judge/verdict.h"
#include "tests/unit/one_result.h"

/* ---- reach --------------------------------------------------------------------------- */

static void no_session(enum reach reach)
{
    result.reach = reach;
    for (size_t i = 0; i < result.technique_count; i++) {
        audit_sample_unask(&result, result.techniques[i].technique->id);
    }
    snprintf(result.trouble, sizeof(result.trouble), "what went wrong");
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "what went wrong.");
}

static void no_address_and_no_connection_are_unreachable(void **state)
{
    (void)state;
    no_session(REACH_NO_CONNECT);
    audit_sample_judged(&result, VERDICT_UNREACHABLE, CAUSE_NONE, 3);
    assert_int_equal(result.finding_count, 0);
    result.endpoint.address = (struct address){.family = ADDRESS_NONE};
    result.source = (struct address){.family = ADDRESS_NONE};
    no_session(REACH_NO_ADDRESS);
    audit_sample_judged(&result, VERDICT_UNREACHABLE, CAUSE_NONE, 3);
    assert_int_equal(result.finding_count, 0);
}

static void a_connection_without_a_greeting_is_a_refused_service(void **state)
{
    (void)state;
    result.banner[0] = '\0';
    no_session(REACH_NO_GREETING);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    const struct finding *finding = audit_sample_finding(&result, FINDING_SERVICE_REFUSED);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_string_equal(finding->key, "203.0.113.25:25/none");
    audit_sample_says(finding->fix.text, "specify at least one working instance of");
    audit_sample_says(finding->fix.text, "reject_unauth_destination");
}

static void a_greeting_that_refuses_is_advised_on_as_that(void **state)
{
    (void)state;
    snprintf(result.banner, sizeof(result.banner), "4.3.2 busy"); /* after 421 */
    no_session(REACH_NO_GREETING);
    const struct finding *finding = audit_sample_finding(&result, FINDING_SERVICE_REFUSED);
    assert_non_null(finding);
    audit_sample_says(finding->fix.text, "smtpd_client_connection_count_limit");
    assert_null(strstr(finding->fix.text, "reject_unauth_destination"));
}

static void a_greeting_without_a_session_is_inconclusive(void **state)
{
    (void)state;
    no_session(REACH_NO_SESSION);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_int_equal(result.finding_count, 0);
}

static void tls_that_did_not_come_about_is_no_refused_service(void **state)
{
    (void)state;
    no_session(REACH_NO_TLS);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_int_equal(result.finding_count, 0);
    audit_sample_says(result.fix.text, "Set tls of this target");
}

static void an_unusable_source_is_advised_on_as_that(void **state)
{
    (void)state;
    result.unusable_source = true;
    no_session(REACH_NO_CONNECT);
    audit_sample_judged(&result, VERDICT_UNREACHABLE, CAUSE_NONE, 3);
    audit_sample_says(result.fix.text, "source");
}

/* ---- cut off ------------------------------------------------------------------------- */

static void a_battery_cut_off_after_plain_is_closed_with_a_warning(void **state)
{
    (void)state;
    audit_sample_unask(&result, "quoted");
    audit_sample_answer(&result, "bang-path", OUTCOME_CLOSING);
    result.cut_off = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 1);
    assert_non_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    audit_sample_says(audit_sample_finding(&result, FINDING_PROBE_BLOCKED)->why, "2 of 60");
}

static void a_ban_after_plain_is_closed_with_a_warning_that_says_so(void **state)
{
    (void)state;
    audit_sample_answer(&result, "bang-path", OUTCOME_CLIENT_REFUSED);
    audit_sample_unask(&result, "quoted");
    result.cut_off = true;
    result.banned = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 1);
    assert_non_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    audit_sample_says(audit_sample_finding(&result, FINDING_PROBE_BLOCKED)->why,
                      "began to refuse the probe's address");
    audit_sample_says(audit_sample_finding(&result, FINDING_PROBE_BLOCKED)->why, "2 of 60");
    audit_sample_says(audit_sample_finding(&result, FINDING_PROBE_BLOCKED)->fix.text, "ignoreip");
}

/* An audit's gaps and its results, whatever else is true. */
static void what_cut_an_audit_short_decides_the_verdict(void **state)
{
    (void)state;
    static const struct {
        bool granted;
        bool interrupted;
        bool exhausted;
        bool used_up;
        enum verdict verdict;
    } rows[] = {
        {false, false, false, false, VERDICT_CLOSED},
        {false, true, false, false, VERDICT_INCONCLUSIVE},
        {false, false, true, false, VERDICT_INCONCLUSIVE},
        {false, false, false, true, VERDICT_INCONCLUSIVE},
        {true, false, false, false, VERDICT_OPEN},
        {true, true, false, false, VERDICT_OPEN},
        {true, false, true, false, VERDICT_OPEN},
        {true, false, false, true, VERDICT_OPEN},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        audit_sample_closed(&result);
        if (rows[i].granted) {
            audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
        }
        result.interrupted = rows[i].interrupted;
        result.exhausted = rows[i].exhausted;
        result.refusals_used_up = rows[i].used_up;
        verdict_endpoint(&result, &outside);
        assert_int_equal(result.verdict, rows[i].verdict);
    }
}

/* Whom the MTA takes us for decides what its answers show. */
static void whom_the_mta_sees_decides_what_its_answers_show(void **state)
{
    (void)state;
    static const struct {
        bool observed;
        enum token_role role;
        bool granted;
        enum verdict verdict;
    } rows[] = {
        {true, TOKEN_ROLE_TRUE, false, VERDICT_CLOSED},
        {true, TOKEN_ROLE_TRUE, true, VERDICT_OPEN},
        {true, TOKEN_ROLE_HIDDEN, false, VERDICT_INCONCLUSIVE},
        {true, TOKEN_ROLE_HIDDEN, true, VERDICT_OPEN},
        {false, TOKEN_ROLE_HIDDEN, false, VERDICT_CLOSED},
        {true, TOKEN_ROLE_INSIDE, false, VERDICT_CLOSED},
        {true, TOKEN_ROLE_INSIDE, true, VERDICT_INCONCLUSIVE},
        {false, TOKEN_ROLE_INSIDE, true, VERDICT_OPEN},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        audit_sample_closed(&result);
        if (rows[i].granted) {
            audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
        }
        result.milter.observed = result.milter.present = rows[i].observed;
        result.milter.role = rows[i].role;
        verdict_endpoint(&result, &outside);
        assert_int_equal(result.verdict, rows[i].verdict);
    }
}

/* The filter's word is surer than what became of a message. */
static void no_message_takes_back_what_the_filter_saw(void **state)
{
    (void)state;
    static const enum message_state states[] = {MESSAGE_MISSING, MESSAGE_REFUSED, MESSAGE_ARRIVED,
                                                MESSAGE_TAKEN};
    for (size_t i = 0; i < ROWS(states); i++) {
        audit_sample_closed(&result);
        audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
        audit_sample_row(&result, "plain")->ask = true;
        audit_sample_row(&result, "plain")->observed = true;
        result.message.technique = technique_find("plain");
        result.message.state = states[i];
        result.message.denies = true;
        result.message.text = "";
        verdict_endpoint(&result, &outside);
        assert_int_equal(result.verdict, VERDICT_OPEN);
        assert_int_equal(result.proof, PROOF_OBSERVED);
    }
}

/* A question that nobody answers plainly is told apart from one that was accepted beside it. */
static void what_was_accepted_is_named_where_the_verdict_speaks_of_something_else(void **state)
{
    (void)state;
    static const enum outcome unclear[] = {OUTCOME_SENDER_REFUSED, OUTCOME_GREYLISTED,
                                           OUTCOME_RECIPIENT_REFUSED};
    for (size_t i = 0; i < ROWS(unclear); i++) {
        audit_sample_closed(&result);
        audit_sample_answer(&result, "plain", unclear[i]);
        audit_sample_answer(&result, "quoted-bare", OUTCOME_ACCEPTED);
        audit_sample_answer(&result, "bang-path", OUTCOME_ACCEPTED);
        verdict_endpoint(&result, &outside);
        assert_int_equal(result.verdict, VERDICT_INCONCLUSIVE);
        const struct finding *finding = audit_sample_finding(&result, FINDING_SUSPECTED_RELAY);
        audit_sample_says(finding->why, "Accepted, but perhaps as local mail: bang-path, "
                                        "quoted-bare.");
        audit_sample_says(finding->fix.text, "sendmail -bv");
        assert_string_not_equal(finding->why, result.why);
    }
}

static void techniques_that_always_end_the_connection_are_named_in_a_note(void **state)
{
    static const char *const ids[] = {"percent-hack", "quoted",          "bang-path",
                                      "own-sender",   "percent-literal", "quoted-literal",
                                      "double-at",    "trailing-at"};

    (void)state;
    audit_sample_unask(&result, "percent-hack");
    audit_sample_row(&result, "percent-hack")->hung_up = true;
    audit_sample_answer(&result, "quoted", OUTCOME_CLOSING);
    audit_sample_row(&result, "quoted")->hung_up = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    assert_int_equal(result.note_count, 1);
    audit_sample_says(result.notes[0], "asked percent-hack, quoted, the connection ended");

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        audit_sample_unask(&result, ids[i]);
        audit_sample_row(&result, ids[i])->hung_up = true;
    }
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.notes[0], " and 2 more, the connection ended");
    audit_sample_says(result.notes[0], "is not known.");

    result.cut_off = true; /* the finding tells more */
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.note_count, 0);
}

static void a_server_too_slow_for_the_battery_is_advised_on_as_that(void **state)
{
    (void)state;
    audit_sample_unask(&result, "quoted");
    result.cut_off = true;
    result.out_of_time = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 1);
    audit_sample_says(audit_sample_finding(&result, FINDING_PROBE_BLOCKED)->why, "slowly");
    audit_sample_says(audit_sample_finding(&result, FINDING_PROBE_BLOCKED)->fix.text, "timeout");
}

static void a_battery_cut_off_before_plain_is_no_more_than_inconclusive(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_CLOSING);
    result.cut_off = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
}

static void an_operators_interruption_is_not_the_servers_blocking(void **state)
{
    (void)state;
    audit_sample_unask(&result, "quoted");
    result.cut_off = true;
    result.interrupted = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    result.reach = REACH_NO_GREETING;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_null(audit_sample_finding(&result, FINDING_SERVICE_REFUSED));
}

/* ---- vantage ------------------------------------------------------------------------- */

static struct site *site_trusting(const char *text)
{
    struct site_settings settings = {.domains = domainset_new(),
                                     .main_domain = strdup("example.org")};
    settings.networks = calloc(1, sizeof(*settings.networks));
    assert_non_null(settings.networks);
    settings.network_count = 1;
    assert_int_equal(network_parse(text, settings.networks), NETWORK_OK);
    struct site *site = site_new(&settings);
    assert_non_null(site);
    return site;
}

static void a_stranger_is_outside(void **state)
{
    (void)state;
    struct site *site = site_trusting("192.0.2.0/24");
    const struct vantage_known vantage = {.declared = VANTAGE_OUTSIDE, .site = site};
    assert_false(vantage_is_inside(&result, &vantage));
    assert_false(vantage_is_inside(&result, &outside));
    /* two unknown addresses are not one address */
    result.source = result.endpoint.address = (struct address){.family = ADDRESS_NONE};
    assert_false(vantage_is_inside(&result, &vantage));
    site_free(site);
}

static void from_a_trusted_network_a_grant_proves_nothing(void **state)
{
    (void)state;
    struct site *site = site_trusting("198.51.100.0/24");
    const struct vantage_known vantage = {.declared = VANTAGE_OUTSIDE, .site = site};

    assert_true(vantage_is_inside(&result, &vantage));
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &vantage);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "trusted_networks");
    assert_null(audit_sample_finding(&result, FINDING_OPEN_RELAY));
    assert_non_null(audit_sample_finding(&result, FINDING_VANTAGE_INSIDE));
    assert_int_equal(audit_sample_finding(&result, FINDING_VANTAGE_INSIDE)->severity,
                     SEVERITY_WARNING);
    site_free(site);
}

static void from_a_trusted_network_a_refused_plain_is_closed(void **state)
{
    (void)state;
    struct site *site = site_trusting("198.51.100.7");
    const struct vantage_known vantage = {.declared = VANTAGE_OUTSIDE, .site = site};
    audit_sample_judge(&result, &vantage);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 1);
    audit_sample_says(result.why, "even from inside");
    assert_non_null(audit_sample_finding(&result, FINDING_VANTAGE_INSIDE));
    site_free(site);
}

static void a_declared_inside_vantage_is_no_finding(void **state)
{
    (void)state;
    audit_sample_judge(&result, &inside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &inside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_int_equal(result.finding_count, 0);
    audit_sample_says(result.why, "declared to be inside");
}

static void both_ends_with_one_address_are_inside(void **state)
{
    (void)state;
    result.source = result.endpoint.address;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "same address");
    assert_non_null(audit_sample_finding(&result, FINDING_VANTAGE_INSIDE));
}

static void no_form_and_no_sender_granted_inside_is_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < result.technique_count; i++) {
        const char *id = result.techniques[i].technique->id;
        audit_sample_closed(&result);
        audit_sample_answer(&result, id, OUTCOME_ACCEPTED);
        audit_sample_control(&result, id, OUTCOME_RECIPIENT_REFUSED);
        audit_sample_judge(&result, &inside);
        audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    }
}

/* ---- findings ------------------------------------------------------------------------ */

static void an_open_relay_finding_tells_who_asked_for_what(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
    } logged[] = {
        {"endpoint", "203.0.113.25:25/starttls"},
        {"target", "mx"},
        {"host", "mx.example.org"},
        {"technique", "plain"},
        {"helo", "probe.example.net"},
        {"sender", "<canary@outside.example.net>"},
        {"recipient", "<canary@outside.example.net>"},
        {"reply", "250 2.1.5 Ok"},
        {"tls", "starttls"},
        {"source", "198.51.100.7"},
        {"proof", "rcpt"},
        {"cause", "unconditional"},
    };
    result.tls = TLS_STARTTLS;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    const struct finding *finding = audit_sample_finding(&result, FINDING_OPEN_RELAY);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    assert_string_equal(finding->key, "203.0.113.25:25/starttls unconditional");
    assert_string_equal(finding->fold, "203.0.113.25:25/starttls");
    assert_string_equal(finding->why, result.why);
    assert_string_equal(finding->fix.text, result.fix.text);

    size_t next = 0;
    for (size_t i = 0; i < finding->fields; i++) {
        const struct finding_field *field = &finding->field[i];
        bool subject = strcmp(field->name, "endpoint") == 0 || strcmp(field->name, "cause") == 0;
        assert_int_equal((field->places & FIELD_SUBJECT) != 0, subject);
        if ((field->places & FIELD_LOGGED) != 0) {
            assert_in_range(next, 0, ROWS(logged) - 1);
            assert_string_equal(field->name, logged[next].name);
            assert_string_equal(finding_get(finding, field->name), logged[next].value);
            next++;
        }
    }
    assert_int_equal(next, ROWS(logged));
    assert_string_equal(finding_get(finding, "sender_class"), "external");
}

static void a_connection_that_failed_is_keyed_by_the_tls_mode_it_began_with(void **state)
{
    (void)state;
    result.endpoint.port = 465;
    no_session(REACH_NO_GREETING);
    assert_string_equal(audit_sample_finding(&result, FINDING_SERVICE_REFUSED)->key,
                        "203.0.113.25:465/implicit");
    result.endpoint.port = 2465;
    result.endpoint.tls_asked = TLS_IMPLICIT;
    no_session(REACH_NO_GREETING);
    assert_string_equal(audit_sample_finding(&result, FINDING_SERVICE_REFUSED)->key,
                        "203.0.113.25:2465/implicit");
}

static void judging_again_leaves_nothing_of_the_first_time(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_answer_all(&result, OUTCOME_RELAY_DENIED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    assert_int_equal(result.finding_count, 0);
    assert_string_equal(result.fix.text, "");
}

/* ---- sentences ----------------------------------------------------------------------- */

static void a_long_trouble_is_cut_between_characters(void **state)
{
    (void)state;
    char text[12];
    for (size_t lead = 0; lead < 11; lead++) {
        text[0] = '\0';
        diagnosis_say(text, sizeof(text), "%.*s\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
                      (int)lead, "aaaaaaaaaaa");
        size_t length = strlen(text);
        assert_true(length < sizeof(text));
        assert_int_equal((length - lead) % 3, 0);
    }
    memset(result.trouble, 'x', sizeof(result.trouble) - 1);
    result.reach = REACH_NO_CONNECT;
    verdict_endpoint(&result, &outside);
    assert_int_equal(strlen(result.why), FINDING_WHY_SIZE - 1);
}

#define CASE(name) cmocka_unit_test_setup(name, one_result_fresh)

/* ---- identities ---------------------------------------------------------------------- */

static void an_anonymous_log_in_is_critical_only_where_it_opens(void **state)
{
    (void)state;
    result.heard.anonymous = true;
    audit_sample_answer(&result, "auth-anonymous", OUTCOME_RELAY_DENIED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    assert_int_equal(audit_sample_finding(&result, FINDING_ANONYMOUS_AUTH)->severity,
                     SEVERITY_INFO);

    audit_sample_answer(&result, "auth-anonymous", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_ANONYMOUS_AUTH, 2);
    assert_int_equal(audit_sample_finding(&result, FINDING_ANONYMOUS_AUTH)->severity,
                     SEVERITY_CRITICAL);

    audit_sample_answer_all(&result, OUTCOME_ACCEPTED); /* it opens nothing that was closed */
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_UNCONDITIONAL, 2);
    assert_int_equal(audit_sample_finding(&result, FINDING_ANONYMOUS_AUTH)->severity,
                     SEVERITY_INFO);
}

static void from_inside_an_anonymous_log_in_is_not_critical(void **state)
{
    (void)state;

    result.heard.anonymous = true;
    audit_sample_answer(&result, "auth-anonymous", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &inside);
    assert_int_equal(result.verdict, VERDICT_INCONCLUSIVE);
    assert_int_equal(audit_sample_finding(&result, FINDING_ANONYMOUS_AUTH)->severity,
                     SEVERITY_INFO);
}

static void a_claim_by_xclient_is_the_cause_where_plain_is_refused(void **state)
{
    (void)state;
    audit_sample_answer(&result, "xclient-login", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_XCLIENT, 2);
    audit_sample_says(result.fix.text, "smtpd_authorized_xclient_hosts");
}

/* Only headers were asked. */
static void serve_headers(enum outcome outcome)
{
    for (size_t i = 0; i < result.technique_count; i++) {
        struct technique_result *row = &result.techniques[i];
        if (technique_is_proxied(row->technique)) {
            audit_sample_answer(&result, row->technique->id, outcome);
        } else {
            audit_sample_unask(&result, row->technique->id);
        }
    }
    result.proxied = true;
    audit_sample_judge(&result, &outside);
}

static void a_listener_that_serves_headers_of_strangers_is_exposed(void **state)
{
    (void)state;
    serve_headers(OUTCOME_ACCEPTED);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_PROXY_PROTOCOL, 2);
    assert_non_null(audit_sample_finding(&result, FINDING_PROXY_PROTOCOL_EXPOSED));
    serve_headers(OUTCOME_RELAY_DENIED);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 2);
    assert_non_null(audit_sample_finding(&result, FINDING_PROXY_PROTOCOL_EXPOSED));
    assert_null(audit_sample_finding(&result, FINDING_SERVICE_REFUSED));
    audit_sample_says(result.why, "PROXY header");
}

static void one_request_that_was_not_heard_of_is_one_request(void **state)
{
    (void)state;
    result.milter.observed = true;
    result.milter.counted = 1;
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "saw the MTA accept 1 request on a connection");
    audit_sample_closed(&result);
    result.milter.observed = true;
    result.milter.counted = 2;
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "saw the MTA accept 2 requests on a connection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_request_that_was_not_heard_of_is_one_request),
        CASE(an_anonymous_log_in_is_critical_only_where_it_opens),
        CASE(from_inside_an_anonymous_log_in_is_not_critical),
        CASE(a_claim_by_xclient_is_the_cause_where_plain_is_refused),
        CASE(a_listener_that_serves_headers_of_strangers_is_exposed),
        CASE(no_address_and_no_connection_are_unreachable),
        CASE(a_connection_without_a_greeting_is_a_refused_service),
        CASE(a_greeting_that_refuses_is_advised_on_as_that),
        CASE(a_greeting_without_a_session_is_inconclusive),
        CASE(tls_that_did_not_come_about_is_no_refused_service),
        CASE(an_unusable_source_is_advised_on_as_that),
        CASE(a_battery_cut_off_after_plain_is_closed_with_a_warning),
        CASE(a_ban_after_plain_is_closed_with_a_warning_that_says_so),
        CASE(what_cut_an_audit_short_decides_the_verdict),
        CASE(whom_the_mta_sees_decides_what_its_answers_show),
        CASE(no_message_takes_back_what_the_filter_saw),
        CASE(what_was_accepted_is_named_where_the_verdict_speaks_of_something_else),
        CASE(techniques_that_always_end_the_connection_are_named_in_a_note),
        CASE(a_server_too_slow_for_the_battery_is_advised_on_as_that),
        CASE(a_battery_cut_off_before_plain_is_no_more_than_inconclusive),
        CASE(an_operators_interruption_is_not_the_servers_blocking),
        CASE(a_stranger_is_outside),
        CASE(from_a_trusted_network_a_grant_proves_nothing),
        CASE(from_a_trusted_network_a_refused_plain_is_closed),
        CASE(a_declared_inside_vantage_is_no_finding),
        CASE(both_ends_with_one_address_are_inside),
        CASE(no_form_and_no_sender_granted_inside_is_open),
        CASE(an_open_relay_finding_tells_who_asked_for_what),
        CASE(a_connection_that_failed_is_keyed_by_the_tls_mode_it_began_with),
        CASE(judging_again_leaves_nothing_of_the_first_time),
        CASE(a_long_trouble_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
