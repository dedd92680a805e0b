/*
 * transport - a TCP connection on the loop, in the clear or with TLS
 *
 * One thread, the loop's. Nothing here has a timeout of its own: a deadline is its owner's timer,
 * and bytes that trickle in never postpone it.
 */
#ifndef RELAYWARDEN_PROBE_NET_TRANSPORT_H
#define RELAYWARDEN_PROBE_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "probe/net/loop.h"

#define TRANSPORT_CERTIFICATE_SIZE 160
#define TRANSPORT_ERROR_SIZE       256

struct transport;

/* A connection tells its owner these. Each may close the connection. Sentences are printable and
 * live during the call. */
struct transport_listener {
    void (*connected)(void *user); /* TCP is there */
    /* The handshake that transport_start_tls began is over: "TLSv1.3 TLS_AES_256_GCM_SHA384". */
    void (*secured)(void *user, const char *description);
    void (*bytes)(void *user, const char *bytes,
                  size_t length); /* raw; at most a few KiB at once */
    /* Not connected, no handshake, closed or reset by the peer. Nothing follows; still to be
     * closed. */
    void (*failed)(void *user, const char *why);
};

/* The obstacle when a connection fails at once. */
enum transport_fault {
    TRANSPORT_FAULT_PEER,   /* it, or the way to it */
    TRANSPORT_FAULT_SOURCE, /* our source address */
    TRANSPORT_FAULT_ROUTE,  /* our own host has no way there, such as no IPv6 */
    TRANSPORT_FAULT_LIMIT,  /* a limit of our own host: descriptors, buffers, memory */
};

#define TRANSPORT_PREAMBLE_MAX 128

struct transport_request {
    struct address address;
    uint16_t port;
    struct address source; /* ADDRESS_NONE = the system's choice */
    const char *host;      /* for SNI (RFC 6066 section 3); an address or NULL sends none. Copied */
    const char *preamble;  /* sent as soon as TCP is there, before TLS even; copied */
    size_t preamble_length;                    /* at most TRANSPORT_PREAMBLE_MAX */
    const struct transport_listener *listener; /* lives as long as the connection */
    void *user;
    enum transport_fault *fault; /* set when it fails at once; may be NULL */
};

/* Begins to connect and does not wait. NULL and a sentence when it failed at once; then no callback
 * comes. */
struct transport *transport_open(struct loop *loop, const struct transport_request *request,
                                 char error[TRANSPORT_ERROR_SIZE]);
/* Closes at once; what was not sent yet is lost. May be called inside a callback. NULL is nothing.
 */
void transport_close(struct transport *connection);

/* Queues bytes. -1 when not connected or out of memory. */
int transport_write(struct transport *connection, const char *bytes, size_t length);

/* Begins TLS as the client, on a new connection or after the peer agreed to STARTTLS (RFC 3207).
 * Bytes that came in the clear and were not delivered yet are dropped and the upgrade refused: they
 * are not the peer's greeting, but something that was put before it. -1 and a sentence when it
 * cannot; the connection is then good for nothing but closing. */
int transport_start_tls(struct transport *connection, char error[TRANSPORT_ERROR_SIZE]);

/* Once it has failed, or could not send or begin TLS: whether for a limit of our own host (memory),
 * which tells nothing of the peer. */
bool transport_is_limited(const struct transport *connection);

/* Our end; ADDRESS_NONE until connected. */
struct address transport_source(const struct transport *connection);

/* Once it is secured: what is wrong with the server's certificate, as tls.h has it. */
const char *transport_certificate_fault(const struct transport *connection,
                                        char out[TRANSPORT_CERTIFICATE_SIZE]);

#endif
