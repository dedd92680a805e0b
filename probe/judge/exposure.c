#include "probe/judge/exposure.h"

#include "probe/judge/diagnosis_open.h"
#include "probe/judge/mta.h"
#include "probe/judge/probe_finding.h"

/* The first technique of this trait that was asked; NULL: none. */
static const struct technique_result *asked_by(const struct endpoint_result *result,
                                               enum technique_trait trait)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (result->techniques[i].technique->trait == trait && result->techniques[i].asked) {
            return &result->techniques[i];
        }
    }
    return NULL;
}

/* Critical only where it opens what is closed without. */
static void judge_anonymous(struct endpoint_result *result, const struct evidence_tally *tally,
                            bool outside)
{
    bool opens = outside && tally->plain == EVIDENCE_REFUSED &&
                 tally->by[TECHNIQUE_BY_ANONYMOUS][EVIDENCE_PROVEN];
    const struct technique_result *asked = asked_by(result, TECHNIQUE_BY_ANONYMOUS);
    struct finding *finding =
        result->heard.anonymous ? probe_finding_add(result, FINDING_ANONYMOUS_AUTH, "") : NULL;

    if (finding == NULL) {
        return;
    }
    finding->severity = opens ? SEVERITY_CRITICAL : SEVERITY_INFO;
    probe_finding_source(finding, result);
    if (asked != NULL) {
        finding_add(finding, "outcome", PROBE_FINDING_SHOWN, outcome_name(asked->outcome));
        finding_add(finding, "reply", PROBE_FINDING_FREE, asked->text);
    }
    finding_why(finding, "The server offers AUTH ANONYMOUS, a log-in that needs no secret%s.",
                opens           ? ", and relays for those that use it, which it does not otherwise"
                : asked == NULL ? ""
                : evidence_of(asked) == EVIDENCE_REFUSED
                    ? "; it does not relay for those that use it"
                    : "");
    remedies_add_rows(&finding->fix, diagnosis_fix_anonymous, mta_recognise(result));
}

static void judge_proxy(struct endpoint_result *result)
{
    struct finding *finding =
        result->proxied ? probe_finding_add(result, FINDING_PROXY_PROTOCOL_EXPOSED, "") : NULL;
    const struct technique_result *asked = asked_by(result, TECHNIQUE_BY_PROXY);

    if (finding == NULL) {
        return;
    }
    probe_finding_source(finding, result);
    if (asked != NULL) {
        finding_add(finding, "technique", PROBE_FINDING_SHOWN, asked->technique->id);
        finding_add(finding, "outcome", PROBE_FINDING_SHOWN, outcome_name(asked->outcome));
    }
    finding_why(finding,
                "The listener serves the probe, an outsider, after a PROXY header and only then: "
                "whoever reaches it can claim any client address, a trusted one too, and relay.");
    remedies_add_rows(&finding->fix, diagnosis_fix_proxy, mta_recognise(result));
}

void exposure_judge(struct endpoint_result *result, const struct evidence_tally *tally,
                    bool outside)
{
    judge_anonymous(result, tally, outside);
    if (outside) {
        judge_proxy(result);
    }
}
