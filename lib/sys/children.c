#include "lib/sys/children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __GLIBC__
#define HAS_CLOSEFROM __GLIBC_PREREQ(2, 34)
#else
#define HAS_CLOSEFROM 0
#endif

#if HAS_CLOSEFROM
int children_close_others(posix_spawn_file_actions_t *actions)
{
    return posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}
#else

/* linux/close_range.h, which older headers lack. */
#define CLOSE_ON_EXEC (1U << 2)

/* Where the kernel knows no close_range (before 5.11). 0, or an errno. */
static int mark_each(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    if (folder == NULL) {
        return errno;
    }
    while ((entry = readdir(folder)) != NULL) {
        int descriptor = atoi(entry->d_name); /* 0 for "." and ".." */
        if (descriptor > STDERR_FILENO) {
            (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        }
    }
    closedir(folder);
    return 0;
}

/* In ourselves, where it changes nothing but what our children get: all of them are to get none. */
int children_close_others(posix_spawn_file_actions_t *actions)
{
    (void)actions;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, CLOSE_ON_EXEC) == 0) {
        return 0;
    }
#endif
    return mark_each();
}
#endif

/* glibc has pidfd_open(2) from 2.36 on; the kernel from 5.3 on, under one number everywhere. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int children_watch(pid_t process)
{
    return (int)syscall(SYS_pidfd_open, process, 0);
}
