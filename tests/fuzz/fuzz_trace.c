/* probe/rehearse/postfix/trace.c: a log in which strangers' words stand. */
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/postfix/trace.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    char *recipient = fuzz_field(&input);
    size_t size = 0;
    char *text = fuzz_text(&input, &size);
    struct trace trace;

    FUZZ_MUST(trace_read(text, size, recipient, &trace));
    FUZZ_MUST(trace.count <= TRACE_FACTS_MAX);
    for (size_t i = 0; i < trace.count; i++) {
        const struct trace_fact *fact = &trace.facts[i];
        FUZZ_MUST(fact->subject != NULL);
        FUZZ_MUST(fact->kind != TRACE_TABLE || (fact->table != NULL && fact->key != NULL));
        FUZZ_MUST(fact->kind != TRACE_ALIAS || (fact->table != NULL && fact->key != NULL));
        FUZZ_MUST(fact->kind != TRACE_LIST || (fact->table == NULL) == (fact->pattern != NULL));
    }
    trace_free(&trace);
    free(text);
    free(recipient);
    return 0;
}
