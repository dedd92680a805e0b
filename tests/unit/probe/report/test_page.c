#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/report/history.h"
#include "probe/report/page/html.h"
#include "tests/unit/history_place.h"

static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};

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
    struct history_place *place = *state;

    snprintf(place->result.endpoint.host, sizeof(place->result.endpoint.host), "<b>&host");
    place->result.techniques[0].text = string_pool_keep(&place->result.texts, "<script>x</script>");
    history_place_open(place);
    place->result.techniques[1].text = string_pool_keep(&place->result.texts, "<script>x</script>");
    history_place_keep(place, START);
    struct history *history = history_place_read(place, START + DAY);
    char *text = history_place_page(history);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<b>"));
    assert_non_null(strstr(text, "&lt;script&gt;x&lt;/script&gt;"));
    assert_non_null(strstr(text, "&lt;b&gt;&amp;host"));
    free(text);
    history_free(history);
}

#define MANY 700 /* more than a page has whole, and some of their details lie in a file */

/* An audit of MANY endpoints, of which the first is open. */
static void keep_many(struct history_place *place)
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
    struct history_place *place = *state;

    keep_many(place);
    struct history *history = history_place_read(place, START);
    assert_int_equal(history->endpoint_count, MANY);
    char *text = history_place_page(history);
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
    struct history_place *place = *state;

    history_place_open(place);
    hide_software(&place->result);
    history_place_keep(place, START);
    struct history *history = history_place_read(place, START);
    char *text = history_place_page(history);
    assert_non_null(strstr(text, "<ul>\n<li>Find what trusts this client.</li>\n<li>Look up "));
    assert_non_null(strstr(text, ".</li>\n<li>Sendmail: remove FEATURE(promiscuous_relay)"));
    assert_non_null(strstr(text, "&#39;.</li>\n<li>A server that catches mail for tests"));
    assert_non_null(strstr(text, "settles it.</li>\n</ul>"));
    free(text);
    history_free(history);
}

static void the_page_has_the_remedy_of_the_software_that_the_replies_tell(void **state)
{
    struct history_place *place = *state;

    history_place_open(place);
    history_place_keep(place, START);
    struct history *history = history_place_read(place, START);
    char *text = history_place_page(history);
    assert_non_null(strstr(text, ".</li>\n<li>Postfix: narrow mynetworks"));
    assert_null(strstr(text, "<li>Sendmail:"));
    assert_null(strstr(text, "<li>Exim:"));
    free(text);
    history_free(history);
}

static void the_page_begins_with_the_answer(void **state)
{
    struct history_place *place = *state;

    history_place_keep(place, START);
    struct history *history = history_place_read(place, START);
    char *text = history_place_page(history);
    assert_non_null(strstr(text, "<p class=\"sum\">No: 1 "));
    free(text);
    history_free(history);
    history_place_open(place);
    history_place_keep(place, START + DAY);
    history = history_place_read(place, START + DAY);
    text = history_place_page(history);
    assert_non_null(strstr(text, "<p class=\"sum\">Yes: 1 "));
    free(text);
    history_free(history);
}

static void the_chart_shows_the_worst_that_shares_a_column(void **state)
{
    struct history_place *place = *state;

    history_place_keep(place, START);
    history_place_open(place);
    history_place_keep(place, START + 200L * DAY);
    history_place_close(place);
    history_place_keep(place, START + 200L * DAY + 60);
    history_place_keep(place, START + 365L * DAY);
    struct history *history = history_place_read(place, START + 365L * DAY);
    char *text = history_place_page(history);
    assert_non_null(
        strstr(text, "<rect class=\"open\" x=\"662\" y=\"2\" width=\"1\" height=\"14\"/>"));
    free(text);
    history_free(history);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, history_place_set_up, history_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
