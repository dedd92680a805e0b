/*
 * Every option of the configuration by itself: a good value loads; wrong values, a wrong shape, a
 * repetition and a misspelling are mistakes of their own line. Each row is a test of its own, run
 * for both programs, and again with comments of all sorts before and between the lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/schema.h"
#include "tests/unit/conf_try.h"

#define TEXT_SIZE 8192
#define NAME_SIZE 200

/* ---- a file with one line for the option --------------------------------------------- */

/* A line of the file. `section` != SECTION_COUNT: the option under test goes here. `unless`: left
 * empty if the option under test is one of these. */
static const struct {
    const char *text;
    enum conf_section section;
    const char *unless;
} lines[] = {
    {"site {", SECTION_COUNT, ""},
    {"domains = { \"example.org\" }", SECTION_COUNT, "domains"},
    {"", SECTION_SITE, ""},
    {"}", SECTION_COUNT, ""},
    {"", SECTION_ROOT, ""},
    {"token_key_file = \"@/key\"", SECTION_COUNT, "token_key_file"},
    {"milter {", SECTION_COUNT, ""},
    {"", SECTION_MILTER, ""},
    {"}", SECTION_COUNT, ""},
    {"probe {", SECTION_COUNT, ""},
    {"canary = \"canary@outside.example.net\"", SECTION_COUNT, "canary"},
    {"", SECTION_PROBE, ""},
    {"vantage = claimed", SECTION_COUNT,
     "interval vantage public_addresses source resolvers canary "
     "proof dnsbl max_connections max_refusals timeout history listen listen_names"},
    {"target \"mx\" {", SECTION_COUNT, ""},
    {"host = \"mx.example.org\"", SECTION_COUNT, "domain host"},
    {"", SECTION_TARGET, ""},
    {"} }", SECTION_COUNT, ""},
    {"alert {", SECTION_COUNT, ""},
    {"", SECTION_ALERT, ""},
    {"syslog {", SECTION_COUNT, ""},
    {"", SECTION_SYSLOG, ""},
    {"}", SECTION_COUNT, ""},
    {"mail {", SECTION_COUNT, ""},
    {"program = { \"@/run\" }", SECTION_COUNT, "the mailbox alone"},
    {"", SECTION_MAIL, ""},
    {"}", SECTION_COUNT, ""},
    {"webhook {", SECTION_COUNT, ""},
    {"", SECTION_WEBHOOK, ""},
    {"} }", SECTION_COUNT, ""},
};

/* The vantage line is wanted with `claim` alone, and mail's program with a mailbox: the default one
 * is not installed everywhere. */
static bool is_left_out(const char *unless, const struct conf_option *option)
{
    if (strstr(unless, "vantage") != NULL)
        return !(option->section == SECTION_PROBE && strcmp(option->name, "claim") == 0);
    if (strcmp(unless, "the mailbox alone") == 0)
        return !(option->section == SECTION_MAIL && strcmp(option->name, "to") == 0);
    return strstr(unless, option->name) != NULL && unless[0] != '\0' &&
           (strcmp(unless, option->name) == 0 || strcmp(unless, "domain host") == 0);
}

enum comments {
    COMMENTS_NONE,
    COMMENTS_BEFORE,
    COMMENTS_BETWEEN,
    COMMENT_KINDS,
};

static const char comment_block[] = "# one { \" '\n"
                                    "// two /*\n"
                                    "/* three\n"
                                    "   \" four # ${\n"
                                    "five */ /**/ /* six */ ## // \n"
                                    "\n";

struct built {
    char text[TEXT_SIZE];
    size_t used;
    int line; /* the last one begun */
    int option_line;
};

static void add(struct built *built, const char *text)
{
    size_t length = strlen(text);

    assert_true(built->used + length < sizeof(built->text));
    memcpy(built->text + built->used, text, length + 1);
    built->used += length;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n')
            built->line++;
}

static void build(struct built *built, const struct conf_option *option, const char *assignment,
                  enum comments comments)
{
    *built = (struct built){.line = 1};
    if (comments == COMMENTS_BEFORE)
        add(built, comment_block);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (comments == COMMENTS_BETWEEN)
            add(built, "/* } */ # between { \"\n // and ' again\n");
        if (lines[i].section == option->section) {
            built->option_line = built->line;
            add(built, assignment);
        } else if (!is_left_out(lines[i].unless, option)) {
            add(built, lines[i].text);
        }
        add(built, comments == COMMENTS_BETWEEN ? " # after } \n" : "\n");
    }
}

/* ---- rows ---------------------------------------------------------------------------- */

/* One good value of each option, and the same in the wrong shape. (Not const: cmocka's state is
 * not.) */
static struct good {
    enum conf_section section;
    const char *option;
    const char *value;
    const char *wrong_shape;
} goods[] = {
    {SECTION_ROOT, "token_key_file", "\"@/key\"", "{ \"@/key\" }"},
    {SECTION_ROOT, "token_key_also", "\"@/key\"", "{ \"@/key\" }"},
    {SECTION_ROOT, "state_directory", "\"/var/lib/relaywarden\"", "{ \"/var/lib/relaywarden\" }"},
    {SECTION_ROOT, "database", "\"postgresql://probe@db.example.org/relaywarden\"",
     "{ \"service=relaywarden\" }"},
    {SECTION_ROOT, "database", "\"service=relaywarden\"", "{ }"},
    {SECTION_ROOT, "database", "\"postgresql://me?x@db.example.org/x?passfile=/a%20b\"", "{ }"},
    {SECTION_ROOT, "database", "\"\"", "{ \"\" }"},
    {SECTION_ROOT, "vantage_name", "cloud-1.example", "{ cloud-1 }"},
    {SECTION_SITE, "domains", "{ \"example.org\", .example.test }", "example.org"},
    {SECTION_SITE, "domain_files", "{ \"@/domains\" }", "\"@/domains\""},
    {SECTION_SITE, "trusted_networks", "{ 10.0.0.0/8, ::1/128, 192.0.2.7 }", "10.0.0.0/8"},
    {SECTION_SITE, "allow_wide_networks", "true", "{ true }"},
    {SECTION_SITE, "client_certificates", "{ \"mail client 1\" }", "\"mail client 1\""},
    {SECTION_SITE, "hosts", "{ \"mx.provider.example\", .relays.example.net }", "mx.example.net"},
    {SECTION_MILTER, "socket", "inet:8891@127.0.0.1", "{ inet:8891@127.0.0.1 }"},
    {SECTION_MILTER, "socket_group", "\"root\"", "{ root }"},
    {SECTION_MILTER, "socket_mode", "0660", "{ 0660 }"},
    {SECTION_MILTER, "user", "\"\"", "{ }"},
    {SECTION_MILTER, "enforce", "hold", "{ hold }"},
    {SECTION_MILTER, "enforce_masked", "\"reject\"", "{ reject }"},
    {SECTION_MILTER, "own_mailers", "{ local, \"my-lmtp\" }", "local"},
    {SECTION_MILTER, "probe_expected", "0", "{ 26h }"},
    {SECTION_MILTER, "listen", "\"127.0.0.1:9826\"", "{ \"127.0.0.1:9826\" }"},
    {SECTION_MILTER, "listen_names", "{ mx.example.org, 192.0.2.1 }", "mx.example.org"},
    {SECTION_MILTER, "push", "\"postgresql://mx@db.example.org/relaywarden\"", "{ \"service=x\" }"},
    {SECTION_PROBE, "interval", "30m", "{ 30m }"},
    {SECTION_PROBE, "vantage", "inside", "{ inside }"},
    {SECTION_PROBE, "claim", "198.51.100.7", "{ 198.51.100.7 }"},
    {SECTION_PROBE, "public_addresses", "{ 203.0.113.7, 2001:db8::7 }", "203.0.113.7"},
    {SECTION_PROBE, "source", "{ 10.1.1.1, 2001:db8::7 }", "10.1.1.1"},
    {SECTION_PROBE, "resolvers", "{ 192.0.2.53:5353, \"[2001:db8::53]:53\" }", "192.0.2.53:53"},
    {SECTION_PROBE, "canary", "\"a+b@outside.example.net\"", "{ a@outside.example.net }"},
    {SECTION_PROBE, "proof", "delivered", "{ delivered }"},
    {SECTION_PROBE, "dnsbl", "{ bl.example.net }", "bl.example.net"},
    {SECTION_PROBE, "max_connections", "1", "{ 1 }"},
    {SECTION_PROBE, "target_files", "{ \"@/targets\" }", "\"@/targets\""},
    {SECTION_PROBE, "max_refusals", "8", "{ 8 }"},
    {SECTION_PROBE, "timeout", "35s", "{ 35s }"},
    {SECTION_PROBE, "history", "400d", "{ 400d }"},
    {SECTION_PROBE, "listen", "\"[::1]:9825\"", "{ \"[::1]:9825\" }"},
    {SECTION_PROBE, "listen", "\"\"", "{ \"127.0.0.1:9825\" }"},
    {SECTION_PROBE, "listen_names", "{ status.example.org, \"2001:db8::1\" }",
     "status.example.org"},
    {SECTION_TARGET, "domain", "example.org", "{ example.org }"},
    {SECTION_TARGET, "host", "2001:db8::25", "{ 2001:db8::25 }"},
    {SECTION_TARGET, "ports", "{ 025, \"465\" }", "25"},
    {SECTION_TARGET, "tls", "starttls", "{ starttls }"},
    {SECTION_TARGET, "expect_milter", "auto", "{ auto }"},
    {SECTION_TARGET, "interval", "1d", "{ 1d }"},
    {SECTION_ALERT, "journal", "no", "{ no }"},
    {SECTION_ALERT, "json", "\"@/other\"", "{ \"@/other\" }"},
    {SECTION_ALERT, "json", "\"-\"", "{ - }"},
    {SECTION_ALERT, "command", "{ \"@/run\", \"\", \"two words\" }", "\"@/run\""},
    {SECTION_ALERT, "alertmanager", "{ \"http://am1.example.org:9093\" }",
     "\"http://am1.example.org:9093\""},
    {SECTION_ALERT, "metrics_directory", "\"/tmp\"", "{ \"/tmp\" }"},
    {SECTION_ALERT, "remind", "0", "{ 24h }"},
    {SECTION_ALERT, "quiet_after", "\"90s\"", "{ 90s }"},
    {SECTION_SYSLOG, "facility", "local7", "{ mail }"},
    {SECTION_SYSLOG, "format", "none", "{ kv }"},
    {SECTION_WEBHOOK, "url", "\"https://alerts.example.org/hook?a=b\"",
     "{ \"https://alerts.example.org/hook\" }"},
    {SECTION_WEBHOOK, "format", "matrix", "{ ntfy }"},
    {SECTION_WEBHOOK, "header_file", "\"@/other\"", "{ \"@/other\" }"},
    {SECTION_MAIL, "to", "{ root, \"post+master@example.org\" }", "root"},
    {SECTION_MAIL, "from", "\"alerts@example.org\"", "{ \"alerts@example.org\" }"},
    {SECTION_MAIL, "program", "{ \"@/run\", \"-t\" }", "\"@/run\""},
};

/* One mistake each: exactly this one is reported, on the option's line. */
static struct wrong {
    enum conf_section section;
    const char *option;
    const char *value;
    const char *says;
} wrongs[] = {
    {SECTION_ROOT, "token_key_file", "token.key", "no absolute path"},
    {SECTION_ROOT, "token_key_file", "\"@/missing\"",
     "cannot be read: No such file or directory; relaywarden-probe keygen FILE makes a key"},
    {SECTION_ROOT, "token_key_file", "/tmp", "no regular file"},
    {SECTION_ROOT, "token_key_also", "\"token.key\"", "no absolute path"},
    {SECTION_ROOT, "token_key_also", "\"@/missing\"", "cannot be read: No such file"},
    {SECTION_ROOT, "state_directory", "\"\"", "no absolute path"},
    {SECTION_ROOT, "state_directory", "lib", "no absolute path"},
    {SECTION_ROOT, "state_directory", "\"@/key\"", "no directory"},
    {SECTION_ROOT, "state_directory", "\"@/key/below\"", "has a part that is no directory"},
    {SECTION_ROOT, "database", "\"mysql://db.example.org/x\"", "names no PostgreSQL server"},
    {SECTION_ROOT, "database", "\"host=db.example.org\"", "names no PostgreSQL server"},
    {SECTION_ROOT, "database", "\"service=a password=b\"", "names no PostgreSQL server"},
    {SECTION_ROOT, "database", "\"postgresql://me:secret@db.example.org/x\"",
     "a password does not belong in here"},
    {SECTION_ROOT, "database", "\"postgresql://db.example.org/x?password=secret\"",
     "a password does not belong in here"},
    {SECTION_ROOT, "database", "\"postgresql://me:se?ret@db.example.org/x\"",
     "a password does not belong in here"},
    {SECTION_ROOT, "database", "\"postgresql://db.example.org/x?%70assword=secret\"",
     "a password does not belong in here"},
    {SECTION_ROOT, "database", "\"postgres://db.example.org?sslmode=require&sslpassword=secret\"",
     "a password does not belong in here"},
    {SECTION_ROOT, "database", "\"postgresql://db.example.org/x?oauth_client_secret=secret\"",
     "a password does not belong in here"},
    {SECTION_ROOT, "vantage_name", "\"cloud 1\"", "is no name"},

    {SECTION_SITE, "domains", "{ \"exa mple.org\" }", "\"exa mple.org\" is no domain"},
    {SECTION_SITE, "domains", "{ \"\" }", "\"\" is no domain"},
    {SECTION_SITE, "domains", "{ a..b }", "is no domain; allowed: names as \"example.org\""},
    {SECTION_SITE, "domains", "{ 'user@example.org' }", "is no domain"},
    {SECTION_SITE, "domains", "{ \"-\" }",
     "\"-\" is no domain: a part of it begins or ends with a hyphen; allowed: names as"},
    {SECTION_SITE, "domains", "{ \".-\" }", "begins or ends with a hyphen"},
    {SECTION_SITE, "domains", "{ \"a.-b.example\" }", "begins or ends with a hyphen"},
    {SECTION_SITE, "hosts", "{ mx-.example.net }", "begins or ends with a hyphen"},
    {SECTION_SITE, "domains", "{ \"*.example.org\" }", "without the asterisk"},
    {SECTION_SITE, "domains", "{ 192.0.2.1 }", "is an address, not a domain"},
    {SECTION_SITE, "hosts", "{ 192.0.2.1 }", "is an address, not a domain; name the host"},
    {SECTION_SITE, "hosts", "{ [192.0.2.1] }", "is no domain; allowed"},
    {SECTION_SITE, "domains", "{ }", "domains are missing"},
    {SECTION_SITE, "domain_files", "{ domains }", "no absolute path"},
    {SECTION_SITE, "domain_files", "{ \"\" }", "no absolute path"},
    {SECTION_SITE, "domain_files", "{ \"@/missing\" }", "cannot be read: No such file"},
    {SECTION_SITE, "domain_files", "{ /tmp }", "no regular file"},
    {SECTION_SITE, "domain_files", "{ /dev/null }", "no regular file"},
    {SECTION_SITE, "trusted_networks", "{ 10.0.0.1/8 }", "write \"10.0.0.0/8\" for the whole"},
    {SECTION_SITE, "trusted_networks", "{ 10.0.0.1/8 }", "or \"10.0.0.1\" for the one address"},
    {SECTION_SITE, "trusted_networks", "{ 2001:db8::1/32 }", "\"2001:db8::/32\""},
    {SECTION_SITE, "trusted_networks", "{ 10.0.0.0/33 }", "no valid prefix"},
    {SECTION_SITE, "trusted_networks", "{ 10.0.0.0/08 }", "no valid prefix"},
    {SECTION_SITE, "trusted_networks", "{ 10.0.0 }", "is no network"},
    {SECTION_SITE, "trusted_networks", "{ localhost }", "is no network"},
    {SECTION_SITE, "trusted_networks", "{ 198.0.0.0/8 }", "wider than /16"},
    {SECTION_SITE, "trusted_networks", "{ 0.0.0.0/0 }", "allow_wide_networks = true"},
    {SECTION_SITE, "trusted_networks", "{ ::/0 }", "wider than /32"},
    {SECTION_SITE, "allow_wide_networks", "maybe", "neither true nor false"},
    {SECTION_SITE, "allow_wide_networks", "1", "neither true nor false"},
    {SECTION_SITE, "client_certificates", "{ \"\" }", "one line of 1 to 256 octets"},
    {SECTION_SITE, "client_certificates", "{ \"a\nb\" }", "not closed on the same line"},
    {SECTION_SITE, "client_certificates", "{ \"a\\nb\" }", "one line of 1 to 256 octets"},
    {SECTION_SITE, "hosts", "{ \"mx example\" }", "is no domain"},
    {SECTION_SITE, "hosts", "{ mx..example }", "is no domain"},
    {SECTION_SITE, "hosts", "{ \"*.example.net\" }", "is no domain"},

    {SECTION_MILTER, "socket", "\"\"", "unix:PATH, inet:PORT@HOST, inet6:PORT@HOST"},
    {SECTION_MILTER, "socket", "/run/milter.sock", "is no socket"},
    {SECTION_MILTER, "socket", "unix:milter.sock", "must be absolute"},
    {SECTION_MILTER, "socket",
     "unix:/0123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890123456789012345678901234567",
     "at most 107 octets"},
    {SECTION_MILTER, "socket", "inet:8891", "names no host"},
    {SECTION_MILTER, "socket", "inet:0@127.0.0.1", "no valid port"},
    {SECTION_MILTER, "socket", "inet:65536@127.0.0.1", "no valid port"},
    {SECTION_MILTER, "socket", "inet:smtp@127.0.0.1", "no valid port"},
    {SECTION_MILTER, "socket", "inet:8891@::1", "an IPv4 address"},
    {SECTION_MILTER, "socket", "inet6:8891@127.0.0.1", "an IPv6 address"},
    {SECTION_MILTER, "socket", "inet:8891@", "no valid host"},
    {SECTION_MILTER, "socket", "\"unix:@/key/below/it\"", "has a part that is no directory"},
    {SECTION_MILTER, "socket_group", "\"post fix\"", "no name of a user or group"},
    {SECTION_MILTER, "socket_mode", "0888", "three or four octal digits"},
    {SECTION_MILTER, "socket_mode", "1777", "0600 to 0777"},
    {SECTION_MILTER, "socket_mode", "0060", "0600 to 0777"},
    {SECTION_MILTER, "socket_mode", "rw", "no usable mode"},
    {SECTION_MILTER, "user", "\"a:b\"", "no name of a user or group"},
    {SECTION_MILTER, "enforce", "block", "allowed: observe, hold, defer, reject"},
    {SECTION_MILTER, "enforce_masked", "Hold", "allowed: observe, hold, defer, reject"},
    {SECTION_MILTER, "own_mailers", "{ \"lmtp:unix\" }", "no mailer's name"},
    {SECTION_MILTER, "own_mailers", "{ \"\" }", "no mailer's name"},
    {SECTION_MILTER, "probe_expected", "26", "a whole number and a unit"},
    {SECTION_MILTER, "probe_expected", "400d", "out of range; allowed: 0 or 1s to 366d"},

    {SECTION_PROBE, "interval", "0", "out of range; allowed: 1s to 366d"},
    {SECTION_PROBE, "interval", "6h h", "did not expect \"h\" here"},
    {SECTION_PROBE, "interval", "\"1h30m\"", "is no duration"},
    {SECTION_PROBE, "interval", "-6h", "is no duration"},
    {SECTION_PROBE, "interval", "6w", "is no duration"},
    {SECTION_PROBE, "interval", "99999999999999999999d", "out of range"},
    {SECTION_PROBE, "vantage", "nowhere", "allowed: outside, inside, claimed"},
    {SECTION_PROBE, "vantage", "claimed", "needs claim = \"ADDRESS\""},
    {SECTION_PROBE, "claim", "198.51.100", "is no IP address"},
    {SECTION_PROBE, "claim", "127.0.0.1", "in trusted_networks"},
    {SECTION_PROBE, "claim", "0.0.0.0", "no address of a client"},
    {SECTION_PROBE, "public_addresses", "{ here }", "is no IP address"},
    {SECTION_PROBE, "public_addresses", "{ 203.0.113.7, 203.0.113.8 }", "one of each family"},
    {SECTION_PROBE, "public_addresses", "{ 10.0.0.1 }", "cannot be reached from the internet"},
    {SECTION_PROBE, "source", "{ here }", "is no IP address"},
    {SECTION_PROBE, "source", "{ 2001:db8::1, 2001:db8::2 }", "a second IPv6 address"},
    {SECTION_PROBE, "source", "{ 0.0.0.0 }", "no single address"},
    {SECTION_PROBE, "resolvers", "{ ns.example.org:53 }", "is no resolver"},
    {SECTION_PROBE, "resolvers", "{ 192.0.2.53:0 }", "is no resolver"},
    {SECTION_PROBE, "resolvers", "{ \"[2001:db8::53]:x\" }", "is no resolver"},
    {SECTION_PROBE, "listen", "9825", "is no address with a port"},
    {SECTION_PROBE, "listen", "127.0.0.1", "is no address with a port"},
    {SECTION_PROBE, "listen", "127.0.0.1:0", "is no address with a port"},
    {SECTION_PROBE, "listen", "127.0.0.1:65536", "is no address with a port"},
    {SECTION_PROBE, "listen", "\":9825\"", "is no address with a port"},
    {SECTION_PROBE, "listen", "localhost:9825", "is no address with a port"},
    {SECTION_PROBE, "listen", "\"::1:9825\"", "is no address with a port"},
    {SECTION_PROBE, "listen", "\"[127.0.0.1]:9825\"", "is no address with a port"},
    {SECTION_MILTER, "listen", "\"[::1]\"", "is no address with a port"},
    {SECTION_PROBE, "listen_names", "{ \"a b\" }", "listen_names"},
    {SECTION_MILTER, "listen_names", "{ \"mx.example.org:80\" }", "listen_names"},
    {SECTION_MILTER, "push", "\"postgresql://me:secret@db.example.org/x\"",
     "a password does not belong in here"},
    {SECTION_PROBE, "canary", "\"\"", "is no mail address"},
    {SECTION_PROBE, "canary", "canary", "is no mail address"},
    {SECTION_PROBE, "canary", "canary@", "is no mail address"},
    {SECTION_PROBE, "canary", "canary@[192.0.2.1]", "is no mail address"},
    {SECTION_PROBE, "canary", "canary@192.0.2.1", "is an address, not a domain"},
    {SECTION_PROBE, "canary", "a..b@outside.example.net", "is no mail address"},
    {SECTION_PROBE, "canary", "'\"a b\"@outside.example.net'", "without quotes"},
    {SECTION_PROBE, "canary", "<a@outside.example.net>", "without brackets"},
    {SECTION_PROBE, "canary", "canary@EXAMPLE.org", "is a domain of the site"},
    {SECTION_PROBE, "canary", "c@abcdefghijklmnopqrstuvwxyz.example.net", "38"},
    {SECTION_PROBE, "proof", "observed", "allowed: rcpt, data, delivered"},
    {SECTION_PROBE, "dnsbl", "{ \"bl example\" }", "is no domain"},
    {SECTION_PROBE, "dnsbl", "{ .example.net }", "is no domain"},
    {SECTION_PROBE, "canary", "\"canary@-.example.net\"", "begins or ends with a hyphen"},
    {SECTION_PROBE, "max_connections", "0", "out of range; allowed: 1 to 4096"},
    {SECTION_PROBE, "max_connections", "many", "no whole number; allowed: 1 to 4096"},
    {SECTION_PROBE, "target_files", "{ targets }", "no absolute path"},
    {SECTION_PROBE, "target_files", "{ \"\" }", "no absolute path"},
    {SECTION_PROBE, "max_connections", "4097", "out of range"},
    {SECTION_PROBE, "max_refusals", "0", "out of range; allowed: 1 to 1000"},
    {SECTION_PROBE, "max_refusals", "18446744073709551617", "out of range"},
    {SECTION_PROBE, "timeout", "0", "out of range; allowed: 1s to 1h"},
    {SECTION_PROBE, "timeout", "61m", "out of range; allowed: 1s to 1h"},
    {SECTION_PROBE, "history", "1h", "out of range; allowed: 1d to 3660d"},

    {SECTION_TARGET, "domain", "a_b..c", "is no domain"},
    {SECTION_TARGET, "domain", ".example.org", "is no domain"},
    {SECTION_TARGET, "domain", "\"-\"", "begins or ends with a hyphen"},
    {SECTION_TARGET, "host", "\"-\"", "is no host"},
    {SECTION_TARGET, "host", "[2001:db8::25]", "write the address alone, 2001:db8::25"},
    {SECTION_TARGET, "host", "mx.example.org:25", "ports go into \"ports\""},
    {SECTION_TARGET, "host", "::1:25",
     "::/96, which no server has; allowed: an IPv6 address without"},
    {SECTION_TARGET, "ports", "{ }", "the list is empty"},
    {SECTION_TARGET, "ports", "{ 0 }", "out of range; allowed: 1 to 65535"},
    {SECTION_TARGET, "ports", "{ 65536 }", "out of range; allowed: 1 to 65535"},
    {SECTION_TARGET, "ports", "{ 0x19 }", "no whole number"},
    {SECTION_TARGET, "ports", "{ smtp }", "no whole number"},
    {SECTION_TARGET, "ports", "{ 25, 587, 025 }", "25 is there twice"},
    {SECTION_TARGET, "tls", "yes", "allowed: auto, none, starttls, implicit"},
    {SECTION_TARGET, "expect_milter", "perhaps", "allowed: auto, true, false"},
    {SECTION_TARGET, "interval", "0", "out of range; allowed: 1s to 366d"},

    {SECTION_ALERT, "journal", "maybe", "allowed: auto, yes, no"},
    {SECTION_ALERT, "json", "alerts.json", "no absolute path"},
    {SECTION_ALERT, "json", "/tmp", "is a directory; name a file"},
    {SECTION_ALERT, "json", "\"@/key/below/it\"", "has a part that is no directory"},
    {SECTION_ALERT, "command", "{ run, \"x\" }", "no absolute path"},
    {SECTION_ALERT, "command", "{ \"\" }", "no absolute path"},
    {SECTION_ALERT, "command", "{ \"@/missing\" }", "cannot be run: No such file"},
    {SECTION_ALERT, "command", "{ \"@/domains\" }", "is not executable"},
    {SECTION_ALERT, "command", "{ /tmp }", "no regular file"},
    {SECTION_ALERT, "metrics_directory", "metrics", "no absolute path"},
    {SECTION_ALERT, "metrics_directory", "\"@/key\"", "no directory"},
    {SECTION_ALERT, "remind", "1", "a whole number and a unit"},
    {SECTION_ALERT, "remind", "367d", "out of range; allowed: 0 or 1s to 366d"},
    {SECTION_ALERT, "quiet_after", "soon", "a whole number and a unit"},
    {SECTION_ALERT, "quiet_after", "367d", "out of range; allowed: 0 or 1s to 366d"},
    {SECTION_ALERT, "alertmanager", "{ \"am1.example.org:9093\" }", "no address of a receiver"},
    {SECTION_ALERT, "alertmanager", "{ \"\" }", "no address of a receiver"},
    {SECTION_ALERT, "alertmanager", "{ \"http://am1.example.org/?a\" }", "is no base address"},
    {SECTION_ALERT, "alertmanager", "{ \"http://me:secret@am1.example.org/\" }", "are not sent"},
    {SECTION_SYSLOG, "facility", "kernel", "allowed: mail, daemon, user"},
    {SECTION_SYSLOG, "format", "json", "allowed: kv, cee, none"},
    {SECTION_WEBHOOK, "url", "\"alerts.example.org\"", "no address of a receiver"},
    {SECTION_WEBHOOK, "url", "\"file:///etc/passwd\"", "no address of a receiver"},
    {SECTION_WEBHOOK, "url", "\"https:///hook\"", "no address of a receiver"},
    {SECTION_WEBHOOK, "url", "\"https://alerts.example.org/a b\"", "no address of a receiver"},
    {SECTION_WEBHOOK, "url", "\"https://me:secret@alerts.example.org/\"", "Authorization line"},
    {SECTION_WEBHOOK, "format", "teams", "allowed: json, slack, matrix, ntfy"},
    {SECTION_WEBHOOK, "header_file", "headers", "no absolute path"},
    {SECTION_MAIL, "to", "{ \"\" }", "is no mailbox"},
    {SECTION_MAIL, "to", "{ \"a\\nBcc: b@example.net\" }", "is no mail address"},
    {SECTION_MAIL, "to", "{ \"-oQ/tmp\" }", "is no mailbox"},
    {SECTION_MAIL, "to", "{ a@b@ }", "is no mail address"},
    {SECTION_MAIL, "from", "\"a b\"", "is no mailbox"},
    {SECTION_MAIL, "program", "{ }", "the list is empty"},
};

/* ---- tests --------------------------------------------------------------------------- */

static struct conf_try attempt;

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

/* Values that only one program looks at on the machine, or that are wrong for a reason on another
 * line. */
static int line_of_mistake(const struct wrong *row, const struct built *built)
{
    /* A missing option is missing at the closing brace. */
    if (strcmp(row->says, "domains are missing") == 0) {
        int newlines = 0;
        const char *c = strstr(built->text, "domains = { }");
        for (; *c != '}' || c[-1] != '\n'; c++)
            newlines += *c == '\n';
        return built->option_line + newlines;
    }
    return built->option_line;
}

static void a_wrong_value_is_a_mistake_of_its_line(void **state)
{
    const struct wrong *row = *state;
    const struct conf_option *option = conf_schema_option(row->section, row->option);
    char assignment[512];
    struct built built;

    snprintf(assignment, sizeof(assignment), "%s = %s", row->option, row->value);
    /* A socket's folder is the milter's alone. */
    bool milter_only = strstr(row->value, "unix:@/") != NULL;
    bool dangling = strcmp(row->says, "domains are missing") == 0;
    for (int comments = 0; comments < (dangling ? COMMENTS_BETWEEN : COMMENT_KINDS); comments++) {
        build(&built, option, assignment, (enum comments)comments);
        for (int program = CONF_MILTER; program <= (milter_only ? CONF_MILTER : CONF_PROBE);
             program++) {
            conf_try_load(&attempt, built.text, (enum conf_program)program);
            conf_try_expect_count(&attempt, 1);
            conf_try_expect_mistake(&attempt, line_of_mistake(row, &built), row->says);
        }
    }
}

static void a_good_value_loads(void **state)
{
    const struct good *row = *state;
    const struct conf_option *option = conf_schema_option(row->section, row->option);
    char assignment[512];
    struct built built;

    snprintf(assignment, sizeof(assignment), "%s = %s", row->option, row->value);
    for (int comments = 0; comments < COMMENT_KINDS; comments++) {
        build(&built, option, assignment, (enum comments)comments);
        for (int program = CONF_MILTER; program <= CONF_PROBE; program++) {
            conf_try_load(&attempt, built.text, (enum conf_program)program);
            conf_try_expect_count(&attempt, 0);
        }
    }
}

static void a_list_for_a_value_or_a_value_for_a_list_is_a_mistake(void **state)
{
    const struct good *row = *state;
    const struct conf_option *option = conf_schema_option(row->section, row->option);
    char assignment[512];
    struct built built;

    snprintf(assignment, sizeof(assignment), "%s = %s", row->option, row->wrong_shape);
    for (int comments = 0; comments < COMMENT_KINDS; comments++) {
        build(&built, option, assignment, (enum comments)comments);
        conf_try_load(&attempt, built.text, CONF_PROBE);
        conf_try_expect_count(&attempt, 1);
        conf_try_expect_mistake(&attempt, built.option_line,
                                option->list ? "a list is expected" : "one value is expected");
    }
}

static void an_option_set_twice_is_a_mistake_of_the_second_line(void **state)
{
    const struct good *row = *state;
    const struct conf_option *option = conf_schema_option(row->section, row->option);
    char assignment[1024];
    char says[64];
    struct built built;

    snprintf(assignment, sizeof(assignment), "%s = %s\n%s = %s", row->option, row->value,
             row->option, row->value);
    for (int comments = 0; comments < COMMENT_KINDS; comments++) {
        build(&built, option, assignment, (enum comments)comments);
        snprintf(says, sizeof(says), "%s is set twice, first on line %d", row->option,
                 built.option_line);
        conf_try_load(&attempt, built.text, CONF_PROBE);
        conf_try_expect_count(&attempt, 1);
        conf_try_expect_mistake(&attempt, built.option_line + 1, says);
    }
}

static void a_misspelt_option_is_a_mistake_that_names_the_right_one(void **state)
{
    const struct good *row = *state;
    const struct conf_option *option = conf_schema_option(row->section, row->option);
    char assignment[512];
    char says[128];
    struct built built;

    snprintf(assignment, sizeof(assignment), "%sx = %s", row->option, row->value);
    snprintf(says, sizeof(says), "did you mean \"%s\"? Allowed here: ", row->option);
    for (int comments = 0; comments < COMMENT_KINDS; comments++) {
        build(&built, option, assignment, (enum comments)comments);
        conf_try_load(&attempt, built.text, CONF_PROBE);
        conf_try_expect_mistake(&attempt, built.option_line, says);
    }
}

static void every_option_has_a_good_value_and_a_wrong_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        bool good = false;
        bool wrong = false;
        for (size_t j = 0; j < sizeof(goods) / sizeof(goods[0]); j++)
            good |=
                goods[j].section == option->section && strcmp(goods[j].option, option->name) == 0;
        for (size_t j = 0; j < sizeof(wrongs) / sizeof(wrongs[0]); j++)
            wrong |=
                wrongs[j].section == option->section && strcmp(wrongs[j].option, option->name) == 0;
        if (!good || !wrong)
            fail_msg("%s is not covered", option->name);
    }
}

#define GOOD_COUNT  (sizeof(goods) / sizeof(goods[0]))
#define WRONG_COUNT (sizeof(wrongs) / sizeof(wrongs[0]))
#define TEST_COUNT  (1 + WRONG_COUNT + 4 * GOOD_COUNT)

static struct CMUnitTest tests[TEST_COUNT];
static char names[TEST_COUNT][NAME_SIZE];
static size_t used;

static void add_test(CMUnitTestFunction function, void *row, const char *option, const char *what)
{
    snprintf(names[used], NAME_SIZE, "%s%s%s", option, option[0] != '\0' ? ": " : "", what);
    for (char *c = names[used]; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    tests[used] =
        (struct CMUnitTest){.name = names[used], .test_func = function, .initial_state = row};
    used++;
}

int main(void)
{
    char what[NAME_SIZE];

    add_test(every_option_has_a_good_value_and_a_wrong_one, NULL, "",
             "every_option_has_a_good_value_and_a_wrong_one");
    for (size_t i = 0; i < WRONG_COUNT; i++) {
        snprintf(what, sizeof(what), "%.80s is a mistake of its line", wrongs[i].value);
        add_test(a_wrong_value_is_a_mistake_of_its_line, &wrongs[i], wrongs[i].option, what);
    }
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        struct good *row = &goods[i];
        add_test(a_good_value_loads, row, row->option, "a_good_value_loads");
        add_test(a_list_for_a_value_or_a_value_for_a_list_is_a_mistake, row, row->option,
                 "a_list_for_a_value_or_a_value_for_a_list_is_a_mistake");
        add_test(an_option_set_twice_is_a_mistake_of_the_second_line, row, row->option,
                 "an_option_set_twice_is_a_mistake_of_the_second_line");
        add_test(a_misspelt_option_is_a_mistake_that_names_the_right_one, row, row->option,
                 "a_misspelt_option_is_a_mistake_that_names_the_right_one");
    }
    return _cmocka_run_group_tests("conf_options", tests, used, begin, end);
}
