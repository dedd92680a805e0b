#include "probe/rehearse/blame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/candidate_mta.h"

#define SET_MAX       32   /* elements that are out at once */
#define PROPOSALS_MAX 64   /* of one trace */
#define GRANTS_MAX    4096 /* of one listener, for a search without trace */
#define OTHERS_MAX    3    /* other lines that are tried, for "or" */
#define STARTS_MAX    64

/* The work on one request. */
struct work {
    struct candidate *candidate;
    const struct rehearse_request *request;
    const struct rehearse_try *attempt;
    size_t *starts; /* of all requests together */
    size_t limit;
    struct rehearse_blame *out;
    size_t set[SET_MAX];
    size_t count;
    size_t spurned[PROPOSALS_MAX]; /* tried, and no help */
    size_t spurned_count;
    size_t reserve; /* closes it, but stops the site's own mail */
    char reserve_text[512];
};

/* ---- asking ---- */

/* One instance, one request. The reply's trace is the caller's to free. */
static struct rehearse_reply ask(struct work *work, const size_t *without, size_t count)
{
    struct rehearse_reply reply = {.answer = REHEARSE_NO_ANSWER};

    if (*work->starts >= work->limit) {
        return reply;
    }
    (*work->starts)++;
    work->out->starts++;
    work->attempt->ask(work->attempt->own, without, count, &work->request, 1, &reply);
    return reply;
}

static bool holds(const size_t *set, size_t count, size_t element)
{
    for (size_t i = 0; i < count; i++) {
        if (set[i] == element) {
            return true;
        }
    }
    return false;
}

static void spurn(struct work *work, size_t element)
{
    if (work->spurned_count < PROPOSALS_MAX) {
        work->spurned[work->spurned_count++] = element;
    }
}

/* ---- following traces ---- */

/* The first proposal that was not tried; CANDIDATE_NO_ELEMENT: none. */
static size_t next_proposal(struct work *work, const char *trace, size_t length)
{
    size_t proposals[PROPOSALS_MAX];
    size_t count =
        candidate_mta(work->candidate)
            ->propose(work->candidate, work->request, trace, length, proposals, PROPOSALS_MAX);

    for (size_t i = 0; i < count; i++) {
        if (!holds(work->set, work->count, proposals[i]) &&
            !holds(work->spurned, work->spurned_count, proposals[i])) {
            return proposals[i];
        }
    }
    return CANDIDATE_NO_ELEMENT;
}

/* Takes one proposal after another out until the request is refused. The set has what is out. */
static bool follow(struct work *work, const struct rehearse_reply *granted)
{
    struct rehearse_reply at = *granted;
    bool closed = false;

    while (!closed && work->count < SET_MAX) {
        size_t proposal = at.trace == NULL ? CANDIDATE_NO_ELEMENT
                                           : next_proposal(work, at.trace, at.trace_length);
        if (proposal == CANDIDATE_NO_ELEMENT) {
            break;
        }
        work->set[work->count] = proposal;
        struct rehearse_reply reply = ask(work, work->set, work->count + 1);
        if (reply.answer == REHEARSE_REFUSED && reply.own_mail_taken) {
            work->count++;
            memcpy(work->out->after, reply.text, sizeof(reply.text));
            closed = true;
        } else if (reply.answer == REHEARSE_GRANTED) {
            /* It may not have been the one; then it leaves the set when that is made small. */
            work->count++;
            if (at.trace != granted->trace) {
                free(at.trace);
            }
            at = reply;
            continue;
        } else {
            if (reply.answer == REHEARSE_REFUSED && work->reserve == CANDIDATE_NO_ELEMENT &&
                work->count == 0) {
                work->reserve = proposal;
                memcpy(work->reserve_text, reply.text, sizeof(reply.text));
            }
            spurn(work, proposal);
        }
        free(reply.trace);
    }
    if (at.trace != granted->trace) {
        free(at.trace);
    }
    return closed;
}

/* Puts each back alone: refused still, it was not needed. */
static void make_small(struct work *work)
{
    for (size_t i = 0; i < work->count && work->count > 1;) {
        size_t rest[SET_MAX];
        size_t count = 0;
        for (size_t k = 0; k < work->count; k++) {
            if (k != i) {
                rest[count++] = work->set[k];
            }
        }
        struct rehearse_reply reply = ask(work, rest, count);
        free(reply.trace);
        if (reply.answer == REHEARSE_REFUSED && reply.own_mail_taken) {
            memcpy(work->set, rest, sizeof(rest));
            work->count = count;
            memcpy(work->out->after, reply.text, sizeof(reply.text));
        } else {
            i++;
        }
    }
}

/* ---- searching without a trace ---- */

/* QuickXplain: the smallest part of `from` without which, together with `base`, the request is
 * refused; written to work->set behind what is there. */
struct search {
    struct work *work;
    bool own_mail; /* the site's own mail must be taken */
    size_t *base;
    size_t base_count;
    size_t found[SET_MAX];
    size_t found_count;
    bool gave_up;
};

static bool closes(struct search *search)
{
    struct rehearse_reply reply = ask(search->work, search->base, search->base_count);

    free(reply.trace);
    if (*search->work->starts >= search->work->limit) {
        search->gave_up = true;
    }
    if (reply.answer == REHEARSE_REFUSED && (reply.own_mail_taken || !search->own_mail)) {
        memcpy(search->work->out->after, reply.text, sizeof(reply.text));
        return true;
    }
    return false;
}

static void push(struct search *search, const size_t *elements, size_t count)
{
    memcpy(search->base + search->base_count, elements, count * sizeof(*elements));
    search->base_count += count;
}

static void explain(struct search *search, bool grew, const size_t *from, size_t count)
{
    size_t base = search->base_count;

    if (search->gave_up || (grew && closes(search))) {
        return;
    }
    if (count == 1) {
        if (search->found_count < SET_MAX) {
            search->found[search->found_count++] = from[0];
        } else {
            search->gave_up = true;
        }
        return;
    }
    size_t half = count / 2;
    push(search, from, half);
    size_t before = search->found_count;
    explain(search, half > 0, from + half, count - half);
    search->base_count = base;
    push(search, search->found + before, search->found_count - before);
    explain(search, search->found_count > before, from, half);
    search->base_count = base;
}

/* Among all that can grant. False: nothing closes it, or it takes too many starts. */
static bool find_without_trace(struct work *work, bool own_mail)
{
    size_t *grants = calloc(GRANTS_MAX, sizeof(*grants));
    struct search search = {.work = work, .own_mail = own_mail};
    bool found = false;

    search.base = calloc(2 * GRANTS_MAX + SET_MAX, sizeof(*search.base));
    if (grants == NULL || search.base == NULL) {
        goto out;
    }
    size_t count = candidate_mta(work->candidate)
                       ->grants(work->candidate, work->request, !own_mail, grants, GRANTS_MAX);
    push(&search, grants, count);
    if (count == 0 || !closes(&search)) {
        goto out;
    }
    search.base_count = 0;
    explain(&search, false, grants, count);
    found = !search.gave_up && search.found_count > 0;
    if (found) {
        memcpy(work->set, search.found, sizeof(search.found));
        work->count = search.found_count;
    }
out:
    free(grants);
    free(search.base);
    return found;
}

/* ---- "or" ---- */

static bool is_around(const struct rehearse_element *outer, const struct rehearse_element *inner)
{
    if (outer->file == inner->file && outer->begin <= inner->begin && inner->end <= outer->end) {
        return true;
    }
    /* The table whose line it is: that this closes it as well is no news. */
    return inner->kind == REHEARSE_TABLE_LINE && strstr(outer->text, inner->parameter) != NULL;
}

static bool keep_alternative(struct rehearse_blame *out, size_t element)
{
    struct rehearse_set *more =
        reallocarray(out->alternatives, out->alternative_count + 1, sizeof(*more));

    if (more == NULL) {
        return false;
    }
    out->alternatives = more;
    struct rehearse_set *set = &more[out->alternative_count];
    set->count = 1;
    set->elements = malloc(sizeof(*set->elements));
    if (set->elements == NULL) {
        return false;
    }
    set->elements[0] = element;
    out->alternative_count++;
    return true;
}

/* Of a single guilty one only: what else of the first trace closes it alone. */
static void find_alternatives(struct work *work, const struct rehearse_reply *granted)
{
    size_t proposals[PROPOSALS_MAX];
    size_t elements_count = 0;

    if (work->count != 1 || granted->trace == NULL) {
        return;
    }
    size_t count = candidate_mta(work->candidate)
                       ->propose(work->candidate, work->request, granted->trace,
                                 granted->trace_length, proposals, PROPOSALS_MAX);
    const struct rehearse_element *elements = candidate_elements(work->candidate, &elements_count);
    size_t tried = 0;
    char after[sizeof(work->out->after)];
    memcpy(after, work->out->after, sizeof(after));
    for (size_t i = 0; i < count && tried < OTHERS_MAX; i++) {
        if (proposals[i] == work->set[0] ||
            is_around(&elements[proposals[i]], &elements[work->set[0]]) ||
            holds(work->spurned, work->spurned_count, proposals[i])) {
            continue;
        }
        tried++;
        struct rehearse_reply reply = ask(work, &proposals[i], 1);
        free(reply.trace);
        if (reply.answer == REHEARSE_REFUSED && reply.own_mail_taken) {
            keep_alternative(work->out, proposals[i]);
        }
    }
    memcpy(work->out->after, after, sizeof(after));
}

/* ---- one request ---- */

static bool keep_set(struct work *work, enum rehearse_blame_state state)
{
    struct rehearse_blame *out = work->out;

    out->guilty.elements = calloc(work->count + 1, sizeof(*out->guilty.elements));
    out->alone = calloc(work->count + 1, sizeof(*out->alone));
    if (out->guilty.elements == NULL || out->alone == NULL) {
        return false;
    }
    memcpy(out->guilty.elements, work->set, work->count * sizeof(*work->set));
    out->guilty.count = work->count;
    /* A set is minimal: each one opens it when it is put back alone. */
    for (size_t i = 0; i < work->count; i++) {
        out->alone[i] = state == REHEARSE_PROVED;
    }
    out->state = state;
    return true;
}

static bool blame_one(struct work *work, const struct rehearse_reply *granted)
{
    struct rehearse_blame *out = work->out;

    if (follow(work, granted)) {
        make_small(work);
        find_alternatives(work, granted);
        return keep_set(work, REHEARSE_PROVED);
    }
    size_t suggested[SET_MAX];
    size_t suggested_count = work->count;
    memcpy(suggested, work->set, sizeof(suggested));
    if (find_without_trace(work, true)) {
        return keep_set(work, REHEARSE_PROVED);
    }
    if (work->reserve != CANDIDATE_NO_ELEMENT) {
        work->set[0] = work->reserve;
        work->count = 1;
        out->stops_own_mail = true;
        memcpy(out->after, work->reserve_text, sizeof(out->after));
        return keep_set(work, REHEARSE_PROVED);
    }
    if (find_without_trace(work, false)) {
        struct rehearse_reply reply = ask(work, work->set, work->count);
        free(reply.trace);
        out->stops_own_mail = !reply.own_mail_taken;
        return keep_set(work, REHEARSE_PROVED);
    }
    out->after[0] = '\0';
    if (*work->starts >= work->limit) {
        snprintf(out->why, sizeof(out->why), "It was not found within %zu starts.", work->limit);
    } else {
        snprintf(out->why, sizeof(out->why),
                 "Nothing that can be taken out makes the server refuse the request.");
    }
    memcpy(work->set, suggested, sizeof(suggested));
    work->count = suggested_count;
    return keep_set(work, suggested_count > 0 ? REHEARSE_SUGGESTED : REHEARSE_UNBLAMED);
}

/* ---- all of them ---- */

/* The requests, and of each that was tried a set of another one without which the server refuses
 * it, too. */
struct covering {
    const struct rehearse_request *const *requests;
    size_t count;
    const struct rehearse_set **by; /* of each; NULL: not known */
    struct rehearse_reply *replies; /* of each: without that set */
};

/* Asks those behind `from` that nothing covers yet without the set of `from`: one start for all. */
static void cover_others(const struct work *work, size_t from, const struct rehearse_set *guilty,
                         struct covering *covering)
{
    const struct rehearse_request **others = calloc(covering->count + 1, sizeof(void *));
    struct rehearse_reply *replies = calloc(covering->count + 1, sizeof(*replies));
    size_t *which = calloc(covering->count + 1, sizeof(*which));
    size_t used = 0;

    for (size_t i = from + 1; others != NULL && which != NULL && i < covering->count; i++) {
        if (covering->by[i] == NULL) {
            which[used] = i;
            others[used++] = covering->requests[i];
        }
    }
    if (replies != NULL && used > 0 && *work->starts < work->limit) {
        (*work->starts)++;
        work->attempt->ask(work->attempt->own, guilty->elements, guilty->count, others, used,
                           replies);
        for (size_t i = 0; i < used; i++) {
            free(replies[i].trace);
            replies[i].trace = NULL;
            if (replies[i].answer == REHEARSE_REFUSED && replies[i].own_mail_taken) {
                covering->by[which[i]] = guilty;
                covering->replies[which[i]] = replies[i];
            }
        }
    }
    free(others);
    free(replies);
    free(which);
}

/* Of the lines of another request, those that this one needs. */
static bool take_covering(struct work *work, const struct rehearse_set *set,
                          const struct rehearse_reply *refused)
{
    memcpy(work->set, set->elements, set->count * sizeof(*set->elements));
    work->count = set->count;
    memcpy(work->out->after, refused->text, sizeof(refused->text));
    make_small(work);
    return keep_set(work, REHEARSE_PROVED);
}

static bool blame_all(struct work *work, struct covering *covering,
                      const struct rehearse_reply *replies, struct rehearse_blame *out)
{
    for (size_t i = 0; i < covering->count; i++) {
        *work = (struct work){.candidate = work->candidate,
                              .request = covering->requests[i],
                              .attempt = work->attempt,
                              .starts = work->starts,
                              .limit = work->limit,
                              .out = &out[i],
                              .reserve = CANDIDATE_NO_ELEMENT};
        if (covering->by[i] != NULL) {
            if (!take_covering(work, covering->by[i], &covering->replies[i])) {
                return false;
            }
            continue;
        }
        if (!blame_one(work, &replies[i])) {
            return false;
        }
        if (out[i].state == REHEARSE_PROVED) {
            cover_others(work, i, &out[i].guilty, covering);
        }
    }
    return true;
}

bool rehearse_blame(struct candidate *candidate, const struct rehearse_request *const *requests,
                    const struct rehearse_reply *replies, size_t count,
                    const struct rehearse_try *attempt, struct rehearse_blame *out)
{
    size_t starts = 0;
    struct work *work = calloc(1, sizeof(*work));
    struct covering covering = {.requests = requests,
                                .count = count,
                                .by = calloc(count + 1, sizeof(void *)),
                                .replies = calloc(count + 1, sizeof(struct rehearse_reply))};

    for (size_t i = 0; i < count; i++) {
        out[i] = (struct rehearse_blame){.state = REHEARSE_UNBLAMED};
        memcpy(out[i].before, replies[i].text, sizeof(out[i].before));
    }
    bool done = work != NULL && covering.by != NULL && covering.replies != NULL;
    if (done) {
        *work = (struct work){.candidate = candidate,
                              .attempt = attempt,
                              .starts = &starts,
                              .limit = attempt->limit == 0 ? STARTS_MAX : attempt->limit};
        done = blame_all(work, &covering, replies, out);
    }
    free(covering.by);
    free(covering.replies);
    free(work);
    return done;
}

void rehearse_blame_free(struct rehearse_blame *blame)
{
    for (size_t i = 0; i < blame->alternative_count; i++) {
        free(blame->alternatives[i].elements);
    }
    free(blame->alternatives);
    free(blame->guilty.elements);
    free(blame->alone);
    *blame = (struct rehearse_blame){.state = REHEARSE_UNBLAMED};
}
