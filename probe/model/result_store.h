/*
 * result_store - the results of an audit, packed
 *
 * A result as the session fills it has room for the longest battery and takes some 25 KiB; packed
 * it takes a fifth of that, and beyond some thousands it lies in a file (lib/sys/spool.h). So the
 * memory of an audit does not grow with its endpoints. A packed result is an image of the struct
 * in this process: what it points to beside its texts, findings and DNS facts (techniques, names of
 * fields, zones) has to live as long as the store. A result may be lost: memory was out for it, or
 * the file cannot be read back. Its place still says which endpoint it was of, and the worst that
 * was found there. One thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_RESULT_STORE_H
#define RELAYWARDEN_PROBE_MODEL_RESULT_STORE_H

#include <stdbool.h>

#include "lib/sys/spool.h"
#include "probe/model/result.h"

struct result_store;

/* Where a result is, and what is left of one that is lost. The texts are the caller's, and live as
 * long as the place. */
struct result_place {
    bool kept; /* it is in the store */
    struct spool_place spool;
    enum verdict verdict;
    bool critical; /* it has a critical finding */
    bool configured;
    bool hosted;
    enum tls_mode tls_asked;
    uint16_t port;
    struct address address;
    const char *target;
    const char *host;
    const char *own;
};

/* `facts_size` is that of the struct posture_dns that results point to. NULL when memory is out. */
struct result_store *result_store_new(size_t facts_size);
void result_store_free(struct result_store *store); /* NULL is nothing */

/* Copies it; the result stays the caller's. Fills `kept` and `spool` of the place: it is not kept
 * when memory is out. */
void result_store_add(struct result_store *store, const struct endpoint_result *result,
                      struct result_place *place);

/* As it was, valid until the next call; it belongs to the store. In place of one that is lost: a
 * result that says so, which is open if it was, else inconclusive, and nothing else. */
const struct endpoint_result *result_store_get(struct result_store *store,
                                               const struct result_place *place);

#endif
