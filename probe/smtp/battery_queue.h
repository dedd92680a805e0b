/*
 * battery_queue - the techniques that an endpoint is owed, and the order in which they are asked
 *
 * One row for each of the result's techniques. Four ways fill it: the whole table, what is asked
 * instead, what was put off in a round before, and a message by one of them. Who may take a row
 * from it, and when, is battery.c's.
 *
 * Pure but for the result that it points to; one thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_BATTERY_QUEUE_H
#define RELAYWARDEN_PROBE_SMTP_BATTERY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/model/result.h"
#include "probe/model/technique.h"

/* A technique that was put off (greylisted, deferred) in an earlier audit. */
struct battery_earlier {
    const char *technique; /* its id */
    const char *sender;    /* as said after MAIL FROM: */
};

/* Stands for a technique in a battery_answer: the turn of the site's other domains has come, for
 * all techniques were answered not long ago, or one of these domains was let in. */
#define BATTERY_SENDERS_FIRST ""

/* When a technique was last answered, where earlier audits could not ask all. */
struct battery_answer {
    const char *technique; /* its id */
    long age;              /* seconds */
};

enum battery_row {
    BATTERY_WAITING,
    BATTERY_TAKEN,
    BATTERY_DONE,
};

struct battery_queue {
    enum battery_row rows[RESULT_TECHNIQUES];
    unsigned int cuts[RESULT_TECHNIQUES];   /* how often a row was cut off */
    bool replaced[RESULT_TECHNIQUES];       /* the row is asked with another sender */
    bool control_only[RESULT_TECHNIQUES];   /* the row has its answer; its control is still to be
                                               asked */
    const char *earlier[RESULT_TECHNIQUES]; /* what the row said after MAIL FROM: when it was put
                                               off; NULL if it was not */
    size_t turns[RESULT_TECHNIQUES];        /* rows in the order of asking; `plain` is the first */
    bool others_first; /* the site's other domains go before what was answered not long ago */
    bool in_turn;      /* which is not the table's: special ones do not wait for all common ones */
};

/* Each of these begins a queue. The first two put their techniques into the result. */
void battery_queue_fill(struct battery_queue *queue, struct endpoint_result *result);
void battery_queue_fill_with(struct battery_queue *queue, struct endpoint_result *result,
                             const struct technique *const *instead, size_t count);
/* Owes what was put off and is worth another try (retry.h). */
void battery_queue_fill_again(struct battery_queue *queue, const struct endpoint_result *result);
void battery_queue_fill_message(struct battery_queue *queue, const struct endpoint_result *result,
                                size_t row);

/* Techniques that an earlier audit was told to come back for. Before any connection; copies the
 * texts. */
void battery_queue_remember(struct battery_queue *queue, struct endpoint_result *result,
                            const struct battery_earlier *earlier, size_t count);

/* Those that were answered before, and not these, wait longest for their turn; each that is at most
 * `recent` seconds old is marked so in the result. None: the table's order. Before any connection;
 * copies nothing. */
void battery_queue_take_turns(struct battery_queue *queue, struct endpoint_result *result,
                              const struct battery_answer *answers, size_t count, long recent);

/* Whether this is the sender that the row had when it was put off, or it was not put off. */
bool battery_queue_is_sender(const struct battery_queue *queue, size_t row,
                             const struct envelope *envelope);

#endif
