#include "lib/alert/incident_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS        1024
#define FLAP_DOUBLINGS 3

struct node {
    struct node *next;           /* in order of opening */
    struct node *next_in_bucket; /* of those with the same hash */
    bool any;                    /* stands for any subject of its fold */
    bool marked;
    time_t quiet_since;   /* last_seen, or when it was put back */
    uint64_t given_count; /* to the table's user */
    struct incident incident;
};

/* A subject whose incident is over. */
struct end {
    enum finding_kind kind;
    unsigned int flaps;
    time_t ended; /* 0: empty */
    char key[FINDING_KEY_SIZE];
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
    size_t next_end; /* where the next one is written */
    struct end end_of[INCIDENT_ENDS_MAX];
};

struct incident_table *incident_table_new(long remind_seconds, long quiet_after_seconds,
                                          incident_announce announce, void *user)
{
    struct incident_table *table = calloc(1, sizeof(*table));

    if (table == NULL)
        return NULL;
    table->announce = announce;
    table->user = user;
    table->end = &table->first;
    incident_table_configure(table, remind_seconds, quiet_after_seconds);
    return table;
}

void incident_table_free(struct incident_table *table)
{
    if (table == NULL)
        return;
    while (table->first != NULL) {
        struct node *node = table->first;

        table->first = node->next;
        free(node);
    }
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

/* FNV-1a: the tables are small and bounded, so that collisions cannot cost much. */
uint32_t incident_hash(enum finding_kind kind, const char *key)
{
    uint32_t hash = 2166136261U ^ (uint32_t)kind;

    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    return hash;
}

bool incident_fold(struct finding *finding, const struct finding *later)
{
    uint64_t count;

    if (__builtin_add_overflow(finding->count, later->count, &count))
        count = UINT64_MAX;
    bool worse = later->severity > finding->severity;
    if (worse) {
        char key[FINDING_KEY_SIZE];
        char fold[FINDING_KEY_SIZE];

        memcpy(key, finding->key, sizeof(key));
        memcpy(fold, finding->fold, sizeof(fold));
        *finding = *later;
        memcpy(finding->key, key, sizeof(key));
        memcpy(finding->fold, fold, sizeof(fold));
    }
    finding->count = count;
    return worse;
}

static void any_key(char key[FINDING_KEY_SIZE], const char *fold)
{
    if (fold[0] == '\0')
        snprintf(key, FINDING_KEY_SIZE, "any");
    else
        snprintf(key, FINDING_KEY_SIZE, "%.*s any", FINDING_KEY_SIZE - 5, fold);
}

static bool is_any(const struct finding *finding)
{
    char key[FINDING_KEY_SIZE];

    any_key(key, finding->fold);
    return strcmp(key, finding->key) == 0;
}

void incident_make_any(struct finding *finding, const char *fold)
{
    char within[FINDING_KEY_SIZE];
    char why[FINDING_WHY_SIZE];

    bool was_any = is_any(finding);

    if (was_any && strcmp(finding->fold, fold) == 0)
        return;
    snprintf(within, sizeof(within), "%s", fold);
    memcpy(finding->fold, within, sizeof(within));
    any_key(finding->key, within);
    for (size_t i = 0; i < finding->fields; i++) {
        struct finding_field *field = &finding->field[i];

        if ((field->places & FIELD_SUBJECT) != 0 && strcmp(field->name, "subject") != 0 &&
            strcmp(finding->arena + field->value, within) != 0)
            field->places = (uint16_t)((field->places & ~FIELD_SUBJECT) | FIELD_EVIDENCE);
    }
    if (was_any)
        return;
    finding_add(finding, "subject", FIELD_SUBJECT | FIELD_LOGGED, "any");
    memcpy(why, finding->why, sizeof(why));
    finding_why(finding, "One of many subjects that are counted together: %s", why);
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
    struct node *node = table->bucket[incident_hash(kind, key) % BUCKETS];

    while (node != NULL &&
           (node->incident.finding.kind != kind || strcmp(node->incident.finding.key, key) != 0))
        node = node->next_in_bucket;
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

static void announce_node(struct incident_table *table, struct node *node,
                          enum incident_state state, time_t now)
{
    announce(table, &node->incident, state, now);
    node->given_count = node->incident.finding.count;
}

static const struct end *find_end(const struct incident_table *table, enum finding_kind kind,
                                  const char *key)
{
    const struct end *latest = NULL;

    for (size_t i = 0; i < INCIDENT_ENDS_MAX; i++) {
        const struct end *end = &table->end_of[i];

        if (end->ended != 0 && end->kind == kind && strcmp(end->key, key) == 0 &&
            (latest == NULL || end->ended >= latest->ended))
            latest = end;
    }
    return latest;
}

void incident_remember_end(struct incident_table *table, const struct incident *incident,
                           time_t ended)
{
    struct end *end = &table->end_of[table->next_end];

    table->next_end = (table->next_end + 1) % INCIDENT_ENDS_MAX;
    end->kind = incident->finding.kind;
    end->flaps = incident->flaps;
    end->ended = ended;
    memcpy(end->key, incident->finding.key, sizeof(end->key));
}

static void start(const struct incident_table *table, struct incident *incident,
                  const struct finding *finding, time_t now)
{
    const struct end *end = find_end(table, finding->kind, finding->key);

    memset(incident, 0, sizeof(*incident));
    new_id(incident->id);
    incident->opened = now;
    incident->last_seen = now;
    incident->finding = *finding;
    /* What only lasts counts nothing more, but it was seen. */
    if (finding->count == 0)
        incident->finding.count = 1;
    if (end != NULL && now - end->ended < INCIDENT_FLAP_SECONDS)
        incident->flaps = end->flaps + 1;
}

/* How long this one must be quiet to be over; 0: it does not end so. */
static long quiet_time(const struct incident_table *table, const struct incident *incident)
{
    unsigned int doublings = incident->flaps > 1 ? incident->flaps - 1 : 0;
    long quiet;

    if (doublings > FLAP_DOUBLINGS)
        doublings = FLAP_DOUBLINGS;
    if (__builtin_mul_overflow(table->quiet_after_seconds, 1L << doublings, &quiet))
        return table->quiet_after_seconds;
    return quiet;
}

static void link_node(struct incident_table *table, struct node *node)
{
    const struct finding *finding = &node->incident.finding;
    struct node **bucket = &table->bucket[incident_hash(finding->kind, finding->key) % BUCKETS];

    node->any = is_any(finding);
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
    link_node(table, node);
    announce_node(table, node, INCIDENT_OPENED, now);
    return true;
}

bool incident_restore(struct incident_table *table, const struct incident *incident, bool announced,
                      time_t now)
{
    if (table->open > INCIDENT_OPEN_MAX + FINDING_KINDS ||
        find(table, incident->finding.kind, incident->finding.key) != NULL)
        return false;
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL)
        return false;
    node->incident = *incident;
    node->quiet_since = now;
    node->given_count = incident->finding.count;
    link_node(table, node);
    if (!announced)
        announce_node(table, node, INCIDENT_REPEATED, now);
    return true;
}

/* Takes the node at *link out of the list and its bucket, and frees it. */
static void drop(struct incident_table *table, struct node **link)
{
    struct node *node = *link;
    const struct finding *finding = &node->incident.finding;
    struct node **in_bucket = &table->bucket[incident_hash(finding->kind, finding->key) % BUCKETS];

    while (*in_bucket != node)
        in_bucket = &(*in_bucket)->next_in_bucket;
    *in_bucket = node->next_in_bucket;
    *link = node->next;
    if (table->end == &node->next)
        table->end = link;
    table->open--;
    free(node);
}

static void add_to(struct incident_table *table, struct node *node, const struct finding *finding,
                   time_t now)
{
    node->incident.last_seen = now;
    node->quiet_since = now;
    if (incident_fold(&node->incident.finding, finding))
        announce_node(table, node, INCIDENT_REPEATED, now);
}

static bool fold_is_full(const struct incident_table *table, const struct finding *finding)
{
    size_t subjects = 0;

    for (const struct node *node = table->first; node != NULL; node = node->next)
        if (!node->any && node->incident.finding.kind == finding->kind &&
            strcmp(node->incident.finding.fold, finding->fold) == 0)
            subjects++;
    return subjects >= INCIDENT_SUBJECTS_MAX;
}

bool incident_add(struct incident_table *table, const struct finding *finding, time_t now)
{
    struct finding any;
    struct node *node = find(table, finding->kind, finding->key);

    if (node == NULL && !is_any(finding) && fold_is_full(table, finding)) {
        any = *finding;
        incident_make_any(&any, finding->fold);
        finding = &any;
        node = find(table, any.kind, any.key);
    }
    if (node == NULL && table->open >= INCIDENT_OPEN_MAX) {
        any = *finding;
        incident_make_any(&any, "");
        finding = &any;
        node = find(table, any.kind, any.key);
    }
    if (node == NULL)
        return open_incident(table, finding, now);
    add_to(table, node, finding, now);
    return true;
}

static void end_node(struct incident_table *table, struct node *node, time_t now)
{
    announce_node(table, node, INCIDENT_RESOLVED, now);
    incident_remember_end(table, &node->incident, now);
}

void incident_resolve(struct incident_table *table, enum finding_kind kind, const char *key,
                      time_t now)
{
    struct node *node = find(table, kind, key);
    struct node **link = &table->first;

    if (node == NULL)
        return;
    end_node(table, node, now);
    while (*link != node)
        link = &(*link)->next;
    drop(table, link);
}

void incident_review(struct incident_table *table, incident_judge is_over, const void *user,
                     time_t now)
{
    struct node **link = &table->first;

    while (*link != NULL) {
        struct node *node = *link;

        if (is_over(&node->incident.finding, user)) {
            end_node(table, node, now);
            drop(table, link);
        } else {
            link = &node->next;
        }
    }
}

/* The earlier of two times of which 0 is never. */
static time_t sooner(time_t a, time_t b)
{
    if (a == 0 || b == 0)
        return a + b;
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
        if (incident->last_seen > now)
            incident->last_seen = now;
        if (node->quiet_since > now)
            node->quiet_since = now;
        if (incident->last_announced > now)
            incident->last_announced = now;

        if (quiet > 0) {
            if (now - node->quiet_since >= quiet) {
                end_node(table, node, now);
                drop(table, link);
                continue;
            }
            next = sooner(next, node->quiet_since + quiet);
        }
        if (table->remind_seconds > 0 && incident->finding.count > incident->announced_count) {
            if (now - incident->last_announced >= table->remind_seconds)
                announce_node(table, node, INCIDENT_REPEATED, now);
            else
                next = sooner(next, incident->last_announced + table->remind_seconds);
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
    for (size_t i = 0; i < INCIDENT_ENDS_MAX; i++)
        if (table->end_of[i].ended != 0)
            table->end_of[i].ended += seconds;
}

void incident_unmark_all(struct incident_table *table)
{
    for (struct node *node = table->first; node != NULL; node = node->next)
        node->marked = false;
}

bool incident_mark(struct incident_table *table, const char *id)
{
    for (struct node *node = table->first; node != NULL; node = node->next)
        if (strcmp(node->incident.id, id) == 0) {
            node->marked = true;
            return true;
        }
    return false;
}

void incident_forget_unmarked(struct incident_table *table)
{
    struct node **link = &table->first;

    while (*link != NULL)
        if ((*link)->marked)
            link = &(*link)->next;
        else
            drop(table, link);
}

void incident_each(const struct incident_table *table, incident_visit visit, void *user)
{
    for (const struct node *node = table->first; node != NULL; node = node->next)
        visit(&node->incident, user);
}

void incident_each_uncounted(struct incident_table *table, incident_visit visit, void *user)
{
    for (struct node *node = table->first; node != NULL; node = node->next) {
        if (node->given_count == node->incident.finding.count)
            continue;
        node->given_count = node->incident.finding.count;
        visit(&node->incident, user);
    }
}
