/*
 * certificate - what a client that checks would say of the server's certificate
 *
 * TLS is for asking, not for trust: nothing depends on it, and the session goes on.
 */
#ifndef RELAYWARDEN_PROBE_NET_CERTIFICATE_H
#define RELAYWARDEN_PROBE_NET_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stddef.h>

/* Certificates are compared with the authorities that this host trusts, if it has any. */
void certificate_prepare(SSL_CTX *tls);

/* After the handshake: "" when it is valid for the name `host` ("": asked by its address, it
 * may have any), else a phrase of up to `size` octets. None of it is the server's text. Returns
 * out. */
const char *certificate_fault(const SSL *ssl, const char *host, char *out, size_t size);

#endif
