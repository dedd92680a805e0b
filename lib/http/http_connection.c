#include "lib/http/http_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TAKEN_A_SECOND  65536 /* octets of a reply, which gets a second more for them */
#define WRITTEN_AT_ONCE ((size_t)256 * 1024)
#define DRAIN_SECONDS   2

enum state {
    STATE_READING,  /* the request */
    STATE_WAITING,  /* for the renderer: a client that leaves keeps its place, so that there are
                       never  more jobs than places */
    STATE_WRITING,  /* the reply */
    STATE_DRAINING, /* all is written: until the client closes, too */
};

struct http_connection {
    struct http_door *door;
    struct http_connection *next;
    struct http_connection *before;
    int descriptor;
    enum state state;
    struct event *event;    /* reading or writing */
    struct event *deadline; /* of the state */

    char head[HTTP_HEAD_MAX + 1]; /* one more tells that it is too long */
    size_t length;
    bool bodiless; /* HEAD */

    struct http_reply reply;
    char reply_head[HTTP_REPLY_HEAD_SIZE];
    size_t head_length;
    size_t sent; /* of head and body */
    int64_t reply_begin;
};

static void on_event(evutil_socket_t descriptor, short what, void *user);
static void on_deadline(evutil_socket_t descriptor, short what, void *user);

static int64_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* ---- life -------------------------------------------------------------------------------- */

static void hang_up(struct http_connection *connection)
{
    struct http_door *door = connection->door;

    if (connection->event != NULL) {
        event_free(connection->event);
    }
    if (connection->deadline != NULL) {
        event_free(connection->deadline);
    }
    close(connection->descriptor);
    *(connection->before != NULL ? &connection->before->next : &door->first) = connection->next;
    if (connection->next != NULL) {
        connection->next->before = connection->before;
    }
    door->count--;
    http_reply_free(&connection->reply);
    free(connection);
}

static void set_deadline(const struct http_connection *connection, time_t seconds)
{
    const struct timeval limit = {.tv_sec = seconds};

    (void)event_add(connection->deadline, &limit);
}

/* False: memory is out. */
static bool await(struct http_connection *connection, short what)
{
    if (connection->event != NULL) {
        event_free(connection->event);
    }
    connection->event = event_new(connection->door->base, connection->descriptor,
                                  (short)(what | EV_PERSIST), on_event, connection);
    return connection->event != NULL && event_add(connection->event, NULL) == 0;
}

/* Who is one too many is told so, if that can be had without waiting. */
static void turn_away(const struct http_door *door, int descriptor)
{
    struct http_reply reply;
    char head[HTTP_REPLY_HEAD_SIZE];
    size_t length;

    http_reply_refuse(&reply, HTTP_UNAVAILABLE);
    const size_t head_length = http_reply_head(&reply, door->pages.program, head);
    const char *text = http_reply_text(&reply, &length);
    if (send(descriptor, head, head_length, MSG_NOSIGNAL | MSG_MORE) == (ssize_t)head_length) {
        (void)send(descriptor, text, length, MSG_NOSIGNAL);
    }
    (void)shutdown(descriptor, SHUT_WR);
    close(descriptor);
}

void http_connection_begin(struct http_door *door, int descriptor)
{
    struct http_connection *connection =
        door->count < HTTP_CONNECTIONS_MAX ? calloc(1, sizeof(*connection)) : NULL;

    if (connection == NULL) {
        turn_away(door, descriptor);
        return;
    }
    connection->door = door;
    connection->descriptor = descriptor;
    connection->next = door->first;
    if (door->first != NULL) {
        door->first->before = connection;
    }
    door->first = connection;
    door->count++;
    connection->deadline = event_new(door->base, -1, EV_TIMEOUT, on_deadline, connection);
    if (connection->deadline == NULL || !await(connection, EV_READ)) {
        hang_up(connection);
        return;
    }
    set_deadline(connection, HTTP_REQUEST_SECONDS);
}

void http_connection_end_all(struct http_door *door)
{
    struct http_connection *next;

    for (struct http_connection *at = door->first; at != NULL; at = next) {
        next = at->next;
        hang_up(at);
    }
}

/* ---- replying ---------------------------------------------------------------------------- */

/* The rest that the client sends is read: closing over it would have the system cut off the reply,
 * which may not have arrived (RFC 9112 section 9.6). */
static void drain(struct http_connection *connection)
{
    connection->state = STATE_DRAINING;
    http_reply_free(&connection->reply);
    if (shutdown(connection->descriptor, SHUT_WR) != 0 || !await(connection, EV_READ)) {
        hang_up(connection);
        return;
    }
    set_deadline(connection, DRAIN_SECONDS);
}

/* The next octets to be sent. */
static const char *unsent(const struct http_connection *connection, size_t *length)
{
    size_t body_length;
    const char *body = http_reply_text(&connection->reply, &body_length);

    if (connection->sent < connection->head_length) {
        *length = connection->head_length - connection->sent;
        return connection->reply_head + connection->sent;
    }
    const size_t at = connection->sent - connection->head_length;
    *length = connection->bodiless ? 0 : body_length - at;
    return body + at;
}

static void write_reply(struct http_connection *connection)
{
    size_t at_once = WRITTEN_AT_ONCE; /* the others have their turn, too */
    size_t length;
    const char *octets;

    while (at_once > 0 && (octets = unsent(connection, &length), length > 0)) {
        const size_t part = length < at_once ? length : at_once;
        const bool more = connection->sent < connection->head_length && !connection->bodiless;
        const ssize_t count =
            send(connection->descriptor, octets, part, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            hang_up(connection);
            return;
        }
        if (count < 0) {
            break;
        }
        connection->sent += (size_t)count;
        at_once -= (size_t)count;
    }
    (void)unsent(connection, &length);
    if (length == 0) {
        drain(connection);
        return;
    }
    const int64_t left = connection->reply_begin + HTTP_REQUEST_SECONDS +
                         (int64_t)(connection->sent / TAKEN_A_SECOND) - seconds_now();
    set_deadline(connection, left > 0 ? (time_t)left : 0);
}

/* Takes the reply over. */
static void begin_reply(struct http_connection *connection, struct http_reply *reply)
{
    connection->state = STATE_WRITING;
    connection->reply = *reply;
    reply->body = NULL;
    connection->head_length = http_reply_head(&connection->reply, connection->door->pages.program,
                                              connection->reply_head);
    connection->reply_begin = seconds_now();
    set_deadline(connection, HTTP_REQUEST_SECONDS);
    if (!await(connection, EV_WRITE)) {
        hang_up(connection);
        return;
    }
    write_reply(connection);
}

static void refuse(struct http_connection *connection, enum http_status status)
{
    struct http_reply reply;

    http_reply_refuse(&reply, status);
    begin_reply(connection, &reply);
}

void http_connection_reply(struct http_job *job)
{
    struct http_connection *connection = job->asker;

    begin_reply(connection, &job->reply);
    http_job_free(job);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Takes the job over. */
static void answer(struct http_connection *connection, const struct http_route *route,
                   struct http_job *job)
{
    if (route->quick) {
        http_reply_make(&job->reply, route, &job->request, connection->door->pages.user);
        begin_reply(connection, &job->reply);
        http_job_free(job);
        return;
    }
    job->route = route;
    job->asker = connection;
    connection->state = STATE_WAITING;
    (void)event_del(connection->event);
    (void)event_del(connection->deadline);
    http_renderer_order(route->slow ? connection->door->slow : connection->door->renderer, job);
}

/* A host that is not ours learns nothing more than that. */
static enum http_status judge(const struct http_door *door, const struct http_request *request)
{
    if (request->host[0] != '\0' && !http_names_have(door->names, request->host)) {
        return HTTP_MISDIRECTED;
    }
    return request->method == HTTP_OTHER ? HTTP_NOT_ALLOWED : HTTP_OK;
}

static void read_request(struct http_connection *connection, size_t head_length)
{
    struct http_job *job = calloc(1, sizeof(*job));

    if (job == NULL) {
        refuse(connection, HTTP_UNAVAILABLE);
        return;
    }
    struct http_request *request = &job->request;
    enum http_status status = http_request_read(connection->head, head_length, request);
    const struct http_route *route = NULL;
    if (status == HTTP_OK) {
        status = judge(connection->door, request);
    }
    if (status == HTTP_OK) {
        route = http_route_find(connection->door->pages.routes, request->path);
        status = route != NULL ? HTTP_OK : HTTP_NOT_FOUND;
    }
    connection->bodiless = request->method == HTTP_HEAD;
    if (status == HTTP_OK) {
        answer(connection, route, job);
        return;
    }
    http_job_free(job);
    refuse(connection, status);
}

static void read_more(struct http_connection *connection)
{
    const ssize_t count = recv(connection->descriptor, connection->head + connection->length,
                               sizeof(connection->head) - connection->length, 0);

    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {
        hang_up(connection);
        return;
    }
    connection->length += (size_t)count;
    const size_t head_length = http_request_head(connection->head, connection->length);
    if (head_length > 0 && head_length <= HTTP_HEAD_MAX) {
        read_request(connection, head_length);
    } else if (connection->length > HTTP_HEAD_MAX) {
        refuse(connection, HTTP_HEAD_TOO_LARGE);
    }
}

static void read_away(struct http_connection *connection)
{
    char octets[4096];
    const ssize_t count = recv(connection->descriptor, octets, sizeof(octets), 0);

    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        hang_up(connection);
    }
}

/* ---- events ------------------------------------------------------------------------------ */

static void on_event(evutil_socket_t descriptor, short what, void *user)
{
    struct http_connection *connection = user;

    (void)descriptor;
    (void)what;
    switch (connection->state) {
    case STATE_READING:
        read_more(connection);
        break;
    case STATE_WRITING:
        write_reply(connection);
        break;
    case STATE_DRAINING:
        read_away(connection);
        break;
    case STATE_WAITING:
        break;
    }
}

/* Who has sent a part is told why; who has sent nothing is closed, as after a connection that was
 * opened in advance. */
static void on_deadline(evutil_socket_t descriptor, short what, void *user)
{
    struct http_connection *connection = user;

    (void)descriptor;
    (void)what;
    if (connection->state == STATE_READING && connection->length > 0) {
        refuse(connection, HTTP_TIMEOUT);
    } else {
        hang_up(connection);
    }
}
