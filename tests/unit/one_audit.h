/*
 * one_audit - an audit of the one result (one_result.h), and which incidents it ends
 */
#ifndef RELAYWARDEN_TESTS_UNIT_ONE_AUDIT_H
#define RELAYWARDEN_TESTS_UNIT_ONE_AUDIT_H

#include "probe/judge/incidents_over.h"
#include "tests/unit/one_result.h"

/* Of the last audit; one_audit_free frees it. */
extern struct incidents_over *one_audit_over;

/* Judges the result. Not a whole audit: an endpoint that it does not ask has not left. */
void one_audit(const struct vantage_known *vantage);

/* A cmocka setup of a test, and a group's teardown. */
int one_audit_fresh(void **state);
int one_audit_free(void **state);

bool one_audit_ends(enum finding_kind kind, const char *key);
/* Of all that an endpoint may have. */
bool one_audit_ends_anything(void);

/* "203.0.113.25:25/none REST" */
void one_audit_key(const char *rest, char key[FINDING_KEY_SIZE]);

#endif
