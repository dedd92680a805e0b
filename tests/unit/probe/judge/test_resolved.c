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
#include "probe/judge/posture.h"
#include "probe/judge/probe_finding.h"
#include "probe/judge/resolved.h"
#include "tests/unit/audit_sample.h"
#include "tests/unit/failing_alloc.h"

/* Its own, whose memory runs out on demand. */
#include "probe/model/result.c"

/* Big, and one case at a time. */
static struct endpoint_result result;
static struct posture_dns dns;
static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};
static const struct vantage_known inside = {.declared = VANTAGE_INSIDE};

static struct resolved *resolved;

static int fresh(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    result.dns = NULL;
    return 0;
}

static bool is_over(enum finding_kind kind, const char *key)
{
    struct finding finding;

    finding_init(&finding, kind);
    snprintf(finding.key, sizeof(finding.key), "%s", key);
    snprintf(finding.fold, sizeof(finding.fold), "%.*s", (int)strcspn(key, " "), key);
    return resolved_is_over(resolved, &finding);
}

static void key_of(const char *rest, char key[FINDING_KEY_SIZE])
{
    snprintf(key, FINDING_KEY_SIZE, "203.0.113.25:25/none%s%s", rest[0] != '\0' ? " " : "", rest);
}

/* Of all that an endpoint may have. */
static bool is_anything_over(void)
{
    static const char *const rests[] = {"", " xclient", " xforward", " zen.spamhaus.org", " any"};
    char key[FINDING_KEY_SIZE];

    for (int i = 0; i < FINDING_KINDS; i++) {
        for (enum cause cause = CAUSE_NONE; cause <= CAUSE_UNCONDITIONAL; cause++) {
            snprintf(key, sizeof(key), "203.0.113.25:25/none %s", cause_name(cause));
            if (is_over((enum finding_kind)i, key)) {
                return true;
            }
        }
        for (size_t j = 0; j < sizeof(rests) / sizeof(rests[0]); j++) {
            snprintf(key, sizeof(key), "203.0.113.25:25/none%s", rests[j]);
            if (is_over((enum finding_kind)i, key)) {
                return true;
            }
        }
    }
    return false;
}

/* Not a whole audit: who is not asked about has not left. */
static void audit(const struct vantage_known *vantage)
{
    const struct conf_probe probe = {.target_count = 0};
    const struct endpoint_result *const results[] = {&result};
    const struct audit_summary summary = {.results = results, .count = 1};

    result.endpoint.configured = true;
    audit_sample_judge(&result, vantage);
    resolved_free(resolved);
    resolved = resolved_new(&probe, &summary, vantage);
    assert_non_null(resolved);
}

static void a_closed_server_ends_what_was_open(void **state)
{
    (void)state;
    audit(&outside);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_true(is_over(FINDING_SUSPECTED_RELAY, "203.0.113.25:25/none discarded-or-hidden"));
    assert_true(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
    assert_true(is_over(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
    assert_true(is_over(FINDING_VANTAGE_INSIDE, "203.0.113.25:25/none"));
}

static void a_finding_that_was_not_kept_ends_nothing_and_is_made_again(void **state)
{
    struct finding again;

    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit(&outside);
    assert_int_equal(result.unkept, 0);

    /* No room for a single one, as when memory is out. */
    result.finding_room = 0;
    failing_alloc_after(0);
    audit(&outside);
    failing_alloc_never();
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_int_equal(result.finding_count, 0);
    assert_true(result_lacks(&result, FINDING_OPEN_RELAY));
    assert_false(is_anything_over());
    assert_int_equal(verdict_exit_of(&result), 2);
    assert_true(result.note_count > 0);
    assert_non_null(strstr(result.notes[0], "(open-relay) could not be kept"));

    assert_true(verdict_relay_finding(&result, FINDING_OPEN_RELAY, &again));
    assert_string_equal(again.key, "203.0.113.25:25/none unconditional");
    assert_string_equal(finding_get(&again, "technique"), "plain");
    assert_int_equal(again.severity, SEVERITY_CRITICAL);
    assert_string_equal(again.why, result.why);
}

static void what_is_found_now_is_not_over_and_another_cause_is(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_true(result.finding_count > 0);
    assert_int_equal(result.findings[0].kind, FINDING_OPEN_RELAY);
    assert_false(is_over(FINDING_OPEN_RELAY, result.findings[0].key));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void what_cannot_be_reached_ends_nothing(void **state)
{
    (void)state;
    result.reach = REACH_NO_CONNECT;
    result.source = (struct address){.family = ADDRESS_NONE};
    snprintf(result.trouble, sizeof(result.trouble), "nobody there");
    audit(&outside);
    assert_false(is_anything_over());
}

/* The endpoint is asked for two own domains, and one of them opens it. */
static void what_one_of_two_questions_at_a_place_found_the_other_does_not_end(void **state)
{
    static struct endpoint_result other;
    const struct conf_probe probe = {.target_count = 0};
    const struct endpoint_result *const results[] = {&other, &result};
    const struct audit_summary summary = {.results = results, .count = 2};

    (void)state;
    audit(&outside);
    audit_sample_closed(&other);
    snprintf(other.endpoint.own, sizeof(other.endpoint.own), "example.net");
    other.endpoint.configured = true;
    audit_sample_answer_all(&other, OUTCOME_ACCEPTED);
    audit_sample_judge(&other, &outside);
    resolved_free(resolved);
    resolved = resolved_new(&probe, &summary, &outside);
    assert_non_null(resolved);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    result_free(&other);
}

static void an_inconclusive_audit_leaves_an_open_relay_open(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    audit(&outside);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_true(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
}

static void an_interrupted_audit_ends_nothing_that_was_not_asked(void **state)
{
    (void)state;
    result.interrupted = true;
    audit(&outside);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_false(is_over(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
}

static void a_refusal_from_inside_does_not_end_what_strangers_were_granted(void **state)
{
    (void)state;
    audit(&inside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_server_that_was_cut_off_is_still_blocking(void **state)
{
    (void)state;
    result.cut_off = true;
    audit(&outside);
    assert_false(is_over(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
}

/* fail2ban, say: `plain` was refused, which makes the endpoint closed, and then nobody answered. */
static void what_a_cut_off_audit_did_not_ask_again_is_not_over(void **state)
{
    (void)state;
    audit_sample_unask(&result, "own-sender");
    result.cut_off = true;
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_false(is_over(FINDING_SUSPECTED_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_false(is_over(FINDING_SUSPECTED_RELAY, "203.0.113.25:25/none discarded-or-hidden"));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none helo-trusted"));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_connection_that_ends_at_one_technique_shows_nothing_of_it(void **state)
{
    (void)state;
    audit_sample_unask(&result, "percent-hack");
    audit_sample_row(&result, "percent-hack")->cut = true;
    audit_sample_answer(&result, "helo-own", OUTCOME_CLOSING);
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none routing-form"));
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none helo-trusted"));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void what_was_refused_for_its_sender_is_over(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_SENDER_REFUSED);
    audit(&outside);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void what_a_ban_answered_instead_of_the_server_is_not_over(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_CLIENT_REFUSED);
    audit(&outside);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    fresh(state);
    audit_sample_answer(&result, "own-sender", OUTCOME_CLIENT_REFUSED);
    result.cut_off = true;
    result.banned = true;
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_false(is_over(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none helo-trusted"));
}

static void another_cause_gives_way_to_what_is_open_now(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_unask(&result, "own-sender");
    result.cut_off = true;
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void a_log_in_that_was_not_tried_again_is_not_over(void **state)
{
    (void)state;
    result.heard.anonymous = true;
    audit_sample_unask(&result, "auth-anonymous");
    result.cut_off = true;
    audit(&outside);
    assert_false(is_over(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
}

static void an_endpoint_left_to_choose_tls_may_have_had_another_mode(void **state)
{
    (void)state;
    result.endpoint.tls_asked = TLS_AUTO;
    audit(&outside);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/starttls unconditional"));
    fresh(state);
    result.endpoint.tls_asked = TLS_NONE;
    audit(&outside);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/starttls unconditional"));
}

static void offers_end_when_ehlo_was_heard_without_them(void **state)
{
    (void)state;
    result.heard.ehlo[0] = '\0';
    audit(&outside);
    assert_false(is_over(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xclient"));
    snprintf(result.heard.ehlo, sizeof(result.heard.ehlo), "mx.example.org");
    audit(&outside);
    assert_true(is_over(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xclient"));
    result.heard.xclient = true;
    audit(&outside);
    assert_false(is_over(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xclient"));
    assert_true(is_over(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xforward"));
}

static void only_a_list_that_answered_takes_the_server_off(void **state)
{
    (void)state;
    dns = (struct posture_dns){.address = result.endpoint.address, .pointer = POSTURE_FAILED};
    const struct posture_tests sound = {
        .listed = {.state = POSTURE_HAD, .answers = {dnsbl_listed_entry(ADDRESS_IPV4)}, 1},
        .unlisted = {.state = POSTURE_NONE}};
    const struct posture_tests dead = {.listed = {.state = POSTURE_NONE},
                                       .unlisted = {.state = POSTURE_NONE}};
    const struct posture_tests unknown = {.listed = {.state = POSTURE_FAILED},
                                          .unlisted = {.state = POSTURE_NONE}};
    const struct {
        const char *zone;
        struct posture_entry entry;
        const struct posture_tests *tests;
    } lists[] = {
        {"zen.spamhaus.org", {.state = POSTURE_NONE}, &sound},
        {"bl.spamcop.net", {.state = POSTURE_FAILED}, &sound},
        {"dead.example.net", {.state = POSTURE_NONE}, &dead},
        {"dim.example.net", {.state = POSTURE_NONE}, &unknown},
        {"refuses.example.net", {.state = POSTURE_HAD, .answer_count = 1}, &sound},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        dns.listings[dns.listing_count++] = (struct posture_listing){
            .zone = lists[i].zone,
            .entry = lists[i].entry,
            .tests = lists[i].tests,
            .tests_v4 = lists[i].tests,
        };
    }
    assert_true(address_parse("127.255.255.254", &dns.listings[4].entry.answers[0]));
    result.dns = &dns;
    audit(&outside);
    assert_true(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none zen.spamhaus.org"));
    assert_false(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none bl.spamcop.net"));
    /* A list that has ended lists nobody; one that gave no answer, or refused one, may. */
    assert_true(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none dead.example.net"));
    assert_false(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none dim.example.net"));
    assert_false(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none refuses.example.net"));
    /* Any of many lists may be one that did not answer. */
    assert_false(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none any"));
    dns.listing_count = 1;
    audit(&outside);
    assert_true(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none any"));
}

static void what_is_only_a_note_now_is_over(void **state)
{
    (void)state;
    snprintf(result.heard.ehlo, sizeof(result.heard.ehlo), "mx.example.org");
    result.heard.anonymous = true;
    audit_sample_answer(&result, "auth-anonymous", OUTCOME_RELAY_DENIED);
    audit(&outside);
    assert_true(is_over(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
    assert_true(is_over(FINDING_PROXY_PROTOCOL_EXPOSED, "203.0.113.25:25/none"));
    audit_sample_answer(&result, "auth-anonymous", OUTCOME_ACCEPTED);
    result.proxied = true;
    audit(&outside);
    assert_false(is_over(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
    assert_false(is_over(FINDING_PROXY_PROTOCOL_EXPOSED, "203.0.113.25:25/none"));
}

/* ---- what each kind needs before its absence means anything ------------------------------- */

static void an_open_audit_that_was_interrupted_ends_no_other_cause(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    result.interrupted = true;
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void a_suspected_server_is_open_no_more(void **state)
{
    (void)state;
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_SUSPECTED);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_form_that_hosted_mail_is_not_asked_is_not_over(void **state)
{
    (void)state;
    result.endpoint.hosted = true;
    result.technique_count = 1;
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none routing-form"));
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_technique_that_makes_no_sense_here_is_not_owed(void **state)
{
    (void)state;
    audit_sample_unask(&result, "own-sender");
    audit_sample_row(&result, "own-sender")->absent = true;
    result.cut_off = true;
    audit(&outside);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

/* For each technique: its answer is owed, and all that it may show is not over. */
static void what_the_technique_may_show(size_t row, bool cut)
{
    const struct technique *technique = result.techniques[row].technique;

    audit_sample_unask(&result, technique->id);
    result.techniques[row].cut = cut;
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    for (enum cause cause = CAUSE_DISCARDED_OR_HIDDEN; cause <= CAUSE_UNCONDITIONAL; cause++) {
        char key[FINDING_KEY_SIZE];
        key_of(cause_name(cause), key);
        assert_int_equal(is_over(FINDING_OPEN_RELAY, key),
                         !(cut && diagnosis_may_show(technique->trait, cause)));
    }
}

static void each_technique_owes_its_answer_only_where_a_connection_ended(void **state)
{
    size_t count = result.technique_count;

    for (size_t row = 1; row < count; row++) {
        fresh(state);
        what_the_technique_may_show(row, true);
        fresh(state);
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

        fresh(state);
        if (cases[i].first != NULL) {
            cases[i].first();
        }
        if (cases[i].then != NULL) {
            cases[i].then();
        }
        audit(cases[i].vantage);
        key_of(cases[i].rest, key);
        if (is_over(cases[i].kind, key) != cases[i].over) {
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
    audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(is_over(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
    fresh(state);
    hear_ehlo();
    audit_sample_row(&result, "own-sender")->cut = true;
    audit_sample_row(&result, "own-sender")->asked = false;
    audit(&outside);
    assert_true(is_over(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
}

static void every_mode_of_tls_that_was_possible_is_over(void **state)
{
    (void)state;
    audit(&outside);
    assert_true(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
    assert_true(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/starttls"));
    assert_true(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/implicit"));
    fresh(state);
    ask_for_tls();
    audit(&outside);
    assert_true(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
    assert_true(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/starttls"));
    assert_false(is_over(FINDING_SERVICE_REFUSED, "203.0.113.25:25/implicit"));
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
    audit(&outside);
    assert_true(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none zen.spamhaus.org"));
    assert_true(address_parse("127.0.0.4", &dns.listings[1].entry.answers[0]));
    audit(&outside);
    assert_false(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none zen.spamhaus.org"));
}

static void many_subjects_are_over_where_all_of_them_could_be_found(void **state)
{
    (void)state;
    audit(&outside);
    assert_true(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none any"));
    assert_false(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none any"));
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.26:25/none any"));
    assert_false(is_over(FINDING_OPEN_RELAY, "any"));

    /* One that is asked from inside hears nothing of what strangers may do. */
    audit(&inside);
    assert_false(is_over(FINDING_OPEN_RELAY, "203.0.113.25:25/none any"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_closed_server_ends_what_was_open, fresh),
        cmocka_unit_test_setup(many_subjects_are_over_where_all_of_them_could_be_found, fresh),
        cmocka_unit_test_setup(what_is_found_now_is_not_over_and_another_cause_is, fresh),
        cmocka_unit_test_setup(a_finding_that_was_not_kept_ends_nothing_and_is_made_again, fresh),
        cmocka_unit_test_setup(what_cannot_be_reached_ends_nothing, fresh),
        cmocka_unit_test_setup(what_one_of_two_questions_at_a_place_found_the_other_does_not_end,
                               fresh),
        cmocka_unit_test_setup(an_inconclusive_audit_leaves_an_open_relay_open, fresh),
        cmocka_unit_test_setup(an_interrupted_audit_ends_nothing_that_was_not_asked, fresh),
        cmocka_unit_test_setup(a_refusal_from_inside_does_not_end_what_strangers_were_granted,
                               fresh),
        cmocka_unit_test_setup(a_server_that_was_cut_off_is_still_blocking, fresh),
        cmocka_unit_test_setup(what_a_cut_off_audit_did_not_ask_again_is_not_over, fresh),
        cmocka_unit_test_setup(a_connection_that_ends_at_one_technique_shows_nothing_of_it, fresh),
        cmocka_unit_test_setup(what_was_refused_for_its_sender_is_over, fresh),
        cmocka_unit_test_setup(what_a_ban_answered_instead_of_the_server_is_not_over, fresh),
        cmocka_unit_test_setup(another_cause_gives_way_to_what_is_open_now, fresh),
        cmocka_unit_test_setup(a_log_in_that_was_not_tried_again_is_not_over, fresh),
        cmocka_unit_test_setup(an_endpoint_left_to_choose_tls_may_have_had_another_mode, fresh),
        cmocka_unit_test_setup(offers_end_when_ehlo_was_heard_without_them, fresh),
        cmocka_unit_test_setup(only_a_list_that_answered_takes_the_server_off, fresh),
        cmocka_unit_test_setup(what_is_only_a_note_now_is_over, fresh),
        cmocka_unit_test_setup(an_open_audit_that_was_interrupted_ends_no_other_cause, fresh),
        cmocka_unit_test_setup(a_suspected_server_is_open_no_more, fresh),
        cmocka_unit_test_setup(a_form_that_hosted_mail_is_not_asked_is_not_over, fresh),
        cmocka_unit_test_setup(a_technique_that_makes_no_sense_here_is_not_owed, fresh),
        cmocka_unit_test_setup(each_technique_owes_its_answer_only_where_a_connection_ended, fresh),
        cmocka_unit_test_setup(each_kind_is_over_only_where_that_was_learnt, fresh),
        cmocka_unit_test_setup(a_log_in_that_was_cut_off_is_not_over, fresh),
        cmocka_unit_test_setup(every_mode_of_tls_that_was_possible_is_over, fresh),
        cmocka_unit_test_setup(a_listing_that_is_no_more_than_a_note_is_over, fresh),
    };

    int failures = cmocka_run_group_tests_name("over", tests, NULL, NULL);
    resolved_free(resolved);
    return failures;
}
