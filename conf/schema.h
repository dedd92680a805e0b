/*
 * schema - every section and option of the configuration, as tables
 *
 * One row an option: its section, name, type, default, range and allowed words, and where its value
 * goes. The parser, the readers of values and the messages all work from these rows: adding an
 * option is adding a row (and its member in the struct that it fills, and its paragraph in
 * relaywarden.conf.5). Constant data; any thread.
 */
#ifndef RELAYWARDEN_CONF_SCHEMA_H
#define RELAYWARDEN_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/settings.h"
#include "lib/netset.h"

enum conf_section {
    SECTION_ROOT,
    SECTION_SITE,
    SECTION_MILTER,
    SECTION_PROBE,
    SECTION_TARGET,
    SECTION_ALERT,
    SECTION_SYSLOG,
    SECTION_MAIL,
    SECTION_WEBHOOK,
    SECTION_COUNT,
};

/* How a value is written and what it becomes (conf/values.c has a row for each). */
enum conf_type {
    TYPE_BOOLEAN,        /* bool */
    TYPE_TRISTATE,       /* enum conf_tristate */
    TYPE_WORD,           /* an enumeration, by the option's words */
    TYPE_DURATION,       /* long, seconds */
    TYPE_COUNT,          /* unsigned int */
    TYPE_MODE,           /* unsigned int, octal */
    TYPE_PORT,           /* uint16_t */
    TYPE_TEXT,           /* char *, one line */
    TYPE_ARGUMENT,       /* char *, anything */
    TYPE_MAILER,         /* char * */
    TYPE_PATH,           /* char *, absolute */
    TYPE_OUTPUT,         /* char *, the same, or "-": standard output */
    TYPE_ACCOUNT,        /* char *, a user or a group */
    TYPE_SOCKET,         /* char * */
    TYPE_DOMAIN,         /* char *, normalised */
    TYPE_DOMAIN_PATTERN, /* char *, normalised, maybe with a leading dot */
    TYPE_HOST,           /* char *, a normalised name or an address */
    TYPE_MAIL_ADDRESS,   /* char *, domain normalised */
    TYPE_MAILBOX,        /* char *, the same, or the name of a mailbox of this machine */
    TYPE_DATABASE,       /* char *, a PostgreSQL server; "" = none */
    TYPE_NAME,           /* char *, one word */
    TYPE_URL,            /* char *, of http or https; a secret, which no message repeats */
    TYPE_ADDRESS,        /* struct address */
    TYPE_NETWORK,        /* struct network */
    TYPE_RESOLVER,       /* struct conf_resolver */
    TYPE_PLACE,          /* struct http_place */
};

struct conf_word {
    const char *name; /* NULL ends a table */
    int value;
};

struct conf_option {
    enum conf_section section;
    enum conf_type type;
    const char *name;
    const struct conf_word *words;
    const char *const *defaults; /* texts, ended by NULL; NULL = none: the member stays zero */
    long least;                  /* of numbers, in the unit of the value */
    long most;
    size_t offset;       /* of the member in struct conf_loose, conf_target or conf */
    size_t count_offset; /* of a list's count, in the same struct */
    bool loose;          /* the member is one of struct conf_loose */
    bool list;
    bool optional; /* "" is allowed (texts), 0 is allowed whatever the range (durations), or an
                    * empty list */
};

struct conf_section_row {
    const char *name;
    enum conf_section parent;
    bool titled; /* has a name in quotes and may be there more than once */
};

/* Values that do not go into struct conf as they are written: struct site is made of most. */
struct conf_loose {
    char **domains;
    size_t domain_count;
    char **domain_files;
    size_t domain_file_count;
    struct network *networks;
    size_t network_count;
    bool allow_wide_networks;
    char **hosts;
    size_t host_count;
    char **certificates;
    size_t certificate_count;
    struct address *sources; /* probe.source, one a family */
    size_t source_count;
    char **target_files;
    size_t target_file_count;
};

extern const struct conf_section_row conf_sections[SECTION_COUNT];
extern const struct conf_option conf_options[];
extern const size_t conf_option_count;

/* NULL if the section has no such option. */
const struct conf_option *conf_schema_option(enum conf_section section, const char *name);

/* The section directly within `parent` called `name`; SECTION_COUNT if there is none. */
enum conf_section conf_schema_section(enum conf_section parent, const char *name);

#endif
