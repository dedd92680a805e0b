#include "probe/judge/probe_finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SUBJECT_SIZE (ENDPOINT_TEXT_SIZE + 16)

static const char *subject_of(const struct endpoint_result *result, enum tls_mode tls,
                              char out[SUBJECT_SIZE])
{
    char where[ENDPOINT_TEXT_SIZE];

    address_format_port(&result->endpoint.address, result->endpoint.port, where);
    (void)snprintf(out, SUBJECT_SIZE, "%s/%s", where, tls_mode_name(tls));
    return out;
}

void raise_key(const struct endpoint_result *result, enum tls_mode tls, const char *rest,
               char key[FINDING_KEY_SIZE])
{
    char endpoint[SUBJECT_SIZE];
    struct finding finding = {.fields = 0};

    finding_subject(&finding, subject_of(result, tls, endpoint), rest);
    memcpy(key, finding.key, FINDING_KEY_SIZE);
}

struct finding *raise_finding(struct endpoint_result *result, enum finding_kind kind,
                              const char *rest)
{
    char endpoint[SUBJECT_SIZE];

    struct finding *finding = result_add_finding(result);
    if (finding == NULL) {
        return NULL;
    }
    finding_init(finding, kind);
    finding_subject(finding, subject_of(result, result_tls(result), endpoint), rest);
    finding_add(finding, "endpoint", RAISE_NAMING, endpoint);
    finding_add(finding, "target", RAISE_SHOWN, result->endpoint.target);
    finding_add(finding, "host", RAISE_SHOWN, result->endpoint.host);
    return finding;
}

void raise_source(struct finding *finding, const struct endpoint_result *result)
{
    char source[ADDRESS_TEXT_SIZE];

    finding_add(finding, "tls", RAISE_SHOWN, tls_mode_name(result_tls(result)));
    if (result->source.family != ADDRESS_NONE) {
        finding_add(finding, "source", RAISE_SHOWN, address_format(&result->source, source));
    }
}

void raise_note(struct endpoint_result *result, const char *format, ...)
{
    va_list arguments;

    if (result->note_count == RESULT_NOTES) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(result->notes[result->note_count++], RESULT_NOTE_SIZE, format, arguments);
    va_end(arguments);
}
