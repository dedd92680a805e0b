/* Remedies keep their kind of server until they are shown. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/finding_json.h"
#include "lib/remedy.h"

static const char *part(const struct remedies *remedies, size_t i, bool named,
                        char out[REMEDIES_SIZE])
{
    const struct remedy_part *at = &remedies->part[i];

    snprintf(out, REMEDIES_SIZE, "%.*s", at->length + (named ? at->begin - at->shown : 0),
             remedies->text + (named ? at->shown : at->begin));
    return out;
}

static void each_remedy_can_be_shown_with_its_server_and_without(void **state)
{
    (void)state;
    struct remedies remedies = {.count = 0};
    char text[REMEDIES_SIZE];

    remedies_add(&remedies, MTA_UNKNOWN, "Look at %s.", "the log");
    remedies_add(&remedies, MTA_POSTFIX, "set it. Then reload.");
    assert_string_equal(remedies.text, "Look at the log. Postfix: set it. Then reload.");
    assert_int_equal(remedies.count, 2);
    assert_string_equal(part(&remedies, 0, true, text), "Look at the log.");
    assert_string_equal(part(&remedies, 1, true, text), "Postfix: set it. Then reload.");
    assert_string_equal(part(&remedies, 1, false, text), "set it. Then reload.");
    assert_int_equal(remedies.part[1].mta, MTA_POSTFIX);
}

static void a_full_text_is_cut_at_a_character_and_its_parts_stay_within_it(void **state)
{
    (void)state;
    struct remedies remedies = {.count = 0};

    for (int i = 0; i < 400; i++) {
        remedies_add(&remedies, MTA_EXIM, "\xc3\xa4\xc3\xb6\xe2\x82\xac");
    }
    assert_int_equal(remedies.count, REMEDIES_MAX);
    assert_in_range(strlen(remedies.text), REMEDIES_SIZE - 4, REMEDIES_SIZE - 1);
    for (size_t i = 0; i < remedies.count; i++) {
        assert_in_range((size_t)remedies.part[i].begin + remedies.part[i].length, 1,
                        strlen(remedies.text));
    }
    json_t *array = finding_json_remedies(&remedies);
    assert_int_equal(json_array_size(array), REMEDIES_MAX); /* all of it is valid UTF-8 */
    json_decref(array);
}

static void they_are_the_same_after_json(void **state)
{
    (void)state;
    struct remedies remedies = {.count = 0};
    struct remedies read;

    remedies_add(&remedies, MTA_SENDMAIL, "Postfix: is no prefix here.");
    remedies_add(&remedies, MTA_UNKNOWN, "For all.");
    json_t *array = finding_json_remedies(&remedies);
    assert_true(finding_json_read_remedies(&read, array));
    assert_string_equal(read.text, remedies.text);
    assert_int_equal(read.count, remedies.count);
    assert_memory_equal(read.part, remedies.part, sizeof(read.part));
    json_decref(array);
}

static void json_of_another_form_or_unprintable_is_no_remedy(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{}",
        "[1]",
        "[{\"mta\":null}]",
        "[{\"mta\":\"postfix\",\"text\":1}]",
        "[{\"mta\":null,\"text\":\"\\u001b\"}]",
    };
    struct remedies read;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json_t *value = json_loads(wrong[i], 0, NULL);
        assert_non_null(value);
        assert_false(finding_json_read_remedies(&read, value));
        json_decref(value);
    }
    assert_false(finding_json_read_remedies(&read, NULL));
}

static void a_server_that_is_not_known_is_every_server(void **state)
{
    (void)state;
    assert_int_equal(mta_from_word("exim"), MTA_EXIM);
    assert_int_equal(mta_from_word("qmail"), MTA_UNKNOWN);
    assert_int_equal(mta_from_word(NULL), MTA_UNKNOWN);
    assert_null(mta_word(MTA_UNKNOWN));
    assert_string_equal(mta_label(MTA_SENDMAIL), "Sendmail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_remedy_can_be_shown_with_its_server_and_without),
        cmocka_unit_test(a_full_text_is_cut_at_a_character_and_its_parts_stay_within_it),
        cmocka_unit_test(they_are_the_same_after_json),
        cmocka_unit_test(json_of_another_form_or_unprintable_is_no_remedy),
        cmocka_unit_test(a_server_that_is_not_known_is_every_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
