#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/audit/carry_over.h"
#include "tests/unit/audit_sample.h"

#define NOW 1800000000

static char folder[64];
static char file[128];
static struct endpoint_result result;
static const struct endpoint_result *const results[] = {&result};
static char error[MEMORY_ERROR_SIZE];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/memory-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(file, sizeof(file), "%s/probe/memory.json", folder);
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
    struct memory *memory = memory_open(folder, error);

    assert_non_null(memory);
    assert_true(memory_keep(memory, results, 1, now, error));
    memory_close(memory);
}

static size_t put_off(time_t now)
{
    struct memory *memory = memory_open(folder, error);
    struct battery_earlier earlier[RESULT_TECHNIQUES];

    assert_non_null(memory);
    size_t count = memory_put_off(memory, &result.endpoint, now, earlier, RESULT_TECHNIQUES);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(earlier[i].sender,
                            audit_sample_row(&result, earlier[i].technique)->sender);
    }
    memory_close(memory);
    return count;
}

static void write_file(const char *text)
{
    char directory[96];

    snprintf(directory, sizeof(directory), "%s/probe", folder);
    assert_int_equal(mkdir(directory, 0700), 0);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void what_was_put_off_is_known_to_the_next_audit(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    audit_sample_answer(&result, "own-sender", OUTCOME_DEFERRED);
    keep(NOW);
    assert_int_equal(put_off(NOW + 300), 2);
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
    assert_int_not_equal(access(file, F_OK), 0);
}

static void what_is_old_is_forgotten(void **state)
{
    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    keep(NOW);
    assert_int_equal(put_off(NOW + MEMORY_QUESTION_SPAN - 1), 1);
    assert_int_equal(put_off(NOW + MEMORY_QUESTION_SPAN), 0);
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
    static const char *const texts[] = {"{\"version\":1,", "[]", "{\"version\":2,\"endpoints\":{}}",
                                        ""};

    (void)state;
    write_file("");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char now[64] = "";
        FILE *out = fopen(file, "w");
        assert_non_null(out);
        fputs(texts[i], out);
        fclose(out);
        assert_null(memory_open(folder, error));
        assert_non_null(strstr(error, "move it away"));
        FILE *in = fopen(file, "r");
        assert_non_null(in);
        size_t length = fread(now, 1, sizeof(now) - 1, in);
        fclose(in);
        assert_int_equal(length, strlen(texts[i]));
        assert_string_equal(now, texts[i]);
    }
}

static void a_file_that_was_damaged_meanwhile_is_not_overwritten_either(void **state)
{
    struct memory *memory = memory_open(folder, error);

    (void)state;
    assert_non_null(memory);
    write_file("damaged");
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    assert_false(memory_keep(memory, results, 1, NOW, error));
    assert_non_null(strstr(error, "damaged"));
    memory_close(memory);
}

static void two_processes_lose_nothing_of_each_other(void **state)
{
    struct memory *first = memory_open(folder, error);
    struct memory *second = memory_open(folder, error);

    (void)state;
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    assert_true(memory_keep(first, results, 1, NOW, error));
    snprintf(result.endpoint.own, sizeof(result.endpoint.own), "example.net");
    assert_true(memory_keep(second, results, 1, NOW, error));
    memory_close(first);
    memory_close(second);
    assert_int_equal(put_off(NOW), 1);
    snprintf(result.endpoint.own, sizeof(result.endpoint.own), "example.org");
    assert_int_equal(put_off(NOW), 1);
}

static void rows_that_are_not_ours_are_passed_over(void **state)
{
    (void)state;
    write_file("{\"version\":1,\"endpoints\":{\"203.0.113.25:25/auto example.org\":{\"put_off\":"
               "[7,{},{\"technique\":1,\"sender\":\"<>\",\"time\":1800000000},"
               "{\"technique\":\"plain\",\"sender\":\"<canary@outside.example.net>\","
               "\"time\":1800000000}]}}}");
    assert_int_equal(put_off(NOW), 1);
}

/* ---- messages ---- */

#define TOKEN "0123456789abcdef0123456789abcde"

static enum memory_claim claim(char last, time_t now)
{
    struct memory *memory = memory_open(folder, error);
    char token[MESSAGE_TOKEN_SIZE];

    assert_non_null(memory);
    snprintf(token, sizeof(token), TOKEN "%c", last);
    enum memory_claim claimed = memory_claim_message(memory, &result.endpoint, token, now, error);
    memory_close(memory);
    return claimed;
}

static void four_messages_are_allowed_within_a_day(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(claim((char)('0' + i), NOW + i), MEMORY_CLAIMED);
    }
    assert_int_equal(claim('4', NOW + 10), MEMORY_ENOUGH);
    assert_int_equal(claim('5', NOW + MEMORY_MESSAGE_SPAN - 1), MEMORY_ENOUGH);
    assert_int_equal(claim('6', NOW + MEMORY_MESSAGE_SPAN), MEMORY_CLAIMED);
    assert_int_equal(claim('7', NOW + MEMORY_MESSAGE_SPAN), MEMORY_ENOUGH);
    result.endpoint.port = 587; /* another endpoint has its own four */
    assert_int_equal(claim('8', NOW), MEMORY_CLAIMED);
}

static void a_message_is_counted_whoever_asked_and_known_to_receive(void **state)
{
    struct memory *memory = memory_open(folder, error);

    (void)state;
    assert_int_equal(claim('0', NOW), MEMORY_CLAIMED);
    assert_false(memory_knows_token(memory, TOKEN "0", NOW));
    assert_int_equal(memory_claim_message(memory, &result.endpoint, TOKEN "1", NOW, error),
                     MEMORY_CLAIMED);
    assert_true(memory_knows_token(memory, TOKEN "0", NOW));
    assert_true(memory_knows_token(memory, TOKEN "1", NOW + MEMORY_TOKEN_SPAN - 1));
    assert_false(memory_knows_token(memory, TOKEN "1", NOW + MEMORY_TOKEN_SPAN));
    assert_false(memory_knows_token(memory, TOKEN "2", NOW));
    assert_false(memory_knows_token(memory, "", NOW));
    memory_close(memory);
}

static void a_refused_message_is_not_awaited(void **state)
{
    struct memory *memory = memory_open(folder, error);
    char tokens[MEMORY_MESSAGES_MAX][MESSAGE_TOKEN_SIZE];

    (void)state;
    (void)memory_claim_message(memory, &result.endpoint, TOKEN "0", NOW, error);
    (void)memory_claim_message(memory, &result.endpoint, TOKEN "1", NOW, error);
    assert_true(memory_refuse_message(memory, &result.endpoint, TOKEN "0", error));
    assert_int_equal(memory_messages(memory, &result.endpoint, NOW, tokens), 1);
    assert_string_equal(tokens[0], TOKEN "1");
    assert_int_equal(memory_messages(memory, &result.endpoint, NOW + MEMORY_MESSAGE_SPAN, tokens),
                     0);
    memory_close(memory);
}

static void without_a_place_to_count_no_message_is_allowed(void **state)
{
    struct memory *memory = memory_open(folder, error);

    (void)state;
    write_file("damaged");
    assert_int_equal(memory_claim_message(memory, &result.endpoint, TOKEN "0", NOW, error),
                     MEMORY_FAILED);
    assert_non_null(strstr(error, "damaged"));
    memory_close(memory);
}

static void messages_stay_when_an_audit_keeps_what_was_put_off(void **state)
{
    (void)state;
    assert_int_equal(claim('0', NOW), MEMORY_CLAIMED);
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    keep(NOW);
    audit_sample_answer(&result, "plain", OUTCOME_RELAY_DENIED);
    keep(NOW + 1);
    struct memory *memory = memory_open(folder, error);
    assert_true(memory_knows_token(memory, TOKEN "0", NOW));
    memory_close(memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_off_is_known_to_the_next_audit),
        TEST(an_answer_that_came_is_no_longer_waited_for),
        TEST(an_endpoint_that_could_not_be_asked_is_not_forgotten),
        TEST(nothing_is_kept_of_who_was_only_named),
        TEST(where_nothing_was_put_off_nothing_is_written),
        TEST(what_is_old_is_forgotten),
        TEST(another_domain_at_the_same_place_is_another_question),
        TEST(a_damaged_file_is_told_and_never_overwritten),
        TEST(a_file_that_was_damaged_meanwhile_is_not_overwritten_either),
        TEST(two_processes_lose_nothing_of_each_other),
        TEST(rows_that_are_not_ours_are_passed_over),
        TEST(four_messages_are_allowed_within_a_day),
        TEST(a_message_is_counted_whoever_asked_and_known_to_receive),
        TEST(a_refused_message_is_not_awaited),
        TEST(without_a_place_to_count_no_message_is_allowed),
        TEST(messages_stay_when_an_audit_keeps_what_was_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
