#include "probe/rehearse/exim/acl_trace.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Where the reader stands. */
struct state {
    struct acl_trace trace;
    const char *recipient;
    size_t statement_room;
    size_t fact_room;
    size_t current;   /* the statement that is processed; ACL_NO_STATEMENT */
    bool is_asked;    /* the request at hand is for that recipient */
    size_t begin;     /* its first statement */
    bool found;       /* one that was accepted is in trace.first and .end */
    const char *file; /* of the lookup at hand */
    const char *key;
    const char *type;
    bool failed; /* memory is out */
};

static bool grow(void **items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return true;
    }
    size_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = reallocarray(*items, wanted, size);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *room = wanted;
    return true;
}

static void add_fact(struct state *state, const struct acl_fact *fact)
{
    struct acl_trace *trace = &state->trace;
    void *items = trace->facts;

    if (!grow(&items, trace->fact_count, &state->fact_room, sizeof(*trace->facts))) {
        state->failed = true;
        return;
    }
    trace->facts = items;
    trace->facts[trace->fact_count] = *fact;
    trace->facts[trace->fact_count++].statement = state->current;
}

/* ---- lines ---- */

/* Behind the number of the process, and the indentation, which may be drawn. */
static char *skip_head(char *line)
{
    char *at = line + strspn(line, " ");
    size_t digits = strspn(at, "0123456789");

    if (digits > 0 && at[digits] == ' ') {
        at += digits;
    }
    while (*at == ' ' || *at == '\t' || (unsigned char)*at >= 0x80) {
        at++;
    }
    return at;
}

/* `processing "accept" (/etc/exim4/exim.conf 17)` */
static bool take_statement(struct state *state, char *line)
{
    static const char head[] = "processing \"";
    struct acl_trace *trace = &state->trace;
    void *items = trace->statements;

    if (strncmp(line, head, sizeof(head) - 1) != 0) {
        return false;
    }
    char *verb = line + sizeof(head) - 1;
    char *quote = strchr(verb, '"');
    char *open = quote != NULL ? strchr(quote, '(') : NULL;
    char *space = open != NULL ? strrchr(open, ' ') : NULL;
    if (space == NULL) {
        return true;
    }
    if (!grow(&items, trace->statement_count, &state->statement_room, sizeof(*trace->statements))) {
        state->failed = true;
        return true;
    }
    *quote = '\0';
    *space = '\0';
    trace->statements = items;
    state->current = trace->statement_count;
    trace->statements[trace->statement_count++] = (struct acl_statement){
        .verb = verb, .path = open + 1, .line = (unsigned int)strtoul(space + 1, NULL, 10)};
    return true;
}

/* `accept: condition test succeeded in ACL "acl_check_rcpt"`: of the innermost that is open. */
static bool take_result(struct state *state, char *line)
{
    char *test = strstr(line, ": condition test ");

    if (test == NULL) {
        return false;
    }
    *test = '\0';
    bool succeeded = strncmp(test + 17, "succeeded", 9) == 0;
    for (size_t i = state->trace.statement_count; i > state->begin; i--) {
        struct acl_statement *statement = &state->trace.statements[i - 1];
        if (statement->result == ACL_UNTOLD && strcmp(statement->verb, line) == 0) {
            statement->result = succeeded ? ACL_SUCCEEDED : ACL_FAILED;
            break;
        }
    }
    /* Behind an ACL that another one called, that other goes on. */
    state->current = ACL_NO_STATEMENT;
    for (size_t i = state->trace.statement_count; i > state->begin; i--) {
        if (state->trace.statements[i - 1].result == ACL_UNTOLD) {
            state->current = i - 1;
            break;
        }
    }
    return true;
}

/* Facts of when the named list was matched first. */
static void recall(struct state *state, const char *name)
{
    size_t of = state->trace.fact_count;

    while (of > 0 && !(state->trace.facts[of - 1].kind == ACL_MATCH &&
                       strcmp(state->trace.facts[of - 1].item, name) == 0)) {
        of--;
    }
    if (of < 2) {
        return;
    }
    const struct acl_fact inner = state->trace.facts[of - 2];
    if (inner.kind == ACL_MATCH && of >= 3 && state->trace.facts[of - 3].kind == ACL_LOOKUP) {
        const struct acl_fact lookup = state->trace.facts[of - 3];
        add_fact(state, &lookup);
    }
    add_fact(state, &inner);
}

/* `host in "10.0.0.0/8 : x"? yes (matched "x")`, `... (matched "x" in /etc/y)`,
 * `... (matched "+z" - cached)` */
static bool take_match(struct state *state, char *line)
{
    static const char head[] = " yes (matched \"";
    char *item = strstr(line, head);
    char *quote = item != NULL ? strrchr(line, '"') : NULL;

    if (item == NULL) {
        return false;
    }
    item += sizeof(head) - 1;
    if (quote < item) {
        return true;
    }
    struct acl_fact fact = {.kind = ACL_MATCH, .item = item};
    if (strncmp(quote, "\" in ", 5) == 0) {
        char *close = strrchr(quote, ')');
        fact.file = quote + 5;
        if (close != NULL) {
            *close = '\0';
        }
    } else if (strncmp(quote, "\" - cached", 10) == 0) {
        *quote = '\0';
        recall(state, item);
    }
    *quote = '\0';
    add_fact(state, &fact);
    return true;
}

/* internal_search_find: file="/etc/x"
 *   type=lsearch key="k" opts=NULL
 * lookup yielded: v */
static bool take_lookup(struct state *state, char *line)
{
    static const char head[] = "internal_search_find: file=\"";

    if (strncmp(line, head, sizeof(head) - 1) == 0) {
        state->file = line + sizeof(head) - 1;
        line[strlen(line) - 1] = '\0'; /* the quote */
        state->key = NULL;
        return true;
    }
    char *key = strncmp(line, "type=", 5) == 0 ? strstr(line, " key=\"") : NULL;
    if (key != NULL) {
        *key = '\0';
        state->type = line + 5;
        state->key = key + 6;
        char *options = strstr(state->key, "\" opts=");
        char *end = options != NULL ? options : strrchr(key + 6, '"');
        if (end != NULL) {
            *end = '\0';
        }
        return true;
    }
    if (strncmp(line, "lookup yielded", 14) != 0) {
        return false;
    }
    if (state->file != NULL && state->key != NULL) {
        add_fact(state, &(struct acl_fact){.kind = ACL_LOOKUP,
                                           .item = state->key,
                                           .file = state->file,
                                           .type = state->type});
    }
    return true;
}

static bool take_router(struct state *state, char *line)
{
    char *generated = strstr(line, " router generated ");

    if (generated == NULL) {
        return false;
    }
    *generated = '\0';
    add_fact(state, &(struct acl_fact){.kind = ACL_ROUTER, .item = line});
    return true;
}

static void take_dialogue(struct state *state, const char *line)
{
    if (strncmp(line, "SMTP<< ", 7) == 0) {
        state->begin = state->trace.statement_count;
        state->current = ACL_NO_STATEMENT;
        state->is_asked =
            strncmp(line + 7, "RCPT", 4) == 0 && strstr(line, state->recipient) != NULL;
    } else if (strncmp(line, "SMTP>> 25", 9) == 0 && state->is_asked) {
        state->found = state->trace.statement_count > state->begin || state->found;
        if (state->trace.statement_count > state->begin) {
            state->trace.first = state->begin;
            state->trace.end = state->trace.statement_count;
        }
        state->is_asked = false;
    }
}

static void take(struct state *state, char *line)
{
    line = skip_head(line);
    if (strncmp(line, "SMTP", 4) == 0) {
        take_dialogue(state, line);
    } else if (!take_statement(state, line) && !take_match(state, line) &&
               !take_lookup(state, line) && !take_result(state, line)) {
        (void)take_router(state, line);
    }
}

bool acl_trace_read(const char *text, size_t length, const char *recipient, struct acl_trace *out)
{
    struct state state = {.recipient = recipient, .current = ACL_NO_STATEMENT};

    state.trace.text = malloc(length + 1);
    if (state.trace.text == NULL) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        state.trace.text[i] = text[i] == '\0' ? ' ' : text[i];
    }
    state.trace.text[length] = '\0';
    for (char *at = state.trace.text; *at != '\0' && !state.failed;) {
        char *end = at + strcspn(at, "\n");
        char *next = *end == '\n' ? end + 1 : end;
        *end = '\0';
        take(&state, at);
        at = next;
    }
    if (state.failed || !state.found) {
        acl_trace_free(&state.trace);
        return false;
    }
    *out = state.trace;
    return true;
}

void acl_trace_free(struct acl_trace *trace)
{
    free(trace->text);
    free(trace->statements);
    free(trace->facts);
    *trace = (struct acl_trace){0};
}
