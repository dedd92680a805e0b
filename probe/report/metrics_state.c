#include "probe/report/metrics_state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/state/audit_state.h"
#include "probe/report/endpoint_metrics.h"
#include "probe/report/history.h"
#include "probe/report/totals.h"

/* Endpoints of one origin, in the order of their keys. */
struct standing_list {
    struct endpoint_metrics *entries;
    size_t count;
    size_t room;
};

struct metrics_state {
    atomic_uint holders;
    bool daemon;
    bool told;
    int lock; /* the daemon's, or -1 */
    char *directory;
    metrics_snapshot show_too; /* NULL: nothing else */
    void *show_too_user;

    pthread_mutex_t showing; /* guards what is read from the database, for as long as that takes */
    struct audit_state *state; /* NULL: not open */
    int64_t version;

    pthread_mutex_t mutex;        /* guards what follows */
    bool added;                   /* since it was opened: somebody may have moved the file away */
    json_t *intervals;            /* of each configured target, by its name */
    struct standing_list kept;    /* as the database has it */
    struct standing_list unsaved; /* what it has not, which goes before that */
    struct totals totals;
};

/* ---- whether there is a daemon ----------------------------------------------------------------
 */

#define LOCK_TRIES   10
#define LOCK_STEP_MS 10

/* -1 and errno; EWOULDBLOCK: another process has it. */
static int lock_folder(const char *state_directory, int operation)
{
    static const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.*s/probe", PATH_MAX - 64, state_directory);
    (void)mkdir(path, 0750);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tries = LOCK_TRIES;
    /* A check that looks whether there is a daemon has it for a moment. */
    while (folder >= 0 && flock(folder, operation | LOCK_NB) != 0) {
        if (errno != EINTR && (errno != EWOULDBLOCK || --tries == 0)) {
            int reason = errno;
            close(folder);
            errno = reason;
            return -1;
        }
        (void)nanosleep(&step, NULL);
    }
    return folder;
}

/* A folder that cannot be locked tells of nobody. */
static bool is_daemon_there(const char *state_directory)
{
    int folder = lock_folder(state_directory, LOCK_SH);

    if (folder >= 0) {
        close(folder);
    }
    return folder < 0 && errno == EWOULDBLOCK;
}

/* ---- life ------------------------------------------------------------------------------- */

/* NULL when memory is out. */
static json_t *intervals_of(const struct conf_probe *probe)
{
    json_t *intervals = json_object();

    for (size_t i = 0; i < probe->target_count; i++) {
        /* A name that is no UTF-8 is left out. */
        (void)json_object_set_new(intervals, probe->targets[i].name,
                                  json_integer(probe->targets[i].interval_seconds));
    }
    return intervals;
}

struct metrics_state *metrics_state_new(const struct conf *conf, bool daemon)
{
    struct metrics_state *standing = calloc(1, sizeof(*standing));

    if (standing == NULL) {
        return NULL;
    }
    pthread_mutex_init(&standing->showing, NULL);
    pthread_mutex_init(&standing->mutex, NULL);
    atomic_init(&standing->holders, 1);
    standing->daemon = daemon;
    standing->directory = strdup(conf->state_directory);
    standing->lock = daemon ? lock_folder(conf->state_directory, LOCK_EX) : -1;
    standing->told = daemon ? standing->lock >= 0 || errno != EWOULDBLOCK
                            : !is_daemon_there(conf->state_directory);
    metrics_state_configure(standing, conf);
    if (standing->intervals == NULL || standing->directory == NULL) {
        metrics_state_release(standing);
        return NULL;
    }
    return standing;
}

struct metrics_state *metrics_state_hold(struct metrics_state *standing)
{
    atomic_fetch_add(&standing->holders, 1);
    return standing;
}

void metrics_state_release(void *user)
{
    struct metrics_state *standing = user;

    if (standing == NULL || atomic_fetch_sub(&standing->holders, 1) > 1) {
        return;
    }
    if (standing->lock >= 0) {
        close(standing->lock);
    }
    audit_state_close(standing->state);
    free(standing->kept.entries);
    free(standing->unsaved.entries);
    free(standing->directory);
    json_decref(standing->intervals);
    pthread_mutex_destroy(&standing->mutex);
    pthread_mutex_destroy(&standing->showing);
    free(standing);
}

bool metrics_state_is_told(const struct metrics_state *standing)
{
    return standing->told;
}

void metrics_state_configure(struct metrics_state *standing, const struct conf *conf)
{
    json_t *intervals = intervals_of(&conf->probe);

    if (intervals != NULL) {
        pthread_mutex_lock(&standing->mutex);
        json_decref(standing->intervals);
        standing->intervals = intervals;
        pthread_mutex_unlock(&standing->mutex);
    }
}

/* ---- lists of endpoints -----------------------------------------------------------------------
 */

/* Two of a target's endpoints may differ only in what is asked there: then the worse one is told.
 * They stand beside each other, since their keys begin alike. False when memory is out. */
static bool add_to(struct standing_list *list, const struct endpoint_metrics *entry)
{
    for (size_t i = list->count; i > 0; i--) {
        struct endpoint_metrics *known = &list->entries[i - 1];
        if (endpoint_metrics_are_one(known, entry)) {
            if (endpoint_metrics_is_worse(entry, known)) {
                *known = *entry;
            }
            return true;
        }
        if (strcmp(known->endpoint, entry->endpoint) != 0) {
            break;
        }
    }
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        struct endpoint_metrics *grown = reallocarray(list->entries, room, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        list->entries = grown;
        list->room = room;
    }
    list->entries[list->count++] = *entry;
    return true;
}

static bool has(const struct standing_list *list, const struct endpoint_metrics *entry)
{
    for (size_t i = 0; i < list->count; i++) {
        if (endpoint_metrics_are_one(&list->entries[i], entry)) {
            return true;
        }
    }
    return false;
}

/* ---- an audit --------------------------------------------------------------------------- */

/* Without memory for them, those of before are told. */
static void remember(struct metrics_state *standing, const struct audit_summary *summary)
{
    struct audited_endpoint endpoint;
    struct endpoint_metrics entry;
    char key[ENDPOINT_KEY_SIZE];

    standing->unsaved.count = 0;
    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = audit_summary_result(summary, i);
        if (result->endpoint.configured && !result->interrupted) {
            history_describe(result, summary, &endpoint);
            endpoint_metrics_fill(&entry, endpoint_key(&result->endpoint, key), &endpoint);
            (void)add_to(&standing->unsaved, &entry);
        }
    }
}

void metrics_state_add(struct metrics_state *standing, const struct audit_summary *summary,
                       bool kept)
{
    pthread_mutex_lock(&standing->mutex);
    totals_audit(&standing->totals, summary);
    standing->added = true;
    if (kept) {
        standing->unsaved.count = 0;
    } else {
        remember(standing, summary);
    }
    pthread_mutex_unlock(&standing->mutex);
}

/* ---- showing ---------------------------------------------------------------------------- */

static bool take_endpoint(int64_t id, const struct audited_endpoint *endpoint, void *user)
{
    struct endpoint_metrics entry;

    (void)id;
    endpoint_metrics_fill(&entry, endpoint->key, endpoint);
    return endpoint->gone || add_to(user, &entry);
}

static bool take_all(struct audit_state *state, void *list)
{
    return audit_state_endpoints(state, false, take_endpoint, list);
}

/* `showing` is held. Reads what any process has added since. On failure all stays as it was;
 * whoever adds next tells.
 */
static void look_at_state(struct metrics_state *standing)
{
    char error[AUDIT_STATE_ERROR_SIZE];
    struct standing_list list = {.entries = NULL};

    pthread_mutex_lock(&standing->mutex);
    bool added = standing->added;
    standing->added = false;
    pthread_mutex_unlock(&standing->mutex);
    if (added || standing->state == NULL) {
        audit_state_close(standing->state);
        standing->state = audit_state_open(standing->directory, false, error);
        standing->version = 0;
    }
    int64_t version = standing->state != NULL ? audit_state_version(standing->state) : 0;
    if (version == standing->version) {
        return;
    }
    if (!audit_state_view(standing->state, take_all, &list)) {
        free(list.entries);
        return;
    }
    standing->version = version;
    pthread_mutex_lock(&standing->mutex);
    free(standing->kept.entries);
    standing->kept = list;
    pthread_mutex_unlock(&standing->mutex);
}

static void follow_state(struct metrics_state *standing)
{
    pthread_mutex_lock(&standing->showing);
    look_at_state(standing);
    pthread_mutex_unlock(&standing->showing);
}

static void show_configured(struct metrics *metrics, const struct metrics_state *standing)
{
    const char *target;
    json_t *interval;

    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_daemon",
                   "Whether a daemon writes these numbers (1), or a check now and then (0).");
    metrics_count(metrics, standing->daemon, (char *)NULL);
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_target_interval_seconds",
                   "How often a target is to be audited, by its configuration.");
    json_object_foreach(standing->intervals, target, interval)
    {
        metrics_count(metrics, (uint64_t)json_integer_value(interval), "target", target,
                      (char *)NULL);
    }
}

/* The mutex is held. `target`: of that one alone; NULL: of all. */
static void choose(const struct metrics_state *standing, const char *target,
                   struct standing_list *out)
{
    const struct standing_list *lists[] = {&standing->unsaved, &standing->kept};

    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < lists[i]->count; j++) {
            const struct endpoint_metrics *entry = &lists[i]->entries[j];
            if (json_object_get(standing->intervals, entry->target) != NULL &&
                (target == NULL || strcmp(entry->target, target) == 0) &&
                (i == 0 || !has(&standing->unsaved, entry))) {
                (void)add_to(out, entry);
            }
        }
    }
}

void metrics_state_show_too(struct metrics_state *standing, metrics_snapshot show, void *user)
{
    standing->show_too = show;
    standing->show_too_user = user;
}

void metrics_state_show(struct metrics *metrics, void *user)
{
    struct metrics_state *standing = user;
    struct standing_list list = {.entries = NULL};

    follow_state(standing);
    pthread_mutex_lock(&standing->mutex);
    show_configured(metrics, standing);
    choose(standing, NULL, &list);
    endpoint_metrics_show(metrics, list.entries, list.count);
    totals_show(&standing->totals, metrics);
    pthread_mutex_unlock(&standing->mutex);
    free(list.entries);
    if (standing->show_too != NULL) {
        standing->show_too(metrics, standing->show_too_user);
    }
}

/* Of endpoints that were asked beside each other: from the first question to the last. A target
 * that was never audited is no success. */
static void show_probe(struct metrics *metrics, const struct standing_list *list)
{
    bool closed = list->count > 0;
    double seconds = 0;
    int64_t oldest = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct endpoint_metrics *entry = &list->entries[i];
        closed = closed && entry->verdict == VERDICT_CLOSED;
        seconds = entry->seconds > seconds ? entry->seconds : seconds;
        oldest = oldest == 0 || entry->ended < oldest ? entry->ended : oldest;
    }
    metrics_family(metrics, METRIC_GAUGE, "probe_success",
                   "Whether each endpoint of the target was closed in its last audit.");
    metrics_count(metrics, closed, (char *)NULL);
    metrics_family(metrics, METRIC_GAUGE, "probe_duration_seconds",
                   "How long the longest last audit of the target's endpoints took.");
    metrics_number(metrics, seconds, (char *)NULL);
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_last_audit_timestamp_seconds",
                   "When the last audit of the target ended; 0 before the first.");
    metrics_count(metrics, (uint64_t)oldest, (char *)NULL);
}

bool metrics_state_show_target(struct metrics *metrics, struct metrics_state *standing,
                               const char *target)
{
    struct standing_list list = {.entries = NULL};

    follow_state(standing);
    pthread_mutex_lock(&standing->mutex);
    const json_t *interval = json_object_get(standing->intervals, target);
    const uint64_t seconds = (uint64_t)json_integer_value(interval);
    choose(standing, target, &list);
    pthread_mutex_unlock(&standing->mutex);
    if (interval != NULL) {
        show_probe(metrics, &list);
        metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_target_interval_seconds",
                       "How often the target is to be audited, by its configuration.");
        metrics_count(metrics, seconds, "target", target, (char *)NULL);
        endpoint_metrics_show(metrics, list.entries, list.count);
    }
    free(list.entries);
    return interval != NULL;
}
