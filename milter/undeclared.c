#include "milter/undeclared.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a, 64 bits; 0 is kept for a free place. Two domains with one hash count as one: harmless
 * here. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (const char *at = text; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;
    }
    return hash == 0 ? 1 : hash;
}

/* What it counts as. */
static const char *name_of(const struct site *site, const char *domain)
{
    const char *parent = site_parent_domain(site, domain);

    if (parent != NULL) {
        return parent;
    }
    return domain[0] == '[' ? "[]" : domain;
}

/* Places fill from the front and are never freed: the first free one ends both searches. */
static unsigned int place_of(const struct undeclared *undeclared, uint64_t hash)
{
    unsigned int place = 0;

    while (place <= UNDECLARED_MAX) {
        uint64_t there = atomic_load(&undeclared->hash[place]);
        if (there == hash || there == 0) {
            break;
        }
        place++;
    }
    return place;
}

static unsigned int count(const struct undeclared *undeclared)
{
    return place_of(undeclared, 0);
}

static bool is_noted(const struct undeclared *undeclared, unsigned int place)
{
    return place > UNDECLARED_MAX || atomic_load(&undeclared->hash[place]) != 0;
}

unsigned int undeclared_note(struct undeclared *undeclared, const struct site *site,
                             const char *domain)
{
    uint64_t hash = hash_of(name_of(site, domain));

    if (!is_noted(undeclared, place_of(undeclared, hash))) {
        pthread_mutex_lock(&undeclared->mutex);
        unsigned int place = place_of(undeclared, hash);
        if (!is_noted(undeclared, place)) {
            snprintf(undeclared->domain[place], sizeof undeclared->domain[place], "%s", domain);
            atomic_store(&undeclared->hash[place], hash);
        }
        pthread_mutex_unlock(&undeclared->mutex);
    }
    return count(undeclared);
}

void undeclared_take_over(struct undeclared *undeclared, const struct site *site,
                          struct undeclared *before)
{
    pthread_mutex_lock(&before->mutex);
    unsigned int noted = count(before);
    for (unsigned int place = 0; place < noted; place++) {
        const char *domain = before->domain[place];
        if (!site_owns_domain(site, domain, strlen(domain))) {
            undeclared_note(undeclared, site, domain);
        }
    }
    pthread_mutex_unlock(&before->mutex);
}

unsigned int undeclared_list(struct undeclared *undeclared,
                             char out[UNDECLARED_MAX + 1][DOMAIN_SIZE])
{
    pthread_mutex_lock(&undeclared->mutex);
    unsigned int noted = count(undeclared);
    memcpy(out, undeclared->domain, sizeof undeclared->domain);
    pthread_mutex_unlock(&undeclared->mutex);
    return noted;
}
