/*
 * senders - which of the site's declared domains an audit asks for as senders
 *
 * A server that trusts senders may trust those of one of the site's domains alone. The endpoint's
 * own domain is asked for at every audit (own-sender), and up to RESULT_SENDERS others in turn: a
 * site may have a million. They are asked last, with what max_refusals leaves. One that was granted
 * is asked for again by the next audit, so that it shows when it is over. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_SENDERS_H
#define RELAYWARDEN_PROBE_MODEL_SENDERS_H

#include <stddef.h>

#include "lib/site.h"
#include "probe/model/result.h"

/* Fills result->senders before anything is asked, from the domain at `place` on (see
 * site_next_domain; 0 is the first). The site outlives the result. */
void senders_choose(struct endpoint_result *result, const struct site *site, size_t place);

/* Where the next audit is to go on; 0 = at the beginning. */
size_t senders_next(const struct endpoint_result *result);

/* One sentence that names the declared domains that were not asked for, as far as there is room;
 * false if there are none. */
bool senders_tell_left(const struct endpoint_result *result, const struct site *site,
                       char out[RESULT_NOTE_SIZE]);

#endif
