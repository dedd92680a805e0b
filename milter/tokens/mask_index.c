#include "milter/tokens/mask_index.h"

#include <string.h>

/* An address as the slots have it. */
struct words {
    uint64_t high;
    uint64_t low;
    uint64_t family;
};

static struct words words_of(const struct address *address)
{
    struct words words = {.family = (uint64_t)address->family};

    memcpy(&words.high, address->octets, sizeof(words.high));
    memcpy(&words.low, address->octets + sizeof(words.high), sizeof(words.low));
    return words;
}

/* Fibonacci hashing of both halves; only the operator's own trusted networks can fill the table. */
static size_t first_slot(const struct words *words)
{
    uint64_t mixed = (words->high ^ (words->low * 0xff51afd7ed558ccdU)) * 0x9e3779b97f4a7c15U;

    return (mixed >> 40) % MASK_INDEX_SLOTS;
}

/* The value read was written before, or makes the reader see the new version: hence acquire
 * here, and release where it is written. */
static bool table_contains(const struct mask_index_slot *table, const struct words *words)
{
    for (size_t i = 0; i < MASK_INDEX_SLOTS; i++) {
        const struct mask_index_slot *slot = &table[(first_slot(words) + i) % MASK_INDEX_SLOTS];
        uint64_t family = atomic_load_explicit(&slot->family, memory_order_acquire);

        if (family == 0) {
            return false;
        }
        if (family == words->family &&
            atomic_load_explicit(&slot->high, memory_order_acquire) == words->high &&
            atomic_load_explicit(&slot->low, memory_order_acquire) == words->low) {
            return true;
        }
    }
    return false;
}

bool mask_index_contains(const struct mask_index *index, const struct address *address)
{
    const struct words words = words_of(address);
    unsigned int version = atomic_load_explicit(&index->version, memory_order_acquire);

    for (;;) {
        bool found = table_contains(index->slot[version & 1], &words);
        unsigned int after = atomic_load_explicit(&index->version, memory_order_acquire);
        if (after == version) {
            return found;
        }
        version = after;
    }
}

static struct mask_index_slot *hidden_table(struct mask_index *index)
{
    return index->slot[~atomic_load_explicit(&index->version, memory_order_relaxed) & 1];
}

void mask_index_begin(struct mask_index *index)
{
    struct mask_index_slot *table = hidden_table(index);

    for (size_t i = 0; i < MASK_INDEX_SLOTS; i++) {
        atomic_store_explicit(&table[i].family, 0, memory_order_release);
    }
}

void mask_index_add(struct mask_index *index, const struct address *address)
{
    const struct words words = words_of(address);
    struct mask_index_slot *table = hidden_table(index);
    size_t place = first_slot(&words);

    if (table_contains(table, &words)) {
        return;
    }
    while (atomic_load_explicit(&table[place].family, memory_order_relaxed) != 0) {
        place = (place + 1) % MASK_INDEX_SLOTS;
    }
    atomic_store_explicit(&table[place].high, words.high, memory_order_release);
    atomic_store_explicit(&table[place].low, words.low, memory_order_release);
    atomic_store_explicit(&table[place].family, words.family, memory_order_release);
}

void mask_index_publish(struct mask_index *index)
{
    atomic_fetch_add_explicit(&index->version, 1, memory_order_acq_rel);
}
