/*
 * tls_bio - a socket as TLS reads it: a helping at a time, and no more than it should have
 *
 * OpenSSL does not return while the socket has something that it can go on with by itself: a server
 * that sends handshake messages without an end (HelloRequest, NewSessionTicket, KeyUpdate) would
 * keep it there, and no timer of the loop would fire. So every TLS_BIO_HELPING octets the socket
 * seems empty once; a level-triggered loop comes back at once if it is not.
 *
 * Nothing of such messages reaches the owner, so no count of his stops them. The socket has a limit
 * for as long as it lives, and only what reaches him gives some of it back (tls_bio_credit).
 *
 * One thread. errno is recv's, or EMSGSIZE past the limit.
 */
#ifndef RELAYWARDEN_PROBE_NET_TLS_BIO_H
#define RELAYWARDEN_PROBE_NET_TLS_BIO_H

#include <openssl/bio.h>
#include <stddef.h>

#define TLS_BIO_HELPING 65536

/* tls_bio_new needs this; it outlives what that makes. NULL when memory is out. BIO_meth_free. */
BIO_METHOD *tls_bio_method(void);

/* One octet of application data gives so much of the limit back: more than the record that it may
 * come in by itself has (header, padding, MAC). */
#define TLS_BIO_WORTH 1024

/* Reads from the descriptor, which stays the caller's; cannot write. After `limit` octets without
 * credit reading fails for good. NULL when memory is out. */
BIO *tls_bio_new(const BIO_METHOD *method, int descriptor, size_t limit);

/* So many octets of application data came out of what was read: the limit is as far away again as
 * they are worth, at most as far as at first. */
void tls_bio_credit(BIO *bio, size_t octets);

#endif
