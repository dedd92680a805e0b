/*
 * schedule - when each configured target is audited next
 *
 * A target is due when it is new, then every interval. The interval is spread by a tenth either
 * way, so that many probes of one site, or many targets of one probe, do not fall into step, and a
 * server that looks open at certain hours only is found out in time. Of more than a hundred targets
 * those that are due within a hundredth of their interval, a minute at most, are due with the
 * first. Times are seconds of a clock that is never set back. Pure but for memory; one thread.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_SCHEDULE_H
#define RELAYWARDEN_PROBE_AUDIT_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

#define SCHEDULE_RETRY_S 300 /* at most, after an audit that could not be made at all */

struct schedule;

/* All targets are due at `now`, but for those that `before` (which may be NULL) has with the same
 * name and what they ask unchanged: these keep their time, or get their new interval from now on if
 * that is sooner. Target `i` is probe->targets[i]; nothing points there afterwards. NULL when
 * memory is out. */
struct schedule *schedule_new(const struct conf_probe *probe, const struct schedule *before,
                              int64_t now);
void schedule_free(struct schedule *schedule); /* NULL is nothing */

/* Seconds until the next is due, 0 if one is. */
int64_t schedule_wait(const struct schedule *schedule, int64_t now);

bool schedule_is_due(const struct schedule *schedule, size_t target, int64_t now);

/* All are due now. */
void schedule_hurry(struct schedule *schedule, int64_t now);

/* The target was audited. `chance` is any number from the whole range, and decides the spread. */
void schedule_done(struct schedule *schedule, size_t target, int64_t now, uint32_t chance);

/* It could not be. */
void schedule_failed(struct schedule *schedule, size_t target, int64_t now);

#endif
