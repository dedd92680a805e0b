#include "probe/fleet/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <time.h>

#include "probe/audit/audit.h"
#include "probe/fleet/batch.h"
#include "probe/fleet/claims.h"
#include "probe/fleet/fleet_server.h"
#include "probe/fleet/held.h"
#include "probe/fleet/outbox.h"
#include "probe/report/alerts.h"

#define ID_SIZE       17
#define TICK_S        60 /* between two looks at what is to be reminded of, and what is old */
#define RETRY_FIRST_S 1  /* after the database was lost */
#define RETRY_LAST_S  30
#define RECORD_TRIES  5 /* of a batch that other transactions were in the way of */
#define OUTBOX_TURNS  8 /* in a round */

struct worker {
    const struct conf *conf;
    struct reporter *reporter;
    struct fleet_metrics *metrics;
    struct postgresql *server; /* NULL: it is away */
    char id[ID_SIZE];
    char vantage[FLEET_VANTAGE_SIZE];
    char sinks[OUTBOX_SINKS_SIZE];
    long long number;  /* of the last batch */
    json_t *roster;    /* what was claimed so far, by name: for when the database is away; with the
                          incidents that the database knows there (`seen`) */
    int64_t next_tick; /* times of CLOCK_BOOTTIME */
    int64_t next_try;
    int retry_s;
    bool told; /* that the database is away, and why */
    enum postgresql_fault told_of;
    enum postgresql_fault unread; /* why the fleet's metrics are not read, as told; or they are */
    bool is_known;                /* to the database, at least once: so there is a roster */
};

static int64_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

/* ---- the connection ---------------------------------------------------------------------- */

static bool say_hello(struct worker *worker, struct postgresql_trouble *trouble)
{
    struct utsname names = {.nodename = ""};

    (void)uname(&names);
    const char *const values[] = {worker->id, worker->vantage, names.nodename, RELAYWARDEN_VERSION};
    return fleet_ask(worker->server, "SELECT relaywarden.hello($1, $2, $3, $4)", values, 4,
                     trouble);
}

static void lose(struct worker *worker, const struct postgresql_trouble *trouble)
{
    postgresql_close(worker->server);
    worker->server = NULL;
    worker->next_try = seconds_now() + worker->retry_s;
    worker->retry_s = worker->retry_s * 2 > RETRY_LAST_S ? RETRY_LAST_S : worker->retry_s * 2;
    if (!worker->told || worker->told_of != trouble->fault) {
        reporter_say(worker->reporter, LOG_ERR, "%s; %s", trouble->why,
                     worker->is_known
                         ? "audits go on, and their results are kept here until it is back"
                         : "nothing is audited until it is there, since it has the targets");
    }
    worker->told = true;
    worker->told_of = trouble->fault;
}

static void tell_handed(struct worker *worker, const struct held_outcome *held)
{
    if (worker->told || held->taken > 0) {
        reporter_say(worker->reporter, LOG_NOTICE,
                     "the database is %s; %d batches of results were handed in",
                     worker->is_known ? "back" : "there", held->taken);
    }
    if (held->refused > 0) {
        reporter_say(worker->reporter, LOG_ERR,
                     "%d batches of results were refused: %s; they are set aside as "
                     "probe/fleet/*.refused in state_directory",
                     held->refused, held->why);
    }
    if (held->unread > 0) {
        reporter_say(worker->reporter, LOG_ERR,
                     "%d files in probe/fleet of state_directory are no batches of results, or "
                     "damaged, and stay there; look at them, and remove them",
                     held->unread);
    }
}

static bool connect_server(struct worker *worker, struct postgresql_trouble *trouble)
{
    worker->server = fleet_server_open(worker->conf, trouble);
    if (worker->server == NULL || !say_hello(worker, trouble)) {
        lose(worker, trouble);
        return false;
    }
    struct held_outcome held;
    if (!held_hand_in(worker->conf->state_directory, worker->sinks, worker->server, &held,
                      trouble)) {
        lose(worker, trouble);
        return false;
    }
    worker->retry_s = RETRY_FIRST_S;
    tell_handed(worker, &held);
    worker->told = false;
    worker->is_known = true;
    return true;
}

struct worker *worker_start(const struct conf *conf, struct reporter *reporter,
                            struct fleet_metrics *metrics, struct postgresql_trouble *trouble)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    uint64_t chance = 0;

    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
    if (worker == NULL || (worker->roster = json_object()) == NULL ||
        getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance)) {
        worker_stop(worker);
        return NULL;
    }
    worker->conf = conf;
    worker->reporter = reporter;
    worker->metrics = metrics;
    worker->retry_s = RETRY_FIRST_S;
    snprintf(worker->id, sizeof(worker->id), "%016" PRIx64, chance);
    fleet_vantage(conf, worker->vantage);
    outbox_sinks(conf, worker->sinks);
    if (!connect_server(worker, trouble) && !postgresql_may_pass(trouble->fault)) {
        worker_stop(worker);
        return NULL;
    }
    return worker;
}

void worker_stop(struct worker *worker)
{
    if (worker != NULL) {
        postgresql_close(worker->server);
        json_decref(worker->roster);
        free(worker);
    }
}

void worker_configure(struct worker *worker, const struct conf *conf)
{
    worker->conf = conf;
    outbox_sinks(conf, worker->sinks);
}

bool worker_is_ready(const struct worker *worker)
{
    return worker->is_known;
}

const char *worker_vantage(const struct worker *worker)
{
    return worker->vantage;
}

/* ---- what to ask ------------------------------------------------------------------------- */

struct claiming {
    struct worker *worker;
    struct claims *claims;
};

static void add_claim(struct worker *worker, struct claims *claims, const json_t *row)
{
    char error[TARGET_ERROR_SIZE];

    if (!claims_add(claims, row, error)) {
        reporter_say(worker->reporter, LOG_ERR, "a target of the roster is left out: %s", error);
    }
}

static bool read_claim(const char *const *columns, size_t count, void *user)
{
    const struct claiming *claiming = user;
    struct worker *worker = claiming->worker;

    if (count != 6) {
        return false;
    }
    const json_int_t interval = strtoll(columns[4], NULL, 10);
    json_t *row = json_pack("{s:I, s:I, s:s, s:o*, s:I, s:o*}", "id",
                            (json_int_t)strtoll(columns[0], NULL, 10), "epoch",
                            (json_int_t)strtoll(columns[1], NULL, 10), "name", columns[2], "spec",
                            json_loads(columns[3], 0, NULL), "interval", interval, "seen",
                            json_loads(columns[5], 0, NULL));
    if (row == NULL) {
        return false;
    }
    add_claim(worker, claiming->claims, row);
    json_object_set_new(row, "epoch", json_integer(0));
    json_object_set_new(row, "due", json_integer(seconds_now() + interval));
    json_object_set_new(worker->roster, columns[2], row);
    return true;
}

static bool claim(struct worker *worker, struct claims *claims, struct postgresql_trouble *trouble)
{
    struct claiming claiming = {worker, claims};
    char most[16];
    const char *const values[] = {worker->id, worker->vantage, most};
    const struct postgresql_question question = {
        "SELECT * FROM relaywarden.claim($1, $2, $3::integer)", values, 3, FLEET_ASK_MS};

    snprintf(most, sizeof(most), "%d", CLAIMS_MAX);
    return postgresql_ask(worker->server, &question, read_claim, &claiming, trouble);
}

/* The targets that are due of those that were claimed while the database was there. */
static void choose(struct worker *worker, struct claims *claims)
{
    const int64_t now = seconds_now();
    const char *name;
    json_t *row;

    json_object_foreach(worker->roster, name, row)
    {
        if (claims->count < CLAIMS_MAX && json_integer_value(json_object_get(row, "due")) <= now) {
            add_claim(worker, claims, row);
            json_object_set_new(
                row, "due",
                json_integer(now + json_integer_value(json_object_get(row, "interval"))));
        }
    }
}

/* ---- what came of it --------------------------------------------------------------------- */

static bool record(struct worker *worker, const json_t *batch, struct postgresql_trouble *trouble)
{
    char number[32];
    char *text = json_dumps(batch, JSON_COMPACT);
    const char *const values[] = {worker->id, worker->vantage, number, text, worker->sinks};
    bool recorded = false;

    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
    snprintf(number, sizeof(number), "%lld", worker->number);
    for (int i = 0; text != NULL && !recorded && i < RECORD_TRIES; i++) {
        recorded = fleet_ask(worker->server,
                             "SELECT relaywarden.record($1, $2, $3::bigint, $4::jsonb, "
                             "$5::text[])",
                             values, 5, trouble);
        if (!recorded && trouble->fault != POSTGRESQL_CONFLICT) {
            break;
        }
    }
    free(text);
    return recorded;
}

/* alerts_pace.is_told: it was told by way of the database, which has its incident's id. */
static bool is_told(const struct finding *finding, const void *user)
{
    const struct worker *worker = user;
    const char *target = finding_get(finding, "target");
    const json_t *row = target != NULL ? json_object_get(worker->roster, target) : NULL;
    size_t i;
    json_t *seen;

    json_array_foreach(json_object_get(row, "seen"), i, seen)
    {
        const char *kind = json_string_value(json_object_get(seen, "kind"));
        const char *key = json_string_value(json_object_get(seen, "key"));

        if (json_is_true(json_object_get(seen, "told")) && kind != NULL && key != NULL &&
            strcmp(kind, finding_kind_name(finding->kind)) == 0 && strcmp(key, finding->key) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_same(const json_t *one, const json_t *other)
{
    return json_equal(json_object_get(one, "kind"), json_object_get(other, "kind")) &&
           json_equal(json_object_get(one, "key"), json_object_get(other, "key"));
}

/* The database took it: what is over there is new when it comes again. */
static void forget_over(struct worker *worker, const json_t *batch)
{
    size_t i;
    json_t *entry;

    json_array_foreach(batch, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        json_t *row = name != NULL ? json_object_get(worker->roster, name) : NULL;
        json_t *seen = json_object_get(row, "seen");
        size_t j;
        json_t *over;

        json_array_foreach(json_object_get(entry, "over"), j, over)
        {
            for (size_t k = json_array_size(seen); k > 0; k--) {
                if (is_same(json_array_get(seen, k - 1), over)) {
                    (void)json_array_remove(seen, k - 1);
                }
            }
        }
    }
}

/* The database did not take it: alerts are sent from here, and the results are kept; where it
 * refused them, aside. */
static void hold(struct worker *worker, const struct audit_summary *summary, const json_t *batch,
                 bool refused)
{
    struct alerts_pace pace = {.is_told = is_told, .user = worker};
    const struct held_batch held = {worker->id, worker->vantage, worker->number, batch, true};

    for (size_t i = 0; i < summary->count; i++) {
        alerts_tell(worker->reporter, audit_summary_result(summary, i), &pace);
    }

    if (refused ? !held_set_aside(worker->conf->state_directory, &held)
                : !held_keep(worker->conf->state_directory, &held)) {
        reporter_say(worker->reporter, LOG_ERR,
                     "results could not be kept for the database: %s; it will lack them",
                     strerror(errno));
    }
}

/* Incidents that were told from here while the database was away end here, too. The batch has not
 * all targets. */
static void review(struct worker *worker, const struct claims *claims,
                   const struct audit_summary *summary)
{
    struct audit_summary part = *summary;

    part.whole = false;
    alerts_review(worker->reporter, &claims->conf, &part);
}

static void hand_over(struct worker *worker, const struct claims *claims,
                      const struct audit_summary *summary, double age)
{
    struct postgresql_trouble trouble;
    json_t *batch = batch_new(claims, summary, age);

    if (batch == NULL) {
        reporter_say(worker->reporter, LOG_ERR, "out of memory; this audit is made again");
        return;
    }
    worker->number++;
    review(worker, claims, summary);
    if (worker->server == NULL) {
        hold(worker, summary, batch, false);
    } else if (!record(worker, batch, &trouble)) {
        const bool refused = trouble.fault == POSTGRESQL_STATEMENT;

        if (refused) {
            reporter_say(worker->reporter, LOG_ERR,
                         "results were refused: %s; they are set aside as probe/fleet/*.refused in "
                         "state_directory, and alerts are sent from here",
                         trouble.why);
        } else {
            lose(worker, &trouble);
        }
        hold(worker, summary, batch, refused);
    } else {
        forget_over(worker, batch);
    }
    json_decref(batch);
}

static bool ask_all(struct worker *worker, const struct claims *claims, worker_audited audited,
                    void *user)
{
    const struct audit_request request = {
        .conf = &claims->conf,
        .targets = claims->targets,
        .target_count = claims->count,
        .delivery_ms = AUDIT_DELIVERY_MS,
    };
    char error[AUDIT_ERROR_SIZE];
    const int64_t began = seconds_now();
    struct audit *audit = audit_run(&request, error);

    if (audit == NULL) {
        reporter_say(worker->reporter, LOG_ERR,
                     "no audit could be made: %s; it is tried again when its lease is over", error);
        return false;
    }
    const struct audit_summary *summary = audit_summary_of(audit);
    hand_over(worker, claims, summary, (double)(seconds_now() - began));
    audited(&claims->conf, summary, user);
    audit_free(audit);
    return true;
}

/* ---- a round ----------------------------------------------------------------------------- */

static void tick(struct worker *worker, struct postgresql_trouble *trouble)
{
    char remind[24];
    char history[24];
    const char *const values[] = {remind, history, worker->sinks};

    if (seconds_now() < worker->next_tick) {
        return;
    }
    worker->next_tick = seconds_now() + TICK_S;
    snprintf(remind, sizeof(remind), "%ld", worker->conf->alert.remind_seconds);
    snprintf(history, sizeof(history), "%ld", worker->conf->probe.history_seconds);
    if (!fleet_ask(worker->server, "SELECT relaywarden.tick($1::integer, $2::integer, $3::text[])",
                   values, 3, trouble) &&
        trouble->fault != POSTGRESQL_CONFLICT) {
        lose(worker, trouble);
    }
}

/* For metrics. A fault that lasts is told once. */
static void follow_fleet(struct worker *worker)
{
    struct postgresql_trouble trouble = {.fault = worker->unread};

    if (!fleet_metrics_follow(worker->metrics, worker->server, &trouble)) {
        if (trouble.fault == POSTGRESQL_ABSENT) {
            lose(worker, &trouble);
            return;
        }
        if (trouble.fault != worker->unread) {
            reporter_say(worker->reporter, LOG_ERR,
                         "the fleet's metrics are not read: %s; audits go on", trouble.why);
        }
    }
    worker->unread = trouble.fault;
}

bool worker_round(struct worker *worker, worker_audited audited, void *user)
{
    struct postgresql_trouble trouble = {.fault = POSTGRESQL_FINE};
    struct claims *claims = claims_new(worker->conf);
    const struct outbox outbox = {worker->conf, worker->id, worker->reporter};
    bool more = false;

    if (claims == NULL) {
        return false;
    }
    if (worker->server == NULL && seconds_now() >= worker->next_try) {
        (void)connect_server(worker, &trouble);
    }
    if (worker->server != NULL && !claim(worker, claims, &trouble) &&
        trouble.fault != POSTGRESQL_CONFLICT) {
        lose(worker, &trouble);
    }
    if (worker->server == NULL && claims->count == 0) {
        choose(worker, claims);
    }
    if (claims->count > 0) {
        more = ask_all(worker, claims, audited, user);
    }
    claims_free(claims);
    int sent = OUTBOX_AT_ONCE;
    for (int i = 0; i < OUTBOX_TURNS && worker->server != NULL && sent == OUTBOX_AT_ONCE; i++) {
        sent = outbox_send(&outbox, worker->server, &trouble);
        if (sent < 0) {
            lose(worker, &trouble);
        }
    }
    more = more || (worker->server != NULL && sent == OUTBOX_AT_ONCE);
    if (worker->server != NULL) {
        tick(worker, &trouble);
    }
    if (worker->server != NULL) {
        follow_fleet(worker);
    }
    return more;
}
