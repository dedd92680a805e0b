/*
 * milter_evidence - what the site's filter and the probe say together, and where they differ
 *
 * The filter tells which client address the MTA saw (milter_talk.h); together with ours that shows
 * the NAT, container or proxy which makes strangers look like somebody else. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_MILTER_EVIDENCE_H
#define RELAYWARDEN_PROBE_JUDGE_MILTER_EVIDENCE_H

#include <stdbool.h>

#include "probe/model/result.h"
#include "probe/model/vantage.h"

/* Whether the MTA saw us under an address that is not ours. */
bool milter_evidence_is_hidden(const struct endpoint_result *result);

/* Whether the filter saw the MTA accept more than we heard of. */
bool milter_evidence_lacks_replies(const struct endpoint_result *result);

/* Adds the findings client-address-hidden, milter-missing and vantage-unproven, and notes. */
void milter_evidence_judge(struct endpoint_result *result, const struct vantage_known *vantage);

/* Why and remedy, added to the result's: strangers are hidden, and therefore relayed or not known
 * to be; what was accepted never came to the filter. */
void milter_evidence_explain_open(struct endpoint_result *result, const struct site *site);
void milter_evidence_explain_hidden(struct endpoint_result *result, const struct site *site);
void milter_evidence_explain_discarded(struct endpoint_result *result);

#endif
