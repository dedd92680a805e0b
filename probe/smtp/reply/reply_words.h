/*
 * reply_words - the words of a reply that are the server's own
 *
 * Servers quote: our envelope, or parts of it, host names, addresses, URLs. A quotation may hold
 * any word, "relay" among them, and says nothing of what the server does. `sender` and `recipient`
 * are the paths as sent, with brackets, `helo` is our host's name; NULL where there was none. Pure;
 * any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_REPLY_WORDS_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_REPLY_WORDS_H

#include <stdbool.h>

#include "probe/smtp/reply/denial.h"
#include "probe/smtp/reply/reply.h"

/* A reply's text, lower-cased, without what is not the server's: our addresses, whatever else has
 * an @, words in angle brackets. Spaces are single, and one stands at each end, so that the first
 * and last word are words like the others. */
struct reply_words {
    char all[REPLY_TEXT_SIZE + 2];
    /* Also without URLs and host names, which may hold any word. Only here is a refused relay
     * looked for. */
    char prose[REPLY_TEXT_SIZE + 2];
    enum denial denial; /* what the prose says, its clauses taken apart */
};

/* Puts the text without our envelope and name into `all`: where a server has one sentence for all
 * requests, this is always the same. */
void reply_words_blank(const struct reply *reply, const char *sender, const char *recipient,
                       const char *helo, struct reply_words *out);

/* Whether what reply_words_blank() left names our host. */
bool reply_words_name_host(const struct reply_words *words);

/* Makes the rest of what reply_words_blank() left in `all`. `client` is our own address as text;
 * NULL if unknown. */
void reply_words_read(const struct reply *reply, const char *client, struct reply_words *out);

/* The text in lower case, without our two addresses where they stand whole. */
void reply_words_without_addresses(const struct reply *reply, const char *sender,
                                   const char *recipient, char text[REPLY_TEXT_SIZE]);

#endif
