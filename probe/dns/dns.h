/*
 * dns - what the probe asks of resolvers
 *
 * The only room that knows c-ares. A struct dns is one channel, made for one audit and driven by
 * its loop; newer c-ares versions remember answers for an hour, and a new audit wants new answers.
 * One thread. /etc/hosts is not read: strangers do not read it either. "localhost" is the loopback
 * addresses without asking (RFC 6761 section 6.3).
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
#include "lib/domain.h"
#include "probe/dns/dns_answer.h"
#include "probe/net/connection.h"

#define DNS_ERROR_SIZE  256
#define DNS_MX_MAX      64
#define DNS_ADDRESS_MAX 1024

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

struct dns_mx {
    char host[DOMAIN_SIZE]; /* normalised */
    unsigned int preference;
};

struct dns_answer {
    enum dns_status status; /* addresses: DNS_OK if there is at least one */
    /* One printable sentence when something was not learnt, also beside DNS_OK: one address family
     * failed, records were unusable, or there were more than fit. Empty otherwise. */
    char trouble[DNS_TROUBLE_SIZE];
    bool null_mx;                 /* RFC 7505: the domain takes no mail; DNS_OK with no hosts */
    struct dns_mx mx[DNS_MX_MAX]; /* lowest preference first, equal ones by name */
    size_t mx_count;
    struct address addresses[DNS_ADDRESS_MAX]; /* IPv4 first, ascending, none twice */
    size_t address_count;
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

/* The MX hosts of a domain. An empty DNS_OK, or DNS_NO_DATA, calls for the implicit MX (RFC 5321
 * section 5.1). */
void dns_ask_mx(struct dns *dns, const char *domain, dns_done done, void *user);

/* A and AAAA of a host, both. */
void dns_ask_addresses(struct dns *dns, const char *host, dns_done done, void *user);

/* As dns_done. */
typedef void (*dns_records_done)(const struct dns_records *records, void *user);

/* The records of one name and kind, as they are: no other kind is asked beside it, "localhost" is a
 * name like any other, and only few are kept. For what may be left out of an audit: the answer is
 * small, and bounded by the resolvers' timeouts and tries alone. */
void dns_ask_records(struct dns *dns, const char *name, enum dns_kind kind, dns_records_done done,
                     void *user);

#endif
