/*
 * conf - one configuration file, read, checked and typed
 *
 * libconfuse parses, conf/text.c prepares the text for it and keeps every line number true,
 * conf/schema.c has the tables of options. Every mistake is reported as "FILE:LINE: what is wrong,
 * what is allowed"; all value mistakes of a file are listed at once. Nothing is read from the
 * environment.
 *
 * A struct conf is never changed after conf_load: any thread may read it. Loading is for one thread
 * at a time (libconfuse has no user pointer).
 */
#ifndef RELAYWARDEN_CONF_CONF_H
#define RELAYWARDEN_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/alert/sink/alert_settings.h"
#include "lib/site.h"
#include "lib/token.h"
#include "lib/words.h"

#define CONF_DEFAULT_PATH RELAYWARDEN_SYSCONFDIR "/relaywarden/relaywarden.conf"

enum conf_program {
    CONF_MILTER,
    CONF_PROBE,
};

struct conf_milter {
    char *socket;       /* as libmilter takes it: unix:PATH, inet:PORT@HOST, inet6:PORT@HOST */
    char *socket_group; /* "" = leave */
    unsigned int socket_mode;
    char *user; /* "" = stay as started */
    enum enforcement enforce;
    enum enforcement enforce_masked;
    char **own_mailers;
    size_t own_mailer_count;
    long probe_expected_seconds; /* 0 = do not expect one */
};

enum conf_tristate {
    CONF_FALSE,
    CONF_TRUE,
    CONF_AUTO,
};

struct conf_target {
    char *name;
    char *domain; /* NULL when host is given */
    char *host;
    uint16_t *ports;
    size_t port_count;
    enum tls_mode tls;
    enum conf_tristate expect_milter;
    long interval_seconds;
    int line; /* of its section, for messages */
};

struct conf_resolver {
    struct address address;
    uint16_t port;
};

struct conf_probe {
    long interval_seconds;
    enum vantage vantage;
    struct address claim;             /* ADDRESS_NONE unless vantage is claimed */
    struct address *public_addresses; /* of this host, if it is behind NAT */
    size_t public_address_count;
    struct address source[2]; /* IPv4, IPv6; ADDRESS_NONE = any */
    struct conf_resolver *resolvers;
    size_t resolver_count; /* 0 = the system's */
    char *canary;          /* "local@domain", domain normalised */
    enum proof proof;      /* rcpt, data or delivered */
    char **dnsbl;
    size_t dnsbl_count;
    unsigned int max_connections;
    unsigned int max_refusals;
    long timeout_seconds; /* an endpoint's */
    long history_seconds;
    struct conf_target *targets;
    size_t target_count;
};

struct conf {
    char *path;
    struct site *site;
    char *token_key_file; /* "" = none */
    char *token_key_also;
    struct token_key *token_key;       /* what the files hold; NULL = none */
    struct token_key *token_key_other; /* of token_key_also */
    struct conf_milter milter;
    struct conf_probe probe;
    struct alert_settings alert;
    char *state_directory; /* without the program's part */
};

/* What was found while loading. Lines are complete and printable: "FILE:LINE: ...", or "FILE: ..."
 * where no line can be named. Mistakes prevent use; notes do not. */
struct conf_report {
    char **mistakes;
    size_t mistake_count;
    char **notes; /* a user, group or directory that does not exist yet, ... */
    size_t note_count;
};

/* Reads `path` for one program: only the files which that program uses are opened (the milter needs
 * no canary). NULL when there is at least one mistake (or no memory even to say so). `report` is
 * filled either way; the caller frees both. */
struct conf *conf_load(const char *path, enum conf_program program, struct conf_report *report);
void conf_free(struct conf *conf);

/* For a program that read its configuration as root and has become `user` since, as which it will
 * read it again: tries that, and adds a note to `report` for each mistake that it meets. What
 * memory does not suffice for is left out. */
void conf_note_denied(struct conf_report *report, const char *path, enum conf_program program,
                      const char *user);

void conf_report_free(struct conf_report *report); /* the members, not the struct */

#endif
