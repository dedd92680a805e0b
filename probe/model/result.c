#include "probe/model/result.h"

#include <stdlib.h>

void result_free(struct endpoint_result *result)
{
    texts_free(&result->texts);
    free(result->findings);
    result->findings = NULL;
    result->finding_count = 0;
    result->finding_room = 0;
    result->technique_count = 0;
}

struct technique_result *result_add(struct endpoint_result *result,
                                    const struct technique *technique)
{
    if (result->technique_count == RESULT_TECHNIQUES) {
        return NULL;
    }
    struct technique_result *row = &result->techniques[result->technique_count++];
    *row = (struct technique_result){
        .technique = technique, .helo = "", .sender = "", .recipient = "", .text = "not asked"};
    return row;
}

struct finding *result_add_finding(struct endpoint_result *result)
{
    if (result->finding_count == RESULT_FINDINGS) {
        return NULL;
    }
    if (result->finding_count == result->finding_room) {
        size_t room = result->finding_room + 1;
        struct finding *findings = realloc(result->findings, room * sizeof(*findings));
        if (findings == NULL) {
            return NULL;
        }
        result->findings = findings;
        result->finding_room = room;
    }
    return &result->findings[result->finding_count++];
}
