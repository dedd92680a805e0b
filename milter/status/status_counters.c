#include "milter/status/status_counters.h"

#include <math.h>

#include "milter/status/status_values.h"

/* Adds a member; false when memory is out. */
static bool set_count(json_t *object, const char *name, uint64_t count)
{
    return json_object_set_new(object, name, status_count_json(count)) == 0;
}

/* The object, or NULL if it is not complete. */
static json_t *completed(json_t *object, bool complete)
{
    if (!complete) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *messages_json(struct counters *counters)
{
    json_t *object = json_object();
    bool complete = object != NULL;

    for (size_t i = 0; complete && i < COUNTERS_PERMISSIONS; i++) {
        complete = set_count(object, permission_name((enum permission)i),
                             counters_value(&counters->messages[i]));
    }
    return completed(object, complete);
}

static json_t *enforced_json(struct counters *counters)
{
    json_t *object = json_object();
    bool complete = object != NULL;

    for (size_t i = ENFORCE_HOLD; complete && i < COUNTERS_ENFORCEMENTS; i++) {
        complete = set_count(object, enforcement_name((enum enforcement)i),
                             counters_value(&counters->enforced[i]));
    }
    return completed(object, complete);
}

static json_t *hellos_json(const struct probe_dialogue_desk *desk)
{
    json_t *object = json_object();
    bool complete = object != NULL;

    for (size_t i = 0; complete && i < HELLO_RESULTS; i++) {
        complete = set_count(object, hello_result_name((enum hello_result)i),
                             atomic_load(&desk->hellos[i]));
    }
    return completed(object, complete);
}

static json_t *asks_json(const struct probe_dialogue_desk *desk)
{
    json_t *object = json_object();
    bool complete = object != NULL;

    for (size_t i = 0; complete && i < ASK_RESULTS; i++) {
        complete =
            set_count(object, ask_result_name((enum ask_result)i), atomic_load(&desk->asks[i]));
    }
    return completed(object, complete);
}

/* One combination, unless it never happened: most never do. */
static bool append_recipients(json_t *list, struct counters *counters, const size_t at[3])
{
    uint64_t count = counters_value(&counters->recipients[at[0]][at[1]][at[2]]);

    return count == 0 || json_array_append_new(
                             list, json_pack("{s:s, s:s, s:s, s:o}", "permission",
                                             permission_name((enum permission)at[0]), "destination",
                                             destination_name((enum destination)at[1]), "decision",
                                             decision_name((enum decision)at[2]), "count",
                                             status_count_json(count))) == 0;
}

static json_t *recipients_json(struct counters *counters)
{
    json_t *list = json_array();
    bool complete = list != NULL;

    for (size_t i = 0; i < COUNTERS_PERMISSIONS; i++) {
        for (size_t j = 0; j < COUNTERS_DESTINATIONS; j++) {
            for (size_t k = 0; complete && k < COUNTERS_DECISIONS; k++) {
                complete = append_recipients(list, counters, (const size_t[]){i, j, k});
            }
        }
    }
    return completed(list, complete);
}

static json_t *bound_json(double bound)
{
    return isinf(bound) ? json_null() : json_real(bound);
}

static json_t *answers_json(struct counters *counters)
{
    const struct counters_answers answers = counters_answers(counters);

    return json_pack("{s:o, s:f, s:o, s:o}", "count", status_count_json(answers.count), "seconds",
                     answers.seconds, "half_within_seconds", bound_json(answers.half),
                     "almost_all_within_seconds", bound_json(answers.almost));
}

json_t *status_counters_json(struct counters *counters, const struct probe_dialogue_desk *desk)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "connections",
                     status_count_json(counters_value(&counters->connections)), "messages",
                     messages_json(counters), "recipients", recipients_json(counters), "enforced",
                     enforced_json(counters), "hellos", hellos_json(desk), "asks", asks_json(desk),
                     "answers", answers_json(counters));
}
