/*
 * mounts - the file systems of a rehearsal: all that is there, read-only, and little of its own
 *
 * In a mount namespace of its own every file system is read-only and without devices or set-user-ID
 * programs; /dev, /run and /tmp are private and empty but for MOUNTS_BASE; sockets of this host are
 * covered by empty files, for a socket is reached through a read-only file system, too. All goes
 * with the last process that is in it. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_MOUNTS_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MOUNTS_ERROR_SIZE 512
#define MOUNTS_BASE       "/run/relaywarden-rehearsal" /* private; nobody else's */
#define MOUNTS_CANDIDATE  MOUNTS_BASE "/candidate"     /* the folder that was named */

struct mounts_settings {
    const char *candidate;    /* the folder that was named; shown as MOUNTS_CANDIDATE */
    const char *const *reach; /* sockets of this host that stay as they are */
    size_t reach_count;
};

/* This process is in a mount namespace of its own afterwards. Before that of the network: the list
 * of sockets is the host's. -1 and a sentence. */
int mounts_lay(const struct mounts_settings *settings, char error[MOUNTS_ERROR_SIZE]);

/* A file over another one (or in its place where that is private), with this text. */
int mounts_lay_file(const char *path, const char *text, char error[MOUNTS_ERROR_SIZE]);

/* `from` over `to`, read-only. Both exist. */
int mounts_bind(const char *from, const char *to, char error[MOUNTS_ERROR_SIZE]);

/* A private, empty folder over `path`, of at most `size` ("64m"). */
int mounts_empty(const char *path, const char *size, mode_t mode, char error[MOUNTS_ERROR_SIZE]);

/* mkdir -p; -1 with errno. */
int mounts_make_folder(const char *path, mode_t mode);

/* rm -rf; what cannot be removed stays. */
void mounts_remove(const char *path);

/* Writes a file anew. */
int mounts_write(const char *path, const char *text, size_t length, mode_t mode);

#endif
