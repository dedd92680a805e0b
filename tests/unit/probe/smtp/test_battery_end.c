/* When a battery gives a server up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/session_bench.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void answer_plain(enum outcome outcome, int code)
{
    struct technique_result *plain = &bench.result.techniques[0];

    plain->asked = true;
    plain->outcome = outcome;
    plain->code = code;
}

/* A 5xx that names the probe where `plain` was answered is a ban; a 4xx puts off; four in a row end
 * the battery, and anything else in between begins the count anew. */
static void four_refusals_of_the_probe_itself_end_the_battery(void **state)
{
    (void)state;
    static const struct {
        enum outcome outcome;
        int code;
        bool names_us;
        bool plain_answered;
        bool ends;
        bool banned;
    } rows[] = {
        {OUTCOME_CLIENT_REFUSED, 500, true, true, true, true},
        {OUTCOME_CLIENT_REFUSED, 554, true, true, true, true},
        {OUTCOME_CLIENT_REFUSED, 554, false, true, false, false},
        {OUTCOME_CLIENT_REFUSED, 554, true, false, false, false},
        {OUTCOME_CLIENT_REFUSED, 499, true, true, true, false},
        {OUTCOME_CLIENT_REFUSED, 450, false, true, true, false},
        {OUTCOME_CLIENT_REFUSED, 450, false, false, true, false},
        {OUTCOME_GREYLISTED, 450, true, true, false, false},
        {OUTCOME_RELAY_DENIED, 554, true, true, false, false},
        {OUTCOME_SENDER_REFUSED, 554, true, true, false, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct technique_result refused = {.technique = technique_find("plain"),
                                                 .outcome = rows[i].outcome,
                                                 .code = rows[i].code,
                                                 .names_us = rows[i].names_us};
        const struct technique_result other = {
            .technique = technique_find("plain"), .outcome = OUTCOME_RELAY_DENIED, .code = 554};
        bench_set_up(TLS_AUTO, 25);
        if (rows[i].plain_answered) {
            answer_plain(OUTCOME_RELAY_DENIED, 554);
        }
        for (unsigned int round = 0; round < 2; round++) {
            for (unsigned int count = 1; count < BATTERY_TURNED_AWAY_MAX; count++) {
                battery_is_turned_away(&bench.battery, &refused);
                assert_false(bench.battery.ended);
            }
            if (round == 0) {
                assert_false(battery_is_turned_away(&bench.battery, &other));
            }
        }
        assert_int_equal(battery_is_turned_away(&bench.battery, &refused), rows[i].ends);
        assert_int_equal(bench.battery.ended, rows[i].ends);
        assert_int_equal(bench.result.banned, rows[i].banned);
    }
}

/* Of a sender that claims something a ban says nothing. */
static void a_refused_claim_is_no_ban(void **state)
{
    (void)state;
    const struct technique_result refused = {.technique = technique_find("own-sender"),
                                             .outcome = OUTCOME_CLIENT_REFUSED,
                                             .code = 554,
                                             .names_us = true};

    bench_set_up(TLS_AUTO, 25);
    answer_plain(OUTCOME_RELAY_DENIED, 554);
    for (unsigned int count = 0; count < 2 * BATTERY_TURNED_AWAY_MAX; count++) {
        assert_false(battery_is_turned_away(&bench.battery, &refused));
    }
    assert_false(bench.battery.ended);
    assert_false(bench.result.banned);
}

/* Two connections in a row that brought no answer; but what has nothing left to ask is complete. */
static void two_connections_without_an_answer_cut_the_battery_off(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    battery_connection_over(&bench.battery, 0);
    assert_false(bench.result.cut_off);
    battery_connection_over(&bench.battery, 1);
    battery_connection_over(&bench.battery, 0);
    assert_false(bench.result.cut_off);
    battery_connection_over(&bench.battery, 0);
    assert_true(bench.result.cut_off);
    assert_true(bench.battery.ended);
    assert_false(battery_has_work(&bench.battery));

    bench_set_up(TLS_AUTO, 25);
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        bench.battery.queue.rows[i] = BATTERY_DONE;
    }
    for (unsigned int count = 0; count < 4; count++) {
        battery_connection_over(&bench.battery, 0);
    }
    assert_false(bench.result.cut_off);
    assert_false(bench.battery.ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_refusals_of_the_probe_itself_end_the_battery),
        cmocka_unit_test(a_refused_claim_is_no_ban),
        cmocka_unit_test(two_connections_without_an_answer_cut_the_battery_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
