#include "probe/fleet/fleet_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "conf/environment.h"
#include "lib/printable.h"

#define STRANGER_SIZE 128 /* a role's name, shown */

extern const char schema_1[];
extern const char schema_2[];
extern const char schema_3[];
extern const char schema_4[];
extern const char schema_5[];
extern const char schema_6[];

/* `works_from`: the oldest step that programs may know which go on working with this one. */
static const struct {
    const char *sql;
    long long works_from;
} steps[] = {
    {schema_1, 1}, {schema_2, 1}, {schema_3, 2}, {schema_4, 2}, {schema_5, 2}, {schema_6, 2},
};

#define STEPS ((long long)(sizeof(steps) / sizeof(steps[0])))

const char *fleet_vantage(const struct conf *conf, char out[FLEET_VANTAGE_SIZE])
{
    struct utsname names = {.nodename = ""};

    (void)uname(&names);
    snprintf(out, FLEET_VANTAGE_SIZE, "%.*s", FLEET_VANTAGE_SIZE - 1,
             conf->vantage_name[0] != '\0' ? conf->vantage_name : names.nodename);
    return out;
}

/* ---- asking ------------------------------------------------------------------------------ */

bool fleet_ask(struct postgresql *server, const char *sql, const char *const *values, size_t count,
               struct postgresql_trouble *trouble)
{
    const struct postgresql_question question = {sql, values, count, FLEET_ASK_MS};

    return postgresql_ask(server, &question, NULL, NULL, trouble);
}

static bool read_number(const char *const *columns, size_t count, void *user)
{
    *(long long *)user = count > 0 && columns[0] != NULL ? strtoll(columns[0], NULL, 10) : 0;
    return true;
}

bool fleet_ask_number(struct postgresql *server, const struct postgresql_question *question,
                      long long *out, struct postgresql_trouble *trouble)
{
    *out = 0;
    return postgresql_ask(server, question, read_number, out, trouble);
}

/* ---- opening ----------------------------------------------------------------------------- */

struct stand {
    long long step;
    long long works_from;
};

static bool read_stand(const char *const *columns, size_t count, void *user)
{
    struct stand *stand = user;

    if (count < 2 || columns[0] == NULL || columns[1] == NULL) {
        return true;
    }
    stand->step = strtoll(columns[0], NULL, 10);
    stand->works_from = strtoll(columns[1], NULL, 10);
    return true;
}

static bool is_of_use(const struct stand *stand, struct postgresql_trouble *trouble)
{
    trouble->fault = POSTGRESQL_UNKNOWN;
    if (stand->step < STEPS) {
        snprintf(trouble->why, sizeof(trouble->why),
                 "database: its schema is of step %lld, and this program wants %lld; run %s fleet "
                 "migrate as the database's owner",
                 stand->step, STEPS, "relaywarden-probe");
        return false;
    }
    if (stand->works_from > STEPS) {
        snprintf(trouble->why, sizeof(trouble->why),
                 "database: its schema is of step %lld, made by a newer version, and this program "
                 "knows %lld; install that version of relaywarden here, too",
                 stand->step, STEPS);
        return false;
    }
    trouble->fault = POSTGRESQL_FINE;
    return true;
}

static struct postgresql *open_place(const struct conf *conf, struct postgresql_trouble *trouble)
{
    if (conf->database[0] == '\0') {
        trouble->fault = POSTGRESQL_PLACE;
        snprintf(trouble->why, sizeof(trouble->why),
                 "no database is set, so there is no fleet; write database = "
                 "\"postgresql://HOST/DATABASE\" into %s",
                 strcmp(conf->path, CONF_ENVIRONMENT) == 0
                     ? "a configuration file, and name it with --config: no variable names one"
                     : "the configuration");
        return NULL;
    }
    return postgresql_open(conf->database, FLEET_OPEN_MS, trouble);
}

struct postgresql *fleet_server_open(const struct conf *conf, struct postgresql_trouble *trouble)
{
    static const struct postgresql_question question = {
        .sql = "SELECT number, works_from FROM relaywarden.step ORDER BY number DESC LIMIT 1",
        .wait_ms = FLEET_OPEN_MS,
    };
    struct stand stand = {0, 0};
    struct postgresql *server = open_place(conf, trouble);

    if (server != NULL && postgresql_ask(server, &question, read_stand, &stand, trouble) &&
        is_of_use(&stand, trouble)) {
        return server;
    }
    postgresql_close(server);
    return NULL;
}

/* ---- migrating --------------------------------------------------------------------------- */

static const char make_roles[] =
    "DO $$ DECLARE name text; BEGIN"
    " FOREACH name IN ARRAY ARRAY['relaywarden_worker', 'relaywarden_reader',"
    " 'relaywarden_milter'] LOOP"
    " IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN"
    " EXECUTE format('CREATE ROLE %I NOLOGIN', name);"
    " END IF; END LOOP; END $$";

static const char make_table[] =
    "CREATE TABLE IF NOT EXISTS relaywarden.step (number integer PRIMARY KEY,"
    " works_from integer NOT NULL, made timestamptz NOT NULL DEFAULT now())";

/* Who owns what is not ours: its owner may have put triggers and functions there, which would run
 * with the rights of whoever migrates. */
static const char find_stranger[] =
    "SELECT pg_get_userbyid(owner) FROM (SELECT oid AS place, nspowner AS owner FROM pg_namespace"
    " UNION ALL SELECT relnamespace, relowner FROM pg_class"
    " UNION ALL SELECT pronamespace, proowner FROM pg_proc) AS thing"
    " WHERE place = 'relaywarden'::regnamespace AND owner <>"
    " (SELECT oid FROM pg_roles WHERE rolname = current_user) LIMIT 1";

/* The second program to come waits, and finds nothing left to do. */
static const char *const beginning[] = {
    "BEGIN",
    "SET LOCAL search_path = pg_catalog, pg_temp",
    "SET LOCAL client_min_messages = warning",
    "SELECT pg_advisory_xact_lock(hashtext('relaywarden migrate'))",
    make_roles,
    "CREATE SCHEMA IF NOT EXISTS relaywarden",
    find_stranger,
    make_table,
    "SET LOCAL search_path = relaywarden, pg_temp",
};

/* postgresql_row */
static bool read_stranger(const char *const *columns, size_t count, void *user)
{
    if (count > 0 && columns[0] != NULL) {
        printable_string(user, STRANGER_SIZE, columns[0]);
    }
    return true;
}

static bool is_ours(struct postgresql *server, struct postgresql_trouble *trouble)
{
    static const struct postgresql_question question = {.sql = find_stranger,
                                                        .wait_ms = FLEET_ASK_MS};
    char stranger[STRANGER_SIZE] = "";

    if (!postgresql_ask(server, &question, read_stranger, stranger, trouble)) {
        return false;
    }
    if (stranger[0] != '\0') {
        trouble->fault = POSTGRESQL_FORBIDDEN;
        snprintf(trouble->why, sizeof(trouble->why),
                 "database: the schema relaywarden, or something in it, belongs to role %s, not to "
                 "the one that this connects as; run fleet migrate as %s, or drop what is there",
                 stranger, stranger);
        return false;
    }
    return true;
}

static bool begin(struct postgresql *server, struct postgresql_trouble *trouble)
{
    for (size_t i = 0; i < sizeof(beginning) / sizeof(beginning[0]); i++) {
        if (beginning[i] == find_stranger ? !is_ours(server, trouble)
                                          : !fleet_ask(server, beginning[i], NULL, 0, trouble)) {
            if (beginning[i] == make_roles && trouble->fault == POSTGRESQL_FORBIDDEN) {
                snprintf(trouble->why, sizeof(trouble->why),
                         "database: this role may not create roles; run fleet migrate once as one "
                         "that may, or have CREATE ROLE relaywarden_worker, relaywarden_reader and "
                         "relaywarden_milter done before");
            }
            return false;
        }
    }
    return true;
}

static bool make_step(struct postgresql *server, long long number,
                      struct postgresql_trouble *trouble)
{
    char row[128];

    snprintf(row, sizeof(row),
             "INSERT INTO relaywarden.step (number, works_from) VALUES (%lld, "
             "%lld)",
             number, steps[number - 1].works_from);
    return fleet_ask(server, steps[number - 1].sql, NULL, 0, trouble) &&
           fleet_ask(server, row, NULL, 0, trouble);
}

bool fleet_migrate(const struct conf *conf, struct fleet_migration *out,
                   struct postgresql_trouble *trouble)
{
    static const struct postgresql_question question = {
        .sql = "SELECT max(number) FROM relaywarden.step",
        .wait_ms = FLEET_ASK_MS,
    };
    struct postgresql *server = open_place(conf, trouble);
    bool made = server != NULL && begin(server, trouble) &&
                fleet_ask_number(server, &question, &out->before, trouble);

    out->now = out->before;
    while (made && out->now < STEPS) {
        made = make_step(server, ++out->now, trouble);
    }
    made = made && fleet_ask(server, "COMMIT", NULL, 0, trouble);
    postgresql_close(server);
    return made;
}
