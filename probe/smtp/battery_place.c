#include "probe/smtp/battery_place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/domain.h"
#include "probe/smtp/ehlo.h"

/* The first word of `text`, if it is a qualified domain. */
static void read_name(char out[DOMAIN_SIZE], const char *text)
{
    size_t length = strcspn(text, " ");
    struct address address;

    if (memchr(text, '.', length) == NULL || !domain_normalise(text, length, out) ||
        address_parse(out, &address)) {
        out[0] = '\0';
    }
}

static void read_names(const struct battery_place *at, struct battery_place_names *names)
{
    const struct endpoint *endpoint = &at->result->endpoint;

    read_name(names->host, endpoint->host);
    read_name(names->greeted, at->result->banner);
    read_name(names->ehlo, at->ehlo);
    if (strcmp(names->ehlo, names->greeted) == 0 || strcmp(names->ehlo, names->host) == 0) {
        names->ehlo[0] = '\0';
    }
    if (strcmp(names->greeted, names->host) == 0) {
        names->greeted[0] = '\0';
    }
    if (names->host[0] == '\0') { /* asked by its address */
        memcpy(names->host, names->greeted, sizeof(names->host));
        names->greeted[0] = '\0';
    }
    char *const all[] = {names->host, names->greeted, names->ehlo};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcasecmp(all[i], endpoint->own) == 0) {
            all[i][0] = '\0';
        }
    }
}

/* FNV-1a, of the text and its end. */
static uint64_t add_text(uint64_t digest, const char *text)
{
    do {
        digest = (digest ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++ != '\0');
    return digest;
}

/* They change at most twice a connection, and every envelope wants them. */
static const struct battery_place_names *names_of(struct battery_place *at)
{
    uint64_t of = add_text(add_text(UINT64_C(0xcbf29ce484222325), at->result->banner), at->ehlo);

    if (at->names.of != of) {
        read_names(at, &at->names);
        at->names.of = of;
    }
    return &at->names;
}

void battery_place_begin(struct battery_place *at, const struct endpoint_result *result,
                         const struct vantage_known *vantage, const char *canary)
{
    const struct address *address = &result->endpoint.address;
    char text[ADDRESS_TEXT_SIZE];

    *at = (struct battery_place){.result = result, .vantage = vantage, .canary = canary};
    address_format_literal(address, at->literal);
    snprintf(at->address, sizeof(at->address), "%s%s",
             address->family == ADDRESS_IPV6 ? BATTERY_PLACE_IPV6 : "",
             address_format(address, text));
}

bool battery_place_envelope(struct battery_place *at, const struct technique_result *into,
                            struct envelope *out)
{
    const struct battery_place_names *names = names_of(at);
    const struct technique_place place = {
        .address = at->address,
        .loopback = at->result->endpoint.address.family == ADDRESS_IPV6 ? BATTERY_PLACE_IPV6 "::1"
                                                                        : "127.0.0.1",
        .canary = at->canary,
        .ask = TOKEN_ASK_BLANK,
        .own = into->own != NULL ? into->own : at->result->endpoint.own,
        .host = names->host,
        .literal = at->literal,
        .client = at->client,
        .greeted = names->greeted,
        .ehlo = names->ehlo,
    };

    return technique_envelope(into->technique, &place, out);
}

uint64_t battery_place_digest(const struct battery_place *at)
{
    const struct endpoint_result *result = at->result;
    uint64_t digest = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)result->tls << 1 ^
                      (uint64_t)vantage_is_inside(result, at->vantage);

    digest = add_text(digest, result->banner);
    digest = add_text(digest, at->ehlo);
    digest = add_text(digest, at->client);
    for (size_t i = 0; i < result->capability_count; i++) {
        digest = add_text(digest, result->capabilities[i]);
    }
    return digest;
}

static bool uses(const struct technique *technique, const char *name)
{
    return strstr(technique->sender, name) != NULL || strstr(technique->recipient, name) != NULL ||
           (technique->helo != NULL && strstr(technique->helo, name) != NULL);
}

const char *battery_place_why_absent(struct battery_place *at, const struct technique *technique)
{
    const struct endpoint_result *result = at->result;
    const struct vantage_known *vantage = at->vantage;

    /* One that is trusted may be meant to name other clients. */
    if (technique->identity == TECHNIQUE_IDENTITY_XCLIENT &&
        (vantage->declared != VANTAGE_OUTSIDE || vantage_is_inside(result, vantage))) {
        return "not asked: what XCLIENT does for this client shows nothing of strangers";
    }

    if (technique->in_clear) {
        return result->tls == TLS_STARTTLS && result->endpoint.tls_asked == TLS_AUTO
                   ? NULL
                   : "not asked: nothing else is asked inside STARTTLS";
    }
    if (technique->requires != NULL && !ehlo_offers(result, technique->requires)) {
        return "not asked: the server does not offer what it takes";
    }
    const struct battery_place_names *names = names_of(at);
    if ((uses(technique, "{host}") && names->host[0] == '\0') ||
        (uses(technique, "{greeted}") && names->greeted[0] == '\0') ||
        (uses(technique, "{ehlo}") && names->ehlo[0] == '\0')) {
        return "not asked: the server has no such name beside those that are asked";
    }
    return NULL;
}
