/*
 * roster - what an audit of all targets has asked, to tell which incidents are about nothing any
 * more
 *
 * A target that is taken off the configuration, or a host that moves to another address, leaves
 * incidents behind that no audit would ever show to be over. Where all targets were asked and DNS
 * told all their addresses, what is not among these endpoints is none of the site's. Plain data;
 * any thread, one at a time.
 */
#ifndef RELAYWARDEN_PROBE_ROSTER_H
#define RELAYWARDEN_PROBE_ROSTER_H

#include "conf/conf.h"
#include "lib/finding.h"
#include "probe/report/report.h"

struct roster;

/* Copies what it needs. NULL when this audit does not show it: it was interrupted, or did not ask
 * every configured target; or when memory is out. */
struct roster *roster_new(const struct conf_probe *probe, const struct audit_summary *summary);
void roster_free(struct roster *roster);

/* Whether the finding is about an endpoint that is no target's any more. False where that is not
 * sure: some address of its target was not to be had. */
bool roster_has_left(const struct roster *roster, const struct finding *finding);

#endif
