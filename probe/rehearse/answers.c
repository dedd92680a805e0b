#include "probe/rehearse/answers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/rehearse/stage/mounts.h"

#define FOLDER     MOUNTS_BASE "/answers"
#define TYPE       "texthash:"
#define TABLES_MAX 64
#define BLANKS     " \t\r"
#define PLACE_SIZE (sizeof(TYPE FOLDER) + 24)

/* A table of the candidate's. */
struct table {
    char *reference;
    unsigned int line; /* the first that answers for it */
    bool named;        /* in the candidate */
};

struct answers {
    char *path;
    char *text; /* the file */
    struct table tables[TABLES_MAX];
    size_t count;
};

/* ---- the file ---- */

/* One line: where the three parts are. */
struct line {
    const char *reference;
    size_t reference_length;
    const char *rest; /* key and value */
    size_t rest_length;
};

/* False: it is empty, or a comment. */
static bool split(const char *text, size_t length, struct line *out)
{
    size_t begin = strspn(text, BLANKS);

    if (begin >= length || text[begin] == '#') {
        return false;
    }
    out->reference = text + begin;
    out->reference_length = strcspn(out->reference, BLANKS "\n");
    out->rest = out->reference + out->reference_length;
    out->rest += strspn(out->rest, BLANKS);
    out->rest_length = (size_t)(text + length - out->rest);
    while (out->rest_length > 0 && strchr(BLANKS, out->rest[out->rest_length - 1]) != NULL) {
        out->rest_length--; /* of a line that ends as in Windows, too */
    }
    return true;
}

static void leave_proxy_out(struct line *line)
{
    static const char proxy[] = "proxy:";

    if (strncmp(line->reference, proxy, strlen(proxy)) == 0) {
        line->reference += strlen(proxy);
        line->reference_length -= strlen(proxy);
    }
}

static size_t find(const struct answers *answers, const struct line *line)
{
    size_t i = 0;

    while (i < answers->count &&
           (strlen(answers->tables[i].reference) != line->reference_length ||
            memcmp(answers->tables[i].reference, line->reference, line->reference_length) != 0)) {
        i++;
    }
    return i;
}

static const char *fault_of(const struct line *line)
{
    const char *colon = memchr(line->reference, ':', line->reference_length);
    size_t key = strcspn(line->rest, BLANKS "\n");

    if (colon == NULL || colon == line->reference ||
        colon + 1 == line->reference + line->reference_length) {
        return "the first word is no table: write TABLE KEY VALUE, as in "
               "mysql:/etc/postfix/relay.cf example.org OK";
    }
    if (line->rest_length == 0 || key + strspn(line->rest + key, BLANKS) >= line->rest_length) {
        return "a key and its value are missing behind the table: write TABLE KEY VALUE, and leave "
               "out what the table does not know";
    }
    return NULL;
}

/* NULL, or a sentence. */
static const char *take_line(struct answers *answers, struct line *line, unsigned int number)
{
    const char *fault = fault_of(line);

    if (fault != NULL) {
        return fault;
    }
    leave_proxy_out(line);
    if (find(answers, line) < answers->count) {
        return NULL;
    }
    if (answers->count == TABLES_MAX) {
        return "that is one table more than the 64 that there is room for";
    }
    char *reference = strndup(line->reference, line->reference_length);
    if (reference == NULL) {
        return "out of memory";
    }
    answers->tables[answers->count++] = (struct table){.reference = reference, .line = number};
    return NULL;
}

static bool take_lines(struct answers *answers, char error[ANSWERS_ERROR_SIZE])
{
    unsigned int number = 0;

    for (const char *at = answers->text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        struct line line;
        number++;
        const char *fault = split(at, length, &line) ? take_line(answers, &line, number) : NULL;
        if (fault != NULL) {
            snprintf(error, ANSWERS_ERROR_SIZE, "%.300s:%u: %s", answers->path, number, fault);
            return false;
        }
        at += length + (at[length] == '\n');
    }
    if (answers->count == 0) {
        snprintf(error, ANSWERS_ERROR_SIZE, "%.300s answers for no table", answers->path);
    }
    return answers->count > 0;
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "re");
    struct stat about;
    char *text = NULL;

    if (file == NULL) {
        return NULL;
    }
    if (fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode)) {
        text = calloc(1, (size_t)about.st_size + 1);
    } else {
        errno = EINVAL;
    }
    if (text != NULL && fread(text, 1, (size_t)about.st_size, file) != (size_t)about.st_size) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

struct answers *answers_read(const char *path, char error[ANSWERS_ERROR_SIZE])
{
    struct answers *answers = calloc(1, sizeof(*answers));

    if (answers == NULL || (answers->path = strdup(path)) == NULL) {
        snprintf(error, ANSWERS_ERROR_SIZE, "out of memory");
        free(answers);
        return NULL;
    }
    answers->text = read_all(path);
    if (answers->text == NULL) {
        snprintf(error, ANSWERS_ERROR_SIZE, "%.300s cannot be read: %s", path, strerror(errno));
    }
    if (answers->text == NULL || !take_lines(answers, error)) {
        answers_free(answers);
        return NULL;
    }
    return answers;
}

void answers_free(struct answers *answers)
{
    if (answers == NULL) {
        return;
    }
    for (size_t i = 0; i < answers->count; i++) {
        free(answers->tables[i].reference);
    }
    free(answers->text);
    free(answers->path);
    free(answers);
}

/* ---- on the stage ---- */

static const char *place(size_t table, char out[PLACE_SIZE])
{
    snprintf(out, PLACE_SIZE, "%s%s/%zu", TYPE, FOLDER, table);
    return out;
}

static bool write_table(const struct answers *answers, size_t table)
{
    char path[PLACE_SIZE];
    FILE *file = fopen(place(table, path) + strlen(TYPE), "we");

    if (file == NULL) {
        return false;
    }
    for (const char *at = answers->text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        struct line line;
        if (split(at, length, &line)) {
            leave_proxy_out(&line);
            if (find(answers, &line) == table) {
                fwrite(line.rest, 1, line.rest_length, file);
            }
        }
        fputc('\n', file); /* each line keeps its number */
        at += length + (at[length] == '\n');
    }
    bool good = ferror(file) == 0 && fchmod(fileno(file), 0644) == 0;
    return fclose(file) == 0 && good;
}

bool answers_lay(const struct answers *answers, char error[ANSWERS_ERROR_SIZE])
{
    bool good = mounts_make_folder(FOLDER, 0755) == 0;

    for (size_t i = 0; good && i < answers->count; i++) {
        good = write_table(answers, i);
    }
    if (!good) {
        snprintf(error, ANSWERS_ERROR_SIZE, "the answers cannot be written to the stage: %s",
                 strerror(errno));
    }
    return good;
}

/* ---- in the candidate's text ---- */

/* The next place of `word` where it stands by itself. */
static const char *next(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == text || strchr(" \t\r\n,{=:", at[-1]) != NULL;
        if (begins && strchr(" \t\r\n,}", at[length]) != NULL) { /* '\0' is one, too */
            return at;
        }
    }
    return NULL;
}

/* A copy with `by` for each `word`; NULL: there is none, or memory is out. */
static char *exchange(const char *text, const char *word, const char *by, bool whole)
{
    char *out = NULL;
    size_t length = 0;
    FILE *file = NULL;
    const char *at = NULL;

    while ((at = whole ? next(text, word) : strstr(text, word)) != NULL) {
        if (file == NULL && (file = open_memstream(&out, &length)) == NULL) {
            return NULL;
        }
        fprintf(file, "%.*s%s", (int)(at - text), text, by);
        text = at + strlen(word);
    }
    if (file == NULL) {
        return NULL;
    }
    bool good = fputs(text, file) >= 0;
    if (fclose(file) != 0 || !good) {
        free(out);
        return NULL;
    }
    return out;
}

char *answers_put(struct answers *answers, const char *text, size_t *length)
{
    char *out = NULL;
    char by[PLACE_SIZE];

    if (strlen(text) != *length) {
        return NULL; /* it is no text */
    }
    for (size_t i = 0; i < answers->count; i++) {
        struct table *table = &answers->tables[i];
        char *more = exchange(out != NULL ? out : text, table->reference, place(i, by), true);
        if (more != NULL) {
            free(out);
            out = more;
            table->named = true;
        }
    }
    if (out != NULL) {
        *length = strlen(out);
    }
    return out;
}

char *answers_take_back(const struct answers *answers, const char *text)
{
    char *out = NULL;
    char by[PLACE_SIZE];

    for (size_t i = answers->count; i-- > 0;) { /* "12" before "1" */
        char *more =
            exchange(out != NULL ? out : text, place(i, by), answers->tables[i].reference, false);
        if (more != NULL) {
            free(out);
            out = more;
        }
    }
    return out;
}

const char *answers_file(const struct answers *answers, const char *path)
{
    return path == NULL || strncmp(path, FOLDER "/", strlen(FOLDER "/")) == 0 ? answers->path
                                                                              : path;
}

const char *answers_unused(const struct answers *answers, size_t *at, unsigned int *line)
{
    for (; *at < answers->count; (*at)++) {
        if (!answers->tables[*at].named) {
            *line = answers->tables[*at].line;
            return answers->tables[(*at)++].reference;
        }
    }
    return NULL;
}
