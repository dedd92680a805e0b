#include "probe/report/alerts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>

#include "lib/alert/sink/sinks.h"
#include "probe/judge/incidents_over.h"
#include "probe/judge/verdict.h"
#include "probe/model/program.h"

/* A check does not stay to tell what lasts. It is made each interval, by a timer of somebody's, and
 * one of them may fail. */
#define CHECK_LATE_SECONDS (60L * 60)

struct alert_settings alerts_settings(const struct conf *conf, const struct metrics_state *standing,
                                      enum alerts_teller teller)
{
    static char none[] = "";
    struct alert_settings settings = conf->alert;

    if (standing == NULL || !metrics_state_is_told(standing)) {
        settings.metrics_directory = none;
    }
    if (teller == ALERTS_OF_CHECK && strcmp(settings.json_path, ALERT_JSON_OUTPUT) == 0) {
        settings.json_path = none;
    }
    settings.quiet_after_seconds = 0;
    if (teller == ALERTS_OF_CHECK) {
        settings.lasts_seconds = 2 * conf->probe.interval_seconds + CHECK_LATE_SECONDS;
    }
    return settings;
}

struct reporter *alerts_start(const struct conf *conf, struct metrics_state *standing,
                              enum alerts_teller teller, bool quiet)
{
    char database[PATH_MAX];
    char error[SINK_ERROR_SIZE];
    struct utsname names = {.nodename = ""};

    (void)uname(&names);
    snprintf(database, sizeof(database), "%s/probe/relaywarden.db", conf->state_directory);
    const struct alert_settings alert = alerts_settings(conf, standing, teller);
    const struct sink_identity identity = {.program = PROBE_PROGRAM, .host = names.nodename};
    const struct reporter_settings settings = {
        .identity = &identity,
        .alert = &alert,
        .database_path = database,
        .quiet_terminal = quiet,
        .metrics = standing != NULL ? metrics_state_show : NULL,
        .metrics_user = standing != NULL ? metrics_state_hold(standing) : NULL,
        .metrics_done = metrics_state_release,
    };
    struct reporter *reporter = reporter_start(&settings, error);
    if (reporter == NULL) {
        fprintf(stderr, "%s: no alert could be sent: %s\n", PROBE_PROGRAM, error);
    }
    return reporter;
}

bool alerts_is_possible(const struct conf *conf, char why[ALERTS_WHY_SIZE])
{
    const struct sink_identity identity = {.program = PROBE_PROGRAM, .host = ""};
    const struct sink_source source = {.identity = &identity, .settings = &conf->alert};
    char sinks[ALERTS_WHY_SIZE - 160];

    if (sink_any_works(&source, sinks, sizeof(sinks))) {
        return true;
    }
    snprintf(
        why, ALERTS_WHY_SIZE,
        "no sink works, so nobody would hear of an alert (name one that does in alert { }): %s",
        sinks);
    return false;
}

bool alerts_is_due(const struct audit_summary *summary)
{
    for (size_t i = 0; i < summary->count; i++) {
        if (audit_summary_result(summary, i)->endpoint.configured) {
            return true;
        }
    }
    return false;
}

#define FINDINGS_AT_ONCE 256
#define FLUSH_MS         100
#define UNANSWERED_MAX   8 /* a reporter that hangs is not waited for again */

static bool is_over(const struct finding *finding, const void *user)
{
    return incidents_over_has(user, finding);
}

static void forget(void *user)
{
    incidents_over_free(user);
}

/* A finding that its result had no memory for. Those about relaying are made anew, one by one; of
 * the others at least the name is told. */
static void tell_unkept(struct reporter *reporter, const struct endpoint_result *result)
{
    char where[ENDPOINT_TEXT_SIZE];
    struct finding finding;

    address_format_port(&result->endpoint.address, result->endpoint.port, where);
    for (int i = 0; i < FINDING_KINDS; i++) {
        enum finding_kind kind = (enum finding_kind)i;
        if (!result_lacks(result, kind)) {
            continue;
        }
        bool about_relaying = kind == FINDING_OPEN_RELAY || kind == FINDING_SUSPECTED_RELAY;
        if (about_relaying && verdict_relay_finding(result, kind, &finding)) {
            reporter_hand_over(reporter, &finding);
        }
        reporter_say(reporter, LOG_ERR,
                     "out of memory: the finding %s of %s %s; this audit ends no incident there",
                     finding_kind_name(kind), where,
                     about_relaying ? "was not kept for the report" : "is in no alert");
    }
}

/* The reporter holds PENDING_SUBJECTS_MAX subjects, and is given time to look at them; not more
 * than a dialogue can bear, which goes on in the same thread. */
static void keep_pace(struct reporter *reporter, struct alerts_pace *pace)
{
    if (++pace->told % FINDINGS_AT_ONCE == 0 && pace->unanswered < UNANSWERED_MAX &&
        !reporter_flush(reporter, FLUSH_MS)) {
        pace->unanswered++;
    }
}

void alerts_tell(struct reporter *reporter, const struct endpoint_result *result,
                 struct alerts_pace *pace)
{
    if (!result->endpoint.configured) {
        return;
    }
    for (size_t i = 0; i < result->finding_count; i++) {
        if (result->findings[i].severity != SEVERITY_INFO &&
            (pace->is_told == NULL || !pace->is_told(&result->findings[i], pace->user))) {
            reporter_hand_over(reporter, &result->findings[i]);
            keep_pace(reporter, pace);
        }
    }
    tell_unkept(reporter, result);
}

void alerts_review(struct reporter *reporter, const struct conf *conf,
                   const struct audit_summary *summary)
{
    const struct vantage_known vantage = {.declared = summary->declared, .site = conf->site};
    struct incidents_over *resolved = incidents_over_new(&conf->probe, summary, &vantage);

    if (resolved != NULL) {
        const struct reporter_review review = {is_over, forget, resolved};
        reporter_look_over(reporter, &review);
    } else {
        reporter_say(reporter, LOG_ERR, "out of memory; this audit ends no incident");
    }
}
