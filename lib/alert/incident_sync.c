#include "lib/alert/incident_sync.h"

#include <stdlib.h>
#include <time.h>

#include "lib/sys/thread.h"

#define REFRESH_MS 1000 /* how long the rows are awaited */

struct incident_sync {
    struct incident_sync_parts parts;
    bool loaded;                  /* the database's incidents are in the table */
    struct incident_record *rows; /* read, and not yet of use; NULL: none */
    size_t row_count;
    bool uncounted; /* there may be counts to save */
    struct timespec counts_at;
    struct timespec refresh_at;
};

struct incident_sync *incident_sync_new(const struct incident_sync_parts *parts)
{
    struct incident_sync *memory = calloc(1, sizeof(*memory));

    if (memory != NULL) {
        memory->parts = *parts;
    }
    return memory;
}

void incident_sync_free(struct incident_sync *memory)
{
    if (memory != NULL) {
        free(memory->rows);
    }
    free(memory);
}

/* ---- from the database ----------------------------------------------------------------------- */

static void put_back(const struct incident_sync *memory, const struct incident_record *rows,
                     size_t count)
{
    struct incident_table *incidents = memory->parts.incidents;
    time_t now = time(NULL);

    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = &rows[i].incident;

        if (incident->state != INCIDENT_RESOLVED) {
            incident_restore(incidents, incident, rows[i].announced, now);
            continue;
        }
        incident_remember_end(incidents, incident, rows[i].ended);
        if (!rows[i].announced) {
            incident_restore_end(incidents, incident, now);
        }
    }
}

/* Whether another process that saved this has failed to announce it, or died before it could. */
static bool is_left_to_us(const struct incident_record *row, time_t now)
{
    time_t since;

    return !row->announced && (__builtin_sub_overflow(now, row->incident.last_announced, &since) ||
                               since > INCIDENT_SYNC_GRACE || since < -INCIDENT_SYNC_GRACE);
}

/* Another process opened and ended this meanwhile. It also announced it, or else we do: an end,
 * too, of what is open here. Its ends are forgotten first, since a subject may have opened
 * again. */
static void take_over(const struct incident_sync *memory, const struct incident_record *rows,
                      size_t count)
{
    struct incident_table *incidents = memory->parts.incidents;
    time_t now = time(NULL);

    incident_unmark_all(incidents);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].incident.state != INCIDENT_RESOLVED) {
            (void)incident_mark(incidents, rows[i].incident.id);
        }
    }
    incident_forget_unmarked(incidents);
    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = &rows[i].incident;
        bool ours = is_left_to_us(&rows[i], now);

        if (incident->state == INCIDENT_RESOLVED) {
            if (ours) {
                incident_restore_end(incidents, incident, now);
            }
        } else if (!incident_mark(incidents, incident->id)) {
            incident_restore(incidents, incident, !ours, now);
        }
    }
}

static void refresh(struct incident_sync *memory)
{
    struct timespec until = thread_moment(REFRESH_MS);
    uint64_t number = incident_store_refresh(memory->parts.store);
    size_t count = 0;

    if (number == 0 || !incident_store_await(memory->parts.store, number, &until)) {
        return;
    }
    struct incident_record *rows = incident_store_take(memory->parts.store, &count);
    if (rows != NULL) {
        take_over(memory, rows, count);
    }
    free(rows);
}

/* ---- to the database ------------------------------------------------------------------------- */

struct copies {
    struct incident_record *row;
    size_t count;
    size_t room;
};

/* incident_visit_kept */
static void copy_one(const struct incident *incident, bool told, void *user)
{
    struct copies *copies = user;

    if (copies->count < copies->room) {
        copies->row[copies->count++] =
            (struct incident_record){.incident = *incident, .announced = told};
    }
}

/* incident_visit_kept */
static void count_one(const struct incident *incident, bool told, void *user)
{
    struct copies *copies = user;

    (void)incident, (void)told;
    copies->room++;
}

/* Of what is open in the database: an incident whose end it did not learn of, since it did not
 * answer. */
static void copy_end(const struct incident_sync *memory, const struct incident_record *row,
                     struct copies *copies)
{
    if (row->incident.state == INCIDENT_RESOLVED ||
        !incident_has_ended(memory->parts.incidents, row->incident.id)) {
        return;
    }
    struct incident_record *copy = &copies->row[copies->count++];
    *copy = *row;
    copy->incident.state = INCIDENT_RESOLVED;
    copy->incident.last_announced = time(NULL);
    copy->announced = true;
}

/* Gives all that the table holds, and the ends of what the rows have as open. Those whose end is
 * due come later in the order, and so as they are. Without memory for it the next round tries
 * again. */
static bool give_all(const struct incident_sync *memory, const struct incident_record *rows,
                     size_t count)
{
    struct copies copies = {NULL, 0, count};

    incident_each_kept(memory->parts.incidents, count_one, &copies);
    copies.row = calloc(copies.room + 1, sizeof(*copies.row));
    if (copies.row == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        copy_end(memory, &rows[i], &copies);
    }
    incident_each_kept(memory->parts.incidents, copy_one, &copies);
    incident_store_begin(memory->parts.store, copies.row, copies.count);
    return true;
}

/* An incident that is open in the database, and neither known nor ended here, is another
 * process's. */
static void merge(const struct incident_sync *memory, const struct incident_record *rows,
                  size_t count)
{
    time_t now = time(NULL);

    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = &rows[i].incident;

        if (incident->state != INCIDENT_RESOLVED &&
            !incident_has_ended(memory->parts.incidents, incident->id)) {
            incident_restore(memory->parts.incidents, incident, !is_left_to_us(&rows[i], now), now);
        }
    }
}

/* The rows are kept until they were of use: they are not read again. */
static void begin(struct incident_sync *memory)
{
    size_t own = incident_open_count(memory->parts.incidents);

    if (memory->rows == NULL) {
        memory->rows = incident_store_take(memory->parts.store, &memory->row_count);
    }
    if (memory->rows == NULL) {
        return;
    }
    if (memory->loaded) {
        merge(memory, memory->rows, memory->row_count);
    } else {
        put_back(memory, memory->rows, memory->row_count);
    }
    bool first = !memory->loaded;
    memory->loaded = true;
    if (first && own == 0) {
        incident_store_begin(memory->parts.store, NULL, 0);
    } else if (!give_all(memory, memory->rows, memory->row_count)) {
        return;
    }
    free(memory->rows);
    memory->rows = NULL;
}

/* ---- numbers --------------------------------------------------------------------------------- */

struct tally {
    unsigned int open[FINDING_KINDS][SEVERITY_CRITICAL + 1];
};

/* incident_visit */
static void tally_one(const struct incident *incident, void *user)
{
    struct tally *tally = user;

    tally->open[incident->finding.kind][incident->finding.severity]++;
}

static void tally_open(const struct incident_sync *memory)
{
    struct tally tally = {0};

    incident_each(memory->parts.incidents, tally_one, &tally);
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        for (size_t severity = 0; severity <= SEVERITY_CRITICAL; severity++) {
            atomic_store(&memory->parts.speaker->open[kind][severity], tally.open[kind][severity]);
        }
    }
}

/* ---- rounds ---------------------------------------------------------------------------------- */

void incident_sync_follow(struct incident_sync *memory, bool findings)
{
    struct incident_store *store = memory->parts.store;

    if (findings && !memory->uncounted) {
        memory->uncounted = true;
        memory->counts_at = thread_moment(INCIDENT_SYNC_COUNTS_MS);
    }
    if (store == NULL) {
        return;
    }
    enum incident_store_phase phase = incident_store_phase(store);
    bool look = memory->parts.shared && (findings || thread_moment_left(&memory->refresh_at) == 0);
    if (phase == INCIDENT_STORE_READ) {
        begin(memory);
    } else if (phase == INCIDENT_STORE_KEEPING && look) {
        refresh(memory);
    }
    if (look) {
        memory->refresh_at = thread_moment(INCIDENT_SYNC_REFRESH_MS);
    }
    atomic_store(&memory->parts.speaker->unsaved,
                 incident_store_phase(store) != INCIDENT_STORE_KEEPING);
}

/* incident_visit */
static void save_count(const struct incident *incident, void *user)
{
    const struct incident_sync *memory = user;

    if (memory->parts.store != NULL) {
        incident_store_count(memory->parts.store, incident);
    }
}

void incident_sync_save_counts(struct incident_sync *memory, bool now)
{
    tally_open(memory);
    if (!memory->uncounted || (!now && thread_moment_left(&memory->counts_at) > 0)) {
        return;
    }
    memory->uncounted = false;
    incident_each_uncounted(memory->parts.incidents, save_count, memory);
}

int incident_sync_due_ms(const struct incident_sync *memory)
{
    int due_ms = memory->uncounted ? thread_moment_left(&memory->counts_at) : -1;

    if (memory->parts.shared && memory->parts.store != NULL) {
        int refresh_ms = thread_moment_left(&memory->refresh_at);

        if (due_ms < 0 || refresh_ms < due_ms) {
            due_ms = refresh_ms;
        }
    }
    return due_ms;
}
