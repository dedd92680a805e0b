#include "lib/alert/sink/format.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/finding_json.h"
#include "lib/printable.h"

#define TIME_SIZE FORMAT_TIME_SIZE

static const char cut_mark[] = "...";

/* Text that is being written into a buffer; what does not fit sets `full`. */
struct writer {
    char *out;
    size_t size; /* with room for the NUL */
    size_t length;
    bool full;
};

static void put(struct writer *writer, const char *text, size_t length)
{
    size_t room = writer->size - 1 - writer->length;

    if (writer->full) {
        return;
    }
    if (length > room) {
        length = room;
        writer->full = true;
    }
    memcpy(writer->out + writer->length, text, length);
    writer->length += length;
}

static void put_string(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_value(struct writer *writer, const char *value, bool quoted)
{
    if (!quoted && value[0] != '\0' && strpbrk(value, " \"=") == NULL) {
        put_string(writer, value);
        return;
    }
    put_string(writer, "\"");
    for (;;) {
        size_t plain = strcspn(value, "\"");

        put(writer, value, plain);
        if (value[plain] == '\0') {
            break;
        }
        put_string(writer, "\\\"");
        value += plain + 1;
    }
    put_string(writer, "\"");
}

static void put_field(struct writer *writer, const char *name, const char *value, bool quoted)
{
    put_string(writer, " ");
    put_string(writer, name);
    put_string(writer, "=");
    put_value(writer, value, quoted);
}

size_t format_cut(const char *text, size_t max)
{
    size_t cut = max;

    /* Step back over continuation bytes to the lead byte; keep the character if it ends at max. */
    while (cut > 0 && max - cut < 4 && ((unsigned char)text[cut - 1] & 0xC0) == 0x80) {
        cut--;
    }
    if (cut == 0) {
        return max;
    }
    unsigned char lead = (unsigned char)text[cut - 1];
    size_t needs = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return cut - 1 + needs <= max ? max : cut - 1;
}

size_t format_cut_to(const char *text, size_t max)
{
    size_t length = strnlen(text, max + 1);

    return length > max ? format_cut(text, max) : length;
}

static size_t finish(struct writer *writer)
{
    if (writer->full) {
        size_t mark = sizeof(cut_mark) - 1;

        if (writer->size <= mark) {
            mark = 0;
        }
        writer->length = format_cut(writer->out, writer->size - 1 - mark);
        memcpy(writer->out + writer->length, cut_mark, mark);
        writer->length += mark;
    }
    writer->out[writer->length] = '\0';
    return writer->length;
}

const char *format_kind(const struct announcement *announcement)
{
    return announcement->test ? FORMAT_TEST_KIND
                              : finding_kind_name(announcement->incident.finding.kind);
}

/* A resolved incident keeps its label and its fields, so its sentence must not accuse any more. */
const char *format_why(const struct announcement *announcement, char out[FORMAT_WHY_SIZE])
{
    const struct incident *incident = &announcement->incident;
    char time[TIME_SIZE];

    if (announcement->state != INCIDENT_RESOLVED) {
        snprintf(out, FORMAT_WHY_SIZE, "%s", incident->finding.why);
    } else {
        snprintf(out, FORMAT_WHY_SIZE, "over: nothing of the kind since %s; it was: %s",
                 format_time(time, incident->last_seen), incident->finding.why);
    }
    return out;
}

const char *format_page(const struct announcement *announcement, char out[FINDING_PAGE_SIZE])
{
    return announcement->test ? finding_page_of_alerts(out)
                              : finding_page(announcement->incident.finding.kind, out);
}

size_t format_kv(char *out, size_t size, const struct announcement *announcement)
{
    const struct incident *incident = &announcement->incident;
    const struct finding *finding = &incident->finding;
    struct writer writer = {out, size, 0, false};
    char why[FORMAT_WHY_SIZE];
    char count[24];

    if (size == 0) {
        return 0;
    }
    put_string(&writer, severity_label(finding->severity));
    put_string(&writer, " ");
    put_string(&writer, format_kind(announcement));
    put_field(&writer, "incident", incident->id, false);
    put_field(&writer, "state", incident_state_name(announcement->state), false);
    for (size_t i = 0; i < finding->fields; i++) {
        const struct finding_field *field = &finding->field[i];

        if ((field->places & FIELD_LOGGED) != 0) {
            put_field(&writer, field->name, finding->arena + field->value,
                      (field->places & FIELD_QUOTED) != 0);
        }
    }
    snprintf(count, sizeof(count), "%" PRIu64, finding->count);
    put_field(&writer, "count", count, false);
    put_field(&writer, "why", format_why(announcement, why), true);
    return finish(&writer);
}

json_t *format_json_fields(const struct finding *finding, unsigned int place)
{
    json_t *object = json_object();

    for (size_t i = 0; object != NULL && i < finding->fields; i++) {
        const struct finding_field *field = &finding->field[i];

        if ((field->places & place) == 0) {
            continue;
        }
        if (json_object_set_new(object, field->name,
                                finding_json_text(finding->arena + field->value)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

json_t *format_json(const struct announcement *announcement, const struct sink_identity *identity)
{
    const struct incident *incident = &announcement->incident;
    const struct finding *finding = &incident->finding;
    uint64_t count = finding->count;
    char why[FORMAT_WHY_SIZE];
    char page[FINDING_PAGE_SIZE];
    char time[TIME_SIZE];

    if (count > INT64_MAX) {
        count = INT64_MAX;
    }
    const struct {
        const char *key;
        json_t *value;
    } members[] = {
        {"time", finding_json_text(format_time(time, announcement->time))},
        {"program", finding_json_text(identity->program)},
        {"host", finding_json_text(identity->host)},
        {"incident", finding_json_text(incident->id)},
        {"state", finding_json_text(incident_state_name(announcement->state))},
        {"kind", finding_json_text(format_kind(announcement))},
        {"severity", finding_json_text(severity_name(finding->severity))},
        {"count", json_integer((json_int_t)count)},
        {"subject", format_json_fields(finding, FIELD_SUBJECT)},
        {"evidence", format_json_fields(finding, FIELD_EVIDENCE)},
        {"why", finding_json_text(format_why(announcement, why))},
        {"fix", finding_json_text(finding->fix.text)},
        {"page", finding_json_text(format_page(announcement, page))},
        {"schema", json_integer(FORMAT_SCHEMA)},
    };
    json_t *object = json_object();
    bool complete = object != NULL;

    /* json_object_set_new takes each value over, also when it fails. */
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (json_object_set_new(object, members[i].key, members[i].value) != 0) {
            complete = false;
        }
    }
    if (!complete) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Writes the cookie and the object. 0: it does not fit. */
static size_t put_cee(char *out, size_t size, const json_t *object)
{
    static const char cookie[] = "@cee: ";
    size_t head = sizeof(cookie) - 1;

    if (size <= head) {
        return 0;
    }
    size_t length =
        json_dumpb(object, out + head, size - head - 1, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (length == 0 || length > size - head - 1) {
        return 0;
    }
    memcpy(out, cookie, head);
    out[head + length] = '\0';
    return head + length;
}

/* Takes the last member out of an object; false: it is empty. */
static bool drop_last(json_t *object)
{
    const char *last = NULL;
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) last = key;
    return last != NULL && json_object_del(object, last) == 0;
}

size_t format_cee(char *out, size_t size, const struct announcement *announcement,
                  const struct sink_identity *identity)
{
    json_t *object = format_json(announcement, identity);
    size_t length = 0;

    if (object != NULL) {
        length = put_cee(out, size, object);
        if (length == 0 && json_object_del(object, "fix") == 0) {
            length = put_cee(out, size, object);
        }
        while (length == 0 && drop_last(json_object_get(object, "evidence"))) {
            length = put_cee(out, size, object);
        }
        if (length == 0 && json_object_del(object, "page") == 0) {
            length = put_cee(out, size, object);
        }
        if (length == 0 && json_object_del(object, "why") == 0) {
            length = put_cee(out, size, object);
        }
    }
    json_decref(object);
    return length > 0 ? length : format_kv(out, size, announcement);
}

size_t format_cee_line(char *out, size_t size, const char *line,
                       const struct sink_identity *identity)
{
    json_t *object =
        json_pack("{s:o s:o s:o}", "program", finding_json_text(identity->program), "host",
                  finding_json_text(identity->host), "message", finding_json_text(line));
    size_t length = object == NULL ? 0 : put_cee(out, size, object);

    json_decref(object);
    if (length == 0 && size > 0) {
        length = format_cut_to(line, size - 1);
        memcpy(out, line, length);
        out[length] = '\0';
    }
    return length;
}

const char *format_time(char out[FORMAT_TIME_SIZE], time_t time)
{
    struct tm utc;

    if (gmtime_r(&time, &utc) == NULL ||
        strftime(out, FORMAT_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc) != FORMAT_TIME_SIZE - 1) {
        memcpy(out, "1970-01-01T00:00:00Z", FORMAT_TIME_SIZE);
    }
    return out;
}
