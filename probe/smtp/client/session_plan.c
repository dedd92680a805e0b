#include "probe/smtp/client/session_steps.h"

#include <stdio.h>
#include <string.h>

#include "probe/smtp/ehlo.h"

void session_write_xclient(const struct reply *hello, const char *attributes,
                           char out[SESSION_COMMAND_SIZE])
{
    size_t length = (size_t)snprintf(out, SESSION_COMMAND_SIZE, "XCLIENT");
    const char *at = attributes;

    while (*at != '\0') {
        size_t word = strcspn(at, " ");
        char offer[64];
        snprintf(offer, sizeof(offer), "XCLIENT %.*s", (int)strcspn(at, "="), at);
        if (ehlo_reply_offers(hello, offer) && length + word + 4 < SESSION_COMMAND_SIZE) {
            length += (size_t)snprintf(out + length, SESSION_COMMAND_SIZE - length, " %.*s",
                                       (int)word, at);
        }
        at += word + strspn(at + word, " ");
    }
    snprintf(out + length, SESSION_COMMAND_SIZE - length, "\r\n");
}

/* The command of a step, with its CRLF. */
static void write_command(const struct session *session, enum session_state step,
                          char out[SESSION_COMMAND_SIZE])
{
    const struct envelope *envelope = &session->task.envelope;
    char spelled[ENVELOPE_PATH_SIZE];

    switch (step) {
    case SESSION_MAIL:
    case SESSION_LOCAL_MAIL:
    case SESSION_CONTROL_MAIL:
        snprintf(out, SESSION_COMMAND_SIZE, "MAIL FROM:%s%s\r\n", envelope->sender,
                 envelope->sender_parameters);
        break;
    case SESSION_RCPT:
        technique_spell(session->task.into->technique->spelling, envelope->recipient, spelled);
        snprintf(out, SESSION_COMMAND_SIZE, "RCPT TO:%s%s\r\n", spelled,
                 envelope->recipient_parameters);
        break;
    case SESSION_TALLY:
        snprintf(out, SESSION_COMMAND_SIZE, "MAIL FROM:%s\r\n", session->filter.last.path);
        break;
    case SESSION_PAVE_MAIL:
        snprintf(out, SESSION_COMMAND_SIZE, "MAIL FROM:<%s>\r\n",
                 session->battery->settings->canary);
        break;
    case SESSION_PAVE_RCPT:
        snprintf(out, SESSION_COMMAND_SIZE, "RCPT TO:<postmaster@%s>\r\n",
                 session->battery->result->endpoint.own);
        break;
    case SESSION_HAIL:
        snprintf(out, SESSION_COMMAND_SIZE, "MAIL FROM:%s\r\n", session->filter.asker.path);
        break;
    case SESSION_LOCAL_RCPT:
        snprintf(out, SESSION_COMMAND_SIZE, "RCPT TO:%s\r\n", envelope->local);
        break;
    case SESSION_VOUCH:
        snprintf(out, SESSION_COMMAND_SIZE, "RCPT TO:%s\r\n", session->filter.vouch);
        break;
    case SESSION_CONTROL_RCPT:
        snprintf(out, SESSION_COMMAND_SIZE, "RCPT TO:%s\r\n", envelope->control);
        break;
    case SESSION_CLAIM:
        if (session->task.into->technique->identity == TECHNIQUE_IDENTITY_XCLIENT) {
            session_write_xclient(&session->link.hello, envelope->claim, out);
        } else {
            snprintf(out, SESSION_COMMAND_SIZE, "AUTH ANONYMOUS " SESSION_ANONYMOUS_TRACE "\r\n");
        }
        break;
    case SESSION_CLAIM_EHLO:
    case SESSION_CONFIRM:
        snprintf(out, SESSION_COMMAND_SIZE, "EHLO %s\r\n", session->link.helo);
        break;
    case SESSION_DATA:
        snprintf(out, SESSION_COMMAND_SIZE, "DATA\r\n");
        break;
    default:
        snprintf(out, SESSION_COMMAND_SIZE, "RSET\r\n");
        break;
    }
}

/* How many refusals the step may bring. A sender that was taken a moment ago is taken again. */
static unsigned int risk_of(const struct session *session, enum session_state step)
{
    bool mail = step == SESSION_MAIL || step == SESSION_LOCAL_MAIL || step == SESSION_CONTROL_MAIL;

    return step != SESSION_RSET && step != SESSION_CONFIRM_RSET &&
           !(mail && strcmp(session->transaction.sender, session->task.envelope.sender) == 0);
}

/* How many refusals what is said next may bring, no more than are to be had. */
static unsigned int allow_refusals(struct session *session, bool together)
{
    struct battery *battery = session->battery;
    const struct command_queue *queue = &session->queue;
    size_t end = together ? queue->count : queue->said + 1;
    unsigned int wanted = 0;

    for (size_t i = queue->said; i < end; i++) {
        wanted += risk_of(session, (enum session_state)queue->commands[i]);
    }
    unsigned int left = battery->connection_refusals > session->pace.refusals
                            ? battery->connection_refusals - session->pace.refusals
                            : 0;
    if (wanted > left) {
        wanted = left;
    }
    /* A command of no technique is counted where it is answered, and has nothing to give back. */
    if (!session->has_task) {
        return wanted;
    }
    return battery_reserve(battery, &session->task, wanted) ? wanted : session->task.reserved;
}

/* Whether nothing may be sent with it: XCLIENT brings a new session, AUTH may (RFC 4954 section 4),
 * and what is offered in it is to be known first. Nor while a proxy opens the way. */
static bool stands_alone(enum session_state step)
{
    return step == SESSION_CLAIM || step == SESSION_CLAIM_EHLO || step == SESSION_PAVE_RCPT;
}

/* Says the next command and, where they may be sent together, those after it. */
static void say(struct session *session)
{
    struct command_queue *queue = &session->queue;
    char *line = session->order.line;
    bool together = (session->link.hello.offers & REPLY_OFFERS_PIPELINING) != 0 &&
                    !session->battery->one_at_a_time;
    unsigned int allowed = allow_refusals(session, together);
    unsigned int risk = 0;

    line[0] = '\0';
    command_queue_begin_batch(queue);
    while (queue->said < queue->count) {
        enum session_state step = (enum session_state)queue->commands[queue->said];
        risk += risk_of(session, step);
        if (queue->batch > 0 &&
            (!together || risk > allowed ||
             stands_alone((enum session_state)queue->commands[queue->said - 1]))) {
            break;
        }
        write_command(session, step, line);
        line += strlen(line);
        command_queue_say(queue);
    }
    session->state = (enum session_state)command_queue_awaited(queue);
    session->order.action = SESSION_SEND;
}

void session_plan(struct session *session, const enum session_state *steps, size_t count)
{
    command_queue_clear(&session->queue);
    session->moot = false;
    if (session->transaction.open) {
        command_queue_add(&session->queue, SESSION_RSET);
    }
    for (size_t i = 0; i < count; i++) {
        command_queue_add(&session->queue, steps[i]);
    }
    say(session);
}

bool session_go_on(struct session *session)
{
    struct command_queue *queue = &session->queue;

    if (!command_queue_hear(queue)) {
        return false;
    }
    if (command_queue_owed(queue) > 0) {
        session_listen(session, (enum session_state)command_queue_awaited(queue));
    } else {
        say(session);
    }
    return true;
}

bool session_awaits_first_reset(const struct session *session)
{
    return session->state == SESSION_RSET && session->queue.heard == 0;
}
