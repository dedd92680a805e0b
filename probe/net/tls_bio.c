#include "probe/net/tls_bio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

struct tls_bio {
    int descriptor;
    size_t helping; /* octets since the socket last was, or seemed, empty */
    size_t left;    /* before the limit */
    size_t limit;
};

static int read_helping(BIO *bio, char *out, int size)
{
    struct tls_bio *paced = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (size <= 0) {
        return 0;
    }
    if (paced->helping >= TLS_BIO_HELPING) {
        paced->helping = 0;
        errno = EAGAIN;
        BIO_set_retry_read(bio);
        return -1;
    }
    if (paced->left == 0) {
        errno = EMSGSIZE;
        return -1;
    }
    size_t room = (size_t)size < paced->left ? (size_t)size : paced->left;
    ssize_t got = recv(paced->descriptor, out, room, 0);
    if (got > 0) {
        paced->helping += (size_t)got;
        paced->left -= (size_t)got;
        return (int)got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        paced->helping = 0;
        BIO_set_retry_read(bio);
    }
    return (int)got;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_bio *paced = BIO_get_data(bio);

    (void)number;
    switch (command) {
    case BIO_C_GET_FD:
        if (pointer != NULL) {
            *(int *)pointer = paced->descriptor;
        }
        return paced->descriptor;
    case BIO_CTRL_FLUSH:
        return 1;
    default:
        return 0;
    }
}

static int release(BIO *bio)
{
    free(BIO_get_data(bio));
    BIO_set_data(bio, NULL);
    return 1;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "paced socket");

    if (method != NULL && BIO_meth_set_read(method, read_helping) == 1 &&
        BIO_meth_set_ctrl(method, control) == 1 && BIO_meth_set_destroy(method, release) == 1) {
        return method;
    }
    BIO_meth_free(method);
    return NULL;
}

BIO *tls_bio_new(const BIO_METHOD *method, int descriptor, size_t limit)
{
    struct tls_bio *paced = calloc(1, sizeof(*paced));
    BIO *bio = paced != NULL ? BIO_new(method) : NULL;

    if (bio == NULL) {
        free(paced);
        return NULL;
    }
    *paced = (struct tls_bio){.descriptor = descriptor, .left = limit, .limit = limit};
    BIO_set_data(bio, paced);
    BIO_set_init(bio, 1);
    return bio;
}

void tls_bio_credit(BIO *bio, size_t octets)
{
    struct tls_bio *paced = BIO_get_data(bio);
    size_t used = paced->limit - paced->left;

    paced->left += octets > used / TLS_BIO_WORTH ? used : octets * TLS_BIO_WORTH;
}
