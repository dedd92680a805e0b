/*
 * acl_trace - what Exim says of a recipient that it accepted
 *
 * Reads the debug output of `-d-all+acl+lists+lookup+route+receive`: the statements of the ACL for
 * RCPT that were processed, which items of lists and which lines of files matched in each, and
 * which routers made another address of the recipient. A named list that was matched before on the
 * same connection is told as "cached": what matched then counts.
 *
 * Pure; one thread. The trace owns its texts.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_ACL_TRACE_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_ACL_TRACE_H

#include <stdbool.h>
#include <stddef.h>

enum acl_fact_kind {
    ACL_MATCH,  /* `item` of a list, in `file` if it was read from one */
    ACL_LOOKUP, /* `item` is the key that was found in `file`, by `type` */
    ACL_ROUTER, /* `item` is its name */
};

struct acl_fact {
    enum acl_fact_kind kind;
    size_t statement; /* ACL_NO_STATEMENT: it is of none */
    const char *item;
    const char *file; /* or NULL */
    const char *type; /* "lsearch", "iplsearch", or NULL */
};

#define ACL_NO_STATEMENT ((size_t)-1)

enum acl_result {
    ACL_UNTOLD,
    ACL_SUCCEEDED, /* the conditions are so */
    ACL_FAILED,
};

struct acl_statement {
    const char *verb;
    const char *path;
    unsigned int line;
    enum acl_result result;
};

struct acl_trace {
    char *text;
    struct acl_statement *statements;
    size_t statement_count;
    struct acl_fact *facts;
    size_t fact_count;
    size_t first; /* statements from here on are of the recipient that was accepted */
    size_t end;   /* one behind its last */
};

/* Of the last request for `recipient` that was accepted. False when memory is out, or there is
 * none; then there is nothing to free. */
bool acl_trace_read(const char *text, size_t length, const char *recipient, struct acl_trace *out);
void acl_trace_free(struct acl_trace *trace);

#endif
