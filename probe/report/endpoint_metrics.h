/*
 * endpoint_metrics - how each endpoint stands, as metrics
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_ENDPOINT_METRICS_H
#define RELAYWARDEN_PROBE_REPORT_ENDPOINT_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/alert/sink/metrics.h"
#include "lib/state/audit_state.h"
#include "probe/model/result.h"

#define ENDPOINT_METRICS_MAX 1000 /* shown one by one, those with the worst verdicts */

struct endpoint_metrics {
    char target[RESULT_HOST_SIZE];
    char endpoint[ENDPOINT_PLACE_SIZE]; /* with its port */
    char tls[16];                       /* that it was asked for in */
    char host[RESULT_HOST_SIZE];
    char session[16]; /* the mode of TLS that was in force */
    enum verdict verdict;
    enum cause cause;
    int64_t ended;
    double seconds;
    enum audit_fact answered;
    enum audit_fact certificate;
};

void endpoint_metrics_fill(struct endpoint_metrics *out, const char *key,
                           const struct audited_endpoint *endpoint);

/* Whether both have the same labels. */
bool endpoint_metrics_are_one(const struct endpoint_metrics *a, const struct endpoint_metrics *b);

/* Whether the first has the worse verdict, as the exit code weighs it. */
bool endpoint_metrics_is_worse(const struct endpoint_metrics *a, const struct endpoint_metrics *b);

void endpoint_metrics_show(struct metrics *metrics, const struct endpoint_metrics *endpoints,
                           size_t count);

#endif
