/*
 * derive - the questions that come out of a Postfix candidate
 *
 * From mynetworks, and from each line of an access table that lets by. A request must pass one list
 * of restrictions after another: of each that turns strangers away, whoever it lets on is asked
 * with what the next ones let by. A value that is a class or a list of restrictions goes on, too,
 * with the key that has it. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_H

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/questions.h"

void derive_questions(struct candidate *candidate, struct questions *questions);

#endif
