#include "probe/judge/diagnosis.h"

#include <stdio.h>
#include <string.h>

#include "probe/judge/diagnosis_message.h"
#include "probe/judge/diagnosis_open.h"
#include "probe/judge/diagnosis_unknown.h"
#include "probe/judge/mta.h"

#define LIST_SIZE DIAGNOSIS_LIST_SIZE

/* ---- cause --------------------------------------------------------------------------- */

/* How many firm refusals of one kind it takes to say that this kind is refused. */
#define REFUSALS_THAT_TELL 2

static bool refused_throughout(const size_t grants[GRANTS])
{
    return grants[EVIDENCE_PROVEN] == 0 && grants[EVIDENCE_UNCERTAIN] == 0 &&
           grants[EVIDENCE_REFUSED] >= REFUSALS_THAT_TELL;
}

/* `plain` is granted: what is refused throughout tells what the grant depends on, if it is one
 * thing. */
static enum cause cause_of_plain(const struct evidence_tally *tally)
{
    const struct {
        bool refused;
        enum cause cause;
    } hints[] = {
        {refused_throughout(tally->claimed), CAUSE_SENDER_TRUSTED},
        {refused_throughout(tally->by[TECHNIQUE_BY_HELO]), CAUSE_HELO_TRUSTED},
        /* A trusted client may write to whatever it likes, a recipient in a domain that the server
         * takes mail for to that domain. */
        {tally->subdomain_denied, CAUSE_DESTINATION_TOO_WIDE},
    };
    enum cause cause = CAUSE_NONE;

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (hints[i].refused) {
            cause = cause == CAUSE_NONE ? hints[i].cause : CAUSE_UNCONDITIONAL;
        }
    }
    return cause != CAUSE_NONE ? cause : CAUSE_UNCONDITIONAL;
}

/* A grant that `plain` has not differs from it in something; the cause that this names. */
static const struct {
    enum technique_trait trait;
    enum cause cause;
} differences[] = {
    {TECHNIQUE_BY_SENDER, CAUSE_SENDER_TRUSTED},
    {TECHNIQUE_BY_HELO, CAUSE_HELO_TRUSTED},
    /* A server that takes addresses that look like its own unwraps nothing perhaps, but takes
     * wrapped ones, too. */
    {TECHNIQUE_BY_LIKENESS, CAUSE_DESTINATION_TOO_WIDE},
    {TECHNIQUE_BY_ROUTE, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_WRAPPING, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_WORDING, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_DESTINATION, CAUSE_DESTINATION_TOO_WIDE},
    /* Where the control was accepted too, the server takes whatever is below its domain. */
    {TECHNIQUE_BY_SUBDOMAIN, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_ANONYMOUS, CAUSE_ANONYMOUS_AUTH},
    {TECHNIQUE_BY_XCLIENT, CAUSE_XCLIENT},
    {TECHNIQUE_BY_PROXY, CAUSE_PROXY_PROTOCOL},
    {TECHNIQUE_BY_SEQUENCE, CAUSE_UNCONDITIONAL},
    {TECHNIQUE_BY_CLEAR, CAUSE_UNCONDITIONAL},
};

bool diagnosis_may_show(enum technique_trait trait, enum cause cause)
{
    if (cause == CAUSE_DISCARDED_OR_HIDDEN ||
        (cause == CAUSE_DESTINATION_TOO_WIDE && trait == TECHNIQUE_BY_SUBDOMAIN)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (differences[i].trait == trait && differences[i].cause == cause) {
            return true;
        }
    }
    return false;
}

/* `plain` is refused: what is granted differs from it in something. */
static enum cause cause_of_difference(const struct evidence_tally *tally, enum evidence grant)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        enum technique_trait trait = differences[i].trait;
        if (tally->by[trait][grant] > 0) {
            return trait == TECHNIQUE_BY_SUBDOMAIN && grant == EVIDENCE_UNCERTAIN
                       ? CAUSE_DESTINATION_TOO_WIDE
                       : differences[i].cause;
        }
    }
    return CAUSE_NONE;
}

/* Whether `plain` was refused, if not for relaying: who asked so, or wrote so, was turned away. */
static bool plain_was_turned_away(const struct evidence_tally *tally)
{
    const struct technique_result *plain = tally->plain_result;

    return plain != NULL && plain->asked && plain->outcome != OUTCOME_ACCEPTED &&
           plain->outcome != OUTCOME_TLS_REQUIRED && !outcome_is_temporary(plain->outcome) &&
           plain->outcome != OUTCOME_CLOSING;
}

/* Trust in who asks or writes shows only where another was refused. One that was refused for its
 * sender alone may have been refused for what its domain is: where the null sender, which claims
 * nothing, is granted too, it is not the claim that opens the way. */
static bool shows_trust(const struct evidence_tally *tally, enum cause cause, enum evidence grant)
{
    if (tally->plain == EVIDENCE_REFUSED) {
        return true;
    }
    return plain_was_turned_away(tally) &&
           !(cause == CAUSE_SENDER_TRUSTED && tally->nobody[grant] > 0);
}

enum cause diagnosis_cause(const struct evidence_tally *tally)
{
    if (tally->plain == EVIDENCE_PROVEN) {
        return cause_of_plain(tally);
    }
    enum evidence grant = tally->count[EVIDENCE_PROVEN] > 0 ? EVIDENCE_PROVEN : EVIDENCE_UNCERTAIN;
    enum cause cause = cause_of_difference(tally, grant);
    /* Where a PROXY header is demanded there is nobody without. */
    bool trust = cause == CAUSE_SENDER_TRUSTED || cause == CAUSE_HELO_TRUSTED ||
                 cause == CAUSE_ANONYMOUS_AUTH || cause == CAUSE_XCLIENT;
    return trust && !shows_trust(tally, cause, grant) ? CAUSE_UNCONDITIONAL : cause;
}

/* ---- suspected and closed ------------------------------------------------------------ */

/* The answers to the controls of the uncertain. */
struct controls {
    bool accepted;
    bool put_off;
};

static struct controls look_at_controls(const struct endpoint_result *result)
{
    struct controls controls = {.accepted = false};

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (evidence_of(asked) == EVIDENCE_UNCERTAIN && asked->control_asked) {
            controls.accepted |= asked->control == OUTCOME_ACCEPTED;
            controls.put_off |= outcome_is_temporary(asked->control);
        }
    }
    return controls;
}

/* Which of the uncertain are SRS and its like, and whether there are others. */
struct wrapped {
    bool by_user; /* TECHNIQUE_USER */
    bool otherwise;
};

static struct wrapped look_at_forms(const struct endpoint_result *result)
{
    struct wrapped wrapped = {.by_user = false};

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (!asked->absent && evidence_of(asked) == EVIDENCE_UNCERTAIN) {
            bool by_user = asked->technique->form == TECHNIQUE_USER;
            wrapped.by_user |= by_user;
            wrapped.otherwise |= !by_user;
        }
    }
    return wrapped;
}

static const char why_accepted[] =
    "The control address, which is harmless, was accepted too: the server may take any local "
    "part and relay nothing";
static const char why_unwrapped[] =
    "The server refuses users that nobody has, but took these with a made-up hash: it "
    "knows such addresses (SRS, BATV), and relays for anybody if it unwraps them without a look "
    "at the hash";
static const char why_put_off[] =
    "The control address was deferred. If it is later refused, this server relays";
static const char why_unclear[] =
    "The control address, which is harmless, got no clear answer, so nothing tells what "
    "acceptance means here";

static const struct remedy fix_suspected[] = {
    {MTA_UNKNOWN, "Ask the server where it sends these recipients."},
    {MTA_POSTFIX, "'sendmail -bv ADDRESS'; if that is outside, set allow_untrusted_routing "
                  "= no and mind maps that unwrap addresses; if they stay, a catch-all takes them "
                  "(luser_relay or an @domain entry of a map)."},
    {MTA_SENDMAIL, "'sendmail -bv ADDRESS'; if that is outside, remove "
                   "FEATURE(loose_relay_check)."},
    {MTA_EXIM, "'exim -bt ADDRESS'; if that is outside, unset percent_hack_domains and mind "
               "redirect routers."},
    {MTA_UNKNOWN, "Refusing unknown recipients makes the answer certain."},
    {.text = NULL},
};

/* Before anything else, where SRS and its like are all that was accepted. */
static const struct remedy fix_unwrapped[] = {
    {MTA_UNKNOWN,
     "Look where these recipients go after all rewriting, or set proof = delivered, and "
     "the probe sends one to the canary. If it goes outside, this is an open relay: "
     "SRS0 and SRS1 are to be unwrapped by what verifies the hash, and by no regular "
     "expression. If it is refused or bounced later, refuse it at RCPT, and the answer "
     "is certain."},
    {MTA_POSTFIX, "'postmap -q ADDRESS' on recipient_canonical_maps and "
                  "virtual_alias_maps; postsrsd's map verifies the hash."},
    {MTA_SENDMAIL, "'sendmail -bv ADDRESS'; look for rules of your own that take SRS0 "
                   "apart."},
    {MTA_EXIM, "'exim -bt ADDRESS'; the inbound_srs condition with a secret verifies the "
               "hash."},
    {.text = NULL},
};

void diagnosis_explain_suspected(const struct endpoint_result *result,
                                 const struct evidence_tally *tally, struct diagnosis_words *words)
{
    char accepted[LIST_SIZE] = "";
    struct controls controls = look_at_controls(result);
    struct wrapped wrapped = look_at_forms(result);
    const char *why = why_unclear;

    if (controls.accepted) {
        why = wrapped.otherwise ? why_accepted : why_unwrapped;
    } else if (controls.put_off) {
        why = why_put_off;
    }
    words->why[0] = '\0';
    remedies_clear(&words->fix);
    diagnosis_list(accepted, sizeof(accepted), result, EVIDENCE_UNCERTAIN);
    diagnosis_say(words->why, sizeof(words->why), "Accepted, but perhaps as local mail: %s. %s. %s",
                  accepted, why,
                  tally->plain == EVIDENCE_REFUSED
                      ? "Asked plainly, relaying is refused."
                      : "Asked plainly, relaying got no clear answer.");
    if (wrapped.by_user && !wrapped.otherwise) {
        remedies_add_rows(&words->fix, fix_unwrapped, mta_recognise(result));
        return;
    }
    if (controls.put_off && !controls.accepted) {
        remedies_add(&words->fix, MTA_UNKNOWN,
                     "Ask again in 10 minutes, from the same address ('check --wait 10m' does so "
                     "by itself).");
    }
    remedies_add_rows(&words->fix, fix_suspected, mta_recognise(result));
}

static void explain_suspected(struct endpoint_result *result, const struct evidence_tally *tally)
{
    struct diagnosis_words words;

    diagnosis_explain_suspected(result, tally, &words);
    memcpy(result->why, words.why, sizeof(result->why));
    result->fix = words.fix;
}

static void explain_closed(struct endpoint_result *result, const struct evidence_tally *tally,
                           enum inside inside)
{
    const struct technique_result *plain = tally->plain_result;

    diagnosis_say(
        result->why, sizeof(result->why), "Relaying is refused%s: plain was answered %d%s%s (%s)",
        inside != INSIDE_NOT ? " even from inside" : "", plain->code,
        plain->enhanced[0] != '\0' ? " " : "", plain->enhanced, outcome_name(plain->outcome));
    if (tally->techniques > 1) {
        diagnosis_say(result->why, sizeof(result->why), ", and none of %zu techniques was accepted",
                      tally->techniques - tally->count[EVIDENCE_LOCAL]);
    }
    diagnosis_say(result->why, sizeof(result->why), ".");
    if (tally->count[EVIDENCE_LOCAL] > 0) {
        diagnosis_say(
            result->why, sizeof(result->why),
            " %zu more were accepted as users of the own domain, as any user is: that is no "
            "relaying.",
            tally->count[EVIDENCE_LOCAL]);
    }
    if (tally->count[EVIDENCE_UNANSWERED] > 0) {
        diagnosis_say(result->why, sizeof(result->why),
                      " %zu techniques were refused for another reason, or not answered.",
                      tally->count[EVIDENCE_UNANSWERED]);
    }
}

/* ---- all of it ------------------------------------------------------------------------ */

/* The verdict is of one request, and says so. */
static void explain_hosted(struct endpoint_result *result)
{
    if (result->reach == REACH_SESSION) {
        diagnosis_say(
            result->why, sizeof(result->why),
            " Only plain was asked: %.100s is in no domain of the site's, so the server is "
            "somebody else's. If it is yours, name it in site { hosts }, and the next audit "
            "asks every technique.",
            result->endpoint.host);
    }
}

void diagnosis_explain(struct endpoint_result *result, const struct evidence_tally *tally,
                       enum inside inside)
{
    result->why[0] = '\0';
    remedies_clear(&result->fix);
    if (result->interrupted && result->verdict == VERDICT_INCONCLUSIVE) {
        diagnosis_say(result->why, sizeof(result->why),
                      "Whether this server relays is not known: the audit was interrupted before "
                      "everything was asked.");
        remedies_add(&result->fix, MTA_UNKNOWN, "Ask again.");
    } else if (result->reach != REACH_SESSION) {
        diagnosis_explain_reach(result);
    } else if (result->verdict == VERDICT_OPEN) {
        diagnosis_explain_open(result, tally);
        diagnosis_explain_message(result);
    } else if (result->cause == CAUSE_DISCARDED_OR_HIDDEN && result->message.technique != NULL) {
        diagnosis_explain_doubt(result);
    } else if (result->verdict == VERDICT_SUSPECTED) {
        explain_suspected(result, tally);
    } else if (result->verdict == VERDICT_CLOSED) {
        explain_closed(result, tally, inside);
    } else if (tally->count[EVIDENCE_PROVEN] > 0) {
        diagnosis_explain_inside(result, inside);
    } else if (tally->plain == EVIDENCE_REFUSED) {
        diagnosis_explain_open_questions(result, tally);
    } else {
        diagnosis_explain_unanswered(result, tally->plain_result);
    }
    if (result->endpoint.hosted) {
        explain_hosted(result);
    }
    if (result->tls_trouble[0] != '\0') {
        diagnosis_say(result->why, sizeof(result->why),
                      " It was asked without TLS, for STARTTLS failed");
        diagnosis_end(result->why, sizeof(result->why), result->tls_trouble);
    }
}
