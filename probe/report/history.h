/*
 * history - what audits found, over a long time
 *
 * In the probe's state: the runs of equal verdicts of each configured endpoint, pruned by age; what
 * the server said is kept of the last audit. Read with the incidents, as one value that a page or a
 * text is made of; history_build.h makes the same of what a fleet has. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_HISTORY_H
#define RELAYWARDEN_PROBE_REPORT_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "conf/conf.h"
#include "lib/incident.h"
#include "lib/state/audit_state.h"
#include "lib/sys/spool.h"
#include "probe/report/report.h"

#define HISTORY_ERROR_SIZE 640
#define HISTORY_LACKS_MAX  8 /* sentences; more are counted */
#define HISTORY_LACK_SIZE  320

/* Adds an audit and drops what ended before `history`. Endpoints that are not of configured
 * targets are left out, and those that an interruption left open. False and a sentence: not all of
 * it was added. */
bool history_keep(const struct conf *conf, const struct audit_summary *summary,
                  char error[HISTORY_ERROR_SIZE]);

/* The columns of a result beside its key and its detail, which stay NULL. Texts are the result's.
 */
void history_describe(const struct endpoint_result *result, const struct audit_summary *summary,
                      struct audited_endpoint *out);

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
    struct history *history;  /* whose it is */
    char *vantage;            /* that it was seen from; "" where one machine is alone */
    char *key;                /* its endpoint_key(), as far as it is printable */
    struct spool_place place; /* of its detail; see history_detail */
    char *target;             /* these, and the port, as the detail has them */
    char *host;
    char *address;
    char *tls;
    unsigned int port;
    size_t finding_count; /* that the detail has */
    bool warned;          /* one of them is more than info */
    bool unread;          /* the detail could not be read: it has no more than the row tells */
    time_t last;
    bool current; /* its target is configured with its port, and its last audit found it */
    bool leads;   /* of the views of this endpoint this one is the worst: it stands for them */
    bool late;    /* it was to be asked from there before now */
    bool silent;  /* no worker of that vantage is heard */
    struct history_span *spans; /* at least one, by time */
    size_t span_count;
};

struct history_incident {
    struct incident incident;
    time_t ended;   /* 0: open */
    char *vantages; /* that see it, or saw it: "east, west"; "" where one machine is alone */
};

struct history_vantage {
    char *name;
    time_t last_seen; /* 0: never */
    long long workers;
    long long targets;
    long long late; /* of them */
    bool silent;
    bool retired;
};

struct history {
    time_t now;
    time_t begin;                       /* the first audit that is known */
    struct history_endpoint *endpoints; /* by name, and the views of one by vantage */
    size_t endpoint_count;
    size_t place_count;               /* endpoints, however many vantages see each */
    struct history_vantage *vantages; /* by name; none where one machine is alone */
    size_t vantage_count;
    bool many_views;                    /* who sees what is to be told */
    struct history_incident *incidents; /* the latest first */
    size_t incident_count;
    struct spool *details; /* texts of JSON */
    json_t *detail;        /* of the endpoint whose id is detail_of; NULL: of none */
    long long detail_of;
    bool failed; /* memory was out for a detail, or it was not read back: what is shown lacks it */
    /* Sentences about what could not be read: a report that lacks something is no all-clear. */
    char lacks[HISTORY_LACKS_MAX][HISTORY_LACK_SIZE];
    size_t lack_count; /* may be more */
};

/* This machine's history. NULL and a sentence with a remedy: no audit was kept yet, memory is out,
 * or the database cannot be read. Single rows that cannot be are named in `lacks`. */
struct history *history_read(const struct conf *conf, time_t now, char error[HISTORY_ERROR_SIZE]);
void history_free(struct history *history); /* NULL is nothing */

/* The one with that key; where there is none, the first whose key begins so, up to a slash or a
 * space: "203.0.113.25:25". NULL: none. */
const struct history_endpoint *history_find(const struct history *history, const char *key);

/* An endpoint has one view from each vantage; these stand beside each other, by vantage. The first,
 * and how many there are. */
const struct history_endpoint *history_views(const struct history_endpoint *endpoint,
                                             size_t *count);

/* The last span. */
const struct history_span *history_state(const struct history_endpoint *endpoint);

/* As report_endpoint wrote it, as far as it can be read; its texts are printable, whatever the
 * database holds. Belongs to the history, and lives until another endpoint's is asked for: details
 * are many and big. NULL, and history->failed: memory was out, or it cannot be read back. */
const json_t *history_detail(const struct history_endpoint *endpoint);

/* A text of the endpoint's detail; "" if it has none. Lives as the detail does, but that of target,
 * host, address and tls as the history. */
const char *history_text(const struct history_endpoint *endpoint, const char *name);

/* The remedies of the endpoint's detail; one for every server where the audit is older than these
 * were told apart. */
void history_remedies(const struct history_endpoint *endpoint, struct remedies *out);

/* "203.0.113.25:587 (STARTTLS)", or "no address". */
#define HISTORY_WHERE_SIZE 128
const char *history_where(const struct history_endpoint *endpoint, char out[HISTORY_WHERE_SIZE]);

/* The incidents about the endpoint are folded by this (endpoint_place in probe/model/result.h). */
#define HISTORY_PLACE_SIZE 512
const char *history_place(const struct history_endpoint *endpoint, char out[HISTORY_PLACE_SIZE]);

#endif
