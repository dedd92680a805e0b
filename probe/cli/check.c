#include "probe/cli/verbs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/values.h"
#include "lib/printable.h"
#include "probe/audit/audit.h"
#include "probe/audit/former_state.h"
#include "probe/cli/assumed.h"
#include "probe/judge/verdict.h"
#include "probe/model/target.h"
#include "probe/report/alerts.h"
#include "probe/report/history.h"
#include "probe/report/metrics_state.h"
#include "probe/report/report.h"

/* How it is run. */
struct check {
    const struct options *invocation;
    const struct conf *conf;
    const struct assumed *assumed; /* NULL: there is a configuration */
    long wait_seconds;             /* --wait; 0 = nothing is asked again */
};

/* ---- targets ---------------------------------------------------------------------------- */

/* All targets that are meant, for the caller to free; NULL and a sentence. */
static struct target *choose_targets(const struct options *invocation, const struct conf *conf,
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

/* Whether the account has colours. */
static bool is_coloured(const struct options *invocation)
{
    const char *refused = getenv("NO_COLOR");

    return invocation->colour == COLOUR_ALWAYS ||
           (invocation->colour == COLOUR_AUTO && isatty(STDOUT_FILENO) != 0 &&
            (refused == NULL || refused[0] == '\0'));
}

/* One sentence: a finding that can be mended first, and then what makes it last. */
static const char *next_step(const struct check *check, const struct audit_summary *summary)
{
    int code = verdict_exit_code(summary);

    if (code == 2) {
        return "Change what is named above, reload the mail server, and run this command again; "
               "-v shows each way that was asked and the server's replies.";
    }
    if (code == 3) {
        return "Mend what is named above and run this command again; -v shows each way that was "
               "asked and the server's replies.";
    }
    return check->assumed != NULL ? PROBE_PROGRAM
               " init writes a configuration for regular audits and alerts; -v shows "
               "each way that was asked and the server's replies."
                                  : "-v shows each way that was asked and the server's replies.";
}

static void print_text(const struct check *check, const struct audit_summary *summary)
{
    const char *granted[ASSUMED_SENTENCES];
    struct report_look look = {
        .colour = is_coloured(check->invocation),
        .verbose = check->invocation->verbose,
        .granted = granted,
        .next =
            check->invocation->verbose && check->assumed == NULL ? NULL : next_step(check, summary),
    };

    for (size_t i = 0; check->assumed != NULL && i < check->assumed->count; i++) {
        granted[look.granted_count++] = check->assumed->sentences[i];
    }
    report_status_line(stdout, summary);
    if (!check->invocation->quiet) {
        report_text(stdout, summary, &look);
    }
}

/* Formats for programs have no room for it. */
static void say_assumed(const struct assumed *assumed)
{
    for (size_t i = 0; assumed != NULL && i < assumed->count; i++) {
        fprintf(stderr, "%s: taken for granted: %s\n", PROBE_PROGRAM, assumed->sentences[i]);
    }
}

static bool print_report(const struct check *check, const struct audit_summary *summary)
{
    static bool (*const writers[])(FILE *, const struct audit_summary *) = {
        [FORMAT_JSON] = report_json,
        [FORMAT_JUNIT] = report_junit,
        [FORMAT_SARIF] = report_sarif,
    };
    enum output_format format = check->invocation->format;

    if (format == FORMAT_TEXT) {
        print_text(check, summary);
        return true;
    }
    say_assumed(check->assumed);
    if (!writers[format](stdout, summary)) {
        fprintf(stderr, "%s: the report could not be made or written\n", PROBE_PROGRAM);
        return false;
    }
    return true;
}

/* ---- alerts ----------------------------------------------------------------------------- */

/* Who tells of configured targets. It begins before the audit: by its end the incidents of before
 * are known, however slow the disk. */
struct desk {
    const struct check *check;
    struct metrics_state *standing; /* NULL: memory was out for it */
    struct reporter *reporter;      /* NULL: it could not be started, which was told */
    struct alerts_pace pace;
};

static void begin_telling(struct desk *desk)
{
    const struct check *check = desk->check;

    desk->standing = metrics_state_new(check->conf, false);
    desk->reporter =
        alerts_start(check->conf, desk->standing, ALERTS_OF_CHECK, check->invocation->quiet);
}

/* audit_request.judged */
static void tell_result(const struct endpoint_result *result, void *user)
{
    struct desk *desk = user;

    if (desk->reporter != NULL) {
        alerts_tell(desk->reporter, result, &desk->pace);
    }
}

static void remember(const struct desk *desk, const struct audit_summary *summary)
{
    char error[HISTORY_ERROR_SIZE];
    bool kept = history_keep(desk->check->conf, summary, error);

    if (!kept) {
        fprintf(stderr, "%s: this audit will be missing in reports and later metrics: %s\n",
                PROBE_PROGRAM, error);
    }
    if (desk->standing != NULL) {
        metrics_state_add(desk->standing, summary, kept);
    }
}

/* Alerts first: they do not wait for whoever reads our output. */
static int finish(struct desk *desk, const struct audit_summary *summary)
{
    const struct check *check = desk->check;

    if (desk->reporter != NULL) {
        alerts_review(desk->reporter, check->conf, summary);
    }
    if (alerts_is_due(summary)) {
        remember(desk, summary);
    }
    bool printed = print_report(check, summary);
    bool written = options_output_is_written();

    int code = verdict_exit_code(summary);

    return printed && written ? code : verdict_exit_worse(code, PROBE_EXIT_UNKNOWN);
}

static void end_telling(struct desk *desk)
{
    if (desk->reporter != NULL) {
        reporter_stop(desk->reporter, ALERTS_WAIT_MS);
    }
    metrics_state_release(desk->standing);
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

static bool any_configured(const struct target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (targets[i].configured) {
            return true;
        }
    }
    return false;
}

static int check_targets(const struct check *check, const struct target *targets, size_t count)
{
    const struct options *invocation = check->invocation;
    const long wait_seconds = check->wait_seconds;
    struct desk desk = {.check = check};
    const struct audit_request request = {
        .conf = check->conf,
        .targets = targets,
        .target_count = count,
        .wait_ms = wait_seconds * 1000,
        .delivery_ms = wait_seconds > 0 ? wait_seconds * 1000 : AUDIT_DELIVERY_MS,
        .record = invocation->record,
        .progress =
            !invocation->quiet && invocation->format == FORMAT_TEXT && isatty(STDERR_FILENO) != 0,
        .judged = tell_result,
        .user = &desk,
    };
    char error[AUDIT_ERROR_SIZE];
    char says[FORMER_STATE_SAYS_SIZE];
    if (any_configured(targets, count)) {
        if (former_state_take_over(check->conf->state_directory, says) != FORMER_STATE_NONE) {
            fprintf(stderr, "%s: %s\n", PROBE_PROGRAM, says);
        }
        begin_telling(&desk);
    }
    struct audit *audit = audit_run(&request, error);

    if (audit == NULL) {
        end_telling(&desk);
        return options_fail(invocation, "%s", error);
    }
    const struct audit_summary *summary = audit_summary_of(audit);
    if (summary->forgotten[0] != '\0') {
        fprintf(stderr, "%s: the next audit will not know of this one: %s\n", PROBE_PROGRAM,
                summary->forgotten);
    }
    int code = finish(&desk, summary);
    end_telling(&desk);
    audit_free(audit);
    return code;
}

static int check_with(const struct check *check)
{
    const struct options *invocation = check->invocation;
    const struct conf *conf = check->conf;
    char error[TARGET_ERROR_SIZE];
    char path[PATH_MAX];
    size_t count = 0;

    printable_string(path, sizeof(path), conf->path);
    if (invocation->argument_count == 0 && conf->probe.target_count == 0) {
        bool variables = strcmp(conf->path, CONF_ENVIRONMENT) == 0;
        return options_fail(invocation, "there is nothing to check: name a TARGET, or %s%s",
                            variables ? "set " CONF_TARGETS_VARIABLE
                                      : "add a target section or target_files to probe in ",
                            variables ? "" : path);
    }
    struct target *targets = choose_targets(invocation, conf, &count, error);
    if (targets == NULL) {
        return options_fail(invocation, "%s", error);
    }
    int code = check_targets(check, targets, count);
    free(targets);
    return code;
}

static int check_assumed(const struct options *invocation, long wait_seconds)
{
    char error[ASSUMED_ERROR_SIZE];
    struct assumed assumed;

    if (!assumed_make(invocation, &assumed, error)) {
        return options_fail(invocation, "%s", error);
    }
    options_step_down(assumed.conf);
    const struct check check = {.invocation = invocation,
                                .conf = assumed.conf,
                                .assumed = &assumed,
                                .wait_seconds = wait_seconds};
    int code = check_with(&check);
    conf_free(assumed.conf);
    return code;
}

int check_main(const struct options *invocation)
{
    struct conf_report report = {0};
    char mistake[CONF_VALUE_ERROR_SIZE];
    long wait_seconds;

    if (!read_wait(invocation->wait, &wait_seconds, mistake)) {
        return options_fail(invocation, "--wait: %s", mistake);
    }
    if (assumed_is_meant(invocation)) {
        return check_assumed(invocation, wait_seconds);
    }
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    const struct check check = {
        .invocation = invocation, .conf = conf, .wait_seconds = wait_seconds};
    if (conf != NULL) {
        options_step_down(conf);
    }
    int code = conf != NULL ? check_with(&check) : options_fail_configuration(invocation, &report);

    conf_report_free(&report);
    conf_free(conf);
    return code;
}
