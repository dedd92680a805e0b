#include "milter/undeclared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/registrable.h"

/* Top-level domains that nobody can register (RFC 6762 appendix G, RFC 6761, ICANN's "internal"),
 * and home.arpa (RFC 8375). All names below one of them are of one network. */
static const char *const private_suffixes[] = {
    "corp", "home",  "home.arpa",   "internal",  "intranet",
    "lan",  "local", "localdomain", "localhost", "private",
};

bool undeclared_init(struct undeclared *undeclared, size_t mailers)
{
    struct undeclared_carrier *carriers = calloc(mailers, sizeof(*carriers));

    if (carriers == NULL) {
        return false;
    }
    undeclared->carriers = carriers;
    undeclared->carrier_count = mailers;
    pthread_mutex_init(&undeclared->mutex, NULL);
    return true;
}

void undeclared_free(struct undeclared *undeclared)
{
    pthread_mutex_destroy(&undeclared->mutex);
    free(undeclared->carriers);
    undeclared->carriers = NULL;
    undeclared->carrier_count = 0;
}

/* The name that it is noted as; whether that counts. */
static const char *name_of(const char *domain, bool *counts)
{
    *counts = false;
    if (domain[0] == '[') {
        return "[]";
    }
    for (size_t i = 0; i < sizeof(private_suffixes) / sizeof(private_suffixes[0]); i++) {
        if (domain_is_within(domain, private_suffixes[i])) {
            return private_suffixes[i];
        }
    }
    *counts = strchr(domain, '.') != NULL;
    return registrable_domain(domain);
}

/* The oldest stand in front. A clock that runs backwards keeps them. */
static void forget_old(struct undeclared_names *names, int64_t now)
{
    unsigned int old = 0;

    while (old < names->count && now - names->noted[old] >= UNDECLARED_DAY) {
        old++;
    }
    names->count -= old;
    memmove(names->noted, names->noted + old, names->count * sizeof(names->noted[0]));
    memmove(names->domain, names->domain + old, names->count * sizeof(names->domain[0]));
}

static bool has(char (*domains)[DOMAIN_SIZE], unsigned int count, const char *name)
{
    for (unsigned int i = 0; i < count; i++) {
        if (strcmp(domains[i], name) == 0) {
            return true;
        }
    }
    return false;
}

unsigned int undeclared_note(struct undeclared *undeclared, size_t mailer, const char *domain,
                             int64_t now)
{
    bool counts;
    const char *name = name_of(domain, &counts);
    struct undeclared_carrier *carrier = &undeclared->carriers[mailer];
    struct undeclared_names *names = counts ? &carrier->counted : &carrier->uncounted;

    pthread_mutex_lock(&undeclared->mutex);
    forget_old(&carrier->counted, now);
    forget_old(&carrier->uncounted, now);
    if (names->count <= UNDECLARED_MAX && !has(names->domain, names->count, name)) {
        names->noted[names->count] = now;
        snprintf(names->domain[names->count], sizeof(names->domain[0]), "%s", name);
        names->count++;
    }
    unsigned int count = carrier->counted.count;
    pthread_mutex_unlock(&undeclared->mutex);
    return count;
}

static unsigned int add_to_list(const struct undeclared_names *names, unsigned int count,
                                char out[UNDECLARED_LISTED][DOMAIN_SIZE])
{
    for (unsigned int i = 0; i < names->count && count < UNDECLARED_LISTED; i++) {
        if (!has(out, count, names->domain[i])) {
            memcpy(out[count++], names->domain[i], sizeof(out[0]));
        }
    }
    return count;
}

unsigned int undeclared_list(struct undeclared *undeclared, int64_t now,
                             char out[UNDECLARED_LISTED][DOMAIN_SIZE])
{
    unsigned int count = 0;

    pthread_mutex_lock(&undeclared->mutex);
    for (size_t mailer = 0; mailer < undeclared->carrier_count; mailer++) {
        struct undeclared_carrier *carrier = &undeclared->carriers[mailer];
        forget_old(&carrier->counted, now);
        forget_old(&carrier->uncounted, now);
        count = add_to_list(&carrier->counted, count, out);
        count = add_to_list(&carrier->uncounted, count, out);
    }
    pthread_mutex_unlock(&undeclared->mutex);
    return count;
}
