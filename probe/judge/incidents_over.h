/*
 * incidents_over - which incidents an audit shows to be over
 *
 * An incident about an endpoint is over where the audit asked about it and found nothing of the
 * kind. A question without an answer shows nothing: an endpoint that could not be reached, was
 * asked from inside, or whose block lists did not answer, ends no incident about that; and one that
 * cut the probe off after `plain`, closed as it is, ends nothing that only other techniques show.
 * One of which a finding could not be kept ends nothing at all. Where several targets share an
 * endpoint, an incident ends by an audit of the one that it was found for.
 *
 * It is over, too, where the endpoint is none of the site's any more: a target that is taken off
 * the configuration, or a host that moves to another address, leaves incidents behind that no audit
 * would ask about again. Only an audit shows that which asked all targets, to its end, and learnt
 * from DNS all their addresses.
 *
 * Plain data, a copy of what it needs; any thread, one at a time.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_INCIDENTS_OVER_H
#define RELAYWARDEN_PROBE_JUDGE_INCIDENTS_OVER_H

#include "conf/conf.h"
#include "lib/finding.h"
#include "probe/model/audit_summary.h"
#include "probe/model/vantage.h"

struct incidents_over;

/* The results were judged by the same vantage. NULL when memory is out. */
struct incidents_over *incidents_over_new(const struct conf_probe *probe,
                                          const struct audit_summary *summary,
                                          const struct vantage_known *vantage);
void incidents_over_free(struct incidents_over *resolved); /* NULL is nothing */

/* Whether the incident of this finding is over. Of a finding that could not be read back, kind, key
 * and fold are enough. One with subject "any" (lib/alert/subject.h) is, if the audit could have
 * found all that it may stand for: what was found was added to it (incident_review). */
bool incidents_over_has(const struct incidents_over *resolved, const struct finding *finding);

#endif
