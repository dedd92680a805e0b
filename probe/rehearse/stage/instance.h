/*
 * instance - one running server on the stage
 *
 * Its first process is ours: it lays the file systems that the server alone has, plays the services
 * that it asks, and starts it without the capabilities that would let it out (mounting, devices,
 * networks, other processes, the kernel). The instance is a process namespace of its own, with a
 * mount namespace: when the first process is killed, all others are, and the mounts are gone.
 *
 * Programs that a candidate can bend (update-exim4.conf reads a shell's file) run as instances,
 * too.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_INSTANCE_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probe/rehearse/stage/played_services.h"

#define INSTANCE_ERROR_SIZE 512
#define INSTANCE_START_MS   20000

struct instance_settings {
    /* In the instance's mount namespace, before anything is started. -1 and a sentence. */
    int (*lay)(void *user, char error[INSTANCE_ERROR_SIZE]);
    void *user;
    const struct played_service *services;
    size_t service_count;
    const char *const
        *command; /* ends with code 0 when the server is ready, and leaves it running */
    const char *const *environment;
    /* Where the command is the server and stays: whether it is ready. Asked in the instance, again
     * and again. NULL: the command ends. */
    bool (*ready)(void *user);
    const char *errors; /* a file to which its standard error is added; NULL: nobody reads it */
};

struct instance {
    pid_t first;
};

/* Whose fault it is that something is not done. */
enum instance_fault {
    INSTANCE_NO_FAULT = 0,
    INSTANCE_FAULT_OF_GUEST, /* of what is to run there: it ended by itself, or cannot be run */
    INSTANCE_FAULT_OF_HOST,  /* of the machine, which says nothing of what is to run there */
};

/* A sentence beside each fault: it did not come to run. */
enum instance_fault instance_start(const struct instance_settings *settings, struct instance *out,
                                   char error[INSTANCE_ERROR_SIZE]);
/* All of it is gone when this returns. */
void instance_stop(struct instance *instance);

#endif
