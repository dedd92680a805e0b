#include "probe/rehearse/rehearsal_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/stage/mounts.h"

/* The candidate as it is shown, the copies that it is run from, and those that programs are asked
 * about; behind "copy-" and "answers/" stands a
 * number. */
static const char *const folders[] = {
    MOUNTS_CANDIDATE,
    MOUNTS_BASE "/copy-",
    MOUNTS_BASE "/answers/",
    MOUNTS_BASE "/scratch/postconf",
    MOUNTS_BASE "/scratch/exim",
    MOUNTS_BASE "/scratch/sendmail",
};

static const char tables[] = MOUNTS_BASE "/answers/";

/* How long the name of a folder is that stands there; 0: none. */
static size_t folder_at(const char *at)
{
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t length = strlen(folders[i]);
        if (strncmp(at, folders[i], length) == 0) {
            return strchr("-/", folders[i][length - 1]) != NULL
                       ? length + strspn(at + length, "0123456789")
                       : length;
        }
    }
    return 0;
}

void rehearsal_words(const char *directory, const char *answers, char *text, size_t size)
{
    char *copy = strdup(text);
    size_t used = 0;

    for (const char *at = copy; at != NULL && *at != '\0' && used + 1 < size;) {
        size_t length = folder_at(at);
        if (length == 0) {
            text[used++] = *at++;
            continue;
        }
        bool answer = answers != NULL && strncmp(at, tables, strlen(tables)) == 0;
        int put = snprintf(text + used, size - used, "%s", answer ? answers : directory);
        used += put > 0 && (size_t)put < size - used ? (size_t)put : size - used - 1;
        at += length;
    }
    if (copy != NULL) {
        text[used] = '\0';
    }
    free(copy);
}
