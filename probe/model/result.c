#include "probe/model/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool outcome_denies_relaying(enum outcome outcome)
{
    return outcome == OUTCOME_RELAY_DENIED || outcome == OUTCOME_AUTH_REQUIRED;
}

bool outcome_is_temporary(enum outcome outcome)
{
    return outcome == OUTCOME_GREYLISTED || outcome == OUTCOME_DEFERRED;
}

void result_free(struct endpoint_result *result)
{
    string_pool_free(&result->texts);
    free(result->findings);
    result->findings = NULL;
    result->finding_count = 0;
    result->finding_room = 0;
    result->unkept = 0;
    result->technique_count = 0;
}

struct technique_result *result_add(struct endpoint_result *result,
                                    const struct technique *technique)
{
    if (result->technique_count == RESULT_TECHNIQUES) {
        return NULL;
    }
    struct technique_result *row = &result->techniques[result->technique_count++];
    *row = (struct technique_result){
        .technique = technique, .helo = "", .sender = "", .recipient = "", .text = "not asked"};
    return row;
}

struct finding *result_add_finding(struct endpoint_result *result)
{
    if (result->finding_count == RESULT_FINDINGS) {
        return NULL;
    }
    if (result->finding_count == result->finding_room) {
        size_t room = result->finding_room + 1;
        struct finding *findings = realloc(result->findings, room * sizeof(*findings));
        if (findings == NULL) {
            return NULL;
        }
        result->findings = findings;
        result->finding_room = room;
    }
    return &result->findings[result->finding_count++];
}

/* ---- endpoints -------------------------------------------------------------------------- */

const char *endpoint_place(const struct endpoint *endpoint, enum tls_mode tls,
                           char out[ENDPOINT_PLACE_SIZE])
{
    char where[ENDPOINT_TEXT_SIZE];

    if (endpoint->address.family == ADDRESS_NONE) {
        snprintf(out, ENDPOINT_PLACE_SIZE, "%s:%u/%s", endpoint->host, (unsigned int)endpoint->port,
                 tls_mode_name(tls));
    } else {
        snprintf(out, ENDPOINT_PLACE_SIZE, "%s/%s",
                 address_format_port(&endpoint->address, endpoint->port, where),
                 tls_mode_name(tls));
    }
    return out;
}

const char *endpoint_key(const struct endpoint *endpoint, char out[ENDPOINT_KEY_SIZE])
{
    char place[ENDPOINT_PLACE_SIZE];

    snprintf(out, ENDPOINT_KEY_SIZE, "%s %s", endpoint_place(endpoint, endpoint->tls_asked, place),
             endpoint->own);
    return out;
}

/* A damaged database may hold anything; neither a host nor an address has a slash. */
void endpoint_key_read(const char *key, struct endpoint_key_parts *out)
{
    size_t length = strcspn(key, "/ ");
    const char *tls = key[length] == '/' ? key + length + 1 : "";
    size_t colon = length;

    *out = (struct endpoint_key_parts){.port = 0};
    while (colon > 0 && key[colon - 1] != ':') {
        colon--;
    }
    if (colon > 0) {
        out->port = (unsigned int)strtoul(key + colon, NULL, 10);
        length = colon - 1;
    }
    if (length > 1 && key[0] == '[' && key[length - 1] == ']') {
        key++;
        length -= 2;
    }
    snprintf(out->where, sizeof(out->where), "%.*s", (int)length, key);
    snprintf(out->tls, sizeof(out->tls), "%.*s", (int)strcspn(tls, " "), tls);
}
