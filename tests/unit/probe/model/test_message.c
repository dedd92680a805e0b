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

#include "probe/audit/arrivals.h"
#include "probe/judge/verdict.h"
#include "probe/model/evidence.h"
#include "tests/unit/audit_sample.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static struct endpoint_result result;
static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};

static bool find(const char *text, char token[MESSAGE_TOKEN_SIZE])
{
    return message_find_token(text, strlen(text), token);
}

/* ---- the text ---- */

static void the_message_is_one_that_any_server_can_take(void **state)
{
    const struct message_parts parts = {.canary = "canary@outside.example.net",
                                        .host = "mx.example.org",
                                        .token = TOKEN,
                                        .now = 1800000000};
    char text[MESSAGE_TEXT_SIZE];
    char token[MESSAGE_TOKEN_SIZE];

    (void)state;
    message_write(&parts, text);
    audit_sample_says(text, "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n");
    audit_sample_says(text, "Auto-Submitted: auto-generated\r\n");
    audit_sample_says(text, "Message-ID: <rwm1." TOKEN "@outside.example.net>\r\n");
    assert_true(find(text, token));
    assert_string_equal(token, TOKEN);
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; lines++) { /* none is long, none begins with a dot */
        size_t length = strcspn(at, "\r\n");
        bool last = at[length] == '\0';
        assert_in_range(length, 0, 76);
        assert_true(last ? strcmp(at, ".") == 0 : *at != '.');
        assert_true(last || strncmp(at + length, "\r\n", 2) == 0);
        at += length + (last ? 0 : 2);
    }
    assert_in_range(lines, 10, 30);
}

static void the_longest_names_fit(void **state)
{
    char canary[320];
    char host[256];
    char text[MESSAGE_TEXT_SIZE];

    (void)state;
    memset(canary, 'c', sizeof(canary) - 1);
    canary[64] = '@';
    canary[sizeof(canary) - 1] = '\0';
    memset(host, 'h', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    const struct message_parts parts = {.canary = canary, .host = host, .token = TOKEN};
    message_write(&parts, text);
    assert_string_equal(text + strlen(text) - 3, "\r\n.");
}

static void no_two_tokens_are_the_same(void **state)
{
    char first[MESSAGE_TOKEN_SIZE];
    char second[MESSAGE_TOKEN_SIZE];

    (void)state;
    assert_true(message_new_token(NULL, first));
    assert_true(message_new_token(NULL, second));
    assert_true(message_is_token(first, strlen(first)));
    assert_string_not_equal(first, second);
}

static void who_has_the_key_knows_its_tokens(void **state)
{
    static const uint8_t octets[2][TOKEN_KEY_MIN] = {{1}, {2}};
    struct token_key key;
    struct token_key other;
    char token[MESSAGE_TOKEN_SIZE];
    char random[MESSAGE_TOKEN_SIZE];

    (void)state;
    assert_true(token_key_derive(octets[0], TOKEN_KEY_MIN, &key));
    assert_true(token_key_derive(octets[1], TOKEN_KEY_MIN, &other));
    assert_true(message_new_token(&key, token));
    assert_true(message_is_token(token, strlen(token)));
    assert_true(message_is_sealed(&key, token));
    assert_false(message_is_sealed(&other, token));
    for (size_t i = 0; i < strlen(token); i++) {
        char altered[MESSAGE_TOKEN_SIZE];
        memcpy(altered, token, sizeof(altered));
        altered[i] = altered[i] == '0' ? '1' : '0';
        assert_false(message_is_sealed(&key, altered));
    }
    assert_true(message_new_token(NULL, random));
    assert_false(message_is_sealed(&key, random));
    assert_false(message_is_sealed(&key, "short"));
    assert_false(message_is_sealed(&key, "ABCDEF0123456789abcdef0123456789"));
}

/* So that a token of one version is known by the next. */
static void a_token_has_the_mac_that_tokens_md_says(void **state)
{
    uint8_t octets[TOKEN_KEY_MIN];
    struct token_key key;

    (void)state;
    for (size_t i = 0; i < sizeof(octets); i++) {
        octets[i] = (uint8_t)i;
    }
    assert_true(token_key_derive(octets, sizeof(octets), &key));
    assert_true(message_is_sealed(&key, "0102030405060708a829a55784844518"));
}

static void the_token_is_found_in_the_header_alone(void **state)
{
    static const struct {
        const char *text;
        bool ours;
    } rows[] = {
        {"X-Relaywarden-Token: " TOKEN "\n\n", true},
        {"x-relaywarden-token:" TOKEN "\r\n\r\n", true},
        {"From x\nReceived: by a\n\tfor b\nX-RELAYWARDEN-TOKEN: \t" TOKEN " \nTo: c\n\n", true},
        {"X-Relaywarden-Token: " TOKEN, true},
        {"Subject: a\n\nX-Relaywarden-Token: " TOKEN "\n", false},
        {"\r\nX-Relaywarden-Token: " TOKEN "\r\n", false},
        {"X-Relaywarden-Token: " TOKEN "0\n\n", false},
        {"X-Relaywarden-Token: 0123\n\n", false},
        {"X-Relaywarden-Token: 0123456789ABCDEF0123456789abcdef\n\n", false},
        {"X-Relaywarden-Tokens: " TOKEN "\n\n", false},
        {"X-Relaywarden-Token " TOKEN "\n\n", false},
        {"X-Relaywarden-Token:", false},
        {"", false},
    };
    char token[MESSAGE_TOKEN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (find(rows[i].text, token) != rows[i].ours) {
            fail_msg("\"%s\"", rows[i].text);
        }
    }
}

/* ---- by which technique ---- */

static const char *chosen(void)
{
    size_t row = evidence_message_row(&result);
    return row < result.technique_count ? result.techniques[row].technique->id : "none";
}

static void a_request_for_the_canary_as_it_is_comes_first(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    assert_string_equal(chosen(), "none");
    audit_sample_answer(&result, "percent-hack", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "percent-hack", OUTCOME_RECIPIENT_REFUSED);
    assert_string_equal(chosen(), "percent-hack");
    audit_sample_answer(&result, "null-sender", OUTCOME_ACCEPTED);
    assert_string_equal(chosen(), "null-sender");
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    assert_string_equal(chosen(), "plain");
}

static void a_message_goes_to_nobody_but_the_canary(void **state)
{
    static const char *const others[] = {"outside-literal", "after-local", "second-transaction"};

    (void)state;
    audit_sample_closed(&result);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        audit_sample_answer(&result, others[i], OUTCOME_ACCEPTED);
    }
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED); /* perhaps as local mail */
    audit_sample_control(&result, "quoted", OUTCOME_ACCEPTED);
    assert_string_equal(chosen(), "none");
}

/* ---- what it shows ---- */

static void judge_open(enum message_state message, bool denies)
{
    audit_sample_closed(&result);
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "null-sender", OUTCOME_ACCEPTED);
    result.message = (struct message_result){.state = message,
                                             .technique = technique_find("plain"),
                                             .token = TOKEN,
                                             .code = 250,
                                             .text = "Ok",
                                             .denies = denies,
                                             .waited = 60};
    audit_sample_judge(&result, &outside);
}

static void the_proof_is_what_became_of_the_message(void **state)
{
    static const struct {
        enum message_state message;
        bool denies;
        enum verdict verdict;
        enum proof proof;
        const char *words;
    } rows[] = {
        {MESSAGE_NONE, false, VERDICT_OPEN, PROOF_RCPT, "No message was sent"},
        {MESSAGE_SPARED, false, VERDICT_OPEN, PROOF_RCPT, "four in a day"},
        {MESSAGE_REFUSED, false, VERDICT_OPEN, PROOF_RCPT, "was refused"},
        {MESSAGE_REFUSED, true, VERDICT_SUSPECTED, PROOF_NONE, "as it refuses relaying"},
        {MESSAGE_UNANSWERED, false, VERDICT_OPEN, PROOF_RCPT, "no reply"},
        {MESSAGE_TAKEN, false, VERDICT_OPEN, PROOF_DATA, "took a message"},
        {MESSAGE_ARRIVED, false, VERDICT_OPEN, PROOF_DELIVERED, "arrived at the canary"},
        {MESSAGE_MISSING, false, VERDICT_SUSPECTED, PROOF_NONE, "in 60 s it did not arrive"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        judge_open(rows[i].message, rows[i].denies);
        assert_string_equal(verdict_name(result.verdict), verdict_name(rows[i].verdict));
        assert_string_equal(proof_name(result.proof), proof_name(rows[i].proof));
        audit_sample_says(result.why, rows[i].words);
        bool suspected = rows[i].verdict == VERDICT_SUSPECTED;
        assert_int_equal(result.cause == CAUSE_DISCARDED_OR_HIDDEN, suspected);
        assert_non_null(audit_sample_finding(&result, suspected ? FINDING_SUSPECTED_RELAY
                                                                : FINDING_OPEN_RELAY));
        assert_null(audit_sample_finding(&result,
                                         suspected ? FINDING_OPEN_RELAY : FINDING_SUSPECTED_RELAY));
    }
}

/* ---- arrivals ---- */

static size_t seen;

static void count_token(const char *token, void *user)
{
    assert_string_equal(token, user);
    seen++;
}

static void arrivals_are_read_once_and_whole(void **state)
{
    char folder[] = "/tmp/arrivals-XXXXXX";
    char error[ARRIVALS_ERROR_SIZE];
    char token[] = TOKEN;
    struct arrivals arrivals = {.offset = 0};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(arrivals.path, sizeof(arrivals.path), "%s/file", folder);
    arrivals_read(&arrivals, count_token, token);
    assert_int_equal(seen, 0);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000000, error), ARRIVAL_RECORDED);
    arrivals_read(&arrivals, count_token, token);
    arrivals_read(&arrivals, count_token, token);
    assert_int_equal(seen, 1);
    FILE *file = fopen(arrivals.path, "a");
    assert_non_null(file);
    fputs("{\"token\":\"short\"}\n{\"token\":7}\nno JSON\n{\"token\":\"" TOKEN, file);
    fflush(file);
    arrivals_read(&arrivals, count_token, token); /* somebody is still writing */
    assert_int_equal(seen, 1);
    fputs("\"}\n", file);
    fclose(file);
    arrivals_read(&arrivals, count_token, token);
    assert_int_equal(seen, 2);
    assert_int_equal(unlink(arrivals.path), 0);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000000, error),
                     ARRIVAL_RECORDED); /* rotated */
    arrivals_read(&arrivals, count_token, token);
    assert_int_equal(seen, 3);
    assert_int_equal(unlink(arrivals.path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000000, error), ARRIVAL_FAILED);
    assert_non_null(strstr(error, "No such file"));
}

static long size_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return (long)status.st_size;
}

static void an_arrival_has_one_line_and_the_file_an_end(void **state)
{
    char folder[] = "/tmp/arrivals-XXXXXX";
    char error[ARRIVALS_ERROR_SIZE];
    char token[] = TOKEN;
    struct arrivals arrivals = {.offset = 0};

    (void)state;
    seen = 0;
    assert_non_null(mkdtemp(folder));
    snprintf(arrivals.path, sizeof(arrivals.path), "%s/file", folder);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000000, error), ARRIVAL_RECORDED);
    long line = size_of(arrivals.path);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000009, error), ARRIVAL_KNOWN);
    assert_int_equal(size_of(arrivals.path), line);

    FILE *file = fopen(arrivals.path, "w");
    assert_non_null(file);
    while (ftell(file) < ARRIVALS_MAX - line) {
        fputs("no JSON\n", file);
    }
    fclose(file);
    arrivals_read(&arrivals, count_token, token);
    assert_int_equal(seen, 0);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000000, error), ARRIVAL_RECORDED);
    assert_in_range(size_of(arrivals.path), line, ARRIVALS_MAX / 2 + line);
    arrivals_read(&arrivals, count_token, token); /* it has become shorter, which is seen */
    assert_int_equal(seen, 1);
    assert_int_equal(unlink(arrivals.path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static struct {
    char last[MESSAGE_TOKEN_SIZE];
    size_t count;
    size_t ours;
    bool whole;
} order;

/* Tokens are numbers here, each one more than the one before, but for ours. */
static void take_in_order(const char *token, void *user)
{
    (void)user;
    if (strcmp(token, TOKEN) == 0) {
        order.ours++;
        return;
    }
    order.whole = order.whole && strcmp(order.last, token) < 0;
    memcpy(order.last, token, MESSAGE_TOKEN_SIZE);
    order.count++;
}

/* A stranger fills the file: the arrival that was just recorded must not go with the rest. */
static void of_a_full_file_the_older_half_is_dropped(void **state)
{
    char folder[] = "/tmp/arrivals-XXXXXX";
    char error[ARRIVALS_ERROR_SIZE];
    struct arrivals arrivals = {.offset = 0};
    unsigned int number = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(arrivals.path, sizeof(arrivals.path), "%s/file", folder);
    FILE *file = fopen(arrivals.path, "w");
    assert_non_null(file);
    while (ftell(file) < ARRIVALS_MAX - 200) {
        fprintf(file, "{\"time\":\"2027-01-15T08:00:00Z\",\"token\":\"%032x\"}\n", number++);
    }
    fclose(file);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000000, error), ARRIVAL_RECORDED);
    for (unsigned int i = 0; i < 20; i++) {
        char token[MESSAGE_TOKEN_SIZE];
        snprintf(token, sizeof(token), "%032x", number++);
        assert_int_equal(arrivals_record(arrivals.path, token, 1800000000, error),
                         ARRIVAL_RECORDED);
        assert_true(size_of(arrivals.path) <= ARRIVALS_MAX);
    }
    memset(&order, 0, sizeof(order));
    order.whole = true;
    arrivals_read(&arrivals, take_in_order, NULL);
    assert_int_equal(order.ours, 1);
    assert_true(order.whole);
    assert_in_range(order.count, number / 2 - 2, number / 2 + 22);
    assert_int_equal(unlink(arrivals.path), 0);

    /* One that an older version, or somebody else, made longer than it may be. */
    file = fopen(arrivals.path, "w");
    assert_non_null(file);
    for (number = 0; ftell(file) < 3 * ARRIVALS_MAX; number++) {
        fprintf(file, "{\"time\":\"2027-01-15T08:00:00Z\",\"token\":\"%032x\"}\n", number);
    }
    fclose(file);
    assert_int_equal(arrivals_record(arrivals.path, TOKEN, 1800000000, error), ARRIVAL_RECORDED);
    assert_in_range(size_of(arrivals.path), ARRIVALS_MAX / 2 - 200, ARRIVALS_MAX / 2 + 200);
    assert_int_equal(unlink(arrivals.path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static int free_result(void **state)
{
    (void)state;
    result_free(&result);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_is_one_that_any_server_can_take),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(no_two_tokens_are_the_same),
        cmocka_unit_test(who_has_the_key_knows_its_tokens),
        cmocka_unit_test(a_token_has_the_mac_that_tokens_md_says),
        cmocka_unit_test(of_a_full_file_the_older_half_is_dropped),
        cmocka_unit_test(the_token_is_found_in_the_header_alone),
        cmocka_unit_test(a_request_for_the_canary_as_it_is_comes_first),
        cmocka_unit_test(a_message_goes_to_nobody_but_the_canary),
        cmocka_unit_test(the_proof_is_what_became_of_the_message),
        cmocka_unit_test(arrivals_are_read_once_and_whole),
        cmocka_unit_test(an_arrival_has_one_line_and_the_file_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, free_result);
}
