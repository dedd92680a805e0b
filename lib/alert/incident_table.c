#include "lib/alert/incident_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/alert/incident_ends.h"
#include "lib/alert/subject.h"

#define BUCKETS        1024
#define FLAP_DOUBLINGS 3

/* An incident's last announcement. */
enum telling {
    TOLD,
    UNDERWAY,
    DUE,
};

struct node {
    struct node *next;           /* in order of opening, or of ending */
    struct node *next_in_bucket; /* of those with the same hash */
    bool any;                    /* stands for any subject of its fold */
    bool marked;
    bool added_to; /* since the last review that would have ended it; of `any` alone */
    enum telling telling;
    time_t quiet_since;   /* last_seen, or when it was put back */
    uint64_t given_count; /* to the table's user */
    struct incident incident;
};

struct incident_table {
    long remind_seconds;
    long quiet_after_seconds;
    incident_announce announce;
    void *user;
    size_t open;
    struct node *first;
    struct node **end; /* where the next one is linked */
    struct node *bucket[BUCKETS];
    size_t due;         /* nodes, of both lists */
    struct node *ended; /* over, and not known to be told; in no bucket */
    struct node **ended_end;
    size_t ended_count;
    struct incident_ends ends;
};

struct incident_table *incident_table_new(long remind_seconds, long quiet_after_seconds,
                                          incident_announce announce, void *user)
{
    struct incident_table *table = calloc(1, sizeof(*table));

    if (table == NULL) {
        return NULL;
    }
    table->announce = announce;
    table->user = user;
    table->end = &table->first;
    table->ended_end = &table->ended;
    incident_table_configure(table, remind_seconds, quiet_after_seconds);
    return table;
}

static void free_nodes(struct node *node)
{
    while (node != NULL) {
        struct node *next = node->next;

        free(node);
        node = next;
    }
}

void incident_table_free(struct incident_table *table)
{
    if (table == NULL) {
        return;
    }
    free_nodes(table->first);
    free_nodes(table->ended);
    free(table);
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

static struct node *find(const struct incident_table *table, enum finding_kind kind,
                         const char *key)
{
    struct node *node = table->bucket[subject_hash(kind, key) % BUCKETS];

    while (node != NULL &&
           (node->incident.finding.kind != kind || strcmp(node->incident.finding.key, key) != 0)) {
        node = node->next_in_bucket;
    }
    return node;
}

static void announce(struct incident_table *table, struct incident *incident,
                     enum incident_state state, time_t now)
{
    incident->state = state;
    incident->last_announced = now;
    incident->announced_count = incident->finding.count;
    table->announce(incident, state, now, table->user);
}

static void set_telling(struct incident_table *table, struct node *node, enum telling telling)
{
    table->due -= node->telling == DUE;
    table->due += telling == DUE;
    node->telling = telling;
}

/* An opening that nobody was told of is told as that, whatever came since. */
static void announce_node(struct incident_table *table, struct node *node,
                          enum incident_state state, time_t now)
{
    if (node->telling == DUE && node->incident.state == INCIDENT_OPENED &&
        state == INCIDENT_REPEATED) {
        state = INCIDENT_OPENED;
    }
    set_telling(table, node, UNDERWAY);
    announce(table, &node->incident, state, now);
    node->given_count = node->incident.finding.count;
}

void incident_remember_end(struct incident_table *table, const struct incident *incident,
                           time_t ended)
{
    incident_ends_add(&table->ends, incident, ended);
}

static void start(const struct incident_table *table, struct incident *incident,
                  const struct finding *finding, time_t now)
{
    const struct incident_end *end = incident_ends_find(&table->ends, finding->kind, finding->key);

    memset(incident, 0, sizeof(*incident));
    new_id(incident->id);
    incident->opened = now;
    incident->last_seen = now;
    incident->finding = *finding;
    /* A finding that only lasts counts nothing more, but it was seen. */
    if (finding->count == 0) {
        incident->finding.count = 1;
    }
    if (end != NULL && now - end->ended < INCIDENT_FLAP_SECONDS) {
        incident->flaps = end->flaps + 1;
    }
}

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

static void link_node(struct incident_table *table, struct node *node)
{
    const struct finding *finding = &node->incident.finding;
    struct node **bucket = &table->bucket[subject_hash(finding->kind, finding->key) % BUCKETS];

    node->any = subject_is_any(finding);
    node->marked = true;
    node->next_in_bucket = *bucket;
    *bucket = node;
    *table->end = node;
    table->end = &node->next;
    table->open++;
}

static bool open_incident(struct incident_table *table, const struct finding *finding, time_t now)
{
    struct node *node = calloc(1, sizeof(*node));

    if (node == NULL) {
        struct incident unfollowed;

        start(table, &unfollowed, finding, now);
        announce(table, &unfollowed, INCIDENT_OPENED, now);
        return false;
    }
    start(table, &node->incident, finding, now);
    node->quiet_since = now;
    node->added_to = true;
    link_node(table, node);
    announce_node(table, node, INCIDENT_OPENED, now);
    return true;
}

bool incident_restore(struct incident_table *table, const struct incident *incident, bool announced,
                      time_t now)
{
    if (table->open > INCIDENT_OPEN_MAX + FINDING_KINDS ||
        find(table, incident->finding.kind, incident->finding.key) != NULL) {
        return false;
    }
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return false;
    }
    node->incident = *incident;
    node->quiet_since = now;
    node->given_count = incident->finding.count;
    link_node(table, node);
    if (!announced) {
        announce_node(table, node, INCIDENT_REPEATED, now);
    }
    return true;
}

/* Takes the node at *link out of the list and its bucket. */
static struct node *take_out(struct incident_table *table, struct node **link)
{
    struct node *node = *link;
    const struct finding *finding = &node->incident.finding;
    struct node **in_bucket = &table->bucket[subject_hash(finding->kind, finding->key) % BUCKETS];

    while (*in_bucket != node) {
        in_bucket = &(*in_bucket)->next_in_bucket;
    }
    *in_bucket = node->next_in_bucket;
    *link = node->next;
    if (table->end == &node->next) {
        table->end = link;
    }
    table->open--;
    return node;
}

static void drop(struct incident_table *table, struct node **link)
{
    struct node *node = take_out(table, link);

    set_telling(table, node, TOLD);
    free(node);
}

/* Takes the node at *link out of those that are over, and frees it. */
static void drop_ended(struct incident_table *table, struct node **link)
{
    struct node *node = *link;

    *link = node->next;
    if (table->ended_end == &node->next) {
        table->ended_end = link;
    }
    table->ended_count--;
    set_telling(table, node, TOLD);
    free(node);
}

/* Past the maximum the oldest is given up; the database has it, if there is one. */
static void keep_ended(struct incident_table *table, struct node *node)
{
    if (table->ended_count == INCIDENT_ENDED_MAX) {
        drop_ended(table, &table->ended);
    }
    node->next = NULL;
    *table->ended_end = node;
    table->ended_end = &node->next;
    table->ended_count++;
}

static void add_to(struct incident_table *table, struct node *node, const struct finding *finding,
                   time_t now)
{
    node->incident.last_seen = now;
    node->quiet_since = now;
    node->added_to = true;
    if (subject_fold(&node->incident.finding, finding)) {
        announce_node(table, node, INCIDENT_REPEATED, now);
    }
}

static bool fold_is_full(const struct incident_table *table, const struct finding *finding)
{
    size_t subjects = 0;

    for (const struct node *node = table->first; node != NULL; node = node->next) {
        if (!node->any && node->incident.finding.kind == finding->kind &&
            strcmp(node->incident.finding.fold, finding->fold) == 0) {
            subjects++;
        }
    }
    return subjects >= INCIDENT_SUBJECTS_MAX;
}

bool incident_add(struct incident_table *table, const struct finding *finding, time_t now)
{
    struct finding any;
    struct node *node = find(table, finding->kind, finding->key);

    if (node == NULL && !subject_is_any(finding) && fold_is_full(table, finding)) {
        any = *finding;
        subject_make_any(&any, finding->fold);
        finding = &any;
        node = find(table, any.kind, any.key);
    }
    if (node == NULL && table->open >= INCIDENT_OPEN_MAX) {
        any = *finding;
        subject_make_any(&any, "");
        finding = &any;
        node = find(table, any.kind, any.key);
    }
    if (node == NULL) {
        return open_incident(table, finding, now);
    }
    add_to(table, node, finding, now);
    return true;
}

/* Takes the node at *link out of those that are open. */
static void end_node(struct incident_table *table, struct node **link, time_t now)
{
    struct node *node = take_out(table, link);

    keep_ended(table, node);
    incident_remember_end(table, &node->incident, now);
    announce_node(table, node, INCIDENT_RESOLVED, now);
}

void incident_resolve(struct incident_table *table, enum finding_kind kind, const char *key,
                      time_t now)
{
    struct node *node = find(table, kind, key);
    struct node **link = &table->first;

    if (node == NULL) {
        return;
    }
    while (*link != node) {
        link = &(*link)->next;
    }
    end_node(table, link, now);
}

void incident_review(struct incident_table *table, incident_judge is_over, const void *user,
                     time_t now)
{
    struct node **link = &table->first;

    while (*link != NULL) {
        struct node *node = *link;

        /* Which subjects an `any` stands for nobody knows; what an audit found of them was added
         * to it before its review. */
        bool over = is_over(&node->incident.finding, user);
        bool lasts = !over || (node->any && node->added_to);
        node->added_to = node->added_to && !over;
        if (lasts) {
            link = &node->next;
        } else {
            end_node(table, link, now);
        }
    }
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

        if (quiet > 0) {
            if (now - node->quiet_since >= quiet) {
                end_node(table, link, now);
                continue;
            }
            next = sooner(next, node->quiet_since + quiet);
        }
        if (table->remind_seconds > 0 && incident->finding.count > incident->announced_count) {
            if (now - incident->last_announced >= table->remind_seconds) {
                announce_node(table, node, INCIDENT_REPEATED, now);
            } else {
                next = sooner(next, incident->last_announced + table->remind_seconds);
            }
        }
        link = &node->next;
    }
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
    incident_ends_shift(&table->ends, seconds);
}

bool incident_has_ended(const struct incident_table *table, const char *id)
{
    return incident_ends_have(&table->ends, id);
}

static struct node **find_ended(struct incident_table *table, const char *id)
{
    struct node **link = &table->ended;

    while (*link != NULL && strcmp((*link)->incident.id, id) != 0) {
        link = &(*link)->next;
    }
    return link;
}

void incident_restore_end(struct incident_table *table, const struct incident *incident, time_t now)
{
    if (*find_ended(table, incident->id) != NULL) {
        return;
    }
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        struct incident unfollowed = *incident;

        announce(table, &unfollowed, INCIDENT_RESOLVED, now);
        return;
    }
    node->incident = *incident;
    keep_ended(table, node);
    announce_node(table, node, INCIDENT_RESOLVED, now);
}

/* ---- what became of announcements ------------------------------------------------------------ */

void incident_settle(struct incident_table *table, const struct incident *announced, bool taken)
{
    struct node **ended =
        announced->state == INCIDENT_RESOLVED ? find_ended(table, announced->id) : NULL;
    struct node *node =
        ended != NULL ? *ended : find(table, announced->finding.kind, announced->finding.key);

    if (node == NULL || strcmp(node->incident.id, announced->id) != 0 ||
        node->incident.state != announced->state ||
        node->incident.announced_count != announced->announced_count) {
        return;
    }
    if (taken && ended != NULL) {
        drop_ended(table, ended);
    } else {
        set_telling(table, node, taken ? TOLD : DUE);
    }
}

size_t incident_due_count(const struct incident_table *table)
{
    return table->due;
}

static size_t announce_due_of(struct incident_table *table, struct node *first, size_t max,
                              time_t now)
{
    size_t made = 0;

    for (struct node *node = first; node != NULL && made < max; node = node->next) {
        if (node->telling != DUE) {
            continue;
        }
        node->incident.again = true;
        announce_node(table, node, node->incident.state, now);
        node->incident.again = false;
        made++;
    }
    return made;
}

void incident_announce_due(struct incident_table *table, size_t max, time_t now)
{
    /* Ends first: their subjects may have opened again. */
    size_t made = announce_due_of(table, table->ended, max, now);

    announce_due_of(table, table->first, max - made, now);
}

void incident_unmark_all(struct incident_table *table)
{
    for (struct node *node = table->first; node != NULL; node = node->next) {
        node->marked = false;
    }
}

bool incident_mark(struct incident_table *table, const char *id)
{
    for (struct node *node = table->first; node != NULL; node = node->next) {
        if (strcmp(node->incident.id, id) == 0) {
            node->marked = true;
            return true;
        }
    }
    return false;
}

void incident_forget_unmarked(struct incident_table *table)
{
    struct node **link = &table->first;

    while (*link != NULL) {
        if ((*link)->marked) {
            link = &(*link)->next;
        } else {
            drop(table, link);
        }
    }
}

void incident_each(const struct incident_table *table, incident_visit visit, void *user)
{
    for (const struct node *node = table->first; node != NULL; node = node->next) {
        visit(&node->incident, user);
    }
}

void incident_each_kept(const struct incident_table *table, incident_visit_kept visit, void *user)
{
    for (const struct node *node = table->first; node != NULL; node = node->next) {
        visit(&node->incident, node->telling == TOLD, user);
    }
    for (const struct node *node = table->ended; node != NULL; node = node->next) {
        visit(&node->incident, false, user);
    }
}

void incident_each_uncounted(struct incident_table *table, incident_visit visit, void *user)
{
    for (struct node *node = table->first; node != NULL; node = node->next) {
        if (node->given_count == node->incident.finding.count) {
            continue;
        }
        node->given_count = node->incident.finding.count;
        visit(&node->incident, user);
    }
}
