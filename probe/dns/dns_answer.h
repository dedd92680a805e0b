/*
 * dns_answer - what DNS said to one question, and the one reader of it
 *
 * The part of dns.c that has no channel: octets from the network in, plain records out. An answer
 * holds as much as came, up to a limit. Knows c-ares, as dns.c does. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DNS_DNS_ANSWER_H
#define RELAYWARDEN_PROBE_DNS_DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/domain.h"

#define DNS_TROUBLE_SIZE 400
#define DNS_TEXT_MAX     64
#define DNS_ADDRESS_MAX  1024

enum dns_status {
    DNS_OK,
    DNS_NO_DATA, /* the name exists, records of this kind do not */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_FAILED,  /* nobody knows: silence, SERVFAIL, REFUSED, garbage */
};

enum dns_kind {
    DNS_A,
    DNS_AAAA,
    DNS_MX,
    DNS_PTR,
    DNS_TXT,
    DNS_KINDS /* how many */
};

struct dns_text {
    char text[DOMAIN_SIZE];  /* MX, PTR: a normalised name; TXT: printable */
    unsigned int preference; /* of an MX host */
};

struct dns_answer {
    enum dns_status status; /* addresses: DNS_OK if there is at least one */
    /* One printable sentence when something was not learnt, also beside DNS_OK: one address family
     * failed, records were unusable, or there were more than fit. Empty otherwise. */
    char trouble[DNS_TROUBLE_SIZE];
    bool cut;                  /* there are more than fit */
    bool null_mx;              /* RFC 7505: the domain takes no mail; DNS_OK with no hosts */
    struct dns_text *texts;    /* MX: lowest preference first, equal ones by name */
    size_t text_count;         /* up to DNS_TEXT_MAX */
    struct address *addresses; /* IPv4 first, ascending, none twice */
    size_t address_count;      /* up to DNS_ADDRESS_MAX */
};

/* Adds what a reply about the name (printable) has of this kind, and the trouble with it. A status
 * of c-ares: ARES_SUCCESS with at least one record, ARES_ENODATA with none, or why it cannot be
 * read. */
int dns_answer_read(struct dns_answer *answer, enum dns_kind kind, const char *name,
                    const unsigned char *reply, int length);

/* Frees the contents of the answer, and not the answer itself. */
void dns_answer_clear(struct dns_answer *answer);

#endif
