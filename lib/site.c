#include "lib/site.h"

#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "lib/registrable.h"

struct site {
    struct site_settings declared;
    struct netset *trusted; /* compiled from declared.networks */
};

struct site *site_new(struct site_settings *settings)
{
    struct site *site = calloc(1, sizeof(*site));
    if (site == NULL) {
        return NULL;
    }
    site->trusted = netset_new(settings->networks, settings->network_count);
    if (site->trusted == NULL) {
        free(site);
        return NULL;
    }
    site->declared = *settings;
    *settings = (struct site_settings){0};
    return site;
}

void site_free(struct site *site)
{
    if (site == NULL) {
        return;
    }
    netset_free(site->trusted);
    site_settings_free(&site->declared);
    free(site);
}

void site_settings_free(struct site_settings *settings)
{
    domainset_free(settings->domains);
    domainset_free(settings->owners);
    domainset_free(settings->hosts);
    free(settings->main_domain);
    free(settings->networks);
    for (size_t i = 0; i < settings->certificate_count; i++) {
        free(settings->certificates[i]);
    }
    free(settings->certificates);
    *settings = (struct site_settings){0};
}

bool site_owns_domain(const struct site *site, const char *domain, size_t length)
{
    char compared[DOMAIN_SIZE];
    return domain_normalise(domain, length, compared) &&
           domainset_contains(site->declared.domains, compared);
}

const char *site_parent_domain(const struct site *site, const char *domain)
{
    for (const char *dot = strchr(domain, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if (domainset_contains(site->declared.domains, dot + 1)) {
            return dot + 1;
        }
    }
    return NULL;
}

bool site_owns_host(const struct site *site, const char *host)
{
    const struct site_settings *declared = &site->declared;

    return domainset_contains(declared->owners, registrable_domain(host)) ||
           domainset_contains(declared->hosts, host) ||
           domainset_contains(declared->domains, host) || site_parent_domain(site, host) != NULL;
}

bool site_trusts(const struct site *site, const struct address *client)
{
    return netset_contains(site->trusted, client);
}

const struct network *site_trusted_network(const struct site *site, const struct address *client)
{
    return netset_find(site->trusted, client);
}

bool site_trusts_certificate(const struct site *site, const char *subject)
{
    for (size_t i = 0; subject != NULL && i < site->declared.certificate_count; i++) {
        if (strcmp(site->declared.certificates[i], subject) == 0) {
            return true;
        }
    }
    return false;
}

const char *site_next_domain(const struct site *site, size_t *place)
{
    return domainset_next(site->declared.domains, place);
}

size_t site_domain_count(const struct site *site)
{
    return domainset_count(site->declared.domains);
}

const char *site_main_domain(const struct site *site)
{
    return site->declared.main_domain;
}

enum sender_class site_classify_sender(const struct site *site, const char *path)
{
    struct mail_address sender;
    mail_address_split(path, path == NULL ? 0 : strlen(path), &sender);
    if (sender.null_path) {
        return SENDER_NULL;
    }
    /* An MTA completes a sender without an @ with its own domain, whoever sent it: <root> goes out
     * as a sender of this site, and a rule that trusts the site's senders trusts it too. This is
     * not the "user@" of an empty domain, which is no domain and nobody's. */
    if (sender.domain == NULL) {
        return SENDER_OWN;
    }
    return site_owns_domain(site, sender.domain, sender.domain_length) ? SENDER_OWN
                                                                       : SENDER_EXTERNAL;
}
