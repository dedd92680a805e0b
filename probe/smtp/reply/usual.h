/*
 * usual - the words that a refusal to relay is made of, and that give no reason for it
 *
 * In several languages, as servers have them. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_USUAL_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_USUAL_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/smtp/reply/clause.h"

/* The roles of a word that is usual, whatever it is. */
extern const unsigned int usual_meant;

/* Whether the word at `at` is one of the others that are usual. */
bool usual_has(const struct clause *clause, size_t at);

/* Either. */
bool usual_knows(const struct clause *clause, size_t at);

#endif
