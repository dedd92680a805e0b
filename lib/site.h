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

/* `domain` as it came (any case, U- or A-labels, trailing dot), `length` octets. What is no domain
 * is nobody's: false. */
bool site_owns_domain(const struct site *site, const char *domain, size_t length);

bool site_trusts(const struct site *site, const struct address *client);
const struct network *site_trusted_network(const struct site *site, const struct address *client);
bool site_trusts_certificate(const struct site *site, const char *subject);
const char *site_main_domain(const struct site *site);

/* The sender's class; `path` is MAIL's argument or a bare address. A local part alone (<root>) is
 * own: the MTA appends its own domain. An empty domain (<user@>) is nobody's: external. */
enum sender_class site_classify_sender(const struct site *site, const char *path);

#endif
