/*
 * probe_pages - what the probe's daemon answers over HTTP
 *
 * The page, the API and an endpoint are read from the state database, or a fleet's, which an audit
 * does not wait for; metrics are those of the text file. The answering thread holds the
 * configuration in force for as long as that takes.
 */
#ifndef RELAYWARDEN_PROBE_HTTP_PROBE_PAGES_H
#define RELAYWARDEN_PROBE_HTTP_PROBE_PAGES_H

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "lib/http/http_reply.h"
#include "probe/http/health.h"
#include "probe/report/history.h"
#include "probe/report/metrics_state.h"

struct probe_pages;

/* NULL when memory is out. The health outlives it. */
struct probe_pages *probe_pages_new(const struct health *health);

/* history_read, or the same of a fleet. */
struct probe_pages_reader {
    struct history *(*all)(const struct conf *conf, time_t now, char error[HISTORY_ERROR_SIZE]);
    /* Reads the endpoints whose key begins so; NULL: all is read for one, too. */
    struct history *(*one)(const struct conf *conf, time_t now, const char *key,
                           char error[HISTORY_ERROR_SIZE]);
};

/* Before anybody asks. All outlive it; `standing` may be NULL: memory was out for it. */
void probe_pages_use(struct probe_pages *pages, struct metrics_state *standing,
                     const struct reporter *reporter, const struct probe_pages_reader *read);
void probe_pages_free(struct probe_pages *pages); /* NULL is nothing */

/* Holds the configuration from now on instead of the one before. Any thread. */
void probe_pages_configure(struct probe_pages *pages, struct conf *conf);

/* For a struct http_pages, whose `user` is a struct probe_pages. */
extern const struct http_route probe_routes[];

#endif
