/*
 * answers - what tables on the network would say, told by the operator in a file
 *
 * A stage has no way to a database or a directory. Each line of the file is a table as the
 * candidate names it, a key and the value, as in
 *
 *     mysql:/etc/postfix/relay.cf  example.org  OK
 *
 * and a key that is not there is not found. On the stage each such table is a texthash of Postfix's
 * (DATABASE_README) with those lines at their numbers; in the candidate's text that stands in place
 * of the reference, so that its keys are asked and its lines blamed like those of any table.
 *
 * Read before the stage is laid; one thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_ANSWERS_H
#define RELAYWARDEN_PROBE_REHEARSE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWERS_ERROR_SIZE 512

struct answers;

/* NULL, and a sentence with the file and the line. */
struct answers *answers_read(const char *path, char error[ANSWERS_ERROR_SIZE]);
void answers_free(struct answers *answers);

/* Writes the tables on the stage. False, and a sentence. */
bool answers_lay(const struct answers *answers, char error[ANSWERS_ERROR_SIZE]);

/* A copy of the text with our tables in place of the references, to be freed, and its length; NULL:
 * it names none of them, or memory is out. Remembers which were named. */
char *answers_put(struct answers *answers, const char *text, size_t *length);

/* The text as the candidate has it, to be freed; NULL: nothing of ours is in it, or memory is out.
 */
char *answers_take_back(const struct answers *answers, const char *text);

/* The operator's file, where `path` is one of our tables or NULL; else `path`. */
const char *answers_file(const struct answers *answers, const char *path);

/* The reference and line of a table that the candidate did not name, from `*at` on, which is 0 at
 * first; NULL: there are no more. */
const char *answers_unused(const struct answers *answers, size_t *at, unsigned int *line);

#endif
