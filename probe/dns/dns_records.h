/*
 * dns_records - reads an answer of DNS into plain records
 *
 * The part of dns.c that has no channel: octets from the network in, records out. Knows c-ares, as
 * dns.c does. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DNS_RECORDS_H
#define RELAYWARDEN_PROBE_DNS_RECORDS_H

#include "probe/dns/dns.h"

/* Adds what the answer has of this kind. A status of c-ares: ARES_SUCCESS with at least one record,
 * ARES_ENODATA with none, or why it cannot be read. */
int dns_records_read(struct dns_records *records, enum dns_kind kind, const unsigned char *reply,
                     int length);

#endif
