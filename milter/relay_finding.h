/*
 * relay_finding - the findings that the milter raises for a recipient
 *
 * Fields stand in the order of the syslog line, but for the queue id, which comes last because it
 * is learnt later. Pure; any thread; the texts of `recipient_seen` are not kept.
 */
#ifndef RELAYWARDEN_MILTER_RELAY_FINDING_H
#define RELAYWARDEN_MILTER_RELAY_FINDING_H

#include "lib/finding.h"
#include "milter/client.h"
#include "milter/judge.h"

#define ADDRESS_SHOWN_SIZE 330 /* of an address in a sentence */

/* One accepted recipient as it was judged; texts raw, as client and MTA gave them. */
struct recipient_seen {
    const char *path;                /* RCPT's argument */
    const struct rcpt_meaning *rcpt; /* what the MTA made of it */
    enum destination destination;
    enum sender_class sender_class;
    const char *parent; /* a declared domain above the recipient's; NULL if there is none */
    enum enforcement enforcement;
    bool
        too_many; /* its mailer carried mail for too many undeclared domains to be the site's own */
    bool by_probe; /* a valid ask of the site's own probe, which the filter refuses */
};

void relay_finding_open(struct finding *out, const struct client *client,
                        const struct transaction *transaction, const struct recipient_seen *seen);

void relay_finding_undeclared(struct finding *out, const struct client *client,
                              const struct transaction *transaction,
                              const struct recipient_seen *seen);

/* A message that should be held and cannot be; it goes on its way. */
enum hold_obstacle {
    HOLD_NO_QUEUE,  /* the MTA passes the message on without queueing it: smtpd_proxy_filter */
    HOLD_NOT_TAKEN, /* the MTA did not agree to be asked for it */
};
void relay_finding_hold_impossible(struct finding *out, const struct client *client,
                                   const struct transaction *transaction,
                                   enum hold_obstacle obstacle);

/* Adds the queue id when the message was given to the MTA, and "NOQUEUE" (Postfix's word) when the
 * transaction was given up before; the first call counts. `queue_id` may be NULL or "". */
void relay_finding_set_queue_id(struct finding *finding, const char *queue_id);

#endif
