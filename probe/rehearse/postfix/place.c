#include "probe/rehearse/postfix/place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        unsigned int line = memchr(at, '_', length) != NULL ? line_of(file, at, length) : 0;
        if (line > 0) {
            snprintf(out, size, "%.400s:%u", file->path, line);
        }
        at += length > 0 ? length : 1;
    }
}
