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

#include "probe/cli/report.h"
#include "probe/report/history.h"
#include "probe/report/html.h"
#include "probe/report/page.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/audit_sample.h"

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

    judgement_endpoint(&place->result, &outside);
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

static void audits_are_pruned_by_their_age(void **state)
{
    struct place *place = *state;

    place->conf.probe.history_seconds = 10L * DAY;
    keep(place, START);
    keep(place, START + 9 * DAY);
    place->result.endpoint.port = 587;
    keep(place, START + 11 * DAY);
    struct history *history = read_it(place, START + 11 * DAY);
    assert_int_equal(history->begin, START + 9 * DAY);
    assert_int_equal(history->endpoint_count, 2);
    history_free(history);
    keep(place, START + 30 * DAY);
    history = read_it(place, START + 30 * DAY);
    assert_int_equal(history->endpoint_count, 1);
    assert_int_equal(history->endpoints[0].span_count, 1);
    assert_int_equal(history->endpoints[0].spans[0].audits, 1);
    history_free(history);
}

static char *page_of(const struct history *history)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_true(page_write(out, history, NULL, "example.org"));
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *text_of(const struct history *history)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    overview_text(out, history, false);
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
    assert_non_null(strstr(text, "203.0.113.25:25/none (no target any more)</th>"));
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
        bool later = strstr(history_where(&history->endpoints[i], where), ":587/") != NULL;
        assert_true(history->endpoints[i].current == later);
    }
    history_free(history);
    place->conf.probe.target_count = 0;
    history = read_it(place, START + 20);
    assert_false(history->endpoints[0].current || history->endpoints[1].current);
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
    place->result.techniques[0].text = texts_keep(&place->result.texts, "<script>x</script>");
    open_it(place);
    place->result.techniques[1].text = texts_keep(&place->result.texts, "<script>x</script>");
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

static void a_remedy_is_a_list_of_its_sentences(void **state)
{
    struct place *place = *state;

    open_it(place);
    keep(place, START);
    struct history *history = read_it(place, START);
    char *text = page_of(history);
    assert_non_null(strstr(text, "<ul>\n<li>Find what trusts this client.</li>\n<li>Look up "));
    assert_non_null(strstr(text, ".</li>\n<li>Sendmail: remove FEATURE(promiscuous_relay)"));
    assert_non_null(strstr(text, "&#39;.</li>\n</ul>"));
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
        TEST(audits_are_pruned_by_their_age),
        TEST(what_is_no_target_any_more_is_marked_and_not_a_verdict_of_now),
        TEST(what_the_last_audit_did_not_ask_is_not_current),
        TEST(hosts_of_the_command_line_are_not_kept),
        TEST(without_a_database_the_remedy_is_named),
        TEST(a_database_that_is_none_is_reported_by_both),
        TEST(texts_cannot_become_markup),
        TEST(what_a_server_says_is_escaped_on_the_page),
        TEST(a_remedy_is_a_list_of_its_sentences),
        TEST(the_page_begins_with_the_answer),
        TEST(the_chart_shows_the_worst_that_shares_a_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
