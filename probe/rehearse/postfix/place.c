#include "probe/rehearse/postfix/place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/postfix/reading.h"

static bool is_name(char character)
{
    return character == '_' || (character >= 'a' && character <= 'z') ||
           (character >= '0' && character <= '9');
}

/* The last line of main.cf that sets the parameter: of two settings it counts. 0: none does. */
static unsigned int line_of(const struct candidate_file *file, const char *name, size_t length)
{
    unsigned int line = 0;
    unsigned int found = 0;

    for (const char *at = file->text; at < file->text + file->length;) {
        size_t rest = strcspn(at, "\n");
        line++;
        if (rest > length && strncmp(at, name, length) == 0 &&
            (at[length] == ' ' || at[length] == '=' || at[length] == '\t')) {
            found = line;
        }
        at += rest + 1;
    }
    return found;
}

/* "FOLDER/main.cf, line 3: ...", "file FOLDER/master.cf: line 21: ...": Postfix names the place. */
static bool find_named(const char *as, const char *words, char *out, size_t size)
{
    static const char *const names[] = {"main.cf", "master.cf"};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", as, names[i]);
        const char *found = strstr(words, path);
        const char *rest = found != NULL ? found + strlen(path) : "";
        unsigned long line = strncmp(rest, ", line ", 7) == 0 || strncmp(rest, ": line ", 7) == 0
                                 ? strtoul(rest + 7, NULL, 10)
                                 : 0;
        if (line > 0) {
            snprintf(out, size, "%.400s:%lu", path, line);
            return true;
        }
    }
    return false;
}

/* Whether a text has the value as words of their own, and not within a longer one. */
static bool has_words(const char *text, const char *value, size_t length)
{
    for (const char *at = text; length > 0 && *at != '\0'; at++) {
        if (strncmp(at, value, length) == 0 && (at == text || !is_name(at[-1])) &&
            !is_name(at[length])) {
            return true;
        }
    }
    return false;
}

/* "specify at least one working instance of: reject_unauth_destination, ... or ...": whether
 * main.cf's own list has one, so that it is not what smtpd complains of. */
static bool is_main_good(const struct candidate *candidate, const char *words, const char *name)
{
    static const char asked[] = "working instance of: ";
    const char *at = strstr(words, asked);
    char *value = at != NULL ? candidate_value(candidate, NULL, name) : NULL;
    bool good = false;

    at = value != NULL ? at + strlen(asked) : "";
    while (*at != '\0' && !good) {
        size_t length = strcspn(at, ", ");
        good = length > 2 && has_words(value, at, length); /* longer than "or" */
        at += length + strspn(at + length, ", ");
    }
    free(value);
    return good;
}

/* The line of master.cf that gives a service the parameter with a value that the words quote, or
 * any value. 0: none does. */
static unsigned int line_of_override(const struct candidate *candidate, const char *words,
                                     const char *name, bool any)
{
    const struct postfix_reading *reading = reading_of(candidate);
    const char *text = candidate_file(candidate, reading->master_file)->text;
    const struct master_override *found = NULL;

    for (size_t i = 0; i < reading->master.count; i++) {
        const struct master_service *service = &reading->master.services[i];
        for (size_t j = 0; j < service->override_count; j++) {
            const struct master_override *override = &service->overrides[j];
            if (strcmp(override->name, name) == 0 &&
                (any || has_words(words, override->value, strlen(override->value)))) {
                found = override;
            }
        }
    }
    unsigned int line = found != NULL ? 1 : 0;
    for (size_t i = 0; found != NULL && i < found->whole.begin; i++) {
        line += text[i] == '\n';
    }
    return line;
}

void postfix_place(struct candidate *candidate, const char *words, char *out, size_t size)
{
    char path[PATH_MAX];

    out[0] = '\0';
    if (find_named(candidate_as(candidate), words, out, size)) {
        return;
    }
    snprintf(path, sizeof(path), "%s/main.cf", candidate_as(candidate));
    size_t index = candidate_add_file(candidate, path);
    const struct candidate_file *file =
        index != CANDIDATE_NO_FILE ? candidate_file(candidate, index) : NULL;
    for (const char *at = words; file != NULL && *at != '\0' && out[0] == '\0';) {
        size_t length = 0;
        while (is_name(at[length])) {
            length++;
        }
        if (memchr(at, '_', length) != NULL) {
            unsigned int line = line_of(file, at, length);
            char name[128];
            snprintf(name, sizeof(name), "%.*s", (int)length, at);
            unsigned int above = line_of_override(
                candidate, words, name, line == 0 || is_main_good(candidate, words, name));
            if (above > 0) {
                snprintf(out, size, "%.400s/master.cf:%u", candidate_as(candidate), above);
            } else if (line > 0) {
                snprintf(out, size, "%.400s:%u", file->path, line);
            }
        }
        at += length > 0 ? length : 1;
    }
}
