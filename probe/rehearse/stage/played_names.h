/*
 * played_names - the DNS of the stage: a name server that knows few names, and says of all others
 * that they do not exist
 *
 * It runs as a process of its own on 127.0.0.1 and ::1, port 53, of the server's network. A silent
 * one would leave each reject_unknown_* and each block list unanswered. With it, a stranger is the
 * best that a stranger can be: it has a reverse name that leads back to it, is on no list, and its
 * domains take mail.
 *
 * Names of clients are made of their addresses, in both directions (played_name_of), so that none
 * needs to be told. One thread; the process dies with its parent.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_PLAYED_NAMES_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_PLAYED_NAMES_H

#include <stddef.h>

#include "lib/address.h"
#include "lib/site.h"

#define PLAYED_NAME_SIZE  128
#define PLAYED_CLAIMS_MAX 500
#define PLAYED_KNOWN_MAX  1500

/* A client whose reverse name is another than that of its address. It leads back but where the
 * name is one of the site's. */
struct played_claim {
    struct address address;
    char name[PLAYED_NAME_SIZE];
};

struct played_names {
    const char *canary_domain;
    const struct site *site;   /* its domains lead to the server */
    const char *server_name;   /* "mx.example.org" */
    struct address server[2];  /* IPv4, IPv6; ADDRESS_NONE = none */
    struct address mailbox[2]; /* where the canary's mail goes */
    const char *backup_domain; /* a foreign domain whose second MX is the server */
    struct played_claim claims[PLAYED_CLAIMS_MAX];
    size_t claim_count;
    const char *known[PLAYED_KNOWN_MAX]; /* further domains that exist, and take mail elsewhere */
    size_t known_count;
};

/* The reverse name of a stranger. Returns out. */
const char *played_name_of(const struct address *address, char out[PLAYED_NAME_SIZE]);

/* Starts it. 0, or -1 with errno. */
int played_names_begin(const struct played_names *names);

#endif
