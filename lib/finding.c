#include "lib/finding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

static_assert(FINDING_ARENA <= UINT16_MAX, "a field's offset into the arena has 16 bits");

/* The severity of a kind when nothing makes it better or worse. */
static const enum severity usual_severities[] = {
    [FINDING_OPEN_RELAY] = SEVERITY_CRITICAL,
    [FINDING_CLIENT_ADDRESS_HIDDEN] = SEVERITY_CRITICAL,
    [FINDING_XCLIENT_EXPOSED] = SEVERITY_CRITICAL,
    [FINDING_PROXY_PROTOCOL_EXPOSED] = SEVERITY_CRITICAL,
    [FINDING_ANONYMOUS_AUTH] = SEVERITY_CRITICAL,
    [FINDING_UNDECLARED_DESTINATION] = SEVERITY_WARNING,
    [FINDING_SUSPECTED_RELAY] = SEVERITY_WARNING,
    [FINDING_SERVICE_REFUSED] = SEVERITY_WARNING,
    [FINDING_MILTER_MISSING] = SEVERITY_WARNING,
    [FINDING_PROBE_MISSING] = SEVERITY_WARNING,
    [FINDING_PROBE_BLOCKED] = SEVERITY_WARNING,
    [FINDING_HOLD_IMPOSSIBLE] = SEVERITY_WARNING,
    [FINDING_VANTAGE_INSIDE] = SEVERITY_WARNING,
    [FINDING_VANTAGE_UNPROVEN] = SEVERITY_INFO,
    [FINDING_VANTAGE_SILENT] = SEVERITY_WARNING,
    [FINDING_PTR_MISSING] = SEVERITY_INFO,
    [FINDING_FCRDNS_MISMATCH] = SEVERITY_INFO,
    [FINDING_GENERIC_HOSTNAME] = SEVERITY_INFO,
    [FINDING_BLOCKLISTED] = SEVERITY_INFO,
    [FINDING_BANNER_VERSION] = SEVERITY_INFO,
    [FINDING_AUTH_WITHOUT_TLS] = SEVERITY_INFO,
};
static_assert(sizeof(usual_severities) / sizeof(usual_severities[0]) == FINDING_KINDS,
              "one severity for each kind");

enum severity finding_kind_severity(enum finding_kind kind)
{
    return usual_severities[kind];
}

void finding_init(struct finding *finding, enum finding_kind kind)
{
    memset(finding, 0, sizeof(*finding));
    finding->kind = kind;
    finding->severity = finding_kind_severity(kind);
    finding->count = 1;
}

static bool append(struct finding *finding, const char *name, unsigned int places,
                   const char *value)
{
    size_t size = strlen(value) + 1;

    if (finding->fields == FINDING_FIELDS || size > FINDING_ARENA - finding->arena_used) {
        return false;
    }
    memcpy(finding->arena + finding->arena_used, value, size);
    finding->field[finding->fields] = (struct finding_field){
        .name = name,
        .value = (uint16_t)finding->arena_used,
        .places = (uint16_t)places,
    };
    finding->fields++;
    finding->arena_used += size;
    return true;
}

bool finding_add(struct finding *finding, const char *name, unsigned int places, const char *value)
{
    char escaped[FINDING_VALUE_MAX + 1];

    printable_string(escaped, sizeof(escaped), value);
    return append(finding, name, places, escaped);
}

bool finding_add_shown(struct finding *finding, const char *name, unsigned int places,
                       const char *value)
{
    if (strlen(value) > FINDING_VALUE_MAX || !printable_is_shown(value)) {
        return false;
    }
    return append(finding, name, places, value);
}

const char *finding_get(const struct finding *finding, const char *name)
{
    for (size_t i = 0; i < finding->fields; i++) {
        if (strcmp(finding->field[i].name, name) == 0) {
            return finding->arena + finding->field[i].value;
        }
    }
    return NULL;
}

__attribute__((format(printf, 3, 4))) static void print_cut(char *out, size_t size,
                                                            const char *format, ...)
{
    va_list arguments;

    out[0] = '\0';
    va_start(arguments, format);
    printable_append(out, size, format, arguments);
    va_end(arguments);
}

void finding_why(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    finding->why[0] = '\0';
    printable_append(finding->why, sizeof(finding->why), format, arguments);
    va_end(arguments);
}

void finding_fix(struct finding *finding, const char *format, ...)
{
    char text[REMEDIES_SIZE] = "";
    va_list arguments;
    va_start(arguments, format);
    printable_append(text, sizeof(text), format, arguments);
    va_end(arguments);
    remedies_clear(&finding->fix);
    remedies_add(&finding->fix, MTA_UNKNOWN, "%s", text);
}

void finding_subject(struct finding *finding, const char *fold, const char *rest)
{
    const char *space = fold[0] != '\0' && rest[0] != '\0' ? " " : "";
    print_cut(finding->fold, sizeof(finding->fold), "%s", fold);
    print_cut(finding->key, sizeof(finding->key), "%s%s%s", fold, space, rest);
}
