#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/posture.h"
#include "probe/judge/resolved.h"
#include "tests/unit/audit_sample.h"

#define KEYS_MAX 256

/* Big, and one case at a time. */
static struct endpoint_result result;
static struct posture_dns dns;
static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};
static const struct vantage_known inside = {.declared = VANTAGE_INSIDE};

static struct {
    enum finding_kind kind;
    char key[FINDING_KEY_SIZE];
} over[KEYS_MAX];
static size_t over_count;

static int fresh(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    result.dns = NULL;
    return 0;
}

static void keep(enum finding_kind kind, const char *key, void *user)
{
    (void)user;
    assert_true(over_count < KEYS_MAX);
    over[over_count].kind = kind;
    (void)snprintf(over[over_count++].key, FINDING_KEY_SIZE, "%s", key);
}

static bool is_over(enum finding_kind kind, const char *key)
{
    for (size_t i = 0; i < over_count; i++) {
        if (over[i].kind == kind && strcmp(over[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static void audit(const struct vantage_known *vantage)
{
    over_count = 0;
    audit_sample_judge(&result, vantage);
    over_each(&result, vantage, keep, NULL);
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
    assert_int_equal(over_count, 0);
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
    dns.listings[0] = (struct posture_listing){.zone = "zen.spamhaus.org", .state = POSTURE_NONE};
    dns.listings[1] = (struct posture_listing){.zone = "bl.spamcop.net", .state = POSTURE_FAILED};
    dns.listing_count = 2;
    result.dns = &dns;
    audit(&outside);
    assert_true(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none zen.spamhaus.org"));
    assert_false(is_over(FINDING_BLOCKLISTED, "203.0.113.25:25/none bl.spamcop.net"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_closed_server_ends_what_was_open, fresh),
        cmocka_unit_test_setup(what_is_found_now_is_not_over_and_another_cause_is, fresh),
        cmocka_unit_test_setup(what_cannot_be_reached_ends_nothing, fresh),
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
    };

    return cmocka_run_group_tests_name("over", tests, NULL, NULL);
}
