/*
 * history - what audits found, over a long time
 *
 * In the probe's database: each audit of each configured endpoint is a row, pruned by age; what the
 * server said is kept of the last one. Read with the incidents, as one value that a page or a text
 * is made of. One thread.
 */
#ifndef RELAYWARDEN_PROBE_HISTORY_H
#define RELAYWARDEN_PROBE_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "conf/conf.h"
#include "lib/alert/incident_table.h"
#include "probe/report/report.h"

#define HISTORY_ERROR_SIZE 640

/* Adds an audit and drops what is older than `history`. Endpoints that are not of configured
 * targets are left out. False and a sentence: nothing was added. */
bool history_keep(const struct conf *conf, const struct audit_summary *summary,
                  char error[HISTORY_ERROR_SIZE]);

/* Audits one after the other that came to the same. */
struct history_span {
    enum verdict verdict;
    enum cause cause;
    time_t first;
    time_t last;
    size_t audits;
};

struct history_endpoint {
    long long id;
    json_t *detail; /* as report_endpoint wrote it; its texts are printable */
    time_t last;
    bool current; /* its target is configured with its port, and the target's last audit had it */
    struct history_span *spans; /* at least one, by time */
    size_t span_count;
};

struct history_incident {
    struct incident incident;
    time_t ended; /* 0: open */
};

struct history {
    time_t now;
    time_t begin;                       /* the first audit that is known */
    struct history_endpoint *endpoints; /* by name */
    size_t endpoint_count;
    struct history_incident *incidents; /* the latest first */
    size_t incident_count;
};

/* NULL and a sentence with a remedy: no audit was kept yet, or it cannot be read. */
struct history *history_read(const struct conf *conf, time_t now, char error[HISTORY_ERROR_SIZE]);
void history_free(struct history *history); /* NULL is nothing */

/* The last span. */
const struct history_span *history_state(const struct history_endpoint *endpoint);

/* A text of the endpoint's detail; "" if it has none. */
const char *history_text(const struct history_endpoint *endpoint, const char *name);

/* "203.0.113.25:25/starttls", or "no address". */
#define HISTORY_WHERE_SIZE 128
const char *history_where(const struct history_endpoint *endpoint, char out[HISTORY_WHERE_SIZE]);

#endif
