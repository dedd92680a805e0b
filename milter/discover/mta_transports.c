#include "milter/discover/mta_transports.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/subprocess.h"

#define INSTANCES_MAX 32
#define TABLE_SIZE    1024

/* Only a table that matches everything has these: transport(5)'s own word for that, and a name that
 * cannot exist (RFC 6761). */
static const char *const everybody[] = {"*", "relaywarden-asks-for-any-domain.invalid"};

/* Whom is asked, and until when. */
struct question {
    struct mta_transports *out;
    const char *directory; /* NULL: postconf's own */
    int64_t deadline_ms;   /* subprocess_now_ms */
    bool failed;
};

static void add(struct mta_transports *out, const char *value, const char *parameter)
{
    size_t length = strcspn(value, ": \t\r\n");
    char name[MTA_TRANSPORT_SIZE];

    if (length >= sizeof(name)) {
        out->unlisted = true;
        return;
    }
    memcpy(name, value, length);
    name[length] = '\0';
    if (name[0] == '\0' || mta_transports_parameter(out, name) != NULL) {
        return;
    }
    if (out->count == MTA_TRANSPORTS_MAX) {
        out->unlisted = true;
        return;
    }
    memcpy(out->of[out->count].name, name, length + 1);
    out->of[out->count].parameter = parameter;
    out->count++;
}

const char *mta_transports_parameter(const struct mta_transports *transports, const char *mailer)
{
    for (size_t i = 0; i < transports->count; i++) {
        if (strcasecmp(transports->of[i].name, mailer) == 0) {
            return transports->of[i].parameter;
        }
    }
    return NULL;
}

void mta_transports_add_all(struct mta_transports *to, const struct mta_transports *more)
{
    for (size_t i = 0; i < more->count; i++) {
        add(to, more->of[i].name, more->of[i].parameter);
    }
    to->unlisted = to->unlisted || more->unlisted;
}

/* The output of a program of Postfix, to be freed; NULL when it failed: postmap does so for a key
 * that a table has not. Out of time it is the question that failed. `words` follow the instance. */
static char *ask(struct question *question, const char *program, const char *const words[])
{
    const char *argv[8] = {program};
    size_t count = 1;

    if (question->directory != NULL) {
        argv[count++] = "-c";
        argv[count++] = question->directory;
    }
    while (*words != NULL) {
        argv[count++] = *words++;
    }
    char *said = subprocess_output_until(argv, question->deadline_ms);
    question->failed |= said == NULL && subprocess_now_ms() >= question->deadline_ms;
    return said;
}

/* One parameter with everything in it expanded, to be freed. */
static char *value_of(struct question *question, const char *name)
{
    char *value = ask(question, "postconf", (const char *const[]){"-xh", name, NULL});

    if (value == NULL) {
        question->failed = true;
        return NULL;
    }
    value[strcspn(value, "\n")] = '\0';
    return value;
}

/* Each line's last word: of "KEY VALUE" tables the value, of regular expressions the result. A word
 * that is no transport does no harm, since own_mailers would have to name it. */
static void add_last_words(struct question *question, char *text, const char *parameter)
{
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '#') {
            continue;
        }
        const char *word = line;
        for (const char *at = line; *at != '\0'; at++) {
            if ((*at == ' ' || *at == '\t') && at[1] != ' ' && at[1] != '\t' && at[1] != '\0') {
                word = at + 1;
            }
        }
        add(question->out, word, parameter);
    }
}

/* A table in a regular file of bounded size; NULL: it is none. Nothing else is waited for. */
static char *read_file(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat status;
    char *text = NULL;
    size_t length = 0;

    if (descriptor >= 0 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
        (uintmax_t)status.st_size <= SUBPROCESS_OUTPUT_MAX) {
        text = malloc((size_t)status.st_size + 1);
    }
    while (text != NULL && length < (size_t)status.st_size) {
        ssize_t got = read(descriptor, text + length, (size_t)status.st_size - length);
        if (got <= 0) {
            break;
        }
        length += (size_t)got;
    }
    if (text != NULL) {
        text[length] = '\0';
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return text;
}

static const char *behind(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* All that a table may give. */
static void add_values(struct question *question, const char *table, const char *parameter)
{
    const char *value = behind(table, "static:");
    const char *path = behind(table, "regexp:/");
    char *text = NULL;

    if (value != NULL) {
        add(question->out, value[0] == '{' ? value + 1 + strspn(value + 1, " ") : value, parameter);
        return;
    }
    path = path == NULL ? behind(table, "pcre:/") : path;
    text = path != NULL ? read_file(path - 1)
                        : ask(question, "postmap", (const char *const[]){"-s", table, NULL});
    if (text == NULL) {
        question->out->unlisted = true;
        return;
    }
    add_last_words(question, text, parameter);
    free(text);
}

/* The transport that it gives to everybody. */
static void add_everybodys(struct question *question, const char *table, const char *parameter)
{
    for (size_t i = 0; i < sizeof(everybody) / sizeof(everybody[0]); i++) {
        char *value =
            ask(question, "postmap", (const char *const[]){"-q", everybody[i], table, NULL});
        if (value != NULL) {
            add(question->out, value, parameter);
        }
        free(value);
    }
}

/* The next table of a list, whose braces hold white space and commas together. One that is longer
 * than any that is asked is passed over, and told as one that cannot be listed. */
static bool next_table(struct mta_transports *out, const char **at, char table[TABLE_SIZE])
{
    static const char separators[] = " \t\r\n,";
    size_t length = 0;
    int depth = 0;

    *at += strspn(*at, separators);
    for (; **at != '\0' && (depth > 0 || strchr(separators, **at) == NULL); (*at)++) {
        depth += **at == '{' ? 1 : 0;
        depth -= **at == '}' && depth > 0 ? 1 : 0;
        if (length < TABLE_SIZE) {
            table[length++] = **at;
        }
    }
    if (length == TABLE_SIZE) {
        out->unlisted = true;
        return next_table(out, at, table);
    }
    table[length] = '\0';
    return length > 0;
}

/* Tables of this parameter, each by `use`. */
static void each_table(struct question *question, const char *parameter,
                       void (*use)(struct question *, const char *, const char *))
{
    char *list = value_of(question, parameter);
    const char *at = list == NULL ? "" : list;
    char table[TABLE_SIZE] = "";

    while (next_table(question->out, &at, table)) {
        const char *direct = behind(table, "proxy:"); /* what proxymap(8) would open */
        use(question, direct == NULL ? table : direct, parameter);
    }
    free(list);
}

static void ask_instance(struct question *question, const char *directory)
{
    static const char parameter[] = "default_transport";
    static const char label[] = "default_transport = ";

    question->directory = directory;
    char *value = value_of(question, parameter);
    if (value != NULL) {
        const char *named = behind(value, label);
        add(question->out, named == NULL ? value : named, parameter);
        each_table(question, "sender_dependent_default_transport_maps", add_values);
        each_table(question, "transport_maps", add_everybodys);
    }
    free(value);
}

enum mta_answer mta_transports_ask(struct mta_transports *out)
{
    struct question question = {.out = out, .deadline_ms = subprocess_now_ms() + MTA_TRANSPORTS_MS};
    char directory[TABLE_SIZE] = "";
    int instances = 0;

    *out = (struct mta_transports){0};
    if (!subprocess_exists("postconf")) {
        return MTA_NOT_POSTFIX;
    }
    ask_instance(&question, NULL);
    if (!question.failed) {
        char *others = value_of(&question, "multi_instance_directories");
        const char *at = others == NULL ? "" : others;
        while (instances++ < INSTANCES_MAX && next_table(out, &at, directory)) {
            ask_instance(&question, directory);
        }
        free(others);
    }
    return question.failed ? MTA_SILENT : MTA_ANSWERED;
}
