/*
 * http_settings - where a program is to be asked over HTTP, and under which names
 *
 * Filled by conf. Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_SETTINGS_H
#define RELAYWARDEN_LIB_HTTP_HTTP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

struct http_place {
    struct address address; /* ADDRESS_NONE: nowhere */
    uint16_t port;
};

/* Whether they are the same; nowhere is nowhere. */
bool http_place_is(const struct http_place *a, const struct http_place *b);

struct http_settings {
    struct http_place listen;
    char **names; /* beside those of the host: names in lower case, and addresses */
    size_t name_count;
};

#endif
