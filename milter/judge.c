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

size_t judge_carrier(const struct judge_rules *rules, const char *mailer)
{
    size_t place = 0;

    while (place < rules->own_mailer_count && strcasecmp(rules->own_mailers[place], mailer) != 0) {
        place++;
    }
    return place;
}

static bool is_own_mailer(const struct judge_rules *rules, const char *mailer)
{
    return judge_carrier(rules, mailer) < rules->own_mailer_count;
}

/* user@[192.0.2.25] sent to 192.0.2.25 is mail for that host itself (RFC 5321 section 4.1.3). */
static bool is_listener_literal(const char *domain, const struct address *listener)
{
    struct address named;

    return domain[0] == '[' && address_parse(domain, &named) && listener->family != ADDRESS_NONE &&
           address_equal(&named, listener);
}

/* Of what an own mailer has: Sendmail names no domain there, and the command's may be written in a
 * roundabout way (x@exam\ple.org, x@example.org(comment), x@example.org..). */
static bool is_own_after_all(const struct site *site, const struct mail_address *resolved,
                             const struct address *listener)
{
    char domain[DOMAIN_SIZE];

    return domain_read(resolved->domain, resolved->domain_length, domain) &&
           (site_owns_domain(site, domain, strlen(domain)) ||
            is_listener_literal(domain, listener));
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
static bool is_shown_truly(const struct rcpt_meaning *rcpt, const char *path)
{
    const struct mail_address *asked = &rcpt->asked;
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
    const struct mail_address *asked = &rcpt->asked;

    if (mail_address_is_bare_postmaster(asked)) {
        return DESTINATION_OWN;
    }
    /* An MTA gives no mailer to a recipient that it refuses: then only the command's address tells.
     */
    if (rcpt->decision != DECISION_ACCEPTED) {
        return asked->domain != NULL &&
                       site_owns_domain(rules->site, asked->domain, asked->domain_length)
                   ? DESTINATION_OWN
                   : DESTINATION_EXTERNAL;
    }
    bool own_mailer = is_own_mailer(rules, rcpt->mailer);
    if (rcpt->resolved.domain_length == 0) {
        /* No domain anywhere, and delivered here: a local part can only be the MTA's own. */
        return own_mailer ? DESTINATION_OWN : DESTINATION_EXTERNAL;
    }
    bool truly = is_shown_truly(rcpt, path);
    if (truly &&
        site_owns_domain(rules->site, rcpt->resolved.domain, rcpt->resolved.domain_length)) {
        return DESTINATION_OWN;
    }
    /* Postfix shows the error mailer for an accepted recipient of a virtual alias domain: nothing
     * can leave by it under that name, so the domain is the MTA's. */
    bool alias_domain = strcasecmp(rcpt->mailer, "error") == 0;
    if (truly && own_mailer && is_own_after_all(rules->site, &rcpt->resolved, listener)) {
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

enum enforcement judge_enforcement(const struct judge_rules *rules, bool masked)
{
    return masked ? rules->enforce_masked : rules->enforce;
}
