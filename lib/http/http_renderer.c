#include "lib/http/http_renderer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/http/http_names.h"
#include "lib/sys/thread.h"

#define KEPT     4 /* answers */
#define NICENESS 5

/* An answer that was made. */
struct kept {
    const struct http_route *route; /* NULL: none */
    char *path;
    char *query;
    struct http_reply reply;
    struct timespec until;
};

struct list {
    struct http_job *first;
    struct http_job **end;
};

struct http_renderer {
    void *user;
    void (*wake)(void *waked);
    void *waked;
    pthread_t thread;

    /* The thread's. */
    struct kept kept[KEPT];
    size_t oldest;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct list ordered;
    struct list done;
    bool stop;
    bool ended;
};

void http_job_free(struct http_job *job)
{
    if (job != NULL) {
        http_reply_free(&job->reply);
        free(job);
    }
}

/* ---- lists, under the mutex -------------------------------------------------------------- */

static void append(struct list *list, struct http_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct http_job *take_first(struct list *list)
{
    struct http_job *job = list->first;

    if (job != NULL) {
        list->first = job->next;
        if (list->first == NULL) {
            list->end = &list->first;
        }
    }
    return job;
}

/* ---- answers ----------------------------------------------------------------------------- */

static void forget(struct kept *kept)
{
    free(kept->path);
    free(kept->query);
    http_reply_free(&kept->reply);
    *kept = (struct kept){.route = NULL};
}

static struct kept *find(struct http_renderer *renderer, const struct http_job *job)
{
    for (size_t i = 0; i < KEPT; i++) {
        struct kept *kept = &renderer->kept[i];
        if (kept->route == job->route && strcmp(kept->path, job->request.path) == 0 &&
            (!job->route->asks || strcmp(kept->query, job->request.query) == 0)) {
            return kept;
        }
    }
    return NULL;
}

/* Without memory for it, it is made anew for the next. */
static void keep(struct http_renderer *renderer, const struct http_job *job, int took_ms)
{
    struct kept *kept = find(renderer, job);
    char *path = strdup(job->request.path);
    char *query = strdup(job->request.query);

    if (kept == NULL) {
        kept = &renderer->kept[renderer->oldest];
        renderer->oldest = (renderer->oldest + 1) % KEPT;
    }
    forget(kept);
    if (path == NULL || query == NULL) {
        free(path);
        free(query);
        return;
    }
    *kept = (struct kept){
        .route = job->route, .path = path, .query = query, .until = thread_moment(took_ms)};
    http_reply_copy(&kept->reply, &job->reply);
}

static void make(struct http_renderer *renderer, struct http_job *job)
{
    const struct kept *kept = find(renderer, job);

    if (kept != NULL && thread_moment_left(&kept->until) > 0) {
        http_reply_copy(&job->reply, &kept->reply);
        return;
    }
    const struct timespec begin = thread_moment(0);
    http_reply_make(&job->reply, job->route, &job->request, renderer->user);
    const struct timespec end = thread_moment(0);
    const long took_ms =
        (end.tv_sec - begin.tv_sec) * 1000L + (end.tv_nsec - begin.tv_nsec) / 1000000L;
    if (took_ms > 0) {
        keep(renderer, job, took_ms > 60000 ? 60000 : (int)took_ms);
    }
}

/* A page of many endpoints is large: none stays that would not be given again. Milliseconds until
 * the next is of no use; -1: none is kept. */
static int forget_old(struct http_renderer *renderer)
{
    int next = -1;

    for (size_t i = 0; i < KEPT; i++) {
        struct kept *kept = &renderer->kept[i];
        const int left = kept->route != NULL ? thread_moment_left(&kept->until) : -1;
        if (left == 0) {
            forget(kept);
        } else if (left > 0 && (next < 0 || left < next)) {
            next = left;
        }
    }
    return next;
}

/* The mutex is held. */
static void await_order(struct http_renderer *renderer)
{
    const int next = forget_old(renderer);

    if (next < 0) {
        pthread_cond_wait(&renderer->changed, &renderer->mutex);
    } else {
        const struct timespec until = thread_moment(next);
        (void)thread_wait_until(&renderer->changed, &renderer->mutex, &until);
    }
}

/* ---- the thread -------------------------------------------------------------------------- */

/* NULL: told to stop. */
static struct http_job *next_job(struct http_renderer *renderer)
{
    pthread_mutex_lock(&renderer->mutex);
    while (renderer->ordered.first == NULL && !renderer->stop) {
        await_order(renderer);
    }
    struct http_job *job = renderer->stop ? NULL : take_first(&renderer->ordered);
    pthread_mutex_unlock(&renderer->mutex);
    return job;
}

static void *run(void *argument)
{
    struct http_renderer *renderer = argument;
    struct http_job *job;

    /* Where it may not, it competes as it is. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    http_names_learn();
    while ((job = next_job(renderer)) != NULL) {
        make(renderer, job);
        pthread_mutex_lock(&renderer->mutex);
        append(&renderer->done, job);
        pthread_mutex_unlock(&renderer->mutex);
        renderer->wake(renderer->waked);
    }
    pthread_mutex_lock(&renderer->mutex);
    renderer->ended = true;
    pthread_cond_broadcast(&renderer->changed);
    pthread_mutex_unlock(&renderer->mutex);
    return NULL;
}

/* ---- for the others ---------------------------------------------------------------------- */

static void free_list(struct list *list)
{
    struct http_job *job;

    while ((job = take_first(list)) != NULL) {
        http_job_free(job);
    }
}

static void free_renderer(struct http_renderer *renderer)
{
    free_list(&renderer->ordered);
    free_list(&renderer->done);
    for (size_t i = 0; i < KEPT; i++) {
        forget(&renderer->kept[i]);
    }
    pthread_cond_destroy(&renderer->changed);
    pthread_mutex_destroy(&renderer->mutex);
    free(renderer);
}

struct http_renderer *http_renderer_start(void *user, void (*wake)(void *waked), void *waked)
{
    struct http_renderer *renderer = calloc(1, sizeof(*renderer));

    if (renderer == NULL) {
        return NULL;
    }
    if (thread_condition(&renderer->changed) != 0) {
        free(renderer);
        return NULL;
    }
    pthread_mutex_init(&renderer->mutex, NULL);
    renderer->user = user;
    renderer->wake = wake;
    renderer->waked = waked;
    renderer->ordered.end = &renderer->ordered.first;
    renderer->done.end = &renderer->done.first;
    if (thread_start(&renderer->thread, "renderer", run, renderer) != 0) {
        free_renderer(renderer);
        return NULL;
    }
    return renderer;
}

void http_renderer_order(struct http_renderer *renderer, struct http_job *job)
{
    pthread_mutex_lock(&renderer->mutex);
    append(&renderer->ordered, job);
    pthread_cond_broadcast(&renderer->changed);
    pthread_mutex_unlock(&renderer->mutex);
}

struct http_job *http_renderer_take(struct http_renderer *renderer)
{
    pthread_mutex_lock(&renderer->mutex);
    struct http_job *job = take_first(&renderer->done);
    pthread_mutex_unlock(&renderer->mutex);
    return job;
}

bool http_renderer_stop(struct http_renderer *renderer, int wait_ms)
{
    const struct timespec until = thread_moment(wait_ms);

    pthread_mutex_lock(&renderer->mutex);
    renderer->stop = true;
    pthread_cond_broadcast(&renderer->changed);
    while (!renderer->ended && thread_wait_until(&renderer->changed, &renderer->mutex, &until)) {
        /* woken for an order */
    }
    const bool ended = renderer->ended;
    pthread_mutex_unlock(&renderer->mutex);
    if (ended) {
        pthread_join(renderer->thread, NULL);
        free_renderer(renderer);
    }
    return ended;
}
