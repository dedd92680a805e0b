/*
 * derive - the questions that come out of a Postfix candidate
 *
 * From mynetworks, and from each line of an access table that permits: its client, sender, HELO
 * name or recipient. A pattern without anything but letters, dots and anchors is the word that it
 * stands for; other patterns give no question. Tables without a text that can be read give none. A
 * user without a domain ("root@") gives none. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/questions.h"

void derive_questions(struct candidate *candidate, struct questions *questions);

/* The client address or network in an access table's key: "198.51.100.7", "198.51.100", "2001:db8",
 * "198.51.100.0/24", "[2001:db8::]/32". False: it is a name. Pure. */
bool derive_network(const char *key, struct network *out);

/* Whether an access table's value lets by: OK, a number, a class; not REJECT, DUNNO and their like.
 * Pure. */
bool derive_permits(const char *value);

#endif
