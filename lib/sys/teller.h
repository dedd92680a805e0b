/*
 * teller - whom the threads of lower rooms tell what the operator shall hear
 *
 * State and sinks have lines to say, and know nothing of the reporter that carries them: they are
 * handed a teller, which lib/alert/inbox.h is. It is counted by its holders: a thread that hangs in
 * a dead disk keeps it alive after the reporter is gone. Any thread; no call waits for anything but
 * a short mutex.
 */
#ifndef RELAYWARDEN_LIB_SYS_TELLER_H
#define RELAYWARDEN_LIB_SYS_TELLER_H

#include <stdarg.h>

struct teller {
    void (*hold)(struct teller *teller);
    void (*release)(struct teller *teller); /* the last one frees it */
    void (*wake)(struct teller *teller);    /* something that is not a line has changed */
    /* One line; `priority` is syslog's. */
    void (*say)(struct teller *teller, int priority, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));
};

struct teller *teller_hold(struct teller *teller);
void teller_release(struct teller *teller);
void teller_wake(struct teller *teller);
void teller_say(struct teller *teller, int priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
