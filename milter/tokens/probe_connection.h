/*
 * probe_connection - a connection on which the probe may be speaking
 *
 * The thin joint between a connection and probe_dialogue.h: what is told to the client for a hello
 * or an ask, and what follows from it for masks and findings. Nothing here is asked for a
 * connection without a hello but the sender's first five octets.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_PROBE_CONNECTION_H
#define RELAYWARDEN_MILTER_TOKENS_PROBE_CONNECTION_H

#include "lib/alert/reporter.h"
#include "milter/answer.h"
#include "milter/client.h"
#include "milter/dialect.h"
#include "milter/live_conf.h"
#include "milter/tokens/probe_dialogue.h"

/* The view of a connection, of which it is a part each. */
struct probe_connection {
    const struct client *client;
    const struct transaction *transaction; /* the current one */
    const struct live_conf *snapshot;
    struct probe_dialogue *dialogue;
    struct probe_dialogue_desk *desk; /* NULL: no probe is recognised */
    struct reporter *reporter;
    struct answer *answer; /* where an answer is written */
};

/* After MAIL: the answer to a hello, valid until the next call; NULL if the
 * sender is an ordinary one. */
const struct answer *probe_connection_mail(const struct probe_connection *probe, const char *path);

/* The kind of a recipient on a connection with a hello. */
struct probe_connection_rcpt {
    bool ours;                   /* the probe's: not to be judged as others are, */
    bool proves;                 /* but for this: that a stranger was granted it */
    const struct answer *answer; /* in place of the MTA's acceptance; NULL: what the MTA said */
};

struct probe_connection_rcpt probe_connection_rcpt(const struct probe_connection *probe,
                                                   const char *path,
                                                   const struct rcpt_meaning *rcpt,
                                                   enum destination destination);

#endif
