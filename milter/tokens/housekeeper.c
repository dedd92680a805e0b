#include "milter/tokens/housekeeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/state/database.h"
#include "lib/state/moment_table.h"
#include "lib/sys/clocks.h"
#include "lib/sys/thread.h"
#include "milter/live_conf.h"
#include "milter/tokens/token_finding.h"
#include "milter/tokens/unmasked.h"

#define TICK_MS           1000
#define FIRST_READ_MS     1000
#define REOPEN_SECONDS    10
#define ASK_SAVED_SECONDS 60 /* how exact the stored time of the last ask is */

struct housekeeper {
    char path[4096];
    struct probe_dialogue_desk *desk;
    struct reporter *reporter;
    struct status_file *file; /* the thread's; may be NULL */
    pthread_t thread;
    int64_t started; /* as all times here, by the steady clock */

    pthread_mutex_t mutex; /* guards the three */
    pthread_cond_t changed;
    bool stop;
    bool ready; /* the database was read, or cannot be */
    bool ended;

    /* The thread's. */
    struct clocks now; /* when its round began */
    sqlite3 *database;
    bool told; /* that it cannot be had */
    int64_t reopen_at;
    int64_t version;    /* of the database, as it was read */
    int64_t ask_stored; /* what the database has (Unix time) */
    int64_t inside_stored;
    int64_t remind_at;  /* when lasting findings are due again */
    bool visits_known;  /* those of before the start, too */
    bool keyed;         /* the configuration has a key: asks can be recognised */
    int64_t not_before; /* no probe was expected until then */
    bool missing;       /* probe-missing was raised */
    bool inside_told;   /* that asks from inside do not end it */
    struct mask masks[MASKS_MAX];
};

static void close_database(struct housekeeper *keeper)
{
    database_close(keeper->database);
    keeper->database = NULL;
    keeper->reopen_at = keeper->now.steady + REOPEN_SECONDS;
}

/* The database failed; what is not saved stays in memory. */
static void give_up(struct housekeeper *keeper)
{
    char error[DATABASE_ERROR_SIZE];

    if (!keeper->told) {
        (void)database_failure(keeper->database, keeper->path, error);
        reporter_say(keeper->reporter, LOG_ERR,
                     "masked addresses cannot be kept: %s; they are kept in memory", error);
        keeper->told = true;
    }
    close_database(keeper);
}

/* ---- masks ----------------------------------------------------------------------------------- */

/* The database has Unix time. */
static void to_stored(const struct clocks *now, struct mask *masks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        masks[i].hidden = clocks_wall(now, masks[i].hidden);
        masks[i].since = clocks_wall(now, masks[i].since);
        masks[i].true_since = clocks_wall(now, masks[i].true_since);
        masks[i].dropped = clocks_wall(now, masks[i].dropped);
    }
}

static void from_stored(const struct clocks *now, struct mask *masks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        masks[i].hidden = clocks_steady(now, masks[i].hidden);
        masks[i].since = clocks_steady(now, masks[i].since);
        masks[i].true_since = clocks_steady(now, masks[i].true_since);
        masks[i].dropped = clocks_steady(now, masks[i].dropped);
    }
}

static bool read_masks(struct housekeeper *keeper)
{
    struct masks *masks = &keeper->desk->masks;
    int64_t version = 0;

    if (!mask_table_version(keeper->database, &version)) {
        return false;
    }
    if (version == keeper->version) {
        return true;
    }
    int count = mask_table_load(keeper->database, keeper->masks, MASKS_MAX);
    if (count < 0) {
        return false;
    }
    keeper->version = version;
    from_stored(&keeper->now, keeper->masks, (size_t)count);
    masks_merge(masks, keeper->masks, (size_t)count);
    unmasked_tell(masks, MASKS_DROP_ORDERED, keeper->reporter);
    return true;
}

static bool write_masks(struct housekeeper *keeper)
{
    size_t count = masks_take_unsaved(&keeper->desk->masks, keeper->masks, MASKS_MAX);

    if (count == 0) {
        return true;
    }
    to_stored(&keeper->now, keeper->masks, count);
    if (!mask_table_save(keeper->database, keeper->masks, count)) {
        masks_put_back(&keeper->desk->masks, keeper->masks, count);
        return false;
    }
    return true;
}

static bool forget_old(struct housekeeper *keeper)
{
    masks_expire(&keeper->desk->masks, keeper->now.steady - MASK_FLAP_SECONDS);
    return mask_table_correct(keeper->database, keeper->now.wall) &&
           mask_table_expire(keeper->database, keeper->now.wall - MASK_FLAP_SECONDS);
}

/* While an address is masked its incident lasts, however seldom the probe comes by. Nothing new
 * happened, so these count nothing. */
static void hold_incidents(struct housekeeper *keeper, const struct live_conf *snapshot)
{
    size_t count = masks_list(&keeper->desk->masks, keeper->masks, MASKS_MAX);
    struct finding finding;

    for (size_t i = 0; i < count; i++) {
        const struct mask *mask = &keeper->masks[i];
        const struct network *trusted = site_trusted_network(snapshot->rules.site, &mask->address);
        if (trusted != NULL) {
            token_finding_hidden(&finding, mask, trusted);
            finding.count = 0;
            reporter_hand_over(keeper->reporter, &finding);
        }
    }
}

/* ---- the probe's visits ---------------------------------------------------------------------- */

static int64_t distance(int64_t a, int64_t b)
{
    return a < b ? b - a : a - b;
}

/* The stored time follows the wall clock when that is set, too. */
static bool keep_visit(struct housekeeper *keeper, const char *name, int64_t last, int64_t *stored)
{
    if (last == 0 || (*stored != 0 && distance(last, *stored) < ASK_SAVED_SECONDS)) {
        return true;
    }
    if (!moment_table_save(keeper->database, name, last)) {
        return false;
    }
    *stored = last;
    return true;
}

/* Without a key nothing is awaited yet, and there is no time to remember. */
static bool keep_visits(struct housekeeper *keeper)
{
    const struct probe_dialogue_desk *desk = keeper->desk;

    return !keeper->keyed || (keep_visit(keeper, MOMENT_PROBE_SEEN,
                                         clocks_wall(&keeper->now, atomic_load(&desk->last_ask)),
                                         &keeper->ask_stored) &&
                              keep_visit(keeper, MOMENT_PROBE_INSIDE,
                                         clocks_wall(&keeper->now, atomic_load(&desk->last_inside)),
                                         &keeper->inside_stored));
}

static bool read_visits(struct housekeeper *keeper)
{
    long long start = keeper->started;
    long long never = 0;

    if (!moment_table_load(keeper->database, MOMENT_PROBE_SEEN, &keeper->ask_stored) ||
        !moment_table_load(keeper->database, MOMENT_PROBE_INSIDE, &keeper->inside_stored)) {
        return false;
    }
    keeper->visits_known = true;
    /* An ask that came meanwhile counts more. */
    int64_t last = clocks_steady(&keeper->now, keeper->ask_stored);
    if (last != 0 && last < start) {
        atomic_compare_exchange_strong(&keeper->desk->last_ask, &start, last);
    }
    atomic_compare_exchange_strong(&keeper->desk->last_inside, &never,
                                   clocks_steady(&keeper->now, keeper->inside_stored));
    return true;
}

/* When a probe was last seen from outside, or since when one is expected: a configuration that
 * begins to expect one must give it the time to come. Without a key none can be recognised. */
static int64_t awaited_since(struct housekeeper *keeper, const struct conf *conf)
{
    if (!keeper->keyed) {
        atomic_store(&keeper->desk->last_ask, keeper->now.steady);
    }
    if (!keeper->keyed || conf->milter.probe_expected_seconds <= 0) {
        keeper->not_before = keeper->now.steady;
    }
    int64_t last = atomic_load(&keeper->desk->last_ask);
    return last > keeper->not_before ? last : keeper->not_before;
}

static void raise_missing(struct housekeeper *keeper, int64_t since, long expected)
{
    struct finding finding;
    int64_t inside = atomic_load(&keeper->desk->last_inside);

    token_finding_probe_missing(&finding, clocks_wall(&keeper->now, since),
                                clocks_wall(&keeper->now, inside), expected);
    finding.count = keeper->missing ? 0 : 1;
    keeper->inside_told = keeper->missing ? keeper->inside_told : inside >= since;
    reporter_hand_over(keeper->reporter, &finding);
}

/* The open incident keeps its first words. Whoever then asks from inside waits for its end. */
static void tell_of_inside(struct housekeeper *keeper, int64_t since)
{
    if (keeper->inside_told || atomic_load(&keeper->desk->last_inside) <= since) {
        return;
    }
    keeper->inside_told = true;
    reporter_say(keeper->reporter, LOG_NOTICE,
                 "a probe asked from inside: that does not end probe-missing, which waits for one "
                 "from outside");
}

/* The housekeeper says again and again that a probe is not missing: an incident of before a restart
 * may be read late. As long as nobody knows when the probe last came, nothing is over. */
static void look_for_probe(struct housekeeper *keeper, const struct live_conf *snapshot,
                           bool remind)
{
    long expected = snapshot->conf->milter.probe_expected_seconds;
    int64_t since = awaited_since(keeper, snapshot->conf);
    bool wanted = keeper->keyed && expected > 0;
    bool missing = wanted && keeper->now.steady - since > expected;

    if (missing && (remind || !keeper->missing)) {
        raise_missing(keeper, since, expected);
    } else if (!missing && (remind || keeper->missing) &&
               (!wanted || keeper->visits_known || since > keeper->started)) {
        reporter_resolve(keeper->reporter, FINDING_PROBE_MISSING, "");
    }
    if (missing) {
        tell_of_inside(keeper, since);
    }
    keeper->missing = missing;
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static void write_snapshot(struct housekeeper *keeper, struct live_conf *snapshot, bool stopping)
{
    if (keeper->file == NULL ||
        (!stopping && !status_file_is_due(keeper->file, keeper->now.steady))) {
        return;
    }
    size_t count = masks_list(&keeper->desk->masks, keeper->masks, MASKS_MAX);
    to_stored(&keeper->now, keeper->masks, count);
    const struct snapshot_moment moment = {
        .configuration = snapshot,
        .database = keeper->database,
        .masks = keeper->masks,
        .mask_count = count,
        .now = keeper->now,
        .last_ask = clocks_wall(&keeper->now, atomic_load(&keeper->desk->last_ask)),
        .last_inside = clocks_wall(&keeper->now, atomic_load(&keeper->desk->last_inside)),
        .missing = keeper->missing,
        .stopping = stopping,
    };
    status_file_keep(keeper->file, &moment);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void open_database(struct housekeeper *keeper)
{
    char error[DATABASE_ERROR_SIZE];

    if (keeper->database != NULL || keeper->now.steady < keeper->reopen_at) {
        return;
    }
    if (database_open(keeper->path, &keeper->database, error) != DATABASE_OK) {
        if (!keeper->told) {
            reporter_say(keeper->reporter, LOG_ERR,
                         "%s; masked addresses are kept in memory until then", error);
            keeper->told = true;
        }
        keeper->reopen_at = keeper->now.steady + REOPEN_SECONDS;
        return;
    }
    keeper->version = -1;
    if (!read_masks(keeper) || !read_visits(keeper)) {
        give_up(keeper);
    }
}

static void use_database(struct housekeeper *keeper)
{
    open_database(keeper);
    if (keeper->database == NULL) {
        return;
    }
    if (!forget_old(keeper) || !write_masks(keeper) || !read_masks(keeper) ||
        !keep_visits(keeper)) {
        give_up(keeper);
        return;
    }
    keeper->told = false; /* that it can be opened and read says nothing of writing */
}

/* How often a finding that lasts must come to be taken for lasting. */
static long lasting_seconds(const struct conf *conf)
{
    long half = conf->alert.quiet_after_seconds / 2;

    return half < 1 ? 1 : half > 60 ? 60 : half;
}

/* The configuration of this round, to be released; NULL: there is none any more. */
static struct live_conf *begin_round(struct housekeeper *keeper)
{
    struct live_conf *snapshot = live_conf_current();

    keeper->now = clocks_now();
    keeper->keyed = snapshot != NULL && snapshot->conf->token_key != NULL;
    return snapshot;
}

static void tick(struct housekeeper *keeper)
{
    struct live_conf *snapshot = begin_round(keeper);

    use_database(keeper);
    if (snapshot == NULL) {
        return;
    }
    bool remind = keeper->now.steady >= keeper->remind_at;
    if (remind) {
        keeper->remind_at = keeper->now.steady + lasting_seconds(snapshot->conf);
        hold_incidents(keeper, snapshot);
    }
    look_for_probe(keeper, snapshot, remind);
    write_snapshot(keeper, snapshot, false);
    live_conf_release(snapshot);
}

static void finish(struct housekeeper *keeper)
{
    struct live_conf *snapshot = begin_round(keeper);

    use_database(keeper);
    if (snapshot != NULL) {
        write_snapshot(keeper, snapshot, true);
        live_conf_release(snapshot);
    }
    database_close(keeper->database);
}

/* True if the flag was raised within that time. */
static bool wait_for(struct housekeeper *keeper, const bool *flag, int wait_ms)
{
    const struct timespec until = thread_moment(wait_ms);

    pthread_mutex_lock(&keeper->mutex);
    while (!*flag && thread_wait_until(&keeper->changed, &keeper->mutex, &until)) {
        /* woken for another flag, or for none */
    }
    bool raised = *flag;
    pthread_mutex_unlock(&keeper->mutex);
    return raised;
}

static void set_flag(struct housekeeper *keeper, bool *flag)
{
    pthread_mutex_lock(&keeper->mutex);
    *flag = true;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
}

static void *run(void *argument)
{
    struct housekeeper *keeper = argument;

    keeper->now = clocks_now();
    open_database(keeper);
    set_flag(keeper, &keeper->ready);
    while (!wait_for(keeper, &keeper->stop, TICK_MS)) {
        tick(keeper);
    }
    finish(keeper);
    set_flag(keeper, &keeper->ended);
    return NULL;
}

static void free_keeper(struct housekeeper *keeper)
{
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}

struct housekeeper *housekeeper_start(const char *database_path, struct probe_dialogue_desk *desk,
                                      struct reporter *reporter, struct status_file *file)
{
    struct housekeeper *keeper = calloc(1, sizeof(*keeper));

    if (keeper == NULL) {
        return NULL;
    }
    if (thread_condition(&keeper->changed) != 0) {
        free(keeper);
        return NULL;
    }
    pthread_mutex_init(&keeper->mutex, NULL);
    snprintf(keeper->path, sizeof(keeper->path), "%s", database_path);
    keeper->desk = desk;
    keeper->reporter = reporter;
    keeper->file = file;
    keeper->started = clocks_now().steady;
    atomic_store(&desk->last_ask, keeper->started);
    if (thread_start(&keeper->thread, "keeper", run, keeper) != 0) {
        free_keeper(keeper);
        return NULL;
    }
    wait_for(keeper, &keeper->ready, FIRST_READ_MS);
    return keeper;
}

bool housekeeper_stop(struct housekeeper *keeper, int wait_ms)
{
    set_flag(keeper, &keeper->stop);
    if (!wait_for(keeper, &keeper->ended, wait_ms)) {
        return false;
    }
    pthread_join(keeper->thread, NULL);
    free_keeper(keeper);
    return true;
}
