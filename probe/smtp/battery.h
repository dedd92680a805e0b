/*
 * battery - which techniques an endpoint is still to be asked, and how much it may be bothered
 *
 * One per endpoint, shared by its connections one after another and side by side: they take
 * techniques from it, bring back answers, and tell how they ended. It fills the endpoint's result.
 * Pure but for what it points to; one thread.
 *
 * A connection is either for the common techniques, as many as it can bear, or for one special
 * technique that needs another greeting, another client or no TLS.
 *
 * PROXY headers are for an endpoint that gives no greeting: one that stays silent, closes, or says
 * 421 (elsewhere they would count as commands before their time). While that lasts nothing else is
 * asked. A version that is not greeted is tried once only. A greeting that comes without a header
 * after all makes void what was learnt behind one: such a server does not look at headers. Where
 * the result says beforehand that it is proxied, nothing is asked without a header.
 *
 * Courtesy (DESIGN "relaywarden-probe"): a connection has at most BATTERY_CONNECTION_REFUSALS
 * refusals, fewer after the server showed that it slows down or hangs up, but with a key always one
 * for the hello and one for a technique; an endpoint has max_refusals, of which a technique
 * reserves what it may cost. A technique that was cut off is
 * asked once more on a new connection; two connections in a row that got no answer to any technique
 * end the battery.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_BATTERY_H
#define RELAYWARDEN_PROBE_SMTP_BATTERY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/domain.h"
#include "probe/model/result.h"
#include "probe/model/technique.h"
#include "probe/model/vantage.h"
#include "probe/smtp/battery_place.h"
#include "probe/smtp/battery_queue.h"
#include "probe/smtp/milter_talk.h"
#include "probe/smtp/reply/reply.h"
#include "probe/smtp/reply/reply_class.h"

#define BATTERY_CONNECTION_REFUSALS                                                                \
    8 /* Postfix slows down after 10 errors, and hangs up after 20 */

struct battery_settings {
    const char *helo;          /* our host name; "" = the address literal of our end */
    const char *canary;        /* local@domain */
    unsigned int max_refusals; /* an endpoint and round: an audit, or what is asked again in it */
    struct vantage_known vantage;
    struct milter_talk_settings asker;
    struct address claim; /* the vantage is claimed: whom every connection says to be, by XCLIENT */
    /* Asked instead of the table's techniques, the first of them first; at most
     * RESULT_TECHNIQUES. They live as long as the result. NULL: the table. */
    const struct technique *const *instead;
    size_t instead_count;
};

/* The greeting without a PROXY header, as far as it is known. */
enum battery_greeting {
    BATTERY_NOT_CONNECTED,
    BATTERY_UNGREETED, /* not come, or not yet */
    BATTERY_GREETED,
};

/* The greeting that refuses of which the result tells, from the least that is worth telling. */
enum battery_turned_away {
    BATTERY_NOT_TURNED_AWAY,
    BATTERY_TURNED_AWAY_PROXIED, /* it came after a PROXY header, which may be what it is about */
    BATTERY_TURNED_AWAY_FOR_NOW, /* 4xx */
    BATTERY_TURNED_AWAY_FOR_GOOD,
};

/* So many hellos are refused as any sender would be before no more are said: each counts as a
 * refusal. */
#define BATTERY_UNHEARD_MAX 2

/* The purpose of a connection: the row of a special technique, or this. */
#define BATTERY_COMMON RESULT_TECHNIQUES

struct battery {
    const struct battery_settings *settings;
    struct endpoint_result *result;
    struct battery_place place;
    uint64_t settled; /* battery_place_digest when that was done last; 0 = never */
    enum battery_greeting greeting;
    enum battery_turned_away told;         /* nothing better is known of the greeting */
    char other_sender[ENVELOPE_PATH_SIZE]; /* for techniques whose sender was refused */
    struct battery_queue queue;
    const char *message; /* the one to be sent, see battery_init_message; NULL = none is */
    bool bare;           /* an ask was greylisted: recipients are ordinary ones here */
    bool scouting;       /* the next answer tells whether to ask the others again, too */
    struct reply_class_memory replies;
    unsigned int refusals;
    unsigned int reserved;                 /* refusals that techniques under way may cost */
    unsigned int connection_refusals;      /* what a connection may have now */
    unsigned int connection_confirmations; /* EHLOs after acceptances that a connection may have;
                                              further ones are confirmed by RSET */
    unsigned int turned_away;              /* answers in a row that were about us alone */
    unsigned int fruitless;                /* connections in a row without an answered technique */
    unsigned int unheard; /* hellos that were refused, and by no filter of ours; at once
                             BATTERY_UNHEARD_MAX where there is surely none */
    bool in_clear;        /* STARTTLS failed here: ask without */
    bool one_at_a_time;   /* PIPELINING went wrong here */
    bool alone;           /* a second connection went wrong here */
    bool hailing; /* `plain` is under way in a hello's transaction: what comes of it decides how the
                     next connection begins */
    bool swallowed; /* something may take the hello's MAIL before the filter hears of it */
    bool hidden;    /* the MTA takes us for somebody else: a ban would hit all who come that way */
    bool ended;
};

/* One technique in one session's hands. */
struct battery_task {
    struct technique_result *into;
    size_t row;
    unsigned int reserved;
    struct envelope envelope;
    bool control_only; /* the answer is there, and is to stay */
    bool again;        /* it was put off before: a server that greylists expects the same sender and
                          recipient, octet for octet */
};

/* `result` has its endpoint set, is zero otherwise, and lives as long as the battery. */
void battery_init(struct battery *battery, const struct battery_settings *settings,
                  struct endpoint_result *result);

/* Another round over a result that a battery has filled, of what was put off alone. Its first
 * technique goes ahead of the others: if it is still greylisted, so will they be, and the round is
 * over. Another answer replaces the one before; none leaves it. */
void battery_init_again(struct battery *battery, const struct battery_settings *settings,
                        struct endpoint_result *result);

/* One more connection, for a message by the technique of this row, as it was granted. `text` is as
 * message_write has it, and lives as long as the battery. It is tried once. */
void battery_init_message(struct battery *battery, const struct battery_settings *settings,
                          struct endpoint_result *result, size_t row, const char *text);

/* Whether another connection has anything left to do. */
bool battery_has_work(const struct battery *battery);

/* Whether a second connection beside one is worth its opening. `beside_common`: that one is for the
 * common techniques. */
bool battery_wants_company(const struct battery *battery, bool beside_common);

/* The purpose of a new connection; `beside_common` as above. A special row is to be taken with
 * battery_take, or given back with battery_unclaim. */
size_t battery_claim(struct battery *battery, bool beside_common);
void battery_unclaim(struct battery *battery, size_t row, const char *why);

/* Whether the turn is that of a special one: then what common ones were answered before this one
 * may wait. Never before `plain` is done, nor where the order is the table's. */
bool battery_special_is_next(const struct battery *battery);

/* No greeting has come, or none will: PROXY headers are worth a try. False, and nothing is changed,
 * where they are not: the server has greeted before, or we are no stranger to it. */
bool battery_ungreeted(struct battery *battery);
/* The server greets by itself. */
void battery_greeted(struct battery *battery);
/* A header like that of this row was not greeted. */
void battery_drop_proxy(struct battery *battery, size_t row, const char *why);

/* SMTP was agreed upon, and what EHLO offers is in the result: leaves out what makes no sense here.
 */
void battery_settle(struct battery *battery);

/* The next technique of what the connection is for, `plain` first. False when there is none. It has
 * one refusal reserved, and must be given back by battery_answered, battery_cut or
 * battery_put_back. `sealed`: rather one whose recipient can carry an ask. */
bool battery_take(struct battery *battery, size_t claim, bool sealed, struct battery_task *task);
/* Likewise `plain`, where it waits and may come from any outside sender: it was not put off. */
bool battery_take_first(struct battery *battery, struct battery_task *task);
void battery_answered(struct battery *battery, struct battery_task *task);
void battery_cut(struct battery *battery, struct battery_task *task, const char *why);

/* The envelope of a row; false when it cannot be built. */
bool battery_envelope(struct battery *battery, size_t row, struct envelope *out);

/* Whether the task may cost this many refusals more; then they are reserved. */
bool battery_reserve(struct battery *battery, struct battery_task *task, unsigned int refusals);

/* Gives the task the sender for a second try; false when it has had it or its sender is no
 * outsider's. */
bool battery_replace_sender(struct battery *battery, struct battery_task *task);
/* After an answer: where it makes a made-up subdomain matter, whose odd recipient was refused for
 * its form before, the control of that is to be asked. */
void battery_want_subdomain(struct battery *battery, const struct technique_result *answered);
/* Another connection is to go on with this task, with the sender it now has. */
void battery_put_back(struct battery *battery, struct battery_task *task);

/* No connection like this one can ask it. */
void battery_leave(struct battery *battery, struct battery_task *task, const char *why);

/* A command was refused; `task`: whose it was, NULL if no technique's. */
void battery_refused(struct battery *battery, struct battery_task *task);

/* A common technique has its answer. A 4xx that is about us asks us to come back later, whatever is
 * asked: the connection is to end, and this many of them in a row end the battery. So do as many
 * 5xx that name our address, once `plain` was answered: that is a ban, which came in between. Words
 * without the address do not make one, and a sender that claims something does not count, for who
 * may not use it may be told so by address. */
#define BATTERY_TURNED_AWAY_MAX 4
bool battery_is_turned_away(struct battery *battery, const struct technique_result *answered);

/* The server slowed down at an EHLO that came after so many confirmations on one connection. */
void battery_slow_confirmation(struct battery *battery, unsigned int confirmations);

/* The server slowed down or hung up after `refusals` on one connection. */
void battery_slow_down(struct battery *battery, unsigned int refusals);

/* A connection on which techniques were to be asked is over. */
void battery_connection_over(struct battery *battery, unsigned int answered);

/* No more of this endpoint: keeps the sentence, and notes that the battery was cut off if it had
 * begun. */
void battery_end(struct battery *battery, const char *trouble);

/* A greeting that refuses, and why, in a sentence, where none was told that says as much: whichever
 * connection comes first or ends last, what the server said is worth more than how it hung up.
 * False, and nothing is changed, where it is not told. */
bool battery_turn_away(struct battery *battery, enum battery_turned_away told, const char *why);

/* Keeps a sentence of what went wrong (cut to fit; network text must be printable already). Where a
 * greeting was told, nothing that becomes of other connections is, until one is greeted. */
void battery_trouble(struct battery *battery, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The endpoint let us come at least this far. */
void battery_reached(struct battery *battery, enum reach reach);

#endif
