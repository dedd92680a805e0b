#include "lib/alert/subject.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a: the tables are small and bounded, so that collisions cannot cost much. */
uint32_t subject_hash(enum finding_kind kind, const char *key)
{
    uint32_t hash = 2166136261U ^ (uint32_t)kind;

    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    }
    return hash;
}

bool subject_fold(struct finding *finding, const struct finding *later)
{
    uint64_t count;

    if (__builtin_add_overflow(finding->count, later->count, &count)) {
        count = UINT64_MAX;
    }
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
    if (fold[0] == '\0') {
        snprintf(key, FINDING_KEY_SIZE, "any");
    } else {
        snprintf(key, FINDING_KEY_SIZE, "%.*s any", FINDING_KEY_SIZE - 5, fold);
    }
}

bool subject_is_any(const struct finding *finding)
{
    char key[FINDING_KEY_SIZE];

    any_key(key, finding->fold);
    return strcmp(key, finding->key) == 0;
}

void subject_make_any(struct finding *finding, const char *fold)
{
    char within[FINDING_KEY_SIZE];
    char why[FINDING_WHY_SIZE];

    bool was_any = subject_is_any(finding);

    if (was_any && strcmp(finding->fold, fold) == 0) {
        return;
    }
    snprintf(within, sizeof(within), "%s", fold);
    memcpy(finding->fold, within, sizeof(within));
    any_key(finding->key, within);
    for (size_t i = 0; i < finding->fields; i++) {
        struct finding_field *field = &finding->field[i];

        if ((field->places & FIELD_SUBJECT) != 0 && strcmp(field->name, "subject") != 0 &&
            strcmp(finding->arena + field->value, within) != 0) {
            field->places = (uint16_t)((field->places & ~FIELD_SUBJECT) | FIELD_EVIDENCE);
        }
    }
    if (was_any) {
        return;
    }
    finding_add(finding, "subject", FIELD_SUBJECT | FIELD_LOGGED, "any");
    memcpy(why, finding->why, sizeof(why));
    finding_why(finding, "One of many subjects that are counted together: %s", why);
}
