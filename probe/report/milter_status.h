/*
 * seen - what the filter saw: its snapshot.json, read
 *
 * Whoever wrote the file is not believed: it is a regular file of bounded size, each member that is
 * shown has its type, and every text in it is printable (printable.h), or it is refused with a
 * sentence that says what to do. Members that are not known are passed over: a later version may
 * have more. The shape is in relaywarden-milter(8). One thread.
 */
#ifndef RELAYWARDEN_PROBE_SEEN_H
#define RELAYWARDEN_PROBE_SEEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define SEEN_ERROR_SIZE 640
#define SEEN_SIZE_MAX   (8UL << 20)
#define SEEN_FORMAT_MAX 1 /* the latest that is understood */

/* A filter that runs writes one every five minutes, whatever happens. */
#define SEEN_FRESH_SECONDS 900

struct seen {
    json_t *object; /* of the shape; ask it with the functions below */
    time_t written;
    time_t started;
};

/* NULL and a sentence. */
struct seen *seen_read(const char *path, char error[SEEN_ERROR_SIZE]);

/* The same for a text; `name` is printable and stands for the file in sentences. */
struct seen *seen_parse(const char *text, size_t length, const char *name,
                        char error[SEEN_ERROR_SIZE]);
void seen_free(struct seen *snapshot); /* NULL is nothing */

/* ---- what is in it: members that the shape has, of the type that it gives them ---- */

const char *seen_text(const json_t *object, const char *name);
long long seen_count(const json_t *object, const char *name);
time_t seen_time(const json_t *object, const char *name); /* 0: null */
bool seen_is_true(const json_t *object, const char *name);

/* ---- what it means ---- */

bool seen_is_running(const struct seen *snapshot);

/* "" or a sentence, which is printable: why it does not tell what is so now. */
#define SEEN_DOUBT_SIZE 400
const char *seen_doubt(const struct seen *snapshot, time_t now, char out[SEEN_DOUBT_SIZE]);

/* A sentence about the probe's visits; *missing: they should have come. */
const char *seen_visits(const struct seen *snapshot, char out[SEEN_DOUBT_SIZE]);

/* "half of them within 10 us, 99 of 100 within 1 ms", or why that is not known. */
#define SEEN_ANSWERS_SIZE 128
const char *seen_answers(const struct seen *snapshot, char out[SEEN_ANSWERS_SIZE]);

/* "none", "a.test, b.test", or "more than 16: ...": the filter counts no further. The caller frees
 * it; NULL when memory is out. */
char *seen_domains(const struct seen *snapshot);

/* The readable account. */
void seen_print(FILE *out, const struct seen *snapshot, time_t now, bool colour);

#endif
