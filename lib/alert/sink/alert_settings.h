/*
 * alert_settings - the settings of the path from a finding to the operator
 *
 * conf fills it; the reporter and the sinks read it. All strings belong to the struct.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_ALERT_SETTINGS_H
#define RELAYWARDEN_LIB_ALERT_SINK_ALERT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

enum syslog_format {
    SYSLOG_KV,
    SYSLOG_CEE,
    SYSLOG_NONE,
};

enum journal_mode {
    JOURNAL_AUTO,
    JOURNAL_YES,
    JOURNAL_NO,
};

#define ALERT_JSON_OUTPUT "-" /* as a json_path: standard output */

struct mail_settings {
    char **to; /* addresses, or names of this machine's mailboxes; none = no mail */
    size_t to_count;
    char *from;     /* "" = relaywarden at this host */
    char **program; /* reads a message as sendmail -t does */
    size_t program_count;
};

#define ALERT_LASTS_SECONDS 300 /* an incident that lasts is told again each minute */

enum webhook_format {
    WEBHOOK_JSON,
    WEBHOOK_SLACK,
    WEBHOOK_MATRIX,
    WEBHOOK_NTFY,
};

struct webhook_settings {
    char *url; /* "" = none; it may hold a secret, and is in no message */
    enum webhook_format format;
    char *header_file; /* HTTP header lines; "" = none */
};

struct alert_settings {
    int syslog_facility; /* LOG_MAIL, ... */
    enum syslog_format syslog_format;
    enum journal_mode journal;
    char *json_path; /* "" = none, or ALERT_JSON_OUTPUT */
    char **command;  /* argument list, NULL-terminated; NULL or empty = none */
    size_t command_count;
    char *metrics_directory; /* "" = none */
    struct mail_settings mail;
    struct webhook_settings webhook;
    char **alertmanager; /* base addresses, "https://alerts.example.org"; none = no Alertmanager */
    size_t alertmanager_count;
    long remind_seconds;      /* an open incident is repeated this often; 0 = never */
    long quiet_after_seconds; /* an incident without events for this long is resolved; 0 = never */
    /* Not an option, but the program's nature: the probe hears nothing between two audits, so that
     * only an audit ends its incidents, and quiet_after does not. */
    bool audits_resolve;
    /* Not an option either: for how long an alert stands where nobody tells it again, for a program
     * that does not stay; 0 = ALERT_LASTS_SECONDS. */
    long lasts_seconds;
};

#endif
