/*
 * mount_view - the calls of the mount interface that the C library of older systems lacks
 *
 * open_tree(2), move_mount(2), mount_setattr(2), of Linux 5.12. In a file of its own, for
 * <linux/mount.h> and <sys/mount.h> cannot be included together before glibc 2.37.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_MOUNT_VIEW_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_MOUNT_VIEW_H

#include <stdbool.h>

/* A detached copy of what is mounted at `path`, as a descriptor; -1 with errno. */
int mount_view_copy(const char *path);
/* Puts it over `path`. */
int mount_view_put(int copy, const char *path);
/* Read-only, without devices and set-user-ID programs; with all that is mounted below. */
int mount_view_protect(const char *path);
int mount_view_protect_copy(int copy);

#endif
