#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/sendmail/cf.h"
#include "probe/rehearse/sendmail/mc.h"
#include "probe/rehearse/sendmail/places.h"
#include "probe/rehearse/sendmail/settle.h"

static struct cf cf_of(const char *text)
{
    struct cf cf;

    assert_true(cf_read(text, strlen(text), &cf));
    return cf;
}

static void a_line_goes_on_with_white_space_and_keeps_its_places(void **state)
{
    (void)state;
    static const char text[] = "# ours\n\nMlocal,\tP=/bin/x,\n\t\tA=x $u\nCwone\n";
    struct cf cf = cf_of(text);

    assert_int_equal(cf.count, 2);
    assert_int_equal(cf.lines[0].number, 3);
    assert_int_equal(strlen(cf.lines[0].text), cf.lines[0].end - cf.lines[0].begin);
    assert_int_equal(text[cf.lines[0].begin], 'M');
    assert_int_equal(cf.lines[1].number, 5);
    cf_free(&cf);
}

static void options_classes_and_maps_are_told_apart(void **state)
{
    (void)state;
    struct cf cf = cf_of("O DaemonPortOptions=Port=25, Name=MTA\n"
                         "C{R}one two\nCwthree\n"
                         "FR-o /etc/mail/relay-domains %[^\\#]\nF{w}|/bin/names\n"
                         "Kaccess hash -T<TMPF> /etc/mail/access.db\nKmacro macro\n");
    char name[CF_NAME_SIZE];
    char path[PATH_MAX];
    bool is_file = false;
    struct cf_map map;

    assert_string_equal(cf_option(&cf.lines[0], "daemonportoptions"), "Port=25, Name=MTA");
    assert_null(cf_option(&cf.lines[0], "Daemon"));
    assert_string_equal(cf_class(&cf.lines[1], name), "one two");
    assert_string_equal(name, "R");
    assert_string_equal(cf_class(&cf.lines[2], name), "three");
    assert_true(cf_class_file(&cf.lines[3], name, path, &is_file));
    assert_string_equal(path, "/etc/mail/relay-domains");
    assert_true(is_file);
    assert_true(cf_class_file(&cf.lines[4], name, path, &is_file));
    assert_false(is_file);
    assert_true(cf_map(&cf.lines[5], &map));
    assert_string_equal(map.path, "/etc/mail/access");
    assert_true(cf_map(&cf.lines[6], &map));
    assert_string_equal(map.path, "");
    cf_free(&cf);
}

static void rules_are_compared_without_white_space_and_comment(void **state)
{
    (void)state;
    char one[CF_RULE_SIZE];
    char other[CF_RULE_SIZE];

    assert_true(cf_rule("R<?> $+ < @ $=w >\t$@ RELAY\t\tFROM local", one));
    assert_true(cf_rule("R<?>$+<@$=w>\t\t$@RELAY", other));
    assert_string_equal(one, other);
    assert_false(cf_rule("RELAY", one));
}

static void statements_of_an_mc_end_with_their_bracket(void **state)
{
    (void)state;
    static const char text[] = "divert(-1)\ndnl FEATURE(`out')\n"
                               "define(`x', `a (b')dnl FEATURE(`comment')\n"
                               "FEATURE(`relay_mail_from', `domain')FEATURE(`second')dnl\n"
                               "RELAY_DOMAIN(`a\nb')\nFEATURE(`open";
    static const char *const wanted[] = {"divert",  "define",       "FEATURE",
                                         "FEATURE", "RELAY_DOMAIN", "FEATURE"};
    struct mc_statement statement;
    size_t at = 0;

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_true(mc_next(text, strlen(text), &at, &statement));
        assert_string_equal(statement.name, wanted[i]);
        if (i == 2) {
            assert_string_equal(statement.first, "relay_mail_from");
            assert_int_equal(text[statement.end - 1], ')');
        }
    }
    assert_int_equal(statement.end, strlen(text));
    assert_false(mc_next(text, strlen(text), &at, &statement));
}

static void the_copy_that_runs_keeps_its_lines_and_waits_for_nobody(void **state)
{
    (void)state;
    static const char text[] = "O QueueDirectory=/var/spool/mqueue\nO RunAsUser=smmsp\n"
                               "Xaway, S=inet:1@127.0.0.1, F=T, T=C:1m\nXlast, S=unix:/x, F=R\n"
                               "Qmqueue, P=/var/spool/mqueue, R=5\n"
                               "Sgreet_pause\nR$*\t$# 5000\nScheck_rcpt\nR$*\t$@ OK\n";
    size_t length = 0;
    char *milder = settle_sendmail_milder(text, strlen(text), false, &length);

    assert_non_null(milder);
    milder[length - 1] = '\0';
    assert_null(strstr(milder, "smmsp"));
    assert_null(strstr(milder, "/var/spool/mqueue"));
    assert_null(strstr(milder, "$# 5000"));
    assert_non_null(strstr(milder, "\nXaway, S=inet:1@127.0.0.1, T=C:1m\nXlast, S=unix:/x\n"));
    assert_non_null(strstr(milder, "\nQmqueue, R=5\n"));
    assert_non_null(strstr(milder, "\nScheck_rcpt\nR$*\t$@ OK\n"));
    free(milder);
}

static void beginnings_of_addresses_are_networks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned int prefix;
    } networks[] = {{"198", 8}, {"198.51.100", 24},    {"198.51.100.7", 32},
                    {"10.", 8}, {"IPv6:2001:db8", 32}, {"ipv6:2001:db8::7", 128}};
    struct network network;

    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        assert_true(place_network(networks[i].text, &network));
        assert_int_equal(network.prefix, networks[i].prefix);
    }
    assert_false(place_network("example.org", &network));
    assert_false(place_network("1.2.3.4.5", &network));
    assert_false(place_network("", &network));
}

static void keys_of_the_access_map_say_whom_they_are_about(void **state)
{
    (void)state;
    char tag[16];
    const char *rest;

    assert_true(place_access_key("connect:198.51", tag, &rest));
    assert_string_equal(tag, "connect");
    assert_string_equal(rest, "198.51");
    assert_true(place_access_key("ipv6:2001:db8", tag, &rest));
    assert_string_equal(tag, "");
    assert_false(place_access_key("tls_clt:example.org", tag, &rest));
    assert_true(place_lets_in("relay"));
    assert_true(place_lets_in("OK"));
    assert_false(place_lets_in("REJECT"));
    assert_false(place_lets_in("550 go away"));
    assert_false(place_lets_in("ERROR:5.7.1:550 no"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_goes_on_with_white_space_and_keeps_its_places),
        cmocka_unit_test(options_classes_and_maps_are_told_apart),
        cmocka_unit_test(rules_are_compared_without_white_space_and_comment),
        cmocka_unit_test(statements_of_an_mc_end_with_their_bracket),
        cmocka_unit_test(the_copy_that_runs_keeps_its_lines_and_waits_for_nobody),
        cmocka_unit_test(beginnings_of_addresses_are_networks),
        cmocka_unit_test(keys_of_the_access_map_say_whom_they_are_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
