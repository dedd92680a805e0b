/*
 * audited - a connection on which the probe may be speaking
 *
 * The thin joint between a connection and audit.h: what is told to the client for a hello or an
 * ask, and what follows from it for masks and findings. Nothing here is asked for a connection
 * without a hello but the sender's first five octets.
 */
#ifndef RELAYWARDEN_MILTER_AUDITED_H
#define RELAYWARDEN_MILTER_AUDITED_H

#include "milter/connection.h"

/* After connection_mail: the answer to a hello, the connection's until the next call; NULL if the
 * sender is an ordinary one. */
const struct answer *audited_mail(struct connection *connection, const char *path);

/* What a recipient is on a connection with a hello. */
struct audited_rcpt {
    bool ours;                   /* the probe's: not to be judged as others are, */
    bool proves;                 /* but for this: that a stranger was granted it */
    const struct answer *answer; /* in place of the MTA's acceptance; NULL: what the MTA said */
};

struct audited_rcpt audited_rcpt(struct connection *connection, const char *path,
                                 const struct rcpt_meaning *rcpt, enum destination destination);

#endif
