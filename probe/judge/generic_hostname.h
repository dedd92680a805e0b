/*
 * generic_hostname - does a host name look as if a provider assigned it, or as if somebody chose
 * it?
 *
 * Receivers trust mail less from hosts whose reverse DNS has a name made by a template: lines of
 * homes, rented machines that nobody named. There is no registry of such names, so this is a guess
 * from their shape. These count, in this order:
 *
 * - the host's own address in the name (decimal, padded, reversed, out of order, hexadecimal, run
 *   together; IPv6 likewise), or four numbers in the shape of an IPv4 address;
 * - a provider's zone for machines without a name, or a word for "nobody lives here";
 * - a word for mail in the part that names the host: then it was chosen, also if it is numbered;
 * - words of access lines (dyn, dsl, pool, cust, ...);
 * - part of the address; a serial number.
 *
 * The registered domain, which is taken to be the last two labels (three below co.uk and its like),
 * is not searched for words: a company may well be called dsl.net. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_GENERIC_HOSTNAME_H
#define RELAYWARDEN_PROBE_JUDGE_GENERIC_HOSTNAME_H

#include <stdbool.h>

#include "lib/address.h"

/* Any case, with or without the trailing dot. `address`: the one that the name belongs to. */
bool generic_hostname_is_generic(const char *name, const struct address *address);

#endif
