#include "lib/netset.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OCTETS        16
#define MAPPED_PREFIX 96 /* of ::ffff:0:0/96, RFC 4291 section 2.5.5.2 */

static unsigned int family_bits(enum address_family family)
{
    return family == ADDRESS_IPV4 ? 32 : 128;
}

/* Both ends belong to the range. */
struct range {
    uint8_t first[OCTETS];
    uint8_t last[OCTETS];
};

/* The ranges of one family: disjoint, not touching, ascending. */
struct ranges {
    struct range *range; /* into the set's storage */
    size_t count;
};

struct netset {
    struct network *networks; /* as declared */
    size_t count;
    struct range *storage; /* of both families */
    struct ranges ipv4;
    struct ranges ipv6;
};

/* Reads the digits after the slash; -1 if they are no number from 0 to 128 or have a leading zero,
 * which some programs read as octal. */
static int parse_prefix(const char *text)
{
    int prefix = 0;
    if (*text == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        prefix = 10 * prefix + (*text - '0');
        if (prefix > 128) {
            return -1;
        }
    }
    return prefix;
}

/* Clears the bits behind the prefix; whether any was set. */
static bool clear_host_bits(struct network *network)
{
    bool any = false;
    for (unsigned int bit = network->prefix; bit < family_bits(network->base.family); bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        any = any || (network->base.octets[bit / 8] & mask) != 0;
        network->base.octets[bit / 8] &= (uint8_t)~mask;
    }
    return any;
}

enum network_error network_parse(const char *text, struct network *out)
{
    char base[2 * ADDRESS_TEXT_SIZE];
    struct network network;
    size_t length = strcspn(text, "/");
    if (length >= sizeof(base)) {
        return NETWORK_BAD_ADDRESS;
    }
    memcpy(base, text, length);
    base[length] = '\0';
    if (!address_parse(base, &network.base)) {
        return NETWORK_BAD_ADDRESS;
    }
    network.prefix = family_bits(network.base.family);
    if (text[length] == '/') {
        int prefix = parse_prefix(text + length + 1);
        if (network.base.family == ADDRESS_IPV4 && strchr(base, ':') != NULL) {
            prefix -= MAPPED_PREFIX;
        }
        if (prefix < 0 || prefix > (int)network.prefix) {
            return NETWORK_BAD_PREFIX;
        }
        network.prefix = (unsigned int)prefix;
    }
    bool host_bits = clear_host_bits(&network);
    *out = network;
    return host_bits ? NETWORK_HOST_BITS_SET : NETWORK_OK;
}

const char *network_format(const struct network *from, char out[NETWORK_TEXT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    snprintf(out, NETWORK_TEXT_SIZE, "%s/%u", address_format(&from->base, text),
             from->prefix % 1000);
    return out;
}

bool network_contains(const struct network *network, const struct address *address)
{
    return address->family == network->base.family && address->family != ADDRESS_NONE &&
           address_in_prefix(address, network->base.octets, network->prefix);
}

bool network_is_wide(const struct network *network)
{
    unsigned int narrow = network->base.family == ADDRESS_IPV4 ? 16 : 32;
    unsigned int block = address_private_prefix(&network->base);
    bool inside_private = block != 0 && network->prefix >= block;
    return network->prefix < narrow && !inside_private;
}

static struct range range_of(const struct network *network)
{
    struct network lowest = *network;
    clear_host_bits(&lowest);
    struct range range;
    memcpy(range.first, lowest.base.octets, OCTETS);
    memcpy(range.last, lowest.base.octets, OCTETS);
    for (unsigned int bit = network->prefix; bit < family_bits(network->base.family); bit++) {
        range.last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    }
    return range;
}

static int compare_first(const void *a, const void *b)
{
    const struct range *left = a;
    const struct range *right = b;
    return memcmp(left->first, right->first, OCTETS);
}

/* Whether `next`, which begins no lower than `range`, overlaps it or follows it without a gap. */
static bool continues(const struct range *range, const struct range *next, unsigned int octets)
{
    if (memcmp(next->first, range->last, octets) <= 0) {
        return true;
    }
    uint8_t following[OCTETS];
    memcpy(following, range->last, OCTETS);
    for (unsigned int i = octets; i > 0 && ++following[i - 1] == 0; i--) {
        ;
    }
    return memcmp(next->first, following, octets) == 0;
}

static void sort_and_merge(struct ranges *ranges, unsigned int octets)
{
    if (ranges->count == 0) {
        return;
    }
    qsort(ranges->range, ranges->count, sizeof(ranges->range[0]), compare_first);
    size_t kept = 0;
    for (size_t i = 1; i < ranges->count; i++) {
        struct range *range = &ranges->range[kept];
        const struct range *next = &ranges->range[i];
        if (!continues(range, next, octets)) {
            ranges->range[++kept] = *next;
        } else if (memcmp(next->last, range->last, octets) > 0) {
            memcpy(range->last, next->last, OCTETS);
        }
    }
    ranges->count = kept + 1;
}

static void append_family(struct netset *set, enum address_family family, struct ranges *ranges)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->networks[i].base.family == family) {
            ranges->range[ranges->count++] = range_of(&set->networks[i]);
        }
    }
    sort_and_merge(ranges, family_bits(family) / 8);
}

struct netset *netset_new(const struct network *networks, size_t count)
{
    size_t rows = count > 0 ? count : 1; /* calloc(0, ...) may be NULL */
    struct netset *set = calloc(1, sizeof(*set));
    if (set == NULL) {
        return NULL;
    }
    set->networks = calloc(rows, sizeof(set->networks[0]));
    set->storage = calloc(rows, sizeof(set->storage[0]));
    if (set->networks == NULL || set->storage == NULL) {
        netset_free(set);
        return NULL;
    }
    if (count > 0) {
        memcpy(set->networks, networks, count * sizeof(networks[0]));
    }
    set->count = count;
    set->ipv4.range = set->storage;
    append_family(set, ADDRESS_IPV4, &set->ipv4);
    set->ipv6.range = set->storage + set->ipv4.count;
    append_family(set, ADDRESS_IPV6, &set->ipv6);
    return set;
}

void netset_free(struct netset *set)
{
    if (set == NULL) {
        return;
    }
    free(set->networks);
    free(set->storage);
    free(set);
}

bool netset_contains(const struct netset *set, const struct address *address)
{
    if (set == NULL || address->family == ADDRESS_NONE) {
        return false;
    }
    const struct ranges *ranges = address->family == ADDRESS_IPV4 ? &set->ipv4 : &set->ipv6;
    size_t low = 0;
    size_t high =
        ranges->count; /* the first range that begins above the address is in [low, high] */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(ranges->range[middle].first, address->octets, OCTETS) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && memcmp(address->octets, ranges->range[low - 1].last, OCTETS) <= 0;
}

const struct network *netset_find(const struct netset *set, const struct address *address)
{
    const struct network *narrowest = NULL;
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        const struct network *network = &set->networks[i];
        if (network_contains(network, address) &&
            (narrowest == NULL || network->prefix > narrowest->prefix)) {
            narrowest = network;
        }
    }
    return narrowest;
}
