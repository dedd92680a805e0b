#include "milter/reload.h"

#include <string.h>
#include <syslog.h>

#include "milter/live_conf.h"

#define MISTAKES_SAID 5   /* the rest is for -t */
#define WHY_SIZE      768 /* one sentence a sink */

static void say_report(struct reporter *reporter, const struct conf_report *report)
{
    for (size_t i = 0; i < report->mistake_count && i < MISTAKES_SAID; i++) {
        reporter_say(reporter, LOG_ERR, "%s", report->mistakes[i]);
    }
    for (size_t i = 0; i < report->note_count; i++) {
        reporter_say(reporter, LOG_NOTICE, "%s", report->notes[i]);
    }
}

/* Options that a running process cannot change. */
static bool needs_restart(const struct conf *before, const struct conf *after)
{
    return strcmp(before->milter.socket, after->milter.socket) != 0 ||
           strcmp(before->milter.socket_group, after->milter.socket_group) != 0 ||
           before->milter.socket_mode != after->milter.socket_mode ||
           strcmp(before->milter.user, after->milter.user) != 0 ||
           strcmp(before->milter.push, after->milter.push) != 0 ||
           strcmp(before->state_directory, after->state_directory) != 0;
}

void reload_say_transports(struct reporter *reporter, enum mta_answer answer,
                           const struct mta_transports *transports,
                           const struct conf_milter *settings)
{
    if (answer == MTA_NOT_POSTFIX) {
        reporter_say(reporter, LOG_INFO,
                     "no postconf on this host; own_mailers counts as declared");
    } else if (answer == MTA_SILENT) {
        reporter_say(
            reporter, LOG_WARNING,
            "postconf failed, or took longer than %d s: a transport by which Postfix sends mail "
            "for others may count as own (to see why, run as this user: postconf -xh "
            "default_transport)",
            MTA_TRANSPORTS_MS / 1000);
    }
    for (size_t i = 0; i < settings->own_mailer_count; i++) {
        const char *mailer = settings->own_mailers[i];
        const char *parameter = mta_transports_parameter(transports, mailer);
        if (parameter != NULL) {
            reporter_say(
                reporter, LOG_WARNING,
                "own_mailers names %s, by which Postfix also sends mail for others (%s): it "
                "does not count as own, and what it carries for undeclared domains counts as "
                "relayed",
                mailer, parameter);
        }
    }
    if (transports->unlisted) {
        reporter_say(
            reporter, LOG_NOTICE,
            "a table of Postfix's sender_dependent_default_transport_maps cannot be listed, or "
            "names too many transports; check that own_mailers names none of them");
    }
}

/* A transport that cannot be learnt now stays as it was: a reload makes the judgement no milder by
 * itself. */
static void ask_mta(struct reporter *reporter, const struct live_conf *before,
                    const struct conf *conf, struct mta_transports *transports)
{
    enum mta_answer answer = mta_transports_ask(transports);

    if (answer == MTA_SILENT && before != NULL) {
        mta_transports_add_all(transports, &before->transports);
    }
    reload_say_transports(reporter, answer, transports, &conf->milter);
}

static void put_in_force(struct reporter *reporter, const char *path, struct conf *conf)
{
    struct mta_transports transports;
    struct live_conf *before = live_conf_current();

    ask_mta(reporter, before, conf, &transports);
    struct live_conf *next = live_conf_new(conf, &transports);

    if (next == NULL) {
        conf_free(conf);
        reporter_say(reporter, LOG_ERR, "out of memory; keeping the current configuration");
    } else {
        if (before != NULL && needs_restart(before->conf, conf)) {
            reporter_say(reporter, LOG_WARNING,
                         "socket, socket_group, socket_mode, user, push and state_directory change "
                         "only with a restart; the other options of %s are in force",
                         path);
        }
        reporter_configure(reporter, &conf->alert);
        live_conf_install(next);
        reporter_say(reporter, LOG_INFO, "%s was read again and is in force", path);
    }
    live_conf_release(before);
}

/* As at the start: a filter whose alerts nobody hears is none. */
static bool could_tell(struct reporter *reporter, const struct conf *conf)
{
    char why[WHY_SIZE];

    if (reporter_could_tell(reporter, &conf->alert, why, sizeof(why))) {
        return true;
    }
    reporter_say(reporter, LOG_ERR,
                 "reload failed; keeping the current configuration: no sink works, so nobody would "
                 "hear of an alert (name one that does in alert { }): %s",
                 why);
    return false;
}

void reload(const char *path, struct reporter *reporter, struct web *web)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(path, CONF_MILTER, &report);

    say_report(reporter, &report);
    if (conf == NULL && report.mistake_count == 0) {
        reporter_say(reporter, LOG_ERR,
                     "reload failed; keeping the current configuration: out of memory");
    } else if (conf == NULL) {
        reporter_say(reporter, LOG_ERR,
                     "reload failed; keeping the current configuration (%zu mistake%s in %s)",
                     report.mistake_count, report.mistake_count == 1 ? "" : "s", path);
    } else if (!could_tell(reporter, conf)) {
        conf_free(conf);
    } else if (!web_move(web, &conf->milter.http)) {
        reporter_say(reporter, LOG_ERR, "reload failed; keeping the current configuration");
        conf_free(conf);
    } else {
        put_in_force(reporter, path, conf);
    }
    conf_report_free(&report);
}
