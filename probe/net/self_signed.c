#include "probe/net/self_signed.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <unistd.h>

#define SECONDS_A_DAY 86400

static X509 *sign(EVP_PKEY *key)
{
    X509 *made = X509_new();
    X509_NAME *name = made != NULL ? X509_get_subject_name(made) : NULL;

    if (name == NULL || X509_set_version(made, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(made), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(made), -SECONDS_A_DAY) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(made), SECONDS_A_DAY) == NULL ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   (const unsigned char *)"rehearsal.invalid", -1, -1, 0) != 1 ||
        X509_set_issuer_name(made, name) != 1 || X509_set_pubkey(made, key) != 1 ||
        X509_sign(made, key, EVP_sha256()) == 0) {
        X509_free(made);
        return NULL;
    }
    return made;
}

bool self_signed_certificate(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? sign(key) : NULL;
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *stream = file >= 0 ? fdopen(file, "w") : NULL;
    bool good = false;

    if (stream == NULL && file >= 0) {
        close(file);
    }
    if (stream != NULL) {
        good = certificate != NULL &&
               PEM_write_PrivateKey(stream, key, NULL, NULL, 0, NULL, NULL) == 1 &&
               PEM_write_X509(stream, certificate) == 1;
        good = fclose(stream) == 0 && good;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return good;
}
