/* Who is let in, and when the last one is out, also with many threads at the gate. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "milter/service/callback_gate.h"

#define THREADS 8
#define WAIT_MS 60000 /* for what must happen; a loaded machine is slow */

static void pause_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static void an_open_gate_lets_everybody_in(void **state)
{
    (void)state;
    struct callback_gate gate = {0};

    assert_true(callback_gate_enter(&gate));
    assert_true(callback_gate_enter(&gate));
    callback_gate_leave(&gate);
    callback_gate_leave(&gate);
    assert_true(callback_gate_close(&gate, 0));
}

static void a_closed_gate_lets_nobody_in(void **state)
{
    (void)state;
    struct callback_gate gate = {0};

    assert_true(callback_gate_close(&gate, 0));
    assert_false(callback_gate_enter(&gate));
    assert_false(callback_gate_enter(&gate));
    /* Those who were turned away are not inside. */
    assert_true(callback_gate_close(&gate, 0));
}

static void somebody_who_stays_is_waited_for_and_told(void **state)
{
    (void)state;
    struct callback_gate gate = {0};
    struct timespec before;
    struct timespec after;

    assert_true(callback_gate_enter(&gate));
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_false(callback_gate_close(&gate, 50));
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 50);
    assert_false(callback_gate_enter(&gate));
    callback_gate_leave(&gate);
    assert_true(callback_gate_close(&gate, 0));
}

/* `work` is a plain variable: TSan sees whether closing comes after all that was done inside. */
struct visitor {
    struct callback_gate *gate;
    unsigned long work;
    pthread_t thread;
};

static void *linger(void *argument)
{
    struct visitor *visitor = argument;

    pause_ms(100);
    visitor->work = 1;
    callback_gate_leave(visitor->gate);
    return NULL;
}

static void closing_waits_for_the_one_inside(void **state)
{
    (void)state;
    struct callback_gate gate = {0};
    struct visitor visitor = {.gate = &gate};

    assert_true(callback_gate_enter(&gate));
    assert_int_equal(pthread_create(&visitor.thread, NULL, linger, &visitor), 0);
    assert_true(callback_gate_close(&gate, WAIT_MS));
    assert_int_equal(visitor.work, 1);
    pthread_join(visitor.thread, NULL);
}

static void *come_and_go(void *argument)
{
    struct visitor *visitor = argument;

    while (callback_gate_enter(visitor->gate)) {
        visitor->work++;
        callback_gate_leave(visitor->gate);
    }
    return NULL;
}

static void after_closing_nobody_is_at_work_any_more(void **state)
{
    (void)state;
    struct callback_gate gate = {0};
    struct visitor visitors[THREADS];
    unsigned long work[THREADS];

    for (int i = 0; i < THREADS; i++) {
        visitors[i] = (struct visitor){.gate = &gate};
        assert_int_equal(pthread_create(&visitors[i].thread, NULL, come_and_go, &visitors[i]), 0);
    }
    pause_ms(50);
    assert_true(callback_gate_close(&gate, WAIT_MS));
    for (int i = 0; i < THREADS; i++) {
        work[i] = visitors[i].work;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(visitors[i].thread, NULL);
        assert_int_equal(visitors[i].work, work[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_gate_lets_everybody_in),
        cmocka_unit_test(a_closed_gate_lets_nobody_in),
        cmocka_unit_test(somebody_who_stays_is_waited_for_and_told),
        cmocka_unit_test(closing_waits_for_the_one_inside),
        cmocka_unit_test(after_closing_nobody_is_at_work_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
