/*
 * address_facts - asks DNS about the endpoints' addresses: names, and block lists
 *
 * PTR (a plain query: no hosts file has a say), the addresses of the names that it gives, and each
 * block list with the text of a listing; and each list's own test entries (RFC 5782 section 5),
 * once in an audit. All at once, beside the session, and nobody needs to wait: what is known so far
 * can be read at any time. Each address is asked about once in an audit, however many of its ports
 * are asked one after the other: of those that nobody looks at, the last ADDRESS_FACTS_IDLE are
 * kept. One thread, the loop's.
 */
#ifndef RELAYWARDEN_PROBE_DNS_ADDRESS_FACTS_H
#define RELAYWARDEN_PROBE_DNS_ADDRESS_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/domain.h"
#include "probe/dns/dns.h"

#define POSTURE_NAMES   4 /* PTR records that are looked at; more than one is rare */
#define POSTURE_ANSWERS 4 /* addresses of one listing */
#define POSTURE_ZONES   16

#define ADDRESS_FACTS_IDLE 128

enum posture_answer {
    POSTURE_PENDING, /* not yet */
    POSTURE_HAD,
    POSTURE_NONE,   /* there is no such record */
    POSTURE_FAILED, /* nobody knows */
};

/* One PTR record, and whether the name leads back to the address. */
struct posture_name {
    char name[DOMAIN_SIZE];
    enum posture_answer forward; /* POSTURE_HAD: it has addresses */
    bool agrees;                 /* ours among them */
};

/* The A records of one name in a list. */
struct posture_entry {
    enum posture_answer state;
    struct address answers[POSTURE_ANSWERS];
    size_t answer_count;
};

/* A list's own test entries (RFC 5782 section 5) of one address family. */
struct posture_tests {
    struct posture_entry listed;   /* 127.0.0.2, which a working list has */
    struct posture_entry unlisted; /* 127.0.0.1, which it has not */
};

struct posture_listing {
    const char *zone;
    struct posture_entry entry;
    const struct posture_tests *tests;    /* of the address's family */
    const struct posture_tests *tests_v4; /* the same ones, or those of IPv4 */
    char reason[DOMAIN_SIZE];             /* the TXT record, printable; "" if there was none */
};

/* The answers of DNS for one address. */
struct posture_dns {
    struct address address;
    enum posture_answer pointer;
    struct posture_name names[POSTURE_NAMES];
    size_t name_count;
    struct posture_listing listings[POSTURE_ZONES];
    size_t listing_count;
};

struct address_facts;
struct address_inquiry;

struct address_facts_settings {
    struct dns *dns;
    char *const *zones; /* past POSTURE_ZONES none is asked; the names outlive the inquiries */
    size_t zone_count;
    void (*done)(void *user); /* some inquiry has every answer; also from address_facts_ask */
    void *user;
};

/* NULL when memory is out. */
struct address_facts *address_facts_new(const struct address_facts_settings *settings);
/* After its dns was freed. NULL is nothing. */
void address_facts_free(struct address_facts *inquiries);

/* Asks about the address, or finds the inquiry that already does. NULL when memory is out. It
 * belongs to the inquiries, and lives until it was released as often as it was asked for. Answers
 * may come before this returns. */
struct address_inquiry *address_facts_ask(struct address_facts *inquiries,
                                          const struct address *address);
void address_facts_release(struct address_facts *inquiries, struct address_inquiry *inquiry);

bool address_inquiry_is_done(const struct address_inquiry *inquiry);
/* The facts so far; they belong to the inquiry. */
const struct posture_dns *address_inquiry_posture(const struct address_inquiry *inquiry);

#endif
