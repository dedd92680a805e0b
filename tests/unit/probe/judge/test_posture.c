#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/dns/address_facts.h"
#include "probe/dns/dnsbl.h"
#include "probe/judge/posture.h"
#include "probe/smtp/ehlo.h"
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

/* A list that works: it has 127.0.0.2 and has not 127.0.0.1. */
static struct posture_tests sound;

static void list(const char *zone, const char *answer, const char *reason)
{
    struct posture_listing *listing = &dns.listings[dns.listing_count++];

    sound = (struct posture_tests){
        .listed = {.state = POSTURE_HAD, .answers = {dnsbl_listed_entry(ADDRESS_IPV4)}, 1},
        .unlisted = {.state = POSTURE_NONE}};
    listing->zone = zone;
    listing->tests = listing->tests_v4 = &sound;
    listing->entry.state = answer != NULL ? POSTURE_HAD : POSTURE_NONE;
    if (answer != NULL) {
        assert_true(address_parse(answer, &listing->entry.answers[listing->entry.answer_count++]));
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
    static const int codes[] = {0, 1, 2};
    assert_int_equal(verdict_exit_of(&result), codes[severity]);
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
        result.capabilities[result.capability_count++] = string_pool_keep(&result.texts, one);
    }
    ehlo_hear(&result, text, secured);
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
    audit_sample_says(finding->fix.text, "at https://check.spamhaus.org/");
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
        struct posture_entry *entry = &dns.listings[0].entry;
        entry->answers[entry->answer_count++] = entry->answers[0];
    }
    judged(FINDING_BLOCKLISTED, SEVERITY_INFO);
}

static void errors_of_lists_and_silence_are_notes(void **state)
{
    (void)state;
    list("zen.spamhaus.org", "127.255.255.254", "");
    list("bl.example.net", NULL, "");
    dns.listings[1].entry.state = POSTURE_FAILED;
    judged_nothing(2);
    audit_sample_says(result.notes[0], "answer 127.255.255.254");
    audit_sample_says(result.notes[1], "bl.example.net");
}

static void welcome_lists_and_answers_that_nobody_knows_are_notes(void **state)
{
    (void)state;
    list("list.dnswl.org", "127.0.5.2", "");
    list("zen.spamhaus.org", "127.0.1.2", "a new list");
    judged_nothing(2);
    audit_sample_says(result.notes[0], "list.dnswl.org speaks for the address (DNSWL 127.0.5.2)");
    audit_sample_says(result.notes[1], "zen.spamhaus.org answers 127.0.1.2");
    audit_sample_says(result.notes[1], "says: \"a new list\"");
}

static void an_unknown_answer_beside_a_listing_is_told_too(void **state)
{
    (void)state;
    list("zen.spamhaus.org", "127.0.0.10", "");
    struct posture_entry *entry = &dns.listings[0].entry;
    assert_true(address_parse("127.0.0.99", &entry->answers[entry->answer_count++]));
    const struct finding *finding = judged(FINDING_BLOCKLISTED, SEVERITY_INFO);
    audit_sample_says(finding->why, "(Spamhaus PBL 127.0.0.10)");
    assert_int_equal(result.note_count, 1);
    audit_sample_says(result.notes[0], "answers 127.0.0.99");
}

static void a_low_score_is_info_and_a_high_one_a_note(void **state)
{
    (void)state;
    list("score.senderscore.com", "127.0.4.40", "");
    const struct finding *finding = judged(FINDING_BLOCKLISTED, SEVERITY_INFO);
    audit_sample_says(finding->why, "(Sender Score 127.0.4.40) with a low score");
    dns.listing_count = 0;
    memset(dns.listings, 0, sizeof(dns.listings));
    list("score.senderscore.com", "127.0.4.95", "");
    judged_nothing(1);
}

static void a_list_that_is_not_known_says_listed_and_not_what_for(void **state)
{
    (void)state;
    list("bl.example.net", "127.0.0.2", "");
    const struct finding *finding = judged(FINDING_BLOCKLISTED, SEVERITY_WARNING);
    audit_sample_says(finding->why, "This list is not known here");
}

static void a_list_that_is_broken_is_a_note_with_the_lists_below_it(void **state)
{
    (void)state;
    list("spamhaus.org", "127.0.0.2", "");
    sound.listed = (struct posture_entry){.state = POSTURE_NONE};
    judged_nothing(1);
    audit_sample_says(result.notes[0], "spamhaus.org is not believed");
    audit_sample_says(result.notes[0], "such as zen.spamhaus.org. For the address it answers "
                                       "127.0.0.2. Take it out of dnsbl.");
}

static void what_has_not_come_is_left_out_with_one_note(void **state)
{
    (void)state;
    dns.pointer = POSTURE_PENDING;
    dns.name_count = 0;
    list("zen.spamhaus.org", NULL, "");
    list("bl.example.net", NULL, "");
    dns.listings[0].entry.state = dns.listings[1].entry.state = POSTURE_PENDING;
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

static void a_name_that_no_public_dns_has_is_info(void **state)
{
    static const char *const private[] = {
        "localhost.localdomain ESMTP", "mail.corp.local ESMTP", "MX.INTERNAL", "mx.lan ESMTP",
        "mx.home.arpa ESMTP",          "a.localhost. ESMTP",    "mx.invalid",  "localhost ESMTP",
        "mx.intranet ESMTP",           "mx.corp ESMTP",         "mx.home",     "mx.private ESMTP",
    };
    static const char *const others[] = {"mx.example.org ESMTP",
                                         "mx.test ESMTP",
                                         "mx.local.example.org",
                                         "mx.intrane ESMTP",
                                         "mx.loxyz ESMTP",
                                         "mx.inxyzuvw ESMTP",
                                         "ESMTP",
                                         ".local",
                                         ""};
    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
        fresh(state);
        snprintf(result.banner, sizeof(result.banner), "%s", private[i]);
        audit_sample_says(judged(FINDING_GENERIC_HOSTNAME, SEVERITY_INFO)->why, "in its greeting");
        fresh(state);
        hear(private[i], false);
        audit_sample_says(judged(FINDING_GENERIC_HOSTNAME, SEVERITY_INFO)->why, "reply to EHLO");
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        fresh(state);
        snprintf(result.banner, sizeof(result.banner), "%s", others[i]);
        audit_sample_judge(&result, &outside);
        assert_int_equal(result.finding_count, 0);
    }
}

/* A greeting is one, also where no session came about; without one there is nothing to judge. */
static void a_greeting_is_judged_without_a_session(void **state)
{
    (void)state;
    static const struct {
        enum reach reach;
        size_t findings;
    } rows[] = {{REACH_SESSION, 1}, {REACH_NO_SESSION, 1}, {REACH_NO_CONNECT, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fresh(state);
        result.reach = rows[i].reach;
        snprintf(result.banner, sizeof(result.banner), "mx.local ESMTP");
        audit_sample_judge(&result, &outside);
        assert_int_equal(audit_sample_finding(&result, FINDING_GENERIC_HOSTNAME) != NULL,
                         rows[i].findings);
    }
}

static void the_kinds_of_the_posture_are_told_from_others(void **state)
{
    (void)state;
    for (int kind = 0; kind < FINDING_KINDS; kind++) {
        assert_int_equal(posture_has_kind((enum finding_kind)kind),
                         kind >= FINDING_PTR_MISSING && kind <= FINDING_AUTH_WITHOUT_TLS);
    }
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
    hear("mx.example.org\nAUTH CRAM-MD5 PLAIN", false);
    audit_sample_says(judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_WARNING)->why,
                      "TLS is not offered at all");
    hear("mx.example.org\nSTARTTLS\nauth=login", false);
    result.starttls_offered = true;
    audit_sample_says(judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_WARNING)->why,
                      "AUTH (login) is offered before TLS: ");
    hear("mx.example.org\nAUTH SCRAM-SHA-256", false);
    judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_INFO);
    hear("mx.example.org\nAUTH ANONYMOUS", false);
    judged(FINDING_ANONYMOUS_AUTH, SEVERITY_INFO); /* and no password is asked for */
}

static void auth_inside_tls_is_as_it_should_be(void **state)
{
    (void)state;
    hear("mx.example.org\nSTARTTLS", false);
    hear("mx.example.org\nAUTH PLAIN LOGIN", true);
    judged_nothing(0);
}

static void auth_in_the_clear_is_remembered_after_tls(void **state)
{
    (void)state;
    hear("mx.example.org\nSTARTTLS\nAUTH PLAIN", false);
    hear("mx.example.org\nAUTH PLAIN", true);
    judged(FINDING_AUTH_WITHOUT_TLS, SEVERITY_WARNING);
}

static void xclient_is_critical_xforward_a_warning_and_neither_counts_inside(void **state)
{
    (void)state;
    hear("mx.example.org\nXCLIENT NAME ADDR", false);
    assert_string_equal(judged(FINDING_XCLIENT_EXPOSED, SEVERITY_CRITICAL)->key,
                        "203.0.113.25:25/none xclient");
    audit_sample_judge(&result, &inside);
    assert_null(audit_sample_finding(&result, FINDING_XCLIENT_EXPOSED));
    result.heard = (struct posture_heard){.xclient = false};
    hear("mx.example.org\nXFORWARD NAME ADDR", false);
    assert_string_equal(judged(FINDING_XCLIENT_EXPOSED, SEVERITY_WARNING)->key,
                        "203.0.113.25:25/none xforward");
    result.heard = (struct posture_heard){.xclient = false};
    hear("mx.example.org\nXCLIENTELE", false);
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

static void each_mechanism_that_tells_a_password_is_a_warning(void **state)
{
    static const struct {
        const char *mechanisms;
        enum severity severity;
        bool found;
    } rows[] = {
        {"PLAIN", SEVERITY_WARNING, true},
        {"login", SEVERITY_WARNING, true},
        {"XOAUTH2", SEVERITY_WARNING, true},
        {"OAUTHBEARER", SEVERITY_WARNING, true},
        {"XOAUTH", SEVERITY_WARNING, true},
        {"CRAM-MD5 XOAUTH", SEVERITY_WARNING, true},
        {"PLAI", SEVERITY_INFO, true},
        {"XOAUTHX", SEVERITY_INFO, true},
        {"OAUTHBEARE", SEVERITY_INFO, true},
        {"X", SEVERITY_INFO, true},
        {"SCRAM-SHA-256", SEVERITY_INFO, true},
        {"ANONYMOUS PLAIN", SEVERITY_WARNING, true},
        {"ANONYMOUS", SEVERITY_INFO, false},
        {"anonymous", SEVERITY_INFO, false},
        {"", SEVERITY_INFO, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fresh(state);
        snprintf(result.heard.auth_in_clear, sizeof(result.heard.auth_in_clear), "%s",
                 rows[i].mechanisms);
        audit_sample_judge(&result, &outside);
        const struct finding *finding = audit_sample_finding(&result, FINDING_AUTH_WITHOUT_TLS);
        assert_int_equal(finding != NULL, rows[i].found);
        if (finding != NULL) {
            assert_int_equal(finding->severity, rows[i].severity);
            assert_string_equal(finding_get(finding, "mechanisms"), rows[i].mechanisms);
            audit_sample_says(finding->why, rows[i].severity == SEVERITY_WARNING
                                                ? "reads the users' passwords"
                                                : "send no password");
        }
    }
}

static void what_one_connection_was_offered_stays(void **state)
{
    (void)state;
    hear("mx.example.org\nAUTH PLAIN ANONYMOUS\nXCLIENT ADDR\nXFORWARD NAME", false);
    assert_true(result.heard.anonymous);
    assert_true(result.heard.xclient);
    assert_true(result.heard.xforward);
    hear("mx.example.org\nAUTH", false);
    assert_true(result.heard.anonymous);
    assert_true(result.heard.xclient);
    assert_true(result.heard.xforward);
    assert_string_equal(result.heard.auth_in_clear, "PLAIN ANONYMOUS");
    hear("mx.example.org\nAUTHX LOGIN\nXCLIENTS", false);
    assert_string_equal(result.heard.auth_in_clear, "PLAIN ANONYMOUS");
}

static void a_longer_keyword_offers_nothing(void **state)
{
    (void)state;
    hear("mx.example.org\nAUTHX ANONYMOUS\nXCLIENTS\nXFORWARDED\nXCLI\nAU", false);
    assert_false(result.heard.anonymous);
    assert_false(result.heard.xclient);
    assert_false(result.heard.xforward);
    assert_string_equal(result.heard.auth_in_clear, "");
    hear("mx.example.org\nauth=X", false);
    assert_string_equal(result.heard.auth_in_clear, "X");
}

static void findings_show_what_they_are_about(void **state)
{
    (void)state;
    hear("mx.example.org\nXCLIENT ADDR", false);
    const struct finding *finding = judged(FINDING_XCLIENT_EXPOSED, SEVERITY_CRITICAL);
    assert_string_equal(finding_get(finding, "command"), "XCLIENT");
    assert_string_equal(finding_get(finding, "source"), "198.51.100.7");
    fresh(state);
    hear("mx.example.org\nXFORWARD NAME", false);
    finding = judged(FINDING_XCLIENT_EXPOSED, SEVERITY_WARNING);
    assert_string_equal(finding_get(finding, "command"), "XFORWARD");
    assert_string_equal(finding_get(finding, "source"), "198.51.100.7");
    fresh(state);
    hear("mx.example.org ESMTP Exim 4.96", false);
    finding = judged(FINDING_BANNER_VERSION, SEVERITY_INFO);
    assert_string_equal(finding_get(finding, "software"), "Exim");
    assert_string_equal(finding_get(finding, "version"), "4.96");
    audit_sample_says(finding->why, "The reply to EHLO names");
    fresh(state);
    snprintf(result.banner, sizeof(result.banner), "mx.example.org ESMTP Exim 4.96");
    audit_sample_says(judged(FINDING_BANNER_VERSION, SEVERITY_INFO)->why, "The greeting names");
}

static void two_names(const char *first, bool agrees, enum posture_answer forward)
{
    dns.name_count = 2;
    snprintf(dns.names[1].name, sizeof(dns.names[1].name), "%s", dns.names[0].name);
    dns.names[1].forward = POSTURE_FAILED;
    dns.names[1].agrees = false;
    snprintf(dns.names[0].name, sizeof(dns.names[0].name), "%s", first);
    dns.names[0].forward = forward;
    dns.names[0].agrees = agrees;
}

static void of_several_names_the_one_that_leads_back_is_shown(void **state)
{
    (void)state;
    snprintf(dns.names[0].name, sizeof(dns.names[0].name), "dyn-203-0-113-26.isp.example.net");
    two_names("dyn-203-0-113-25.isp.example.net", true, POSTURE_HAD);
    const struct finding *finding = judged(FINDING_GENERIC_HOSTNAME, SEVERITY_INFO);
    assert_string_equal(finding_get(finding, "name"), "dyn-203-0-113-25.isp.example.net");
    assert_int_equal(result.note_count, 0);

    /* It stands last in the answer. */
    fresh(state);
    two_names("dyn-203-0-113-26.isp.example.net", false, POSTURE_HAD);
    snprintf(dns.names[1].name, sizeof(dns.names[1].name), "dyn-203-0-113-25.isp.example.net");
    dns.names[1].agrees = true;
    finding = judged(FINDING_GENERIC_HOSTNAME, SEVERITY_INFO);
    assert_string_equal(finding_get(finding, "name"), "dyn-203-0-113-25.isp.example.net");
}

static void one_name_that_nobody_knows_of_leaves_it_a_note(void **state)
{
    (void)state;
    two_names("other.example.org", false, POSTURE_HAD);
    judged_nothing(1);
    audit_sample_says(result.notes[0], "could not be learnt");
    fresh(state);
    dns.names[0].agrees = false;
    const struct finding *finding = judged(FINDING_FCRDNS_MISMATCH, SEVERITY_INFO);
    assert_string_equal(finding_get(finding, "name"), "mx.example.org");
    assert_int_equal(result.note_count, 0);
}

static void a_note_of_what_is_pending_names_as_many_as_fit(void **state)
{
    static const char zone[] = "a-list-with-a-name-of-more-than-fifty-octets.dnsbl.example.net";
    size_t named = 0;

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        list(zone, NULL, "");
        dns.listings[i].entry.state = POSTURE_PENDING;
    }
    judged_nothing(1);
    for (const char *at = strstr(result.notes[0], "a-list"); at != NULL;
         at = strstr(at + 1, "a-list")) {
        named++;
    }
    assert_int_equal(named, 4);
}

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
        CASE(welcome_lists_and_answers_that_nobody_knows_are_notes),
        CASE(an_unknown_answer_beside_a_listing_is_told_too),
        CASE(a_low_score_is_info_and_a_high_one_a_note),
        CASE(a_list_that_is_not_known_says_listed_and_not_what_for),
        CASE(a_list_that_is_broken_is_a_note_with_the_lists_below_it),
        CASE(what_has_not_come_is_left_out_with_one_note),
        CASE(as_many_listings_as_can_be_asked_for_are_all_told),
        CASE(a_name_that_no_public_dns_has_is_info),
        CASE(a_version_in_the_greeting_or_the_reply_to_ehlo_is_info),
        CASE(the_name_of_the_software_alone_is_no_finding),
        CASE(passwords_in_the_clear_are_a_warning_and_proofs_of_them_info),
        CASE(auth_inside_tls_is_as_it_should_be),
        CASE(auth_in_the_clear_is_remembered_after_tls),
        CASE(xclient_is_critical_xforward_a_warning_and_neither_counts_inside),
        CASE(no_posture_changes_a_verdict),
        cmocka_unit_test_setup(each_mechanism_that_tells_a_password_is_a_warning, fresh),
        cmocka_unit_test_setup(what_one_connection_was_offered_stays, fresh),
        cmocka_unit_test_setup(a_longer_keyword_offers_nothing, fresh),
        cmocka_unit_test_setup(findings_show_what_they_are_about, fresh),
        cmocka_unit_test_setup(a_greeting_is_judged_without_a_session, fresh),
        cmocka_unit_test_setup(the_kinds_of_the_posture_are_told_from_others, fresh),
        cmocka_unit_test_setup(of_several_names_the_one_that_leads_back_is_shown, fresh),
        cmocka_unit_test_setup(one_name_that_nobody_knows_of_leaves_it_a_note, fresh),
        cmocka_unit_test_setup(a_note_of_what_is_pending_names_as_many_as_fit, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
