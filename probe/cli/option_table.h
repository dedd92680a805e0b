/*
 * option_table - the verbs, and the options of each: the one table of them
 *
 * Reading, --help, and what is said of an option at the wrong verb come from it, and the shells'
 * completions are made from --help (tests/completions.py). An option is a row, a verb is a row and
 * an enumerator.
 */
#ifndef RELAYWARDEN_PROBE_CLI_OPTION_TABLE_H
#define RELAYWARDEN_PROBE_CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/cli/options.h"

enum verb_id {
    VERB_CHECK,
    VERB_INIT,
    VERB_RUN,
    VERB_REHEARSE,
    VERB_REPORT,
    VERB_RECIPE,
    VERB_RECEIVE,
    VERB_TECHNIQUES,
    VERB_KEYGEN,
    VERB_ALERT_TEST,
    VERB_FLEET,
    VERB_COUNT
};

#define ARGUMENTS_ANY SIZE_MAX

struct verb {
    const char *name;
    const char *arguments; /* as the usage shows them; "" = it takes none */
    size_t least;          /* arguments */
    size_t most;
    const char *summary;
    int (*run)(const struct options *invocation); /* returns the exit code */
    bool has_status_line; /* its output begins with a plugin's status line */
    bool serves;          /* its exit codes are a service's */
    bool receives;        /* its exit codes are a mail pipe's */
};

/* By verb_id. */
extern const struct verb verb_table[VERB_COUNT];

const struct verb *verb_find(const char *name); /* NULL if there is none */

enum option_kind {
    OPTION_FLAG, /* bool */
    OPTION_TEXT, /* const char *: the value as it was given; the last one counts */
    OPTION_LIST, /* struct option_list: every value */
    OPTION_WORD, /* unsigned int: which of the words that `value` divides by "|" */
};

/* In the order in which a row is read. */
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct option_row {
    const char *name;  /* with its dashes, "--wait"; NULL: it has a letter alone */
    char letter;       /* 0: none */
    const char *value; /* as --help shows it; NULL for flags */
    enum option_kind kind;
    size_t offset;      /* into struct options */
    unsigned int verbs; /* which take it: OPTION_FOR(VERB_CHECK) | ... */
    const char *help;   /* lines after the first begin with no space: they are indented */
};

#define OPTION_FOR(verb) (1U << (verb))
#define OPTION_FOR_ALL   (~0U)

extern const struct option_row option_table[];
extern const size_t option_table_count;

/* Whether the verb takes it. */
bool option_is_for(const struct option_row *row, const struct verb *verb);

/* "--wait", or "-t". `out` has room for a letter. Returns the name. */
const char *option_name(const struct option_row *row, char out[3]);

/* The whole program's help, or that of one verb. */
void option_table_help(const struct verb *verb);

#endif
