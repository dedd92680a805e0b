/* Times by one clock told by the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "lib/sys/clocks.h"

static const struct clocks now = {.wall = 1800000000, .steady = 5000};

static void what_was_then_is_as_long_ago_by_either_clock(void **state)
{
    (void)state;
    assert_int_equal(clocks_steady(&now, 1800000000 - 60), 4940);
    assert_int_equal(clocks_wall(&now, 4940), 1800000000 - 60);
    assert_int_equal(clocks_wall(&now, clocks_steady(&now, 1799990000)), 1799990000);
}

static void a_time_to_come_counts_as_now(void **state)
{
    (void)state;
    assert_int_equal(clocks_steady(&now, 1800000001), 5000);
    assert_int_equal(clocks_steady(&now, INT64_MAX), 5000);
}

static void never_stays_never_and_no_time_is_never(void **state)
{
    (void)state;
    const struct clocks here = clocks_now();

    assert_int_equal(clocks_steady(&now, 0), 0);
    assert_int_equal(clocks_wall(&now, 0), 0);
    assert_true(clocks_steady(&here, 1) > 0);
}

static void both_go_on_and_the_wall_clock_is_unix_time(void **state)
{
    (void)state;
    const struct clocks before = clocks_now();
    const struct clocks after = clocks_now();

    assert_true(after.steady >= before.steady && after.steady - before.steady < 60);
    assert_true(after.wall >= time(NULL) - 60 && after.wall <= time(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_then_is_as_long_ago_by_either_clock),
        cmocka_unit_test(a_time_to_come_counts_as_now),
        cmocka_unit_test(never_stays_never_and_no_time_is_never),
        cmocka_unit_test(both_go_on_and_the_wall_clock_is_unix_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
