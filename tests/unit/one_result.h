/*
 * one_result - the result that a test of judgement is about
 *
 * Such a test has one: it is big, and has one case at a time.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_ONE_RESULT_H
#define RELAYWARDEN_TESTS_UNIT_ONE_RESULT_H

#include "probe/model/result.h"
#include "probe/model/vantage.h"
#include "tests/unit/audit_sample.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

extern struct endpoint_result result;
extern const struct vantage_known outside;
extern const struct vantage_known inside;

/* A cmocka setup and teardown: audit_sample_closed, and the end of it. */
int one_result_fresh(void **state);
int one_result_free(void **state);

#endif
