/*
 * names - values that name something on the network (domains, hosts, addresses, sockets), numbers
 * and truth values, out of their text
 *
 * Each function reads one text completely. False: `error` says what is wrong and what is allowed,
 * and the output is untouched. Pure; any thread.
 */
#ifndef RELAYWARDEN_CONF_NAMES_H
#define RELAYWARDEN_CONF_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/settings.h"
#include "lib/domain.h"
#include "lib/netset.h"

#define CONF_VALUE_ERROR_SIZE  512 /* of a sentence about one value */
#define CONF_LOCAL_PART_MAX    64  /* RFC 5321 section 4.5.3.1.1 */
#define CONF_MAIL_ADDRESS_SIZE (CONF_LOCAL_PART_MAX + 1 + DOMAIN_SIZE)
#define CONF_RESOLVER_PORT     53

struct conf_domain_text {
    const char *text;
    size_t length;
    bool pattern; /* ".example.org" is allowed, for every subdomain */
    bool literal; /* "[192.0.2.1]" is allowed */
    bool secret;  /* errors do not repeat it: it may come from a file of something else */
};

/* Writes the compared form (lib/domain.h). */
bool conf_read_domain(const struct conf_domain_text *domain, char out[DOMAIN_SIZE],
                      char error[CONF_VALUE_ERROR_SIZE]);

/* A name (written in compared form) or an address without brackets (in canonical form). */
bool conf_read_host(const char *text, char out[DOMAIN_SIZE], char error[CONF_VALUE_ERROR_SIZE]);

/* "local@domain": a dot-string (RFC 5321 section 4.1.2), since the probe writes the local part
 * within other forms; the domain is no literal, and written in compared form. */
bool conf_read_mail_address(const char *text, char out[CONF_MAIL_ADDRESS_SIZE],
                            char error[CONF_VALUE_ERROR_SIZE]);

#define CONF_TARGET_NAME_MAX 64

/* A target's name is used on the command line, where "HOST:PORT" and options are other things. */
bool conf_is_target_name(const char *text);

bool conf_read_address(const char *text, struct address *out, char error[CONF_VALUE_ERROR_SIZE]);
bool conf_read_network(const char *text, struct network *out, char error[CONF_VALUE_ERROR_SIZE]);

/* "ADDRESS:PORT", "[V6]:PORT", or an address alone for port 53. */
bool conf_read_resolver(const char *text, struct conf_resolver *out,
                        char error[CONF_VALUE_ERROR_SIZE]);

/* "ADDRESS:PORT" or "[V6]:PORT". */
bool conf_read_place(const char *text, struct http_place *out, char error[CONF_VALUE_ERROR_SIZE]);

/* libmilter's notation of a socket, and only those of its forms that say what they mean:
 * "unix:PATH", "inet:PORT@HOST", "inet6:PORT@HOST". */
enum conf_socket_family {
    CONF_SOCKET_UNIX,
    CONF_SOCKET_INET,
    CONF_SOCKET_INET6,
};

struct conf_socket {
    enum conf_socket_family family;
    const char *path; /* UNIX; into the text */
    const char *host; /* else; into the text, as written */
    uint16_t port;
};

bool conf_read_socket(const char *text, struct conf_socket *out, char error[CONF_VALUE_ERROR_SIZE]);

/* ---- numbers: the range that an option allows is in its row (conf/schema.c); conf/values.c
 * refuses what is out of it ---- */

/* "yes", "on", "true": 1; "no", "off", "false": 0 (any case, as libconfuse has it); else -1. */
int conf_read_boolean(const char *text);

/* Decimal digits only (a leading zero makes no octal), from `least` to `most`. */
bool conf_read_number(const char *text, long least, long most, long *out);

/* `length` digits of `base`; -1: none, or something else among them; more than LONG_MAX stays
 * LONG_MAX. */
long conf_read_digits(const char *text, size_t length, int base);

#endif
