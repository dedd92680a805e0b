/* Which techniques an endpoint is owed, and in which order, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/smtp/battery.h"

/* Big, and one case at a time. */
static struct battery battery;
static struct battery_queue queue;
static struct endpoint_result result;
static struct battery_settings settings;

static int fresh(void **state)
{
    (void)state;
    memset(&result, 0, sizeof(result));
    memset(&battery, 0, sizeof(battery));
    assert_true(address_parse("203.0.113.25", &result.endpoint.address));
    snprintf(result.endpoint.own, sizeof(result.endpoint.own), "example.org");
    snprintf(result.endpoint.host, sizeof(result.endpoint.host), "mx.example.org");
    settings = (struct battery_settings){.helo = "probe.example.net",
                                         .canary = "canary@outside.example.net",
                                         .max_refusals = 64,
                                         .vantage = {.declared = VANTAGE_OUTSIDE}};
    return 0;
}

static int no_more(void **state)
{
    (void)state;
    result_free(&result);
    return 0;
}

static size_t count_rows(const enum battery_row *rows, enum battery_row wanted)
{
    size_t count = 0;

    for (size_t i = 0; i < result.technique_count; i++) {
        count += rows[i] == wanted;
    }
    return count;
}

static size_t row_of(const char *id)
{
    for (size_t i = 0; i < result.technique_count; i++) {
        if (strcmp(result.techniques[i].technique->id, id) == 0) {
            return i;
        }
    }
    fail_msg("there is no technique %s", id);
    return 0;
}

/* ---- what is owed ------------------------------------------------------------------------- */

static void each_technique_is_owed_once_and_plain_is_the_first(void **state)
{
    (void)state;
    battery_queue_fill(&queue, &result);
    assert_int_equal(result.technique_count, technique_count);
    assert_string_equal(result.techniques[0].technique->id, "plain");
    for (size_t i = 0; i < technique_count; i++) {
        assert_true(row_of(techniques[i].id) < technique_count);
        assert_int_equal(queue.rows[i], BATTERY_WAITING);
        assert_int_equal(queue.turns[i], i);
    }
}

static void each_of_the_sites_other_domains_is_owed_as_what_it_was_chosen_for(void **state)
{
    (void)state;
    result.others[DOMAIN_AS_SENDER] =
        (struct other_domains){.domains = {"a.example", "b.example"}, .count = 2};
    result.others[DOMAIN_AS_HELO] = (struct other_domains){.domains = {"c.example"}, .count = 1};
    battery_queue_fill(&queue, &result);
    assert_int_equal(result.technique_count, technique_count + 3);
    static const struct {
        const char *id, *own;
    } last[] = {
        {"own-sender", "a.example"}, {"own-sender", "b.example"}, {"helo-own", "c.example"}};
    for (size_t i = 0; i < 3; i++) {
        const struct technique_result *row = &result.techniques[technique_count + i];
        assert_string_equal(row->technique->id, last[i].id);
        assert_string_equal(row->own, last[i].own);
        assert_non_null(strstr(row->text, "max_refusals left none"));
    }
    for (size_t i = 0; i < technique_count; i++) {
        assert_null(result.techniques[i].own);
    }
}

static void what_is_asked_instead_is_all_that_is_asked(void **state)
{
    const struct technique *const instead[] = {technique_find("helo-own"),
                                               technique_find("null-sender")};

    (void)state;
    result.others[DOMAIN_AS_SENDER] = (struct other_domains){.domains = {"a.example"}, .count = 1};
    for (size_t count = 1; count <= 2; count++) {
        battery_queue_fill_with(&queue, &result, instead, count);
        assert_int_equal(result.technique_count, count);
        for (size_t i = 0; i < count; i++) {
            assert_ptr_equal(result.techniques[i].technique, instead[i]);
            assert_int_equal(queue.rows[i], BATTERY_WAITING);
        }
    }
}

/* The message goes by the technique that was granted, with the sender that it had then. */
static void a_message_is_owed_by_one_technique_alone(void **state)
{
    (void)state;
    battery_queue_fill(&queue, &result);
    for (size_t row = 0; row < 3; row++) {
        result.techniques[row].sender = "<canary@outside.example.net>";
        battery_queue_fill_message(&queue, &result, row);
        assert_int_equal(count_rows(queue.rows, BATTERY_WAITING), 1);
        assert_int_equal(count_rows(queue.rows, BATTERY_DONE), result.technique_count - 1);
        assert_int_equal(queue.rows[row], BATTERY_WAITING);
        assert_string_equal(queue.earlier[row], "<canary@outside.example.net>");
        assert_null(queue.earlier[row + 1]);
    }
}

/* ---- in which order ----------------------------------------------------------------------- */

static void who_waits_longest_is_asked_first_and_plain_before_all(void **state)
{
    static const struct battery_answer answers[] = {
        {"plain", 900}, {"null-sender", 50}, {"helo-own", 700}, {"own-sender", 100}};

    (void)state;
    battery_queue_fill(&queue, &result);
    battery_queue_take_turns(&queue, &result, answers, 4, 100);
    assert_true(queue.in_turn);
    assert_int_equal(queue.turns[0], 0);
    size_t count = result.technique_count;
    assert_int_equal(queue.turns[count - 1], row_of("null-sender"));
    assert_int_equal(queue.turns[count - 2], row_of("own-sender"));
    assert_int_equal(queue.turns[count - 3], row_of("helo-own"));
    for (size_t i = 2; i < count - 3; i++) { /* those that never were, as the table has them */
        assert_true(queue.turns[i - 1] < queue.turns[i]);
    }
    assert_true(result.techniques[row_of("null-sender")].recent);
    assert_true(result.techniques[row_of("own-sender")].recent);
    assert_false(result.techniques[row_of("helo-own")].recent);
    assert_false(result.techniques[row_of("helo-host")].recent);
}

static void the_sites_other_domains_come_last_or_once_first(void **state)
{
    static const struct battery_answer answers[] = {{"helo-own", 10}, {BATTERY_SENDERS_FIRST, 0}};

    (void)state;
    for (size_t first = 0; first < 2; first++) {
        fresh(state);
        result.others[DOMAIN_AS_HELO] =
            (struct other_domains){.domains = {"c.example"}, .count = 1};
        battery_queue_fill(&queue, &result);
        size_t other = result.technique_count - 1;
        battery_queue_take_turns(&queue, &result, answers, 1 + first, 100);
        if (first == 0) {
            assert_int_equal(queue.turns[other], other);
        } else { /* before what was answered, after what never was */
            assert_int_equal(queue.turns[other - 1], other);
        }
        no_more(state);
    }
    fresh(state);
}

/* ---- a battery over it -------------------------------------------------------------------- */

static void begin(void)
{
    battery_init(&battery, &settings, &result);
    battery_greeted(&battery);
}

/* A ban would hit everybody who comes by that gateway: after `plain` nothing is asked. */
static void behind_a_gateway_a_refused_plain_ends_the_battery_and_nothing_else_does(void **state)
{
    static const struct {
        bool hidden;
        const char *id;
        enum outcome outcome;
        bool ended;
    } rows[] = {
        {true, "plain", OUTCOME_RELAY_DENIED, true},
        {true, "plain", OUTCOME_AUTH_REQUIRED, true},
        {true, "plain", OUTCOME_ACCEPTED, false},
        {true, "plain", OUTCOME_GREYLISTED, false},
        {true, "null-sender", OUTCOME_RELAY_DENIED, false},
        {false, "plain", OUTCOME_RELAY_DENIED, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct battery_task task;
        fresh(state);
        begin();
        battery.hidden = rows[i].hidden;
        do {
            assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
        } while (strcmp(task.into->technique->id, rows[i].id) != 0);
        task.into->asked = true;
        task.into->outcome = rows[i].outcome;
        battery_answered(&battery, &task);
        assert_int_equal(battery.ended, rows[i].ended);
        assert_int_equal(battery_has_work(&battery), !rows[i].ended);
        no_more(state);
    }
    fresh(state);
}

/* A second connection would ask two things of it at once. */
static void behind_a_gateway_nothing_is_asked_beside_plain(void **state)
{
    static const struct {
        bool hidden;
        enum battery_row plain;
        bool wanted;
    } rows[] = {
        {true, BATTERY_WAITING, false}, {true, BATTERY_TAKEN, false}, {true, BATTERY_DONE, true},
        {false, BATTERY_WAITING, true}, {false, BATTERY_TAKEN, true}, {false, BATTERY_DONE, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fresh(state);
        begin();
        result.reach = REACH_SESSION;
        battery.hidden = rows[i].hidden;
        battery.queue.rows[0] = rows[i].plain;
        assert_int_equal(battery_wants_company(&battery, true), rows[i].wanted);
        no_more(state);
    }
    fresh(state);
}

/* A listener that greets nobody may want a PROXY header: where we are strangers to it. */
static void a_header_is_tried_where_a_stranger_was_not_greeted(void **state)
{
    static const struct {
        bool ended, greeted, hosted, at_home;
        enum vantage declared;
        bool tried;
    } rows[] = {
        {false, false, false, false, VANTAGE_OUTSIDE, true},
        {true, false, false, false, VANTAGE_OUTSIDE, false},
        {false, true, false, false, VANTAGE_OUTSIDE, false},
        {false, false, true, false, VANTAGE_OUTSIDE, false},
        {false, false, false, true, VANTAGE_OUTSIDE, false},
        {false, false, false, false, VANTAGE_INSIDE, false},
        {false, false, false, false, VANTAGE_CLAIMED, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fresh(state);
        result.endpoint.hosted = rows[i].hosted;
        settings.vantage.declared = rows[i].declared;
        if (rows[i].at_home) {
            result.source = result.endpoint.address;
        }
        battery_init(&battery, &settings, &result);
        if (rows[i].greeted) {
            battery_greeted(&battery);
        }
        battery.ended = rows[i].ended;
        assert_int_equal(battery_ungreeted(&battery), rows[i].tried);
        assert_int_equal(battery.greeting == BATTERY_UNGREETED, rows[i].tried);
        no_more(state);
    }
    fresh(state);
}

/* A server that is known to want a PROXY header gets one from the first connection on. */
static void a_listener_that_is_known_to_want_a_header_gets_one(void **state)
{
    (void)state;
    for (int proxied = 0; proxied < 2; proxied++) {
        fresh(state);
        result.proxied = proxied != 0;
        battery_init(&battery, &settings, &result);
        assert_int_equal(battery.greeting == BATTERY_UNGREETED, proxied != 0);
        size_t row = battery_claim(&battery, false);
        assert_int_equal(row != BATTERY_COMMON &&
                             technique_is_proxied(result.techniques[row].technique),
                         proxied != 0);
        no_more(state);
    }
    fresh(state);
}

/* A battery made for other techniques, or for a message, has nothing else. */
static void a_battery_has_what_it_was_made_for(void **state)
{
    const struct technique *const instead[] = {technique_find("null-sender")};
    struct battery_task task;

    (void)state;
    settings.instead = instead;
    settings.instead_count = 1;
    begin();
    assert_int_equal(result.technique_count, 1);
    assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
    assert_ptr_equal(task.into->technique, instead[0]);
    assert_false(battery_take(&battery, BATTERY_COMMON, false, &task));
    no_more(state);

    fresh(state);
    begin();
    size_t row = row_of("null-sender");
    result.techniques[row].sender = "<>";
    battery_init_message(&battery, &settings, &result, row, "Subject: x");
    battery_greeted(&battery);
    assert_string_equal(battery.message, "Subject: x");
    assert_int_equal(battery_claim(&battery, false), row);
    assert_true(battery_take(&battery, row, false, &task));
    battery_cut(&battery, &task, "the connection was closed");
    assert_string_equal(result.message.text, "the connection was closed");
    assert_int_equal(battery.queue.rows[row], BATTERY_DONE); /* it is tried once */
    assert_false(result.techniques[row].hung_up);
}

/* The first that is asked again tells whether the others are still greylisted. */
static void one_that_is_still_greylisted_ends_the_round_and_another_answer_does_not(void **state)
{
    static const struct {
        enum outcome outcome;
        bool control_asked;
        enum outcome control;
        bool over;
    } rows[] = {
        {OUTCOME_GREYLISTED, false, OUTCOME_ACCEPTED, true},
        {OUTCOME_RELAY_DENIED, false, OUTCOME_GREYLISTED, false},
        {OUTCOME_ACCEPTED, true, OUTCOME_GREYLISTED, true},
        {OUTCOME_ACCEPTED, true, OUTCOME_DEFERRED, false},
        {OUTCOME_ACCEPTED, true, OUTCOME_RELAY_DENIED, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct battery_task task;
        fresh(state);
        begin();
        for (size_t row = 0; row < 3; row++) {
            result.techniques[row].asked = true;
            result.techniques[row].outcome = OUTCOME_GREYLISTED;
            result.techniques[row].sender = "<canary@outside.example.net>";
        }
        battery_init_again(&battery, &settings, &result);
        battery_greeted(&battery);
        assert_true(battery.scouting);
        assert_int_equal(count_rows(battery.queue.rows, BATTERY_WAITING), 3);
        assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
        task.into->outcome = rows[i].outcome;
        task.into->control_asked = rows[i].control_asked;
        task.into->control = rows[i].control;
        battery_answered(&battery, &task);
        assert_false(battery.scouting);
        assert_int_equal(battery_has_work(&battery), !rows[i].over);
        no_more(state);
    }
    fresh(state);
}

/* Another sender is another question where the sender is what the technique is about. */
static void a_refused_sender_is_replaced_once_where_any_outside_one_will_do(void **state)
{
    static const struct {
        const char *id;
        bool replaced;
    } rows[] = {{"plain", true},       {"percent-hack", true}, {"own-in-domain", true},
                {"helo-host", true},   {"auth-own", true},     {"own-in-sender", false},
                {"own-sender", false}, {"null-sender", false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct battery_task task;
        fresh(state);
        begin();
        size_t row = row_of(rows[i].id);
        task = (struct battery_task){.into = &result.techniques[row], .row = row};
        snprintf(task.envelope.sender, sizeof(task.envelope.sender),
                 "<canary@outside.example.net>");
        assert_int_equal(battery_replace_sender(&battery, &task), rows[i].replaced);
        if (rows[i].replaced) {
            assert_string_equal(task.envelope.sender, "<relaywarden@outside.example.net>");
            assert_false(battery_replace_sender(&battery, &task));
        }
        no_more(state);
        fresh(state);
        begin();
        task.reserved = 0;
        settings.max_refusals = 0; /* nor where it would be a refusal too many */
        assert_false(battery_replace_sender(&battery, &task));
        settings.max_refusals = 64;
        battery.ended = true;
        assert_false(battery_replace_sender(&battery, &task));
        no_more(state);
    }
    fresh(state);
}

static void what_max_refusals_keeps_back_is_told_but_of_other_domains(void **state)
{
    (void)state;
    result.others[DOMAIN_AS_SENDER] = (struct other_domains){.domains = {"a.example"}, .count = 1};
    settings.max_refusals = 2;
    begin();
    size_t other = result.technique_count - 1;
    battery_refused(&battery, NULL);
    assert_false(result.refusals_used_up);
    assert_true(battery_has_work(&battery));
    battery_refused(&battery, NULL);
    assert_true(result.refusals_used_up);
    assert_false(battery_has_work(&battery));
    assert_non_null(strstr(result.techniques[other - 1].text, "has given max_refusals already"));
    assert_non_null(strstr(result.techniques[other].text, "left none for it in this audit"));
}

/* All but the other domains were asked: that is no battery that max_refusals cut short. */
static void other_domains_that_max_refusals_keeps_back_leave_the_verdict(void **state)
{
    (void)state;
    result.others[DOMAIN_AS_SENDER] = (struct other_domains){.domains = {"a.example"}, .count = 1};
    settings.max_refusals = 1;
    begin();
    for (size_t i = 0; i + 1 < result.technique_count; i++) {
        battery.queue.rows[i] = BATTERY_DONE;
    }
    battery_refused(&battery, NULL);
    assert_false(result.refusals_used_up);
}

/* An odd user in a made-up subdomain was refused for its form: its control is worth asking once
 * an address that looks like an own one was refused for another reason. */
static void a_likeness_asks_for_the_control_of_a_subdomain_alone(void **state)
{
    static const struct {
        const char *answered;
        bool waiting;
        enum outcome outcome;
        bool control_asked;
        bool wanted;
    } rows[] = {
        {"own-in-domain", false, OUTCOME_RECIPIENT_REFUSED, false, true},
        {"percent-hack", false, OUTCOME_RECIPIENT_REFUSED, false, false},
        {"own-in-domain", false, OUTCOME_RELAY_DENIED, false, false},
        {"own-in-domain", false, OUTCOME_RECIPIENT_REFUSED, true, false},
        {"own-in-domain", true, OUTCOME_RECIPIENT_REFUSED, false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fresh(state);
        begin();
        for (size_t row = 0; row < result.technique_count; row++) {
            result.techniques[row].asked = true;
            result.techniques[row].outcome = OUTCOME_RELAY_DENIED;
            battery.queue.rows[row] = BATTERY_DONE;
        }
        result.techniques[row_of("own-in-domain")].outcome = OUTCOME_RECIPIENT_REFUSED;
        size_t subdomain = row_of("percent-subdomain");
        result.techniques[subdomain].outcome = rows[i].outcome;
        result.techniques[subdomain].control_asked = rows[i].control_asked;
        battery.queue.rows[subdomain] = rows[i].waiting ? BATTERY_WAITING : BATTERY_DONE;
        battery_want_subdomain(&battery, &result.techniques[row_of(rows[i].answered)]);
        assert_int_equal(battery.queue.control_only[subdomain], rows[i].wanted);
        assert_int_equal(battery.queue.rows[subdomain] == BATTERY_WAITING,
                         rows[i].wanted || rows[i].waiting);
        no_more(state);
    }
    fresh(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_technique_is_owed_once_and_plain_is_the_first, fresh,
                                        no_more),
        cmocka_unit_test_setup_teardown(
            each_of_the_sites_other_domains_is_owed_as_what_it_was_chosen_for, fresh, no_more),
        cmocka_unit_test_setup_teardown(what_is_asked_instead_is_all_that_is_asked, fresh, no_more),
        cmocka_unit_test_setup_teardown(a_message_is_owed_by_one_technique_alone, fresh, no_more),
        cmocka_unit_test_setup_teardown(who_waits_longest_is_asked_first_and_plain_before_all,
                                        fresh, no_more),
        cmocka_unit_test_setup_teardown(the_sites_other_domains_come_last_or_once_first, fresh,
                                        no_more),
        cmocka_unit_test_setup_teardown(
            behind_a_gateway_a_refused_plain_ends_the_battery_and_nothing_else_does, fresh,
            no_more),
        cmocka_unit_test_setup_teardown(behind_a_gateway_nothing_is_asked_beside_plain, fresh,
                                        no_more),
        cmocka_unit_test_setup_teardown(a_header_is_tried_where_a_stranger_was_not_greeted, fresh,
                                        no_more),
        cmocka_unit_test_setup_teardown(a_listener_that_is_known_to_want_a_header_gets_one, fresh,
                                        no_more),
        cmocka_unit_test_setup_teardown(a_battery_has_what_it_was_made_for, fresh, no_more),
        cmocka_unit_test_setup_teardown(
            one_that_is_still_greylisted_ends_the_round_and_another_answer_does_not, fresh,
            no_more),
        cmocka_unit_test_setup_teardown(
            a_refused_sender_is_replaced_once_where_any_outside_one_will_do, fresh, no_more),
        cmocka_unit_test_setup_teardown(what_max_refusals_keeps_back_is_told_but_of_other_domains,
                                        fresh, no_more),
        cmocka_unit_test_setup_teardown(
            other_domains_that_max_refusals_keeps_back_leave_the_verdict, fresh, no_more),
        cmocka_unit_test_setup_teardown(a_likeness_asks_for_the_control_of_a_subdomain_alone, fresh,
                                        no_more),
    };

    return cmocka_run_group_tests_name("battery's queue", tests, NULL, no_more);
}
