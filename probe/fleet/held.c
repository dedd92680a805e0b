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

#include "lib/state/audit_state.h"
#include "lib/state/incident_records.h"
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

/* ---- the incidents that were told from here ---------------------------------------------- */

#define IDS_MAX 10000

static void name_incident(char out[FINDING_KEY_SIZE + 64], const char *kind, const char *key)
{
    snprintf(out, FINDING_KEY_SIZE + 64, "%.60s\n%s", kind, key);
}

/* incident_records_visit */
static bool add_id(const struct incident_record *row, void *ids)
{
    const struct finding *finding = &row->incident.finding;
    char name[FINDING_KEY_SIZE + 64];

    name_incident(name, finding_kind_name(finding->kind), finding->key);
    (void)json_object_set_new(ids, name, json_string(row->incident.id));
    return true;
}

/* Those that are open in the state directory, by kind and key. Where they cannot be read there are
 * none: the database then makes ids of its own. */
static json_t *open_ids(const char *state_directory)
{
    char error[AUDIT_STATE_ERROR_SIZE];
    struct audit_state *state = audit_state_open(state_directory, false, error);
    struct incident_records *table =
        state != NULL ? incident_records_new(audit_state_database(state)) : NULL;
    json_t *ids = json_object();

    if (table != NULL) {
        (void)incident_records_open(table, IDS_MAX, add_id, ids);
    }
    incident_records_free(table);
    audit_state_close(state);
    return ids;
}

/* An incident that was told from here keeps its id: its end is told by way of the database. */
static void keep_ids(json_t *batch, const json_t *ids)
{
    size_t i;
    json_t *entry;

    json_array_foreach(batch, i, entry)
    {
        size_t j;
        json_t *finding;

        json_array_foreach(json_object_get(entry, "findings"), j, finding)
        {
            const char *kind = json_string_value(json_object_get(finding, "kind"));
            const char *key = json_string_value(json_object_get(finding, "key"));
            char name[FINDING_KEY_SIZE + 64];

            name_incident(name, kind != NULL ? kind : "", key != NULL ? key : "");
            json_t *id = json_object_get(ids, name);
            if (id != NULL) {
                (void)json_object_set(finding, "id", id);
            }
        }
    }
}

/* ---- handing in -------------------------------------------------------------------------- */

/* The database says to no sink what such a batch tells. So it ends nothing: the next claim does,
 * aloud. */
static void end_nothing(json_t *batch)
{
    size_t i;
    json_t *entry;

    json_array_foreach(batch, i, entry)
    {
        (void)json_object_set_new(entry, "over", json_array());
    }
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

struct handing {
    const char *sinks;
    const json_t *ids;
    struct postgresql *server;
    struct held_outcome *out;
    struct postgresql_trouble *trouble;
};

/* False: the trouble. */
static bool hand_in(const struct handing *handing, const char *path)
{
    struct held_outcome *out = handing->out;
    struct postgresql_trouble *trouble = handing->trouble;
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
        const bool told = json_is_true(json_object_get(object, "told"));
        if (told) {
            keep_ids(batch, handing->ids);
            end_nothing(batch);
        }
        char *text = json_dumps(batch, JSON_COMPACT);
        const char *const values[] = {worker, vantage, shown, text, told ? "{}" : handing->sinks};
        *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
        if (text != NULL &&
            fleet_ask(handing->server,
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
    json_t *ids = count > 0 ? open_ids(state_directory) : NULL;
    const struct handing handing = {sinks, ids, server, out, trouble};
    for (int i = 0; i < count; i++) {
        if (goes_on) {
            snprintf(path, sizeof(path), "%.*s/%.200s", PATH_MAX - 256, folder, entries[i]->d_name);
            goes_on = hand_in(&handing, path);
        }
        free(entries[i]);
    }
    free(entries);
    json_decref(ids);
    if (lock >= 0) {
        close(lock);
    }
    return goes_on;
}
