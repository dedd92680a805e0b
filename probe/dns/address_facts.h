/*
 * inquiry - asks DNS what posture.c judges of the endpoints' addresses
 *
 * PTR (a plain query: no hosts file has a say), the addresses of the names that it gives, and each
 * block list with the text of a listing. All at once, beside the session, and nobody needs to wait:
 * what is known so far can be read at any time. Each address is asked about once in an audit,
 * however many of its ports are asked. One thread, the loop's.
 */
#ifndef RELAYWARDEN_PROBE_INQUIRY_H
#define RELAYWARDEN_PROBE_INQUIRY_H

#include "probe/dns/dns.h"
#include "probe/judge/posture.h"

struct inquiries;
struct inquiry;

struct inquiries_settings {
    struct dns *dns;
    char *const *zones; /* past POSTURE_ZONES none is asked; the names outlive the inquiries */
    size_t zone_count;
    void (*done)(void *user); /* some inquiry has every answer; also from inquiries_ask */
    void *user;
};

/* NULL when memory is out. */
struct inquiries *inquiries_new(const struct inquiries_settings *settings);
/* After its dns was freed. NULL is nothing. */
void inquiries_free(struct inquiries *inquiries);

/* Asks about the address, or finds the inquiry that already does. NULL when memory is out. It
 * belongs to the inquiries. Answers may come before this returns. */
struct inquiry *inquiries_ask(struct inquiries *inquiries, const struct address *address);

bool inquiry_is_done(const struct inquiry *inquiry);
/* What is known so far; belongs to the inquiry. */
const struct posture_dns *inquiry_posture(const struct inquiry *inquiry);

#endif
