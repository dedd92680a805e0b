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
#include "tests/unit/failing_alloc.h"

/* Its own, whose memory runs out on demand. */
#include "probe/model/result.c"

#include "tests/unit/one_audit.h"

static struct posture_dns dns;

static void a_closed_server_ends_what_was_open(void **state)
{
    (void)state;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_true(
        one_audit_ends(FINDING_SUSPECTED_RELAY, "203.0.113.25:25/none discarded-or-hidden"));
    assert_true(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
    assert_true(one_audit_ends(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
    assert_true(one_audit_ends(FINDING_VANTAGE_INSIDE, "203.0.113.25:25/none"));
}

static void a_finding_that_was_not_kept_ends_nothing_and_is_made_again(void **state)
{
    struct finding again;

    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    one_audit(&outside);
    assert_int_equal(result.unkept, 0);

    /* No room for a single one, as when memory is out. */
    result.finding_room = 0;
    failing_alloc_after(0);
    one_audit(&outside);
    failing_alloc_never();
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_int_equal(result.finding_count, 0);
    assert_true(result_lacks(&result, FINDING_OPEN_RELAY));
    assert_false(one_audit_ends_anything());
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
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_true(result.finding_count > 0);
    assert_int_equal(result.findings[0].kind, FINDING_OPEN_RELAY);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, result.findings[0].key));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void what_cannot_be_reached_ends_nothing(void **state)
{
    (void)state;
    result.reach = REACH_NO_CONNECT;
    result.source = (struct address){.family = ADDRESS_NONE};
    snprintf(result.trouble, sizeof(result.trouble), "nobody there");
    one_audit(&outside);
    assert_false(one_audit_ends_anything());
}

/* The endpoint is asked for two own domains, and one of them opens it. */
static void what_one_of_two_questions_at_a_place_found_the_other_does_not_end(void **state)
{
    static struct endpoint_result other;
    const struct conf_probe probe = {.target_count = 0};
    const struct endpoint_result *const results[] = {&other, &result};
    const struct audit_summary summary = {.results = results, .count = 2};

    (void)state;
    one_audit(&outside);
    audit_sample_closed(&other);
    snprintf(other.endpoint.own, sizeof(other.endpoint.own), "example.net");
    other.endpoint.configured = true;
    audit_sample_answer_all(&other, OUTCOME_ACCEPTED);
    audit_sample_judge(&other, &outside);
    incidents_over_free(one_audit_over);
    one_audit_over = incidents_over_new(&probe, &summary, &outside);
    assert_non_null(one_audit_over);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    result_free(&other);
}

static void an_inconclusive_audit_leaves_an_open_relay_open(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_true(one_audit_ends(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none"));
}

static void an_interrupted_audit_ends_nothing_that_was_not_asked(void **state)
{
    (void)state;
    result.interrupted = true;
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
    assert_false(one_audit_ends(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
}

static void a_refusal_from_inside_does_not_end_what_strangers_were_granted(void **state)
{
    (void)state;
    one_audit(&inside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_server_that_was_cut_off_is_still_blocking(void **state)
{
    (void)state;
    result.cut_off = true;
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
}

/* fail2ban, say: `plain` was refused, which makes the endpoint closed, and then nobody answered. */
static void what_a_cut_off_audit_did_not_ask_again_is_not_over(void **state)
{
    (void)state;
    audit_sample_unask(&result, "own-sender");
    result.cut_off = true;
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_false(one_audit_ends(FINDING_SUSPECTED_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_false(
        one_audit_ends(FINDING_SUSPECTED_RELAY, "203.0.113.25:25/none discarded-or-hidden"));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none helo-trusted"));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none unconditional"));
}

static void a_connection_that_ends_at_one_technique_shows_nothing_of_it(void **state)
{
    (void)state;
    audit_sample_unask(&result, "percent-hack");
    audit_sample_row(&result, "percent-hack")->cut = true;
    audit_sample_answer(&result, "helo-own", OUTCOME_CLOSING);
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none routing-form"));
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none helo-trusted"));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void what_was_refused_for_its_sender_is_over(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_SENDER_REFUSED);
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void what_a_ban_answered_instead_of_the_server_is_not_over(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_CLIENT_REFUSED);
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    one_audit_fresh(state);
    audit_sample_answer(&result, "own-sender", OUTCOME_CLIENT_REFUSED);
    result.cut_off = true;
    result.banned = true;
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
    assert_false(one_audit_ends(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none"));
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none helo-trusted"));
}

static void another_cause_gives_way_to_what_is_open_now(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_unask(&result, "own-sender");
    result.cut_off = true;
    one_audit(&outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/none sender-trusted"));
}

static void a_log_in_that_was_not_tried_again_is_not_over(void **state)
{
    (void)state;
    result.heard.anonymous = true;
    audit_sample_unask(&result, "auth-anonymous");
    result.cut_off = true;
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
}

static void an_endpoint_left_to_choose_tls_may_have_had_another_mode(void **state)
{
    (void)state;
    result.endpoint.tls_asked = TLS_AUTO;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/starttls unconditional"));
    one_audit_fresh(state);
    result.endpoint.tls_asked = TLS_NONE;
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_OPEN_RELAY, "203.0.113.25:25/starttls unconditional"));
}

static void offers_end_when_ehlo_was_heard_without_them(void **state)
{
    (void)state;
    result.heard.ehlo[0] = '\0';
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xclient"));
    snprintf(result.heard.ehlo, sizeof(result.heard.ehlo), "mx.example.org");
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xclient"));
    result.heard.xclient = true;
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xclient"));
    assert_true(one_audit_ends(FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none xforward"));
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
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none zen.spamhaus.org"));
    assert_false(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none bl.spamcop.net"));
    /* A list that has ended lists nobody; one that gave no answer, or refused one, may. */
    assert_true(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none dead.example.net"));
    assert_false(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none dim.example.net"));
    assert_false(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none refuses.example.net"));
    /* Any of many lists may be one that did not answer. */
    assert_false(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none any"));
    dns.listing_count = 1;
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_BLOCKLISTED, "203.0.113.25:25/none any"));
}

static void what_is_only_a_note_now_is_over(void **state)
{
    (void)state;
    snprintf(result.heard.ehlo, sizeof(result.heard.ehlo), "mx.example.org");
    result.heard.anonymous = true;
    audit_sample_answer(&result, "auth-anonymous", OUTCOME_RELAY_DENIED);
    one_audit(&outside);
    assert_true(one_audit_ends(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
    assert_true(one_audit_ends(FINDING_PROXY_PROTOCOL_EXPOSED, "203.0.113.25:25/none"));
    audit_sample_answer(&result, "auth-anonymous", OUTCOME_ACCEPTED);
    result.proxied = true;
    one_audit(&outside);
    assert_false(one_audit_ends(FINDING_ANONYMOUS_AUTH, "203.0.113.25:25/none"));
    assert_false(one_audit_ends(FINDING_PROXY_PROTOCOL_EXPOSED, "203.0.113.25:25/none"));
}

#define CASE(name) cmocka_unit_test_setup(name, one_audit_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_closed_server_ends_what_was_open),
        CASE(what_is_found_now_is_not_over_and_another_cause_is),
        CASE(a_finding_that_was_not_kept_ends_nothing_and_is_made_again),
        CASE(what_cannot_be_reached_ends_nothing),
        CASE(what_one_of_two_questions_at_a_place_found_the_other_does_not_end),
        CASE(an_inconclusive_audit_leaves_an_open_relay_open),
        CASE(an_interrupted_audit_ends_nothing_that_was_not_asked),
        CASE(a_refusal_from_inside_does_not_end_what_strangers_were_granted),
        CASE(a_server_that_was_cut_off_is_still_blocking),
        CASE(what_a_cut_off_audit_did_not_ask_again_is_not_over),
        CASE(a_connection_that_ends_at_one_technique_shows_nothing_of_it),
        CASE(what_was_refused_for_its_sender_is_over),
        CASE(what_a_ban_answered_instead_of_the_server_is_not_over),
        CASE(another_cause_gives_way_to_what_is_open_now),
        CASE(a_log_in_that_was_not_tried_again_is_not_over),
        CASE(an_endpoint_left_to_choose_tls_may_have_had_another_mode),
        CASE(offers_end_when_ehlo_was_heard_without_them),
        CASE(only_a_list_that_answered_takes_the_server_off),
        CASE(what_is_only_a_note_now_is_over),
    };

    return cmocka_run_group_tests_name("over", tests, NULL, one_audit_free);
}
