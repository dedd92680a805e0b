/* An audit that was cut off leaves work for the next ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/audit/carry_over.h"
#include "probe/judge/verdict.h"
#include "probe/model/evidence.h"
#include "tests/unit/session_bench.h"

#define NOW     1800000000
#define HOUR    3600L
#define TOO_FEW "421 4.7.0 mx.example.org Error: too many errors"

static const char *technique_in_hand(void)
{
    return bench.session.task.into->technique->id;
}

static void what_was_never_answered_comes_first_then_the_oldest(void **state)
{
    static struct battery_answer answers[RESULT_TECHNIQUES];
    size_t count = 0;

    (void)state;
    bench_set_up(TLS_AUTO, 25);
    for (size_t i = 0; i < technique_count; i++) {
        const char *id = techniques[i].id;
        if (strcmp(id, "bang-path") == 0 || strcmp(id, "bang-sender") == 0) {
            continue; /* never */
        }
        long age = strcmp(id, "quoted") == 0 ? 9 * HOUR : 2 * HOUR;
        answers[count++] = (struct battery_answer){id, age};
    }
    battery_queue_take_turns(&bench.battery.queue, &bench.result, answers, count, 5 * HOUR);
    static const char *const order[] = {"plain", "bang-path", "bang-sender", "quoted",
                                        "null-sender"};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_string_equal(bench.result.techniques[bench.battery.queue.turns[i]].technique->id,
                            order[i]);
    }
    assert_true(bench_result_of("null-sender")->recent);
    assert_false(bench_result_of("quoted")->recent);
    assert_false(bench_result_of("bang-path")->recent);
    bench_open_session();
    assert_string_equal(technique_in_hand(), "plain");
    bench_refuse_one(DENIED, 1);
    assert_string_equal(technique_in_hand(), "bang-path");
}

static void a_special_one_does_not_wait_for_what_was_answered_before(void **state)
{
    static struct battery_answer answers[RESULT_TECHNIQUES];
    size_t count = 0;

    (void)state;
    bench_set_up(TLS_AUTO, 25);
    for (size_t i = 0; i < technique_count; i++) {
        if (strcmp(techniques[i].id, "helo-own") != 0) {
            answers[count++] = (struct battery_answer){techniques[i].id, HOUR};
        }
    }
    battery_queue_take_turns(&bench.battery.queue, &bench.result, answers, count, 5 * HOUR);
    assert_false(battery_special_is_next(&bench.battery)); /* plain first */
    bench_open_session();
    bench_refuse_one(DENIED, 1);
    assert_true(battery_special_is_next(&bench.battery));
    bench_expect("QUIT");
    bench_answer("221 bye");
    size_t claim = battery_claim(&bench.battery, false);
    assert_string_equal(bench.result.techniques[claim].technique->id, "helo-own");
}

/* ---- from audit to audit ---------------------------------------------------------------- */

static struct battery_answer answers[RESULT_TECHNIQUES];

static size_t remembered(const char *folder, time_t now)
{
    char error[CARRY_OVER_ERROR_SIZE];
    struct carry_over *memory = carry_over_open(folder, error);

    assert_non_null(memory);
    size_t count =
        carry_over_answers(memory, &bench.result.endpoint, now, answers, RESULT_TECHNIQUES);
    for (size_t i = 0; i < count; i++) {
        const struct technique *technique = technique_find(answers[i].technique);
        answers[i].technique = technique != NULL ? technique->id : "";
    }
    carry_over_close(memory);
    return count;
}

static void keep(const char *folder, time_t now)
{
    const struct endpoint_result *results[] = {&bench.result};
    char error[CARRY_OVER_ERROR_SIZE];
    struct carry_over *memory = carry_over_open(folder, error);

    assert_true(carry_over_keep(
        memory, &(const struct audit_summary){.results = results, .count = 1}, now, error));
    carry_over_close(memory);
}

static void refuse(const char *id)
{
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        struct technique_result *asked = &bench.result.techniques[i];
        if (strcmp(asked->technique->id, id) == 0) {
            asked->asked = true;
            asked->code = 554;
            asked->outcome = OUTCOME_RELAY_DENIED;
            asked->helo = asked->sender = asked->recipient = asked->text = "";
        }
    }
}

static void what_was_answered_is_kept_where_a_battery_was_cut_off(void **state)
{
    char folder[] = "/tmp/turns-XXXXXX";
    char command[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    bench_set_up(TLS_AUTO, 25);
    bench.result.endpoint.configured = true;
    bench.result.reach = REACH_SESSION;
    refuse("plain");
    keep(folder, NOW); /* which came to its end: nothing is owed */
    assert_int_equal(remembered(folder, NOW), 0);
    bench.result.cut_off = true;
    keep(folder, NOW);
    assert_int_equal(remembered(folder, NOW + 60), 1);
    assert_string_equal(answers[0].technique, "plain");
    assert_int_equal(answers[0].age, 60);
    refuse("quoted");
    keep(folder, NOW + HOUR);
    assert_int_equal(remembered(folder, NOW + HOUR), 2);
    /* It goes on for a while after audits come to their end. */
    bench.result.cut_off = false;
    keep(folder, NOW + CARRY_OVER_TURNS_SPAN);
    assert_int_equal(remembered(folder, NOW + CARRY_OVER_TURNS_SPAN), 2);
    keep(folder, NOW + HOUR + CARRY_OVER_TURNS_SPAN);
    assert_int_equal(remembered(folder, NOW + HOUR + CARRY_OVER_TURNS_SPAN), 0);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    result_free(&bench.result);
}

static bool is_blocked(void)
{
    const struct vantage_known vantage = {.declared = VANTAGE_OUTSIDE};

    verdict_endpoint(&bench.result, &vantage);
    for (size_t i = 0; i < bench.result.finding_count; i++) {
        if (bench.result.findings[i].kind == FINDING_PROBE_BLOCKED) {
            return true;
        }
    }
    return false;
}

static void
a_battery_that_is_cut_off_is_quiet_while_the_rest_was_answered_not_long_ago(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench.result.reach = REACH_SESSION;
    refuse("plain");
    bench.result.cut_off = true;
    for (size_t i = 1; i < bench.result.technique_count; i++) {
        bench.result.techniques[i].recent = true;
    }
    assert_true(evidence_is_caught_up(&bench.result));
    assert_false(is_blocked());
    assert_int_equal(bench.result.verdict, VERDICT_CLOSED);
    bench.result.techniques[7].recent = false;
    assert_false(evidence_is_caught_up(&bench.result));
    assert_true(is_blocked());
    bench.result.techniques[7].absent = true;
    assert_false(is_blocked());
    result_free(&bench.result);
}

/* ---- 421 between techniques --------------------------------------------------------------- */

static void a_farewell_between_techniques_is_no_fault_of_the_next_one(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    bench_refuse_one(DENIED, 1);
    for (int connections = 0; connections < 4; connections++) { /* more than a technique may cost */
        bench_expect("RSET");
        bench_answer(TOO_FEW);
        bench_expect_action(SESSION_CLOSE);
        assert_true(battery_has_work(&bench.battery));
        bench.battery.connection_refusals = BATTERY_CONNECTION_REFUSALS;
        bench_open_session();
        const char *id = technique_in_hand();
        bench_refuse_one(DENIED, 1);
        assert_int_equal(bench_result_of(id)->outcome, OUTCOME_RELAY_DENIED);
    }
    assert_int_equal(bench_result_of("null-sender")->outcome, OUTCOME_RELAY_DENIED);
    assert_false(bench_result_of("own-sender")->cut);
}

static void a_farewell_behind_a_reply_leaves_it_an_answer(void **state)
{
    struct reply_parser parser;
    size_t used;

    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    bench_refuse_one(DENIED, 1);
    bench_expect("RSET"); /* which is not sent yet */
    reply_parser_reset(&parser);
    assert_int_equal(reply_parser_feed(&parser, TOO_FEW "\r\n", strlen(TOO_FEW "\r\n"), &used),
                     REPLY_COMPLETE);
    bench.order = session_farewell(&bench.session, &parser.reply);
    bench_expect_action(SESSION_CLOSE);
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_RELAY_DENIED);
    assert_false(bench_result_of("null-sender")->cut);
    assert_int_equal(bench.battery.queue.cuts[1], 0);
    assert_int_equal(bench.battery.connection_refusals, 1);
}

static void a_server_that_says_421_to_every_first_command_ends_the_battery(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    for (int connections = 0; connections < 2; connections++) {
        assert_true(battery_has_work(&bench.battery));
        bench_open_session();
        bench_answer(TOO_FEW);
        bench_expect_action(SESSION_CLOSE);
    }
    assert_false(battery_has_work(&bench.battery));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_never_answered_comes_first_then_the_oldest),
        cmocka_unit_test(a_special_one_does_not_wait_for_what_was_answered_before),
        cmocka_unit_test(what_was_answered_is_kept_where_a_battery_was_cut_off),
        cmocka_unit_test(
            a_battery_that_is_cut_off_is_quiet_while_the_rest_was_answered_not_long_ago),
        cmocka_unit_test(a_farewell_between_techniques_is_no_fault_of_the_next_one),
        cmocka_unit_test(a_farewell_behind_a_reply_leaves_it_an_answer),
        cmocka_unit_test(a_server_that_says_421_to_every_first_command_ends_the_battery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
