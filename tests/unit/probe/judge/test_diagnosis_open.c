/* The words on an open relay: who is trusted, what is granted, and what to change
 * in each MTA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/diagnosis.h"
#include "probe/judge/mta.h"
#include "probe/judge/verdict.h"
#include "tests/unit/one_result.h"

/* Only the greeting tells which software it is. */
static void judge_as(enum mta mta)
{
    static const char *const banners[] = {
        [MTA_UNKNOWN] = "mx.example.org ESMTP",
        [MTA_POSTFIX] = "mx.example.org ESMTP Postfix",
        [MTA_SENDMAIL] = "mx.example.org ESMTP Sendmail 8.17.1.9/8.17.1.9; Sun, 1 Mar 2026 10:00",
        [MTA_EXIM] = "mx.example.org ESMTP Exim 4.96 Sun, 01 Mar 2026 10:00:00 +0000",
    };

    for (size_t i = 0; i < result.technique_count; i++) {
        if (result.techniques[i].asked) {
            result.techniques[i].text = "x";
            result.techniques[i].enhanced[0] = '\0';
        }
    }
    snprintf(result.banner, sizeof(result.banner), "%s", banners[mta]);
    audit_sample_judge(&result, &outside);
}

/* A form that the server may take for a mailbox of its own counts if its control is refused. */
static void grant(const char *id)
{
    audit_sample_answer(&result, id, OUTCOME_ACCEPTED);
    if (technique_find(id)->control != NULL) {
        audit_sample_control(&result, id, OUTCOME_RECIPIENT_REFUSED);
    }
}

/* ---- what to change ---- */

/* Each remedy says where each MTA has the fault; who knows the MTA reads its own remedy alone. */
static void each_cause_has_a_remedy_for_each_mta(void **state)
{
    static const struct {
        const char *granted;
        enum cause cause;
        const char *all; /* part of what everybody is told, or "" */
        const char *postfix;
        const char *sendmail;
        const char *exim;
    } rows[] = {
        {"plain", CAUSE_UNCONDITIONAL, "Find what trusts this client.",
         "Postfix: narrow mynetworks", "Sendmail: remove FEATURE(promiscuous_relay)",
         "Exim: narrow relay_from_hosts"},
        {"after-local", CAUSE_UNCONDITIONAL, "Find what trusts this client.",
         "Postfix: narrow mynetworks", "Sendmail: remove FEATURE(promiscuous_relay)",
         "Exim: narrow relay_from_hosts"},
        {"own-sender", CAUSE_SENDER_TRUSTED, "authenticate on the submission port.",
         "remove check_sender_access maps", "FEATURE(relay_mail_from)", "remove 'accept senders'"},
        {"helo-own", CAUSE_HELO_TRUSTED, "Anybody can greet with any name.",
         "permit_naked_ip_address", "Local_check_rcpt", "$sender_helo_name"},
        {"helo-own", CAUSE_HELO_TRUSTED, "authenticate on the submission port.",
         "permit_naked_ip_address", "Local_check_rcpt", "$sender_helo_name"},
        {"source-route", CAUSE_ROUTING_FORM, "that one may be what unwraps: close both.",
         "allow_untrusted_routing = no", "FEATURE(loose_relay_check)",
         "unset percent_hack_domains"},
        {"outside-literal", CAUSE_DESTINATION_TOO_WIDE, "", "let relay_domains, mydestination",
         "FEATURE(relay_based_on_MX)", "domain lists local_domains"},
        {"own-in-domain", CAUSE_DESTINATION_TOO_WIDE, "A pattern matches a part of the address.",
         "Postfix: anchor each regular expression", "only whole domains in relay-domains",
         "Exim: anchor regular expressions"},
    };
    static const enum mta mtas[] = {MTA_UNKNOWN, MTA_POSTFIX, MTA_SENDMAIL, MTA_EXIM};

    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t m = 0; m < ROWS(mtas); m++) {
            bool any = mtas[m] == MTA_UNKNOWN;
            one_result_fresh(state);
            if (strcmp(rows[i].granted, "plain") == 0) {
                audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
            }
            grant(rows[i].granted);
            judge_as(mtas[m]);
            audit_sample_judged(&result, VERDICT_OPEN, rows[i].cause, 2);
            audit_sample_says(result.fix.text, rows[i].all);
            assert_int_equal(strstr(result.fix.text, rows[i].postfix) != NULL,
                             any || mtas[m] == MTA_POSTFIX);
            assert_int_equal(strstr(result.fix.text, rows[i].sendmail) != NULL,
                             any || mtas[m] == MTA_SENDMAIL);
            assert_int_equal(strstr(result.fix.text, rows[i].exim) != NULL,
                             any || mtas[m] == MTA_EXIM);
            one_result_free(state);
        }
    }
    one_result_fresh(state);
}

static void who_anybody_can_say_to_be_has_a_remedy_of_its_own(void **state)
{
    static const struct {
        const char *granted;
        enum cause cause;
        const char *why;
        const char *fix;
    } rows[] = {
        {"auth-anonymous", CAUSE_ANONYMOUS_AUTH, "by logging in as nobody: AUTH ANONYMOUS",
         "Do not offer ANONYMOUS."},
        {"xclient-loopback", CAUSE_XCLIENT, "by claiming another address or a login with XCLIENT",
         "smtpd_authorized_xclient_hosts"},
        {"xclient-login", CAUSE_XCLIENT, "by claiming another address or a login with XCLIENT",
         "smtpd_authorized_xclient_hosts"},
        {"proxy-v1", CAUSE_PROXY_PROTOCOL, "by claiming a trusted address in a PROXY header",
         "hosts_proxy"},
        {"proxy-v2-server", CAUSE_PROXY_PROTOCOL, "by claiming a trusted address in a PROXY header",
         "hosts_proxy"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        grant(rows[i].granted);
        judge_as(MTA_UNKNOWN);
        audit_sample_judged(&result, VERDICT_OPEN, rows[i].cause, 2);
        audit_sample_says(result.why, "A stranger (198.51.100.7) may send mail to anybody ");
        audit_sample_says(result.why, rows[i].why);
        audit_sample_says(result.why, rows[i].granted);
        audit_sample_says(result.fix.text, rows[i].fix);
        assert_null(strstr(result.fix.text, "mynetworks"));
        one_result_free(state);
    }
    one_result_fresh(state);
}

/* ---- who is trusted ---- */

static const struct {
    const char *id;
    const char *words;
} claims[] = {
    {"null-sender", "the null sender <>"},
    {"own-sender", "a sender in the site's own domain"},
    {"own-user-sender", "a sender in the site's own domain"},
    {"bang-sender", "a sender in the site's own domain"},
    {"own-in-sender", "a sender whose domain has the site's in it"},
    {"literal-sender", "a sender at the server's own name or address"},
    {"host-sender", "a sender at the server's own name or address"},
    {"greeted-sender", "a sender at the server's own name or address"},
    {"ehlo-sender", "a sender at the server's own name or address"},
    {"localhost-sender", "a sender at the server's own name or address"},
    {"bare-sender", "a sender without a domain"},
    {"auth-null", "another submitter (AUTH=)"},
    {"auth-own", "another submitter (AUTH=)"},
};

static void each_trusted_sender_is_named_and_no_other(void **state)
{
    for (size_t i = 0; i < ROWS(claims); i++) {
        one_result_fresh(state);
        audit_sample_answer(&result, claims[i].id, OUTCOME_ACCEPTED);
        judge_as(MTA_POSTFIX);
        audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
        audit_sample_says(result.why, "A stranger (198.51.100.7) may send mail to anybody: ");
        for (size_t j = 0; j < ROWS(claims); j++) {
            assert_int_equal(strstr(result.why, claims[j].words) != NULL,
                             strcmp(claims[j].words, claims[i].words) == 0);
        }
        one_result_free(state);
    }
    one_result_fresh(state);
    audit_sample_answer(&result, "null-sender", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "bare-sender", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "auth-own", OUTCOME_ACCEPTED);
    judge_as(MTA_POSTFIX);
    audit_sample_says(result.why,
                      "granted to whoever claims the null sender <> or a sender without "
                      "a domain or another submitter (AUTH=), and refused to others");
}

/* `plain` is granted, and what claims something else is not: it is the sender or the greeting that
 * the probe itself has. */
static void what_the_probe_itself_says_is_named_where_plain_is_granted(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    for (size_t i = 0; i < result.technique_count; i++) {
        const struct technique *row = result.techniques[i].technique;
        if (row->sender_class != TECHNIQUE_SENDER_EXTERNAL) {
            audit_sample_answer(&result, row->id, OUTCOME_RELAY_DENIED);
        }
    }
    judge_as(MTA_UNKNOWN);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
    audit_sample_says(result.why, "claims the outside sender that the probe writes as,");
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    for (size_t i = 0; i < result.technique_count; i++) {
        const struct technique *row = result.techniques[i].technique;
        if (row->trait == TECHNIQUE_BY_HELO) {
            audit_sample_answer(&result, row->id, OUTCOME_RELAY_DENIED);
        }
    }
    judge_as(MTA_UNKNOWN);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_HELO_TRUSTED, 2);
    audit_sample_says(result.why, "claims the name that the probe greets with,");
}

static struct technique_result *add_own(const char *domain, enum outcome outcome)
{
    struct technique_result *row = result_add(&result, technique_find("own-sender"));

    *row = *audit_sample_row(&result, "own-sender");
    row->own = domain;
    row->outcome = outcome;
    row->code = outcome == OUTCOME_ACCEPTED ? 250 : 554;
    return row;
}

/* The endpoint's own domain needs no name; of the site's others each that is trusted has one. */
static void of_several_own_domains_those_that_are_trusted_are_named(void **state)
{
    static const struct {
        enum outcome own; /* of the endpoint's own domain */
        enum outcome first;
        enum outcome second;
        const char *words;
    } rows[] = {
        {OUTCOME_RELAY_DENIED, OUTCOME_ACCEPTED, OUTCOME_RELAY_DENIED,
         "domain (shop.example), and"},
        {OUTCOME_RELAY_DENIED, OUTCOME_RELAY_DENIED, OUTCOME_ACCEPTED,
         "domain (left.example), and"},
        {OUTCOME_RELAY_DENIED, OUTCOME_ACCEPTED, OUTCOME_ACCEPTED,
         "domain (shop.example, left.example), and"},
        {OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, OUTCOME_ACCEPTED, "own domain, and"},
        {OUTCOME_ACCEPTED, OUTCOME_RELAY_DENIED, OUTCOME_RELAY_DENIED, "own domain, and"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        add_own("shop.example", rows[i].first);
        add_own("left.example", rows[i].second);
        audit_sample_answer(&result, "own-sender", rows[i].own);
        judge_as(MTA_UNKNOWN);
        audit_sample_judged(&result, VERDICT_OPEN, CAUSE_SENDER_TRUSTED, 2);
        audit_sample_says(result.why, rows[i].words);
        for (size_t each = 0; each < result.technique_count; each++) {
            result.techniques[each].own = NULL;
        }
        one_result_free(state);
    }
    one_result_fresh(state);
}

/* ---- what is granted ---- */

static void each_grant_is_told_in_its_own_words(void **state)
{
    static const struct {
        const char *granted;
        enum outcome plain;
        enum cause cause;
        const char *words;
        const char *not_said;
    } rows[] = {
        {"own-in-user", OUTCOME_RELAY_DENIED, CAUSE_DESTINATION_TOO_WIDE,
         "to outside addresses that have the site's domain in them", "address literal"},
        {"own-in-domain", OUTCOME_RELAY_DENIED, CAUSE_DESTINATION_TOO_WIDE,
         "to outside addresses that have the site's domain in them", "address literal"},
        {"outside-literal", OUTCOME_RELAY_DENIED, CAUSE_DESTINATION_TOO_WIDE,
         "to other hosts: the server takes any address literal", "in them"},
        {"source-route", OUTCOME_RELAY_DENIED, CAUSE_ROUTING_FORM,
         "by wrapping the address; asked plainly, relaying is refused.", "in another way"},
        {"source-route-host", OUTCOME_RELAY_DENIED, CAUSE_ROUTING_FORM,
         "by wrapping the address; asked plainly, relaying is refused.", "in another way"},
        {"source-route", OUTCOME_GREYLISTED, CAUSE_ROUTING_FORM,
         "by wrapping the address; asked plainly, relaying got no clear answer.", "is refused"},
        {"no-brackets", OUTCOME_RELAY_DENIED, CAUSE_ROUTING_FORM,
         "by writing the request in another way; asked plainly, relaying is refused.", "wrapping"},
        {"upper-case", OUTCOME_RELAY_DENIED, CAUSE_ROUTING_FORM,
         "by writing the request in another way; asked plainly, relaying is refused.", "wrapping"},
        {"after-local", OUTCOME_RELAY_DENIED, CAUSE_UNCONDITIONAL,
         "the server accepted an outside recipient after a local one.", "in the clear"},
        {"before-starttls", OUTCOME_RELAY_DENIED, CAUSE_UNCONDITIONAL,
         "in the clear, the server accepted an outside recipient that it refuses inside TLS.",
         "after a local one"},
        {"after-local", OUTCOME_GREYLISTED, CAUSE_UNCONDITIONAL,
         "though the plain request got no clear answer.", "after a local one"},
        {"before-starttls", OUTCOME_GREYLISTED, CAUSE_UNCONDITIONAL,
         "though the plain request got no clear answer.", "inside TLS"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        audit_sample_answer(&result, "plain", rows[i].plain);
        grant(rows[i].granted);
        judge_as(MTA_UNKNOWN);
        if (result.cause != rows[i].cause || strstr(result.why, rows[i].words) == NULL ||
            strstr(result.why, rows[i].not_said) != NULL) {
            fail_msg("row %zu: %s: %s", i, cause_name(result.cause), result.why);
        }
        assert_int_equal(result.verdict, VERDICT_OPEN);
        one_result_free(state);
    }
    one_result_fresh(state);
}

static void what_is_refused_beside_plain_is_told(void **state)
{
    (void)state;
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "before-starttls", OUTCOME_RELAY_DENIED);
    judge_as(MTA_UNKNOWN);
    audit_sample_judged(&result, VERDICT_OPEN, CAUSE_UNCONDITIONAL, 2);
    audit_sample_says(result.why, "inside TLS, the server accepted an outside recipient from an "
                                  "outside sender, which it refuses in the clear.");
    audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
    judge_as(MTA_UNKNOWN);
    audit_sample_says(result.why,
                      "anybody: the server accepted an outside recipient from an outside sender.");
}

/* Only of a server that refuses nothing at all it may be that it catches mail for tests. */
static void one_refusal_shows_that_it_is_no_catcher(void **state)
{
    (void)state;
    size_t count = result.technique_count;
    for (size_t refused = 0; refused <= count; refused++) {
        one_result_fresh(state);
        audit_sample_answer_all(&result, OUTCOME_ACCEPTED);
        for (size_t i = 0; i < count; i++) {
            const struct technique_result *row = &result.techniques[i];
            if (row->asked && row->technique->control != NULL) {
                audit_sample_control(&result, row->technique->id, OUTCOME_ACCEPTED);
            }
        }
        if (refused < count) {
            audit_sample_answer(&result, result.techniques[refused].technique->id,
                                OUTCOME_SENDER_REFUSED);
        }
        judge_as(MTA_UNKNOWN);
        assert_int_equal(strstr(result.fix.text, "settles it") != NULL, refused == count);
        one_result_free(state);
    }
    one_result_fresh(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, one_result_fresh, one_result_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_cause_has_a_remedy_for_each_mta),
        TEST(who_anybody_can_say_to_be_has_a_remedy_of_its_own),
        TEST(each_trusted_sender_is_named_and_no_other),
        TEST(what_the_probe_itself_says_is_named_where_plain_is_granted),
        TEST(of_several_own_domains_those_that_are_trusted_are_named),
        TEST(each_grant_is_told_in_its_own_words),
        TEST(what_is_refused_beside_plain_is_told),
        TEST(one_refusal_shows_that_it_is_no_catcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
