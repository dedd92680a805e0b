/*
 * master_cf - the services of a master.cf, with their places
 *
 * master(5): eight fields, then a command with its arguments; `-o name=value`, and since
 * Postfix 3.0
 * `-o { name = value }`, set a parameter for this service alone; the last one of a name wins.
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_MASTER_CF_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_MASTER_CF_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/postfix/cf_text.h"

enum master_field {
    MASTER_SERVICE, /* "smtp", "127.0.0.1:10025", "[::1]:smtp" */
    MASTER_TYPE,    /* "inet", "unix", "fifo", "pass", "unix-dgram" */
    MASTER_PRIVATE, /* "y", "n" or "-", which is the default */
    MASTER_UNPRIVILEGED,
    MASTER_CHROOT,
    MASTER_WAKEUP,
    MASTER_PROCESSES,
    MASTER_COMMAND, /* "smtpd" */
    MASTER_FIELDS   /* how many */
};

struct master_override {
    char *name;
    char *value;          /* without braces and white space round it */
    struct cf_line whole; /* from the -o on */
    struct cf_line inner; /* the value's place in the file */
};

struct master_service {
    char *fields[MASTER_FIELDS];
    struct cf_line field_places[MASTER_FIELDS];
    struct cf_line whole;
    struct master_override *overrides;
    size_t override_count;
};

struct master_cf {
    struct master_service *services;
    size_t count;
};

/* Lines with fewer fields are no services and passed over: Postfix does not start with them. False:
 * out of memory. */
bool master_cf_read(const char *text, size_t length, struct master_cf *out);
void master_cf_free(struct master_cf *master);

/* The one that wins; NULL: none. */
const struct master_override *master_override_find(const struct master_service *service,
                                                   const char *name);

#endif
