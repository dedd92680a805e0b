#include "probe/judge/probe_finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void probe_finding_into(struct finding *finding, const struct endpoint_result *result,
                        enum finding_kind kind, const char *rest)
{
    char endpoint[ENDPOINT_PLACE_SIZE];

    finding_init(finding, kind);
    finding_subject(finding, endpoint_place(&result->endpoint, result_tls(result), endpoint), rest);
    finding_add(finding, "endpoint", PROBE_FINDING_NAMING, endpoint);
    finding_add(finding, "target", PROBE_FINDING_SHOWN, result->endpoint.target);
    finding_add(finding, "host", PROBE_FINDING_SHOWN, result->endpoint.host);
}

struct finding *probe_finding_add(struct endpoint_result *result, enum finding_kind kind,
                                  const char *rest)
{
    struct finding *finding = result_add_finding(result);

    if (finding == NULL) {
        result->unkept |= UINT64_C(1) << kind;
        return NULL;
    }
    probe_finding_into(finding, result, kind, rest);
    return finding;
}

void probe_finding_source(struct finding *finding, const struct endpoint_result *result)
{
    char source[ADDRESS_TEXT_SIZE];

    finding_add(finding, "tls", PROBE_FINDING_SHOWN, tls_mode_name(result_tls(result)));
    if (result->source.family != ADDRESS_NONE) {
        finding_add(finding, "source", PROBE_FINDING_SHOWN,
                    address_format(&result->source, source));
    }
}

void probe_finding_note(struct endpoint_result *result, const char *format, ...)
{
    va_list arguments;

    if (result->note_count == RESULT_NOTES) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(result->notes[result->note_count++], RESULT_NOTE_SIZE, format, arguments);
    va_end(arguments);
}
