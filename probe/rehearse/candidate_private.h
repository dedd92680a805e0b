/*
 * candidate_private - what the parts of a candidate share
 *
 * For them alone: candidate.c, which owns it all and its memory, and candidate_files.c, which reads
 * the files that it names.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_CANDIDATE_PRIVATE_H
#define RELAYWARDEN_PROBE_REHEARSE_CANDIDATE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

struct candidate_mta;
struct answers;
struct site;

/* Strings are only ever added. A pool that looks for doubles (probe/model/string_pool.h) takes
 * square time over the ten thousand networks that some mynetworks have. */
struct candidate_block {
    struct candidate_block *next;
    size_t used;
    size_t room;
    char octets[];
};

/* An array that grows. */
struct candidate_array {
    void *items;
    size_t count;
    size_t room;
};

struct candidate {
    const struct candidate_mta *mta;
    const struct site *site;
    struct answers *answers;
    const char *directory;
    const char *as;
    const char *scratch;
    bool is_live;
    bool is_lacking;
    const char *refusal; /* the MTA's words; NULL: it reads it */
    void *reading;       /* the MTA's own */
    struct candidate_block *strings;
    struct candidate_array owned; /* void *: texts of files, overrides of listeners */
    struct candidate_array files;
    struct candidate_array elements;
    struct candidate_array listeners;
    struct candidate_array tables;
    struct candidate_array warnings;
    struct candidate_array unknown;
    struct candidate_array left_out; /* size_t: elements */
    size_t *by_span;                 /* hash of elements by file and span: index + 1, 0 is free */
    size_t by_span_room;
};

/* The place of a new last item, zeroed; NULL: out of memory. */
void *candidate_array_add(struct candidate_array *array, size_t size);

/* Frees it with the candidate; false, and at once, when memory is out. */
bool candidate_own(struct candidate *candidate, void *block);

#endif
