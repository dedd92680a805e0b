#include "conf/schema.h"

#include <string.h>
#include <syslog.h>

#define MINUTE 60L
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (366 * DAY)

const struct conf_section_row conf_sections[SECTION_COUNT] = {
    [SECTION_ROOT] = {.name = "root", .parent = SECTION_COUNT},
    [SECTION_SITE] = {.name = "site", .parent = SECTION_ROOT},
    [SECTION_MILTER] = {.name = "milter", .parent = SECTION_ROOT},
    [SECTION_PROBE] = {.name = "probe", .parent = SECTION_ROOT},
    [SECTION_TARGET] = {.name = "target", .parent = SECTION_PROBE, .titled = true},
    [SECTION_ALERT] = {.name = "alert", .parent = SECTION_ROOT},
    [SECTION_SYSLOG] = {.name = "syslog", .parent = SECTION_ALERT},
    [SECTION_MAIL] = {.name = "mail", .parent = SECTION_ALERT},
    [SECTION_WEBHOOK] = {.name = "webhook", .parent = SECTION_ALERT},
};

static const struct conf_word enforcements[] = {
    {"observe", ENFORCE_OBSERVE},
    {"hold", ENFORCE_HOLD},
    {"defer", ENFORCE_DEFER},
    {"reject", ENFORCE_REJECT},
    {NULL, 0},
};

static const struct conf_word vantages[] = {
    {"outside", VANTAGE_OUTSIDE},
    {"inside", VANTAGE_INSIDE},
    {"claimed", VANTAGE_CLAIMED},
    {NULL, 0},
};

/* PROOF_OBSERVED cannot be asked for: it comes by itself where a milter answers. */
static const struct conf_word proofs[] = {
    {"rcpt", PROOF_RCPT},
    {"data", PROOF_DATA},
    {"delivered", PROOF_DELIVERED},
    {NULL, 0},
};

static const struct conf_word tls_modes[] = {
    {"auto", TLS_AUTO},         {"none", TLS_NONE}, {"starttls", TLS_STARTTLS},
    {"implicit", TLS_IMPLICIT}, {NULL, 0},
};

static const struct conf_word syslog_formats[] = {
    {"kv", SYSLOG_KV},
    {"cee", SYSLOG_CEE},
    {"none", SYSLOG_NONE},
    {NULL, 0},
};

static const struct conf_word journal_modes[] = {
    {"auto", JOURNAL_AUTO},
    {"yes", JOURNAL_YES},
    {"no", JOURNAL_NO},
    {NULL, 0},
};

static const struct conf_word webhook_formats[] = {
    {"json", WEBHOOK_JSON},
    {"slack", WEBHOOK_SLACK},
    {"matrix", WEBHOOK_MATRIX},
    {"ntfy", WEBHOOK_NTFY},
    {NULL, 0},
};

static const struct conf_word facilities[] = {
    {"mail", LOG_MAIL},         {"daemon", LOG_DAEMON},
    {"user", LOG_USER},         {"auth", LOG_AUTH},
    {"authpriv", LOG_AUTHPRIV}, {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},     {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},     {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},     {NULL, 0},
};

#define DEFAULTS(...)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define AT(type, member) .offset = offsetof(struct type, member)
#define LIST(type, member, count)                                                                  \
    .list = true, AT(type, member), .count_offset = offsetof(struct type, count)
#define LOOSE(member)             .loose = true, AT(conf_loose, member)
#define LOOSE_LIST(member, count) .loose = true, LIST(conf_loose, member, count)

const struct conf_option conf_options[] = {
    {SECTION_ROOT, TYPE_PATH, "token_key_file", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, token_key_file)},
    {SECTION_ROOT, TYPE_PATH, "token_key_also", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, token_key_also)},
    {SECTION_ROOT, TYPE_PATH, "state_directory", .defaults = DEFAULTS("/var/lib/relaywarden"),
     AT(conf, state_directory)},
    {SECTION_ROOT, TYPE_DATABASE, "database", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, database)},
    {SECTION_ROOT, TYPE_NAME, "vantage_name", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, vantage_name)},

    {SECTION_SITE, TYPE_DOMAIN_PATTERN, "domains", .optional = true,
     LOOSE_LIST(domains, domain_count)},
    {SECTION_SITE, TYPE_PATH, "domain_files", .optional = true,
     LOOSE_LIST(domain_files, domain_file_count)},
    {SECTION_SITE, TYPE_NETWORK, "trusted_networks", .optional = true,
     .defaults = DEFAULTS("127.0.0.0/8", "::1/128"), LOOSE_LIST(networks, network_count)},
    {SECTION_SITE, TYPE_BOOLEAN, "allow_wide_networks", .defaults = DEFAULTS("false"),
     LOOSE(allow_wide_networks)},
    {SECTION_SITE, TYPE_TEXT, "client_certificates", .optional = true,
     LOOSE_LIST(certificates, certificate_count)},
    {SECTION_SITE, TYPE_DOMAIN_PATTERN, "hosts", .optional = true, LOOSE_LIST(hosts, host_count)},

    {SECTION_MILTER, TYPE_SOCKET, "socket",
     .defaults = DEFAULTS("unix:/var/spool/postfix/relaywarden/milter.sock"),
     AT(conf, milter.socket)},
    {SECTION_MILTER, TYPE_ACCOUNT, "socket_group", .optional = true,
     .defaults = DEFAULTS("postfix"), AT(conf, milter.socket_group)},
    {SECTION_MILTER, TYPE_MODE, "socket_mode", .least = 0600, .most = 0777,
     .defaults = DEFAULTS("0660"), AT(conf, milter.socket_mode)},
    {SECTION_MILTER, TYPE_ACCOUNT, "user", .optional = true, .defaults = DEFAULTS("relaywarden"),
     AT(conf, milter.user)},
    {SECTION_MILTER, TYPE_WORD, "enforce", .words = enforcements, .defaults = DEFAULTS("observe"),
     AT(conf, milter.enforce)},
    {SECTION_MILTER, TYPE_WORD, "enforce_masked", .words = enforcements,
     .defaults = DEFAULTS("observe"), AT(conf, milter.enforce_masked)},
    {SECTION_MILTER, TYPE_MAILER, "own_mailers", .optional = true,
     .defaults = DEFAULTS("local", "virtual", "lmtp", "relay"),
     LIST(conf, milter.own_mailers, milter.own_mailer_count)},
    {SECTION_MILTER, TYPE_DURATION, "probe_expected", .optional = true, .least = 1, .most = YEAR,
     .defaults = DEFAULTS("26h"), AT(conf, milter.probe_expected_seconds)},
    {SECTION_MILTER, TYPE_DATABASE, "push", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, milter.push)},
    {SECTION_MILTER, TYPE_PLACE, "listen", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, milter.http.listen)},
    {SECTION_MILTER, TYPE_HOST, "listen_names", .optional = true,
     LIST(conf, milter.http.names, milter.http.name_count)},

    {SECTION_PROBE, TYPE_DURATION, "interval", .least = 1, .most = YEAR, .defaults = DEFAULTS("6h"),
     AT(conf, probe.interval_seconds)},
    {SECTION_PROBE, TYPE_WORD, "vantage", .words = vantages, .defaults = DEFAULTS("outside"),
     AT(conf, probe.vantage)},
    {SECTION_PROBE, TYPE_ADDRESS, "claim", AT(conf, probe.claim)},
    {SECTION_PROBE, TYPE_ADDRESS, "public_addresses", .optional = true,
     LIST(conf, probe.public_addresses, probe.public_address_count)},
    {SECTION_PROBE, TYPE_ADDRESS, "source", .optional = true, LOOSE_LIST(sources, source_count)},
    {SECTION_PROBE, TYPE_RESOLVER, "resolvers", .optional = true,
     LIST(conf, probe.resolvers, probe.resolver_count)},
    {SECTION_PROBE, TYPE_MAIL_ADDRESS, "canary", AT(conf, probe.canary)},
    {SECTION_PROBE, TYPE_WORD, "proof", .words = proofs, .defaults = DEFAULTS("rcpt"),
     AT(conf, probe.proof)},
    {SECTION_PROBE, TYPE_DOMAIN, "dnsbl", .optional = true,
     .defaults = DEFAULTS("zen.spamhaus.org"), LIST(conf, probe.dnsbl, probe.dnsbl_count)},
    {SECTION_PROBE, TYPE_COUNT, "max_connections", .least = 1, .most = 4096,
     .defaults = DEFAULTS("200"), AT(conf, probe.max_connections)},
    {SECTION_PROBE, TYPE_COUNT, "max_refusals", .least = 1, .most = 1000,
     .defaults = DEFAULTS("64"), AT(conf, probe.max_refusals)},
    {SECTION_PROBE, TYPE_DURATION, "timeout", .least = 1, .most = HOUR, .defaults = DEFAULTS("35s"),
     AT(conf, probe.timeout_seconds)},
    {SECTION_PROBE, TYPE_DURATION, "history", .least = DAY, .most = 10 * YEAR,
     .defaults = DEFAULTS("400d"), AT(conf, probe.history_seconds)},
    {SECTION_PROBE, TYPE_PLACE, "listen", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, probe.http.listen)},
    {SECTION_PROBE, TYPE_HOST, "listen_names", .optional = true,
     LIST(conf, probe.http.names, probe.http.name_count)},
    {SECTION_PROBE, TYPE_PATH, "target_files", .optional = true,
     LOOSE_LIST(target_files, target_file_count)},

    {SECTION_TARGET, TYPE_DOMAIN, "domain", AT(conf_target, domain)},
    {SECTION_TARGET, TYPE_HOST, "host", AT(conf_target, host)},
    {SECTION_TARGET, TYPE_PORT, "ports", .least = 1, .most = 65535, .defaults = DEFAULTS("25"),
     LIST(conf_target, ports, port_count)},
    {SECTION_TARGET, TYPE_WORD, "tls", .words = tls_modes, .defaults = DEFAULTS("auto"),
     AT(conf_target, tls)},
    {SECTION_TARGET, TYPE_TRISTATE, "expect_milter", .defaults = DEFAULTS("auto"),
     AT(conf_target, expect_milter)},
    /* Without a default: the probe's own interval. */
    {SECTION_TARGET, TYPE_DURATION, "interval", .least = 1, .most = YEAR,
     AT(conf_target, interval_seconds)},

    {SECTION_ALERT, TYPE_WORD, "journal", .words = journal_modes, .defaults = DEFAULTS("auto"),
     AT(conf, alert.journal)},
    {SECTION_ALERT, TYPE_OUTPUT, "json", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, alert.json_path)},
    {SECTION_ALERT, TYPE_ARGUMENT, "command", .optional = true,
     LIST(conf, alert.command, alert.command_count)},
    {SECTION_ALERT, TYPE_URL, "alertmanager", .optional = true,
     LIST(conf, alert.alertmanager, alert.alertmanager_count)},
    {SECTION_ALERT, TYPE_PATH, "metrics_directory", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, alert.metrics_directory)},
    {SECTION_ALERT, TYPE_DURATION, "remind", .optional = true, .least = 1, .most = YEAR,
     .defaults = DEFAULTS("24h"), AT(conf, alert.remind_seconds)},
    {SECTION_ALERT, TYPE_DURATION, "quiet_after", .optional = true, .least = 1, .most = YEAR,
     .defaults = DEFAULTS("1h"), AT(conf, alert.quiet_after_seconds)},

    {SECTION_SYSLOG, TYPE_WORD, "facility", .words = facilities, .defaults = DEFAULTS("mail"),
     AT(conf, alert.syslog_facility)},
    {SECTION_SYSLOG, TYPE_WORD, "format", .words = syslog_formats, .defaults = DEFAULTS("kv"),
     AT(conf, alert.syslog_format)},

    {SECTION_MAIL, TYPE_MAILBOX, "to", .optional = true,
     LIST(conf, alert.mail.to, alert.mail.to_count)},
    {SECTION_MAIL, TYPE_MAILBOX, "from", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, alert.mail.from)},
    {SECTION_MAIL, TYPE_ARGUMENT, "program", .defaults = DEFAULTS("/usr/sbin/sendmail", "-t", "-i"),
     LIST(conf, alert.mail.program, alert.mail.program_count)},

    {SECTION_WEBHOOK, TYPE_URL, "url", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, alert.webhook.url)},
    {SECTION_WEBHOOK, TYPE_WORD, "format", .words = webhook_formats, .defaults = DEFAULTS("json"),
     AT(conf, alert.webhook.format)},
    {SECTION_WEBHOOK, TYPE_PATH, "header_file", .optional = true, .defaults = DEFAULTS(""),
     AT(conf, alert.webhook.header_file)},
};

const size_t conf_option_count = sizeof(conf_options) / sizeof(conf_options[0]);

const struct conf_option *conf_schema_option(enum conf_section section, const char *name)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        if (conf_options[i].section == section && strcmp(conf_options[i].name, name) == 0) {
            return &conf_options[i];
        }
    }
    return NULL;
}

enum conf_section conf_schema_section(enum conf_section parent, const char *name)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (conf_sections[i].parent == parent && strcmp(conf_sections[i].name, name) == 0) {
            return (enum conf_section)i;
        }
    }
    return SECTION_COUNT;
}
