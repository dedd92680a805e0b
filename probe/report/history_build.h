/*
 * history_build - a history, made of rows from whatever keeps them
 *
 * First all endpoints, in the order of their keys and of the vantages of one key; then their runs,
 * by endpoint; incidents, the latest first; vantages, by name. Texts are distrusted, copied and
 * made printable. One thread.
 *
 * A function that adds returns false when memory is out.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_HISTORY_BUILD_H
#define RELAYWARDEN_PROBE_REPORT_HISTORY_BUILD_H

#include "lib/state/incident_records.h"
#include "probe/report/history.h"

struct history_build;

/* The configuration says which endpoints are current where no view does. NULL: out of memory. */
struct history_build *history_build_new(const struct conf *conf, time_t now);

/* An endpoint as one vantage of a fleet sees it. */
struct history_view {
    const char *vantage;
    bool current; /* it is asked from there */
    bool late;
    bool silent;
};

/* `id` tells its runs; `view` is NULL where one machine is alone. */
bool history_build_endpoint(struct history_build *build, int64_t id,
                            const struct audited_endpoint *last, const struct history_view *view);
bool history_build_run(struct history_build *build, int64_t id, const struct verdict_run *run);

/* `vantages` sees it, or saw it: "east, west", or "". */
bool history_build_incident(struct history_build *build, const struct incident_record *row,
                            const char *vantages);

/* Its name is copied. */
bool history_build_vantage(struct history_build *build, const struct history_vantage *vantage);

/* A sentence about what could not be read. */
void history_build_lack(struct history_build *build, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool history_build_is_out_of_memory(const struct history_build *build);

/* The history, for history_free; NULL where it is not whole. The build is gone. */
struct history *history_build_end(struct history_build *build, bool whole);

#endif
