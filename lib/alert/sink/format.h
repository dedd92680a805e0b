/*
 * format - the one line of syslog, and the one line of JSON, that an announcement becomes
 *
 * Pure; any thread. Shapes: DESIGN "Findings". Timestamps are RFC 3339 in UTC.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_FORMAT_H
#define RELAYWARDEN_LIB_ALERT_SINK_FORMAT_H

#include <jansson.h>
#include <stddef.h>

#include "lib/alert/sink/sink.h"
#include "lib/finding_page.h"

#define FORMAT_TIME_SIZE 21
#define FORMAT_WHY_SIZE  (FINDING_WHY_SIZE + 80)
/* `schema` of an announcement's JSON, that of conf/share/schemas/alert.schema.json. Within one
 * number, members are added alone. */
#define FORMAT_SCHEMA    1
#define FORMAT_TEST_KIND "alert-test" /* the kind of a test, which is no finding's */

/* The announcement's kind: its finding's, but for a test. */
const char *format_kind(const struct announcement *announcement);

/* The finding's sentence; that of a resolved one says first that it is over and since when. Returns
 * `out`. */
const char *format_why(const struct announcement *announcement, char out[FORMAT_WHY_SIZE]);

/* Where a person reads of it (lib/finding_page.h). Returns `out`. */
const char *format_page(const struct announcement *announcement, char out[FINDING_PAGE_SIZE]);

/* 'CRITICAL open-relay incident=ID state=opened ... count=1 why="..."', without a newline and
 * without the program's tag: the logged fields in the finding's order, then count and why. Quoted
 * are values that are marked FIELD_QUOTED, and values with a space, a quote, = or nothing in them
 * (`helo=""`); a quote inside is
 * \". The why of a resolved one says first that it is over and since when. A text that does not fit
 * is cut at a character's boundary and the cut shown by "...". Returns the length. */
size_t format_kv(char *out, size_t size, const struct announcement *announcement);

/* The JSON line's object; the caller owns the reference. Dump it with JSON_COMPACT (jansson keeps
 * the order). NULL when memory is out. */
json_t *format_json(const struct announcement *announcement, const struct sink_identity *identity);

/* '@cee: {...}' with the same object, always whole: what does not fit makes it lose its fix, then
 * evidence from the end, then its page and its why. Returns the length; without memory, the line of
 * format_kv.
 */
size_t format_cee(char *out, size_t size, const struct announcement *announcement,
                  const struct sink_identity *identity);

/* The same for a line of the program's own: {"program":...,"host":...,"message":...}. */
size_t format_cee_line(char *out, size_t size, const char *line,
                       const struct sink_identity *identity);

/* An object of a finding's fields that have this place (enum field_place): the JSON line's
 * `subject` or `evidence`. NULL when memory is out. */
json_t *format_json_fields(const struct finding *finding, unsigned int place);

/* "2026-11-22T01:02:03Z" */
const char *format_time(char out[FORMAT_TIME_SIZE], time_t time);

/* The greatest length up to `max` at which `text` (at least `max` bytes of UTF-8) can be cut
 * without splitting a character. */
size_t format_cut(const char *text, size_t max);

/* The same for a string, which may be shorter. */
size_t format_cut_to(const char *text, size_t max);

#endif
