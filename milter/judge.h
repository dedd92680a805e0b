/*
 * judge - what one accepted recipient means for the site
 *
 * Pure: plain structs in, a plain struct out; no lock, no allocation, no I/O. Any thread.
 */
#ifndef RELAYWARDEN_MILTER_JUDGE_H
#define RELAYWARDEN_MILTER_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/site.h"
#include "milter/dialect.h"

/* The yardstick: what the operator declares. */
struct judge_rules {
    const struct site *site;
    char *const *own_mailers;
    size_t own_mailer_count;
    enum enforcement enforce;
    enum enforcement enforce_masked;
};

/* Why the client may relay, by the declared site and never by the MTA's own trust. */
enum permission judge_permission(const struct site *site, const struct address *client,
                                 const struct client_macros *macros);

/* Whose the recipient is; of a refused one, by what was asked for. `path` is RCPT's argument,
 * `listener` the MTA's own address on this connection. */
enum destination judge_destination(const struct judge_rules *rules, const struct rcpt_meaning *rcpt,
                                   const char *path, const struct address *listener);

/* Whose count of undeclared domains (undeclared.h) a mailer has: its place in own_mailers, or the
 * one behind them for Postfix's "error", by which virtual alias domains go. Only of a recipient
 * that is DESTINATION_MTA_OWN. */
size_t judge_carrier(const struct judge_rules *rules, const char *mailer);

/* The verdict on a recipient. */
enum judgement {
    JUDGEMENT_FINE,
    JUDGEMENT_RELAYED,    /* accepted, external, and the client has no permission */
    JUDGEMENT_UNDECLARED, /* accepted as the MTA's own, but the site does not declare it */
};

enum judgement judge_recipient(enum permission permission, enum decision decision,
                               enum destination destination);

/* The action on a recipient that was relayed. `masked`: the client's address is trusted,
 * but strangers were proved to arrive from it. An undeclared destination is only worth telling. */
enum enforcement judge_enforcement(const struct judge_rules *rules, bool masked);

#endif
