#include "lib/alert/sink/sink_metrics.h"

static void write_incidents(struct metrics *metrics, const struct sink_stats *speaker)
{
    const char *program = speaker->identity.program;

    metrics_family(metrics, METRIC_GAUGE, "relaywarden_incidents_open",
                   "Open incidents, by kind and severity.");
    for (int kind = 0; kind < FINDING_KINDS; kind++) {
        for (int severity = 0; severity <= SEVERITY_CRITICAL; severity++) {
            unsigned int open = atomic_load(&speaker->open[kind][severity]);

            /* A series that is there before it matters: its usual severity. */
            if (open > 0 || severity == (int)finding_kind_severity((enum finding_kind)kind)) {
                metrics_count(metrics, open, "program", program, "kind",
                              finding_kind_name((enum finding_kind)kind), "severity",
                              severity_name((enum severity)severity), (char *)NULL);
            }
        }
    }
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_announcements_total",
                   "Announcements of incidents, by kind and state.");
    for (int kind = 0; kind < FINDING_KINDS; kind++) {
        for (int state = 0; state <= INCIDENT_RESOLVED; state++) {
            metrics_count(metrics, atomic_load(&speaker->announced[kind][state]), "program",
                          program, "kind", finding_kind_name((enum finding_kind)kind), "state",
                          incident_state_name((enum incident_state)state), (char *)NULL);
        }
    }
}

static void write_sinks(struct metrics *metrics, const struct sink_stats *speaker)
{
    const char *program = speaker->identity.program;

    metrics_family(metrics, METRIC_GAUGE, "relaywarden_sink_failing",
                   "Whether alerts do not reach a sink.");
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        const char *name = atomic_load(&speaker->sink[i].name);

        if (name != NULL) {
            metrics_count(metrics, atomic_load(&speaker->sink[i].failing), "program", program,
                          "sink", name, (char *)NULL);
        }
    }
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_sink_lost_total",
                   "Alerts and lines that did not reach a sink.");
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        const char *name = atomic_load(&speaker->sink[i].name);

        if (name != NULL) {
            metrics_count(metrics, atomic_load(&speaker->sink[i].lost), "program", program, "sink",
                          name, (char *)NULL);
        }
    }
}

static void write_program(struct metrics *metrics, const struct sink_stats *speaker)
{
    const char *program = speaker->identity.program;

    metrics_family(metrics, METRIC_GAUGE, "relaywarden_build_info",
                   "The version that runs; always 1.");
    metrics_count(metrics, 1, "program", program, "version", RELAYWARDEN_VERSION, (char *)NULL);
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_state_unsaved",
                   "Whether incidents are not saved in the state database.");
    metrics_count(metrics, atomic_load(&speaker->unsaved), "program", program, (char *)NULL);
}

void sink_metrics_show(struct metrics *metrics, const struct sink_stats *speaker)
{
    write_program(metrics, speaker);
    write_incidents(metrics, speaker);
    write_sinks(metrics, speaker);
    if (speaker->snapshot != NULL) {
        speaker->snapshot(metrics, speaker->user);
    }
}
