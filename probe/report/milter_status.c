#include "probe/report/milter_status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/sink/format.h"
#include "lib/printable.h"

#define WRITER    "relaywarden-milter"
#define NAME_SIZE 300
#define DEPTH_MAX 16

/* ---- the shape ------------------------------------------------------------------------------ */

enum type {
    TEXT,
    COUNT,
    COUNT_OR_NULL,
    SECONDS_OR_NULL, /* a number */
    TIME,
    TIME_OR_NULL,
    YES_NO,
    TEXTS,  /* a list of texts */
    FIELDS, /* an object of texts */
    COUNTS, /* an object of counts */
    OBJECT,
    OBJECT_OR_NULL,
    OBJECTS, /* a list */
};

struct member {
    const char *name; /* NULL ends the table */
    enum type type;
    const struct member *members; /* of an object, or of each in a list */
};

static const struct member settings_members[] = {
    {"enforce", TEXT, NULL},
    {"enforce_masked", TEXT, NULL},
    {"own_mailers", TEXTS, NULL},
    {NULL, TEXT, NULL},
};

static const struct member probe_members[] = {
    {"expected_seconds", COUNT_OR_NULL, NULL},
    {"last_seen", TIME_OR_NULL, NULL},
    {"seen_since_start", YES_NO, NULL},
    {"missing", YES_NO, NULL},
    {NULL, TEXT, NULL},
};

static const struct member address_members[] = {
    {"address", TEXT, NULL},       {"listener", TEXT, NULL},
    {"since", TIME_OR_NULL, NULL}, {"last_hidden", TIME_OR_NULL, NULL},
    {"routes", COUNT, NULL},       {"healing", COUNT, NULL},
    {"again", YES_NO, NULL},       {NULL, TEXT, NULL},
};

static const struct member masked_members[] = {
    {"count", COUNT, NULL},
    {"routes", COUNT, NULL},
    {"addresses", OBJECTS, address_members},
    {NULL, TEXT, NULL},
};

static const struct member incident_members[] = {
    {"incident", TEXT, NULL},
    {"kind", TEXT, NULL},
    {"severity", TEXT, NULL},
    {"state", TEXT, NULL},
    {"count", COUNT, NULL},
    {"opened", TIME_OR_NULL, NULL},
    {"last_seen", TIME_OR_NULL, NULL},
    {"subject", FIELDS, NULL},
    {"evidence", FIELDS, NULL},
    {"ended", TIME_OR_NULL, NULL},
    {"why", TEXT, NULL},
    {"fix", TEXT, NULL},
    {NULL, TEXT, NULL},
};

static const struct member incidents_members[] = {
    {"open_count", COUNT, NULL},
    {"open", OBJECTS, incident_members},
    {"ended", OBJECTS, incident_members},
    {NULL, TEXT, NULL},
};

static const struct member recipients_members[] = {
    {"permission", TEXT, NULL}, {"destination", TEXT, NULL}, {"decision", TEXT, NULL},
    {"count", COUNT, NULL},     {NULL, TEXT, NULL},
};

static const struct member answers_members[] = {
    {"count", COUNT, NULL},
    {"half_within_seconds", SECONDS_OR_NULL, NULL},
    {"almost_all_within_seconds", SECONDS_OR_NULL, NULL},
    {NULL, TEXT, NULL},
};

static const struct member counters_members[] = {
    {"connections", COUNT, NULL},
    {"messages", COUNTS, NULL},
    {"recipients", OBJECTS, recipients_members},
    {"enforced", COUNTS, NULL},
    {"hellos", COUNTS, NULL},
    {"asks", COUNTS, NULL},
    {"answers", OBJECT, answers_members},
    {NULL, TEXT, NULL},
};

static const struct member members_of_all[] = {
    {"version", TEXT, NULL},
    {"host", TEXT, NULL},
    {"socket", TEXT, NULL},
    {"state", TEXT, NULL},
    {"written", TIME, NULL},
    {"started", TIME, NULL},
    {"settings", OBJECT, settings_members},
    {"probe", OBJECT, probe_members},
    {"undeclared_domains", TEXTS, NULL},
    {"masked", OBJECT, masked_members},
    {"incidents", OBJECT_OR_NULL, incidents_members},
    {"counters", OBJECT, counters_members},
    {NULL, TEXT, NULL},
};

/* ---- whether it has it ---------------------------------------------------------------------- */

/* As format_time writes it; 0 is no time. */
static time_t parse_time(const char *text)
{
    struct tm parts = {.tm_isdst = 0};
    char again[21];
    const char *end = text == NULL ? NULL : strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);

    if (end == NULL || *end != '\0') {
        return 0;
    }
    time_t when = timegm(&parts);
    return strcmp(format_time(again, when), text) == 0 ? when : 0;
}

static bool is_count(json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool is_text(json_t *value)
{
    return json_is_string(value);
}

static bool is_time(json_t *value)
{
    return parse_time(json_string_value(value)) > 0;
}

static bool are_all(json_t *value, bool (*is)(json_t *value))
{
    json_t *entry;
    const char *name;
    size_t i;

    json_object_foreach(value, name, entry)
    {
        if (!is(entry)) {
            return false;
        }
    }
    json_array_foreach(value, i, entry)
    {
        if (!is(entry)) {
            return false;
        }
    }
    return true;
}

static bool is_null_or_count(json_t *value)
{
    return json_is_null(value) || is_count(value);
}

static bool is_null_or_seconds(json_t *value)
{
    return json_is_null(value) || (json_is_number(value) && json_number_value(value) >= 0);
}

static bool is_null_or_time(json_t *value)
{
    return json_is_null(value) || is_time(value);
}

static bool is_yes_or_no(json_t *value)
{
    return json_is_boolean(value);
}

static bool are_texts(json_t *value)
{
    return json_is_array(value) && are_all(value, is_text);
}

static bool are_fields(json_t *value)
{
    return json_is_object(value) && are_all(value, is_text);
}

static bool are_counts(json_t *value)
{
    return json_is_object(value) && are_all(value, is_count);
}

static bool (*const checks[])(json_t *value) = {
    [TEXT] = is_text,
    [COUNT] = is_count,
    [COUNT_OR_NULL] = is_null_or_count,
    [SECONDS_OR_NULL] = is_null_or_seconds,
    [TIME] = is_time,
    [TIME_OR_NULL] = is_null_or_time,
    [YES_NO] = is_yes_or_no,
    [TEXTS] = are_texts,
    [FIELDS] = are_fields,
    [COUNTS] = are_counts,
};

/* The name of the first member that is not as the table has it; NULL: all are. The tables do not
 * contain themselves, so that this ends. */
static const char *wrong_member(json_t *object, const struct member *members);

static bool is_member(json_t *value, const struct member *member, const char **wrong)
{
    size_t i;

    if (member->type < OBJECT) {
        return checks[member->type](value);
    }
    if (member->type == OBJECT_OR_NULL && json_is_null(value)) {
        return true;
    }
    if (member->type != OBJECTS) {
        *wrong = json_is_object(value) ? wrong_member(value, member->members) : member->name;
        return *wrong == NULL;
    }
    json_t *entry;
    json_array_foreach(value, i, entry)
    {
        *wrong = wrong_member(entry, member->members);
        if (*wrong != NULL) {
            return false;
        }
    }
    return json_is_array(value);
}

static const char *wrong_member(json_t *object, const struct member *members)
{
    for (const struct member *member = members; member->name != NULL; member++) {
        const char *wrong = NULL;

        if (!is_member(json_object_get(object, member->name), member, &wrong)) {
            return wrong != NULL ? wrong : member->name;
        }
    }
    return NULL;
}

/* Whether every text in it may be shown: names, too, and of members that are not known. */
static bool is_shown(json_t *value, int depth)
{
    json_t *entry;
    const char *name;
    size_t i;

    if (depth == 0) {
        return false;
    }
    if (json_is_string(value)) {
        return printable_is_shown(json_string_value(value));
    }
    json_object_foreach(value, name, entry)
    {
        if (!printable_is_shown(name) || !is_shown(entry, depth - 1)) {
            return false;
        }
    }
    json_array_foreach(value, i, entry)
    {
        if (!is_shown(entry, depth - 1)) {
            return false;
        }
    }
    return true;
}

/* ---- reading -------------------------------------------------------------------------------- */

static const char choose_it[] =
    "name the snapshot.json that " WRITER " keeps in its state directory, or a copy of it";

__attribute__((format(printf, 2, 3))) static bool refuse(char error[MILTER_STATUS_ERROR_SIZE],
                                                         const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, MILTER_STATUS_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* Whose it is, and of which version. */
static bool is_known(json_t *object, const char *name, char error[MILTER_STATUS_ERROR_SIZE])
{
    const char *program = json_string_value(json_object_get(object, "program"));
    json_t *format = json_object_get(object, "format");

    if (program == NULL || strcmp(program, WRITER) != 0 || !is_count(format) ||
        json_integer_value(format) == 0) {
        return refuse(error, "%s is no snapshot of " WRITER "; %s", name, choose_it);
    }
    if (json_integer_value(format) > MILTER_STATUS_FORMAT_MAX) {
        return refuse(
            error,
            "%s has format %lld, and this version knows %d; install the version of " WRITER
            " here, too",
            name, (long long)json_integer_value(format), MILTER_STATUS_FORMAT_MAX);
    }
    return true;
}

static bool is_whole(json_t *object, const char *name, char error[MILTER_STATUS_ERROR_SIZE])
{
    if (!is_known(object, name, error)) {
        return false;
    }
    const char *wrong = wrong_member(object, members_of_all);
    if (wrong != NULL) {
        return refuse(error,
                      "%s is damaged: \"%s\" is missing or not what it should be; copy it again, "
                      "or wait for the filter to write the next one",
                      name, wrong);
    }
    if (!is_shown(object, DEPTH_MAX)) {
        return refuse(error,
                      "%s is not as " WRITER
                      " writes it: a text in it has characters that must not "
                      "be shown; see who else can write that file",
                      name);
    }
    return true;
}

struct milter_status *milter_status_parse(const char *text, size_t length, const char *name,
                                          char error[MILTER_STATUS_ERROR_SIZE])
{
    json_error_t where;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
    struct milter_status *snapshot = NULL;

    if (object == NULL) {
        (void)refuse(error, "%s is not whole JSON (line %d, column %d); %s", name, where.line,
                     where.column, choose_it);
        return NULL;
    }
    if (is_whole(object, name, error)) {
        snapshot = calloc(1, sizeof(*snapshot));
        if (snapshot == NULL) {
            (void)refuse(error, "out of memory");
        }
    }
    if (snapshot == NULL) {
        json_decref(object);
        return NULL;
    }
    snapshot->object = object;
    snapshot->written = milter_status_time(object, "written");
    snapshot->started = milter_status_time(object, "started");
    return snapshot;
}

void milter_status_free(struct milter_status *snapshot)
{
    if (snapshot != NULL) {
        json_decref(snapshot->object);
        free(snapshot);
    }
}

/* O_NONBLOCK: a FIFO, say, is an error and no wait. -1 and a sentence. */
static int open_file(const char *path, const char *name, size_t *size,
                     char error[MILTER_STATUS_ERROR_SIZE])
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (descriptor < 0) {
        (void)refuse(error, "%s: %m; %s", name,
                     errno == EACCES ? "it is for the group relaywarden to read: run this as root "
                                       "or as the user relaywarden, or name a copy"
                                     : choose_it);
        return -1;
    }
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)refuse(error, "%s is no regular file; %s", name, choose_it);
    } else if ((uintmax_t)status.st_size > MILTER_STATUS_SIZE_MAX) {
        (void)refuse(error, "%s has more than %lu MiB, which no snapshot has; %s", name,
                     MILTER_STATUS_SIZE_MAX >> 20, choose_it);
    } else {
        *size = (size_t)status.st_size;
        return descriptor;
    }
    close(descriptor);
    return -1;
}

/* Up to `size` octets; how many, or -1. */
static ssize_t read_octets(int descriptor, char *out, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t got = read(descriptor, out + length, size - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    return (ssize_t)length;
}

struct milter_status *milter_status_read(const char *path, char error[MILTER_STATUS_ERROR_SIZE])
{
    struct milter_status *snapshot = NULL;
    char name[NAME_SIZE];
    size_t size = 0;

    printable_string(name, sizeof(name), path);
    int descriptor = open_file(path, name, &size, error);
    if (descriptor < 0) {
        return NULL;
    }
    char *octets = malloc(size + 1);
    ssize_t length = octets == NULL ? 0 : read_octets(descriptor, octets, size);
    if (octets == NULL) {
        (void)refuse(error, "out of memory");
    } else if (length < 0) {
        (void)refuse(error, "%s: %m; %s", name, choose_it);
    } else {
        snapshot = milter_status_parse(octets, (size_t)length, name, error);
    }
    free(octets);
    close(descriptor);
    return snapshot;
}

/* ---- what is in it -------------------------------------------------------------------------- */

const char *milter_status_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

long long milter_status_count(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

time_t milter_status_time(const json_t *object, const char *name)
{
    return parse_time(json_string_value(json_object_get(object, name)));
}

bool milter_status_is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

bool milter_status_is_running(const struct milter_status *snapshot)
{
    return strcmp(milter_status_text(snapshot->object, "state"), "running") == 0;
}
