#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/http/health.h"

static char said[256];

static bool tells(bool (*tell)(const struct health *health, FILE *out), const struct health *health)
{
    FILE *out = fmemopen(said, sizeof(said), "w");

    assert_non_null(out);
    const bool good = tell(health, out);
    fclose(out);
    return good;
}

static void it_is_healthy_until_it_is_late(void **state)
{
    struct health health = {.due = 0};

    (void)state;
    assert_true(tells(health_tell, &health));
    health_expect(&health, 60, true);
    assert_true(tells(health_tell, &health));
    assert_string_equal(said, "Healthy: an audit is under way.\n");
    health_expect(&health, 60, false);
    assert_true(tells(health_tell, &health));
    assert_string_equal(said, "Healthy: waiting for the next audit.\n");
}

static void an_audit_or_a_wait_that_lasts_too_long_is_told(void **state)
{
    struct health health = {.due = 0};

    (void)state;
    health_expect(&health, -90, true);
    assert_false(tells(health_tell, &health));
    assert_non_null(strstr(said, "An audit is 9"));
    assert_non_null(strstr(said, "restart relaywarden-probe"));
    health_expect(&health, -90, false);
    assert_false(tells(health_tell, &health));
    assert_non_null(strstr(said, "The next audit is 9"));
}

static void it_is_ready_in_service_unless_an_audit_could_not_be_kept(void **state)
{
    struct health health = {.targets = 2};

    (void)state;
    assert_false(tells(health_tell_readiness, &health));
    health.in_service = true;
    assert_true(tells(health_tell_readiness, &health));
    assert_string_equal(said, "Ready: 2 targets are audited.\n");
    health.unkept = true;
    assert_false(tells(health_tell_readiness, &health));
    assert_non_null(strstr(said, "could not be kept"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_healthy_until_it_is_late),
        cmocka_unit_test(an_audit_or_a_wait_that_lasts_too_long_is_told),
        cmocka_unit_test(it_is_ready_in_service_unless_an_audit_could_not_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
