#include "probe/dialogue.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"

#define SENTENCE_SIZE RESULT_TEXT_SIZE
#define LATEST_MS     1000

struct dialogue {
    struct loop *loop;
    struct dialogue_request request;
    int64_t started;
    struct loop_timer *whole; /* the endpoint's deadline */
    struct loop_timer *step;  /* of what is awaited now */
    /* Calls `finished` from the loop, with no connection on the stack: at once when all is done,
     * and whatever happens LATEST_MS after the endpoint's deadline. */
    struct loop_timer *end;
    struct battery battery;
    struct session session;
    struct connection *connection;
    struct reply_parser parser;
    int64_t asked; /* when the last command was sent, or the connection was there */
};

static void obey(struct dialogue *dialogue, const struct session_order *order);

static void finish(struct dialogue *dialogue)
{
    int64_t now = loop_now(dialogue->loop);

    dialogue->request.result->seconds = (double)(now - dialogue->started) / 1000.0;
    loop_timer_clear(dialogue->step);
    /* It is pending already, so this takes no memory; if it fails all the same, it comes late. */
    if (loop_timer_set(dialogue->end, now) == 0) {
        loop_timer_clear(dialogue->whole);
    }
}

static void drop_connection(struct dialogue *dialogue)
{
    connection_close(dialogue->connection);
    dialogue->connection = NULL;
}

static void broken(struct dialogue *dialogue, enum session_break how, const char *why)
{
    obey(dialogue, session_broken(&dialogue->session, how, why));
}

static void await(struct dialogue *dialogue)
{
    int64_t wait = dialogue->request.settings->wait_ms[session_wait(dialogue->session.state)];

    (void)loop_timer_set(dialogue->step, loop_now(dialogue->loop) + wait);
}

static void on_connected(void *user)
{
    struct dialogue *dialogue = user;
    struct address source = connection_source(dialogue->connection);

    dialogue->asked = loop_now(dialogue->loop);
    obey(dialogue, session_connected(&dialogue->session, &source));
}

static void on_secured(void *user, const char *description)
{
    struct dialogue *dialogue = user;

    reply_parser_reset(&dialogue->parser);
    dialogue->asked = loop_now(dialogue->loop);
    obey(dialogue, session_secured(&dialogue->session, description));
}

static void on_failed(void *user, const char *why)
{
    struct dialogue *dialogue = user;
    char sentence[SENTENCE_SIZE];

    if (dialogue->session.state == SESSION_CONNECTING) {
        snprintf(sentence, sizeof(sentence), "%s", why);
    } else {
        snprintf(sentence, sizeof(sentence), "While waiting for %s: %s",
                 session_awaited(dialogue->session.state), why);
    }
    broken(dialogue, SESSION_BROKEN_CLOSED, sentence);
}

/* What came is no SMTP reply: shows how it begins. */
static void on_garbage(struct dialogue *dialogue)
{
    const struct reply_parser *parser = &dialogue->parser;
    char begin[80];
    char sentence[SENTENCE_SIZE];

    if (parser->line_length > 0) { /* too long; otherwise the reply has what was understood */
        printable(begin, sizeof(begin), parser->line, parser->line_length);
    } else {
        printable(begin, sizeof(begin), parser->reply.text, strcspn(parser->reply.text, "\n"));
    }
    if (dialogue->session.state == SESSION_GREETING) {
        snprintf(sentence, sizeof(sentence), "It began with \"%s\"", begin);
    } else {
        snprintf(sentence, sizeof(sentence),
                 "Instead of %s came something that is not SMTP: \"%s\"",
                 session_awaited(dialogue->session.state), begin);
    }
    broken(dialogue, SESSION_BROKEN_FOREIGN, sentence);
}

/* Whether nothing hangs on what follows: a closing server may add to it, or one that is left. */
static bool is_last_word(const struct dialogue *dialogue, const struct reply *reply)
{
    enum session_state state = dialogue->session.state;

    return state == SESSION_QUIT || reply->code == 421 ||
           (state == SESSION_GREETING && reply->code >= 400);
}

static void on_bytes(void *user, const char *bytes, size_t length)
{
    struct dialogue *dialogue = user;
    size_t used = 0;
    enum reply_state state = reply_parser_feed(&dialogue->parser, bytes, length, &used);

    if (state == REPLY_MALFORMED) {
        on_garbage(dialogue);
    }
    if (state != REPLY_COMPLETE) {
        return;
    }
    int64_t elapsed = loop_now(dialogue->loop) - dialogue->asked;
    struct reply reply = dialogue->parser.reply;
    reply_parser_reset(&dialogue->parser);
    /* More than one answer to one question: which of them is it? */
    if (used < length && !is_last_word(dialogue, &reply)) {
        broken(dialogue, SESSION_BROKEN_FOREIGN, "The server spoke out of turn");
        return;
    }
    obey(dialogue, session_reply(&dialogue->session, &reply, elapsed));
}

static const struct connection_listener listener = {
    .connected = on_connected,
    .secured = on_secured,
    .bytes = on_bytes,
    .failed = on_failed,
};

static void dial(struct dialogue *dialogue)
{
    const struct endpoint *endpoint = &dialogue->request.result->endpoint;
    const struct address *source = dialogue->request.settings->source;
    struct connection_request request = {
        .address = endpoint->address,
        .port = endpoint->port,
        .host = endpoint->host,
        .listener = &listener,
        .user = dialogue,
    };
    enum connection_fault fault = CONNECTION_FAULT_PEER;
    char why[TRANSPORT_ERROR_SIZE];

    request.fault = &fault;
    for (size_t i = 0; i < 2; i++) {
        if (source[i].family == endpoint->address.family) {
            request.source = source[i];
        }
    }
    reply_parser_reset(&dialogue->parser);
    session_begin(&dialogue->session, &dialogue->battery);
    dialogue->connection = connection_open(dialogue->loop, &request, why);
    if (dialogue->connection == NULL) {
        dialogue->request.result->exhausted |= fault == CONNECTION_FAULT_LIMIT;
        dialogue->request.result->unusable_source |= fault == CONNECTION_FAULT_SOURCE;
        on_failed(dialogue, why);
        return;
    }
    await(dialogue);
}

static void hang_up(struct dialogue *dialogue)
{
    loop_timer_clear(dialogue->step);
    drop_connection(dialogue);
    if (battery_has_work(&dialogue->battery)) {
        dial(dialogue);
    } else {
        finish(dialogue);
    }
}

static void obey(struct dialogue *dialogue, const struct session_order *order)
{
    char why[TRANSPORT_ERROR_SIZE];

    switch (order->action) {
    case SESSION_LISTEN:
        await(dialogue);
        break;
    case SESSION_SEND:
        dialogue->asked = loop_now(dialogue->loop);
        await(dialogue);
        if (connection_write(dialogue->connection, order->line, strlen(order->line)) != 0) {
            broken(dialogue, SESSION_BROKEN_CLOSED, "Nothing can be sent");
        }
        break;
    case SESSION_SECURE:
        await(dialogue);
        if (connection_start_tls(dialogue->connection, why) != 0) {
            broken(dialogue, SESSION_BROKEN_CLOSED, why);
        }
        break;
    case SESSION_CLOSE:
        hang_up(dialogue);
        break;
    }
}

static void on_step_due(void *user)
{
    struct dialogue *dialogue = user;
    enum session_state state = dialogue->session.state;
    char sentence[SENTENCE_SIZE];

    snprintf(sentence, sizeof(sentence), "%s did not come in %g s", session_awaited(state),
             (double)dialogue->request.settings->wait_ms[session_wait(state)] / 1000.0);
    sentence[0] = (char)toupper((unsigned char)sentence[0]);
    broken(dialogue, SESSION_BROKEN_SILENT, sentence);
}

static void on_whole_due(void *user)
{
    struct dialogue *dialogue = user;
    char sentence[SENTENCE_SIZE];

    snprintf(sentence, sizeof(sentence),
             "Not finished in %g s, the limit for an endpoint; it ended at %s",
             (double)dialogue->request.settings->endpoint_ms / 1000.0,
             session_awaited(dialogue->session.state));
    const struct session_order *order =
        session_broken(&dialogue->session, SESSION_BROKEN_SILENT, sentence);
    if (battery_has_work(&dialogue->battery)) {
        battery_end(&dialogue->battery, sentence); /* so that no other connection follows */
    }
    obey(dialogue, order);
}

static void on_end_due(void *user)
{
    struct dialogue *dialogue = user;

    dialogue->request.finished(dialogue, dialogue->request.user);
}

struct dialogue *dialogue_start(struct loop *loop, const struct dialogue_request *request)
{
    struct dialogue *dialogue = calloc(1, sizeof(*dialogue));

    if (dialogue == NULL) {
        return NULL;
    }
    dialogue->loop = loop;
    dialogue->request = *request;
    dialogue->started = loop_now(loop);
    const int64_t whole = dialogue->started + request->settings->endpoint_ms;
    dialogue->whole = loop_timer_new(loop, on_whole_due, dialogue);
    dialogue->step = loop_timer_new(loop, on_step_due, dialogue);
    dialogue->end = loop_timer_new(loop, on_end_due, dialogue);
    if (dialogue->whole == NULL || dialogue->step == NULL || dialogue->end == NULL ||
        loop_timer_set(dialogue->whole, whole) != 0 ||
        loop_timer_set(dialogue->end, whole + LATEST_MS) != 0) {
        dialogue_free(dialogue);
        return NULL;
    }
    battery_init(&dialogue->battery, &request->settings->battery, request->result);
    dial(dialogue);
    return dialogue;
}

void dialogue_free(struct dialogue *dialogue)
{
    if (dialogue == NULL) {
        return;
    }
    drop_connection(dialogue);
    loop_timer_free(dialogue->whole);
    loop_timer_free(dialogue->step);
    loop_timer_free(dialogue->end);
    free(dialogue);
}
