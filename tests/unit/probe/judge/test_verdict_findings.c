/* The findings and notes that a verdict brings along: of what, whether at all, and with what words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/judge/milter_evidence.h"
#include "probe/judge/verdict.h"
#include "probe/model/other_domains.h"
#include "tests/unit/one_result.h"

static const struct vantage_known claimed = {.declared = VANTAGE_CLAIMED};

static size_t count_notes(const char *words)
{
    size_t count = 0;

    for (size_t i = 0; i < result.note_count; i++) {
        count += strstr(result.notes[i], words) != NULL;
    }
    return count;
}

/* ---- findings ---------------------------------------------------------------------------- */

static void a_refused_service_is_told_with_its_greeting_and_who_asked(void **state)
{
    static const char *const greetings[] = {"", "#", "554 no mail here"};

    for (size_t i = 0; i < ROWS(greetings); i++) {
        one_result_fresh(state);
        result.reach = REACH_NO_GREETING;
        snprintf(result.banner, sizeof(result.banner), "%s", greetings[i]);
        verdict_endpoint(&result, &outside);
        const struct finding *finding = audit_sample_finding(&result, FINDING_SERVICE_REFUSED);
        assert_non_null(finding);
        assert_string_equal(finding_get(finding, "source"), "198.51.100.7");
        if (greetings[i][0] == '\0') {
            assert_null(finding_get(finding, "greeting"));
        } else {
            assert_string_equal(finding_get(finding, "greeting"), greetings[i]);
        }
        one_result_free(state);
    }
    one_result_fresh(state);
}

static void a_probe_that_is_cut_off_is_told_by_whom_and_how_much_is_left(void **state)
{
    static const struct {
        bool out_of_time, banned;
        const char *why;
    } rows[] = {
        {true, false, "The server replies so slowly that the time for an endpoint was over before"},
        {false, true, "The server began to refuse the probe's address, whatever is asked, before"},
        {false, false, "The server cut the probe off before"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        result.cut_off = true;
        result.out_of_time = rows[i].out_of_time;
        result.banned = rows[i].banned;
        audit_sample_unask(&result, "helo-own");
        audit_sample_unask(&result, "helo-host");
        audit_sample_row(&result, "helo-own")->cut = true;
        audit_sample_judge(&result, &outside);
        const struct finding *finding = audit_sample_finding(&result, FINDING_PROBE_BLOCKED);
        assert_non_null(finding);
        assert_string_equal(finding_get(finding, "source"), "198.51.100.7");
        assert_int_equal(strncmp(finding->why, rows[i].why, strlen(rows[i].why)), 0);
        audit_sample_says(finding->why, "had been asked: 2 of ");
        assert_int_equal(strstr(finding->fix.text, "timeout") != NULL, rows[i].out_of_time);
        one_result_free(state);
    }
    one_result_fresh(state);
}

static void who_asks_from_inside_is_told_what_shows_it(void **state)
{
    struct site_settings settings = {.domains = domainset_new(),
                                     .main_domain = strdup("example.org"),
                                     .networks = calloc(1, sizeof(*settings.networks)),
                                     .network_count = 1};
    assert_int_equal(network_parse("198.51.100.0/24", settings.networks), NETWORK_OK);
    struct site *site = site_new(&settings);
    assert_non_null(site);
    const struct vantage_known trusted = {.declared = VANTAGE_OUTSIDE, .site = site};

    audit_sample_judge(&result, &trusted);
    const struct finding *finding = audit_sample_finding(&result, FINDING_VANTAGE_INSIDE);
    audit_sample_says(finding->why, "from 198.51.100.7, which is in the site's trusted_networks");
    assert_string_equal(finding_get(finding, "source"), "198.51.100.7");

    result.milter.observed = true;
    result.milter.role = TOKEN_ROLE_INSIDE;
    audit_sample_judge(&result, &outside);
    finding = audit_sample_finding(&result, FINDING_VANTAGE_INSIDE);
    audit_sample_says(finding->why, "but the MTA sees it under an address of its own");

    result.milter.observed = false;
    result.source = result.endpoint.address;
    audit_sample_judge(&result, &outside);
    finding = audit_sample_finding(&result, FINDING_VANTAGE_INSIDE);
    audit_sample_says(finding->why, "from 203.0.113.25, the server's own address");

    audit_sample_judge(&result, &inside); /* as it was declared */
    assert_null(audit_sample_finding(&result, FINDING_VANTAGE_INSIDE));
    site_free(site);
    (void)state;
}

/* The finding of a grant, as it is made again for who asks later. */
static void a_finding_is_made_again_of_what_the_verdict_is_about(void **state)
{
    static const struct {
        const char *proven, *uncertain;
        enum message_state message;
        bool denies;
        enum finding_kind kind;
        const char *technique; /* NULL: there is none */
    } rows[] = {
        {"own-sender", "percent-hack", MESSAGE_NONE, false, FINDING_OPEN_RELAY, "own-sender"},
        {NULL, "percent-hack", MESSAGE_NONE, false, FINDING_SUSPECTED_RELAY, "percent-hack"},
        {NULL, "percent-hack", MESSAGE_NONE, false, FINDING_OPEN_RELAY, NULL},
        {"own-sender", NULL, MESSAGE_NONE, false, FINDING_SUSPECTED_RELAY, NULL},
        {"own-sender", "percent-hack", MESSAGE_MISSING, false, FINDING_SUSPECTED_RELAY,
         "own-sender"},
        {"own-sender", "percent-hack", MESSAGE_REFUSED, true, FINDING_SUSPECTED_RELAY,
         "own-sender"},
        {"own-sender", "percent-hack", MESSAGE_REFUSED, false, FINDING_SUSPECTED_RELAY,
         "percent-hack"},
        {NULL, NULL, MESSAGE_NONE, false, FINDING_OPEN_RELAY, NULL},
        {NULL, NULL, MESSAGE_NONE, false, FINDING_SUSPECTED_RELAY, NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct finding finding;
        one_result_fresh(state);
        if (rows[i].proven != NULL) {
            audit_sample_answer(&result, rows[i].proven, OUTCOME_ACCEPTED);
        }
        if (rows[i].uncertain != NULL) {
            audit_sample_answer(&result, rows[i].uncertain, OUTCOME_ACCEPTED);
            audit_sample_control(&result, rows[i].uncertain, OUTCOME_ACCEPTED);
        }
        result.message.state = rows[i].message;
        result.message.denies = rows[i].denies;
        bool made = verdict_relay_finding(&result, rows[i].kind, &finding);
        assert_int_equal(made, rows[i].technique != NULL);
        if (made) {
            assert_int_equal(finding.kind, rows[i].kind);
            assert_string_equal(finding_get(&finding, "technique"), rows[i].technique);
        }
        one_result_free(state);
    }
    one_result_fresh(state);
}

/* From inside an acceptance shows nothing of strangers, whatever became of a message. */
static void a_doubtful_message_from_inside_is_no_finding(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    result.message.state = MESSAGE_MISSING;
    audit_sample_judge(&result, &inside);
    assert_int_equal(result.verdict, VERDICT_INCONCLUSIVE);
    assert_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
    assert_null(audit_sample_finding(&result, FINDING_OPEN_RELAY));
    audit_sample_judge(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_SUSPECTED);
    assert_non_null(audit_sample_finding(&result, FINDING_SUSPECTED_RELAY));
}

/* The probe judges an offer to strangers where it is a stranger itself. */
static void an_offer_is_a_finding_where_a_stranger_had_it(void **state)
{
    static const struct {
        const struct vantage_known *vantage;
        bool found;
    } rows[] = {{&outside, true}, {&inside, false}, {&claimed, false}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        result.heard.xclient = true;
        verdict_endpoint(&result, rows[i].vantage);
        const struct finding *finding = audit_sample_finding(&result, FINDING_XCLIENT_EXPOSED);
        assert_int_equal(finding != NULL, rows[i].found);
        assert_int_equal(verdict_exit_of(&result), rows[i].found ? 2 : 0);
        one_result_free(state);
    }
    one_result_fresh(state);
}

/* ---- the filter's word -------------------------------------------------------------------- */

static void be_hidden(void)
{
    result.milter.observed = true;
    result.milter.role = TOKEN_ROLE_HIDDEN;
}

static void what_the_filter_saw_is_a_finding_beside_the_verdict(void **state)
{
    (void)state;
    be_hidden();
    result.milter.hello.permission = PERMISSION_TRUSTED_NETWORK;
    verdict_endpoint(&result, &outside);
    const struct finding *finding = audit_sample_finding(&result, FINDING_CLIENT_ADDRESS_HIDDEN);
    assert_non_null(finding);
    assert_int_equal(finding->severity, SEVERITY_CRITICAL);
    assert_int_equal(verdict_exit_of(&result), 2);
}

/* The filter's explanation takes the place of the other, and does not follow it. */
static void the_filters_explanation_stands_alone(void **state)
{
    for (int open = 0; open < 2; open++) {
        char why[FINDING_WHY_SIZE];
        struct remedies fix;
        one_result_fresh(state);
        be_hidden();
        if (open != 0) {
            struct technique_result *plain = audit_sample_row(&result, "plain");
            audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
            plain->ask = plain->observed = true;
        }
        verdict_endpoint(&result, &outside);
        memcpy(why, result.why, sizeof(why));
        fix = result.fix;
        result.why[0] = '\0';
        remedies_clear(&result.fix);
        (open != 0 ? milter_evidence_explain_open : milter_evidence_explain_hidden)(&result, NULL);
        assert_string_equal(why, result.why);
        assert_string_equal(fix.text, result.fix.text);
        one_result_free(state);
    }
    one_result_fresh(state);
}

static void of_a_request_that_the_filter_never_saw_its_explanation_stands_alone(void **state)
{
    char why[FINDING_WHY_SIZE];
    struct remedies fix;

    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    audit_sample_row(&result, "plain")->ask = true;
    verdict_endpoint(&result, &outside);
    assert_int_equal(result.cause, CAUSE_DISCARDED_OR_HIDDEN);
    memcpy(why, result.why, sizeof(why));
    fix = result.fix;
    result.why[0] = '\0';
    remedies_clear(&result.fix);
    milter_evidence_explain_discarded(&result);
    assert_string_equal(why, result.why);
    assert_string_equal(fix.text, result.fix.text);
}

/* Of a hidden client whose plain request got no answer, the words are of that. */
static void a_hidden_client_without_an_answer_is_told_of_the_answer(void **state)
{
    (void)state;
    be_hidden();
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    verdict_endpoint(&result, &outside);
    assert_int_equal(result.verdict, VERDICT_INCONCLUSIVE);
    audit_sample_says(result.why, "the plain request was answered");
    audit_sample_answer(&result, "plain", OUTCOME_RELAY_DENIED);
    result.interrupted = true;
    verdict_endpoint(&result, &outside);
    assert_null(strstr(result.why, "It refused the plain request"));
}

/* ---- notes ------------------------------------------------------------------------------- */

static void a_claimed_address_is_noted_where_it_asked(void **state)
{
    static const struct {
        const struct vantage_known *vantage;
        enum reach reach;
        size_t notes;
    } rows[] = {{&claimed, REACH_SESSION, 1},
                {&claimed, REACH_NO_CLAIM, 0},
                {&inside, REACH_SESSION, 0},
                {&outside, REACH_SESSION, 0}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        result.reach = rows[i].reach;
        verdict_endpoint(&result, rows[i].vantage);
        assert_int_equal(count_notes("Asked as 198.51.100.7, an address claimed by XCLIENT"),
                         rows[i].notes);
        one_result_free(state);
    }
    one_result_fresh(state);
}

/* Which of the site's other domains were not asked for is told where techniques were asked. */
static void other_domains_that_are_left_are_named_where_all_else_was_asked(void **state)
{
    static const struct {
        enum reach reach;
        bool interrupted, cut_off, hosted;
        size_t notes;
    } rows[] = {
        {REACH_SESSION, false, false, false, 1},     {REACH_NO_CLAIM, false, false, false, 0},
        {REACH_NO_GREETING, false, false, false, 0}, {REACH_SESSION, true, false, false, 0},
        {REACH_SESSION, false, true, false, 0},      {REACH_SESSION, false, false, true, 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        for (size_t role = 0; role < DOMAIN_ROLES; role++) {
            result.others[role] = (struct other_domains){.domains = {"shop.example"}, .count = 1};
        }
        result.reach = rows[i].reach;
        result.interrupted = rows[i].interrupted;
        result.cut_off = rows[i].cut_off;
        result.endpoint.hosted = rows[i].hosted;
        verdict_endpoint(&result, &outside);
        assert_int_equal(count_notes("Not asked in the name of shop.example"), rows[i].notes);
        assert_int_equal(count_notes("Not greeted in the name of shop.example"), rows[i].notes);
        one_result_free(state);
    }
    one_result_fresh(state);
}

static void a_technique_that_ends_the_connection_by_its_answer_is_named_too(void **state)
{
    static const struct {
        bool asked;
        enum outcome outcome;
        bool interrupted;
        size_t notes;
    } rows[] = {{false, OUTCOME_CLOSING, false, 1},
                {true, OUTCOME_CLOSING, false, 1},
                {true, OUTCOME_RELAY_DENIED, false, 0},
                {false, OUTCOME_CLOSING, true, 0}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        struct technique_result *row = audit_sample_row(&result, "helo-own");
        row->hung_up = true;
        row->asked = rows[i].asked;
        row->outcome = rows[i].outcome;
        result.interrupted = rows[i].interrupted;
        verdict_endpoint(&result, &outside);
        assert_int_equal(count_notes("Whenever the server was asked helo-own, "), rows[i].notes);
        one_result_free(state);
    }
    one_result_fresh(state);
}

static void what_a_limit_kept_from_being_asked_is_noted_of_each_technique(void **state)
{
    (void)state;
    struct technique_result *first = &result.techniques[0];
    struct technique_result *last = &result.techniques[result.technique_count - 1];

    first->limited = last->limited = true;
    first->text = last->text = "left out: too many recipients";
    verdict_endpoint(&result, &outside);
    assert_int_equal(count_notes("plain was left out: too many recipients"), 1);
    assert_int_equal(count_notes("equals was left out: too many recipients"), 1);
}

/* The name that DNS does not know, and the record that would let the server answer. */
static void a_name_that_dns_does_not_know_is_told_with_its_remedy(void **state)
{
    static const struct {
        const char *id;
        enum outcome outcome;
        const char *note;
    } rows[] = {
        {"own-in-sender", OUTCOME_SENDER_REFUSED,
         "own-in-sender could show nothing: the server refused sender.outside.example.net (450), "
         "and not for relaying, probably because DNS does not know that name. Give "
         "*.outside.example.net an A or MX record (a wildcard), and the server has to answer."},
        {"own-in-domain", OUTCOME_DEFERRED,
         "own-in-domain could show nothing: the server refused recipient.outside.example.net "
         "(451), and not for relaying, probably because DNS does not know that name. Give "
         "*.outside.example.net an A or MX record (a wildcard), and the server has to answer."},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        one_result_fresh(state);
        struct technique_result *row = audit_sample_row(&result, rows[i].id);
        audit_sample_answer(&result, rows[i].id, rows[i].outcome);
        row->sender = "<canary@sender.outside.example.net>";
        row->recipient = "<canary@recipient.outside.example.net>";
        audit_sample_row(&result, "plain")->recipient = "<canary@outside.example.net>";
        verdict_endpoint(&result, &outside);
        assert_int_equal(result.note_count, 1);
        assert_string_equal(result.notes[0], rows[i].note);
        one_result_free(state);
    }
    one_result_fresh(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_refused_service_is_told_with_its_greeting_and_who_asked,
                               one_result_fresh),
        cmocka_unit_test_setup(a_probe_that_is_cut_off_is_told_by_whom_and_how_much_is_left,
                               one_result_fresh),
        cmocka_unit_test_setup(who_asks_from_inside_is_told_what_shows_it, one_result_fresh),
        cmocka_unit_test_setup(a_finding_is_made_again_of_what_the_verdict_is_about,
                               one_result_fresh),
        cmocka_unit_test_setup(a_doubtful_message_from_inside_is_no_finding, one_result_fresh),
        cmocka_unit_test_setup(an_offer_is_a_finding_where_a_stranger_had_it, one_result_fresh),
        cmocka_unit_test_setup(what_the_filter_saw_is_a_finding_beside_the_verdict,
                               one_result_fresh),
        cmocka_unit_test_setup(the_filters_explanation_stands_alone, one_result_fresh),
        cmocka_unit_test_setup(of_a_request_that_the_filter_never_saw_its_explanation_stands_alone,
                               one_result_fresh),
        cmocka_unit_test_setup(a_hidden_client_without_an_answer_is_told_of_the_answer,
                               one_result_fresh),
        cmocka_unit_test_setup(a_claimed_address_is_noted_where_it_asked, one_result_fresh),
        cmocka_unit_test_setup(other_domains_that_are_left_are_named_where_all_else_was_asked,
                               one_result_fresh),
        cmocka_unit_test_setup(a_technique_that_ends_the_connection_by_its_answer_is_named_too,
                               one_result_fresh),
        cmocka_unit_test_setup(what_a_limit_kept_from_being_asked_is_noted_of_each_technique,
                               one_result_fresh),
        cmocka_unit_test_setup(a_name_that_dns_does_not_know_is_told_with_its_remedy,
                               one_result_fresh),
    };

    return cmocka_run_group_tests_name("verdict's findings", tests, NULL, one_result_free);
}
