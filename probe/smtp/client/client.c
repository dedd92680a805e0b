#include "probe/smtp/client/client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/net/transport.h"

#define SENTENCE_SIZE RESULT_TEXT_SIZE
#define LANES         2
#define LATEST_MS     1000
/* Once a PROXY header was greeted: so long another connection still waits for a greeting without
 * one, lest the server be only slow to greet strangers. */
#define DOUBT_MS 2000

/* One connection after another. */
struct lane {
    struct client *dialogue;
    struct transport *connection; /* NULL: idle */
    struct loop_timer *step;      /* of what is awaited now */
    struct session session;
    bool proxied; /* it began with a PROXY header */
    struct reply_parser parser;
    int64_t began;        /* when it began to wait for what is awaited */
    int64_t due;          /* when what is awaited is given up */
    unsigned long faults; /* loop_faults, when the connection began */
    bool farewell;        /* the server has begun to say 421 by itself */
    bool hurried;         /* it is known that what is awaited will hardly come */
    int64_t asked;        /* when the last command was sent, or the connection was there */
};

struct client {
    struct loop *loop;
    struct client_request request;
    int64_t started;
    struct loop_timer *whole; /* the endpoint's deadline */
    /* Calls `finished` from the loop, with no connection on the stack: at once when all is done,
     * and whatever happens LATEST_MS after the endpoint's deadline. */
    struct loop_timer *end;
    struct battery battery;
    struct lane lanes[LANES];
    bool finished;
};

static void obey(struct lane *lane, const struct session_order *order);

static void finish(struct client *dialogue)
{
    int64_t now = loop_now(dialogue->loop);

    dialogue->finished = true;
    dialogue->request.result->seconds += (double)(now - dialogue->started) / 1000.0;
    /* It is pending already, so this takes no memory; if it fails all the same, it comes late. */
    if (loop_timer_set(dialogue->end, now) == 0) {
        loop_timer_clear(dialogue->whole);
    }
}

static void broken(struct lane *lane, enum session_break how, const char *why)
{
    obey(lane, session_broken(&lane->session, how, why));
}

static enum session_wait wait_of(const struct lane *lane)
{
    enum session_state state = lane->session.state;

    return lane->proxied && (state == SESSION_GREETING || state == SESSION_HANDSHAKE)
               ? SESSION_WAIT_PROXIED
               : session_wait(state);
}

static void await(struct lane *lane)
{
    struct client *dialogue = lane->dialogue;
    const int64_t *wait_ms = dialogue->request.settings->wait_ms;
    int64_t now = loop_now(dialogue->loop);
    int64_t silence = now + wait_ms[SESSION_WAIT_SILENCE];

    lane->began = now;
    lane->due = now + wait_ms[wait_of(lane)];
    lane->hurried = false;
    if (wait_ms[SESSION_WAIT_SILENCE] > 0 && silence < lane->due &&
        session_is_ungreeted(&lane->session)) {
        (void)loop_timer_set(lane->step, silence);
    } else {
        (void)loop_timer_set(lane->step, lane->due);
    }
}

static void on_connected(void *user)
{
    struct lane *lane = user;
    struct address source = transport_source(lane->connection);

    lane->asked = loop_now(lane->dialogue->loop);
    obey(lane, session_connected(&lane->session, &source));
}

static void on_secured(void *user, const char *description)
{
    struct lane *lane = user;

    reply_parser_reset(&lane->parser);
    lane->asked = loop_now(lane->dialogue->loop);
    (void)transport_certificate_fault(lane->connection,
                                      lane->dialogue->request.result->tls_certificate);
    obey(lane, session_secured(&lane->session, description));
}

/* How the lane's connection has ended, if our own host has not failed it: then it is for that. */
static enum session_break how_broken(const struct lane *lane, enum session_break otherwise)
{
    const struct client *dialogue = lane->dialogue;

    if (loop_faults(dialogue->loop) == lane->faults &&
        (lane->connection == NULL || !transport_is_limited(lane->connection))) {
        return otherwise;
    }
    dialogue->request.result->exhausted = true;
    return SESSION_BROKEN_HERE;
}

static void on_failed(void *user, const char *why)
{
    struct lane *lane = user;
    char sentence[SENTENCE_SIZE];

    if (lane->session.state == SESSION_CONNECTING) {
        snprintf(sentence, sizeof(sentence), "%s", why);
    } else {
        snprintf(sentence, sizeof(sentence), "While waiting for %s: %s",
                 session_awaited(lane->session.state), why);
    }
    broken(lane, how_broken(lane, SESSION_BROKEN_CLOSED), sentence);
}

/* This is no SMTP reply: shows how it begins. */
static void on_garbage(struct lane *lane)
{
    const struct reply_parser *parser = &lane->parser;
    char begin[80];
    char sentence[SENTENCE_SIZE];

    if (parser->line_length > 0) { /* too long; otherwise the reply has what was understood */
        printable(begin, sizeof(begin), parser->line, parser->line_length);
    } else {
        printable(begin, sizeof(begin), parser->reply.text, strcspn(parser->reply.text, "\n"));
    }
    if (lane->session.state == SESSION_GREETING) {
        snprintf(sentence, sizeof(sentence), "It began with \"%s\"", begin);
    } else {
        snprintf(sentence, sizeof(sentence),
                 "Instead of %s came something that is not SMTP: \"%s\"",
                 session_awaited(lane->session.state), begin);
    }
    broken(lane, SESSION_BROKEN_FOREIGN, sentence);
}

/* Whether nothing hangs on what follows: a closing server may add to it, or one that is left. */
static bool is_last_word(const struct lane *lane, const struct reply *reply)
{
    enum session_state state = lane->session.state;

    return state == SESSION_QUIT || reply->code == 421 ||
           (state == SESSION_GREETING && reply->code >= 400);
}

/* Whether what follows begins as 421 does, which a server may say at any time (RFC 5321 section
 * 3.8): Postfix does behind the reply to the last error that it bears. */
static bool begins_farewell(const char *rest, size_t length)
{
    return length >= 3 && memcmp(rest, "421", 3) == 0;
}

/* One reply out of the bytes, of which `rest` is left; true when the next may follow in them. */
static bool take_reply(struct lane *lane, const char *rest, size_t length)
{
    int64_t elapsed = loop_now(lane->dialogue->loop) - lane->asked;
    struct reply reply = lane->parser.reply;
    bool more = length > 0;

    reply_parser_reset(&lane->parser);
    if (lane->farewell) {
        obey(lane, session_farewell(&lane->session, &reply));
        return false;
    }
    if (more && !session_expects_another(&lane->session) && lane->session.asking &&
        begins_farewell(rest, length)) {
        lane->farewell = session_reply(&lane->session, &reply, elapsed)->action == SESSION_SEND;
        if (!lane->farewell) {
            obey(lane, &lane->session.order);
        }
        return lane->farewell;
    }
    /* More answers than questions: which of them is whose? */
    if (more && !session_expects_another(&lane->session) && !is_last_word(lane, &reply)) {
        broken(lane, SESSION_BROKEN_FOREIGN, "The server spoke out of turn");
        return false;
    }
    const struct session_order *order = session_reply(&lane->session, &reply, elapsed);
    if (more && order->action == SESSION_LISTEN) {
        return true;
    }
    obey(lane, order);
    return false;
}

static void on_bytes(void *user, const char *bytes, size_t length)
{
    struct lane *lane = user;
    enum reply_state state;

    do {
        size_t used = 0;
        state = reply_parser_feed(&lane->parser, bytes, length, &used);
        bytes += used;
        length -= used;
    } while (state == REPLY_COMPLETE && take_reply(lane, bytes, length));
    if (state == REPLY_MALFORMED) {
        on_garbage(lane);
    }
}

static const struct transport_listener listener = {
    .connected = on_connected,
    .secured = on_secured,
    .bytes = on_bytes,
    .failed = on_failed,
};

static struct lane *other_lane(struct lane *lane)
{
    struct lane *lanes = lane->dialogue->lanes;

    return lane == lanes ? lanes + 1 : lanes;
}

static void seek_company(struct lane *lane);

static void dial(struct lane *lane)
{
    struct client *dialogue = lane->dialogue;
    const struct endpoint *endpoint = &dialogue->request.result->endpoint;
    const struct address *source = dialogue->request.settings->source;
    char preamble[PROXY_HEADER_SIZE];
    struct transport_request request = {
        .address = endpoint->address,
        .port = endpoint->port,
        .host = endpoint->host,
        .preamble = preamble,
        .listener = &listener,
        .user = lane,
    };
    enum transport_fault fault = TRANSPORT_FAULT_PEER;
    char why[TRANSPORT_ERROR_SIZE];

    request.fault = &fault;
    for (size_t i = 0; i < 2; i++) {
        if (source[i].family == endpoint->address.family) {
            request.source = source[i];
        }
    }
    reply_parser_reset(&lane->parser);
    lane->farewell = false;
    lane->faults = loop_faults(dialogue->loop);
    session_begin(&lane->session, &dialogue->battery, &other_lane(lane)->session);
    request.preamble_length = session_preamble(&lane->session, preamble);
    lane->proxied = request.preamble_length > 0;
    lane->connection = transport_open(dialogue->loop, &request, why);
    if (lane->connection == NULL) {
        /* Where the other one goes on, nothing is missed for want of this one. */
        if (other_lane(lane)->connection == NULL) {
            dialogue->request.result->exhausted |=
                fault == TRANSPORT_FAULT_LIMIT ||
                (fault != TRANSPORT_FAULT_PEER && dialogue->request.result->reach == REACH_SESSION);
            dialogue->request.result->unusable_source |= fault == TRANSPORT_FAULT_SOURCE;
            dialogue->request.result->no_route |= fault == TRANSPORT_FAULT_ROUTE;
        }
        on_failed(lane, why);
        return;
    }
    await(lane);
    if (lane->proxied) {
        seek_company(lane); /* for the other version of the header */
    }
}

/* Opens the other lane, too, where it is worth it. */
static void seek_company(struct lane *lane)
{
    struct lane *other = other_lane(lane);
    const struct client *dialogue = lane->dialogue;

    if (lane->connection != NULL && other->connection == NULL &&
        dialogue->request.connections > 1 && !dialogue->finished &&
        battery_wants_company(&dialogue->battery, session_is_common(&lane->session))) {
        dial(other);
    }
}

static void hang_up(struct lane *lane)
{
    struct client *dialogue = lane->dialogue;
    const struct lane *other = other_lane(lane);

    loop_timer_clear(lane->step);
    transport_close(lane->connection);
    lane->connection = NULL;
    if (other->connection == NULL
            ? battery_has_work(&dialogue->battery)
            : battery_wants_company(&dialogue->battery, session_is_common(&other->session))) {
        dial(lane);
    } else if (other->connection == NULL && !dialogue->finished) {
        finish(dialogue);
    }
}

/* The other lane's greeting may settle what this one waits for. */
static void reconsider(struct lane *lane)
{
    struct client *dialogue = lane->dialogue;
    int64_t soon = loop_now(dialogue->loop) + DOUBT_MS;

    if (lane->connection == NULL) {
        return;
    }
    if (lane->proxied && dialogue->battery.greeting == BATTERY_GREETED) {
        obey(lane, session_dropped(&lane->session));
    } else if (dialogue->request.result->proxied && !lane->hurried && soon < lane->due &&
               session_is_ungreeted(&lane->session)) {
        lane->hurried = true;
        lane->due = soon;
        (void)loop_timer_set(lane->step, soon);
    }
}

static void obey(struct lane *lane, const struct session_order *order)
{
    char why[TRANSPORT_ERROR_SIZE];

    switch (order->action) {
    case SESSION_LISTEN:
        await(lane);
        break;
    case SESSION_SEND:
        lane->asked = loop_now(lane->dialogue->loop);
        await(lane);
        if (transport_write(lane->connection, order->line, strlen(order->line)) != 0) {
            broken(lane, how_broken(lane, SESSION_BROKEN_CLOSED), "Nothing can be sent");
            return;
        }
        seek_company(lane);
        reconsider(other_lane(lane));
        break;
    case SESSION_SECURE:
        await(lane);
        if (transport_start_tls(lane->connection, why) != 0) {
            broken(lane, how_broken(lane, SESSION_BROKEN_CLOSED), why);
        }
        break;
    case SESSION_CLOSE:
        hang_up(lane);
        break;
    }
}

static void on_step_due(void *user)
{
    struct lane *lane = user;
    enum session_state state = lane->session.state;
    char sentence[SENTENCE_SIZE];

    if (loop_now(lane->dialogue->loop) < lane->due) { /* it is only time to wonder */
        if (lane->parser.octets == 0) {
            session_silent(&lane->session);
        }
        (void)loop_timer_set(lane->step, lane->due);
        seek_company(lane);
        return;
    }
    snprintf(sentence, sizeof(sentence), "%s did not come in %g s", session_awaited(state),
             (double)(lane->due - lane->began) / 1000.0);
    sentence[0] = (char)toupper((unsigned char)sentence[0]);
    broken(lane, how_broken(lane, SESSION_BROKEN_SILENT), sentence);
}

static void on_whole_due(void *user)
{
    struct client *dialogue = user;
    char sentence[SENTENCE_SIZE];
    const struct session_order *orders[LANES] = {NULL};

    dialogue->request.result->out_of_time = !dialogue->battery.ended;
    /* Both are told before either hangs up, so that no other connection follows. */
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &dialogue->lanes[i];
        if (lane->connection == NULL) {
            continue;
        }
        snprintf(sentence, sizeof(sentence),
                 "Not finished in %g s, the limit for an endpoint; it ended at %s",
                 (double)dialogue->request.settings->endpoint_ms / 1000.0,
                 session_awaited(lane->session.state));
        orders[i] =
            session_broken(&lane->session, how_broken(lane, SESSION_BROKEN_SILENT), sentence);
    }
    if (battery_has_work(&dialogue->battery)) {
        battery_end(&dialogue->battery, sentence);
    }
    for (size_t i = 0; i < LANES; i++) {
        if (orders[i] != NULL) {
            obey(&dialogue->lanes[i], orders[i]);
        }
    }
}

static void on_end_due(void *user)
{
    struct client *dialogue = user;

    dialogue->request.finished(dialogue, dialogue->request.user);
}

static bool make_timers(struct client *dialogue)
{
    struct loop *loop = dialogue->loop;

    dialogue->whole = loop_timer_new(loop, on_whole_due, dialogue);
    dialogue->end = loop_timer_new(loop, on_end_due, dialogue);
    for (size_t i = 0; i < LANES; i++) {
        dialogue->lanes[i].dialogue = dialogue;
        dialogue->lanes[i].step = loop_timer_new(loop, on_step_due, &dialogue->lanes[i]);
        if (dialogue->lanes[i].step == NULL) {
            return false;
        }
    }
    const int64_t whole = dialogue->started + dialogue->request.settings->endpoint_ms;
    return dialogue->whole != NULL && dialogue->end != NULL &&
           loop_timer_set(dialogue->whole, whole) == 0 &&
           loop_timer_set(dialogue->end, whole + LATEST_MS) == 0;
}

static void begin_battery(struct client *dialogue)
{
    const struct client_request *request = &dialogue->request;

    struct battery *battery = &dialogue->battery;
    const struct battery_settings *settings = &request->settings->battery;

    switch (request->round) {
    case CLIENT_ALL:
        battery_init(battery, settings, request->result);
        battery_queue_remember(&battery->queue, battery->result, request->earlier,
                               request->earlier_count);
        battery_queue_take_turns(&battery->queue, battery->result, request->answers,
                                 request->answer_count, request->recent_seconds);
        break;
    case CLIENT_AGAIN:
        battery_init_again(battery, settings, request->result);
        break;
    case CLIENT_MESSAGE:
        battery_init_message(battery, settings, request->result, request->message_row,
                             request->message);
        break;
    }
}

struct client *client_start(struct loop *loop, const struct client_request *request)
{
    struct client *dialogue = calloc(1, sizeof(*dialogue));

    if (dialogue == NULL) {
        return NULL;
    }
    dialogue->loop = loop;
    dialogue->request = *request;
    dialogue->started = loop_now(loop);
    if (!make_timers(dialogue)) {
        client_free(dialogue);
        return NULL;
    }
    begin_battery(dialogue);
    dial(&dialogue->lanes[0]);
    return dialogue;
}

void client_free(struct client *dialogue)
{
    if (dialogue == NULL) {
        return;
    }
    for (size_t i = 0; i < LANES; i++) {
        transport_close(dialogue->lanes[i].connection);
        loop_timer_free(dialogue->lanes[i].step);
    }
    loop_timer_free(dialogue->whole);
    loop_timer_free(dialogue->end);
    free(dialogue);
}
