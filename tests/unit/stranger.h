/*
 * stranger - whether a reply tells a stranger that relaying is refused
 *
 * The stranger comes from 203.0.113.7, is called probe.test, and writes to b@outside.test. Fails
 * the test that runs, and names each sentence that is judged wrong.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_STRANGER_H
#define RELAYWARDEN_TESTS_UNIT_STRANGER_H

#include <stdbool.h>
#include <stddef.h>

bool stranger_is_denied(const char *sender, const char *text);

/* Each sentence, said to four senders: the canary itself, one elsewhere, one of the site's, none.
 */
void stranger_judges(const char *const rows[], size_t count, bool wanted);

#endif
