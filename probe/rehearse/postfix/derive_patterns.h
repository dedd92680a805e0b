/*
 * derive_patterns - the questions that come out of a table of regular expressions
 *
 * For each line that permits a text is guessed which it matches (pattern_word.h), within the `if`s
 * that it stands in, and made an address, a name or a client as the check looks it up. postmap says
 * which of these the table really permits. A line of which nothing could be guessed that even it
 * alone answers for is told to be unknown: whom it lets in was not asked.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_PATTERNS_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_PATTERNS_H

#include <stdbool.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/questions.h"

struct derive_patterns_of {
    struct candidate *candidate;
    struct questions *questions;
    enum question_kind kind;
    bool (*permits)(const char *value); /* NULL: every line counts, as in a list of networks */
    /* Called with each guess that the table permits, and its value; false: that is enough. */
    bool (*see)(void *own, const char *text, const char *value);
    void *own;
};

/* `table` is the index of a regexp or pcre table with a text. */
void derive_patterns(const struct derive_patterns_of *of, size_t table);

#endif
