/*
 * dns - what the probe asks of resolvers
 *
 * The only room that knows c-ares. A struct dns is one channel, made for one audit and driven by
 * its loop; newer c-ares versions remember answers for an hour, and a new audit wants new answers.
 * One thread. /etc/hosts is not read: strangers do not read it either. The addresses of
 * "localhost" are the loopback ones, without asking (RFC 6761 section 6.3).
 *
 * Each question is answered exactly once, from the loop or before the asking function returns, in
 * bounded time: the resolvers' timeouts and tries, and one absolute deadline over them.
 */
#ifndef RELAYWARDEN_PROBE_DNS_DNS_H
#define RELAYWARDEN_PROBE_DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "probe/dns/dns_answer.h"
#include "probe/net/loop.h"

#define DNS_ERROR_SIZE 256

struct dns_server {
    struct address address;
    uint16_t port;
};

struct dns_settings {
    const struct dns_server *servers; /* none: the system's */
    size_t server_count;
    int timeout_ms;  /* of the first try; later ones wait longer */
    int tries;       /* of each server; c-ares 1.32 and later take more, shorter ones */
    int deadline_ms; /* of a question, over all */
};

/* The answer is valid during the call. New questions may be asked in it; dns_free must not be
 * called. */
typedef void (*dns_done)(const struct dns_answer *answer, void *user);

struct dns;

/* NULL and a sentence. The settings are copied. */
struct dns *dns_new(struct loop *loop, const struct dns_settings *settings,
                    char error[DNS_ERROR_SIZE]);
/* Questions that are still open are dropped without an answer. Never inside a dns_done. NULL is
 * nothing. */
void dns_free(struct dns *dns);

/* The records of one name and kind. "localhost" is a name like any other. An empty DNS_OK of
 * DNS_MX, or DNS_NO_DATA, calls for the implicit MX (RFC 5321 section 5.1). */
void dns_ask(struct dns *dns, const char *name, enum dns_kind kind, dns_done done, void *user);

/* A and AAAA of a host, both. */
void dns_ask_addresses(struct dns *dns, const char *host, dns_done done, void *user);

#endif
