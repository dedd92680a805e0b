#include "lib/alert/sink/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"

#define VALUE_SIZE  257
#define LABELS_SIZE 2048
#define FIRST_SIZE  4096

struct metrics {
    char *text;
    size_t length;
    size_t size;
    bool failed;
    const char *family;
};

struct metrics *metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    free(metrics->text);
    free(metrics);
}

/* Makes room for `more` octets and a NUL. */
static bool make_room(struct metrics *metrics, size_t more)
{
    size_t needed = metrics->length + more + 1;
    size_t size = metrics->size == 0 ? FIRST_SIZE : metrics->size;

    if (metrics->failed || needed > METRICS_SIZE_MAX) {
        return false;
    }
    while (size < needed) {
        size *= 2;
    }
    if (size == metrics->size) {
        return true;
    }
    char *text = realloc(metrics->text, size);
    if (text == NULL) {
        return false;
    }
    metrics->text = text;
    metrics->size = size;
    return true;
}

__attribute__((format(printf, 2, 3))) static void put(struct metrics *metrics, const char *format,
                                                      ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !make_room(metrics, (size_t)length)) {
        metrics->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(metrics->text + metrics->length, metrics->size - metrics->length, format, arguments);
    va_end(arguments);
    metrics->length += (size_t)length;
}

void metrics_family(struct metrics *metrics, enum metric_type type, const char *name,
                    const char *help)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_GAUGE] = "gauge",
        [METRIC_HISTOGRAM] = "histogram",
    };

    metrics->family = name;
    put(metrics, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

/* Printable text has no newline; quotes and backslashes are escaped for Prometheus. */
static size_t escape_value(char *out, size_t size, const char *value)
{
    char shown[VALUE_SIZE];
    size_t length = 0;

    printable_string(shown, sizeof(shown), value);
    for (const char *at = shown; *at != '\0' && length + 3 < size; at++) {
        if (*at == '"' || *at == '\\') {
            out[length++] = '\\';
        }
        out[length++] = *at;
    }
    out[length] = '\0';
    return length;
}

/* 'a="x",b="y"' from the pairs behind a sample's value. */
static void read_labels(char out[LABELS_SIZE], va_list pairs)
{
    size_t length = 0;
    const char *name;

    out[0] = '\0';
    while ((name = va_arg(pairs, const char *)) != NULL) {
        char value[2 * VALUE_SIZE];

        escape_value(value, sizeof(value), va_arg(pairs, const char *));
        int printed = snprintf(out + length, LABELS_SIZE - length, "%s%s=\"%s\"",
                               length == 0 ? "" : ",", name, value);
        if (printed < 0 || (size_t)printed >= LABELS_SIZE - length) {
            out[length] = '\0';
            return;
        }
        length += (size_t)printed;
    }
}

static void put_sample(struct metrics *metrics, const char *suffix, const char *labels)
{
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";

    put(metrics, "%s%s%s%s%s ", metrics->family, suffix, open, labels, close);
}

/* As Prometheus writes numbers: +Inf, -Inf and NaN have these spellings. */
static void put_number(struct metrics *metrics, double value)
{
    if (isnan(value)) {
        put(metrics, "NaN\n");
    } else if (isinf(value)) {
        put(metrics, "%cInf\n", value > 0 ? '+' : '-');
    } else {
        put(metrics, "%.10g\n", value);
    }
}

void metrics_count(struct metrics *metrics, uint64_t value, ...)
{
    char labels[LABELS_SIZE];
    va_list pairs;

    va_start(pairs, value);
    read_labels(labels, pairs);
    va_end(pairs);
    put_sample(metrics, "", labels);
    put(metrics, "%" PRIu64 "\n", value);
}

void metrics_number(struct metrics *metrics, double value, ...)
{
    char labels[LABELS_SIZE];
    va_list pairs;

    va_start(pairs, value);
    read_labels(labels, pairs);
    va_end(pairs);
    put_sample(metrics, "", labels);
    put_number(metrics, value);
}

void metrics_histogram(struct metrics *metrics, const struct metric_histogram *histogram, ...)
{
    char labels[LABELS_SIZE];
    uint64_t count = 0;
    va_list pairs;

    va_start(pairs, histogram);
    read_labels(labels, pairs);
    va_end(pairs);
    const char *comma = labels[0] == '\0' ? "" : ",";
    for (size_t i = 0; i < histogram->bounds; i++) {
        count += histogram->bucket[i];
        put(metrics, "%s_bucket{%s%sle=\"%.10g\"} %" PRIu64 "\n", metrics->family, labels, comma,
            histogram->bound[i], count);
    }
    count += histogram->bucket[histogram->bounds];
    put(metrics, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", metrics->family, labels, comma, count);
    put_sample(metrics, "_sum", labels);
    put_number(metrics, histogram->sum);
    put_sample(metrics, "_count", labels);
    put(metrics, "%" PRIu64 "\n", count);
}

const char *metrics_text(const struct metrics *metrics, size_t *length)
{
    if (metrics->failed) {
        return NULL;
    }
    *length = metrics->length;
    return metrics->text == NULL ? "" : metrics->text;
}
