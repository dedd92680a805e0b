/*
 * alert_sample - what the tests of lib/alert share: findings, a folder, a syslog daemon's socket
 *
 * Each fails the running test when it cannot do its work.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_ALERT_SAMPLE_H
#define RELAYWARDEN_TESTS_UNIT_ALERT_SAMPLE_H

#include <stddef.h>

#include "lib/alert/incident_table.h"
#include "lib/alert/sink/sink.h"

extern const struct sink_identity sample_identity;
extern const struct alert_settings sample_settings; /* syslog only; no reminders, no quiet end */

/* A finding of one subject; its field "network" is `rest`. */
struct finding sample_finding(enum finding_kind kind, const char *fold, const char *rest);

/* The milter's open-relay, with each field of the line in DESIGN. */
struct finding sample_open_relay(void);

/* Opened on 22 November 2026, 01:02:03 UTC, with id 0123456789abcdef. */
struct announcement sample_announcement(const struct finding *finding);

/* Adds a finding, or resolves a subject, and takes it in at once. */
void sample_add(struct incident_table *table, const struct finding *finding, time_t now);
void sample_resolve(struct incident_table *table, enum finding_kind kind, const char *key,
                    time_t now);

/* A new folder under /tmp, and its removal with the files in it. The caller frees the path by
 * removing it. */
char *sample_folder(void);
void sample_folder_remove(char *folder);
const char *sample_path(const char *folder, const char *name, char out[256]);

/* A bound datagram socket. */
int sample_daemon(const char *path);

/* The next datagram as a string, waiting at most `wait_ms`; -1: none came. */
int sample_receive(int daemon, char *out, size_t size, int wait_ms);

/* The whole of a small file as a string; the caller frees it. */
char *sample_read_file(const char *path);

#endif
