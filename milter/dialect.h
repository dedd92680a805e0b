/*
 * dialect - what an MTA's macros say about one recipient
 *
 * Postfix and Sendmail hand a filter the same macro names with different habits. This is the one
 * place that knows them: macros in, decision and resolved address out. Pure; any thread; the result
 * points into its input.
 *
 * Sources: Postfix MILTER_README and src/smtpd/smtpd_milter.c; Sendmail's libmilter documentation;
 * the measurements in relaywarden-milter(8).
 */
#ifndef RELAYWARDEN_MILTER_DIALECT_H
#define RELAYWARDEN_MILTER_DIALECT_H

#include "lib/domain.h"
#include "lib/words.h"

/* Macros at RCPT as libmilter gives them; any may be NULL. */
struct rcpt_macros {
    const char *mailer;  /* {rcpt_mailer} */
    const char *host;    /* {rcpt_host} */
    const char *address; /* {rcpt_addr} */
};

struct rcpt_meaning {
    enum decision decision;
    struct mail_address asked; /* the command's own address */
    /* The address as the MTA resolved it; the command's own where the MTA names no domain (Sendmail
     * shows a local recipient as its bare local part). Meaningful when accepted. */
    struct mail_address resolved;
    const char *resolved_text; /* what `resolved` was taken from */
    const char *mailer;        /* "" when the MTA gave none */
    const char *nexthop;       /* likewise */
};

/* `path` is RCPT's argument as the client sent it. */
void dialect_rcpt(const struct rcpt_macros *macros, const char *path, struct rcpt_meaning *out);

/* Macros about the client; any may be NULL. */
struct client_macros {
    const char *auth_type;   /* {auth_type}: the SASL mechanism */
    const char *auth_authen; /* {auth_authen}: who authenticated */
    /* Postfix: {cert_subject} is the CN of a certificate that a trusted CA signed. Sendmail: it is
     * the whole DN of whatever was shown; {cn_subject} is the CN, and {verify} tells. */
    const char *cert_subject;
    const char *cn_subject;
    const char *verify;
};

/* Whether a person or program proved who they are: SASL, but not ANONYMOUS (RFC 4505). */
bool dialect_is_authenticated(const struct client_macros *macros);

/* The CN of the client's certificate, if the MTA verified that; else NULL. */
const char *dialect_certificate(const struct client_macros *macros);

#endif
