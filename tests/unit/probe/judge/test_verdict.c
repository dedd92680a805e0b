#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/diagnosis.h"
#include "probe/judge/verdict.h"
#include "tests/unit/one_result.h"

/* ---- closed -------------------------------------------------------------------------- */

static void a_server_that_refuses_everything_is_closed(void **state)
{
    (void)state;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    assert_int_equal(result.finding_count, 0);
    assert_string_equal(result.fix.text, "");
    audit_sample_says(result.why, "554 5.7.1");
}

static void somebody_elses_server_is_judged_by_plain_alone_and_that_is_said(void **state)
{
    (void)state;
    result.endpoint.hosted = true;
    result.technique_count = 1;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    audit_sample_says(result.why, "so the server is somebody else's");
    audit_sample_says(result.why, "site { hosts }");
    assert_int_equal(result.finding_count, 0);
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_UNCONDITIONAL, 2);
    audit_sample_says(result.why, "Only plain was asked");
    audit_sample_answer(&result, "plain", OUTCOME_DEFERRED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "Only plain was asked");
}

static void what_dns_says_of_somebody_elses_server_is_no_finding(void **state)
{
    (void)state;
    snprintf(result.banner, sizeof(result.banner), "mx.example.org ESMTP Postfix 3.7.11");
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.finding_count, 1);
    result.endpoint.hosted = true;
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.finding_count, 0);
}

static void a_firm_4xx_refusal_is_closed(void **state)
{
    (void)state;
    for (size_t i = 0; i < result.technique_count; i++) {
        result.techniques[i].code = 454;
        snprintf(result.techniques[i].enhanced, sizeof(result.techniques[i].enhanced), "4.7.1");
    }
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    audit_sample_says(result.why, "454 4.7.1");
}

static void a_demand_for_authentication_is_closed(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_AUTH_REQUIRED);
    for (size_t i = 0; i < result.technique_count; i++) {
        result.techniques[i].at_mail = true;
    }
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
}

static void other_techniques_without_an_answer_leave_it_closed(void **state)
{
    (void)state;
    audit_sample_answer(&result, "quoted", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_answer(&result, "bang-path", OUTCOME_CLIENT_REFUSED);
    audit_sample_answer(&result, "own-sender", OUTCOME_SENDER_REFUSED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    audit_sample_says(result.why, "3 techniques were refused for another reason, or not answered");
}

/* ---- suspected ----------------------------------------------------------------------- */

static void a_catch_all_is_suspected_only(void **state)
{
    (void)state;
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_SUSPECTED, CAUSE_ROUTING_FORM, 1);
    audit_sample_says(result.why, "percent-hack, quoted");
    audit_sample_says(result.why, "was accepted too");
    const struct finding *finding = audit_sample_finding(&result, FINDING_SUSPECTED_RELAY);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_string_equal(finding->key, "203.0.113.25:25/none routing-form");
    assert_null(finding_get(finding, "proof"));
    assert_null(audit_sample_finding(&result, FINDING_OPEN_RELAY));
}

static void a_control_that_was_not_answered_leaves_it_suspected(void **state)
{
    (void)state;
    static const struct {
        enum outcome control;
        const char *why;
        const char *helps;
    } unclear[] = {
        {OUTCOME_DEFERRED, "The control address was deferred", "--wait 10m"},
        {OUTCOME_GREYLISTED, "The control address was deferred", "--wait 10m"},
        {OUTCOME_CLIENT_REFUSED, "got no clear answer, so nothing tells", "Ask the server"},
        {OUTCOME_SENDER_REFUSED, "got no clear answer, so nothing tells", "Ask the server"},
        {OUTCOME_TLS_REQUIRED, "got no clear answer, so nothing tells", "Ask the server"},
        {OUTCOME_CLOSING, "got no clear answer, so nothing tells", "Ask the server"},
    };
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_SUSPECTED, CAUSE_ROUTING_FORM, 1);
    for (size_t i = 0; i < ROWS(unclear); i++) {
        audit_sample_control(&result, "quoted", unclear[i].control);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_SUSPECTED, CAUSE_ROUTING_FORM, 1);
        audit_sample_says(result.why, unclear[i].why);
        audit_sample_says(result.fix.text, unclear[i].helps);
    }
}

static void something_suspected_does_not_weaken_what_is_open(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
}

/* ---- inconclusive -------------------------------------------------------------------- */

static void an_unanswered_plain_is_never_closed(void **state)
{
    (void)state;
    static const struct {
        enum outcome outcome;
        const char *helps;
    } rows[] = {
        {OUTCOME_GREYLISTED, "10 minutes, from the same address"},
        {OUTCOME_DEFERRED, "10 minutes, from the same address"},
        {OUTCOME_CLIENT_REFUSED, "smtpd_client_restrictions"},
        {OUTCOME_SENDER_REFUSED, "SPF"},
        {OUTCOME_RECIPIENT_REFUSED, "null MX"},
        {OUTCOME_TLS_REQUIRED, "STARTTLS"},
        {OUTCOME_CLOSING, "fail2ban"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        audit_sample_answer(&result, "plain", rows[i].outcome);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
        audit_sample_says(result.why, outcome_name(rows[i].outcome));
        audit_sample_says(result.fix.text, rows[i].helps);
        assert_int_equal(result.finding_count, 0);
    }
}

static void what_a_server_said_is_quoted_with_what_helps_against_it(void **state)
{
    (void)state;
    struct technique_result *plain = audit_sample_row(&result, "plain");

    audit_sample_answer(&result, "plain", OUTCOME_RECIPIENT_REFUSED);
    plain->enhanced[0] = '\0';
    plain->text = "#5.1.0 Address rejected.";
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, " '#5.1.0 Address rejected.' (recipient-refused)");
    audit_sample_says(result.fix.text, "Recipient Access Table");

    plain->text = "5.1.1 User unknown";
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "null MX");
}

static void of_a_long_reply_the_beginning_is_quoted(void **state)
{
    (void)state;
    char text[RESULT_TEXT_SIZE];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    audit_sample_answer(&result, "plain", OUTCOME_CLIENT_REFUSED);
    audit_sample_row(&result, "plain")->text = text;
    audit_sample_judge(&result, &outside); /* which fails when it is cut */
    audit_sample_says(result.why, "xxxxx' (client-refused)");
}

static void a_demand_for_tls_is_answered_by_what_stands_between(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_TLS_REQUIRED);
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "does not offer STARTTLS");
    result.endpoint.tls_asked = TLS_NONE;
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "tls = auto");
    result.endpoint.tls_asked = TLS_AUTO;
    result.starttls_offered = true;
    snprintf(result.tls_trouble, sizeof(result.tls_trouble), "the handshake broke");
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "certificate");
    audit_sample_says(result.why, "asked without TLS, for STARTTLS failed: the handshake broke.");
}

static void a_technique_that_may_be_granted_later_is_an_open_question(void **state)
{
    (void)state;
    static const enum outcome outcomes[] = {OUTCOME_GREYLISTED,     OUTCOME_DEFERRED,
                                            OUTCOME_CLOSING,        OUTCOME_SENDER_REFUSED,
                                            OUTCOME_CLIENT_REFUSED, OUTCOME_RECIPIENT_REFUSED,
                                            OUTCOME_TLS_REQUIRED,   OUTCOME_AUTH_REQUIRED};
    static const char *const ids[] = {"own-sender", "null-sender", "source-route", "quoted"};

    for (size_t i = 0; i < ROWS(ids); i++) {
        for (size_t j = 0; j < ROWS(outcomes); j++) {
            audit_sample_closed(&result);
            audit_sample_answer(&result, ids[i], outcomes[j]);
            audit_sample_judge(&result, &outside);
            if (j < 2) {
                audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
                audit_sample_says(result.why, ids[i]);
                audit_sample_says(result.fix.text, "Ask again in 10 minutes");
            } else {
                audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
            }
        }
    }
}

static void an_open_question_does_not_hide_what_is_open_or_suspected(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_GREYLISTED);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_non_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
    audit_sample_answer(&result, "null-sender", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
}

static void an_acceptance_out_of_step_is_an_open_question(void **state)
{
    (void)state;
    audit_sample_unask(&result, "own-sender");
    audit_sample_row(&result, "own-sender")->unconfirmed = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "own-sender got replies out of step");
}

static void techniques_that_max_refusals_kept_back_leave_it_inconclusive(void **state)
{
    (void)state;
    audit_sample_unask(&result, "bang-path");
    result.refusals_used_up = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "max_refusals was used up");
    audit_sample_says(result.fix.text, "max_refusals");
    assert_int_equal(result.finding_count, 0);
}

static void a_plain_that_was_not_asked_is_inconclusive(void **state)
{
    (void)state;
    audit_sample_unask(&result, "plain");
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "not asked");
    snprintf(result.trouble, sizeof(result.trouble), "the server fell silent");
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "the server fell silent.");
    result.interrupted = true;
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "interrupted");
    result.technique_count = 0;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
}

static void an_unanswered_plain_stays_inconclusive_when_a_form_is_suspected(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_SENDER_REFUSED);
    audit_sample_answer(&result, "bang-path", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_non_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
}

/* ---- exit codes ---------------------------------------------------------------------- */

static void the_exit_code_weighs_open_then_unknown_then_warning(void **state)
{
    (void)state;
    static struct endpoint_result closed = {.verdict = VERDICT_CLOSED};
    static struct endpoint_result suspected = {.verdict = VERDICT_SUSPECTED};
    static struct endpoint_result open = {.verdict = VERDICT_OPEN};
    static struct endpoint_result inconclusive = {.verdict = VERDICT_INCONCLUSIVE};
    static struct endpoint_result unreachable = {.verdict = VERDICT_UNREACHABLE};
    static const struct {
        const struct endpoint_result *results[3];
        int code;
        enum verdict worst;
    } rows[] = {
        {{&closed, &closed, &closed}, 0, VERDICT_CLOSED},
        {{&closed, &suspected, &closed}, 1, VERDICT_SUSPECTED},
        {{&suspected, &unreachable, &closed}, 3, VERDICT_UNREACHABLE},
        {{&suspected, &inconclusive, &unreachable}, 3, VERDICT_INCONCLUSIVE},
        {{&inconclusive, &suspected, &open}, 2, VERDICT_OPEN},
        {{&open, &unreachable, &closed}, 2, VERDICT_OPEN},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct audit_summary summary = {.results = rows[i].results, .count = 3};
        assert_int_equal(verdict_exit_code(&summary), rows[i].code);
        assert_int_equal(verdict_worst(&summary), rows[i].worst);
    }
    const struct audit_summary none = {.count = 0};
    assert_int_equal(verdict_exit_code(&none), 3);
    assert_int_equal(verdict_worst(&none), VERDICT_INCONCLUSIVE);
}

static int exit_code(void)
{
    return verdict_exit_of(&result);
}

static void what_is_lost_or_was_worst_counts(void **state)
{
    (void)state;
    audit_sample_judge(&result, &outside);
    finding_init(result_add_finding(&result), FINDING_BANNER_VERSION);
    finding_init(result_add_finding(&result), FINDING_BANNER_VERSION);
    result.findings[0].severity = SEVERITY_CRITICAL;
    result.findings[1].severity = SEVERITY_WARNING;
    assert_int_equal(exit_code(), 2);
    result.finding_count = 0;
    assert_int_equal(exit_code(), 0);
    result.unkept = 1;
    assert_int_equal(exit_code(), 3);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.unkept, 0);
    result.lost_critical = true;
    assert_int_equal(exit_code(), 2);
    result.lost_critical = false;
}

static void what_our_own_host_lacked_is_no_finding_of_the_server(void **state)
{
    (void)state;
    result.reach = REACH_NO_GREETING;
    audit_sample_judge(&result, &outside);
    assert_non_null(audit_sample_finding(&result, FINDING_SERVICE_REFUSED));
    result.exhausted = true;
    audit_sample_judge(&result, &outside);
    assert_null(audit_sample_finding(&result, FINDING_SERVICE_REFUSED));
    result.reach = REACH_SESSION;
    result.exhausted = false;
    result.cut_off = true;
    audit_sample_unask(&result, "own-sender");
    audit_sample_judge(&result, &outside);
    assert_non_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    result.exhausted = true;
    audit_sample_judge(&result, &outside);
    assert_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    result.exhausted = false;
    audit_sample_row(&result, "own-sender")->recent = true; /* it is the next to be asked */
    audit_sample_judge(&result, &outside);
    assert_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    assert_true(result.note_count > 0);
}

static void what_is_doubtful_from_inside_is_no_finding(void **state)
{
    static const struct vantage_known within = {.declared = VANTAGE_INSIDE};

    (void)state;
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    assert_non_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
    audit_sample_judge(&result, &within);
    assert_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
}

static void findings_of_a_closed_endpoint_count_by_severity(void **state)
{
    (void)state;
    audit_sample_judge(&result, &outside);
    finding_init(result_add_finding(&result), FINDING_BANNER_VERSION);
    assert_int_equal(exit_code(), 0);
    result.findings[0].severity = SEVERITY_WARNING;
    assert_int_equal(exit_code(), 1);
    result.findings[0].severity = SEVERITY_CRITICAL;
    assert_int_equal(exit_code(), 2);
    /* a critical finding is worse than not knowing */
    result.verdict = VERDICT_INCONCLUSIVE;
    assert_int_equal(exit_code(), 2);
}

#define CASE(name) cmocka_unit_test_setup(name, one_result_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_server_that_refuses_everything_is_closed),
        CASE(somebody_elses_server_is_judged_by_plain_alone_and_that_is_said),
        CASE(what_dns_says_of_somebody_elses_server_is_no_finding),
        CASE(a_firm_4xx_refusal_is_closed),
        CASE(a_demand_for_authentication_is_closed),
        CASE(other_techniques_without_an_answer_leave_it_closed),
        CASE(a_catch_all_is_suspected_only),
        CASE(a_control_that_was_not_answered_leaves_it_suspected),
        CASE(what_a_server_said_is_quoted_with_what_helps_against_it),
        CASE(of_a_long_reply_the_beginning_is_quoted),
        CASE(something_suspected_does_not_weaken_what_is_open),
        CASE(an_unanswered_plain_is_never_closed),
        CASE(a_demand_for_tls_is_answered_by_what_stands_between),
        CASE(a_technique_that_may_be_granted_later_is_an_open_question),
        CASE(an_open_question_does_not_hide_what_is_open_or_suspected),
        CASE(an_acceptance_out_of_step_is_an_open_question),
        CASE(techniques_that_max_refusals_kept_back_leave_it_inconclusive),
        CASE(a_plain_that_was_not_asked_is_inconclusive),
        CASE(an_unanswered_plain_stays_inconclusive_when_a_form_is_suspected),
        CASE(the_exit_code_weighs_open_then_unknown_then_warning),
        CASE(what_is_lost_or_was_worst_counts),
        CASE(what_our_own_host_lacked_is_no_finding_of_the_server),
        CASE(what_is_doubtful_from_inside_is_no_finding),
        CASE(findings_of_a_closed_endpoint_count_by_severity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
