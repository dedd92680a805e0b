/*
 * blocklist - whether a list may be believed, and what it says of an address
 *
 * RFC 5782 section 5: a list that has 127.0.0.1 lists everything (its domain lapsed, or a resolver
 * invents answers), and one that has not 127.0.0.2 lists nothing (it is dead, or the zone is only
 * the parent of lists). Neither is believed, whatever it says of the address. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DNS_BLOCKLIST_H
#define RELAYWARDEN_PROBE_DNS_BLOCKLIST_H

#include "probe/dns/address_facts.h"
#include "probe/dns/dnsbl.h"

enum blocklist_state {
    BLOCKLIST_PENDING, /* DNS has not said all of it yet */
    BLOCKLIST_SILENT,  /* DNS gave no answer */
    BLOCKLIST_REFUSES, /* it answers with an error, or is no list of addresses: `text` says why */
    BLOCKLIST_BROKEN,  /* likewise, and that for good */
    BLOCKLIST_CLEAR,   /* the address is not on it */
    BLOCKLIST_ANSWERS, /* it is: `worst` says what for */
};

struct blocklist_reading {
    enum blocklist_state state;
    enum dnsbl_meaning worst;
    const struct address *answer; /* that shows it; NULL where none came */
    const char *text;             /* one clause; static */
};

struct blocklist_reading blocklist_read(const struct posture_listing *listing);

/* Whether what the list said before about this address has an end: it has answered, or it is no
 * list any more. */
bool blocklist_is_learnt(const struct posture_listing *listing);

#endif
