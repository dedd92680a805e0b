/*
 * reply - one SMTP reply, parsed as it arrives (RFC 5321 section 4.2, RFC 3463)
 *
 * The parser is fed whatever bytes came, in whatever pieces, and says when a reply is complete or
 * broken. Input is capped: a line of more than REPLY_LINE_MAX octets or a reply of more than
 * REPLY_LINES_MAX lines is malformed. Bare LF ends a line too (real servers send it). A multi-line
 * reply whose code changes between lines is malformed. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_REPLY_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#define REPLY_LINE_MAX  4096 /* RFC 5321 says 512; real servers send more */
#define REPLY_LINES_MAX 128
#define REPLY_TEXT_SIZE 2048 /* all lines' text together */
#define REPLY_HEAD      1024 /* of a longer refusal; behind it stands its end, which often says why */

/* Keywords of EHLO that change how we go on (RFC 5321 section 4.1.1.1). */
enum reply_offer {
    REPLY_OFFERS_STARTTLS = 1,
    REPLY_OFFERS_PIPELINING = 2,
};

struct reply {
    int code;          /* 200-599; 0 = none yet */
    char enhanced[12]; /* "5.7.1" or "" (RFC 3463); from the first line that has one */
    /* The text after code and enhanced code, raw (not yet printable), NUL bytes as spaces, lines
     * joined by '\n', NUL-terminated. For EHLO each line is one capability. A text that is too long
     * is cut: a refusal in its middle, others at their end. */
    char text[REPLY_TEXT_SIZE];
    size_t text_length;
    unsigned int lines;
    unsigned int offers; /* of enum reply_offer: noted of every line after the first, also where the
                            text is cut */
};

enum reply_state {
    REPLY_MORE, /* feed on */
    REPLY_COMPLETE,
    REPLY_MALFORMED, /* not SMTP, or over a limit; reply holds what was understood, or with code 0
                        the line that was not */
};

struct reply_parser {
    struct reply reply;
    char line[REPLY_LINE_MAX];
    size_t line_length;
    size_t octets; /* fed since the last reset */
    enum reply_state state;
};

void reply_parser_reset(struct reply_parser *parser);

/* Takes bytes up to the end of one reply; *used says how many. The bytes behind a complete reply
 * are left to the caller (unasked-for bytes: improper pipelining of the server's). */
enum reply_state reply_parser_feed(struct reply_parser *parser, const char *bytes, size_t length,
                                   size_t *used);

/* The text of a reply, printable, in `size` octets: every line of a refusal, the first line of
 * another. A text that does not fit is cut in the middle, and the cut shown by "...". */
void reply_show(const struct reply *reply, char *out, size_t size);

static inline bool reply_is_positive(const struct reply *reply)
{
    return reply->code >= 200 && reply->code < 300;
}

#endif
