#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/judge/diagnosis.h"
#include "probe/judge/verdict.h"
#include "tests/unit/audit_sample.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Big, and one case at a time. */
static struct endpoint_result result;
static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};

static int fresh(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    return 0;
}

/* ---- closed -------------------------------------------------------------------------- */

static void a_server_that_refuses_everything_is_closed(void **state)
{
    (void)state;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    assert_int_equal(result.finding_count, 0);
    assert_string_equal(result.fix.text, "");
    audit_sample_says(result.why, "554 5.7.1");
}

static void somebody_elses_server_is_judged_by_plain_alone_and_that_is_said(void **state)
{
    (void)state;
    result.endpoint.hosted = true;
    result.technique_count = 1;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    audit_sample_says(result.why, "so the server is somebody else's");
    audit_sample_says(result.why, "site { hosts }");
    assert_int_equal(result.finding_count, 0);
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_UNCONDITIONAL, 2);
    audit_sample_says(result.why, "Only plain was asked");
    audit_sample_answer(&result, "plain", OUTCOME_DEFERRED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "Only plain was asked");
}

static void what_dns_says_of_somebody_elses_server_is_no_finding(void **state)
{
    (void)state;
    snprintf(result.banner, sizeof(result.banner), "mx.example.org ESMTP Postfix 3.7.11");
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.finding_count, 1);
    result.endpoint.hosted = true;
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.finding_count, 0);
}

static void a_firm_4xx_refusal_is_closed(void **state)
{
    (void)state;
    for (size_t i = 0; i < result.technique_count; i++) {
        result.techniques[i].code = 454;
        snprintf(result.techniques[i].enhanced, sizeof(result.techniques[i].enhanced), "4.7.1");
    }
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    audit_sample_says(result.why, "454 4.7.1");
}

static void a_demand_for_authentication_is_closed(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_AUTH_REQUIRED);
    for (size_t i = 0; i < result.technique_count; i++) {
        result.techniques[i].at_mail = true;
    }
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
}

static void other_techniques_without_an_answer_leave_it_closed(void **state)
{
    (void)state;
    audit_sample_answer(&result, "quoted", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_answer(&result, "bang-path", OUTCOME_CLIENT_REFUSED);
    audit_sample_answer(&result, "own-sender", OUTCOME_SENDER_REFUSED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    audit_sample_says(result.why, "3 techniques were refused for another reason, or not answered");
}

/* ---- open ---------------------------------------------------------------------------- */

/* The sample answers as Postfix does; so no software is known, and the advice is for all. */
static void of_unknown_software(void)
{
    snprintf(result.banner, sizeof(result.banner), "mx.example.org ESMTP Haraka");
}

static void the_advice_is_for_the_software_that_answers(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "Postfix: ");
    audit_sample_says(result.fix.text, "authenticate on the submission port");
    assert_null(strstr(result.fix.text, "Sendmail"));
    assert_null(strstr(result.fix.text, "Exim"));
}

/* Development catchers and tarpits: only a message tells. */
static void a_server_that_accepts_everything_is_to_be_settled_by_a_message(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    for (size_t i = 0; i < result.technique_count; i++) {
        struct technique_result *row = &result.techniques[i];
        if (row->asked && row->technique->control != NULL) {
            audit_sample_control(&result, row->technique->id, OUTCOME_ACCEPTED);
        }
    }
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_UNCONDITIONAL, 2);
    audit_sample_says(result.why, "accepted whatever it was asked");
    audit_sample_says(result.fix.text, "proof = delivered settles it");
    audit_sample_control(&result, "percent-hack", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_judge(&result, &outside);
    assert_null(strstr(result.fix.text, "settles it"));
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "bare-sender", OUTCOME_SENDER_REFUSED);
    audit_sample_judge(&result, &outside);
    assert_null(strstr(result.fix.text, "settles it"));
}

static void a_server_that_grants_everything_is_open_unconditionally(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    of_unknown_software();
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_UNCONDITIONAL, 2);
    audit_sample_says(result.fix.text, "mynetworks");
    audit_sample_says(result.fix.text, "NAT");
    audit_sample_says(result.fix.text, "reject_unauth_destination");
    audit_sample_says(result.fix.text, "FEATURE(promiscuous_relay)");
    audit_sample_says(result.fix.text, "accept hosts = +relay_from_hosts");
    assert_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
}

static void only_the_own_sender_granted_is_a_trusted_sender(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
    of_unknown_software();
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
    audit_sample_says(result.why, "own domain");
    audit_sample_says(result.fix.text, "check_sender_access");
    audit_sample_says(result.fix.text, "FEATURE(relay_local_from)");
    assert_string_equal(
        finding_get(audit_sample_finding(&result, FINDING_OPEN_RELAY), "sender_class"), "own");
}

static void only_the_null_sender_granted_is_a_trusted_sender(void **state)
{
    (void)state;
    audit_sample_answer(&result, "null-sender", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
    audit_sample_says(result.why, "<>");
    assert_string_equal(
        finding_get(audit_sample_finding(&result, FINDING_OPEN_RELAY), "sender_class"), "null");
    assert_string_equal(finding_get(audit_sample_finding(&result, FINDING_OPEN_RELAY), "sender"),
                        "<>");
}

/* Nobody was refused, so it is not the sender that made the difference. */
/* Who may not write at all is no stranger who was let through: it is the sender that is trusted,
 * unless one that claims nothing is let through as well. */
static void an_own_sender_granted_where_others_were_turned_away_is_trusted(void **state)
{
    (void)state;
    static const struct {
        enum outcome others;
        enum outcome nobody; /* the null sender */
        enum cause cause;
    } rows[] = {
        {OUTCOME_RELAY_DENIED, OUTCOME_RELAY_DENIED, CAUSE_SENDER_TRUSTED},
        {OUTCOME_SENDER_REFUSED, OUTCOME_SENDER_REFUSED, CAUSE_SENDER_TRUSTED},
        {OUTCOME_CLIENT_REFUSED, OUTCOME_CLIENT_REFUSED, CAUSE_SENDER_TRUSTED},
        {OUTCOME_RECIPIENT_REFUSED, OUTCOME_RECIPIENT_REFUSED, CAUSE_SENDER_TRUSTED},
        {OUTCOME_AUTH_REQUIRED, OUTCOME_ACCEPTED, CAUSE_SENDER_TRUSTED},
        {OUTCOME_SENDER_REFUSED, OUTCOME_ACCEPTED, CAUSE_UNCONDITIONAL},
        {OUTCOME_GREYLISTED, OUTCOME_GREYLISTED, CAUSE_UNCONDITIONAL},
        {OUTCOME_DEFERRED, OUTCOME_DEFERRED, CAUSE_UNCONDITIONAL},
        {OUTCOME_TLS_REQUIRED, OUTCOME_TLS_REQUIRED, CAUSE_UNCONDITIONAL},
        {OUTCOME_CLOSING, OUTCOME_CLOSING, CAUSE_UNCONDITIONAL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        audit_sample_closed(&result);
        audit_sample_answer_all(&result, rows[i].others);
        audit_sample_answer(&result, "null-sender", rows[i].nobody);
        audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_OPEN, rows[i].cause, 2);
        if (rows[i].cause == CAUSE_SENDER_TRUSTED) {
            audit_sample_says(result.why, "a sender in the site's own domain");
            audit_sample_says(result.fix.text, "check_sender_access");
        } else {
            audit_sample_says(result.why, "no clear answer");
        }
    }
}

static void a_greeting_granted_where_the_client_was_turned_away_is_trusted(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_CLIENT_REFUSED);
    audit_sample_answer(&result, "helo-address", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_HELO_TRUSTED, 2);
    audit_sample_says(result.why, "claims a name or address of the site's own in its greeting");
    audit_sample_answer(&result, "helo-client-address", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "claims an address without brackets in its greeting");
    audit_sample_answer(&result, "helo-own", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "claims a name of the site's own, or any address, in its");
}

static void another_of_the_sites_domains_that_is_trusted_is_named(void **state)
{
    (void)state;
    struct technique_result *row = result_add(&result, technique_find("own-sender"));
    struct technique_result *left = result_add(&result, technique_find("own-sender"));

    *row = *audit_sample_row(&result, "own-sender");
    row->own = "shop.example";
    row->sender = "<postmaster@shop.example>";
    row->outcome = OUTCOME_ACCEPTED;
    row->code = 250;
    left->own = "left.example";
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
    audit_sample_says(result.why, "a sender in the site's own domain (shop.example)");
    left->own = row->own = NULL;
}

static void another_of_the_sites_domains_that_is_trusted_in_a_greeting_is_named(void **state)
{
    (void)state;
    struct technique_result *row = result_add(&result, technique_find("helo-own"));
    struct technique_result *left = result_add(&result, technique_find("helo-own"));

    *row = *audit_sample_row(&result, "helo-own");
    row->own = "shop.example";
    row->helo = "shop.example";
    row->outcome = OUTCOME_ACCEPTED;
    row->code = 250;
    left->own = "left.example";
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_HELO_TRUSTED, 2);
    audit_sample_says(result.why,
                      "claims a name or address of the site's own (shop.example) in its greeting");
    audit_sample_says(result.fix.text, "check_helo_access");
    left->own = row->own = NULL;
}

/* SRS and its like: an own mailbox, unless the server knows the shape. */
static void a_wrapped_user_is_suspected_only_where_other_users_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum outcome outcome;
        enum outcome control;
        bool any_user;
        enum verdict verdict;
    } rows[] = {
        {OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, true, VERDICT_CLOSED},
        {OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, false, VERDICT_SUSPECTED},
        {OUTCOME_ACCEPTED, OUTCOME_GREYLISTED, true, VERDICT_CLOSED},
        {OUTCOME_ACCEPTED, OUTCOME_RECIPIENT_REFUSED, true, VERDICT_OPEN},
        {OUTCOME_RECIPIENT_REFUSED, OUTCOME_ACCEPTED, true, VERDICT_CLOSED},
        {OUTCOME_GREYLISTED, OUTCOME_ACCEPTED, false, VERDICT_CLOSED},
        {OUTCOME_DEFERRED, OUTCOME_ACCEPTED, false, VERDICT_CLOSED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        static const char *const ids[] = {"srs0", "srs0-plus", "srs0-minus",
                                          "srs1", "batv",      "equals"};
        for (size_t j = 0; j < ROWS(ids); j++) {
            audit_sample_closed(&result);
            audit_sample_answer(&result, ids[j], rows[i].outcome);
            struct technique_result *row = audit_sample_row(&result, ids[j]);
            row->control_asked = rows[i].outcome == OUTCOME_ACCEPTED;
            row->control = rows[i].control;
            row->any_user = rows[i].any_user;
            audit_sample_judge(&result, &outside);
            assert_int_equal(result.verdict, rows[i].verdict);
            if (rows[i].verdict == VERDICT_SUSPECTED) {
                audit_sample_says(result.why, ids[j]);
                audit_sample_says(result.fix.text, "SRS0");
            }
        }
    }
}

static void an_address_that_looks_like_an_own_one_is_a_destination_too_wide(void **state)
{
    (void)state;
    static const char *const ids[] = {"own-in-user", "own-in-domain"};
    for (size_t i = 0; i < ROWS(ids); i++) {
        audit_sample_closed(&result);
        audit_sample_answer(&result, ids[i], OUTCOME_ACCEPTED);
        audit_sample_answer(&result, "source-route", OUTCOME_ACCEPTED);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_OPEN, CAUSE_DESTINATION_TOO_WIDE, 2);
        audit_sample_says(result.fix.text, "anchor");
    }
}

/* A name that nobody has may be looked up in vain. */
static void a_failed_lookup_of_a_made_up_domain_is_no_open_question(void **state)
{
    (void)state;
    static const char *const ids[] = {"own-in-domain", "own-in-sender"};
    for (size_t i = 0; i < ROWS(ids); i++) {
        audit_sample_closed(&result);
        audit_sample_answer(&result, ids[i], OUTCOME_DEFERRED);
        audit_sample_judge(&result, &outside);
        assert_int_equal(result.verdict, VERDICT_CLOSED);
        audit_sample_answer(&result, ids[i], OUTCOME_GREYLISTED);
        audit_sample_judge(&result, &outside);
        assert_int_equal(result.verdict, VERDICT_INCONCLUSIVE);
    }
}

/* As Exim with a pattern that has no end: the name is looked up once the pattern has matched. */
static void
an_unknown_name_that_looks_like_an_own_one_and_is_not_refused_for_relaying_is_a_question(
    void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-in-domain", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "looks like the site's was refused, and not for relaying");
    audit_sample_says(result.fix.text, "anchored");
    audit_sample_says(result.fix.text, "wildcard record");
    audit_sample_answer(&result, "own-in-user", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_OPEN);
}

/* Then the server looks names up first, or takes any with the site's name in it: nobody knows. */
static void
where_made_up_subdomains_are_not_refused_for_relaying_either_the_verdict_stands(void **state)
{
    (void)state;
    for (size_t i = 0; i < result.technique_count; i++) {
        if (result.techniques[i].technique->trait == TECHNIQUE_BY_SUBDOMAIN) {
            result.techniques[i].outcome = OUTCOME_RECIPIENT_REFUSED;
        }
    }
    audit_sample_answer(&result, "own-in-domain", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    assert_int_equal(result.note_count, 1);
    audit_sample_says(result.notes[0], "own-in-domain could show nothing");
    audit_sample_says(result.notes[0], "A or MX record (a wildcard)");
    audit_sample_says(result.notes[0], "Give *.");
}

static void forms_that_could_show_nothing_are_named_with_what_lets_them(void **state)
{
    static const enum outcome outcomes[] = {OUTCOME_SENDER_REFUSED, OUTCOME_DEFERRED};

    (void)state;
    for (size_t i = 0; i < ROWS(outcomes); i++) {
        audit_sample_closed(&result);
        audit_sample_answer(&result, "own-in-sender", outcomes[i]);
        audit_sample_answer(&result, "own-in-domain", OUTCOME_DEFERRED);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
        assert_int_equal(result.note_count, 1);
        assert_int_equal(
            strncmp(result.notes[0], "own-in-domain, own-in-sender could show nothing", 47), 0);
        audit_sample_says(result.notes[0], "(a wildcard), and the server has to answer.");
    }
    /* Of a server whose plain refusal is not known, nothing is. */
    audit_sample_answer(&result, "plain", OUTCOME_DEFERRED);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.note_count, 0);
}

static void a_wrapped_address_granted_and_its_control_refused_is_a_routing_form(void **state)
{
    (void)state;
    static const enum outcome refusals[] = {OUTCOME_RECIPIENT_REFUSED, OUTCOME_RELAY_DENIED,
                                            OUTCOME_AUTH_REQUIRED};
    static const char *const ids[] = {"percent-hack", "quoted", "bang-path"};
    for (size_t i = 0; i < ROWS(ids); i++) {
        for (size_t j = 0; j < ROWS(refusals); j++) {
            audit_sample_closed(&result);
            audit_sample_answer(&result, ids[i], OUTCOME_ACCEPTED);
            audit_sample_control(&result, ids[i], refusals[j]);
            of_unknown_software();
            audit_sample_judge(&result, &outside);
            audit_sample_judged(&result, VERDICT_OPEN, CAUSE_ROUTING_FORM, 2);
            audit_sample_says(result.fix.text, "allow_untrusted_routing = no");
            audit_sample_says(result.fix.text, "FEATURE(loose_relay_check)");
            assert_string_equal(
                finding_get(audit_sample_finding(&result, FINDING_OPEN_RELAY), "technique"),
                ids[i]);
        }
    }
}

/* Its last domain is outside: no server can take it for a mailbox of its own. */
static void a_source_route_granted_needs_no_control(void **state)
{
    (void)state;
    audit_sample_answer(&result, "source-route", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_ROUTING_FORM, 2);
}

/* Grants everything but the techniques of one trait. */
static void grant_all_but(enum technique_trait trait, bool claimed_too)
{
    for (size_t i = 0; i < result.technique_count; i++) {
        const struct technique *row = result.techniques[i].technique;
        bool claimed = claimed_too && row->sender_class != TECHNIQUE_SENDER_EXTERNAL;
        if (row->trait != trait && !claimed) {
            audit_sample_answer(&result, row->id, OUTCOME_ACCEPTED);
        }
    }
}

static void what_is_refused_where_plain_is_granted_tells_the_cause(void **state)
{
    (void)state;
    static const struct {
        enum technique_trait refused;
        bool claimed_too;
        enum cause cause;
        const char *fix;
    } rows[] = {
        {TECHNIQUE_TRAITS, true, CAUSE_SENDER_TRUSTED, "check_sender_access"},
        {TECHNIQUE_BY_HELO, false, CAUSE_HELO_TRUSTED, "check_helo_access"},
        {TECHNIQUE_BY_SUBDOMAIN, false, CAUSE_DESTINATION_TOO_WIDE, "relay_domains"},
        {TECHNIQUE_BY_SUBDOMAIN, true, CAUSE_UNCONDITIONAL, "mynetworks"}, /* two tell nothing */
        {TECHNIQUE_BY_CLEAR, false, CAUSE_UNCONDITIONAL, "mynetworks"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        audit_sample_closed(&result);
        grant_all_but(rows[i].refused, rows[i].claimed_too);
        of_unknown_software();
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_OPEN, rows[i].cause, 2);
        audit_sample_says(result.fix.text, rows[i].fix);
        audit_sample_says(result.fix.text, "Sendmail: ");
        audit_sample_says(result.fix.text, "Exim: ");
    }
}

static void what_is_granted_where_plain_is_refused_tells_the_cause(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum cause cause;
        const char *why;
    } rows[] = {
        {"localhost-sender", CAUSE_SENDER_TRUSTED, "the server's own name"},
        {"bare-sender", CAUSE_SENDER_TRUSTED, "without a domain"},
        {"auth-null", CAUSE_SENDER_TRUSTED, "AUTH="},
        {"helo-localhost", CAUSE_HELO_TRUSTED, "greeting"},
        {"source-route-host", CAUSE_ROUTING_FORM, "wrapping"},
        {"no-brackets", CAUSE_ROUTING_FORM, "in another way"},
        {"after-local", CAUSE_UNCONDITIONAL, "after a local one"},
        {"before-starttls", CAUSE_UNCONDITIONAL, "in the clear"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        audit_sample_closed(&result);
        audit_sample_answer(&result, rows[i].id, OUTCOME_ACCEPTED);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_OPEN, rows[i].cause, 2);
        audit_sample_says(result.why, rows[i].why);
        audit_sample_says(result.why, rows[i].id);
    }
    audit_sample_closed(&result);
    audit_sample_answer(&result, "outside-literal", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "outside-literal", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_DESTINATION_TOO_WIDE, 2);
    audit_sample_closed(&result);
    audit_sample_answer(&result, "percent-subdomain", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-subdomain", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_SUSPECTED, CAUSE_DESTINATION_TOO_WIDE, 1);
}

/* Inside TLS it was answered; that the clear is refused for want of TLS leaves no doubt. */
static void wanting_tls_in_the_clear_is_a_refusal(void **state)
{
    (void)state;
    audit_sample_answer(&result, "before-starttls", OUTCOME_TLS_REQUIRED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
    assert_null(strstr(result.why, "no clear answer"));
}

static void an_open_relay_is_open_however_its_connection_ended(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    audit_sample_unask(&result, "quoted");
    result.cut_off = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_UNCONDITIONAL, 2);
    assert_non_null(audit_sample_finding(&result, FINDING_OPEN_RELAY));
    assert_non_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
}

static void a_250_to_mail_alone_grants_nothing(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
    audit_sample_row(&result, "own-sender")->at_mail = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
}

/* ---- suspected ----------------------------------------------------------------------- */

static void a_catch_all_is_suspected_only(void **state)
{
    (void)state;
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_SUSPECTED, CAUSE_ROUTING_FORM, 1);
    audit_sample_says(result.why, "percent-hack, quoted");
    audit_sample_says(result.why, "was accepted too");
    const struct finding *finding = audit_sample_finding(&result, FINDING_SUSPECTED_RELAY);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_string_equal(finding->key, "203.0.113.25:25/none routing-form");
    assert_null(finding_get(finding, "proof"));
    assert_null(audit_sample_finding(&result, FINDING_OPEN_RELAY));
}

static void a_control_that_was_not_answered_leaves_it_suspected(void **state)
{
    (void)state;
    static const struct {
        enum outcome control;
        const char *why;
        const char *helps;
    } unclear[] = {
        {OUTCOME_DEFERRED, "The control address was deferred", "--wait 10m"},
        {OUTCOME_GREYLISTED, "The control address was deferred", "--wait 10m"},
        {OUTCOME_CLIENT_REFUSED, "got no clear answer, so nothing tells", "Ask the server"},
        {OUTCOME_SENDER_REFUSED, "got no clear answer, so nothing tells", "Ask the server"},
        {OUTCOME_TLS_REQUIRED, "got no clear answer, so nothing tells", "Ask the server"},
        {OUTCOME_CLOSING, "got no clear answer, so nothing tells", "Ask the server"},
    };
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_SUSPECTED, CAUSE_ROUTING_FORM, 1);
    for (size_t i = 0; i < ROWS(unclear); i++) {
        audit_sample_control(&result, "quoted", unclear[i].control);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_SUSPECTED, CAUSE_ROUTING_FORM, 1);
        audit_sample_says(result.why, unclear[i].why);
        audit_sample_says(result.fix.text, unclear[i].helps);
    }
}

static void something_suspected_does_not_weaken_what_is_open(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
}

/* ---- inconclusive -------------------------------------------------------------------- */

static void an_unanswered_plain_is_never_closed(void **state)
{
    (void)state;
    static const struct {
        enum outcome outcome;
        const char *helps;
    } rows[] = {
        {OUTCOME_GREYLISTED, "10 minutes, from the same address"},
        {OUTCOME_DEFERRED, "10 minutes, from the same address"},
        {OUTCOME_CLIENT_REFUSED, "smtpd_client_restrictions"},
        {OUTCOME_SENDER_REFUSED, "SPF"},
        {OUTCOME_RECIPIENT_REFUSED, "null MX"},
        {OUTCOME_TLS_REQUIRED, "STARTTLS"},
        {OUTCOME_CLOSING, "fail2ban"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        audit_sample_answer(&result, "plain", rows[i].outcome);
        audit_sample_judge(&result, &outside);
        audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
        audit_sample_says(result.why, outcome_name(rows[i].outcome));
        audit_sample_says(result.fix.text, rows[i].helps);
        assert_int_equal(result.finding_count, 0);
    }
}

static void what_a_server_said_is_quoted_with_what_helps_against_it(void **state)
{
    (void)state;
    struct technique_result *plain = audit_sample_row(&result, "plain");

    audit_sample_answer(&result, "plain", OUTCOME_RECIPIENT_REFUSED);
    plain->enhanced[0] = '\0';
    plain->text = "#5.1.0 Address rejected.";
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, " '#5.1.0 Address rejected.' (recipient-refused)");
    audit_sample_says(result.fix.text, "Recipient Access Table");

    plain->text = "5.1.1 User unknown";
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "null MX");
}

static void of_a_long_reply_the_beginning_is_quoted(void **state)
{
    (void)state;
    char text[RESULT_TEXT_SIZE];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    audit_sample_answer(&result, "plain", OUTCOME_CLIENT_REFUSED);
    audit_sample_row(&result, "plain")->text = text;
    audit_sample_judge(&result, &outside); /* which fails when it is cut */
    audit_sample_says(result.why, "xxxxx' (client-refused)");
}

static void a_demand_for_tls_is_answered_by_what_stands_between(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_TLS_REQUIRED);
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "does not offer STARTTLS");
    result.endpoint.tls_asked = TLS_NONE;
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "tls = auto");
    result.endpoint.tls_asked = TLS_AUTO;
    result.starttls_offered = true;
    snprintf(result.tls_trouble, sizeof(result.tls_trouble), "the handshake broke");
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.fix.text, "certificate");
    audit_sample_says(result.why, "asked without TLS, for STARTTLS failed: the handshake broke.");
}

static void a_technique_that_may_be_granted_later_is_an_open_question(void **state)
{
    (void)state;
    static const enum outcome outcomes[] = {OUTCOME_GREYLISTED,     OUTCOME_DEFERRED,
                                            OUTCOME_CLOSING,        OUTCOME_SENDER_REFUSED,
                                            OUTCOME_CLIENT_REFUSED, OUTCOME_RECIPIENT_REFUSED,
                                            OUTCOME_TLS_REQUIRED,   OUTCOME_AUTH_REQUIRED};
    static const char *const ids[] = {"own-sender", "null-sender", "source-route", "quoted"};

    for (size_t i = 0; i < ROWS(ids); i++) {
        for (size_t j = 0; j < ROWS(outcomes); j++) {
            audit_sample_closed(&result);
            audit_sample_answer(&result, ids[i], outcomes[j]);
            audit_sample_judge(&result, &outside);
            if (j < 2) {
                audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
                audit_sample_says(result.why, ids[i]);
                audit_sample_says(result.fix.text, "Ask again in 10 minutes");
            } else {
                audit_sample_judged(&result, VERDICT_CLOSED, CAUSE_NONE, 0);
            }
        }
    }
}

static void an_open_question_does_not_hide_what_is_open_or_suspected(void **state)
{
    (void)state;
    audit_sample_answer(&result, "own-sender", OUTCOME_GREYLISTED);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_non_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
    audit_sample_answer(&result, "null-sender", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
}

static void an_acceptance_out_of_step_is_an_open_question(void **state)
{
    (void)state;
    audit_sample_unask(&result, "own-sender");
    audit_sample_row(&result, "own-sender")->unconfirmed = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "own-sender got replies out of step");
}

static void techniques_that_max_refusals_kept_back_leave_it_inconclusive(void **state)
{
    (void)state;
    audit_sample_unask(&result, "bang-path");
    result.refusals_used_up = true;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "max_refusals was used up");
    audit_sample_says(result.fix.text, "max_refusals");
    assert_int_equal(result.finding_count, 0);
}

static void a_plain_that_was_not_asked_is_inconclusive(void **state)
{
    (void)state;
    audit_sample_unask(&result, "plain");
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    audit_sample_says(result.why, "not asked");
    snprintf(result.trouble, sizeof(result.trouble), "the server fell silent");
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "the server fell silent.");
    result.interrupted = true;
    audit_sample_judge(&result, &outside);
    audit_sample_says(result.why, "interrupted");
    result.technique_count = 0;
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
}

static void an_unanswered_plain_stays_inconclusive_when_a_form_is_suspected(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_SENDER_REFUSED);
    audit_sample_answer(&result, "bang-path", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    audit_sample_judged(&result, VERDICT_INCONCLUSIVE, CAUSE_NONE, 3);
    assert_non_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
}

/* ---- exit codes ---------------------------------------------------------------------- */

static void the_exit_code_weighs_open_then_unknown_then_warning(void **state)
{
    (void)state;
    static struct endpoint_result closed = {.verdict = VERDICT_CLOSED};
    static struct endpoint_result suspected = {.verdict = VERDICT_SUSPECTED};
    static struct endpoint_result open = {.verdict = VERDICT_OPEN};
    static struct endpoint_result inconclusive = {.verdict = VERDICT_INCONCLUSIVE};
    static struct endpoint_result unreachable = {.verdict = VERDICT_UNREACHABLE};
    static const struct {
        const struct endpoint_result *results[3];
        int code;
        enum verdict worst;
    } rows[] = {
        {{&closed, &closed, &closed}, 0, VERDICT_CLOSED},
        {{&closed, &suspected, &closed}, 1, VERDICT_SUSPECTED},
        {{&suspected, &unreachable, &closed}, 3, VERDICT_UNREACHABLE},
        {{&suspected, &inconclusive, &unreachable}, 3, VERDICT_INCONCLUSIVE},
        {{&inconclusive, &suspected, &open}, 2, VERDICT_OPEN},
        {{&open, &unreachable, &closed}, 2, VERDICT_OPEN},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct audit_summary summary = {.results = rows[i].results, .count = 3};
        assert_int_equal(verdict_exit_code(&summary), rows[i].code);
        assert_int_equal(verdict_worst(&summary), rows[i].worst);
    }
    const struct audit_summary none = {.count = 0};
    assert_int_equal(verdict_exit_code(&none), 3);
    assert_int_equal(verdict_worst(&none), VERDICT_INCONCLUSIVE);
}

static int exit_code(void)
{
    return verdict_exit_of(&result);
}

static void what_is_lost_or_was_worst_counts(void **state)
{
    (void)state;
    audit_sample_judge(&result, &outside);
    finding_init(result_add_finding(&result), FINDING_BANNER_VERSION);
    finding_init(result_add_finding(&result), FINDING_BANNER_VERSION);
    result.findings[0].severity = SEVERITY_CRITICAL;
    result.findings[1].severity = SEVERITY_WARNING;
    assert_int_equal(exit_code(), 2);
    result.finding_count = 0;
    assert_int_equal(exit_code(), 0);
    result.unkept = 1;
    assert_int_equal(exit_code(), 3);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.unkept, 0);
    result.lost_critical = true;
    assert_int_equal(exit_code(), 2);
    result.lost_critical = false;
}

static void what_our_own_host_lacked_is_no_finding_of_the_server(void **state)
{
    (void)state;
    result.reach = REACH_NO_GREETING;
    audit_sample_judge(&result, &outside);
    assert_non_null(audit_sample_finding(&result, FINDING_SERVICE_REFUSED));
    result.exhausted = true;
    audit_sample_judge(&result, &outside);
    assert_null(audit_sample_finding(&result, FINDING_SERVICE_REFUSED));
    result.reach = REACH_SESSION;
    result.exhausted = false;
    result.cut_off = true;
    audit_sample_unask(&result, "own-sender");
    audit_sample_judge(&result, &outside);
    assert_non_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    result.exhausted = true;
    audit_sample_judge(&result, &outside);
    assert_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    result.exhausted = false;
    audit_sample_row(&result, "own-sender")->recent = true; /* it is the next to be asked */
    audit_sample_judge(&result, &outside);
    assert_null(audit_sample_finding(&result, FINDING_PROBE_BLOCKED));
    assert_true(result.note_count > 0);
}

static void what_is_doubtful_from_inside_is_no_finding(void **state)
{
    static const struct vantage_known within = {.declared = VANTAGE_INSIDE};

    (void)state;
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_judge(&result, &outside);
    assert_non_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
    audit_sample_judge(&result, &within);
    assert_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
}

static void findings_of_a_closed_endpoint_count_by_severity(void **state)
{
    (void)state;
    audit_sample_judge(&result, &outside);
    finding_init(result_add_finding(&result), FINDING_BANNER_VERSION);
    assert_int_equal(exit_code(), 0);
    result.findings[0].severity = SEVERITY_WARNING;
    assert_int_equal(exit_code(), 1);
    result.findings[0].severity = SEVERITY_CRITICAL;
    assert_int_equal(exit_code(), 2);
    /* a critical finding is worse than not knowing */
    result.verdict = VERDICT_INCONCLUSIVE;
    assert_int_equal(exit_code(), 2);
}

#define CASE(name) cmocka_unit_test_setup(name, fresh)

/* As Exim with relay_to_domains = *.net: the sign in the local part is refused before the domain is
 * looked at. */
static void a_subdomain_that_is_refused_in_a_plain_form_shows_a_wide_destination(void **state)
{
    (void)state;

    audit_sample_closed(&result);
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "percent-subdomain", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.cause, CAUSE_UNCONDITIONAL);
    audit_sample_control(&result, "percent-subdomain", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.cause, CAUSE_UNCONDITIONAL);
    audit_sample_control(&result, "percent-subdomain", OUTCOME_RELAY_DENIED);
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.cause, CAUSE_DESTINATION_TOO_WIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subdomain_that_is_refused_in_a_plain_form_shows_a_wide_destination),
        CASE(a_server_that_refuses_everything_is_closed),
        CASE(somebody_elses_server_is_judged_by_plain_alone_and_that_is_said),
        CASE(what_dns_says_of_somebody_elses_server_is_no_finding),
        CASE(a_firm_4xx_refusal_is_closed),
        CASE(a_demand_for_authentication_is_closed),
        CASE(other_techniques_without_an_answer_leave_it_closed),
        CASE(a_server_that_grants_everything_is_open_unconditionally),
        CASE(only_the_own_sender_granted_is_a_trusted_sender),
        CASE(only_the_null_sender_granted_is_a_trusted_sender),
        CASE(an_own_sender_granted_where_others_were_turned_away_is_trusted),
        CASE(the_advice_is_for_the_software_that_answers),
        CASE(a_server_that_accepts_everything_is_to_be_settled_by_a_message),
        CASE(a_greeting_granted_where_the_client_was_turned_away_is_trusted),
        CASE(another_of_the_sites_domains_that_is_trusted_is_named),
        CASE(another_of_the_sites_domains_that_is_trusted_in_a_greeting_is_named),
        CASE(a_wrapped_user_is_suspected_only_where_other_users_are_refused),
        CASE(an_address_that_looks_like_an_own_one_is_a_destination_too_wide),
        CASE(a_failed_lookup_of_a_made_up_domain_is_no_open_question),
        CASE(
            an_unknown_name_that_looks_like_an_own_one_and_is_not_refused_for_relaying_is_a_question),
        CASE(where_made_up_subdomains_are_not_refused_for_relaying_either_the_verdict_stands),
        CASE(forms_that_could_show_nothing_are_named_with_what_lets_them),
        CASE(a_wrapped_address_granted_and_its_control_refused_is_a_routing_form),
        CASE(a_source_route_granted_needs_no_control),
        CASE(what_is_refused_where_plain_is_granted_tells_the_cause),
        CASE(what_is_granted_where_plain_is_refused_tells_the_cause),
        CASE(wanting_tls_in_the_clear_is_a_refusal),
        CASE(an_open_relay_is_open_however_its_connection_ended),
        CASE(a_250_to_mail_alone_grants_nothing),
        CASE(a_catch_all_is_suspected_only),
        CASE(a_control_that_was_not_answered_leaves_it_suspected),
        CASE(what_a_server_said_is_quoted_with_what_helps_against_it),
        CASE(of_a_long_reply_the_beginning_is_quoted),
        CASE(something_suspected_does_not_weaken_what_is_open),
        CASE(an_unanswered_plain_is_never_closed),
        CASE(a_demand_for_tls_is_answered_by_what_stands_between),
        CASE(a_technique_that_may_be_granted_later_is_an_open_question),
        CASE(an_open_question_does_not_hide_what_is_open_or_suspected),
        CASE(an_acceptance_out_of_step_is_an_open_question),
        CASE(techniques_that_max_refusals_kept_back_leave_it_inconclusive),
        CASE(a_plain_that_was_not_asked_is_inconclusive),
        CASE(an_unanswered_plain_stays_inconclusive_when_a_form_is_suspected),
        CASE(the_exit_code_weighs_open_then_unknown_then_warning),
        CASE(what_is_lost_or_was_worst_counts),
        CASE(what_our_own_host_lacked_is_no_finding_of_the_server),
        CASE(what_is_doubtful_from_inside_is_no_finding),
        CASE(findings_of_a_closed_endpoint_count_by_severity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
