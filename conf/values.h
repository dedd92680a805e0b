/*
 * values - the text of one value becomes a typed value
 *
 * Pure: nothing is looked up on the machine. Text that is read never changes its meaning by being
 * quoted or not. Any thread.
 */
#ifndef RELAYWARDEN_CONF_VALUES_H
#define RELAYWARDEN_CONF_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/names.h"
#include "conf/schema.h"

/* Octets of one value of this type, as it is stored. */
size_t conf_type_size(enum conf_type type);

/* Whether stored values are strings from malloc. */
bool conf_type_is_string(enum conf_type type);

/* Reads `text` for `option` into `out`, which has conf_type_size octets. False: `error` has what is
 * wrong and what is allowed, without the option's name; empty when memory is out. *out is then
 * untouched. A string in *out belongs to the caller. */
bool conf_value_read(const struct conf_option *option, const char *text, void *out,
                     char error[CONF_VALUE_ERROR_SIZE]);

#endif
