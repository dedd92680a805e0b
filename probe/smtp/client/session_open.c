#include "probe/smtp/client/session_steps.h"

#include <stdio.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/smtp/ehlo.h"
#include "probe/smtp/reply/reply_class.h"

void session_say_ehlo(struct session *session)
{
    const char *name = session->battery->settings->helo;
    struct envelope envelope;

    if (session_is_special(session) &&
        battery_envelope(session->battery, session->claim, &envelope) && envelope.helo[0] != '\0') {
        name = envelope.helo;
    }
    if (name[0] != '\0') {
        snprintf(session->link.helo, sizeof(session->link.helo), "%s", name);
    } else {
        char literal[ENDPOINT_TEXT_SIZE];
        snprintf(session->link.helo, sizeof(session->link.helo), "%s",
                 address_format_literal(&session->link.source, literal));
    }
    session_send(session, SESSION_EHLO, "EHLO %s", session->link.helo);
}

static void end_endpoint(struct session *session, const char *what, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, what, reply);
    session_give_up(session, why);
    session_leave(session, reply);
}

/* Whether a greeting that wants no session speaks of our address or of a list that it is on, as
 * postscreen's does. */
static bool refuses_client(const struct session *session, const struct reply *reply)
{
    struct reply refusal = *reply;
    const struct reply_class_question question = {
        .command = COMMAND_MAIL,
        .reply = &refusal,
        .client = session->link.client,
        .helo = session->battery->settings->helo,
    };

    if (refusal.code == SESSION_CODE_CLOSING) {
        refusal.code = 554; /* 421 is judged by our address alone */
    }
    return reply_class_judge(&question) == OUTCOME_CLIENT_REFUSED;
}

bool session_leave_ungreeted(struct session *session, const char *why)
{
    if (!battery_ungreeted(session->battery)) {
        return false;
    }
    if (!session->battery->result->proxied) {
        battery_trouble(session->battery, "%s", why);
    }
    return true;
}

/* The PROXY header was not taken for one. */
static void refuse_proxy(struct session *session, const char *what, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, what, reply);
    session_give_up_proxy(session, why);
    session_leave(session, reply);
}

/* Keeps a greeting that wants no session, with all its lines, and what it shows. A second
 * connection may hear another, or none: Exim tells the one that began with a PROXY header that it
 * spoke too early. */
static void keep_refusal(struct session *session, const char *why, const struct reply *reply)
{
    struct endpoint_result *result = session->battery->result;
    bool welcome = result->banner[0] != '\0' && session->battery->told == BATTERY_NOT_TURNED_AWAY;
    enum battery_turned_away told = session_is_proxied(session) ? BATTERY_TURNED_AWAY_PROXIED
                                    : reply->code < 500         ? BATTERY_TURNED_AWAY_FOR_NOW
                                                                : BATTERY_TURNED_AWAY_FOR_GOOD;

    if (!battery_turn_away(session->battery, told, why)) {
        return;
    }
    if (!welcome) {
        reply_show(reply, result->banner, sizeof(result->banner));
    }
    result->greeting_closing = session_is_refusal(reply);
    result->greeting_names_client = refuses_client(session, reply);
}

/* It wants no session. */
static void take_refusal(struct session *session, const struct reply *reply)
{
    bool proxied = session_is_proxied(session);
    const char *what = proxied ? "The server wants no session after a PROXY header"
                               : "The server wants no session";
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, what, reply);
    keep_refusal(session, why, reply);
    if (proxied) {
        refuse_proxy(session, what, reply);
    } else if (reply->code == SESSION_CODE_CLOSING && !refuses_client(session, reply) &&
               session_leave_ungreeted(session, why)) {
        session_close(session); /* a PROXY header may be missing */
    } else {
        session_give_up(session, why);
        session_leave(session, reply);
    }
}

void session_take_greeting(struct session *session, const struct reply *reply)
{
    struct endpoint_result *result = session->battery->result;

    result->greeting_code = reply->code;
    if (!reply_is_positive(reply)) {
        take_refusal(session, reply);
        return;
    }
    reply_show(reply, result->banner, sizeof(result->banner));
    if (!session_is_proxied(session)) {
        battery_reached(session->battery, REACH_NO_SESSION);
    }
    session_say_ehlo(session);
}

static bool must_claim(const struct session *session)
{
    return session->battery->settings->claim.family != ADDRESS_NONE && !session->link.claimed;
}

/* Offers to a special connection, or what is offered in the clear where TLS follows again,
 * is nothing new; unless there are only those with a PROXY header, but then it is offered to whom
 * that names. */
static void keep_offers(struct session *session, const struct reply *reply)
{
    struct battery *battery = session->battery;

    if (must_claim(session)) {
        return; /* it is not a stranger who is offered this */
    }

    if (session_is_proxied(session)) {
        ehlo_keep(battery->result, reply);
        return;
    }
    if (session_is_special(session) ||
        (battery->result->tls != TLS_NONE && !session->link.secured)) {
        return;
    }
    ehlo_keep(battery->result, reply);
    ehlo_hear(battery->result, reply->text, session->link.secured);
    size_t length = strcspn(reply->text, " \n");
    printable(battery->place.ehlo, sizeof(battery->place.ehlo), reply->text, length);
}

static bool wants_starttls(const struct session *session)
{
    enum tls_mode asked = session_asked_tls(session);

    const struct technique *claimed = session_claimed(session);

    if (session->link.secured || session->battery->in_clear ||
        (claimed != NULL && claimed->in_clear)) {
        return false;
    }
    return asked == TLS_STARTTLS ||
           (asked == TLS_AUTO && (session->link.hello.offers & REPLY_OFFERS_STARTTLS) != 0);
}

/* The claimed vantage is not to be had. */
static void give_up_vantage(struct session *session, const char *why)
{
    battery_reached(session->battery, REACH_NO_CLAIM);
    session_give_up(session, why);
}

/* Becomes the client that the vantage is, whose name nobody knows. */
static void take_vantage(struct session *session)
{
    const struct address *claim = &session->battery->settings->claim;
    char address[ADDRESS_TEXT_SIZE];
    char attributes[ADDRESS_TEXT_SIZE + 96];
    char command[SESSION_COMMAND_SIZE];
    char why[SESSION_SENTENCE_SIZE];

    if (!ehlo_reply_offers(&session->link.hello, "XCLIENT ADDR")) {
        snprintf(why, sizeof(why), "XCLIENT is not offered to %s", session->link.client);
        give_up_vantage(session, why);
        session_quit(session);
        return;
    }
    snprintf(attributes, sizeof(attributes),
             "ADDR=%s%s NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] PORT=49152",
             claim->family == ADDRESS_IPV6 ? "IPV6:" : "", address_format(claim, address));
    session_write_xclient(&session->link.hello, attributes, command);
    session_send(session, SESSION_VANTAGE, "%.*s", (int)strcspn(command, "\r"), command);
}

void session_take_vantage(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (reply->code == SESSION_CODE_READY) {
        session->link.claimed = true;
        session->filter.asker.claimed = true;
        session_set_source(session, &session->battery->settings->claim);
        session->battery->result->source = session->link.source;
        session_say_ehlo(session);
        return;
    }
    session_describe(why, "XCLIENT was refused", reply);
    give_up_vantage(session, why);
    session_leave(session, reply);
}

/* EHLO or HELO was taken. */
static void agreed(struct session *session)
{
    struct endpoint_result *result = session->battery->result;

    if (!session_is_proxied(session)) {
        battery_greeted(session->battery);
    }
    if (wants_starttls(session)) {
        session_send(session, SESSION_STARTTLS, "STARTTLS");
        return;
    }
    if (must_claim(session)) {
        take_vantage(session);
        return;
    }
    if (session_is_special(session) && !session_is_proxied(session)) {
        session_say_hello(session);
        return;
    }
    if (!session->link.secured) {
        result->tls = TLS_NONE;
    } else {
        result->tls = session_asked_tls(session) == TLS_IMPLICIT ? TLS_IMPLICIT : TLS_STARTTLS;
    }
    if (session_is_proxied(session)) {
        result->proxied = true;
    } else {
        battery_settle(session->battery);
    }
    session_say_hello(session);
}

void session_take_ehlo(struct session *session, const struct reply *reply)
{
    session->link.hello = *reply;
    if (reply_is_positive(reply)) {
        session->battery->result->starttls_offered |= (reply->offers & REPLY_OFFERS_STARTTLS) != 0;
        keep_offers(session, reply);
        agreed(session);
    } else if (session_is_proxied(session)) {
        /* Mostly it is the header that is answered: as a command, by a server that is slow to
         * greet.
         */
        refuse_proxy(session, "The server does not go on after a PROXY header", reply);
    } else if (reply->code == SESSION_CODE_CLOSING) {
        end_endpoint(session, "The server ended the session at EHLO", reply);
    } else {
        session->link.hello.offers = 0;
        if (!session_is_special(session)) {
            session->battery->result->capability_count = 0;
        }
        session_send(session, SESSION_HELO, "HELO %s", session->link.helo);
    }
}

/* Exim greets after three seconds without a header, and then refuses every command. */
static bool leave_refused_for_proxy(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, "The server takes neither EHLO nor HELO", reply);
    if (session_is_proxied(session) || strcasestr(reply->text, "proxy") == NULL ||
        !session_leave_ungreeted(session, why)) {
        return false;
    }
    session_quit(session);
    return true;
}

void session_take_helo(struct session *session, const struct reply *reply)
{
    if (reply_is_positive(reply)) {
        agreed(session);
    } else if (!leave_refused_for_proxy(session, reply)) {
        bool is_of_one = session_is_special(session) && !session_is_proxied(session);
        size_t row = session->claim;
        end_endpoint(session, "The server takes neither EHLO nor HELO", reply);
        if (is_of_one && reply->code >= 500) {
            session->battery->result->techniques[row].helo_refused = true;
        }
    }
}

void session_take_starttls(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (reply->code == SESSION_CODE_READY) {
        session_secure(session);
        return;
    }
    session_describe(why,
                     (session->link.hello.offers & REPLY_OFFERS_STARTTLS) != 0
                         ? "STARTTLS was refused"
                         : "STARTTLS is demanded, but not offered, and was refused",
                     reply);
    session_give_up_tls(session, why);
    session_leave(session, reply);
}

void session_give_up_tls(struct session *session, const char *why)
{
    struct battery *battery = session->battery;

    /* Where TLS worked a moment ago, the rest in the clear would be another question. */
    if (session_asked_tls(session) == TLS_STARTTLS || battery->result->reach == REACH_SESSION) {
        battery_reached(battery, REACH_NO_TLS);
        session_give_up(session, why);
        return;
    }
    battery->in_clear = true;
    battery->result->tls_protocol[0] = '\0';
    battery->result->tls_certificate[0] = '\0';
    snprintf(battery->result->tls_trouble, sizeof(battery->result->tls_trouble), "%s", why);
    battery_trouble(battery, "%.400s; asked without TLS", why);
}
