#include "probe/cli/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/environment.h"

#define ROWS_MAX     64
#define CODE_FIRST   256 /* getopt's code of the table's first row */
#define CODE_WORD    1   /* getopt's own for "-": what is no option, in its place */
#define LETTERS_SIZE (2 * ROWS_MAX + 4)

/* The table as getopt wants it. */
struct getopt_table {
    struct option rows[ROWS_MAX + 1];
    char letters[LETTERS_SIZE];
};

static void make_getopt_table(struct getopt_table *out)
{
    struct option *to = out->rows;
    char *letter = out->letters;

    *letter++ = '-';
    *letter++ = ':';
    for (size_t i = 0; i < option_table_count && i < ROWS_MAX; i++) {
        const struct option_row *row = &option_table[i];
        if (row->name != NULL) {
            *to++ = (struct option){.name = row->name + strlen("--"),
                                    .has_arg = row->value != NULL ? required_argument : no_argument,
                                    .val = CODE_FIRST + (int)i};
        }
        if (row->letter != 0) {
            *letter++ = row->letter;
            if (row->value != NULL) {
                *letter++ = ':';
            }
        }
    }
}

/* NULL for what is no code of the table. */
static const struct option_row *row_of(int code)
{
    if (code >= CODE_FIRST && (size_t)(code - CODE_FIRST) < option_table_count) {
        return &option_table[code - CODE_FIRST];
    }
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].letter != 0 && option_table[i].letter == code) {
            return &option_table[i];
        }
    }
    return NULL;
}

/* ---- what is wrong ------------------------------------------------------------------------ */

static void look_ahead_format(struct command_line *line, const char *word)
{
    line->invocation.json |= strcmp(word, "json") == 0;
    if (strcmp(word, "junit") == 0 || strcmp(word, "sarif") == 0) {
        line->invocation.format = FORMAT_JUNIT; /* for an error both are the same */
    }
}

/* An error must know how to be shown even if it is met before these are. */
static void look_ahead(int count, char **words, struct command_line *line)
{
    for (int i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        const struct verb *verb = verb_find(words[i]);
        if (strcmp(words[i], "--json") == 0) {
            line->invocation.json = true;
        } else if (strncmp(words[i], "--format=", strlen("--format=")) == 0) {
            look_ahead_format(line, words[i] + strlen("--format="));
        } else if (strcmp(words[i], "--format") == 0 && i + 1 < count) {
            look_ahead_format(line, words[++i]);
        } else if (verb != NULL && line->verb == NULL) {
            line->verb = verb;
            line->invocation.has_status_line = verb->has_status_line;
            line->invocation.serves = verb->serves;
        }
    }
    line->verb = NULL;
}

/* 0, or the exit code: the first option that was given and the verb does not take is told. */
static int refuse_senseless(const struct command_line *line, const bool given[ROWS_MAX])
{
    char letter[3];
    char what[64];

    for (size_t i = 0; line->verb != NULL && i < option_table_count && i < ROWS_MAX; i++) {
        if (given[i] && !option_is_for(&option_table[i], line->verb)) {
            snprintf(what, sizeof(what), "%s has no meaning for",
                     option_name(&option_table[i], letter));
            return options_fail_on(&line->invocation, what, line->verb->name, "leave it out");
        }
    }
    return 0;
}

/* 0, or the exit code. */
static int refuse_count(const struct command_line *line)
{
    const struct options *invocation = &line->invocation;
    const struct verb *verb = line->verb;

    if (verb != NULL && invocation->argument_count > verb->most) {
        return options_fail_on(invocation,
                               "there is an argument too many:", invocation->arguments[verb->most],
                               "leave it out");
    }
    if (verb != NULL && !invocation->test && invocation->argument_count < verb->least) {
        return options_fail(invocation, "%.*s is missing after \"%s\"; say " PROBE_PROGRAM " %s %s",
                            (int)strcspn(verb->arguments, " "), verb->arguments, verb->name,
                            verb->name, verb->arguments);
    }
    return 0;
}

/* Whether a word may be short for several options: "--t" for "--target" and others. */
static bool is_ambiguous(const char *word)
{
    const size_t length = strcspn(word, "=");
    size_t count = 0;

    for (size_t i = 0; i < option_table_count; i++) {
        const char *name = option_table[i].name;
        count += name != NULL && strncmp(name, word, length) == 0;
    }
    return count > 1;
}

/* A word that getopt made nothing of. Of letters in one word (-tx) it names the one. */
static int refuse_option(const struct command_line *line, const char *word)
{
    const struct options *invocation = &line->invocation;
    char letter[3];

    if (optopt >= CODE_FIRST) {
        return options_fail_on(invocation, "this option takes no value:", word, "leave it out");
    }
    if (optopt != 0) {
        snprintf(letter, sizeof(letter), "-%c", optopt);
        word = letter;
    } else if (is_ambiguous(word)) {
        return options_fail_on(invocation, "more than one option begins with", word,
                               "write out the one that you mean");
    }
    return options_fail_on(invocation, "unknown option", word,
                           "see " PROBE_PROGRAM " --help for those that there are");
}

/* ---- taking ------------------------------------------------------------------------------- */

/* A word that is no option: first the verb, then its arguments. 0, or the exit code. */
static int take_word(struct command_line *line, char *word)
{
    struct options *invocation = &line->invocation;

    if (line->verb != NULL) {
        invocation->arguments[invocation->argument_count++] = word;
        return 0;
    }
    line->verb = verb_find(word);
    if (line->verb == NULL) {
        return options_fail_on(&line->invocation, "unknown verb", word,
                               "try " PROBE_PROGRAM " check TARGET, or --help for all verbs");
    }
    invocation->has_status_line = line->verb->has_status_line;
    invocation->serves = line->verb->serves;
    return 0;
}

/* Which of the words in "a|b|c" this is; false if none. */
static bool find_choice(const char *words, const char *word, unsigned int *out)
{
    unsigned int place = 0;

    for (const char *at = words; at != NULL; place++) {
        const char *bar = strchr(at, '|');
        size_t length = bar != NULL ? (size_t)(bar - at) : strlen(at);
        if (strlen(word) == length && strncmp(at, word, length) == 0) {
            *out = place;
            return true;
        }
        at = bar != NULL ? bar + 1 : NULL;
    }
    return false;
}

static int take_choice(const struct command_line *line, const struct option_row *row,
                       unsigned int *out)
{
    char what[64];
    char allowed[128];

    if (find_choice(row->value, optarg, out)) {
        return 0;
    }
    snprintf(what, sizeof(what), "%s: unknown value", row->name);
    snprintf(allowed, sizeof(allowed), "it is one of %s", row->value);
    return options_fail_on(&line->invocation, what, optarg, allowed);
}

/* Room for as many as there are words was made when the first came. */
static int take_item(const struct command_line *line, struct option_list *list, size_t room)
{
    if (list->items == NULL) {
        list->items = calloc(room, sizeof(*list->items));
    }
    if (list->items == NULL) {
        return options_fail_for(&line->invocation, OPTIONS_SYSTEM, "out of memory");
    }
    list->items[list->count++] = optarg;
    return 0;
}

/* 0, or the exit code. */
static int take_option(struct command_line *line, const struct option_row *row, size_t room)
{
    char *member = (char *)&line->invocation + row->offset;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)(void *)member = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)(void *)member = optarg;
        return 0;
    case OPTION_LIST:
        return take_item(line, (struct option_list *)(void *)member, room);
    case OPTION_WORD:
        return take_choice(line, row, (unsigned int *)(void *)member);
    }
    return 0;
}

/* 0, or the exit code. */
static int take(struct command_line *line, int code, int count, char **words)
{
    const struct option_row *row = row_of(code);

    if (code == CODE_WORD) {
        return take_word(line, optarg);
    }
    if (code == ':') {
        return options_fail_on(&line->invocation, "a value is missing after", words[optind - 1],
                               "give it as in --config FILE or --wait 10m");
    }
    if (row == NULL) {
        return refuse_option(line, words[optind - 1]);
    }
    return take_option(line, row, (size_t)count);
}

int command_line_read(int count, char **words, struct command_line *line)
{
    bool given[ROWS_MAX] = {false};
    struct getopt_table table = {.letters = ""};
    int code;

    line->invocation.arguments = calloc((size_t)count + 1, sizeof(char *));
    if (line->invocation.arguments == NULL) {
        return options_fail_for(&line->invocation, OPTIONS_SYSTEM, "out of memory");
    }
    make_getopt_table(&table);
    look_ahead(count, words, line);
    opterr = 0;
    while ((code = getopt_long(count, words, table.letters, table.rows, NULL)) != -1) {
        int failed = take(line, code, count, words);
        if (failed != 0) {
            return failed;
        }
        const struct option_row *row = row_of(code);
        if (row != NULL) {
            given[row - option_table] = true;
        }
    }
    for (int i = optind; i < count; i++) { /* after "--" */
        int failed = take_word(line, words[i]);
        if (failed != 0) {
            return failed;
        }
    }
    line->invocation.conf_is_named = line->invocation.conf_path != NULL;
    if (!line->invocation.conf_is_named) {
        line->invocation.conf_path = conf_default_path();
        line->invocation.conf_is_named = strcmp(line->invocation.conf_path, CONF_ENVIRONMENT) == 0;
    }
    if (line->invocation.json && line->invocation.format != FORMAT_TEXT &&
        line->invocation.format != FORMAT_JSON) {
        return options_fail(&line->invocation,
                            "--json and another --format contradict each other; leave one out");
    }
    if (line->invocation.json || line->invocation.format == FORMAT_JSON) {
        line->invocation.json = true;
        line->invocation.format = FORMAT_JSON;
    }
    if (line->invocation.help || line->invocation.version) {
        return 0;
    }
    int failed = refuse_senseless(line, given);
    return failed != 0 ? failed : refuse_count(line);
}

void command_line_free(struct command_line *line)
{
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].kind == OPTION_LIST) {
            char *member = (char *)&line->invocation + option_table[i].offset;
            free(((struct option_list *)(void *)member)->items);
        }
    }
    free(line->invocation.arguments);
    line->invocation = (struct options){0};
}
