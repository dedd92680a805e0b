/*
 * questions - what only the reader of a configuration can ask
 *
 * A stranger at one place sees one address. The configuration says which others it treats in
 * another way: one client for each end of each network that it lets by and the site does not trust,
 * each sender, HELO name and recipient that its tables answer OK to (whoever knows the word is let
 * in), the gateways of attached networks, a reverse name that claims the site, a domain whose
 * secondary MX is us, a policy service that says OK. Lines that reject are passed over.
 *
 * Some want two things of one request: a client and a sender, a sender and a recipient. While
 * `given` has one, each question that is added is asked with it.
 *
 * Bounded: at most QUESTIONS_MAX; `left_out` says how many more there were, `unasked` of how many
 * lines none could be made. Either leaves a verdict unknown. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_QUESTIONS_H
#define RELAYWARDEN_PROBE_REHEARSE_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/netset.h"
#include "lib/site.h"

#define QUESTIONS_MAX     500
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

/* In what else the same request differs from a stranger's usual one. */
enum question_part {
    QUESTION_WITH_SENDER,
    QUESTION_WITH_HELO,
    QUESTION_WITH_RECIPIENT,
    QUESTION_PARTS /* how many */
};

struct question {
    enum question_kind kind;
    struct address client; /* ADDRESS_NONE: any stranger; of a NAME: whoever is given that name */
    struct address by;     /* who makes a CLAIM; ADDRESS_NONE: any stranger */
    char text[QUESTION_TEXT_MAX];                 /* "" for the kinds that have none */
    char with[QUESTION_PARTS][QUESTION_TEXT_MAX]; /* "" as usual */
};

/* Further conditions: a client or its name, and parts. One that is all zero is nothing. */
struct question_given {
    struct address client; /* ADDRESS_NONE: any stranger */
    char name[QUESTION_TEXT_MAX];
    char with[QUESTION_PARTS][QUESTION_TEXT_MAX];
    bool by_pattern; /* one of them was guessed of a pattern: it stands for others */
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
    size_t untold;  /* of these, those of which the candidate tells nothing */
    char first_untold[QUESTION_TEXT_MAX];
    struct question_given given;
    bool by_pattern; /* what is added now is guessed of a pattern */
};

/* Whether SMTP's commands can have it: a path or a name on one line. */
bool questions_are_sayable(const char *text);

/* A line that lets somebody in, and of which no question can be made. */
void questions_leave(struct questions *questions, const char *text);

/* The given request itself, with nothing else. */
void questions_add_given(struct questions *questions, const struct site *site);

/* Each adds what is not there yet and is not the site's own. */
void questions_add_text(struct questions *questions, enum question_kind kind, const char *text,
                        size_t length);
/* One address of a network, to be claimed. */
void questions_add_claim(struct questions *questions, const struct network *network);
/* A client of this network claims each address that is to be claimed, and loopback. */
void questions_add_claimants(struct questions *questions, const struct site *site,
                             const struct network *network);

/* Networks that are another's business. */
struct question_holes {
    struct network *networks;
    size_t count;
    size_t room;
};
/* False: memory is out. */
bool questions_add_hole(struct question_holes *holes, const struct network *network);

enum question_of_network {
    QUESTION_NETWORK_ONE,     /* `out` is of it */
    QUESTION_NETWORK_NOBODYS, /* all of it is in holes, or trusted, or nobody's */
    QUESTION_NETWORK_UNKNOWN, /* there are too many holes to look on */
};
/* The first address of a network that is neither trusted nor in a hole. */
enum question_of_network questions_find_client(const struct site *site,
                                               const struct network *network,
                                               const struct question_holes *holes,
                                               struct address *out);
/* The first, the last and the middle address of a network that clients can have, and one that is in
 * no hole, but for those that the site trusts; "0.0.0.0/0" and the like are every stranger, and
 * give none but, where there are holes, the last. */
void questions_add_network(struct questions *questions, const struct site *site,
                           const struct network *network, const struct question_holes *holes);
/* The host's own networks, its gateways, and .1 (::1) of each private network that is attached. */
void questions_add_host(struct questions *questions, const struct site *site,
                        const struct question_host *host);

/* The request's text there; "": the usual. */
const char *question_part(const struct question *question, enum question_part part);

#endif
