#include "probe/rehearse/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"

static const struct {
    const char *name;
    int code;
} verdicts[OUTCOME_VERDICTS] = {
    [OUTCOME_VERDICT_CLOSED] = {"closed", 0}, [OUTCOME_VERDICT_CONDITIONAL] = {"conditional", 1},
    [OUTCOME_VERDICT_OPEN] = {"open", 2},     [OUTCOME_VERDICT_UNKNOWN] = {"unknown", 3},
    [OUTCOME_VERDICT_BROKEN] = {"broken", 3},
};

const char *outcome_verdict_name(enum outcome_verdict verdict)
{
    return verdicts[verdict].name;
}

int outcome_exit_code(enum outcome_verdict verdict)
{
    return verdicts[verdict].code;
}

/* Makes room for one more; the array's place in memory may change. NULL without memory. */
static void *grow(void **array, size_t *count, size_t size)
{
    char *grown = realloc(*array, (*count + 1) * size);

    if (grown == NULL) {
        return NULL;
    }
    *array = grown;
    memset(grown + *count * size, 0, size);
    return grown + (*count)++ * size;
}

static bool add_note(struct outcome_note **notes, size_t *count, const char *place,
                     const char *text)
{
    struct outcome_note made = {.place = ""};

    printable_string(made.place, sizeof(made.place), place);
    printable_string(made.text, sizeof(made.text), text);
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*notes)[i].text, made.text) == 0 &&
            strcmp((*notes)[i].place, made.place) == 0) {
            return true;
        }
    }
    struct outcome_note *note = grow((void **)notes, count, sizeof(*note));
    if (note != NULL) {
        *note = made;
    }
    return note != NULL;
}

bool outcome_warn(struct rehearsal_outcome *outcome, const char *place, const char *text)
{
    return add_note(&outcome->warnings, &outcome->warning_count, place, text);
}

bool outcome_unknown(struct rehearsal_outcome *outcome, const char *place, const char *text)
{
    return add_note(&outcome->unknown, &outcome->unknown_count, place, text);
}

struct outcome_grant *outcome_add_grant(struct rehearsal_outcome *outcome)
{
    return grow((void **)&outcome->grants, &outcome->grant_count, sizeof(*outcome->grants));
}

struct outcome_listener *outcome_add_listener(struct rehearsal_outcome *outcome)
{
    return grow((void **)&outcome->listeners, &outcome->listener_count,
                sizeof(*outcome->listeners));
}

bool outcome_same_lines(const struct outcome_grant *a, const struct outcome_grant *b)
{
    const struct rehearse_set *first = &a->blame.guilty;
    const struct rehearse_set *second = &b->blame.guilty;

    if (first->count != second->count || (a->condition[0] != '\0') != (b->condition[0] != '\0')) {
        return false;
    }
    for (size_t i = 0; i < first->count; i++) {
        if (first->elements[i] != second->elements[i]) {
            return false;
        }
    }
    return true;
}

void outcome_free(struct rehearsal_outcome *outcome)
{
    for (size_t i = 0; i < outcome->grant_count; i++) {
        if (outcome->grants[i].blamed) {
            rehearse_blame_free(&outcome->grants[i].blame);
        }
    }
    candidate_free(outcome->candidate);
    free(outcome->grants);
    free(outcome->listeners);
    free(outcome->warnings);
    free(outcome->unknown);
}
