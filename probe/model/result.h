/*
 * result - what an audit learnt of an endpoint, as plain structs
 *
 * Filled by the session, judged by verdict.c, shown by the reports. Texts from the network are
 * made printable when they are put in. Owned by the audit, and small: there may be thousands. A
 * zeroed one is empty; result_free frees what it holds.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_RESULT_H
#define RELAYWARDEN_PROBE_MODEL_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/finding.h"
#include "lib/observation.h"
#include "lib/words.h"
#include "probe/model/message.h"
#include "probe/model/string_pool.h"
#include "probe/model/technique.h"

#define RESULT_TEXT_SIZE     512
#define RESULT_GREETING_SIZE 1024
#define RESULT_TECHNIQUES    96
#define OTHER_SENDERS        15 /* own-sender for other declared domains: with the target's, 16 */
#define OTHER_HELOS          7 /* helo-own, each on a connection of its own: with the target's, 8 */
#define RESULT_CAPABILITIES  40
#define RESULT_FINDINGS      32
#define RESULT_NOTES         16
#define RESULT_NOTE_SIZE     320
#define RESULT_HOST_SIZE     256

/* One technique as it was asked on this endpoint. Texts are never NULL, and belong to the result's
 * `texts` or are static. */
struct technique_result {
    const struct technique *technique;
    const char *own; /* the declared domain that own-sender or helo-own is asked for here; NULL: the
                        endpoint's own */
    bool asked;      /* a reply was had; else everything below is empty and `text` says why not */
    bool absent;  /* it makes no sense here, for what `text` says: it is none of the techniques that
                     this endpoint can be asked */
    bool limited; /* and absent: it met a limit of the server's */
    bool cut; /* not asked: a connection ended where its answer was due, or had no room for it */
    bool helo_refused; /* and cut: its own EHLO and HELO were refused, with 5xx */
    bool recent;       /* an audit not long ago had an answer (carry_over.h) */
    bool hung_up; /* each connection on which it was asked ended there, and it is not asked again */
    const char *helo;
    const char *sender;    /* what was said after MAIL FROM: */
    const char *recipient; /* what was said after RCPT TO: */
    const char *text;      /* first line, printable */
    bool ask; /* it carried a token, or followed one that did: had the MTA accepted it, the filter
                 would have said so */
    bool observed;    /* and so it did */
    bool unconfirmed; /* an acceptance was void, for the replies were out of step, and no answer
                         followed */
    bool at_mail;     /* the reply that decided was to MAIL or, with `at_claim`, to AUTH or XCLIENT
                         before it, not to RCPT */
    bool at_claim;
    bool names_us; /* the reply names our own address: it is about who asks */
    int code;
    char enhanced[12];
    enum outcome outcome;
    bool control_asked;
    enum outcome control;
    int control_code;
    bool any_user; /* so was a user that nobody has, or nobody knows: as is any local part, then */
};

/* Whether this outcome shows that relaying is refused. */
bool outcome_denies_relaying(enum outcome outcome);

/* Whether asking again later can give another answer (greylisted, deferred). */
bool outcome_is_temporary(enum outcome outcome);

/* Whether the server takes mail for users of the own domain that nobody has. */
enum users {
    USERS_UNKNOWN, /* not asked, or no clear answer */
    USERS_ANY,
    USERS_KNOWN, /* only for those that it knows */
};

/* As what a declared domain other than the endpoint's own is asked for. */
enum domain_role {
    DOMAIN_AS_SENDER, /* own-sender */
    DOMAIN_AS_HELO,   /* helo-own */
    DOMAIN_ROLES      /* how many */
};

/* Which of the site's declared domains are asked for so (other_domains.h). */
struct other_domains {
    const char *domains[OTHER_SENDERS]; /* the site's, or in the result's texts */
    size_t places[OTHER_SENDERS];       /* of each in the site, see site_next_domain */
    size_t count;
    size_t next;     /* the place behind the last of them */
    size_t left_out; /* declared ones whose turn it is not */
    bool waits;      /* an earlier audit left some */
    bool first;      /* these wait longest, see battery_spare.h */
};

/* How far the endpoint let us come. */
enum reach {
    REACH_NO_ADDRESS,  /* DNS gave none (`trouble` says why) */
    REACH_PRIVATE,     /* only DNS names the address, and it is none of the internet's: not asked */
    REACH_NO_CONNECT,  /* refused, unreachable, timed out */
    REACH_NO_GREETING, /* connected, then silence, a close, or 421/554 instead of 220 */
    REACH_NO_SESSION,  /* greeting, but neither EHLO nor HELO was taken, or no SMTP */
    REACH_NO_TLS,      /* the TLS that the endpoint's mode demands did not come about */
    REACH_NO_CLAIM,    /* vantage = claimed, and XCLIENT is not offered or not taken */
    REACH_SESSION,     /* asked */
};

struct endpoint {
    char target[RESULT_HOST_SIZE]; /* its configured name, or the argument */
    char host[RESULT_HOST_SIZE];   /* host name, or the address as text */
    char own[RESULT_HOST_SIZE];    /* the own domain that techniques use here */
    struct address address;
    uint16_t port;
    enum tls_mode tls_asked; /* may be TLS_AUTO */
    bool configured;         /* a target of the configuration: state and alerts are for these */
    bool hosted;             /* an MX host that is somebody else's: asked `plain` alone */
};

/* "203.0.113.25:25/starttls" in this mode; without an address the host stands for it. */
#define ENDPOINT_PLACE_SIZE (RESULT_HOST_SIZE + 32)
const char *endpoint_place(const struct endpoint *endpoint, enum tls_mode tls,
                           char out[ENDPOINT_PLACE_SIZE]);

/* The question that is put at it, "203.0.113.25:25/auto example.org": the name by which everything
 * that outlasts an audit knows it. The answers are no part of it, nor the host's name,
 * which may change while the server stays. */
#define ENDPOINT_KEY_SIZE (ENDPOINT_PLACE_SIZE + RESULT_HOST_SIZE)
const char *endpoint_key(const struct endpoint *endpoint, char out[ENDPOINT_KEY_SIZE]);

/* Its parts, as far as a key has them: the address or host without brackets, and the mode of TLS
 * that was asked for. */
struct endpoint_key_parts {
    char where[RESULT_HOST_SIZE];
    unsigned int port;
    char tls[16];
};
void endpoint_key_read(const char *key, struct endpoint_key_parts *out);

/* Offers on any of its connections that say something about the server's posture. */
struct posture_heard {
    char ehlo[128]; /* first line of the reply to EHLO, printable */
    char
        auth_in_clear[256]; /* mechanisms that AUTH was offered with before TLS; "" if it was not */
    bool anonymous;         /* AUTH ANONYMOUS */
    bool xclient;
    bool xforward;
};

/* The words of the site's own filter on the connections of this endpoint (milter_talk.h). Of
 * several, that which shows the worst. */
struct milter_said {
    bool expected;       /* there is one: the configuration says so, or it has answered before */
    bool asked;          /* it was spoken to */
    bool present;        /* it answered, if only to a client that we made up, and was verified */
    bool observed;       /* likewise, to us */
    bool unverified;     /* an answer came that could not be */
    bool clock_differs;  /* it answered that our clocks differ too much */
    int64_t clock_ahead; /* its clock minus ours, seconds */
    struct observation hello;
    enum token_role role; /* ours, by what it said */
    unsigned int passed; /* connections on which MAIL of a hello was taken as any other and RCPT was
                            judged: no filter had a say there */
    unsigned int asks;   /* that got an answer from the MTA or the filter */
    unsigned int granted; /* of those, observed */
    bool tallied;         /* on one connection, after its asks, it was asked what it had counted: */
    unsigned int counted; /* asks that the MTA had accepted there, as the filter counts */
    unsigned int heard;   /* and as we do */
};

struct posture_dns;

struct endpoint_result {
    struct endpoint endpoint;
    enum reach reach;
    bool greeting_names_client; /* likewise: the greeting refuses our own address */
    bool proxied;               /* it greets only those that send a PROXY header, and all of them */
    bool greeting_closing;      /* REACH_NO_GREETING: 421 or closed at once, as against silence */
    int greeting_code;          /* of the last greeting; 0: none came */
    char trouble[RESULT_TEXT_SIZE]; /* one sentence: what went wrong, printable; "" if nothing */
    bool exhausted;                 /* our own host had no descriptor, buffer or memory left */
    bool unusable_source;           /* our own source address could not be used */
    bool no_route;                  /* our own host has no way to the address */
    bool starttls_offered;          /* by any EHLO of this endpoint */
    struct address source;          /* ours, as the socket has it, or the one that was claimed */
    enum tls_mode tls;              /* in force when the techniques were asked */
    char tls_certificate[160];      /* what is wrong with the server's; "" if nothing, or no TLS */
    char tls_protocol[64];          /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" without TLS */
    char tls_trouble[RESULT_TEXT_SIZE]; /* why STARTTLS failed, when it was then asked without */
    char banner[RESULT_GREETING_SIZE];  /* greeting without the code, printable: its first line, or
                                           all  lines of one that refuses */
    unsigned int refusals;              /* replies 4xx and 5xx on them */
    const char *capabilities[RESULT_CAPABILITIES]; /* printable, after the last EHLO; in `texts` */
    size_t capability_count;
    struct milter_said milter;
    const struct posture_dns *dns; /* what DNS said so far; read when judged. NULL: not asked */
    struct posture_heard heard;    /* filled by ehlo_hear */
    bool refusals_used_up;         /* max_refusals kept techniques from being asked */
    bool interrupted;              /* the operator ended the audit before the battery's end */
    bool cut_off;     /* the battery was ended before its end, by 421, a close or a deadline */
    bool banned;      /* and it was refusals of our address that ended it */
    bool out_of_time; /* and the deadline was the endpoint's own, `timeout` */
    struct technique_result techniques[RESULT_TECHNIQUES];
    size_t technique_count;
    struct other_domains others[DOMAIN_ROLES];
    enum users users;
    struct message_result message;
    struct string_pool texts;
    double seconds;
    unsigned int connections; /* that came about */

    /* Filled by verdict_endpoint. */
    enum verdict verdict;
    enum proof proof;
    enum cause cause;
    char why[FINDING_WHY_SIZE];
    struct remedies fix;
    struct finding *findings; /* most endpoints have few or none, and each is big */
    size_t finding_count;
    size_t finding_room;
    uint64_t unkept; /* bit by kind: findings for which there was no room or no memory */
    bool lost;       /* this only stands for the result, which could not be kept (result_store.h),
                        or for endpoints that could not be asked */
    bool lost_critical;                         /* and a critical finding with it */
    char notes[RESULT_NOTES][RESULT_NOTE_SIZE]; /* sentences: what could not be learnt */
    size_t note_count;
};

/* Frees what it holds; it may be filled anew. */
void result_free(struct endpoint_result *result);

/* One more row, not asked; NULL when they are all taken. */
struct technique_result *result_add(struct endpoint_result *result,
                                    const struct technique *technique);

/* Room for one more finding, valid until the next; NULL when there are RESULT_FINDINGS or memory is
 * out. */
struct finding *result_add_finding(struct endpoint_result *result);

/* Whether a finding of this kind was made and could not be kept. */
static inline bool result_lacks(const struct endpoint_result *result, enum finding_kind kind)
{
    return (result->unkept >> kind & 1) != 0;
}

/* The TLS mode to show and to key findings by: what was in force, or for a connection that did not
 * come so far, what its first octet would have been. */
static inline enum tls_mode result_tls(const struct endpoint_result *result)
{
    const struct endpoint *endpoint = &result->endpoint;
    bool implicit = endpoint->tls_asked == TLS_IMPLICIT ||
                    (endpoint->tls_asked == TLS_AUTO && endpoint->port == 465);

    return result->reach != REACH_SESSION && result->tls == TLS_NONE && implicit ? TLS_IMPLICIT
                                                                                 : result->tls;
}

#endif
