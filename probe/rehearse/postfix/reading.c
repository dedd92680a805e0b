#include "probe/rehearse/postfix/reading.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/subprocess.h"

#define ASK_MS        10000 /* postconf takes 10 ms */
#define OVERRIDES_MAX 128
/* Any parameter that stands alone: postconf expands what -o sets it to, and knows no other way to
 * expand a text. An unknown name is left out of its output. */
#define EXPANDER "smtpd_banner"

const struct postfix_reading *reading_of(const struct candidate *candidate)
{
    return candidate_reading(candidate);
}

const struct master_service *reading_service(const struct candidate *candidate,
                                             const struct candidate_listener *listener)
{
    const struct postfix_reading *reading = reading_of(candidate);
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);

    for (size_t i = 0; listener != NULL && i < reading->master.count; i++) {
        if (listener->element < count &&
            reading->master.services[i].whole.begin == elements[listener->element].begin) {
            return &reading->master.services[i];
        }
    }
    return NULL;
}

/* ---- asking ---- */

static char *ask(const char *const argv[])
{
    return subprocess_output_until(argv, subprocess_now_ms() + ASK_MS);
}

/* In what postconf prints its own folder stands where the candidate's will be. */
static char *with_final_paths(const struct candidate *candidate, const char *folder, char *text)
{
    const char *as = candidate_as(candidate);
    char *out = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&out, &size);
    const char *at = text;
    const char *hit = NULL;

    if (memory == NULL) {
        return text;
    }
    while ((hit = strstr(at, folder)) != NULL) {
        fwrite(at, 1, (size_t)(hit - at), memory);
        fputs(as, memory);
        at = hit + strlen(folder);
    }
    fputs(at, memory);
    if (fclose(memory) != 0) {
        free(out);
        return text;
    }
    free(text);
    return out;
}

/* One parameter's value with a listener's overrides, and perhaps one more. */
static char *ask_with_overrides(const struct candidate *candidate,
                                const struct candidate_listener *listener, const char *name,
                                const char *more)
{
    const struct postfix_reading *reading = reading_of(candidate);
    size_t count = listener == NULL ? 0 : listener->override_count;
    const char **argv = calloc(2 * OVERRIDES_MAX + 16, sizeof(*argv));
    char **texts = calloc(OVERRIDES_MAX + 1, sizeof(*texts));
    size_t used = 0;
    char *value = NULL;

    if (argv == NULL || texts == NULL) {
        goto out;
    }
    const char *const first[] = {"postconf", "-c", reading->folder, "-x", "-h"};
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        argv[used++] = first[i];
    }
    for (size_t i = 0; i < count && i < OVERRIDES_MAX; i++) {
        const struct candidate_override *override = &listener->overrides[i];
        if (asprintf(&texts[i], "%s=%s", override->name, override->value) < 0) {
            texts[i] = NULL;
            goto out;
        }
        argv[used++] = "-o";
        argv[used++] = texts[i];
    }
    if (more != NULL) {
        argv[used++] = "-o";
        argv[used++] = more;
    }
    argv[used] = name;
    value = ask(argv);
    if (value != NULL) {
        value[strcspn(value, "\n")] = '\0';
        value = with_final_paths(candidate, reading->folder, value);
    }
out:
    for (size_t i = 0; texts != NULL && i < OVERRIDES_MAX; i++) {
        free(texts[i]);
    }
    free(texts);
    free(argv);
    return value;
}

/* A parameter's value in "name = value" lines; NULL: it is not among them. */
static char *value_in(const char *lines, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = lines; *at != '\0';) {
        size_t line = strcspn(at, "\n");
        if (strncmp(at, name, length) == 0 && strncmp(at + length, " =", 2) == 0) {
            size_t skip = length + 2;
            skip += at[skip] == ' ';
            return strndup(at + skip, line - skip);
        }
        at += line + (at[line] == '\n');
    }
    return NULL;
}

char *reading_expand(const struct candidate *candidate, const struct candidate_listener *listener,
                     const char *text)
{
    char *more = NULL;

    if (strchr(text, '$') == NULL) {
        return strdup(text);
    }
    if (asprintf(&more, "%s=%s", EXPANDER, text) < 0) {
        return NULL;
    }
    char *value = ask_with_overrides(candidate, listener, EXPANDER, more);
    free(more);
    return value;
}

char *reading_value(const struct candidate *candidate, const struct candidate_listener *listener,
                    const char *name)
{
    const struct postfix_reading *reading = reading_of(candidate);

    if (listener != NULL && listener->override_count > 0) {
        char *value = ask_with_overrides(candidate, listener, name, NULL);
        if (value != NULL && value[0] != '\0') {
            return value;
        }
        free(value);
        for (size_t i = listener->override_count; i-- > 0;) {
            if (strcmp(listener->overrides[i].name, name) == 0) {
                return reading_expand(candidate, listener, listener->overrides[i].value);
            }
        }
    }
    return value_in(reading->values, name);
}

char *reading_postmap(const struct candidate *candidate, const char *const words[])
{
    const char *argv[16] = {"postmap", "-c", reading_of(candidate)->bare};

    for (size_t i = 0; i < 8 && words[i] != NULL; i++) {
        argv[3 + i] = words[i];
    }
    return ask(argv);
}

char *reading_postmap_all(const struct candidate *candidate, const char *map, const char *keys)
{
    const char *const argv[] = {"postmap", "-c", reading_of(candidate)->bare, "-q", "-", map, NULL};

    return subprocess_answers_until(argv, keys, subprocess_now_ms() + ASK_MS);
}

bool reading_has_type(const struct candidate *candidate, const char *type)
{
    size_t length = strlen(type);

    for (const char *at = reading_of(candidate)->types; *at != '\0';) {
        size_t line = strcspn(at, "\n");
        if (line == length && strncmp(at, type, length) == 0) {
            return true;
        }
        at += line + (at[line] == '\n');
    }
    return false;
}

/* ---- its life ---- */

static bool write_bare(const char *folder)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/main.cf", folder);
    if (mkdir(folder, 0755) != 0) {
        return false;
    }
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    fputs("compatibility_level = 3.6\n", file);
    /* A file younger than 2 s is read again and again. */
    const struct timespec old = {.tv_sec = 1};
    bool done =
        fflush(file) == 0 && futimens(fileno(file), (const struct timespec[]){old, old}) == 0;
    return fclose(file) == 0 && done;
}

/* Only main.cf and master.cf: postconf reads nothing else. */
static bool write_copy(const char *folder, const struct candidate_file *const files[2])
{
    static const char *const names[] = {"main.cf", "master.cf"};
    char path[PATH_MAX];
    bool done = mkdir(folder, 0755) == 0;

    for (size_t i = 0; i < 2 && done; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "we");
        const struct timespec old = {.tv_sec = 1};
        done =
            file != NULL && fwrite(files[i]->text, 1, files[i]->length, file) == files[i]->length &&
            fflush(file) == 0 && futimens(fileno(file), (const struct timespec[]){old, old}) == 0;
        if (file != NULL) {
            done = fclose(file) == 0 && done;
        }
    }
    return done;
}

static bool read_files(struct candidate *candidate, struct postfix_reading *reading,
                       char why[CANDIDATE_WHY_SIZE])
{
    static const char *const names[] = {"main.cf", "master.cf"};
    size_t *const files[] = {&reading->main_file, &reading->master_file};

    for (size_t i = 0; i < 2; i++) {
        *files[i] = candidate_add_file(candidate, names[i]);
        if (*files[i] == CANDIDATE_NO_FILE) {
            snprintf(why, CANDIDATE_WHY_SIZE, "cannot read %s/%s: %m",
                     candidate_directory(candidate), names[i]);
            return false;
        }
    }
    const struct candidate_file *main = candidate_file(candidate, reading->main_file);
    const struct candidate_file *master = candidate_file(candidate, reading->master_file);
    if (!main_cf_read(main->text, main->length, &reading->main) ||
        !master_cf_read(master->text, master->length, &reading->master)) {
        snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        return false;
    }
    return true;
}

/* "postconf: fatal: file FOLDER/master.cf: line 12: bad field count"; where a parameter names
 * itself only the warning before that names it. "": nothing fatal is said. */
static void take_words(const char *said, char words[CANDIDATE_WHY_SIZE])
{
    static const char nested[] = "warning: unreasonable macro call nesting";
    const char *fatal = strstr(said, "fatal: ");
    const char *warning = strstr(said, nested);

    if (fatal != NULL) {
        const char *told =
            warning != NULL ? warning + strlen("warning: ") : fatal + strlen("fatal: ");
        snprintf(words, CANDIDATE_WHY_SIZE, "%.*s", (int)strcspn(told, "\n"), told);
    }
}

/* postconf's words where it does not read the candidate. */
static bool take_refusal(struct candidate *candidate, const struct postfix_reading *reading,
                         char why[CANDIDATE_WHY_SIZE])
{
    const char *const argv[] = {"postconf", "-c", reading->folder, "-x", NULL};
    char *said = subprocess_errors_until(argv, subprocess_now_ms() + ASK_MS);
    char words[CANDIDATE_WHY_SIZE] = "";

    if (said != NULL) {
        said = with_final_paths(candidate, reading->folder, said);
        take_words(said, words);
    }
    bool done = words[0] != '\0' && candidate_refuse(candidate, words);
    free(said);
    if (!done) {
        snprintf(why, CANDIDATE_WHY_SIZE,
                 "postconf fails on %.300s/main.cf, or takes longer than 10 s; does a parameter "
                 "name itself?",
                 candidate_as(candidate));
    }
    return done;
}

static bool ask_all(struct candidate *candidate, struct postfix_reading *reading,
                    char why[CANDIDATE_WHY_SIZE])
{
    const char *const values[] = {"postconf", "-c", reading->folder, "-x", NULL};
    const char *const types[] = {"postconf", "-c", reading->bare, "-m", NULL};

    reading->values = ask(values);
    reading->types = ask(types);
    if (reading->values == NULL || reading->types == NULL) {
        return take_refusal(candidate, reading, why);
    }
    reading->values = with_final_paths(candidate, reading->folder, reading->values);
    return true;
}

struct postfix_reading *reading_new(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE])
{
    struct postfix_reading *reading = calloc(1, sizeof(*reading));
    const char *scratch = candidate_scratch(candidate);

    if (reading == NULL || asprintf(&reading->folder, "%s/postconf", scratch) < 0 ||
        asprintf(&reading->bare, "%s/postmap", scratch) < 0) {
        snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        free(reading);
        return NULL;
    }
    if (!read_files(candidate, reading, why)) {
        reading_free(reading);
        return NULL;
    }
    const struct candidate_file *const files[] = {
        candidate_file(candidate, reading->main_file),
        candidate_file(candidate, reading->master_file),
    };
    if (!write_bare(reading->bare) || !write_copy(reading->folder, files)) {
        snprintf(why, CANDIDATE_WHY_SIZE, "cannot write to %.400s: %m", scratch);
        reading_free(reading);
        return NULL;
    }
    if (!ask_all(candidate, reading, why)) {
        reading_free(reading);
        return NULL;
    }
    return reading;
}

void reading_free(void *opaque)
{
    struct postfix_reading *reading = opaque;

    main_cf_free(&reading->main);
    master_cf_free(&reading->master);
    free(reading->folder);
    free(reading->bare);
    free(reading->values);
    free(reading->types);
    free(reading);
}
