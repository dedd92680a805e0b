/*
 * milter_talk - the probe's half of the talk with the site's filter, on one connection
 * (lib/token.h)
 *
 * The hello asks the filter to say who we are to the MTA; once it has, our recipients are asks, and
 * an ask that the MTA accepts is answered by the filter with an observation: proof of relaying
 * without a message. An answer that cannot be verified proves nothing, and above all no refusal:
 * the words of a filter stand in for those of the MTA.
 *
 * Pure but for the time and the nonces that its settings bring. One thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_MILTER_TALK_H
#define RELAYWARDEN_PROBE_SMTP_MILTER_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/observation.h"
#include "lib/site.h"
#include "lib/token.h"
#include "lib/words.h"
#include "probe/model/result.h"

/* Of an audit. */
struct milter_talk_settings {
    const struct token_key *key; /* NULL: nothing is said, and every recipient is an ordinary one */
    const char *probe;           /* our host's name, for the route */
    const struct address *public_addresses; /* configured: strangers see us under these */
    size_t public_address_count;
    const struct site *site;
    enum vantage declared;
    int64_t (*now)(void);                       /* Unix time */
    bool (*nonce)(uint8_t octets[TOKEN_NONCE]); /* false: none is to be had */
};

/* Of one connection. All zero before its hello. */
struct milter_talk {
    bool said;       /* a hello was, and MAIL's answer decides */
    bool verified;   /* the filter answered it: recipients may be asks */
    bool borrowed;   /* the hello was said in the site's own domain */
    bool claimed;    /* we are somebody else here, by XCLIENT, PROXY or AUTH */
    bool mistakable; /* verified, and the filter would take a grant without a token for a
                        stranger's, which it is not: an ask has to come first */
    char path[TOKEN_HELLO_PATH_SIZE];
    char domain[DOMAIN_SIZE];
    struct token_binding binding;
    enum token_role role;
};

/* MAIL's argument with brackets, or NULL when no hello is to be said. `domain`: the canary's, or
 * the site's own if the MTA refused that as a sender. The path belongs to the asker. */
const char *milter_talk_hello(struct milter_talk *asker,
                              const struct milter_talk_settings *settings,
                              const struct endpoint_result *result, const char *domain);

enum milter_talk_answer {
    MILTER_TALK_NOTHING,    /* the MTA's own words */
    MILTER_TALK_UNVERIFIED, /* an observation that nobody with the key has made, for this command */
    MILTER_TALK_CLOCK,      /* the clocks differ too much; result->milter says by how much */
    MILTER_TALK_OBSERVED,
};

/* The reply to the hello: `line` is its first, with a code of 4xx or 5xx. Its content goes to
 * result->milter. */
enum milter_talk_answer milter_talk_take_hello(struct milter_talk *asker,
                                               const struct milter_talk_settings *settings,
                                               struct endpoint_result *result, const char *line);

/* The reply to a hello that only asks what was counted. */
bool milter_talk_take_tally(const struct milter_talk *asker, const char *line,
                            struct observation *out);

/* Puts an ask's token where `rcpt_path` has TOKEN_ASK_BLANK. False: it is an ordinary path with a
 * strange local part, and must not be sent. */
bool milter_talk_seal(const struct milter_talk *asker, unsigned int technique,
                      const char *mail_path, char *rcpt_path);

/* The reply, 4xx or 5xx, to RCPT of `sent`, which the MTA may have read as `read`. */
enum milter_talk_answer milter_talk_take_ask(const struct milter_talk *asker, const char *line,
                                             const char *sent, const char *read,
                                             struct observation *out);

/* The probe's knowledge of where it stands. */
struct milter_talk_view {
    bool claimed;
    const struct address *source; /* our end of the socket */
    const struct address *peer;   /* the server's */
    const struct address *client; /* what the MTA saw; ADDRESS_NONE if it does not say */
    enum permission permission;   /* of that, by the site */
};

/* Whether a grant to us, were it not known for ours, would be a finding that it does not prove: the
 * filter has withheld the client's permission, for strangers come under that address (`masked`, or
 * we are about to show it); or it is granted to an address that we have from inside or by a claim.
 * To a stranger whom the MTA sees as that it is what it looks like, and so it is to the one that a
 * claimed vantage stands for. */
bool milter_talk_is_mistakable(const struct milter_talk_settings *settings, enum token_role role,
                               const struct observation *hello);

/* DESIGN's rules, the first that fits: claimed, inside, true, unknown, hidden. */
enum token_role milter_talk_role(const struct milter_talk_settings *settings,
                                 const struct milter_talk_view *view);

/* Whether an address that strangers may see us under is one that the site trusts. */
bool milter_talk_is_trusted(const struct milter_talk_settings *settings,
                            const struct address *source);

#endif
