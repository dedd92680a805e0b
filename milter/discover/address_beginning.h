/*
 * address_beginning - how Sendmail's tables name networks
 *
 * By what an address begins with, whole parts of it (cf/README, "Access database"): "10.1" is
 * 10.1.0.0/16, "IPv6:2001:db8" is 2001:db8::/32. Pure; any thread.
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_ADDRESS_BEGINNING_H
#define RELAYWARDEN_MILTER_DISCOVER_ADDRESS_BEGINNING_H

#include <stdbool.h>

#include "lib/address.h"

/* An address, or the beginning of one, as a network ("10.1.0.0/16"). False: it is neither. */
bool address_beginning(const char *text, char out[NETWORK_TEXT_SIZE]);

#endif
