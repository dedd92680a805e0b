#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/finding_json.h"
#include "tests/unit/alert_sample.h"

static void a_finding_survives_being_written_and_read(void **state)
{
    (void)state;
    struct finding finding = sample_open_relay();
    struct finding read;

    assert_true(finding_add(&finding, "banner", FIELD_EVIDENCE, "\"\\\r\n\x1b[2J\xE2\x80\xAE\xC3"));
    char *text = finding_json_write(&finding);
    assert_non_null(text);
    finding_init(&read, FINDING_OPEN_RELAY);
    assert_true(finding_json_read(&read, text));
    free(text);
    assert_string_equal(read.why, finding.why);
    assert_string_equal(read.fix.text, finding.fix.text);
    assert_int_equal(read.fields, finding.fields);
    assert_int_equal(read.arena_used, finding.arena_used);
    assert_memory_equal(read.arena, finding.arena, finding.arena_used);
    for (size_t i = 0; i < finding.fields; i++) {
        assert_string_equal(read.field[i].name, finding.field[i].name);
        assert_int_equal(read.field[i].places, finding.field[i].places);
    }
}

static void what_is_not_printable_or_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{\"why\":\"w\",\"fix\":\"f\"}",
        "{\"why\":\"w\",\"fix\":\"f\",\"fields\":{}}",
        "{\"why\":\"w\",\"fix\":\"f\",\"fields\":[],\"more\":1}",
        "{\"why\":\"w\",\"why\":\"w\",\"fix\":\"f\",\"fields\":[]}",
        "{\"why\":\"\\u001b[2J\",\"fix\":\"f\",\"fields\":[]}",
        "{\"why\":\"w\",\"fix\":\"\\u202e\",\"fields\":[]}",
        "{\"why\":\"w\",\"fix\":\"f\",\"fields\":[[\"a\",2]]}",
        "{\"why\":\"w\",\"fix\":\"f\",\"fields\":[[\"a\",99,\"v\"]]}",
        "{\"why\":\"w\",\"fix\":\"f\",\"fields\":[[\"a\",2,\"v\\n\"]]}",
    };
    struct finding finding;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        finding_init(&finding, FINDING_OPEN_RELAY);
        assert_false(finding_json_read(&finding, refused[i]));
    }
    finding_init(&finding, FINDING_OPEN_RELAY);
    assert_true(finding_json_read(
        &finding, "{\"why\":\"w\",\"fix\":\"f\",\"fields\":[[\"a\",2,\"v\"],[\"A b\",2,\"v\"]]}"));
    assert_int_equal(finding.fields, 1); /* a name that is none is left out */
}

static void the_names_that_are_kept_are_bounded(void **state)
{
    (void)state;
    struct finding finding;
    char text[128];
    int known = 0;

    for (int i = 0; i < FINDING_JSON_NAMES + 50; i++) {
        snprintf(text, sizeof(text), "{\"why\":\"\",\"fix\":\"\",\"fields\":[[\"n%d\",2,\"v\"]]}",
                 i);
        finding_init(&finding, FINDING_OPEN_RELAY);
        assert_true(finding_json_read(&finding, text));
        known += finding.fields == 1;
    }
    assert_in_range(known, 1, FINDING_JSON_NAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finding_survives_being_written_and_read),
        cmocka_unit_test(what_is_not_printable_or_of_another_form_is_refused),
        cmocka_unit_test(the_names_that_are_kept_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
