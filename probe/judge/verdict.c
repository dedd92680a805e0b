#include "probe/judge/verdict.h"

#include <stdio.h>
#include <string.h>

#include "probe/judge/diagnosis.h"
#include "probe/judge/exposure.h"
#include "probe/judge/milter_evidence.h"
#include "probe/judge/posture.h"
#include "probe/judge/probe_finding.h"
#include "probe/model/evidence.h"
#include "probe/model/other_domains.h"

#define SHOWN  PROBE_FINDING_SHOWN
#define FREE   PROBE_FINDING_FREE
#define NAMING PROBE_FINDING_NAMING

/* ---- findings ------------------------------------------------------------------------ */

/* The technique that shows the cause best: `plain` if it is granted, else the first that is. */
static const struct technique_result *witness(const struct endpoint_result *result,
                                              enum evidence grant)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (evidence_of(&result->techniques[i]) == grant) {
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

static enum cause cause_to_name(const struct endpoint_result *result)
{
    return result->cause != CAUSE_NONE ? result->cause : CAUSE_ROUTING_FORM;
}

static void fill_grant_finding(struct finding *finding, const struct endpoint_result *result,
                               const struct technique_result *shown, enum evidence grant)
{
    enum cause cause = cause_to_name(result);
    char reply[RESULT_TEXT_SIZE + 32];
    char granted[FINDING_VALUE_MAX] = "";

    (void)snprintf(reply, sizeof(reply), "%d%s%s%s%s", shown->code,
                   shown->enhanced[0] != '\0' ? " " : "", shown->enhanced,
                   shown->text[0] != '\0' ? " " : "", shown->text);
    diagnosis_list(granted, sizeof(granted), result, grant);
    finding_add(finding, "technique", SHOWN, shown->technique->id);
    finding_add(finding, "helo", FREE, shown->helo);
    finding_add(finding, "sender", FREE, shown->sender);
    finding_add(finding, "recipient", FREE, shown->recipient);
    finding_add(finding, "reply", FREE, reply);
    probe_finding_source(finding, result);
    if (result->proof != PROOF_NONE) {
        finding_add(finding, "proof", SHOWN, proof_name(result->proof));
    }
    finding_add(finding, "cause", NAMING, cause_name(cause));
    finding_add(finding, "sender_class", FIELD_EVIDENCE,
                sender_word(shown->technique->sender_class));
    finding_add(finding, "granted", FIELD_EVIDENCE, granted);
    finding_why(finding, "%s", result->why);
    finding->fix = result->fix;
}

static struct finding *add_grant_finding(struct endpoint_result *result, enum finding_kind kind,
                                         enum evidence grant)
{
    const struct technique_result *shown = witness(result, grant);
    struct finding *finding =
        shown != NULL ? probe_finding_add(result, kind, cause_name(cause_to_name(result))) : NULL;

    if (finding != NULL) {
        fill_grant_finding(finding, result, shown, grant);
    }
    return finding;
}

/* The accepted techniques are worth a warning of their own where the verdict's words are of what
 * was not answered. */
static void add_suspected(struct endpoint_result *result, const struct evidence_tally *tally)
{
    struct finding *finding =
        add_grant_finding(result, FINDING_SUSPECTED_RELAY, EVIDENCE_UNCERTAIN);
    struct diagnosis_words words;

    if (finding != NULL && result->verdict != VERDICT_SUSPECTED) {
        diagnosis_explain_suspected(result, tally, &words);
        finding_why(finding, "%s", words.why);
        finding->fix = words.fix;
    }
}

static void add_service_refused(struct endpoint_result *result)
{
    struct finding *finding = probe_finding_add(result, FINDING_SERVICE_REFUSED, "");
    if (finding != NULL) {
        probe_finding_source(finding, result);
        if (result->banner[0] != '\0') {
            finding_add(finding, "greeting", PROBE_FINDING_FREE, result->banner);
        }
        finding_why(finding, "%s", result->why);
        finding->fix = result->fix;
    }
}

static void add_probe_blocked(struct endpoint_result *result, const struct evidence_tally *tally)
{
    struct finding *finding = probe_finding_add(result, FINDING_PROBE_BLOCKED, "");
    if (finding == NULL) {
        return;
    }
    probe_finding_source(finding, result);
    finding_why(
        finding,
        "%s before every technique had been asked: %zu of %zu got no answer. The answers "
        "before that stand.",
        result->out_of_time ? "The server replies so slowly that the time for an endpoint was over"
        : result->banned    ? "The server began to refuse the probe's address, whatever is asked,"
                            : "The server cut the probe off",
        tally->count[EVIDENCE_UNANSWERED], tally->techniques);
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
        probe_finding_note(
            result,
            "Whenever the server was asked %s, the connection ended without an answer: "
            "whether that is granted is not known.",
            ids);
    }
}

/* The next audit asks first what is left over. */
static void note_caught_up(struct endpoint_result *result, const struct evidence_tally *tally)
{
    probe_finding_note(
        result,
        "The server ended the battery before %zu of %zu techniques were answered; each of "
        "them was answered not long ago, and the next audit begins with them.",
        tally->count[EVIDENCE_UNANSWERED], tally->techniques);
}

/* Techniques that no server with these limits can be asked. */
static void note_limits(struct endpoint_result *result)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (asked->limited) {
            probe_finding_note(result, "%s was %s", asked->technique->id, asked->text);
        }
    }
}

/* The domain of an address "<local@domain>". */
static void domain_of(const char *path, char *domain, size_t size)
{
    const char *at = strrchr(path, '@');

    (void)snprintf(domain, size, "%s", at != NULL ? at + 1 : "");
    domain[strcspn(domain, ">")] = '\0';
}

/* Exim and others look a domain up before, or right after, they ask whether they relay to it. The
 * verdict may stand: which of the two came first is not known, servers that look up first would be
 * inconclusive for ever, and the hole that may be there leads to domains of this likeness alone. */
static void note_no_name(struct endpoint_result *result, const struct evidence_tally *tally)
{
    const struct technique_result *blind[4];
    size_t count = 0;
    char ids[RESULT_NOTE_SIZE / 4] = "";
    char name[RESULT_NOTE_SIZE / 4];
    char canary[RESULT_NOTE_SIZE / 4];

    for (size_t i = 0; i < result->technique_count && count < 4; i++) {
        if (evidence_is_of_no_name(&result->techniques[i])) {
            blind[count++] = &result->techniques[i];
        }
    }
    if (count == 0 || tally->plain != EVIDENCE_REFUSED) {
        return;
    }
    for (size_t i = 0, length = 0; i < count && length < sizeof(ids); i++) {
        length += (size_t)snprintf(ids + length, sizeof(ids) - length, "%s%s", i > 0 ? ", " : "",
                                   blind[i]->technique->id);
    }
    domain_of(blind[0]->outcome == OUTCOME_SENDER_REFUSED ? blind[0]->sender : blind[0]->recipient,
              name, sizeof(name));
    domain_of(tally->plain_result->recipient, canary, sizeof(canary));
    probe_finding_note(result,
                       "%s could show nothing: the server refused %s (%d), and not for relaying, "
                       "probably because DNS does not know that name. Give *.%s an A or MX record "
                       "(a wildcard), and the server has to answer.",
                       ids, name, blind[0]->code, canary);
}

static void add_vantage_inside(struct endpoint_result *result, enum inside inside)
{
    struct finding *finding = probe_finding_add(result, FINDING_VANTAGE_INSIDE, "");
    char source[ADDRESS_TEXT_SIZE];

    if (finding == NULL) {
        return;
    }
    probe_finding_source(finding, result);
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
                                    const struct evidence_tally *tally, enum inside inside)
{
    if (tally->count[EVIDENCE_PROVEN] > 0) {
        return inside != INSIDE_NOT ? VERDICT_INCONCLUSIVE : VERDICT_OPEN;
    }
    /* An acceptance that the filter counted may never have come to us as one. */
    if (tally->plain == EVIDENCE_UNCERTAIN || milter_evidence_lacks_replies(result)) {
        return inside != INSIDE_NOT ? VERDICT_INCONCLUSIVE : VERDICT_SUSPECTED;
    }
    /* Everybody's gateway was asked once, and refused: see milter_evidence.h. */
    if (milter_evidence_is_hidden(result)) {
        return VERDICT_INCONCLUSIVE;
    }
    if (tally->plain != EVIDENCE_REFUSED || tally->open_questions > 0 || tally->likeness_passed ||
        result->refusals_used_up || result->exhausted) {
        return VERDICT_INCONCLUSIVE;
    }
    /* From inside, what the server may have taken for local mail shows nothing of strangers. */
    return tally->count[EVIDENCE_UNCERTAIN] > 0 && inside == INSIDE_NOT ? VERDICT_SUSPECTED
                                                                        : VERDICT_CLOSED;
}

static enum verdict reach_verdict(const struct endpoint_result *result)
{
    bool nobody = result->reach <= REACH_NO_CONNECT;

    return nobody && !result->exhausted ? VERDICT_UNREACHABLE : VERDICT_INCONCLUSIVE;
}

static void note_claim(struct endpoint_result *result)
{
    char source[ADDRESS_TEXT_SIZE];

    probe_finding_note(
        result,
        "Asked as %s, an address claimed by XCLIENT: this shows what the restrictions "
        "grant a stranger, not whether the server sees strangers for what they are.",
        address_format(&result->source, source));
}

/* Where nothing was asked, all of them are left. */
static void note_others(struct endpoint_result *result, const struct site *site)
{
    bool asked = result->reach == REACH_SESSION && !result->interrupted && !result->cut_off &&
                 !result->endpoint.hosted;
    char note[RESULT_NOTE_SIZE];

    for (size_t role = 0; asked && role < DOMAIN_ROLES; role++) {
        if (other_domains_tell_left(result, role, site, note)) {
            probe_finding_note(result, "%s", note);
        }
    }
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

bool verdict_relay_finding(const struct endpoint_result *result, enum finding_kind kind,
                           struct finding *finding)
{
    bool proven = kind == FINDING_OPEN_RELAY || is_doubtful(result);
    enum evidence grant = proven ? EVIDENCE_PROVEN : EVIDENCE_UNCERTAIN;
    const struct technique_result *shown = witness(result, grant);

    if (shown == NULL) {
        return false;
    }
    probe_finding_into(finding, result, kind, cause_name(cause_to_name(result)));
    fill_grant_finding(finding, result, shown, grant);
    return true;
}

static void note_unkept(struct endpoint_result *result)
{
    for (int kind = 0; kind < FINDING_KINDS; kind++) {
        if (result_lacks(result, (enum finding_kind)kind)) {
            probe_finding_note(
                result,
                "A finding (%s) could not be kept: there was no memory for it. This audit "
                "ends no incident of this endpoint.",
                finding_kind_name((enum finding_kind)kind));
        }
    }
}

static void raise_findings(struct endpoint_result *result, const struct evidence_tally *tally,
                           const struct vantage_known *vantage)
{
    enum inside inside = vantage_why_inside(result, vantage);

    if (result->verdict == VERDICT_OPEN) {
        (void)add_grant_finding(result, FINDING_OPEN_RELAY, EVIDENCE_PROVEN);
    } else if (result->verdict == VERDICT_SUSPECTED && is_doubtful(result)) {
        (void)add_grant_finding(result, FINDING_SUSPECTED_RELAY, EVIDENCE_PROVEN);
    } else if (inside == INSIDE_NOT && tally->count[EVIDENCE_UNCERTAIN] > 0 &&
               tally->count[EVIDENCE_PROVEN] == 0) {
        add_suspected(result, tally);
    }
    if (result->reach == REACH_NO_GREETING && !result->interrupted && !result->exhausted) {
        add_service_refused(result);
    }
    if (result->cut_off && !result->interrupted && !result->exhausted &&
        tally->plain != EVIDENCE_UNANSWERED) {
        if (evidence_is_caught_up(result)) {
            note_caught_up(result, tally);
        } else {
            add_probe_blocked(result, tally);
        }
    }
    if (!result->cut_off && !result->interrupted && !result->exhausted) {
        note_hung_up(result);
    }
    note_limits(result);
    note_no_name(result, tally);
    if (vantage->declared == VANTAGE_OUTSIDE && inside != INSIDE_NOT) {
        add_vantage_inside(result, inside);
    }
    bool outside = vantage->declared == VANTAGE_OUTSIDE && inside == INSIDE_NOT;
    if (vantage->declared == VANTAGE_CLAIMED && result->reach == REACH_SESSION) {
        note_claim(result);
    }
    note_others(result, vantage->site);
    milter_evidence_judge(result, vantage);
    exposure_judge(result, tally, outside);
    if (!result->endpoint.hosted) {
        posture_judge(result, outside);
    }
}

/* Where the filter's word explains the verdict, it explains it better. */
static void explain_agreement(struct endpoint_result *result, const struct evidence_tally *tally,
                              const struct vantage_known *vantage)
{
    void (*const explain)(struct endpoint_result *, const struct site *) =
        result->verdict == VERDICT_OPEN ? milter_evidence_explain_open
                                        : milter_evidence_explain_hidden;

    if (result->cause == CAUSE_DISCARDED_OR_HIDDEN && !is_doubtful(result)) {
        result->why[0] = '\0';
        remedies_clear(&result->fix);
        milter_evidence_explain_discarded(result);
    } else if (result->cause == CAUSE_CLIENT_ADDRESS_HIDDEN ||
               (result->verdict == VERDICT_INCONCLUSIVE && milter_evidence_is_hidden(result) &&
                tally->plain == EVIDENCE_REFUSED && !result->interrupted)) {
        result->why[0] = '\0';
        remedies_clear(&result->fix);
        explain(result, vantage->site);
    }
}

static enum proof proof_of(const struct endpoint_result *result, const struct evidence_tally *tally)
{
    if (result->verdict != VERDICT_OPEN) {
        return PROOF_NONE;
    }
    return tally->observed > 0 ? PROOF_OBSERVED : PROOF_RCPT;
}

static enum cause cause_of(const struct endpoint_result *result, const struct evidence_tally *tally)
{
    if (result->verdict == VERDICT_OPEN && milter_evidence_is_hidden(result)) {
        return CAUSE_CLIENT_ADDRESS_HIDDEN;
    }
    if (result->verdict == VERDICT_SUSPECTED &&
        (tally->unobserved > 0 || milter_evidence_lacks_replies(result))) {
        return CAUSE_DISCARDED_OR_HIDDEN;
    }
    return result->verdict == VERDICT_OPEN || result->verdict == VERDICT_SUSPECTED
               ? diagnosis_cause(tally)
               : CAUSE_NONE;
}

void verdict_endpoint(struct endpoint_result *result, const struct vantage_known *vantage)
{
    struct evidence_tally tally = evidence_count(result);
    enum inside inside = vantage_why_inside(result, vantage);

    result->verdict = result->reach == REACH_SESSION ? session_verdict(result, &tally, inside)
                                                     : reach_verdict(result);
    if (result->interrupted && result->verdict != VERDICT_OPEN) {
        result->verdict = VERDICT_INCONCLUSIVE; /* what was not asked might have been granted */
    }
    result->proof = proof_of(result, &tally);
    result->cause = cause_of(result, &tally);
    weigh_message(result);
    result->finding_count = 0;
    result->unkept = 0;
    result->note_count = 0;
    diagnosis_explain(result, &tally, inside);
    explain_agreement(result, &tally, vantage);
    raise_findings(result, &tally, vantage);
    note_unkept(result);
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

int verdict_exit_of(const struct endpoint_result *result)
{
    enum severity worst = SEVERITY_INFO;
    for (size_t i = 0; i < result->finding_count; i++) {
        if (result->findings[i].severity > worst) {
            worst = result->findings[i].severity;
        }
    }
    if (result->verdict == VERDICT_OPEN || worst == SEVERITY_CRITICAL || result->lost_critical) {
        return 2;
    }
    if (result->verdict == VERDICT_INCONCLUSIVE || result->verdict == VERDICT_UNREACHABLE ||
        result->unkept != 0) {
        return 3;
    }
    return result->verdict == VERDICT_SUSPECTED || worst == SEVERITY_WARNING ? 1 : 0;
}

int verdict_exit_worse(int a, int b)
{
    static const int weights[] = {[0] = 0, [1] = 1, [2] = 3, [3] = 2};

    return weights[a] >= weights[b] ? a : b;
}

int verdict_exit_code(const struct audit_summary *summary)
{
    int code = summary->count == 0 ? 3 : 0;

    for (size_t i = 0; i < summary->count; i++) {
        code = verdict_exit_worse(code, verdict_exit_of(audit_summary_result(summary, i)));
    }
    return code;
}

enum verdict verdict_worst(const struct audit_summary *summary)
{
    enum verdict worst = summary->count == 0 ? VERDICT_INCONCLUSIVE : VERDICT_CLOSED;

    for (size_t i = 0; i < summary->count; i++) {
        enum verdict verdict = audit_summary_result(summary, i)->verdict;
        if (weight(verdict) > weight(worst)) {
            worst = verdict;
        }
    }
    return worst;
}
