/*
 * dnsbl_table - the DNS lists that are known, and what each says by which answer
 *
 * The rows are for dnsbl.c alone, the meanings for everybody. A row is checked against what the
 * list's operator publishes; where that is, its group's comment says. The first row that fits an
 * answer counts.
 */
#ifndef RELAYWARDEN_PROBE_DNS_DNSBL_TABLE_H
#define RELAYWARDEN_PROBE_DNS_DNSBL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they count where one answer has several. */
enum dnsbl_meaning {
    DNSBL_NOTHING,       /* no address of a listing */
    DNSBL_UNKNOWN,       /* the list says something, and no row says what */
    DNSBL_GOOD,          /* a welcome list, or a high score */
    DNSBL_ERROR,         /* the list does not answer us, or is no list (`text` says why) */
    DNSBL_POLICY,        /* the range is not meant to send mail */
    DNSBL_NEIGHBOURHOOD, /* others in the range were seen */
    DNSBL_SCORE,         /* a low score, or a suspicion */
    DNSBL_ABUSE,         /* this address was seen */
};

struct dnsbl_row {
    const char *zone;
    const char *list;    /* its name and part; of an error: one clause that says what is wrong */
    const char *removal; /* a URL; NULL where there is nothing to ask for */
    uint8_t base[4];     /* answers whose first `prefix` bits are these, */
    uint8_t prefix;
    uint8_t first; /* and whose last octet is from `first` to `last` */
    uint8_t last;
    enum dnsbl_meaning meaning;
    bool keyed; /* the label before the zone is a customer's key */
};

extern const struct dnsbl_row dnsbl_rows[];
extern const size_t dnsbl_row_count;

/* Zones that list the domain names in messages: nothing that they say is about a mail server's
 * address. Their sub-zones, too. */
extern const char *const dnsbl_name_zones[];
extern const size_t dnsbl_name_zone_count;

#endif
