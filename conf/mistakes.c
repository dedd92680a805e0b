#include "conf/mistakes.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"

#define PATH_SHOWN 512

const char *conf_show(char out[CONF_SHOW_SIZE], const char *value)
{
    out[0] = '"';
    size_t length = printable_string(out + 1, CONF_SHOW_SIZE - 2, value);
    out[length + 1] = '"';
    out[length + 2] = '\0';
    return out;
}

/* "FILE:LINE: [note: ]SENTENCE", or NULL when memory is out. */
static char *compose(const char *file, int line, enum conf_weight weight, const char *sentence)
{
    char shown[PATH_SHOWN];
    char number[16] = "";
    char *text = NULL;

    printable_string(shown, sizeof(shown), file);
    if (line > 0) {
        snprintf(number, sizeof(number), ":%d", line);
    }
    if (asprintf(&text, "%s%s: %s%s", shown, number, weight == CONF_NOTE ? "note: " : "",
                 sentence) < 0) {
        return NULL;
    }
    return text;
}

/* Takes `text`, which is NULL when memory is out. */
static void add_composed(struct conf_messages *messages, enum conf_weight weight, int order,
                         char *text)
{
    struct conf_message *grown = NULL;

    if (weight == CONF_MISTAKE) {
        messages->mistakes++;
    }
    if (text != NULL) {
        grown = realloc(messages->entries, (messages->count + 1) * sizeof(*grown));
    }
    if (grown == NULL) {
        free(text);
        messages->out_of_memory = true;
        return;
    }
    messages->entries = grown;
    grown[messages->count] = (struct conf_message){
        .weight = weight,
        .order = order,
        .sequence = messages->count,
        .text = text,
    };
    messages->count++;
}

static void add(struct conf_messages *messages, enum conf_weight weight, struct conf_place place,
                const char *sentence)
{
    const char *file = place.file != NULL ? place.file : messages->file;

    add_composed(messages, weight, place.file != NULL ? INT_MAX : place.line,
                 sentence != NULL ? compose(file, place.line, weight, sentence) : NULL);
}

void conf_messages_take(struct conf_messages *messages, enum conf_weight weight, int order,
                        const char *composed)
{
    add_composed(messages, weight, order, strdup(composed));
}

static void __attribute__((format(printf, 4, 0)))
add_formatted(struct conf_messages *messages, enum conf_weight weight, struct conf_place place,
              const char *format, va_list arguments)
{
    char *sentence = NULL;

    if (vasprintf(&sentence, format, arguments) < 0) {
        sentence = NULL;
    }
    add(messages, weight, place, sentence);
    free(sentence);
}

void conf_mistake(struct conf_messages *messages, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_formatted(messages, CONF_MISTAKE, (struct conf_place){.line = line}, format, arguments);
    va_end(arguments);
}

void conf_note(struct conf_messages *messages, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_formatted(messages, CONF_NOTE, (struct conf_place){.line = line}, format, arguments);
    va_end(arguments);
}

void conf_mistake_in(struct conf_messages *messages, struct conf_place place, const char *format,
                     ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_formatted(messages, CONF_MISTAKE, place, format, arguments);
    va_end(arguments);
}

void conf_note_failure(struct conf_messages *messages, int error)
{
    static const int failures[] = {ENOMEM, EMFILE, ENFILE, EIO, EAGAIN, ESTALE, ETIMEDOUT};

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        messages->system_failed |= failures[i] == error;
    }
}

static int by_line(const void *left, const void *right)
{
    const struct conf_message *a = left;
    const struct conf_message *b = right;

    if (a->order != b->order) {
        return a->order < b->order ? -1 : 1;
    }
    if (a->sequence != b->sequence) {
        return a->sequence < b->sequence ? -1 : 1;
    }
    return 0;
}

void conf_messages_publish(struct conf_messages *messages, struct conf_report *report)
{
    char **mistakes = calloc(messages->count + 1, sizeof(*mistakes));
    char **notes = calloc(messages->count + 1, sizeof(*notes));
    bool usable = mistakes != NULL && notes != NULL;

    *report = (struct conf_report){0};
    if (usable) {
        report->mistakes = mistakes;
        report->notes = notes;
    } else {
        free(mistakes);
        free(notes);
        messages->out_of_memory = true;
    }
    report->system_failed = messages->system_failed || messages->out_of_memory;
    if (messages->count > 0) {
        qsort(messages->entries, messages->count, sizeof(*messages->entries), by_line);
    }
    for (size_t i = 0; i < messages->count; i++) {
        struct conf_message *message = &messages->entries[i];
        if (!usable) {
            free(message->text);
        } else if (message->weight == CONF_MISTAKE) {
            report->mistakes[report->mistake_count++] = message->text;
        } else {
            report->notes[report->note_count++] = message->text;
        }
    }
    free(messages->entries);
    messages->entries = NULL;
    messages->count = 0;
}

void conf_report_free(struct conf_report *report)
{
    for (size_t i = 0; i < report->mistake_count; i++) {
        free(report->mistakes[i]);
    }
    for (size_t i = 0; i < report->note_count; i++) {
        free(report->notes[i]);
    }
    free(report->mistakes);
    free(report->notes);
    *report = (struct conf_report){0};
}
