#include "probe/cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/printable.h"
#include "probe/fleet/fleet_history.h"
#include "probe/report/history_json.h"
#include "probe/report/history_text.h"
#include "probe/report/page/page.h"

/* ---- the file --------------------------------------------------------------------------- */

/* Readers see the page of before or the new one, whole. Only a regular file is replaced: a rename
 * onto /dev/stdout would take that away from everybody. */
static bool write_page(const char *path, const struct history *history,
                       const struct milter_status *snapshot, const char *site)
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
        written = page_write(file, history, snapshot, &(struct page_look){.site = site}) &&
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

/* The sections of the report. */
struct views {
    struct history *history;
    struct milter_status *snapshot; /* NULL: none was named */
};

static int write_html(const struct options *invocation, const struct conf *conf,
                      const struct views *views)
{
    char shown[PATH_MAX];

    if (write_page(invocation->html, views->history, views->snapshot,
                   site_main_domain(conf->site))) {
        return 0;
    }
    const char *why = strerror(errno);
    printable_string(shown, sizeof(shown), invocation->html);
    return options_fail(invocation,
                        "%.300s: %s; name a regular file, new or old, in a directory that this "
                        "user can write",
                        shown, why);
}

static void write_text(const struct views *views)
{
    bool colour = isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL;

    history_text_write(stdout, views->history, colour);
    if (views->snapshot != NULL) {
        milter_status_print(stdout, views->snapshot, views->history->now, colour);
    }
}

/* True: something is missing, and it was said on standard error, too. */
static bool tell_lacks(const struct history *history)
{
    for (size_t i = 0; i < history->lack_count && i < HISTORY_LACKS_MAX; i++) {
        fprintf(stderr, "%s: this report lacks what cannot be read: %s\n", PROBE_PROGRAM,
                history->lacks[i]);
    }
    if (history->lack_count > HISTORY_LACKS_MAX) {
        fprintf(stderr, "%s: and %zu things more\n", PROBE_PROGRAM,
                history->lack_count - HISTORY_LACKS_MAX);
    }
    if (history->failed) {
        fprintf(stderr,
                "%s: this report lacks results of endpoints: memory was out, or they could not be "
                "read back from the temporary folder\n",
                PROBE_PROGRAM);
    }
    return history->lack_count > 0 || history->failed;
}

static int write_views(const struct options *invocation, const struct conf *conf,
                       const struct views *views)
{
    int code = invocation->html != NULL ? write_html(invocation, conf, views) : 0;

    if (invocation->json && code == 0) {
        if (!history_json_write(stdout, views->history, views->snapshot)) {
            return options_fail(invocation, "the report could not be made or written");
        }
    } else if (invocation->text || (invocation->html == NULL && !invocation->json)) {
        write_text(views);
    }
    if (!options_output_is_written() || tell_lacks(views->history)) {
        code = PROBE_EXIT_UNKNOWN;
    }
    return code;
}

static int write_report(const struct options *invocation, const struct conf *conf)
{
    char error[HISTORY_ERROR_SIZE];
    char why[MILTER_STATUS_ERROR_SIZE];
    struct views views = {.history = NULL};
    int code;

    if (invocation->milter != NULL) {
        views.snapshot = milter_status_read(invocation->milter, why);
        if (views.snapshot == NULL) {
            return options_fail(invocation, "%s", why);
        }
    }
    views.history = conf->database[0] != '\0' ? fleet_history_read(conf, time(NULL), error)
                                              : history_read(conf, time(NULL), error);
    code = views.history != NULL ? write_views(invocation, conf, &views)
                                 : options_fail(invocation, "%s", error);
    history_free(views.history);
    milter_status_free(views.snapshot);
    return code;
}

int report_main(const struct options *invocation)
{
    struct conf_report report = {0};
    struct conf *conf = NULL;
    int code;

    if (invocation->json && invocation->text) {
        return options_fail(invocation, "--json and --text exclude each other; give one of them");
    }
    conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    code = conf != NULL ? write_report(invocation, conf)
                        : options_fail_configuration(invocation, &report);
    conf_report_free(&report);
    conf_free(conf);
    return code;
}
