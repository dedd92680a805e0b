/*
 * result_store - the results of an audit, packed
 *
 * A result as the session fills it has room for the longest battery and takes some 25 KiB; packed
 * it takes a fifth of that, and beyond some thousands it lies in a file (lib/sys/spool.h). So the
 * memory of an audit does not grow with its endpoints. A packed result is an image of the struct
 * in this process: what it points to beside its texts, findings and DNS facts (techniques, names of
 * fields, zones) has to live as long as the store. One thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_RESULT_STORE_H
#define RELAYWARDEN_PROBE_MODEL_RESULT_STORE_H

#include <stdbool.h>

#include "lib/sys/spool.h"
#include "probe/model/result.h"

struct result_store;

/* `facts_size` is that of the struct posture_dns that results point to. NULL when memory is out. */
struct result_store *result_store_new(size_t facts_size);
void result_store_free(struct result_store *store); /* NULL is nothing */

/* Copies it; the result stays the caller's. False when memory is out. */
bool result_store_add(struct result_store *store, const struct endpoint_result *result,
                      struct spool_place *place);

/* As it was, valid until the next call; it belongs to the store. One that cannot be read back, or
 * for which memory is out, is inconclusive and says so. */
const struct endpoint_result *result_store_get(struct result_store *store,
                                               const struct spool_place *place);

#endif
