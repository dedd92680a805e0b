/* JUnit and SARIF, from texts that are hostile to both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/report/junit.h"
#include "probe/report/sarif.h"

static void a_suite_counts_its_cases_and_escapes_what_they_say(void **state)
{
    static const struct junit_case cases[] = {
        {.name = "plain", .outcome = JUNIT_PASSED},
        {.name = "null-sender",
         .outcome = JUNIT_FAILED,
         .type = "open",
         .message = "250 <a&b> \"Ok\"",
         .detail = "a\x01\xef\xbf\xbf\n]]>"},
        {.name = "quoted", .outcome = JUNIT_ERROR, .type = "unanswered", .message = "421"},
        {.name = "xclient", .outcome = JUNIT_SKIPPED, .message = "not offered"},
    };
    const struct junit_suite suite = {.name = "mx", .cases = cases, .count = 4, .seconds = 0.21};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    junit_begin(out, "p");
    junit_write(out, &suite);
    junit_end(out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(
        text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<testsuites name=\"p\">\n"
              "  <testsuite name=\"mx\" tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" "
              "time=\"0.21\">\n"
              "    <testcase classname=\"mx\" name=\"plain\"/>\n"
              "    <testcase classname=\"mx\" name=\"null-sender\">\n"
              "      <failure type=\"open\" message=\"250 &lt;a&amp;b&gt; &quot;Ok&quot;\">"
              "a??\n]]&gt;</failure>\n"
              "    </testcase>\n"
              "    <testcase classname=\"mx\" name=\"quoted\">\n"
              "      <error type=\"unanswered\" message=\"421\"></error>\n"
              "    </testcase>\n"
              "    <testcase classname=\"mx\" name=\"xclient\">\n"
              "      <skipped message=\"not offered\"></skipped>\n"
              "    </testcase>\n"
              "  </testsuite>\n"
              "</testsuites>\n");
    free(text);
}

static const struct sarif_rule rules[] = {{.id = "open-relay", .text = "Relaying was granted."}};
static const struct sarif_result in_a_file = {.rule = "open-relay",
                                              .level = SARIF_ERROR,
                                              .message = "the line \"opens\" it",
                                              .file = "/etc/postfix/access client",
                                              .line = 3,
                                              .key = "k"};
static const struct sarif_result at_an_endpoint = {
    .rule = "open-relay", .level = SARIF_NOTE, .message = "m", .place = "203.0.113.25:25"};

static json_t *made(const struct sarif_result *const *results, size_t count, size_t rule_count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    struct sarif sarif = sarif_begin(out, rules, rule_count);
    for (size_t i = 0; i < count; i++) {
        sarif_write(&sarif, results[i]);
    }
    assert_true(sarif_end(&sarif));
    assert_int_equal(fclose(out), 0);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    free(text);
    return object;
}

/* Takes the object over. */
static void assert_results(json_t *object, const char *wanted)
{
    json_t *run = json_array_get(json_object_get(object, "runs"), 0);
    char *text = json_dumps(json_object_get(run, "results"), JSON_COMPACT);

    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(object);
}

static void a_result_has_its_line_or_its_place(void **state)
{
    const struct sarif_result *const results[] = {&in_a_file, &at_an_endpoint};
    json_t *object = made(results, 2, 1);

    (void)state;
    assert_results(
        object, "[{\"ruleId\":\"open-relay\",\"level\":\"error\",\"message\":{\"text\":\"the line "
                "\\\"opens\\\" it\"},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{"
                "\"uri\":\"file:///etc/postfix/access%20client\"},\"region\":{\"startLine\":3}}}],"
                "\"partialFingerprints\":{\"relaywardenSubject/v1\":\"k\"}},"
                "{\"ruleId\":\"open-relay\",\"level\":\"note\",\"message\":{\"text\":\"m\"},"
                "\"locations\":[{\"logicalLocations\":[{\"fullyQualifiedName\":\"203.0.113.25:25\""
                ",\"kind\":\"resource\"}]}]}]");
}

static void a_run_without_findings_has_no_results(void **state)
{
    json_t *object = made(NULL, 0, 0);

    (void)state;
    assert_results(object, "[]");
}

static long allocations_left;

static void *failing_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void memory_that_runs_out_anywhere_is_told(void **state)
{
    bool whole = false;
    FILE *into = fopen("/dev/null", "w");

    (void)state;
    assert_non_null(into);
    json_set_alloc_funcs(failing_malloc, free);
    for (long allowed = 0; !whole; allowed++) {
        assert_true(allowed < 10000);
        allocations_left = allowed;
        struct sarif sarif = sarif_begin(into, rules, 1);
        sarif_write(&sarif, &in_a_file);
        whole = sarif_end(&sarif);
        assert_true(whole || allocations_left < 0);
    }
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(fclose(into), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_suite_counts_its_cases_and_escapes_what_they_say),
        cmocka_unit_test(a_result_has_its_line_or_its_place),
        cmocka_unit_test(a_run_without_findings_has_no_results),
        cmocka_unit_test(memory_that_runs_out_anywhere_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
