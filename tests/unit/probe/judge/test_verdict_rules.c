/* Each rule by which an endpoint gets its verdict, its proof and its cause, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/verdict.h"
#include "probe/model/evidence.h"
#include "tests/unit/one_result.h"

/* ---- one answer -------------------------------------------------------------------------- */

static void each_answer_grants_as_much_as_it_says(void **state)
{
    enum {
        NO,
        YES
    };
    static const struct {
        const char *id;
        enum outcome outcome;
        int at_mail, observed, ask;
        int control_asked;
        enum outcome control;
        enum evidence grant;
    } rows[] = {
        {"plain", OUTCOME_ACCEPTED, NO, NO, NO, NO, 0, EVIDENCE_PROVEN},
        {"plain", OUTCOME_ACCEPTED, YES, NO, NO, NO, 0, EVIDENCE_UNANSWERED},
        {"plain", OUTCOME_ACCEPTED, YES, YES, YES, NO, 0, EVIDENCE_UNANSWERED},
        {"plain", OUTCOME_ACCEPTED, NO, NO, YES, NO, 0, EVIDENCE_UNCERTAIN},
        {"plain", OUTCOME_ACCEPTED, NO, YES, YES, NO, 0, EVIDENCE_PROVEN},
        {"plain", OUTCOME_RELAY_DENIED, NO, NO, NO, NO, 0, EVIDENCE_REFUSED},
        {"plain", OUTCOME_AUTH_REQUIRED, NO, NO, NO, NO, 0, EVIDENCE_REFUSED},
        {"plain", OUTCOME_TLS_REQUIRED, NO, NO, NO, NO, 0, EVIDENCE_UNANSWERED},
        {"before-starttls", OUTCOME_TLS_REQUIRED, NO, NO, NO, NO, 0, EVIDENCE_REFUSED},
        {"before-starttls", OUTCOME_GREYLISTED, NO, NO, NO, NO, 0, EVIDENCE_UNANSWERED},
        {"plain", OUTCOME_GREYLISTED, NO, NO, NO, NO, 0, EVIDENCE_UNANSWERED},
        {"plain", OUTCOME_CLIENT_REFUSED, NO, NO, NO, NO, 0, EVIDENCE_UNANSWERED},
        {"percent-hack", OUTCOME_ACCEPTED, NO, NO, NO, NO, OUTCOME_RECIPIENT_REFUSED,
         EVIDENCE_UNCERTAIN},
        {"percent-hack", OUTCOME_ACCEPTED, NO, NO, NO, YES, OUTCOME_RECIPIENT_REFUSED,
         EVIDENCE_PROVEN},
        {"percent-hack", OUTCOME_ACCEPTED, NO, NO, NO, YES, OUTCOME_RELAY_DENIED, EVIDENCE_PROVEN},
        {"percent-hack", OUTCOME_ACCEPTED, NO, NO, NO, YES, OUTCOME_ACCEPTED, EVIDENCE_UNCERTAIN},
        {"percent-hack", OUTCOME_ACCEPTED, NO, NO, NO, YES, OUTCOME_GREYLISTED, EVIDENCE_UNCERTAIN},
        {"percent-hack", OUTCOME_ACCEPTED, NO, YES, YES, NO, 0, EVIDENCE_PROVEN},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        struct technique_result *row = audit_sample_row(&result, rows[i].id);
        audit_sample_answer(&result, rows[i].id, rows[i].outcome);
        row->at_mail = rows[i].at_mail;
        row->observed = rows[i].observed;
        row->ask = rows[i].ask;
        row->control_asked = rows[i].control_asked;
        row->control = rows[i].control;
        if (evidence_of(row) != rows[i].grant) {
            fail_msg("row %zu: %d instead of %d", i, evidence_of(row), rows[i].grant);
        }
        row->asked = false;
        assert_int_equal(evidence_of(row), EVIDENCE_UNANSWERED);
    }
}

/* ---- the whole endpoint ------------------------------------------------------------------ */

static void accept_plain(void)
{
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
}

static void accept_plain_unobserved(void)
{
    accept_plain();
    audit_sample_row(&result, "plain")->ask = true;
}

static void accept_plain_observed(void)
{
    accept_plain_unobserved();
    audit_sample_row(&result, "plain")->observed = true;
}

static void accept_mailbox_form(void)
{
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
}

static void accept_form_alone(void)
{
    accept_mailbox_form();
    audit_sample_control(&result, "percent-hack", OUTCOME_RECIPIENT_REFUSED);
}

static void accept_mailbox_form_unobserved(void)
{
    accept_mailbox_form();
    audit_sample_row(&result, "percent-hack")->ask = true;
}

static void accept_form_alone_unobserved(void)
{
    accept_form_alone();
    audit_sample_row(&result, "percent-hack")->ask = true;
}

static void lose_replies(void)
{
    result.milter.counted = 2;
    result.milter.heard = 1;
}

static void hear_every_reply(void)
{
    result.milter.counted = 2;
    result.milter.heard = 2;
}

static void be_hidden(void)
{
    result.milter.observed = true;
    result.milter.role = TOKEN_ROLE_HIDDEN;
}

static void be_hidden_by_hearsay(void)
{
    result.milter.role = TOKEN_ROLE_HIDDEN;
}

static void accept_plain_hidden(void)
{
    be_hidden();
    accept_plain_observed();
}

static void greylist_plain(void)
{
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
}

static void greylist_own_sender(void)
{
    audit_sample_answer(&result, "own-sender", OUTCOME_GREYLISTED);
}

static void doubt_own_sender(void)
{
    audit_sample_unask(&result, "own-sender");
    audit_sample_row(&result, "own-sender")->unconfirmed = true;
}

static void use_up_refusals(void)
{
    result.refusals_used_up = true;
}

static void exhaust(void)
{
    result.exhausted = true;
}

static void interrupt(void)
{
    result.interrupted = true;
}

static void interrupt_doubt(void)
{
    accept_mailbox_form();
    interrupt();
}

static void interrupt_open(void)
{
    accept_plain();
    interrupt();
}

static void lose_the_message(void)
{
    accept_plain();
    result.message.state = MESSAGE_MISSING;
}

static void lose_the_observed_message(void)
{
    accept_plain_observed();
    result.message.state = MESSAGE_MISSING;
}

static void have_the_message_denied(void)
{
    accept_plain();
    result.message.state = MESSAGE_REFUSED;
    result.message.denies = true;
}

static void have_the_message_refused(void)
{
    accept_plain();
    result.message.state = MESSAGE_REFUSED;
}

static void have_the_message_taken(void)
{
    accept_plain();
    result.message.state = MESSAGE_TAKEN;
}

static void have_the_message_delivered(void)
{
    accept_plain();
    result.message.state = MESSAGE_ARRIVED;
}

static void have_a_message_of_a_closed_server(void)
{
    result.message.state = MESSAGE_ARRIVED;
}

static void each_rule_gives_its_verdict_proof_and_cause(void **state)
{
    static const struct {
        const char *name;
        void (*change)(void);
        enum verdict verdict, from_inside;
        enum proof proof;
        enum cause cause;
    } rows[] = {
        {"closed", NULL, VERDICT_CLOSED, VERDICT_CLOSED, PROOF_NONE, CAUSE_NONE},
        {"accept_plain", accept_plain, VERDICT_OPEN, VERDICT_INCONCLUSIVE, PROOF_RCPT,
         CAUSE_UNCONDITIONAL},
        {"accept_plain_unobserved", accept_plain_unobserved, VERDICT_SUSPECTED,
         VERDICT_INCONCLUSIVE, PROOF_NONE, CAUSE_DISCARDED_OR_HIDDEN},
        {"accept_plain_observed", accept_plain_observed, VERDICT_OPEN, VERDICT_INCONCLUSIVE,
         PROOF_OBSERVED, CAUSE_UNCONDITIONAL},
        {"accept_mailbox_form", accept_mailbox_form, VERDICT_SUSPECTED, VERDICT_CLOSED, PROOF_NONE,
         CAUSE_ROUTING_FORM},
        {"accept_form_alone", accept_form_alone, VERDICT_OPEN, VERDICT_INCONCLUSIVE, PROOF_RCPT,
         CAUSE_ROUTING_FORM},
        {"accept_mailbox_form_unobserved", accept_mailbox_form_unobserved, VERDICT_SUSPECTED,
         VERDICT_CLOSED, PROOF_NONE, CAUSE_ROUTING_FORM},
        {"accept_form_alone_unobserved", accept_form_alone_unobserved, VERDICT_SUSPECTED,
         VERDICT_CLOSED, PROOF_NONE, CAUSE_DISCARDED_OR_HIDDEN},
        {"lose_replies", lose_replies, VERDICT_SUSPECTED, VERDICT_INCONCLUSIVE, PROOF_NONE,
         CAUSE_DISCARDED_OR_HIDDEN},
        {"hear_every_reply", hear_every_reply, VERDICT_CLOSED, VERDICT_CLOSED, PROOF_NONE,
         CAUSE_NONE},
        {"be_hidden", be_hidden, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, PROOF_NONE,
         CAUSE_NONE},
        {"be_hidden_by_hearsay", be_hidden_by_hearsay, VERDICT_CLOSED, VERDICT_CLOSED, PROOF_NONE,
         CAUSE_NONE},
        {"accept_plain_hidden", accept_plain_hidden, VERDICT_OPEN, VERDICT_INCONCLUSIVE,
         PROOF_OBSERVED, CAUSE_CLIENT_ADDRESS_HIDDEN},
        {"greylist_plain", greylist_plain, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, PROOF_NONE,
         CAUSE_NONE},
        {"greylist_own_sender", greylist_own_sender, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE,
         PROOF_NONE, CAUSE_NONE},
        {"doubt_own_sender", doubt_own_sender, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE,
         PROOF_NONE, CAUSE_NONE},
        {"use_up_refusals", use_up_refusals, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, PROOF_NONE,
         CAUSE_NONE},
        {"exhaust", exhaust, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, PROOF_NONE, CAUSE_NONE},
        {"interrupt", interrupt, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, PROOF_NONE,
         CAUSE_NONE},
        {"interrupt_doubt", interrupt_doubt, VERDICT_INCONCLUSIVE, VERDICT_INCONCLUSIVE, PROOF_NONE,
         CAUSE_NONE},
        {"interrupt_open", interrupt_open, VERDICT_OPEN, VERDICT_INCONCLUSIVE, PROOF_RCPT,
         CAUSE_UNCONDITIONAL},
        {"lose_the_message", lose_the_message, VERDICT_SUSPECTED, VERDICT_INCONCLUSIVE, PROOF_NONE,
         CAUSE_DISCARDED_OR_HIDDEN},
        {"lose_the_observed_message", lose_the_observed_message, VERDICT_OPEN, VERDICT_INCONCLUSIVE,
         PROOF_OBSERVED, CAUSE_UNCONDITIONAL},
        {"have_the_message_denied", have_the_message_denied, VERDICT_SUSPECTED,
         VERDICT_INCONCLUSIVE, PROOF_NONE, CAUSE_DISCARDED_OR_HIDDEN},
        {"have_the_message_refused", have_the_message_refused, VERDICT_OPEN, VERDICT_INCONCLUSIVE,
         PROOF_RCPT, CAUSE_UNCONDITIONAL},
        {"have_the_message_taken", have_the_message_taken, VERDICT_OPEN, VERDICT_INCONCLUSIVE,
         PROOF_DATA, CAUSE_UNCONDITIONAL},
        {"have_the_message_delivered", have_the_message_delivered, VERDICT_OPEN,
         VERDICT_INCONCLUSIVE, PROOF_DELIVERED, CAUSE_UNCONDITIONAL},
        {"have_a_message_of_a_closed_server", have_a_message_of_a_closed_server, VERDICT_CLOSED,
         VERDICT_CLOSED, PROOF_NONE, CAUSE_NONE},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        if (rows[i].change != NULL) {
            rows[i].change();
        }
        verdict_endpoint(&result, &outside);
        if (result.verdict != rows[i].verdict || result.proof != rows[i].proof ||
            result.cause != rows[i].cause) {
            fail_msg("%s: %s, proof %s, cause %s", rows[i].name, verdict_name(result.verdict),
                     proof_name(result.proof), cause_name(result.cause));
        }
        verdict_endpoint(&result, &inside);
        if (result.verdict != rows[i].from_inside) {
            fail_msg("%s, from inside: %s", rows[i].name, verdict_name(result.verdict));
        }
    }
}

static void who_was_not_asked_has_the_verdict_of_how_far_it_came(void **state)
{
    static const struct {
        enum reach reach;
        bool exhausted;
        enum verdict verdict;
    } rows[] = {
        {REACH_NO_ADDRESS, false, VERDICT_UNREACHABLE},
        {REACH_NO_CONNECT, false, VERDICT_UNREACHABLE},
        {REACH_NO_ADDRESS, true, VERDICT_INCONCLUSIVE},
        {REACH_NO_CONNECT, true, VERDICT_INCONCLUSIVE},
        {REACH_NO_GREETING, false, VERDICT_INCONCLUSIVE},
        {REACH_NO_SESSION, false, VERDICT_INCONCLUSIVE},
        {REACH_NO_TLS, false, VERDICT_INCONCLUSIVE},
        {REACH_NO_CLAIM, false, VERDICT_INCONCLUSIVE},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        result.reach = rows[i].reach;
        result.exhausted = rows[i].exhausted;
        verdict_endpoint(&result, &outside);
        assert_int_equal(result.verdict, rows[i].verdict);
        assert_int_equal(result.cause, CAUSE_NONE);
        assert_int_equal(result.proof, PROOF_NONE);
    }
}

static void a_vantage_is_inside_for_one_of_four_reasons(void **state)
{
    (void)state;
    assert_false(vantage_is_inside(&result, &outside));
    assert_true(vantage_is_inside(&result, &inside));
    result.milter.role = TOKEN_ROLE_INSIDE;
    assert_false(vantage_is_inside(&result, &outside));
    result.milter.observed = true;
    assert_true(vantage_is_inside(&result, &outside));
    result.milter.role = TOKEN_ROLE_TRUE;
    assert_false(vantage_is_inside(&result, &outside));
    result.source = result.endpoint.address;
    assert_true(vantage_is_inside(&result, &outside));
    result.milter.role = TOKEN_ROLE_INSIDE;
    result.source.family = ADDRESS_NONE;
    assert_false(vantage_is_inside(&result, &outside));
    assert_true(vantage_is_inside(&result, &inside));
}

/* ---- what a finding says ---- */

static void a_finding_quotes_the_reply_and_lists_what_was_granted(void **state)
{
    (void)state;
    audit_sample_answer(&result, "null-sender", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    const struct finding *finding = audit_sample_finding(&result, FINDING_OPEN_RELAY);
    assert_string_equal(finding_get(finding, "granted"), "null-sender, own-sender");
    assert_string_equal(finding_get(finding, "reply"), "250 2.1.5 Ok");
    audit_sample_row(&result, "null-sender")->text = "";
    audit_sample_judge(&result, &outside);
    finding = audit_sample_finding(&result, FINDING_OPEN_RELAY);
    assert_string_equal(finding_get(finding, "reply"), "250 2.1.5");
    audit_sample_row(&result, "null-sender")->enhanced[0] = '\0';
    audit_sample_judge(&result, &outside);
    finding = audit_sample_finding(&result, FINDING_OPEN_RELAY);
    assert_string_equal(finding_get(finding, "reply"), "250");
}

/* Where the verdict is of what got no answer, the warning of what was accepted has words and a
 * cause of its own. */
static void a_suspicion_beside_an_open_question_has_its_own_words(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_row(&result, "percent-hack")->any_user = false;
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_INCONCLUSIVE);
    assert_int_equal(result.cause, CAUSE_NONE);
    const struct finding *finding = audit_sample_finding(&result, FINDING_SUSPECTED_RELAY);
    assert_non_null(finding);
    assert_string_equal(finding_get(finding, "cause"), "routing-form");
    assert_string_not_equal(finding->why, result.why);
    audit_sample_says(finding->why, "percent-hack");
    audit_sample_says(result.why, "the plain request was answered");
    audit_sample_answer(&result, "plain", OUTCOME_RELAY_DENIED);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_SUSPECTED);
    finding = audit_sample_finding(&result, FINDING_SUSPECTED_RELAY);
    assert_string_equal(finding->why, result.why);
    assert_string_equal(finding->fix.text, result.fix.text);
}

/* A note names the first six, and how many more there are. */
static void what_ends_connections_is_named_from_the_first_technique_on(void **state)
{
    (void)state;
    for (size_t count = 1; count < 9; count++) {
        char more[32];
        one_result_fresh(state);
        for (size_t i = 0; i < count; i++) {
            audit_sample_unask(&result, result.techniques[i].technique->id);
            result.techniques[i].hung_up = true;
        }
        audit_sample_judge(&result, &outside);
        assert_true(result.note_count > 0);
        const char *note = result.notes[0];
        snprintf(more, sizeof(more), " and %zu more", count > 6 ? count - 6 : 0);
        assert_int_equal(strstr(note, more) != NULL, count > 6);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(strstr(note, result.techniques[i].technique->id) != NULL, i < 6);
        }
        one_result_free(state);
    }
    one_result_fresh(state);
}

/* A log-in as nobody is critical only where it opens the server to strangers. */
static void a_log_in_as_nobody_is_critical_only_from_outside(void **state)
{
    static const struct {
        bool at_home; /* the probe asks from the server's own address */
        enum outcome outcome;
        enum severity severity;
    } rows[] = {
        {false, OUTCOME_ACCEPTED, SEVERITY_CRITICAL},
        {false, OUTCOME_RELAY_DENIED, SEVERITY_INFO},
        {true, OUTCOME_ACCEPTED, SEVERITY_INFO},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        result.heard.anonymous = true;
        audit_sample_answer(&result, "auth-anonymous", rows[i].outcome);
        if (rows[i].at_home) {
            result.source = result.endpoint.address;
        }
        audit_sample_judge(&result, &outside);
        const struct finding *finding = audit_sample_finding(&result, FINDING_ANONYMOUS_AUTH);
        assert_non_null(finding);
        assert_int_equal(finding->severity, rows[i].severity);
        one_result_free(state);
    }
    one_result_fresh(state);
}

/* The filter shows that the MTA sees another address: the words are of what the MTA did then. */
static void a_hidden_client_is_told_what_was_granted_to_it(void **state)
{
    (void)state;
    be_hidden();
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_INCONCLUSIVE);
    audit_sample_says(result.why, "It refused the plain request; no other was made");
    assert_null(strstr(result.why, "So every stranger"));
    accept_plain_hidden();
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    audit_sample_says(result.why, "So every stranger may send mail to anybody");
    assert_null(strstr(result.why, "It refused the plain request"));
}

/* ---- what is refused throughout ----------------------------------------------------------- */

/* Answers all greetings of another name so. */
static void answer_greetings(enum outcome outcome)
{
    for (size_t i = 0; i < result.technique_count; i++) {
        const struct technique *technique = result.techniques[i].technique;
        if (technique->trait == TECHNIQUE_BY_HELO) {
            audit_sample_answer(&result, technique->id, outcome);
        }
    }
}

static void one_greeting_that_may_be_granted_is_enough_not_to_blame_the_others(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    answer_greetings(OUTCOME_RELAY_DENIED);
    verdict_endpoint(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_int_equal(result.cause, CAUSE_HELO_TRUSTED);
    audit_sample_answer(&result, "helo-own", OUTCOME_ACCEPTED);
    audit_sample_row(&result, "helo-own")->ask = true; /* but the filter saw none */
    verdict_endpoint(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_int_equal(result.cause, CAUSE_UNCONDITIONAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_answer_grants_as_much_as_it_says, one_result_fresh),
        cmocka_unit_test_setup(one_greeting_that_may_be_granted_is_enough_not_to_blame_the_others,
                               one_result_fresh),
        cmocka_unit_test_setup(each_rule_gives_its_verdict_proof_and_cause, one_result_fresh),
        cmocka_unit_test_setup(who_was_not_asked_has_the_verdict_of_how_far_it_came,
                               one_result_fresh),
        cmocka_unit_test_setup(a_vantage_is_inside_for_one_of_four_reasons, one_result_fresh),
        cmocka_unit_test_setup(a_log_in_as_nobody_is_critical_only_from_outside, one_result_fresh),
        cmocka_unit_test_setup(a_hidden_client_is_told_what_was_granted_to_it, one_result_fresh),
        cmocka_unit_test_setup(a_finding_quotes_the_reply_and_lists_what_was_granted,
                               one_result_fresh),
        cmocka_unit_test_setup(a_suspicion_beside_an_open_question_has_its_own_words,
                               one_result_fresh),
        cmocka_unit_test_setup(what_ends_connections_is_named_from_the_first_technique_on,
                               one_result_fresh),
    };

    return cmocka_run_group_tests_name("verdict", tests, NULL, one_result_free);
}
