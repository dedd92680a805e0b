/*
 * callbacks - the filter as libmilter sees it
 *
 * The one file that knows libmilter. Each callback takes what libmilter gives, calls connection.h,
 * and answers. No callback refuses or delays mail because of a fault of ours: without memory or
 * configuration the connection is let through, unseen, and said so.
 *
 * Every callback answers, HELO and DATA too: over TCP a step that the MTA does not wait for costs
 * 40 ms (its next packet waits for our delayed acknowledgement).
 *
 * Defines sigwait for the whole program, for libmilter: others wait with sigwaitinfo.
 */
#ifndef RELAYWARDEN_MILTER_CALLBACKS_H
#define RELAYWARDEN_MILTER_CALLBACKS_H

#include <stdbool.h>

#include "milter/connection.h"

#define CALLBACKS_ERROR_SIZE 256

/* Before anything else; `socket` as libmilter takes it ("unix:PATH", "inet:PORT@HOST"). False and a
 * sentence when libmilter does not take it. */
bool callbacks_register(const char *socket, char error[CALLBACKS_ERROR_SIZE]);

/* Creates the listening socket; a stale UNIX socket is removed. */
bool callbacks_listen(char error[CALLBACKS_ERROR_SIZE]);

/* Serves on a thread of its own; libmilter takes no signals. When libmilter ends by itself, that
 * thread sends SIGTERM to the process, for the main thread to notice. The transactions must live as
 * long as the process. False: no thread. */
bool callbacks_start(struct transactions *transactions);

/* Ends serving at once, and the callbacks with it: after it, `transactions` are the caller's alone.
 * False: libmilter had given up, or a callback hangs. */
bool callbacks_stop(void);

#endif
