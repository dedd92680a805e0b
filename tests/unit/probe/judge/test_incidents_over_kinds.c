/* The answers that each kind of finding needs before its absence means anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/dns/address_facts.h"
#include "probe/dns/dnsbl.h"
#include "probe/judge/diagnosis.h"
#include "probe/judge/incidents_over.h"
#include "probe/judge/posture.h"
#include "probe/judge/probe_finding.h"
#include "tests/unit/one_audit.h"

static struct posture_dns dns;

static void an_open_audit_that_was_interrupted_ends_no_other_cause(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    result.interrupted = true;
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void a_suspected_server_is_open_no_more(void **state)
{
    (void)state;
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_SUSPECTED);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_form_that_hosted_mail_is_not_asked_is_not_over(void **state)
{
    (void)state;
    result.endpoint.hosted = true;
    result.technique_count = 1;
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none routing-form"));
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_technique_that_makes_no_sense_here_is_not_owed(void **state)
{
    (void)state;
    audit_sample_unask(&result, "own-sender");
    audit_sample_row(&result, "own-sender")->absent = true;
    result.cut_off = true;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

/* For each technique: its answer is owed, and all that it may show is not over. */
static void what_the_technique_may_show(size_t row, bool cut)
{
    const struct technique *technique = result.techniques[row].technique;

    audit_sample_unask(&result, technique->id);
    result.techniques[row].cut = cut;
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    for (enum cause cause = CAUSE_DISCARDED_OR_HIDDEN; cause <= CAUSE_UNCONDITIONAL; cause++) {
        char key[FINDING_KEY_SIZE];
        one_audit_key(cause_name(cause), key);
        assert_int_equal(one_audit_ends(FINDING_OPEN_RELAY, key),
                         !(cut && diagnosis_may_show(technique->trait, cause)));
    }
}

static void each_technique_owes_its_answer_only_where_a_connection_ended(void **state)
{
    size_t count = result.technique_count;

    for (size_t row = 1; row < count; row++) {
        one_audit_fresh(state);
        what_the_technique_may_show(row, true);
        one_audit_fresh(state);
        what_the_technique_may_show(row, false);
    }
}

static void hear_ehlo(void)
{
    snprintf(result.heard.ehlo, sizeof(result.heard.ehlo), "m");
}

static void interrupt(void)
{
    result.interrupted = true;
}

static void cut_before_plain(void)
{
    audit_sample_unask(&result, "plain");
    result.cut_off = true;
}

static void exhaust(void)
{
    result.exhausted = true;
}

static void be_seen(enum token_role role)
{
    result.milter.asked = true;
    result.milter.present = true;
    result.milter.observed = true;
    result.milter.role = role;
}

static void be_seen_as_ourselves(void)
{
    be_seen(TOKEN_ROLE_TRUE);
}

static void be_seen_behind_an_address(void)
{
    be_seen(TOKEN_ROLE_HIDDEN);
}

static void be_seen_by_a_filter_that_cannot_tell(void)
{
    be_seen(TOKEN_ROLE_UNKNOWN);
}

static void be_told_a_role_by_nobody(void)
{
    result.milter.role = TOKEN_ROLE_TRUE;
}

static void serve_nobody(void)
{
    result.reach = REACH_NO_GREETING;
}

static void lose_the_source(void)
{
    result.source.family = ADDRESS_NONE;
}

static void defer_plain(void)
{
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
}

static void offer_passwords_in_clear(void)
{
    snprintf(result.heard.auth_in_clear, sizeof(result.heard.auth_in_clear), "PLAIN");
}

static void ask_for_tls(void)
{
    result.endpoint.tls_asked = TLS_STARTTLS;
}

static void each_kind_is_over_only_where_that_was_learnt(void **state)
{
    static const struct vantage_known claimed = {.declared = VANTAGE_CLAIMED};
    static const struct {
        enum finding_kind kind;
        const char *rest;
        const struct vantage_known *vantage;
        void (*first)(void);
        void (*then)(void);
        bool over;
    } cases[] = {
        {FINDING_XCLIENT_EXPOSED, "xclient", &outside, hear_ehlo, NULL, true},
        {FINDING_XCLIENT_EXPOSED, "xclient", &outside, hear_ehlo, interrupt, false},
        {FINDING_XCLIENT_EXPOSED, "xclient", &inside, hear_ehlo, NULL, false},
        {FINDING_XCLIENT_EXPOSED, "xforward", &claimed, hear_ehlo, NULL, false},
        {FINDING_AUTH_WITHOUT_TLS, "", &outside, hear_ehlo, NULL, true},
        {FINDING_AUTH_WITHOUT_TLS, "", &outside, NULL, NULL, false},
        {FINDING_AUTH_WITHOUT_TLS, "", &outside, hear_ehlo, interrupt, false},
        {FINDING_AUTH_WITHOUT_TLS, "", &inside, hear_ehlo, NULL, false},
        {FINDING_AUTH_WITHOUT_TLS, "", &claimed, hear_ehlo, NULL, true},
        {FINDING_AUTH_WITHOUT_TLS, "", &outside, hear_ehlo, offer_passwords_in_clear, false},
        {FINDING_PROXY_PROTOCOL_EXPOSED, "", &outside, hear_ehlo, NULL, true},
        {FINDING_PROXY_PROTOCOL_EXPOSED, "", &claimed, hear_ehlo, NULL, false},
        {FINDING_ANONYMOUS_AUTH, "", &outside, hear_ehlo, NULL, true},
        {FINDING_ANONYMOUS_AUTH, "", &outside, NULL, NULL, false},
        {FINDING_ANONYMOUS_AUTH, "", &outside, hear_ehlo, defer_plain, false},
        {FINDING_SERVICE_REFUSED, "", &outside, NULL, NULL, true},
        {FINDING_SERVICE_REFUSED, "", &outside, serve_nobody, NULL, false},
        {FINDING_SERVICE_REFUSED, "", &outside, offer_passwords_in_clear, NULL, true},
        {FINDING_PROBE_BLOCKED, "", &outside, NULL, NULL, true},
        {FINDING_PROBE_BLOCKED, "", &outside, cut_before_plain, NULL, false},
        {FINDING_PROBE_BLOCKED, "", &outside, exhaust, NULL, false},
        {FINDING_PROBE_BLOCKED, "", &outside, interrupt, NULL, false},
        {FINDING_VANTAGE_INSIDE, "", &outside, NULL, NULL, true},
        {FINDING_VANTAGE_INSIDE, "", &outside, lose_the_source, NULL, false},
        {FINDING_CLIENT_ADDRESS_HIDDEN, "", &outside, be_seen_as_ourselves, NULL, true},
        {FINDING_CLIENT_ADDRESS_HIDDEN, "", &outside, be_seen_behind_an_address, NULL, false},
        {FINDING_CLIENT_ADDRESS_HIDDEN, "", &outside, be_seen_by_a_filter_that_cannot_tell, NULL,
         false},
        {FINDING_CLIENT_ADDRESS_HIDDEN, "", &outside, be_told_a_role_by_nobody, NULL, false},
        {FINDING_MILTER_MISSING, "", &outside, be_seen_behind_an_address, NULL, true},
        {FINDING_MILTER_MISSING, "", &outside, NULL, NULL, false},
        {FINDING_SERVICE_REFUSED, "", &outside, ask_for_tls, NULL, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char key[FINDING_KEY_SIZE];

        one_audit_fresh(state);
        if (cases[i].first != NULL) {
            cases[i].first();
        }
        if (cases[i].then != NULL) {
            cases[i].then();
        }
        one_audit(cases[i].vantage);
        one_audit_key(cases[i].rest, key);
        if (one_audit_ends(cases[i].kind, key) != cases[i].over) {
            fail_msg("case %zu: %s is %sover", i, finding_kind_name(cases[i].kind),
                     cases[i].over ? "not " : "");
        }
    }
}

static void a_log_in_that_was_cut_off_is_not_over(void **state)
{
    (void)state;
    hear_ehlo();
    audit_sample_unask(&result, "auth-anonymous");
    audit_sample_row(&result, "auth-anonymous")->cut = true;
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(one_audit_ends(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
    one_audit_fresh(state);
    hear_ehlo();
    audit_sample_row(&result, "own-sender")->cut = true;
    audit_sample_row(&result, "own-sender")->asked = false;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
}

static void every_mode_of_tls_that_was_possible_is_over(void **state)
{
    (void)state;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
    assert_true(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/starttls"));
    assert_true(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/implicit"));
    one_audit_fresh(state);
    ask_for_tls();
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
    assert_true(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/starttls"));
    assert_false(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/implicit"));
}

static void a_listing_that_is_no_more_than_a_note_is_over(void **state)
{
    (void)state;
    const struct posture_tests sound = {
        .listed = {.state = POSTURE_HAD, .answers = {dnsbl_listed_entry(ADDRESS_IPV4)}, 1},
        .unlisted = {.state = POSTURE_NONE}};

    dns = (struct posture_dns){.address = result.endpoint.address, .pointer = POSTURE_FAILED};
    dns.listings[0] =
        (struct posture_listing){.zone = "bl.spamcop.net", .entry = {.state = POSTURE_FAILED}};
    dns.listings[1] = (struct posture_listing){.zone = "zen.spamhaus.org",
                                               .entry = {.state = POSTURE_HAD, .answer_count = 1}};
    for (dns.listing_count = 0; dns.listing_count < 2; dns.listing_count++) {
        dns.listings[dns.listing_count].tests = &sound;
        dns.listings[dns.listing_count].tests_v4 = &sound;
    }
    assert_true(address_parse("127.0.0.10", &dns.listings[1].entry.answers[0]));
    result.dns = &dns;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none zen.spamhaus.org"));
    assert_true(address_parse("127.0.0.4", &dns.listings[1].entry.answers[0]));
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none zen.spamhaus.org"));
}

static void many_subjects_are_over_where_all_of_them_could_be_found(void **state)
{
    (void)state;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none any"));
    assert_false(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none any"));
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.26:25/none any"));
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "any"));

    /* One that is asked from inside hears nothing of what strangers may do. */
    one_audit(&inside);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none any"));
}

#define CASE(name) cmocka_unit_test_setup(name, one_audit_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(many_subjects_are_over_where_all_of_them_could_be_found),
        CASE(an_open_audit_that_was_interrupted_ends_no_other_cause),
        CASE(a_suspected_server_is_open_no_more),
        CASE(a_form_that_hosted_mail_is_not_asked_is_not_over),
        CASE(a_technique_that_makes_no_sense_here_is_not_owed),
        CASE(each_technique_owes_its_answer_only_where_a_connection_ended),
        CASE(each_kind_is_over_only_where_that_was_learnt),
        CASE(a_log_in_that_was_cut_off_is_not_over),
        CASE(every_mode_of_tls_that_was_possible_is_over),
        CASE(a_listing_that_is_no_more_than_a_note_is_over),
    };

    return cmocka_run_group_tests_name("over, by kind", tests, NULL, one_audit_free);
}
