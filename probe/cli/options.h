/*
 * options - how the program was called, and how it says that it cannot do so
 */
#ifndef RELAYWARDEN_PROBE_CLI_OPTIONS_H
#define RELAYWARDEN_PROBE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "probe/model/program.h"

/* Monitoring plugins' UNKNOWN: bad usage, bad configuration, output that cannot be written. The
 * daemon has codes of sysexits.h in its place, for a service manager to tell them apart. */
#define PROBE_EXIT_UNKNOWN 3

/* Why nothing could be done. */
enum options_failure {
    OPTIONS_USAGE,         /* the daemon's code: EX_USAGE */
    OPTIONS_CONFIGURATION, /* EX_CONFIG */
    OPTIONS_SYSTEM,        /* EX_OSERR: it may work later */
};

/* The values of an option that may be given again. */
struct option_list {
    const char **items;
    size_t count;
};

/* As the options say it: option_table.c has the words in this order. */
enum output_format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_JUNIT,
    FORMAT_SARIF,
};
enum colour_choice {
    COLOUR_AUTO, /* on a terminal, unless NO_COLOR says no (no-color.org) */
    COLOUR_ALWAYS,
    COLOUR_NEVER,
};
enum rehearsed_mta {
    REHEARSED_AUTO, /* the files in the folder say it */
    REHEARSED_POSTFIX,
    REHEARSED_EXIM,
    REHEARSED_SENDMAIL,
};

/* option_table.h fills this. */
struct options {
    const char *conf_path;
    struct option_list domains; /* instead of the configuration's */
    const char *canary;         /* NULL = the configuration's */
    struct option_list trusted; /* networks */
    struct option_list targets; /* of init */
    const char *site;           /* of init; NULL = none */
    const char *record;         /* a file of arrivals; NULL = the one in the state directory */
    const char *maildir;        /* NULL = standard input */
    const char *key;    /* of the tokens that --record takes; NULL = any token's shape will do */
    const char *html;   /* the page's file; NULL = none */
    const char *milter; /* the filter's snapshot; NULL = none */
    const char *wait;   /* a duration as it was written; NULL = none was */
    const char *as;     /* of rehearse; NULL = as the directory says */
    const char *tables; /* of rehearse: a file of answers; NULL = none */
    struct option_list addresses; /* of rehearse */
    struct option_list gateways;
    struct option_list reach;
    char **arguments; /* after the verb */
    size_t argument_count;
    unsigned int format; /* enum output_format */
    unsigned int colour; /* enum colour_choice */
    unsigned int mta;    /* enum rehearsed_mta */
    bool conf_is_named;  /* by --config; else it is the usual place */
    bool test;           /* -t */
    bool help;
    bool version;
    bool json; /* --json, or the format of that name */
    bool quiet;
    bool verbose;
    bool copy; /* what has always been so since: what is not ours is passed over */
    bool text;
    bool no_blame;
    bool has_status_line; /* the verb's output begins with a plugin's status line */
    bool serves;          /* the verb is the daemon's */
};

/* The exit code for it. */
int options_code(const struct options *invocation, enum options_failure failure);

/* Says why nothing was done: the sentence on standard error, and on standard output, for who reads
 * only that, a status line, or with --json an object with `error`. Returns the exit code, that of
 * wrong usage if no other reason is given. */
int options_fail(const struct options *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int options_fail_for(const struct options *invocation, enum options_failure why,
                     const char *sentence);

/* The same for a word of the command line: WHAT "WORD"; REMEDY. */
int options_fail_on(const struct options *invocation, const char *what, const char *word,
                    const char *remedy);

/* The same for a configuration with mistakes; each of them goes to standard error as it is. */
int options_fail_configuration(const struct options *invocation, const struct conf_report *report);

/* See privileges.h: for a verb that writes to the state directory, once its configuration was read.
 * That it could not be done is said on standard error. */
void options_step_down(const struct conf *conf);

/* Whether all that was written to standard output got there. If not it is said on standard error.
 */
bool options_output_is_written(void);

#endif
