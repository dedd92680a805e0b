#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/state/database.h"
#include "probe/cli/verbs.h"
#include "probe/report/history.h"
#include "probe/report/history_text.h"
#include "probe/report/page/html.h"
#include "probe/report/page/page.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/audit_sample.h"
#include <sqlite3.h>

#define START 1800000000
#define DAY   86400

struct place {
    char *folder;
    char database[256];
    struct conf_target target;
    struct conf conf;
    struct endpoint_result result;
    char error[HISTORY_ERROR_SIZE];
};

static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};
static char target_name[] = "mx";
static uint16_t ports[] = {25, 587};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    char folder[256];

    assert_non_null(place);
    place->folder = sample_folder();
    sample_path(place->folder, "probe", folder);
    assert_int_equal(mkdir(folder, 0750), 0);
    snprintf(place->database, sizeof(place->database), "%.200s/relaywarden.db", folder);
    place->target.name = target_name;
    place->target.ports = ports;
    place->target.port_count = 2;
    place->conf.state_directory = place->folder;
    place->conf.probe.targets = &place->target;
    place->conf.probe.target_count = 1;
    place->conf.probe.history_seconds = 400L * DAY;
    audit_sample_closed(&place->result);
    snprintf(place->result.endpoint.target, sizeof(place->result.endpoint.target), "mx");
    place->result.endpoint.configured = true;
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[300];

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", place->database, suffixes[i]);
        (void)unlink(path);
    }
    snprintf(path, sizeof(path), "%s/probe", place->folder);
    (void)rmdir(path);
    result_free(&place->result);
    sample_folder_remove(place->folder);
    free(place);
    return 0;
}

static bool try_to_keep(struct place *place, time_t started)
{
    const struct endpoint_result *results[] = {&place->result};
    const struct audit_summary summary = {.results = results, .count = 1, .started = started};

    verdict_endpoint(&place->result, &outside);
    return history_keep(&place->conf, &summary, place->error);
}

static void keep(struct place *place, time_t started)
{
    assert_true(try_to_keep(place, started));
}

static void open_it(struct place *place)
{
    audit_sample_answer_all(&place->result, OUTCOME_ACCEPTED);
}

static void close_it(struct place *place)
{
    audit_sample_answer_all(&place->result, OUTCOME_RELAY_DENIED);
}

static struct history *read_it(struct place *place, time_t now)
{
    struct history *history = history_read(&place->conf, now, place->error);

    if (history == NULL) {
        print_message("%s\n", place->error);
    }
    assert_non_null(history);
    return history;
}

static void audits_that_came_to_the_same_are_one_span(void **state)
{
    struct place *place = *state;

    keep(place, START);
    keep(place, START + 10);
    open_it(place);
    keep(place, START + 20);
    keep(place, START + 20); /* of the same second */
    close_it(place);
    keep(place, START + 30);
    struct history *history = read_it(place, START + 40);
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
    struct place *place = *state;

    place->conf.probe.history_seconds = 10L * DAY;
    keep(place, START);
    keep(place, START + 9 * DAY);
    place->result.endpoint.port = 587;
    keep(place, START + 11 * DAY);
    struct history *history = read_it(place, START + 11 * DAY);
    /* A lasting span is known from its beginning, and shown as far as the history goes back. */
    assert_int_equal(history->begin, START + 1 * DAY);
    assert_int_equal(history->endpoint_count, 2);
    history_free(history);
    open_it(place);
    keep(place, START + 12 * DAY);
    keep(place, START + 30 * DAY);
    history = read_it(place, START + 30 * DAY);
    assert_int_equal(history->endpoint_count, 1);
    assert_int_equal(history->endpoints[0].span_count, 1);
    assert_int_equal(history->endpoints[0].spans[0].verdict, VERDICT_OPEN);
    assert_int_equal(history->endpoints[0].spans[0].first, START + 12 * DAY);
    assert_int_equal(history->endpoints[0].spans[0].audits, 2);
    history_free(history);
}

static char *page_of(const struct history *history)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_true(page_write(out, history, NULL, &(struct page_look){.site = "example.org"}));
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *text_of(const struct history *history)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    history_text_write(out, history, false);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void what_is_no_target_any_more_is_marked_and_not_a_verdict_of_now(void **state)
{
    struct place *place = *state;

    open_it(place);
    keep(place, START);
    place->target.port_count = 1;
    struct history *history = read_it(place, START + 20);
    assert_true(history->endpoints[0].current);
    char *text = text_of(history);
    assert_non_null(strstr(text, "open, unconditional, since"));
    assert_null(strstr(text, "no target any more"));
    free(text);
    history_free(history);

    place->target.ports = &ports[1]; /* and nothing was audited since */
    history = read_it(place, START + 20);
    assert_false(history->endpoints[0].current);
    text = text_of(history);
    assert_null(strstr(text, "open, unconditional, since"));
    assert_non_null(strstr(text, "no target any more; open when last asked, 2027-01-15T08:00:00Z"));
    free(text);
    text = page_of(history);
    assert_non_null(strstr(text, "No endpoint of a configured target was audited."));
    assert_non_null(strstr(text, "203.0.113.25:25 (no target any more)</th>"));
    free(text);
    history_free(history);
}

static void what_the_last_audit_did_not_ask_is_not_current(void **state)
{
    struct place *place = *state;

    keep(place, START);
    place->result.endpoint.port = 587;
    keep(place, START + 10);
    struct history *history = read_it(place, START + 20);
    char where[HISTORY_WHERE_SIZE];
    for (size_t i = 0; i < history->endpoint_count; i++) {
        bool later = strstr(history_where(&history->endpoints[i], where), ":587") != NULL;
        assert_true(history->endpoints[i].current == later);
    }
    history_free(history);
    place->conf.probe.target_count = 0;
    history = read_it(place, START + 20);
    assert_false(history->endpoints[0].current || history->endpoints[1].current);
    history_free(history);
}

static void what_the_operator_interrupted_is_as_it_was_before(void **state)
{
    struct place *place = *state;

    keep(place, START);
    place->result.interrupted = true;
    place->result.endpoint.port = 587; /* the first was not even found */
    keep(place, START + 10);
    struct history *history = read_it(place, START + 20);
    assert_int_equal(history->endpoint_count, 1);
    assert_true(history->endpoints[0].current);
    assert_int_equal(history->endpoints[0].spans[0].audits, 1);
    history_free(history);
}

/* Audits both ports of mx; of the second only this is left. */
static void keep_both(struct place *place, struct endpoint_result *second, time_t started)
{
    const struct endpoint_result *results[] = {&place->result, second};
    const struct audit_summary summary = {.results = results, .count = 2, .started = started};

    verdict_endpoint(&place->result, &outside);
    assert_true(history_keep(&place->conf, &summary, place->error));
}

static enum verdict verdict_at(struct place *place, const char *port, bool *current)
{
    struct history *history = read_it(place, START + 20);
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
    struct place *place = *state;
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
    struct place *place = *state;

    keep(place, START);
    snprintf(place->result.endpoint.host, sizeof(place->result.endpoint.host), "new.example.org");
    keep(place, START + 10);
    struct history *history = read_it(place, START + 20);
    assert_int_equal(history->endpoint_count, 1);
    assert_int_equal(history->endpoints[0].spans[0].audits, 2);
    assert_string_equal(history_text(&history->endpoints[0], "host"), "new.example.org");
    history_free(history);
}

static void hosts_of_the_command_line_are_not_kept(void **state)
{
    struct place *place = *state;

    place->result.endpoint.configured = false;
    keep(place, START);
    assert_null(history_read(&place->conf, START, place->error));
    assert_non_null(strstr(place->error, "check without a TARGET"));
}

static void change(const struct place *place, const char *sql)
{
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(place->database, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void a_damaged_detail_leaves_the_verdict_and_is_named(void **state)
{
    struct place *place = *state;
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
        open_it(place);
        keep(place, START + (time_t)i);
        change(place, damages[i]);
        struct history *history = read_it(place, START + 100);
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
    struct place *place = *state;
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
        keep(place, 2000000000);
        keep(place, 2000000001);
        change(place, damages[i]);
        struct history *history = read_it(place, 2000000003);
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
    struct place *place = *state;

    keep(place, START);
    change(place,
           "UPDATE run SET first = -9223372036854775807 - 1, last = -9223372036854775807 - 1;"
           "UPDATE endpoint SET last = 9223372036854775807,"
           " detail = json_set(detail, '$.banner', x'1b' || '[2J',"
           " '$.why', 'a' || char(10, 27, 155) || 'b')");
    struct history *history = read_it(place, START + 1);
    assert_int_equal(history->lack_count, 0);
    assert_int_equal(history_state(&history->endpoints[0])->first, 0);
    assert_string_equal(history_text(&history->endpoints[0], "why"), "a\\x0A\\x1B\\u{9B}b");
    history_free(history);
}

static void it_is_read_where_nothing_may_be_written(void **state)
{
    struct place *place = *state;
    sqlite3 *database = NULL;

    keep(place, START);
    char error[DATABASE_ERROR_SIZE] = "";
    assert_int_equal(database_open_read_only(place->database, &database, error), DATABASE_OK);
    assert_int_not_equal(sqlite3_exec(database, "DELETE FROM run", NULL, NULL, NULL), SQLITE_OK);
    database_close(database);
}

static void without_a_database_the_remedy_is_named(void **state)
{
    struct place *place = *state;

    assert_null(history_read(&place->conf, START, place->error));
    assert_non_null(strstr(place->error, "run relaywarden-probe check first"));
    assert_int_equal(access(place->database, F_OK), -1);
}

static void a_database_that_is_none_is_reported_by_both(void **state)
{
    struct place *place = *state;
    FILE *file = fopen(place->database, "we");

    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        fputs("no database\n", file);
    }
    assert_int_equal(fclose(file), 0);
    assert_false(try_to_keep(place, START));
    assert_non_null(strstr(place->error, "move the file away"));
    assert_null(history_read(&place->conf, START, place->error));
    assert_non_null(strstr(place->error, "move the file away"));
}

static void texts_cannot_become_markup(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    html_format(out, "<p title=\"%s\">%zu %lld</p>", "<a href='x'>&\"</a>", (size_t)3, -4LL);
    html_text(out, NULL);
    html_part(out, "a<b>", 3);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(
        text, "<p title=\"&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;\">3 -4</p>a&lt;b");
    free(text);
}

static void what_a_server_says_is_escaped_on_the_page(void **state)
{
    struct place *place = *state;

    snprintf(place->result.endpoint.host, sizeof(place->result.endpoint.host), "<b>&host");
    place->result.techniques[0].text = string_pool_keep(&place->result.texts, "<script>x</script>");
    open_it(place);
    place->result.techniques[1].text = string_pool_keep(&place->result.texts, "<script>x</script>");
    keep(place, START);
    struct history *history = read_it(place, START + DAY);
    char *text = page_of(history);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<b>"));
    assert_non_null(strstr(text, "&lt;script&gt;x&lt;/script&gt;"));
    assert_non_null(strstr(text, "&lt;b&gt;&amp;host"));
    free(text);
    history_free(history);
}

#define MANY 700 /* more than a page has whole, and some of their details lie in a file */

/* An audit of MANY endpoints, of which the first is open. */
static void keep_many(struct place *place)
{
    struct endpoint_result *all = calloc(MANY, sizeof(*all));
    const struct endpoint_result **results = calloc(MANY, sizeof(struct endpoint_result *));

    assert_non_null(all);
    assert_non_null(results);
    for (size_t i = 0; i < MANY; i++) {
        audit_sample_closed(&all[i]);
        all[i].endpoint = place->result.endpoint;
        all[i].endpoint.address.octets[2] = (uint8_t)(i >> 8);
        all[i].endpoint.address.octets[3] = (uint8_t)i;
        if (i == 0) {
            audit_sample_answer_all(&all[i], OUTCOME_ACCEPTED);
        }
        verdict_endpoint(&all[i], &outside);
        results[i] = &all[i];
    }
    const struct audit_summary summary = {.results = results, .count = MANY, .started = START};
    assert_true(history_keep(&place->conf, &summary, place->error));
    for (size_t i = 0; i < MANY; i++) {
        result_free(&all[i]);
    }
    free(results);
    free(all);
}

static size_t count_of(const char *text, const char *words)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, words)) != NULL; at++) {
        count++;
    }
    return count;
}

static void
a_page_of_many_has_a_row_for_each_and_the_dialogues_of_those_that_are_not_closed(void **state)
{
    struct place *place = *state;

    keep_many(place);
    struct history *history = read_it(place, START);
    assert_int_equal(history->endpoint_count, MANY);
    char *text = page_of(history);
    assert_int_equal(count_of(text, "<article "), 1);
    assert_int_equal(count_of(text, "<details><summary>Dialogue"), 1);
    assert_int_equal(count_of(text, "<tr><th scope=\"row\"><a href=\"#e"), 1);
    assert_int_equal(count_of(text, "<span class=\"v closed\">"), MANY);
    assert_non_null(strstr(text, "<td>1 accepted, 699 relay-denied</td>"));
    assert_non_null(strstr(text, "There are more than 500 endpoints"));
    free(text);
    for (size_t i = 0; i < MANY; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        assert_string_equal(json_string_value(json_object_get(history_detail(endpoint), "address")),
                            history_text(endpoint, "address"));
    }
    assert_false(history->failed);
    history_free(history);
}

/* Takes off whatever tells the software. */
static void hide_software(struct endpoint_result *result)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        result->techniques[i].text = "fine";
    }
}

static void a_remedy_is_a_list_of_its_sentences(void **state)
{
    struct place *place = *state;

    open_it(place);
    hide_software(&place->result);
    keep(place, START);
    struct history *history = read_it(place, START);
    char *text = page_of(history);
    assert_non_null(strstr(text, "<ul>\n<li>Find what trusts this client.</li>\n<li>Look up "));
    assert_non_null(strstr(text, ".</li>\n<li>Sendmail: remove FEATURE(promiscuous_relay)"));
    assert_non_null(strstr(text, "&#39;.</li>\n<li>A server that catches mail for tests"));
    assert_non_null(strstr(text, "settles it.</li>\n</ul>"));
    free(text);
    history_free(history);
}

static void the_page_has_the_remedy_of_the_software_that_the_replies_tell(void **state)
{
    struct place *place = *state;

    open_it(place);
    keep(place, START);
    struct history *history = read_it(place, START);
    char *text = page_of(history);
    assert_non_null(strstr(text, ".</li>\n<li>Postfix: narrow mynetworks"));
    assert_null(strstr(text, "<li>Sendmail:"));
    assert_null(strstr(text, "<li>Exim:"));
    free(text);
    history_free(history);
}

static void the_page_begins_with_the_answer(void **state)
{
    struct place *place = *state;

    keep(place, START);
    struct history *history = read_it(place, START);
    char *text = page_of(history);
    assert_non_null(strstr(text, "<p class=\"sum\">No: 1 "));
    free(text);
    history_free(history);
    open_it(place);
    keep(place, START + DAY);
    history = read_it(place, START + DAY);
    text = page_of(history);
    assert_non_null(strstr(text, "<p class=\"sum\">Yes: 1 "));
    free(text);
    history_free(history);
}

static void the_chart_shows_the_worst_that_shares_a_column(void **state)
{
    struct place *place = *state;

    keep(place, START);
    open_it(place);
    keep(place, START + 200L * DAY);
    close_it(place);
    keep(place, START + 200L * DAY + 60);
    keep(place, START + 365L * DAY);
    struct history *history = read_it(place, START + 365L * DAY);
    char *text = page_of(history);
    assert_non_null(
        strstr(text, "<rect class=\"open\" x=\"662\" y=\"2\" width=\"1\" height=\"14\"/>"));
    free(text);
    history_free(history);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(texts_cannot_become_markup),
        TEST(what_a_server_says_is_escaped_on_the_page),
        TEST(a_page_of_many_has_a_row_for_each_and_the_dialogues_of_those_that_are_not_closed),
        TEST(a_remedy_is_a_list_of_its_sentences),
        TEST(the_page_has_the_remedy_of_the_software_that_the_replies_tell),
        TEST(the_page_begins_with_the_answer),
        TEST(the_chart_shows_the_worst_that_shares_a_column),
    };

    /* Under valgrind its hundreds of endpoints take half a minute, and would show what the other
     * pages do. */
    if (getenv("RELAYWARDEN_FLOODS") != NULL) {
        cmocka_set_skip_filter("a_page_of_many*");
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
