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

struct keeper {
    char path[4096];
    struct audit_desk *desk;
    struct reporter *reporter;
    struct snapshot_file *file; /* the thread's; may be NULL */
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
    int64_t remind_at;  /* when lasting findings are due again */
    bool visits_known;  /* those of before the start, too */
    bool missing;       /* probe-missing was raised */
    struct mask masks[MASKS_MAX];
};

static void close_database(struct keeper *keeper)
{
    database_close(keeper->database);
    keeper->database = NULL;
    keeper->reopen_at = keeper->now.steady + REOPEN_SECONDS;
}

/* The database failed; what is not saved stays in memory. */
static void give_up(struct keeper *keeper)
{
    if (!keeper->told) {
        reporter_say(keeper->reporter, LOG_ERR,
                     "masked addresses cannot be kept in %s: %s; they are kept in memory",
                     keeper->path, sqlite3_errmsg(keeper->database));
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

static bool read_masks(struct keeper *keeper)
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

static bool write_masks(struct keeper *keeper)
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

static bool forget_old(struct keeper *keeper)
{
    masks_expire(&keeper->desk->masks, keeper->now.steady - MASK_FLAP_SECONDS);
    return mask_table_correct(keeper->database, keeper->now.wall) &&
           mask_table_expire(keeper->database, keeper->now.wall - MASK_FLAP_SECONDS);
}

/* While an address is masked its incident lasts, however seldom the probe comes by. Nothing new
 * happened, so these count nothing. */
static void hold_incidents(struct keeper *keeper, const struct snapshot *snapshot)
{
    size_t count = masks_list(&keeper->desk->masks, keeper->masks, MASKS_MAX);
    struct finding finding;

    for (size_t i = 0; i < count; i++) {
        const struct mask *mask = &keeper->masks[i];
        const struct network *trusted = site_trusted_network(snapshot->rules.site, &mask->address);
        if (trusted != NULL) {
            audit_finding_hidden(&finding, mask, trusted);
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
static bool keep_last_ask(struct keeper *keeper)
{
    int64_t last = clocks_wall(&keeper->now, atomic_load(&keeper->desk->last_ask));

    if (keeper->ask_stored != 0 && distance(last, keeper->ask_stored) < ASK_SAVED_SECONDS) {
        return true;
    }
    if (!moment_table_save(keeper->database, MOMENT_PROBE_SEEN, last)) {
        return false;
    }
    keeper->ask_stored = last;
    return true;
}

static bool read_last_ask(struct keeper *keeper)
{
    long long start = keeper->started;
    int64_t stored;

    if (!moment_table_load(keeper->database, MOMENT_PROBE_SEEN, &stored)) {
        return false;
    }
    keeper->ask_stored = stored;
    keeper->visits_known = true;
    /* An ask that came meanwhile counts more. */
    int64_t last = clocks_steady(&keeper->now, stored);
    if (last != 0 && last < start) {
        atomic_compare_exchange_strong(&keeper->desk->last_ask, &start, last);
    }
    return true;
}

static void raise_missing(struct keeper *keeper, int64_t last, long expected)
{
    struct finding finding;

    audit_finding_probe_missing(&finding, clocks_wall(&keeper->now, last), expected);
    finding.count = keeper->missing ? 0 : 1;
    reporter_hand_over(keeper->reporter, &finding);
}

/* What is not missing is said again and again: an incident of before a restart may be read late. As
 * long as nobody knows when the probe last came, nothing is over. */
static void look_for_probe(struct keeper *keeper, const struct snapshot *snapshot, bool remind)
{
    long expected = snapshot->conf->milter.probe_expected_seconds;
    int64_t last = atomic_load(&keeper->desk->last_ask);
    bool wanted = snapshot->conf->token_key != NULL && expected > 0;
    bool missing = wanted && keeper->now.steady - last > expected;

    if (missing && (remind || !keeper->missing)) {
        raise_missing(keeper, last, expected);
    } else if (!missing && (remind || keeper->missing) &&
               (!wanted || keeper->visits_known || last > keeper->started)) {
        reporter_resolve(keeper->reporter, FINDING_PROBE_MISSING, "");
    }
    keeper->missing = missing;
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static void write_snapshot(struct keeper *keeper, struct snapshot *snapshot, bool stopping)
{
    if (keeper->file == NULL ||
        (!stopping && !snapshot_file_is_due(keeper->file, keeper->now.steady))) {
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
        .missing = keeper->missing,
        .stopping = stopping,
    };
    snapshot_file_keep(keeper->file, &moment);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void open_database(struct keeper *keeper)
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
    if (!read_masks(keeper) || !read_last_ask(keeper)) {
        give_up(keeper);
    }
}

static void use_database(struct keeper *keeper)
{
    open_database(keeper);
    if (keeper->database == NULL) {
        return;
    }
    if (!forget_old(keeper) || !write_masks(keeper) || !read_masks(keeper) ||
        !keep_last_ask(keeper)) {
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

static void tick(struct keeper *keeper)
{
    keeper->now = clocks_now();
    use_database(keeper);
    struct snapshot *snapshot = snapshot_current();
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
    snapshot_release(snapshot);
}

static void finish(struct keeper *keeper)
{
    keeper->now = clocks_now();
    use_database(keeper);
    struct snapshot *snapshot = snapshot_current();
    if (snapshot != NULL) {
        write_snapshot(keeper, snapshot, true);
        snapshot_release(snapshot);
    }
    database_close(keeper->database);
}

/* True if the flag was raised within that time. */
static bool wait_for(struct keeper *keeper, const bool *flag, int wait_ms)
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

static void set_flag(struct keeper *keeper, bool *flag)
{
    pthread_mutex_lock(&keeper->mutex);
    *flag = true;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
}

static void *run(void *argument)
{
    struct keeper *keeper = argument;

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

static void free_keeper(struct keeper *keeper)
{
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}

struct keeper *keeper_start(const char *database_path, struct audit_desk *desk,
                            struct reporter *reporter, struct snapshot_file *file)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);

    if (keeper == NULL) {
        return NULL;
    }
    if (thread_condition(&keeper->changed) != 0) {
        free(keeper);
        return NULL;
    }
    pthread_mutex_init(&keeper->mutex, NULL);
    snprintf(keeper->path, sizeof keeper->path, "%s", database_path);
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

bool keeper_stop(struct keeper *keeper, int wait_ms)
{
    set_flag(keeper, &keeper->stop);
    if (!wait_for(keeper, &keeper->ended, wait_ms)) {
        return false;
    }
    pthread_join(keeper->thread, NULL);
    free_keeper(keeper);
    return true;
}
