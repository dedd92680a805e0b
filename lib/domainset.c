#include "lib/domainset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SLOTS 64
#define FIRST_ARENA 1024

/* Open addressing with linear probing. The two blocks are the slots and the arena, in which the
 * patterns stand one behind the other, each with its NUL. */
struct slot {
    uint32_t hash;    /* the low half: enough to skip nearly all strangers, and to grow without
                       * reading the arena */
    uint32_t pattern; /* offset into the arena; 0: the slot is empty */
};

struct domainset {
    uint64_t key[2];
    struct slot *slots;
    size_t slot_count; /* a power of two; at most three quarters are in use */
    size_t count;
    size_t wildcards; /* how many of these begin with a dot */
    char *arena;      /* its first octet is not used, so that no pattern has offset 0 */
    size_t arena_size;
    size_t arena_used;
};

static uint64_t rotate(uint64_t word, unsigned int bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"). Keyed, because on a
 * hosting machine customers choose the domains: nobody shall be able to pile them up in one place.
 */
static uint32_t hash_name(const struct domainset *set, const char *name, size_t length)
{
    uint64_t v[4] = {
        set->key[0] ^ UINT64_C(0x736f6d6570736575),
        set->key[1] ^ UINT64_C(0x646f72616e646f6d),
        set->key[0] ^ UINT64_C(0x6c7967656e657261),
        set->key[1] ^ UINT64_C(0x7465646279746573),
    };
    /* The octet order within a word follows the machine: these hashes never leave the process. */
    size_t left = length;
    for (; left >= 8; left -= 8, name += 8) {
        uint64_t word;
        memcpy(&word, name, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t tail = 0;
    memcpy(&tail, name, left);
    tail ^= (uint64_t)length << 56;
    v[3] ^= tail;
    sip_round(v);
    v[0] ^= tail;
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

struct domainset *domainset_new(void)
{
    struct domainset *set = calloc(1, sizeof(*set));
    if (set == NULL) {
        return NULL;
    }
    /* Without random octets the set still works, it only is not proof against chosen names. */
    if (getrandom(set->key, sizeof(set->key), GRND_NONBLOCK) < 0) {
        memset(set->key, 0, sizeof(set->key));
    }
    set->slots = calloc(FIRST_SLOTS, sizeof(set->slots[0]));
    set->slot_count = FIRST_SLOTS;
    set->arena = malloc(FIRST_ARENA);
    set->arena_size = FIRST_ARENA;
    set->arena_used = 1;
    if (set->slots == NULL || set->arena == NULL) {
        domainset_free(set);
        return NULL;
    }
    return set;
}

void domainset_free(struct domainset *set)
{
    if (set == NULL) {
        return;
    }
    free(set->slots);
    free(set->arena);
    free(set);
}

/* The slot that holds the pattern, or the empty one where it belongs. There always is an empty one.
 */
static size_t find_slot(const struct domainset *set, const char *pattern, uint32_t hash)
{
    size_t mask = set->slot_count - 1;
    size_t i = hash & mask;
    while (set->slots[i].pattern != 0) {
        if (set->slots[i].hash == hash &&
            strcmp(set->arena + set->slots[i].pattern, pattern) == 0) {
            break;
        }
        i = (i + 1) & mask;
    }
    return i;
}

static bool grow_slots(struct domainset *set)
{
    size_t slot_count = 2 * set->slot_count;
    size_t mask = slot_count - 1;
    struct slot *slots = calloc(slot_count, sizeof(slots[0]));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < set->slot_count; i++) {
        if (set->slots[i].pattern == 0) {
            continue;
        }
        size_t to = set->slots[i].hash & mask;
        while (slots[to].pattern != 0) {
            to = (to + 1) & mask;
        }
        slots[to] = set->slots[i];
    }
    free(set->slots);
    set->slots = slots;
    set->slot_count = slot_count;
    return true;
}

static bool grow_arena(struct domainset *set, size_t wanted)
{
    if (wanted > UINT32_MAX) { /* offsets have 32 bits */
        return false;
    }
    size_t arena_size = set->arena_size;
    while (arena_size < wanted) {
        arena_size += arena_size / 2;
    }
    char *arena = realloc(set->arena, arena_size);
    if (arena == NULL) {
        return false;
    }
    set->arena = arena;
    set->arena_size = arena_size;
    return true;
}

bool domainset_add(struct domainset *set, const char *pattern)
{
    size_t size = strlen(pattern) + 1;
    uint32_t hash = hash_name(set, pattern, size - 1);
    if (set->slots[find_slot(set, pattern, hash)].pattern != 0) {
        return true;
    }
    if (set->arena_used + size > set->arena_size && !grow_arena(set, set->arena_used + size)) {
        return false;
    }
    if (4 * (set->count + 1) > 3 * set->slot_count && !grow_slots(set)) {
        return false;
    }
    memcpy(set->arena + set->arena_used, pattern, size);
    set->slots[find_slot(set, pattern, hash)] =
        (struct slot){.hash = hash, .pattern = (uint32_t)set->arena_used};
    set->arena_used += size;
    set->count++;
    if (pattern[0] == '.') {
        set->wildcards++;
    }
    return true;
}

static bool holds(const struct domainset *set, const char *pattern, size_t length)
{
    return set->slots[find_slot(set, pattern, hash_name(set, pattern, length))].pattern != 0;
}

bool domainset_contains(const struct domainset *set, const char *domain)
{
    if (set == NULL || domain[0] == '.') {
        return false;
    }
    size_t length = strlen(domain);
    if (holds(set, domain, length)) {
        return true;
    }
    if (set->wildcards == 0) {
        return false;
    }
    const char *parent = strchr(domain, '.');
    for (; parent != NULL; parent = strchr(parent + 1, '.')) {
        if (holds(set, parent, length - (size_t)(parent - domain))) {
            return true;
        }
    }
    return false;
}

/* A place is an offset into the arena. */
const char *domainset_next(const struct domainset *set, size_t *place)
{
    size_t at = *place > 1 ? *place : 1;

    if (set == NULL) {
        return NULL;
    }
    while (at > 1 && at < set->arena_used && set->arena[at - 1] != '\0') {
        at++;
    }
    if (at >= set->arena_used) {
        return NULL;
    }
    *place = at + strlen(set->arena + at) + 1;
    return set->arena + at;
}

size_t domainset_count(const struct domainset *set)
{
    return set == NULL ? 0 : set->count;
}
