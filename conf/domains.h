/*
 * domains - the site's declared domains, from the configuration and from the files that it names
 *
 * A domain file has one domain a line, written as in "domains"; see line_file.h. A million domains
 * take no more memory than the set that they end in.
 */
#ifndef RELAYWARDEN_CONF_DOMAINS_H
#define RELAYWARDEN_CONF_DOMAINS_H

#include "conf/fill.h"
#include "lib/site.h"

/* Fills site->domains, site->main_domain and site->hosts, and for the probe, which asks whose a
 * host is, site->owners. Mistakes are reported with the file and line where they are. -1: memory is
 * out. */
int conf_domains_load(struct conf_draft *draft, struct site_settings *site);

#endif
