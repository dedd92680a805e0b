#include "probe/fleet/held.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/atomic_file.h"
#include "probe/fleet/fleet_server.h"

#define NAME_END ".json"
#define REFUSED  ".refused"

static const char *folder_of(const char *state_directory, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/probe/fleet", PATH_MAX - 128, state_directory);
    return out;
}

/* Names sort by a worker's numbers, whatever its clock did meanwhile. */
static bool keep(const char *state_directory, const struct held_batch *batch, const char *end)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    char draft[PATH_MAX];
    bool kept = false;
    const time_t now = time(NULL);
    json_t *object = json_pack("{s:s, s:s, s:I, s:I, s:b, s:O}", "worker", batch->worker, "vantage",
                               batch->vantage, "number", (json_int_t)batch->number, "made",
                               (json_int_t)now, "told", (int)batch->told, "batch", batch->batch);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    folder_of(state_directory, folder);
    if (text == NULL) {
        errno = ENOMEM;
    } else if (mkdir(folder, 0750) == 0 || errno == EEXIST) {
        snprintf(path, sizeof(path), "%.*s/%.16s-%012lld" NAME_END "%s", PATH_MAX - 64, folder,
                 batch->worker, batch->number, end);
        snprintf(draft, sizeof(draft), "%.*s/draft-%.16s", PATH_MAX - 64, folder, batch->worker);
        const struct atomic_file file = {path, draft, 0640, true};
        kept = atomic_file_write(&file, text, strlen(text));
    }
    free(text);
    json_decref(object);
    return kept;
}

bool held_keep(const char *state_directory, const struct held_batch *batch)
{
    return keep(state_directory, batch, "");
}

bool held_set_aside(const char *state_directory, const struct held_batch *batch)
{
    return keep(state_directory, batch, REFUSED);
}

/* Since a batch was made, its audits have become older. */
static void make_older(json_t *batch, double seconds)
{
    size_t i;
    json_t *entry;

    json_array_foreach(batch, i, entry)
    {
        const double age = json_number_value(json_object_get(entry, "age"));

        json_object_set_new(entry, "age", json_real(age + (seconds > 0 ? seconds : 0)));
    }
}

/* Nothing that was refused for good may keep the others from being handed in. */
static void set_aside(const char *path)
{
    char aside[PATH_MAX + 16];

    snprintf(aside, sizeof(aside), "%s" REFUSED, path);
    (void)rename(path, aside);
}

/* False: the trouble. */
static bool hand_in(const char *path, const char *sinks, struct postgresql *server,
                    struct held_outcome *out, struct postgresql_trouble *trouble)
{
    json_t *object = json_load_file(path, 0, NULL);
    json_t *batch = json_object_get(object, "batch");
    const char *worker = json_string_value(json_object_get(object, "worker"));
    const char *vantage = json_string_value(json_object_get(object, "vantage"));
    const json_int_t number = json_integer_value(json_object_get(object, "number"));
    bool goes_on = true;

    if (worker != NULL && vantage != NULL && json_is_array(batch)) {
        char shown[32];

        make_older(batch, difftime(time(NULL),
                                   (time_t)json_integer_value(json_object_get(object, "made"))));
        snprintf(shown, sizeof(shown), "%lld", (long long)number);
        char *text = json_dumps(batch, JSON_COMPACT);
        const char *const values[] = {worker, vantage, shown, text,
                                      json_is_true(json_object_get(object, "told")) ? "{}" : sinks};
        *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
        if (text != NULL &&
            fleet_ask(server,
                      "SELECT relaywarden.record($1, $2, $3::bigint, $4::jsonb, $5::text[])",
                      values, 5, trouble)) {
            out->taken++;
            (void)unlink(path);
        } else if (trouble->fault == POSTGRESQL_STATEMENT) {
            set_aside(path);
            out->refused++;
            snprintf(out->why, sizeof(out->why), "%s", trouble->why);
        } else {
            goes_on = false;
        }
        free(text);
    } else if (access(path, F_OK) == 0) {
        out->unread++;
    }
    json_decref(object);
    return goes_on;
}

static int is_batch(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);

    return length > sizeof(NAME_END) &&
           strcmp(entry->d_name + length - sizeof(NAME_END) + 1, NAME_END) == 0;
}

bool held_hand_in(const char *state_directory, const char *sinks, struct postgresql *server,
                  struct held_outcome *out, struct postgresql_trouble *trouble)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    bool goes_on = true;

    *out = (struct held_outcome){.taken = 0};
    const int lock = open(folder_of(state_directory, folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (lock >= 0 && flock(lock, LOCK_EX) != 0 && errno == EINTR) {
        /* another process of this machine hands in */
    }
    int count = scandir(folder, &entries, is_batch, alphasort);
    for (int i = 0; i < count; i++) {
        if (goes_on) {
            snprintf(path, sizeof(path), "%.*s/%.200s", PATH_MAX - 256, folder, entries[i]->d_name);
            goes_on = hand_in(path, sinks, server, out, trouble);
        }
        free(entries[i]);
    }
    free(entries);
    if (lock >= 0) {
        close(lock);
    }
    return goes_on;
}
