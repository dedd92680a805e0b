#include "probe/model/endpoint_text.h"

#include <stdio.h>
#include <string.h>

/* TLS_NONE says nothing: SMTP's usual way needs no word. */
static const char *const mode_words[] = {
    [TLS_NONE] = "",
    [TLS_STARTTLS] = " (STARTTLS)",
    [TLS_IMPLICIT] = " (TLS)",
    [TLS_AUTO] = "",
};

const char *endpoint_tls_words(const char *name)
{
    for (size_t i = 0; i < sizeof(mode_words) / sizeof(mode_words[0]); i++) {
        if (strcmp(tls_mode_name((enum tls_mode)i), name) == 0) {
            return mode_words[i];
        }
    }
    return "";
}

const char *endpoint_spell(const struct endpoint *endpoint, enum tls_mode tls,
                           char out[ENDPOINT_SPELLED_SIZE])
{
    char address[ADDRESS_TEXT_SIZE];
    char where[ENDPOINT_TEXT_SIZE];
    const char *host = endpoint->host;

    address_format(&endpoint->address, address);
    if (endpoint->address.family == ADDRESS_NONE) {
        snprintf(out, ENDPOINT_SPELLED_SIZE, "%s without an address", host);
    } else if (host[0] == '\0' || strcmp(host, address) == 0) {
        snprintf(out, ENDPOINT_SPELLED_SIZE, "%s%s",
                 address_format_port(&endpoint->address, endpoint->port, where),
                 endpoint_tls_words(tls_mode_name(tls)));
    } else {
        snprintf(out, ENDPOINT_SPELLED_SIZE, "%s [%s]:%u%s", host, address,
                 (unsigned int)endpoint->port, endpoint_tls_words(tls_mode_name(tls)));
    }
    return out;
}
