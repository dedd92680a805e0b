/*
 * status_json - what the filter saw, as the object of snapshot.json
 *
 * Its shape, and what of it stays, is in relaywarden-milter(8); SNAPSHOT_FORMAT grows when a member
 * goes or means something else. All texts are printable (printable.h), and all lists are bounded:
 * incidents and masked addresses beyond the bounds are counted only.
 *
 * On one thread, which holds the database handle. NULL means that memory is out.
 */
#ifndef RELAYWARDEN_MILTER_STATUS_STATUS_JSON_H
#define RELAYWARDEN_MILTER_STATUS_STATUS_JSON_H

#include <jansson.h>

#include "lib/state/database.h"
#include "lib/sys/clocks.h"
#include "milter/counters.h"
#include "milter/live_conf.h"
#include "milter/tokens/probe_dialogue.h"

#define SNAPSHOT_FORMAT        1
#define SNAPSHOT_ADDRESSES_MAX 100

/* Facts that stay the same as long as the program runs. */
struct snapshot_source {
    const char *host;
    const char *socket; /* as configured */
    int64_t started;    /* Unix time */
    struct counters *counters;
    struct probe_dialogue_desk *desk;
};

/* Facts of this moment. */
struct snapshot_moment {
    struct live_conf *configuration; /* in force */
    sqlite3 *database;               /* NULL: it cannot be had, and no incident is known */
    const struct mask *masks;        /* that are not dropped; their times are Unix time */
    size_t mask_count;
    struct clocks now;
    int64_t last_ask;    /* from outside; Unix time */
    int64_t last_inside; /* not from outside; 0: none */
    bool missing;        /* probe-missing was raised */
    bool stopping;       /* it is the last one */
};

/* The whole object; `written` is null. */
json_t *status_json(const struct snapshot_source *source, const struct snapshot_moment *moment);

#endif
