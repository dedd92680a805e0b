/*
 * check_conf - the option -t: whether the milter could serve with this configuration
 *
 * Main thread, of a process that ends after it.
 */
#ifndef RELAYWARDEN_MILTER_SERVICE_CHECK_CONF_H
#define RELAYWARDEN_MILTER_SERVICE_CHECK_CONF_H

#include "conf/conf.h"

/* Says on standard output that `conf`, as it was read from `path`, is valid, with the fingerprints
 * of its keys. Root can read everything, and the unit and every reload are the option user: as root
 * it becomes that user for good, reads the file once more, and notes on standard error what is
 * denied. Returns the exit status. */
int check_conf(const struct conf *conf, const char *path);

#endif
