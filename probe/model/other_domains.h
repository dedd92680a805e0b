/*
 * other_domains - which of the site's declared domains an audit asks for beside the endpoint's own
 *
 * A server that trusts senders, or names in a greeting, may trust those of one of the site's
 * domains alone. The endpoint's own domain is asked for at every audit (own-sender, helo-own), and
 * up to OTHER_SENDERS and OTHER_HELOS others in turn: a site may have a million. They are asked
 * last, with what max_refusals leaves. One that was granted is asked for again by the next audit,
 * so that it shows when it is over. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_OTHER_DOMAINS_H
#define RELAYWARDEN_PROBE_MODEL_OTHER_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/site.h"
#include "probe/model/result.h"

/* own-sender, helo-own */
const struct technique *other_domains_technique(enum domain_role role);

/* Fills result->others[role] before anything is asked, from the domain at `place` on (see
 * site_next_domain; 0 is the first). The site outlives the result. */
void other_domains_choose(struct endpoint_result *result, enum domain_role role,
                          const struct site *site, size_t place);

/* Whether one of them has its answer in this audit, and none was granted: then the other role's
 * wait longer. */
bool other_domains_had_turn(const struct endpoint_result *result, enum domain_role role);

/* Whether the next audit has any to go on with, and where; 0 = at the beginning. */
bool other_domains_wait(const struct endpoint_result *result, enum domain_role role, size_t *place);

/* One sentence that names the declared domains that were not asked for, as far as there is room;
 * false if there are none. */
bool other_domains_tell_left(const struct endpoint_result *result, enum domain_role role,
                             const struct site *site, char out[RESULT_NOTE_SIZE]);

#endif
