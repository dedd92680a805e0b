/*
 * junit - test results as continuous integration reads them
 *
 * The dialect that Jenkins, GitLab and GitHub's actions have in common (there is no standard):
 * testsuites > testsuite with counts > testcase with at most one failure, error or skipped. Suites
 * are written as they come, so memory does not grow with them. Any text may be handed in: what XML
 * 1.0 does not allow becomes "?". One thread a stream.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_JUNIT_H
#define RELAYWARDEN_PROBE_REPORT_JUNIT_H

#include <stddef.h>
#include <stdio.h>

enum junit_outcome {
    JUNIT_PASSED,
    JUNIT_FAILED,  /* what was tested is not as it should be */
    JUNIT_ERROR,   /* it could not be tested */
    JUNIT_SKIPPED, /* it was not to be tested here */
};

struct junit_case {
    const char *name;
    enum junit_outcome outcome;
    const char *type;    /* a word for why it failed; unused when it passed */
    const char *message; /* one line; unused when it passed */
    const char *detail;  /* further lines; NULL = none */
};

struct junit_suite {
    const char *name;
    const struct junit_case *cases;
    size_t count;
    double seconds;
};

void junit_begin(FILE *out, const char *name);
void junit_write(FILE *out, const struct junit_suite *suite);
void junit_end(FILE *out);

#endif
