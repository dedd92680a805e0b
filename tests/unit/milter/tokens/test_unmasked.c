/* However many addresses heal at once, each is told, and no incident of theirs stays open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lib/alert/incident_table.h"
#include "lib/netset.h"
#include "milter/tokens/token_finding.h"
#include "milter/tokens/unmasked.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/recorder.h"

#define WAIT_MS 60000 /* for what must happen; a loaded machine is slow */
#define NOW     1800000000L

static struct masks masks = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static struct reporter *reporter;

static int set_up(void **state)
{

    (void)state;
    masks.count = 0;
    mask_index_begin(&masks.index);
    mask_index_publish(&masks.index);
    atomic_store(&masks.masked, 0);
    recorder_clear();
    reporter = recorder_start_reporter(&sample_settings, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reporter_stop(reporter, WAIT_MS);
    return 0;
}

/* As many addresses, each in a network of its own: masked, and reported. */
static void hide(unsigned int addresses, uint8_t route, const char *listener)
{
    struct network trusted;
    struct finding finding;
    char address[32];

    assert_int_equal(network_parse("10.0.0.0/8", &trusted), NETWORK_OK);
    for (unsigned int i = 0; i < addresses; i++) {
        struct mask mask = {.route = {route}};
        snprintf(address, sizeof(address), "10.0.%u.1", i);
        snprintf(mask.listener, sizeof(mask.listener), "%s", listener);
        assert_true(address_parse(address, &mask.address));
        assert_true(masks_hide(&masks, &mask, NOW));
        token_finding_hidden(&finding, &mask, &trusted);
        reporter_hand_over(reporter, &finding);
    }
    assert_true(reporter_flush(reporter, WAIT_MS));
}

static void heal(uint8_t route)
{
    const uint8_t octets[TOKEN_ROUTE] = {route};

    masks_show(&masks, octets, NOW + 1);
    unmasked_tell(&masks, MASKS_DROP_HEALED, reporter);
    assert_true(reporter_flush(reporter, WAIT_MS));
}

/* Counts the announcements at the slow sink since the last call. */
static size_t announced(void)
{
    static size_t before;
    size_t now = recorder_announcements(recorder_slow);
    size_t since = now < before ? now : now - before;

    before = now;
    return since;
}

#define SUBJECTS (INCIDENT_SUBJECTS_MAX + 1) /* and one for all others */

static void all_that_heal_at_once_are_told_and_their_incidents_are_over(void **state)
{
    (void)state;
    hide(40, 1, "203.0.113.25:25");
    assert_int_equal(announced(), SUBJECTS);
    heal(1);
    assert_int_equal(announced(), SUBJECTS);
    assert_int_equal(recorder_heard(recorder_fast, "is not masked any more: the probe is seen"),
                     40);
    heal(1);
    assert_int_equal(announced(), 0);
    assert_int_equal(recorder_heard(recorder_fast, "is not masked any more"), 40);
}

static void what_is_counted_together_lasts_while_one_at_that_listener_is_masked(void **state)
{
    (void)state;
    announced();
    hide(40, 1, "203.0.113.25:25");
    hide(20, 2, "203.0.113.25:587");
    assert_int_equal(announced(), 2 * SUBJECTS);
    /* The first twenty addresses are hidden on another route, too: sixteen have incidents of their
     * own, the others are among those that are counted together. */
    heal(1);
    assert_int_equal(recorder_heard(recorder_fast, "is not masked any more"), 20);
    assert_int_equal(announced(), 0);
    heal(2);
    assert_int_equal(announced(), 2 * SUBJECTS);
    assert_int_equal(atomic_load(&masks.masked), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_that_heal_at_once_are_told_and_their_incidents_are_over),
        TEST(what_is_counted_together_lasts_while_one_at_that_listener_is_masked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
