/*
 * sinks - the table of all sinks, and which of them the settings ask for
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_SINKS_H
#define RELAYWARDEN_LIB_ALERT_SINK_SINKS_H

#include "lib/alert/sink/sink.h"

/* All sinks that there are. */
extern const struct sink_kind sink_kinds[];

/* Whether one of the sinks that these settings ask for would bring an alert to somebody now: each
 * is tried, the fast ones first, until one works. As the user that the program is; a file may be
 * made. False: `why` has one sentence a sink. Without memory it is true: the reporter will tell. */
bool sink_any_works(const struct sink_source *source, char *why, size_t size);

/* Makes the sink, sends one announcement through it and frees it. False and a sentence: it was not
 * taken. SIGPIPE must be ignored. */
bool sink_send(const struct sink_kind *kind, const struct sink_source *source,
               const struct announcement *announcement, char error[SINK_ERROR_SIZE]);

/* Sends one announcement, marked as a test, through every sink that the settings ask for, one after
 * the other, and tells of each whether it was taken (`error` is NULL) or why not. Returns how many
 * did not take it, or -1 when there is none. SIGPIPE must be ignored. */
typedef void (*sink_tested)(const char *name, const char *error, void *user);
int sink_test_all(const struct sink_source *source, sink_tested tell, void *user);

/* Whether what is sent to this syslog socket (NULL = "/dev/log") arrives in the journal. */
bool sink_syslog_is_journal(const char *socket);

#endif
