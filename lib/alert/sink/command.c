/* The sink that runs a program for each announcement, one at a time, so that their order is kept:
 * the JSON object on standard input, and an environment of nothing but enumerations and
 * identifiers. Nothing that a client sent is in the arguments or in the environment. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/alert/sink/format.h"
#include "lib/alert/sink/runner.h"
#include "lib/alert/sink/sink.h"

#define VARIABLES     7
#define VARIABLE_SIZE 96

struct command_sink {
    struct sink sink;
    const struct sink_identity *identity;
    struct runner runner;
};

static struct command_sink *from_sink(struct sink *sink)
{
    return (struct command_sink *)((char *)sink - offsetof(struct command_sink, sink));
}

static void write_environment(const struct announcement *announcement,
                              const struct sink_identity *identity,
                              char out[VARIABLES][VARIABLE_SIZE])
{
    const struct finding *finding = &announcement->incident.finding;
    size_t i = 0;

    snprintf(out[i++], VARIABLE_SIZE, RUNNER_PATH);
    snprintf(out[i++], VARIABLE_SIZE, "RELAYWARDEN_PROGRAM=%s", identity->program);
    snprintf(out[i++], VARIABLE_SIZE, "RELAYWARDEN_INCIDENT=%s", announcement->incident.id);
    snprintf(out[i++], VARIABLE_SIZE, "RELAYWARDEN_STATE=%s",
             incident_state_name(announcement->state));
    snprintf(out[i++], VARIABLE_SIZE, "RELAYWARDEN_KIND=%s", format_kind(announcement));
    snprintf(out[i++], VARIABLE_SIZE, "RELAYWARDEN_SEVERITY=%s", severity_name(finding->severity));
    snprintf(out[i++], VARIABLE_SIZE, "RELAYWARDEN_COUNT=%" PRIu64, finding->count);
}

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    struct command_sink *self = from_sink(sink);
    json_t *object = format_json(announcement, self->identity);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    char variable[VARIABLES][VARIABLE_SIZE];
    char *environment[VARIABLES + 1] = {NULL};
    int result = -1;

    json_decref(object);
    write_environment(announcement, self->identity, variable);
    for (size_t i = 0; i < VARIABLES; i++) {
        environment[i] = variable[i];
    }
    if (text == NULL) {
        snprintf(error, SINK_ERROR_SIZE, "out of memory");
    } else {
        const struct runner_order order = {.text = text, .environment = environment};

        result = runner_run(&self->runner, &order, error);
    }
    free(text);
    if (result != 0) {
        sink->lost++;
    }
    return result;
}

/* A program that is not there is told at once, not at the first alert. */
static int open_sink(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    return runner_check(&from_sink(sink)->runner, error);
}

static void interrupt(struct sink *sink)
{
    runner_interrupt(&from_sink(sink)->runner);
}

static void free_sink(struct sink *sink)
{
    struct command_sink *self = from_sink(sink);

    runner_free(&self->runner);
    free(self);
}

struct sink *sink_command_new(const struct sink_source *source)
{
    const struct alert_settings *settings = source->settings;
    struct command_sink *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->sink = (struct sink){.name = "command",
                               .announce = announce,
                               .open = open_sink,
                               .interrupt = interrupt,
                               .free = free_sink};
    self->identity = source->identity;
    if (runner_init(&self->runner, settings->command, settings->command_count)) {
        return &self->sink;
    }
    free(self);
    return NULL;
}
