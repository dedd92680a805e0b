#include "lib/finding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

static_assert(FINDING_ARENA <= UINT16_MAX, "a field's offset into the arena has 16 bits");

/* What a kind is raised with when nothing makes it better or worse. */
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

    if (finding->fields == FINDING_FIELDS || size > FINDING_ARENA - finding->arena_used)
        return false;
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
    if (strlen(value) > FINDING_VALUE_MAX || !printable_is_shown(value))
        return false;
    return append(finding, name, places, value);
}

const char *finding_get(const struct finding *finding, const char *name)
{
    for (size_t i = 0; i < finding->fields; i++) {
        if (strcmp(finding->field[i].name, name) == 0)
            return finding->arena + finding->field[i].value;
    }
    return NULL;
}

/* Octets that a UTF-8 sequence beginning with this one has; 1 for what begins none. */
static size_t sequence_length(unsigned char first)
{
    if (first >= 0xF0)
        return 4;
    if (first >= 0xE0)
        return 3;
    return first >= 0xC0 ? 2 : 1;
}

/* A text of `length` octets was cut there: takes the head of a split character off its end. */
static void trim_split_character(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 3) {
        start--;
        if (((unsigned char)text[start] & 0xC0) != 0x80)
            break;
    }
    if (start < length && start + sequence_length((unsigned char)text[start]) > length)
        text[start] = '\0';
}

__attribute__((format(printf, 3, 0))) static void write_cut(char *out, size_t size,
                                                            const char *format, va_list arguments)
{
    int length = vsnprintf(out, size, format, arguments);
    if (length < 0)
        out[0] = '\0';
    else if ((size_t)length >= size)
        trim_split_character(out, size - 1);
}

__attribute__((format(printf, 3, 4))) static void print_cut(char *out, size_t size,
                                                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_cut(out, size, format, arguments);
    va_end(arguments);
}

void finding_why(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_cut(finding->why, sizeof(finding->why), format, arguments);
    va_end(arguments);
}

void finding_fix(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_cut(finding->fix, sizeof(finding->fix), format, arguments);
    va_end(arguments);
}

void finding_subject(struct finding *finding, const char *fold, const char *rest)
{
    const char *space = fold[0] != '\0' && rest[0] != '\0' ? " " : "";
    print_cut(finding->fold, sizeof(finding->fold), "%s", fold);
    print_cut(finding->key, sizeof(finding->key), "%s%s%s", fold, space, rest);
}
