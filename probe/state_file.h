/*
 * state_file - a file of JSON in the probe's state directory that processes share
 *
 * One object with a version and some members that are objects. Each change is made under a lock,
 * NAME.lock, and put in place by a rename, so readers need none. A lock that another process holds
 * is waited for, once and for 2 s, and then the change cannot be made. A damaged file is never
 * overwritten. One thread at a time for a struct state_file.
 */
#ifndef RELAYWARDEN_PROBE_STATE_FILE_H
#define RELAYWARDEN_PROBE_STATE_FILE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#define STATE_FILE_ERROR_SIZE 512
#define STATE_FILE_MEMBERS    2

struct state_file {
    char directory[PATH_MAX];                /* the probe's own */
    const char *name;                        /* "memory": the file is memory.json */
    int version;                             /* of what this program writes */
    const char *members[STATE_FILE_MEMBERS]; /* that are objects; NULL is none */
    bool waited; /* for the lock, in vain: a second wait would be as vain */
};

/* Sets the directory. */
void state_file_place(struct state_file *file, const char *state_directory);

/* Its path. */
const char *state_file_path(const struct state_file *file, char out[PATH_MAX]);

/* What it holds now, a new reference; a file that is not there has empty members. NULL and a
 * sentence with a remedy when it cannot be read, is damaged, or memory is out. */
json_t *state_file_read(const struct state_file *file, char error[STATE_FILE_ERROR_SIZE]);

/* Changes what it holds by now. `change` says whether anything is to be written. Returns what it
 * then holds, a new reference; NULL and a sentence when it is unchanged. */
json_t *state_file_change(struct state_file *file, bool (*change)(json_t *root, void *user),
                          void *user, char error[STATE_FILE_ERROR_SIZE]);

#endif
