#include "probe/model/result_store.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most of a result is zeros: the empty ends of its texts, and rows that it does not have. A stretch
 * of a packed record is the number of octets that follow, the number of zeros behind them, and the
 * octets. */
#define COUNT_SIZE    sizeof(uint32_t)
#define STRETCH_SIZE  (2 * COUNT_SIZE)
#define ZEROS_LEAST   (2 * STRETCH_SIZE) /* fewer are not worth a stretch */
#define TEXT_POINTERS 1024 /* slots; a power of two, more than twice the pointers there are */
#define POINTERS_MOST                                                                              \
    (RESULT_TECHNIQUES * 5 + RESULT_CAPABILITIES + DOMAIN_ROLES * OTHER_SENDERS + 1)
#define BUFFER_AT_ONCE 8192

_Static_assert(POINTERS_MOST * 3 / 2 < TEXT_POINTERS, "the table of texts is never nearly full");

struct buffer {
    char *octets;
    size_t used;
    size_t room;
    bool failed; /* memory is out */
};

/* A text that the result points to, and where it is among the texts. */
struct known_text {
    const char *text; /* NULL: the slot is free */
    size_t offset;
};

struct sizes {
    uint32_t texts;
    uint32_t findings;
    uint32_t facts;
};

struct result_store {
    struct spool *spool;
    size_t facts_size;
    struct buffer record; /* packed */
    struct buffer texts;
    struct known_text known[TEXT_POINTERS];
    struct endpoint_result result; /* the one at hand */
    struct finding *findings;      /* of one that was read */
    void *facts;
};

/* ---- buffers ----------------------------------------------------------------------------- */

static void put(struct buffer *buffer, const void *octets, size_t length)
{
    if (buffer->room - buffer->used < length) {
        size_t room = buffer->used + length + BUFFER_AT_ONCE;
        char *grown = realloc(buffer->octets, room);
        if (grown == NULL) {
            buffer->failed = true;
            return;
        }
        buffer->octets = grown;
        buffer->room = room;
    }
    if (!buffer->failed) {
        memcpy(buffer->octets + buffer->used, octets, length);
        buffer->used += length;
    }
}

static void put_count(struct buffer *buffer, size_t count)
{
    const uint32_t number = (uint32_t)count;

    put(buffer, &number, sizeof(number));
}

static size_t zeros_at(const char *octets, size_t length)
{
    static const char zeros[64];
    size_t count = 0;

    /* Most of a result is long stretches of them. */
    while (length - count >= sizeof(zeros) && memcmp(octets + count, zeros, sizeof(zeros)) == 0) {
        count += sizeof(zeros);
    }
    while (count < length && octets[count] == '\0') {
        count++;
    }
    return count;
}

/* Octets up to the next zeros that are worth it. */
static size_t stretch_at(const char *octets, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t zeros = zeros_at(octets + at, length - at);
        if (zeros >= ZEROS_LEAST) {
            return at;
        }
        at += zeros;
        const char *zero = at < length ? memchr(octets + at, '\0', length - at) : NULL;
        at = zero != NULL ? (size_t)(zero - octets) : length;
    }
    return length;
}

static void pack(struct buffer *record, const void *from, size_t length)
{
    const char *octets = from;

    for (size_t at = 0; at < length;) {
        size_t stretch = stretch_at(octets + at, length - at);
        size_t zeros = zeros_at(octets + at + stretch, length - at - stretch);
        put_count(record, stretch);
        put_count(record, zeros);
        put(record, octets + at, stretch);
        at += stretch + zeros;
    }
}

/* Takes `length` octets out of the record, from *at on. */
static void unpack(const struct buffer *record, size_t *at, void *to, size_t length)
{
    char *out = to;
    uint32_t counts[2];

    for (size_t done = 0; done < length;) {
        memcpy(counts, record->octets + *at, sizeof(counts));
        *at += sizeof(counts);
        memcpy(out + done, record->octets + *at, counts[0]);
        *at += counts[0];
        done += counts[0];
        memset(out + done, 0, counts[1]);
        done += counts[1];
    }
}

/* ---- texts ------------------------------------------------------------------------------- */

/* Shows `visit` every pointer to a text that the result has. */
static void each_text(struct endpoint_result *result,
                      void (*visit)(struct result_store *store, const char **text),
                      struct result_store *store)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        struct technique_result *row = &result->techniques[i];
        const char **texts[] = {&row->own, &row->helo, &row->sender, &row->recipient, &row->text};
        for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
            visit(store, texts[j]);
        }
    }
    for (size_t i = 0; i < result->capability_count; i++) {
        visit(store, &result->capabilities[i]);
    }
    for (size_t role = 0; role < DOMAIN_ROLES; role++) {
        for (size_t i = 0; i < result->others[role].count; i++) {
            visit(store, &result->others[role].domains[i]);
        }
    }
    visit(store, &result->message.text);
}

/* Puts the text's offset, counted from 1, in the place of its address. */
static void pack_text(struct result_store *store, const char **text)
{
    size_t slot = ((uintptr_t)*text >> 3) % TEXT_POINTERS;

    if (*text == NULL) {
        return;
    }
    while (store->known[slot].text != NULL && store->known[slot].text != *text) {
        slot = (slot + 1) % TEXT_POINTERS;
    }
    if (store->known[slot].text == NULL) {
        store->known[slot] = (struct known_text){.text = *text, .offset = store->texts.used};
        put(&store->texts, *text, strlen(*text) + 1);
    }
    const uintptr_t place = store->known[slot].offset + 1;
    memcpy(text, &place, sizeof(place));
}

static void unpack_text(struct result_store *store, const char **text)
{
    uintptr_t place;

    memcpy(&place, text, sizeof(place));
    *text = place == 0 ? NULL : store->texts.octets + place - 1;
}

_Static_assert(sizeof(uintptr_t) == sizeof(const char *), "an offset fits into an address' place");

/* ---- the store --------------------------------------------------------------------------- */

struct result_store *result_store_new(size_t facts_size)
{
    struct result_store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return NULL;
    }
    store->facts_size = facts_size;
    store->spool = spool_new();
    store->facts = malloc(facts_size);
    store->findings = calloc(RESULT_FINDINGS, sizeof(*store->findings));
    if (store->spool == NULL || store->facts == NULL || store->findings == NULL) {
        result_store_free(store);
        return NULL;
    }
    return store;
}

void result_store_free(struct result_store *store)
{
    if (store != NULL) {
        spool_free(store->spool);
        free(store->record.octets);
        free(store->texts.octets);
        free(store->facts);
        free(store->findings);
        free(store);
    }
}

void result_store_add(struct result_store *store, const struct endpoint_result *result,
                      struct result_place *place)
{
    struct endpoint_result *image = &store->result;
    struct buffer *record = &store->record;

    *image = *result;
    memset(store->known, 0, sizeof(store->known));
    store->texts.used = store->record.used = 0;
    store->texts.failed = store->record.failed = false;
    each_text(image, pack_text, store);
    image->texts.first = NULL;
    image->findings = NULL;
    image->dns = NULL;
    const struct sizes sizes = {
        .texts = (uint32_t)store->texts.used,
        .findings = (uint32_t)(result->finding_count * sizeof(*result->findings)),
        .facts = result->dns != NULL ? (uint32_t)store->facts_size : 0,
    };
    put(record, &sizes, sizeof(sizes));
    pack(record, image, sizeof(*image));
    pack(record, store->texts.octets, sizes.texts);
    pack(record, result->findings, sizes.findings);
    pack(record, result->dns, sizes.facts);
    place->kept = !store->texts.failed && !record->failed &&
                  spool_add(store->spool, record->octets, record->used, &place->spool);
}

static bool make_room(struct buffer *buffer, size_t length)
{
    buffer->used = 0;
    buffer->failed = false;
    if (buffer->room < length) {
        char *grown = realloc(buffer->octets, length);
        if (grown == NULL) {
            return false;
        }
        buffer->octets = grown;
        buffer->room = length;
    }
    return true;
}

/* An open relay stays one; of anything else no good word is left. */
static const struct endpoint_result *lost(struct result_store *store,
                                          const struct result_place *place, const char *why)
{
    struct endpoint_result *result = &store->result;
    struct endpoint *endpoint = &result->endpoint;

    *result = (struct endpoint_result){
        .reach = REACH_NO_SESSION,
        .exhausted = true,
        .lost = true,
        .lost_critical = place->critical,
        .verdict = place->verdict == VERDICT_OPEN ? VERDICT_OPEN : VERDICT_INCONCLUSIVE,
    };
    endpoint->address = place->address;
    endpoint->port = place->port;
    endpoint->tls_asked = place->tls_asked;
    endpoint->configured = place->configured;
    endpoint->hosted = place->hosted;
    snprintf(endpoint->target, sizeof(endpoint->target), "%s", place->target);
    snprintf(endpoint->host, sizeof(endpoint->host), "%s", place->host);
    snprintf(endpoint->own, sizeof(endpoint->own), "%s", place->own);
    snprintf(result->why, sizeof(result->why), "%s of this endpoint could not be kept: %s",
             place->verdict == VERDICT_OPEN ? "An open relay was found, but the result"
             : place->critical              ? "A critical finding was made, but the result"
                                            : "The result",
             why);
    return result;
}

static const struct endpoint_result *unreadable(struct result_store *store,
                                                const struct result_place *place)
{
    char why[200];

    snprintf(why, sizeof(why),
             "it was put into a temporary file, which cannot be read: %s. Name a folder on a sound "
             "disk in TMPDIR and run the audit again.",
             strerror(errno));
    return lost(store, place, why);
}

static const struct endpoint_result *unaffordable(struct result_store *store,
                                                  const struct result_place *place)
{
    return lost(store, place,
                "memory was out. Give the probe more, or name fewer targets at once.");
}

const struct endpoint_result *result_store_get(struct result_store *store,
                                               const struct result_place *place)
{
    struct endpoint_result *result = &store->result;
    struct sizes sizes;
    size_t at = sizeof(sizes);

    if (!place->kept || !make_room(&store->record, place->spool.length)) {
        return unaffordable(store, place);
    }
    if (!spool_read(store->spool, &place->spool, store->record.octets)) {
        return unreadable(store, place);
    }
    memcpy(&sizes, store->record.octets, sizeof(sizes));
    if (!make_room(&store->texts, sizes.texts)) {
        return unaffordable(store, place);
    }
    unpack(&store->record, &at, result, sizeof(*result));
    unpack(&store->record, &at, store->texts.octets, sizes.texts);
    unpack(&store->record, &at, store->findings, sizes.findings);
    unpack(&store->record, &at, store->facts, sizes.facts);
    each_text(result, unpack_text, store);
    result->findings = result->finding_count > 0 ? store->findings : NULL;
    result->finding_room = result->finding_count;
    result->dns = sizes.facts > 0 ? store->facts : NULL;
    return result;
}
