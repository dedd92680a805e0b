#include "milter/undeclared.h"

/* FNV-1a, 64 bits; 0 is kept for a free place. Two domains with one hash count as one: harmless
 * here. */
static uint64_t hash_of(const char *domain)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (const char *at = domain; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;
    }
    return hash == 0 ? 1 : hash;
}

unsigned int undeclared_note(struct undeclared *undeclared, const char *domain)
{
    uint64_t hash = hash_of(domain);
    unsigned int place = 0;

    /* Places fill from the front and are never freed, so the first free one ends the search. A lost
     * race leaves the winner's hash in `expected`, which is then looked at like any other. */
    while (place <= UNDECLARED_MAX) {
        uint64_t expected = 0;
        if (atomic_compare_exchange_strong(&undeclared->domain[place], &expected, hash)) {
            return place + 1;
        }
        if (expected == hash) {
            break;
        }
        place++;
    }
    unsigned int noted = 0;
    while (noted <= UNDECLARED_MAX && atomic_load(&undeclared->domain[noted]) != 0) {
        noted++;
    }
    return noted;
}
