#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/audit/carry_over.h"
#include "tests/unit/audit_sample.h"

#define NOW 1800000000

static char folder[64];
static char file[128];
static struct endpoint_result result;
static const struct endpoint_result *const results[] = {&result};
static char error[CARRY_OVER_ERROR_SIZE];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/carry-over-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(file, sizeof(file), "%s/probe/relaywarden.db", folder);
    audit_sample_closed(&result);
    result.endpoint.configured = true;
    return 0;
}

static int tear_down(void **state)
{
    char command[160];

    (void)state;
    result_free(&result);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static void keep(time_t now)
{
    struct carry_over *memory = carry_over_open(folder, error);

    assert_non_null(memory);
    assert_true(carry_over_keep(
        memory, &(const struct audit_summary){.results = results, .count = 1}, now, error));
    carry_over_close(memory);
}

static size_t put_off(time_t now)
{
    struct carry_over *memory = carry_over_open(folder, error);
    struct battery_earlier earlier[RESULT_TECHNIQUES];

    assert_non_null(memory);
    size_t count = carry_over_put_off(memory, &result.endpoint, now, earlier, RESULT_TECHNIQUES);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(earlier[i].sender,
                            audit_sample_row(&result, earlier[i].technique)->sender);
    }
    carry_over_close(memory);
    return count;
}

static void damage(void)
{
    static const char text[] = "this is no database";
    char command[320];

    snprintf(command, sizeof(command), "rm -f %s*; mkdir -p %s/probe", file, folder);
    assert_int_equal(system(command), 0);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    for (int i = 0; i < 400; i++) {
        fputs(text, out);
    }
    fclose(out);
}

static void run_sql(const char *sql)
{
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(file, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static int number(const char *sql)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_open(file, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return value;
}

static void what_was_put_off_is_known_to_the_next_audit(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    audit_sample_answer(&result, "own-sender", OUTCOME_DEFERRED);
    keep(NOW);
    assert_int_equal(put_off(NOW + 300), 2);
}

/* The domains that the next audit asks for, of a site that has forty. */
static const struct other_domains *next_domains(enum domain_role role)
{
    static struct endpoint_result next;
    struct site_settings settings = {.domains = domainset_new()};
    struct carry_over *memory = carry_over_open(folder, error);

    assert_non_null(memory);
    for (int i = 0; i < 40; i++) {
        char domain[32];
        snprintf(domain, sizeof(domain), "d%d.example", i);
        assert_true(domainset_add(settings.domains, domain));
    }
    struct site *site = site_new(&settings);
    next = (struct endpoint_result){.endpoint = result.endpoint};
    carry_over_choose_domains(memory, &next, site, NOW + 300);
    carry_over_close(memory);
    site_free(site);
    return &next.others[role];
}

static void answer_greeting(enum outcome outcome)
{
    struct technique_result *row = &result.techniques[result.technique_count - 1];

    row->asked = true;
    row->outcome = outcome;
}

/* The first domain of a site has the place 0, and may wait, too. */
static void which_of_the_sites_domains_is_next_is_known_for_each_role(void **state)
{
    (void)state;
    keep(NOW);
    assert_int_equal(next_domains(DOMAIN_AS_SENDER)->places[0], 0);
    assert_false(next_domains(DOMAIN_AS_HELO)->first);
    result.others[DOMAIN_AS_SENDER] = (struct other_domains){.next = 20, .left_out = 3};
    result.others[DOMAIN_AS_HELO] =
        (struct other_domains){.domains = {"shop.example"}, .places = {0}, .count = 1};
    result_add(&result, technique_find("helo-own"))->own = "shop.example";
    result.others[DOMAIN_AS_HELO].domains[0] = result.techniques[result.technique_count - 1].own;
    keep(NOW);
    assert_int_equal(next_domains(DOMAIN_AS_SENDER)->places[0], 20);
    assert_int_equal(next_domains(DOMAIN_AS_HELO)->places[0], 0);
    assert_true(next_domains(DOMAIN_AS_SENDER)->first); /* both since then */
    assert_false(next_domains(DOMAIN_AS_HELO)->first);
    result.others[DOMAIN_AS_SENDER] = (struct other_domains){0};
    keep(NOW);
    assert_true(next_domains(DOMAIN_AS_HELO)->first); /* no sender waits */
    answer_greeting(OUTCOME_RELAY_DENIED);
    keep(NOW);
    assert_false(next_domains(DOMAIN_AS_HELO)->first);
}

/* One that was granted goes on first, or the next audit would call closed what is open. */
static void who_was_not_asked_or_was_granted_waits_on_and_who_was_refused_begins_anew(void **state)
{
    static const struct {
        bool asked;
        enum outcome outcome;
        bool first;
    } rows[] = {{false, OUTCOME_RELAY_DENIED, true},
                {true, OUTCOME_ACCEPTED, true},
                {true, OUTCOME_RELAY_DENIED, false}};

    (void)state;
    result.others[DOMAIN_AS_HELO] =
        (struct other_domains){.domains = {"shop.example"}, .left_out = 3, .count = 1};
    result_add(&result, technique_find("helo-own"))->own = "shop.example";
    result.others[DOMAIN_AS_HELO].domains[0] = result.techniques[result.technique_count - 1].own;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        result.others[DOMAIN_AS_SENDER] = (struct other_domains){0};
        keep(NOW - 200); /* forgets the senders */
        result.others[DOMAIN_AS_SENDER] = (struct other_domains){.left_out = 3};
        keep(NOW - 100); /* since then they wait */
        answer_greeting(rows[i].outcome);
        result.techniques[result.technique_count - 1].asked = rows[i].asked;
        keep(NOW);
        assert_int_equal(next_domains(DOMAIN_AS_HELO)->first, rows[i].first);
        result.techniques[result.technique_count - 1].asked = false;
    }
}

/* Nothing that waits is forgotten, however long. */
static void one_that_is_granted_for_years_is_asked_for_at_each_audit(void **state)
{
    (void)state;
    result.others[DOMAIN_AS_HELO] =
        (struct other_domains){.domains = {"shop.example"}, .places = {7}, .count = 1};
    result_add(&result, technique_find("helo-own"))->own = "shop.example";
    result.others[DOMAIN_AS_HELO].domains[0] = result.techniques[result.technique_count - 1].own;
    answer_greeting(OUTCOME_ACCEPTED);
    for (long day = 720; day >= 0; day--) {
        keep(NOW - day * 86400L);
    }
    assert_int_equal(next_domains(DOMAIN_AS_HELO)->places[0], 7);
    assert_true(next_domains(DOMAIN_AS_HELO)->first);
}

static void an_answer_that_came_is_no_longer_waited_for(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    audit_sample_answer(&result, "own-sender", OUTCOME_GREYLISTED);
    keep(NOW);
    audit_sample_answer(&result, "plain", OUTCOME_RELAY_DENIED);
    keep(NOW + 300);
    assert_int_equal(put_off(NOW + 300), 1);
    audit_sample_answer(&result, "own-sender", OUTCOME_RELAY_DENIED);
    keep(NOW + 600);
    assert_int_equal(put_off(NOW + 600), 0);
}

static void an_endpoint_that_could_not_be_asked_is_not_forgotten(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    keep(NOW);
    audit_sample_unask(&result, "plain");
    result.reach = REACH_NO_CONNECT;
    keep(NOW + 300);
    assert_int_equal(access(file, F_OK), 0);
    audit_sample_closed(&result);
    result.endpoint.configured = true;
    assert_int_equal(put_off(NOW + 300), 1);
}

static void nothing_is_kept_of_who_was_only_named(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    result.endpoint.configured = false;
    keep(NOW);
    assert_int_not_equal(access(file, F_OK), 0);
}

static void where_nothing_was_put_off_nothing_is_written(void **state)
{
    (void)state;
    keep(NOW);
    assert_int_equal(number("SELECT count(*) FROM fact"), 0);
}

static void what_is_old_is_forgotten(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    keep(NOW);
    assert_int_equal(put_off(NOW + CARRY_OVER_QUESTION_SPAN - 1), 1);
    assert_int_equal(put_off(NOW + CARRY_OVER_QUESTION_SPAN), 0);
}

static void another_domain_at_the_same_place_is_another_question(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    keep(NOW);
    snprintf(result.endpoint.own, sizeof(result.endpoint.own), "example.net");
    assert_int_equal(put_off(NOW), 0);
}

static void a_damaged_file_is_told_and_never_overwritten(void **state)
{
    char now[20] = "";

    (void)state;
    damage();
    assert_null(carry_over_open(folder, error));
    assert_non_null(strstr(error, "move the file away"));
    FILE *in = fopen(file, "r");
    assert_non_null(in);
    assert_int_equal(fread(now, 1, sizeof(now) - 1, in), sizeof(now) - 1);
    fclose(in);
    assert_string_equal(now, "this is no database");
}

static void a_state_that_another_holds_is_told_and_kept_when_it_lets_go(void **state)
{
    sqlite3 *other = NULL;

    (void)state;
    keep(NOW);
    struct carry_over *memory = carry_over_open(folder, error);
    assert_non_null(memory);
    assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    assert_false(carry_over_keep(
        memory, &(const struct audit_summary){.results = results, .count = 1}, NOW, error));
    assert_non_null(strstr(error, "another process holds it"));
    sqlite3_close(other);
    assert_true(carry_over_keep(
        memory, &(const struct audit_summary){.results = results, .count = 1}, NOW, error));
    carry_over_close(memory);
}

static void without_a_state_nothing_is_known_and_none_is_made_for_who_only_reads(void **state)
{
    struct carry_over *memory = carry_over_open(folder, error);

    (void)state;
    assert_non_null(memory);
    assert_false(carry_over_knows_token(memory, "x", NOW));
    assert_false(carry_over_has_answered(memory, &result.endpoint, NOW));
    carry_over_close(memory);
    assert_int_not_equal(access(file, F_OK), 0);
}

static void two_processes_lose_nothing_of_each_other(void **state)
{
    struct carry_over *first = carry_over_open(folder, error);
    struct carry_over *second = carry_over_open(folder, error);

    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    assert_true(carry_over_keep(
        first, &(const struct audit_summary){.results = results, .count = 1}, NOW, error));
    snprintf(result.endpoint.own, sizeof(result.endpoint.own), "example.net");
    assert_true(carry_over_keep(
        second, &(const struct audit_summary){.results = results, .count = 1}, NOW, error));
    carry_over_close(first);
    carry_over_close(second);
    assert_int_equal(put_off(NOW), 1);
    snprintf(result.endpoint.own, sizeof(result.endpoint.own), "example.org");
    assert_int_equal(put_off(NOW), 1);
}

/* ---- messages ---- */

#define TOKEN "0123456789abcdef0123456789abcde"

static enum carry_over_claim claim(char last, time_t now)
{
    struct carry_over *memory = carry_over_open(folder, error);
    char token[MESSAGE_TOKEN_SIZE];

    assert_non_null(memory);
    snprintf(token, sizeof(token), TOKEN "%c", last);
    enum carry_over_claim claimed =
        carry_over_claim_message(memory, &result.endpoint, token, now, error);
    carry_over_close(memory);
    return claimed;
}

static void times_with_which_nobody_can_reckon_are_passed_over(void **state)
{
    (void)state;
    struct battery_answer answers[RESULT_TECHNIQUES];
    struct battery_earlier earlier[RESULT_TECHNIQUES];

    keep(NOW);
    struct carry_over *memory = carry_over_open(folder, error);
    assert_non_null(memory);
    run_sql("INSERT INTO fact (endpoint, kind, name, text, number, time) VALUES"
            " ('203.0.113.25:25/auto example.org', 'cut-off', '', '', 1, -9223372036854775807 - 1),"
            " ('203.0.113.25:25/auto example.org', 'turn', 'plain', '', 0, -9223372036854775807),"
            " ('203.0.113.25:25/auto example.org', 'turn', 'bang', '', 0, 9223372036854775807),"
            " ('203.0.113.25:25/auto example.org', 'put-off', 'plain', '<a@b.test>', 0,"
            " -9223372036854775807 - 1)");
    assert_int_equal(carry_over_answers(memory, &result.endpoint, NOW, answers, RESULT_TECHNIQUES),
                     0);
    assert_int_equal(carry_over_put_off(memory, &result.endpoint, NOW, earlier, RESULT_TECHNIQUES),
                     0);
    assert_true(carry_over_keep(
        memory, &(const struct audit_summary){.results = results, .count = 1}, NOW, error));
    carry_over_close(memory);
    assert_int_equal(number("SELECT count(*) FROM fact"), 0);
}

static void four_messages_are_allowed_within_a_day(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(claim((char)('0' + i), NOW + i), CARRY_OVER_CLAIMED);
    }
    assert_int_equal(claim('4', NOW + 10), CARRY_OVER_ENOUGH);
    assert_int_equal(claim('5', NOW + CARRY_OVER_MESSAGE_SPAN - 1), CARRY_OVER_ENOUGH);
    assert_int_equal(claim('6', NOW + CARRY_OVER_MESSAGE_SPAN), CARRY_OVER_CLAIMED);
    assert_int_equal(claim('7', NOW + CARRY_OVER_MESSAGE_SPAN), CARRY_OVER_ENOUGH);
    result.endpoint.port = 587; /* another endpoint has its own four */
    assert_int_equal(claim('8', NOW), CARRY_OVER_CLAIMED);
}

static void a_message_is_counted_whoever_asked_and_known_to_receive(void **state)
{
    struct carry_over *memory = carry_over_open(folder, error);

    (void)state;
    assert_int_equal(claim('0', NOW), CARRY_OVER_CLAIMED);
    assert_false(carry_over_knows_token(memory, TOKEN "0", NOW));
    assert_int_equal(carry_over_claim_message(memory, &result.endpoint, TOKEN "1", NOW, error),
                     CARRY_OVER_CLAIMED);
    assert_true(carry_over_knows_token(memory, TOKEN "0", NOW));
    assert_true(carry_over_knows_token(memory, TOKEN "1", NOW + CARRY_OVER_TOKEN_SPAN - 1));
    assert_false(carry_over_knows_token(memory, TOKEN "1", NOW + CARRY_OVER_TOKEN_SPAN));
    assert_false(carry_over_knows_token(memory, TOKEN "2", NOW));
    assert_false(carry_over_knows_token(memory, "", NOW));
    carry_over_close(memory);
}

static void a_refused_message_is_not_awaited(void **state)
{
    struct carry_over *memory = carry_over_open(folder, error);
    char tokens[CARRY_OVER_MESSAGES_MAX][MESSAGE_TOKEN_SIZE];

    (void)state;
    (void)carry_over_claim_message(memory, &result.endpoint, TOKEN "0", NOW, error);
    (void)carry_over_claim_message(memory, &result.endpoint, TOKEN "1", NOW, error);
    assert_true(carry_over_refuse_message(memory, &result.endpoint, TOKEN "0", error));
    assert_int_equal(carry_over_messages(memory, &result.endpoint, NOW, tokens), 1);
    assert_string_equal(tokens[0], TOKEN "1");
    assert_int_equal(
        carry_over_messages(memory, &result.endpoint, NOW + CARRY_OVER_MESSAGE_SPAN, tokens), 0);
    carry_over_close(memory);
}

static void without_a_place_to_count_no_message_is_allowed(void **state)
{
    (void)state;
    keep(NOW);
    struct carry_over *memory = carry_over_open(folder, error);
    run_sql("DROP TABLE fact");
    assert_int_equal(carry_over_claim_message(memory, &result.endpoint, TOKEN "0", NOW, error),
                     CARRY_OVER_FAILED);
    assert_non_null(strstr(error, "no such table"));
    carry_over_close(memory);
}

static void messages_stay_when_an_audit_keeps_what_was_put_off(void **state)
{
    (void)state;
    assert_int_equal(claim('0', NOW), CARRY_OVER_CLAIMED);
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    keep(NOW);
    audit_sample_answer(&result, "plain", OUTCOME_RELAY_DENIED);
    keep(NOW + 1);
    struct carry_over *memory = carry_over_open(folder, error);
    assert_true(carry_over_knows_token(memory, TOKEN "0", NOW));
    carry_over_close(memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_off_is_known_to_the_next_audit),
        TEST(which_of_the_sites_domains_is_next_is_known_for_each_role),
        TEST(who_was_not_asked_or_was_granted_waits_on_and_who_was_refused_begins_anew),
        TEST(one_that_is_granted_for_years_is_asked_for_at_each_audit),
        TEST(an_answer_that_came_is_no_longer_waited_for),
        TEST(an_endpoint_that_could_not_be_asked_is_not_forgotten),
        TEST(nothing_is_kept_of_who_was_only_named),
        TEST(where_nothing_was_put_off_nothing_is_written),
        TEST(what_is_old_is_forgotten),
        TEST(another_domain_at_the_same_place_is_another_question),
        TEST(a_damaged_file_is_told_and_never_overwritten),
        TEST(a_state_that_another_holds_is_told_and_kept_when_it_lets_go),
        TEST(without_a_state_nothing_is_known_and_none_is_made_for_who_only_reads),
        TEST(two_processes_lose_nothing_of_each_other),
        TEST(times_with_which_nobody_can_reckon_are_passed_over),
        TEST(four_messages_are_allowed_within_a_day),
        TEST(a_message_is_counted_whoever_asked_and_known_to_receive),
        TEST(a_refused_message_is_not_awaited),
        TEST(without_a_place_to_count_no_message_is_allowed),
        TEST(messages_stay_when_an_audit_keeps_what_was_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
