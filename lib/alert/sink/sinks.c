#include "lib/alert/sink/sinks.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

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

    if (settings->journal != JOURNAL_AUTO) {
        return settings->journal == JOURNAL_YES;
    }
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

static bool wants_mail(const struct sink_source *source)
{
    return source->settings->mail.to_count > 0;
}

static bool wants_webhook(const struct sink_source *source)
{
    const char *url = source->settings->webhook.url;

    return url != NULL && url[0] != '\0';
}

static bool wants_alertmanager(const struct sink_source *source)
{
    return source->settings->alertmanager_count > 0;
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
    {"mail", true, wants_mail, sink_mail_new},
    {"webhook", true, wants_webhook, sink_webhook_new},
    {"alertmanager", true, wants_alertmanager, sink_alertmanager_new},
    {"metrics", true, wants_metrics, sink_metrics_new},
    {NULL, false, NULL, NULL},
};
static_assert(sizeof(sink_kinds) / sizeof(sink_kinds[0]) - 1 <= SINK_KINDS_MAX,
              "a new kind of sink: raise SINK_KINDS_MAX");

/* A sink that only watches is none. */
static bool works(const struct sink_kind *kind, const struct sink_source *source,
                  char error[SINK_ERROR_SIZE])
{
    struct sink *sink = kind->make(source);

    if (sink == NULL) {
        return true;
    }
    bool works = sink->open == NULL || sink->open(sink, error) == 0;
    sink->free(sink);
    return works;
}

bool sink_any_works(const struct sink_source *source, char *why, size_t size)
{
    char error[SINK_ERROR_SIZE] = "";
    size_t length = 0;

    snprintf(why, size, "none is configured");
    for (int slow = 0; slow <= 1; slow++) {
        for (const struct sink_kind *kind = sink_kinds; kind->name != NULL; kind++) {
            if (kind->slow != (slow == 1) || kind->make == sink_metrics_new ||
                !kind->wanted(source)) {
                continue;
            }
            if (works(kind, source, error)) {
                return true;
            }
            int written = snprintf(why + length, size - length, "%s%s: %s", length > 0 ? "; " : "",
                                   kind->name, error);
            length = written < 0 || (size_t)written >= size - length ? size - 1
                                                                     : length + (size_t)written;
        }
    }
    return false;
}

/* ---- one announcement ------------------------------------------------------------------------ */

/* A daemon that does not read its socket leaves the announcement waiting, and that is no success.
 */
bool sink_send(const struct sink_kind *kind, const struct sink_source *source,
               const struct announcement *announcement, char error[SINK_ERROR_SIZE])
{
    struct sink *sink = kind->make(source);

    snprintf(error, SINK_ERROR_SIZE, "out of memory");
    if (sink == NULL) {
        return false;
    }
    bool taken = (sink->open == NULL || sink->open(sink, error) == 0) &&
                 sink->announce(sink, announcement, error) == 0;
    if (taken && sink->waiting > 0) {
        snprintf(error, SINK_ERROR_SIZE, "it is not read there");
        taken = false;
    }
    sink->free(sink);
    return taken;
}

/* ---- a test ---------------------------------------------------------------------------------- */

/* As critical as the alert that it stands for, so that it goes the same way; its kind is no
 * finding's, so that nobody's program takes it for one. */
static void make_test(struct announcement *announcement, const struct sink_identity *identity)
{
    struct finding *finding = &announcement->incident.finding;
    uint64_t number = 0;

    memset(announcement, 0, sizeof(*announcement));
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number)) {
        number = (uint64_t)time(NULL);
    }
    snprintf(announcement->incident.id, INCIDENT_ID_SIZE, "%016" PRIx64, number);
    announcement->test = true;
    announcement->state = INCIDENT_OPENED;
    announcement->time = time(NULL);
    announcement->incident.opened = announcement->time;
    announcement->incident.last_seen = announcement->time;
    finding_init(finding, FINDING_OPEN_RELAY);
    finding_add(finding, "host", FIELD_SUBJECT | FIELD_LOGGED, identity->host);
    finding_why(finding, "this is a test of the alerts: nothing is wrong");
}

int sink_test_all(const struct sink_source *source, sink_tested tell, void *user)
{
    struct announcement announcement;
    char error[SINK_ERROR_SIZE];
    int tried = 0;
    int failed = 0;

    make_test(&announcement, source->identity);
    for (const struct sink_kind *kind = sink_kinds; kind->name != NULL; kind++) {
        if (kind->make == sink_metrics_new || !kind->wanted(source)) {
            continue;
        }
        bool taken = sink_send(kind, source, &announcement, error);

        tell(kind->name, taken ? NULL : error, user);
        tried++;
        failed += !taken;
    }
    return tried == 0 ? -1 : failed;
}
