#include "probe/smtp/client/session_steps.h"

#include <string.h>
#include <strings.h>

#define CODE_BAD_SEQUENCE 503
#define CODE_NO_MAIL      521

/* ---- the technique in hand --------------------------------------------------------------- */

void session_end_hailed(struct session *session)
{
    if (session->filter.hailed) {
        session->filter.hailed = false;
        session->battery->hailing = false;
    }
}

/* The connection ended before `plain` had an answer in the hello's transaction: another asks it as
 * ever, and opens the way before its hello. False if it was not asked so. */
static bool cut_hailed(struct session *session)
{
    if (!session->filter.hailed) {
        return false;
    }
    session->battery->swallowed = true;
    session_end_hailed(session);
    battery_put_back(session->battery, &session->task);
    return true;
}

void session_give_up_proxy(struct session *session, const char *why)
{
    battery_drop_proxy(session->battery, session->claim, why);
    session->claim = BATTERY_COMMON;
}

void session_cut_task(struct session *session, const char *why)
{
    if (session->has_task) {
        session->has_task = false;
        session->cut_at_control = session->task.control_only;
        if (!cut_hailed(session)) {
            battery_cut(session->battery, &session->task, why);
        }
    } else if (session_is_special(session) && !session->asking && session->state != SESSION_QUIT) {
        battery_unclaim(session->battery, session->claim, why);
        session->claim = BATTERY_COMMON;
    }
}

void session_put_back(struct session *session, const char *why)
{
    bool fresh = session->has_task && session->answered > 0 && !session->filter.hailed &&
                 !session->at_control && session->battery->message == NULL;

    if (!fresh) {
        session_cut_task(session, why);
        return;
    }
    session->has_task = false;
    battery_put_back(session->battery, &session->task);
}

/* ---- the connection ---------------------------------------------------------------------- */

void session_give_up(struct session *session, const char *why)
{
    bool greeted_so = session->state == SESSION_EHLO || session->state == SESSION_HELO ||
                      session->state == SESSION_VANTAGE;

    if (session_is_special(session) && greeted_so) {
        session_cut_task(session, why); /* it is this technique's greeting that is not taken */
    } else if (session_has_company(session)) {
        session->battery->alone = true;
    } else {
        battery_end(session->battery, why);
    }
}

/* Tells the battery, once, that this connection asks nothing more. One that came to nothing over a
 * control shows no ban: its technique was answered, and each control is tried so twice at most. */
static void stop_asking(struct session *session)
{
    if (session->asking) {
        session->asking = false;
        if (session->answered > 0 || !session->cut_at_control) {
            battery_connection_over(session->battery, session->answered);
        }
    }
}

void session_close(struct session *session)
{
    session_cut_task(session, "not asked: the connection for it came to nothing");
    stop_asking(session);
    session->state = SESSION_OVER;
    session->order.action = SESSION_CLOSE;
}

void session_quit(struct session *session)
{
    stop_asking(session);
    session_send(session, SESSION_QUIT, "QUIT");
}

void session_leave(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        session_close(session);
    } else {
        session_quit(session); /* RFC 5321 section 3.1: also after 554 it waits for QUIT */
    }
}

/* 421: the server closes now. The technique has this reply until a new connection brings a better
 * one. */
void session_hung_up(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    bool before = session_awaits_first_reset(session);

    session_describe(why, "The server ended the session", reply);
    battery_trouble(session->battery, "%s", why);
    if (!session->filter.hailed) { /* then it may have been the hello */
        battery_slow_down(session->battery,
                          session->pace.refusals - 1); /* this one was one too many */
    }
    if (before) {
        session_put_back(session, why);
    } else {
        session_cut_task(session, why);
    }
    session_close(session);
}

void session_hello_hung_up(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (session->has_task) {
        session_hung_up(session, reply);
        return;
    }
    session_describe(why, "The server ended the session at the probe's hello", reply);
    session_give_up(session, why);
    session_close(session);
}

void session_hand_on(struct session *session)
{
    session->has_task = false;
    session->answered++;
    battery_put_back(session->battery, &session->task);
    if (session_is_special(session)) {
        session->claim = BATTERY_COMMON;
    }
    session_quit(session);
}

/* ---- what a connection cannot bear ------------------------------------------------------- */

bool session_has_room(struct session *session)
{
    return session->pace.refusals + 2 <= session->battery->connection_refusals &&
           battery_reserve(session->battery, &session->task, 2);
}

void session_lack_room(struct session *session)
{
    bool here = session->pace.refusals + 2 > session->battery->connection_refusals;

    if (here && session->pace.refusals > session->filter.hails) { /* a new one has more room */
        session_hand_on(session);
        return;
    }
    session->has_task = false;
    session->answered++; /* it is not for want of answers that it is left */
    session->battery->result->refusals_used_up |= !here;
    battery_leave(session->battery, &session->task,
                  here ? "not asked: the server bears too few refusals on a connection for the "
                         "site's filter to be told first who asks"
                       : "not asked: max_refusals leaves none for the site's filter to be told "
                         "first who asks");
    session->next = SESSION_NEXT_TECHNIQUE;
}

static bool names_pipelining(const struct reply *reply)
{
    return strcasestr(reply->text, "pipelin") != NULL ||
           strcasestr(reply->text, "synchroni") != NULL;
}

/* A server that offers PIPELINING and cannot bear it is asked again, one command at a time. */
bool session_stumbled(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];
    bool out_of_step = (reply->code == CODE_BAD_SEQUENCE || reply->code == CODE_NO_MAIL) &&
                       !outcome_denies_relaying(session_judge(session, COMMAND_RCPT, reply, NULL));

    if (!session->has_task || session->queue.batch < 2 || !session_is_refusal(reply) ||
        !(out_of_step || names_pipelining(reply))) {
        return false;
    }
    session_describe(why, "The server offers PIPELINING but cannot bear it", reply);
    battery_trouble(session->battery, "%s; asked one command at a time", why);
    session->battery->one_at_a_time = true;
    session_hand_on(session);
    return true;
}
