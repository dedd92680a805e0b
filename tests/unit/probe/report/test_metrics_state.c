#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/report/endpoint_metrics.h"
#include "probe/report/history.h"
#include "probe/report/metrics_state.h"
#include "tests/unit/audit_sample.h"

#define NOW    1800000000
#define SINGLE 4 /* results of a test */

static char folder[64];
static char yes[] = "/metrics";
static char mx[] = "mx";
static char odd[] = "we\"ird";
static struct conf_target targets[] = {{.name = mx, .interval_seconds = 21600},
                                       {.name = odd, .interval_seconds = 3600}};
static struct conf conf;
static struct endpoint_result results[SINGLE];
static const struct endpoint_result *pointers[SINGLE];
static struct audit_summary summary;
static char error[HISTORY_ERROR_SIZE];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/standing-XXXXXX");
    conf = (struct conf){
        .state_directory = folder,
        .alert = {.metrics_directory = yes},
        .probe = {.targets = targets, .target_count = 2, .history_seconds = 400 * 86400L}};
    for (size_t i = 0; i < SINGLE; i++) {
        audit_sample_closed(&results[i]);
        results[i].endpoint.configured = true;
        results[i].verdict = VERDICT_CLOSED;
        results[i].seconds = 0.25;
        results[i].connections = 3;
        results[i].refusals = 20;
        pointers[i] = &results[i];
    }
    summary =
        (struct audit_summary){.results = pointers, .count = 1, .started = NOW, .seconds = 2.5};
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    char command[160];

    (void)state;
    for (size_t i = 0; i < SINGLE; i++) {
        result_free(&results[i]);
    }
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

/* Its text; the caller frees it. */
static char *shown(struct metrics_state *standing)
{
    struct metrics *metrics = metrics_new();
    size_t length;

    metrics_state_show(metrics, standing);
    const char *text = metrics_text(metrics, &length);
    assert_non_null(text);
    char *copy = strdup(text);
    metrics_free(metrics);
    return copy;
}

static bool says(struct metrics_state *standing, const char *words)
{
    char *text = shown(standing);
    bool found = strstr(text, words) != NULL;

    free(text);
    return found;
}

static void expect(struct metrics_state *standing, const char *line)
{
    char *text = shown(standing);

    audit_sample_says(text, line);
    free(text);
}

static void add(struct metrics_state *standing)
{
    bool kept = history_keep(&conf, &summary, error);

    assert_true(kept);
    metrics_state_add(standing, &summary, kept);
}

static struct metrics_state *check(void)
{
    struct metrics_state *standing = metrics_state_new(&conf, false);

    assert_non_null(standing);
    add(standing);
    return standing;
}

#define MX "{target=\"mx\",endpoint=\"203.0.113.25:25\",tls=\"auto\""

static void an_audit_is_told_with_its_verdict_time_and_counts(void **state)
{
    static const char *const lines[] = {
        "\nrelaywarden_probe_daemon 0\n",
        "\nrelaywarden_probe_target_interval_seconds{target=\"mx\"} 21600\n",
        "\nrelaywarden_probe_endpoints{verdict=\"open\"} 1\n",
        "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 0\n",
        "\nrelaywarden_probe_endpoint_verdict" MX ",verdict=\"open\"} 1\n",
        "\nrelaywarden_probe_endpoint_verdict" MX ",verdict=\"closed\"} 0\n",
        "\nrelaywarden_probe_endpoint_info" MX
        ",host=\"mx.example.org\",session=\"starttls\",cause=\"sender-trusted\"} 1\n",
        "\nrelaywarden_probe_endpoint_last_audit_timestamp_seconds" MX "} 1800000002\n",
        "\nrelaywarden_probe_endpoint_audit_duration_seconds" MX "} 0.25\n",
        "\nrelaywarden_probe_endpoint_milter_answered" MX "} 1\n",
        "\nrelaywarden_probe_endpoint_certificate_valid" MX "} 0\n",
        "\nrelaywarden_probe_audits_total{result=\"critical\"} 1\n",
        "\nrelaywarden_probe_audits_total{result=\"ok\"} 0\n",
        "\nrelaywarden_probe_techniques_total{outcome=\"accepted\"} 1\n",
        "\nrelaywarden_probe_techniques_total{outcome=\"closing\"} 0\n",
        "\nrelaywarden_probe_refusals_total 20\n",
        "\nrelaywarden_probe_connections_total 3\n",
        "\nrelaywarden_probe_messages_total 1\n",
        "\nrelaywarden_probe_audit_seconds_total 2.5\n",
    };

    (void)state;
    audit_sample_answer(&results[0], "plain", OUTCOME_ACCEPTED);
    results[0].verdict = VERDICT_OPEN;
    results[0].cause = CAUSE_SENDER_TRUSTED;
    results[0].tls = TLS_STARTTLS;
    results[0].milter.asked = results[0].milter.observed = true;
    results[0].message.sent = true;
    snprintf(results[0].tls_protocol, sizeof(results[0].tls_protocol), "TLSv1.3 X");
    snprintf(results[0].tls_certificate, sizeof(results[0].tls_certificate), "it has expired");
    struct metrics_state *standing = check();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        expect(standing, lines[i]);
    }
    metrics_state_release(standing);
}

static void what_is_not_known_of_an_endpoint_is_left_out(void **state)
{
    struct metrics_state *standing = check();

    (void)state;
    assert_false(says(standing, "milter_answered{"));
    assert_false(says(standing, "certificate_valid{"));
    metrics_state_release(standing);
}

static void names_are_escaped(void **state)
{
    (void)state;
    snprintf(results[0].endpoint.target, sizeof(results[0].endpoint.target), "%s", odd);
    struct metrics_state *standing = check();
    expect(standing, "_interval_seconds{target=\"we\\\"ird\"} 3600\n");
    expect(standing, "_verdict{target=\"we\\\"ird\",endpoint=\"203.0.113.25:25\"");
    metrics_state_release(standing);
}

static void without_an_address_the_host_stands_for_it(void **state)
{
    (void)state;
    results[0].endpoint.address.family = ADDRESS_NONE;
    results[0].verdict = VERDICT_UNREACHABLE;
    struct metrics_state *standing = check();
    expect(standing, "endpoint=\"mx.example.org:25\",tls=\"auto\",verdict=\"unreachable\"} 1\n");
    metrics_state_release(standing);
}

static void counts_are_of_one_program(void **state)
{
    (void)state;
    struct metrics_state *daemon = metrics_state_new(&conf, true);
    add(daemon);
    metrics_state_release(check());
    add(daemon);
    expect(daemon, "\nrelaywarden_probe_audits_total{result=\"ok\"} 2\n");
    expect(daemon, "\nrelaywarden_probe_connections_total 6\n");
    expect(daemon, "\nrelaywarden_probe_daemon 1\n");
    metrics_state_release(daemon);
    struct metrics_state *other = check();
    expect(other, "\nrelaywarden_probe_audits_total{result=\"ok\"} 1\n");
    expect(other, "\nrelaywarden_probe_daemon 0\n");
    metrics_state_release(other);
}

static void the_daemon_shows_what_a_check_found(void **state)
{
    (void)state;
    struct metrics_state *daemon = metrics_state_new(&conf, true);
    add(daemon);
    expect(daemon, "verdict=\"closed\"} 1\n");
    results[0].verdict = VERDICT_SUSPECTED;
    metrics_state_release(check());
    expect(daemon, "verdict=\"suspected\"} 1\n");
    assert_false(says(daemon, "verdict=\"closed\"} 1\n"));
    metrics_state_release(daemon);
}

static void the_file_is_the_daemons_while_it_lives(void **state)
{
    (void)state;
    struct metrics_state *alone = metrics_state_new(&conf, false);
    assert_true(metrics_state_is_told(alone));
    struct metrics_state *daemon = metrics_state_new(&conf, true);
    assert_true(metrics_state_is_told(daemon));
    struct metrics_state *beside = metrics_state_new(&conf, false);
    assert_false(metrics_state_is_told(beside));
    struct metrics_state *second = metrics_state_new(&conf, true);
    assert_false(metrics_state_is_told(second));
    metrics_state_release(metrics_state_hold(daemon));
    metrics_state_release(daemon);
    struct metrics_state *after = metrics_state_new(&conf, false);
    assert_true(metrics_state_is_told(after));
    metrics_state_release(after);
    metrics_state_release(second);
    metrics_state_release(beside);
    metrics_state_release(alone);
}

static void where_nothing_can_be_locked_a_daemon_tells_all_the_same(void **state)
{
    static char nowhere[] = "/dev/null";

    (void)state;
    conf.state_directory = nowhere;
    struct metrics_state *daemon = metrics_state_new(&conf, true);
    assert_true(metrics_state_is_told(daemon));
    struct metrics_state *beside = metrics_state_new(&conf, false);
    assert_true(metrics_state_is_told(beside));
    metrics_state_release(beside);
    metrics_state_release(daemon);
    conf.state_directory = folder;
}

static void endpoints_that_a_targets_audit_did_not_find_any_more_are_gone(void **state)
{
    (void)state;
    results[1].endpoint.port = 587;
    results[2].endpoint.port = 465;
    snprintf(results[2].endpoint.target, sizeof(results[2].endpoint.target), "%s", odd);
    summary.count = 3;
    struct metrics_state *standing = check();
    expect(standing, "endpoint=\"203.0.113.25:587\"");
    expect(standing, "target=\"we");
    summary.count = 1;
    add(standing);
    assert_false(says(standing, "endpoint=\"203.0.113.25:587\""));
    expect(standing, "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 2\n");
    metrics_state_release(standing);
}

static void an_interrupted_endpoint_stands_as_before(void **state)
{
    (void)state;
    results[1].endpoint.port = 587;
    summary.count = 2;
    struct metrics_state *standing = check();
    results[0].interrupted = true;
    results[0].verdict = VERDICT_INCONCLUSIVE;
    summary.count = 1; /* the other was not even found */
    add(standing);
    expect(standing, "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 2\n");
    expect(standing, "\nrelaywarden_probe_endpoints{verdict=\"inconclusive\"} 0\n");
    metrics_state_release(standing);
}

static void of_two_with_one_name_the_worse_is_told(void **state)
{
    (void)state;
    snprintf(results[1].endpoint.own, sizeof(results[1].endpoint.own), "other.test");
    results[1].verdict = VERDICT_OPEN;
    summary.count = 3;
    struct metrics_state *standing = check();
    expect(standing, "\nrelaywarden_probe_endpoints{verdict=\"open\"} 1\n");
    expect(standing, "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 0\n");
    metrics_state_release(standing);
}

static void what_nobody_configured_is_neither_told_nor_counted(void **state)
{
    (void)state;
    summary.count = 2;
    results[1].endpoint.configured = false;
    results[1].endpoint.port = 2525;
    results[1].verdict = VERDICT_OPEN;
    struct metrics_state *standing = check();
    assert_false(says(standing, "2525"));
    expect(standing, "\nrelaywarden_probe_audits_total{result=\"ok\"} 1\n");
    expect(standing, "\nrelaywarden_probe_connections_total 3\n");
    metrics_state_release(standing);
}

static void a_target_that_is_taken_out_is_not_told(void **state)
{
    (void)state;
    snprintf(results[1].endpoint.target, sizeof(results[1].endpoint.target), "%s", odd);
    results[1].endpoint.port = 587;
    summary.count = 2;
    struct metrics_state *standing = check();
    expect(standing, "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 2\n");
    conf.probe.target_count = 1;
    metrics_state_configure(standing, &conf);
    assert_false(says(standing, "target=\"we"));
    expect(standing, "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 1\n");
    metrics_state_release(standing);
}

static void what_cannot_be_kept_is_told_and_is_known_until_the_end(void **state)
{
    char command[256];

    (void)state;
    struct metrics_state *standing = check();
    expect(standing, "verdict=\"closed\"} 1\n");
    snprintf(command, sizeof(command),
             "cd %s/probe && rm relaywarden.db* && echo no >relaywarden.db", folder);
    assert_int_equal(system(command), 0);
    results[0].verdict = VERDICT_OPEN;
    bool kept = history_keep(&conf, &summary, error);
    assert_false(kept);
    audit_sample_says(error, "move the file away");
    metrics_state_add(standing, &summary, kept);
    expect(standing, "verdict=\"open\"} 1\n");
    expect(standing, "\nrelaywarden_probe_connections_total 6\n");
    snprintf(command, sizeof(command), "rm %s/probe/relaywarden.db", folder);
    assert_int_equal(system(command), 0); /* as the sentence says: a new one is made */
    results[0].verdict = VERDICT_CLOSED;
    add(standing);
    expect(standing, "verdict=\"closed\"} 1\n");
    expect(standing, "\nrelaywarden_probe_connections_total 9\n");
    metrics_state_release(standing);
}

static void of_very_many_endpoints_the_worst_are_told_one_by_one(void **state)
{
    const size_t many = ENDPOINT_METRICS_MAX + 100;
    struct endpoint_result *all = calloc(many, sizeof(*all));
    const struct endpoint_result **list = calloc(many, sizeof(struct endpoint_result *));

    (void)state;
    assert_non_null(all);
    assert_non_null(list);
    for (size_t i = 0; i < many; i++) {
        all[i].endpoint = results[0].endpoint;
        all[i].endpoint.port = (uint16_t)(i + 1);
        list[i] = &all[i];
    }
    all[many - 1].verdict = VERDICT_OPEN;
    summary.results = list;
    summary.count = many;
    struct metrics_state *standing = check();
    char *text = shown(standing);
    size_t told = 0;
    for (const char *at = text; (at = strstr(at, "_last_audit_timestamp_seconds{")) != NULL; at++) {
        told++;
    }
    assert_int_equal(told, ENDPOINT_METRICS_MAX);
    audit_sample_says(text, "endpoint=\"203.0.113.25:1100\",tls=\"auto\",verdict=\"open\"} 1\n");
    audit_sample_says(text, "\nrelaywarden_probe_endpoints{verdict=\"closed\"} 1099\n");
    free(text);
    metrics_state_release(standing);
    free(all);
    free(list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_audit_is_told_with_its_verdict_time_and_counts),
        TEST(what_is_not_known_of_an_endpoint_is_left_out),
        TEST(names_are_escaped),
        TEST(without_an_address_the_host_stands_for_it),
        TEST(counts_are_of_one_program),
        TEST(the_daemon_shows_what_a_check_found),
        TEST(the_file_is_the_daemons_while_it_lives),
        TEST(where_nothing_can_be_locked_a_daemon_tells_all_the_same),
        TEST(endpoints_that_a_targets_audit_did_not_find_any_more_are_gone),
        TEST(an_interrupted_endpoint_stands_as_before),
        TEST(of_two_with_one_name_the_worse_is_told),
        TEST(what_nobody_configured_is_neither_told_nor_counted),
        TEST(a_target_that_is_taken_out_is_not_told),
        TEST(what_cannot_be_kept_is_told_and_is_known_until_the_end),
        TEST(of_very_many_endpoints_the_worst_are_told_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
