#include "probe/judge/incidents_over.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/subject.h"
#include "lib/name_index.h"
#include "probe/dns/address_facts.h"
#include "probe/dns/blocklist.h"
#include "probe/dns/dnsbl.h"
#include "probe/judge/diagnosis.h"
#include "probe/judge/posture.h"
#include "probe/model/evidence.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One endpoint. */
struct asked {
    char where[ENDPOINT_TEXT_SIZE]; /* address and port, as findings name it */
    enum tls_mode tls_asked;
    enum tls_mode tls;
    uint64_t learnt;  /* bit by kind: that there is no finding of it means something */
    uint64_t lasting; /* bit by cause: what was granted for it may be granted still */
    bool listed;      /* each block list answered */
    bool placed;      /* of a configured target: the endpoint is there */
    bool holes;       /* the result, or a finding of it, was lost: the server may be open */
    const struct known_target *target; /* NULL: of none that is configured */
};

/* The name of an incident or of a part of it. */
struct name {
    size_t asked; /* whose it is */
    enum finding_kind kind;
    char key[FINDING_KEY_SIZE];
};

struct names {
    struct name *names;
    size_t count;
    size_t room;
};

struct known_target {
    char name[RESULT_HOST_SIZE];
    bool unsure; /* not all of its addresses are known */
};

struct incidents_over {
    struct asked *asked;
    size_t count;
    struct names raised; /* what was found in this audit */
    struct names zones;  /* block lists that answered: their names are the keys */
    bool whole;          /* it shows which endpoints there are */
    struct known_target *targets;
    struct name_index *names; /* of the targets */
    bool unsure;              /* any target is */
};

/* A result while it is looked at. */
struct search {
    const struct endpoint_result *result;
    const struct vantage_known *vantage;
};

/* ---- what was learnt ----------------------------------------------------------------- */

static bool from_outside(const struct search *search)
{
    return !vantage_is_inside(search->result, search->vantage);
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

/* Whether the answer is still owed, be it only that another domain's turn as a sender will come. */
static bool is_owed(const struct endpoint_result *result, const struct technique_result *asked)
{
    bool waits = asked->own != NULL && (!asked->asked || asked->outcome == OUTCOME_CLOSING);

    return (waits && !asked->absent) || evidence_is_owed(result, asked);
}

/* Whether what was granted for this cause may be granted still. `plain` was answered, which is
 * enough to call the endpoint closed, but not to say that another technique's grant is over. */
static bool may_last(const struct search *search, enum cause cause)
{
    const struct endpoint_result *result = search->result;

    /* Hosted mail is asked `plain` alone: of the other forms nothing was learnt. */
    if (result->endpoint.hosted && cause != CAUSE_UNCONDITIONAL &&
        cause != CAUSE_CLIENT_ADDRESS_HIDDEN) {
        return true;
    }
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
    return had_a_session(search) && !search->result->exhausted &&
           (!search->result->cut_off || evidence_is_caught_up(search->result));
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

/* Kinds that are never more than info have no incidents. `rest` is what their keys have behind the
 * endpoint. */
enum rest {
    REST_NONE,
    REST_CAUSE,
    REST_OFFER,
    REST_ZONE,
};

static const struct rule {
    bool (*learnt)(const struct search *search); /* its absence means something; NULL = always */
    enum finding_kind kind;
    enum rest rest;
} rules[] = {
    {had_a_verdict, FINDING_OPEN_RELAY, REST_CAUSE},
    {had_a_verdict, FINDING_SUSPECTED_RELAY, REST_CAUSE},
    {seen_as_itself, FINDING_CLIENT_ADDRESS_HIDDEN, REST_NONE},
    {filter_answered, FINDING_MILTER_MISSING, REST_NONE},
    {heard_from_outside, FINDING_XCLIENT_EXPOSED, REST_OFFER},
    {greets_by_itself, FINDING_PROXY_PROTOCOL_EXPOSED, REST_NONE},
    {answered_as_nobody, FINDING_ANONYMOUS_AUTH, REST_NONE},
    {heard_as_a_stranger, FINDING_AUTH_WITHOUT_TLS, REST_NONE},
    {had_a_session, FINDING_SERVICE_REFUSED, REST_NONE},
    {got_to_the_end, FINDING_PROBE_BLOCKED, REST_NONE},
    {knows_its_source, FINDING_VANTAGE_INSIDE, REST_NONE},
    {NULL, FINDING_BLOCKLISTED, REST_ZONE},
};

/* ---- making it ------------------------------------------------------------------------ */

static bool add_name(struct names *names, size_t asked, enum finding_kind kind, const char *key)
{
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 16 : names->room * 2;
        struct name *grown = reallocarray(names->names, room, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        names->names = grown;
        names->room = room;
    }
    struct name *name = &names->names[names->count++];
    *name = (struct name){.asked = asked, .kind = kind};
    snprintf(name->key, sizeof(name->key), "%s", key);
    return true;
}

/* A finding that is only worth a note now is over as an incident. */
static bool add_raised(struct incidents_over *resolved, const struct endpoint_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct finding *finding = &result->findings[i];
        if (finding->severity > SEVERITY_INFO &&
            !add_name(&resolved->raised, resolved->count, finding->kind, finding->key)) {
            return false;
        }
    }
    return true;
}

/* Only lists that answered: silence takes nobody off, and a refusal to answer neither. */
static bool add_zones(struct incidents_over *resolved, const struct endpoint_result *result)
{
    const struct posture_dns *dns = result->dns;
    bool all = dns != NULL;

    for (size_t i = 0; dns != NULL && i < dns->listing_count; i++) {
        bool learnt = blocklist_is_learnt(&dns->listings[i]);

        all = all && learnt;
        if (learnt && !add_name(&resolved->zones, resolved->count, FINDING_BLOCKLISTED,
                                dnsbl_shown(dns->listings[i].zone))) {
            return false;
        }
    }
    resolved->asked[resolved->count].listed = all;
    return true;
}

static void learn(struct asked *asked, const struct search *search)
{
    if (search->result->unkept != 0 || search->result->lost) {
        return;
    }
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (rules[i].learnt == NULL || rules[i].learnt(search)) {
            asked->learnt |= UINT64_C(1) << rules[i].kind;
        }
    }
    /* Where relaying is granted now, what it was put down to before gives way to what it is today.
     */
    for (enum cause cause = CAUSE_NONE; cause <= CAUSE_UNCONDITIONAL; cause++) {
        if (search->result->verdict != VERDICT_OPEN && may_last(search, cause)) {
            asked->lasting |= UINT64_C(1) << cause;
        }
    }
}

static struct known_target *find_target(const struct incidents_over *resolved, const char *name)
{
    size_t number = name_index_find(resolved->names, name);

    return number != NAME_INDEX_NONE ? &resolved->targets[number] : NULL;
}

static bool add_result(struct incidents_over *resolved, const struct search *search)
{
    const struct endpoint_result *result = search->result;
    struct asked *asked = &resolved->asked[resolved->count];
    struct known_target *target = find_target(resolved, result->endpoint.target);

    address_format_port(&result->endpoint.address, result->endpoint.port, asked->where);
    asked->tls_asked = result->endpoint.tls_asked;
    asked->tls = result_tls(result);
    asked->target = target;
    asked->holes = result->unkept != 0 || result->lost || result->interrupted;
    asked->placed = target != NULL && result->reach != REACH_NO_ADDRESS &&
                    result->endpoint.address.family != ADDRESS_NONE;
    if (target != NULL && !asked->placed) {
        target->unsure = resolved->unsure = true;
    }
    learn(asked, search);
    bool added = add_raised(resolved, result) && add_zones(resolved, result);
    resolved->count++;
    return added;
}

/* A finding that was not kept is no good news of anything, and neither is a result that was lost,
 * or that stands for endpoints which memory was out for. */
static bool has_holes(const struct audit_summary *summary)
{
    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = audit_summary_result(summary, i);
        if (result->lost || result->unkept != 0) {
            return true;
        }
    }
    return false;
}

struct incidents_over *incidents_over_new(const struct conf_probe *probe,
                                          const struct audit_summary *summary,
                                          const struct vantage_known *vantage)
{
    struct incidents_over *resolved = calloc(1, sizeof(*resolved));

    if (resolved == NULL) {
        return NULL;
    }
    resolved->whole = summary->whole && !summary->interrupted && !has_holes(summary);
    resolved->targets = calloc(probe->target_count + 1, sizeof(*resolved->targets));
    resolved->asked = calloc(summary->count + 1, sizeof(*resolved->asked));
    resolved->names = name_index_new(probe->target_count);
    bool made = resolved->targets != NULL && resolved->asked != NULL && resolved->names != NULL;
    for (size_t i = 0; made && i < probe->target_count; i++) {
        snprintf(resolved->targets[i].name, RESULT_HOST_SIZE, "%s", probe->targets[i].name);
        (void)name_index_add(resolved->names, resolved->targets[i].name, i);
    }
    for (size_t i = 0; made && i < summary->count; i++) {
        const struct search search = {audit_summary_result(summary, i), vantage};
        made = !search.result->endpoint.configured || add_result(resolved, &search);
    }
    if (!made) {
        incidents_over_free(resolved);
        return NULL;
    }
    return resolved;
}

void incidents_over_free(struct incidents_over *resolved)
{
    if (resolved != NULL) {
        free(resolved->asked);
        free(resolved->raised.names);
        free(resolved->zones.names);
        free(resolved->targets);
        name_index_free(resolved->names);
        free(resolved);
    }
}

/* ---- asking it ------------------------------------------------------------------------ */

static bool is_at(const struct asked *asked, const char *endpoint)
{
    size_t length = strcspn(endpoint, "/");

    return strlen(asked->where) == length && strncmp(asked->where, endpoint, length) == 0;
}

/* `endpoint` is "ADDRESS:PORT/TLS". It may have had another mode of TLS when the incident opened,
 * if it was left to it. */
static bool is_about(const struct asked *asked, const char *endpoint)
{
    const char *tls = endpoint + strcspn(endpoint, "/");

    return is_at(asked, endpoint) && tls[0] == '/' &&
           (asked->tls_asked == TLS_AUTO || strcmp(tls + 1, tls_mode_name(asked->tls)) == 0 ||
            strcmp(tls + 1, tls_mode_name(asked->tls_asked)) == 0);
}

static bool is_cause_over(const struct asked *asked, const char *rest)
{
    for (enum cause cause = CAUSE_NONE; cause <= CAUSE_UNCONDITIONAL; cause++) {
        if (strcmp(rest, cause_name(cause)) == 0) {
            return (asked->lasting >> cause & 1) == 0;
        }
    }
    return false;
}

static bool has_zone(const struct incidents_over *resolved, size_t asked, const char *rest)
{
    for (size_t i = 0; i < resolved->zones.count; i++) {
        const struct name *zone = &resolved->zones.names[i];
        if (zone->asked == asked && strcmp(zone->key, rest) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether this endpoint's answers show the absence of what the finding is about. */
static bool shows_absence(const struct incidents_over *resolved, size_t index,
                          enum finding_kind kind, const char *rest)
{
    const struct asked *asked = &resolved->asked[index];

    for (size_t i = 0; i < COUNT(rules); i++) {
        if (rules[i].kind != kind || (asked->learnt >> kind & 1) == 0) {
            continue;
        }
        switch (rules[i].rest) {
        case REST_NONE:
            return rest[0] == '\0';
        case REST_CAUSE:
            return is_cause_over(asked, rest);
        case REST_OFFER:
            return strcmp(rest, "xclient") == 0 || strcmp(rest, "xforward") == 0;
        case REST_ZONE:
            return has_zone(resolved, index, rest);
        }
    }
    return false;
}

/* Whether this endpoint's answers show the absence of everything of the kind. */
static bool shows_no_other(const struct asked *asked, enum finding_kind kind)
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (rules[i].kind == kind && (asked->learnt >> kind & 1) != 0) {
            return rules[i].rest == REST_CAUSE  ? asked->lasting == 0
                   : rules[i].rest == REST_ZONE ? asked->listed
                                                : true;
        }
    }
    return false;
}

/* Of many subjects of one endpoint, or of many endpoints: each result must show it. */
static bool is_any_over(const struct incidents_over *resolved, const struct finding *finding)
{
    bool everywhere = finding->fold[0] == '\0';
    bool shown = false;

    for (size_t i = 0; i < resolved->count; i++) {
        const struct asked *asked = &resolved->asked[i];

        if (!everywhere && !is_about(asked, finding->fold)) {
            continue;
        }
        shown = shows_no_other(asked, finding->kind);
        if (!shown) {
            break;
        }
    }
    return shown && (!everywhere || resolved->whole);
}

/* Two domains may share a mail host, and it may be open to forms with the name of one of them. So
 * an incident ends by what its own target's audit shows. NULL: any target's will do, since its own
 * is not configured any more, or has left this host. */
static const struct known_target *whose(const struct incidents_over *resolved,
                                        const struct finding *finding)
{
    const char *name = finding_get(finding, "target");
    const struct known_target *target = name != NULL ? find_target(resolved, name) : NULL;
    bool there = !resolved->whole;

    for (size_t i = 0; target != NULL && !there && i < resolved->count; i++) {
        there = resolved->asked[i].target == target && is_at(&resolved->asked[i], finding->fold);
    }
    return there ? target : NULL;
}

/* Whether the audit's answers show it. One that was lost speaks for nobody, but may have been bad.
 */
static bool is_shown_over(const struct incidents_over *resolved, const struct finding *finding,
                          const char *rest)
{
    const struct known_target *target = whose(resolved, finding);
    bool shown = false;

    for (size_t i = 0; i < resolved->count; i++) {
        const struct asked *asked = &resolved->asked[i];

        if (is_at(asked, finding->fold) && asked->holes) {
            return false;
        }
        shown = shown ||
                ((target == NULL || asked->target == target) && is_about(asked, finding->fold) &&
                 shows_absence(resolved, i, finding->kind, rest));
    }
    return shown;
}

static bool is_raised(const struct incidents_over *resolved, const struct finding *finding)
{
    for (size_t i = 0; i < resolved->raised.count; i++) {
        const struct name *raised = &resolved->raised.names[i];
        if (raised->kind == finding->kind && strcmp(raised->key, finding->key) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the finding is about an endpoint that is no target's any more. */
static bool has_left(const struct incidents_over *resolved, const struct finding *finding)
{
    const char *endpoint = finding_get(finding, "endpoint");
    const char *name = finding_get(finding, "target");
    const struct known_target *target = name != NULL ? find_target(resolved, name) : NULL;

    /* Of a finding that could not be read back, the key is left. */
    if (finding->fields == 0 && finding->fold[0] != '\0') {
        endpoint = finding->fold;
    } else if (name == NULL) {
        return false;
    }
    if (endpoint == NULL || (name == NULL ? resolved->unsure : target != NULL && target->unsure)) {
        return false;
    }
    for (size_t i = 0; i < resolved->count; i++) {
        if (resolved->asked[i].placed && is_at(&resolved->asked[i], endpoint)) {
            return false;
        }
    }
    return true;
}

bool incidents_over_has(const struct incidents_over *resolved, const struct finding *finding)
{
    size_t length = strlen(finding->fold);
    const char *rest = finding->key + length;

    if (is_raised(resolved, finding)) {
        return false;
    }
    if (subject_is_any(finding)) {
        return is_any_over(resolved, finding) ||
               (length > 0 && resolved->whole && has_left(resolved, finding));
    }
    if (length > 0 && strncmp(finding->key, finding->fold, length) == 0) {
        rest += rest[0] == ' ';
        if (is_shown_over(resolved, finding, rest)) {
            return true;
        }
    }
    return resolved->whole && has_left(resolved, finding);
}
