#include "lib/state/incident_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/state/database.h"
#include "lib/sys/thread.h"

#define REOPEN_FIRST_MS 1000
#define REOPEN_LAST_MS  60000
#define PRUNE_EVERY     1000 /* rounds */

enum order {
    ORDER_SAVE,
    ORDER_MARK,
    ORDER_COUNT,
    ORDER_WRITE, /* all of an array */
    ORDER_REFRESH,
};

struct item {
    struct item *next;
    uint64_t number;
    enum order order;
    size_t count; /* rows: one of ORDER_SAVE, ORDER_MARK and ORDER_COUNT, none of ORDER_REFRESH */
    struct incident_record row[];
};

struct incident_store {
    /* Constant after incident_store_start. */
    struct teller *teller;
    char *path;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards all up to the next comment */
    pthread_cond_t work;
    pthread_cond_t progress;
    unsigned int holders;
    enum incident_store_phase phase;
    bool tried; /* to open the database */
    struct item *first;
    struct item **end;
    size_t waiting;
    uint64_t queued;
    uint64_t done;
    struct incident_record *rows; /* for incident_store_take */
    size_t row_count;
    bool overflowed; /* the queue was given up while the thread was at work */
    bool finish;
    bool exited;
    bool abandoned; /* nobody waits for the thread any more */

    /* The thread's. */
    sqlite3 *database;
    struct incident_records *table;
    bool told; /* that nothing is saved */
    int reopen_ms;
    unsigned int rounds;
    long long version;
    struct incident_record *read;
    size_t read_count;
};

static void free_items(struct item *item)
{
    while (item != NULL) {
        struct item *next = item->next;

        free(item);
        item = next;
    }
}

static void free_store(struct incident_store *store)
{
    free_items(store->first);
    free(store->rows);
    free(store->read);
    free(store->path);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->work);
    pthread_cond_destroy(&store->progress);
    teller_release(store->teller);
    free(store);
}

void incident_store_release(struct incident_store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool last = --store->holders == 0;
    pthread_mutex_unlock(&store->mutex);
    if (last) {
        free_store(store);
    }
}

/* ---- the thread: opening and failing --------------------------------------------------------- */

static void close_database(struct incident_store *store)
{
    incident_records_free(store->table);
    store->table = NULL;
    database_close(store->database);
    store->database = NULL;
}

static void tell_failure(struct incident_store *store, const char *error)
{
    if (!store->told) {
        teller_say(store->teller, LOG_ERR,
                   "incidents are not saved (a restart would announce them again): %s", error);
    }
    store->told = true;
}

/* The mutex is held. Nothing that waits can be written. */
static void drop_queue(struct incident_store *store)
{
    free_items(store->first);
    store->first = NULL;
    store->end = &store->first;
    store->waiting = 0;
    store->done = store->queued;
    pthread_cond_broadcast(&store->progress);
}

static bool keep_row(const struct incident_record *row, void *user)
{
    struct incident_store *store = user;

    /* In steps of 64. */
    if (store->read_count % 64 == 0) {
        size_t size = (store->read_count + 64) * sizeof(*store->read);
        struct incident_record *rows = realloc(store->read, size);

        if (rows == NULL) {
            return false;
        }
        store->read = rows;
    }
    store->read[store->read_count++] = *row;
    return true;
}

/* Reads all rows and hands them over. */
static bool read_rows(struct incident_store *store)
{
    free(store->read);
    store->read = NULL;
    store->read_count = 0;
    if (!incident_records_load(store->table, time(NULL), keep_row, store)) {
        return false;
    }
    if (store->read == NULL) {
        store->read = malloc(sizeof(*store->read));
    }
    pthread_mutex_lock(&store->mutex);
    free(store->rows);
    store->rows = store->read;
    store->row_count = store->read_count;
    pthread_mutex_unlock(&store->mutex);
    store->read = NULL;
    store->read_count = 0;
    store->version = incident_records_version(store->table);
    return true;
}

static bool open_database(struct incident_store *store, char error[DATABASE_ERROR_SIZE])
{
    if (database_open(store->path, &store->database, error) != DATABASE_OK) {
        return false;
    }
    store->table = incident_records_new(store->database);
    if (store->table != NULL && incident_records_prune(store->table, time(NULL)) &&
        read_rows(store)) {
        return true;
    }
    database_failure(store->database, store->path, error);
    close_database(store);
    return false;
}

/* The mutex is held, and given up meanwhile. */
static void try_to_open(struct incident_store *store)
{
    char error[DATABASE_ERROR_SIZE];

    pthread_mutex_unlock(&store->mutex);
    bool opened = open_database(store, error);
    if (!opened) {
        tell_failure(store, error);
    }
    pthread_mutex_lock(&store->mutex);
    if (opened) {
        store->phase = INCIDENT_STORE_READ;
        store->reopen_ms = REOPEN_FIRST_MS;
        teller_wake(store->teller);
    }
    store->tried = true;
    pthread_cond_broadcast(&store->progress);
}

/* ---- the thread: writing --------------------------------------------------------------------- */

static bool write_rows(struct incident_store *store, const struct item *item)
{
    for (size_t i = 0; i < item->count; i++) {
        const struct incident *incident = &item->row[i].incident;

        if (!incident_records_save(store->table, incident) ||
            (item->row[i].announced &&
             !incident_records_mark(store->table, incident->id, incident->state,
                                    incident->announced_count))) {
            return false;
        }
    }
    return true;
}

static bool carry_out(struct incident_store *store, const struct item *item)
{
    const struct incident *incident = &item->row->incident;

    switch (item->order) {
    case ORDER_SAVE:
        return incident_records_save(store->table, incident);
    case ORDER_MARK:
        return incident_records_mark(store->table, incident->id, incident->state,
                                     incident->announced_count);
    case ORDER_COUNT:
        return incident_records_count(store->table, incident->id, incident->finding.count,
                                      incident->last_seen);
    case ORDER_WRITE:
        return write_rows(store, item);
    case ORDER_REFRESH:
        break;
    }
    return store->version == incident_records_version(store->table) || read_rows(store);
}

static bool write_all(struct incident_store *store, const struct item *items,
                      char error[DATABASE_ERROR_SIZE])
{
    bool written = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;

    for (const struct item *item = items; written && item != NULL; item = item->next) {
        written = carry_out(store, item);
    }
    if (written && store->rounds++ % PRUNE_EVERY == 0) {
        written = incident_records_prune(store->table, time(NULL));
    }
    written = written && sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    if (!written) {
        database_failure(store->database, store->path, error);
        /* Closing the database rolls back. */
        close_database(store);
    }
    return written;
}

/* The mutex is held, and given up meanwhile. */
static void write_queue(struct incident_store *store)
{
    struct item *items = store->first;
    uint64_t upto = store->queued;
    char error[DATABASE_ERROR_SIZE];

    store->first = NULL;
    store->end = &store->first;
    store->waiting = 0;
    pthread_mutex_unlock(&store->mutex);
    bool written = write_all(store, items, error);
    if (!written) {
        tell_failure(store, error);
    } else if (store->told) {
        store->told = false;
        teller_say(store->teller, LOG_NOTICE, "incidents are saved again");
    }
    free_items(items);
    pthread_mutex_lock(&store->mutex);
    if (written) {
        store->done = upto;
        pthread_cond_broadcast(&store->progress);
    } else {
        store->phase = INCIDENT_STORE_OPENING;
        drop_queue(store);
    }
}

/* The mutex is held, and given up meanwhile. The thread could not keep up: what the database holds
 * is read anew, and made good from the table of incidents. */
static void recover(struct incident_store *store)
{
    store->overflowed = false;
    store->phase = INCIDENT_STORE_OPENING; /* what is given meanwhile is made good, too */
    drop_queue(store);
    pthread_mutex_unlock(&store->mutex);
    bool read = read_rows(store);
    if (!read) {
        close_database(store);
    }
    pthread_mutex_lock(&store->mutex);
    store->phase = read ? INCIDENT_STORE_READ : INCIDENT_STORE_OPENING;
    teller_wake(store->teller);
}

/* The mutex is held, and given up meanwhile. */
static void wait_to_reopen(struct incident_store *store)
{
    struct timespec moment = thread_moment(store->reopen_ms);

    while (!store->finish && thread_moment_left(&moment) > 0) {
        thread_wait_until(&store->work, &store->mutex, &moment);
    }
    store->reopen_ms *= 2;
    if (store->reopen_ms > REOPEN_LAST_MS) {
        store->reopen_ms = REOPEN_LAST_MS;
    }
}

static void *run(void *argument)
{
    struct incident_store *store = argument;

    pthread_mutex_lock(&store->mutex);
    while (!store->abandoned) {
        if (store->phase == INCIDENT_STORE_OPENING) {
            if (store->tried) {
                wait_to_reopen(store);
            }
            if (store->finish) {
                break;
            }
            try_to_open(store);
        } else if (store->overflowed) {
            recover(store);
        } else if (store->first != NULL) {
            write_queue(store);
        } else if (store->finish) {
            break;
        } else {
            pthread_cond_wait(&store->work, &store->mutex);
        }
    }
    pthread_mutex_unlock(&store->mutex);

    close_database(store);
    pthread_mutex_lock(&store->mutex);
    store->phase = INCIDENT_STORE_OPENING;
    drop_queue(store);
    store->exited = true;
    pthread_cond_broadcast(&store->progress);
    pthread_mutex_unlock(&store->mutex);
    incident_store_release(store);
    return NULL;
}

/* ---- for the others -------------------------------------------------------------------------- */

struct incident_store *incident_store_start(struct teller *teller, const char *path)
{
    struct incident_store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return NULL;
    }
    if (thread_condition(&store->work) != 0) {
        free(store);
        return NULL;
    }
    if (thread_condition(&store->progress) != 0) {
        pthread_cond_destroy(&store->work);
        free(store);
        return NULL;
    }
    pthread_mutex_init(&store->mutex, NULL);
    store->teller = teller_hold(teller);
    store->end = &store->first;
    store->reopen_ms = REOPEN_FIRST_MS;
    store->holders = 2;
    store->path = strdup(path);
    if (store->path != NULL && thread_start(&store->thread, "reporter-state", run, store) == 0) {
        return store;
    }
    free_store(store);
    return NULL;
}

enum incident_store_phase incident_store_phase(struct incident_store *store)
{
    pthread_mutex_lock(&store->mutex);
    enum incident_store_phase phase = store->phase;
    pthread_mutex_unlock(&store->mutex);
    return phase;
}

void incident_store_await_opening(struct incident_store *store, const struct timespec *until)
{
    pthread_mutex_lock(&store->mutex);
    while (!store->tried) {
        if (!thread_wait_until(&store->progress, &store->mutex, until)) {
            break;
        }
    }
    pthread_mutex_unlock(&store->mutex);
}

struct incident_record *incident_store_take(struct incident_store *store, size_t *count)
{
    pthread_mutex_lock(&store->mutex);
    struct incident_record *rows = store->rows;
    *count = store->row_count;
    store->rows = NULL;
    store->row_count = 0;
    pthread_mutex_unlock(&store->mutex);
    return rows;
}

/* The mutex is held. The rows are still to be written. NULL when memory is out. */
static struct item *append(struct incident_store *store, enum order order, size_t count)
{
    struct item *item = malloc(sizeof(*item) + count * sizeof(item->row[0]));

    if (item == NULL) {
        return NULL;
    }
    *item = (struct item){.number = ++store->queued, .order = order, .count = count};
    *store->end = item;
    store->end = &item->next;
    store->waiting++;
    pthread_cond_signal(&store->work);
    return item;
}

void incident_store_begin(struct incident_store *store, struct incident_record *rows, size_t count)
{
    pthread_mutex_lock(&store->mutex);
    /* Something is written in either case: only then a failure of before is over. */
    enum order order = rows == NULL ? ORDER_REFRESH : ORDER_WRITE;
    struct item *item = store->phase == INCIDENT_STORE_READ && !store->finish
                            ? append(store, order, rows != NULL ? count : 0)
                            : NULL;
    if (item != NULL) {
        store->phase = INCIDENT_STORE_KEEPING;
        if (rows != NULL) {
            memcpy(item->row, rows, count * sizeof(*rows));
        }
    }
    pthread_mutex_unlock(&store->mutex);
    free(rows);
}

/* Queues an order of one row, or of none (NULL). If it cannot be queued, it is made good later. */
static uint64_t give(struct incident_store *store, enum order order,
                     const struct incident *incident)
{
    struct item *item = NULL;

    pthread_mutex_lock(&store->mutex);
    bool takes = store->phase == INCIDENT_STORE_KEEPING && !store->overflowed && !store->finish;
    if (takes && store->waiting < INCIDENT_STORE_QUEUE_MAX) {
        item = append(store, order, incident != NULL ? 1 : 0);
    }
    uint64_t number = item != NULL ? item->number : 0;
    if (item != NULL && incident != NULL) {
        item->row[0].incident = *incident;
        item->row[0].announced = false;
        item->row[0].unread = false;
        item->row[0].ended = 0;
    }
    if (takes && item == NULL) {
        store->overflowed = true;
        pthread_cond_signal(&store->work);
    }
    pthread_mutex_unlock(&store->mutex);
    return number;
}

uint64_t incident_store_save(struct incident_store *store, const struct incident *incident)
{
    return give(store, ORDER_SAVE, incident);
}

void incident_store_mark(struct incident_store *store, const struct incident *incident)
{
    give(store, ORDER_MARK, incident);
}

void incident_store_count(struct incident_store *store, const struct incident *incident)
{
    give(store, ORDER_COUNT, incident);
}

uint64_t incident_store_refresh(struct incident_store *store)
{
    return give(store, ORDER_REFRESH, NULL);
}

bool incident_store_await(struct incident_store *store, uint64_t upto, const struct timespec *until)
{
    pthread_mutex_lock(&store->mutex);
    while (store->done < upto) {
        if (!thread_wait_until(&store->progress, &store->mutex, until)) {
            break;
        }
    }
    bool done = store->done >= upto;
    pthread_mutex_unlock(&store->mutex);
    return done;
}

bool incident_store_finish(struct incident_store *store, const struct timespec *until)
{
    pthread_mutex_lock(&store->mutex);
    store->finish = true;
    pthread_cond_signal(&store->work);
    while (!store->exited) {
        if (!thread_wait_until(&store->progress, &store->mutex, until)) {
            break;
        }
    }
    bool exited = store->exited;
    store->abandoned = !exited;
    pthread_mutex_unlock(&store->mutex);
    if (exited) {
        pthread_join(store->thread, NULL);
    } else {
        pthread_detach(store->thread);
    }
    return exited;
}
