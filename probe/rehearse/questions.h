/*
 * questions - what only the reader of a configuration can ask
 *
 * A stranger at one place sees one address. The configuration says which others it treats in
 * another way: one client for each end of each network that it lets by and the site does not trust,
 * each sender, HELO name and recipient that its tables answer OK to (whoever knows the word is let
 * in), the gateways of attached networks, a reverse name that claims the site, a domain whose
 * secondary MX is us, a policy service that says OK. Lines that reject are passed over.
 *
 * Bounded: at most QUESTIONS_MAX; `left_out` says how many more there were. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_QUESTIONS_H
#define RELAYWARDEN_PROBE_REHEARSE_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/netset.h"
#include "lib/site.h"

#define QUESTIONS_MAX     300
#define QUESTION_TEXT_MAX 320

enum question_kind {
    QUESTION_CLIENT,    /* the client is `client` */
    QUESTION_SENDER,    /* the sender is `text` */
    QUESTION_HELO,      /* the HELO name is `text` */
    QUESTION_RECIPIENT, /* the recipient is `text` */
    QUESTION_NAME,      /* the client's reverse name is `text`, and leads back to it unless it is
                           one of the site's: nobody else has a say in those */
    QUESTION_GATEWAY,   /* the client is `client`; granted is conditional: if strangers arrive so */
    QUESTION_MX_BACKUP, /* the recipient's domain has us as its secondary MX; conditional */
    QUESTION_POLICY,    /* all policy services say OK; conditional */
    QUESTION_CERTIFICATE,     /* the client has a certificate that the server trusts; conditional */
    QUESTION_OWN_CERTIFICATE, /* the client has one that it made itself */
    QUESTION_CLAIM, /* the client claims to be `client`, by XCLIENT or a PROXY header, where it
                       may; the site may well trust that one */
    QUESTION_KINDS  /* how many */
};

struct question {
    enum question_kind kind;
    struct address client;        /* ADDRESS_NONE: any stranger */
    char text[QUESTION_TEXT_MAX]; /* "" for the kinds that have none */
};

/* The host's own. */
struct question_host {
    const struct network *networks; /* of its interfaces: the address, and the network's length */
    size_t network_count;
    const struct address *gateways;
    size_t gateway_count;
};

struct questions {
    struct question all[QUESTIONS_MAX];
    size_t count;
    size_t left_out;
    size_t unasked; /* lines that let somebody in, and of which no question could be made */
};

/* Each adds what is not there yet and is not the site's own. */
void questions_add_text(struct questions *questions, enum question_kind kind, const char *text,
                        size_t length);
void questions_add_client(struct questions *questions, const struct site *site,
                          const struct address *client, enum question_kind kind);
/* One address of a network, to be claimed; a few of them are enough. */
void questions_add_claim(struct questions *questions, const struct network *network);
/* The first and the last address of a network that clients can have, but for those that the site
 * trusts; "0.0.0.0/0" and the like are every stranger, and give none. */
void questions_add_network(struct questions *questions, const struct site *site,
                           const struct network *network);
/* The host's own networks, its gateways, and .1 (::1) of each private network that is attached. */
void questions_add_host(struct questions *questions, const struct site *site,
                        const struct question_host *host);

/* "client", "sender", ... A static string. */
const char *question_kind_name(enum question_kind kind);

#endif
