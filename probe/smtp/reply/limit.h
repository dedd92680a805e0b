/*
 * limit - whether a reply refuses for what SMTP lets a server limit (RFC 5321 section 4.5.3.1)
 *
 * The number of recipients, or the length of a line, a path, a local part or a domain. Such a reply
 * says nothing of relaying, and will be the same next time. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_LIMIT_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_LIMIT_H

#include "lib/words.h"
#include "probe/model/technique.h"
#include "probe/smtp/reply/reply.h"

enum limit {
    LIMIT_NONE,
    LIMIT_RECIPIENTS,
    LIMIT_LENGTH,
};

/* `outcome`: what the reply, to MAIL or RCPT of this technique, means otherwise. One that asks for
 * a single recipient, alone on its connection so far as it knows, meets no limit of their number:
 * there it is a matter of time. `plain` meets none of length: whatever is too long there is so
 * everywhere. */
enum limit limit_met(const struct technique *technique, const struct reply *reply,
                     enum outcome outcome);

#endif
