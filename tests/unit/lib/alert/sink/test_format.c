#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/sink/format.h"
#include "tests/unit/alert_sample.h"

static const char open_relay_line[] =
    "CRITICAL open-relay incident=0123456789abcdef state=opened client=198.51.100.9 "
    "helo=\"pc.example.net\" sender=\"<a@example.net>\" "
    "recipient=\"<\\\"b c\\\"@example.com>\" destination=external mailer=smtp "
    "nexthop=example.com listener=203.0.113.25:25 queue_id=4XyZ count=1 "
    "why=\"A stranger was granted relaying\"";

static const char open_relay_json[] =
    "{\"time\":\"2026-11-22T01:02:03Z\",\"program\":\"relaywarden-milter\","
    "\"host\":\"mx.example.org\",\"incident\":\"0123456789abcdef\",\"state\":\"opened\","
    "\"kind\":\"open-relay\",\"severity\":\"critical\",\"count\":1,"
    "\"subject\":{\"network\":\"198.51.100.0/24\",\"listener\":\"203.0.113.25:25\"},"
    "\"evidence\":{\"client\":\"198.51.100.9\",\"helo\":\"pc.example.net\","
    "\"sender\":\"<a@example.net>\",\"recipient\":\"<\\\"b c\\\"@example.com>\","
    "\"destination\":\"external\",\"mailer\":\"smtp\",\"nexthop\":\"example.com\","
    "\"queue_id\":\"4XyZ\"},\"why\":\"A stranger was granted relaying\","
    "\"fix\":\"Narrow mynetworks\",\"page\":\"%s\",\"schema\":1}";

static void the_line_of_an_open_relay_is_exact(void **state)
{
    (void)state;
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    char line[2048];

    assert_int_equal(format_kv(line, sizeof(line), &announcement), strlen(open_relay_line));
    assert_string_equal(line, open_relay_line);
}

static void a_resolved_incident_keeps_its_label_and_tells_its_count(void **state)
{
    (void)state;
    struct finding finding = sample_finding(FINDING_UNDECLARED_DESTINATION, "x", "y");
    finding.count = UINT64_MAX;
    struct announcement announcement = sample_announcement(&finding);
    announcement.state = INCIDENT_RESOLVED;
    char line[512];

    format_kv(line, sizeof(line), &announcement);
    assert_string_equal(line, "WARNING undeclared-destination incident=0123456789abcdef "
                              "state=resolved listener=x count=18446744073709551615 "
                              "why=\"over: nothing of the kind since 1970-01-01T00:00:00Z; it "
                              "was: Seen from y\"");
}

static void a_value_is_quoted_when_the_line_could_be_misread(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned int places;
        const char *shown;
    } rows[] = {
        {"plain", FIELD_LOGGED, " x=plain "},
        {"plain", FIELD_LOGGED | FIELD_QUOTED, " x=\"plain\" "},
        {"", FIELD_LOGGED, " x=\"\" "},
        {"two words", FIELD_LOGGED, " x=\"two words\" "},
        {"a=b", FIELD_LOGGED, " x=\"a=b\" "},
        {"say \"hi\"", FIELD_LOGGED, " x=\"say \\\"hi\\\"\" "},
        {"\"", FIELD_LOGGED | FIELD_QUOTED, " x=\"\\\"\" "},
        {"back\\slash", FIELD_LOGGED | FIELD_QUOTED, " x=\"back\\\\slash\" "},
        {"two\nlines", FIELD_LOGGED, " x=two\\x0Alines "},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct finding finding;
        char line[512];

        finding_init(&finding, FINDING_OPEN_RELAY);
        assert_true(finding_add(&finding, "x", rows[i].places, rows[i].value));
        struct announcement announcement = sample_announcement(&finding);
        format_kv(line, sizeof(line), &announcement);
        assert_non_null(strstr(line, rows[i].shown));
    }
}

static void a_quote_in_the_reason_cannot_end_it(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_why(&finding, "helo \" count=9");
    struct announcement announcement = sample_announcement(&finding);
    char line[512];

    format_kv(line, sizeof(line), &announcement);
    assert_non_null(strstr(line, " count=1 why=\"helo \\\" count=9\""));
}

static void the_reason_of_a_resolved_incident_says_that_it_is_over(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_why(&finding, "The MTA took it");
    struct announcement announcement = sample_announcement(&finding);
    announcement.state = INCIDENT_RESOLVED;
    announcement.incident.last_seen = announcement.time - 3600;
    char line[512];

    format_kv(line, sizeof(line), &announcement);
    assert_non_null(strstr(line, "CRITICAL open-relay incident=0123456789abcdef state=resolved "));
    assert_non_null(strstr(line, " why=\"over: nothing of the kind since 2026-11-22T00:02:03Z; it "
                                 "was: The MTA took it\""));
    json_t *object = format_json(&announcement, &sample_identity);
    assert_string_equal(
        json_string_value(json_object_get(object, "why")),
        "over: nothing of the kind since 2026-11-22T00:02:03Z; it was: The MTA took it");
    json_decref(object);
}

static void a_line_that_does_not_fit_is_cut_between_characters(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_why(&finding, "aä€😀ä€😀aä€😀ä€😀");
    struct announcement announcement = sample_announcement(&finding);
    char whole[512];
    size_t length = format_kv(whole, sizeof(whole), &announcement);

    for (size_t size = 1; size <= length; size++) {
        char line[512];
        size_t cut = format_kv(line, size, &announcement);
        json_t *valid = json_stringn(line, cut);

        assert_non_null(valid);
        json_decref(valid);
        assert_true(cut < size && line[cut] == '\0');
        if (size > 4) {
            assert_true(cut + 4 >= size - 3);
            assert_string_equal(line + cut - 3, "...");
            assert_memory_equal(line, whole, cut - 3);
        }
    }
    assert_int_equal(format_kv(whole, 0, &announcement), 0);
}

static void text_is_cut_after_the_last_whole_character(void **state)
{
    (void)state;
    const char text[] = "aä€😀";
    const size_t cut[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};

    for (size_t max = 0; max < sizeof(cut) / sizeof(cut[0]); max++)
        assert_int_equal(format_cut(text, max), cut[max]);
}

static void the_json_of_an_open_relay_is_exact(void **state)
{
    (void)state;
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    json_t *object = format_json(&announcement, &sample_identity);
    char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);

    assert_non_null(text);
    char page[FINDING_PAGE_SIZE];
    char *expected = NULL;

    assert_true(asprintf(&expected, open_relay_json, finding_page(FINDING_OPEN_RELAY, page)) > 0);
    assert_string_equal(text, expected);
    free(expected);
    free(text);
    json_decref(object);
}

static void invalid_utf8_does_not_erase_a_finding(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_why(&finding, "bad \xFF octet");
    struct announcement announcement = sample_announcement(&finding);
    json_t *object = format_json(&announcement, &sample_identity);

    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "why")), "bad \\xFF octet");
    json_decref(object);
}

static void a_count_past_what_json_can_hold_stays_positive(void **state)
{
    (void)state;
    struct finding finding = sample_open_relay();
    finding.count = UINT64_MAX;
    struct announcement announcement = sample_announcement(&finding);
    json_t *object = format_json(&announcement, &sample_identity);

    assert_non_null(object);
    assert_int_equal(json_integer_value(json_object_get(object, "count")), INT64_MAX);
    json_decref(object);
}

static unsigned long allocations_left;

static void *failing_allocation(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(size);
}

static void json_without_memory_is_null_at_every_step(void **state)
{
    (void)state;
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    json_t *object = NULL;
    unsigned long steps = 0;

    json_set_alloc_funcs(failing_allocation, free);
    for (; object == NULL; steps++) {
        allocations_left = steps;
        object = format_json(&announcement, &sample_identity);
    }
    json_decref(object);
    json_set_alloc_funcs(malloc, free);
    assert_true(steps > 30);
}

static void a_time_is_rfc_3339_in_utc(void **state)
{
    (void)state;
    char text[21];

    setenv("TZ", "Asia/Kolkata", 1);
    assert_string_equal(format_time(text, 0), "1970-01-01T00:00:00Z");
    assert_string_equal(format_time(text, 1795309323), "2026-11-22T01:02:03Z");
    if (sizeof(time_t) == sizeof(int64_t)) { /* a shorter one holds no time that has no such form */
        time_t longest = (time_t)(INT64_MAX >> (64 - 8 * sizeof(time_t)));
        assert_string_equal(format_time(text, longest), "1970-01-01T00:00:00Z");
    }
    unsetenv("TZ");
}

/* The object behind the cookie; the caller owns it. */
static json_t *cee_object(const char *line)
{
    json_t *object = NULL;

    assert_int_equal(strncmp(line, "@cee: ", 6), 0);
    object = json_loads(line + 6, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    return object;
}

static void cee_is_the_json_line_behind_a_cookie(void **state)
{
    (void)state;
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    char line[8192];

    size_t length = format_cee(line, sizeof(line), &announcement, &sample_identity);
    assert_int_equal(length, strlen(line));
    json_t *object = cee_object(line);
    json_t *same = format_json(&announcement, &sample_identity);
    assert_true(json_equal(object, same));
    json_decref(object);
    json_decref(same);

    length = format_cee_line(line, sizeof(line), "a \"b\"", &sample_identity);
    assert_int_equal(length, strlen(line));
    object = cee_object(line);
    assert_string_equal(json_string_value(json_object_get(object, "message")), "a \"b\"");
    json_decref(object);
}

static void cee_that_does_not_fit_is_still_one_whole_object(void **state)
{
    (void)state;
    struct finding finding = sample_open_relay();
    char filler[500];
    char line[8192];

    memset(filler, '"', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    while (finding_add(&finding, "filler", FIELD_EVIDENCE, filler))
        finding.field[finding.fields - 1].name = finding.fields % 2 == 0 ? "even" : "odd";
    finding_why(&finding, "%s", filler);
    finding_fix(&finding, "%s%s", filler, filler);
    struct announcement announcement = sample_announcement(&finding);
    for (size_t size = 700; size <= sizeof(line); size += 97) {
        size_t length = format_cee(line, size, &announcement, &sample_identity);

        assert_true(length < size && length == strlen(line));
        json_t *object = cee_object(line);
        assert_string_equal(json_string_value(json_object_get(object, "incident")),
                            "0123456789abcdef");
        json_decref(object);
    }
    assert_true(format_cee(line, 100, &announcement, &sample_identity) < 100);
    assert_int_equal(strncmp(line, "CRITICAL open-relay", 19), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_of_an_open_relay_is_exact),
        cmocka_unit_test(a_resolved_incident_keeps_its_label_and_tells_its_count),
        cmocka_unit_test(a_value_is_quoted_when_the_line_could_be_misread),
        cmocka_unit_test(a_quote_in_the_reason_cannot_end_it),
        cmocka_unit_test(the_reason_of_a_resolved_incident_says_that_it_is_over),
        cmocka_unit_test(a_line_that_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(text_is_cut_after_the_last_whole_character),
        cmocka_unit_test(the_json_of_an_open_relay_is_exact),
        cmocka_unit_test(invalid_utf8_does_not_erase_a_finding),
        cmocka_unit_test(a_count_past_what_json_can_hold_stays_positive),
        cmocka_unit_test(json_without_memory_is_null_at_every_step),
        cmocka_unit_test(a_time_is_rfc_3339_in_utc),
        cmocka_unit_test(cee_is_the_json_line_behind_a_cookie),
        cmocka_unit_test(cee_that_does_not_fit_is_still_one_whole_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
