/*
 * connection - one SMTP connection as the filter sees it, from connect to close
 *
 * Holds who the client is and what the transaction has brought so far; knows nothing of libmilter,
 * so that it can be tested by plain calls. Callbacks of one connection come one at a time, though
 * perhaps on different threads: a connection needs no lock of its own.
 *
 * A recipient without a finding takes no lock, allocates nothing (but for a non-ASCII domain,
 * which libidn2 converts) and does no I/O. Findings of a
 * transaction are kept here, repeats folded into a count, and handed over when the queue id is
 * known (DATA) or the transaction ends.
 */
#ifndef RELAYWARDEN_MILTER_CONNECTION_H
#define RELAYWARDEN_MILTER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "milter/answer.h"
#include "milter/judge.h"
#include "milter/live_conf.h"
#include "milter/tokens/probe_dialogue.h"
#include "milter/transactions.h"

#define CONNECTION_TEXT_SIZE                                                                       \
    1024 /* a command's argument or HELO name; longer is cut (RFC 5321: 256 octets) */

enum pending_kind {
    PENDING_RELAYED,
    PENDING_UNDECLARED,
    PENDING_KINDS,
};

struct connection {
    struct snapshot *snapshot; /* one configuration for the whole connection; a reference */
    struct transactions *transactions;
    struct address client;
    uint16_t client_port; /* 0: unknown */
    struct address listener;
    uint16_t listener_port;
    char listener_text[ENDPOINT_TEXT_SIZE]; /* "192.0.2.25:25"; "unknown" */
    char client_text[ADDRESS_TEXT_SIZE];
    char mta[OBSERVATION_MTA_SIZE]; /* its name, cut */
    char helo[CONNECTION_TEXT_SIZE];
    char sender[CONNECTION_TEXT_SIZE]; /* MAIL's argument */
    enum permission permission;        /* of the current transaction */
    enum permission declared;          /* the same without regard to masks */
    bool masked;                       /* strangers hide behind the client's trusted address */
    struct audit audit;                /* is it the probe that speaks? */
    bool hold_due;                     /* the current transaction's message is to be held */
    struct answer answer;              /* the last one given */

    /* Guarded by transactions->mutex; whether any is pending is known without it. */
    bool has_pending;
    struct finding *pending[PENDING_KINDS];
    struct connection *previous;
    struct connection *next;
};

/* What is known when the client connects; texts may be NULL. */
struct connection_origin {
    const struct sockaddr *client; /* NULL or AF_UNIX: no address */
    const char *daemon_address;    /* {daemon_addr} */
    const char *daemon_port;       /* {daemon_port} */
    const char *mta;               /* {j} */
};

/* Takes over the reference to `snapshot`. NULL: out of memory (the reference is released). */
struct connection *connection_new(struct snapshot *snapshot, struct transactions *transactions,
                                  const struct connection_origin *origin);
void connection_free(struct connection *connection); /* hands over what is pending */

/* The same for a connection that closes while the program ends, when transactions_finish may be at
 * work or done, and the reporter gone: who still finds something pending hands it over. */
void connection_free_late(struct connection *connection);

void connection_helo(struct connection *connection, const char *name);

/* Begins a transaction. True if nothing more can be learnt of it: the client may relay, and is not
 * the probe. audited_mail has the answer to a hello. */
bool connection_mail(struct connection *connection, const char *path,
                     const struct client_macros *macros);

/* Judges one recipient; `queue_id` may be NULL. What to tell the client instead of the MTA's
 * acceptance, the connection's until the next call; NULL: what the MTA said. */
const struct answer *connection_rcpt(struct connection *connection, const char *path,
                                     const struct rcpt_macros *macros, const char *queue_id);

/* DATA: hands the transaction's findings over. `queue_id` may be NULL. True if more is to be seen
 * of the message: it is to be held once it is there, or it may be the probe's. */
bool connection_data(struct connection *connection, const char *queue_id);

/* The message could not be held, although connection_data said so. */
void connection_not_held(struct connection *connection);

/* Abort, close, or the next MAIL: hands the transaction's findings over and forgets it. `queue_id`
 * may be NULL. */
void connection_hand_over(struct connection *connection, const char *queue_id);

#endif
