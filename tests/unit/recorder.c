#include "tests/unit/recorder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/alert_sample.h"

static struct recorder recorders[2] = {
    {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
    {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
};
struct recorder *const recorder_fast = &recorders[0];
struct recorder *const recorder_slow = &recorders[1];

struct recorder_sink {
    struct sink sink;
    struct recorder *recorder;
};

static struct recorder *recorder_of(struct sink *sink)
{
    return ((struct recorder_sink *)((char *)sink - offsetof(struct recorder_sink, sink)))
        ->recorder;
}

static int record_announcement(struct sink *sink, const struct announcement *announcement,
                               char error[SINK_ERROR_SIZE])
{
    struct recorder *recorder = recorder_of(sink);

    pthread_mutex_lock(&recorder->mutex);
    while (recorder->hangs) {
        recorder->hanging = true;
        pthread_cond_broadcast(&recorder->changed);
        pthread_cond_wait(&recorder->changed, &recorder->mutex);
    }
    recorder->hanging = false;
    int result = 0;
    if (recorder->fails) {
        snprintf(error, SINK_ERROR_SIZE, "it was told to fail");
        sink->lost++;
        result = -1;
    } else {
        recorder->announcements++;
        recorder->last = *announcement;
        if (announcement->state == INCIDENT_RESOLVED)
            recorder->resolved_sum += announcement->incident.finding.count;
    }
    pthread_mutex_unlock(&recorder->mutex);
    return result;
}

static int record_line(struct sink *sink, int priority, const char *line,
                       char error[SINK_ERROR_SIZE])
{
    struct recorder *recorder = recorder_of(sink);

    (void)priority, (void)error;
    pthread_mutex_lock(&recorder->mutex);
    size_t used = strlen(recorder->lines);
    snprintf(recorder->lines + used, sizeof(recorder->lines) - used, "%s\n", line);
    pthread_mutex_unlock(&recorder->mutex);
    return 0;
}

static void free_recorder_sink(struct sink *sink)
{
    struct recorder *recorder = recorder_of(sink);

    free((char *)sink - offsetof(struct recorder_sink, sink));
    pthread_mutex_lock(&recorder->mutex);
    recorder->freed++;
    pthread_cond_broadcast(&recorder->changed);
    pthread_mutex_unlock(&recorder->mutex);
}

static struct sink *make_recorder_sink(struct recorder *recorder, const char *name)
{
    struct recorder_sink *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    self->recorder = recorder;
    self->sink = (struct sink){.name = name,
                               .announce = record_announcement,
                               .say = record_line,
                               .free = free_recorder_sink};
    return &self->sink;
}

static struct sink *make_fast(const struct sink_source *source)
{
    (void)source;
    return make_recorder_sink(recorder_fast, "fast");
}

static struct sink *make_slow(const struct sink_source *source)
{
    (void)source;
    return make_recorder_sink(recorder_slow, "slow");
}

static bool always(const struct sink_source *source)
{
    (void)source;
    return true;
}

static bool unless_syslog_is_none(const struct sink_source *source)
{
    return source->settings->syslog_format != SYSLOG_NONE;
}

const struct sink_kind recorder_kinds[] = {
    {"fast", false, unless_syslog_is_none, make_fast},
    {"slow", true, always, make_slow},
    {NULL, false, NULL, NULL},
};

void recorder_clear(void)
{
    for (size_t i = 0; i < 2; i++) {
        recorders[i].fails = recorders[i].hangs = recorders[i].hanging = false;
        recorders[i].freed = recorders[i].announcements = 0;
        recorders[i].resolved_sum = 0;
        recorders[i].lines[0] = '\0';
    }
}

struct reporter *recorder_start_reporter(const struct alert_settings *alert,
                                         const char *database_path)
{
    char error[SINK_ERROR_SIZE];
    const struct reporter_settings settings = {
        .identity = &sample_identity,
        .alert = alert,
        .database_path = database_path,
        .quiet_terminal = true,
        .kinds = recorder_kinds,
    };
    struct reporter *reporter = reporter_start(&settings, error);

    assert_non_null(reporter);
    return reporter;
}

static void lock_and_set(struct recorder *recorder, bool *flag, bool value)
{
    pthread_mutex_lock(&recorder->mutex);
    *flag = value;
    pthread_cond_broadcast(&recorder->changed);
    pthread_mutex_unlock(&recorder->mutex);
}

void recorder_let_fail(struct recorder *recorder, bool fails)
{
    lock_and_set(recorder, &recorder->fails, fails);
}

void recorder_let_hang(struct recorder *recorder, bool hangs)
{
    lock_and_set(recorder, &recorder->hangs, hangs);
}

size_t recorder_announcements(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->mutex);
    size_t count = recorder->announcements;
    pthread_mutex_unlock(&recorder->mutex);
    return count;
}

int recorder_heard(struct recorder *recorder, const char *text)
{
    int times = 0;

    pthread_mutex_lock(&recorder->mutex);
    for (const char *at = recorder->lines; (at = strstr(at, text)) != NULL; at++)
        times++;
    pthread_mutex_unlock(&recorder->mutex);
    return times;
}

void recorder_wait_until_it_hangs(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->mutex);
    while (!recorder->hanging)
        pthread_cond_wait(&recorder->changed, &recorder->mutex);
    pthread_mutex_unlock(&recorder->mutex);
}

void recorder_wait_until_freed(struct recorder *recorder, size_t sinks)
{
    pthread_mutex_lock(&recorder->mutex);
    while (recorder->freed < sinks)
        pthread_cond_wait(&recorder->changed, &recorder->mutex);
    pthread_mutex_unlock(&recorder->mutex);
}
