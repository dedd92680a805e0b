/*
 * sink_metrics - all numbers of a program: of its incidents and sinks, and its own
 *
 * Any thread, if the program's own snapshot (metrics.h) may be taken there.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_SINK_METRICS_H
#define RELAYWARDEN_LIB_ALERT_SINK_SINK_METRICS_H

#include "lib/alert/sink/metrics.h"
#include "lib/alert/sink/sink_stats.h"

void sink_metrics_show(struct metrics *metrics, const struct sink_stats *speaker);

#endif
