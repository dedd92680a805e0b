#include "probe/smtp/client/session_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SMTPS_PORT 465 /* RFC 8314 section 3.3 */

/* ---- facts ------------------------------------------------------------------------------ */

bool session_has_company(const struct session *session)
{
    return session->other != NULL && session->other->battery != NULL &&
           session->other->state != SESSION_OVER;
}

bool session_is_special(const struct session *session)
{
    return session->claim != BATTERY_COMMON;
}

const struct technique *session_claimed(const struct session *session)
{
    return session_is_special(session)
               ? session->battery->result->techniques[session->claim].technique
               : NULL;
}

bool session_is_proxied(const struct session *session)
{
    const struct technique *technique = session_claimed(session);

    return technique != NULL && technique_is_proxied(technique);
}

void session_set_source(struct session *session, const struct address *source)
{
    session->link.source = *source;
    address_format(source, session->link.client);
}

bool session_is_refusal(const struct reply *reply)
{
    return reply->code >= 400;
}

enum tls_mode session_asked_tls(const struct session *session)
{
    const struct endpoint *endpoint = &session->battery->result->endpoint;

    if (endpoint->tls_asked == TLS_AUTO && endpoint->port == SMTPS_PORT) {
        return TLS_IMPLICIT;
    }
    return endpoint->tls_asked;
}

/* ---- orders ----------------------------------------------------------------------------- */

/* The parts are ours: templates, configuration, normalised names. */
void session_send(struct session *session, enum session_state next, const char *format, ...)
{
    char *line = session->order.line;
    va_list arguments;

    session->state = next;
    session->order.action = SESSION_SEND;
    va_start(arguments, format);
    vsnprintf(line, sizeof(session->order.line) - 2, format, arguments);
    va_end(arguments);
    memcpy(line + strlen(line), "\r\n", sizeof("\r\n"));
}

void session_listen(struct session *session, enum session_state next)
{
    session->state = next;
    session->order.action = SESSION_LISTEN;
}

void session_secure(struct session *session)
{
    session->state = SESSION_HANDSHAKE;
    session->order.action = SESSION_SECURE;
}

/* ---- replies, shown --------------------------------------------------------------------- */

void session_describe(char out[SESSION_SENTENCE_SIZE], const char *what, const struct reply *reply)
{
    char text[SESSION_SENTENCE_SIZE / 4 * 3];

    reply_show(reply, text, sizeof(text));
    snprintf(out, SESSION_SENTENCE_SIZE, "%s: %d%s%s%s%s", what, reply->code,
             reply->enhanced[0] != '\0' ? " " : "", reply->enhanced, text[0] != '\0' ? " " : "",
             text);
}

void session_first_line(const struct reply *reply, char out[REPLY_TEXT_SIZE])
{
    (void)snprintf(out, REPLY_TEXT_SIZE, "%.*s", (int)strcspn(reply->text, "\n"), reply->text);
}
