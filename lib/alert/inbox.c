#include "lib/alert/inbox.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/sink/format.h"
#include "lib/sys/thread.h"

struct inbox {
    struct teller teller; /* the first member: a teller is the inbox */
    pthread_mutex_t mutex;
    pthread_cond_t arrived;  /* for inbox_take */
    pthread_cond_t finished; /* for inbox_flush */
    unsigned int holders;
    unsigned long long given; /* lines and wakes */
    unsigned long long taken;
    unsigned long long done;
    bool settled;
    struct inbox_batch *filling;
    struct inbox_batch *spare; /* NULL while the reporter's thread has it */
};

struct inbox *inbox_hold(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    inbox->holders++;
    pthread_mutex_unlock(&inbox->mutex);
    return inbox;
}

void inbox_release(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    bool last = --inbox->holders == 0;
    pthread_mutex_unlock(&inbox->mutex);
    if (!last) {
        return;
    }
    pthread_mutex_destroy(&inbox->mutex);
    pthread_cond_destroy(&inbox->arrived);
    pthread_cond_destroy(&inbox->finished);
    free(inbox->filling);
    free(inbox->spare);
    free(inbox);
}

/* The mutex is held. The reporter's thread is woken by the first arrival only: in a storm it is
 * awake. */
static void arrived(struct inbox *inbox)
{
    if (inbox->given++ == inbox->taken) {
        pthread_cond_signal(&inbox->arrived);
    }
}

void inbox_wake(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    arrived(inbox);
    pthread_mutex_unlock(&inbox->mutex);
}

/* One line stays one line, whatever a library's message holds. */
static void flatten(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F) {
            *text = ' ';
        }
    }
}

void inbox_vsay(struct inbox *inbox, int priority, const char *format, va_list arguments)
{
    char text[INBOX_LINE_SIZE];
    int length = vsnprintf(text, sizeof(text), format, arguments);

    if (length < 0) {
        return;
    }
    if ((size_t)length >= sizeof(text)) {
        text[format_cut(text, sizeof(text) - 1)] = '\0';
    }
    flatten(text);

    pthread_mutex_lock(&inbox->mutex);
    struct inbox_batch *batch = inbox->filling;
    if (batch->lines < INBOX_LINES) {
        struct inbox_line *line = &batch->line[batch->lines++];

        line->priority = priority;
        memcpy(line->text, text, strlen(text) + 1);
    } else {
        batch->lines_lost++;
    }
    arrived(inbox);
    pthread_mutex_unlock(&inbox->mutex);
}

void inbox_say(struct inbox *inbox, int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    inbox_vsay(inbox, priority, format, arguments);
    va_end(arguments);
}

struct teller *inbox_teller(struct inbox *inbox)
{
    return &inbox->teller;
}

static void hold_teller(struct teller *teller)
{
    inbox_hold((struct inbox *)teller);
}

static void release_teller(struct teller *teller)
{
    inbox_release((struct inbox *)teller);
}

static void wake_teller(struct teller *teller)
{
    inbox_wake((struct inbox *)teller);
}

static void __attribute__((format(printf, 3, 0)))
say_teller(struct teller *teller, int priority, const char *format, va_list arguments)
{
    inbox_vsay((struct inbox *)teller, priority, format, arguments);
}

struct inbox *inbox_new(void)
{
    struct inbox *inbox = calloc(1, sizeof(*inbox));

    if (inbox == NULL) {
        return NULL;
    }
    inbox->filling = calloc(1, sizeof(struct inbox_batch));
    inbox->spare = calloc(1, sizeof(struct inbox_batch));
    inbox->teller = (struct teller){hold_teller, release_teller, wake_teller, say_teller};
    inbox->holders = 1;
    inbox->settled = true;
    if (inbox->filling == NULL || inbox->spare == NULL) {
        goto out;
    }
    if (thread_condition(&inbox->arrived) != 0) {
        goto out;
    }
    if (thread_condition(&inbox->finished) != 0) {
        pthread_cond_destroy(&inbox->arrived);
        goto out;
    }
    pthread_mutex_init(&inbox->mutex, NULL);
    return inbox;
out:
    free(inbox->filling);
    free(inbox->spare);
    free(inbox);
    return NULL;
}

struct inbox_batch *inbox_take(struct inbox *inbox, const struct timespec *until)
{
    pthread_mutex_lock(&inbox->mutex);
    while (inbox->given == inbox->taken) {
        if (!thread_wait_until(&inbox->arrived, &inbox->mutex, until)) {
            break;
        }
    }
    struct inbox_batch *batch = inbox->filling;
    inbox->filling = inbox->spare;
    inbox->spare = NULL;
    inbox->taken = inbox->given;
    batch->upto = inbox->taken;
    pthread_mutex_unlock(&inbox->mutex);
    return batch;
}

void inbox_done(struct inbox *inbox, struct inbox_batch *batch, bool settled)
{
    batch->lines = 0;
    batch->lines_lost = 0;
    pthread_mutex_lock(&inbox->mutex);
    inbox->spare = batch;
    inbox->done = batch->upto;
    inbox->settled = settled;
    pthread_cond_broadcast(&inbox->finished);
    pthread_mutex_unlock(&inbox->mutex);
}

bool inbox_flush(struct inbox *inbox, const struct timespec *until)
{
    pthread_mutex_lock(&inbox->mutex);
    unsigned long long upto = inbox->given;
    bool in_time = true;
    while (in_time && (inbox->done < upto || !inbox->settled)) {
        in_time = thread_wait_until(&inbox->finished, &inbox->mutex, until);
    }
    bool flushed = inbox->done >= upto && inbox->settled;
    pthread_mutex_unlock(&inbox->mutex);
    return flushed;
}
