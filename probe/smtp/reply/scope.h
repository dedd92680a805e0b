/*
 * scope - to whom a clause refuses what it refuses
 *
 * "Relaying denied" is said to everybody; "relaying denied for senders in example.org" to some, and
 * of the rest it says nothing. A refusal to those who have no right ("for unauthenticated users",
 * "for hosts outside our network") is one to every stranger. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_SCOPE_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_SCOPE_H

#include <stdbool.h>

#include "probe/smtp/reply/clause.h"

enum scope {
    SCOPE_EVERYBODY, /* every stranger */
    SCOPE_PARTY,     /* some people, hosts or networks */
    SCOPE_SENDERS,   /* mail that is said to come from somebody */
};

enum scope scope_of(const struct clause *clause);

/* Whether the clause keeps the relaying at `relay` for some, and so from everybody else: "relaying
 * is limited to local users", "only members may relay". */
bool scope_reserves(const struct clause *clause, size_t relay);

/* Whether the word at `at` begins an exception for those who have a right, of which no stranger is
 * one: "unless you are a local user"; not "unless you pay". */
bool scope_excepts(const struct clause *clause, size_t at);

/* Whether the word at `at` says of whom a clause speaks, or that it speaks of them alone. */
bool scope_is_word(const struct clause *clause, size_t at);

/* Whether the clause beside one that refuses tells of senders: "relaying denied, sender is local".
 */
bool scope_names_senders(const struct clause *clause);

#endif
