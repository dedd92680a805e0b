/*
 * domains - the site's declared domains, from the configuration and from the files that it names
 *
 * A domain file has one domain a line, written as in "domains"; `#` starts a comment, blank lines
 * are skipped. A file is read as a stream, line by line: a million domains take no more memory than
 * the set that they end in. A mistake names the line and never repeats it: whoever may choose the
 * configuration's text must not read root's files through it. The file is refused when others may
 * change it, see access.h.
 */
#ifndef RELAYWARDEN_CONF_DOMAINS_H
#define RELAYWARDEN_CONF_DOMAINS_H

#include "conf/fill.h"
#include "lib/site.h"

#define CONF_DOMAIN_MISTAKES 20 /* reported of one file; of further ones the number */

/* Fills site->domains and site->main_domain. Mistakes are reported with the file and line where
 * they are. -1: memory is out. */
int conf_domains_load(struct conf_draft *draft, struct site_settings *site);

#endif
