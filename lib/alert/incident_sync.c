#include "lib/alert/incident_sync.h"

#include <stdlib.h>
#include <time.h>

#include "lib/sys/thread.h"

#define REFRESH_MS 1000 /* how long the rows are awaited */

struct memory {
    struct memory_parts parts;
    bool loaded;    /* the database's incidents are in the table */
    bool uncounted; /* there may be counts to save */
    struct timespec counts_at;
    struct timespec refresh_at;
};

struct memory *memory_new(const struct memory_parts *parts)
{
    struct memory *memory = calloc(1, sizeof(*memory));

    if (memory != NULL)
        memory->parts = *parts;
    return memory;
}

void memory_free(struct memory *memory)
{
    free(memory);
}

/* ---- from the database ----------------------------------------------------------------------- */

/* The end of an incident was saved, and perhaps announced: it is better announced twice than never.
 */
static void announce_end(const struct memory *memory, const struct incident *saved, time_t now)
{
    struct incident incident = *saved;

    incident.last_announced = now;
    incident.announced_count = incident.finding.count;
    memory->parts.announce(&incident, INCIDENT_RESOLVED, now, memory->parts.user);
}

static void put_back(const struct memory *memory, const struct state_row *rows, size_t count)
{
    time_t now = time(NULL);

    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = &rows[i].incident;

        if (incident->state != INCIDENT_RESOLVED) {
            incident_restore(memory->parts.incidents, incident, rows[i].announced, now);
            continue;
        }
        incident_remember_end(memory->parts.incidents, incident, rows[i].ended);
        if (!rows[i].announced)
            announce_end(memory, incident, now);
    }
}

/* What another process opened and ended meanwhile. It also announced it. */
static void take_over(const struct memory *memory, const struct state_row *rows, size_t count)
{
    time_t now = time(NULL);

    incident_unmark_all(memory->parts.incidents);
    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = &rows[i].incident;

        if (incident->state != INCIDENT_RESOLVED &&
            !incident_mark(memory->parts.incidents, incident->id))
            incident_restore(memory->parts.incidents, incident, true, now);
    }
    incident_forget_unmarked(memory->parts.incidents);
}

static void refresh(struct memory *memory)
{
    struct timespec until = thread_moment(REFRESH_MS);
    uint64_t number = store_refresh(memory->parts.store);
    size_t count = 0;

    if (number == 0 || !store_await(memory->parts.store, number, &until))
        return;
    struct state_row *rows = store_take(memory->parts.store, &count);
    if (rows != NULL)
        take_over(memory, rows, count);
    free(rows);
}

/* ---- to the database ------------------------------------------------------------------------- */

struct copies {
    struct incident *incident;
    size_t count;
};

/* incident_visit */
static void copy_one(const struct incident *incident, void *user)
{
    struct copies *copies = user;

    copies->incident[copies->count++] = *incident;
}

/* Gives all that the table holds. Without memory for it the next round tries again. */
static void give_all(const struct memory *memory)
{
    size_t open = incident_open_count(memory->parts.incidents);
    struct copies copies = {malloc((open + 1) * sizeof(*copies.incident)), 0};

    if (copies.incident == NULL)
        return;
    incident_each(memory->parts.incidents, copy_one, &copies);
    store_begin(memory->parts.store, copies.incident, copies.count);
}

static void begin(struct memory *memory)
{
    size_t own = incident_open_count(memory->parts.incidents);
    size_t count = 0;
    struct state_row *rows = store_take(memory->parts.store, &count);
    bool first = !memory->loaded;

    if (first && rows != NULL)
        put_back(memory, rows, count);
    memory->loaded = true;
    free(rows);
    if (first && own == 0)
        store_begin(memory->parts.store, NULL, 0);
    else
        give_all(memory);
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

static void tally_open(const struct memory *memory)
{
    struct tally tally = {0};

    incident_each(memory->parts.incidents, tally_one, &tally);
    for (size_t kind = 0; kind < FINDING_KINDS; kind++)
        for (size_t severity = 0; severity <= SEVERITY_CRITICAL; severity++)
            atomic_store(&memory->parts.speaker->open[kind][severity], tally.open[kind][severity]);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

void memory_follow(struct memory *memory, bool findings)
{
    struct store *store = memory->parts.store;

    if (findings && !memory->uncounted) {
        memory->uncounted = true;
        memory->counts_at = thread_moment(MEMORY_COUNTS_MS);
    }
    if (store == NULL)
        return;
    enum store_phase phase = store_phase(store);
    bool look = memory->parts.shared && (findings || thread_moment_left(&memory->refresh_at) == 0);
    if (phase == STORE_READ)
        begin(memory);
    else if (phase == STORE_KEEPING && look)
        refresh(memory);
    if (look)
        memory->refresh_at = thread_moment(MEMORY_REFRESH_MS);
    atomic_store(&memory->parts.speaker->unsaved, store_phase(store) != STORE_KEEPING);
}

/* incident_visit */
static void save_count(const struct incident *incident, void *user)
{
    const struct memory *memory = user;

    if (memory->parts.store != NULL)
        store_count(memory->parts.store, incident);
}

void memory_save_counts(struct memory *memory, bool now)
{
    tally_open(memory);
    if (!memory->uncounted || (!now && thread_moment_left(&memory->counts_at) > 0))
        return;
    memory->uncounted = false;
    incident_each_uncounted(memory->parts.incidents, save_count, memory);
}

int memory_due_ms(const struct memory *memory)
{
    int due_ms = memory->uncounted ? thread_moment_left(&memory->counts_at) : -1;

    if (memory->parts.shared && memory->parts.store != NULL) {
        int refresh_ms = thread_moment_left(&memory->refresh_at);

        if (due_ms < 0 || refresh_ms < due_ms)
            due_ms = refresh_ms;
    }
    return due_ms;
}
