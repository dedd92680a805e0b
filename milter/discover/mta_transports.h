/*
 * mta_transports - the transports by which Postfix sends mail for others, as postconf(1) says
 *
 * A mailer of own_mailers that is one of these is no sign that mail is the site's own: with
 * default_transport = relay:[smarthost] everything that leaves goes by "relay". It is then not
 * counted as own. This is all that the judgement ever takes from the MTA: it can make it stricter,
 * never milder, and declared domains stay own by whatever mailer.
 *
 * Asked are, of the instance that postconf knows (the environment's MAIL_CONFIG counts) and of
 * those in its multi_instance_directories: default_transport,
 * sender_dependent_default_transport_maps, and what transport_maps has for every domain. relayhost
 * names no transport.
 *
 * Runs other programs, within MTA_TRANSPORTS_MS altogether. One thread at a time; no mail waits.
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_MTA_TRANSPORTS_H
#define RELAYWARDEN_MILTER_DISCOVER_MTA_TRANSPORTS_H

#include <stdbool.h>
#include <stddef.h>

#define MTA_TRANSPORTS_MS  3000
#define MTA_TRANSPORTS_MAX 64
#define MTA_TRANSPORT_SIZE 65 /* longer than any name that own_mailers takes is cut */

enum mta_answer {
    MTA_ANSWERED,
    MTA_SILENT,      /* it failed, or took too long: what is there is what was learnt before that */
    MTA_NOT_POSTFIX, /* there is no postconf */
};

struct mta_transports {
    size_t count;
    struct {
        char name[MTA_TRANSPORT_SIZE];
        const char *parameter; /* that names it, static */
    } of[MTA_TRANSPORTS_MAX];
    bool unlisted; /* a table that names more cannot be listed, or there are more than fit */
};

/* Fills `out`. */
enum mta_answer mta_transports_ask(struct mta_transports *out);

/* The parameter by which mail for others goes to this mailer; NULL: none that is known. */
const char *mta_transports_parameter(const struct mta_transports *transports, const char *mailer);

/* Adds all that `more` has. */
void mta_transports_add_all(struct mta_transports *to, const struct mta_transports *more);

#endif
