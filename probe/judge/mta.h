/*
 * mta - which software answers
 *
 * A server is known by the words of its replies, by what EHLO offers, and by its greeting, which a
 * proxy or the operator may have chosen. Signs that contradict each other, as where one server
 * answers for another, make it unknown: then the advice for all three is given (lib/remedy.h).
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_MTA_H
#define RELAYWARDEN_PROBE_JUDGE_MTA_H

#include "lib/remedy.h"
#include "probe/model/result.h"

enum mta mta_recognise(const struct endpoint_result *result);

#endif
