#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/words.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Spelled out once more: these words are in configurations, logs and reports, and must not change
 * by accident. */
static void every_value_has_its_documented_name(void **state)
{
    (void)state;
    assert_string_equal(permission_name(PERMISSION_NONE), "none");
    assert_string_equal(permission_name(PERMISSION_AUTHENTICATED), "authenticated");
    assert_string_equal(permission_name(PERMISSION_TRUSTED_NETWORK), "trusted-network");
    assert_string_equal(permission_name(PERMISSION_CLIENT_CERTIFICATE), "client-certificate");
    assert_string_equal(destination_name(DESTINATION_OWN), "own");
    assert_string_equal(destination_name(DESTINATION_MTA_OWN), "mta-own");
    assert_string_equal(destination_name(DESTINATION_EXTERNAL), "external");
    assert_string_equal(decision_name(DECISION_ACCEPTED), "accepted");
    assert_string_equal(decision_name(DECISION_REFUSED), "refused");
    assert_string_equal(decision_name(DECISION_DEFERRED), "deferred");
    assert_string_equal(sender_class_name(SENDER_EXTERNAL), "external");
    assert_string_equal(sender_class_name(SENDER_OWN), "own");
    assert_string_equal(sender_class_name(SENDER_NULL), "null");
    assert_string_equal(proof_name(PROOF_NONE), "none");
    assert_string_equal(proof_name(PROOF_RCPT), "rcpt");
    assert_string_equal(proof_name(PROOF_DATA), "data");
    assert_string_equal(proof_name(PROOF_OBSERVED), "observed");
    assert_string_equal(proof_name(PROOF_DELIVERED), "delivered");
    assert_string_equal(incident_state_name(INCIDENT_OPENED), "opened");
    assert_string_equal(incident_state_name(INCIDENT_REPEATED), "repeated");
    assert_string_equal(incident_state_name(INCIDENT_RESOLVED), "resolved");
    assert_string_equal(enforcement_name(ENFORCE_OBSERVE), "observe");
    assert_string_equal(enforcement_name(ENFORCE_HOLD), "hold");
    assert_string_equal(enforcement_name(ENFORCE_DEFER), "defer");
    assert_string_equal(enforcement_name(ENFORCE_REJECT), "reject");
    assert_string_equal(vantage_name(VANTAGE_OUTSIDE), "outside");
    assert_string_equal(vantage_name(VANTAGE_INSIDE), "inside");
    assert_string_equal(vantage_name(VANTAGE_CLAIMED), "claimed");
    assert_string_equal(tls_mode_name(TLS_NONE), "none");
    assert_string_equal(tls_mode_name(TLS_STARTTLS), "starttls");
    assert_string_equal(tls_mode_name(TLS_IMPLICIT), "implicit");
    assert_string_equal(tls_mode_name(TLS_AUTO), "auto");
}

static void outcomes_and_verdicts_have_their_documented_names(void **state)
{
    (void)state;
    static const char *const outcomes[] = {
        "accepted",       "relay-denied",      "auth-required", "tls-required", "sender-refused",
        "client-refused", "recipient-refused", "greylisted",    "deferred",     "closing",
    };
    static const char *const verdicts[] = {
        "closed", "suspected", "open", "inconclusive", "unreachable",
    };
    assert_int_equal(ROWS(outcomes), OUTCOME_CLOSING + 1);
    assert_int_equal(ROWS(verdicts), VERDICT_UNREACHABLE + 1);
    for (unsigned int i = 0; i < ROWS(outcomes); i++)
        assert_string_equal(outcome_name((enum outcome)i), outcomes[i]);
    for (unsigned int i = 0; i < ROWS(verdicts); i++)
        assert_string_equal(verdict_name((enum verdict)i), verdicts[i]);
}

static void causes_and_kinds_have_their_documented_names(void **state)
{
    (void)state;
    static const char *const causes[] = {
        "none",
        "client-address-hidden",
        "trusted-networks-too-wide",
        "sender-trusted",
        "helo-trusted",
        "destination-too-wide",
        "routing-form",
        "xclient",
        "proxy-protocol",
        "anonymous-auth",
        "discarded-or-hidden",
        "unconditional",
    };
    static const char *const kinds[] = {
        "open-relay",       "client-address-hidden",  "xclient-exposed", "proxy-protocol-exposed",
        "anonymous-auth",   "undeclared-destination", "suspected-relay", "service-refused",
        "milter-missing",   "probe-missing",          "probe-blocked",   "hold-impossible",
        "vantage-inside",   "vantage-unproven",       "vantage-silent",  "ptr-missing",
        "fcrdns-mismatch",  "generic-hostname",       "blocklisted",     "banner-version",
        "auth-without-tls",
    };
    assert_int_equal(ROWS(causes), CAUSE_UNCONDITIONAL + 1);
    assert_int_equal(ROWS(kinds), FINDING_KINDS);
    for (unsigned int i = 0; i < ROWS(causes); i++)
        assert_string_equal(cause_name((enum cause)i), causes[i]);
    for (unsigned int i = 0; i < ROWS(kinds); i++)
        assert_string_equal(finding_kind_name((enum finding_kind)i), kinds[i]);
}

static void a_severity_has_a_name_and_a_label_in_capitals(void **state)
{
    (void)state;
    assert_string_equal(severity_name(SEVERITY_INFO), "info");
    assert_string_equal(severity_name(SEVERITY_WARNING), "warning");
    assert_string_equal(severity_name(SEVERITY_CRITICAL), "critical");
    assert_string_equal(severity_label(SEVERITY_INFO), "INFO");
    assert_string_equal(severity_label(SEVERITY_WARNING), "WARNING");
    assert_string_equal(severity_label(SEVERITY_CRITICAL), "CRITICAL");
}

static void a_value_outside_its_enumeration_has_a_word_that_is_no_name(void **state)
{
    (void)state;
    assert_string_equal(finding_kind_name(FINDING_KINDS), "invalid");
    assert_string_equal(severity_label((enum severity)(SEVERITY_CRITICAL + 1)), "INVALID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_its_documented_name),
        cmocka_unit_test(outcomes_and_verdicts_have_their_documented_names),
        cmocka_unit_test(causes_and_kinds_have_their_documented_names),
        cmocka_unit_test(a_severity_has_a_name_and_a_label_in_capitals),
        cmocka_unit_test(a_value_outside_its_enumeration_has_a_word_that_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
