/*
 * new_file - makes a file for the programs that must not be there yet
 *
 * Root's is readable for the programs' group, where there is one, since they run as a user of their
 * own. A file that could not be written whole is removed. One thread at a time (getgrnam).
 */
#ifndef RELAYWARDEN_LIB_SYS_NEW_FILE_H
#define RELAYWARDEN_LIB_SYS_NEW_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* 0, or an errno: EEXIST if something is there. `mode`: where it is not root's or has no such
 * group, whatever the umask is. */
int new_file_write(const char *path, const void *octets, size_t length, mode_t mode);

#endif
