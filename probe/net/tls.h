/*
 * tls - the TLS of all connections of a loop, and a connection's handshake
 *
 * TLS is for asking, not for trust: certificates are not verified, and every version and cipher
 * that the library still has may be agreed upon (DESIGN "relaywarden-probe"). One thread.
 */
#ifndef RELAYWARDEN_PROBE_NET_TLS_H
#define RELAYWARDEN_PROBE_NET_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>

struct tls;

/* NULL when memory is out. */
struct tls *tls_new(void);
/* After the last handshake was freed. NULL is nothing. */
void tls_free(struct tls *tls);

/* As loop_present. */
int tls_present(struct tls *tls, const char *path);

/* A client's end on a connected socket, which stays the caller's. `host` is for SNI (RFC 6066
 * section 3); "" sends none. SSL_free; NULL when memory is out. */
SSL *tls_handshake(const struct tls *tls, int descriptor, const char *host);

/* So many octets of application data came out of it (tls_bio.h). */
void tls_credit(const SSL *ssl, size_t octets);

/* After the handshake, what a client that checks would say of the server's certificate; nothing
 * depends on it. "" when it is valid for the name `host` ("": asked by its address, it may have
 * any), else a phrase of up to `size` octets. None of it is the server's text. Returns out. */
const char *tls_certificate_fault(const SSL *ssl, const char *host, char *out, size_t size);

/* Says close_notify and expects none: the peer's is not worth waiting for. */
void tls_say_goodbye(SSL *ssl);

#endif
