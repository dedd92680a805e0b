#include "lib/alert/incident_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/alert/incident_nodes.h"
#include "lib/alert/subject.h"

#define FLAP_DOUBLINGS 3

struct incident_table *incident_table_new(long remind_seconds, long quiet_after_seconds,
                                          incident_announce announce, void *user)
{
    struct incident_table *table = calloc(1, sizeof(*table));

    if (table == NULL) {
        return NULL;
    }
    pthread_mutex_init(&table->mutex, NULL);
    table->announce = announce;
    table->user = user;
    table->end = &table->first;
    table->ended_end = &table->ended;
    incident_table_configure(table, remind_seconds, quiet_after_seconds);
    return table;
}

static void free_nodes(struct incident_table *table, struct node *node)
{
    while (node != NULL) {
        struct node *next = node->next;

        node_free(table, node);
        node = next;
    }
}

void incident_table_free(struct incident_table *table)
{
    if (table == NULL) {
        return;
    }
    for (struct node *node = table->news; node != NULL;) {
        struct node *next = node->next_news;

        if (node->fresh) {
            node_free(table, node);
        }
        node = next;
    }
    free_nodes(table, table->first);
    free_nodes(table, table->ended);
    pthread_mutex_destroy(&table->mutex);
    free(table);
}

void incident_table_share(struct incident_table *table)
{
    table->shared = true;
}

void incident_table_configure(struct incident_table *table, long remind_seconds,
                              long quiet_after_seconds)
{
    table->remind_seconds = remind_seconds;
    table->quiet_after_seconds = quiet_after_seconds;
}

size_t incident_open_count(const struct incident_table *table)
{
    return table->open;
}

/* Random, so that it is unique over restarts and hosts; the clock is the way out on a machine
 * without random numbers, since an alert must not depend on them. */
static void new_id(char id[INCIDENT_ID_SIZE])
{
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number)) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        number = (uint64_t)now.tv_sec << 32 | (uint64_t)now.tv_nsec;
    }
    snprintf(id, INCIDENT_ID_SIZE, "%016" PRIx64, number);
}

/* Makes an incident of a node with a finding. */
static void start(const struct incident_table *table, struct node *node, time_t now)
{
    struct incident *incident = &node->incident;
    const struct past_incident *end =
        past_incidents_find(&table->past, incident->finding.kind, incident->finding.key);

    new_id(incident->id);
    incident->opened = now;
    incident->last_seen = now;
    node->quiet_since = now;
    node->added_to = true;
    /* A finding that only lasts counts nothing more, but it was seen. */
    if (incident->finding.count == 0) {
        incident->finding.count = 1;
    }
    if (end != NULL && now - end->ended < INCIDENT_FLAP_SECONDS) {
        incident->flaps = end->flaps + 1;
    }
}

/* ---- what came ------------------------------------------------------------------------------- */

static void note_found(struct incident_table *table, struct node *node, bool worse, time_t now)
{
    node->incident.last_seen = now;
    node->quiet_since = now;
    node->added_to = true;
    if (worse) {
        node_announce(table, node, INCIDENT_REPEATED, now);
    }
}

/* Makes a fresh node the open incident of its subject, or adds it to the one that there is: one was
 * read from the database meanwhile, or nobody looked before. Returns that; NULL: none is open. */
static struct node *take_in_fresh(struct incident_table *table, struct node *node, time_t now)
{
    struct finding *finding = &node->incident.finding;

    table->fresh--;
    node_leave_bucket(table, node);
    if (node->found) {
        node_settle_subject(table, finding);
    }
    struct node *open = node_find_open(table, finding->kind, finding->key);
    if (open == NULL && node->found) {
        node->fresh = false;
        node->found = false;
        start(table, node, now);
        node_enter_bucket(table, node);
        node_open(table, node);
        node_announce(table, node, INCIDENT_OPENED, now);
        return node;
    }
    if (open != NULL) {
        open->resolved |= node->resolved;
    }
    if (open != NULL && node->found) {
        bool worse = subject_fold(&open->incident.finding, finding);

        node_free(table, node);
        note_found(table, open, worse, now);
    } else {
        node_free(table, node);
    }
    return open;
}

static void end_resolved(struct incident_table *table, const struct node *node, time_t now)
{
    struct node **link = &table->first;

    while (*link != node) {
        link = &(*link)->next;
    }
    node_end(table, link, now);
}

static void take_in(struct incident_table *table, struct node *node, time_t now)
{
    bool resolved = node->resolved;

    if (node->fresh) {
        node = take_in_fresh(table, node, now);
    } else if (node->found) {
        bool worse = node->worse;

        node->found = false;
        node->worse = false;
        note_found(table, node, worse, now);
    }
    if (resolved && node != NULL) {
        end_resolved(table, node, now);
    }
}

/* Up to the last one that is there at the beginning: in a storm there are always more. */
void incident_take_in(struct incident_table *table, time_t now)
{
    pthread_mutex_lock(&table->mutex);
    const struct node *last = table->news_last;
    bool more = last != NULL;
    while (more) {
        struct node *node = table->news;

        more = node != last;
        node_leave_news(table, node);
        take_in(table, node, now);
    }
    pthread_mutex_unlock(&table->mutex);
}

/* ---- what passes ----------------------------------------------------------------------------- */

/* How long this one must be quiet to be over; 0: it does not end so. */
static long quiet_time(const struct incident_table *table, const struct incident *incident)
{
    unsigned int doublings = incident->flaps > 1 ? incident->flaps - 1 : 0;
    long quiet;

    if (doublings > FLAP_DOUBLINGS) {
        doublings = FLAP_DOUBLINGS;
    }
    if (__builtin_mul_overflow(table->quiet_after_seconds, 1L << doublings, &quiet)) {
        return table->quiet_after_seconds;
    }
    return quiet;
}

void incident_review(struct incident_table *table, incident_judge is_over, const void *user,
                     time_t now)
{
    struct node **link = &table->first;

    pthread_mutex_lock(&table->mutex);
    while (*link != NULL) {
        struct node *node = *link;

        /* Which subjects an `any` stands for nobody knows; what an audit found of them was added
         * to it before its review. */
        bool over = is_over(&node->incident.finding, user);
        bool lasts = !over || node->in_news || (node->any && node->added_to);
        node->added_to = node->added_to && !over;
        if (lasts) {
            link = &node->next;
        } else {
            node_end(table, link, now);
        }
    }
    pthread_mutex_unlock(&table->mutex);
}

/* The earlier of two times of which 0 is never. */
static time_t sooner(time_t a, time_t b)
{
    if (a == 0 || b == 0) {
        return a + b;
    }
    return a < b ? a : b;
}

time_t incident_tick(struct incident_table *table, time_t now)
{
    struct node **link = &table->first;
    time_t next = 0;

    pthread_mutex_lock(&table->mutex);
    while (*link != NULL) {
        struct node *node = *link;
        struct incident *incident = &node->incident;
        long quiet = quiet_time(table, incident);

        /* The clock was set back: count the periods from here. */
        if (incident->last_seen > now) {
            incident->last_seen = now;
        }
        if (node->quiet_since > now) {
            node->quiet_since = now;
        }
        if (incident->last_announced > now) {
            incident->last_announced = now;
        }

        if (quiet > 0 && !node->in_news) {
            if (now - node->quiet_since >= quiet) {
                node_end(table, link, now);
                continue;
            }
            next = sooner(next, node->quiet_since + quiet);
        }
        if (table->remind_seconds > 0 && incident->finding.count > incident->announced_count) {
            if (now - incident->last_announced >= table->remind_seconds) {
                node_announce(table, node, INCIDENT_REPEATED, now);
            } else {
                next = sooner(next, incident->last_announced + table->remind_seconds);
            }
        }
        link = &node->next;
    }
    pthread_mutex_unlock(&table->mutex);
    return next;
}

void incident_shift(struct incident_table *table, long seconds)
{
    for (struct node *node = table->first; node != NULL; node = node->next) {
        node->quiet_since += seconds;
        node->incident.opened += seconds;
        node->incident.last_seen += seconds;
        node->incident.last_announced += seconds;
    }
    past_incidents_shift(&table->past, seconds);
}
