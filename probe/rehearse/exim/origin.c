#include "probe/rehearse/exim/origin.h"

#include <stdlib.h>
#include <string.h>

#define RULE       "#####################################################"
#define MACRO_RULE "##############################################"
#define MARK       "### "
#define END_MARK   "### end "
#define MACROS     "UPEX4CmacrosUPEX4C"
#define HEAD_END   "#########"
#define SPLIT      "# split config files in "

static const struct {
    const char *macro;
    const char *variable;
} variables[] = {
    {"MAIN_RELAY_NETS", "dc_relay_nets"},
    {"MAIN_RELAY_TO_DOMAINS", "dc_relay_domains"},
    {"MAIN_LOCAL_DOMAINS", "dc_other_hostnames"},
    {"MAIN_LOCAL_INTERFACES", "dc_local_interfaces"},
    {"DCsmarthost", "dc_smarthost"},
};

/* Where the reader of the generated text stands. */
struct state {
    int file;           /* that it is in; ORIGIN_NONE */
    unsigned int line;  /* of it, the last that was read */
    unsigned int rules; /* lines of "###..." at the head of a part */
    unsigned int heads; /* of "#########" at the head of the whole */
    bool is_split;
    bool in_macros;
    unsigned int macro_rules;
};

struct text {
    const char *begin;
    size_t length;
};

static bool is(const struct text *line, const char *what)
{
    return line->length == strlen(what) && memcmp(line->begin, what, line->length) == 0;
}

static bool begins(const struct text *line, const char *what)
{
    return line->length >= strlen(what) && memcmp(line->begin, what, strlen(what)) == 0;
}

static bool add_file(struct origin *origin, const char *path, size_t length)
{
    if (origin->file_count == ORIGIN_FILES_MAX) {
        return false;
    }
    char *kept = strndup(path, length);
    if (kept == NULL) {
        return false;
    }
    origin->files[origin->file_count++] = kept;
    return true;
}

static bool add_line(struct origin *origin, size_t *room, int file, unsigned int line)
{
    if (origin->count == *room) {
        *room = *room == 0 ? 1024 : *room * 2;
        struct origin_line *grown = reallocarray(origin->lines, *room, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        origin->lines = grown;
    }
    origin->lines[origin->count++] = (struct origin_line){.file = file, .line = line};
    return true;
}

/* Lines that the script itself wrote around the parts. False when memory is out. */
static bool take_frame(struct state *state, struct origin *origin, const struct text *line,
                       bool *is_frame)
{
    *is_frame = true;
    if (state->file == ORIGIN_NONE && begins(line, MARK) && !begins(line, END_MARK)) {
        if (!add_file(origin, line->begin + 4, line->length - 4)) {
            return false;
        }
        state->rules = 1;
        return true;
    }
    if (state->rules == 1 && is(line, RULE)) {
        state->rules = 0;
        state->file = origin->file_count - 1;
        state->line = 0;
        return true;
    }
    if (begins(line, END_MARK)) {
        state->file = ORIGIN_NONE;
        return true;
    }
    *is_frame = false;
    return true;
}

/* Between two lines of "###..." stand the macros, behind that of their place. */
static bool take_macros(struct state *state, const struct text *line)
{
    if (!state->in_macros) {
        return false;
    }
    state->macro_rules += is(line, MACRO_RULE);
    if (state->macro_rules == 0) {
        state->in_macros = false; /* nothing was written there: the type is "none" */
        return false;
    }
    state->in_macros = state->macro_rules < 2;
    return true;
}

/* The script's words on itself end with the second "#########". Where nothing is split the two
 * files follow; the template has lines like those frames, and they are its own. */
static void take_head(struct state *state, const struct text *line,
                      const struct origin_monolith *monolith)
{
    state->is_split = state->is_split || begins(line, SPLIT);
    if (!is(line, HEAD_END)) {
        return;
    }
    state->heads++;
    if (state->heads == 2 && !state->is_split) {
        state->file = monolith->localmacros_lines > 0 ? 0 : 1;
        state->line = 0;
    }
}

static bool take(struct state *state, struct origin *origin, size_t *room, const struct text *line,
                 const struct origin_monolith *monolith)
{
    bool is_frame = false;

    if (state->heads < 2) {
        take_head(state, line, monolith);
        return add_line(origin, room, ORIGIN_NONE, 0);
    }
    if (take_macros(state, line)) {
        return add_line(origin, room, ORIGIN_MACROS, 0);
    }
    if (state->is_split) {
        if (!take_frame(state, origin, line, &is_frame)) {
            return false;
        }
        if (is_frame || state->file == ORIGIN_NONE) {
            return add_line(origin, room, ORIGIN_NONE, 0);
        }
    }
    if (!state->is_split && state->file == 0 && state->line == monolith->localmacros_lines) {
        state->file = 1;
        state->line = 0;
    }
    state->line++;
    state->in_macros = begins(line, MACROS);
    state->macro_rules = 0;
    return add_line(origin, room, state->file, state->line);
}

bool origin_read(const char *generated, size_t length, const struct origin_monolith *monolith,
                 struct origin *out)
{
    struct origin origin = {.file_count = 0};
    struct state state = {.file = ORIGIN_NONE};
    size_t room = 0;
    bool good = add_file(&origin, monolith->localmacros, strlen(monolith->localmacros)) &&
                add_file(&origin, monolith->template, strlen(monolith->template));

    for (size_t at = 0; good && at < length;) {
        const char *newline = memchr(generated + at, '\n', length - at);
        size_t end = newline == NULL ? length : (size_t)(newline - generated);
        const struct text line = {generated + at, end - at};
        good = take(&state, &origin, &room, &line, monolith);
        at = end + 1;
    }
    if (!good) {
        origin_free(&origin);
        return false;
    }
    origin.is_split = state.is_split;
    *out = origin;
    return true;
}

void origin_free(struct origin *origin)
{
    for (int i = 0; i < origin->file_count; i++) {
        free(origin->files[i]);
    }
    free(origin->lines);
    *origin = (struct origin){.file_count = 0};
}

const struct origin_line *origin_of(const struct origin *origin, unsigned int line)
{
    if (line == 0 || line > origin->count || origin->lines[line - 1].file == ORIGIN_NONE) {
        return NULL;
    }
    return &origin->lines[line - 1];
}

const char *origin_macro(const char *variable, size_t length)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (strlen(variables[i].variable) == length &&
            strncmp(variables[i].variable, variable, length) == 0) {
            return variables[i].macro;
        }
    }
    return NULL;
}
