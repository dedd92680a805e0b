#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/posture.h"
#include "tests/unit/audit_sample.h"

/* Big, and one case at a time. */
static struct endpoint_result result;
static struct posture_dns dns;
static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};
static const struct vantage_known inside = {.declared = VANTAGE_INSIDE};

/* A closed endpoint whose address has a name that leads back to it. */
static int fresh(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    memset(&dns, 0, sizeof(dns));
    dns.address = result.endpoint.address;
    dns.pointer = POSTURE_HAD;
    dns.name_count = 1;
    snprintf(dns.names[0].name, sizeof(dns.names[0].name), "mx.example.org");
    dns.names[0].forward = POSTURE_HAD;
    dns.names[0].agrees = true;
    result.dns = &dns;
    return 0;
}

static void list(const char *zone, const char *answer, const char *reason)
{
    struct posture_listing *listing = &dns.listings[dns.listing_count++];

    listing->zone = zone;
    listing->state = answer != NULL ? POSTURE_HAD : POSTURE_NONE;
    if (answer != NULL) {
        assert_true(address_parse(answer, &listing->answers[listing->answer_count++]));
    }
    snprintf(listing->reason, sizeof(listing->reason), "%s", reason);
}

/* The one finding that there is, which must be of this kind and severity. */
static const struct finding *judged(enum finding_kind kind, enum severity severity)
{
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_CLOSED);
    assert_int_equal(result.finding_count, 1);
    assert_string_equal(finding_kind_name(result.findings[0].kind), finding_kind_name(kind));
    assert_string_equal(severity_name(result.findings[0].severity), severity_name(severity));
    const struct endpoint_result *const one = &result;
    static const int codes[] = {0, 1, 2};
    assert_int_equal(judgement_exit_code(&one, 1), codes[severity]);
    return &result.findings[0];
}

static void judged_nothing(size_t notes)
{
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.finding_count, 0);
    assert_int_equal(result.note_count, notes);
}

static void hear(const char *text, bool secured)
{
    result.capability_count = 0;
    for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        char one[256];
        snprintf(one, sizeof(one), "%.*s", (int)strcspn(line + 1, "\n"), line + 1);
        result.capabilities[result.capability_count++] = texts_keep(&result.texts, one);
    }
    posture_hear(&result, text, secured);
}

static void what_is_in_order_gives_nothing(void **state)
{
    (void)state;
    list("zen.spamhaus.org", NULL, "");
    judged_nothing(0);
    result.dns = NULL;
    judged_nothing(0);
}

static void an_address_without_a_name_is_info(void **state)
{
    (void)state;
    dns.pointer = POSTURE_NONE;
    dns.name_count = 0;
    const struct finding *finding = judged(FINDING_PTR_MISSING, SEVERITY_INFO);
    assert_string_equal(finding->key, "203.0.113.25:25/none");
    audit_sample_says(finding->why, "203.0.113.25");
}

static void a_name_that_does_not_lead_back_is_info_if_that_is_known(void **state)
{
    (void)state;
    dns.names[0].agrees = false;
    audit_sample_says(judged(FINDING_FCRDNS_MISMATCH, SEVERITY_INFO)->why, "other addresses");
    dns.names[0].forward = POSTURE_NONE;
    audit_sample_says(judged(FINDING_FCRDNS_MISMATCH, SEVERITY_INFO)->why,
                      "no such address record");
    dns.names[0].forward = POSTURE_FAILED;
    judged_nothing(1);
    dns.names[0].forward = POSTURE_PENDING;
    judged_nothing(1);
}

static void one_name_that_leads_back_is_enough(void **state)
{
    (void)state;
    dns.names[1] = dns.names[0];
    dns.names[0].agrees = false;
    dns.names[0].forward = POSTURE_FAILED;
    dns.name_count = 2;
    judged_nothing(0);
}

static void a_generic_name_is_info_and_a_chosen_one_beside_it_redeems_it(void **state)
{
    (void)state;
    snprintf(dns.names[0].name, sizeof(dns.names[0].name), "203-0-113-25.static.example.net");
    judged(FINDING_GENERIC_HOSTNAME, SEVERITY_INFO);
    dns.names[1] = dns.names[0];
    snprintf(dns.names[1].name, sizeof(dns.names[1].name), "mx.example.org");
    dns.name_count = 2;
    judged_nothing(0);
    dns.names[1].agrees = false; /* whoever owns the address can write any name there */
    judged(FINDING_GENERIC_HOSTNAME, SEVERITY_INFO);
}

static void a_listing_for_abuse_says_which_list_why_and_where_to_ask(void **state)
{
    (void)state;
    list("zen.spamhaus.org", "127.0.0.3", "spam seen");
    const struct finding *finding = judged(FINDING_BLOCKLISTED, SEVERITY_WARNING);
    audit_sample_says(finding->why, "zen.spamhaus.org (Spamhaus CSS 127.0.0.3) for abuse");
    audit_sample_says(finding->why, "It says: \"spam seen\"");
    audit_sample_says(finding->fix, "at https://check.spamhaus.org/");
    assert_string_equal(finding->key, "203.0.113.25:25/none zen.spamhaus.org");
    assert_string_equal(finding_get(finding, "listing"), "abuse");
}

static void a_listing_by_policy_or_for_neighbours_is_info(void **state)
{
    (void)state;
    list("zen.spamhaus.org", "127.0.0.10", "");
    const struct finding *finding = judged(FINDING_BLOCKLISTED, SEVERITY_INFO);
    audit_sample_says(finding->why, "by policy, not for abuse");
    assert_string_equal(finding_get(finding, "listing"), "policy");
    dns.listing_count = 0;
    memset(dns.listings, 0, sizeof(dns.listings));
    list("dnsbl-3.uceprotect.net", "127.0.0.2", "");
    audit_sample_says(judged(FINDING_BLOCKLISTED, SEVERITY_INFO)->why, "for its neighbours");
}

static void a_long_reason_is_cut_and_the_sentence_stays_whole(void **state)
{
    (void)state;
    char reason[DOMAIN_SIZE];

    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    list("zen.spamhaus.org", "127.0.0.10", reason);
    for (size_t i = 1; i < POSTURE_ANSWERS; i++) {
        dns.listings[0].answers[dns.listings[0].answer_count++] = dns.listings[0].answers[0];
    }
    judged(FINDING_BLOCKLISTED, SEVERITY_INFO);
}

static void errors_of_lists_and_silence_are_notes(void **state)
{
    (void)state;
    list("zen.spamhaus.org", "127.255.255.254", "");
    list("bl.example.net", NULL, "");
    dns.listings[1].state = POSTURE_FAILED;
    judged_nothing(2);
    audit_sample_says(result.notes[0], "answer 127.255.255.254");
    audit_sample_says(result.notes[1], "bl.example.net");
}

static void what_has_not_come_is_left_out_with_one_note(void **state)
{
    (void)state;
    dns.pointer = POSTURE_PENDING;
    dns.name_count = 0;
    list("zen.spamhaus.org", NULL, "");
    list("bl.example.net", NULL, "");
    dns.listings[0].state = dns.listings[1].state = POSTURE_PENDING;
    judged_nothing(1);
    audit_sample_says(result.notes[0], "left out: reverse DNS, zen.spamhaus.org, bl.example.net.");
}

static void as_many_listings_as_can_be_asked_for_are_all_told(void **state)
{
    (void)state;
    static char zones[POSTURE_ZONES][32];

    for (size_t i = 0; i < POSTURE_ZONES; i++) {
        snprintf(zones[i], sizeof(zones[i]), "bl%zu.example.net", i);
        list(zones[i], "127.0.0.2", "");
    }
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.finding_count, POSTURE_ZONES);
}

static void a_version_in_the_greeting_or_the_reply_to_ehlo_is_info(void **state)
{
    (void)state;
    snprintf(result.banner, sizeof(result.banner), "mx.example.org ESMTP Postfix 3.7.11");
    audit_sample_says(judged(FINDING_BANNER_VERSION, SEVERITY_INFO)->why, "3.7.11");
    snprintf(result.banner, sizeof(result.banner), "mx.example.org ESMTP");
    hear("mx.example.org Exim 4.96", false);
    audit_sample_says(judged(FINDING_BANNER_VERSION, SEVERITY_INFO)->why, "reply to EHLO");
}

static void the_name_of_the_software_alone_is_no_finding(void **state)
{
    (void)state;
    snprintf(result.banner, sizeof(result.banner), "mx.example.org ESMTP Postfix (Debian/GNU)");
    hear("mx.example.org", false);
    judged_nothing(0);
}

static void passwords_in_the_clear_are_a_warning_and_proofs_of_them_info(void **state)
{
    (void)state;
    hear("mx\nAUTH CRAM-MD5 PLAIN", false);
    audit_sample_says(judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_WARNING)->why,
                      "TLS is not offered at all");
    hear("mx\nSTARTTLS\nauth=login", false);
    result.starttls_offered = true;
    audit_sample_says(judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_WARNING)->why,
                      "AUTH (login) is offered before TLS: ");
    hear("mx\nAUTH SCRAM-SHA-256", false);
    judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_INFO);
    hear("mx\nAUTH ANONYMOUS", false);
    judged(FINDING_ANONYMOUS_AUTH, SEVERITY_INFO); /* and no password is asked for */
}

static void auth_inside_tls_is_as_it_should_be(void **state)
{
    (void)state;
    hear("mx\nSTARTTLS", false);
    hear("mx\nAUTH PLAIN LOGIN", true);
    judged_nothing(0);
}

static void auth_in_the_clear_is_remembered_after_tls(void **state)
{
    (void)state;
    hear("mx\nSTARTTLS\nAUTH PLAIN", false);
    hear("mx\nAUTH PLAIN", true);
    judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_WARNING);
}

static void xclient_is_critical_xforward_a_warning_and_neither_counts_inside(void **state)
{
    (void)state;
    hear("mx\nXCLIENT NAME ADDR", false);
    assert_string_equal(judged(FINDING_XCLIENT_EXPOSED, SEVERITY_CRITICAL)->key,
                        "203.0.113.25:25/none xclient");
    audit_sample_judge(&result, &inside);
    assert_null(audit_sample_finding(&result, FINDING_XCLIENT_EXPOSED));
    result.heard = (struct posture_heard){.xclient = false};
    hear("mx\nXFORWARD NAME ADDR", false);
    assert_string_equal(judged(FINDING_XCLIENT_EXPOSED, SEVERITY_WARNING)->key,
                        "203.0.113.25:25/none xforward");
    result.heard = (struct posture_heard){.xclient = false};
    hear("mx\nXCLIENTELE", false);
    judged_nothing(0);
}

static void no_posture_changes_a_verdict(void **state)
{
    (void)state;
    dns.pointer = POSTURE_NONE;
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
    assert_int_equal(result.findings[0].kind, FINDING_OPEN_RELAY);
    assert_non_null(audit_sample_finding(&result, FINDING_PTR_MISSING));
}

#define CASE(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_in_order_gives_nothing),
        CASE(an_address_without_a_name_is_info),
        CASE(a_name_that_does_not_lead_back_is_info_if_that_is_known),
        CASE(one_name_that_leads_back_is_enough),
        CASE(a_generic_name_is_info_and_a_chosen_one_beside_it_redeems_it),
        CASE(a_listing_for_abuse_says_which_list_why_and_where_to_ask),
        CASE(a_listing_by_policy_or_for_neighbours_is_info),
        CASE(a_long_reason_is_cut_and_the_sentence_stays_whole),
        CASE(errors_of_lists_and_silence_are_notes),
        CASE(what_has_not_come_is_left_out_with_one_note),
        CASE(as_many_listings_as_can_be_asked_for_are_all_told),
        CASE(a_version_in_the_greeting_or_the_reply_to_ehlo_is_info),
        CASE(the_name_of_the_software_alone_is_no_finding),
        CASE(passwords_in_the_clear_are_a_warning_and_proofs_of_them_info),
        CASE(auth_inside_tls_is_as_it_should_be),
        CASE(auth_in_the_clear_is_remembered_after_tls),
        CASE(xclient_is_critical_xforward_a_warning_and_neither_counts_inside),
        CASE(no_posture_changes_a_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
