/* The filter's snapshot as the probe reads and shows it. The sample is one that a filter wrote,
 * with what it had not seen added. */
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

#include "probe/report/milter_status.h"
#include "probe/report/page/html.h"
#include "probe/report/page/page.h"
#include "probe/report/page/page_sections.h"
#include "tests/unit/alert_sample.h"

#define SAMPLE  "tests/unit/snapshot-sample.json"
#define WRITTEN 1795335940 /* 2026-11-22T08:25:40Z */

static json_t *sample(void)
{
    json_t *object = json_load_file(SAMPLE, 0, NULL);

    assert_non_null(object);
    return object;
}

/* NULL: it was refused, and `error` says why. */
static struct milter_status *parse(const json_t *object, char error[MILTER_STATUS_ERROR_SIZE])
{
    char *text = json_dumps(object, JSON_COMPACT);

    assert_non_null(text);
    error[0] = '\0';
    struct milter_status *seen = milter_status_parse(text, strlen(text), "FILE", error);
    assert_true((seen == NULL) == (error[0] != '\0'));
    free(text);
    return seen;
}

static struct milter_status *take(const json_t *object)
{
    char error[MILTER_STATUS_ERROR_SIZE];
    struct milter_status *seen = parse(object, error);

    assert_string_equal(error, "");
    return seen;
}

static void refuse(const json_t *object, const char *words)
{
    char error[MILTER_STATUS_ERROR_SIZE];

    assert_null(parse(object, error));
    assert_ptr_equal(strstr(error, "FILE"), error);
    if (strstr(error, words) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", error, words);
    }
}

/* ---- what is read ---- */

static void a_snapshot_is_read(void **state)
{
    (void)state;
    char error[MILTER_STATUS_ERROR_SIZE] = "";
    struct milter_status *seen = milter_status_read(SAMPLE, error);

    assert_string_equal(error, "");
    assert_non_null(seen);
    assert_int_equal(seen->written, WRITTEN);
    assert_int_equal(seen->started, WRITTEN - 1);
    assert_true(milter_status_is_running(seen));
    assert_string_equal(milter_status_text(seen->object, "host"), "mx.example.org");
    char *domains = milter_status_domains(seen);
    assert_string_equal(domains, "a.test, b.test");
    free(domains);
    milter_status_free(seen);
    milter_status_free(NULL);
}

/* Each member of the shape in its turn: `visit` may change the object, and must change it back. */
static void each_member(json_t *object, json_t *root,
                        void (*visit)(json_t *object, const char *name, json_t *root))
{
    static const char *const of_any_name[] = {"subject",  "evidence", "messages",
                                              "enforced", "hellos",   "asks"};
    json_t *names = json_array();
    json_t *value;
    const char *name;
    size_t i;

    json_object_foreach(object, name, value)
    {
        assert_int_equal(json_array_append_new(names, json_string(name)), 0);
    }
    json_array_foreach(names, i, value)
    {
        name = json_string_value(value);
        bool any = false;
        for (size_t j = 0; j < sizeof(of_any_name) / sizeof(of_any_name[0]); j++) {
            any = any || strcmp(of_any_name[j], name) == 0;
        }
        visit(object, name, root);
        /* It need not have put back the member that was there before. */
        json_t *member = json_object_get(object, name);
        json_t *entry;
        size_t k;
        if (!any) {
            each_member(member, root, visit);
        }
        json_array_foreach(member, k, entry)
        {
            each_member(entry, root, visit);
        }
    }
    json_decref(names);
}

/* It is in the file for others, and is not shown. */
static bool is_shown(const char *name)
{
    return strcmp(name, "seconds") != 0;
}

static void expect_named(json_t *root, const char *name)
{
    char quoted[64];

    if (strcmp(name, "format") == 0 || strcmp(name, "program") == 0) {
        refuse(root, "is no snapshot of relaywarden-milter");
    } else if (is_shown(name)) {
        snprintf(quoted, sizeof(quoted), "\"%s\" is missing or not what it should be", name);
        refuse(root, quoted);
    }
}

static void take_away(json_t *object, const char *name, json_t *root)
{
    json_t *member = json_incref(json_object_get(object, name));

    assert_int_equal(json_object_del(object, name), 0);
    expect_named(root, name);
    assert_int_equal(json_object_set_new(object, name, member), 0);
}

static void give_another_type(json_t *object, const char *name, json_t *root)
{
    json_t *member = json_incref(json_object_get(object, name));
    json_t *others[] = {json_integer(-1), json_pack("[[]]"), json_pack("{s:[]}", "x")};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(json_object_set_new(object, name, others[i]), 0);
        char error[MILTER_STATUS_ERROR_SIZE];
        struct milter_status *seen = parse(root, error);
        assert_true(seen == NULL || !is_shown(name));
        milter_status_free(seen);
    }
    assert_int_equal(json_object_set_new(object, name, member), 0);
}

static void a_member_that_is_missing_is_named(void **state)
{
    (void)state;
    json_t *object = sample();

    each_member(object, object, take_away);
    milter_status_free(take(object));
    json_decref(object);
}

static void a_member_of_another_type_is_refused(void **state)
{
    (void)state;
    json_t *object = sample();

    each_member(object, object, give_another_type);
    milter_status_free(take(object));
    json_decref(object);
}

static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    char *text = sample_read_file(SAMPLE);
    size_t end = strlen(text);

    while (end > 0 && text[end - 1] != '}') {
        end--;
    }
    for (size_t length = 0; length < end; length += length < end - 64 ? 7 : 1) {
        char error[MILTER_STATUS_ERROR_SIZE] = "";
        assert_null(milter_status_parse(text, length, "FILE", error));
        assert_non_null(strstr(error, "is not whole JSON (line "));
    }
    free(text);
}

static void what_is_nested_without_end_is_refused(void **state)
{
    (void)state;
    static char text[100000];
    char error[MILTER_STATUS_ERROR_SIZE] = "";

    memset(text, '[', sizeof(text));
    assert_null(milter_status_parse(text, sizeof(text), "FILE", error));
    assert_non_null(strstr(error, "is not whole JSON"));
    json_t *object = sample();
    json_t *deep = json_string("x");
    for (int i = 0; i < 100; i++) {
        deep = json_pack("[o]", deep);
    }
    assert_int_equal(json_object_set_new(object, "later", deep), 0);
    refuse(object, "must not be shown");
    json_decref(object);
}

static void put_control_characters(json_t *object, const char *name, json_t *root)
{
    json_t *member = json_object_get(object, name);

    if (json_is_string(member) && strcmp(name, "program") != 0 && strcmp(name, "started") != 0 &&
        strcmp(name, "written") != 0 && milter_status_time(object, name) == 0) {
        json_t *before = json_string(json_string_value(member));
        assert_int_equal(json_object_set_new(object, name, json_string("a\033[2Jb")), 0);
        refuse(root, "characters that must not be shown");
        assert_int_equal(json_object_set_new(object, name, before), 0);
    }
}

static void a_text_that_must_not_be_shown_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    json_t *object = sample();

    each_member(object, object, put_control_characters);
    json_t *incident =
        json_array_get(json_object_get(json_object_get(object, "incidents"), "open"), 0);
    json_t *evidence = json_object_get(incident, "evidence");
    static const char *const hostile[] = {"\u202e", "\u2028", "\xc2\x9b", "\x7f", "a\nb"};
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_int_equal(json_object_set_new(evidence, "helo", json_string(hostile[i])), 0);
        refuse(object, "must not be shown");
        assert_int_equal(json_object_set_new(evidence, "helo", json_string("x")), 0);
        assert_int_equal(json_object_set_new(evidence, hostile[i], json_string("x")), 0);
        refuse(object, "must not be shown");
        assert_int_equal(json_object_del(evidence, hostile[i]), 0);
    }
    assert_int_equal(json_object_set_new(object, "later", json_pack("[s]", "\033")), 0);
    refuse(object, "must not be shown");
    json_decref(object);
}

static void members_and_words_of_a_later_version_are_passed_over(void **state)
{
    (void)state;
    json_t *object = sample();

    assert_int_equal(json_object_set_new(object, "later", json_pack("{s:[i]}", "x", 1)), 0);
    assert_int_equal(json_object_set_new(object, "version", json_string("9.9")), 0);
    json_t *incident =
        json_array_get(json_object_get(json_object_get(object, "incidents"), "open"), 0);
    assert_int_equal(json_object_set_new(incident, "severity", json_string("dire")), 0);
    milter_status_free(take(object));
    assert_int_equal(json_object_set_new(object, "format", json_integer(2)), 0);
    refuse(object, "has format 2, and this version knows 1; install");
    assert_int_equal(json_object_set_new(object, "format", json_integer(0)), 0);
    refuse(object, "is no snapshot of relaywarden-milter");
    json_decref(object);
}

static void a_file_that_is_too_big_or_none_is_refused(void **state)
{
    (void)state;
    char *folder = sample_folder();
    char path[256];
    char error[MILTER_STATUS_ERROR_SIZE] = "";

    assert_null(milter_status_read(folder, error));
    assert_non_null(strstr(error, "is no regular file; name the snapshot.json"));
    assert_null(milter_status_read(sample_path(folder, "\033[2J", path), error));
    assert_non_null(strstr(error, "\\x1B[2J: No such file or directory; name the snapshot.json"));
    sample_path(folder, "big", path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(truncate(path, (8L << 20) + 1), 0);
    assert_null(milter_status_read(path, error));
    assert_non_null(strstr(error, "has more than 8 MiB"));
    assert_int_equal(truncate(path, 8L << 20), 0);
    assert_null(milter_status_read(path, error));
    assert_non_null(strstr(error, "is not whole JSON"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(milter_status_read(path, error));
    assert_non_null(strstr(error, "is no regular file"));
    sample_folder_remove(folder);
}

/* ---- what it means ---- */

static void its_age_is_told(void **state)
{
    (void)state;
    json_t *object = sample();
    struct milter_status *seen = take(object);
    char doubt[MILTER_STATUS_DOUBT_SIZE];

    assert_string_equal(milter_status_doubt(seen, WRITTEN, doubt), "");
    assert_string_equal(milter_status_doubt(seen, WRITTEN + 899, doubt), "");
    assert_non_null(
        strstr(milter_status_doubt(seen, WRITTEN + 1000, doubt), "It is 16 minutes old"));
    assert_non_null(
        strstr(milter_status_doubt(seen, WRITTEN + 4L * 86400, doubt), "It is 4 days old"));
    assert_non_null(
        strstr(milter_status_doubt(seen, WRITTEN - 7200, doubt), "written 2 hours from now"));
    milter_status_free(seen);
    assert_int_equal(json_object_set_new(object, "state", json_string("stopped")), 0);
    seen = take(object);
    assert_non_null(
        strstr(milter_status_doubt(seen, WRITTEN + 1, doubt), "was stopped 1 second ago"));
    milter_status_free(seen);
    json_decref(object);
}

static void the_probes_visits_are_told(void **state)
{
    (void)state;
    json_t *object = sample();
    json_t *probe = json_object_get(object, "probe");
    char text[MILTER_STATUS_DOUBT_SIZE];
    struct milter_status *seen = take(object);

    assert_string_equal(milter_status_visits(seen, text), "last recognised 2026-11-22T08:25:39Z");
    milter_status_free(seen);
    assert_int_equal(json_object_set_new(probe, "seen_since_start", json_false()), 0);
    seen = take(object);
    assert_non_null(
        strstr(milter_status_visits(seen, text), "one is awaited since 2026-11-22T08:25:39Z"));
    milter_status_free(seen);
    assert_int_equal(json_object_set_new(probe, "expected_seconds", json_null()), 0);
    seen = take(object);
    assert_string_equal(milter_status_visits(seen, text), "none is expected");
    milter_status_free(seen);
    assert_int_equal(json_object_set_new(probe, "expected_seconds", json_integer(93600)), 0);
    assert_int_equal(json_object_set_new(probe, "missing", json_true()), 0);
    seen = take(object);
    assert_non_null(strstr(milter_status_visits(seen, text), "one is expected every 26 hours"));
    assert_null(strstr(text, "inside"));
    milter_status_free(seen);
    /* An ask from inside before the last one from outside is not worth a word. */
    assert_int_equal(
        json_object_set_new(probe, "inside_last_seen", json_string("2026-11-22T08:25:39Z")), 0);
    seen = take(object);
    assert_null(strstr(milter_status_visits(seen, text), "inside"));
    milter_status_free(seen);
    assert_int_equal(
        json_object_set_new(probe, "inside_last_seen", json_string("2026-11-22T08:25:40Z")), 0);
    seen = take(object);
    assert_non_null(strstr(milter_status_visits(seen, text),
                           "One asked from inside, the last time at 2026-11-22T08:25:40Z"));
    milter_status_free(seen);
    json_decref(object);
}

/* ---- how it is shown ---- */

static char *page_of(const struct milter_status *seen, time_t now)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    page_milter(out, seen, now);
    assert_int_equal(fclose(out), 0);
    return text;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void the_page_shows_all_of_it_and_takes_no_markup_from_it(void **state)
{
    (void)state;
    json_t *object = sample();
    json_t *incidents = json_object_get(object, "incidents");
    json_t *incident = json_array_get(json_object_get(incidents, "open"), 0);

    assert_int_equal(json_object_set_new(incident, "kind", json_string("<b>&\"'</b>")), 0);
    assert_int_equal(json_object_set_new(incident, "severity", json_string("\" onclick=x")), 0);
    assert_int_equal(json_object_set_new(incidents, "open_count", json_integer(9)), 0);
    struct milter_status *seen = take(object);
    char *page = page_of(seen, WRITTEN + 7200);
    static const char *const words[] = {
        "The milter's view",
        "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;",
        "&quot; onclick=x",
        "count 41",
        "Open since <time datetime=\"2026-11-22T08:25:39Z\">",
        "7 more are left out",
        "Incidents that are over",
        "2001:db8::7",
        "Not what is so now",
        "It is 2 hours old",
        "half of them within 2.5 us, 99 of 100 within 250 us",
        "a.test, b.test",
        "<tr><th scope=\"row\">Hellos</th><td>answered</td><td>11</td></tr>",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(page, words[i]) == NULL) {
            fail_msg("the page has no \"%s\"", words[i]);
        }
    }
    assert_null(strstr(page, "<b>"));
    assert_null(strstr(page, "\" onclick"));
    assert_null(strstr(page, "<script"));
    assert_int_equal(count_of(page, "<table>"), count_of(page, "<caption>"));
    assert_int_equal(count_of(page, "<article"), count_of(page, "</article>"));
    free(page);
    milter_status_free(seen);
    json_decref(object);
}

static void what_is_not_known_is_told_as_that(void **state)
{
    (void)state;
    json_t *object = sample();

    assert_int_equal(json_object_set_new(object, "incidents", json_null()), 0);
    struct milter_status *seen = take(object);
    char *page = page_of(seen, WRITTEN);
    assert_non_null(strstr(page, "They are not known: the filter cannot read its state database"));
    assert_null(strstr(page, "There is none"));
    free(page);
    milter_status_free(seen);
    json_t *none = json_pack("{s:i, s:[], s:[]}", "open_count", 0, "open", "ended");
    assert_int_equal(json_object_set_new(object, "incidents", none), 0);
    seen = take(object);
    page = page_of(seen, WRITTEN);
    assert_non_null(strstr(page, "<p>There is none.</p>"));
    assert_null(strstr(page, "Not what is so now"));
    free(page);
    milter_status_free(seen);
    json_decref(object);
}

static void the_text_is_coloured_for_terminals_alone(void **state)
{
    (void)state;
    json_t *object = sample();
    struct milter_status *seen = take(object);

    for (int colour = 0; colour < 2; colour++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        milter_status_print(out, seen, WRITTEN + 7200, colour == 1);
        assert_int_equal(fclose(out), 0);
        assert_true((strchr(text, '\033') != NULL) == (colour == 1));
        assert_non_null(strstr(text, "warning   It is 2 hours old"));
        assert_non_null(strstr(text, "  undeclared domains: a.test, b.test\n"));
        assert_non_null(
            strstr(text, "    172.22.1.1 at 172.22.1.10:25, since 2026-11-22T08:25:39Z"));
        assert_non_null(strstr(text, "2026-11-21T08:00:00Z to 2026-11-21T10:00:00Z"));
        free(text);
    }
    milter_status_free(seen);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_read),
        cmocka_unit_test(a_member_that_is_missing_is_named),
        cmocka_unit_test(a_member_of_another_type_is_refused),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(what_is_nested_without_end_is_refused),
        cmocka_unit_test(a_text_that_must_not_be_shown_is_refused_wherever_it_stands),
        cmocka_unit_test(members_and_words_of_a_later_version_are_passed_over),
        cmocka_unit_test(a_file_that_is_too_big_or_none_is_refused),
        cmocka_unit_test(its_age_is_told),
        cmocka_unit_test(the_probes_visits_are_told),
        cmocka_unit_test(the_page_shows_all_of_it_and_takes_no_markup_from_it),
        cmocka_unit_test(what_is_not_known_is_told_as_that),
        cmocka_unit_test(the_text_is_coloured_for_terminals_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
