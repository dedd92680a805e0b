#include "probe/model/audit_summary.h"

const struct endpoint_result *audit_summary_result(const struct audit_summary *summary,
                                                   size_t index)
{
    if (summary->results != NULL) {
        return summary->results[index];
    }
    if (summary->spare != NULL && index + 1 == summary->count) {
        return summary->spare;
    }
    return result_store_get(summary->store, summary->places[index]);
}
