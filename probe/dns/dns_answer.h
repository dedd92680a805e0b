/*
 * dns_answer - reads an answer of DNS into plain records
 *
 * The part of dns.c that has no channel: octets from the network in, records out. Knows c-ares, as
 * dns.c does. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DNS_DNS_ANSWER_H
#define RELAYWARDEN_PROBE_DNS_DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/domain.h"

#define DNS_TROUBLE_SIZE 400

enum dns_status {
    DNS_OK,
    DNS_NO_DATA, /* the name exists, records of this kind do not */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_FAILED,  /* nobody knows: silence, SERVFAIL, REFUSED, garbage */
};

enum dns_kind {
    DNS_A,
    DNS_AAAA,
    DNS_PTR,
    DNS_TXT,
    DNS_KINDS /* how many */
};

#define DNS_RECORD_TEXTS     8
#define DNS_RECORD_ADDRESSES 64

struct dns_records {
    enum dns_status status;
    char trouble[DNS_TROUBLE_SIZE];            /* of DNS_FAILED, as in struct dns_answer */
    bool cut;                                  /* there are more than fit */
    char texts[DNS_RECORD_TEXTS][DOMAIN_SIZE]; /* PTR: normalised names; TXT: printable */
    size_t text_count;
    struct address addresses[DNS_RECORD_ADDRESSES];
    size_t address_count;
};

/* Adds what the answer has of this kind. A status of c-ares: ARES_SUCCESS with at least one record,
 * ARES_ENODATA with none, or why it cannot be read. */
int dns_records_read(struct dns_records *records, enum dns_kind kind, const unsigned char *reply,
                     int length);

#endif
