#include "milter/judge.h"

#include <string.h>
#include <strings.h>

enum permission judge_permission(const struct site *site, const struct address *client,
                                 const struct client_macros *macros)
{
    if (dialect_is_authenticated(macros)) {
        return PERMISSION_AUTHENTICATED;
    }
    const char *certificate = dialect_certificate(macros);
    if (certificate != NULL && site_trusts_certificate(site, certificate)) {
        return PERMISSION_CLIENT_CERTIFICATE;
    }
    return site_trusts(site, client) ? PERMISSION_TRUSTED_NETWORK : PERMISSION_NONE;
}

static bool is_own_mailer(const struct judge_rules *rules, const char *mailer)
{
    for (size_t i = 0; i < rules->own_mailer_count; i++) {
        if (strcasecmp(rules->own_mailers[i], mailer) == 0) {
            return true;
        }
    }
    return false;
}

/* user@[192.0.2.25] sent to 192.0.2.25 is mail for that host itself (RFC 5321 section 4.1.3). */
static bool is_listener_literal(const struct mail_address *address, const struct address *listener)
{
    char literal[ADDRESS_TEXT_SIZE + sizeof "[IPv6:]"];
    struct address named;

    if (address->domain_length < 3 || address->domain[0] != '[' ||
        address->domain_length >= sizeof literal) {
        return false;
    }
    memcpy(literal, address->domain, address->domain_length);
    literal[address->domain_length] = '\0';
    return address_parse(literal, &named) && listener->family != ADDRESS_NONE &&
           address_equal(&named, listener);
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

/*
 * Postfix shows a non-ASCII recipient case-folded in {rcpt_addr} (sharp s becomes ss), but looks up
 * the domain as it came: two different domains. There the resolved domain is only believed where it
 * is the command's own.
 */
static bool is_shown_truly(const struct rcpt_meaning *rcpt, const struct mail_address *asked,
                           const char *path)
{
    char shown[DOMAIN_SIZE];
    char sent[DOMAIN_SIZE];

    if (is_ascii(path)) {
        return true;
    }
    if (asked->domain == NULL) {
        return asked->local_length == 0 || strcspn(asked->local, "!%@:") >= asked->local_length;
    }
    return domain_normalise(rcpt->resolved.domain, rcpt->resolved.domain_length, shown) &&
           domain_normalise(asked->domain, asked->domain_length, sent) && strcmp(shown, sent) == 0;
}

enum destination judge_destination(const struct judge_rules *rules, const struct rcpt_meaning *rcpt,
                                   const char *path, const struct address *listener)
{
    struct mail_address asked;

    mail_address_split(path, strlen(path), &asked);
    if (mail_address_is_bare_postmaster(&asked)) {
        return DESTINATION_OWN;
    }
    /* What an MTA refuses it gives no mailer: then only what is asked for tells. */
    if (rcpt->decision != DECISION_ACCEPTED) {
        return asked.domain != NULL &&
                       site_owns_domain(rules->site, asked.domain, asked.domain_length)
                   ? DESTINATION_OWN
                   : DESTINATION_EXTERNAL;
    }
    bool own_mailer = is_own_mailer(rules, rcpt->mailer);
    if (rcpt->resolved.domain == NULL || rcpt->resolved.domain_length == 0) {
        /* No domain anywhere, and delivered here: a local part can only be the MTA's own. */
        return own_mailer ? DESTINATION_OWN : DESTINATION_EXTERNAL;
    }
    if (site_owns_domain(rules->site, rcpt->resolved.domain, rcpt->resolved.domain_length) &&
        is_shown_truly(rcpt, &asked, path)) {
        return DESTINATION_OWN;
    }
    /* Postfix shows the error mailer for an accepted recipient of a virtual alias domain: nothing
     * can leave by it under that name, so the domain is the MTA's. */
    bool alias_domain = strcasecmp(rcpt->mailer, "error") == 0;
    if (own_mailer && is_listener_literal(&rcpt->resolved, listener)) {
        return DESTINATION_OWN;
    }
    return own_mailer || alias_domain ? DESTINATION_MTA_OWN : DESTINATION_EXTERNAL;
}

enum judgement judge_recipient(enum permission permission, enum decision decision,
                               enum destination destination)
{
    if (permission != PERMISSION_NONE || decision != DECISION_ACCEPTED) {
        return JUDGEMENT_FINE;
    }
    switch (destination) {
    case DESTINATION_EXTERNAL:
        return JUDGEMENT_RELAYED;
    case DESTINATION_MTA_OWN:
        return JUDGEMENT_UNDECLARED;
    case DESTINATION_OWN:
        break;
    }
    return JUDGEMENT_FINE;
}

enum enforcement judge_enforcement(const struct judge_rules *rules, enum severity severity,
                                   bool masked)
{
    if (severity != SEVERITY_CRITICAL) {
        return ENFORCE_OBSERVE;
    }
    return masked ? rules->enforce_masked : rules->enforce;
}
