/*
 * reply_class - what one reply to MAIL, RCPT or a message means
 *
 * Asked by a stranger who wants to be relayed; the judgement is conservative: only words that
 * plainly refuse relaying count as relay-denied or auth-required. A reply that is not understood is
 * recipient-refused (5xx) or deferred (4xx), which prove nothing. A table of patterns, tried in
 * order, first match wins; what refuses relaying is judged by the build of its clauses (denial.h).
 * tests/unit/replies.tsv and replies-more.tsv have a row from each server that we know. Pure;
 * any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_REPLY_CLASS_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_REPLY_CLASS_H

#include "lib/address.h"
#include "lib/words.h"
#include "probe/smtp/reply/reply.h"

enum command {
    COMMAND_MAIL,
    COMMAND_RCPT,
    COMMAND_DATA, /* DATA, or the message's text: a filter may have its say */
};

/* Judgements of before. They belong to the asker, are all zero at first, and change no answer: a
 * server has few sentences, and says them again for each technique. Not for two threads at once. */
#define REPLY_CLASS_MEMORY     4
#define REPLY_CLASS_REMEMBERED 256

struct reply_class_memory {
    struct reply_class_judged {
        int code; /* 0 = none */
        enum command command;
        const void *pattern;
        char enhanced[sizeof(((struct reply *)NULL)->enhanced)];
        char client[ADDRESS_TEXT_SIZE];
        char text[REPLY_CLASS_REMEMBERED];
    } judged[REPLY_CLASS_MEMORY];
    size_t next;
};

struct reply_class_question {
    enum command command;
    const struct reply *reply;
    const char *client; /* our own address as text: a reply that names it speaks of the client; NULL
                           if unknown */
    const char *helo;   /* our host's name, likewise; NULL or "" if it has none */
    const char *sender; /* path as sent, with brackets: its text is not the server's words */
    const char *recipient;             /* likewise; NULL for MAIL */
    struct reply_class_memory *memory; /* NULL = none */
};

enum outcome reply_class_judge(const struct reply_class_question *question);

/* Whether the reply names our own address, in its own words and not as part of our envelope. */
bool reply_class_names_client(const struct reply_class_question *question);

#endif
