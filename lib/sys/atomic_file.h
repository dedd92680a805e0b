/*
 * atomic_file - a file that its readers only ever see whole
 *
 * The new content is written beside it and then takes its place at once (rename(2)): a reader has
 * the file of before or the new one, whatever the disk does and whenever the writer is killed. One
 * writer a path; what a killed one left beside it is written over by the next.
 */
#ifndef RELAYWARDEN_LIB_SYS_ATOMIC_FILE_H
#define RELAYWARDEN_LIB_SYS_ATOMIC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct atomic_file {
    const char *path;
    const char *draft; /* of the same directory; a symbolic link there is not followed */
    mode_t mode;       /* whatever the umask is */
    bool durable;      /* the new one is on the disk before it takes the place, and stays there */
};

/* False, with errno: the file is as it was, and no draft is left; or `durable` could not be had: a
 * loss of power may bring the former one back. */
bool atomic_file_write(const struct atomic_file *file, const char *text, size_t length);

#endif
