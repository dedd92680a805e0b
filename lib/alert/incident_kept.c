#include <stdlib.h>
#include <string.h>

#include "lib/alert/incident_nodes.h"
#include "lib/alert/incident_table.h"

void incident_remember_end(struct incident_table *table, const struct incident *incident,
                           time_t ended)
{
    past_incidents_add(&table->past, incident, ended);
}

static struct node *restore(struct incident_table *table, const struct incident *incident,
                            time_t now)
{
    if (table->open > INCIDENT_OPEN_MAX + FINDING_KINDS ||
        node_find_open(table, incident->finding.kind, incident->finding.key) != NULL) {
        return NULL;
    }
    struct node *node = calloc(1, sizeof(*node));
    if (node != NULL) {
        node->incident = *incident;
        node->quiet_since = now;
        node->given_count = incident->finding.count;
        node_enter_bucket(table, node);
        node_open(table, node);
    }
    return node;
}

bool incident_restore(struct incident_table *table, const struct incident *incident, bool announced,
                      time_t now)
{
    pthread_mutex_lock(&table->mutex);
    struct node *node = restore(table, incident, now);
    if (node != NULL && !announced) {
        node_announce(table, node, INCIDENT_REPEATED, now);
    }
    pthread_mutex_unlock(&table->mutex);
    return node != NULL;
}

bool incident_has_ended(const struct incident_table *table, const char *id)
{
    return past_incidents_have(&table->past, id);
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
    pthread_mutex_lock(&table->mutex);
    if (node == NULL) {
        node_announce_unfollowed(table, incident, INCIDENT_RESOLVED, now);
    } else {
        node->incident = *incident;
        node_keep_ended(table, node);
        node_announce(table, node, INCIDENT_RESOLVED, now);
    }
    pthread_mutex_unlock(&table->mutex);
}

/* ---- what became of announcements ------------------------------------------------------------ */

static void settle(struct incident_table *table, const struct incident *announced, bool taken)
{
    struct node **ended =
        announced->state == INCIDENT_RESOLVED ? find_ended(table, announced->id) : NULL;
    struct node *node =
        ended != NULL ? *ended
                      : node_find_open(table, announced->finding.kind, announced->finding.key);

    if (node == NULL || strcmp(node->incident.id, announced->id) != 0 ||
        node->incident.state != announced->state ||
        node->incident.announced_count != announced->announced_count) {
        return;
    }
    if (taken && ended != NULL) {
        node_drop_ended(table, ended);
    } else {
        node_set_telling(table, node, taken ? TOLD : DUE);
    }
}

void incident_settle(struct incident_table *table, const struct incident *announced, bool taken)
{
    pthread_mutex_lock(&table->mutex);
    settle(table, announced, taken);
    pthread_mutex_unlock(&table->mutex);
}

size_t incident_due_count(struct incident_table *table)
{
    pthread_mutex_lock(&table->mutex);
    size_t due = table->due;
    pthread_mutex_unlock(&table->mutex);
    return due;
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
        node_announce(table, node, node->incident.state, now);
        node->incident.again = false;
        made++;
    }
    return made;
}

void incident_announce_due(struct incident_table *table, size_t max, time_t now)
{
    /* Ends first: their subjects may have opened again. */
    pthread_mutex_lock(&table->mutex);
    size_t made = announce_due_of(table, table->ended, max, now);
    announce_due_of(table, table->first, max - made, now);
    pthread_mutex_unlock(&table->mutex);
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

    pthread_mutex_lock(&table->mutex);
    while (*link != NULL) {
        if ((*link)->marked || (*link)->found) {
            link = &(*link)->next;
        } else {
            node_free(table, node_take_out(table, link));
        }
    }
    pthread_mutex_unlock(&table->mutex);
}

void incident_each(struct incident_table *table, incident_visit visit, void *user)
{
    pthread_mutex_lock(&table->mutex);
    for (const struct node *node = table->first; node != NULL; node = node->next) {
        visit(&node->incident, user);
    }
    pthread_mutex_unlock(&table->mutex);
}

void incident_each_kept(struct incident_table *table, incident_visit_kept visit, void *user)
{
    pthread_mutex_lock(&table->mutex);
    for (const struct node *node = table->first; node != NULL; node = node->next) {
        visit(&node->incident, node->telling == TOLD, user);
    }
    for (const struct node *node = table->ended; node != NULL; node = node->next) {
        visit(&node->incident, false, user);
    }
    pthread_mutex_unlock(&table->mutex);
}

void incident_each_uncounted(struct incident_table *table, incident_visit visit, void *user)
{
    pthread_mutex_lock(&table->mutex);
    for (struct node *node = table->first; node != NULL; node = node->next) {
        if (node->given_count != node->incident.finding.count) {
            node->given_count = node->incident.finding.count;
            visit(&node->incident, user);
        }
    }
    pthread_mutex_unlock(&table->mutex);
}
