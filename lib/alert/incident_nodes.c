#include "lib/alert/incident_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "lib/alert/subject.h"

struct node *node_find_open(const struct incident_table *table, enum finding_kind kind,
                            const char *key)
{
    struct node *node = table->bucket[subject_hash(kind, key) % BUCKETS];

    while (node != NULL && (node->fresh || node->incident.finding.kind != kind ||
                            strcmp(node->incident.finding.key, key) != 0)) {
        node = node->next_in_bucket;
    }
    return node;
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

void node_settle_subject(const struct incident_table *table, struct finding *finding)
{
    if (node_find_open(table, finding->kind, finding->key) != NULL) {
        return;
    }
    if (!subject_is_any(finding) && fold_is_full(table, finding)) {
        subject_make_any(finding, finding->fold);
        if (node_find_open(table, finding->kind, finding->key) != NULL) {
            return;
        }
    }
    if (table->open >= INCIDENT_OPEN_MAX) {
        subject_make_any(finding, "");
    }
}

static struct node **bucket_of(struct incident_table *table, const struct node *node)
{
    const struct finding *finding = &node->incident.finding;

    return &table->bucket[subject_hash(finding->kind, finding->key) % BUCKETS];
}

void node_enter_bucket(struct incident_table *table, struct node *node)
{
    struct node **bucket = bucket_of(table, node);

    node->next_in_bucket = *bucket;
    *bucket = node;
}

void node_leave_bucket(struct incident_table *table, struct node *node)
{
    struct node **link = bucket_of(table, node);

    while (*link != node) {
        link = &(*link)->next_in_bucket;
    }
    *link = node->next_in_bucket;
}

void node_enter_news(struct incident_table *table, struct node *node)
{
    if (node->in_news) {
        return;
    }
    node->in_news = true;
    node->next_news = NULL;
    if (table->news_last == NULL) {
        table->news = node;
    } else {
        table->news_last->next_news = node;
    }
    table->news_last = node;
}

void node_leave_news(struct incident_table *table, struct node *node)
{
    struct node **link = &table->news;
    struct node *before = NULL;

    if (!node->in_news) {
        return;
    }
    while (*link != node) {
        before = *link;
        link = &before->next_news;
    }
    *link = node->next_news;
    if (table->news_last == node) {
        table->news_last = before;
    }
    node->in_news = false;
}

void node_open(struct incident_table *table, struct node *node)
{
    node->any = subject_is_any(&node->incident.finding);
    node->marked = true;
    node->next = NULL;
    *table->end = node;
    table->end = &node->next;
    table->open++;
}

void node_free(struct incident_table *table, struct node *node)
{
    node_set_telling(table, node, TOLD);
    if (node->spare) {
        node->in_use = false;
    } else {
        free(node);
    }
}

void node_set_telling(struct incident_table *table, struct node *node, enum telling telling)
{
    table->due -= node->telling == DUE;
    table->due += telling == DUE;
    node->telling = telling;
}

/* `shown` is the reporter's thread's: other threads may add to the node meanwhile. A sink or the
 * disk may hang in the callback, so nobody may have to wait for it. */
static void announce_shown(struct incident_table *table, time_t now)
{
    table->shown.last_announced = now;
    table->shown.announced_count = table->shown.finding.count;
    pthread_mutex_unlock(&table->mutex);
    table->announce(&table->shown, table->shown.state, now, table->user);
    pthread_mutex_lock(&table->mutex);
}

void node_announce(struct incident_table *table, struct node *node, enum incident_state state,
                   time_t now)
{
    struct incident *incident = &node->incident;

    if (node->telling == DUE && incident->state == INCIDENT_OPENED && state == INCIDENT_REPEATED) {
        state = INCIDENT_OPENED;
    }
    node_set_telling(table, node, UNDERWAY);
    incident->state = state;
    incident->last_announced = now;
    incident->announced_count = incident->finding.count;
    node->given_count = incident->finding.count;
    table->shown = *incident;
    announce_shown(table, now);
}

void node_announce_unfollowed(struct incident_table *table, const struct incident *incident,
                              enum incident_state state, time_t now)
{
    table->shown = *incident;
    table->shown.state = state;
    announce_shown(table, now);
}

struct node *node_take_out(struct incident_table *table, struct node **link)
{
    struct node *node = *link;

    node_leave_news(table, node);
    node_leave_bucket(table, node);
    *link = node->next;
    if (table->end == &node->next) {
        table->end = link;
    }
    table->open--;
    return node;
}

void node_end(struct incident_table *table, struct node **link, time_t now)
{
    struct node *node = node_take_out(table, link);

    past_incidents_add(&table->past, &node->incident, now);
    if (node->spare) {
        /* Its room is free for what comes during the announcement. */
        node_free(table, node);
        node_announce_unfollowed(table, &node->incident, INCIDENT_RESOLVED, now);
        return;
    }
    node_keep_ended(table, node);
    node_announce(table, node, INCIDENT_RESOLVED, now);
}

void node_keep_ended(struct incident_table *table, struct node *node)
{
    if (table->ended_count == INCIDENT_ENDED_MAX) {
        node_drop_ended(table, &table->ended);
    }
    node->next = NULL;
    *table->ended_end = node;
    table->ended_end = &node->next;
    table->ended_count++;
}

void node_drop_ended(struct incident_table *table, struct node **link)
{
    struct node *node = *link;

    *link = node->next;
    if (table->ended_end == &node->next) {
        table->ended_end = link;
    }
    table->ended_count--;
    node_free(table, node);
}
