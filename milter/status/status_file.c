#include "milter/status/status_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/sys/atomic_file.h"
#include "milter/status/status_values.h"

struct status_file {
    char *path;
    char *draft;
    const struct snapshot_source *source;
    struct reporter *reporter;
    struct snapshot_push *push;
    json_t *before;  /* what was written last, but for the time; NULL: nothing was */
    int64_t looked;  /* by the steady clock; 0: never */
    int64_t written; /* or tried */
    bool told;       /* that it cannot be written */
};

struct status_file *status_file_new(const char *directory, const struct snapshot_source *source,
                                    struct reporter *reporter, struct snapshot_push *push)
{
    struct status_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        return NULL;
    }
    file->source = source;
    file->reporter = reporter;
    file->push = push;
    if (asprintf(&file->path, "%s/" SNAPSHOT_NAME, directory) < 0) {
        file->path = NULL;
    }
    if (asprintf(&file->draft, "%s/." SNAPSHOT_NAME, directory) < 0) {
        file->draft = NULL;
    }
    if (file->path == NULL || file->draft == NULL) {
        status_file_free(file);
        return NULL;
    }
    return file;
}

void status_file_free(struct status_file *file)
{
    if (file != NULL) {
        json_decref(file->before);
        free(file->path);
        free(file->draft);
        free(file);
    }
}

bool status_file_is_due(const struct status_file *file, int64_t now)
{
    return now - file->looked >= SNAPSHOT_PAUSE_SECONDS;
}

static void tell(struct status_file *file, const char *why)
{
    if (!file->told) {
        reporter_say(file->reporter, LOG_ERR,
                     "%s cannot be written: %s; relaywarden-probe report --milter shows what was "
                     "there before, if anything",
                     file->path, why);
        file->told = true;
    }
}

static bool write_text(const struct status_file *file, const char *text)
{
    const struct atomic_file whole = {
        .path = file->path, .draft = file->draft, .mode = SNAPSHOT_MODE, .durable = true};

    return atomic_file_write(&whole, text, strlen(text));
}

/* Takes the object over. */
static void write_object(struct status_file *file, json_t *object, int64_t now)
{
    bool timed = json_object_set_new(object, "written", status_time_json(now)) == 0;
    char *text = timed ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    bool written = text != NULL && write_text(file, text);

    if (text != NULL) {
        snapshot_push_offer(file->push, text);
    }
    if (text == NULL) {
        tell(file, "out of memory");
    } else if (!written) {
        tell(file, strerror(errno));
    } else if (file->told) {
        reporter_say(file->reporter, LOG_NOTICE, "%s is written again", file->path);
        file->told = false;
    }
    free(text);
    json_decref(file->before);
    file->before = NULL;
    if (written && json_object_set_new(object, "written", json_null()) == 0) {
        file->before = json_incref(object);
    }
    json_decref(object);
}

void status_file_keep(struct status_file *file, const struct snapshot_moment *moment)
{
    json_t *object = status_json(file->source, moment);

    file->looked = moment->now.steady;
    if (object == NULL) {
        tell(file, "out of memory");
    } else if (file->before != NULL && json_equal(file->before, object) &&
               moment->now.steady - file->written < SNAPSHOT_PERIOD_SECONDS) {
        json_decref(object);
    } else {
        write_object(file, object, moment->now.wall);
        file->written = moment->now.steady;
    }
}
