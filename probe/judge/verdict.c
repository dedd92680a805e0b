#include "probe/judge/verdict.h"

#include <stdio.h>
#include <string.h>

#include "probe/judge/diagnosis.h"
#include "probe/judge/exposure.h"
#include "probe/judge/milter_evidence.h"
#include "probe/judge/posture.h"
#include "probe/judge/probe_finding.h"
#include "probe/model/evidence.h"

#define SHOWN  RAISE_SHOWN
#define FREE   RAISE_FREE
#define NAMING RAISE_NAMING

/* ---- vantage ------------------------------------------------------------------------- */

static enum inside why_inside(const struct endpoint_result *result,
                              const struct vantage_known *vantage)
{
    if (vantage->declared == VANTAGE_INSIDE) {
        return INSIDE_DECLARED;
    }
    if (result->source.family == ADDRESS_NONE) {
        return INSIDE_NOT;
    }
    if (address_equal(&result->source, &result->endpoint.address)) {
        return INSIDE_SAME_ADDRESS;
    }
    if (result->milter.observed && result->milter.role == TOKEN_ROLE_INSIDE) {
        return INSIDE_SEEN;
    }
    return vantage->site != NULL && site_trusts(vantage->site, &result->source) ? INSIDE_TRUSTED
                                                                                : INSIDE_NOT;
}

bool judgement_is_inside(const struct endpoint_result *result, const struct vantage_known *vantage)
{
    return why_inside(result, vantage) != INSIDE_NOT;
}

/* ---- findings ------------------------------------------------------------------------ */

/* The technique that shows the cause best: `plain` if it is granted, else the first that is. */
static const struct technique_result *witness(const struct endpoint_result *result,
                                              enum grant grant)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (grant_of(&result->techniques[i]) == grant) {
            return &result->techniques[i];
        }
    }
    return NULL;
}

static const char *sender_word(enum technique_sender sender)
{
    static const enum sender_class classes[] = {
        [TECHNIQUE_SENDER_EXTERNAL] = SENDER_EXTERNAL,
        [TECHNIQUE_SENDER_OWN] = SENDER_OWN,
        [TECHNIQUE_SENDER_NULL] = SENDER_NULL,
    };
    return sender_class_name(classes[sender]);
}

static void add_grant_finding(struct endpoint_result *result, enum finding_kind kind,
                              enum grant grant)
{
    enum cause cause = result->cause != CAUSE_NONE ? result->cause : CAUSE_ROUTING_FORM;
    const struct technique_result *shown = witness(result, grant);
    struct finding *finding = shown != NULL ? raise_finding(result, kind, cause_name(cause)) : NULL;
    char reply[RESULT_TEXT_SIZE + 32];
    char granted[FINDING_VALUE_MAX] = "";

    if (finding == NULL) {
        return;
    }
    (void)snprintf(reply, sizeof(reply), "%d%s%s%s%s", shown->code,
                   shown->enhanced[0] != '\0' ? " " : "", shown->enhanced,
                   shown->text[0] != '\0' ? " " : "", shown->text);
    diagnosis_list(granted, sizeof(granted), result, grant);
    finding_add(finding, "technique", SHOWN, shown->technique->id);
    finding_add(finding, "helo", FREE, shown->helo);
    finding_add(finding, "sender", FREE, shown->sender);
    finding_add(finding, "recipient", FREE, shown->recipient);
    finding_add(finding, "reply", FREE, reply);
    raise_source(finding, result);
    if (result->proof != PROOF_NONE) {
        finding_add(finding, "proof", SHOWN, proof_name(result->proof));
    }
    finding_add(finding, "cause", NAMING, cause_name(cause));
    finding_add(finding, "sender_class", FIELD_EVIDENCE,
                sender_word(shown->technique->sender_class));
    finding_add(finding, "granted", FIELD_EVIDENCE, granted);
    finding_why(finding, "%s", result->why);
    finding_fix(finding, "%s", result->fix);
}

static void add_service_refused(struct endpoint_result *result)
{
    struct finding *finding = raise_finding(result, FINDING_SERVICE_REFUSED, "");
    if (finding != NULL) {
        raise_source(finding, result);
        finding_why(finding, "%s", result->why);
        finding_fix(finding, "%s", result->fix);
    }
}

static void add_probe_blocked(struct endpoint_result *result, const struct grant_tally *tally)
{
    struct finding *finding = raise_finding(result, FINDING_PROBE_BLOCKED, "");
    if (finding == NULL) {
        return;
    }
    raise_source(finding, result);
    finding_why(
        finding,
        "%s before every technique had been asked: %zu of %zu got no answer. What was "
        "answered stands.",
        result->out_of_time ? "The server replies so slowly that the time for an endpoint was over"
        : result->banned    ? "The server began to refuse the probe's address, whatever is asked,"
                            : "The server cut the probe off",
        tally->count[GRANT_UNANSWERED], tally->techniques);
    finding_fix(finding, "%s%s",
                result->out_of_time
                    ? "Set probe { timeout } higher (the default is 35s). If the server slows "
                      "strangers down on purpose: "
                    : "",
                "Exempt the probe's address from bans and rate limits (fail2ban ignoreip, Postfix "
                "smtpd_client_event_limit_exceptions, postscreen_access_list), not from relay "
                "restrictions, or set "
                "max_refusals lower.");
}

#define HUNG_UP_TOLD 6 /* of the longest ids, a note has room for these */

/* Where only single techniques end connections, no finding tells of them. */
static void note_hung_up(struct endpoint_result *result)
{
    char ids[RESULT_NOTE_SIZE / 2] = "";
    size_t length = 0;
    size_t count = 0;

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (!asked->hung_up || (asked->asked && asked->outcome != OUTCOME_CLOSING)) {
            continue;
        }
        if (count++ < HUNG_UP_TOLD && length < sizeof(ids)) {
            length += (size_t)snprintf(ids + length, sizeof(ids) - length, "%s%s",
                                       length > 0 ? ", " : "", asked->technique->id);
        }
    }
    if (count > HUNG_UP_TOLD && length < sizeof(ids)) {
        (void)snprintf(ids + length, sizeof(ids) - length, " and %zu more", count - HUNG_UP_TOLD);
    }
    if (count > 0) {
        raise_note(result,
                   "Whenever the server was asked %s, the connection ended without an answer: "
                   "whether that is granted is not known.",
                   ids);
    }
}

static void add_vantage_inside(struct endpoint_result *result, enum inside inside)
{
    struct finding *finding = raise_finding(result, FINDING_VANTAGE_INSIDE, "");
    char source[ADDRESS_TEXT_SIZE];

    if (finding == NULL) {
        return;
    }
    raise_source(finding, result);
    address_format(&result->source, source);
    finding_why(
        finding,
        inside == INSIDE_TRUSTED
            ? "The probe is declared to be outside, but asks from %s, which is in the site's "
              "trusted_networks: it cannot see what strangers are granted."
        : inside == INSIDE_SEEN
            ? "The probe is declared to be outside and asks from %s, but the MTA sees it under an "
              "address of its own that the site trusts: it cannot see what strangers are granted."
            : "The probe is declared to be outside, but asks from %s, the server's own "
              "address: it cannot see what strangers are granted.",
        source);
    finding_fix(finding,
                "Run the probe on a host outside the trusted networks, or set probe { source } to "
                "an address "
                "that the site does not trust. If it shall stay here, set vantage = inside.");
}

/* ---- verdict ------------------------------------------------------------------------- */

static enum verdict session_verdict(const struct endpoint_result *result,
                                    const struct grant_tally *tally, enum inside inside)
{
    if (tally->count[GRANT_PROVEN] > 0) {
        return inside != INSIDE_NOT ? VERDICT_INCONCLUSIVE : VERDICT_OPEN;
    }
    /* An acceptance that the filter counted may never have come to us as one. */
    if (tally->plain == GRANT_UNCERTAIN || agreement_lacks_replies(result)) {
        return inside != INSIDE_NOT ? VERDICT_INCONCLUSIVE : VERDICT_SUSPECTED;
    }
    /* What is refused to everybody's gateway was asked once: see agreement.h. */
    if (agreement_is_hidden(result)) {
        return VERDICT_INCONCLUSIVE;
    }
    if (tally->plain != GRANT_REFUSED || tally->open_questions > 0 || result->refusals_used_up ||
        result->exhausted) {
        return VERDICT_INCONCLUSIVE;
    }
    /* From inside, what the server may have taken for local mail shows nothing of strangers. */
    return tally->count[GRANT_UNCERTAIN] > 0 && inside == INSIDE_NOT ? VERDICT_SUSPECTED
                                                                     : VERDICT_CLOSED;
}

static enum verdict reach_verdict(const struct endpoint_result *result)
{
    bool nobody = result->reach == REACH_NO_ADDRESS || result->reach == REACH_NO_CONNECT;

    return nobody && !result->exhausted ? VERDICT_UNREACHABLE : VERDICT_INCONCLUSIVE;
}

static void note_claim(struct endpoint_result *result)
{
    char source[ADDRESS_TEXT_SIZE];

    raise_note(result,
               "Asked as %s, an address claimed by XCLIENT: this shows what the restrictions "
               "grant a stranger, not whether the server sees strangers for what they are.",
               address_format(&result->source, source));
}

/* Whether what became of a message shows that its acceptance says little. The filter's word is
 * surer. */
static bool is_doubtful(const struct endpoint_result *result)
{
    const struct message_result *message = &result->message;

    return message->state == MESSAGE_MISSING ||
           (message->state == MESSAGE_REFUSED && message->denies);
}

/* A message that went through makes an acceptance surer. */
static void weigh_message(struct endpoint_result *result)
{
    if (result->verdict != VERDICT_OPEN || result->proof == PROOF_OBSERVED) {
        return;
    }
    if (is_doubtful(result)) {
        result->verdict = VERDICT_SUSPECTED;
        result->cause = CAUSE_DISCARDED_OR_HIDDEN;
        result->proof = PROOF_NONE;
    } else if (result->message.state == MESSAGE_ARRIVED) {
        result->proof = PROOF_DELIVERED;
    } else if (result->message.state == MESSAGE_TAKEN) {
        result->proof = PROOF_DATA;
    }
}

static void raise_findings(struct endpoint_result *result, const struct grant_tally *tally,
                           const struct vantage_known *vantage)
{
    enum inside inside = why_inside(result, vantage);

    if (result->verdict == VERDICT_OPEN) {
        add_grant_finding(result, FINDING_OPEN_RELAY, GRANT_PROVEN);
    } else if (result->verdict == VERDICT_SUSPECTED && is_doubtful(result)) {
        add_grant_finding(result, FINDING_SUSPECTED_RELAY, GRANT_PROVEN);
    } else if (inside == INSIDE_NOT && tally->count[GRANT_UNCERTAIN] > 0 &&
               tally->count[GRANT_PROVEN] == 0) {
        add_grant_finding(result, FINDING_SUSPECTED_RELAY, GRANT_UNCERTAIN);
    }
    if (result->reach == REACH_NO_GREETING && !result->interrupted) {
        add_service_refused(result);
    }
    if (result->cut_off && !result->interrupted && !result->exhausted &&
        tally->plain != GRANT_UNANSWERED) {
        add_probe_blocked(result, tally);
    }
    if (!result->cut_off && !result->interrupted) {
        note_hung_up(result);
    }
    if (vantage->declared == VANTAGE_OUTSIDE && inside != INSIDE_NOT) {
        add_vantage_inside(result, inside);
    }
    bool outside = vantage->declared == VANTAGE_OUTSIDE && inside == INSIDE_NOT;
    if (vantage->declared == VANTAGE_CLAIMED && result->reach == REACH_SESSION) {
        note_claim(result);
    }
    agreement_judge(result, vantage);
    exposure_judge(result, tally, outside);
    posture_judge(result, outside);
}

/* What the filter's word explains, it explains better. */
static void explain_agreement(struct endpoint_result *result, const struct grant_tally *tally,
                              const struct vantage_known *vantage)
{
    void (*const explain)(struct endpoint_result *, const struct site *) =
        result->verdict == VERDICT_OPEN ? agreement_explain_open : agreement_explain_hidden;

    if (result->cause == CAUSE_DISCARDED_OR_HIDDEN && !is_doubtful(result)) {
        result->why[0] = '\0';
        result->fix[0] = '\0';
        agreement_explain_discarded(result);
    } else if (result->cause == CAUSE_CLIENT_ADDRESS_HIDDEN ||
               (result->verdict == VERDICT_INCONCLUSIVE && agreement_is_hidden(result) &&
                tally->plain == GRANT_REFUSED && !result->interrupted)) {
        result->why[0] = '\0';
        result->fix[0] = '\0';
        explain(result, vantage->site);
    }
}

static enum proof proof_of(const struct endpoint_result *result, const struct grant_tally *tally)
{
    if (result->verdict != VERDICT_OPEN) {
        return PROOF_NONE;
    }
    return tally->observed > 0 ? PROOF_OBSERVED : PROOF_RCPT;
}

static enum cause cause_of(const struct endpoint_result *result, const struct grant_tally *tally)
{
    if (result->verdict == VERDICT_OPEN && agreement_is_hidden(result)) {
        return CAUSE_CLIENT_ADDRESS_HIDDEN;
    }
    if (result->verdict == VERDICT_SUSPECTED &&
        (tally->unobserved > 0 || agreement_lacks_replies(result))) {
        return CAUSE_DISCARDED_OR_HIDDEN;
    }
    return result->verdict == VERDICT_OPEN || result->verdict == VERDICT_SUSPECTED
               ? diagnosis_cause(tally)
               : CAUSE_NONE;
}

void judgement_endpoint(struct endpoint_result *result, const struct vantage_known *vantage)
{
    struct grant_tally tally = grant_count(result);
    enum inside inside = why_inside(result, vantage);

    result->verdict = result->reach == REACH_SESSION ? session_verdict(result, &tally, inside)
                                                     : reach_verdict(result);
    if (result->interrupted && result->verdict != VERDICT_OPEN) {
        result->verdict = VERDICT_INCONCLUSIVE; /* what was not asked might have been granted */
    }
    result->proof = proof_of(result, &tally);
    result->cause = cause_of(result, &tally);
    weigh_message(result);
    result->finding_count = 0;
    result->note_count = 0;
    diagnosis_explain(result, &tally, inside);
    explain_agreement(result, &tally, vantage);
    raise_findings(result, &tally, vantage);
}

/* ---- over all endpoints -------------------------------------------------------------- */

/* From best to worst, as the exit code weighs them. */
static unsigned int weight(enum verdict verdict)
{
    static const unsigned int weights[] = {
        [VERDICT_CLOSED] = 0,       [VERDICT_SUSPECTED] = 1, [VERDICT_UNREACHABLE] = 2,
        [VERDICT_INCONCLUSIVE] = 3, [VERDICT_OPEN] = 4,
    };
    return weights[verdict];
}

static int exit_code_of(const struct endpoint_result *result)
{
    enum severity worst = SEVERITY_INFO;
    for (size_t i = 0; i < result->finding_count; i++) {
        if (result->findings[i].severity > worst) {
            worst = result->findings[i].severity;
        }
    }
    if (result->verdict == VERDICT_OPEN || worst == SEVERITY_CRITICAL) {
        return 2;
    }
    if (result->verdict == VERDICT_INCONCLUSIVE || result->verdict == VERDICT_UNREACHABLE) {
        return 3;
    }
    return result->verdict == VERDICT_SUSPECTED || worst == SEVERITY_WARNING ? 1 : 0;
}

int judgement_exit_code(const struct endpoint_result *const *results, size_t count)
{
    static const int in_order[] = {2, 3, 1}; /* the first that an endpoint has wins */

    if (count == 0) {
        return 3;
    }
    for (size_t code = 0; code < sizeof(in_order) / sizeof(in_order[0]); code++) {
        for (size_t i = 0; i < count; i++) {
            if (exit_code_of(results[i]) == in_order[code]) {
                return in_order[code];
            }
        }
    }
    return 0;
}

enum verdict judgement_worst(const struct endpoint_result *const *results, size_t count)
{
    if (count == 0) {
        return VERDICT_INCONCLUSIVE;
    }
    enum verdict worst = VERDICT_CLOSED;
    for (size_t i = 0; i < count; i++) {
        if (weight(results[i]->verdict) > weight(worst)) {
            worst = results[i]->verdict;
        }
    }
    return worst;
}
