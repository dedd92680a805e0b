#include "probe/cli/options.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/cli/privileges.h"

#define SENTENCE_SIZE 1024

static void print_json(json_t *object)
{
    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

static json_t *failure(const struct invocation *invocation, const char *sentence)
{
    json_t *object = json_pack("{s:s, s:s, s:s}", "program", PROBE_PROGRAM, "version",
                               RELAYWARDEN_VERSION, "error", sentence);

    if (invocation->has_status_line && object != NULL) {
        json_object_set_new(object, "endpoints", json_array());
        json_object_set_new(object, "worst", json_null());
    }
    return object;
}

/* Plugins' performance data begin at the first "|": a sentence has none. */
static void print_status(const char *sentence)
{
    fputs("RELAY UNKNOWN - ", stdout);
    for (const char *at = sentence; *at != '\0'; at++) {
        fputc(*at == '|' ? '/' : *at, stdout);
    }
    fputc('\n', stdout);
}

static void print_failure(const struct invocation *invocation, const char *sentence, json_t *object)
{
    if (invocation->json) {
        if (object != NULL) {
            json_object_set_new(object, "exit", json_integer(PROBE_EXIT_UNKNOWN));
        }
        print_json(object);
    } else {
        json_decref(object);
        if (invocation->has_status_line) {
            print_status(sentence);
        }
    }
    (void)invocation_output_is_written();
}

/* A person who watches both need not read it twice. */
static bool is_seen_on_stdout(const struct invocation *invocation)
{
    return !invocation->json && invocation->has_status_line && isatty(STDOUT_FILENO) != 0 &&
           isatty(STDERR_FILENO) != 0;
}

int invocation_fail(const struct invocation *invocation, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    if (!is_seen_on_stdout(invocation)) {
        fprintf(stderr, "%s: %s\n", PROBE_PROGRAM, sentence);
    }
    print_failure(invocation, sentence, invocation->json ? failure(invocation, sentence) : NULL);
    return PROBE_EXIT_UNKNOWN;
}

int invocation_fail_configuration(const struct invocation *invocation,
                                  const struct conf_report *report)
{
    const char *first = report->mistake_count > 0 ? report->mistakes[0] : "out of memory";
    char sentence[SENTENCE_SIZE];
    json_t *object = NULL;

    for (size_t i = 0; i < report->mistake_count; i++) {
        fprintf(stderr, "%s\n", report->mistakes[i]);
    }
    snprintf(sentence, sizeof(sentence), "configuration: %s%s", first,
             report->mistake_count > 1 ? " (and more)" : "");
    if (invocation->json) {
        json_t *mistakes = json_array();
        for (size_t i = 0; i < report->mistake_count; i++) {
            json_array_append_new(mistakes, json_string(report->mistakes[i]));
        }
        object = failure(invocation, sentence);
        if (object != NULL) {
            json_object_set_new(object, "mistakes", mistakes);
        } else {
            json_decref(mistakes);
        }
    }
    print_failure(invocation, sentence, object);
    return PROBE_EXIT_UNKNOWN;
}

void invocation_step_down(const struct conf *conf)
{
    char name[OWNER_NAME_SIZE];

    if (!owner_become(conf, name)) {
        fprintf(stderr,
                "%s: cannot become %s, who owns the state directory: %s; what root makes in there "
                "may be closed to that user\n",
                PROBE_PROGRAM, name, strerror(errno));
    }
}

bool invocation_output_is_written(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return true;
    }
    fprintf(stderr, "%s: the output could not be written: %s\n", PROBE_PROGRAM, strerror(errno));
    return false;
}
