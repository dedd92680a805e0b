/*
 * endpoint_text - an endpoint as people read it
 *
 * "mx.example.org [203.0.113.25]:465 (TLS)", "203.0.113.25:25", "[2001:db8::25]:587 (STARTTLS)",
 * "mx.example.org without an address". For people alone: a key is spelled elsewhere, and never
 * changes. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_ENDPOINT_TEXT_H
#define RELAYWARDEN_PROBE_MODEL_ENDPOINT_TEXT_H

#include "lib/address.h"
#include "lib/words.h"
#include "probe/model/result.h"

#define ENDPOINT_SPELLED_SIZE (RESULT_HOST_SIZE + ENDPOINT_TEXT_SIZE + 32)

/* " (TLS)", " (STARTTLS)" or "", for the name of a TLS mode; "" for any other word. */
const char *endpoint_tls_words(const char *name);

/* `host` may be "", or the address itself, which is not said twice. Returns out. */
const char *endpoint_spell(const struct endpoint *endpoint, enum tls_mode tls,
                           char out[ENDPOINT_SPELLED_SIZE]);

#endif
