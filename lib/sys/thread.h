/*
 * thread - threads without signals, and waits until a moment of the monotonic clock
 *
 * A wall clock that is set must neither end a wait nor prolong it. Any thread.
 */
#ifndef RELAYWARDEN_LIB_SYS_THREAD_H
#define RELAYWARDEN_LIB_SYS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* 0, or an errno. Destroy with pthread_cond_destroy. */
int thread_condition(pthread_cond_t *condition);

/* The moment `ms` from now (less than 0 counts as 0). */
struct timespec thread_moment(int ms);

/* Milliseconds until `moment`; 0 when it has come. */
int thread_moment_left(const struct timespec *moment);

/* False once `moment` has come; true may be a spurious wake. */
bool thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                       const struct timespec *moment);

/* Starts a thread that takes no signals: they are for the program's own threads. 0, or an errno. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument);

#endif
