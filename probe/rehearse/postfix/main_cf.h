/*
 * main_cf - the settings of a main.cf, with their places
 *
 * postconf(5): NAME = VALUE; the last setting of a name wins. Expanding $names is postconf's
 * business; here is only where which text stands. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_MAIN_CF_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_MAIN_CF_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/postfix/cf_text.h"

struct main_setting {
    char *name;
    struct cf_line whole; /* from the name to the end */
    struct cf_line value; /* behind the `=` and white space; empty if begin == end */
};

struct main_cf {
    struct main_setting *settings;
    size_t count;
};

/* A line without `=` is no setting and passed over: postconf complains of it. False: out of memory.
 */
bool main_cf_read(const char *text, size_t length, struct main_cf *out);
void main_cf_free(struct main_cf *main);

/* The setting of that name that wins; NULL: none. */
const struct main_setting *main_cf_find(const struct main_cf *main, const char *name);

#endif
