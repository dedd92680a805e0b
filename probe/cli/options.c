#include "probe/cli/options.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/printable.h"
#include "lib/sys/standard_streams.h"
#include "probe/cli/privileges.h"
#include "probe/report/report.h"

#define SENTENCE_SIZE 1024

static void print_json(json_t *object)
{
    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

static json_t *failure(const struct options *invocation, const char *sentence)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:s}", "program", PROBE_PROGRAM, "version",
                               RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "error", sentence);

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

int options_code(const struct options *invocation, enum options_failure failure)
{
    static const int codes[] = {
        [OPTIONS_USAGE] = EX_USAGE,
        [OPTIONS_CONFIGURATION] = EX_CONFIG,
        [OPTIONS_SYSTEM] = EX_OSERR,
    };

    return invocation->serves ? codes[failure] : PROBE_EXIT_UNKNOWN;
}

/* Returns the exit code. */
static int print_failure(const struct options *invocation, const char *sentence,
                         enum options_failure failure, json_t *object)
{
    int code = options_code(invocation, failure);

    if (invocation->json) {
        if (object != NULL) {
            json_object_set_new(object, "exit", json_integer(code));
        }
        print_json(object);
    } else {
        json_decref(object);
        if (invocation->has_status_line && invocation->format == FORMAT_TEXT) {
            print_status(sentence);
        }
    }
    (void)options_output_is_written();
    return code;
}

/* A person who watches both need not read it twice. */
static bool is_seen_on_stdout(const struct options *invocation)
{
    return invocation->format == FORMAT_TEXT && !invocation->json && invocation->has_status_line &&
           isatty(STDOUT_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

int options_fail_for(const struct options *invocation, enum options_failure why,
                     const char *sentence)
{
    if (!is_seen_on_stdout(invocation)) {
        fprintf(stderr, "%s: %s\n", PROBE_PROGRAM, sentence);
    }
    return print_failure(invocation, sentence, why,
                         invocation->json ? failure(invocation, sentence) : NULL);
}

int options_fail(const struct options *invocation, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return options_fail_for(invocation, OPTIONS_USAGE, sentence);
}

int options_fail_on(const struct options *invocation, const char *what, const char *word,
                    const char *remedy)
{
    char shown[128];

    printable_string(shown, sizeof(shown), word);
    return options_fail(invocation, "%s \"%s\"; %s", what, shown, remedy);
}

int options_fail_configuration(const struct options *invocation, const struct conf_report *report)
{
    const char *first = report->mistake_count > 0 ? report->mistakes[0] : "out of memory";
    char sentence[SENTENCE_SIZE];
    json_t *object = NULL;

    for (size_t i = 0; i < report->mistake_count; i++) {
        fprintf(stderr, "%s\n", report->mistakes[i]);
    }
    if (report->mistake_count == 0) {
        fputs(PROBE_PROGRAM ": out of memory\n", stderr);
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
    return print_failure(invocation, sentence,
                         report->system_failed ? OPTIONS_SYSTEM : OPTIONS_CONFIGURATION, object);
}

void options_step_down(const struct conf *conf)
{
    char name[PRIVILEGES_NAME_SIZE];

    if (!privileges_become(conf, name)) {
        fprintf(stderr,
                "%s: cannot become %s, who owns the state directory: %s; what root makes in there "
                "may be closed to that user\n",
                PROBE_PROGRAM, name, strerror(errno));
    }
}

bool options_output_is_written(void)
{
    return standard_output_flush(PROBE_PROGRAM);
}
