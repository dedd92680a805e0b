/*
 * loop - the event loop, and the timers and watches that live on it
 *
 * One thread: a loop and all that was made with it belong to the thread that runs it. Times are
 * milliseconds on the monotonic clock; a deadline is absolute.
 */
#ifndef RELAYWARDEN_PROBE_NET_LOOP_H
#define RELAYWARDEN_PROBE_NET_LOOP_H

#include <stdint.h>

struct event_base;
struct tls;

struct loop;

/* NULL when memory or descriptors are out. SIGPIPE is for the program to ignore. */
struct loop *loop_new(void);
/* Each TLS handshake of the loop presents this certificate to a server that wants one; `path` is a
 * PEM file with its key. Before the first. 0, or -1 when it cannot be read. */
int loop_present(struct loop *loop, const char *path);
/* Everything that was made with the loop must be freed before it. */
void loop_free(struct loop *loop);
/* Runs until loop_break, or until nothing is left to wait for. 0, or -1 when the system's event
 * interface failed. */
int loop_run(struct loop *loop);
void loop_break(struct loop *loop);
/* Now, in milliseconds since some point that stays the same while the machine is up. */
int64_t loop_now(const struct loop *loop);
/* How often our own host has refused the loop something since it was made: to watch a descriptor,
 * to set a timer. Who waits for that waits in vain, and it is nobody else's silence. */
unsigned long loop_faults(const struct loop *loop);

/* A timer that fires once each time it is set. It may be set, cleared or freed inside any callback,
 * its own too. */
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, void (*due)(void *user), void *user);
/* Never fires before `deadline`. Setting it again moves it. 0, or -1 when memory is out. */
int loop_timer_set(struct loop_timer *timer, int64_t deadline);
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is nothing */

/* Watches a descriptor that another library owns; fires as long as it is ready. May be freed in its
 * own callback. */
enum loop_readiness {
    LOOP_READABLE = 1,
    LOOP_WRITABLE = 2,
};
struct loop_watch;
struct loop_watch *loop_watch_new(struct loop *loop, int descriptor, unsigned int readiness,
                                  void (*ready)(int descriptor, unsigned int readiness, void *user),
                                  void *user);
void loop_watch_free(struct loop_watch *watch); /* NULL is nothing */

/* For this room: libevent's loop, and the TLS of all connections (NULL when memory is out). Both
 * are the loop's. */
struct event_base *loop_base(const struct loop *loop);
struct tls *loop_tls(struct loop *loop);

#endif
