/*
 * over - which incidents an audit of an endpoint shows to be over
 *
 * Pure; any thread. What was not learnt shows nothing: an endpoint that could not be reached, was
 * asked from inside, or whose block lists did not answer, ends no incident about that; and one that
 * cut the probe off after `plain`, closed as it is, ends nothing that only other techniques show.
 */
#ifndef RELAYWARDEN_PROBE_OVER_H
#define RELAYWARDEN_PROBE_OVER_H

#include "probe/judge/verdict.h"
#include "probe/model/result.h"

/* `key` is that of a finding (lib/finding.h), and valid during the call. */
typedef void (*over_found)(enum finding_kind kind, const char *key, void *user);

/* Hands out every incident that this endpoint could have had and that its audit shows gone: most
 * of them never were. The result was judged by the same vantage. */
void over_each(const struct endpoint_result *result, const struct vantage_known *vantage,
               over_found found, void *user);

#endif
