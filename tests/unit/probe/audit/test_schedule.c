#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe/audit/schedule.h"

static char mx[] = "mx";
static char submission[] = "submission";
static char example_org[] = "example.org";
static char mail_example_org[] = "mail.example.org";
static char other_example_org[] = "other.example.org";

static struct conf_target targets[] = {
    {.name = mx, .domain = example_org, .interval_seconds = 1000},
    {.name = submission, .host = mail_example_org, .interval_seconds = 3600},
};
static const struct conf_probe two = {.targets = targets, .target_count = 2};

static struct schedule *schedule;

static int begin(void **state)
{
    (void)state;
    schedule = schedule_new(&two, NULL, 100);
    return schedule != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    schedule_free(schedule);
    return 0;
}

static void every_target_is_due_at_once(void **state)
{
    (void)state;
    assert_true(schedule_is_due(schedule, 0, 100));
    assert_true(schedule_is_due(schedule, 1, 100));
    assert_int_equal(schedule_wait(schedule, 100), 0);
    assert_int_equal(schedule_wait(schedule, 150), 0);
}

static void an_audited_target_is_due_after_its_interval_give_or_take_a_tenth(void **state)
{
    (void)state;
    schedule_done(schedule, 0, 100, 0);
    schedule_done(schedule, 1, 100, 0);
    assert_int_equal(schedule_wait(schedule, 100), 900);
    schedule_done(schedule, 0, 100, 200);
    assert_int_equal(schedule_wait(schedule, 100), 1100);
    for (uint64_t chance = 0; chance <= UINT32_MAX; chance += 1000003) {
        schedule_done(schedule, 0, 100, (uint32_t)chance);
        assert_in_range(schedule_wait(schedule, 100), 900, 1100);
    }
    assert_false(schedule_is_due(schedule, 0, 999));
}

static void each_target_has_its_own_time(void **state)
{
    (void)state;
    schedule_done(schedule, 0, 100, 100);
    schedule_done(schedule, 1, 100, 360);
    assert_true(schedule_is_due(schedule, 0, 1100));
    assert_false(schedule_is_due(schedule, 1, 1100));
    assert_true(schedule_is_due(schedule, 1, 3700));
}

static void a_hurry_makes_all_due(void **state)
{
    (void)state;
    schedule_done(schedule, 0, 100, 0);
    schedule_done(schedule, 1, 100, 0);
    schedule_hurry(schedule, 150);
    assert_true(schedule_is_due(schedule, 0, 150));
    assert_true(schedule_is_due(schedule, 1, 150));
}

static void an_audit_that_could_not_be_made_is_tried_again_soon(void **state)
{
    (void)state;
    schedule_failed(schedule, 0, 100);
    schedule_failed(schedule, 1, 100);
    assert_int_equal(schedule_wait(schedule, 100), SCHEDULE_RETRY_S);
}

static void an_interval_of_a_second_never_becomes_none(void **state)
{
    (void)state;
    struct conf_target target = {.name = mx, .domain = example_org, .interval_seconds = 1};
    const struct conf_probe probe = {.targets = &target, .target_count = 1};
    struct schedule *short_one = schedule_new(&probe, NULL, 100);

    assert_non_null(short_one);
    schedule_done(short_one, 0, 100, UINT32_MAX);
    assert_int_equal(schedule_wait(short_one, 100), 1);
    schedule_free(short_one);
}

static void a_reload_keeps_times_and_audits_what_is_new_or_changed(void **state)
{
    (void)state;
    struct conf_target changed[] = {
        {.name = mx, .domain = other_example_org, .interval_seconds = 1000},
        {.name = submission, .host = mail_example_org, .interval_seconds = 3600},
        {.name = example_org, .host = other_example_org, .interval_seconds = 50},
    };
    const struct conf_probe three = {.targets = changed, .target_count = 3};
    schedule_done(schedule, 0, 100, 0);
    schedule_done(schedule, 1, 100, 360);
    struct schedule *after = schedule_new(&three, schedule, 200);

    assert_non_null(after);
    assert_true(schedule_is_due(after, 0, 200));
    assert_false(schedule_is_due(after, 1, 200));
    assert_true(schedule_is_due(after, 1, 3700));
    assert_true(schedule_is_due(after, 2, 200));
    schedule_free(after);
}

static void a_shorter_interval_counts_from_the_reload(void **state)
{
    (void)state;
    struct conf_target changed[] = {targets[0], targets[1]};
    const struct conf_probe probe = {.targets = changed, .target_count = 2};
    changed[1].interval_seconds = 60;
    schedule_done(schedule, 0, 100, 0);
    schedule_done(schedule, 1, 100, 0);
    struct schedule *after = schedule_new(&probe, schedule, 200);

    assert_non_null(after);
    assert_int_equal(schedule_wait(after, 200), 60);
    schedule_free(after);
}

/* The first target is known from before, and due in 1,000 s; the second is not. */
static bool is_due_after_a_reload(struct conf_target before, struct conf_target after)
{
    const struct conf_probe old = {.targets = &before, .target_count = 1};
    const struct conf_probe fresh = {.targets = &after, .target_count = 1};
    struct schedule *earlier = schedule_new(&old, NULL, 100);
    assert_non_null(earlier);
    schedule_done(earlier, 0, 100, 100);
    struct schedule *later = schedule_new(&fresh, earlier, 200);
    assert_non_null(later);
    bool due = schedule_is_due(later, 0, 200);
    schedule_free(later);
    schedule_free(earlier);
    return due;
}

static void a_target_is_the_same_by_name_place_and_kind(void **state)
{
    (void)state;
    static char upper[] = "MX";
    const struct conf_target known = {.name = mx, .domain = example_org, .interval_seconds = 1000};
    struct conf_target other = known;

    assert_false(is_due_after_a_reload(known, other));
    other.name = submission;
    assert_true(is_due_after_a_reload(known, other));
    other.name = upper;
    assert_true(is_due_after_a_reload(known, other));
    other = known;
    other.domain = other_example_org;
    assert_true(is_due_after_a_reload(known, other));
    other = known;
    other.domain = NULL;
    other.host = example_org;
    assert_true(is_due_after_a_reload(known, other));
}

static void a_short_interval_is_not_made_longer_by_a_failure(void **state)
{
    (void)state;
    struct conf_target target = {
        .name = mx, .domain = example_org, .interval_seconds = SCHEDULE_RETRY_S - 1};
    const struct conf_probe probe = {.targets = &target, .target_count = 1};
    struct schedule *short_one = schedule_new(&probe, NULL, 100);

    assert_non_null(short_one);
    schedule_failed(short_one, 0, 100);
    assert_int_equal(schedule_wait(short_one, 100), SCHEDULE_RETRY_S - 1);
    schedule_free(short_one);
    schedule_free(NULL);
}

#define MANY 5000

/* A roster of its own, for the caller to free. */
static struct conf_target *make_many(void)
{
    struct conf_target *many = calloc(MANY, sizeof(*many));

    assert_non_null(many);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(asprintf(&many[i].name, "t%zu", i) > 0);
        many[i].host = many[i].name;
        many[i].interval_seconds = 3600;
    }
    return many;
}

static void of_many_targets_those_that_are_due_soon_are_due_with_the_first(void **state)
{
    struct conf_target *many = make_many();
    const struct conf_probe probe = {.targets = many, .target_count = MANY};
    struct schedule *first = schedule_new(&probe, NULL, 100);

    (void)state;
    assert_non_null(first);
    for (size_t i = 0; i < MANY; i++) {
        schedule_done(first, i, 100, 360 + (uint32_t)(i % 100));
    }
    assert_int_equal(schedule_wait(first, 3700), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(schedule_is_due(first, i, 3700), i % 100 <= 36);
    }
    struct schedule *second = schedule_new(&probe, first, 200);
    assert_non_null(second);
    assert_int_equal(schedule_wait(second, 200), 3500);
    schedule_free(first);
    schedule_free(second);
    for (size_t i = 0; i < MANY; i++) {
        free(many[i].name);
    }
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_target_is_due_at_once, begin, end),
        cmocka_unit_test_setup_teardown(
            an_audited_target_is_due_after_its_interval_give_or_take_a_tenth, begin, end),
        cmocka_unit_test_setup_teardown(each_target_has_its_own_time, begin, end),
        cmocka_unit_test_setup_teardown(a_hurry_makes_all_due, begin, end),
        cmocka_unit_test_setup_teardown(an_audit_that_could_not_be_made_is_tried_again_soon, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_interval_of_a_second_never_becomes_none, begin, end),
        cmocka_unit_test_setup_teardown(a_reload_keeps_times_and_audits_what_is_new_or_changed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_shorter_interval_counts_from_the_reload, begin, end),
        cmocka_unit_test_setup_teardown(a_target_is_the_same_by_name_place_and_kind, begin, end),
        cmocka_unit_test_setup_teardown(a_short_interval_is_not_made_longer_by_a_failure, begin,
                                        end),
        cmocka_unit_test(of_many_targets_those_that_are_due_soon_are_due_with_the_first),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
