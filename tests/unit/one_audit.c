#include "tests/unit/one_audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct incidents_over *one_audit_over;

bool one_audit_ends(enum finding_kind kind, const char *key)
{
    struct finding finding;

    finding_init(&finding, kind);
    snprintf(finding.key, sizeof(finding.key), "%s", key);
    snprintf(finding.fold, sizeof(finding.fold), "%.*s", (int)strcspn(key, " "), key);
    return incidents_over_has(one_audit_over, &finding);
}

void one_audit_key(const char *rest, char key[FINDING_KEY_SIZE])
{
    snprintf(key, FINDING_KEY_SIZE, "203.0.113.25:25/none%s%s", rest[0] != '\0' ? " " : "", rest);
}

bool one_audit_ends_anything(void)
{
    static const char *const rests[] = {"", " xclient", " xforward", " zen.spamhaus.org", " any"};
    char key[FINDING_KEY_SIZE];

    for (int i = 0; i < FINDING_KINDS; i++) {
        for (enum cause cause = CAUSE_NONE; cause <= CAUSE_UNCONDITIONAL; cause++) {
            snprintf(key, sizeof(key), "203.0.113.25:25/none %s", cause_name(cause));
            if (one_audit_ends((enum finding_kind)i, key)) {
                return true;
            }
        }
        for (size_t j = 0; j < sizeof(rests) / sizeof(rests[0]); j++) {
            snprintf(key, sizeof(key), "203.0.113.25:25/none%s", rests[j]);
            if (one_audit_ends((enum finding_kind)i, key)) {
                return true;
            }
        }
    }
    return false;
}

void one_audit(const struct vantage_known *vantage)
{
    const struct conf_probe probe = {.target_count = 0};
    const struct endpoint_result *const results[] = {&result};
    const struct audit_summary summary = {.results = results, .count = 1};

    result.endpoint.configured = true;
    audit_sample_judge(&result, vantage);
    incidents_over_free(one_audit_over);
    one_audit_over = incidents_over_new(&probe, &summary, vantage);
    assert_non_null(one_audit_over);
}

int one_audit_fresh(void **state)
{
    (void)one_result_fresh(state);
    result.dns = NULL;
    return 0;
}

int one_audit_free(void **state)
{
    incidents_over_free(one_audit_over);
    one_audit_over = NULL;
    return one_result_free(state);
}
