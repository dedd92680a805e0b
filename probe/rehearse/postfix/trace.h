/*
 * trace - what a verbose smtpd and trivial-rewrite say of one recipient
 *
 * Postfix's daemons with `-v` log each check and each look-up:
 *
 *   generic_checks: name=check_client_access status=1       (1: permitted, 0: no opinion, 2:
 * refused) match_hostaddr: mynetworks: 198.51.100.7 ~? 0.0.0.0/0   (the last of a list is the one
 * that hit, match_list_match: 198.51.100.7: no match                 unless this follows)
 *   maps_find: hash:/x: hash:/x(0,lock|...): 198.51.100 = OK
 *   check_table_result: hash:/x OK 198.51.100.7
 *
 * Checks nest: a table may name a class of restrictions. The cause of a grant is told as facts, the
 * most special first. Nothing is known here of the configuration. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TRACE_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TRACE_H

#include <stdbool.h>
#include <stddef.h>

enum trace_fact_kind {
    TRACE_TABLE,       /* a check's table permitted, or named a class: `subject` the check, `table`,
                          `key` */
    TRACE_LIST,        /* an address or domain is in a list: `subject` the list's parameter; `table`
                          and `key`, or `pattern` */
    TRACE_RESTRICTION, /* `subject` permitted; `table` is its argument if it is known, or NULL */
    TRACE_ALIAS,       /* the recipient becomes another: `subject` the parameter, `table`, `key` */
};

struct trace_fact {
    enum trace_fact_kind kind;
    char *subject;
    char *table;
    char *key;
    char *pattern;
};

struct trace {
    struct trace_fact *facts;
    size_t count;
    size_t room;
    bool permitted;   /* a restriction permitted */
    bool destination; /* the check of the destination let it by: Postfix takes it as its own */
};

#define TRACE_FACTS_MAX 256

/* Reads the log of one request for `recipient` (without brackets): from the last RCPT for it on;
 * of trivial-rewrite, whose answers smtpd keeps, all. False: out of memory. */
bool trace_read(const char *text, size_t length, const char *recipient, struct trace *out);
void trace_free(struct trace *trace);

#endif
