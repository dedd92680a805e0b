#include "probe/cli/transcript.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe/smtp/client/session.h"
#include "probe/smtp/proxy_header.h"

#define SMTPS_PORT   465
#define CLAIMED_PORT 49152

/* "relaywarden" in base64 (RFC 4505 section 2). */
#define ANONYMOUS_TRACE "cmVsYXl3YXJkZW4="

static void add(char lines[][TRANSCRIPT_LINE_SIZE], size_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(char lines[][TRANSCRIPT_LINE_SIZE], size_t *count, const char *format, ...)
{
    va_list arguments;

    if (*count == TRANSCRIPT_LINES) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(lines[(*count)++], TRANSCRIPT_LINE_SIZE, format, arguments);
    va_end(arguments);
}

/* ---- how to connect ------------------------------------------------------------------ */

static bool is_implicit(const struct endpoint *endpoint)
{
    return endpoint->tls_asked == TLS_IMPLICIT ||
           (endpoint->tls_asked == TLS_AUTO && endpoint->port == SMTPS_PORT);
}

/* A header as an argument of printf(1): what is not plain text in octal. */
static void quote_header(const char *header, size_t length, char out[TRANSCRIPT_LINE_SIZE])
{
    size_t at = 0;

    for (size_t i = 0; i < length && at + 8 < TRANSCRIPT_LINE_SIZE; i++) {
        unsigned char octet = (unsigned char)header[i];
        bool plain = octet >= ' ' && octet < 0x7f && strchr("\\'%", octet) == NULL;
        at += (size_t)snprintf(out + at, TRANSCRIPT_LINE_SIZE - at, plain ? "%c" : "\\%03o", octet);
    }
    out[at] = '\0';
}

static bool connect_proxied(const struct technique *technique, const struct endpoint *endpoint,
                            const struct envelope *envelope, struct transcript *out)
{
    static const char mark[] = "IPV6:";
    const char *source = envelope->claim;
    struct proxy_header_claim claim = {.destination = endpoint->address,
                                       .destination_port = endpoint->port,
                                       .source_port = CLAIMED_PORT};
    char address[ADDRESS_TEXT_SIZE];
    char header[PROXY_HEADER_SIZE];
    char quoted[TRANSCRIPT_LINE_SIZE];

    source += strncmp(source, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
    if (!address_parse(source, &claim.source)) {
        return false;
    }
    size_t length = technique->identity == TECHNIQUE_IDENTITY_PROXY_V1
                        ? proxy_header_write_v1(&claim, header)
                        : proxy_header_write_v2(&claim, header);
    quote_header(header, length, quoted);
    add(out->connect, &out->connect_count, "{ printf '%.400s'; cat; } | nc -C %s %u", quoted,
        address_format(&endpoint->address, address), endpoint->port);
    return length > 0;
}

static void connect_plainly(const struct technique *technique, const struct endpoint *endpoint,
                            struct transcript *out)
{
    char address[ADDRESS_TEXT_SIZE];
    char where[ENDPOINT_TEXT_SIZE];
    bool tls = endpoint->tls_asked != TLS_NONE && !technique->in_clear;

    if (!is_implicit(endpoint) && (!tls || endpoint->tls_asked == TLS_AUTO)) {
        add(out->connect, &out->connect_count, "telnet %s %u",
            address_format(&endpoint->address, address), endpoint->port);
    }
    if (tls) {
        add(out->connect, &out->connect_count, "openssl s_client -quiet -crlf%s -connect %s",
            is_implicit(endpoint) ? "" : " -starttls smtp",
            address_format_port(&endpoint->address, endpoint->port, where));
    }
}

/* ---- what to say --------------------------------------------------------------------- */

static void open_session(const struct technique *technique, const struct envelope *envelope,
                         const char *helo, struct transcript *out)
{
    const char *name = envelope->helo[0] != '\0' ? envelope->helo : helo;

    add(out->open, &out->open_count, "EHLO %s", name);
    if (technique->identity == TECHNIQUE_IDENTITY_ANONYMOUS) {
        add(out->open, &out->open_count, "AUTH ANONYMOUS " ANONYMOUS_TRACE);
    } else if (technique->identity == TECHNIQUE_IDENTITY_XCLIENT) {
        add(out->open, &out->open_count, "XCLIENT %s", envelope->claim);
        add(out->open, &out->open_count, "EHLO %s", name);
    }
}

static void ask(const struct technique *technique, const struct envelope *envelope,
                struct transcript *out)
{
    char spelled[ENVELOPE_PATH_SIZE];

    technique_spell(technique->spelling, envelope->recipient, spelled);
    if (technique->sequence == TECHNIQUE_SEQUENCE_AFTER_RESET) {
        add(out->ask, &out->ask_count, "MAIL FROM:%s%s", envelope->sender,
            envelope->sender_parameters);
        add(out->ask, &out->ask_count, "RCPT TO:%s", envelope->local);
        add(out->ask, &out->ask_count, "RSET");
    }
    add(out->ask, &out->ask_count, "MAIL FROM:%s%s", envelope->sender, envelope->sender_parameters);
    if (technique->sequence == TECHNIQUE_SEQUENCE_AFTER_LOCAL) {
        add(out->ask, &out->ask_count, "RCPT TO:%s", envelope->local);
    }
    add(out->ask, &out->ask_count, "RCPT TO:%s%s", spelled, envelope->recipient_parameters);
    add(out->ask, &out->ask_count, "RSET");
    if (envelope->control[0] != '\0') {
        add(out->control, &out->control_count, "MAIL FROM:%s%s", envelope->sender,
            envelope->sender_parameters);
        add(out->control, &out->control_count, "RCPT TO:%s", envelope->control);
        add(out->control, &out->control_count, "RSET");
    }
    if (envelope->made_up[0] != '\0') {
        add(out->control, &out->control_count, "MAIL FROM:%s%s", envelope->sender,
            envelope->sender_parameters);
        add(out->control, &out->control_count, "RCPT TO:%s", envelope->made_up);
        add(out->control, &out->control_count, "RSET");
    }
}

static const char *xclient_address(const struct address *address,
                                   char out[ADDRESS_TEXT_SIZE + sizeof("IPV6:")])
{
    char text[ADDRESS_TEXT_SIZE];

    (void)snprintf(out, ADDRESS_TEXT_SIZE + sizeof("IPV6:"), "%s%s",
                   address->family == ADDRESS_IPV6 ? "IPV6:" : "", address_format(address, text));
    return out;
}

bool transcript_write(const struct technique *technique, const struct transcript_place *place,
                      struct transcript *out)
{
    const struct endpoint *endpoint = place->endpoint;
    struct address parsed;
    char literal[ENDPOINT_TEXT_SIZE];
    char client[ENDPOINT_TEXT_SIZE] = "";
    char address[ADDRESS_TEXT_SIZE + sizeof("IPV6:")];
    bool named = strchr(endpoint->host, '.') != NULL && !address_parse(endpoint->host, &parsed);
    struct envelope envelope;

    if (place->source->family != ADDRESS_NONE) {
        address_format_literal(place->source, client);
    }
    const struct technique_place known = {
        .canary = place->canary,
        .own = endpoint->own,
        .host = named ? endpoint->host : NULL,
        .literal = address_format_literal(&endpoint->address, literal),
        .client = client,
        .greeted = TRANSCRIPT_GREETED,
        .ehlo = TRANSCRIPT_EHLO,
        .address = xclient_address(&endpoint->address, address),
        .loopback = endpoint->address.family == ADDRESS_IPV6 ? "IPV6:::1" : "127.0.0.1",
    };
    if (!technique_envelope(technique, &known, &envelope)) {
        return false;
    }
    memset(out, 0, sizeof(*out));
    if (technique_is_proxied(technique)) {
        if (!connect_proxied(technique, endpoint, &envelope, out)) {
            return false;
        }
    } else {
        connect_plainly(technique, endpoint, out);
    }
    open_session(technique, &envelope, place->helo[0] != '\0' ? place->helo : client, out);
    ask(technique, &envelope, out);
    return true;
}
