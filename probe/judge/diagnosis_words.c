#include "probe/judge/diagnosis_words.h"

#include <stdarg.h>
#include <string.h>

#include "lib/printable.h"

void diagnosis_say(char *out, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printable_append(out, size, format, arguments);
    va_end(arguments);
}

void diagnosis_end(char *out, size_t size, const char *trouble)
{
    size_t length = strlen(trouble);

    diagnosis_say(out, size, "%s%s%s", length > 0 ? ": " : "", trouble,
                  length > 0 && trouble[length - 1] == '.' ? "" : ".");
}

/* Room for " and NNNN more". */
#define LIST_REST 16

void diagnosis_list(char *out, size_t size, const struct endpoint_result *result,
                    enum evidence grant)
{
    const char *comma = "";
    size_t left_out = 0;

    for (size_t i = 0; i < result->technique_count; i++) {
        const char *id = result->techniques[i].technique->id;
        if (result->techniques[i].absent || evidence_of(&result->techniques[i]) != grant) {
            continue;
        }
        if (left_out > 0 || strlen(out) + strlen(comma) + strlen(id) + LIST_REST > size) {
            left_out++;
            continue;
        }
        diagnosis_say(out, size, "%s%s", comma, id);
        comma = ", ";
    }
    if (left_out > 0) {
        diagnosis_say(out, size, " and %zu more", left_out);
    }
}
