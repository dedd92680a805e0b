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

/* Variables that a test before has set, or whoever runs the tests. cmocka has a variable of its
 * own. */
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
                   "RELAYWARDEN_CANARY: canary is missing: an external mailbox of yours, as "
                   "canary@outside.example.net");
    expect_mistake(CONF_MILTER, SETTINGS("RELAYWARDEN_ENFORCE", "hold"),
                   "RELAYWARDEN_DOMAINS: the site's domains are missing; set it to them");
}

static void a_misspelt_variable_is_a_mistake(void **state)
{
    (void)state;
    expect_mistake(CONF_MILTER,
                   SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_ENFROCE", "hold"),
                   CONF_ENVIRONMENT ": the variable \"RELAYWARDEN_ENFROCE\" is none of "
                                    "relaywarden's (did you mean RELAYWARDEN_ENFORCE?)");
}

/* The usual file is read, or is not there. */
static struct conf *load_usual(struct conf_report *report, const char *name, const char *value)
{
    if (access(CONF_DEFAULT_PATH, F_OK) == 0) {
        skip();
    }
    forget_variables();
    assert_int_equal(setenv(name, value, 1), 0);
    assert_string_equal(conf_default_path(), CONF_DEFAULT_PATH);
    return conf_load(CONF_DEFAULT_PATH, CONF_MILTER, report);
}

static void a_misspelt_variable_alone_is_a_mistake_and_so_is_an_empty_one(void **state)
{
    (void)state;
    static const char instead[] =
        "; in a container set RELAYWARDEN_DOMAINS, or mount a file at " CONF_DEFAULT_PATH;
    static const struct {
        const char *name, *value, *said;
    } cases[] = {
        {"RELAYWARDEN_DOMAIN", "example.org",
         CONF_ENVIRONMENT ": the variable \"RELAYWARDEN_DOMAIN\" is none of relaywarden's (did you "
                          "mean RELAYWARDEN_DOMAINS?)"},
        {"RELAYWARDEN_MAILBOX", "x",
         CONF_ENVIRONMENT ": the variable \"RELAYWARDEN_MAILBOX\" is none of relaywarden's"},
        {"RELAYWARDEN_DOMAINS", "",
         "RELAYWARDEN_DOMAINS: this variable is empty, which counts as not set"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct conf_report report = {0};
        char said[400];
        snprintf(said, sizeof(said), "%s%s", cases[i].said, instead);
        assert_null(load_usual(&report, cases[i].name, cases[i].value));
        assert_int_equal(report.mistake_count, 1);
        assert_string_equal(report.mistakes[0], said);
        conf_report_free(&report);
    }
}

/* A program that is run for an alert may start the probe. */
static void variables_of_an_alert_and_of_kubernetes_are_passed_over(void **state)
{
    (void)state;
    static const char *const settings[][2] = {
        {"RELAYWARDEN_PROGRAM", "relaywarden-milter"},
        {"RELAYWARDEN_INCIDENT", "0123456789abcdef"},
        {"RELAYWARDEN_STATE", "opened"},
        {"RELAYWARDEN_KIND", "open-relay"},
        {"RELAYWARDEN_SEVERITY", "critical"},
        {"RELAYWARDEN_COUNT", "1"},
        {"RELAYWARDEN_FILTER_SERVICE_HOST", "10.0.0.1"},
        {"RELAYWARDEN_FILTER_SERVICE_PORT", "25"},
        {"RELAYWARDEN_FILTER_SERVICE_PORT_SMTP", "25"},
        {"RELAYWARDEN_FILTER_PORT", "tcp://10.0.0.1:25"},
        {"RELAYWARDEN_FILTER_PORT_25_TCP", "tcp://10.0.0.1:25"},
        {"RELAYWARDEN_FILTER_PORT_25_TCP_ADDR", "10.0.0.1"},
        {"RELAYWARDEN_FILTER_PORT_53_UDP_PROTO", "udp"},
        {"RELAYWARDEN_PORT", "tcp://10.0.0.1:25"},
        {"RELAYWARDEN_SERVICE_HOST", "10.0.0.1"},
    };
    static const char *const strange[][2] = {
        {"RELAYWARDEN_PORT", "25"},
        {"RELAYWARDEN_FILTER_PORT", "25"},
        {"RELAYWARDEN_FILTER_PORT_X_TCP", "25"},
        {"RELAYWARDEN_FILTER_PORT_25_TCPA", "25"},
        {"RELAYWARDEN_SERVICE_HOSTS", "10.0.0.1"},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct conf_report report = {0};
        assert_null(load_usual(&report, settings[i][0], settings[i][1]));
        assert_non_null(strstr(report.mistakes[0], "does not exist"));
        conf_report_free(&report);
    }
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct conf_report report = {0};
        assert_null(load_usual(&report, strange[i][0], strange[i][1]));
        assert_non_null(strstr(report.mistakes[0], "is none of relaywarden's"));
        conf_report_free(&report);
    }
}

/* Its advice can be followed with variables. */
static void a_mistake_speaks_of_variables_and_not_of_a_file(void **state)
{
    (void)state;
    struct conf_report report = {0};

    expect_mistake(CONF_MILTER,
                   SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_LISTEN", "9825"),
                   "RELAYWARDEN_LISTEN: listen: \"9825\" is no address with a port; allowed: "
                   "ADDRESS:PORT as \"127.0.0.1:9825\" or \"[::1]:9825\" (0.0.0.0 or [::] is every "
                   "address); at 127.0.0.1 only this container reaches it");
    expect_mistake(
        CONF_MILTER,
        SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_TRUSTED_NETWORKS", "0.0.0.0/0"),
        "RELAYWARDEN_TRUSTED_NETWORKS: trusted_networks: \"0.0.0.0/0\" trusts strangers: "
        "it is public and wider than /16; name the networks that are yours, or write a "
        "file with allow_wide_networks = true, which no variable is");
    expect_mistake(
        CONF_MILTER, SETTINGS("RELAYWARDEN_DOMAINS", "example.org;example.com"),
        "RELAYWARDEN_DOMAINS: domains: \"example.org;example.com\" is no domain; allowed: "
        "names as \"example.org\", and \".example.org\" for every subdomain; divide the "
        "list by spaces or commas, without quotes");
    expect_mistake(
        CONF_MILTER, SETTINGS("RELAYWARDEN_DOMAINS", "-"),
        "RELAYWARDEN_DOMAINS: domains: \"-\" is no domain: a part of it begins or ends with a "
        "hyphen; allowed: names as \"example.org\", and \".example.org\" for every subdomain");
#define PROBE                                                                                      \
    "RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_CANARY", "canary@outside.example.net"
    expect_mistake(
        CONF_PROBE, SETTINGS(PROBE, "RELAYWARDEN_TARGETS", "mx.example.org:587"),
        "RELAYWARDEN_TARGETS: host: \"mx.example.org:587\" is no host; allowed: a name, an "
        "IPv4 address, or an IPv6 address without brackets; ports go into "
        "RELAYWARDEN_PORTS");
    expect_mistake(
        CONF_PROBE, SETTINGS(PROBE, "RELAYWARDEN_TARGETS", "mx.example.org domain:mx.example.org"),
        "RELAYWARDEN_TARGETS: \"domain:mx.example.org\" is there twice; name it once, as a "
        "host or as domain:NAME");
    expect_mistake(CONF_PROBE,
                   SETTINGS(PROBE, "RELAYWARDEN_TARGETS", "mx.example.org mx2.example.org",
                            "RELAYWARDEN_PORTS", "smtp"),
                   "RELAYWARDEN_PORTS: ports: \"smtp\" is no whole number");
    expect_mistake(CONF_MILTER,
                   SETTINGS("RELAYWARDEN_DOMAINS", "example.org", "RELAYWARDEN_ENFORCE", "hold\n"),
                   "RELAYWARDEN_ENFORCE: there is a line break in its value");
    struct conf *conf =
        load(CONF_PROBE, &report, SETTINGS(PROBE, "RELAYWARDEN_WEBHOOK_FORMAT", "slack"));
    assert_non_null(conf);
    size_t told = 0;
    for (size_t i = 0; i < report.note_count; i++) {
        told +=
            strcmp(report.notes[i], "RELAYWARDEN_WEBHOOK_FORMAT: note: webhook: url is missing, so "
                                    "no webhook is sent; set RELAYWARDEN_WEBHOOK_URL, or leave "
                                    "format out") == 0;
    }
    assert_int_equal(told, 1);
    conf_free(conf);
    conf_report_free(&report);
}

static void a_list_may_have_several_lines(void **state)
{
    (void)state;
    struct conf_report report = {0};
    struct conf *conf =
        load(CONF_PROBE, &report,
             SETTINGS("RELAYWARDEN_DOMAINS", "\n  example.org\r\n  example.com\n",
                      "RELAYWARDEN_CANARY", "canary@outside.example.net", "RELAYWARDEN_TARGETS",
                      "mx.example.org\nmx2.example.org\n", "RELAYWARDEN_PORTS", "25\n465"));

    assert_non_null(conf);
    assert_true(site_owns_domain(conf->site, "example.com", strlen("example.com")));
    assert_int_equal(conf->probe.target_count, 2);
    assert_int_equal(conf->probe.targets[1].port_count, 2);
    conf_free(conf);
    conf_report_free(&report);
}

static void those_that_are_set_are_listed_once(void **state)
{
    (void)state;
    char list[200];

    forget_variables();
    assert_int_equal(setenv("RELAYWARDEN_LISTEN", "127.0.0.1:9825", 1), 0);
    assert_int_equal(setenv("RELAYWARDEN_DOMAINS", "example.org", 1), 0);
    assert_int_equal(setenv("RELAYWARDEN_CANARY", "", 1), 0);
    conf_environment_list(list, sizeof(list));
    assert_string_equal(list, "RELAYWARDEN_DOMAINS RELAYWARDEN_LISTEN");
    conf_environment_list(list, 25);
    assert_string_equal(list, "RELAYWARDEN_DOMAINS");
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
        cmocka_unit_test(a_misspelt_variable_alone_is_a_mistake_and_so_is_an_empty_one),
        cmocka_unit_test(variables_of_an_alert_and_of_kubernetes_are_passed_over),
        cmocka_unit_test(a_mistake_speaks_of_variables_and_not_of_a_file),
        cmocka_unit_test(a_list_may_have_several_lines),
        cmocka_unit_test(those_that_are_set_are_listed_once),
        cmocka_unit_test(a_value_cannot_become_another_option),
        cmocka_unit_test(the_file_is_read_where_no_variable_is_set),
    };

    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
