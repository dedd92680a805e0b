#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/finding.h"

static void a_new_finding_is_empty_with_its_usual_severity(void **state)
{
    (void)state;
    struct finding finding;
    memset(&finding, 0xFF, sizeof(finding));
    finding_init(&finding, FINDING_UNDECLARED_DESTINATION);
    assert_int_equal(finding.kind, FINDING_UNDECLARED_DESTINATION);
    assert_int_equal(finding.severity, SEVERITY_WARNING);
    assert_int_equal(finding.count, 1);
    assert_int_equal(finding.fields, 0);
    assert_string_equal(finding.key, "");
    assert_string_equal(finding.fold, "");
    assert_string_equal(finding.why, "");
    assert_string_equal(finding.fix.text, "");
    assert_null(finding_get(&finding, "client"));
}

static void every_kind_has_its_usual_severity(void **state)
{
    (void)state;
    static const enum severity expected[FINDING_KINDS] = {
        [FINDING_OPEN_RELAY] = SEVERITY_CRITICAL,
        [FINDING_CLIENT_ADDRESS_HIDDEN] = SEVERITY_CRITICAL,
        [FINDING_XCLIENT_EXPOSED] = SEVERITY_CRITICAL,
        [FINDING_PROXY_PROTOCOL_EXPOSED] = SEVERITY_CRITICAL,
        [FINDING_ANONYMOUS_AUTH] = SEVERITY_CRITICAL,
        [FINDING_UNDECLARED_DESTINATION] = SEVERITY_WARNING,
        [FINDING_SUSPECTED_RELAY] = SEVERITY_WARNING,
        [FINDING_SERVICE_REFUSED] = SEVERITY_WARNING,
        [FINDING_MILTER_MISSING] = SEVERITY_WARNING,
        [FINDING_PROBE_MISSING] = SEVERITY_WARNING,
        [FINDING_PROBE_BLOCKED] = SEVERITY_WARNING,
        [FINDING_HOLD_IMPOSSIBLE] = SEVERITY_WARNING,
        [FINDING_VANTAGE_INSIDE] = SEVERITY_WARNING,
        [FINDING_VANTAGE_SILENT] = SEVERITY_WARNING,
        /* vantage-unproven and posture: information, which is the zero of the rest */
    };
    for (unsigned int kind = 0; kind < FINDING_KINDS; kind++)
        assert_int_equal(finding_kind_severity((enum finding_kind)kind), expected[kind]);
}

static void fields_keep_their_order_and_places(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    assert_true(finding_add(&finding, "client", FIELD_SUBJECT | FIELD_LOGGED, "192.0.2.1"));
    assert_true(finding_add(&finding, "helo", FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED, "x y"));
    assert_true(finding_add(&finding, "mailer", FIELD_EVIDENCE, NULL));
    assert_int_equal(finding.fields, 3);
    assert_string_equal(finding.field[0].name, "client");
    assert_int_equal(finding.field[0].places, FIELD_SUBJECT | FIELD_LOGGED);
    assert_string_equal(finding.field[1].name, "helo");
    assert_int_equal(finding.field[1].places, FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED);
    assert_string_equal(finding_get(&finding, "client"), "192.0.2.1");
    assert_string_equal(finding_get(&finding, "helo"), "x y");
    assert_string_equal(finding_get(&finding, "mailer"), "");
    assert_null(finding_get(&finding, "nexthop"));
}

static void a_value_is_made_printable(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    assert_true(finding_add(&finding, "helo", FIELD_EVIDENCE, "a\r\nb\xFF\xE2\x80\xAE\\"));
    assert_string_equal(finding_get(&finding, "helo"), "a\\x0D\\x0Ab\\xFF\\u{202E}\\\\");
}

static void a_long_value_is_cut_and_shows_it(void **state)
{
    (void)state;
    struct finding finding;
    char value[2 * FINDING_VALUE_MAX];
    memset(value, 'x', sizeof(value));
    finding_init(&finding, FINDING_OPEN_RELAY);
    value[FINDING_VALUE_MAX] = '\0';
    assert_true(finding_add(&finding, "whole", FIELD_EVIDENCE, value));
    assert_string_equal(finding_get(&finding, "whole"), value);
    value[FINDING_VALUE_MAX] = 'x';
    value[sizeof(value) - 1] = '\0';
    assert_true(finding_add(&finding, "cut", FIELD_EVIDENCE, value));
    const char *cut = finding_get(&finding, "cut");
    assert_int_equal(strlen(cut), FINDING_VALUE_MAX);
    assert_string_equal(cut + FINDING_VALUE_MAX - 4, "x...");
}

static void a_field_too_many_is_left_out(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    for (int i = 0; i < FINDING_FIELDS; i++)
        assert_true(finding_add(&finding, "client", FIELD_SUBJECT, "x"));
    assert_false(finding_add(&finding, "last", FIELD_SUBJECT, "x"));
    assert_null(finding_get(&finding, "last"));
    assert_int_equal(finding.fields, FINDING_FIELDS);
}

static void a_full_arena_leaves_a_field_out_and_takes_a_shorter_one(void **state)
{
    (void)state;
    struct finding finding;
    char value[FINDING_VALUE_MAX + 1];
    memset(value, 'x', sizeof(value));
    value[FINDING_VALUE_MAX] = '\0';
    finding_init(&finding, FINDING_OPEN_RELAY);
    while (finding_add(&finding, "long", FIELD_EVIDENCE, value))
        assert_true(finding.fields < FINDING_FIELDS);
    size_t left = FINDING_ARENA - finding.arena_used;
    assert_true(left > 1 && left <= FINDING_VALUE_MAX);
    value[left] = '\0';
    assert_false(finding_add(&finding, "short", FIELD_EVIDENCE, value));
    assert_null(finding_get(&finding, "short"));
    value[left - 1] = '\0';
    assert_true(finding_add(&finding, "short", FIELD_EVIDENCE, value));
    assert_string_equal(finding_get(&finding, "short"), value);
    assert_int_equal(finding.arena_used, FINDING_ARENA);
    assert_false(finding_add(&finding, "empty", FIELD_EVIDENCE, ""));
}

static void a_copy_is_a_finding_of_its_own(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    assert_true(finding_add(&finding, "client", FIELD_SUBJECT, "192.0.2.1"));
    struct finding copy = finding;
    memset(&finding, 0, sizeof(finding));
    assert_string_equal(finding_get(&copy, "client"), "192.0.2.1");
}

static void why_and_fix_are_formatted(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_why(&finding, "%s relayed %d times", "192.0.2.1", 3);
    finding_fix(&finding, "take %s out of mynetworks", "0.0.0.0/0");
    assert_string_equal(finding.why, "192.0.2.1 relayed 3 times");
    assert_string_equal(finding.fix.text, "take 0.0.0.0/0 out of mynetworks");
    finding_why(&finding, "again");
    assert_string_equal(finding.why, "again");
}

/* A text of which the last character ends `over` octets behind what `why` can hold. */
static void assert_cut_before(const char *character, size_t over)
{
    struct finding finding;
    char text[2 * FINDING_WHY_SIZE];
    size_t head = FINDING_WHY_SIZE - 1 + over - strlen(character);
    memset(text, 'x', head);
    memcpy(text + head, character, strlen(character) + 1);
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_why(&finding, "%s%s", text, over == 0 ? "y" : "");
    assert_int_equal(strlen(finding.why), over == 0 ? FINDING_WHY_SIZE - 1 : head);
    assert_memory_equal(finding.why, text, strlen(finding.why));
}

static void a_text_is_cut_at_a_characters_boundary(void **state)
{
    (void)state;
    static const char *const characters[] = {"z", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x93\xA7"};
    for (size_t octets = 1; octets <= 4; octets++) {
        for (size_t over = 0; over < octets; over++)
            assert_cut_before(characters[octets - 1], over);
    }
}

static void a_subject_is_its_fold_and_the_rest(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_subject(&finding, "203.0.113.25:25", "192.0.2.0/24");
    assert_string_equal(finding.fold, "203.0.113.25:25");
    assert_string_equal(finding.key, "203.0.113.25:25 192.0.2.0/24");
    finding_subject(&finding, "203.0.113.25:25", "");
    assert_string_equal(finding.key, "203.0.113.25:25");
    finding_subject(&finding, "", "");
    assert_string_equal(finding.fold, "");
    assert_string_equal(finding.key, "");
}

static void a_long_subject_is_cut(void **state)
{
    (void)state;
    struct finding finding;
    char fold[2 * FINDING_KEY_SIZE];
    memset(fold, 'f', sizeof(fold));
    fold[sizeof(fold) - 1] = '\0';
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_subject(&finding, fold, "rest");
    assert_int_equal(strlen(finding.fold), FINDING_KEY_SIZE - 1);
    assert_int_equal(strlen(finding.key), FINDING_KEY_SIZE - 1);
}

static void a_value_that_was_shown_before_is_added_as_it_is_or_refused(void **state)
{
    (void)state;
    struct finding finding;
    char longest[FINDING_VALUE_MAX + 2];

    finding_init(&finding, FINDING_OPEN_RELAY);
    assert_true(finding_add(&finding, "helo", FIELD_EVIDENCE, "a\\b\x01"));
    assert_true(
        finding_add_shown(&finding, "again", FIELD_EVIDENCE, finding_get(&finding, "helo")));
    assert_string_equal(finding_get(&finding, "again"), "a\\\\b\\x01");
    assert_false(finding_add_shown(&finding, "raw", FIELD_EVIDENCE, "a\x01"));
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_false(finding_add_shown(&finding, "long", FIELD_EVIDENCE, longest));
    assert_int_equal(finding.fields, 2);
}

static void the_rest_of_a_subject_may_stand_alone(void **state)
{
    (void)state;
    struct finding finding;
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_subject(&finding, "", "rest");
    assert_string_equal(finding.key, "rest");
    assert_string_equal(finding.fold, "");
}

static void the_longest_value_that_was_shown_is_added(void **state)
{
    (void)state;
    struct finding finding;
    char value[FINDING_VALUE_MAX + 2];
    memset(value, 'v', sizeof(value));
    value[FINDING_VALUE_MAX + 1] = '\0';
    finding_init(&finding, FINDING_OPEN_RELAY);
    assert_false(finding_add_shown(&finding, "text", FIELD_EVIDENCE, value));
    value[FINDING_VALUE_MAX] = '\0';
    assert_true(finding_add_shown(&finding, "text", FIELD_EVIDENCE, value));
    assert_string_equal(finding_get(&finding, "text"), value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_finding_is_empty_with_its_usual_severity),
        cmocka_unit_test(every_kind_has_its_usual_severity),
        cmocka_unit_test(fields_keep_their_order_and_places),
        cmocka_unit_test(a_value_is_made_printable),
        cmocka_unit_test(a_long_value_is_cut_and_shows_it),
        cmocka_unit_test(a_field_too_many_is_left_out),
        cmocka_unit_test(a_full_arena_leaves_a_field_out_and_takes_a_shorter_one),
        cmocka_unit_test(a_copy_is_a_finding_of_its_own),
        cmocka_unit_test(why_and_fix_are_formatted),
        cmocka_unit_test(a_text_is_cut_at_a_characters_boundary),
        cmocka_unit_test(a_subject_is_its_fold_and_the_rest),
        cmocka_unit_test(a_long_subject_is_cut),
        cmocka_unit_test(a_value_that_was_shown_before_is_added_as_it_is_or_refused),
        cmocka_unit_test(the_rest_of_a_subject_may_stand_alone),
        cmocka_unit_test(the_longest_value_that_was_shown_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
