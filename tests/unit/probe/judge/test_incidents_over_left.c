#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/dns/address_facts.h"
#include "probe/dns/dnsbl.h"
#include "probe/judge/incidents_over.h"
#include "probe/judge/posture.h"
#include "probe/judge/probe_finding.h"
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
    struct incidents_over *resolved = incidents_over_new(conf, &summary, &vantage);

    assert_non_null(resolved);
    bool over = incidents_over_has(resolved, finding);
    incidents_over_free(resolved);
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
    before.endpoint.port = 2525;
    assert_true(has_left());
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
    snprintf(finding.fold, sizeof(finding.fold), "192.0.2.1:25/none");
    assert_false(is_over(&probe, &finding));
    finding.fold[0] = '\0';
    finding_add(&finding, "target", FIELD_SUBJECT, "mx");
    assert_true(is_over(&probe, &finding));
    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_add(&finding, "target", FIELD_SUBJECT, "mx");
    assert_false(is_over(&probe, &finding));
    incidents_over_free(NULL);
}

/* ---- keys ---------------------------------------------------------------------------- */

static struct finding keyed;

/* A finding of which the database gave back no more than this. */
static const struct finding *key_is(enum finding_kind kind, const char *fold, const char *rest)
{
    finding_init(&keyed, kind);
    snprintf(keyed.fold, sizeof(keyed.fold), "%s", fold);
    snprintf(keyed.key, sizeof(keyed.key), "%s%s", fold, rest);
    return &keyed;
}

static void a_finding_of_which_the_key_is_left_is_about_its_endpoint(void **state)
{
    (void)state;
    assert_true(is_over(&probe, key_is(FINDING_OPEN_RELAY, "192.0.2.1:25/none", " unconditional")));
    assert_false(
        is_over(&probe, key_is(FINDING_OPEN_RELAY, "203.0.113.25:25/none", " unconditional")));
    ask_both();
    assert_true(is_over(&both, key_is(FINDING_OPEN_RELAY, "192.0.2.1:25/none", " unconditional")));
    second.reach = REACH_NO_ADDRESS; /* it may be there */
    assert_false(is_over(&both, key_is(FINDING_OPEN_RELAY, "192.0.2.1:25/none", " unconditional")));
}

static void only_a_key_of_the_endpoint_and_of_the_kind_is_over(void **state)
{
    static const struct {
        enum finding_kind kind;
        const char *fold;
        const char *rest;
        bool over;
    } rows[] = {
        {FINDING_OPEN_RELAY, "203.0.113.25:25/none", " unconditional", true},
        {FINDING_OPEN_RELAY, "203.0.113.25:25/none", " moonlight", false},
        {FINDING_OPEN_RELAY, "203.0.113.25:25", " unconditional", false},
        {FINDING_SERVICE_REFUSED, "203.0.113.25:25/none", "", true},
        {FINDING_SERVICE_REFUSED, "203.0.113.25:25/none", " x", false},
        {FINDING_SERVICE_REFUSED, "203.0.113.25:25/none", " any", true},
        {FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none", " xclient", true},
        {FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none", " xforward", true},
        {FINDING_XCLIENT_EXPOSED, "203.0.113.25:25/none", " xother", false},
    };

    (void)state;
    summary.whole = false;
    now.verdict = VERDICT_CLOSED;
    snprintf(now.heard.ehlo, sizeof(now.heard.ehlo), "mx.example.org");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (is_over(&probe, key_is(rows[i].kind, rows[i].fold, rows[i].rest)) != rows[i].over) {
            fail_msg("%s%s", rows[i].fold, rows[i].rest);
        }
    }
    (void)key_is(FINDING_OPEN_RELAY, "203.0.113.25:25/none", " unconditional");
    keyed.key[strlen("203.0.113.25:2")]++;
    assert_false(is_over(&probe, &keyed));
    now.endpoint.tls_asked = TLS_NONE;
    now.tls = TLS_STARTTLS;
    assert_true(is_over(&probe, key_is(FINDING_SERVICE_REFUSED, "203.0.113.25:25/starttls", "")));
    assert_false(is_over(&probe, key_is(FINDING_SERVICE_REFUSED, "203.0.113.25:25/implicit", "")));
}

/* ---- what was granted for a cause ------------------------------------------------------ */

static bool is_cause_over(enum cause cause)
{
    char rest[64];

    snprintf(rest, sizeof(rest), " %s", cause_name(cause));
    return is_over(&probe, key_is(FINDING_OPEN_RELAY, "203.0.113.25:25/none", rest));
}

static void another_own_domain_that_waits_for_its_turn_may_still_be_trusted(void **state)
{
    static const struct {
        bool asked;
        bool absent;
        enum outcome outcome;
        bool over;
    } rows[] = {
        {false, false, OUTCOME_RELAY_DENIED, false}, {false, true, OUTCOME_RELAY_DENIED, true},
        {true, false, OUTCOME_RELAY_DENIED, true},   {true, false, OUTCOME_DEFERRED, true},
        {true, false, OUTCOME_CLOSING, false},       {true, true, OUTCOME_CLOSING, true},
        {true, false, OUTCOME_SENDER_REFUSED, true},
    };

    (void)state;
    now.verdict = VERDICT_CLOSED;
    assert_true(is_cause_over(CAUSE_SENDER_TRUSTED));
    struct technique_result *row = result_add(&now, technique_find("own-sender"));
    assert_non_null(row);
    row->own = "second.example.org";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        row->asked = rows[i].asked;
        row->absent = rows[i].absent;
        row->outcome = rows[i].outcome;
        assert_int_equal(is_cause_over(CAUSE_SENDER_TRUSTED), rows[i].over);
        assert_true(is_cause_over(CAUSE_HELO_TRUSTED));
        assert_int_equal(
            is_over(&probe, key_is(FINDING_OPEN_RELAY, "203.0.113.25:25/none", " any")),
            rows[i].over);
    }
}

static void hosted_mail_is_asked_enough_to_end_what_plain_shows(void **state)
{
    (void)state;
    now.verdict = VERDICT_CLOSED;
    now.endpoint.hosted = true;
    now.technique_count = 1;
    assert_true(is_cause_over(CAUSE_UNCONDITIONAL));
    assert_true(is_cause_over(CAUSE_CLIENT_ADDRESS_HIDDEN));
    assert_false(is_cause_over(CAUSE_TRUSTED_NETWORKS_TOO_WIDE));
}

static void a_battery_that_was_cut_off_and_has_caught_up_is_not_blocked(void **state)
{
    (void)state;
    now.cut_off = true;
    audit_sample_unask(&now, "own-sender");
    assert_false(is_over(&probe, key_is(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none", "")));
    audit_sample_row(&now, "own-sender")->recent = true;
    assert_true(is_over(&probe, key_is(FINDING_PROBE_BLOCKED, "203.0.113.25:25/none", "")));
}

/* ---- block lists ------------------------------------------------------------------------ */

static struct posture_dns facts[2];

static void list_says(struct endpoint_result *asked, struct posture_dns *dns, bool first, bool last)
{
    static struct posture_tests sound = {.listed = {.state = POSTURE_HAD, .answer_count = 1},
                                         .unlisted = {.state = POSTURE_NONE}};

    sound.listed.answers[0] = dnsbl_listed_entry(ADDRESS_IPV4);
    *dns = (struct posture_dns){.address = asked->endpoint.address, .listing_count = 2};
    for (size_t i = 0; i < 2; i++) {
        bool answers = i == 0 ? first : last;
        dns->listings[i] = (struct posture_listing){
            .zone = i == 0 ? "zen.spamhaus.org" : "bl.spamcop.net",
            .entry = {.state = answers ? POSTURE_NONE : POSTURE_FAILED},
            .tests = &sound,
            .tests_v4 = &sound,
        };
    }
    asked->dns = dns;
}

static bool is_off(const char *fold, const char *rest)
{
    return is_over(&both, key_is(FINDING_BLOCKLISTED, fold, rest));
}

static void each_list_and_each_address_answers_for_itself(void **state)
{
    (void)state;
    ask_both();
    list_says(&now, &facts[0], true, true);
    list_says(&second, &facts[1], false, true);
    assert_true(is_off("203.0.113.25:25/none", " zen.spamhaus.org"));
    assert_true(is_off("203.0.113.25:25/none", " any"));
    assert_false(is_off("203.0.113.26:25/none", " zen.spamhaus.org"));
    assert_true(is_off("203.0.113.26:25/none", " bl.spamcop.net"));
    assert_false(is_off("203.0.113.26:25/none", " any"));
    now.dns = second.dns = NULL;
}

/* ---- the incident that stands for many ---------------------------------------------------- */

static const struct finding *any_of_all(void)
{
    return key_is(FINDING_SERVICE_REFUSED, "", "any");
}

static void what_stands_for_many_endpoints_is_over_where_each_of_them_shows_it(void **state)
{
    (void)state;
    ask_both();
    assert_true(is_over(&both, any_of_all()));
    now.reach = REACH_NO_GREETING;
    assert_false(is_over(&both, any_of_all()));
    now.reach = REACH_SESSION;
    second.reach = REACH_NO_GREETING;
    assert_false(is_over(&both, any_of_all()));
    second.reach = REACH_SESSION;
    assert_true(is_over(&both, any_of_all()));
    summary.whole = false;
    assert_false(is_over(&both, any_of_all()));
    summary.whole = true;
    summary.interrupted = true;
    assert_false(is_over(&both, any_of_all()));
}

static void
what_stands_for_many_of_an_endpoint_is_over_where_each_target_of_it_shows_it(void **state)
{
    (void)state;
    ask_both();
    second.endpoint.address = now.endpoint.address;
    assert_true(is_over(&both, key_is(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none", " any")));
    summary.whole = false;
    assert_true(is_over(&both, key_is(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none", " any")));
    second.reach = REACH_NO_GREETING;
    assert_false(is_over(&both, key_is(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none", " any")));
    now.reach = REACH_NO_GREETING;
    second.reach = REACH_SESSION;
    assert_false(is_over(&both, key_is(FINDING_SERVICE_REFUSED, "203.0.113.25:25/none", " any")));
}

/* Two domains, one mail host: what was found for mx lasts until mx was asked. */
static void of_two_targets_at_one_endpoint_each_ends_what_was_found_for_it(void **state)
{
    const struct finding *finding = probe_finding_add(&before, FINDING_OPEN_RELAY, "helo-trusted");

    (void)state;
    assert_non_null(finding);
    ask_both();
    second.endpoint.address = now.endpoint.address;
    second.verdict = VERDICT_CLOSED;
    assert_false(is_over(&both, finding));
    now.verdict = VERDICT_CLOSED;
    assert_true(is_over(&both, finding));

    bool *const holes[] = {&now.lost, &second.lost, &second.interrupted};
    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        *holes[i] = true;
        assert_false(is_over(&both, finding));
        *holes[i] = false;
    }
    second.unkept = UINT64_C(1) << FINDING_OPEN_RELAY;
    assert_false(is_over(&both, finding));
    second.unkept = 0;

    /* Where mx has left the host, the other's answers count. */
    assert_true(address_parse("203.0.113.77", &now.endpoint.address));
    assert_true(is_over(&both, finding));
    summary.whole = false;
    assert_false(is_over(&both, finding));
    second.verdict = VERDICT_INCONCLUSIVE;
    summary.whole = true;
    assert_false(is_over(&both, finding));
}

static bool is_any_over(const char *fold, const char *rest, const char *endpoint)
{
    (void)key_is(FINDING_OPEN_RELAY, fold, rest);
    finding_add(&keyed, "target", FIELD_SUBJECT, "mx");
    finding_add(&keyed, "endpoint", FIELD_SUBJECT, endpoint);
    return is_over(&probe, &keyed);
}

static void what_stands_for_many_of_an_endpoint_that_has_left_is_over(void **state)
{
    (void)state;
    assert_true(is_any_over("192.0.2.1:25/none", " any", "192.0.2.1:25/none"));
    assert_false(is_any_over("203.0.113.25:25/none", " any", "203.0.113.25:25/none"));
    assert_false(is_any_over("", "any", "192.0.2.1:25/none"));
    summary.whole = false;
    assert_false(is_any_over("192.0.2.1:25/none", " any", "192.0.2.1:25/none"));
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
        cmocka_unit_test_setup(a_finding_of_which_the_key_is_left_is_about_its_endpoint, fresh),
        cmocka_unit_test_setup(only_a_key_of_the_endpoint_and_of_the_kind_is_over, fresh),
        cmocka_unit_test_setup(another_own_domain_that_waits_for_its_turn_may_still_be_trusted,
                               fresh),
        cmocka_unit_test_setup(hosted_mail_is_asked_enough_to_end_what_plain_shows, fresh),
        cmocka_unit_test_setup(a_battery_that_was_cut_off_and_has_caught_up_is_not_blocked, fresh),
        cmocka_unit_test_setup(each_list_and_each_address_answers_for_itself, fresh),
        cmocka_unit_test_setup(what_stands_for_many_endpoints_is_over_where_each_of_them_shows_it,
                               fresh),
        cmocka_unit_test_setup(
            what_stands_for_many_of_an_endpoint_is_over_where_each_target_of_it_shows_it, fresh),
        cmocka_unit_test_setup(of_two_targets_at_one_endpoint_each_ends_what_was_found_for_it,
                               fresh),
        cmocka_unit_test_setup(what_stands_for_many_of_an_endpoint_that_has_left_is_over, fresh),
    };

    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    result_free(&now);
    result_free(&before);
    result_free(&second);
    return failures;
}
