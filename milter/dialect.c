#include "milter/dialect.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Both MTAs put this into {rcpt_mailer} for a recipient that they refuse. */
#define MAILER_ERROR "error"

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* "5.7.1" and nothing else (RFC 3463 section 2). */
static bool is_bare_status(const char *text)
{
    if (strchr("245", text[0]) == NULL || text[0] == '\0' || text[1] != '.') {
        return false;
    }
    const char *at = text + 2;
    for (int part = 0; part < 2; part++) {
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 3) {
            return false;
        }
        at += digits;
        if (part == 0 && *at++ != '.') {
            return false;
        }
    }
    return *at == '\0';
}

static bool same_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

static bool same_address(const struct mail_address *a, const struct mail_address *b)
{
    return a->domain != NULL && b->domain != NULL &&
           same_text(a->local, a->local_length, b->local, b->local_length) &&
           same_text(a->domain, a->domain_length, b->domain, b->domain_length);
}

/*
 * A refused recipient shows mailer "error", the reply's status as host and the reply's text as
 * address. But Postfix resolves a virtual alias domain to the error mailer too, and accepts its
 * recipients all the same (cleanup rewrites them later): there the host is a status with words, and
 * the address is the recipient's.
 */
static bool is_refusal(const struct rcpt_meaning *meaning, const struct mail_address *shown)
{
    return strcasecmp(meaning->mailer, MAILER_ERROR) == 0 && is_bare_status(meaning->nexthop) &&
           !same_address(shown, &meaning->asked);
}

/* Splits what the MTA shows. Mostly that is the command's path without its brackets, which is split
 * already. */
static void split_shown(const char *address, const char *path, const struct mail_address *asked,
                        struct mail_address *out)
{
    size_t length = strlen(address);

    if (asked->domain == NULL || asked->local != path + 1 ||
        asked->domain + asked->domain_length != path + 1 + length ||
        memcmp(address, path + 1, length) != 0) {
        mail_address_split(address, length, out);
        return;
    }
    *out = *asked;
    out->local = address;
    out->domain = address + (asked->domain - asked->local);
}

void dialect_rcpt(const struct rcpt_macros *macros, const char *path, struct rcpt_meaning *out)
{
    const char *address = or_empty(macros->address);
    struct mail_address shown;

    mail_address_split(path, strlen(path), &out->asked);
    split_shown(address, path, &out->asked, &shown);
    out->mailer = or_empty(macros->mailer);
    out->nexthop = or_empty(macros->host);
    out->decision = DECISION_ACCEPTED;
    out->resolved = out->asked;
    out->resolved_text = path;

    if (is_refusal(out, &shown)) {
        out->decision = out->nexthop[0] == '4' ? DECISION_DEFERRED : DECISION_REFUSED;
        return;
    }
    if (shown.domain_length > 0) {
        out->resolved = shown;
        out->resolved_text = address;
    }
}

bool dialect_is_authenticated(const struct client_macros *macros)
{
    const char *mechanism = or_empty(macros->auth_type);

    return mechanism[0] != '\0' && or_empty(macros->auth_authen)[0] != '\0' &&
           strcasecmp(mechanism, "ANONYMOUS") != 0;
}

const char *dialect_certificate(const struct client_macros *macros)
{
    /* Only Sendmail has {verify}, in each session, with TLS or without. */
    if (macros->verify == NULL) {
        return macros->cert_subject;
    }
    return strcmp(macros->verify, "OK") == 0 ? macros->cn_subject : NULL;
}
