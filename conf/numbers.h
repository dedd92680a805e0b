/*
 * numbers - the numbers and truth values of a configuration, out of their text
 *
 * The range that an option allows is in its row (conf/schema.c); conf/values.c refuses what is out
 * of it. Pure; any thread.
 */
#ifndef RELAYWARDEN_CONF_NUMBERS_H
#define RELAYWARDEN_CONF_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

#define CONF_VALUE_ERROR_SIZE 512 /* of a sentence about one value */

/* "yes", "on", "true": 1; "no", "off", "false": 0 (any case, as libconfuse has it); else -1. */
int conf_read_boolean(const char *text);

/* Decimal digits only (a leading zero makes no octal), from `least` to `most`. */
bool conf_read_number(const char *text, long least, long most, long *out);

/* `length` digits of `base`; -1: none, or something else among them; more than LONG_MAX stays
 * LONG_MAX. */
long conf_read_digits(const char *text, size_t length, int base);

#endif
