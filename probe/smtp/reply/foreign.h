/*
 * foreign - whether a server says that the recipient is none of its own
 *
 * "domain not handled here", "we only accept mail for our own domains", "delivery to other
 * organisations is forbidden": a refusal to relay that does not name relaying. A sentence
 * about a person's mailbox, a reason of another kind or a condition is none. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_FOREIGN_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_FOREIGN_H

#include <stdbool.h>

#include "probe/smtp/reply/clause.h"

/* `subject`: the enhanced status code behind its class and dot ("7.1"), or "". */
bool foreign_is_refused(const struct clause *clause, const struct sentence *whole,
                        const char *subject);

/* Whether the domain that is refused is the sender's. */
bool foreign_is_senders(const struct clause *clause, const struct sentence *whole);

/* "recipient is remote", "outgoing mail": whether the clause calls the target foreign, and says
 * nothing else. */
bool foreign_is_heading(const struct clause *clause);

#endif
