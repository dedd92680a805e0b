#include "probe/report/metrics_state.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/judge/verdict.h"
#include "probe/report/totals.h"
#include "probe/run_lock.h"
#include "probe/state_file.h"

#define VERSION       1
#define NAME_MAX_SIZE (ENDPOINT_TEXT_SIZE + RESULT_HOST_SIZE + 8)
#define KEY_SIZE      (NAME_MAX_SIZE + RESULT_HOST_SIZE + 16)

/* How long an endpoint is kept whose target is not configured: another process may have another
 * configuration. */
#define KEPT_S (7 * 86400L)

struct standing {
    atomic_uint holders;
    bool daemon;
    bool told;
    int lock;  /* the daemon's, or -1 */
    bool kept; /* there are metrics to be kept for */
    struct state_file file;

    /* The thread that shows: what the file was when it was read. */
    struct stat seen;

    pthread_mutex_t mutex; /* guards what follows, and the counts of references in it */
    json_t *root;          /* as the file has it */
    json_t *intervals;     /* of each configured target, by its name */
    struct tally owed;     /* counted, and not in the file */
};

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

struct standing *standing_new(const struct conf *conf, bool daemon)
{
    struct standing *standing = calloc(1, sizeof(*standing));

    if (standing == NULL) {
        return NULL;
    }
    pthread_mutex_init(&standing->mutex, NULL);
    atomic_init(&standing->holders, 1);
    standing->file = (struct state_file){
        .name = "metrics", .version = VERSION, .members = {"endpoints", "counts"}};
    state_file_place(&standing->file, conf->state_directory);
    standing->daemon = daemon;
    standing->lock = daemon ? run_lock_take(conf->state_directory) : -1;
    standing->told =
        daemon ? standing->lock >= 0 || errno != EAGAIN : !run_lock_is_taken(conf->state_directory);
    standing_configure(standing, conf);
    if (standing->intervals == NULL) {
        standing_release(standing);
        return NULL;
    }
    return standing;
}

struct standing *standing_hold(struct standing *standing)
{
    atomic_fetch_add(&standing->holders, 1);
    return standing;
}

void standing_release(void *user)
{
    struct standing *standing = user;

    if (standing == NULL || atomic_fetch_sub(&standing->holders, 1) > 1) {
        return;
    }
    if (standing->lock >= 0) {
        close(standing->lock);
    }
    json_decref(standing->root);
    json_decref(standing->intervals);
    pthread_mutex_destroy(&standing->mutex);
    free(standing);
}

bool standing_is_told(const struct standing *standing)
{
    return standing->told;
}

void standing_configure(struct standing *standing, const struct conf *conf)
{
    json_t *intervals = intervals_of(&conf->probe);

    standing->kept = conf->alert.metrics_directory[0] != '\0';
    if (intervals != NULL) {
        pthread_mutex_lock(&standing->mutex);
        json_decref(standing->intervals);
        standing->intervals = intervals;
        pthread_mutex_unlock(&standing->mutex);
    }
}

/* Takes the reference over. */
static void know(struct standing *standing, json_t *root)
{
    pthread_mutex_lock(&standing->mutex);
    json_decref(standing->root);
    standing->root = root;
    pthread_mutex_unlock(&standing->mutex);
}

/* ---- an audit --------------------------------------------------------------------------- */

/* "203.0.113.25:25"; where there is no address, with the host instead. */
static void name_endpoint(const struct endpoint *endpoint, char out[NAME_MAX_SIZE])
{
    char where[ENDPOINT_TEXT_SIZE];

    if (endpoint->address.family == ADDRESS_NONE) {
        snprintf(out, NAME_MAX_SIZE, "%s:%u", endpoint->host, (unsigned int)endpoint->port);
    } else {
        snprintf(out, NAME_MAX_SIZE, "%s",
                 address_format_port(&endpoint->address, endpoint->port, where));
    }
}

static const char *key_of(const struct endpoint_result *result, char out[KEY_SIZE])
{
    char name[NAME_MAX_SIZE];

    name_endpoint(&result->endpoint, name);
    snprintf(out, KEY_SIZE, "%s/%s %s", name, tls_mode_name(result->endpoint.tls_asked),
             result->endpoint.target);
    return out;
}

/* NULL when memory is out. */
static json_t *entry_of(const struct endpoint_result *result, json_int_t time)
{
    char name[NAME_MAX_SIZE];

    name_endpoint(&result->endpoint, name);
    json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:f}", "target",
                              result->endpoint.target, "endpoint", name, "tls",
                              tls_mode_name(result->endpoint.tls_asked), "host",
                              result->endpoint.host, "session", tls_mode_name(result_tls(result)),
                              "verdict", verdict_name(result->verdict), "cause",
                              result->cause != CAUSE_NONE ? cause_name(result->cause) : "", "time",
                              time, "seconds", result->seconds);
    if (entry != NULL && result->milter.asked) {
        (void)json_object_set_new(entry, "milter", json_boolean(result->milter.observed));
    }
    if (entry != NULL && result->tls_protocol[0] != '\0') {
        (void)json_object_set_new(entry, "certificate",
                                  json_boolean(result->tls_certificate[0] == '\0'));
    }
    return entry;
}

struct addition {
    struct standing *standing;
    const struct audit_summary *summary;
    const struct tally *owed;
};

static bool counts(const struct endpoint_result *result)
{
    return result->endpoint.configured && !result->interrupted;
}

/* Two of a target's endpoints may differ only in what is asked there: then the worse one is told.
 */
static bool is_outdone(const struct audit_summary *summary, size_t index)
{
    const struct endpoint_result *result = summary->results[index];
    char key[KEY_SIZE];
    char other_key[KEY_SIZE];

    key_of(result, key);
    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *other = summary->results[i];
        const struct endpoint_result *const both[] = {result, other};
        if (i == index || !counts(other) ||
            strcmp(other->endpoint.target, result->endpoint.target) != 0 ||
            strcmp(key_of(other, other_key), key) != 0) {
            continue;
        }
        if (other->verdict == result->verdict ? i < index
                                              : judgement_worst(both, 2) == other->verdict) {
            return true;
        }
    }
    return false;
}

/* Whether all of the target's endpoints are known now: no other is left. */
static bool is_through(const struct audit_summary *summary, const char *target)
{
    bool asked = false;

    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint *endpoint = &summary->results[i]->endpoint;
        if (endpoint->configured && strcmp(endpoint->target, target) == 0) {
            asked = true;
            if (summary->results[i]->interrupted) {
                return false;
            }
        }
    }
    return asked;
}

/* Drops what the audit did not find any more, and what nobody has configured for long. */
static void drop_gone(json_t *endpoints, const struct addition *addition)
{
    json_int_t oldest = (json_int_t)addition->summary->started - KEPT_S;
    const json_t *intervals = addition->standing->intervals;
    const char *key;
    void *next;
    json_t *entry;

    json_object_foreach_safe(endpoints, next, key, entry)
    {
        const char *target = json_string_value(json_object_get(entry, "target"));
        if (target == NULL || is_through(addition->summary, target) ||
            (json_object_get(intervals, target) == NULL &&
             json_integer_value(json_object_get(entry, "time")) < oldest)) {
            json_object_del(endpoints, key);
        }
    }
}

static void add_endpoints(json_t *endpoints, const struct addition *addition)
{
    const struct audit_summary *summary = addition->summary;
    json_int_t time = (json_int_t)summary->started + (json_int_t)summary->seconds;
    char key[KEY_SIZE];

    drop_gone(endpoints, addition);
    for (size_t i = 0; i < summary->count; i++) {
        if (counts(summary->results[i]) && !is_outdone(summary, i)) {
            (void)json_object_set_new(endpoints, key_of(summary->results[i], key),
                                      entry_of(summary->results[i], time));
        }
    }
}

/* Of what the file has by now. */
static bool add_all(json_t *root, void *user)
{
    const struct addition *addition = user;
    json_t *kept = json_object_get(root, "counts");
    struct tally tally = *addition->owed;

    add_endpoints(json_object_get(root, "endpoints"), addition);
    tally_read(&tally, kept);
    return tally_write(&tally, kept);
}

/* Without the file: the endpoints at least are known here. */
static void add_in_memory(struct standing *standing, const struct addition *addition)
{
    pthread_mutex_lock(&standing->mutex);
    if (standing->root == NULL) {
        standing->root = json_pack("{s:{}, s:{}}", "endpoints", "counts");
    }
    add_endpoints(json_object_get(standing->root, "endpoints"), addition);
    pthread_mutex_unlock(&standing->mutex);
}

bool standing_add(struct standing *standing, const struct audit_summary *summary,
                  char error[STANDING_ERROR_SIZE])
{
    char why[STATE_FILE_ERROR_SIZE] = "out of memory";
    struct tally owed;

    if (!standing->kept) {
        return true;
    }
    pthread_mutex_lock(&standing->mutex);
    bool counted = tally_audit(&standing->owed, summary);
    owed = standing->owed;
    pthread_mutex_unlock(&standing->mutex);
    struct addition addition = {standing, summary, &owed};
    standing->file.waited = false;
    json_t *root = counted ? state_file_change(&standing->file, add_all, &addition, why) : NULL;
    if (root == NULL) {
        add_in_memory(standing, &addition);
        snprintf(error, STANDING_ERROR_SIZE, "%s", why);
        return false;
    }
    know(standing, root);
    pthread_mutex_lock(&standing->mutex);
    standing->owed = (struct tally){0};
    pthread_mutex_unlock(&standing->mutex);
    return true;
}

/* ---- showing ---------------------------------------------------------------------------- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What another process has added. */
static void look_at_file(struct standing *standing)
{
    char path[PATH_MAX];
    char error[STATE_FILE_ERROR_SIZE];
    struct stat status;

    if (stat(state_file_path(&standing->file, path), &status) != 0 ||
        is_same_file(&status, &standing->seen)) {
        return;
    }
    json_t *root = state_file_read(&standing->file, error);
    if (root != NULL) { /* else whoever adds next tells */
        standing->seen = status;
        know(standing, root);
    }
}

static void show_configured(struct metrics *metrics, const struct standing *standing)
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

void standing_show(struct metrics *metrics, void *user)
{
    struct standing *standing = user;

    look_at_file(standing);
    pthread_mutex_lock(&standing->mutex);
    struct tally tally = standing->owed;
    tally_read(&tally, json_object_get(standing->root, "counts"));
    show_configured(metrics, standing);
    standing_show_endpoints(metrics, json_object_get(standing->root, "endpoints"),
                            standing->intervals);
    tally_show(&tally, metrics);
    pthread_mutex_unlock(&standing->mutex);
}
