#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/incident_nodes.h"
#include "lib/alert/incident_table.h"
#include "lib/alert/subject.h"

static bool is_of(const struct node *node, enum finding_kind kind, const char *key)
{
    return node->incident.finding.kind == kind && strcmp(node->incident.finding.key, key) == 0;
}

static struct node *bucket(const struct incident_table *table, enum finding_kind kind,
                           const char *key)
{
    return table->bucket[subject_hash(kind, key) % BUCKETS];
}

/* The node that one more finding of the subject is counted in. Where another process may have ended
 * the incident meanwhile, that is a fresh one: whether there is an incident to join is known when
 * it is taken in. */
static struct node *find_joined(const struct incident_table *table, const struct finding *finding)
{
    struct node *node = bucket(table, finding->kind, finding->key);

    while (node != NULL && (!is_of(node, finding->kind, finding->key) || node->resolved ||
                            (table->shared && !node->fresh))) {
        node = node->next_in_bucket;
    }
    return node;
}

static void join(struct incident_table *table, struct node *node, const struct finding *finding)
{
    node->worse |= subject_fold(&node->incident.finding, finding);
    node->found = true;
    node_enter_news(table, node);
}

static void enter(struct incident_table *table, struct node *node)
{
    node->fresh = true;
    table->fresh++;
    node_enter_bucket(table, node);
    node_enter_news(table, node);
}

/* A node of the finding, in no bucket yet. When memory is out it is the spare one of its kind, if
 * nobody uses that. */
static struct node *new_node(struct incident_table *table, const struct finding *finding)
{
    struct node *node = calloc(1, sizeof(*node));

    if (node == NULL) {
        node = &table->spare[finding->kind];
        if (node->in_use) {
            return NULL;
        }
        memset(node, 0, sizeof(*node));
        node->spare = true;
        node->in_use = true;
    }
    node->found = true;
    node->incident.finding = *finding;
    if (node->spare || table->fresh >= INCIDENT_FRESH_MAX) {
        subject_make_any(&node->incident.finding, "");
    }
    return node;
}

/* A subject that is not followed yet. */
static void add_subject(struct incident_table *table, const struct finding *finding)
{
    struct node *node = new_node(table, finding);

    if (node == NULL) {
        /* It stands for any subject, so it goes on, even if it was to end. */
        struct finding any = *finding;

        subject_make_any(&any, "");
        node = &table->spare[finding->kind];
        node->resolved = false;
        join(table, node, &any);
        return;
    }
    if (!table->shared) {
        node_settle_subject(table, &node->incident.finding);
    }
    struct node *joined = find_joined(table, &node->incident.finding);
    if (joined == NULL) {
        enter(table, node);
    } else {
        join(table, joined, &node->incident.finding);
        node_free(table, node);
    }
}

void incident_add(struct incident_table *table, const struct finding *finding)
{
    pthread_mutex_lock(&table->mutex);
    struct node *node = find_joined(table, finding);
    if (node != NULL) {
        join(table, node, finding);
    } else {
        add_subject(table, finding);
    }
    pthread_mutex_unlock(&table->mutex);
}

/* For an incident that the database may have: a node without a finding waits for it to be read. */
static void resolve_unknown(struct incident_table *table, enum finding_kind kind, const char *key)
{
    struct node *node = table->fresh < INCIDENT_FRESH_MAX ? calloc(1, sizeof(*node)) : NULL;

    if (node != NULL) {
        node->incident.finding.kind = kind;
        snprintf(node->incident.finding.key, FINDING_KEY_SIZE, "%s", key);
        node->resolved = true;
        enter(table, node);
    }
}

void incident_resolve(struct incident_table *table, enum finding_kind kind, const char *key)
{
    bool known = false;

    pthread_mutex_lock(&table->mutex);
    for (struct node *node = bucket(table, kind, key); node != NULL; node = node->next_in_bucket) {
        if (!is_of(node, kind, key)) {
            continue;
        }
        known = true;
        if (!node->resolved) {
            node->resolved = true;
            node_enter_news(table, node);
            break;
        }
    }
    if (!known) {
        resolve_unknown(table, kind, key);
    }
    pthread_mutex_unlock(&table->mutex);
}

bool incident_has_news(struct incident_table *table)
{
    pthread_mutex_lock(&table->mutex);
    bool has = table->news != NULL;
    pthread_mutex_unlock(&table->mutex);
    return has;
}
