/* Open, and why: each cause by the answers that show it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/diagnosis.h"
#include "probe/judge/verdict.h"
#include "tests/unit/one_result.h"

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

#define CASE(name) cmocka_unit_test_setup(name, one_result_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_subdomain_that_is_refused_in_a_plain_form_shows_a_wide_destination),
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
        CASE(where_made_up_subdomains_are_not_refused_for_relaying_either_the_verdict_stands),
        CASE(forms_that_could_show_nothing_are_named_with_what_lets_them),
        CASE(a_wrapped_address_granted_and_its_control_refused_is_a_routing_form),
        CASE(a_source_route_granted_needs_no_control),
        CASE(what_is_refused_where_plain_is_granted_tells_the_cause),
        CASE(what_is_granted_where_plain_is_refused_tells_the_cause),
        CASE(wanting_tls_in_the_clear_is_a_refusal),
        CASE(an_open_relay_is_open_however_its_connection_ended),
        CASE(a_250_to_mail_alone_grants_nothing),
        CASE(
            an_unknown_name_that_looks_like_an_own_one_and_is_not_refused_for_relaying_is_a_question),
    };
    return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
