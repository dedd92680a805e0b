/*
 * reload - a new configuration while the filter runs
 *
 * A good configuration is put in force for new connections; a bad one is reported and the old one
 * stays. Main thread.
 */
#ifndef RELAYWARDEN_MILTER_RELOAD_H
#define RELAYWARDEN_MILTER_RELOAD_H

#include "lib/alert/reporter.h"

void reload(const char *path, struct reporter *reporter);

#endif
