#include "probe/smtp/client/command_queue.h"

void command_queue_clear(struct command_queue *queue)
{
    queue->count = queue->said = queue->heard = 0;
}

void command_queue_add(struct command_queue *queue, int command)
{
    if (queue->count < COMMAND_QUEUE_MAX) {
        queue->commands[queue->count++] = command;
    }
}

void command_queue_begin_batch(struct command_queue *queue)
{
    queue->batch = 0;
}

void command_queue_say(struct command_queue *queue)
{
    queue->said++;
    queue->batch++;
}

bool command_queue_hear(struct command_queue *queue)
{
    queue->heard++;
    return queue->heard < queue->count;
}

void command_queue_cut(struct command_queue *queue)
{
    queue->count = queue->said;
}

int command_queue_awaited(const struct command_queue *queue)
{
    return queue->commands[queue->heard];
}

size_t command_queue_owed(const struct command_queue *queue)
{
    return queue->said - queue->heard;
}
