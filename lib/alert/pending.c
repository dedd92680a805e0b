#include "lib/alert/pending.h"

#include <stdlib.h>
#include <string.h>

#include "lib/alert/subject.h"

#define BUCKETS         1024
#define RESOLUTIONS_MAX PENDING_SUBJECTS_MAX

struct entry {
    struct entry *next;           /* in order of arrival */
    struct entry *next_in_bucket; /* the later ones of a subject first */
    bool resolved;                /* after the finding, if there is one */
    struct finding *finding;      /* NULL: only a resolution */
    enum finding_kind kind;
    char key[FINDING_KEY_SIZE];
    struct finding room[]; /* of a finding's entry: one */
};

struct pending {
    size_t findings;
    size_t resolutions; /* entries without a finding */
    struct entry *first;
    struct entry **end;
    struct entry *bucket[BUCKETS];
    bool any_used[FINDING_KINDS];
    struct finding any[FINDING_KINDS];
};

struct pending *pending_new(void)
{
    struct pending *pending = calloc(1, sizeof(*pending));

    if (pending != NULL) {
        pending->end = &pending->first;
    }
    return pending;
}

static void forget_entries(struct pending *pending)
{
    while (pending->first != NULL) {
        struct entry *entry = pending->first;

        pending->first = entry->next;
        free(entry);
    }
    pending->end = &pending->first;
    memset(pending->bucket, 0, sizeof(pending->bucket));
    memset(pending->any_used, 0, sizeof(pending->any_used));
    pending->findings = 0;
    pending->resolutions = 0;
}

void pending_free(struct pending *pending)
{
    if (pending == NULL) {
        return;
    }
    forget_entries(pending);
    free(pending);
}

size_t pending_count(const struct pending *pending)
{
    return pending->findings + pending->resolutions;
}

/* The latest entry of this subject. */
static struct entry *latest(const struct pending *pending, enum finding_kind kind, const char *key)
{
    struct entry *entry = pending->bucket[subject_hash(kind, key) % BUCKETS];

    while (entry != NULL && (entry->kind != kind || strcmp(entry->key, key) != 0)) {
        entry = entry->next_in_bucket;
    }
    return entry;
}

/* With room for `findings` (0 or 1) of them. NULL when memory is out. */
static struct entry *append(struct pending *pending, enum finding_kind kind, const char *key,
                            size_t findings)
{
    struct entry *entry = malloc(sizeof(*entry) + findings * sizeof(entry->room[0]));

    if (entry == NULL) {
        return NULL;
    }
    entry->next = NULL;
    entry->resolved = findings == 0;
    entry->finding = findings == 0 ? NULL : &entry->room[0];
    entry->kind = kind;
    memcpy(entry->key, key, strnlen(key, sizeof(entry->key) - 1) + 1);
    entry->key[sizeof(entry->key) - 1] = '\0';

    struct entry **bucket = &pending->bucket[subject_hash(kind, entry->key) % BUCKETS];
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    *pending->end = entry;
    pending->end = &entry->next;
    return entry;
}

static void join_any(struct pending *pending, const struct finding *finding)
{
    struct finding *any = &pending->any[finding->kind];
    bool *used = &pending->any_used[finding->kind];
    struct finding evidence;

    if (*used && finding->severity <= any->severity) {
        subject_fold(any, finding);
        return;
    }
    evidence = *finding;
    subject_make_any(&evidence, "");
    if (*used) {
        subject_fold(any, &evidence);
    } else {
        *any = evidence;
    }
    *used = true;
}

void pending_add(struct pending *pending, const struct finding *finding)
{
    struct entry *entry = latest(pending, finding->kind, finding->key);

    if (entry != NULL && !entry->resolved) {
        subject_fold(entry->finding, finding);
        return;
    }
    entry = NULL;
    if (pending->findings < PENDING_SUBJECTS_MAX) {
        entry = append(pending, finding->kind, finding->key, 1);
    }
    if (entry == NULL) {
        join_any(pending, finding);
        return;
    }
    *entry->finding = *finding;
    pending->findings++;
}

void pending_resolve(struct pending *pending, enum finding_kind kind, const char *key)
{
    struct entry *entry = latest(pending, kind, key);

    if (entry != NULL) {
        entry->resolved = true;
    } else if (pending->resolutions < RESOLUTIONS_MAX && append(pending, kind, key, 0) != NULL) {
        pending->resolutions++;
    }
}

void pending_empty(struct pending *pending, const struct pending_receiver *receiver)
{
    for (const struct entry *entry = pending->first; entry != NULL; entry = entry->next) {
        if (entry->finding != NULL) {
            receiver->finding(entry->finding, receiver->user);
        }
        if (entry->resolved) {
            receiver->resolve(entry->kind, entry->key, receiver->user);
        }
    }
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        if (pending->any_used[kind]) {
            receiver->finding(&pending->any[kind], receiver->user);
        }
    }
    forget_entries(pending);
}
