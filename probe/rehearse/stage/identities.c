#include "probe/rehearse/stage/identities.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sys/subprocess.h"

#define GIVE_MS 5000
/* Of SUB_UID_MIN and SUB_UID_COUNT in login.defs(5). */
#define FIRST_USUAL 100000UL
#define USUAL_COUNT 65536UL
#define NAME_SIZE   96

static const struct {
    const char *file;
    const char *program;
} kinds[2] = {{"/etc/subuid", "newuidmap"}, {"/etc/subgid", "newgidmap"}};

/* ":100000:65536" */
static bool read_numbers(const char *text, unsigned long *first, unsigned long *count)
{
    char *end;

    if (text[0] != ':') {
        return false;
    }
    *first = strtoul(text + 1, &end, 10);
    if (*end != ':') {
        return false;
    }
    *count = strtoul(end + 1, &end, 10);
    return *count > 0;
}

/* "postmaster:100000:65536", or with the user's number for his name. */
static bool read_range(const char *line, const char *name, unsigned long *first,
                       unsigned long *count)
{
    char number[24];
    size_t length = strcspn(line, ":");

    snprintf(number, sizeof(number), "%lu", (unsigned long)getuid());
    bool is_his = (strlen(name) == length && strncmp(line, name, length) == 0) ||
                  (strlen(number) == length && strncmp(line, number, length) == 0);
    return is_his && read_numbers(line + length, first, count);
}

static bool find_range(const char *path, const char *name, unsigned long *first,
                       unsigned long *count)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = read_range(line, name, first, count);
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* The first number behind all ranges of both files: two users with one range could each act on the
 * other's files in it. */
static unsigned long first_free(void)
{
    unsigned long free_from = FIRST_USUAL;
    char line[512];

    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(kinds[i].file, "re");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
            unsigned long first = 0;
            unsigned long count = 0;
            if (read_numbers(line + strcspn(line, ":"), &first, &count) &&
                first + count > free_from) {
                free_from = first + count;
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    return free_from;
}

bool identities_find(struct identities *out, char error[IDENTITIES_ERROR_SIZE])
{
    const struct passwd *user = getpwuid(getuid());
    char name[NAME_SIZE] = "";

    snprintf(name, sizeof(name), "%s", user != NULL ? user->pw_name : "");
    for (size_t i = 0; i < 2; i++) {
        if (!subprocess_exists(kinds[i].program)) {
            snprintf(error, IDENTITIES_ERROR_SIZE,
                     "no private stage can be laid: who is not root needs %s for it; install the "
                     "package uidmap, or run this as root",
                     kinds[i].program);
            return false;
        }
        if (!find_range(kinds[i].file, name, &out->first[i], &out->count[i])) {
            unsigned long from = first_free();
            snprintf(error, IDENTITIES_ERROR_SIZE,
                     "no private stage can be laid: %s has no range for %s, and a mail server "
                     "has users of its own; run usermod --add-subuids %lu-%lu --add-subgids "
                     "%lu-%lu %s, or run this as root",
                     kinds[i].file, name[0] != '\0' ? name : "this user", from,
                     from + USUAL_COUNT - 1, from, from + USUAL_COUNT - 1,
                     name[0] != '\0' ? name : "USER");
            return false;
        }
    }
    return true;
}

bool identities_give(const struct identities *identities, pid_t process,
                     char error[IDENTITIES_ERROR_SIZE])
{
    for (size_t i = 0; i < 2; i++) {
        char words[4][24];
        snprintf(words[0], sizeof(words[0]), "%ld", (long)process);
        snprintf(words[1], sizeof(words[1]), "%lu", (unsigned long)(i == 0 ? getuid() : getgid()));
        snprintf(words[2], sizeof(words[2]), "%lu", identities->first[i]);
        snprintf(words[3], sizeof(words[3]), "%lu", identities->count[i]);
        const char *const command[] = {kinds[i].program, words[0], "0", words[1], "1", "1",
                                       words[2],         words[3], NULL};
        char *said = subprocess_output_until(command, subprocess_now_ms() + GIVE_MS);
        if (said == NULL) {
            snprintf(error, IDENTITIES_ERROR_SIZE,
                     "no private stage can be laid: %s does not give the range that stands in %s "
                     "(%lu, %lu numbers); run this as root",
                     kinds[i].program, kinds[i].file, identities->first[i], identities->count[i]);
            return false;
        }
        free(said);
    }
    return true;
}

int identities_become_root(void)
{
    return setgroups(0, NULL) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0 ? 0 : -1;
}
