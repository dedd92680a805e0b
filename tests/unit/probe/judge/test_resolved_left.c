#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/probe_finding.h"
#include "probe/judge/resolved.h"
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
    now.verdict = VERDICT_INCONCLUSIVE; /* it shows nothing but that it is there */
    summary = (struct audit_summary){.results = results, .count = 1, .whole = true};
    return 0;
}

static bool is_over(const struct conf_probe *conf, const struct finding *finding)
{
    const struct vantage_known vantage = {.declared = VANTAGE_OUTSIDE};
    struct resolved *resolved = resolved_new(conf, &summary, &vantage);

    assert_non_null(resolved);
    bool over = resolved_is_over(resolved, finding);
    resolved_free(resolved);
    return over;
}

static bool has_left(void)
{
    const struct finding *finding = probe_finding_add(&before, FINDING_OPEN_RELAY, "unconditional");

    assert_non_null(finding);
    return is_over(&probe, finding);
}

static void an_endpoint_that_was_asked_is_there(void **state)
{
    (void)state;
    assert_false(has_left());
    before.tls = TLS_STARTTLS;
    assert_false(has_left());
}

static void an_audit_with_holes_shows_nothing(void **state)
{
    (void)state;
    before.endpoint.port = 2525;
    assert_true(has_left());
    now.unkept = UINT64_C(1) << FINDING_OPEN_RELAY;
    assert_false(has_left());
    now.unkept = 0;
    now.lost = true;
    assert_false(has_left());
    now.lost = false;
    now.exhausted = true;
    now.endpoint.address.family = ADDRESS_NONE;
    assert_false(has_left());
}

static void a_result_that_was_lost_ends_nothing(void **state)
{
    const struct finding *finding = probe_finding_add(&before, FINDING_OPEN_RELAY, "unconditional");

    (void)state;
    assert_non_null(finding);
    now.verdict = VERDICT_CLOSED;
    assert_true(is_over(&probe, finding));
    now.lost = true;
    assert_false(is_over(&probe, finding));
    now.verdict = VERDICT_OPEN;
    assert_false(is_over(&probe, finding));
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
    assert_false(has_left());
    summary.whole = true;
    summary.interrupted = true;
    assert_false(has_left());
}

static void what_is_about_no_endpoint_stays(void **state)
{
    (void)state;
    struct finding finding;

    finding_init(&finding, FINDING_PROBE_MISSING);
    assert_false(is_over(&probe, &finding));
}

/* ---- several targets --------------------------------------------------------------------- */

static struct endpoint_result second;
static const struct endpoint_result *const both_results[] = {&now, &second};
static char other[] = "MX";
static struct conf_target both_targets[] = {{.name = name}, {.name = other}};
static const struct conf_probe both = {.targets = both_targets, .target_count = 2};

static bool has_left_of_both(const char *target, const char *address)
{
    snprintf(before.endpoint.target, sizeof(before.endpoint.target), "%s", target);
    assert_true(address_parse(address, &before.endpoint.address));
    const struct finding *finding = probe_finding_add(&before, FINDING_OPEN_RELAY, "unconditional");
    assert_non_null(finding);
    return is_over(&both, finding);
}

/* mx was asked at 203.0.113.25, and MX at 203.0.113.26. */
static void ask_both(void)
{
    audit_sample_closed(&second);
    snprintf(second.endpoint.target, sizeof(second.endpoint.target), "MX");
    second.endpoint.configured = true;
    second.verdict = VERDICT_INCONCLUSIVE;
    assert_true(address_parse("203.0.113.26", &second.endpoint.address));
    summary = (struct audit_summary){.results = both_results, .count = 2, .whole = true};
}

static void each_targets_addresses_are_told_apart(void **state)
{
    (void)state;
    ask_both();
    assert_false(has_left_of_both("mx", "203.0.113.25"));
    assert_false(has_left_of_both("mx", "203.0.113.26"));
    assert_true(has_left_of_both("mx", "203.0.113.24"));
    assert_true(has_left_of_both("mx", "203.0.113.2"));
    assert_true(has_left_of_both("MX", "192.0.2.1"));
    before.endpoint.port = 26;
    assert_true(has_left_of_both("mx", "203.0.113.25"));
}

static void only_the_target_without_an_address_is_unsure(void **state)
{
    (void)state;
    ask_both();
    second.reach = REACH_NO_ADDRESS;
    second.endpoint.address.family = ADDRESS_NONE;
    assert_true(has_left_of_both("mx", "192.0.2.1"));
    assert_false(has_left_of_both("MX", "192.0.2.1"));
    second.reach = REACH_NO_CONNECT;
    assert_true(has_left_of_both("mx", "192.0.2.1"));
    assert_false(has_left_of_both("MX", "192.0.2.1"));
    second.reach = REACH_SESSION;
    second.exhausted = true;
    assert_true(address_parse("203.0.113.26", &second.endpoint.address));
    assert_false(has_left_of_both("MX", "203.0.113.26"));
}

static void an_endpoint_of_no_configured_target_keeps_nothing(void **state)
{
    (void)state;
    ask_both();
    second.endpoint.configured = false;
    assert_true(has_left_of_both("mx", "203.0.113.26"));
    second.endpoint.configured = true;
    snprintf(second.endpoint.target, sizeof(second.endpoint.target), "old");
    assert_true(has_left_of_both("mx", "203.0.113.26"));
}

static void a_finding_that_names_no_target_or_no_endpoint_stays(void **state)
{
    (void)state;
    struct finding finding;

    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_add(&finding, "endpoint", FIELD_SUBJECT, "192.0.2.1:25/none");
    assert_false(is_over(&probe, &finding));
    finding_add(&finding, "target", FIELD_SUBJECT, "mx");
    assert_true(is_over(&probe, &finding));
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_add(&finding, "target", FIELD_SUBJECT, "mx");
    assert_false(is_over(&probe, &finding));
    resolved_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_endpoint_that_was_asked_is_there, fresh),
        cmocka_unit_test_setup(an_address_or_port_that_is_no_target_any_more_has_left, fresh),
        cmocka_unit_test_setup(an_audit_with_holes_shows_nothing, fresh),
        cmocka_unit_test_setup(a_result_that_was_lost_ends_nothing, fresh),
        cmocka_unit_test_setup(a_target_that_was_taken_off_has_left_unless_another_has_its_endpoint,
                               fresh),
        cmocka_unit_test_setup(where_dns_did_not_tell_every_address_nothing_has_left, fresh),
        cmocka_unit_test_setup(an_audit_that_is_not_whole_shows_nothing, fresh),
        cmocka_unit_test_setup(what_is_about_no_endpoint_stays, fresh),
        cmocka_unit_test_setup(each_targets_addresses_are_told_apart, fresh),
        cmocka_unit_test_setup(only_the_target_without_an_address_is_unsure, fresh),
        cmocka_unit_test_setup(an_endpoint_of_no_configured_target_keeps_nothing, fresh),
        cmocka_unit_test_setup(a_finding_that_names_no_target_or_no_endpoint_stays, fresh),
    };

    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    result_free(&now);
    result_free(&before);
    result_free(&second);
    return failures;
}
