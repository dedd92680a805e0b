#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/probe_finding.h"
#include "probe/roster.h"
#include "tests/unit/audit_sample.h"

/* Big, and one case at a time. */
static struct endpoint_result now;
static struct endpoint_result before;
static const struct endpoint_result *const results[] = {&now};
static struct audit_summary summary;
static char name[] = "mx";
static struct conf_target targets[] = {{.name = name}};
static const struct conf_probe probe = {.targets = targets, .target_count = 1};

/* The target mx was asked at 203.0.113.25:25, where an open relay was found before. */
static int fresh(void **state)
{
    (void)state;
    result_free(&before);
    audit_sample_closed(&now);
    audit_sample_closed(&before);
    snprintf(now.endpoint.target, sizeof(now.endpoint.target), "mx");
    snprintf(before.endpoint.target, sizeof(before.endpoint.target), "mx");
    now.endpoint.configured = true;
    summary = (struct audit_summary){.results = results, .count = 1, .whole = true};
    return 0;
}

static bool has_left(void)
{
    const struct finding *finding = raise_finding(&before, FINDING_OPEN_RELAY, "unconditional");
    struct roster *roster = roster_new(&probe, &summary);

    assert_non_null(finding);
    assert_non_null(roster);
    bool left = roster_has_left(roster, finding);
    roster_free(roster);
    return left;
}

static void an_endpoint_that_was_asked_is_there(void **state)
{
    (void)state;
    assert_false(has_left());
    before.tls = TLS_STARTTLS;
    assert_false(has_left());
}

static void an_address_or_port_that_is_no_target_any_more_has_left(void **state)
{
    (void)state;
    before.endpoint.port = 2525;
    assert_true(has_left());
    before.endpoint.port = 2;
    assert_true(has_left());
    before.endpoint.port = 25;
    assert_true(address_parse("203.0.113.2", &before.endpoint.address));
    assert_true(has_left());
}

static void a_target_that_was_taken_off_has_left_unless_another_has_its_endpoint(void **state)
{
    (void)state;
    snprintf(before.endpoint.target, sizeof(before.endpoint.target), "old");
    assert_false(has_left());
    assert_true(address_parse("192.0.2.1", &before.endpoint.address));
    assert_true(has_left());
}

static void where_dns_did_not_tell_every_address_nothing_has_left(void **state)
{
    (void)state;
    assert_true(address_parse("203.0.113.2", &before.endpoint.address));
    now.reach = REACH_NO_ADDRESS;
    assert_false(has_left());
}

static void an_audit_that_is_not_whole_shows_nothing(void **state)
{
    (void)state;
    summary.whole = false;
    assert_null(roster_new(&probe, &summary));
    summary.whole = true;
    summary.interrupted = true;
    assert_null(roster_new(&probe, &summary));
}

static void what_is_about_no_endpoint_stays(void **state)
{
    (void)state;
    struct roster *roster = roster_new(&probe, &summary);
    struct finding finding;

    finding_init(&finding, FINDING_PROBE_MISSING);
    assert_false(roster_has_left(roster, &finding));
    roster_free(roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_endpoint_that_was_asked_is_there, fresh),
        cmocka_unit_test_setup(an_address_or_port_that_is_no_target_any_more_has_left, fresh),
        cmocka_unit_test_setup(a_target_that_was_taken_off_has_left_unless_another_has_its_endpoint,
                               fresh),
        cmocka_unit_test_setup(where_dns_did_not_tell_every_address_nothing_has_left, fresh),
        cmocka_unit_test_setup(an_audit_that_is_not_whole_shows_nothing, fresh),
        cmocka_unit_test_setup(what_is_about_no_endpoint_stays, fresh),
    };

    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    result_free(&now);
    result_free(&before);
    return failures;
}
