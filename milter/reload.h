/*
 * reload - a new configuration while the filter runs
 *
 * A good configuration is put in force for new connections; a bad one is reported and the old one
 * stays. Main thread.
 */
#ifndef RELAYWARDEN_MILTER_RELOAD_H
#define RELAYWARDEN_MILTER_RELOAD_H

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "milter/discover/mta_transports.h"
#include "milter/service/web.h"

void reload(const char *path, struct reporter *reporter, struct web *web);

/* Tells what the MTA said of the transports that it uses for others, as far as it matters to these
 * settings. */
void reload_say_transports(struct reporter *reporter, enum mta_answer answer,
                           const struct mta_transports *transports,
                           const struct conf_milter *settings);

#endif
