/*
 * ehlo - the reply to EHLO (RFC 5321 section 4.1.1.1): a line of it, what it offers, which offers a
 * stranger should not get, and by what another reply to EHLO is known
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_EHLO_H
#define RELAYWARDEN_PROBE_SMTP_EHLO_H

#include <stdbool.h>

#include "probe/model/result.h"
#include "probe/smtp/reply/reply.h"

/* Whether one of the words up to the line's end is this one, whatever its case. */
bool ehlo_has_word(const char *words, const char *word);

/* Whether the last EHLO offered this: a keyword, with parameters or without, or "KEYWORD
 * PARAMETER". "AUTH=LOGIN", as old servers have it, counts. */
bool ehlo_offers(const struct endpoint_result *result, const char *what);

/* Whether this reply to EHLO offers it, as above. */
bool ehlo_reply_offers(const struct reply *hello, const char *what);

/* Makes its lines after the first the result's capabilities. */
void ehlo_keep(struct endpoint_result *result, const struct reply *hello);

/* EHLO was taken: `text` is the whole reply, and the result's capabilities are those of it. What
 * was heard on earlier connections stays. */
void ehlo_hear(struct endpoint_result *result, const char *text, bool secured);

/* Whether the reply is the one that EHLO had before. The first line of several may greet
 * differently each time. */
bool ehlo_is_again(const struct reply *hello, const struct reply *reply);

/* Whether the reply has the shape of an answer to EHLO, if not the text of the one before: a line
 * with no enhanced code, and keywords below it; or, from a server that offers nothing, one line
 * that begins with its name. The name and the keywords may be others: a proxy may have answered
 * before, and the MTA behind it now (nginx opens the way at the first RCPT, measured). */
bool ehlo_has_shape(const struct reply *hello, const struct reply *reply);

#endif
