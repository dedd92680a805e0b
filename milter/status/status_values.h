/*
 * status_values - counts and times as snapshot.json has them
 *
 * NULL when memory is out.
 */
#ifndef RELAYWARDEN_MILTER_STATUS_STATUS_VALUES_H
#define RELAYWARDEN_MILTER_STATUS_STATUS_VALUES_H

#include <jansson.h>
#include <stdint.h>

json_t *status_count_json(uint64_t count);

/* 0: null. */
json_t *status_time_json(int64_t time);

#endif
