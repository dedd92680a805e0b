#include <stdlib.h>
#include <string.h>

#include "probe/audit/audit_private.h"

#define BUCKETS_FIRST 64

/* FNV-1a over the address and port. The addresses may be strangers' choice, but what they can
 * choose is bounded a target (endpoints.h). */
static size_t bucket_of(const struct audit *audit, const struct address *address, uint16_t port)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ port;

    for (size_t i = 0; i < sizeof(address->octets); i++) {
        hash = (hash ^ address->octets[i]) * UINT64_C(1099511628211);
    }
    return (size_t)(hash ^ hash >> 32) & (audit->bucket_count - 1);
}

static bool is_at(const struct place *place, const struct address *address, uint16_t port)
{
    return place->result.port == port && address_equal(&place->result.address, address);
}

bool audit_is_known(struct audit *audit, const struct endpoint *endpoint, bool *shared)
{
    *shared = false;
    if (audit->bucket_count == 0) {
        return false;
    }
    size_t bucket = bucket_of(audit, &endpoint->address, endpoint->port);
    for (struct place *known = audit->buckets[bucket]; known != NULL;
         known = known->next_in_bucket) {
        if (!is_at(known, &endpoint->address, endpoint->port)) {
            continue;
        }
        if (known->result.tls_asked == endpoint->tls_asked &&
            strcmp(known->result.own, endpoint->own) == 0) {
            return true;
        }
        if (known->entry != NULL) {
            known->entry->shared = true;
        }
        *shared = true;
    }
    return false;
}

unsigned int audit_connections_there(const struct audit *audit, const struct entry *entry)
{
    const struct endpoint *endpoint = &entry->result.endpoint;
    unsigned int connections = 0;

    if (audit->bucket_count == 0) {
        return 0;
    }
    size_t bucket = bucket_of(audit, &endpoint->address, endpoint->port);
    for (const struct place *place = audit->buckets[bucket]; place != NULL;
         place = place->next_in_bucket) {
        if (place->entry != NULL && place->entry->state == ENTRY_ASKING &&
            is_at(place, &endpoint->address, endpoint->port)) {
            connections += place->entry->connections;
        }
    }
    return connections;
}

static void put_in_bucket(struct audit *audit, struct place *place)
{
    const struct result_place *at = &place->result;
    struct place **bucket = &audit->buckets[bucket_of(audit, &at->address, at->port)];

    place->next_in_bucket = *bucket;
    *bucket = place;
}

/* As many buckets as places, about. */
static bool has_buckets(struct audit *audit)
{
    size_t count = audit->bucket_count == 0 ? BUCKETS_FIRST : audit->bucket_count * 4;

    if (audit->place_count < audit->bucket_count) {
        return true;
    }
    struct place **buckets = calloc(count, sizeof(struct place *));
    if (buckets == NULL) {
        return audit->bucket_count > 0; /* it goes on, more slowly */
    }
    free(audit->buckets);
    audit->buckets = buckets;
    audit->bucket_count = count;
    for (size_t i = 0; i < audit->place_count; i++) {
        if (audit->places[i]->result.address.family != ADDRESS_NONE) {
            put_in_bucket(audit, audit->places[i]);
        }
    }
    return true;
}

static bool has_room(struct audit *audit)
{
    if (audit->place_count == audit->place_room) {
        size_t room = audit->place_room == 0 ? 64 : audit->place_room * 2;
        struct place **places = reallocarray(audit->places, room, sizeof(struct place *));
        if (places == NULL) {
            return false;
        }
        audit->places = places;
        /* By the end memory may be out, when what was found has yet to be told. */
        const struct result_place **stored =
            reallocarray(audit->stored, room, sizeof(const struct result_place *));
        if (stored == NULL) {
            return false;
        }
        audit->stored = stored;
        audit->place_room = room;
    }
    return true;
}

struct place *audit_add_place(struct audit *audit, size_t target, const struct resolved *resolved)
{
    const struct endpoint *endpoint = &resolved->endpoint;
    size_t own_size = strlen(endpoint->own) + 1;
    size_t host_size = strlen(endpoint->host) + 1;

    if (!has_room(audit) || !has_buckets(audit)) {
        return NULL;
    }
    struct place *place = calloc(1, sizeof(*place) + own_size + host_size);
    if (place == NULL) {
        return NULL;
    }
    place->target = target;
    place->rank = resolved->rank;
    memcpy(place->texts, endpoint->own, own_size);
    memcpy(place->texts + own_size, endpoint->host, host_size);
    place->result = (struct result_place){
        .verdict = VERDICT_INCONCLUSIVE,
        .configured = endpoint->configured,
        .hosted = endpoint->hosted,
        .tls_asked = endpoint->tls_asked,
        .port = endpoint->port,
        .address = endpoint->address,
        .target = audit->request.targets[target].name,
        .host = place->texts + own_size,
        .own = place->texts,
    };
    audit->places[audit->place_count++] = place;
    if (place->result.address.family != ADDRESS_NONE) {
        put_in_bucket(audit, place);
    }
    return place;
}
