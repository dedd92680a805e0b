#include "probe/net/certificate.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>

void certificate_prepare(SSL_CTX *tls)
{
    /* Without them every certificate is one of an unknown authority, and is said to be. */
    (void)SSL_CTX_set_default_verify_paths(tls);
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
}

const char *certificate_fault(const SSL *ssl, const char *host, char *out, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    long fault = SSL_get_verify_result(ssl);

    out[0] = '\0';
    if (certificate == NULL) {
        (void)snprintf(out, size, "the server has none");
    } else if (fault != X509_V_OK) {
        (void)snprintf(out, size, "%s", X509_verify_cert_error_string(fault));
    } else if (host[0] != '\0' && X509_check_host(certificate, host, 0, 0, NULL) != 1) {
        (void)snprintf(out, size, "it is not for %.100s", host);
    }
    return out;
}
