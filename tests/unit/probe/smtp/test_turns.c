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

/* ---- a site of many domains ------------------------------------------------------------- */

#define SITE_DOMAINS 12
#define AUDITS_MAX   32

static struct site *site_of_many(void)
{
    struct site_settings site = {.domains = domainset_new()};

    assert_non_null(site.domains);
    for (int i = 0; i < SITE_DOMAINS; i++) {
        char domain[32];
        snprintf(domain, sizeof(domain), "d%d.example", i);
        assert_true(domainset_add(site.domains, domain));
    }
    return site_new(&site);
}

/* A server that refuses all, over connections of a few refusals each; `granted` is asked for with
 * this, and lets it in. */
static void ask_all(const char *granted)
{
    struct battery *battery = &bench.battery;
    struct battery_task task;

    while (battery_has_work(battery)) {
        size_t claim = battery_claim(battery, false);
        battery_settle(battery);
        unsigned int most = claim == BATTERY_COMMON ? battery->connection_refusals : 1;
        unsigned int asked = 0;
        while (asked < most && battery_take(battery, claim, false, &task)) {
            bool let_in =
                granted != NULL && task.into->own != NULL && strcmp(task.into->own, granted) == 0;
            asked++;
            task.into->asked = true;
            task.into->code = let_in ? 250 : 554;
            task.into->outcome = let_in ? OUTCOME_ACCEPTED : OUTCOME_RELAY_DENIED;
            task.into->sender = task.into->recipient = task.into->helo = "";
            if (!let_in) {
                battery_refused(battery, &task);
            }
            battery_answered(battery, &task);
        }
        battery_connection_over(battery, 1);
    }
}

/* How many of the site's domains were asked for so, over audits; and each technique of the table.
 */
struct heard {
    unsigned int domains[DOMAIN_ROLES][SITE_DOMAINS];
    unsigned int techniques[RESULT_TECHNIQUES];
    unsigned int granted;   /* audits that found the granted one */
    bool found[AUDITS_MAX]; /* of each */
};

static void hear(struct heard *heard, int audit, const char *granted)
{
    bool found = false;

    for (size_t i = 0; i < bench.result.technique_count; i++) {
        const struct technique_result *row = &bench.result.techniques[i];
        if (row->asked && row->own != NULL) {
            int domain = (int)strtol(row->own + 1, NULL, 10);
            heard
                ->domains[strcmp(row->technique->id, "helo-own") == 0 ? DOMAIN_AS_HELO
                                                                      : DOMAIN_AS_SENDER][domain]++;
            found = found || (granted != NULL && strcmp(row->own, granted) == 0);
        } else if (row->asked) {
            heard->techniques[row->technique->number]++;
        }
    }
    heard->found[audit] = found;
    heard->granted += found;
}

static void audit(const char *folder, const struct site *site, int number, const char *granted)
{
    char error[CARRY_OVER_ERROR_SIZE];
    time_t now = NOW + number * HOUR;
    unsigned int refusals = bench.settings.max_refusals;

    bench_set_up(TLS_AUTO, 25);
    bench.settings.max_refusals = refusals;
    bench.result.endpoint.configured = true;
    bench.result.reach = REACH_SESSION;
    snprintf(bench.result.endpoint.own, sizeof(bench.result.endpoint.own), "d0.example");
    struct carry_over *memory = carry_over_open(folder, error);
    assert_non_null(memory);
    carry_over_choose_domains(memory, &bench.result, site, now);
    carry_over_close(memory);
    battery_init(&bench.battery, &bench.settings, &bench.result);
    size_t count = remembered(folder, now);
    battery_queue_take_turns(&bench.battery.queue, &bench.result, answers, count, 5 * HOUR);
    bench_connect_session(); /* where we are is known */
    battery_greeted(&bench.battery);
    ask_all(granted);
    keep(folder, now);
}

/* Audits of a site of twelve domains, where max_refusals is `refusals`. */
static void audits(int count, unsigned int refusals, const char *granted, struct heard *heard)
{
    char folder[] = "/tmp/turns-XXXXXX";
    char command[64];
    struct site *site = site_of_many();

    *heard = (struct heard){.granted = 0};
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < count; i++) {
        bench_set_up(TLS_AUTO, 25);
        bench.settings.max_refusals = refusals;
        audit(folder, site, i, granted);
        hear(heard, i, granted);
        result_free(&bench.result);
    }
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    site_free(site);
}

/* What it costs to ask for each technique of the table that makes sense there. */
static unsigned int table_costs(void)
{
    unsigned int cost = 0;

    bench_set_up(TLS_AUTO, 25);
    bench_connect_session();
    battery_greeted(&bench.battery);
    battery_settle(&bench.battery);
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        cost += bench.battery.queue.rows[i] == BATTERY_WAITING &&
                !technique_is_proxied(bench.result.techniques[i].technique);
    }
    result_free(&bench.result);
    return cost;
}

/* Whatever max_refusals leaves for them: one, a few, as many as there are greetings. */
static void each_domain_has_its_turn_as_sender_and_as_greeting(void **state)
{
    unsigned int table = table_costs();
    struct heard heard;

    (void)state;
    for (unsigned int left = 1; left <= 24; left += left < 8 ? 1 : 4) {
        int enough = left == 1 ? 2 * SITE_DOMAINS + 2 : (int)(SITE_DOMAINS / (left / 2) + 3);
        audits(enough, table + left, NULL, &heard);
        for (size_t role = 0; role < DOMAIN_ROLES; role++) {
            for (size_t i = 1; i < SITE_DOMAINS; i++) {
                if (heard.domains[role][i] == 0) {
                    fail_msg("of %u refusals none is for d%zu.example as %s in %d audits", left, i,
                             role == DOMAIN_AS_HELO ? "greeting" : "sender", enough);
                }
            }
        }
    }
}

/* The audits that ask for others leave techniques that were answered not long ago. */
static void each_technique_has_its_turn_where_max_refusals_is_less_than_all(void **state)
{
    unsigned int table = table_costs();
    struct heard heard;

    (void)state;
    for (unsigned int less = 1; less < 40; less += 13) {
        audits(8, table - less, NULL, &heard);
        size_t missed = 0;
        for (size_t i = 0; i < technique_count; i++) {
            missed += heard.techniques[techniques[i].number] == 0;
        }
        assert_int_equal(technique_count - missed, table);
        for (size_t i = 1; i < SITE_DOMAINS; i++) {
            assert_true(heard.domains[DOMAIN_AS_SENDER][i] > 0);
            assert_true(heard.domains[DOMAIN_AS_HELO][i] > 0);
        }
    }
}

/* Else an audit would call closed what the one before it called open. */
static void a_domain_that_was_granted_is_asked_for_at_each_audit(void **state)
{
    unsigned int table = table_costs();
    struct heard heard;

    (void)state;
    for (unsigned int left = 1; left < 5; left++) {
        audits(20, table + left, "d5.example", &heard);
        int first = 0; /* the audit that came upon it */
        assert_true(heard.granted >= 12);
        while (heard.found[first] == 0) {
            first++;
        }
        assert_int_equal(heard.granted, 20 - first);
    }
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
        cmocka_unit_test(each_domain_has_its_turn_as_sender_and_as_greeting),
        cmocka_unit_test(each_technique_has_its_turn_where_max_refusals_is_less_than_all),
        cmocka_unit_test(a_domain_that_was_granted_is_asked_for_at_each_audit),
        cmocka_unit_test(a_farewell_between_techniques_is_no_fault_of_the_next_one),
        cmocka_unit_test(a_farewell_behind_a_reply_leaves_it_an_answer),
        cmocka_unit_test(a_server_that_says_421_to_every_first_command_ends_the_battery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
