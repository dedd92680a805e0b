/*
 * rehearsal_words - sentences of the stage, with the places that the operator knows
 *
 * A program that fails there names the stage's own folders; the operator, who reads that, knows
 * neither the shown candidate nor its copies. One thread a text.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_WORDS_H
#define RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_WORDS_H

#include <stddef.h>

/* Puts `directory`, where the candidate lies, in place of each folder of the stage that shows or
 * copies it, and `answers`, the file of --tables (NULL: there is none), in place of its tables. The
 * end is cut where the text becomes longer than `size`. */
void rehearsal_words(const char *directory, const char *answers, char *text, size_t size);

#endif
