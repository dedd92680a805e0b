/*
 * snapshot - the filter's snapshot.json, read
 *
 * Whoever wrote the file is not believed: it is a regular file of bounded size, each member that is
 * shown has its type, and every text in it is printable (printable.h), or it is refused with a
 * sentence that says what to do. Members that are not known are passed over: a later version may
 * have more. The shape is in relaywarden-milter(8). One thread.
 */
#ifndef RELAYWARDEN_PROBE_SNAPSHOT_H
#define RELAYWARDEN_PROBE_SNAPSHOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define SNAPSHOT_ERROR_SIZE 640
#define SNAPSHOT_SIZE_MAX   (8UL << 20)
#define SNAPSHOT_FORMAT_MAX 1 /* the latest that is understood */

/* A filter that runs writes one every five minutes, whatever happens. */
#define SNAPSHOT_FRESH_SECONDS 900

struct snapshot {
    json_t *object; /* of the shape; ask it with the functions below */
    time_t written;
    time_t started;
};

/* NULL and a sentence. */
struct snapshot *snapshot_read(const char *path, char error[SNAPSHOT_ERROR_SIZE]);

/* The same for a text; `name` is printable and stands for the file in sentences. */
struct snapshot *snapshot_parse(const char *text, size_t length, const char *name,
                                char error[SNAPSHOT_ERROR_SIZE]);
void snapshot_free(struct snapshot *snapshot); /* NULL is nothing */

/* ---- what is in it: members that the shape has, of the type that it gives them ---- */

const char *snapshot_text(const json_t *object, const char *name);
long long snapshot_count(const json_t *object, const char *name);
time_t snapshot_time(const json_t *object, const char *name); /* 0: null */
bool snapshot_is_true(const json_t *object, const char *name);

/* ---- what it means ---- */

bool snapshot_is_running(const struct snapshot *snapshot);

/* "" or a sentence, which is printable: why it does not tell what is so now. */
#define SNAPSHOT_DOUBT_SIZE 400
const char *snapshot_doubt(const struct snapshot *snapshot, time_t now,
                           char out[SNAPSHOT_DOUBT_SIZE]);

/* A sentence about the probe's visits; *missing: they should have come. */
const char *snapshot_visits(const struct snapshot *snapshot, char out[SNAPSHOT_DOUBT_SIZE]);

/* "half of them within 10 us, 99 of 100 within 1 ms", or why that is not known. */
#define SNAPSHOT_ANSWERS_SIZE 128
const char *snapshot_answers(const struct snapshot *snapshot, char out[SNAPSHOT_ANSWERS_SIZE]);

/* "none", "a.test, b.test", or "more than 16: ...": the filter counts no further. The caller frees
 * it; NULL when memory is out. */
char *snapshot_domains(const struct snapshot *snapshot);

/* The readable account. */
void snapshot_print(FILE *out, const struct snapshot *snapshot, time_t now, bool colour);

#endif
