/*
 * incident_nodes - the inside of the table of incidents, for the files that make it up
 *
 * A node is an incident from its first finding to the announcement of its end. It begins fresh:
 * any thread made it, it stands in its bucket and in the queue of news, and in no list. The
 * reporter's thread takes it in, and from then on it is open, and at last over.
 *
 * `mutex` guards everything but what is constant. Only the reporter's thread changes the lists and
 * frees nodes, so it may let go of the mutex in the middle of a walk, as node_announce does. All
 * functions want the mutex held; those that any thread may call say so.
 */
#ifndef RELAYWARDEN_LIB_ALERT_INCIDENT_NODES_H
#define RELAYWARDEN_LIB_ALERT_INCIDENT_NODES_H

#include <pthread.h>

#include "lib/alert/past_incidents.h"
#include "lib/incident.h"

#define BUCKETS 1024

/* An incident's last announcement. */
enum telling {
    TOLD,
    UNDERWAY,
    DUE,
};

struct node {
    struct node *next;           /* in order of opening, or of ending */
    struct node *next_in_bucket; /* of those with the same hash; the latest first */
    struct node *next_news;
    bool spare;  /* of the table's own room: it is not freed, and its end is not followed */
    bool in_use; /* of a spare one */
    bool fresh;  /* not taken in yet */
    bool any;    /* stands for any subject of its fold */
    bool marked;
    bool added_to; /* since the last review that would have ended it; of `any` alone */
    enum telling telling;
    time_t quiet_since;   /* last_seen, or when it was put back */
    uint64_t given_count; /* to the table's user */

    /* News, which other threads brought since it was taken in. */
    bool in_news;  /* it stands in the queue */
    bool found;    /* a finding was added */
    bool worse;    /* one that is more severe, and is the evidence now */
    bool resolved; /* after all that was found; what comes now is another incident's */

    struct incident incident;
};

struct incident_table {
    pthread_mutex_t mutex;
    long remind_seconds;
    long quiet_after_seconds;
    bool shared;
    void (*announce)(const struct incident *incident, enum incident_state state, time_t now,
                     void *user);
    void *user;
    struct incident shown; /* what is being announced; the reporter's thread */

    struct node *bucket[BUCKETS];
    struct node *first; /* open */
    struct node **end;  /* where the next one is linked */
    size_t open;
    size_t due;         /* nodes, of both lists */
    struct node *ended; /* over, and not known to be told; in no bucket */
    struct node **ended_end;
    size_t ended_count;
    struct past_incidents past;

    struct node *news; /* in order of arrival */
    struct node *news_last;
    size_t fresh;
    struct node spare[FINDING_KINDS]; /* for any subject of a kind, when memory is out */
};

/* Any thread: the open incident of a subject. */
struct node *node_find_open(const struct incident_table *table, enum finding_kind kind,
                            const char *key);

/* Any thread: the subject under which a finding is to be followed. That is its own if it is open
 * or there is room for one more, and else "any". */
void node_settle_subject(const struct incident_table *table, struct finding *finding);

/* Any thread: puts a node that has its subject into its bucket, or takes it out. */
void node_enter_bucket(struct incident_table *table, struct node *node);
void node_leave_bucket(struct incident_table *table, struct node *node);

/* Any thread: puts a node into the queue of news if it is not there. */
void node_enter_news(struct incident_table *table, struct node *node);
void node_leave_news(struct incident_table *table, struct node *node);

/* Makes a node that is in its bucket one of the open ones. */
void node_open(struct incident_table *table, struct node *node);

void node_free(struct incident_table *table, struct node *node); /* any thread, of a fresh one */
void node_set_telling(struct incident_table *table, struct node *node, enum telling telling);

/* Announces what the node holds now; lets go of the mutex meanwhile. An opening that nobody was
 * told of is told as that, whatever came since. */
void node_announce(struct incident_table *table, struct node *node, enum incident_state state,
                   time_t now);

/* The same for one that is in no list. */
void node_announce_unfollowed(struct incident_table *table, const struct incident *incident,
                              enum incident_state state, time_t now);

/* Takes the node at *link, which is open, out of the list and its bucket. */
struct node *node_take_out(struct incident_table *table, struct node **link);

/* Ends it, and announces that. */
void node_end(struct incident_table *table, struct node **link, time_t now);

/* Of those that are over: past the maximum the oldest is given up; the database has it, if there
 * is one. */
void node_keep_ended(struct incident_table *table, struct node *node);
void node_drop_ended(struct incident_table *table, struct node **link);

#endif
