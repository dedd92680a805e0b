#include "probe/net/transport.h"

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
#include <unistd.h>

#include "probe/net/stream.h"
#include "probe/net/tls.h"

#define CHUNK 4096

struct transport {
    struct loop *loop;
    const struct transport_listener *listener;
    void *user;
    char host[256];
    int descriptor;             /* while connecting; then the stream owns it and this is -1 */
    struct event *connecting;   /* until connected */
    struct bufferevent *stream; /* from then on */
    SSL *ssl;                   /* the stream's, when it has TLS */
    bool secured;
    bool limited; /* see transport_is_limited */
    struct address source;
    char preamble[TRANSPORT_PREAMBLE_MAX];
    size_t preamble_length;
    unsigned int calls; /* listener calls that are running; the struct outlives them */
    bool closed;
};

static void on_stream_read(struct bufferevent *stream, void *user);
static void on_stream_event(struct bufferevent *stream, short what, void *user);

/* ---- a connection's life ---------------------------------------------------------------- */

static void transport_release(struct transport *connection)
{
    if (connection->connecting != NULL) {
        event_free(connection->connecting);
    }
    if (connection->stream != NULL) {
        if (connection->secured) {
            tls_say_goodbye(connection->ssl);
        }
        bufferevent_free(connection->stream);
    }
    if (connection->descriptor >= 0) {
        close(connection->descriptor);
    }
    free(connection);
}

void transport_close(struct transport *connection)
{
    if (connection == NULL) {
        return;
    }
    connection->closed = true;
    if (connection->calls == 0) {
        transport_release(connection);
    }
}

static void call_begins(struct transport *connection)
{
    connection->calls++;
}

/* False when the listener closed the connection: it is gone. */
static bool call_ends(struct transport *connection)
{
    if (--connection->calls == 0 && connection->closed) {
        transport_release(connection);
        return false;
    }
    return !connection->closed;
}

/* Tells the owner, once. After it the connection may be gone. */
static void report_failure(struct transport *connection, const char *why)
{
    if (connection->stream != NULL) {
        bufferevent_disable(connection->stream, EV_READ | EV_WRITE);
    }
    call_begins(connection);
    connection->listener->failed(connection->user, why);
    (void)call_ends(connection);
}

/* libevent reads at most 16 KiB ahead of the listener, which takes everything in each turn. */
static bool stream_begins(struct transport *connection, struct bufferevent *stream)
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

/* Of errno. */
static enum transport_fault fault_of(int problem)
{
    static const struct {
        int problem;
        enum transport_fault fault;
    } faults[] = {
        {EMFILE, TRANSPORT_FAULT_LIMIT},        {ENFILE, TRANSPORT_FAULT_LIMIT},
        {ENOBUFS, TRANSPORT_FAULT_LIMIT},       {ENOMEM, TRANSPORT_FAULT_LIMIT},
        {EAGAIN, TRANSPORT_FAULT_LIMIT},        {EADDRINUSE, TRANSPORT_FAULT_LIMIT},
        {EIO, TRANSPORT_FAULT_LIMIT},           {ENETUNREACH, TRANSPORT_FAULT_ROUTE},
        {EADDRNOTAVAIL, TRANSPORT_FAULT_ROUTE}, {EAFNOSUPPORT, TRANSPORT_FAULT_ROUTE},
        {EPERM, TRANSPORT_FAULT_ROUTE},
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (problem == faults[i].problem) {
            return faults[i].fault;
        }
    }
    return TRANSPORT_FAULT_PEER;
}

/* Whether an errno is our own host's: no peer brings it about. */
static bool is_limit(int error)
{
    return fault_of(error) == TRANSPORT_FAULT_LIMIT;
}

static void on_connecting(evutil_socket_t descriptor, short what, void *user)
{
    struct transport *connection = user;
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
        connection->limited = is_limit(problem);
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
        connection->limited = is_limit(errno);
        report_failure(connection, strerror(errno));
        return;
    }
    connection->descriptor = -1;
    struct bufferevent *stream = stream_new(loop_base(connection->loop), descriptor, NULL);
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
    struct transport *connection = user;
    char chunk[CHUNK];

    /* Each turn asks again whose stream it is: the listener may have closed it, or begun TLS. */
    while (connection->stream == stream) {
        size_t length = bufferevent_read(stream, chunk, sizeof(chunk));
        if (length == 0) {
            return;
        }
        if (connection->ssl != NULL) {
            tls_credit(connection->ssl, length);
        }
        call_begins(connection);
        connection->listener->bytes(connection->user, chunk, length);
        if (!call_ends(connection)) {
            return;
        }
    }
}

static void describe_failure(struct transport *connection, short what,
                             char out[TRANSPORT_ERROR_SIZE])
{
    int system_error = EVUTIL_SOCKET_ERROR();
    unsigned long tls_error = bufferevent_get_openssl_error(connection->stream);
    const char *reason = tls_error != 0 ? ERR_reason_error_string(tls_error) : NULL;

    ERR_clear_error();
    connection->limited = tls_error != 0 ? ERR_GET_REASON(tls_error) == ERR_R_MALLOC_FAILURE
                                         : (what & BEV_EVENT_EOF) == 0 && is_limit(system_error);
    if (reason != NULL) {
        snprintf(out, TRANSPORT_ERROR_SIZE, "TLS: %s", reason);
    } else if (system_error == EMSGSIZE) { /* tls_bio.h */
        snprintf(out, TRANSPORT_ERROR_SIZE, "TLS: the server sends more than any handshake needs");
    } else if ((what & BEV_EVENT_EOF) != 0 || system_error == 0) {
        snprintf(out, TRANSPORT_ERROR_SIZE, "the server closed the connection");
    } else {
        snprintf(out, TRANSPORT_ERROR_SIZE, "%s", strerror(system_error));
    }
}

static void on_stream_event(struct bufferevent *stream, short what, void *user)
{
    struct transport *connection = user;
    char text[TRANSPORT_ERROR_SIZE];

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

static int fail(const struct transport_request *request, enum transport_fault fault)
{
    if (request->fault != NULL) {
        *request->fault = fault;
    }
    return -1;
}

/* A non-blocking socket that connects, bound to `source` if there is one; -1 and a sentence. */
static int begin_connecting(const struct transport_request *request,
                            char error[TRANSPORT_ERROR_SIZE])
{
    struct sockaddr_storage peer;
    struct sockaddr_storage local;
    socklen_t peer_length = address_to_sockaddr(&request->address, request->port, &peer);
    socklen_t local_length = address_to_sockaddr(&request->source, 0, &local);
    const int on = 1;

    if (peer_length == 0) {
        snprintf(error, TRANSPORT_ERROR_SIZE, "there is no address to connect to");
        return fail(request, TRANSPORT_FAULT_PEER);
    }
    int descriptor = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        enum transport_fault fault = fault_of(errno);
        snprintf(error, TRANSPORT_ERROR_SIZE, "no socket can be made: %s", strerror(errno));
        return fail(request, fault);
    }
    /* Commands are short and each waits for its answer: Nagle would only delay them. */
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (local_length != 0 && bind(descriptor, (struct sockaddr *)&local, local_length) != 0) {
        char text[ADDRESS_TEXT_SIZE];
        enum transport_fault fault =
            is_limit(errno) ? TRANSPORT_FAULT_LIMIT : TRANSPORT_FAULT_SOURCE;
        snprintf(error, TRANSPORT_ERROR_SIZE, "the source address %s cannot be used: %s",
                 address_format(&request->source, text), strerror(errno));
        close(descriptor);
        return fail(request, fault);
    }
    if (connect(descriptor, (struct sockaddr *)&peer, peer_length) != 0 && errno != EINPROGRESS) {
        enum transport_fault fault = fault_of(errno);
        snprintf(error, TRANSPORT_ERROR_SIZE, "%s", strerror(errno));
        close(descriptor);
        return fail(request, fault);
    }
    return descriptor;
}

struct transport *transport_open(struct loop *loop, const struct transport_request *request,
                                 char error[TRANSPORT_ERROR_SIZE])
{
    struct address literal;
    struct transport *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        snprintf(error, TRANSPORT_ERROR_SIZE, "out of memory");
        (void)fail(request, TRANSPORT_FAULT_LIMIT);
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
        transport_release(connection);
        return NULL;
    }
    connection->connecting =
        event_new(loop_base(loop), connection->descriptor, EV_WRITE, on_connecting, connection);
    if (connection->connecting == NULL || event_add(connection->connecting, NULL) != 0) {
        snprintf(error, TRANSPORT_ERROR_SIZE, "out of memory");
        (void)fail(request, TRANSPORT_FAULT_LIMIT);
        transport_release(connection);
        return NULL;
    }
    return connection;
}

/* How much the kernel takes now: mostly all of it, which spares the wait until it is writable, and
 * two calls of epoll_ctl. An error comes again when the stream writes, and is told there. */
static size_t send_at_once(const struct transport *connection, const char *bytes, size_t length)
{
    if (connection->ssl != NULL ||
        evbuffer_get_length(bufferevent_get_output(connection->stream)) > 0) {
        return 0;
    }
    ssize_t sent = send(bufferevent_getfd(connection->stream), bytes, length, MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

int transport_write(struct transport *connection, const char *bytes, size_t length)
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

bool transport_is_limited(const struct transport *connection)
{
    return connection->limited;
}

struct address transport_source(const struct transport *connection)
{
    return connection->source;
}

const char *transport_certificate_fault(const struct transport *connection,
                                        char out[TRANSPORT_CERTIFICATE_SIZE])
{
    return tls_certificate_fault(connection->ssl, connection->host, out,
                                 TRANSPORT_CERTIFICATE_SIZE);
}

/* ---- TLS -------------------------------------------------------------------------------- */

/* A filtering bufferevent would hide errno and the TLS error of a dirty close, so the descriptor
 * changes hands. */
int transport_start_tls(struct transport *connection, char error[TRANSPORT_ERROR_SIZE])
{
    if (connection->stream == NULL || connection->ssl != NULL || connection->closed) {
        snprintf(error, TRANSPORT_ERROR_SIZE, "TLS cannot begin here");
        return -1;
    }
    size_t early = evbuffer_get_length(bufferevent_get_input(connection->stream));
    if (early > 0) {
        snprintf(error, TRANSPORT_ERROR_SIZE,
                 "the server sent %zu bytes in the clear where the TLS handshake belongs", early);
        return -1;
    }
    const struct tls *tls = loop_tls(connection->loop);
    int descriptor = bufferevent_getfd(connection->stream);
    SSL *ssl = tls != NULL ? tls_handshake(tls, descriptor, connection->host) : NULL;
    if (ssl == NULL) {
        connection->limited = true;
        snprintf(error, TRANSPORT_ERROR_SIZE, "the TLS library cannot be set up");
        return -1;
    }
    bufferevent_disable(connection->stream, EV_READ | EV_WRITE);
    bufferevent_setfd(connection->stream, -1);
    bufferevent_free(connection->stream);
    connection->stream = NULL;
    struct bufferevent *stream = stream_new(loop_base(connection->loop), descriptor, ssl);
    if (stream == NULL) {
        connection->limited = true;
        snprintf(error, TRANSPORT_ERROR_SIZE, "out of memory");
        return -1;
    }
    connection->ssl = ssl;
    bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    if (!stream_begins(connection, stream)) {
        connection->limited = true;
        snprintf(error, TRANSPORT_ERROR_SIZE, "the connection cannot be watched");
        return -1;
    }
    return 0;
}
