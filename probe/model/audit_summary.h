/*
 * audit_summary - what one audit learnt of all its endpoints
 *
 * Made by the audit, read by everybody who reports of it. The audit owns whatever it points to. One
 * thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_AUDIT_SUMMARY_H
#define RELAYWARDEN_PROBE_MODEL_AUDIT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "probe/model/result.h"
#include "probe/model/result_store.h"

struct audit_summary {
    /* The results, in their order: audit_summary_result hands them out. */
    const struct endpoint_result *const *results; /* all of them; NULL: they are in the store */
    struct result_store *store;
    const struct result_place *const *places; /* in the store */
    const struct endpoint_result *spare; /* the last one, which stands for endpoints that memory was
                                            out for; or NULL */
    size_t count;
    time_t started;
    double seconds;
    bool interrupted;                 /* by a signal, before its end */
    bool whole;                       /* every target of the configuration was asked */
    char forgotten[RESULT_TEXT_SIZE]; /* a sentence: why the next audit will not know what this one
                                         learnt; "" = it will */
    enum vantage declared;
    struct address sources[8]; /* distinct local addresses that were used */
    size_t source_count;
};

/* The result at `index`, below `count`. Valid until the next call. */
const struct endpoint_result *audit_summary_result(const struct audit_summary *summary,
                                                   size_t index);

#endif
