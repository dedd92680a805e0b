#include "probe/cli/verbs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/fleet/fleet_server.h"
#include "probe/fleet/fleet_status.h"
#include "probe/fleet/roster.h"

#define EXIT_LEFT_OUT 3

/* A part of the verb works with this, and leaves an account as JSON, and as a line. */
struct work {
    const struct options *invocation;
    const struct conf *conf;
    struct postgresql *server; /* NULL in what does not need the schema */
    struct postgresql_trouble trouble;
    json_t *account; /* an object; NULL: out of memory */
    char line[320];  /* "": it was printed otherwise */
    int code;
};

/* 0, or an exit code: why it could not be done was said. */
static int fail(const struct work *work)
{
    const enum options_failure why =
        postgresql_may_pass(work->trouble.fault) ? OPTIONS_SYSTEM : OPTIONS_CONFIGURATION;

    return options_fail_for(work->invocation, why, work->trouble.why);
}

static bool migrate(struct work *work)
{
    struct fleet_migration done = {0, 0};

    if (!fleet_migrate(work->conf, &done, &work->trouble)) {
        return false;
    }
    work->account =
        json_pack("{s:I, s:I}", "before", (json_int_t)done.before, "now", (json_int_t)done.now);
    if (done.before == done.now) {
        snprintf(work->line, sizeof(work->line), "the schema is of step %lld already", done.now);
    } else {
        snprintf(work->line, sizeof(work->line), "the schema was brought from step %lld to %lld",
                 done.before, done.now);
    }
    return true;
}

/* Nobody saw that they are over, and no alert tells it: so the operator reads it here. */
static void tell_given_up(struct work *work, long long count)
{
    const size_t used = strlen(work->line);

    if (count > 0) {
        snprintf(work->line + used, sizeof(work->line) - used,
                 "; %lld open incidents were given up, not resolved: no other vantage sees them",
                 count);
    }
}

static bool sync_roster(struct work *work)
{
    struct roster_change change = {0, 0, 0, 0};

    /* A slip: on a host whose configuration has none it would empty the roster of all. */
    if (work->conf->probe.target_count == 0) {
        work->trouble.fault = POSTGRESQL_PLACE;
        snprintf(work->trouble.why, sizeof(work->trouble.why),
                 "this configuration has no target, and the roster would be empty; run fleet sync "
                 "where the targets are, or add them to probe");
        return false;
    }
    if (!roster_sync(work->server, work->conf, &change, &work->trouble)) {
        return false;
    }
    work->account = json_pack("{s:I, s:I, s:I, s:I}", "added", (json_int_t)change.added, "changed",
                              (json_int_t)change.changed, "dropped", (json_int_t)change.dropped,
                              "given_up", (json_int_t)change.given_up);
    snprintf(work->line, sizeof(work->line),
             "the roster has the %zu targets of this configuration: %lld added, %lld changed, %lld "
             "dropped",
             work->conf->probe.target_count, change.added, change.changed, change.dropped);
    tell_given_up(work, change.given_up);
    return true;
}

static bool import(struct work *work)
{
    struct roster_import done = {0, 0, 0};
    char vantage[FLEET_VANTAGE_SIZE];

    if (!roster_import(work->server, work->conf, &done, &work->trouble)) {
        return false;
    }
    work->account = json_pack("{s:s, s:I, s:I, s:I}", "vantage", fleet_vantage(work->conf, vantage),
                              "endpoints", (json_int_t)done.endpoints, "incidents",
                              (json_int_t)done.incidents, "left_out", (json_int_t)done.left_out);
    int used = snprintf(work->line, sizeof(work->line),
                        "%lld endpoints with their history and %lld incidents were taken over as "
                        "those of vantage %s",
                        done.endpoints, done.incidents, fleet_vantage(work->conf, vantage));
    if (done.left_out > 0) {
        work->code = EXIT_LEFT_OUT;
        snprintf(work->line + used, sizeof(work->line) - (size_t)used,
                 "; %lld rows of the state directory were left out: this version cannot read them, "
                 "or they have no history; import with the version that wrote them",
                 done.left_out);
    }
    return true;
}

static bool show_status(struct work *work)
{
    work->account = fleet_status_read(work->server, &work->trouble);
    if (work->account == NULL) {
        return false;
    }
    work->code = (int)fleet_status_grade(work->account);
    if (!work->invocation->json) {
        fleet_status_print(stdout, work->account);
    }
    return true;
}

static bool retire(struct work *work)
{
    const char *const vantage = work->invocation->arguments[1];
    const char *const values[] = {vantage};
    const struct postgresql_question question = {"SELECT coalesce(relaywarden.retire($1), -1)",
                                                 values, 1, FLEET_ASK_MS};
    char shown[128];
    long long given_up = 0;

    if (!fleet_ask_number(work->server, &question, &given_up, &work->trouble)) {
        return false;
    }
    printable_string(shown, sizeof(shown), vantage);
    if (given_up < 0) {
        work->trouble.fault = POSTGRESQL_STATEMENT;
        snprintf(work->trouble.why, sizeof(work->trouble.why),
                 "there is no vantage %s in service; fleet status lists them", shown);
        return false;
    }
    work->account = json_pack("{s:s, s:I}", "vantage", shown, "given_up", (json_int_t)given_up);
    snprintf(work->line, sizeof(work->line),
             "vantage %s is retired; a worker that is started there brings it back", shown);
    tell_given_up(work, given_up);
    return true;
}

static const struct part {
    const char *name;
    bool wants_schema;
    size_t arguments; /* with its name */
    bool (*act)(struct work *work);
} parts[] = {
    {"migrate", false, 1, migrate},   {"sync", true, 1, sync_roster}, {"import", true, 1, import},
    {"status", true, 1, show_status}, {"retire", true, 2, retire},
};

#define PARTS "migrate, sync, import, status, retire VANTAGE"

/* NULL: *code is the exit code, and why was said. */
static const struct part *find_part(const struct options *invocation, int *code)
{
    const char *word = invocation->argument_count > 0 ? invocation->arguments[0] : NULL;
    const struct part *part = NULL;

    for (size_t i = 0; word != NULL && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(parts[i].name, word) == 0) {
            part = &parts[i];
        }
    }
    if (word == NULL) {
        *code =
            options_fail(invocation, "an argument is missing after \"fleet\"; it is one of " PARTS);
    } else if (part == NULL) {
        *code = options_fail_on(invocation, "fleet has no", word, "it is one of " PARTS);
    } else if (invocation->argument_count > part->arguments) {
        *code = options_fail_on(invocation, "there is an argument too many:",
                                invocation->arguments[part->arguments], "leave it out");
    } else if (invocation->argument_count < part->arguments) {
        *code = options_fail_on(invocation, "VANTAGE is missing after", word,
                                PROBE_PROGRAM " fleet status lists them");
    } else {
        return part;
    }
    return NULL;
}

static int give_account(struct work *work, const struct part *part)
{
    if (work->account == NULL) {
        return options_fail_for(work->invocation, OPTIONS_SYSTEM, "out of memory");
    }
    if (work->invocation->json) {
        json_object_set_new(work->account, "program", json_string(PROBE_PROGRAM));
        json_object_set_new(work->account, "version", json_string(RELAYWARDEN_VERSION));
        json_object_set_new(work->account, "schema", json_integer(PROBE_SCHEMA));
        json_object_set_new(work->account, "fleet", json_string(part->name));
        json_object_set_new(work->account, "exit", json_integer(work->code));
        (void)json_dumpf(work->account, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (work->line[0] != '\0') {
        puts(work->line);
    }
    return options_output_is_written() ? work->code
                                       : options_code(work->invocation, OPTIONS_SYSTEM);
}

static int run_part(struct work *work, const struct part *part)
{
    int code;

    if (part->wants_schema) {
        work->server = fleet_server_open(work->conf, &work->trouble);
    }
    if ((part->wants_schema && work->server == NULL) || !part->act(work)) {
        code = fail(work);
    } else {
        code = give_account(work, part);
    }
    postgresql_close(work->server);
    json_decref(work->account);
    return code;
}

int fleet_main(const struct options *invocation)
{
    struct conf_report report = {0};
    struct work work = {.invocation = invocation};
    struct conf *conf = NULL;
    int code = 0;
    const struct part *part = find_part(invocation, &code);

    if (part == NULL) {
        return code;
    }
    conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    if (conf == NULL) {
        code = options_fail_configuration(invocation, &report);
    } else {
        work.conf = conf;
        code = run_part(&work, part);
    }
    conf_report_free(&report);
    conf_free(conf);
    return code;
}
