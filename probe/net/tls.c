#include "probe/net/tls.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/net/tls_bio.h"

/* Octets of a connection's TLS that bring no application data, handshakes above all: a chain of
 * certificates is at most a tenth of that. */
#define HANDSHAKE_MAX 1048576

struct tls {
    SSL_CTX *context;
    BIO_METHOD *paced;
};

/* Whether the system's folder has each authority in a file that is named by a digest, as Debian's
 * has ("4042bcee.0"): OpenSSL then reads the one that it looks for. The file of all takes 15 ms to
 * read, and a rehearsal asks with dozens of loops. */
static bool is_looked_up_by_digest(const char *path)
{
    DIR *folder = opendir(path);
    bool found = false;

    for (struct dirent *entry; folder != NULL && !found && (entry = readdir(folder)) != NULL;) {
        found =
            strspn(entry->d_name, "0123456789abcdef") == 8 && strcmp(entry->d_name + 8, ".0") == 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

static bool prepare(SSL_CTX *context)
{
    bool usual = getenv(X509_get_default_cert_file_env()) == NULL &&
                 getenv(X509_get_default_cert_dir_env()) == NULL;

    /* An open relay behind an old version or a weak cipher is an open relay. */
    if (SSL_CTX_set_min_proto_version(context, 0) != 1 ||
        SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") != 1) {
        return false;
    }
    SSL_CTX_set_security_level(context, 0);
    /* Certificates are compared with the authorities that this host trusts. Without them every one
     * is of an unknown authority, and is said to be. */
    if (usual && is_looked_up_by_digest(X509_get_default_cert_dir())) {
        (void)SSL_CTX_set_default_verify_dir(context);
    } else {
        (void)SSL_CTX_set_default_verify_paths(context);
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    /* A second handshake on a connection would be the server's wish alone, and costs us the work.
     */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT |
                                     SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return true;
}

struct tls *tls_new(void)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL) {
        return NULL;
    }
    tls->context = SSL_CTX_new(TLS_client_method());
    tls->paced = tls_bio_method();
    if (tls->context == NULL || tls->paced == NULL || !prepare(tls->context)) {
        tls_free(tls);
        ERR_clear_error();
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls != NULL) {
        SSL_CTX_free(tls->context);
        BIO_meth_free(tls->paced);
        free(tls);
    }
}

int tls_present(struct tls *tls, const char *path)
{
    bool good = SSL_CTX_use_certificate_chain_file(tls->context, path) == 1 &&
                SSL_CTX_use_PrivateKey_file(tls->context, path, SSL_FILETYPE_PEM) == 1;

    ERR_clear_error();
    return good ? 0 : -1;
}

static bool set_ends(SSL *ssl, const BIO_METHOD *method, int descriptor)
{
    BIO *in = tls_bio_new(method, descriptor, HANDSHAKE_MAX);
    BIO *out = in != NULL ? BIO_new_socket(descriptor, BIO_NOCLOSE) : NULL;

    if (out == NULL) {
        BIO_free(in);
        return false;
    }
    SSL_set_bio(ssl, in, out);
    return true;
}

/* OpenSSL's macro casts const away, which a compiler may refuse: it gets a copy. */
static bool set_name(SSL *ssl, const char *host)
{
    char name[TLSEXT_MAXLEN_host_name + 1];

    if (host[0] == '\0') {
        return true;
    }
    snprintf(name, sizeof(name), "%s", host);
    return SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *tls_handshake(const struct tls *tls, int descriptor, const char *host)
{
    SSL *ssl = SSL_new(tls->context);

    if (ssl != NULL && (!set_ends(ssl, tls->paced, descriptor) || !set_name(ssl, host))) {
        SSL_free(ssl);
        ssl = NULL;
    }
    ERR_clear_error();
    return ssl;
}

void tls_credit(const SSL *ssl, size_t octets)
{
    tls_bio_credit(SSL_get_rbio(ssl), octets);
}

const char *tls_certificate_fault(const SSL *ssl, const char *host, char *out, size_t size)
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

void tls_say_goodbye(SSL *ssl)
{
    SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    SSL_shutdown(ssl);
    ERR_clear_error();
}
