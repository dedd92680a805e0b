/*
 * access - who may change the files of a configuration, and who cannot read them
 *
 * The configuration names commands to run, and a domain file says what is the site's own: whoever
 * may write one of them decides what the programs do. Any thread.
 */
#ifndef RELAYWARDEN_CONF_ACCESS_H
#define RELAYWARDEN_CONF_ACCESS_H

#include <stdbool.h>
#include <sys/stat.h>

#define CONF_ACCESS_SIZE 256

/* Both are constant texts: "is writable by everybody", "chmod o-w it". */
struct conf_access_fault {
    const char *fault;
    const char *remedy;
};

/* Whether only root and the effective user may change the file. False: *out says why not. */
bool conf_access_guarded(const struct stat *status, struct conf_access_fault *out);

/* The meaning of the failure `error` (errno) of opening a file: "Permission denied for user NAME;
 * ..." with what to do about it, else strerror's text. Returns `out`. */
const char *conf_access_denied(char out[CONF_ACCESS_SIZE], int error);

#endif
