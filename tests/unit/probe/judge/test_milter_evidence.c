/* The filter's word and the probe's own eyes, taken together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/judge/milter_evidence.h"
#include "tests/unit/audit_sample.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Big, and one case at a time. */
static struct endpoint_result result;
static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};

static void fresh(void)
{
    audit_sample_closed(&result);
    result.milter = (struct milter_said){.expected = true};
    result.why[0] = '\0';
    remedies_clear(&result.fix);
    assert_true(address_parse("172.22.1.1", &result.milter.hello.client));
}

static bool found(enum finding_kind kind)
{
    return audit_sample_finding(&result, kind) != NULL;
}

static bool noted(const char *words)
{
    for (size_t i = 0; i < result.note_count; i++) {
        if (strstr(result.notes[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

static void
a_filter_is_missing_that_was_silent_on_two_connections_and_on_no_other_ground(void **state)
{
    (void)state;
    static const struct {
        unsigned int passed;
        bool expected;
        bool observed;
        bool clock_differs;
        bool unverified;
        bool missing;
    } rows[] = {
        {0, true, false, false, false, false}, {1, true, false, false, false, false},
        {2, true, false, false, false, true},  {3, true, false, false, false, true},
        {9, true, false, false, false, true},  {2, false, false, false, false, false},
        {2, true, true, false, false, false},  {2, true, false, true, false, false},
        {2, true, false, false, true, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        fresh();
        result.milter.passed = rows[i].passed;
        result.milter.expected = rows[i].expected;
        result.milter.observed = rows[i].observed;
        result.milter.clock_differs = rows[i].clock_differs;
        result.milter.unverified = rows[i].unverified;
        result.milter.role = TOKEN_ROLE_TRUE;
        milter_evidence_judge(&result, &outside);
        if (found(FINDING_MILTER_MISSING) != rows[i].missing) {
            fail_msg("row %zu is misjudged", i);
        }
    }
    fresh();
    result.milter.passed = 7;
    milter_evidence_judge(&result, &outside);
    const struct finding *finding = audit_sample_finding(&result, FINDING_MILTER_MISSING);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    audit_sample_says(finding->why, "did not answer on 7 connections");
}

static void a_clock_that_differs_is_told_with_how_much_and_which_way(void **state)
{
    (void)state;
    static const struct {
        int64_t ahead;
        const char *words;
    } rows[] = {
        {700, "700 s ahead of"}, {-700, "700 s behind"}, {1, "1 s ahead of"}, {-1, "1 s behind"}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        fresh();
        result.milter.clock_differs = true;
        result.milter.clock_ahead = rows[i].ahead;
        milter_evidence_judge(&result, &outside);
        assert_true(noted(rows[i].words));
        assert_false(noted("not with this key"));
        assert_int_equal(result.note_count, 1);
    }
    fresh();
    result.milter.clock_ahead = 700;
    milter_evidence_judge(&result, &outside);
    assert_int_equal(result.note_count, 0);
}

static void an_answer_with_another_key_is_told(void **state)
{
    (void)state;
    fresh();
    result.milter.unverified = true;
    milter_evidence_judge(&result, &outside);
    assert_true(noted("not with this key"));
    assert_int_equal(result.note_count, 1);
}

/* ---- where we stand ---- */

static void each_role_gives_its_finding_and_its_note(void **state)
{
    (void)state;
    static const struct {
        enum token_role role;
        enum vantage declared;
        bool hidden;
        bool unproven;
        bool confirmed;
    } rows[] = {
        {TOKEN_ROLE_TRUE, VANTAGE_OUTSIDE, false, false, true},
        {TOKEN_ROLE_HIDDEN, VANTAGE_OUTSIDE, true, false, false},
        {TOKEN_ROLE_UNKNOWN, VANTAGE_OUTSIDE, false, true, false},
        {TOKEN_ROLE_UNKNOWN, VANTAGE_INSIDE, false, false, false},
        {TOKEN_ROLE_UNKNOWN, VANTAGE_CLAIMED, false, false, false},
        {TOKEN_ROLE_INSIDE, VANTAGE_OUTSIDE, false, false, false},
        {TOKEN_ROLE_CLAIMED, VANTAGE_CLAIMED, false, false, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        for (int observed = 0; observed <= 1; observed++) {
            const struct vantage_known vantage = {.declared = rows[i].declared};
            fresh();
            result.milter.observed = observed == 1;
            result.milter.role = rows[i].role;
            milter_evidence_judge(&result, &vantage);
            assert_int_equal(milter_evidence_is_hidden(&result), rows[i].hidden && observed == 1);
            assert_int_equal(found(FINDING_CLIENT_ADDRESS_HIDDEN), rows[i].hidden && observed == 1);
            assert_int_equal(found(FINDING_VANTAGE_UNPROVEN), rows[i].unproven && observed == 1);
            assert_int_equal(noted("confirms the vantage"), rows[i].confirmed && observed == 1);
        }
    }
}

static void a_hidden_address_is_critical_where_the_site_trusts_it(void **state)
{
    (void)state;
    static const struct {
        enum permission permission;
        enum severity severity;
        const char *words;
    } rows[] = {
        {PERMISSION_TRUSTED_NETWORK, SEVERITY_CRITICAL, "strangers from those that it trusts"},
        {PERMISSION_NONE, SEVERITY_WARNING, "strangers from each other"},
        {PERMISSION_AUTHENTICATED, SEVERITY_WARNING, "strangers from each other"},
        {PERMISSION_CLIENT_CERTIFICATE, SEVERITY_WARNING, "strangers from each other"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        fresh();
        result.milter.observed = true;
        result.milter.role = TOKEN_ROLE_HIDDEN;
        result.milter.hello.permission = rows[i].permission;
        milter_evidence_judge(&result, &outside);
        const struct finding *finding =
            audit_sample_finding(&result, FINDING_CLIENT_ADDRESS_HIDDEN);
        assert_non_null(finding);
        assert_int_equal(finding->severity, rows[i].severity);
        audit_sample_says(finding->why, "172.22.1.1");
        audit_sample_says(finding->why, rows[i].words);
    }
}

/* Each says from where it was asked, what was seen, and what to do. */
static void findings_have_their_evidence_and_a_remedy(void **state)
{
    (void)state;
    static const struct {
        enum finding_kind kind;
        enum token_role role;
        bool observed;
        const char *why;
        const char *fix;
    } rows[] = {
        {FINDING_CLIENT_ADDRESS_HIDDEN, TOKEN_ROLE_HIDDEN, true, "it cannot tell strangers from",
         "Have clients' own addresses reach the MTA."},
        {FINDING_VANTAGE_UNPROVEN, TOKEN_ROLE_UNKNOWN, true, "The MTA sees the probe as 172.22.1.1",
         "Set probe { public_addresses }"},
        {FINDING_MILTER_MISSING, TOKEN_ROLE_TRUE, false, "half of the audit is blind",
         "expect_milter = false"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        fresh();
        result.milter.observed = rows[i].observed;
        result.milter.role = rows[i].role;
        result.milter.passed = 2;
        milter_evidence_judge(&result, &outside);
        const struct finding *finding = audit_sample_finding(&result, rows[i].kind);
        assert_non_null(finding);
        assert_string_equal(finding_get(finding, "source"), "198.51.100.7");
        audit_sample_says(finding->why, rows[i].why);
        audit_sample_says(finding->fix.text, rows[i].fix);
    }
    fresh();
    result.milter.observed = true;
    result.milter.role = TOKEN_ROLE_HIDDEN;
    milter_evidence_judge(&result, &outside);
    const struct finding *finding = audit_sample_finding(&result, FINDING_CLIENT_ADDRESS_HIDDEN);
    assert_string_equal(finding_get(finding, "client"), "172.22.1.1");
    assert_string_equal(finding_get(finding, "permission"), "none");
}

/* In our own configuration, or in the mail host's, which says so. */
static void a_hidden_address_is_told_with_the_network_that_trusts_it(void **state)
{
    (void)state;
    struct network *network = calloc(1, sizeof(*network));
    assert_non_null(network);
    assert_int_equal(network_parse("172.22.0.0/16", network), NETWORK_OK);
    struct site_settings made = {
        .domains = domainset_new(), .networks = network, .network_count = 1};
    struct site *site = site_new(&made);
    assert_non_null(site);
    const struct {
        const struct site *site;
        enum permission permission;
        const char *words;
    } rows[] = {
        {site, PERMISSION_TRUSTED_NETWORK, "which is in the trusted network 172.22.0.0/16:"},
        {site, PERMISSION_NONE, "which is in the trusted network 172.22.0.0/16:"},
        {NULL, PERMISSION_TRUSTED_NETWORK,
         "which is in a trusted network of the mail host's configuration:"},
        {NULL, PERMISSION_NONE, "for 172.22.1.1:"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct vantage_known vantage = {.declared = VANTAGE_OUTSIDE, .site = rows[i].site};
        fresh();
        result.milter.observed = true;
        result.milter.role = TOKEN_ROLE_HIDDEN;
        result.milter.hello.permission = rows[i].permission;
        milter_evidence_judge(&result, &vantage);
        audit_sample_says(audit_sample_finding(&result, FINDING_CLIENT_ADDRESS_HIDDEN)->why,
                          rows[i].words);
    }
    site_free(site);
}

/* ---- the verdict's words ---- */

static void a_hidden_address_is_explained_by_what_was_asked(void **state)
{
    (void)state;
    fresh();
    milter_evidence_explain_hidden(&result, NULL);
    audit_sample_says(result.why, "it took the probe (198.51.100.7) for 172.22.1.1.");
    audit_sample_says(result.why, "It refused the plain request; no other was made");
    audit_sample_says(result.fix.text, "Have clients' own addresses reach the MTA.");
    for (int proved = 0; proved <= 1; proved++) {
        fresh();
        result.proof = proved == 1 ? PROOF_OBSERVED : PROOF_RCPT;
        milter_evidence_explain_open(&result, NULL);
        audit_sample_says(result.why, "it took the probe (198.51.100.7) for 172.22.1.1.");
        audit_sample_says(result.why, "every stranger may send mail to anybody");
        assert_int_equal(strstr(result.why, "as the filter on the mail host confirms") != NULL,
                         proved == 1);
        audit_sample_says(result.fix.text, "Have clients' own addresses reach the MTA.");
    }
}

static void what_is_discarded_is_told_from_replies_that_are_changed(void **state)
{
    (void)state;
    fresh();
    result.milter.counted = 2;
    result.milter.heard = 1;
    milter_evidence_explain_discarded(&result);
    audit_sample_says(result.why, "saw the MTA accept 2 requests on a connection, and the probe "
                                  "heard of 1");
    audit_sample_says(result.fix.text, "ask the MTA itself");
    fresh();
    result.milter.counted = 1;
    result.milter.heard = 1;
    milter_evidence_explain_discarded(&result);
    audit_sample_says(result.why, "which had answered on this connection, was not told of it");
    audit_sample_says(result.fix.text, "reject_unauth_destination");
}

/* ---- what was counted ---- */

static void counts_that_differ_are_told_either_way(void **state)
{
    (void)state;
    static const struct {
        unsigned int counted;
        unsigned int heard;
        enum cause cause;
        bool lacks;
        bool told;
    } rows[] = {
        {0, 0, CAUSE_NONE, false, false},
        {3, 3, CAUSE_NONE, false, false},
        {1, 0, CAUSE_NONE, true, true},
        {4, 3, CAUSE_NONE, true, true},
        {0, 1, CAUSE_NONE, false, true},
        {3, 4, CAUSE_NONE, false, true},
        {4, 3, CAUSE_DISCARDED_OR_HIDDEN, true, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        fresh();
        result.milter.counted = rows[i].counted;
        result.milter.heard = rows[i].heard;
        result.cause = rows[i].cause;
        assert_int_equal(milter_evidence_lacks_replies(&result), rows[i].lacks);
        milter_evidence_judge(&result, &outside);
        assert_int_equal(noted("something between them changes replies"), rows[i].told);
    }
}

static void asks_are_summed_up_where_the_filter_observed_any(void **state)
{
    (void)state;
    static const struct {
        bool observed;
        unsigned int asks;
        unsigned int granted;
        const char *words; /* NULL: none */
    } rows[] = {
        {true, 1, 0, "Of 1 request that the filter could recognise, it saw the MTA accept 0."},
        {true, 2, 1, "Of 2 requests that the filter could recognise, it saw the MTA accept 1, and"},
        {true, 0, 0, NULL},
        {false, 5, 5, NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        fresh();
        result.milter.observed = rows[i].observed;
        result.milter.role = TOKEN_ROLE_INSIDE;
        result.milter.asks = rows[i].asks;
        result.milter.granted = rows[i].granted;
        milter_evidence_judge(&result, &outside);
        assert_int_equal(noted("could recognise"), rows[i].words != NULL);
        assert_true(rows[i].words == NULL || noted(rows[i].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_filter_is_missing_that_was_silent_on_two_connections_and_on_no_other_ground),
        cmocka_unit_test(a_clock_that_differs_is_told_with_how_much_and_which_way),
        cmocka_unit_test(an_answer_with_another_key_is_told),
        cmocka_unit_test(each_role_gives_its_finding_and_its_note),
        cmocka_unit_test(a_hidden_address_is_critical_where_the_site_trusts_it),
        cmocka_unit_test(findings_have_their_evidence_and_a_remedy),
        cmocka_unit_test(a_hidden_address_is_told_with_the_network_that_trusts_it),
        cmocka_unit_test(a_hidden_address_is_explained_by_what_was_asked),
        cmocka_unit_test(what_is_discarded_is_told_from_replies_that_are_changed),
        cmocka_unit_test(counts_that_differ_are_told_either_way),
        cmocka_unit_test(asks_are_summed_up_where_the_filter_observed_any),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
