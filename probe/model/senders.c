#include "probe/model/senders.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "probe/model/evidence.h"

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

void senders_choose(struct endpoint_result *result, const struct site *site, size_t place)
{
    struct senders *senders = &result->senders;
    size_t total = site_domain_count(site);
    size_t own = 0;

    *senders = (struct senders){.count = 0};
    for (size_t seen = 0; seen < total && senders->count < RESULT_SENDERS; seen++) {
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
        senders->places[senders->count] = before;
        senders->domains[senders->count++] = domain_of(result, pattern);
    }
    senders->next = place;
    if (own == 0 && site_owns_domain(site, result->endpoint.own, strlen(result->endpoint.own))) {
        own = 1; /* its turn would have come */
    }
    senders->left_out = total > senders->count + own ? total - senders->count - own : 0;
}

/* The row in which the chosen domain is asked for; NULL if there was no room for one. */
static const struct technique_result *row_of(const struct endpoint_result *result, size_t chosen)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (result->techniques[i].own == result->senders.domains[chosen]) {
            return &result->techniques[i];
        }
    }
    return NULL;
}

static bool is_left(const struct endpoint_result *result, size_t chosen)
{
    const struct technique_result *row = row_of(result, chosen);

    return row == NULL || !row->asked;
}

size_t senders_next(const struct endpoint_result *result)
{
    const struct senders *senders = &result->senders;

    for (size_t i = 0; i < senders->count; i++) {
        const struct technique_result *row = row_of(result, i);
        if (row != NULL &&
            (evidence_of(row) == EVIDENCE_PROVEN || evidence_of(row) == EVIDENCE_UNCERTAIN)) {
            return senders->places[i];
        }
    }
    for (size_t i = 0; i < senders->count; i++) {
        if (is_left(result, i)) {
            return senders->places[i];
        }
    }
    return senders->left_out > 0 ? senders->next : 0;
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
                          const struct site *site)
{
    size_t place = result->senders.next;
    size_t left = result->senders.left_out;

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

bool senders_tell_left(const struct endpoint_result *result, const struct site *site,
                       char out[RESULT_NOTE_SIZE])
{
    struct sentence sentence = {.out = out};
    size_t left = result->senders.left_out;

    sentence.length = (size_t)snprintf(out, RESULT_NOTE_SIZE, "Not asked in the name of ");
    for (size_t i = 0; i < result->senders.count; i++) {
        if (is_left(result, i)) {
            name(&sentence, result->senders.domains[i]);
            left++;
        }
    }
    if (left == 0) {
        return false;
    }
    if (site != NULL) {
        name_left_out(&sentence, result, site);
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
