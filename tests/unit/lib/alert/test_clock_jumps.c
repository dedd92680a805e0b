/* The wall clock is set while a reporter runs: what lasts for a time lasts as long as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/alert/reporter.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/recorder.h"
#include "tests/unit/set_clock.h"

#define WAIT_MS 60000 /* for what must happen; a loaded machine is slow */
#define HOUR    3600L

static struct reporter *reporter;

static int set_up(void **state)
{
    struct alert_settings alert = sample_settings;

    (void)state;
    set_clock_right();
    recorder_clear();
    alert.quiet_after_seconds = HOUR;
    alert.remind_seconds = 10 * HOUR;
    reporter = recorder_start_reporter(&alert, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reporter_stop(reporter, WAIT_MS);
    return 0;
}

static void hand_over(void)
{
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", "a");

    reporter_hand_over(reporter, &finding);
    assert_true(reporter_flush(reporter, WAIT_MS));
}

/* Makes the reporter look at its clock. */
static void wake(void)
{
    reporter_say(reporter, LOG_INFO, "awake");
    assert_true(reporter_flush(reporter, WAIT_MS));
}

static struct announcement last(void)
{
    pthread_mutex_lock(&recorder_slow->mutex);
    const struct announcement announcement = recorder_slow->last;
    pthread_mutex_unlock(&recorder_slow->mutex);
    return announcement;
}

static void a_clock_set_forward_ends_nothing_early(void **state)
{
    (void)state;
    hand_over();
    atomic_store(&ahead, 20 * HOUR);
    wake();
    assert_int_equal(recorder_announcements(recorder_slow), 1);
    atomic_store(&elapsed, HOUR + 1);
    wake();
    assert_int_equal(recorder_announcements(recorder_slow), 2);
    assert_int_equal(last().state, INCIDENT_RESOLVED);
    assert_in_range(last().time, time(NULL) - 60, time(NULL));
    assert_in_range(last().time - last().incident.opened, HOUR, HOUR + 60);
}

static void a_clock_set_back_ends_nothing_late(void **state)
{
    (void)state;
    hand_over();
    atomic_store(&ahead, -20 * HOUR);
    wake();
    atomic_store(&elapsed, HOUR + 1);
    wake();
    assert_int_equal(recorder_announcements(recorder_slow), 2);
    assert_int_equal(last().state, INCIDENT_RESOLVED);
    assert_in_range(last().time - last().incident.opened, HOUR, HOUR + 60);
}

static void a_reminder_comes_when_it_would_have_come(void **state)
{
    (void)state;
    hand_over();
    hand_over();
    for (long hour = 1; hour <= 9; hour++) {
        atomic_store(&elapsed, hour * (HOUR - 5));
        atomic_store(&ahead, hour % 2 == 0 ? -100 * HOUR : 100 * HOUR);
        hand_over();
        assert_int_equal(recorder_announcements(recorder_slow), 1);
    }
    atomic_store(&elapsed, 10 * (HOUR - 5) - 5);
    hand_over();
    assert_int_equal(recorder_announcements(recorder_slow), 1);
    atomic_store(&elapsed, 10 * HOUR + 1);
    hand_over();
    assert_int_equal(recorder_announcements(recorder_slow), 2);
    assert_int_equal(last().state, INCIDENT_REPEATED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_clock_set_forward_ends_nothing_early),
        TEST(a_clock_set_back_ends_nothing_late),
        TEST(a_reminder_comes_when_it_would_have_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
