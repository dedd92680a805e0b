/*
 * paced - a socket as TLS reads it: a helping at a time, and no more than it should have
 *
 * OpenSSL does not return while the socket has something that it can go on with by itself: a server
 * that sends handshake messages without an end (HelloRequest, NewSessionTicket, KeyUpdate) would
 * keep it there, and no timer of the loop would fire. So every PACED_HELPING octets the socket
 * seems empty once; a level-triggered loop comes back at once if it is not.
 *
 * One thread. errno is recv's, or EMSGSIZE past the limit.
 */
#ifndef RELAYWARDEN_PROBE_PACED_H
#define RELAYWARDEN_PROBE_PACED_H

#include <openssl/bio.h>
#include <stddef.h>

#define PACED_HELPING 65536

/* What paced_new needs; it outlives what that makes. NULL when memory is out. BIO_meth_free. */
BIO_METHOD *paced_method(void);

/* Reads from the descriptor, which stays the caller's; cannot write. After `limit` octets reading
 * fails for good. NULL when memory is out. */
BIO *paced_new(const BIO_METHOD *method, int descriptor, size_t limit);

/* From now on there is no limit. */
void paced_unlimited(BIO *paced);

#endif
