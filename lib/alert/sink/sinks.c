#include "lib/alert/sink/sink.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Where systemd-journald has its sockets, /dev/log among them. */
#define JOURNAL_DIRECTORY "/run/systemd/journal/"

bool sink_syslog_is_journal(const char *socket)
{
    char resolved[PATH_MAX];
    const char *path = socket == NULL ? "/dev/log" : socket;

    return realpath(path, resolved) != NULL &&
           strncmp(resolved, JOURNAL_DIRECTORY, sizeof(JOURNAL_DIRECTORY) - 1) == 0;
}

static bool wants_journal(const struct sink_source *source)
{
    const struct alert_settings *settings = source->settings;

    if (settings->journal != JOURNAL_AUTO)
        return settings->journal == JOURNAL_YES;
    return settings->syslog_format != SYSLOG_NONE && sink_syslog_is_journal(source->syslog_socket);
}

/* The journal takes syslog's place where each line would arrive there twice. */
static bool wants_syslog(const struct sink_source *source)
{
    return source->settings->syslog_format != SYSLOG_NONE &&
           !(wants_journal(source) && sink_syslog_is_journal(source->syslog_socket));
}

static bool wants_json(const struct sink_source *source)
{
    const char *path = source->settings->json_path;

    return path != NULL && path[0] != '\0';
}

static bool wants_command(const struct sink_source *source)
{
    return source->settings->command_count > 0;
}

static bool wants_metrics(const struct sink_source *source)
{
    const char *directory = source->settings->metrics_directory;

    return directory != NULL && directory[0] != '\0';
}

const struct sink_kind sink_kinds[] = {
    {"syslog", false, wants_syslog, sink_syslog_new},
    {"journal", false, wants_journal, sink_journal_new},
    {"json", true, wants_json, sink_json_new},
    {"command", true, wants_command, sink_command_new},
    {"metrics", true, wants_metrics, sink_metrics_new},
    {NULL, false, NULL, NULL},
};
