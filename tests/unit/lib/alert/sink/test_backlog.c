#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/alert/sink/backlog.h"
#include "lib/sys/thread.h"
#include "tests/unit/alert_sample.h"

/* A receiver that says what the test lets it say. */
static enum sink_fate fate;
static unsigned int sent;
static enum incident_state last_state;

static enum sink_fate receive(struct sink *sink, const struct announcement *announcement,
                              char error[SINK_ERROR_SIZE])
{
    (void)sink;
    if (fate == SINK_TAKEN) {
        sent++;
        last_state = announcement->state;
    } else {
        snprintf(error, SINK_ERROR_SIZE, "it is away");
    }
    return fate;
}

struct place {
    struct sink sink;
    struct backlog backlog;
    char error[SINK_ERROR_SIZE];
};

static void begin(struct place *place)
{
    *place = (struct place){.error = ""};
    backlog_init(&place->backlog, &place->sink, receive);
    sent = 0;
}

static int announce(struct place *place, enum incident_state state, bool again)
{
    const struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);

    announcement.state = state;
    announcement.incident.again = again;
    return backlog_announce(&place->backlog, &announcement, place->error);
}

/* The time for the next try has come. */
static int try_now(struct place *place)
{
    place->backlog.next = thread_moment(0);
    return backlog_retry(&place->backlog, place->error);
}

static void alerts_that_waited_are_sent_in_their_order_and_once(void **state)
{
    (void)state;
    struct place place;

    begin(&place);
    fate = SINK_FAILED;
    assert_int_equal(announce(&place, INCIDENT_OPENED, false), -1);
    assert_string_equal(place.error, "it is away");
    assert_int_equal(announce(&place, INCIDENT_RESOLVED, false), -1);
    assert_int_equal(place.sink.waiting, 2);
    fate = SINK_TAKEN;
    assert_int_equal(try_now(&place), 0);
    assert_int_equal(sent, 2);
    assert_int_equal(last_state, INCIDENT_RESOLVED);
    /* Nobody was known to have taken it, so that it is made again. */
    assert_int_equal(announce(&place, INCIDENT_RESOLVED, true), 0);
    assert_int_equal(sent, 2);
    backlog_free(&place.backlog);
}

static void a_reminder_is_not_taken_for_the_one_that_came_late_the_day_before(void **state)
{
    (void)state;
    struct place place;

    begin(&place);
    fate = SINK_FAILED;
    announce(&place, INCIDENT_REPEATED, false);
    fate = SINK_TAKEN;
    assert_int_equal(try_now(&place), 0);
    assert_int_equal(sent, 1);

    /* The day after: no sink takes it, this one for a reason that another try would not mend. */
    fate = SINK_REFUSED;
    assert_int_equal(announce(&place, INCIDENT_REPEATED, false), -1);
    assert_int_equal(place.sink.lost, 1);
    place.sink.lost = 0;
    fate = SINK_TAKEN;
    assert_int_equal(announce(&place, INCIDENT_REPEATED, true), 0);
    assert_int_equal(sent, 2);
    backlog_free(&place.backlog);
}

static void past_the_maximum_the_oldest_is_given_up_and_counted(void **state)
{
    (void)state;
    struct place place;

    begin(&place);
    fate = SINK_FAILED;
    announce(&place, INCIDENT_OPENED, false);
    for (int i = 0; i < BACKLOG_MAX; i++) {
        announce(&place, INCIDENT_REPEATED, false);
    }
    assert_int_equal(place.sink.waiting, BACKLOG_MAX);
    assert_int_equal(place.sink.lost, 1);
    assert_int_equal(place.backlog.kept[0]->state, INCIDENT_REPEATED);
    backlog_free(&place.backlog);
}

static void alerts_that_wait_go_on_to_the_next_sink_and_are_tried_at_once(void **state)
{
    (void)state;
    struct place before;
    struct place after;

    begin(&before);
    begin(&after);
    fate = SINK_FAILED;
    announce(&before, INCIDENT_OPENED, false);
    fate = SINK_TAKEN;
    backlog_succeed(&after.backlog, &before.backlog);
    assert_int_equal(before.sink.waiting, 0);
    assert_int_equal(after.sink.waiting, 1);
    backlog_free(&before.backlog);
    assert_int_equal(backlog_retry(&after.backlog, after.error), 0);
    assert_int_equal(sent, 1);
    assert_int_equal(after.sink.waiting, 0);
    backlog_free(&after.backlog);
}

static void a_test_by_hand_does_not_wait(void **state)
{
    (void)state;
    const struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    struct place place;

    begin(&place);
    fate = SINK_FAILED;
    announcement.test = true;
    assert_int_equal(backlog_announce(&place.backlog, &announcement, place.error), -1);
    assert_int_equal(place.sink.waiting, 0);
    backlog_free(&place.backlog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_that_waited_are_sent_in_their_order_and_once),
        cmocka_unit_test(a_reminder_is_not_taken_for_the_one_that_came_late_the_day_before),
        cmocka_unit_test(past_the_maximum_the_oldest_is_given_up_and_counted),
        cmocka_unit_test(alerts_that_wait_go_on_to_the_next_sink_and_are_tried_at_once),
        cmocka_unit_test(a_test_by_hand_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
