#include "probe/report/alerts.h"

#include <limits.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "probe/cli/options.h"
#include "probe/judge/resolved.h"
#include "probe/roster.h"

struct alert_settings alerting_settings(const struct conf *conf, const struct standing *standing)
{
    static char none[] = "";
    struct alert_settings settings = conf->alert;

    if (standing == NULL || !standing_is_told(standing)) {
        settings.metrics_directory = none;
    }

    settings.quiet_after_seconds = 0;
    return settings;
}

struct reporter *alerting_start(const struct conf *conf, struct standing *standing, bool quiet)
{
    char database[PATH_MAX];
    char error[SINK_ERROR_SIZE];
    struct utsname names = {.nodename = ""};

    (void)uname(&names);
    snprintf(database, sizeof(database), "%s/probe/relaywarden.db", conf->state_directory);
    const struct alert_settings alert = alerting_settings(conf, standing);
    const struct sink_identity identity = {.program = PROBE_PROGRAM, .host = names.nodename};
    const struct reporter_settings settings = {
        .identity = &identity,
        .alert = &alert,
        .database_path = database,
        .quiet_terminal = quiet,
        .metrics = standing != NULL ? standing_show : NULL,
        .metrics_user = standing != NULL ? standing_hold(standing) : NULL,
        .metrics_done = standing_release,
    };
    struct reporter *reporter = reporter_start(&settings, error);
    if (reporter == NULL) {
        fprintf(stderr, "%s: no alert could be sent: %s\n", PROBE_PROGRAM, error);
    }
    return reporter;
}

bool alerting_is_due(const struct audit_summary *summary)
{
    for (size_t i = 0; i < summary->count; i++) {
        if (summary->results[i]->endpoint.configured) {
            return true;
        }
    }
    return false;
}

/* The keys of one endpoint's possible incidents are some fifty, and the reporter holds
 * REPORTER_PENDING_MAX: it is given time to look at them. One that hangs is not waited for again;
 * what it then forgets is told by the next audit. */
#define ENDPOINTS_AT_ONCE 8
#define FLUSH_MS          1000

static void on_over(enum finding_kind kind, const char *key, void *user)
{
    reporter_resolve(user, kind, key);
}

static bool has_left(const struct finding *finding, const void *user)
{
    return roster_has_left(user, finding);
}

static void forget_roster(void *user)
{
    roster_free(user);
}

/* What no audit will ask again ends by what all of them together show. */
static void look_over(struct reporter *reporter, const struct conf *conf,
                      const struct audit_summary *summary)
{
    struct roster *roster = roster_new(&conf->probe, summary);
    const struct reporter_review review = {has_left, forget_roster, roster};

    if (roster != NULL) {
        reporter_look_over(reporter, &review);
    }
}

void alerting_tell(struct reporter *reporter, const struct conf *conf,
                   const struct audit_summary *summary)
{
    const struct vantage_known vantage = {.declared = summary->declared, .site = conf->site};
    bool answers = true;

    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = summary->results[i];
        for (size_t j = 0; result->endpoint.configured && j < result->finding_count; j++) {
            if (result->findings[j].severity != SEVERITY_INFO) {
                reporter_hand_over(reporter, &result->findings[j]);
            }
        }
        if (result->endpoint.configured) {
            over_each(result, &vantage, on_over, reporter);
        }
        if (i % ENDPOINTS_AT_ONCE == ENDPOINTS_AT_ONCE - 1 && answers) {
            answers = reporter_flush(reporter, FLUSH_MS);
        }
    }
    look_over(reporter, conf, summary);
}
