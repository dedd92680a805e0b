#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/state/database.h"
#include "probe/report/history.h"
#include "tests/unit/history_place.h"
#include <sqlite3.h>

static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};

static void audits_that_came_to_the_same_are_one_span(void **state)
{
    struct history_place *place = *state;

    history_place_keep(place, START);
    history_place_keep(place, START + 10);
    history_place_open(place);
    history_place_keep(place, START + 20);
    history_place_keep(place, START + 20); /* of the same second */
    history_place_close(place);
    history_place_keep(place, START + 30);
    struct history *history = history_place_read(place, START + 40);
    assert_int_equal(history->endpoint_count, 1);
    assert_int_equal(history->begin, START);
    const struct history_endpoint *endpoint = &history->endpoints[0];
    assert_int_equal(endpoint->span_count, 3);
    assert_int_equal(endpoint->spans[0].verdict, VERDICT_CLOSED);
    assert_int_equal(endpoint->spans[0].last, START + 10);
    assert_int_equal(endpoint->spans[1].verdict, VERDICT_OPEN);
    assert_int_equal(endpoint->spans[1].audits, 2);
    assert_int_equal(history_state(endpoint)->first, START + 30);
    assert_true(endpoint->current);
    assert_string_equal(history_text(endpoint, "verdict"), "closed");
    history_free(history);
}

static void runs_are_pruned_by_the_age_of_their_end(void **state)
{
    struct history_place *place = *state;

    place->conf.probe.history_seconds = 10L * DAY;
    history_place_keep(place, START);
    history_place_keep(place, START + 9 * DAY);
    place->result.endpoint.port = 587;
    history_place_keep(place, START + 11 * DAY);
    struct history *history = history_place_read(place, START + 11 * DAY);
    /* A lasting span is known from its beginning, and shown as far as the history goes back. */
    assert_int_equal(history->begin, START + 1 * DAY);
    assert_int_equal(history->endpoint_count, 2);
    history_free(history);
    history_place_open(place);
    history_place_keep(place, START + 12 * DAY);
    history_place_keep(place, START + 30 * DAY);
    history = history_place_read(place, START + 30 * DAY);
    assert_int_equal(history->endpoint_count, 1);
    assert_int_equal(history->endpoints[0].span_count, 1);
    assert_int_equal(history->endpoints[0].spans[0].verdict, VERDICT_OPEN);
    assert_int_equal(history->endpoints[0].spans[0].first, START + 12 * DAY);
    assert_int_equal(history->endpoints[0].spans[0].audits, 2);
    history_free(history);
}

static void what_is_no_target_any_more_is_marked_and_not_a_verdict_of_now(void **state)
{
    struct history_place *place = *state;

    history_place_open(place);
    history_place_keep(place, START);
    place->target.port_count = 1;
    struct history *history = history_place_read(place, START + 20);
    assert_true(history->endpoints[0].current);
    char *text = history_place_text(history);
    assert_non_null(strstr(text, "open, unconditional, since"));
    assert_null(strstr(text, "no target any more"));
    free(text);
    history_free(history);

    place->target.ports = &place->target.ports[1]; /* and nothing was audited since */
    history = history_place_read(place, START + 20);
    assert_false(history->endpoints[0].current);
    text = history_place_text(history);
    assert_null(strstr(text, "open, unconditional, since"));
    assert_non_null(strstr(text, "no target any more; open when last asked, 2027-01-15T08:00:00Z"));
    free(text);
    text = history_place_page(history);
    assert_non_null(strstr(text, "No endpoint of a configured target was audited."));
    assert_non_null(strstr(text, "203.0.113.25:25 (no target any more)</th>"));
    free(text);
    history_free(history);
}

static void what_the_last_audit_did_not_ask_is_not_current(void **state)
{
    struct history_place *place = *state;

    history_place_keep(place, START);
    place->result.endpoint.port = 587;
    history_place_keep(place, START + 10);
    struct history *history = history_place_read(place, START + 20);
    char where[HISTORY_WHERE_SIZE];
    for (size_t i = 0; i < history->endpoint_count; i++) {
        bool later = strstr(history_where(&history->endpoints[i], where), ":587") != NULL;
        assert_true(history->endpoints[i].current == later);
    }
    history_free(history);
    place->conf.probe.target_count = 0;
    history = history_place_read(place, START + 20);
    assert_false(history->endpoints[0].current || history->endpoints[1].current);
    history_free(history);
}

static void what_the_operator_interrupted_is_as_it_was_before(void **state)
{
    struct history_place *place = *state;

    history_place_keep(place, START);
    place->result.interrupted = true;
    place->result.endpoint.port = 587; /* the first was not even found */
    history_place_keep(place, START + 10);
    struct history *history = history_place_read(place, START + 20);
    assert_int_equal(history->endpoint_count, 1);
    assert_true(history->endpoints[0].current);
    assert_int_equal(history->endpoints[0].spans[0].audits, 1);
    history_free(history);
}

/* Audits both ports of mx; of the second only this is left. */
static void keep_both(struct history_place *place, struct endpoint_result *second, time_t started)
{
    const struct endpoint_result *results[] = {&place->result, second};
    const struct audit_summary summary = {.results = results, .count = 2, .started = started};

    verdict_endpoint(&place->result, &outside);
    assert_true(history_keep(&place->conf, &summary, place->error));
}

static enum verdict verdict_at(struct history_place *place, const char *port, bool *current)
{
    struct history *history = history_place_read(place, START + 20);
    char where[HISTORY_WHERE_SIZE];
    enum verdict verdict = VERDICT_UNREACHABLE;

    assert_int_equal(history->endpoint_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        if (strstr(history_where(endpoint, where), port) != NULL) {
            verdict = endpoint->spans[endpoint->span_count - 1].verdict;
            *current = endpoint->current;
        }
    }
    history_free(history);
    return verdict;
}

static void of_a_result_that_was_lost_the_rest_is_kept_and_no_endpoint_is_gone(void **state)
{
    static struct endpoint_result second;
    struct history_place *place = *state;
    bool current = false;

    second = (struct endpoint_result){
        .endpoint = place->result.endpoint, .verdict = VERDICT_CLOSED, .reach = REACH_SESSION};
    second.endpoint.port = 587;
    keep_both(place, &second, START);
    assert_int_equal(verdict_at(place, ":587", &current), VERDICT_CLOSED);
    second.lost = true;
    second.reach = REACH_NO_SESSION;
    for (size_t i = 0; i < 2; i++) {
        second.verdict = i == 0 ? VERDICT_OPEN : VERDICT_INCONCLUSIVE;
        keep_both(place, &second, START + 1 + (time_t)i);
        assert_int_equal(verdict_at(place, ":587", &current), second.verdict);
        assert_true(current);
    }
    second.endpoint.address.family = ADDRESS_NONE; /* those that memory was out for */
    keep_both(place, &second, START + 3);
    assert_int_equal(verdict_at(place, ":587", &current), VERDICT_INCONCLUSIVE);
    assert_true(current);
}

static void a_host_that_is_renamed_has_one_history(void **state)
{
    struct history_place *place = *state;

    history_place_keep(place, START);
    snprintf(place->result.endpoint.host, sizeof(place->result.endpoint.host), "new.example.org");
    history_place_keep(place, START + 10);
    struct history *history = history_place_read(place, START + 20);
    assert_int_equal(history->endpoint_count, 1);
    assert_int_equal(history->endpoints[0].spans[0].audits, 2);
    assert_string_equal(history_text(&history->endpoints[0], "host"), "new.example.org");
    history_free(history);
}

static void hosts_of_the_command_line_are_not_kept(void **state)
{
    struct history_place *place = *state;

    place->result.endpoint.configured = false;
    history_place_keep(place, START);
    assert_null(history_read(&place->conf, START, place->error));
    assert_non_null(strstr(place->error, "check without a TARGET"));
}

static void change(const struct history_place *place, const char *sql)
{
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(place->database, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void a_damaged_detail_leaves_the_verdict_and_is_named(void **state)
{
    struct history_place *place = *state;
    static const char *const damages[] = {
        "UPDATE endpoint SET detail = substr(detail, 1, 100)",
        "UPDATE endpoint SET detail = ''",
        "UPDATE endpoint SET detail = '[]'",
        "UPDATE endpoint SET detail = '{}'",
        "UPDATE endpoint SET detail = 'null'",
        "UPDATE endpoint SET detail = json_set(detail, '$.target', 7)",
        "UPDATE endpoint SET detail = json_remove(detail, '$.why')",
        "UPDATE endpoint SET detail = json_set(detail, '$.port', 'smtp')",
    };

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        history_place_open(place);
        history_place_keep(place, START + (time_t)i);
        change(place, damages[i]);
        struct history *history = history_place_read(place, START + 100);
        assert_int_equal(history->endpoint_count, 1);
        assert_int_equal(history->lack_count, 1);
        assert_non_null(strstr(history->lacks[0], "203.0.113.25:25"));
        assert_true(history->endpoints[0].current);
        assert_int_equal(history_state(&history->endpoints[0])->verdict, VERDICT_OPEN);
        assert_string_equal(history_text(&history->endpoints[0], "address"), "203.0.113.25");
        assert_string_equal(history_text(&history->endpoints[0], "target"), "mx");
        history_free(history);
    }
}

static void words_and_rows_that_are_damaged_are_named(void **state)
{
    struct history_place *place = *state;
    static const char *const damages[] = {
        "UPDATE run SET verdict = 'ajar' WHERE last = 2000000001",
        "UPDATE run SET cause = x'1b' || 'x' WHERE last = 2000000001",
        "INSERT INTO run VALUES (77, 77, 'open', 'unconditional', 2000000002, 2000000002, 1)",
        ("INSERT INTO endpoint VALUES (77, '192.0.2.1:25/none d', 'mx', 'h', 'none', 1, 1, 0, NULL,"
         " NULL, 0, '{}')"),
        /* A key may be cut within a character, and is shown all the same. */
        ("INSERT INTO endpoint VALUES (77, '192.0.2.1:25/xx\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9\u00e9 d', 'mx', 'h', 'none', 1, 1, 0, NULL, NULL, 0, '{}')"),
    };

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        (void)unlink(place->database);
        history_place_keep(place, 2000000000);
        history_place_keep(place, 2000000001);
        change(place, damages[i]);
        struct history *history = history_place_read(place, 2000000003);
        assert_true(history->lack_count > 0);
        assert_int_equal(history->endpoint_count, 1);
        if (i < 2) {
            assert_int_equal(history_state(&history->endpoints[0])->verdict, VERDICT_INCONCLUSIVE);
        }
        history_free(history);
    }
}

static void times_that_are_none_and_texts_that_a_terminal_obeys_do_no_harm(void **state)
{
    struct history_place *place = *state;

    history_place_keep(place, START);
    change(place,
           "UPDATE run SET first = -9223372036854775807 - 1, last = -9223372036854775807 - 1;"
           "UPDATE endpoint SET last = 9223372036854775807,"
           " detail = json_set(detail, '$.banner', x'1b' || '[2J',"
           " '$.why', 'a' || char(10, 27, 155) || 'b')");
    struct history *history = history_place_read(place, START + 1);
    assert_int_equal(history->lack_count, 0);
    assert_int_equal(history_state(&history->endpoints[0])->first, 0);
    assert_string_equal(history_text(&history->endpoints[0], "why"), "a\\x0A\\x1B\\u{9B}b");
    history_free(history);
}

static void it_is_read_where_nothing_may_be_written(void **state)
{
    struct history_place *place = *state;
    sqlite3 *database = NULL;

    history_place_keep(place, START);
    char error[DATABASE_ERROR_SIZE] = "";
    assert_int_equal(database_open_read_only(place->database, &database, error), DATABASE_OK);
    assert_int_not_equal(sqlite3_exec(database, "DELETE FROM run", NULL, NULL, NULL), SQLITE_OK);
    database_close(database);
}

static void without_a_database_the_remedy_is_named(void **state)
{
    struct history_place *place = *state;

    assert_null(history_read(&place->conf, START, place->error));
    assert_non_null(strstr(place->error, "run relaywarden-probe check first"));
    assert_int_equal(access(place->database, F_OK), -1);
}

static void a_database_that_is_none_is_reported_by_both(void **state)
{
    struct history_place *place = *state;
    FILE *file = fopen(place->database, "we");

    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        fputs("no database\n", file);
    }
    assert_int_equal(fclose(file), 0);
    assert_false(history_place_try(place, START));
    assert_non_null(strstr(place->error, "move the file away"));
    assert_null(history_read(&place->conf, START, place->error));
    assert_non_null(strstr(place->error, "move the file away"));
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, history_place_set_up, history_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(audits_that_came_to_the_same_are_one_span),
        TEST(runs_are_pruned_by_the_age_of_their_end),
        TEST(what_is_no_target_any_more_is_marked_and_not_a_verdict_of_now),
        TEST(what_the_last_audit_did_not_ask_is_not_current),
        TEST(what_the_operator_interrupted_is_as_it_was_before),
        TEST(a_host_that_is_renamed_has_one_history),
        TEST(hosts_of_the_command_line_are_not_kept),
        TEST(of_a_result_that_was_lost_the_rest_is_kept_and_no_endpoint_is_gone),
        TEST(a_damaged_detail_leaves_the_verdict_and_is_named),
        TEST(words_and_rows_that_are_damaged_are_named),
        TEST(times_that_are_none_and_texts_that_a_terminal_obeys_do_no_harm),
        TEST(it_is_read_where_nothing_may_be_written),
        TEST(without_a_database_the_remedy_is_named),
        TEST(a_database_that_is_none_is_reported_by_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
