#include "probe/report/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/finding_json.h"
#include "probe/model/endpoint_text.h"

const struct history_endpoint *history_find(const struct history *history, const char *key)
{
    const size_t length = strlen(key);
    const struct history_endpoint *found = NULL;

    for (size_t i = 0; i < history->endpoint_count && length > 0; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        if (strncmp(endpoint->key, key, length) != 0) {
            continue;
        }
        if (endpoint->key[length] == '\0') {
            return endpoint;
        }
        if (found == NULL && strchr("/ ", endpoint->key[length]) != NULL) {
            found = endpoint;
        }
    }
    return found;
}

const struct history_endpoint *history_views(const struct history_endpoint *endpoint, size_t *count)
{
    const struct history *history = endpoint->history;
    const size_t at = (size_t)(endpoint - history->endpoints);
    size_t begin = at;
    size_t end = at + 1;

    while (begin > 0 && strcmp(history->endpoints[begin - 1].key, endpoint->key) == 0) {
        begin--;
    }
    while (end < history->endpoint_count &&
           strcmp(history->endpoints[end].key, endpoint->key) == 0) {
        end++;
    }
    *count = end - begin;
    return &history->endpoints[begin];
}

const struct history_span *history_state(const struct history_endpoint *endpoint)
{
    return &endpoint->spans[endpoint->span_count - 1];
}

const json_t *history_detail(const struct history_endpoint *endpoint)
{
    struct history *history = endpoint->history;

    if (history->detail != NULL && history->detail_of == endpoint->id) {
        return history->detail;
    }
    char *text = malloc((size_t)endpoint->place.length + 1);
    json_decref(history->detail);
    history->detail = text != NULL && spool_read(history->details, &endpoint->place, text)
                          ? json_loadb(text, endpoint->place.length, 0, NULL)
                          : NULL;
    history->detail_of = endpoint->id;
    history->failed |= history->detail == NULL;
    free(text);
    return history->detail;
}

const char *history_text(const struct history_endpoint *endpoint, const char *name)
{
    const struct {
        const char *name;
        const char *text;
    } known[] = {
        {"target", endpoint->target},
        {"host", endpoint->host},
        {"address", endpoint->address},
        {"tls", endpoint->tls},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].text;
        }
    }
    const char *text = json_string_value(json_object_get(history_detail(endpoint), name));
    return text != NULL ? text : "";
}

void history_remedies(const struct history_endpoint *endpoint, struct remedies *out)
{
    const char *fix = history_text(endpoint, "fix");

    if (!finding_json_read_remedies(out, json_object_get(history_detail(endpoint), "remedies"))) {
        remedies_clear(out);
        if (fix[0] != '\0') {
            remedies_add(out, MTA_UNKNOWN, "%s", fix);
        }
    }
}

const char *history_where(const struct history_endpoint *endpoint, char out[HISTORY_WHERE_SIZE])
{
    const char *address = history_text(endpoint, "address");
    bool six = strchr(address, ':') != NULL;

    if (address[0] == '\0') {
        snprintf(out, HISTORY_WHERE_SIZE, "no address");
    } else {
        snprintf(out, HISTORY_WHERE_SIZE, "%s%.64s%s:%u%s", six ? "[" : "", address, six ? "]" : "",
                 endpoint->port, endpoint_tls_words(history_text(endpoint, "tls")));
    }
    return out;
}

const char *history_place(const struct history_endpoint *endpoint, char out[HISTORY_PLACE_SIZE])
{
    const char *address = history_text(endpoint, "address");
    bool six = strchr(address, ':') != NULL;

    snprintf(out, HISTORY_PLACE_SIZE, "%s%.300s%s:%u/%.12s", six ? "[" : "",
             address[0] != '\0' ? address : history_text(endpoint, "host"), six ? "]" : "",
             endpoint->port, history_text(endpoint, "tls"));
    return out;
}
