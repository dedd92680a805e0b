#include "lib/sys/thread.h"

#include <limits.h>
#include <signal.h>

int thread_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int failure = pthread_condattr_init(&attributes);

    if (failure != 0) {
        return failure;
    }
    failure = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (failure == 0) {
        failure = pthread_cond_init(condition, &attributes);
    }
    pthread_condattr_destroy(&attributes);
    return failure;
}

struct timespec thread_moment(int ms)
{
    struct timespec moment = {0};

    clock_gettime(CLOCK_MONOTONIC, &moment);
    if (ms > 0) {
        moment.tv_sec += ms / 1000;
        moment.tv_nsec += (long)(ms % 1000) * 1000000L;
        if (moment.tv_nsec >= 1000000000L) {
            moment.tv_sec++;
            moment.tv_nsec -= 1000000000L;
        }
    }
    return moment;
}

int thread_moment_left(const struct timespec *moment)
{
    struct timespec now = thread_moment(0);
    long long left = (long long)(moment->tv_sec - now.tv_sec) * 1000 +
                     (moment->tv_nsec - now.tv_nsec + 999999) / 1000000;

    if (left < 0) {
        return 0;
    }
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                       const struct timespec *moment)
{
    return pthread_cond_timedwait(condition, mutex, moment) == 0;
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure == 0) {
        pthread_setname_np(*thread, name);
    }
    return failure;
}
