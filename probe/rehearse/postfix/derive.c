#include "probe/rehearse/postfix/derive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/rehearse/postfix/cf_text.h"
#include "probe/rehearse/postfix/derive_keys.h"
#include "probe/rehearse/postfix/lists.h"
#include "probe/rehearse/postfix/tables.h"

#define LISTS_MAX   5
#define ENTRIES_MAX 4096 /* of one list, its classes counted */
#define DEPTH_MAX   8    /* checks that wait for others in one request */
#define STEPS_MAX   2000 /* ways on that are followed */

/* Whether a listener takes somebody's word for who asks. */
static bool has_claims(struct candidate *candidate)
{
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(candidate, &count);
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        any = any || listeners[i].proxy || listeners[i].xclient;
    }
    return any;
}

/* ---- lists ---- */

/* A check as it stands in a list, in which classes are what they stand for. */
struct check {
    const char *name;
    const char *argument; /* or NULL */
};

struct checks {
    struct check *all;
    size_t count;
};

struct walk {
    struct candidate *candidate;
    const struct candidate_listener *listener;
    struct questions *questions;
    struct list classes;
    struct checks lists[LISTS_MAX]; /* in the order in which a request must pass them */
    struct question_holes refused;  /* clients, by the tables before */
    bool claims;
    int depth;
    size_t steps;
    bool *shut; /* see candidate.h; NULL: it was seen */
};

static bool is_class(const struct walk *walk, const char *name)
{
    for (size_t i = 0; i < walk->classes.count; i++) {
        if (strcmp(walk->classes.entries[i].text, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_named(struct walk *walk, struct checks *to, const char *parameter, int depth);

static bool add_check(struct walk *walk, struct checks *to, const struct check *check, int depth)
{
    if (is_class(walk, check->name)) {
        return depth >= DEPTH_MAX || add_named(walk, to, check->name, depth + 1);
    }
    if (to->count == ENTRIES_MAX) {
        questions_leave(walk->questions, check->name);
        return true;
    }
    if ((to->count & (to->count - 1)) == 0) {
        size_t room = to->count == 0 ? 1 : to->count * 2;
        struct check *more = reallocarray(to->all, room, sizeof(*more));
        if (more == NULL) {
            return false;
        }
        to->all = more;
    }
    to->all[to->count++] = (struct check){
        .name = candidate_keep(walk->candidate, check->name),
        .argument =
            check->argument == NULL ? NULL : candidate_keep(walk->candidate, check->argument)};
    return true;
}

static bool add_named(struct walk *walk, struct checks *to, const char *parameter, int depth)
{
    struct list list = {0};
    bool good = list_read(walk->candidate, walk->listener, parameter, true, &list);

    for (size_t i = 0; i < list.count && good; i++) {
        const struct check check = {list.entries[i].text, list.entries[i].argument};
        good = add_check(walk, to, &check, depth);
    }
    list_free(&list);
    return good;
}

/* A table's value: "reject_unknown_client_hostname, lax". */
static bool add_value(struct walk *walk, struct checks *to, const char *value)
{
    char *text = strdup(value);
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;
    bool good = text != NULL;

    while (good && cf_next_word(text, &at, CF_LIST_SEPARATORS, &begin, &end)) {
        char *name = strndup(text + begin, end - begin);
        char *argument = NULL;
        if (name != NULL && list_takes_argument(name) &&
            cf_next_word(text, &at, CF_LIST_SEPARATORS, &begin, &end)) {
            argument = strndup(text + begin, end - begin);
            good = argument != NULL;
        }
        const struct check check = {name, argument};
        good = good && name != NULL && add_check(walk, to, &check, 0);
        free(name);
        free(argument);
    }
    free(text);
    return good;
}

/* ---- what ends a list ---- */

static bool is_warned(const struct checks *checks, size_t at)
{
    return at > 0 && strcasecmp(checks->all[at - 1].name, "warn_if_reject") == 0;
}

/* No foreign destination passes by it: what stands behind it lets nobody relay. */
static bool is_end(const struct checks *checks, size_t at)
{
    static const char *const ends[] = {"reject_unauth_destination", "defer_unauth_destination",
                                       "reject", "defer"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && !is_warned(checks, at); i++) {
        if (strcasecmp(checks->all[at].name, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The thing whose name a check looks up. */
static bool kind_of_check(const char *check, enum question_kind *kind)
{
    static const struct {
        const char *check;
        enum question_kind kind;
    } checks[] = {
        {"check_client_access", QUESTION_CLIENT},
        {"check_helo_access", QUESTION_HELO},
        {"check_sender_access", QUESTION_SENDER},
        {"check_recipient_access", QUESTION_RECIPIENT},
    };

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (strcasecmp(check, checks[i].check) == 0) {
            *kind = checks[i].kind;
            return true;
        }
    }
    return false;
}

/* Whether the check refuses whoever its table has not named, of either family. */
static bool refuses_rest(const struct walk *walk, const struct checks *checks, size_t at)
{
    enum question_kind kind;
    const struct check *check = &checks->all[at];
    struct derive_rest rest = {.refused = {false, false}};

    if (check->argument != NULL && !is_warned(checks, at) && kind_of_check(check->name, &kind)) {
        derive_rest(walk->candidate, check->argument, &rest);
    }
    return rest.refused[0] || rest.refused[1];
}

/* Whether a list turns strangers away from `at` on. */
static bool turns_away(const struct walk *walk, const struct checks *checks, size_t at)
{
    for (; at < checks->count && strcasecmp(checks->all[at].name, "permit") != 0; at++) {
        if (is_end(checks, at) || refuses_rest(walk, checks, at)) {
            return true;
        }
    }
    return false;
}

/* Whether a check lets by nobody but whom the site trusts, or who logs in. */
static bool is_understood(const struct check *check)
{
    static const char *const names[] = {"permit_mynetworks", "permit_sasl_authenticated",
                                        "permit_auth_destination", "warn_if_reject",
                                        "permit_inet_interfaces"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(check->name, names[i]) == 0) {
            return true;
        }
    }
    return strncasecmp(check->name, "reject_", 7) == 0 ||
           strncasecmp(check->name, "defer_", 6) == 0;
}

static void find_shut(const struct walk *walk, const struct checks *checks)
{
    bool open[2] = {false, false}; /* somebody may have been let by */
    enum question_kind kind;

    for (size_t i = 0; i < checks->count; i++) {
        const struct check *check = &checks->all[i];
        struct derive_rest rest = {.refused = {false, false}};
        bool ends = is_end(checks, i);
        if (check->argument != NULL && kind_of_check(check->name, &kind)) {
            derive_rest(walk->candidate, check->argument, &rest);
        } else if (!is_understood(check) && !ends) {
            return;
        }
        for (size_t family = 0; family < 2; family++) {
            bool refused = rest.refused[family] && !is_warned(checks, i);
            open[family] = open[family] || (refused ? rest.passes[family] : rest.lets_by[family]);
            walk->shut[family] = walk->shut[family] || ((ends || refused) && !open[family]);
        }
    }
}

/* ---- who is let by ---- */

/* Without an authority no certificate is trusted. */
static bool trusts_authorities(const struct candidate *candidate,
                               const struct candidate_listener *listener)
{
    static const char *const names[] = {"smtpd_tls_CAfile", "smtpd_tls_CApath",
                                        "tls_append_default_CA"};
    bool any = false;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !any; i++) {
        char *value = candidate_value(candidate, listener, names[i]);
        any = value != NULL && value[0] != '\0' && strcasecmp(value, "no") != 0;
        free(value);
    }
    return any;
}

static void walk_on(struct walk *walk, size_t list, const struct checks *checks, size_t at);

/* A key is met: what stands behind it is asked with it. */
struct met {
    struct walk *walk;
    const struct checks *checks;
    size_t at; /* of the check with the key's table */
    size_t list;
    bool lets_on; /* strangers are turned away by this list */
};

/* Adds the key to what is given. False: nobody has it. */
static bool give(struct walk *walk, const struct derive_key *key)
{
    struct question_given *given = &walk->questions->given;
    const struct site *site = candidate_site(walk->candidate);
    struct address client;

    given->by_pattern = given->by_pattern || key->by_pattern;
    if (key->kind == QUESTION_CLIENT) {
        if (questions_find_client(site, &key->network, key->holes, &client) !=
            QUESTION_NETWORK_ONE) {
            return false;
        }
        if (given->client.family != ADDRESS_NONE && !address_equal(&given->client, &client)) {
            /* A client of both networks counts as one of the smaller. */
            return given->client.family == client.family &&
                   address_in_prefix(&given->client, key->network.base.octets, key->network.prefix);
        }
        given->client = client;
        return true;
    }
    char *to = key->kind == QUESTION_NAME     ? given->name
               : key->kind == QUESTION_SENDER ? given->with[QUESTION_WITH_SENDER]
               : key->kind == QUESTION_HELO   ? given->with[QUESTION_WITH_HELO]
                                              : given->with[QUESTION_WITH_RECIPIENT];
    if (to[0] != '\0' && strcmp(to, key->text) != 0) {
        /* Two of a kind: either may be the other's special case. */
        questions_leave(walk->questions, key->text);
    }
    memcpy(to, key->text, QUESTION_TEXT_MAX);
    return questions_are_sayable(key->text);
}

static void go_on(const struct met *met, const struct derive_key *key, const char *value)
{
    struct walk *walk = met->walk;
    const struct question_given before = walk->questions->given;
    enum derive_value is = derive_value(value);
    struct checks next = {0};
    bool good = true;

    if (walk->depth == DEPTH_MAX || walk->steps++ >= STEPS_MAX) {
        questions_leave(walk->questions, value);
        return;
    }
    walk->depth++;
    if (give(walk, key)) {
        questions_add_given(walk->questions, candidate_site(walk->candidate));
        if (is == DERIVE_PERMITS) {
            walk_on(walk, met->list + 1, NULL, 0);
        } else {
            good = is != DERIVE_CHECKS || add_value(walk, &next, value);
            for (size_t i = met->at + 1; i < met->checks->count && good; i++) {
                good = add_check(walk, &next, &met->checks->all[i], 0);
            }
            if (good) {
                walk_on(walk, met->list, &next, 0);
            } else {
                questions_leave(walk->questions, value);
            }
        }
    }
    free(next.all);
    walk->depth--;
    walk->questions->given = before;
}

static bool see_key(void *own, const struct derive_key *key, const char *value)
{
    const struct met *met = own;
    struct walk *walk = met->walk;
    struct questions *questions = walk->questions;
    enum derive_value is = derive_value(value);

    if (is != DERIVE_PASSES) {
        questions->by_pattern = key->by_pattern;
        if (key->kind == QUESTION_CLIENT) {
            questions_add_network(questions, candidate_site(walk->candidate), &key->network,
                                  key->holes);
            if (walk->claims) {
                questions_add_claim(questions, &key->network);
            }
        } else {
            questions_add_text(questions, key->kind, key->text, strlen(key->text));
        }
        questions->by_pattern = false;
    }
    if (is == DERIVE_CHECKS || met->lets_on) {
        go_on(met, key, value);
    }
    return questions->left_out < QUESTIONS_MAX;
}

static void see_networks(struct walk *walk, struct met *met)
{
    struct list list = {0};
    const struct derive_keys_of of = {.candidate = walk->candidate,
                                      .questions = walk->questions,
                                      .kind = QUESTION_CLIENT,
                                      .is_list = true,
                                      .see = see_key,
                                      .own = met};

    if (list_read(walk->candidate, walk->listener, "mynetworks", false, &list)) {
        for (size_t i = 0; i < list.count; i++) {
            struct network network;
            if (derive_network(list.entries[i].text, &network) && network.prefix > 0) {
                const struct derive_key key = {.kind = QUESTION_CLIENT, .network = network};
                (void)of.see(of.own, &key, "OK");
            }
        }
    } else {
        questions_leave(walk->questions, "mynetworks");
    }
    list_free(&list);
}

static void see_check(struct walk *walk, struct met *met)
{
    const struct check *check = &met->checks->all[met->at];
    struct questions *questions = walk->questions;
    struct derive_keys_of of = {.candidate = walk->candidate,
                                .questions = questions,
                                .holes = &walk->refused,
                                .see = see_key,
                                .own = met};

    if (check->argument != NULL && kind_of_check(check->name, &of.kind)) {
        of.passes_count = refuses_rest(walk, met->checks, met->at);
        struct met here = *met;
        here.lets_on = met->lets_on || of.passes_count;
        of.own = &here;
        derive_keys(&of, check->argument);
    } else if (strcasecmp(check->name, "permit_mynetworks") == 0 && met->lets_on) {
        see_networks(walk, met);
    } else if (strcasecmp(check->name, "permit_mx_backup") == 0) {
        questions_add_text(questions, QUESTION_MX_BACKUP, "", 0);
    } else if (strcasecmp(check->name, "permit_tls_all_clientcerts") == 0 &&
               trusts_authorities(walk->candidate, walk->listener)) {
        questions_add_text(questions, QUESTION_CERTIFICATE, "", 0);
    } else if (strcasecmp(check->name, "permit_tls_clientcerts") == 0 ||
               strcasecmp(check->name, "check_ccert_access") == 0) {
        questions_add_text(questions, QUESTION_OWN_CERTIFICATE, "", 0);
    } else if (strcasecmp(check->name, "check_policy_service") == 0) {
        questions_add_text(questions, QUESTION_POLICY, "", 0);
    }
}

/* Goes on in `checks`, which are of that list, or in all of it. */
static void walk_on(struct walk *walk, size_t list, const struct checks *checks, size_t at)
{
    bool seen_all = false;

    for (; list < LISTS_MAX; list++, checks = NULL, at = 0) {
        const struct checks *here = checks != NULL ? checks : &walk->lists[list];
        const size_t refused = walk->refused.count;
        const bool is_last = list + 1 == LISTS_MAX;
        const bool shuts = turns_away(walk, here, at);
        seen_all = false;
        for (; at < here->count && !seen_all; at++) {
            struct met met = {
                .walk = walk, .checks = here, .at = at, .list = list, .lets_on = shuts && !is_last};
            if (is_end(here, at)) {
                walk->refused.count = refused;
                return;
            }
            if (strcasecmp(here->all[at].name, "permit") == 0) {
                seen_all = true;
            } else if (shuts || list >= LISTS_MAX - 2) {
                see_check(walk, &met);
            }
        }
        walk->refused.count = refused;
    }
}

/* A recipient must pass all of them. */
static void derive_restrictions(struct walk *walk)
{
    static const char *const names[LISTS_MAX] = {
        "smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions",
        "smtpd_relay_restrictions", "smtpd_recipient_restrictions"};
    bool good = list_read(walk->candidate, walk->listener, "smtpd_restriction_classes", false,
                          &walk->classes);

    for (size_t i = 0; i < LISTS_MAX && good; i++) {
        good = add_named(walk, &walk->lists[i], names[i], 0);
        if (good) {
            find_shut(walk, &walk->lists[i]);
        }
    }
    if (good) {
        walk_on(walk, 0, NULL, 0);
    } else {
        questions_leave(walk->questions, "smtpd_relay_restrictions");
    }
    for (size_t i = 0; i < LISTS_MAX; i++) {
        free(walk->lists[i].all);
    }
    free(walk->refused.networks);
    list_free(&walk->classes);
}

/* ---- networks ---- */

struct networks {
    struct walk *walk;
    void (*add)(struct walk *walk, const struct network *network,
                const struct question_holes *holes);
};

static void add_trusted(struct walk *walk, const struct network *network,
                        const struct question_holes *holes)
{
    questions_add_network(walk->questions, candidate_site(walk->candidate), network, holes);
    if (walk->claims) {
        questions_add_claim(walk->questions, network);
    }
}

static void add_claimant(struct walk *walk, const struct network *network,
                         const struct question_holes *holes)
{
    (void)holes;
    questions_add_claimants(walk->questions, candidate_site(walk->candidate), network);
}

static bool see_network(void *own, const struct derive_key *key, const char *value)
{
    const struct networks *networks = own;

    (void)value;
    if (key->kind == QUESTION_CLIENT) {
        networks->add(networks->walk, &key->network, key->holes);
    } else {
        questions_add_text(networks->walk->questions, key->kind, key->text, strlen(key->text));
    }
    return networks->walk->questions->left_out < QUESTIONS_MAX;
}

/* Of a list that matches networks; what begins with `!` is no part of those behind it. */
static void derive_networks(struct walk *walk, const char *name,
                            void (*add)(struct walk *walk, const struct network *network,
                                        const struct question_holes *holes))
{
    struct networks networks = {walk, add};
    struct question_holes excluded = {0};
    struct list list = {0};
    const struct derive_keys_of of = {.candidate = walk->candidate,
                                      .questions = walk->questions,
                                      .kind = QUESTION_CLIENT,
                                      .is_list = true,
                                      .holes = &excluded,
                                      .see = see_network,
                                      .own = &networks};

    if (list_read(walk->candidate, walk->listener, name, false, &list)) {
        for (size_t i = 0; i < list.count; i++) {
            char type[32];
            const char *table = NULL;
            const char *text = list.entries[i].text;
            struct network network;
            if (table_split(text, type, sizeof(type), &table)) {
                derive_keys(&of, text);
            } else if (text[0] == '/') {
                /* A list that may not be read, though the server may. */
                questions_leave(walk->questions, text);
            } else if (text[0] != '!') {
                derive_one_key(&of, text);
            } else if (derive_network(text + 1, &network)) {
                (void)questions_add_hole(&excluded, &network);
            }
        }
    } else {
        questions_leave(walk->questions, name);
    }
    free(excluded.networks);
    list_free(&list);
}

/* A reverse name is what the client's network says: it may be one of the site's. */
static void derive_claimed_name(const struct candidate *candidate, struct questions *questions)
{
    const struct site *site = candidate_site(candidate);
    char text[QUESTION_TEXT_MAX];

    if (site != NULL && site_main_domain(site) != NULL) {
        (void)snprintf(text, sizeof(text), "claimed.%s", site_main_domain(site));
        questions_add_text(questions, QUESTION_NAME, text, strlen(text));
    }
}

static void derive_listener(struct candidate *candidate, const struct candidate_listener *listener,
                            struct questions *questions, bool shut[2])
{
    struct walk walk = {.candidate = candidate,
                        .listener = listener,
                        .questions = questions,
                        .claims = has_claims(candidate),
                        .shut = shut};

    derive_networks(&walk, "mynetworks", add_trusted);
    derive_restrictions(&walk);
    if (walk.claims) {
        derive_networks(&walk, "smtpd_authorized_xclient_hosts", add_claimant);
    }
}

void derive_questions(struct candidate *candidate, struct questions *questions)
{
    size_t count = 0;
    bool usual[2] = {false, false};

    derive_claimed_name(candidate, questions);
    derive_listener(candidate, NULL, questions, usual);
    (void)candidate_listeners(candidate, &count);
    for (size_t i = 0; i < count; i++) {
        struct candidate_listener *listener = candidate_listener_at(candidate, i);
        bool shut[2] = {usual[0], usual[1]};
        if (listener->override_count > 0) {
            shut[0] = shut[1] = false;
            derive_listener(candidate, listener, questions, shut);
        }
        memcpy(listener->shut, shut, sizeof(shut));
    }
}
