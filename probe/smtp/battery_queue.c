#include "probe/smtp/battery_queue.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "probe/model/other_domains.h"
#include "probe/smtp/retry.h"

#define FIRST_TECHNIQUE  "plain"
#define SENDER_TECHNIQUE "own-sender"

static void begin(struct battery_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    for (size_t i = 0; i < RESULT_TECHNIQUES; i++) {
        queue->turns[i] = i;
    }
}

/* The site's other domains: the last, for they have what max_refusals leaves. */
static void add_others(struct endpoint_result *result, enum domain_role role)
{
    const struct technique *technique = other_domains_technique(role);

    for (size_t i = 0; technique != NULL && i < result->others[role].count; i++) {
        struct technique_result *row = result_add(result, technique);
        if (row != NULL) {
            row->own = result->others[role].domains[i];
            row->text = "not asked: max_refusals left none for it in this audit";
        }
    }
}

void battery_queue_fill(struct battery_queue *queue, struct endpoint_result *result)
{
    const struct technique *first = technique_find(FIRST_TECHNIQUE);

    begin(queue);
    result->technique_count = 0;
    if (first != NULL) {
        (void)result_add(result, first);
    }
    /* The operator has no right to try the doors of somebody else's server. */
    for (size_t i = 0; i < technique_count && !result->endpoint.hosted; i++) {
        if (&techniques[i] != first) {
            (void)result_add(result, &techniques[i]);
        }
    }
    for (size_t role = 0; role < DOMAIN_ROLES && !result->endpoint.hosted; role++) {
        add_others(result, role);
    }
}

void battery_queue_fill_with(struct battery_queue *queue, struct endpoint_result *result,
                             const struct technique *const *instead, size_t count)
{
    begin(queue);
    result->technique_count = 0;
    for (size_t i = 0; i < count; i++) {
        (void)result_add(result, instead[i]);
    }
}

void battery_queue_fill_again(struct battery_queue *queue, const struct endpoint_result *result)
{
    begin(queue);
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        bool due = retry_is_worth(result, asked);
        queue->rows[i] = due ? BATTERY_WAITING : BATTERY_DONE;
        queue->earlier[i] = due ? asked->sender : NULL;
    }
}

void battery_queue_fill_message(struct battery_queue *queue, const struct endpoint_result *result,
                                size_t row)
{
    begin(queue);
    for (size_t i = 0; i < result->technique_count; i++) {
        queue->rows[i] = i == row ? BATTERY_WAITING : BATTERY_DONE;
    }
    queue->earlier[row] = result->techniques[row].sender;
}

/* Of the rows of own-sender it is the one with that sender; of those of helo-own nobody knows. */
static bool is_row_of(const struct endpoint_result *result, size_t row,
                      const struct battery_earlier *earlier)
{
    const struct technique_result *asked = &result->techniques[row];
    const char *own = asked->own != NULL ? asked->own : result->endpoint.own;
    char sender[ENVELOPE_PATH_SIZE];

    (void)snprintf(sender, sizeof(sender), "<postmaster@%s>", own);
    return strcmp(asked->technique->id, earlier->technique) == 0 &&
           (strcmp(earlier->technique, SENDER_TECHNIQUE) == 0 ? strcmp(earlier->sender, sender) == 0
                                                              : asked->own == NULL);
}

void battery_queue_remember(struct battery_queue *queue, struct endpoint_result *result,
                            const struct battery_earlier *earlier, size_t count)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (is_row_of(result, i, &earlier[j])) {
                queue->earlier[i] = string_pool_keep(&result->texts, earlier[j].sender);
            }
        }
    }
}

/* Seconds since the row was answered; what never was is older than all. The site's other domains,
 * which have turns of their own, come last; or first for once, or a server that cuts each
 * battery off would never be asked for them. */
static long age_of(const struct endpoint_result *result, size_t row,
                   const struct battery_answer *answers, size_t count)
{
    const char *id = result->techniques[row].technique->id;

    bool other_domain = result->techniques[row].own != NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(other_domain ? BATTERY_SENDERS_FIRST : id, answers[i].technique) == 0) {
            return other_domain ? LONG_MAX : answers[i].age;
        }
    }
    return other_domain ? -1 : LONG_MAX;
}

void battery_queue_take_turns(struct battery_queue *queue, struct endpoint_result *result,
                              const struct battery_answer *answers, size_t count, long recent)
{
    long ages[RESULT_TECHNIQUES];

    queue->in_turn = count > 0;
    for (size_t i = 0; i < count; i++) {
        queue->others_first |= strcmp(answers[i].technique, BATTERY_SENDERS_FIRST) == 0;
    }
    for (size_t i = 0; i < result->technique_count; i++) {
        ages[i] = age_of(result, i, answers, count);
        result->techniques[i].recent = ages[i] <= recent;
    }
    /* Sorted in; equal ones stay in the table's order, and the first where it is. */
    for (size_t i = 2; i < result->technique_count; i++) {
        size_t row = queue->turns[i];
        size_t place = i;
        while (place > 1 && ages[queue->turns[place - 1]] < ages[row]) {
            queue->turns[place] = queue->turns[place - 1];
            place--;
        }
        queue->turns[place] = row;
    }
}

bool battery_queue_is_sender(const struct battery_queue *queue, size_t row,
                             const struct envelope *envelope)
{
    const char *earlier = queue->earlier[row];
    size_t length = strlen(envelope->sender);

    return earlier == NULL || (strncmp(earlier, envelope->sender, length) == 0 &&
                               strcmp(earlier + length, envelope->sender_parameters) == 0);
}
