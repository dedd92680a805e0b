/*
 * command_queue - commands in the order in which they are said, and how far that has come
 *
 * It knows nothing of what they mean: a command is a number of its owner's. Commands that are said
 * together (RFC 2920) are a batch; replies come in the order of the commands. Pure; one thread, its
 * owner's.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_CLIENT_COMMAND_QUEUE_H
#define RELAYWARDEN_PROBE_SMTP_CLIENT_COMMAND_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_QUEUE_MAX 6

/* Its owner reads it. */
struct command_queue {
    int commands[COMMAND_QUEUE_MAX];
    size_t count;
    size_t said; /* of these the first `heard` have their replies */
    size_t heard;
    size_t batch; /* how many were said together, the last time */
};

void command_queue_clear(struct command_queue *queue);
/* At the end; beyond COMMAND_QUEUE_MAX it is left out. */
void command_queue_add(struct command_queue *queue, int command);

/* Begins a batch; each command that is said next belongs to it. */
void command_queue_begin_batch(struct command_queue *queue);
void command_queue_say(struct command_queue *queue);

/* The command that was awaited has its reply. False when it was the last. */
bool command_queue_hear(struct command_queue *queue);
/* Nothing more is said of it. */
void command_queue_cut(struct command_queue *queue);

/* Whose reply comes next, or will, once it is said. There is one. */
int command_queue_awaited(const struct command_queue *queue);
/* How many replies are owed. */
size_t command_queue_owed(const struct command_queue *queue);

#endif
