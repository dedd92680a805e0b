#include "probe/judge/resolved.h"

#include <string.h>

#include "probe/dns/dnsbl.h"
#include "probe/judge/diagnosis.h"
#include "probe/judge/posture.h"
#include "probe/judge/probe_finding.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What one endpoint is asked about. */
struct search {
    const struct endpoint_result *result;
    const struct vantage_known *vantage;
    over_found found;
    void *user;
};

/* ---- what was learnt ----------------------------------------------------------------- */

static bool from_outside(const struct search *search)
{
    return !judgement_is_inside(search->result, search->vantage);
}

static bool had_a_session(const struct search *search)
{
    return search->result->reach == REACH_SESSION && !search->result->interrupted;
}

static bool had_a_verdict(const struct search *search)
{
    enum verdict verdict = search->result->verdict;

    return from_outside(search) && !search->result->interrupted &&
           (verdict == VERDICT_OPEN || verdict == VERDICT_CLOSED || verdict == VERDICT_SUSPECTED);
}

/* Whether the technique's answer is still owed: the connection ended before it, or instead of it,
 * or the server had come to turn us away whatever was asked. One that was refused for its sender or
 * recipient is refused, and so is one refused for its client where the battery came to its end. */
static bool is_owed(const struct endpoint_result *result, const struct technique_result *asked)
{
    if (asked->absent) {
        return false;
    }
    if (!asked->asked) {
        return asked->cut || result->cut_off;
    }
    return asked->outcome == OUTCOME_CLOSING ||
           (result->cut_off && asked->outcome == OUTCOME_CLIENT_REFUSED);
}

/* Whether what was granted for this cause may be granted still. `plain` was answered, which is
 * enough to call the endpoint closed, but not to say that another technique's grant is over. */
static bool may_last(const struct search *search, enum cause cause)
{
    const struct endpoint_result *result = search->result;

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (is_owed(result, asked) && diagnosis_may_show(asked->technique->trait, cause)) {
            return true;
        }
    }
    return false;
}

static bool heard_as_a_stranger(const struct search *search)
{
    return had_a_session(search) && from_outside(search) && search->result->heard.ehlo[0] != '\0';
}

static bool heard_from_outside(const struct search *search)
{
    return heard_as_a_stranger(search) && search->vantage->declared == VANTAGE_OUTSIDE;
}

static bool got_to_the_end(const struct search *search)
{
    return had_a_session(search) && !search->result->cut_off && !search->result->exhausted;
}

static bool knows_its_source(const struct search *search)
{
    return search->result->source.family != ADDRESS_NONE;
}

static bool seen_as_itself(const struct search *search)
{
    return search->result->milter.observed && search->result->milter.role == TOKEN_ROLE_TRUE;
}

static bool filter_answered(const struct search *search)
{
    return search->result->milter.observed;
}

/* ---- keys ---------------------------------------------------------------------------- */

static bool is_raised(const struct endpoint_result *result, enum finding_kind kind, const char *key)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct finding *finding = &result->findings[i];
        /* What is only worth a note now is over as an incident. */
        if (finding->kind == kind && finding->severity > SEVERITY_INFO &&
            strcmp(finding->key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* The endpoint may have had another mode of TLS when the incident opened, if it was left to it. */
static void try_key(const struct search *search, enum finding_kind kind, const char *rest)
{
    static const enum tls_mode modes[] = {TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT};
    const struct endpoint_result *result = search->result;

    for (size_t i = 0; i < COUNT(modes); i++) {
        bool possible = result->endpoint.tls_asked == TLS_AUTO ||
                        modes[i] == result->endpoint.tls_asked || modes[i] == result_tls(result);
        char key[FINDING_KEY_SIZE];
        if (possible) {
            raise_key(result, modes[i], rest, key);
            if (!is_raised(result, kind, key)) {
                search->found(kind, key, search->user);
            }
        }
    }
}

static void try_alone(const struct search *search, enum finding_kind kind)
{
    try_key(search, kind, "");
}

/* Where relaying is granted now, what it was put down to before gives way to what it is today. */
static void try_causes(const struct search *search, enum finding_kind kind)
{
    for (enum cause cause = CAUSE_NONE; cause <= CAUSE_UNCONDITIONAL; cause++) {
        if (search->result->verdict == VERDICT_OPEN || !may_last(search, cause)) {
            try_key(search, kind, cause_name(cause));
        }
    }
}

static void try_offers(const struct search *search, enum finding_kind kind)
{
    try_key(search, kind, "xclient");
    try_key(search, kind, "xforward");
}

/* Only lists that answered: silence takes nobody off. */
static void try_zones(const struct search *search, enum finding_kind kind)
{
    const struct posture_dns *dns = search->result->dns;

    for (size_t i = 0; dns != NULL && i < dns->listing_count; i++) {
        if (dns->listings[i].state == POSTURE_HAD || dns->listings[i].state == POSTURE_NONE) {
            try_key(search, kind, dnsbl_shown(dns->listings[i].zone));
        }
    }
}

/* ---- the table ----------------------------------------------------------------------- */

static bool greets_by_itself(const struct search *search)
{
    return heard_from_outside(search) && !search->result->proxied;
}

static bool answered_as_nobody(const struct search *search)
{
    return had_a_verdict(search) && heard_as_a_stranger(search) &&
           !may_last(search, CAUSE_ANONYMOUS_AUTH);
}

/* Kinds that are never more than info have no incidents. */
static const struct rule {
    enum finding_kind kind;
    bool (*learnt)(const struct search *search); /* its absence means something; NULL = always */
    void (*try_keys)(const struct search *search, enum finding_kind kind);
} rules[] = {
    {FINDING_OPEN_RELAY, had_a_verdict, try_causes},
    {FINDING_SUSPECTED_RELAY, had_a_verdict, try_causes},
    {FINDING_CLIENT_ADDRESS_HIDDEN, seen_as_itself, try_alone},
    {FINDING_MILTER_MISSING, filter_answered, try_alone},
    {FINDING_XCLIENT_EXPOSED, heard_from_outside, try_offers},
    {FINDING_PROXY_PROTOCOL_EXPOSED, greets_by_itself, try_alone},
    {FINDING_ANONYMOUS_AUTH, answered_as_nobody, try_alone},
    {FINDING_AUTH_WITHOUT_TLS, heard_as_a_stranger, try_alone},
    {FINDING_SERVICE_REFUSED, had_a_session, try_alone},
    {FINDING_PROBE_BLOCKED, got_to_the_end, try_alone},
    {FINDING_VANTAGE_INSIDE, knows_its_source, try_alone},
    {FINDING_BLOCKLISTED, NULL, try_zones},
};

void over_each(const struct endpoint_result *result, const struct vantage_known *vantage,
               over_found found, void *user)
{
    const struct search search = {result, vantage, found, user};

    for (size_t i = 0; i < COUNT(rules); i++) {
        if (rules[i].learnt == NULL || rules[i].learnt(&search)) {
            rules[i].try_keys(&search, rules[i].kind);
        }
    }
}
