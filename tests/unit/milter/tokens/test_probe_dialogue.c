/* The filter believes some hellos and asks, and counts the others. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "milter/tokens/probe_dialogue.h"

#define SENDER "<sender@example.net>"

static struct probe_dialogue_desk desk = PROBE_DIALOGUE_DESK;
static struct probe_dialogue audit;
static struct token_key key;
static struct token_key other;
static struct token_key stranger;
static const struct probe_dialogue_keys keys = {&key, &other};
static uint8_t nonces;

static int set_up(void **state)
{
    static const uint8_t octets[3][TOKEN_KEY_MIN] = {{1}, {2}, {3}};

    (void)state;
    memset(&audit, 0, sizeof(audit));
    desk.nonces.count = 0;
    for (size_t i = 0; i < HELLO_RESULTS; i++) {
        atomic_store(&desk.hellos[i], 0);
    }
    for (size_t i = 0; i < ASK_RESULTS; i++) {
        atomic_store(&desk.asks[i], 0);
    }
    for (size_t i = 0; i < TOKEN_ROLES; i++) {
        atomic_store(&desk.roles[i], 0);
    }
    atomic_store(&desk.last_ask, 0);
    atomic_store(&desk.last_inside, 0);
    return token_key_derive(octets[0], sizeof(octets[0]), &key) &&
                   token_key_derive(octets[1], sizeof(octets[1]), &other) &&
                   token_key_derive(octets[2], sizeof(octets[2]), &stranger)
               ? 0
               : -1;
}

static void write_hello(const struct token_key *by, int64_t time, char out[TOKEN_HELLO_PATH_SIZE])
{
    const struct token_hello hello = {
        .route = {7}, .time = (uint32_t)time, .nonce = {++nonces}, .domain = "outside.example.net"};

    assert_true(token_hello_build(by, &hello, out));
}

/* Whether a new hello of that key is answered. */
static bool hear_from(const struct token_key *by, struct observation *answer)
{
    char path[TOKEN_HELLO_PATH_SIZE];

    write_hello(by, time(NULL), path);
    return probe_dialogue_hear(&audit, &desk, &keys, path, answer);
}

static bool ask_as(enum token_role role, const struct token_binding *binding)
{
    const struct token_ask ask = {.role = role, .technique = 1};
    char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";
    struct token_ask read;

    assert_true(token_ask_seal(binding, &ask, SENDER, path));
    return probe_dialogue_is_asked(&audit, &desk, SENDER, path, &read);
}

static bool ask_with(const struct token_binding *binding)
{
    return ask_as(TOKEN_ROLE_TRUE, binding);
}

static void a_hello_of_either_key_is_answered_with_a_challenge(void **state)
{
    (void)state;
    struct observation first;
    struct observation second;

    assert_true(hear_from(&key, &first));
    assert_int_equal(first.kind, OBSERVATION_HELLO);
    assert_ptr_equal(audit.binding.key, &key);
    assert_memory_equal(audit.binding.challenge, first.challenge, TOKEN_CHALLENGE);
    assert_string_equal(audit.domain, "outside.example.net");
    assert_int_equal(audit.route[0], 7);
    assert_true(hear_from(&other, &second));
    assert_ptr_equal(audit.binding.key, &other);
    assert_memory_not_equal(first.challenge, second.challenge, TOKEN_CHALLENGE);
    assert_int_equal(desk.hellos[HELLO_ANSWERED], 2);
}

/* Each hello is told of once more, and bound to its own nonce. */
static void a_hello_begins_anew_with_its_own_nonce(void **state)
{
    (void)state;
    struct observation answer;
    struct token_hello hello;
    char path[TOKEN_HELLO_PATH_SIZE];

    for (int round = 0; round < 2; round++) {
        write_hello(&key, time(NULL), path);
        assert_true(token_hello_parse(path, &hello));
        assert_true(probe_dialogue_hear(&audit, &desk, &keys, path, &answer));
        assert_memory_equal(audit.binding.nonce, hello.nonce, sizeof(hello.nonce));
        assert_false(audit.told_hidden);
        assert_false(audit.told_true);
        audit.told_hidden = true;
        audit.told_true = true;
    }
}

static void without_a_key_there_are_no_hellos(void **state)
{
    (void)state;
    const struct probe_dialogue_keys none = {NULL, NULL};
    struct observation answer;
    char path[TOKEN_HELLO_PATH_SIZE];

    write_hello(&key, time(NULL), path);
    assert_false(probe_dialogue_hear(&audit, &desk, &none, path, &answer));
    assert_int_equal(desk.hellos[HELLO_FORGED], 0);
}

static void an_ordinary_sender_is_not_even_counted(void **state)
{
    (void)state;
    struct observation answer;

    assert_false(probe_dialogue_hear(&audit, &desk, &keys, SENDER, &answer));
    assert_false(probe_dialogue_hear(&audit, &desk, &keys, "<>", &answer));
    for (size_t i = 0; i < HELLO_RESULTS; i++) {
        assert_int_equal(desk.hellos[i], 0);
    }
}

static void a_hello_is_answered_once_on_whatever_connection(void **state)
{
    (void)state;
    struct observation answer;
    struct probe_dialogue another = {0};
    char path[TOKEN_HELLO_PATH_SIZE];

    write_hello(&key, time(NULL), path);
    assert_true(probe_dialogue_hear(&audit, &desk, &keys, path, &answer));
    assert_false(probe_dialogue_hear(&another, &desk, &keys, path, &answer));
    assert_false(another.greeted);
    assert_int_equal(desk.hellos[HELLO_REPEATED], 1);
}

static void a_hello_of_another_time_gets_ours_and_nothing_else(void **state)
{
    (void)state;
    struct observation answer;
    char path[TOKEN_HELLO_PATH_SIZE];

    assert_true(hear_from(&key, &answer));
    write_hello(&key, time(NULL) - TOKEN_OLDEST_SECONDS - 60, path);
    assert_true(probe_dialogue_hear(&audit, &desk, &keys, path, &answer));
    assert_int_equal(answer.kind, OBSERVATION_CLOCK);
    assert_true(audit.met);
    assert_false(audit.greeted);
    assert_false(ask_with(&audit.binding));
    assert_int_equal(desk.hellos[HELLO_CLOCK], 1);
    assert_int_equal(desk.nonces.count, 1);
}

static void when_nonces_are_full_a_hello_is_an_ordinary_address(void **state)
{
    (void)state;
    struct observation answer;

    desk.nonces.count = NONCES_MAX;
    for (size_t i = 0; i < NONCES_MAX; i++) {
        desk.nonces.kept[i].kept_until = INT64_MAX;
    }
    assert_false(hear_from(&key, &answer));
    assert_int_equal(desk.hellos[HELLO_FULL], 1);
}

static void after_three_wrong_macs_nothing_of_the_connection_is_checked(void **state)
{
    (void)state;
    struct observation answer;
    struct token_binding wrong;

    assert_true(hear_from(&key, &answer));
    wrong = audit.binding;
    wrong.nonce[0] ^= 1;
    assert_false(ask_with(&wrong));
    assert_true(ask_with(&audit.binding));
    assert_false(hear_from(&stranger, &answer));
    assert_false(ask_with(&wrong));
    assert_false(ask_with(&audit.binding));
    assert_false(hear_from(&key, &answer));
    assert_int_equal(desk.asks[ASK_FORGED], 2);
    assert_int_equal(desk.asks[ASK_UNCHECKED], 1);
    assert_int_equal(desk.hellos[HELLO_FORGED], 1);
    assert_int_equal(desk.hellos[HELLO_UNCHECKED], 1);
}

static void an_ask_needs_a_hello_on_its_connection(void **state)
{
    (void)state;
    struct observation answer;

    assert_true(hear_from(&key, &answer));
    const struct token_binding binding = audit.binding;
    memset(&audit, 0, sizeof(audit));
    assert_false(ask_with(&binding));
    assert_int_equal(desk.asks[ASK_FORGED], 0);
    assert_int_equal(atomic_load(&desk.last_ask), 0);
}

static void the_challenge_of_an_earlier_hello_is_void(void **state)
{
    (void)state;
    struct observation answer;

    assert_true(hear_from(&key, &answer));
    const struct token_binding before = audit.binding;
    assert_true(hear_from(&key, &answer));
    assert_false(ask_with(&before));
    assert_true(ask_with(&audit.binding));
}

static void a_valid_ask_is_a_visit_of_the_probe_and_makes_the_connection_audited(void **state)
{
    (void)state;
    struct observation answer;

    assert_true(hear_from(&key, &answer));
    assert_false(audit.audited);
    assert_true(ask_with(&audit.binding));
    assert_true(audit.audited);
    assert_true(atomic_load(&desk.last_ask) > 0);
    probe_dialogue_count(&audit, &desk, DECISION_ACCEPTED, true);
    probe_dialogue_count(&audit, &desk, DECISION_ACCEPTED, false);
    probe_dialogue_count(&audit, &desk, DECISION_REFUSED, false);
    probe_dialogue_count(&audit, &desk, DECISION_DEFERRED, false);
    assert_true(hear_from(&key, &answer));
    assert_int_equal(answer.seen, 4);
    assert_int_equal(answer.accepted, 2);
    assert_true(audit.audited);
    for (int result = ASK_ANSWERED; result <= ASK_DEFERRED; result++) {
        assert_int_equal(desk.asks[result], 1);
    }
}

static void only_an_ask_from_outside_is_a_visit(void **state)
{
    (void)state;
    static const struct {
        enum token_role role;
        bool outside;
    } rows[] = {
        {TOKEN_ROLE_TRUE, true},     {TOKEN_ROLE_HIDDEN, true},  {TOKEN_ROLE_INSIDE, false},
        {TOKEN_ROLE_CLAIMED, false}, {TOKEN_ROLE_UNKNOWN, true},
    };
    struct observation answer;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_up(NULL);
        assert_true(hear_from(&key, &answer));
        assert_true(ask_as(rows[i].role, &audit.binding));
        assert_int_equal(atomic_load(&desk.last_ask) > 0, rows[i].outside);
        assert_int_equal(atomic_load(&desk.last_inside) > 0, !rows[i].outside);
        assert_true(audit.audited);
        for (size_t role = 0; role < TOKEN_ROLES; role++) {
            assert_int_equal(atomic_load(&desk.roles[role]), role == rows[i].role);
        }
    }
}

static void one_key_alone_is_enough_and_believes_no_stranger(void **state)
{
    (void)state;
    const struct probe_dialogue_keys sets[] = {{&key, NULL}, {NULL, &key}};
    struct observation answer;
    char path[TOKEN_HELLO_PATH_SIZE];

    for (size_t i = 0; i < 2; i++) {
        set_up(NULL);
        write_hello(&stranger, time(NULL), path);
        assert_false(probe_dialogue_hear(&audit, &desk, &sets[i], path, &answer));
        assert_int_equal(desk.hellos[HELLO_FORGED], 1);
        write_hello(&key, time(NULL), path);
        assert_true(probe_dialogue_hear(&audit, &desk, &sets[i], path, &answer));
        assert_ptr_equal(audit.binding.key, &key);
    }
}

/* At ten minutes and two ahead, and a second beyond. */
static void a_hello_at_its_limits_is_answered(void **state)
{
    (void)state;
    static const struct {
        int64_t age;
        enum observation_kind kind;
    } rows[] = {
        {TOKEN_OLDEST_SECONDS - 5, OBSERVATION_HELLO},
        {TOKEN_OLDEST_SECONDS + 1, OBSERVATION_CLOCK},
        {-TOKEN_FURTHEST_SECONDS, OBSERVATION_HELLO},
        {-TOKEN_FURTHEST_SECONDS - 5, OBSERVATION_CLOCK},
    };
    struct observation answer;
    char path[TOKEN_HELLO_PATH_SIZE];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t now = time(NULL);
        write_hello(&key, now - rows[i].age, path);
        assert_true(probe_dialogue_hear(&audit, &desk, &keys, path, &answer));
        assert_int_equal(answer.kind, rows[i].kind);
        assert_in_range(answer.time, rows[i].kind == OBSERVATION_CLOCK ? now : 0, now + 5);
        assert_int_equal(audit.greeted, rows[i].kind == OBSERVATION_HELLO);
    }
}

static void each_result_has_its_name(void **state)
{
    (void)state;
    static const char *const hellos[HELLO_RESULTS] = {"answered", "clock",  "repeated",
                                                      "full",     "forged", "unchecked"};
    static const char *const asks[ASK_RESULTS] = {"answered", "accepted", "refused",
                                                  "deferred", "forged",   "unchecked"};
    struct metrics *metrics = metrics_new();
    size_t length;
    char line[128];

    assert_non_null(metrics);
    for (size_t i = 0; i < HELLO_RESULTS; i++) {
        assert_string_equal(hello_result_name((enum hello_result)i), hellos[i]);
        atomic_store(&desk.hellos[i], i + 10);
    }
    for (size_t i = 0; i < ASK_RESULTS; i++) {
        assert_string_equal(ask_result_name((enum ask_result)i), asks[i]);
        atomic_store(&desk.asks[i], i + 20);
    }
    for (size_t i = TOKEN_ROLE_TRUE; i < TOKEN_ROLES; i++) {
        atomic_store(&desk.roles[i], i + 30);
    }
    probe_dialogue_metrics(metrics, &desk);
    const char *text = metrics_text(metrics, &length);
    for (size_t i = 0; i < HELLO_RESULTS; i++) {
        snprintf(line, sizeof(line), "\nrelaywarden_milter_hellos_total{result=\"%s\"} %zu\n",
                 hellos[i], i + 10);
        assert_non_null(strstr(text, line));
    }
    for (size_t i = 0; i < ASK_RESULTS; i++) {
        snprintf(line, sizeof(line), "\nrelaywarden_milter_asks_total{result=\"%s\"} %zu\n",
                 asks[i], i + 20);
        assert_non_null(strstr(text, line));
    }
    for (size_t i = TOKEN_ROLE_TRUE; i < TOKEN_ROLES; i++) {
        snprintf(line, sizeof(line), "\nrelaywarden_milter_asks_by_role_total{role=\"%s\"} %zu\n",
                 token_role_name((enum token_role)i), i + 30);
        assert_non_null(strstr(text, line));
    }
    static const char *const counters[] = {"hellos", "asks", "asks_by_role"};
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        snprintf(line, sizeof(line), "# TYPE relaywarden_milter_%s_total counter\n", counters[i]);
        assert_non_null(strstr(text, line));
    }
    assert_non_null(strstr(text, "# TYPE relaywarden_milter_masked_routes gauge\n"));
    metrics_free(metrics);
}

static void results_are_metrics(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    size_t length;

    assert_non_null(metrics);
    atomic_store(&desk.hellos[HELLO_REPEATED], 3);
    atomic_store(&desk.asks[ASK_FORGED], 5);
    atomic_store(&desk.roles[TOKEN_ROLE_INSIDE], 7);
    probe_dialogue_metrics(metrics, &desk);
    const char *text = metrics_text(metrics, &length);
    assert_non_null(text);
    assert_non_null(strstr(text, "\nrelaywarden_milter_hellos_total{result=\"repeated\"} 3\n"));
    assert_non_null(strstr(text, "\nrelaywarden_milter_hellos_total{result=\"answered\"} 0\n"));
    assert_non_null(strstr(text, "\nrelaywarden_milter_asks_total{result=\"forged\"} 5\n"));
    assert_non_null(strstr(text, "\nrelaywarden_milter_asks_by_role_total{role=\"inside\"} 7\n"));
    assert_non_null(strstr(text, "\nrelaywarden_milter_asks_by_role_total{role=\"unknown\"} 0\n"));
    assert_non_null(strstr(text, "\nrelaywarden_milter_masked_routes 0\n"));
    metrics_free(metrics);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hello_of_either_key_is_answered_with_a_challenge),
        TEST(a_hello_begins_anew_with_its_own_nonce),
        TEST(without_a_key_there_are_no_hellos),
        TEST(an_ordinary_sender_is_not_even_counted),
        TEST(a_hello_is_answered_once_on_whatever_connection),
        TEST(a_hello_of_another_time_gets_ours_and_nothing_else),
        TEST(when_nonces_are_full_a_hello_is_an_ordinary_address),
        TEST(after_three_wrong_macs_nothing_of_the_connection_is_checked),
        TEST(an_ask_needs_a_hello_on_its_connection),
        TEST(the_challenge_of_an_earlier_hello_is_void),
        TEST(a_valid_ask_is_a_visit_of_the_probe_and_makes_the_connection_audited),
        TEST(only_an_ask_from_outside_is_a_visit),
        TEST(one_key_alone_is_enough_and_believes_no_stranger),
        TEST(a_hello_at_its_limits_is_answered),
        TEST(each_result_has_its_name),
        TEST(results_are_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
