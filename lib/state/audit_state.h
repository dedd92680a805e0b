/*
 * audit_state - what the probe keeps of audits: endpoints, their verdicts, and facts for the next
 *
 * Everything about an endpoint stands under its key (probe/model/result.h: endpoint_key). Of each
 * the last audit is kept whole; of all audits a row for each run of equal verdicts, since a row for
 * each audit of 100,000 endpoints would fill a disk. A fact is what one audit leaves for the next:
 * a question that was put off, a message that was sent.
 *
 * With incident_store.h this is all that the probe asks of its state. No SQLite is to be seen here,
 * and each change is one short transaction during which nothing is asked of a mail server, so that
 * a server for many probes can stand behind the same calls. It would add to a row what no caller
 * has to know: the vantage, the epoch of its claim (a result that comes too late is then no
 * failure, but not kept either), and its own clock.
 *
 * One thread for a struct audit_state; any number of processes. Where a call fails, audit_state_why
 * has one sentence with a remedy.
 */
#ifndef RELAYWARDEN_LIB_STATE_AUDIT_STATE_H
#define RELAYWARDEN_LIB_STATE_AUDIT_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/words.h"

#define AUDIT_STATE_ERROR_SIZE 512

struct audit_state;
struct sqlite3;

/* The probe's file in a state directory. */
const char *audit_state_path(const char *state_directory, char out[PATH_MAX]);

bool audit_state_is_there(const char *state_directory);

/* Makes the file, with its directory, where it is missing and `make` is set; else that is a
 * failure. One that may not be written is opened for reading, and changes fail. NULL and a sentence
 * with a remedy. */
struct audit_state *audit_state_open(const char *state_directory, bool make,
                                     char error[AUDIT_STATE_ERROR_SIZE]);
void audit_state_close(struct audit_state *state); /* NULL is nothing */

/* Why the last call failed. */
const char *audit_state_why(const struct audit_state *state);

/* One transaction around what `act` does; false when that is false or SQLite failed, and nothing is
 * changed. A change waits a moment for who else writes, but after a wait in vain not again. */
typedef bool (*audit_state_act)(struct audit_state *state, void *user);
bool audit_state_change(struct audit_state *state, audit_state_act act, void *user);
bool audit_state_view(struct audit_state *state, audit_state_act act, void *user);

/* Changes whenever another handle has written. 0: SQLite failed. */
int64_t audit_state_version(struct audit_state *state);

/* ---- endpoints ---- */

enum audit_fact {
    AUDIT_FACT_UNKNOWN = -1,
    AUDIT_FACT_NO,
    AUDIT_FACT_YES,
};

/* An endpoint as its last audit left it. Times are Unix seconds. */
struct audited_endpoint {
    const char *key;
    const char *target;
    const char *host;
    const char *session; /* the mode of TLS that was in force */
    enum verdict verdict;
    enum cause cause;
    int64_t started;
    int64_t ended;
    double seconds;
    enum audit_fact answered;    /* did the filter on the mail host? */
    enum audit_fact certificate; /* is nothing wrong with it? */
    bool gone;          /* a later audit of its target did not find it; false when it is kept */
    const char *detail; /* JSON: its part of `check --json`; NULL where it was not asked for */
};

/* Of one audit after the other in their order. */
bool audit_state_keep(struct audit_state *state, const struct audited_endpoint *endpoint);

/* Adds what schema 5 did not have to an endpoint that it had, if the last audit was not a later
 * one. `key` is the beginning of its key. */
bool audit_state_amend(struct audit_state *state, const struct audited_endpoint *endpoint);

/* Those of the endpoints that `is_gone` says so of are gone, until they are kept again. */
typedef bool (*audit_state_judge)(const char *target, const char *key, const void *user);
bool audit_state_settle(struct audit_state *state, audit_state_judge is_gone, const void *user);

/* Forgets runs that ended before `time`, and endpoints of which no run is left. */
bool audit_state_prune(struct audit_state *state, int64_t time);

/* Every endpoint, in the order of the keys; texts live during the call. `id` tells it apart in
 * audit_state_runs. Without a run it is inconclusive. `visit` returns false to end, and then so
 * does this. */
typedef bool (*audit_state_endpoint_visit)(int64_t id, const struct audited_endpoint *endpoint,
                                           void *user);
bool audit_state_endpoints(struct audit_state *state, bool detail, audit_state_endpoint_visit visit,
                           void *user);

/* Audits one after the other that came to the same. */
struct verdict_run {
    enum verdict verdict;
    enum cause cause;
    int64_t first;
    int64_t last;
    uint64_t audits;
    bool unread; /* a word that this version does not know: inconclusive, then */
};

/* A verdict's and a cause's name. False: a word that this version does not know; then they are
 * those of an inconclusive audit. */
bool audit_state_read_words(const char *const words[2], enum verdict *verdict, enum cause *cause);

/* Every run, by endpoint and then in their order. */
typedef bool (*audit_state_run_visit)(int64_t endpoint, const struct verdict_run *run, void *user);
bool audit_state_runs(struct audit_state *state, audit_state_run_visit visit, void *user);

/* ---- facts ---- */

enum fact_kind {
    FACT_PUT_OFF,  /* name: a technique, text: its sender */
    FACT_TURN,     /* name: a technique that was answered where audits are cut off */
    FACT_CUT_OFF,  /* an audit was cut off; number: whether senders are first */
    FACT_ANSWERED, /* the filter on the mail host did */
    FACT_SENDER,   /* number: the place of the domain that is next as a sender */
    FACT_HELO,     /* number: likewise, as the name in a greeting */
    FACT_MESSAGE,  /* name: the token of one that was sent, number: whether it was refused */
};

struct fact {
    enum fact_kind kind;
    const char *endpoint; /* its key */
    const char *name;     /* never NULL in a fact that is kept */
    const char *text;
    int64_t time;
    int64_t number;
};

/* Facts of what lies strictly between these times. */
struct fact_span {
    int64_t after;
    int64_t before;
};

/* In place of the one of the same endpoint, kind, name and text. */
bool audit_state_put(struct audit_state *state, const struct fact *fact);

/* Drops the endpoint's facts of that kind, or of a name if it is not NULL. */
bool audit_state_drop(struct audit_state *state, const struct fact *like);

/* Those of an endpoint, or where `like` has none of any with that name, oldest first. */
typedef bool (*audit_state_fact_visit)(const struct fact *fact, void *user);
bool audit_state_facts(struct audit_state *state, const struct fact *like,
                       const struct fact_span *span, audit_state_fact_visit visit, void *user);

/* Drops all of a kind that are out of the span. */
bool audit_state_forget(struct audit_state *state, enum fact_kind kind,
                        const struct fact_span *span);

/* ---- for lib/state and its readers ---- */

/* The handle that incident_records.h reads by, within audit_state_view. */
struct sqlite3 *audit_state_database(struct audit_state *state);

#endif
