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
 * known (DATA, or with old milter protocols the end of the message) or the transaction ends.
 */
#ifndef RELAYWARDEN_MILTER_CONNECTION_H
#define RELAYWARDEN_MILTER_CONNECTION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/alert/reporter.h"
#include "milter/answer.h"
#include "milter/client.h"
#include "milter/counters.h"
#include "milter/judge.h"
#include "milter/live_conf.h"
#include "milter/tokens/probe_dialogue.h"

enum pending_kind {
    PENDING_RELAYED,
    PENDING_UNDECLARED,
    PENDING_KINDS,
};

/*
 * Mail of sendmail(1) has no network client. Sendmail (-bs on standard input) shows neither a
 * client nor a listener. Postfix (pickup and non_smtpd_milters, also what -bs puts there) shows the
 * client 127.0.0.1 or ::1 with port 0, a listener of port 0, and at RCPT neither {rcpt_mailer} nor
 * {rcpt_host}; {rcpt_addr} it sends (measured, 3.7). The ports prove nothing: strangers set them by
 * XCLIENT or a PROXY header. The macros do, since smtpd always resolves what it accepts.
 */
enum connection_origin_kind {
    FROM_NETWORK,
    FROM_NETWORK_OR_QUEUE, /* what RCPT shows decides */
    FROM_STANDARD_INPUT,
};

/*
 * All connections share this: where findings go, and the counters. Connections whose
 * transaction has brought a finding stand in a list, so that a stop loses none of them; one without
 * is never in it and takes no lock. The list and the `pending` members of connections are guarded
 * by the mutex.
 */
struct transactions {
    struct reporter *reporter;        /* takes the findings */
    struct probe_dialogue_desk *desk; /* what the probe's audits share; NULL: none is recognised */
    pthread_mutex_t mutex;
    struct connection *first; /* with findings that wait for their queue id */
    struct counters counters; /* needs no lock */
};

struct connection {
    struct live_conf *snapshot; /* one configuration for the whole connection; a reference */
    struct transactions *transactions;
    struct client client;
    struct transaction transaction;   /* the current one */
    enum connection_origin_kind from; /* what may be mail of sendmail(1) */
    bool uncounted;                   /* the message, until RCPT shows whose it is */
    struct probe_dialogue audit;      /* is it the probe that speaks? */
    bool hold_due;                    /* the current transaction's message is to be held */
    bool unqueued;                    /* it had no queue id at DATA */
    struct answer answer;             /* the last one given */

    /* Guarded by transactions->mutex; whether any is pending is known without it. */
    bool has_pending;
    struct finding *pending[PENDING_KINDS];
    struct connection *previous;
    struct connection *next;
};

/* Facts that are known when the client connects; texts may be NULL. */
struct connection_origin {
    const struct sockaddr *client; /* NULL or AF_UNIX: no address */
    const char *daemon_address;    /* {daemon_addr} */
    const char *daemon_port;       /* {daemon_port} */
    const char *mta;               /* {j} */
};

/* Takes over the reference to `snapshot`. NULL: out of memory (the reference is released). */
struct connection *connection_new(struct live_conf *snapshot, struct transactions *transactions,
                                  const struct connection_origin *origin);
void connection_free(struct connection *connection); /* hands over what is pending */

/* The same for a connection that closes while the program ends, when transactions_finish may be at
 * work or done, and the reporter gone: who still finds something pending hands it over. */
void connection_free_late(struct connection *connection);

void connection_helo(struct connection *connection, const char *name);

/* Begins a transaction. True if nothing more can be learnt of it: the client may relay, and is not
 * the probe. connection_hello has the answer to a hello. */
bool connection_mail(struct connection *connection, const char *path,
                     const struct client_macros *macros);

/* After connection_mail: the answer to a hello, the connection's until the next call; NULL if the
 * sender is an ordinary one. */
const struct answer *connection_hello(struct connection *connection, const char *path);

/* Judges one recipient. Returns what to tell the client instead of the MTA's
 * acceptance, the connection's until the next call; NULL: what the MTA said. */
const struct answer *connection_rcpt(struct connection *connection, const char *path,
                                     const struct rcpt_macros *macros);

/* DATA: hands the transaction's findings over if `queue_id` is known; else (NULL or "") they wait
 * for the end of the message. True if more is to be seen of the message: its queue id, or it is to
 * be held once it is there, or it may be the probe's. MTAs with a milter protocol below 4 show no
 * DATA at all. */
bool connection_data(struct connection *connection, const char *queue_id);

/* The message could not be held, although it was due. */
void connection_not_held(struct connection *connection);

/* The end of the message, abort, close, or the next MAIL: hands the transaction's findings over and
 * forgets it. `queue_id` may be NULL. A message that was to be held and was never queued, though
 * DATA came, is told as one that cannot be. */
void connection_hand_over(struct connection *connection, const char *queue_id);

/* Hands over what is pending in every connection. For the end: when no callback runs any more. */
void transactions_finish(struct transactions *transactions);

#endif
