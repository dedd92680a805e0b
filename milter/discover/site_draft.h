/*
 * site_draft - what an MTA takes as its own, written as a configuration for the operator to adopt
 *
 * Collects, refuses what the configuration would refuse, and prints. An entry that is left out is
 * said in a comment, so that nothing vanishes unseen. One thread.
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_SITE_DRAFT_H
#define RELAYWARDEN_MILTER_DISCOVER_SITE_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/address.h"

struct draft_item {
    char *text;
    const char *source; /* static: the MTA's parameter */
    char *remark;       /* what is to be minded about it; NULL = nothing */
};

struct draft_list {
    struct draft_item *items;
    size_t count;
    size_t space;
};

struct site_draft {
    const struct address *own; /* the host's, by which networks are weighed; the caller's */
    size_t own_count;
    struct draft_list domains;
    struct draft_list networks;
    struct draft_list mailers;
    struct draft_list notes; /* lines of comment */
    bool relays_everywhere;  /* what it relays to is every domain there is */
    bool out_of_memory;
};

void site_draft_free(struct site_draft *draft); /* the members, not the struct */

/* A domain, or with a leading dot all its subdomains. Address literals are passed over: mail to
 * them is the listener's own. */
void site_draft_add_domain(struct site_draft *draft, const char *text, const char *source);

/* "192.0.2.0/24", "192.0.2.7", "[2001:db8::]/32". Networks that the configuration would take for a
 * slip (public and wider than /16, IPv6 /32) become a note. Another public one that is more than
 * one address gets a remark beside it: whoever else has an address in it is trusted, too. */
void site_draft_add_network(struct site_draft *draft, const char *text, const char *source);

void site_draft_add_mailer(struct site_draft *draft, const char *text, const char *source);

/* Whether the domain was added. */
bool site_draft_has_domain(const struct site_draft *draft, const char *text);

/* One line of comment: `text`, from the MTA's configuration, is made printable, and `said` about
 * it. */
void site_draft_note(struct site_draft *draft, const char *text, const char *said);

/* Sorts, drops what is there twice, and writes. `mta` names what was read. Without any domain,
 * which the configuration must have, a comment asks for one. False: no memory, and nothing was
 * written. */
bool site_draft_print(struct site_draft *draft, const char *mta, FILE *out);

#endif
