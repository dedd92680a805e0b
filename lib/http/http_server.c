#include "lib/http/http_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/http/http_connection.h"
#include "lib/sys/thread.h"

#define ACCEPTED_AT_ONCE 64
#define PAUSE_MS         200  /* when no descriptor is to be had */
#define ORDER_MS         2000 /* until the loop has taken one; it waits for nothing */

struct http_server {
    struct http_door door; /* the thread's, while it runs */
    struct event *accepting;
    struct event *pause;
    struct event *waked;
    int listening; /* -1: nowhere */

    struct http_place place; /* of `listening`; the caller's thread's */
    int wake;                /* an eventfd */
    bool running;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool ordered; /* the loop is to take the next socket and names */
    int next;     /* -1: none */
    struct http_names *next_names;
    bool stop;
    bool ended;
};

/* ---- accepting --------------------------------------------------------------------------- */

static void on_accept(evutil_socket_t descriptor, short what, void *user)
{
    struct http_server *server = user;

    (void)what;
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        /* cppcheck-suppress nullPointer; accept4(2) takes it: the address is not asked for */
        const int client = accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            http_connection_begin(&server->door, client);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* It would be told of the same client again and again. */
            const struct timeval pause = {.tv_usec = PAUSE_MS * 1000L};
            (void)event_del(server->accepting);
            (void)event_add(server->pause, &pause);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

static void on_pause(evutil_socket_t descriptor, short what, void *user)
{
    struct http_server *server = user;

    (void)descriptor;
    (void)what;
    if (server->accepting != NULL) {
        (void)event_add(server->accepting, NULL);
    }
}

/* Takes the socket over; -1: nowhere. Without memory nobody is served until the next. */
static void accept_from(struct http_server *server, int descriptor)
{
    if (server->accepting != NULL) {
        event_free(server->accepting);
        server->accepting = NULL;
    }
    if (server->listening >= 0 && server->listening != descriptor) {
        close(server->listening);
    }
    server->listening = descriptor;
    if (descriptor >= 0) {
        server->accepting =
            event_new(server->door.base, descriptor, EV_READ | EV_PERSIST, on_accept, server);
        if (server->accepting != NULL) {
            (void)event_add(server->accepting, NULL);
        }
    }
}

/* ---- the thread -------------------------------------------------------------------------- */

/* Any thread. */
static void wake(void *user)
{
    const struct http_server *server = user;
    const uint64_t one = 1;

    (void)!write(server->wake, &one, sizeof(one));
}

static void take_orders(struct http_server *server)
{
    pthread_mutex_lock(&server->mutex);
    if (server->ordered) {
        server->ordered = false;
        accept_from(server, server->next);
        if (server->next_names != NULL) {
            http_names_free(server->door.names);
            server->door.names = server->next_names;
            server->next_names = NULL;
        }
        pthread_cond_broadcast(&server->changed);
    }
    if (server->stop) {
        (void)event_base_loopbreak(server->door.base);
    }
    pthread_mutex_unlock(&server->mutex);
}

static void reply_all(struct http_renderer *renderer)
{
    struct http_job *job;

    while (renderer != NULL && (job = http_renderer_take(renderer)) != NULL) {
        http_connection_reply(job);
    }
}

static void on_wake(evutil_socket_t descriptor, short what, void *user)
{
    struct http_server *server = user;
    uint64_t count;

    (void)what;
    (void)!read(descriptor, &count, sizeof(count));
    take_orders(server);
    reply_all(server->door.renderer);
    reply_all(server->door.slow);
}

static void *run(void *argument)
{
    struct http_server *server = argument;

    (void)event_base_dispatch(server->door.base);
    pthread_mutex_lock(&server->mutex);
    server->ended = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------- */

struct http_server *http_server_new(const struct http_pages *pages)
{
    struct http_server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        return NULL;
    }
    server->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (server->wake < 0 || thread_condition(&server->changed) != 0) {
        if (server->wake >= 0) {
            close(server->wake);
        }
        free(server);
        return NULL;
    }
    pthread_mutex_init(&server->mutex, NULL);
    server->door.pages = *pages;
    server->listening = -1;
    server->next = -1;
    return server;
}

/* No thread is left that uses anything of it. */
static void free_server(struct http_server *server)
{
    http_connection_end_all(&server->door);
    if (server->accepting != NULL) {
        event_free(server->accepting);
    }
    if (server->pause != NULL) {
        event_free(server->pause);
    }
    if (server->waked != NULL) {
        event_free(server->waked);
    }
    if (server->door.base != NULL) {
        event_base_free(server->door.base);
    }
    if (server->listening >= 0) {
        close(server->listening);
    }
    http_names_free(server->door.names);
    http_names_free(server->next_names);
    close(server->wake);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

/* Events that are there for as long as the thread. */
static bool make_loop(struct http_server *server)
{
    server->door.base = event_base_new();
    if (server->door.base == NULL) {
        return false;
    }
    server->pause = event_new(server->door.base, -1, EV_TIMEOUT, on_pause, server);
    server->waked =
        event_new(server->door.base, server->wake, EV_READ | EV_PERSIST, on_wake, server);
    return server->pause != NULL && server->waked != NULL && event_add(server->waked, NULL) == 0;
}

static bool start_renderer(struct http_server *server, struct http_renderer **renderer)
{
    if (*renderer == NULL) {
        *renderer = http_renderer_start(server->door.pages.user, wake, server);
    }
    return *renderer != NULL;
}

static bool stop_renderer(struct http_renderer **renderer, int wait_ms)
{
    if (*renderer != NULL && !http_renderer_stop(*renderer, wait_ms)) {
        return false;
    }
    *renderer = NULL;
    return true;
}

static bool has_slow(const struct http_route *route)
{
    while (route->path != NULL && !route->slow) {
        route++;
    }
    return route->path != NULL;
}

bool http_server_start(struct http_server *server)
{
    if (server->running) {
        return true;
    }
    if (server->door.base == NULL && !make_loop(server)) {
        return false;
    }
    if (!start_renderer(server, &server->door.renderer) ||
        (has_slow(server->door.pages.routes) && !start_renderer(server, &server->door.slow))) {
        return false;
    }
    accept_from(server, server->listening);
    server->running = thread_start(&server->thread, "http", run, server) == 0;
    return server->running;
}

bool http_server_stop(struct http_server *server, int wait_ms)
{
    if (server == NULL) {
        return true;
    }
    if (server->running) {
        pthread_mutex_lock(&server->mutex);
        server->stop = true;
        pthread_mutex_unlock(&server->mutex);
        wake(server);
        pthread_join(server->thread, NULL);
        server->running = false;
    }
    if (!stop_renderer(&server->door.renderer, wait_ms) ||
        !stop_renderer(&server->door.slow, wait_ms)) {
        return false;
    }
    free_server(server);
    return true;
}

/* ---- where it listens -------------------------------------------------------------------- */

/* Hands both over, and waits until the loop has them. */
static void order(struct http_server *server, int descriptor, struct http_names *names)
{
    const struct timespec until = thread_moment(ORDER_MS);

    if (!server->running) {
        if (server->listening >= 0 && server->listening != descriptor) {
            close(server->listening);
        }
        server->listening = descriptor;
        if (names != NULL) {
            http_names_free(server->door.names);
            server->door.names = names;
        }
        return;
    }
    pthread_mutex_lock(&server->mutex);
    server->ordered = true;
    server->next = descriptor;
    if (names != NULL) {
        http_names_free(server->next_names);
        server->next_names = names;
    }
    pthread_mutex_unlock(&server->mutex);
    wake(server);
    pthread_mutex_lock(&server->mutex);
    while (server->ordered && thread_wait_until(&server->changed, &server->mutex, &until)) {
        /* woken for the end */
    }
    pthread_mutex_unlock(&server->mutex);
}

/* The new one, while the one of before is still there. But from a port's one address to all of them
 * there is no way but to leave it first; if that was in vain it is taken again. -1: all is as it
 * was, as far as it could be had. */
static int open_next(struct http_server *server, const struct http_place *place,
                     char error[HTTP_ERROR_SIZE])
{
    char lost[HTTP_ERROR_SIZE];
    int descriptor = http_socket_open(place, error);

    if (descriptor >= 0 || errno != EADDRINUSE || server->listening < 0 ||
        server->place.port != place->port) {
        return descriptor;
    }
    order(server, -1, NULL);
    descriptor = http_socket_open(place, error);
    if (descriptor < 0) {
        order(server, http_socket_open(&server->place, lost), NULL);
    }
    return descriptor;
}

bool http_server_listen(struct http_server *server, const struct http_settings *settings,
                        char error[HTTP_ERROR_SIZE])
{
    struct http_names *names = http_names_new(settings);
    int descriptor = server->listening;

    if (names == NULL) {
        snprintf(error, HTTP_ERROR_SIZE, "listen: out of memory");
        return false;
    }
    if (settings->listen.address.family == ADDRESS_NONE) {
        descriptor = -1;
    } else if (descriptor < 0 || !http_place_is(&server->place, &settings->listen)) {
        descriptor = open_next(server, &settings->listen, error);
        if (descriptor < 0) {
            http_names_free(names);
            return false;
        }
    }
    order(server, descriptor, names);
    server->place = settings->listen;
    return true;
}

const struct http_place *http_server_place(const struct http_server *server)
{
    return &server->place;
}
