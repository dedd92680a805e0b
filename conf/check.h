/* check - what the values of a configuration say together. Nothing is looked up on the machine. */
#ifndef RELAYWARDEN_CONF_CHECK_H
#define RELAYWARDEN_CONF_CHECK_H

#include "conf/fill.h"
#include "lib/site.h"

/* The largest canary domain that leaves room for a token (RFC 5321 section 4.5.3.1.1: 64 octets of
 * local part for "TOKEN@DOMAIN" in quotes). */
#define CONF_CANARY_DOMAIN_MAX 37

/* Judges values by each other: nothing is looked up on the machine. `site` as far as it could be
 * made. */
void conf_check_values(const struct conf_draft *draft, const struct site_settings *site);

#endif
