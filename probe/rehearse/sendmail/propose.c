#include "probe/rehearse/sendmail/propose.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/rehearse/sendmail/places.h"
#include "probe/rehearse/sendmail/reading.h"

#define LINES_MAX 2048 /* of maps and classes that are put to a search without trace */

struct proposal {
    struct candidate *candidate;
    const struct rehearse_request *request;
    bool destinations; /* words and lines that are right as they are, too */
    size_t *out;
    size_t room;
    size_t count;
};

static void add(struct proposal *proposal, size_t element)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(proposal->candidate, &count);

    if (element >= count || proposal->count == proposal->room) {
        return;
    }
    /* That a gateway's network is trusted is just what a gateway's request is about. */
    if (elements[element].is_protected && !proposal->request->gateway && !proposal->destinations) {
        return;
    }
    for (size_t i = 0; i < proposal->count; i++) {
        if (proposal->out[i] == element) {
            return;
        }
    }
    proposal->out[proposal->count++] = element;
}

/* ---- look-ups ----------------------------------------------------------------------------- */

/* "map_lookup(access, Connect:198.51.100) => RELAY (0), ad=0" */
struct hit {
    char map[CF_NAME_SIZE];
    char key[256];
    char value[256];
};

static bool copy_to(const char **at, const char *stop, char *out, size_t size)
{
    const char *end = strstr(*at, stop);

    if (end == NULL || (size_t)(end - *at) >= size) {
        return false;
    }
    memcpy(out, *at, (size_t)(end - *at));
    out[end - *at] = '\0';
    *at = end + strlen(stop);
    return true;
}

static bool read_hit(const char *line, struct hit *out)
{
    static const char begins[] = "map_lookup(";

    if (strncmp(line, begins, sizeof(begins) - 1) != 0) {
        return false;
    }
    line += sizeof(begins) - 1;
    return copy_to(&line, ", ", out->map, sizeof(out->map)) &&
           copy_to(&line, ") => ", out->key, sizeof(out->key)) &&
           copy_to(&line, " (", out->value, sizeof(out->value)) &&
           strncmp(out->value, "NOT FOUND", 9) != 0;
}

/* Each line with the key: the first counts, and the next when that is out. */
static void propose_hit(struct proposal *proposal, const struct hit *hit)
{
    const struct sendmail_reading *reading = reading_sendmail_of(proposal->candidate);
    struct place_line line;

    for (size_t i = 0; i < reading->table_count; i++) {
        const struct sendmail_table *table = &reading->tables[i];
        const struct candidate_file *file = candidate_file(proposal->candidate, table->file);
        if (file == NULL || strcmp(table->name, hit->map) != 0 ||
            (strcmp(table->name, "access") == 0 && !place_lets_in(hit->value))) {
            continue;
        }
        for (size_t at = 0; place_next_line(file, &at, &line);) {
            if (strcasecmp(line.key, hit->key) == 0) {
                add(proposal, place_line_element(proposal->candidate, table, &line));
            }
        }
    }
}

/* ---- words of classes --------------------------------------------------------------------- */

/* Whether a text ends with the word, or an address begins with it, at a boundary. */
static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = text; at != NULL && length > 0 && *at != '\0'; at++) {
        bool begins = at == text || !isalnum((unsigned char)at[-1]) || at[-1] == '.';
        if (begins && strncasecmp(at, word, length) == 0 && !isalnum((unsigned char)at[length]) &&
            at[length] != '-') {
            return true;
        }
    }
    return false;
}

static bool is_about(const struct rehearse_request *request, const char *word)
{
    struct network network;
    struct address client;

    if (place_network(word, &network)) {
        return address_parse(request->client, &client) && network_contains(&network, &client);
    }
    return has_word(request->recipient, word) || has_word(request->sender, word) ||
           has_word(request->client_name, word) || has_word(request->helo, word);
}

static bool take_word(void *user, struct candidate *candidate, const struct place_word *word)
{
    struct proposal *proposal = user;
    bool is_mechanism = strcmp(word->class, "TrustAuthMech") == 0;
    bool wanted = is_mechanism ? proposal->request->identity == TECHNIQUE_IDENTITY_ANONYMOUS &&
                                     strcasecmp(word->text, "ANONYMOUS") == 0
                               : is_about(proposal->request, word->text);

    if (wanted) {
        add(proposal, place_word_element(candidate, word));
    }
    return true;
}

static bool take_any_word(void *user, struct candidate *candidate, const struct place_word *word)
{
    struct proposal *proposal = user;

    add(proposal, place_word_element(candidate, word));
    return proposal->count < LINES_MAX;
}

/* ---- rules -------------------------------------------------------------------------------- */

/* "-----trying rule: LHS" and behind it "-----rule matches: RHS", in words with spaces. */
static void join_rule(const char *left, const char *right, char out[CF_RULE_SIZE])
{
    const char *const sides[2] = {left, right};
    size_t used = 0;

    for (size_t side = 0; side < 2; side++) {
        if (side == 1) {
            out[used++] = '\t';
        }
        for (const char *at = sides[side]; *at != '\0' && *at != '\n' && used + 2 < CF_RULE_SIZE;
             at++) {
            if (*at != ' ') {
                out[used++] = *at;
            }
        }
    }
    out[used] = '\0';
}

/* Those that say RELAY as they were met, for what comes after hands on what they said; then those
 * that say OK, the last first: it had the last word. */
static void propose_rules(struct proposal *proposal, const char *trace)
{
    static const char tried[] = "-----trying rule:";
    static const char matched[] = "-----rule matches:";
    size_t found[64];
    size_t count = 0;
    const char *left = NULL;
    char rule[CF_RULE_SIZE];

    for (const char *at = trace; at != NULL && *at != '\0';) {
        if (strncmp(at, tried, sizeof(tried) - 1) == 0) {
            left = at + sizeof(tried) - 1;
        } else if (left != NULL && strncmp(at, matched, sizeof(matched) - 1) == 0) {
            const char *right = at + sizeof(matched) - 1;
            bool relays =
                strncmp(right, " $@ RELAY", 9) == 0 || strncmp(right, " $# RELAY", 9) == 0;
            bool is_ok =
                strncasecmp(right, " $# OK", 6) == 0 || strncasecmp(right, " $@ OK", 6) == 0;
            if (relays || is_ok) {
                join_rule(left, right, rule);
                size_t element = place_rule(proposal->candidate, rule);
                if (relays) {
                    add(proposal, element);
                } else if (count < sizeof(found) / sizeof(found[0])) {
                    found[count++] = element;
                }
            }
        }
        at = strchr(at, '\n');
        at += at != NULL;
    }
    while (count > 0) {
        add(proposal, found[--count]);
    }
}

/* ---- the functions of the row ------------------------------------------------------------- */

size_t propose_sendmail(struct candidate *candidate, const struct rehearse_request *request,
                        const char *trace, size_t length, size_t *out, size_t room)
{
    struct proposal proposal = {
        .candidate = candidate, .request = request, .out = out, .room = room};
    size_t features[64];
    struct hit hit;

    (void)length;
    for (const char *at = trace; at != NULL && *at != '\0';) {
        if (read_hit(at, &hit)) {
            propose_hit(&proposal, &hit);
        }
        at = strchr(at, '\n');
        at += at != NULL;
    }
    place_words(candidate, take_word, &proposal);
    size_t count = place_features(candidate, features, sizeof(features) / sizeof(features[0]));
    size_t elements = 0;
    for (size_t i = 0; i < count; i++) {
        /* A whole map is no news where one of its lines is. */
        const struct rehearse_element *all = candidate_elements(candidate, &elements);
        if (features[i] < elements && strstr(all[features[i]].text, "access_db") == NULL &&
            strstr(all[features[i]].text, "use_cw_file") == NULL) {
            add(&proposal, features[i]);
        }
    }
    /* Where rules are missing, none of those that are there is guilty. */
    if (reading_sendmail_of(candidate)->is_made || count == 0) {
        propose_rules(&proposal, trace);
    }
    return proposal.count;
}

static void add_lines(struct proposal *proposal)
{
    const struct sendmail_reading *reading = reading_sendmail_of(proposal->candidate);
    struct place_line line;

    for (size_t i = 0; i < reading->table_count; i++) {
        const struct sendmail_table *table = &reading->tables[i];
        const struct candidate_file *file = candidate_file(proposal->candidate, table->file);
        bool is_access = strcmp(table->name, "access") == 0;
        for (size_t at = 0;
             file != NULL && proposal->count < LINES_MAX && place_next_line(file, &at, &line);) {
            if (!is_access || place_lets_in(line.value)) {
                add(proposal, place_line_element(proposal->candidate, table, &line));
            }
        }
    }
}

size_t propose_sendmail_grants(struct candidate *candidate, const struct rehearse_request *request,
                               bool destinations, size_t *out, size_t room)
{
    struct proposal proposal = {.candidate = candidate,
                                .request = request,
                                .destinations = destinations,
                                .out = out,
                                .room = room};
    size_t found[128];

    size_t count = place_features(candidate, found, sizeof(found) / sizeof(found[0]));
    for (size_t i = 0; i < count; i++) {
        add(&proposal, found[i]);
    }
    count = place_rules(candidate, found, sizeof(found) / sizeof(found[0]));
    for (size_t i = 0; i < count; i++) {
        add(&proposal, found[i]);
    }
    place_words(candidate, take_any_word, &proposal);
    add_lines(&proposal);
    return proposal.count;
}
