#include "tests/unit/one_result.h"

struct endpoint_result result;
const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};
const struct vantage_known inside = {.declared = VANTAGE_INSIDE};

int one_result_fresh(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    return 0;
}

int one_result_free(void **state)
{
    (void)state;
    result_free(&result);
    return 0;
}
