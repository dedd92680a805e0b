#include "probe/rehearse/exim/derive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/exim/items.h"
#include "probe/rehearse/exim/reading.h"
#include "probe/rehearse/exim/script.h"

#define CONDITIONS_MAX 8
#define KEPT_MAX       64   /* of one ACL, of each sort */
#define STEPS_MAX      2000 /* requests that are put together */

/* ---- conditions ------------------------------------------------------------------------------ */

/* The conditions that a statement sets to a request. */
struct condition {
    enum question_kind kind;
    bool local_parts;
    enum items_form form;
    char value[2048];
    bool is_negated;
};

/* Which lists are of what. */
static const struct {
    const char *name;
    enum question_kind kind;
    bool local_parts;
} names[] = {
    {"hosts", QUESTION_CLIENT, false},          {"senders", QUESTION_SENDER, false},
    {"sender_domains", QUESTION_SENDER, false}, {"recipients", QUESTION_RECIPIENT, false},
    {"domains", QUESTION_RECIPIENT, false},     {"local_parts", QUESTION_RECIPIENT, true},
};

/* Variables that say who asks for what. */
static const struct {
    const char *name;
    enum question_kind kind;
    bool local_parts;
} variables[] = {
    {"sender_helo_name", QUESTION_HELO, false},
    {"sender_address", QUESTION_SENDER, false},
    {"sender_address_domain", QUESTION_SENDER, false},
    {"sender_address_local_part", QUESTION_SENDER, true},
    {"sender_host_address", QUESTION_CLIENT, false},
    {"sender_host_name", QUESTION_NAME, false},
    {"domain", QUESTION_RECIPIENT, false},
    {"local_part", QUESTION_RECIPIENT, true},
};

static const struct {
    const char *name;
    enum items_form form;
} operators[] = {
    {"eq", ITEMS_ONE},
    {"eqi", ITEMS_ONE},
    {"match", ITEMS_PATTERN},
    {"match_domain", ITEMS_LIST},
    {"match_ip", ITEMS_LIST},
    {"match_address", ITEMS_LIST},
    {"inlist", ITEMS_LIST},
    {"inlisti", ITEMS_LIST},
    {"match_local_part", ITEMS_LIST},
};

/* The text in braces at *at, which is set behind them. False: nothing does. */
static bool read_braces(const char **at, char *out, size_t size)
{
    size_t depth = 0;
    const char *from = *at + strspn(*at, " \t");

    if (from[0] != '{') {
        return false;
    }
    for (const char *end = from; *end != '\0'; end++) {
        depth += *end == '{';
        depth -= *end == '}';
        if (depth == 0) {
            *at = end + 1;
            return snprintf(out, size, "%.*s", (int)(end - from - 1), from + 1) < (int)size;
        }
    }
    return false;
}

static bool read_variable(const char *text, struct condition *out)
{
    char name[64];
    size_t braced = text[0] == '$' && text[1] == '{';

    if (text[0] != '$') {
        return false;
    }
    snprintf(name, sizeof(name), "%s", text + 1 + braced);
    name[strcspn(name, "} \t")] = '\0';
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (strcmp(variables[i].name, name) == 0) {
            out->kind = variables[i].kind;
            out->local_parts = variables[i].local_parts;
            return true;
        }
    }
    return false;
}

/* "eq{$sender_helo_name}{gw.partner.test}" at *at. */
static bool read_test(const char **at, struct condition *out)
{
    char subject[256];
    *at += strspn(*at, " \t");
    out->is_negated = **at == '!';
    *at += out->is_negated;
    *at += strspn(*at, " \t");
    size_t length = strcspn(*at, "{ \t");

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (strncmp(*at, operators[i].name, length) == 0 && operators[i].name[length] == '\0') {
            *at += length;
            out->form = operators[i].form;
            return read_braces(at, subject, sizeof(subject)) && read_variable(subject, out) &&
                   read_braces(at, out->value, sizeof(out->value)) &&
                   (out->form == ITEMS_PATTERN || strchr(out->value, '$') == NULL);
        }
    }
    return false;
}

/* Behind the tests: nothing, or yes and no. */
static bool read_results(const char *at, bool *is_negated)
{
    char yes[16];
    char no[16] = "no";
    static const char *const falses[] = {"", "0", "no", "false"};

    if (read_braces(&at, yes, sizeof(yes))) {
        bool is_false = false;
        for (size_t i = 0; i < sizeof(falses) / sizeof(falses[0]); i++) {
            is_false = is_false || strcmp(yes, falses[i]) == 0;
        }
        *is_negated = *is_negated != is_false;
        (void)read_braces(&at, no, sizeof(no));
    }
    at += strspn(at, " \t");
    return at[0] == '}' && at[1 + strspn(at + 1, " \t")] == '\0';
}

/* ${if eq{$sender_helo_name}{gw.partner.test}}, ${if and{{...}{...}}}: how many conditions it is;
 * -1: it is not understood. */
static int read_condition(const char *text, struct condition *out, size_t room)
{
    char all[2048];
    size_t count = 0;
    bool is_negated = false;

    if (strchr(text, '$') == NULL) {
        return 0; /* it is the same for everybody */
    }
    if (strncmp(text, "${if", 4) != 0) {
        return -1;
    }
    text += 4 + strspn(text + 4, " \t");
    if (strncmp(text, "and", 3) != 0) {
        if (room == 0 || !read_test(&text, out) || !read_results(text, &out->is_negated)) {
            return -1;
        }
        return 1;
    }
    text += 3;
    if (!read_braces(&text, all, sizeof(all)) || !read_results(text, &is_negated) || is_negated) {
        return -1;
    }
    char one[2048];
    for (const char *at = all; count < room && read_braces(&at, one, sizeof(one)); count++) {
        const char *test = one;
        if (!read_test(&test, &out[count])) {
            return -1;
        }
    }
    return count > 0 ? (int)count : -1;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* Who is let by. */
struct kept {
    struct question_given all[KEPT_MAX];
    size_t count;
};

struct derivation {
    struct candidate *candidate;
    struct questions *questions;
    size_t steps;
    struct kept let_by; /* accept */
    struct kept passed; /* a statement that refuses others; by one key each */
};

struct statement {
    const char *verb;
    struct condition conditions[CONDITIONS_MAX];
    struct items items[CONDITIONS_MAX];
    size_t count;
    bool logged_in;        /* nobody of the strangers is */
    const char *not_asked; /* a condition that is not understood; NULL: none */
};

static bool is_verb(const struct script_line *line, const char *verb)
{
    size_t length = strlen(verb);

    return strncmp(line->text, verb, length) == 0 &&
           (line->text[length] == '\0' || isspace((unsigned char)line->text[length]));
}

static void add_condition(struct statement *statement, const struct script_line *line)
{
    struct script_setting setting;
    size_t room = CONDITIONS_MAX - statement->count;

    if (!script_setting(line, &setting)) {
        return;
    }
    const char *value = line->text + setting.value;
    struct condition *made = &statement->conditions[statement->count];
    if (script_is_named(line, &setting, "authenticated") && !setting.is_negated) {
        statement->logged_in = true;
    }
    if (script_is_named(line, &setting, "condition")) {
        int count = read_condition(value, made, room);
        for (int i = 0; i < count; i++) {
            made[i].is_negated = made[i].is_negated != setting.is_negated;
        }
        statement->count += count > 0 ? (size_t)count : 0;
        statement->not_asked = count < 0 ? value : statement->not_asked;
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!script_is_named(line, &setting, names[i].name)) {
            continue;
        }
        if (room == 0 || strlen(value) >= sizeof(made->value)) {
            statement->not_asked = value;
            return;
        }
        made->kind = names[i].kind;
        made->local_parts = names[i].local_parts;
        made->form = ITEMS_LIST;
        made->is_negated = setting.is_negated;
        snprintf(made->value, sizeof(made->value), "%s", value);
        statement->count++;
    }
}

static void ask_single(struct derivation *derivation, const struct items *items)
{
    const struct site *site = candidate_site(derivation->candidate);

    for (size_t i = 0; i < items->count; i++) {
        const struct item_key *key = &items->keys[i];
        if (key->kind == QUESTION_CLIENT) {
            questions_add_network(derivation->questions, site, &key->network, &items->excluded);
        } else {
            questions_add_text(derivation->questions, key->kind, key->text, strlen(key->text));
        }
    }
}

/* Adds a key to what is given. False: nobody has both. */
static bool give(const struct derivation *derivation, const struct item_key *key,
                 const struct question_holes *excluded, struct question_given *given)
{
    struct address client;

    given->by_pattern = given->by_pattern || key->by_pattern;
    if (key->kind == QUESTION_CLIENT) {
        if (questions_find_client(candidate_site(derivation->candidate), &key->network, excluded,
                                  &client) != QUESTION_NETWORK_ONE) {
            return false;
        }
        if (given->client.family != ADDRESS_NONE) {
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
    size_t length = strlen(to);
    const char *at = strchr(key->text, '@');
    if (length > 0 && to[length - 1] == '@' && at != NULL && at[1] != '\0') {
        snprintf(to + length, QUESTION_TEXT_MAX - length, "%s", at + 1);
    } else if (length > 0 && at != NULL && at[1] == '\0' && strchr(to, '@') != NULL) {
        char both[2 * QUESTION_TEXT_MAX];
        snprintf(both, sizeof(both), "%s%s", key->text, strchr(to, '@') + 1);
        snprintf(to, QUESTION_TEXT_MAX, "%.*s", QUESTION_TEXT_MAX - 1, both);
    } else {
        snprintf(to, QUESTION_TEXT_MAX, "%s", key->text);
    }
    return questions_are_sayable(to);
}

static void keep(struct derivation *derivation, struct kept *kept,
                 const struct question_given *given)
{
    if (kept->count < KEPT_MAX) {
        kept->all[kept->count++] = *given;
    } else {
        questions_leave(derivation->questions, "an ACL with many who are let by");
    }
}

static void ask_given(struct derivation *derivation, const struct question_given *given)
{
    derivation->questions->given = *given;
    questions_add_given(derivation->questions, candidate_site(derivation->candidate));
    memset(&derivation->questions->given, 0, sizeof(derivation->questions->given));
}

/* Each request that meets all conditions from `at` on. */
static void ask_together(struct derivation *derivation, const struct statement *statement,
                         size_t at, const struct question_given *given)
{
    while (at < statement->count && statement->items[at].everybody) {
        at++;
    }
    if (derivation->steps++ >= STEPS_MAX) {
        questions_leave(derivation->questions, statement->verb);
        return;
    }
    if (at == statement->count) {
        ask_given(derivation, given);
        keep(derivation, &derivation->let_by, given);
        return;
    }
    const struct items *items = &statement->items[at];
    for (size_t i = 0; i < items->count; i++) {
        struct question_given next = *given;
        if (give(derivation, &items->keys[i], &items->excluded, &next)) {
            ask_together(derivation, statement, at + 1, &next);
        }
    }
}

/* Who passes a statement that refuses others. */
static void keep_passed(struct derivation *derivation, const struct items *items)
{
    const size_t room = KEPT_MAX - derivation->passed.count;

    for (size_t i = 0; i < items->count && i < room; i++) {
        struct question_given given = {0};
        if (give(derivation, &items->keys[i], &items->excluded, &given)) {
            keep(derivation, &derivation->passed, &given);
        }
    }
}

static void tell_left(struct derivation *derivation, const struct statement *statement)
{
    for (size_t i = 0; i < statement->count; i++) {
        const struct items *items = &statement->items[i];
        if (items->left > 0) {
            questions_leave(derivation->questions, items->first_left);
        }
    }
    if (statement->not_asked != NULL) {
        questions_leave(derivation->questions, statement->not_asked);
    }
}

static void derive_statement(struct derivation *derivation, struct statement *statement,
                             const struct script_line *first)
{
    const bool accepts = is_verb(first, "accept") || is_verb(first, "discard");
    const bool requires = is_verb(first, "require");
    const bool warns = is_verb(first, "warn");
    const struct question_given nothing = {0};
    bool can_be = !statement->logged_in;

    for (size_t i = 0; i < statement->count; i++) {
        const struct condition *condition = &statement->conditions[i];
        struct items *items = &statement->items[i];
        items->candidate = derivation->candidate;
        items->kind = condition->kind;
        items->local_parts = condition->local_parts;
        /* Who is let by: of "deny" those that it does not mean. */
        items->want_negated = (accepts || requires || warns) == condition->is_negated;
        if (condition->form != ITEMS_LIST && items->want_negated) {
            items->everybody = true;
        }
        items_read(items, condition->value, condition->form);
        items->everybody = items->everybody || (accepts && condition->is_negated);
        ask_single(derivation, items);
        can_be = can_be && (items->count > 0 || items->everybody || items->left > 0);
    }
    if (accepts && can_be) {
        tell_left(derivation, statement);
        ask_together(derivation, statement, 0, &nothing);
    } else if (!accepts && !warns) {
        bool speaks_of_who = statement->count > 0;
        for (size_t i = 0; i < statement->count; i++) {
            keep_passed(derivation, &statement->items[i]);
            if (statement->items[i].left > 0) {
                questions_leave(derivation->questions, statement->items[i].first_left);
            }
        }
        if (statement->not_asked != NULL && (requires || speaks_of_who)) {
            questions_leave(derivation->questions, statement->not_asked);
        }
    }
}

/* ---- ACLs ------------------------------------------------------------------------------------ */

/* False: both want something else of the same thing. */
static bool merge(const struct question_given *one, const struct question_given *other,
                  struct question_given *out)
{
    *out = *one;
    out->by_pattern = one->by_pattern || other->by_pattern;
    if (other->client.family != ADDRESS_NONE) {
        if (one->client.family != ADDRESS_NONE && !address_equal(&one->client, &other->client)) {
            return false;
        }
        out->client = other->client;
    }
    if (other->name[0] != '\0') {
        if (one->name[0] != '\0' && strcmp(one->name, other->name) != 0) {
            return false;
        }
        memcpy(out->name, other->name, sizeof(out->name));
    }
    for (size_t i = 0; i < QUESTION_PARTS; i++) {
        if (other->with[i][0] == '\0') {
            continue;
        }
        if (one->with[i][0] != '\0' && strcmp(one->with[i], other->with[i]) != 0) {
            return false;
        }
        memcpy(out->with[i], other->with[i], sizeof(out->with[i]));
    }
    return true;
}

/* Who passes one statement may be let by, or pass another, only with something else. */
static void end_acl(struct derivation *derivation)
{
    struct question_given both;

    for (size_t i = 0; i < derivation->passed.count; i++) {
        ask_given(derivation, &derivation->passed.all[i]);
        for (size_t k = 0; k < derivation->let_by.count; k++) {
            if (merge(&derivation->passed.all[i], &derivation->let_by.all[k], &both)) {
                ask_given(derivation, &both);
            }
        }
        for (size_t k = 0; k < i; k++) {
            if (merge(&derivation->passed.all[i], &derivation->passed.all[k], &both)) {
                ask_given(derivation, &both);
            }
        }
    }
    derivation->passed.count = 0;
    derivation->let_by.count = 0;
}

static void derive_acl_line(struct derivation *derivation, const struct script *script,
                            size_t first)
{
    static struct statement statement; /* it is too large for a stack */
    size_t end = script_statement_end(script, first);

    memset(&statement, 0, sizeof(statement));
    statement.verb = script->lines[first].text;
    for (size_t i = first; i < end; i++) {
        add_condition(&statement, &script->lines[i]);
    }
    derive_statement(derivation, &statement, &script->lines[first]);
    for (size_t i = 0; i < statement.count; i++) {
        items_free(&statement.items[i]);
    }
}

/* A reverse name is what the client's network says: it may be one of the site's. */
static void derive_claimed_name(const struct candidate *candidate, struct questions *questions)
{
    const struct site *site = candidate_site(candidate);
    char text[QUESTION_TEXT_MAX];

    if (site != NULL && site_main_domain(site) != NULL) {
        snprintf(text, sizeof(text), "claimed.%.300s", site_main_domain(site));
        questions_add_text(questions, QUESTION_NAME, text, strlen(text));
    }
}

/* Lists that are used otherwise than in an ACL's conditions: who they name asks, too. */
static void derive_named(struct derivation *derivation, const struct script_line *line)
{
    static const struct {
        const char *word;
        enum question_kind kind;
    } lists[] = {
        {"hostlist", QUESTION_CLIENT},
        {"addresslist", QUESTION_SENDER},
        {"domainlist", QUESTION_RECIPIENT},
    };
    struct script_setting setting;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strncmp(script_unhidden(line), lists[i].word, strlen(lists[i].word)) == 0 &&
            script_setting(line, &setting)) {
            struct items items = {.candidate = derivation->candidate, .kind = lists[i].kind};
            items_read(&items, line->text + setting.value, ITEMS_LIST);
            ask_single(derivation, &items);
            items_free(&items);
        }
    }
}

void derive_exim(struct candidate *candidate, struct questions *questions)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    static struct derivation derivation;
    const struct script *script = &reading->flat_script;
    bool in_main = true;
    bool in_acl = false;

    memset(&derivation, 0, sizeof(derivation));
    derivation.candidate = candidate;
    derivation.questions = questions;
    derive_claimed_name(candidate, questions);
    for (size_t i = 0; i < script->count; i++) {
        const struct script_line *line = &script->lines[i];
        const char *section = script_section(line);
        if (section != NULL) {
            in_main = false;
            in_acl = strncmp(section, "acl", 3) == 0;
        } else if (in_main) {
            derive_named(&derivation, line);
        } else if (in_acl && script_is_label(line)) {
            end_acl(&derivation);
        } else if (in_acl && script_is_verb(line)) {
            derive_acl_line(&derivation, script, i);
        }
    }
    end_acl(&derivation);
    /* Whose second MX we are: "@mx_any" and the like in a list of domains. */
    if (reading->flat != NULL && strstr(reading->flat, "@mx_") != NULL) {
        questions_add_text(questions, QUESTION_MX_BACKUP, "", 0);
    }
}
