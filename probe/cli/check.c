#include "probe/cli/check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/values.h"
#include "lib/printable.h"
#include "probe/audit/audit.h"
#include "probe/judge/verdict.h"
#include "probe/model/target.h"
#include "probe/report/alerts.h"
#include "probe/report/history.h"
#include "probe/report/metrics_state.h"
#include "probe/report/report.h"

/* ---- targets ---------------------------------------------------------------------------- */

/* All targets that are meant, for the caller to free; NULL and a sentence. */
static struct target *choose_targets(const struct invocation *invocation, const struct conf *conf,
                                     size_t *count, char error[TARGET_ERROR_SIZE])
{
    bool named = invocation->argument_count > 0;
    size_t wanted = named ? invocation->argument_count : conf->probe.target_count;
    struct target *targets = calloc(wanted + 1, sizeof(*targets));

    snprintf(error, TARGET_ERROR_SIZE, "out of memory");
    for (size_t i = 0; targets != NULL && i < wanted; i++) {
        bool good = named ? target_from_argument(invocation->arguments[i], conf, &targets[i], error)
                          : target_from_conf(&conf->probe.targets[i], &targets[i], error);
        if (!good) {
            free(targets);
            return NULL;
        }
    }
    *count = wanted;
    return targets;
}

/* ---- output ----------------------------------------------------------------------------- */

static bool print_report(const struct invocation *invocation, const struct audit_summary *summary)
{
    if (invocation->json) {
        if (!report_json(stdout, summary)) {
            fprintf(stderr, "%s: the report could not be made or written\n", PROBE_PROGRAM);
            return false;
        }
        return true;
    }
    report_status_line(stdout, summary);
    if (!invocation->quiet) {
        report_text(stdout, summary, isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL);
    }
    return true;
}

static void remember(const struct conf *conf, const struct audit_summary *summary)
{
    char error[HISTORY_ERROR_SIZE];

    if (alerting_is_due(summary) && !history_keep(conf, summary, error)) {
        fprintf(stderr, "%s: this audit will be missing in reports: %s\n", PROBE_PROGRAM, error);
    }
}

/* For metrics. */
static void stand(struct standing *standing, const struct audit_summary *summary)
{
    char error[STANDING_ERROR_SIZE];

    if (standing != NULL && !standing_add(standing, summary, error)) {
        fprintf(stderr, "%s: later metrics will not know of this audit: %s\n", PROBE_PROGRAM,
                error);
    }
}

/* Alerts first: they do not wait for whoever reads our output. */
static int tell(const struct invocation *invocation, const struct conf *conf,
                const struct audit_summary *summary)
{
    bool due = alerting_is_due(summary);
    struct standing *standing = due ? standing_new(conf, false) : NULL;
    struct reporter *reporter = due ? alerting_start(conf, standing, invocation->quiet) : NULL;

    if (reporter != NULL) {
        alerting_tell(reporter, conf, summary);
    }
    stand(standing, summary);
    remember(conf, summary);
    bool printed = print_report(invocation, summary);
    bool written = invocation_output_is_written();

    if (reporter != NULL) {
        reporter_stop(reporter, ALERTING_WAIT_MS);
    }
    standing_release(standing);
    return printed && written ? judgement_exit_code(summary->results, summary->count)
                              : PROBE_EXIT_UNKNOWN;
}

/* ---- options ---------------------------------------------------------------------------- */

/* The duration of --wait in seconds; false and a sentence. */
static bool read_wait(const char *text, long *seconds, char error[CONF_VALUE_ERROR_SIZE])
{
    static const struct conf_option option = {
        .type = TYPE_DURATION, .name = "--wait", .least = 1, .most = 86400, .optional = true};

    *seconds = 0;
    return text == NULL || conf_value_read(&option, text, seconds, error);
}

/* ---- the verb --------------------------------------------------------------------------- */

static int check_targets(const struct invocation *invocation, const struct conf *conf,
                         const struct target *targets, size_t count)
{
    char mistake[CONF_VALUE_ERROR_SIZE];
    long wait_seconds;

    if (!read_wait(invocation->wait, &wait_seconds, mistake)) {
        return invocation_fail(invocation, "--wait: %s", mistake);
    }
    const struct audit_request request = {
        .conf = conf,
        .targets = targets,
        .target_count = count,
        .wait_ms = wait_seconds * 1000,
        .delivery_ms = wait_seconds > 0 ? wait_seconds * 1000 : AUDIT_DELIVERY_MS,
        .record = invocation->record,
        .progress = !invocation->quiet && !invocation->json && isatty(STDERR_FILENO) != 0,
    };
    char error[AUDIT_ERROR_SIZE];
    struct audit *audit = audit_run(&request, error);

    if (audit == NULL) {
        return invocation_fail(invocation, "%s", error);
    }
    const struct audit_summary *summary = audit_summary_of(audit);
    if (summary->forgotten[0] != '\0') {
        fprintf(stderr, "%s: the next audit will not know of this one: %s\n", PROBE_PROGRAM,
                summary->forgotten);
    }
    int code = tell(invocation, conf, summary);
    audit_free(audit);
    return code;
}

static int check_with(const struct invocation *invocation, const struct conf *conf)
{
    char error[TARGET_ERROR_SIZE];
    char path[PATH_MAX];
    size_t count = 0;

    printable_string(path, sizeof(path), conf->path);
    if (invocation->argument_count == 0 && conf->probe.target_count == 0) {
        return invocation_fail(invocation,
                               "there is nothing to check: name a TARGET, or add a target section "
                               "to probe in %s",
                               path);
    }
    struct target *targets = choose_targets(invocation, conf, &count, error);
    if (targets == NULL) {
        return invocation_fail(invocation, "%s", error);
    }
    int code = check_targets(invocation, conf, targets, count);
    free(targets);
    return code;
}

int check_main(const struct invocation *invocation)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, &report);

    if (conf != NULL) {
        invocation_step_down(conf);
    }
    int code = conf != NULL ? check_with(invocation, conf)
                            : invocation_fail_configuration(invocation, &report);

    conf_report_free(&report);
    conf_free(conf);
    return code;
}
