/*
 * settings - a configuration as the programs use it: one typed struct
 *
 * Filled by conf.h, never changed after that: any thread may read it.
 */
#ifndef RELAYWARDEN_CONF_SETTINGS_H
#define RELAYWARDEN_CONF_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/alert/sink/alert_settings.h"
#include "lib/http/http_settings.h"
#include "lib/site.h"
#include "lib/token.h"
#include "lib/words.h"

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
    char *push; /* the server that the snapshot is handed to, as `database`; "" = none */
    struct http_settings http;
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
    struct http_settings http;
    struct conf_target *targets;
    size_t target_count;
};

/* Where an option was set, for messages that come after loading; 0: it is a default. */
struct conf_lines {
    int state_directory;
    int json;
    int metrics_directory;
    int command;
    int header_file;
    int program; /* of mail; the line of `to` where it is a default */
    int listen;  /* of the program's own section */
};

struct conf {
    atomic_uint holders; /* conf_hold, conf_free */
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
    char *database;        /* of many probes together; "" = none */
    char *vantage_name;    /* of this probe there; "" = the host's name */
    struct conf_lines lines;
};

#endif
