/*
 * stage - a place where a server can be started that nobody outside can reach, and that reaches
 * nobody
 *
 * stage_run makes a process in namespaces of its own (network, mounts, host name, IPC), lays the
 * wires and the file systems there, and has it do the work. The end of the caller, or of that
 * process, ends everything that was started: it dies with its parent, each instance of a server is
 * in a process namespace of its own that dies with its first process, and mounts and networks go
 * with the last process that is in them.
 *
 * Without root it is laid in a user namespace, with the ranges of users that the system gives
 * the caller (identities.h). Nothing there can read a file that only root may read.
 *
 * It does not protect from a fault of the kernel, and what is started there may use the machine's
 * processor and memory until the deadline.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_STAGE_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_STAGE_H

#include "probe/rehearse/stage/mounts.h"
#include "probe/rehearse/stage/stage_log.h"
#include "probe/rehearse/stage/wires.h"

#define STAGE_ERROR_SIZE 512
#define STAGE_DEADLINE_S 600
#define STAGE_FAILED     (-1)
#define STAGE_PATH       "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct stage {
    struct wires wires;
    struct stage_log log; /* what is said to /dev/log there */
};

struct stage_settings {
    struct mounts_settings mounts;
    const struct wires_host *host;
    const char *host_name; /* "" = as it is */
};

/* The code that `work` returns, which runs on the stage as a process of its own: what it changes in
 * memory is not seen by the caller, and what it prints is printed. STAGE_FAILED and a sentence when
 * the stage could not be made, or the process did not come to its end. */
int stage_run(const struct stage_settings *settings, int (*work)(struct stage *stage, void *user),
              void *user, char error[STAGE_ERROR_SIZE]);

#endif
