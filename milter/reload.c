#include "milter/reload.h"

#include <string.h>
#include <syslog.h>

#include "milter/live_conf.h"

#define MISTAKES_SAID 5 /* the rest is for -t */

static void say_report(struct reporter *reporter, const struct conf_report *report)
{
    for (size_t i = 0; i < report->mistake_count && i < MISTAKES_SAID; i++) {
        reporter_say(reporter, LOG_ERR, "%s", report->mistakes[i]);
    }
    for (size_t i = 0; i < report->note_count; i++) {
        reporter_say(reporter, LOG_NOTICE, "%s", report->notes[i]);
    }
}

/* What a running process cannot change. */
static bool needs_restart(const struct conf *before, const struct conf *after)
{
    return strcmp(before->milter.socket, after->milter.socket) != 0 ||
           strcmp(before->milter.socket_group, after->milter.socket_group) != 0 ||
           before->milter.socket_mode != after->milter.socket_mode ||
           strcmp(before->milter.user, after->milter.user) != 0 ||
           strcmp(before->state_directory, after->state_directory) != 0;
}

static void put_in_force(struct reporter *reporter, const char *path, struct conf *conf)
{
    struct snapshot *before = snapshot_current();
    struct snapshot *next = snapshot_new(conf);

    if (next == NULL) {
        conf_free(conf);
        reporter_say(reporter, LOG_ERR, "out of memory: the configuration before stays in force");
    } else {
        if (before != NULL && needs_restart(before->conf, conf)) {
            reporter_say(reporter, LOG_WARNING,
                         "socket, socket_group, socket_mode, user and state_directory change only "
                         "with a restart; the other options of %s are in force",
                         path);
        }
        reporter_configure(reporter, &conf->alert);
        snapshot_install(next);
        reporter_say(reporter, LOG_INFO, "%s was read again and is in force", path);
    }
    snapshot_release(before);
}

void reload(const char *path, struct reporter *reporter)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(path, CONF_MILTER, &report);

    say_report(reporter, &report);
    if (conf == NULL) {
        reporter_say(reporter, LOG_ERR,
                     "%s is not taken (%zu wrong): the configuration before stays in force (see "
                     "relaywarden-milter -t --config %s)",
                     path, report.mistake_count, path);
    } else {
        put_in_force(reporter, path, conf);
    }
    conf_report_free(&report);
}
