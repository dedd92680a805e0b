#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/model/evidence.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* One answer each: every field that decides, and the one thing that it decides. */
static const struct {
    const char *id;
    bool asked;
    enum outcome outcome;
    bool at_mail;
    bool ask;
    bool observed;
    bool control_asked;
    enum outcome control;
    bool any_user;
    enum evidence grant;
} rows[] = {
    {"plain", false, OUTCOME_ACCEPTED, false, false, false, false, 0, false, EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_ACCEPTED, false, false, false, false, 0, false, EVIDENCE_PROVEN},
    {"plain", true, OUTCOME_ACCEPTED, true, false, false, false, 0, false, EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_ACCEPTED, false, true, false, false, 0, false, EVIDENCE_UNCERTAIN},
    {"plain", true, OUTCOME_ACCEPTED, false, true, true, false, 0, false, EVIDENCE_PROVEN},
    {"plain", true, OUTCOME_RELAY_DENIED, false, false, false, false, 0, false, EVIDENCE_REFUSED},
    {"plain", true, OUTCOME_RELAY_DENIED, true, false, false, false, 0, false, EVIDENCE_REFUSED},
    {"plain", true, OUTCOME_AUTH_REQUIRED, false, false, false, false, 0, false, EVIDENCE_REFUSED},
    {"plain", true, OUTCOME_TLS_REQUIRED, false, false, false, false, 0, false,
     EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_SENDER_REFUSED, false, false, false, false, 0, false,
     EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_CLIENT_REFUSED, false, false, false, false, 0, false,
     EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_RECIPIENT_REFUSED, false, false, false, false, 0, false,
     EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_GREYLISTED, false, false, false, false, 0, false, EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_DEFERRED, false, false, false, false, 0, false, EVIDENCE_UNANSWERED},
    {"plain", true, OUTCOME_CLOSING, false, false, false, false, 0, false, EVIDENCE_UNANSWERED},
    {"before-starttls", true, OUTCOME_TLS_REQUIRED, false, false, false, false, 0, false,
     EVIDENCE_REFUSED},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, false, OUTCOME_RELAY_DENIED, false,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_ACCEPTED, false,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_ACCEPTED, true,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_RECIPIENT_REFUSED, false,
     EVIDENCE_PROVEN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_RELAY_DENIED, false,
     EVIDENCE_PROVEN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_AUTH_REQUIRED, false,
     EVIDENCE_PROVEN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_SENDER_REFUSED, false,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_CLIENT_REFUSED, false,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_GREYLISTED, false,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_CLOSING, false,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, true, false, true, OUTCOME_RELAY_DENIED, false,
     EVIDENCE_UNCERTAIN},
    {"quoted", true, OUTCOME_ACCEPTED, false, true, true, true, OUTCOME_ACCEPTED, false,
     EVIDENCE_PROVEN},
    {"srs0", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_ACCEPTED, true,
     EVIDENCE_LOCAL},
    {"srs0", true, OUTCOME_ACCEPTED, false, true, false, true, OUTCOME_ACCEPTED, true,
     EVIDENCE_LOCAL},
    {"srs0", true, OUTCOME_ACCEPTED, false, true, true, true, OUTCOME_ACCEPTED, true,
     EVIDENCE_PROVEN},
    {"srs0", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_ACCEPTED, false,
     EVIDENCE_UNCERTAIN},
    {"srs0", true, OUTCOME_ACCEPTED, false, false, false, false, OUTCOME_ACCEPTED, true,
     EVIDENCE_UNCERTAIN},
    {"srs0", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_GREYLISTED, false,
     EVIDENCE_UNANSWERED},
    {"srs0", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_DEFERRED, false,
     EVIDENCE_UNANSWERED},
    {"srs0", true, OUTCOME_ACCEPTED, false, false, true, true, OUTCOME_GREYLISTED, false,
     EVIDENCE_PROVEN},
    {"srs0", true, OUTCOME_ACCEPTED, false, false, false, true, OUTCOME_RECIPIENT_REFUSED, true,
     EVIDENCE_PROVEN},
};

static struct technique_result answer(size_t row)
{
    return (struct technique_result){
        .technique = technique_find(rows[row].id),
        .asked = rows[row].asked,
        .outcome = rows[row].outcome,
        .at_mail = rows[row].at_mail,
        .ask = rows[row].ask,
        .observed = rows[row].observed,
        .control_asked = rows[row].control_asked,
        .control = rows[row].control,
        .any_user = rows[row].any_user,
        .text = "",
    };
}

static void each_answer_shows_what_it_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct technique_result asked = answer(i);
        if (evidence_of(&asked) != rows[i].grant) {
            fail_msg("row %zu (%s): %d", i, rows[i].id, (int)evidence_of(&asked));
        }
    }
}

static void each_answer_is_counted_once_and_where_it_belongs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        static struct endpoint_result result;
        memset(&result, 0, sizeof(result));
        *result_add(&result, technique_find(rows[i].id)) = answer(i);
        const struct evidence_tally tally = evidence_count(&result);
        const struct technique *technique = result.techniques[0].technique;
        assert_int_equal(tally.techniques, 1);
        assert_int_equal(tally.observed, rows[i].observed);
        for (size_t grant = 0; grant < GRANTS; grant++) {
            assert_int_equal(tally.count[grant], grant == (size_t)rows[i].grant);
            assert_int_equal(tally.by[technique->trait][grant], grant == (size_t)rows[i].grant);
        }
        bool plain = technique->trait == TECHNIQUE_BY_NOTHING;
        assert_int_equal(tally.plain, plain ? rows[i].grant : EVIDENCE_UNANSWERED);
        assert_int_equal(tally.plain_result != NULL, plain);
    }
}

static void what_has_no_place_or_no_turn_here_is_not_counted(void **state)
{
    (void)state;
    static struct endpoint_result result;

    memset(&result, 0, sizeof(result));
    result_add(&result, technique_find("null-sender"))->absent = true;
    result_add(&result, technique_find("own-sender"))->own = "shop.example";
    assert_int_equal(evidence_count(&result).techniques, 0);
    result.techniques[1].asked = true;
    result.techniques[1].outcome = OUTCOME_ACCEPTED;
    assert_int_equal(evidence_count(&result).techniques, 1);
    assert_int_equal(evidence_count(&result).claimed[EVIDENCE_PROVEN], 1);
    result_free(&result);
}

static void acceptances_that_the_filter_did_not_see_are_told_from_local_mail(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum outcome control;
        size_t unobserved;
    } asks[] = {
        {"plain", OUTCOME_ACCEPTED, 1},
        {"quoted", OUTCOME_RELAY_DENIED, 1},
        {"quoted", OUTCOME_ACCEPTED, 0},
        {"quoted", OUTCOME_GREYLISTED, 0},
    };
    for (size_t i = 0; i < ROWS(asks); i++) {
        static struct endpoint_result result;
        memset(&result, 0, sizeof(result));
        struct technique_result *row = result_add(&result, technique_find(asks[i].id));
        row->asked = row->ask = true;
        row->outcome = OUTCOME_ACCEPTED;
        row->control_asked = row->technique->control != NULL;
        row->control = asks[i].control;
        assert_int_equal(evidence_count(&result).unobserved, asks[i].unobserved);
        row->ask = false;
        assert_int_equal(evidence_count(&result).unobserved, 0);
    }
}

static void add_answer(struct endpoint_result *result, const char *id, enum outcome outcome)
{
    struct technique_result *row = result_add(result, technique_find(id));

    row->asked = true;
    row->outcome = outcome;
    row->text = "";
}

/* A look-alike that is refused, and not for relaying, was let by where nothing else that has the
 * site's name is; what the server does with a made-up subdomain tells. */
static void a_look_alike_is_let_by_only_where_subdomains_are_refused_for_relaying(void **state)
{
    (void)state;
    static const struct {
        enum outcome plain;
        enum outcome likeness;
        enum outcome subdomain;
        enum outcome control; /* OUTCOME_CLOSING: not asked */
        bool wants;
        bool passed;
    } cases[] = {
        {OUTCOME_RELAY_DENIED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_RELAY_DENIED, OUTCOME_CLOSING,
         true, true},
        {OUTCOME_AUTH_REQUIRED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_AUTH_REQUIRED, OUTCOME_CLOSING,
         true, true},
        {OUTCOME_RELAY_DENIED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_RECIPIENT_REFUSED,
         OUTCOME_CLOSING, true, false},
        {OUTCOME_RELAY_DENIED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_RECIPIENT_REFUSED,
         OUTCOME_RELAY_DENIED, true, true},
        {OUTCOME_RELAY_DENIED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_RECIPIENT_REFUSED,
         OUTCOME_RECIPIENT_REFUSED, true, false},
        {OUTCOME_RELAY_DENIED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_ACCEPTED, OUTCOME_RELAY_DENIED,
         true, false},
        {OUTCOME_RELAY_DENIED, OUTCOME_RELAY_DENIED, OUTCOME_RELAY_DENIED, OUTCOME_CLOSING, false,
         false},
        {OUTCOME_RELAY_DENIED, OUTCOME_DEFERRED, OUTCOME_RELAY_DENIED, OUTCOME_CLOSING, false,
         false},
        {OUTCOME_RELAY_DENIED, OUTCOME_SENDER_REFUSED, OUTCOME_RELAY_DENIED, OUTCOME_CLOSING, false,
         false},
        {OUTCOME_RECIPIENT_REFUSED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_RELAY_DENIED,
         OUTCOME_CLOSING, false, false},
        {OUTCOME_ACCEPTED, OUTCOME_RELAY_DENIED, OUTCOME_RELAY_DENIED, OUTCOME_CLOSING, true,
         false},
        {OUTCOME_ACCEPTED, OUTCOME_RECIPIENT_REFUSED, OUTCOME_RELAY_DENIED, OUTCOME_CLOSING, true,
         false},
    };
    for (size_t i = 0; i < ROWS(cases); i++) {
        static struct endpoint_result result;
        memset(&result, 0, sizeof(result));
        add_answer(&result, "plain", cases[i].plain);
        add_answer(&result, "percent-subdomain", cases[i].subdomain);
        result.techniques[1].control_asked = cases[i].control != OUTCOME_CLOSING;
        result.techniques[1].control = cases[i].control;
        add_answer(&result, "own-in-domain", cases[i].likeness);
        assert_int_equal(evidence_wants_subdomain(&result), cases[i].wants);
        assert_int_equal(evidence_count(&result).likeness_passed, cases[i].passed);
        /* The canary's own domain is there, and another answer tells nothing of DNS. */
        result.techniques[2].technique = technique_find("own-in-user");
        assert_int_equal(evidence_wants_subdomain(&result), cases[i].plain == OUTCOME_ACCEPTED);
        assert_false(evidence_count(&result).likeness_passed);
        result.techniques[0].asked = false;
        assert_false(evidence_wants_subdomain(&result));
    }
}

/* Whether an answer is owed; and whether all that are were had not long ago. */
static void an_answer_is_owed_where_the_battery_or_the_connection_was_cut(void **state)
{
    (void)state;
    static const struct {
        bool cut_off;
        bool asked;
        bool cut;
        enum outcome outcome;
        bool owed;
    } cases[] = {
        {true, true, false, OUTCOME_CLIENT_REFUSED, true},
        {false, true, false, OUTCOME_CLIENT_REFUSED, false},
        {true, true, false, OUTCOME_SENDER_REFUSED, false},
        {true, true, false, OUTCOME_RELAY_DENIED, false},
        {true, true, false, OUTCOME_ACCEPTED, false},
        {false, true, false, OUTCOME_CLOSING, true},
        {true, true, false, OUTCOME_CLOSING, true},
        {false, false, true, OUTCOME_ACCEPTED, true},
        {false, false, false, OUTCOME_ACCEPTED, false},
        {true, false, false, OUTCOME_ACCEPTED, true},
    };
    for (size_t i = 0; i < ROWS(cases); i++) {
        static struct endpoint_result result;
        memset(&result, 0, sizeof(result));
        struct technique_result *row = result_add(&result, technique_find("quoted"));
        row->asked = cases[i].asked;
        row->cut = cases[i].cut;
        row->outcome = cases[i].outcome;
        result.cut_off = cases[i].cut_off;
        assert_int_equal(evidence_is_owed(&result, row), cases[i].owed);
        assert_false(evidence_is_caught_up(&result)); /* it was never answered */
        row->recent = true;
        assert_int_equal(evidence_is_caught_up(&result), cases[i].owed && cases[i].cut_off);
        row->absent = true;
        assert_false(evidence_is_owed(&result, row));
        row->absent = false;
        row->own = "shop.example";
        assert_false(evidence_is_owed(&result, row));
    }
}

/* The canary as it is, then what routes to it, and never where another recipient is meant. */
static void a_message_is_sent_by_what_ends_at_the_canary(void **state)
{
    (void)state;
    static const struct {
        const char *ids[3];
        size_t row; /* 3: none */
    } cases[] = {
        {{"percent-hack", "null-sender", "plain"}, 1},
        {{"plain", "null-sender", "percent-hack"}, 0},
        {{"own-in-domain", "after-local", "percent-hack"}, 2},
        {{"after-local", "after-local", "after-local"}, 3},
    };
    for (size_t i = 0; i < ROWS(cases); i++) {
        static struct endpoint_result result;
        memset(&result, 0, sizeof(result));
        for (size_t at = 0; at < 3; at++) {
            add_answer(&result, cases[i].ids[at], OUTCOME_ACCEPTED);
            result.techniques[at].control_asked = true;
            result.techniques[at].control = OUTCOME_RELAY_DENIED;
        }
        size_t row = evidence_message_row(&result);
        if (cases[i].row != row) {
            fail_msg("case %zu: row %zu", i, row);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_shows_what_it_shows),
        cmocka_unit_test(each_answer_is_counted_once_and_where_it_belongs),
        cmocka_unit_test(what_has_no_place_or_no_turn_here_is_not_counted),
        cmocka_unit_test(acceptances_that_the_filter_did_not_see_are_told_from_local_mail),
        cmocka_unit_test(a_look_alike_is_let_by_only_where_subdomains_are_refused_for_relaying),
        cmocka_unit_test(an_answer_is_owed_where_the_battery_or_the_connection_was_cut),
        cmocka_unit_test(a_message_is_sent_by_what_ends_at_the_canary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
