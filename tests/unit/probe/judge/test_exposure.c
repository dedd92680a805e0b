/* Identities that anybody can choose: when that is critical, and what the finding shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/judge/exposure.h"
#include "tests/unit/audit_sample.h"

/* Big, and one case at a time. */
static struct endpoint_result result;

static int fresh(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    result.heard.anonymous = true;
    return 0;
}

static const struct finding *judge(enum finding_kind kind, bool outside)
{
    struct evidence_tally tally = evidence_count(&result);

    result.finding_count = 0;
    exposure_judge(&result, &tally, outside);
    return audit_sample_finding(&result, kind);
}

static void a_log_in_as_nobody_is_critical_only_where_it_alone_opens(void **state)
{
    static const struct {
        bool outside;
        enum outcome plain;
        enum outcome anonymous;
        enum severity severity;
        const char *words;
    } cases[] = {
        {true, OUTCOME_RELAY_DENIED, OUTCOME_ACCEPTED, SEVERITY_CRITICAL, "and relays for those"},
        {true, OUTCOME_RELAY_DENIED, OUTCOME_RELAY_DENIED, SEVERITY_INFO, "it does not relay"},
        {true, OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, SEVERITY_INFO, "no secret."},
        {true, OUTCOME_GREYLISTED, OUTCOME_ACCEPTED, SEVERITY_INFO, "no secret."},
        {true, OUTCOME_RELAY_DENIED, OUTCOME_GREYLISTED, SEVERITY_INFO, "no secret."},
        {false, OUTCOME_RELAY_DENIED, OUTCOME_ACCEPTED, SEVERITY_INFO, "no secret."},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fresh(state);
        audit_sample_answer(&result, "plain", cases[i].plain);
        audit_sample_answer(&result, "auth-anonymous", cases[i].anonymous);
        const struct finding *finding = judge(FINDING_ANONYMOUS_AUTH, cases[i].outside);
        assert_non_null(finding);
        assert_int_equal(finding->severity, cases[i].severity);
        audit_sample_says(finding->why, cases[i].words);
        assert_string_equal(finding_get(finding, "outcome"), outcome_name(cases[i].anonymous));
        assert_string_equal(finding_get(finding, "reply"),
                            audit_sample_row(&result, "auth-anonymous")->text);
        assert_string_equal(finding_get(finding, "source"), "198.51.100.7");
    }
}

static void a_log_in_that_was_not_tried_has_no_outcome(void **state)
{
    (void)state;
    audit_sample_unask(&result, "auth-anonymous");
    const struct finding *finding = judge(FINDING_ANONYMOUS_AUTH, true);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_INFO);
    assert_null(finding_get(finding, "outcome"));
    audit_sample_says(finding->why, "no secret.");
}

static void a_log_in_that_is_not_offered_is_no_finding(void **state)
{
    (void)state;
    result.heard.anonymous = false;
    audit_sample_answer(&result, "auth-anonymous", OUTCOME_ACCEPTED);
    assert_null(judge(FINDING_ANONYMOUS_AUTH, true));
}

static void a_listener_for_headers_shows_how_the_first_was_answered(void **state)
{
    (void)state;
    result.proxied = true;
    audit_sample_unask(&result, "proxy-v1");
    audit_sample_answer(&result, "proxy-v2", OUTCOME_ACCEPTED);
    const struct finding *finding = judge(FINDING_PROXY_PROTOCOL_EXPOSED, true);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    assert_string_equal(finding_get(finding, "technique"), "proxy-v2");
    assert_string_equal(finding_get(finding, "outcome"), "accepted");
    assert_string_equal(finding_get(finding, "source"), "198.51.100.7");

    assert_null(judge(FINDING_PROXY_PROTOCOL_EXPOSED, false));
    result.proxied = false;
    assert_null(judge(FINDING_PROXY_PROTOCOL_EXPOSED, true));
}

static void a_listener_that_answered_no_header_is_exposed_all_the_same(void **state)
{
    (void)state;
    result.proxied = true;
    for (size_t i = 0; i < result.technique_count; i++) {
        if (result.techniques[i].technique->trait == TECHNIQUE_BY_PROXY) {
            audit_sample_unask(&result, result.techniques[i].technique->id);
        }
    }
    const struct finding *finding = judge(FINDING_PROXY_PROTOCOL_EXPOSED, true);
    assert_non_null(finding);
    assert_null(finding_get(finding, "technique"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_log_in_as_nobody_is_critical_only_where_it_alone_opens, fresh),
        cmocka_unit_test_setup(a_log_in_that_was_not_tried_has_no_outcome, fresh),
        cmocka_unit_test_setup(a_log_in_that_is_not_offered_is_no_finding, fresh),
        cmocka_unit_test_setup(a_listener_for_headers_shows_how_the_first_was_answered, fresh),
        cmocka_unit_test_setup(a_listener_that_answered_no_header_is_exposed_all_the_same, fresh),
    };

    int failures = cmocka_run_group_tests_name("exposure", tests, NULL, NULL);
    result_free(&result);
    return failures;
}
