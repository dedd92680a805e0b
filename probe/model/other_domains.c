#include "probe/model/other_domains.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "probe/model/evidence.h"

static const struct {
    const char *technique;
    size_t room;
    const char *told; /* of those that were left */
} roles[DOMAIN_ROLES] = {
    [DOMAIN_AS_SENDER] = {"own-sender", OTHER_SENDERS, "Not asked in the name of "},
    [DOMAIN_AS_HELO] = {"helo-own", OTHER_HELOS, "Not greeted in the name of "},
};

const struct technique *other_domains_technique(enum domain_role role)
{
    return technique_find(roles[role].technique);
}

/* A pattern is for subdomains alone: one that nobody has stands for them, as in percent-subdomain.
 */
#define SUBDOMAIN "relaywarden"

static const char *domain_of(struct endpoint_result *result, const char *pattern)
{
    char domain[DOMAIN_SIZE + sizeof(SUBDOMAIN)];

    if (pattern[0] != '.') {
        return pattern;
    }
    (void)snprintf(domain, sizeof(domain), SUBDOMAIN "%s", pattern);
    return string_pool_keep(&result->texts, domain);
}

void other_domains_choose(struct endpoint_result *result, enum domain_role role,
                          const struct site *site, size_t place)
{
    struct other_domains *others = &result->others[role];
    size_t total = site_domain_count(site);
    size_t own = 0;

    *others = (struct other_domains){.count = 0};
    for (size_t seen = 0; seen < total && others->count < roles[role].room; seen++) {
        size_t before = place;
        const char *pattern = site_next_domain(site, &place);
        if (pattern == NULL) { /* on from the first */
            before = place = 0;
            pattern = site_next_domain(site, &place);
        }
        if (pattern == NULL || strcasecmp(pattern, result->endpoint.own) == 0) {
            own = 1;
            continue;
        }
        others->places[others->count] = before;
        others->domains[others->count++] = domain_of(result, pattern);
    }
    others->next = place;
    if (own == 0 && site_owns_domain(site, result->endpoint.own, strlen(result->endpoint.own))) {
        own = 1; /* its turn would have come */
    }
    others->left_out = total > others->count + own ? total - others->count - own : 0;
}

/* The row in which the chosen domain is asked for; NULL if there was no room for one. */
static const struct technique_result *row_of(const struct endpoint_result *result,
                                             enum domain_role role, size_t chosen)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *row = &result->techniques[i];
        if (row->own == result->others[role].domains[chosen] &&
            strcmp(row->technique->id, roles[role].technique) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool is_left(const struct endpoint_result *result, enum domain_role role, size_t chosen)
{
    const struct technique_result *row = row_of(result, role, chosen);

    return row == NULL || !row->asked;
}

static bool is_granted(const struct technique_result *row)
{
    return row != NULL &&
           (evidence_of(row) == EVIDENCE_PROVEN || evidence_of(row) == EVIDENCE_UNCERTAIN);
}

bool other_domains_had_turn(const struct endpoint_result *result, enum domain_role role)
{
    bool asked = false;

    for (size_t i = 0; i < result->others[role].count; i++) {
        if (is_granted(row_of(result, role, i))) {
            return false;
        }
        asked = asked || !is_left(result, role, i);
    }
    return asked;
}

bool other_domains_wait(const struct endpoint_result *result, enum domain_role role, size_t *place)
{
    const struct other_domains *others = &result->others[role];

    *place = others->left_out > 0 ? others->next : 0;
    for (size_t i = 0; i < others->count; i++) {
        if (is_granted(row_of(result, role, i))) {
            *place = others->places[i];
            return true;
        }
    }
    for (size_t i = 0; i < others->count; i++) {
        if (is_left(result, role, i)) {
            *place = others->places[i];
            return true;
        }
    }
    return others->left_out > 0;
}

/* The sentence while it grows: as many names as there is room for. */
struct sentence {
    char *out;
    size_t length;
    size_t named;
    bool full;
};

#define SENTENCE_END                                                                               \
    " and %zu more. The next audit of a configured target begins with these. max_refusals bounds " \
    "how many are asked for at once."
#define SENTENCE_END_SIZE (sizeof(SENTENCE_END) + 20)

static void name(struct sentence *sentence, const char *domain)
{
    if (sentence->length + strlen(domain) + 2 + SENTENCE_END_SIZE >= RESULT_NOTE_SIZE) {
        sentence->full = true;
    }
    if (!sentence->full) {
        sentence->length +=
            (size_t)snprintf(sentence->out + sentence->length, RESULT_NOTE_SIZE - sentence->length,
                             "%s%s", sentence->named > 0 ? ", " : "", domain);
        sentence->named++;
    }
}

/* Those whose turn it is not, which come behind those that were chosen. */
static void name_left_out(struct sentence *sentence, const struct endpoint_result *result,
                          enum domain_role role, const struct site *site)
{
    size_t place = result->others[role].next;
    size_t left = result->others[role].left_out;

    while (left > 0 && !sentence->full) {
        const char *pattern = site_next_domain(site, &place);
        if (pattern == NULL) {
            place = 0;
            pattern = site_next_domain(site, &place);
        }
        if (pattern == NULL) {
            return;
        }
        if (strcasecmp(pattern, result->endpoint.own) != 0) {
            name(sentence, pattern);
            left--;
        }
    }
}

bool other_domains_tell_left(const struct endpoint_result *result, enum domain_role role,
                             const struct site *site, char out[RESULT_NOTE_SIZE])
{
    struct sentence sentence = {.out = out};
    size_t left = result->others[role].left_out;

    sentence.length = (size_t)snprintf(out, RESULT_NOTE_SIZE, "%s", roles[role].told);
    for (size_t i = 0; i < result->others[role].count; i++) {
        if (is_left(result, role, i)) {
            name(&sentence, result->others[role].domains[i]);
            left++;
        }
    }
    if (left == 0) {
        return false;
    }
    if (site != NULL) {
        name_left_out(&sentence, result, role, site);
    }
    if (left > sentence.named) {
        (void)snprintf(out + sentence.length, RESULT_NOTE_SIZE - sentence.length, SENTENCE_END,
                       left - sentence.named);
    } else {
        (void)snprintf(out + sentence.length, RESULT_NOTE_SIZE - sentence.length, "%s",
                       strchr(SENTENCE_END, '.'));
    }
    return true;
}
