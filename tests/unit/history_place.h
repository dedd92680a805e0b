/*
 * history_place - where a test keeps the audits of one endpoint, and reads them as a history
 *
 * Each function fails the running test when it cannot do its work.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_HISTORY_PLACE_H
#define RELAYWARDEN_TESTS_UNIT_HISTORY_PLACE_H

#include "probe/report/history.h"
#include "tests/unit/audit_sample.h"

#define START 1800000000
#define DAY   86400

struct history_place {
    char *folder;
    char database[256];
    struct conf_target target;
    struct conf conf;
    struct endpoint_result result;
    char error[HISTORY_ERROR_SIZE];
};

/* A cmocka setup and teardown for a state that is one. */
int history_place_set_up(void **state);
int history_place_tear_down(void **state);

/* Judges and keeps the result, as of an audit that began then. */
bool history_place_try(struct history_place *place, time_t started);
void history_place_keep(struct history_place *place, time_t started);

/* Every technique is granted, or refused. */
void history_place_open(struct history_place *place);
void history_place_close(struct history_place *place);

/* To be freed. */
struct history *history_place_read(struct history_place *place, time_t now);
char *history_place_page(const struct history *history);
char *history_place_text(const struct history *history);

#endif
