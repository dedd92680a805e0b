#include "probe/rehearse/postfix/derive_patterns.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/pattern_word.h"
#include "probe/rehearse/postfix/cf_text.h"
#include "probe/rehearse/postfix/reading.h"

#define LINES_MAX      200 /* of one table that permit: more are told to be unknown */
#define CONDITIONS_MAX 8
#define GUESSES_MAX    12
#define GUESS_SIZE     160
#define VALUE_SIZE     512
#define ALONE_MAX      20 /* lines that are tried alone, one postmap each */

/* A line of the table that permits. */
struct line {
    struct cf_line span;
    unsigned int number;
    char text[GUESS_SIZE];
    char guesses[GUESSES_MAX][GUESS_SIZE];
    size_t guess_count;
    const char *conditions[CONDITIONS_MAX]; /* lines of `if`, for a table of this line alone */
    size_t condition_count;
};

struct patterns {
    const struct derive_patterns_of *of;
    const char *type;
    const struct candidate_file *file;
    struct line *lines;
    size_t count;
    size_t too_many;
    /* Where the reader is. */
    char *conditions[CONDITIONS_MAX];
    size_t depth;
};

/* ---- guesses -------------------------------------------------------------------------------- */

static void guess(struct line *line, const char *begin, const char *middle, const char *end)
{
    char made[GUESS_SIZE];

    if (line->guess_count == GUESSES_MAX ||
        snprintf(made, sizeof(made), "%s%s%s", begin, middle, end) >= (int)sizeof(made) ||
        made[0] == '\0') {
        return;
    }
    /* One line of postmap's input, and one word of a command. */
    for (const char *at = made; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr("<>{}\\\"", *at) != NULL) {
            return;
        }
    }
    memcpy(line->guesses[line->guess_count++], made, sizeof(made));
}

static void guess_mailbox(struct line *line, const char *word)
{
    const char *at = strchr(word, '@');
    size_t length = strlen(word);

    if (at == NULL) {
        guess(line, "someone@", word, "");
        guess(line, "someone@host", word[0] == '.' ? word : "", word[0] == '.' ? "" : word);
        guess(line, "someone@", word, ".test");
        guess(line, word, "@elsewhere.test", "");
        guess(line, word, "x@elsewhere.test", "");
    } else if (at == word) {
        guess(line, "someone", word, "");
        guess(line, "someone", word, ".test");
    } else if (word[length - 1] == '@') {
        guess(line, word, "elsewhere.test", "");
    } else {
        guess(line, word, "", "");
        guess(line, word, ".test", "");
        guess(line, "x", word, "");
    }
}

static void guess_client(struct line *line, const char *word)
{
    size_t dots = 0;

    if (word[0] != '\0' && word[strspn(word, "0123456789.")] == '\0') {
        static const char *const rests[] = {".7.7.7", ".7.7", ".7", ""};
        for (const char *at = word; *at != '\0'; at++) {
            dots += *at == '.';
        }
        bool open = word[strlen(word) - 1] == '.';
        if (dots <= 3) {
            guess(line, word, open ? "7" : "", rests[dots]);
            guess(line, "203.0.113", word[0] == '.' ? word : "", "");
        }
        return;
    }
    guess(line, word, "", "");
    guess(line, "host", word, "");
    guess(line, "host.", word, "");
    guess(line, word, ".test", "");
    guess(line, "host", word, ".test");
    guess(line, word, "host.test", "");
}

static void guess_any(struct patterns *patterns, struct line *line, const char *word)
{
    switch (patterns->of->kind) {
    case QUESTION_SENDER:
    case QUESTION_RECIPIENT:
        guess_mailbox(line, word);
        break;
    default:
        guess_client(line, word);
        break;
    }
}

/* A line that says what must not match lets in nearly everybody. */
static void guess_others(struct patterns *patterns, struct line *line)
{
    if (patterns->of->kind == QUESTION_CLIENT) {
        guess(line, "203.0.113.77", "", "");
        guess(line, "192.0.2.177", "", "");
    }
    guess_any(patterns, line,
              patterns->of->kind == QUESTION_CLIENT || patterns->of->kind == QUESTION_HELO
                  ? "host.elsewhere.test"
                  : "someone@elsewhere.test");
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* "/pattern/flags" at the beginning of a text: its length; 0: there is none. */
static size_t pattern_length(const char *text)
{
    size_t at = 1;

    if (text[0] == '\0' || isalnum((unsigned char)text[0])) {
        return 0;
    }
    while (text[at] != '\0' && text[at] != text[0]) {
        at += text[at] == '\\' && text[at + 1] != '\0' ? 2 : 1;
    }
    if (text[at] == '\0') {
        return 0;
    }
    at++;
    return at + strspn(text + at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* A text that must not match is not guessed: "". False: it is not understood. */
static bool word_of(const char *text, bool *negated, char out[GUESS_SIZE])
{
    char pattern[512];

    *negated = text[0] == '!';
    text += *negated + (*negated ? strspn(text + 1, " \t") : 0);
    size_t length = pattern_length(text);
    out[0] = '\0';
    if (length == 0 || length >= sizeof(pattern)) {
        return false;
    }
    memcpy(pattern, text, length);
    pattern[length] = '\0';
    return *negated || pattern_word(pattern, out, GUESS_SIZE);
}

/* The line's own word in the ways in which it goes with what the `if`s around it want. */
static void guess_within(struct patterns *patterns, struct line *line, const char *word)
{
    char condition[GUESS_SIZE];
    char both[2 * GUESS_SIZE];
    bool negated = false;

    for (size_t i = 0; i < line->condition_count; i++) {
        const char *text = line->conditions[i] + 2 + strspn(line->conditions[i] + 2, " \t");
        if (!word_of(text, &negated, condition) || negated) {
            continue;
        }
        bool doubled = word[0] != '\0' && word[strlen(word) - 1] == '@' && condition[0] == '@';
        snprintf(both, sizeof(both), "%s%s", word, condition + doubled);
        guess_any(patterns, line, both);
        doubled = condition[0] != '\0' && condition[strlen(condition) - 1] == '@' && word[0] == '@';
        snprintf(both, sizeof(both), "%s%s", condition, word + doubled);
        guess_any(patterns, line, both);
    }
}

/* Behind the pattern: the value. */
static const char *value_of(const char *text)
{
    text += text[0] == '!';
    text += strspn(text, " \t");
    text += pattern_length(text);
    return text + strspn(text, " \t\r");
}

static void take_line(struct patterns *patterns, const struct cf_line *span, const char *text)
{
    bool negated = false;
    char word[GUESS_SIZE];

    if (patterns->of->permits != NULL && !patterns->of->permits(value_of(text))) {
        return;
    }
    if (patterns->count == LINES_MAX) {
        patterns->too_many++;
        return;
    }
    struct line *line = &patterns->lines[patterns->count++];
    line->span = *span;
    line->number = 1;
    for (size_t i = 0; i < span->begin; i++) {
        line->number += patterns->file->text[i] == '\n';
    }
    snprintf(line->text, sizeof(line->text), "%s", text);
    line->condition_count = patterns->depth;
    for (size_t i = 0; i < patterns->depth; i++) {
        line->conditions[i] = patterns->conditions[i];
    }
    if (!word_of(text, &negated, word)) {
        return;
    }
    if (negated) {
        guess_others(patterns, line);
    } else {
        guess_any(patterns, line, word);
    }
    guess_within(patterns, line, word);
}

/* The conditions stay until the table was asked: lines point to them. */
static bool read_lines(struct patterns *patterns, char **kept, size_t room, size_t *used)
{
    struct cf_line span;
    size_t place = 0;

    while (cf_next_line(patterns->file->text, patterns->file->length, &place, &span)) {
        struct cf_joined joined;
        if (!cf_join(patterns->file->text, &span, &joined)) {
            return false;
        }
        char *text = joined.text + strspn(joined.text, " \t\r");
        if (strncasecmp(text, "if", 2) == 0 && strchr(" \t!/", text[2]) != NULL) {
            char *condition = *used < room ? strdup(text) : NULL;
            if (condition != NULL && patterns->depth < CONDITIONS_MAX) {
                kept[(*used)++] = patterns->conditions[patterns->depth++] = condition;
            } else {
                free(condition);
                cf_joined_free(&joined);
                return false;
            }
        } else if (strncasecmp(text, "endif", 5) == 0) {
            patterns->depth -= patterns->depth > 0;
        } else {
            take_line(patterns, &span, text);
        }
        cf_joined_free(&joined);
    }
    return true;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* The answers of postmap to all guesses of some lines, "GUESS\tVALUE" each; to be freed. */
static char *ask(const struct patterns *patterns, const struct line *lines, size_t count,
                 const char *path)
{
    char *keys = NULL;
    size_t size = 0;
    char map[PATH_MAX + 16];
    FILE *memory = open_memstream(&keys, &size);

    if (memory == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < lines[i].guess_count; k++) {
            fprintf(memory, "%s\n", lines[i].guesses[k]);
        }
    }
    snprintf(map, sizeof(map), "%.15s:%.4000s", patterns->type, path);
    char *said = fclose(memory) == 0 && size > 0
                     ? reading_postmap_all(patterns->of->candidate, map, keys)
                     : NULL;
    free(keys);
    return said;
}

/* The value that stands in the answers behind a guess; NULL: none. */
static const char *answer_to(const char *answers, const char *wanted)
{
    size_t length = strlen(wanted);

    for (const char *at = answers; at != NULL && *at != '\0';) {
        if (strncmp(at, wanted, length) == 0 && at[length] == '\t') {
            return at + length + 1;
        }
        at = strchr(at, '\n');
        at += at != NULL;
    }
    return NULL;
}

/* Whether an answer lets by, and its `value`. */
static bool permits(const struct patterns *patterns, const char *answer, char value[VALUE_SIZE])
{
    if (answer == NULL) {
        return false;
    }
    snprintf(value, VALUE_SIZE, "%.*s", (int)strcspn(answer, "\n"), answer);
    return patterns->of->permits == NULL || patterns->of->permits(value);
}

/* Whether the line alone answers for one of its guesses: then another line before it does, and what
 * that one says holds. */
static bool answers_alone(const struct patterns *patterns, const struct line *line)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.4000s/alone", candidate_scratch(patterns->of->candidate));
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    for (size_t i = 0; i < line->condition_count; i++) {
        fprintf(file, "%s\n", line->conditions[i]);
    }
    fprintf(file, "%.*s\n", (int)(line->span.end - line->span.begin),
            patterns->file->text + line->span.begin);
    for (size_t i = 0; i < line->condition_count; i++) {
        fputs("endif\n", file);
    }
    const struct timespec old = {.tv_sec = 1};
    bool written =
        fflush(file) == 0 && futimens(fileno(file), (const struct timespec[]){old, old}) == 0;
    written = fclose(file) == 0 && written;
    char *said = written ? ask(patterns, line, 1, path) : NULL;
    bool answers = said != NULL && said[0] != '\0';
    free(said);
    unlink(path);
    return answers;
}

static void tell(const struct patterns *patterns, const struct line *line, const char *why)
{
    const struct candidate_note note = {
        .file = patterns->file->path, .line = line->number, .text = line->text, .why = why};

    (void)candidate_add_unknown(patterns->of->candidate, &note);
    patterns->of->questions->unasked++;
}

static void ask_all(const struct patterns *patterns)
{
    char *said = ask(patterns, patterns->lines, patterns->count, patterns->file->source);
    size_t alone = 0;

    for (size_t i = 0; i < patterns->count; i++) {
        const struct line *line = &patterns->lines[i];
        bool asked = false;
        for (size_t k = 0; k < line->guess_count && !asked; k++) {
            char value[VALUE_SIZE];
            asked = permits(patterns, answer_to(said, line->guesses[k]), value);
            if (asked) {
                (void)patterns->of->see(patterns->of->own, line->guesses[k], value);
            }
        }
        if (!asked &&
            (line->guess_count == 0 || alone++ >= ALONE_MAX || !answers_alone(patterns, line))) {
            tell(patterns, line,
                 "This line permits, and no question could be made of it: whom it lets in was not "
                 "asked.");
        }
    }
    if (patterns->too_many > 0) {
        tell(patterns, &patterns->lines[LINES_MAX - 1],
             "The table has more lines that permit; they were not asked about.");
    }
    free(said);
}

void derive_patterns(const struct derive_patterns_of *of, size_t table)
{
    size_t count = 0;
    const struct candidate_table *tables = candidate_tables(of->candidate, &count);
    char *kept[LINES_MAX];
    size_t used = 0;
    struct patterns patterns = {.of = of,
                                .type = tables[table].type,
                                .file = candidate_file(of->candidate, tables[table].file),
                                .lines = calloc(LINES_MAX, sizeof(struct line))};

    if (patterns.lines == NULL || patterns.file == NULL) {
        free(patterns.lines);
        of->questions->unasked++;
        return;
    }
    if (!read_lines(&patterns, kept, LINES_MAX, &used)) {
        of->questions->unasked++;
    }
    if (patterns.count > 0) {
        ask_all(&patterns);
    }
    for (size_t i = 0; i < used; i++) {
        free(kept[i]);
    }
    free(patterns.lines);
}
