/*
 * proxy_header - PROXY protocol headers: who a proxy says that its client is
 *
 * As HAProxy's doc/proxy-protocol.txt has them, sections 2.1 (version 1) and 2.2 (version 2), for
 * TCP. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_PROXY_HEADER_H
#define RELAYWARDEN_PROBE_SMTP_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

#define PROXY_HEADER_SIZE 108 /* the longest line of version 1, terminated */

struct proxy_header_claim {
    struct address source;
    struct address destination; /* of the same family */
    uint16_t source_port;
    uint16_t destination_port;
};

/* Each writes a header and returns its length, and writes none and returns 0 where the addresses
 * are of two families, or of none. */
size_t proxy_header_write_v1(const struct proxy_header_claim *claim, char out[PROXY_HEADER_SIZE]);
size_t proxy_header_write_v2(const struct proxy_header_claim *claim, char out[PROXY_HEADER_SIZE]);

#endif
