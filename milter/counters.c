#include "milter/counters.h"

#include <math.h>
#include <time.h>

/* Upper bounds of an answer's time, in seconds. */
static const double bounds[COUNTERS_BUCKETS - 1] = {1e-6,   2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4,
                                                    2.5e-4, 1e-3,   1e-2, 0.1,  1,      10};

void counters_add(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

uint64_t counters_value(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void counters_recipient(struct counters *counters, enum permission permission,
                        enum destination destination, enum decision decision)
{
    counters_add(&counters->recipients[permission][destination][decision]);
}

uint64_t counters_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void counters_answered(struct counters *counters, uint64_t called)
{
    uint64_t taken = counters_now() - called;
    size_t bucket = 0;

    while (bucket < COUNTERS_BUCKETS - 1 && (double)taken > bounds[bucket] * 1e9) {
        bucket++;
    }
    counters_add(&counters->answers[bucket]);
    atomic_fetch_add_explicit(&counters->answer_nanoseconds, taken, memory_order_relaxed);
}

/* The bound below which this part of the answers is. */
static double bound_of(const uint64_t buckets[COUNTERS_BUCKETS], uint64_t count, double part)
{
    uint64_t below = 0;

    for (size_t i = 0; count > 0 && i < COUNTERS_BUCKETS - 1; i++) {
        below += buckets[i];
        if ((double)below >= part * (double)count) {
            return bounds[i];
        }
    }
    return INFINITY;
}

struct counters_answers counters_answers(struct counters *counters)
{
    struct counters_answers answers = {.count = 0};
    uint64_t buckets[COUNTERS_BUCKETS];

    for (size_t i = 0; i < COUNTERS_BUCKETS; i++) {
        buckets[i] = counters_value(&counters->answers[i]);
        answers.count += buckets[i];
    }
    answers.seconds = (double)counters_value(&counters->answer_nanoseconds) / 1e9;
    answers.half = bound_of(buckets, answers.count, 0.5);
    answers.almost = bound_of(buckets, answers.count, 0.99);
    return answers;
}

static void show_messages(struct metrics *metrics, struct counters *counters)
{
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_messages_total",
                   "MAIL commands, by why the client may relay.");
    for (size_t i = 0; i < COUNTERS_PERMISSIONS; i++) {
        metrics_count(metrics, counters_value(&counters->messages[i]), "permission",
                      permission_name((enum permission)i), (char *)NULL);
    }
}

/* Only what has happened: most of the combinations never do. */
static void show_recipients(struct metrics *metrics, struct counters *counters)
{
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_recipients_total",
                   "Recipients of clients that were looked at, by permission, whose the recipient "
                   "is, and what the MTA said.");
    for (size_t i = 0; i < COUNTERS_PERMISSIONS; i++) {
        for (size_t j = 0; j < COUNTERS_DESTINATIONS; j++) {
            for (size_t k = 0; k < COUNTERS_DECISIONS; k++) {
                uint64_t count = counters_value(&counters->recipients[i][j][k]);
                if (count > 0) {
                    metrics_count(metrics, count, "permission", permission_name((enum permission)i),
                                  "destination", destination_name((enum destination)j), "decision",
                                  decision_name((enum decision)k), (char *)NULL);
                }
            }
        }
    }
}

static void show_enforced(struct metrics *metrics, struct counters *counters)
{
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_enforced_total",
                   "Recipients refused and messages put on hold, by enforcement.");
    for (size_t i = ENFORCE_HOLD; i < COUNTERS_ENFORCEMENTS; i++) {
        metrics_count(metrics, counters_value(&counters->enforced[i]), "enforcement",
                      enforcement_name((enum enforcement)i), (char *)NULL);
    }
}

static void show_answers(struct metrics *metrics, struct counters *counters)
{
    uint64_t buckets[COUNTERS_BUCKETS];

    for (size_t i = 0; i < COUNTERS_BUCKETS; i++) {
        buckets[i] = counters_value(&counters->answers[i]);
    }
    metrics_family(metrics, METRIC_HISTOGRAM, "relaywarden_milter_answer_seconds",
                   "Time from the MTA's call to the answer.");
    metrics_histogram(metrics,
                      &(struct metric_histogram){
                          .bounds = COUNTERS_BUCKETS - 1,
                          .bound = bounds,
                          .bucket = buckets,
                          .sum = (double)counters_value(&counters->answer_nanoseconds) / 1e9,
                      },
                      (char *)NULL);
}

void counters_show(struct metrics *metrics, void *user)
{
    struct counters *counters = user;

    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_connections_total",
                   "Connections of clients to the MTA.");
    metrics_count(metrics, counters_value(&counters->connections), (char *)NULL);
    show_messages(metrics, counters);
    show_recipients(metrics, counters);
    show_enforced(metrics, counters);
    show_answers(metrics, counters);
}
