/*
 * A configuration of variables: each is judged as its option is in a file, and a mistake names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/environment.h"
#include "lib/site.h"

/* What a test before has set, and who runs the tests. cmocka has a variable of its own. */
static void forget_variables(void)
{
    char **entry = environ;

    while (*entry != NULL) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(*entry, "="), *entry);
        if (strncmp(name, "RELAYWARDEN_", 12) == 0 && unsetenv(name) == 0) {
            entry = environ;
        } else {
            entry++;
        }
    }
}

/* The environment has these alone, and what they make is loaded. */
static struct conf *load(enum conf_program program, struct conf_report *report,
                         const char *const *settings)
{
    if (access(CONF_DEFAULT_PATH, F_OK) == 0) {
        skip(); /* a machine that has relaywarden: there the file is one of two */
    }
    forget_variables();
    for (const char *const *setting = settings; setting[0] != NULL; setting += 2) {
        assert_int_equal(setenv(setting[0], setting[1], 1), 0);
    }
    return conf_load(CONF_ENVIRONMENT, program, report);
}

#define SETTINGS(...)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* There is one mistake, and it says this. */
static void expect_mistake(enum conf_program program, const char *const *settings, const char *said)
{
    struct conf_report report = {0};

    assert_null(load(program, &report, settings));
    assert_int_equal(report.mistake_count, 1);
    if (strncmp(report.mistakes[0], said, strlen(said)) != 0) {
        fail_msg("%s", report.mistakes[0]);
    }
    conf_report_free(&report);
}

static void domains_are_enough_for_the_filter(void **state)
{
    (void)state;
    struct conf_report report = {0};
    struct conf *conf =
        load(CONF_MILTER, &report, SETTINGS("RELAYWARDEN_DOMAINS", "example.org, .example.com"));

    assert_non_null(conf);
    assert_string_equal(conf->milter.socket, "inet:8895@0.0.0.0");
    assert_string_equal(conf->milter.user, "");
    assert_string_equal(conf->alert.json_path, "-");
    assert_int_equal(conf->alert.syslog_format, SYSLOG_NONE);
    assert_int_equal(conf->milter.enforce, ENFORCE_OBSERVE);
    assert_true(site_owns_domain(conf->site, "mx.example.com", strlen("mx.example.com")));
    conf_free(conf);
    conf_report_free(&report);
}

static void targets_are_hosts_or_domains_and_the_first_domain_if_there_are_none(void **state)
{
    (void)state;
    struct conf_report report = {0};
    struct conf *conf = load(CONF_PROBE, &report,
                             SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_CANARY",
                                      "canary@outside.example.net", "RELAYWARDEN_TARGETS",
                                      "mx.example.org domain:example.org 2001:db8::25",
                                      "RELAYWARDEN_PORTS", "25,465"));

    assert_non_null(conf);
    assert_int_equal(conf->probe.target_count, 3);
    assert_string_equal(conf->probe.targets[0].host, "mx.example.org");
    assert_string_equal(conf->probe.targets[1].domain, "example.org");
    assert_string_equal(conf->probe.targets[2].host, "2001:db8::25");
    assert_int_equal(conf->probe.targets[2].port_count, 2);
    conf_free(conf);
    conf_report_free(&report);
    conf = load(CONF_PROBE, &report,
                SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_CANARY",
                         "canary@outside.example.net"));
    assert_non_null(conf);
    assert_int_equal(conf->probe.target_count, 1);
    assert_string_equal(conf->probe.targets[0].domain, "example.org");
    conf_free(conf);
    conf_report_free(&report);
}

static void a_mistake_names_its_variable(void **state)
{
    (void)state;
    expect_mistake(CONF_MILTER,
                   SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_ENFORCE", "hodl"),
                   "RELAYWARDEN_ENFORCE: enforce: \"hodl\" is not allowed");
    expect_mistake(CONF_MILTER,
                   SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_TRUSTED_NETWORKS",
                            "10.0.0.1/8"),
                   "RELAYWARDEN_TRUSTED_NETWORKS: trusted_networks: \"10.0.0.1/8\"");
    expect_mistake(CONF_PROBE, SETTINGS("RELAYWARDEN_DOMAINS", "example.org"),
                   "RELAYWARDEN_CANARY: canary is missing");
    expect_mistake(CONF_MILTER, SETTINGS("RELAYWARDEN_ENFORCE", "hold"),
                   "RELAYWARDEN_DOMAINS: the site's domains are missing");
}

static void a_misspelt_variable_is_a_mistake(void **state)
{
    (void)state;
    expect_mistake(CONF_MILTER,
                   SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_ENFROCE", "hold"),
                   CONF_ENVIRONMENT ": the variable \"RELAYWARDEN_ENFROCE\" is none of "
                                    "relaywarden's (did you mean RELAYWARDEN_ENFORCE?)");
}

static void what_kubernetes_sets_and_what_is_empty_is_not_looked_at(void **state)
{
    (void)state;
    struct conf_report report = {0};
    struct conf *conf =
        load(CONF_MILTER, &report,
             SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_SERVICE_HOST", "192.0.2.1",
                      "RELAYWARDEN_PORT", "tcp://192.0.2.1:8895", "RELAYWARDEN_PORT_8895_TCP_PORT",
                      "8895", "RELAYWARDEN_ENFORCE", "", "RELAYWARDEN_NOTHING", ""));

    assert_non_null(conf);
    conf_free(conf);
    conf_report_free(&report);
}

/* Quotes, newlines and what libconfuse would expand stay within their value. */
static void a_value_cannot_become_another_option(void **state)
{
    (void)state;
    static const char *const values[] = {
        "a\" } enforce = \"hold", "example.org\nenforce = hold", "${HOME}", "\\", "}", "#"};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct conf_report report = {0};
        assert_null(load(CONF_MILTER, &report, SETTINGS("RELAYWARDEN_DOMAINS", values[i])));
        for (size_t j = 0; j < report.mistake_count; j++) {
            assert_int_equal(strncmp(report.mistakes[j], "RELAYWARDEN_", 12), 0);
        }
        conf_report_free(&report);
    }
}

static void the_file_is_read_where_no_variable_is_set(void **state)
{
    (void)state;
    forget_variables();
    assert_string_equal(conf_default_path(), CONF_DEFAULT_PATH);
    assert_int_equal(setenv("RELAYWARDEN_DOMAINS", "", 1), 0);
    assert_string_equal(conf_default_path(), CONF_DEFAULT_PATH);
    assert_int_equal(setenv("RELAYWARDEN_BUILD", "elsewhere", 1), 0);
    assert_string_equal(conf_default_path(), CONF_DEFAULT_PATH);
    assert_int_equal(setenv("RELAYWARDEN_ENFORCE", "hold", 1), 0);
    assert_string_equal(conf_default_path(), CONF_ENVIRONMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_are_enough_for_the_filter),
        cmocka_unit_test(targets_are_hosts_or_domains_and_the_first_domain_if_there_are_none),
        cmocka_unit_test(a_mistake_names_its_variable),
        cmocka_unit_test(a_misspelt_variable_is_a_mistake),
        cmocka_unit_test(what_kubernetes_sets_and_what_is_empty_is_not_looked_at),
        cmocka_unit_test(a_value_cannot_become_another_option),
        cmocka_unit_test(the_file_is_read_where_no_variable_is_set),
    };

    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
