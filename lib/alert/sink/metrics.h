/*
 * metrics - a program's numbers, as the text that Prometheus reads
 *
 * Source: Prometheus, "Exposition formats" (text format 0.0.4) and "Metric and label naming". Names
 * of a program's own begin with relaywarden_milter_ or relaywarden_probe_ (what both have, with a
 * label `program`, is written by sink_metrics.c), end in their unit (_seconds, _bytes) and
 * counters in _total; a label's values are few and known (enumerations, configured names), never
 * what a client chose.
 *
 * A program writes its numbers in a function of type metrics_snapshot, which it gives to
 * reporter_start. It is called on the thread that writes the file of `metrics_directory`, and on
 * the one that answers over HTTP, at once, so it must read what it shows from atomics or under a
 * short lock:
 *
 *     static void snapshot(struct metrics *metrics, void *user)
 *     {
 *         metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_recipients_total",
 *                        "Recipients, by what the MTA decided.");
 *         metrics_count(metrics, accepted, "decision", "accepted", (char *)NULL);
 *         metrics_count(metrics, refused, "decision", "refused", (char *)NULL);
 *     }
 *
 * One thread at a time uses a struct metrics.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_METRICS_H
#define RELAYWARDEN_LIB_ALERT_SINK_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum metric_type {
    METRIC_COUNTER, /* only ever grows, from 0 at the program's start */
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
};

/* Observations sorted into buckets. */
struct metric_histogram {
    size_t bounds;          /* how many */
    const double *bound;    /* upper bounds, ascending, +Inf left out */
    const uint64_t *bucket; /* bounds + 1 counts, each of its bucket alone; the last is +Inf's */
    double sum;             /* of all observations */
};

struct metrics;

typedef void (*metrics_snapshot)(struct metrics *metrics, void *user);

/* NULL when memory is out. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* Begins a family: all samples until the next one belong to it. A name comes once in a snapshot. */
void metrics_family(struct metrics *metrics, enum metric_type type, const char *name,
                    const char *help);

/* One sample of the family. Behind the value stand pairs of a label's name and value, both strings,
 * and (char *)NULL. Values are made printable here, and cut at 256 octets. */
void metrics_count(struct metrics *metrics, uint64_t value, ...) __attribute__((sentinel));
void metrics_number(struct metrics *metrics, double value, ...) __attribute__((sentinel));
void metrics_histogram(struct metrics *metrics, const struct metric_histogram *histogram, ...)
    __attribute__((sentinel));

/* The text so far, which belongs to `metrics`, and its length. NULL: memory was out, or more than
 * METRICS_SIZE_MAX was written. */
#define METRICS_SIZE_MAX (4UL << 20)
const char *metrics_text(const struct metrics *metrics, size_t *length);

#endif
