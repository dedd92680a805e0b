/*
 * milter_status - what the filter saw: its snapshot.json, read
 *
 * The file's writer is not believed: it is a regular file of bounded size, each member that is
 * shown has its type, and every text in it is printable (printable.h), or it is refused with a
 * sentence that says what to do. Members that are not known are passed over: a later version may
 * have more. The shape is in relaywarden-milter(8). One thread.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_MILTER_STATUS_H
#define RELAYWARDEN_PROBE_REPORT_MILTER_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define MILTER_STATUS_ERROR_SIZE 640
#define MILTER_STATUS_SIZE_MAX   (8UL << 20)
#define MILTER_STATUS_FORMAT_MAX 1 /* the latest that is understood */

/* A filter that runs writes one every five minutes, whatever happens. */
#define MILTER_STATUS_FRESH_SECONDS 900

struct milter_status {
    json_t *object; /* of the shape; ask it with the functions below */
    time_t written;
    time_t started;
};

/* NULL and a sentence. */
struct milter_status *milter_status_read(const char *path, char error[MILTER_STATUS_ERROR_SIZE]);

/* The same for a text; `name` is printable and stands for the file in sentences. */
struct milter_status *milter_status_parse(const char *text, size_t length, const char *name,
                                          char error[MILTER_STATUS_ERROR_SIZE]);
void milter_status_free(struct milter_status *snapshot); /* NULL is nothing */

/* ---- what is in it: members that the shape has, of the type that it gives them ---- */

const char *milter_status_text(const json_t *object, const char *name);
long long milter_status_count(const json_t *object, const char *name);
time_t milter_status_time(const json_t *object, const char *name); /* 0: null */
bool milter_status_is_true(const json_t *object, const char *name);

/* ---- what it means ---- */

bool milter_status_is_running(const struct milter_status *snapshot);

/* "" or a sentence, which is printable: why it does not tell what is so now. */
#define MILTER_STATUS_DOUBT_SIZE 400
const char *milter_status_doubt(const struct milter_status *snapshot, time_t now,
                                char out[MILTER_STATUS_DOUBT_SIZE]);

/* A sentence about the probe's visits; *missing: they should have come. */
const char *milter_status_visits(const struct milter_status *snapshot,
                                 char out[MILTER_STATUS_DOUBT_SIZE]);

/* "half of them within 10 us, 99 of 100 within 1 ms", or why that is not known. */
#define MILTER_STATUS_ANSWERS_SIZE 128
const char *milter_status_answers(const struct milter_status *snapshot,
                                  char out[MILTER_STATUS_ANSWERS_SIZE]);

/* "none", "a.test, b.test", or "more than 16: ...": the filter counts no further. The caller frees
 * it; NULL when memory is out. */
char *milter_status_domains(const struct milter_status *snapshot);

/* The readable account. */
void milter_status_print(FILE *out, const struct milter_status *snapshot, time_t now, bool colour);

#endif
