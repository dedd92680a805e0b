#include "probe/net/connection.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "probe/net/certificate.h"
#include "probe/net/stream.h"
#include "probe/net/tls_bio.h"

#define CHUNK 4096
/* Octets of a connection's TLS that bring no application data, handshakes above all: a chain of
 * certificates is at most a tenth of that. */
#define HANDSHAKE_MAX 1048576

struct loop {
    struct event_base *base;
    SSL_CTX *tls; /* made when the first handshake needs it, as is `paced` */
    BIO_METHOD *paced;
};

struct loop_timer {
    struct loop *loop;
    struct event *event;
    int64_t deadline;
    void (*due)(void *user);
    void *user;
};

struct loop_watch {
    struct event *event;
    void (*ready)(int descriptor, unsigned int readiness, void *user);
    void *user;
};

struct connection {
    struct loop *loop;
    const struct connection_listener *listener;
    void *user;
    char host[256];
    int descriptor;             /* while connecting; then the stream owns it and this is -1 */
    struct event *connecting;   /* until connected */
    struct bufferevent *stream; /* from then on */
    SSL *ssl;                   /* the stream's, when it has TLS */
    bool secured;
    bool limited; /* see connection_is_limited */
    struct address source;
    char preamble[CONNECTION_PREAMBLE_MAX];
    size_t preamble_length;
    unsigned int calls; /* listener calls that are running; the struct outlives them */
    bool closed;
};

static void on_stream_read(struct bufferevent *stream, void *user);
static void on_stream_event(struct bufferevent *stream, short what, void *user);

/* ---- the loop --------------------------------------------------------------------------- */

struct loop *loop_new(void)
{
    stream_prepare();
    struct loop *loop = calloc(1, sizeof(*loop));
    struct event_config *config = event_config_new();

    /* The changelist tells the kernel once a turn what has changed. It must not meet descriptors
     * made by dup(), of which there are none here; one that is closed and whose number is used
     * again in the same turn it sees through (event2/event.h; on_connecting minds the rest). */
    if (loop != NULL && config != NULL &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
                                          EVENT_BASE_FLAG_NO_CACHE_TIME |
                                          EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0) {
        loop->base = event_base_new_with_config(config);
    }
    if (config != NULL) {
        event_config_free(config);
    }
    if (loop == NULL || loop->base == NULL) {
        free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    SSL_CTX_free(loop->tls);
    event_base_free(loop->base); /* this is when libevent frees the last streams */
    BIO_meth_free(loop->paced);
    free(loop);
}

int loop_run(struct loop *loop)
{
    return event_base_dispatch(loop->base) < 0 ? -1 : 0;
}

void loop_break(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

int64_t loop_now(const struct loop *loop)
{
    struct timespec now;

    (void)loop; /* every loop has the machine's clock */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_timer(evutil_socket_t descriptor, short what, void *user)
{
    struct loop_timer *timer = user;

    (void)descriptor;
    (void)what;
    /* The kernel's waits have coarser steps than the clock: never early. */
    if (loop_now(timer->loop) < timer->deadline && loop_timer_set(timer, timer->deadline) == 0) {
        return;
    }
    timer->due(timer->user);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*due)(void *user), void *user)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL) {
        return NULL;
    }
    *timer = (struct loop_timer){.loop = loop, .due = due, .user = user};
    timer->event = evtimer_new(loop->base, on_timer, timer);
    if (timer->event == NULL) {
        free(timer);
        return NULL;
    }
    return timer;
}

int loop_timer_set(struct loop_timer *timer, int64_t deadline)
{
    int64_t wait = deadline - loop_now(timer->loop);

    if (wait < 0) {
        wait = 0;
    }
    timer->deadline = deadline;
    struct timeval interval = {.tv_sec = wait / 1000, .tv_usec = (wait % 1000) * 1000};
    return evtimer_add(timer->event, &interval);
}

void loop_timer_clear(struct loop_timer *timer)
{
    evtimer_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL) {
        event_free(timer->event);
        free(timer);
    }
}

static void on_watch(evutil_socket_t descriptor, short what, void *user)
{
    struct loop_watch *watch = user;
    unsigned int readiness = 0;

    if ((what & EV_READ) != 0) {
        readiness |= LOOP_READABLE;
    }
    if ((what & EV_WRITE) != 0) {
        readiness |= LOOP_WRITABLE;
    }
    watch->ready(descriptor, readiness, watch->user);
}

struct loop_watch *loop_watch_new(struct loop *loop, int descriptor, unsigned int readiness,
                                  void (*ready)(int descriptor, unsigned int readiness, void *user),
                                  void *user)
{
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    short what = EV_PERSIST;

    if (watch == NULL) {
        return NULL;
    }
    if ((readiness & LOOP_READABLE) != 0) {
        what |= EV_READ;
    }
    if ((readiness & LOOP_WRITABLE) != 0) {
        what |= EV_WRITE;
    }
    watch->ready = ready;
    watch->user = user;
    watch->event = event_new(loop->base, descriptor, what, on_watch, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
        loop_watch_free(watch);
        return NULL;
    }
    return watch;
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->event != NULL) {
        event_free(watch->event);
    }
    free(watch);
}

/* ---- a connection's life ---------------------------------------------------------------- */

static void connection_release(struct connection *connection)
{
    if (connection->connecting != NULL) {
        event_free(connection->connecting);
    }
    if (connection->stream != NULL) {
        if (connection->secured) {
            /* Says close_notify and expects none: the peer's is not worth waiting for. */
            SSL_set_shutdown(connection->ssl, SSL_RECEIVED_SHUTDOWN);
            SSL_shutdown(connection->ssl);
            ERR_clear_error();
        }
        bufferevent_free(connection->stream);
    }
    if (connection->descriptor >= 0) {
        close(connection->descriptor);
    }
    free(connection);
}

void connection_close(struct connection *connection)
{
    if (connection == NULL) {
        return;
    }
    connection->closed = true;
    if (connection->calls == 0) {
        connection_release(connection);
    }
}

static void call_begins(struct connection *connection)
{
    connection->calls++;
}

/* False when the listener closed the connection: it is gone. */
static bool call_ends(struct connection *connection)
{
    if (--connection->calls == 0 && connection->closed) {
        connection_release(connection);
        return false;
    }
    return !connection->closed;
}

/* Tells the owner, once. After it the connection may be gone. */
static void report_failure(struct connection *connection, const char *why)
{
    if (connection->stream != NULL) {
        bufferevent_disable(connection->stream, EV_READ | EV_WRITE);
    }
    call_begins(connection);
    connection->listener->failed(connection->user, why);
    (void)call_ends(connection);
}

/* libevent reads at most 16 KiB ahead of the listener, which takes everything in each turn. */
static bool stream_begins(struct connection *connection, struct bufferevent *stream)
{
    connection->stream = stream;
    bufferevent_setcb(stream, on_stream_read, NULL, on_stream_event, connection);
    return bufferevent_enable(stream, EV_READ | EV_WRITE) == 0;
}

/* Whether the event was another's: a process that was forked a moment ago may hold a closed socket
 * of the same number, of which epoll still tells. */
static bool is_not_connected(int descriptor)
{
    struct pollfd now = {.fd = descriptor, .events = POLLOUT};

    return poll(&now, 1, 0) == 0;
}

static void on_connecting(evutil_socket_t descriptor, short what, void *user)
{
    struct connection *connection = user;
    struct sockaddr_storage local;
    socklen_t length = sizeof(local);
    int problem = 0;
    socklen_t problem_size = sizeof(problem);

    (void)what;
    if (is_not_connected(descriptor)) {
        (void)event_add(connection->connecting, NULL);
        return;
    }
    event_free(connection->connecting);
    connection->connecting = NULL;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &problem_size) != 0) {
        problem = errno;
    }
    if (problem != 0) {
        report_failure(connection, strerror(problem));
        return;
    }
    if (getsockname(descriptor, (struct sockaddr *)&local, &length) == 0) {
        connection->source = address_from_sockaddr((struct sockaddr *)&local);
    }
    /* A new socket's buffer has room for it. */
    if (connection->preamble_length > 0 &&
        send(descriptor, connection->preamble, connection->preamble_length, MSG_NOSIGNAL) !=
            (ssize_t)connection->preamble_length) {
        report_failure(connection, strerror(errno));
        return;
    }
    connection->descriptor = -1;
    struct bufferevent *stream = stream_new(connection->loop->base, descriptor, NULL);
    if (stream == NULL) {
        connection->limited = true;
        report_failure(connection, "out of memory");
        return;
    }
    if (!stream_begins(connection, stream)) {
        connection->limited = true;
        report_failure(connection, "the connection cannot be watched");
        return;
    }
    call_begins(connection);
    connection->listener->connected(connection->user);
    (void)call_ends(connection);
}

static void on_stream_read(struct bufferevent *stream, void *user)
{
    struct connection *connection = user;
    char chunk[CHUNK];

    /* Each turn asks again whose stream it is: the listener may have closed it, or begun TLS. */
    while (connection->stream == stream) {
        size_t length = bufferevent_read(stream, chunk, sizeof(chunk));
        if (length == 0) {
            return;
        }
        if (connection->ssl != NULL) {
            tls_bio_credit(SSL_get_rbio(connection->ssl), length);
        }
        call_begins(connection);
        connection->listener->bytes(connection->user, chunk, length);
        if (!call_ends(connection)) {
            return;
        }
    }
}

/* Whether an errno is our own host's: no peer brings it about. */
static bool is_limit(int error)
{
    return error == ENOMEM || error == ENOBUFS || error == EMFILE || error == ENFILE ||
           error == EIO;
}

static void describe_failure(struct connection *connection, short what,
                             char out[CONNECTION_ERROR_SIZE])
{
    int system_error = EVUTIL_SOCKET_ERROR();
    unsigned long tls_error = bufferevent_get_openssl_error(connection->stream);
    const char *reason = tls_error != 0 ? ERR_reason_error_string(tls_error) : NULL;

    ERR_clear_error();
    connection->limited = tls_error != 0 ? ERR_GET_REASON(tls_error) == ERR_R_MALLOC_FAILURE
                                         : (what & BEV_EVENT_EOF) == 0 && is_limit(system_error);
    if (reason != NULL) {
        snprintf(out, CONNECTION_ERROR_SIZE, "TLS: %s", reason);
    } else if (system_error == EMSGSIZE) { /* tls_bio.h */
        snprintf(out, CONNECTION_ERROR_SIZE, "TLS: the server sends more than any handshake needs");
    } else if ((what & BEV_EVENT_EOF) != 0 || system_error == 0) {
        snprintf(out, CONNECTION_ERROR_SIZE, "the server closed the connection");
    } else {
        snprintf(out, CONNECTION_ERROR_SIZE, "%s", strerror(system_error));
    }
}

static void on_stream_event(struct bufferevent *stream, short what, void *user)
{
    struct connection *connection = user;
    char text[CONNECTION_ERROR_SIZE];

    if (stream != connection->stream) {
        return;
    }
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        describe_failure(connection, what, text);
        report_failure(connection, text);
        return;
    }
    if ((what & BEV_EVENT_CONNECTED) != 0 && connection->ssl != NULL && !connection->secured) {
        connection->secured = true;
        snprintf(text, sizeof(text), "%s %s", SSL_get_version(connection->ssl),
                 SSL_get_cipher_name(connection->ssl));
        call_begins(connection);
        connection->listener->secured(connection->user, text);
        (void)call_ends(connection);
    }
}

/* ---- opening ---------------------------------------------------------------------------- */

static int fail(const struct connection_request *request, enum connection_fault fault)
{
    if (request->fault != NULL) {
        *request->fault = fault;
    }
    return -1;
}

/* Of errno. */
static enum connection_fault fault_of(int problem)
{
    static const struct {
        int problem;
        enum connection_fault fault;
    } faults[] = {
        {EMFILE, CONNECTION_FAULT_LIMIT},        {ENFILE, CONNECTION_FAULT_LIMIT},
        {ENOBUFS, CONNECTION_FAULT_LIMIT},       {ENOMEM, CONNECTION_FAULT_LIMIT},
        {EAGAIN, CONNECTION_FAULT_LIMIT},        {ENETUNREACH, CONNECTION_FAULT_ROUTE},
        {EADDRNOTAVAIL, CONNECTION_FAULT_ROUTE}, {EAFNOSUPPORT, CONNECTION_FAULT_ROUTE},
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (problem == faults[i].problem) {
            return faults[i].fault;
        }
    }
    return CONNECTION_FAULT_PEER;
}

/* A non-blocking socket that connects, bound to `source` if there is one; -1 and a sentence. */
static int begin_connecting(const struct connection_request *request,
                            char error[CONNECTION_ERROR_SIZE])
{
    struct sockaddr_storage peer;
    struct sockaddr_storage local;
    socklen_t peer_length = address_to_sockaddr(&request->address, request->port, &peer);
    socklen_t local_length = address_to_sockaddr(&request->source, 0, &local);
    const int on = 1;

    if (peer_length == 0) {
        snprintf(error, CONNECTION_ERROR_SIZE, "there is no address to connect to");
        return fail(request, CONNECTION_FAULT_PEER);
    }
    int descriptor = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        enum connection_fault fault = fault_of(errno);
        snprintf(error, CONNECTION_ERROR_SIZE, "no socket can be made: %s", strerror(errno));
        return fail(request, fault);
    }
    /* Commands are short and each waits for its answer: Nagle would only delay them. */
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (local_length != 0 && bind(descriptor, (struct sockaddr *)&local, local_length) != 0) {
        char text[ADDRESS_TEXT_SIZE];
        snprintf(error, CONNECTION_ERROR_SIZE, "the source address %s cannot be used: %s",
                 address_format(&request->source, text), strerror(errno));
        close(descriptor);
        return fail(request, CONNECTION_FAULT_SOURCE);
    }
    if (connect(descriptor, (struct sockaddr *)&peer, peer_length) != 0 && errno != EINPROGRESS) {
        enum connection_fault fault = fault_of(errno);
        snprintf(error, CONNECTION_ERROR_SIZE, "%s", strerror(errno));
        close(descriptor);
        return fail(request, fault);
    }
    return descriptor;
}

struct connection *connection_open(struct loop *loop, const struct connection_request *request,
                                   char error[CONNECTION_ERROR_SIZE])
{
    struct address literal;
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        snprintf(error, CONNECTION_ERROR_SIZE, "out of memory");
        (void)fail(request, CONNECTION_FAULT_LIMIT);
        return NULL;
    }
    connection->loop = loop;
    connection->listener = request->listener;
    connection->user = request->user;
    if (request->host != NULL && strlen(request->host) < sizeof(connection->host) &&
        !address_parse(request->host, &literal)) {
        snprintf(connection->host, sizeof(connection->host), "%s", request->host);
    }
    if (request->preamble_length <= sizeof(connection->preamble)) {
        connection->preamble_length = request->preamble_length;
        memcpy(connection->preamble, request->preamble_length > 0 ? request->preamble : "",
               request->preamble_length);
    }
    connection->descriptor = begin_connecting(request, error);
    if (connection->descriptor < 0) {
        connection_release(connection);
        return NULL;
    }
    connection->connecting =
        event_new(loop->base, connection->descriptor, EV_WRITE, on_connecting, connection);
    if (connection->connecting == NULL || event_add(connection->connecting, NULL) != 0) {
        snprintf(error, CONNECTION_ERROR_SIZE, "out of memory");
        (void)fail(request, CONNECTION_FAULT_LIMIT);
        connection_release(connection);
        return NULL;
    }
    return connection;
}

/* How much the kernel takes now: mostly all of it, which spares the wait until it is writable, and
 * two calls of epoll_ctl. An error comes again when the stream writes, and is told there. */
static size_t send_at_once(const struct connection *connection, const char *bytes, size_t length)
{
    if (connection->ssl != NULL ||
        evbuffer_get_length(bufferevent_get_output(connection->stream)) > 0) {
        return 0;
    }
    ssize_t sent = send(bufferevent_getfd(connection->stream), bytes, length, MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

int connection_write(struct connection *connection, const char *bytes, size_t length)
{
    if (connection->stream == NULL || connection->closed) {
        return -1;
    }
    size_t sent = send_at_once(connection, bytes, length);
    if (sent == length) {
        return 0;
    }
    int written = bufferevent_write(connection->stream, bytes + sent, length - sent);
    connection->limited = written < 0;
    return written;
}

bool connection_is_limited(const struct connection *connection)
{
    return connection->limited;
}

struct address connection_source(const struct connection *connection)
{
    return connection->source;
}

const char *connection_certificate_fault(const struct connection *connection,
                                         char out[CONNECTION_CERTIFICATE_SIZE])
{
    return certificate_fault(connection->ssl, connection->host, out, CONNECTION_CERTIFICATE_SIZE);
}

/* ---- TLS -------------------------------------------------------------------------------- */

static SSL_CTX *loop_tls(struct loop *loop)
{
    if (loop->tls != NULL) {
        return loop->tls;
    }
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL) {
        return NULL;
    }
    /* An open relay behind an old version or a weak cipher is an open relay. */
    if (SSL_CTX_set_min_proto_version(tls, 0) != 1 ||
        SSL_CTX_set_cipher_list(tls, "ALL:@SECLEVEL=0") != 1) {
        SSL_CTX_free(tls);
        return NULL;
    }
    SSL_CTX_set_security_level(tls, 0);
    certificate_prepare(tls);
    /* A second handshake on a connection would be the server's wish alone, and costs us the work.
     */
    SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT |
                                 SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    loop->tls = tls;
    return tls;
}

int loop_present(struct loop *loop, const char *path)
{
    SSL_CTX *tls = loop_tls(loop);
    bool good = tls != NULL && SSL_CTX_use_certificate_chain_file(tls, path) == 1 &&
                SSL_CTX_use_PrivateKey_file(tls, path, SSL_FILETYPE_PEM) == 1;

    ERR_clear_error();
    return good ? 0 : -1;
}

static bool set_ends(SSL *ssl, const BIO_METHOD *method, int descriptor)
{
    BIO *in = method != NULL ? tls_bio_new(method, descriptor, HANDSHAKE_MAX) : NULL;
    BIO *out = in != NULL ? BIO_new_socket(descriptor, BIO_NOCLOSE) : NULL;

    if (out == NULL) {
        BIO_free(in);
        return false;
    }
    SSL_set_bio(ssl, in, out);
    return true;
}

static SSL *make_ssl(struct connection *connection)
{
    struct loop *loop = connection->loop;
    SSL_CTX *tls = loop_tls(loop);
    SSL *ssl = tls != NULL ? SSL_new(tls) : NULL;

    if (loop->paced == NULL) {
        loop->paced = tls_bio_method();
    }
    if (ssl != NULL &&
        (!set_ends(ssl, loop->paced, bufferevent_getfd(connection->stream)) ||
         (connection->host[0] != '\0' && SSL_set_tlsext_host_name(ssl, connection->host) != 1))) {
        SSL_free(ssl);
        ssl = NULL;
    }
    ERR_clear_error();
    return ssl;
}

/* A filtering bufferevent would hide errno and the TLS error of a dirty close, so the descriptor
 * changes hands. */
int connection_start_tls(struct connection *connection, char error[CONNECTION_ERROR_SIZE])
{
    if (connection->stream == NULL || connection->ssl != NULL || connection->closed) {
        snprintf(error, CONNECTION_ERROR_SIZE, "TLS cannot begin here");
        return -1;
    }
    size_t early = evbuffer_get_length(bufferevent_get_input(connection->stream));
    if (early > 0) {
        snprintf(error, CONNECTION_ERROR_SIZE,
                 "the server sent %zu bytes in the clear where the TLS handshake belongs", early);
        return -1;
    }
    SSL *ssl = make_ssl(connection);
    if (ssl == NULL) {
        connection->limited = true;
        snprintf(error, CONNECTION_ERROR_SIZE, "the TLS library cannot be set up");
        return -1;
    }
    int descriptor = bufferevent_getfd(connection->stream);
    bufferevent_disable(connection->stream, EV_READ | EV_WRITE);
    bufferevent_setfd(connection->stream, -1);
    bufferevent_free(connection->stream);
    connection->stream = NULL;
    struct bufferevent *stream = stream_new(connection->loop->base, descriptor, ssl);
    if (stream == NULL) {
        connection->limited = true;
        snprintf(error, CONNECTION_ERROR_SIZE, "out of memory");
        return -1;
    }
    connection->ssl = ssl;
    bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    if (!stream_begins(connection, stream)) {
        connection->limited = true;
        snprintf(error, CONNECTION_ERROR_SIZE, "the connection cannot be watched");
        return -1;
    }
    return 0;
}
