/*
 * site - what the operator declares as theirs
 *
 * The yardstick of every judgement: domains, trusted networks, client certificates. Declared in the
 * configuration, never read from the MTA that is being audited. conf fills struct site_settings,
 * site_new compiles them. A struct site is never changed after site_new: any thread may read it.
 */
#ifndef RELAYWARDEN_LIB_SITE_H
#define RELAYWARDEN_LIB_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/domainset.h"
#include "lib/netset.h"
#include "lib/words.h"

struct site_settings {
    struct domainset *domains; /* from domains and domain_files */
    struct domainset *owners;  /* their registrable domains; NULL: nobody asks whose a host is */
    struct domainset *hosts;   /* mail hosts outside of these; NULL: none */
    char *main_domain; /* the first declared exact domain, or the first pattern without its dot */
    struct network *networks;
    size_t network_count;
    char **certificates; /* subjects (CN) that may relay */
    size_t certificate_count;
};

struct site;

/* Takes over what `settings` own, and empties them. NULL when memory is out: settings are
 * untouched. */
struct site *site_new(struct site_settings *settings);
void site_free(struct site *site);
void site_settings_free(struct site_settings *settings); /* the members, not the struct */

/* The part of `domain` (normalised) that is a declared domain above it: "example.org" of
 * "a.b.example.org". Points into `domain`; NULL if there is none. */
const char *site_parent_domain(const struct site *site, const char *domain);

/* `domain` as it came (any case, U- or A-labels, trailing dot), `length` octets. A text that is no
 * domain is nobody's: false. */
bool site_owns_domain(const struct site *site, const char *domain, size_t length);

/* The declared domains and patterns one after another, see domainset_next. */
const char *site_next_domain(const struct site *site, size_t *place);
size_t site_domain_count(const struct site *site);

/* Whether a host's name (normalised) says that the host is the site's: it has a registrable domain
 * in common with a declared domain, is below a declared one, or is one of the hosts that are
 * declared. Without `owners` the first of these never holds. */
bool site_owns_host(const struct site *site, const char *host);

bool site_trusts(const struct site *site, const struct address *client);
const struct network *site_trusted_network(const struct site *site, const struct address *client);
bool site_trusts_certificate(const struct site *site, const char *subject);
const char *site_main_domain(const struct site *site);

/* The sender's class; `path` is MAIL's argument or a bare address. A local part alone (<root>) is
 * own: the MTA appends its own domain. An empty domain (<user@>) is nobody's: external. */
enum sender_class site_classify_sender(const struct site *site, const char *path);

#endif
