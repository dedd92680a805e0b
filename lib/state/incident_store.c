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
    ORDER_REPLACE, /* all that is open, by the array */
    ORDER_REFRESH,
};

struct item {
    struct item *next;
    uint64_t number;
    enum order order;
    size_t count; /* incidents */
    struct incident *incident;
};

struct store {
    /* Constant after store_start. */
    struct inbox *inbox;
    char *path;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards all up to the next comment */
    pthread_cond_t work;
    pthread_cond_t progress;
    unsigned int holders;
    enum store_phase phase;
    bool tried; /* to open the database */
    struct item *first;
    struct item **end;
    size_t waiting;
    uint64_t queued;
    uint64_t done;
    struct state_row *rows; /* for store_take */
    size_t row_count;
    bool overflowed; /* the queue was given up while the thread was at work */
    bool finish;
    bool exited;
    bool abandoned; /* nobody waits for the thread any more */

    /* The thread's. */
    sqlite3 *database;
    struct state_table *table;
    bool told; /* that nothing is saved */
    int reopen_ms;
    unsigned int rounds;
    long long version;
    struct state_row *read;
    size_t read_count;
};

static void free_items(struct item *item)
{
    while (item != NULL) {
        struct item *next = item->next;

        free(item->incident);
        free(item);
        item = next;
    }
}

static void free_store(struct store *store)
{
    free_items(store->first);
    free(store->rows);
    free(store->read);
    free(store->path);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->work);
    pthread_cond_destroy(&store->progress);
    inbox_release(store->inbox);
    free(store);
}

struct store *store_hold(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    store->holders++;
    pthread_mutex_unlock(&store->mutex);
    return store;
}

void store_release(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool last = --store->holders == 0;
    pthread_mutex_unlock(&store->mutex);
    if (last)
        free_store(store);
}

/* ---- the thread: opening and failing --------------------------------------------------------- */

static void close_database(struct store *store)
{
    state_table_free(store->table);
    store->table = NULL;
    database_close(store->database);
    store->database = NULL;
}

static void tell_failure(struct store *store, const char *error)
{
    if (!store->told)
        inbox_say(store->inbox, LOG_ERR,
                  "incidents are not saved (a restart would announce them again): %s", error);
    store->told = true;
}

/* The mutex is held. What waits cannot be written. */
static void drop_queue(struct store *store)
{
    free_items(store->first);
    store->first = NULL;
    store->end = &store->first;
    store->waiting = 0;
    store->done = store->queued;
    pthread_cond_broadcast(&store->progress);
}

static bool keep_row(const struct state_row *row, void *user)
{
    struct store *store = user;

    /* In steps of 64. */
    if (store->read_count % 64 == 0) {
        size_t size = (store->read_count + 64) * sizeof(*store->read);
        struct state_row *rows = realloc(store->read, size);

        if (rows == NULL)
            return false;
        store->read = rows;
    }
    store->read[store->read_count++] = *row;
    return true;
}

/* Reads all rows and hands them over. */
static bool read_rows(struct store *store)
{
    free(store->read);
    store->read = NULL;
    store->read_count = 0;
    if (!state_table_load(store->table, time(NULL), keep_row, store))
        return false;
    if (store->read == NULL)
        store->read = malloc(sizeof(*store->read));
    pthread_mutex_lock(&store->mutex);
    free(store->rows);
    store->rows = store->read;
    store->row_count = store->read_count;
    pthread_mutex_unlock(&store->mutex);
    store->read = NULL;
    store->read_count = 0;
    store->version = state_table_version(store->table);
    return true;
}

static bool open_database(struct store *store, char error[DATABASE_ERROR_SIZE])
{
    if (database_open(store->path, &store->database, error) != DATABASE_OK)
        return false;
    store->table = state_table_new(store->database);
    if (store->table != NULL && state_table_prune(store->table, time(NULL)) && read_rows(store))
        return true;
    database_failure(store->database, store->path, error);
    close_database(store);
    return false;
}

/* The mutex is held, and given up meanwhile. */
static void try_to_open(struct store *store)
{
    char error[DATABASE_ERROR_SIZE];

    pthread_mutex_unlock(&store->mutex);
    bool opened = open_database(store, error);
    if (!opened)
        tell_failure(store, error);
    pthread_mutex_lock(&store->mutex);
    if (opened) {
        store->phase = STORE_READ;
        store->reopen_ms = REOPEN_FIRST_MS;
        inbox_wake(store->inbox);
    }
    store->tried = true;
    pthread_cond_broadcast(&store->progress);
}

/* ---- the thread: writing --------------------------------------------------------------------- */

static bool replace(struct store *store, const struct item *item)
{
    if (!state_table_end_all(store->table, time(NULL)))
        return false;
    for (size_t i = 0; i < item->count; i++) {
        const struct incident *incident = &item->incident[i];

        if (!state_table_save(store->table, incident) ||
            !state_table_mark(store->table, incident->id, incident->state, incident->finding.count))
            return false;
    }
    return true;
}

static bool carry_out(struct store *store, const struct item *item)
{
    const struct incident *incident = item->incident;

    switch (item->order) {
    case ORDER_SAVE:
        return state_table_save(store->table, incident);
    case ORDER_MARK:
        return state_table_mark(store->table, incident->id, incident->state,
                                incident->announced_count);
    case ORDER_COUNT:
        return state_table_count(store->table, incident->id, incident->finding.count,
                                 incident->last_seen);
    case ORDER_REPLACE:
        return replace(store, item);
    case ORDER_REFRESH:
        return store->version == state_table_version(store->table) || read_rows(store);
    }
    return false;
}

static bool write_all(struct store *store, const struct item *items,
                      char error[DATABASE_ERROR_SIZE])
{
    bool written = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;

    for (const struct item *item = items; written && item != NULL; item = item->next)
        written = carry_out(store, item);
    if (written && store->rounds++ % PRUNE_EVERY == 0)
        written = state_table_prune(store->table, time(NULL));
    written = written && sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    if (!written) {
        database_failure(store->database, store->path, error);
        /* Closing the database rolls back. */
        close_database(store);
    }
    return written;
}

/* The mutex is held, and given up meanwhile. */
static void write_queue(struct store *store)
{
    struct item *items = store->first;
    uint64_t upto = store->queued;
    char error[DATABASE_ERROR_SIZE];

    store->first = NULL;
    store->end = &store->first;
    store->waiting = 0;
    pthread_mutex_unlock(&store->mutex);
    bool written = write_all(store, items, error);
    if (!written)
        tell_failure(store, error);
    else if (store->told) {
        store->told = false;
        inbox_say(store->inbox, LOG_NOTICE, "incidents are saved again");
    }
    free_items(items);
    pthread_mutex_lock(&store->mutex);
    if (written) {
        store->done = upto;
        pthread_cond_broadcast(&store->progress);
    } else {
        store->phase = STORE_OPENING;
        drop_queue(store);
    }
}

/* The mutex is held. The thread could not keep up: what the database holds is made good from the
 * table of incidents. */
static void recover(struct store *store)
{
    store->overflowed = false;
    drop_queue(store);
    if (store->phase == STORE_KEEPING) {
        store->phase = STORE_READ;
        inbox_wake(store->inbox);
    }
}

/* The mutex is held, and given up meanwhile. */
static void wait_to_reopen(struct store *store)
{
    struct timespec moment = thread_moment(store->reopen_ms);

    while (!store->finish && thread_moment_left(&moment) > 0)
        thread_wait_until(&store->work, &store->mutex, &moment);
    store->reopen_ms *= 2;
    if (store->reopen_ms > REOPEN_LAST_MS)
        store->reopen_ms = REOPEN_LAST_MS;
}

static void *run(void *argument)
{
    struct store *store = argument;

    pthread_mutex_lock(&store->mutex);
    while (!store->abandoned) {
        if (store->phase == STORE_OPENING) {
            if (store->tried)
                wait_to_reopen(store);
            if (store->finish)
                break;
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
    store->phase = STORE_OPENING;
    drop_queue(store);
    store->exited = true;
    pthread_cond_broadcast(&store->progress);
    pthread_mutex_unlock(&store->mutex);
    store_release(store);
    return NULL;
}

/* ---- for the others -------------------------------------------------------------------------- */

struct store *store_start(struct inbox *inbox, const char *path)
{
    struct store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return NULL;
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
    store->inbox = inbox_hold(inbox);
    store->end = &store->first;
    store->reopen_ms = REOPEN_FIRST_MS;
    store->holders = 2;
    store->path = strdup(path);
    if (store->path != NULL && thread_start(&store->thread, "reporter-state", run, store) == 0)
        return store;
    free_store(store);
    return NULL;
}

enum store_phase store_phase(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    enum store_phase phase = store->phase;
    pthread_mutex_unlock(&store->mutex);
    return phase;
}

void store_await_opening(struct store *store, const struct timespec *until)
{
    pthread_mutex_lock(&store->mutex);
    while (!store->tried)
        if (!thread_wait_until(&store->progress, &store->mutex, until))
            break;
    pthread_mutex_unlock(&store->mutex);
}

struct state_row *store_take(struct store *store, size_t *count)
{
    pthread_mutex_lock(&store->mutex);
    struct state_row *rows = store->rows;
    *count = store->row_count;
    store->rows = NULL;
    store->row_count = 0;
    pthread_mutex_unlock(&store->mutex);
    return rows;
}

/* The mutex is held. Takes the incidents over. 0: memory is out. */
static uint64_t append(struct store *store, enum order order, struct incident *incidents,
                       size_t count)
{
    struct item *item = malloc(sizeof(*item));

    if (item == NULL) {
        free(incidents);
        return 0;
    }
    *item = (struct item){
        .number = ++store->queued, .order = order, .count = count, .incident = incidents};
    *store->end = item;
    store->end = &item->next;
    store->waiting++;
    pthread_cond_signal(&store->work);
    return item->number;
}

void store_begin(struct store *store, struct incident *incidents, size_t count)
{
    pthread_mutex_lock(&store->mutex);
    /* Something is written in either case: only then a failure of before is over. */
    enum order order = incidents == NULL ? ORDER_REFRESH : ORDER_REPLACE;
    if (store->phase != STORE_READ || store->finish)
        free(incidents);
    else if (append(store, order, incidents, count) != 0)
        store->phase = STORE_KEEPING;
    pthread_mutex_unlock(&store->mutex);
}

/* Copies the incident (NULL: none). What cannot be queued is made good later. */
static uint64_t give(struct store *store, enum order order, const struct incident *incident)
{
    struct incident *copy = NULL;
    uint64_t number = 0;

    if (incident != NULL) {
        copy = malloc(sizeof(*copy));
        if (copy != NULL)
            *copy = *incident;
    }
    pthread_mutex_lock(&store->mutex);
    bool takes = store->phase == STORE_KEEPING && !store->overflowed && !store->finish;
    if (takes && store->waiting < STORE_QUEUE_MAX && (incident == NULL || copy != NULL)) {
        number = append(store, order, copy, copy == NULL ? 0 : 1);
        copy = NULL;
    }
    if (takes && number == 0) {
        store->overflowed = true;
        pthread_cond_signal(&store->work);
    }
    pthread_mutex_unlock(&store->mutex);
    free(copy);
    return number;
}

uint64_t store_save(struct store *store, const struct incident *incident)
{
    return give(store, ORDER_SAVE, incident);
}

void store_mark(struct store *store, const struct incident *incident)
{
    give(store, ORDER_MARK, incident);
}

void store_count(struct store *store, const struct incident *incident)
{
    give(store, ORDER_COUNT, incident);
}

uint64_t store_refresh(struct store *store)
{
    return give(store, ORDER_REFRESH, NULL);
}

bool store_await(struct store *store, uint64_t upto, const struct timespec *until)
{
    pthread_mutex_lock(&store->mutex);
    while (store->done < upto)
        if (!thread_wait_until(&store->progress, &store->mutex, until))
            break;
    bool done = store->done >= upto;
    pthread_mutex_unlock(&store->mutex);
    return done;
}

bool store_finish(struct store *store, const struct timespec *until)
{
    pthread_mutex_lock(&store->mutex);
    store->finish = true;
    pthread_cond_signal(&store->work);
    while (!store->exited)
        if (!thread_wait_until(&store->progress, &store->mutex, until))
            break;
    bool exited = store->exited;
    store->abandoned = !exited;
    pthread_mutex_unlock(&store->mutex);
    if (exited)
        pthread_join(store->thread, NULL);
    else
        pthread_detach(store->thread);
    return exited;
}
