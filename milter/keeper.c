#include "milter/keeper.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "lib/alert/database.h"
#include "lib/alert/moment_table.h"
#include "milter/audit_finding.h"
#include "milter/snapshot.h"

#define TICK_MS           1000
#define FIRST_READ_MS     1000
#define REOPEN_SECONDS    10
#define ASK_SAVED_SECONDS 60 /* how exact the stored time of the last ask is */

struct keeper {
    char path[4096];
    struct audit_desk *desk;
    struct reporter *reporter;
    pthread_t thread;
    int64_t started; /* Unix time */
    sem_t stop;
    sem_t ready; /* the database was read, or cannot be */

    /* The thread's. */
    sqlite3 *database;
    bool told; /* that it cannot be had */
    int64_t reopen_at;
    int64_t version;   /* of the database, as it was read */
    int64_t ask_saved; /* what the database has */
    int64_t remind_at; /* when lasting findings are due again */
    bool missing;      /* probe-missing was raised */
    struct mask masks[MASKS_MAX];
};

static void close_database(struct keeper *keeper, int64_t now)
{
    database_close(keeper->database);
    keeper->database = NULL;
    keeper->reopen_at = now + REOPEN_SECONDS;
}

/* The database failed; what is not saved stays in memory. */
static void give_up(struct keeper *keeper, int64_t now)
{
    if (!keeper->told) {
        reporter_say(keeper->reporter, LOG_ERR,
                     "masked addresses cannot be kept in %s: %s; they are kept in memory",
                     keeper->path, sqlite3_errmsg(keeper->database));
        keeper->told = true;
    }
    close_database(keeper, now);
}

/* ---- masks ----------------------------------------------------------------------------------- */

/* An address that is masked no longer ends its incident, unless others share that. */
static void tell_dropped(struct keeper *keeper, const struct masks_dropped *dropped)
{
    char key[FINDING_KEY_SIZE];
    char address[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < dropped->count; i++) {
        const struct mask *mask = &dropped->mask[i];
        reporter_say(keeper->reporter, LOG_NOTICE,
                     "%s is not masked any more: it was dropped by --unmask",
                     address_format(&mask->address, address));
        if (!masks_have_subject(&keeper->desk->masks, mask)) {
            audit_finding_hidden_key(mask, key);
            reporter_resolve(keeper->reporter, FINDING_CLIENT_ADDRESS_HIDDEN, key);
        }
    }
}

static bool read_masks(struct keeper *keeper)
{
    struct masks_dropped dropped;
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
    masks_merge(&keeper->desk->masks, keeper->masks, (size_t)count, &dropped);
    tell_dropped(keeper, &dropped);
    return true;
}

static bool write_masks(struct keeper *keeper)
{
    size_t count = masks_take_unsaved(&keeper->desk->masks, keeper->masks, MASKS_MAX);

    if (count == 0) {
        return true;
    }
    if (!mask_table_save(keeper->database, keeper->masks, count)) {
        masks_put_back(&keeper->desk->masks, keeper->masks, count);
        return false;
    }
    return true;
}

static bool forget_old(struct keeper *keeper, int64_t now)
{
    masks_expire(&keeper->desk->masks, now - MASK_FLAP_SECONDS);
    return mask_table_expire(keeper->database, now - MASK_FLAP_SECONDS);
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

static bool keep_last_ask(struct keeper *keeper)
{
    int64_t last = atomic_load(&keeper->desk->last_ask);

    if (last - keeper->ask_saved < ASK_SAVED_SECONDS && keeper->ask_saved != 0) {
        return true;
    }
    if (!moment_table_save(keeper->database, MOMENT_PROBE_SEEN, last)) {
        return false;
    }
    keeper->ask_saved = last;
    return true;
}

static bool read_last_ask(struct keeper *keeper)
{
    long long start = keeper->started;
    int64_t stored;

    if (!moment_table_load(keeper->database, MOMENT_PROBE_SEEN, &stored)) {
        return false;
    }
    keeper->ask_saved = stored;
    /* A time to come is that of a clock that was wrong. An ask that came meanwhile counts more. */
    if (stored != 0 && stored < start) {
        atomic_compare_exchange_strong(&keeper->desk->last_ask, &start, stored);
    }
    return true;
}

static void look_for_probe(struct keeper *keeper, const struct snapshot *snapshot, int64_t now,
                           bool remind)
{
    long expected = snapshot->conf->milter.probe_expected_seconds;
    int64_t last = atomic_load(&keeper->desk->last_ask);
    bool missing = snapshot->conf->token_key != NULL && expected > 0 && now - last > expected;
    struct finding finding;

    if (missing && (remind || !keeper->missing)) {
        audit_finding_probe_missing(&finding, last, expected);
        finding.count = keeper->missing ? 0 : 1;
        reporter_hand_over(keeper->reporter, &finding);
    } else if (!missing && keeper->missing) {
        reporter_resolve(keeper->reporter, FINDING_PROBE_MISSING, "");
    }
    keeper->missing = missing;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void open_database(struct keeper *keeper, int64_t now)
{
    char error[DATABASE_ERROR_SIZE];

    if (keeper->database != NULL || now < keeper->reopen_at) {
        return;
    }
    if (database_open(keeper->path, &keeper->database, error) != DATABASE_OK) {
        if (!keeper->told) {
            reporter_say(keeper->reporter, LOG_ERR,
                         "%s; masked addresses are kept in memory until then", error);
            keeper->told = true;
        }
        keeper->reopen_at = now + REOPEN_SECONDS;
        return;
    }
    keeper->version = -1;
    if (!read_masks(keeper) || !read_last_ask(keeper)) {
        give_up(keeper, now);
    }
}

static void use_database(struct keeper *keeper, int64_t now)
{
    open_database(keeper, now);
    if (keeper->database == NULL) {
        return;
    }
    if (!write_masks(keeper) || !read_masks(keeper) || !keep_last_ask(keeper) ||
        !forget_old(keeper, now)) {
        give_up(keeper, now);
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
    int64_t now = time(NULL);

    use_database(keeper, now);
    struct snapshot *snapshot = snapshot_current();
    if (snapshot == NULL) {
        return;
    }
    bool remind = now >= keeper->remind_at;
    if (remind) {
        keeper->remind_at = now + lasting_seconds(snapshot->conf);
        hold_incidents(keeper, snapshot);
    }
    look_for_probe(keeper, snapshot, now, remind);
    snapshot_release(snapshot);
}

static struct timespec in_ms(int milliseconds)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += milliseconds % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return until;
}

/* True if it was posted within that time. */
static bool wait_for(sem_t *semaphore, int milliseconds)
{
    const struct timespec until = in_ms(milliseconds);
    int result;

    do {
        result = sem_timedwait(semaphore, &until);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

static void *run(void *argument)
{
    struct keeper *keeper = argument;

    open_database(keeper, time(NULL));
    sem_post(&keeper->ready);
    while (!wait_for(&keeper->stop, TICK_MS)) {
        tick(keeper);
    }
    use_database(keeper, time(NULL));
    database_close(keeper->database);
    return NULL;
}

static void free_keeper(struct keeper *keeper)
{
    sem_destroy(&keeper->stop);
    sem_destroy(&keeper->ready);
    free(keeper);
}

struct keeper *keeper_start(const char *database_path, struct audit_desk *desk,
                            struct reporter *reporter)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);

    if (keeper == NULL) {
        return NULL;
    }
    snprintf(keeper->path, sizeof keeper->path, "%s", database_path);
    keeper->desk = desk;
    keeper->reporter = reporter;
    keeper->started = time(NULL);
    atomic_store(&desk->last_ask, keeper->started);
    sem_init(&keeper->stop, 0, 0);
    sem_init(&keeper->ready, 0, 0);
    if (pthread_create(&keeper->thread, NULL, run, keeper) != 0) {
        free_keeper(keeper);
        return NULL;
    }
    wait_for(&keeper->ready, FIRST_READ_MS);
    return keeper;
}

bool keeper_stop(struct keeper *keeper, int wait_ms)
{
    const struct timespec until = in_ms(wait_ms);

    sem_post(&keeper->stop);
    if (pthread_timedjoin_np(keeper->thread, NULL, &until) != 0) {
        return false;
    }
    free_keeper(keeper);
    return true;
}
