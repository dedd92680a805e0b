/*
 * children - what starting and awaiting a process needs and not every C library has
 *
 * Any thread.
 */
#ifndef RELAYWARDEN_LIB_SYS_CHILDREN_H
#define RELAYWARDEN_LIB_SYS_CHILDREN_H

#include <spawn.h>
#include <sys/types.h>

/* The process will have none of our descriptors above standard error. 0, or an errno. Call it last:
 * what is opened between it and posix_spawn must be close-on-exec. */
int children_close_others(posix_spawn_file_actions_t *actions);

/* A descriptor (close-on-exec) that is readable when the child has ended; -1 and errno. */
int children_watch(pid_t process);

#endif
