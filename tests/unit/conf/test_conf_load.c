/*
 * A whole configuration: what its values become, what holds without them, what they say together,
 * and what is looked up on the machine.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "tests/unit/conf_try.h"

#define SITE   "site { domains = { \"example.org\" } }\n"
#define CANARY "canary = \"canary@outside.example.net\"\n"
#define PROBE  "probe { " CANARY "}\n"

static struct conf_try attempt;

/* The file that the documentation shows, with names of files that are there. */
static const char whole[] =
    "site {\n"
    "  domains          = { \"example.org\" }\n"
    "  domain_files     = { \"@/other\" }\n"
    "  trusted_networks = { \"127.0.0.0/8\", \"::1/128\", ::ffff:10.1.0.0/112 }\n"
    "  allow_wide_networks = false\n"
    "  client_certificates = { \"backup host\" }\n"
    "  hosts = { MX.Provider.example, \".relays.example.net\" }\n"
    "}\n"
    "token_key_file = \"@/key\"\n"
    "token_key_also = \"\"\n"
    "milter {\n"
    "  socket = \"unix:/var/spool/postfix/relaywarden/milter.sock\"\n"
    "  socket_group = \"postfix\"   socket_mode = \"0660\"   user = \"relaywarden\"\n"
    "  enforce = defer\n"
    "  enforce_masked = observe\n"
    "  own_mailers = { \"local\", \"virtual\", \"lmtp\", \"relay\" }\n"
    "  probe_expected = \"26h\"\n"
    "}\n"
    "probe {\n"
    "  interval = \"6h\"\n"
    "  vantage  = claimed claim = \"198.51.100.7\"\n"
    "  public_addresses = { }\n"
    "  source = { 2001:db8::7, 203.0.113.7 }\n"
    "  resolvers = { 192.0.2.53:5353, \"[2001:db8::53]:53\", 2001:db8::54 }\n"
    "  canary   = \"canary@Outside.EXAMPLE.net\"\n"
    "  proof    = rcpt\n"
    "  dnsbl    = { \"zen.spamhaus.org\" }\n"
    "  max_connections = 200   max_refusals = 64   timeout = \"35s\"   history = \"400d\"\n"
    "  target \"mx\" { domain = \"example.org\"  ports = { 25 } }\n"
    "  target \"submission\" { host = \"mail.example.org\"  ports = { 465, 587 }  tls = implicit\n"
    "    expect_milter = true  interval = \"90m\" }\n"
    "}\n"
    "alert {\n"
    "  syslog { facility = local3  format = kv }\n"
    "  journal = no\n"
    "  json = \"@/log\"  command = { \"@/run\", \"an argument\", \"\" }  metrics_directory = \"\"\n"
    "  remind = \"24h\"  quiet_after = \"1h\"\n"
    "}\n"
    "state_directory = \"/var/lib/relaywarden\"\n";

static bool owns(const char *domain)
{
    return site_owns_domain(attempt.conf->site, domain, strlen(domain));
}

static bool trusts(const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    return site_trusts(attempt.conf->site, &address);
}

static void assert_address(const struct address *address, const char *text)
{
    char formatted[ADDRESS_TEXT_SIZE];

    assert_string_equal(address_format(address, formatted), text);
}

static void every_value_of_a_whole_file_is_typed(void **state)
{
    (void)state;
    conf_try_write(&attempt, "other", ".example.test\n", 0644);
    conf_try_load(&attempt, whole, CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    const struct conf *conf = attempt.conf;
    const struct conf_probe *probe = &conf->probe;

    assert_string_equal(conf->path, attempt.path);
    assert_true(owns("Example.ORG.") && owns("a.example.test") && !owns("example.test"));
    assert_true(trusts("127.9.9.9") && trusts("::1") && trusts("10.1.2.3") && !trusts("10.2.0.1"));
    assert_true(site_trusts_certificate(conf->site, "backup host"));
    assert_string_equal(site_main_domain(conf->site), "example.org");
    assert_string_equal(conf->state_directory, "/var/lib/relaywarden");
    assert_string_equal(conf->token_key_also, "");
    assert_non_null(strstr(conf->token_key_file, "/key"));

    assert_true(site_owns_host(conf->site, "mx.example.org"));
    assert_true(site_owns_host(conf->site, "mx.provider.example"));
    assert_true(site_owns_host(conf->site, "a.relays.example.net"));
    assert_false(site_owns_host(conf->site, "relays.example.net"));
    assert_false(site_owns_host(conf->site, "mx2.provider.example"));
    assert_string_equal(conf->milter.socket, "unix:/var/spool/postfix/relaywarden/milter.sock");
    assert_string_equal(conf->milter.socket_group, "postfix");
    assert_int_equal(conf->milter.socket_mode, 0660);
    assert_string_equal(conf->milter.user, "relaywarden");
    assert_int_equal(conf->milter.enforce, ENFORCE_DEFER);
    assert_int_equal(conf->milter.enforce_masked, ENFORCE_OBSERVE);
    assert_int_equal(conf->milter.own_mailer_count, 4);
    assert_string_equal(conf->milter.own_mailers[2], "lmtp");
    assert_int_equal(conf->milter.probe_expected_seconds, 26 * 3600);

    assert_int_equal(probe->interval_seconds, 6 * 3600);
    assert_int_equal(probe->vantage, VANTAGE_CLAIMED);
    assert_address(&probe->claim, "198.51.100.7");
    assert_int_equal(probe->public_address_count, 0);
    assert_address(&probe->source[0], "203.0.113.7");
    assert_address(&probe->source[1], "2001:db8::7");
    assert_int_equal(probe->resolver_count, 3);
    assert_address(&probe->resolvers[0].address, "192.0.2.53");
    assert_int_equal(probe->resolvers[0].port, 5353);
    assert_address(&probe->resolvers[1].address, "2001:db8::53");
    assert_int_equal(probe->resolvers[1].port, 53);
    assert_address(&probe->resolvers[2].address, "2001:db8::54");
    assert_int_equal(probe->resolvers[2].port, 53);
    assert_string_equal(probe->canary, "canary@outside.example.net");
    assert_int_equal(probe->proof, PROOF_RCPT);
    assert_int_equal(probe->dnsbl_count, 1);
    assert_string_equal(probe->dnsbl[0], "zen.spamhaus.org");
    assert_int_equal(probe->max_connections, 200);
    assert_int_equal(probe->max_refusals, 64);
    assert_int_equal(probe->timeout_seconds, 35);
    assert_int_equal(probe->history_seconds, 400L * 86400);
}

static void every_value_of_targets_and_alerts_is_typed(void **state)
{
    (void)state;
    conf_try_write(&attempt, "other", ".example.test\n", 0644);
    conf_try_load(&attempt, whole, CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    const struct conf_target *targets = attempt.conf->probe.targets;
    const struct alert_settings *alert = &attempt.conf->alert;

    assert_int_equal(attempt.conf->probe.target_count, 2);
    assert_string_equal(targets[0].name, "mx");
    assert_string_equal(targets[0].domain, "example.org");
    assert_null(targets[0].host);
    assert_int_equal(targets[0].port_count, 1);
    assert_int_equal(targets[0].ports[0], 25);
    assert_int_equal(targets[0].tls, TLS_AUTO);
    assert_int_equal(targets[0].expect_milter, CONF_AUTO);
    assert_int_equal(targets[0].interval_seconds, 6 * 3600);
    assert_int_equal(targets[0].line, 29);
    assert_string_equal(targets[1].name, "submission");
    assert_null(targets[1].domain);
    assert_string_equal(targets[1].host, "mail.example.org");
    assert_int_equal(targets[1].port_count, 2);
    assert_int_equal(targets[1].ports[1], 587);
    assert_int_equal(targets[1].tls, TLS_IMPLICIT);
    assert_int_equal(targets[1].expect_milter, CONF_TRUE);
    assert_int_equal(targets[1].interval_seconds, 90 * 60);

    assert_int_equal(alert->syslog_facility, LOG_LOCAL3);
    assert_int_equal(alert->syslog_format, SYSLOG_KV);
    assert_int_equal(alert->journal, JOURNAL_NO);
    assert_non_null(strstr(alert->json_path, "/log"));
    assert_int_equal(alert->command_count, 3);
    assert_string_equal(alert->command[1], "an argument");
    assert_string_equal(alert->command[2], "");
    assert_null(alert->command[3]);
    assert_string_equal(alert->metrics_directory, "");
    assert_int_equal(alert->remind_seconds, 24 * 3600);
    assert_int_equal(alert->quiet_after_seconds, 3600);
}

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    conf_try_load(&attempt, SITE, CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    const struct conf *conf = attempt.conf;

    assert_true(trusts("127.0.0.1") && trusts("::1") && !trusts("10.0.0.1"));
    assert_string_equal(conf->token_key_file, "");
    assert_string_equal(conf->milter.socket, "unix:/var/spool/postfix/relaywarden/milter.sock");
    assert_string_equal(conf->milter.socket_group, "postfix");
    assert_int_equal(conf->milter.socket_mode, 0660);
    assert_string_equal(conf->milter.user, "relaywarden");
    assert_int_equal(conf->milter.enforce, ENFORCE_OBSERVE);
    assert_int_equal(conf->milter.own_mailer_count, 4);
    assert_int_equal(conf->milter.probe_expected_seconds, 26 * 3600);
    assert_int_equal(conf->probe.vantage, VANTAGE_OUTSIDE);
    assert_int_equal(conf->probe.claim.family, ADDRESS_NONE);
    assert_int_equal(conf->probe.source[0].family, ADDRESS_NONE);
    assert_null(conf->probe.canary);
    assert_int_equal(conf->probe.proof, PROOF_RCPT);
    assert_int_equal(conf->probe.dnsbl_count, 1);
    assert_int_equal(conf->probe.max_connections, 200);
    assert_int_equal(conf->probe.max_refusals, 64);
    assert_int_equal(conf->probe.timeout_seconds, 35);
    assert_int_equal(conf->probe.target_count, 0);
    assert_int_equal(conf->alert.syslog_facility, LOG_MAIL);
    assert_int_equal(conf->alert.syslog_format, SYSLOG_KV);
    assert_int_equal(conf->alert.journal, JOURNAL_AUTO);
    assert_string_equal(conf->alert.json_path, "");
    assert_int_equal(conf->alert.command_count, 0);
    assert_int_equal(conf->alert.remind_seconds, 24 * 3600);
    assert_int_equal(conf->alert.quiet_after_seconds, 3600);
}

static void an_empty_list_is_not_the_default(void **state)
{
    (void)state;
    conf_try_load(&attempt,
                  "site { domains = { a.example } trusted_networks = { } }\n"
                  "milter { own_mailers = { } }\nprobe { " CANARY " dnsbl = { } }\n",
                  CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    assert_false(trusts("127.0.0.1"));
    assert_int_equal(attempt.conf->milter.own_mailer_count, 0);
    assert_int_equal(attempt.conf->probe.dnsbl_count, 0);
}

static void the_milter_needs_no_probe_section_and_the_probe_no_target(void **state)
{
    (void)state;
    conf_try_load(&attempt, SITE "probe { target \"x\" { } }\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    conf_try_load(&attempt, SITE, CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 2, "canary is missing");
    conf_try_load(&attempt, SITE PROBE, CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
}

/* Values that are wrong together; one mistake each. */
static void values_that_contradict_each_other_are_mistakes(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *says;
    } rows[] = {
        {SITE "probe { " CANARY " claim = 198.51.100.7\n}\n", 3, "vantage = claimed only"},
        {SITE "probe { " CANARY " vantage = inside\n claim = 198.51.100.7\n}\n", 4,
         "vantage = claimed only"},
        {SITE "probe { " CANARY " vantage = claimed\n}\n", 3, "needs claim"},
        {SITE PROBE "token_key_also = \"@/key\"\n", 4, "token_key_file must name the first"},
        {SITE "probe { " CANARY "target a {\n domain = a.example\n host = b.example }\n}\n", 5,
         "target \"a\" has both domain and host"},
        {"site { domains = { .example.net }\n}\nprobe { " CANARY "}\n", 3, "domain of the site"},
        {"site { domain_files = { \"@/domains\" } }\nprobe {\n canary = a@Example.TEST.\n}\n", 3,
         "\"example.test\" is a domain of the site"},
        {SITE "token_key_file = \"@/key\"\nprobe {\n canary = c@fw-RW1.example.net\n}\n", 4,
         "has \"rw1.\" in it"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        conf_try_load(&attempt, rows[i].text, CONF_PROBE);
        conf_try_expect_count(&attempt, 1);
        conf_try_expect_mistake(&attempt, rows[i].line, rows[i].says);
    }
}

static void values_that_agree_are_none(void **state)
{
    static const char *const texts[] = {
        "site { domains = { a.example }\n trusted_networks = { 0.0.0.0/0, ::/0 }\n"
        " allow_wide_networks = yes }\n" PROBE,
        "site { domains = { a.example } trusted_networks = { 198.51.0.0/16, 10.0.0.0/8 } }\n" PROBE,
        /* 37 octets leave room for a token, and without a key any length will do. */
        SITE
        "token_key_file = \"@/key\"\nprobe { canary = c@bcdefghijklmnopqrstuvwxyz.example.net }\n",
        SITE "probe { canary = c@abcdefghijklmnopqrstuvwxyz.example.net }\n",
        "site { domains = { .example.net }\n}\nprobe { canary = a@example.net }\n",
        "site { domains = { \"[192.0.2.25]\", \"b\xc3\xbc"
        "cher.example\" } }\n" PROBE,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        conf_try_load(&attempt, texts[i], CONF_PROBE);
        conf_try_expect_count(&attempt, 0);
    }
    assert_true(owns("xn--bcher-kva.example"));
}

/* ---- notes --------------------------------------------------------------------------- */

static void what_does_not_exist_yet_is_a_note(void **state)
{
    static const char text[] = SITE PROBE "milter {\n"
                                          " user = nosuchuser\n"
                                          " socket_group = nosuchgroup\n"
                                          " socket = \"unix:@/none/milter.sock\"\n"
                                          "}\n"
                                          "state_directory = \"@/state\"\n"
                                          "alert { json = \"@/logs/a.json\"\n"
                                          " metrics_directory = \"@/metrics\" }\n";
    (void)state;
    conf_try_load(&attempt, text, CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    conf_try_expect_note(&attempt, 5, "note: user: user \"nosuchuser\" does not exist yet");
    conf_try_expect_note(&attempt, 6, "note: socket_group: group \"nosuchgroup\" does not exist");
    conf_try_expect_note(&attempt, 7, "/none\" does not exist yet");
    conf_try_expect_note(&attempt, 9, "/state\" does not exist yet");
    conf_try_expect_note(&attempt, 10, "/logs\" does not exist yet");
    conf_try_expect_note(&attempt, 11, "/metrics\" does not exist yet");
    /* The probe looks at what it uses. */
    conf_try_load(&attempt, text, CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    conf_try_expect_note(&attempt, 9, "/state\" does not exist yet");
    conf_try_refuse_note(&attempt, "nosuch");
    conf_try_refuse_note(&attempt, "/none");
}

static void a_canary_that_is_still_the_samples_is_a_note(void **state)
{
    static const char text[] = SITE "probe { canary = \"canary@outside.example.net\" }\n";

    (void)state;
    conf_try_load(&attempt, text, CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    conf_try_expect_note(&attempt, 2, "is the sample's, and nobody's mailbox");
    conf_try_load(&attempt, text, CONF_MILTER);
    conf_try_refuse_note(&attempt, "canary");
    conf_try_load(&attempt, SITE "probe { canary = \"relaytest@outside.example.net\" }\n",
                  CONF_PROBE);
    conf_try_refuse_note(&attempt, "canary");
}

static void a_tcp_socket_off_the_loopback_address_is_a_note(void **state)
{
    static const struct {
        const char *socket;
        bool noted;
    } rows[] = {
        {"inet:8891@127.0.0.1", false},     {"inet6:8891@::1", false},
        {"inet:8891@localhost", false},     {"inet:8891@0.0.0.0", true},
        {"inet:8891@10.0.0.1", true},       {"inet6:8891@2001:db8::1", true},
        {"inet:8891@mx.example.org", true},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), SITE "milter { socket = %s }\n", rows[i].socket);
        conf_try_load(&attempt, text, CONF_MILTER);
        conf_try_expect_count(&attempt, 0);
        if (rows[i].noted)
            conf_try_expect_note(&attempt, 2, "milters have no authentication");
        else
            conf_try_refuse_note(&attempt, "authentication");
    }
}

/* ---- the sample ---------------------------------------------------------------------- */

static void the_shipped_sample_loads_for_both_programs(void **state)
{
    struct conf_report report;

    (void)state;
    for (int program = CONF_MILTER; program <= CONF_PROBE; program++) {
        struct conf *conf = conf_load("conf/relaywarden.conf", (enum conf_program)program, &report);
        for (size_t i = 0; i < report.mistake_count; i++)
            print_message("%s\n", report.mistakes[i]);
        assert_non_null(conf);
        assert_string_equal(site_main_domain(conf->site), "example.org");
        assert_string_equal(conf->probe.canary, "canary@outside.example.net");
        assert_int_equal(conf->probe.target_count, 1);
        conf_free(conf);
        conf_report_free(&report);
    }
}

/* As a process is that was started so by its parent: nobody can wait for the child that reads. */
static void a_file_is_read_where_the_ends_of_children_are_ignored(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);

    conf_try_load(&attempt, "site { domains = { example.org } }\n", CONF_MILTER);
    signal(SIGCHLD, before);
    conf_try_expect_count(&attempt, 0);
    assert_true(site_owns_domain(attempt.conf->site, "example.org", 11));
}

static int begin(void **state)
{
    (void)state;
    conf_try_begin(&attempt);
    return 0;
}

static int end(void **state)
{
    (void)state;
    conf_try_end(&attempt);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_where_the_ends_of_children_are_ignored),
        cmocka_unit_test(every_value_of_a_whole_file_is_typed),
        cmocka_unit_test(every_value_of_targets_and_alerts_is_typed),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(an_empty_list_is_not_the_default),
        cmocka_unit_test(the_milter_needs_no_probe_section_and_the_probe_no_target),
        cmocka_unit_test(values_that_contradict_each_other_are_mistakes),
        cmocka_unit_test(values_that_agree_are_none),
        cmocka_unit_test(what_does_not_exist_yet_is_a_note),
        cmocka_unit_test(a_tcp_socket_off_the_loopback_address_is_a_note),
        cmocka_unit_test(a_canary_that_is_still_the_samples_is_a_note),
        cmocka_unit_test(the_shipped_sample_loads_for_both_programs),
    };
    return cmocka_run_group_tests_name("conf_load", tests, begin, end);
}
