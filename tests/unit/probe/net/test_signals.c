#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "probe/audit/audit.h"
#include "probe/net/signals.h"
#include "tests/unit/conf_try.h"
#include "tests/unit/peer.h"

static const char *silence(const char *line, unsigned int connection, void *user)
{
    (void)line;
    (void)connection;
    (void)user;
    return PEER_SILENT;
}

/* ---- as the daemon has it: both are always blocked ---- */

static int block(void **state)
{
    sigset_t both;

    (void)state;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    return pthread_sigmask(SIG_BLOCK, &both, NULL);
}

/* Takes it, as the daemon does when it looks next. */
static int take(void)
{
    static const struct timespec at_once;
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    return sigtimedwait(&both, NULL, &at_once);
}

static int unblock(void **state)
{
    sigset_t both;

    (void)state;
    while (take() > 0) {
    }
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    return pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}

/* A configuration whose one target is the peer. */
static void aim(struct conf_try *attempt, struct target *target, const struct peer *peer)
{
    char text[512];
    char error[TARGET_ERROR_SIZE];

    snprintf(text, sizeof(text),
             "state_directory = \"@/\"\nsite { domains = { \"example.org\" } }\n"
             "probe {\n canary = \"canary@outside.example.net\"\n"
             " target \"x\" {\n host = \"127.0.0.1\"\n ports = { %u }\n }\n}\n",
             (unsigned int)peer_port(peer));
    conf_try_begin(attempt);
    conf_try_load(attempt, text, CONF_PROBE);
    conf_try_expect_count(attempt, 0);
    assert_true(target_from_conf(&attempt->conf->probe.targets[0], target, error));
}

static struct audit *audit_of(const struct conf_try *attempt, const struct target *target)
{
    const struct audit_request request = {
        .conf = attempt->conf, .targets = target, .target_count = 1};
    char error[AUDIT_ERROR_SIZE];
    struct audit *audit = audit_run(&request, error);

    assert_non_null(audit);
    return audit;
}

static void an_audit_that_was_stopped_before_it_began_asks_nobody(void **state)
{
    static const struct peer_script script = {.greeting = PEER_CLOSE, .answer = silence};
    struct conf_try attempt;
    struct target target;

    (void)state;
    struct peer *peer = peer_start(&script);
    aim(&attempt, &target, peer);
    raise(SIGTERM);
    struct audit *audit = audit_of(&attempt, &target);
    const struct audit_summary *summary = audit_summary_of(audit);
    assert_true(summary->interrupted);
    assert_int_equal(summary->count, 1);
    assert_true(audit_summary_result(summary, 0)->interrupted);
    audit_free(audit);
    assert_int_equal(take(), SIGTERM);
    peer_stop(peer);
    assert_int_equal(peer_connections(peer), 0);
    peer_free(peer);
    conf_try_end(&attempt);
}

#define ROUNDS    200
#define LATEST_NS 4000000 /* audits of this peer take about a third of it */

static void *stop_after(void *argument)
{
    const struct timespec *delay = argument;

    (void)nanosleep(delay, NULL);
    kill(getpid(), SIGTERM);
    return NULL;
}

static void a_stop_at_any_instant_of_an_audit_is_there_after_it(void **state)
{
    static const struct peer_script script = {.greeting = PEER_CLOSE, .answer = silence};
    struct conf_try attempt;
    struct target target;

    (void)state;
    struct peer *peer = peer_start(&script);
    aim(&attempt, &target, peer);
    for (long i = 0; i < ROUNDS; i++) {
        struct timespec delay = {.tv_nsec = LATEST_NS / ROUNDS * i};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, stop_after, &delay), 0);
        audit_free(audit_of(&attempt, &target));
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(take(), SIGTERM);
    }
    peer_free(peer);
    conf_try_end(&attempt);
}

/* ---- the loop ---- */

struct round {
    struct loop *loop;
    unsigned int arrivals;
};

static void on_arrival(void *user)
{
    struct round *round = user;

    round->arrivals++;
    loop_break(round->loop);
}

static void a_signal_breaks_the_loop_and_stays_for_whoever_blocked_it(void **state)
{
    struct round round = {.loop = loop_new()};

    (void)state;
    struct signals *interruption = signals_begin(round.loop, on_arrival, &round);
    assert_non_null(interruption);
    assert_false(signals_is_pending());
    raise(SIGINT);
    assert_true(signals_is_pending());
    assert_int_equal(loop_run(round.loop), 0);
    assert_int_equal(round.arrivals, 1);
    signals_end(interruption);
    assert_int_equal(take(), SIGINT);
    loop_free(round.loop);
}

static void on_last_round(void *user)
{
    const struct round *round = user;

    loop_break(round->loop);
    raise(SIGTERM);
}

static void a_signal_in_the_last_round_is_not_lost(void **state)
{
    struct round round = {.loop = loop_new()};
    struct loop_timer *timer = loop_timer_new(round.loop, on_last_round, &round);

    (void)state;
    struct signals *interruption = signals_begin(round.loop, on_arrival, &round);
    assert_int_equal(loop_timer_set(timer, loop_now(round.loop)), 0);
    assert_int_equal(loop_run(round.loop), 0);
    assert_int_equal(round.arrivals, 0);
    signals_end(interruption);
    assert_int_equal(take(), SIGTERM);
    loop_timer_free(timer);
    loop_free(round.loop);
}

/* ---- as check has it: their default action is to kill ---- */

static void a_signal_that_the_caller_does_not_block_is_taken_at_the_end(void **state)
{
    struct round round = {.loop = loop_new()};

    (void)state;
    struct signals *interruption = signals_begin(round.loop, on_arrival, &round);
    raise(SIGTERM);
    raise(SIGINT);
    assert_int_equal(loop_run(round.loop), 0);
    signals_end(interruption); /* or this test is dead */
    loop_free(round.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_audit_that_was_stopped_before_it_began_asks_nobody,
                                        block, unblock),
        cmocka_unit_test_setup_teardown(a_stop_at_any_instant_of_an_audit_is_there_after_it, block,
                                        unblock),
        cmocka_unit_test_setup_teardown(a_signal_breaks_the_loop_and_stays_for_whoever_blocked_it,
                                        block, unblock),
        cmocka_unit_test_setup_teardown(a_signal_in_the_last_round_is_not_lost, block, unblock),
        cmocka_unit_test(a_signal_that_the_caller_does_not_block_is_taken_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
