#include "probe/net/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static const int numbers[] = {SIGINT, SIGTERM};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

struct signals {
    sigset_t before; /* the mask */
    int descriptor;  /* readable while a signal is pending */
    struct loop_watch *watch;
    void (*arrived)(void *user);
    void *user;
};

static sigset_t all_of_them(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < NUMBERS; i++) {
        sigaddset(&set, numbers[i]);
    }
    return set;
}

static void on_readable(int descriptor, unsigned int readiness, void *user)
{
    const struct signals *interruption = user;

    (void)descriptor;
    (void)readiness;
    interruption->arrived(interruption->user);
}

struct signals *signals_begin(struct loop *loop, void (*arrived)(void *user), void *user)
{
    struct signals *interruption = calloc(1, sizeof(*interruption));
    const sigset_t set = all_of_them();

    if (interruption == NULL) {
        return NULL;
    }
    interruption->arrived = arrived;
    interruption->user = user;
    pthread_sigmask(SIG_BLOCK, &set, &interruption->before);
    interruption->descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (interruption->descriptor >= 0) {
        interruption->watch = loop_watch_new(loop, interruption->descriptor, LOOP_READABLE,
                                             on_readable, interruption);
    }
    if (interruption->watch == NULL) {
        signals_end(interruption);
        return NULL;
    }
    return interruption;
}

bool signals_is_pending(void)
{
    sigset_t pending;
    bool found = false;

    sigemptyset(&pending);
    sigpending(&pending);
    for (size_t i = 0; i < NUMBERS; i++) {
        found |= sigismember(&pending, numbers[i]) == 1;
    }
    return found;
}

/* Those that the caller does not block, and so did not mean to take itself. */
static void take_pending(const struct signals *interruption)
{
    static const struct timespec at_once;
    sigset_t ours = all_of_them();

    for (size_t i = 0; i < NUMBERS; i++) {
        if (sigismember(&interruption->before, numbers[i]) == 1) {
            sigdelset(&ours, numbers[i]);
        }
    }
    while (sigtimedwait(&ours, NULL, &at_once) > 0) {
    }
}

void signals_end(struct signals *interruption)
{
    if (interruption == NULL) {
        return;
    }
    loop_watch_free(interruption->watch);
    if (interruption->descriptor >= 0) {
        close(interruption->descriptor);
    }
    take_pending(interruption);
    pthread_sigmask(SIG_SETMASK, &interruption->before, NULL);
    free(interruption);
}
