/*
 * inbox - the program's own lines on their way to the reporter's thread, and what wakes it
 *
 * One short mutex around two batches of lines: one is filled while the reporter's thread works on
 * the other. Nothing here waits for anything but that mutex. The
 * inbox is counted by its holders: a thread that hangs in a dead disk keeps it alive after the
 * reporter is gone.
 */
#ifndef RELAYWARDEN_LIB_ALERT_INBOX_H
#define RELAYWARDEN_LIB_ALERT_INBOX_H

#include <stdarg.h>
#include <stdbool.h>
#include <time.h>

#include "lib/sys/teller.h"

#define INBOX_LINES     64
#define INBOX_LINE_SIZE 1024

struct inbox_line {
    int priority;
    char text[INBOX_LINE_SIZE];
};

/* Lines since the last batch. */
struct inbox_batch {
    size_t lines;
    unsigned long lines_lost; /* more than INBOX_LINES came */
    unsigned long long upto;  /* how much was given to the inbox, up to this batch's end */
    struct inbox_line line[INBOX_LINES];
};

struct inbox;

struct inbox *inbox_new(void); /* NULL when memory is out; held once */
struct inbox *inbox_hold(struct inbox *inbox);
void inbox_release(struct inbox *inbox); /* the last one frees it */

/* The inbox for those who only hold it, wake it and say lines; not held by this. */
struct teller *inbox_teller(struct inbox *inbox);

/* Any thread. */
void inbox_say(struct inbox *inbox, int priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void inbox_vsay(struct inbox *inbox, int priority, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
void inbox_wake(struct inbox *inbox); /* ends inbox_take's wait */

/* The reporter's thread: waits until something came or `until`. Every inbox_take is followed by an
 * inbox_done; `settled` is whether no working sink has
 * anything left to send. */
struct inbox_batch *inbox_take(struct inbox *inbox, const struct timespec *until);
void inbox_done(struct inbox *inbox, struct inbox_batch *batch, bool settled);

/* Any thread but the reporter's: waits until all that was given before this call is done and
 * settled, or `until`. True if it is. */
bool inbox_flush(struct inbox *inbox, const struct timespec *until);

#endif
