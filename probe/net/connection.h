/*
 * connection - a TCP connection on the loop, in the clear or with TLS
 *
 * One thread, the loop's. Nothing here has a timeout of its own: a deadline is its owner's timer,
 * and bytes that trickle in never postpone it.
 */
#ifndef RELAYWARDEN_PROBE_NET_CONNECTION_H
#define RELAYWARDEN_PROBE_NET_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "probe/net/loop.h"

#define CONNECTION_CERTIFICATE_SIZE 160
#define CONNECTION_ERROR_SIZE       256

struct connection;

/* A connection tells its owner these. Each may close the connection. Sentences are printable and
 * live during the call. */
struct connection_listener {
    void (*connected)(void *user); /* TCP is there */
    /* The handshake that connection_start_tls began is over: "TLSv1.3 TLS_AES_256_GCM_SHA384". */
    void (*secured)(void *user, const char *description);
    void (*bytes)(void *user, const char *bytes,
                  size_t length); /* raw; at most a few KiB at once */
    /* Not connected, no handshake, closed or reset by the peer. Nothing follows; still to be
     * closed. */
    void (*failed)(void *user, const char *why);
};

/* The obstacle when a connection fails at once. */
enum connection_fault {
    CONNECTION_FAULT_PEER,   /* it, or the way to it */
    CONNECTION_FAULT_SOURCE, /* our source address */
    CONNECTION_FAULT_ROUTE,  /* our own host has no way there, such as no IPv6 */
    CONNECTION_FAULT_LIMIT,  /* a limit of our own host: descriptors, buffers, memory */
};

#define CONNECTION_PREAMBLE_MAX 128

struct connection_request {
    struct address address;
    uint16_t port;
    struct address source; /* ADDRESS_NONE = the system's choice */
    const char *host;      /* for SNI (RFC 6066 section 3); an address or NULL sends none. Copied */
    const char *preamble;  /* sent as soon as TCP is there, before TLS even; copied */
    size_t preamble_length;                     /* at most CONNECTION_PREAMBLE_MAX */
    const struct connection_listener *listener; /* lives as long as the connection */
    void *user;
    enum connection_fault *fault; /* set when it fails at once; may be NULL */
};

/* Begins to connect and does not wait. NULL and a sentence when it failed at once; then no callback
 * comes. */
struct connection *connection_open(struct loop *loop, const struct connection_request *request,
                                   char error[CONNECTION_ERROR_SIZE]);
/* Closes at once; what was not sent yet is lost. May be called inside a callback. NULL is nothing.
 */
void connection_close(struct connection *connection);

/* Queues bytes. -1 when not connected or out of memory. */
int connection_write(struct connection *connection, const char *bytes, size_t length);

/* Begins TLS as the client, on a new connection or after the peer agreed to STARTTLS (RFC 3207).
 * Bytes that came in the clear and were not delivered yet are dropped and the upgrade refused: they
 * are not the peer's greeting, but something that was put before it. -1 and a sentence when it
 * cannot; the connection is then good for nothing but closing. */
int connection_start_tls(struct connection *connection, char error[CONNECTION_ERROR_SIZE]);

/* Once it has failed, or could not send or begin TLS: whether for a limit of our own host (memory),
 * which tells nothing of the peer. */
bool connection_is_limited(const struct connection *connection);

/* Our end; ADDRESS_NONE until connected. */
struct address connection_source(const struct connection *connection);

/* Once it is secured: what is wrong with the server's certificate, as tls.h has it. */
const char *connection_certificate_fault(const struct connection *connection,
                                         char out[CONNECTION_CERTIFICATE_SIZE]);

#endif
