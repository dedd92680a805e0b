/*
 * identities - numbers for a mail server's users, on a stage that somebody lays who is not root
 *
 * In a user namespace whoever made it is root, and the ranges that /etc/subuid and /etc/subgid give
 * him are all other users. newuidmap(1) and newgidmap(1) of the package uidmap write that down for
 * the kernel. With his own number alone no server would run: it has users of its own. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_IDENTITIES_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_IDENTITIES_H

#include <stdbool.h>
#include <sys/types.h>

#define IDENTITIES_ERROR_SIZE 512

struct identities {
    unsigned long first[2]; /* of users, of groups */
    unsigned long count[2];
};

/* The ranges of this process's user. False with a sentence that says how to have some. */
bool identities_find(struct identities *out, char error[IDENTITIES_ERROR_SIZE]);

/* Gives them to a process that is in a user namespace of its own. False with a sentence. */
bool identities_give(const struct identities *identities, pid_t process,
                     char error[IDENTITIES_ERROR_SIZE]);

/* That process becomes its namespace's root. -1 with errno. */
int identities_become_root(void);

#endif
