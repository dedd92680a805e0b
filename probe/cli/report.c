#include "probe/cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/sink/format.h"
#include "lib/printable.h"
#include "probe/report/page.h"

/* ---- JSON ------------------------------------------------------------------------------- */

static json_t *time_json(time_t when)
{
    char text[21];

    return when == 0 ? json_null() : json_string(format_time(text, when));
}

static json_t *spans_json(const struct history_endpoint *endpoint)
{
    json_t *list = json_array();

    for (size_t i = 0; i < endpoint->span_count; i++) {
        const struct history_span *span = &endpoint->spans[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s?, s:o, s:o, s:I}", "verdict", verdict_name(span->verdict),
                            "cause", span->cause == CAUSE_NONE ? NULL : cause_name(span->cause),
                            "first", time_json(span->first), "last", time_json(span->last),
                            "audits", (json_int_t)span->audits));
    }
    return list;
}

static json_t *endpoints_json(const struct history *history)
{
    json_t *list = json_array();

    for (size_t i = 0; i < history->endpoint_count; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        json_array_append_new(list,
                              json_pack("{s:b, s:o, s:O}", "current", (int)endpoint->current,
                                        "history", spans_json(endpoint), "last", endpoint->detail));
    }
    return list;
}

static json_t *incidents_json(const struct history *history)
{
    json_t *list = json_array();

    for (size_t i = 0; i < history->incident_count; i++) {
        const struct history_incident *row = &history->incidents[i];
        const struct finding *finding = &row->incident.finding;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:s}", "incident",
                            row->incident.id, "kind", finding_kind_name(finding->kind), "severity",
                            severity_name(finding->severity), "subject", finding->key, "opened",
                            time_json(row->incident.opened), "ended", time_json(row->ended),
                            "count", (json_int_t)finding->count, "why", finding->why));
    }
    return list;
}

bool overview_json(FILE *out, const struct history *history, const struct seen *snapshot)
{
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:O?}", "program", PROBE_PROGRAM, "version",
                  RELAYWARDEN_VERSION, "written", time_json(history->now), "begin",
                  time_json(history->begin), "endpoints", endpoints_json(history), "incidents",
                  incidents_json(history), "milter", snapshot != NULL ? snapshot->object : NULL);
    bool written = object != NULL && json_dumpf(object, out, JSON_COMPACT) == 0;

    json_decref(object);
    fputc('\n', out);
    return written;
}

/* ---- the file --------------------------------------------------------------------------- */

/* Readers see the page of before or the new one, whole. Only a regular file is replaced: a rename
 * onto /dev/stdout would take that away from everybody. */
static bool write_page(const char *path, const struct history *history, const struct seen *snapshot,
                       const char *site)
{
    struct stat status;
    char *fresh = NULL;
    bool written = false;

    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = EEXIST;
        return false;
    }
    if (asprintf(&fresh, "%s.XXXXXX", path) < 0) {
        return false;
    }
    int descriptor = mkostemp(fresh, O_CLOEXEC);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (file != NULL) {
        mode_t mask = umask(0);
        (void)umask(mask);
        written = page_write(file, history, snapshot, site) &&
                  fchmod(descriptor, 0644 & ~mask) == 0 && fsync(descriptor) == 0;
        written = fclose(file) == 0 && written;
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    written = written && rename(fresh, path) == 0;
    if (!written && descriptor >= 0) {
        int why = errno;
        (void)unlink(fresh);
        errno = why;
    }
    free(fresh);
    return written;
}

/* ---- the verb --------------------------------------------------------------------------- */

/* What is shown. */
struct views {
    struct history *history;
    struct seen *snapshot; /* NULL: none was named */
};

static int write_html(const struct invocation *invocation, const struct conf *conf,
                      const struct views *views)
{
    char shown[PATH_MAX];

    if (write_page(invocation->html, views->history, views->snapshot,
                   site_main_domain(conf->site))) {
        return 0;
    }
    const char *why = strerror(errno);
    printable_string(shown, sizeof(shown), invocation->html);
    return invocation_fail(invocation,
                           "%.300s: %s; name a regular file, new or old, in a directory that this "
                           "user can write",
                           shown, why);
}

static void write_text(const struct views *views)
{
    bool colour = isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL;

    overview_text(stdout, views->history, colour);
    if (views->snapshot != NULL) {
        seen_print(stdout, views->snapshot, views->history->now, colour);
    }
}

static int write_views(const struct invocation *invocation, const struct conf *conf,
                       const struct views *views)
{
    int code = invocation->html != NULL ? write_html(invocation, conf, views) : 0;

    if (invocation->json && code == 0) {
        code = overview_json(stdout, views->history, views->snapshot) ? 0 : PROBE_EXIT_UNKNOWN;
    } else if (invocation->text || (invocation->html == NULL && !invocation->json)) {
        write_text(views);
    }
    return invocation_output_is_written() ? code : PROBE_EXIT_UNKNOWN;
}

static int write_report(const struct invocation *invocation, const struct conf *conf)
{
    char error[HISTORY_ERROR_SIZE];
    char why[SEEN_ERROR_SIZE];
    struct views views = {.history = NULL};
    int code;

    if (invocation->milter != NULL) {
        views.snapshot = seen_read(invocation->milter, why);
        if (views.snapshot == NULL) {
            return invocation_fail(invocation, "%s", why);
        }
    }
    views.history = history_read(conf, time(NULL), error);
    code = views.history != NULL ? write_views(invocation, conf, &views)
                                 : invocation_fail(invocation, "%s", error);
    history_free(views.history);
    seen_free(views.snapshot);
    return code;
}

int overview_main(const struct invocation *invocation)
{
    struct conf_report report = {0};
    struct conf *conf = NULL;
    int code;

    if (invocation->json && invocation->text) {
        return invocation_fail(invocation,
                               "--json and --text exclude each other; give one of them");
    }
    conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    code = conf != NULL ? write_report(invocation, conf)
                        : invocation_fail_configuration(invocation, &report);
    conf_report_free(&report);
    conf_free(conf);
    return code;
}
