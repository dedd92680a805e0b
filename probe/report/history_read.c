#include <limits.h>
#include <stdio.h>

#include "lib/state/audit_state.h"
#include "lib/state/incident_records.h"
#include "probe/report/history.h"
#include "probe/report/history_build.h"

/* audit_state_endpoint_visit */
static bool add_endpoint(int64_t id, const struct audited_endpoint *last, void *build)
{
    return history_build_endpoint(build, id, last, NULL);
}

/* audit_state_run_visit */
static bool add_run(int64_t id, const struct verdict_run *run, void *build)
{
    return history_build_run(build, id, run);
}

/* incident_records_visit */
static bool add_incident(const struct incident_record *row, void *build)
{
    return history_build_incident(build, row, "");
}

static bool read_incidents(struct sqlite3 *database, struct history_build *build)
{
    struct incident_records *table = incident_records_new(database);
    bool read = table != NULL && incident_records_list(table, add_incident, build);

    if (read && incident_records_left_out(table) > 0) {
        history_build_lack(build, "%zu incident%s, damaged or of a later version",
                           incident_records_left_out(table),
                           incident_records_left_out(table) == 1 ? "" : "s");
    }
    incident_records_free(table);
    return read;
}

/* audit_state_act */
static bool read_all(struct audit_state *state, void *build)
{
    return audit_state_endpoints(state, true, add_endpoint, build) &&
           audit_state_runs(state, add_run, build) &&
           read_incidents(audit_state_database(state), build);
}

static bool read_state(struct audit_state *state, struct history_build *build,
                       char error[HISTORY_ERROR_SIZE])
{
    if (!audit_state_view(state, read_all, build)) {
        snprintf(error, HISTORY_ERROR_SIZE, "%s",
                 history_build_is_out_of_memory(build) ? "out of memory" : audit_state_why(state));
        return false;
    }
    return true;
}

struct history *history_read(const struct conf *conf, time_t now, char error[HISTORY_ERROR_SIZE])
{
    char path[PATH_MAX];
    struct history_build *build = history_build_new(conf, now);

    if (build == NULL) {
        snprintf(error, HISTORY_ERROR_SIZE, "out of memory");
        return NULL;
    }
    audit_state_path(conf->state_directory, path);
    struct audit_state *state = audit_state_open(conf->state_directory, false, error);
    struct history *history =
        history_build_end(build, state != NULL && read_state(state, build, error));
    audit_state_close(state);
    if (history == NULL || history->endpoint_count > 0) {
        return history;
    }
    if (history->lack_count > 0) {
        snprintf(error, HISTORY_ERROR_SIZE, "%.280s: it cannot be read: %.300s", path,
                 history->lacks[0]);
    } else {
        snprintf(error, HISTORY_ERROR_SIZE,
                 "no audit of a configured target was kept in %.300s yet; run relaywarden-probe "
                 "check without a TARGET first",
                 path);
    }
    history_free(history);
    return NULL;
}
