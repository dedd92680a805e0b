#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/audit/carry_over.h"
#include "probe/audit/former_state.h"
#include "probe/report/history.h"
#include "probe/report/metrics_state.h"
#include "tests/unit/audit_sample.h"
#include "tests/unit/state_5.h"

#define AFTER (STATE_5_TIME + 3600)

static char folder[64];
static char database[128];
static char says[FORMER_STATE_SAYS_SIZE];
static char error[HISTORY_ERROR_SIZE];

static int set_up(void **state)
{
    char path[96];

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/former-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/probe", folder);
    if (mkdir(path, 0750) != 0) {
        return -1;
    }
    state_5_file("memory.json", path);
    state_5_file("metrics.json", path);
    snprintf(database, sizeof(database), "%s/relaywarden.db", path);
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static bool is_there(const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/probe/%s", folder, name);
    return access(path, F_OK) == 0;
}

static struct endpoint endpoint_of(uint16_t port)
{
    struct endpoint endpoint = {.port = port, .tls_asked = TLS_AUTO, .configured = true};

    assert_true(address_parse("203.0.113.25", &endpoint.address));
    snprintf(endpoint.own, sizeof(endpoint.own), "example.org");
    snprintf(endpoint.host, sizeof(endpoint.host), "203.0.113.25");
    return endpoint;
}

static void expect_all_facts(void)
{
    struct carry_over *memory = carry_over_open(folder, error);
    struct battery_earlier earlier[RESULT_TECHNIQUES];
    struct battery_answer answers[RESULT_TECHNIQUES];
    char tokens[CARRY_OVER_MESSAGES_MAX][MESSAGE_TOKEN_SIZE];
    const struct endpoint filtered = endpoint_of(25);
    const struct endpoint sent = endpoint_of(2526);
    const struct endpoint put_off = endpoint_of(2527);
    const struct endpoint cut_off = endpoint_of(2528);

    assert_non_null(memory);
    assert_true(carry_over_has_answered(memory, &filtered, AFTER));
    assert_false(carry_over_has_answered(memory, &sent, AFTER));
    assert_int_equal(carry_over_messages(memory, &sent, AFTER, tokens), 2);
    assert_string_equal(tokens[0], "1c3fc749083b1b58ea248fc0e2af61d1");
    assert_string_equal(tokens[1], "de5648cae42592e2bb11abf9bce77ca4");
    assert_true(carry_over_knows_token(memory, tokens[0], AFTER));
    assert_int_equal(carry_over_put_off(memory, &put_off, AFTER, earlier, RESULT_TECHNIQUES), 53);
    assert_string_equal(earlier[0].technique, "plain");
    assert_string_equal(earlier[0].sender, "<canary@outside.example.net>");
    assert_true(carry_over_answers(memory, &cut_off, AFTER, answers, RESULT_TECHNIQUES) > 5);
    assert_int_equal(answers[0].age, 3601);
    carry_over_close(memory);
}

static void what_audits_left_for_the_next_is_taken_over_and_said(void **state)
{
    (void)state;
    assert_int_equal(former_state_take_over(folder, says), FORMER_STATE_TAKEN);
    audit_sample_says(says, "is in relaywarden.db now; the old files are renamed to *.old");
    assert_false(is_there("memory.json") || is_there("metrics.json"));
    assert_true(is_there("memory.json.old") && is_there("metrics.json.old"));
    expect_all_facts();
    assert_int_equal(former_state_take_over(folder, says), FORMER_STATE_NONE);
}

static void an_audit_takes_it_over_by_itself(void **state)
{
    (void)state;
    expect_all_facts();
    assert_false(is_there("memory.json"));
}

static void a_damaged_file_is_told_and_no_message_is_sent_until_it_is_away(void **state)
{
    static const char *const texts[] = {"{\"version\":1,", "[]", "{\"version\":2,\"endpoints\":{}}",
                                        ""};
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/probe/memory.json", folder);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        fputs(texts[i], file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(former_state_take_over(folder, says), FORMER_STATE_STANDS);
        audit_sample_says(says, "memory.json is damaged");
        audit_sample_says(says, "move it away");
        assert_null(carry_over_open(folder, error));
        assert_string_equal(error, says);
        assert_true(is_there("memory.json"));
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(former_state_take_over(folder, says), FORMER_STATE_TAKEN);
}

static void rows_that_are_not_ours_are_passed_over(void **state)
{
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/probe/memory.json", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("{\"version\":1,\"endpoints\":{\"203.0.113.25:2527/auto example.org\":{\"put_off\":"
          "[7,{},{\"technique\":1,\"sender\":\"<>\",\"time\":1796016193},"
          "{\"technique\":\"plain\",\"sender\":\"<a@b.test>\",\"time\":-9223372036854775808},"
          "{\"technique\":\"plain\",\"sender\":\"<canary@outside.example.net>\","
          "\"time\":1796016193}], \"turns\": 5, \"milter\": [], \"senders\": {\"next\": 3}}}}",
          file);
    assert_int_equal(fclose(file), 0);
    struct carry_over *memory = carry_over_open(folder, error);
    struct battery_earlier earlier[RESULT_TECHNIQUES];
    const struct endpoint endpoint = endpoint_of(2527);
    assert_non_null(memory);
    assert_int_equal(carry_over_put_off(memory, &endpoint, AFTER, earlier, RESULT_TECHNIQUES), 1);
    carry_over_close(memory);
}

/* The process is killed at each step of SQLite's compiler in turn. */
static int steps_left;

static int strike(void *user, int action, const char *a, const char *b, const char *c,
                  const char *d)
{
    (void)user, (void)action, (void)a, (void)b, (void)c, (void)d;
    if (steps_left-- == 0) {
        _exit(9);
    }
    return SQLITE_OK;
}

static int install_strike(sqlite3 *handle, const char **why, const struct sqlite3_api_routines *api)
{
    (void)why, (void)api;
    return sqlite3_set_authorizer(handle, strike, NULL);
}

static void a_crash_at_any_step_loses_nothing(void **state)
{
    int crashes = 0;

    (void)state;
    if (!state_5_database(database)) {
        skip();
    }
    for (int step = 0; step < 100000; step += 97) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            steps_left = step;
            sqlite3_auto_extension((void (*)(void))install_strike);
            _exit(former_state_take_over(folder, says) == FORMER_STATE_TAKEN ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 0) {
            break;
        }
        assert_int_equal(WEXITSTATUS(status), 9);
        assert_true(is_there("memory.json") && is_there("metrics.json"));
        crashes++;
    }
    assert_true(crashes > 3);
    expect_all_facts();
}

/* ---- the database ------------------------------------------------------------------------ */

static char mx[] = "mx";
static char none[] = "none";
static uint16_t ports[] = {25, 2525, 2526, 2527, 2528};
static uint16_t port_25[] = {25};
static struct conf_target targets[] = {
    {.name = mx, .ports = ports, .port_count = 5, .interval_seconds = 60},
    {.name = none, .ports = port_25, .port_count = 1, .interval_seconds = 60},
};
static struct conf conf = {
    .state_directory = folder,
    .probe = {.targets = targets, .target_count = 2, .history_seconds = 400 * 86400L}};

static void the_history_and_the_incidents_of_before_are_in_the_report(void **state)
{
    static const char *const keys[] = {"203.0.113.25:25/none client-address-hidden",
                                       "203.0.113.25:2526/none unconditional"};

    (void)state;
    if (!state_5_database(database)) {
        skip();
    }
    struct history *history = history_read(&conf, AFTER, error);
    assert_non_null(history);
    assert_int_equal(history->lack_count, 0);
    assert_int_equal(history->endpoint_count, 6);
    assert_int_equal(history->incident_count, 5);
    const struct history_endpoint *first = &history->endpoints[0];
    assert_int_equal(first->span_count, 2);
    assert_int_equal(first->spans[0].verdict, VERDICT_OPEN);
    assert_int_equal(first->spans[0].cause, CAUSE_CLIENT_ADDRESS_HIDDEN);
    assert_int_equal(first->spans[1].verdict, VERDICT_CLOSED);
    for (size_t i = 0; i < history->endpoint_count; i++) {
        assert_true(history->endpoints[i].current);
        assert_false(history->endpoints[i].unread);
        if (json_integer_value(json_object_get(history_detail(&history->endpoints[i]), "port")) ==
            2526) {
            assert_int_equal(history->endpoints[i].span_count, 1);
            assert_int_equal(history->endpoints[i].spans[0].audits, 2);
        }
    }
    size_t found = 0;
    for (size_t i = 0; i < history->incident_count; i++) {
        for (size_t j = 0; j < 2; j++) {
            found += strcmp(history->incidents[i].incident.finding.key, keys[j]) == 0;
        }
    }
    assert_int_equal(found, 2);
    history_free(history);
}

static void metrics_tell_how_endpoints_stood_before_the_first_audit(void **state)
{
    static const char *const lines[] = {
        "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 2\n",
        "\nrelaywarden_probe_endpoints{verdict=\"open\"} 1\n",
        "_audit_duration_seconds{target=\"mx\",endpoint=\"203.0.113.25:25\",tls=\"auto\"} 0.231\n",
        "_milter_answered{target=\"mx\",endpoint=\"203.0.113.25:25\",tls=\"auto\"} 1\n",
        "_milter_answered{target=\"mx\",endpoint=\"203.0.113.25:2525\",tls=\"auto\"} 0\n",
        ("_verdict{target=\"none\",endpoint=\"nosuchhost.example.org:25\",tls=\"auto\","
         "verdict=\"unreachable\"} 1\n"),
        "\nrelaywarden_probe_connections_total 0\n",
    };
    size_t length;

    (void)state;
    if (!state_5_database(database)) {
        skip();
    }
    assert_int_equal(former_state_take_over(folder, says), FORMER_STATE_TAKEN);
    struct metrics_state *standing = metrics_state_new(&conf, true);
    struct metrics *metrics = metrics_new();
    metrics_state_show(metrics, standing);
    const char *text = metrics_text(metrics, &length);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        audit_sample_says(text, lines[i]);
    }
    metrics_free(metrics);
    metrics_state_release(standing);
}

static void an_endpoint_of_before_goes_on_under_its_key(void **state)
{
    struct endpoint_result result = {.reach = REACH_NO_CONNECT};
    const struct endpoint_result *results[] = {&result};
    const struct audit_summary summary = {.results = results, .count = 1, .started = AFTER};

    (void)state;
    if (!state_5_database(database)) {
        skip();
    }
    audit_sample_closed(&result);
    result.endpoint = endpoint_of(2526);
    snprintf(result.endpoint.target, sizeof(result.endpoint.target), "mx");
    result.verdict = VERDICT_OPEN;
    result.cause = CAUSE_UNCONDITIONAL;
    assert_true(history_keep(&conf, &summary, error));
    struct history *history = history_read(&conf, AFTER, error);
    assert_non_null(history);
    assert_int_equal(history->endpoint_count, 6);
    for (size_t i = 0; i < history->endpoint_count; i++) {
        if (history->endpoints[i].last == AFTER) {
            assert_int_equal(history->endpoints[i].spans[0].audits, 3);
            assert_true(history->endpoints[i].current);
        }
    }
    history_free(history);
    result_free(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_audits_left_for_the_next_is_taken_over_and_said),
        TEST(an_audit_takes_it_over_by_itself),
        TEST(a_damaged_file_is_told_and_no_message_is_sent_until_it_is_away),
        TEST(rows_that_are_not_ours_are_passed_over),
        TEST(a_crash_at_any_step_loses_nothing),
        TEST(the_history_and_the_incidents_of_before_are_in_the_report),
        TEST(metrics_tell_how_endpoints_stood_before_the_first_audit),
        TEST(an_endpoint_of_before_goes_on_under_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
