#include "milter/status/status_json.h"

#include "lib/sys/clocks.h"

#include "lib/alert/sink/format.h"
#include "lib/printable.h"
#include "milter/status/status_counters.h"
#include "milter/status/status_incidents.h"
#include "milter/status/status_values.h"
#include "milter/tokens/mask_summary.h"

#define SHOWN_SIZE 1024

/* A text of the configuration's, which anything may stand in. */
static json_t *shown(const char *text)
{
    char out[SHOWN_SIZE];

    printable_string(out, sizeof(out), text);
    return json_string(out);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* It takes the text over, also when it fails; NULL stays NULL. */
static json_t *append(json_t *list, json_t *text)
{
    if (json_array_append_new(list, text) != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* Those that count: without the ones by which the MTA sends mail for others. */
static json_t *mailers_json(const struct judge_rules *rules)
{
    json_t *list = json_array();

    for (size_t i = 0; i < rules->own_mailer_count; i++) {
        list = append(list, shown(rules->own_mailers[i]));
    }
    return list;
}

static json_t *undeclared_json(struct undeclared *undeclared)
{
    char domains[UNDECLARED_LISTED][DOMAIN_SIZE];
    unsigned int count = undeclared_list(undeclared, clocks_now().steady, domains);
    json_t *list = json_array();

    for (unsigned int i = 0; i < count; i++) {
        list = append(list, shown(domains[i]));
    }
    return list;
}

static json_t *settings_json(const struct live_conf *configuration)
{
    const struct conf_milter *milter = &configuration->conf->milter;

    /* "o" takes values over, also when it fails. */
    return json_pack("{s:s, s:s, s:o}", "enforce", enforcement_name(milter->enforce),
                     "enforce_masked", enforcement_name(milter->enforce_masked), "own_mailers",
                     mailers_json(&configuration->rules));
}

/* Whether an ask from outside was recognised since the start: before that, the time is when the
 * waiting began, or that of an ask of an earlier run. */
static bool was_asked(const struct probe_dialogue_desk *desk)
{
    uint64_t count = 0;

    for (int role = TOKEN_ROLE_TRUE; role < TOKEN_ROLES; role++) {
        if (token_role_is_outside((enum token_role)role)) {
            count += atomic_load(&desk->roles[role]);
        }
    }
    return count > 0;
}

static json_t *probe_json(const struct probe_dialogue_desk *desk,
                          const struct snapshot_moment *moment)
{
    const struct conf *conf = moment->configuration->conf;
    bool expected = conf->token_key != NULL && conf->milter.probe_expected_seconds > 0;

    return json_pack("{s:o, s:o, s:o, s:b, s:b}", "expected_seconds",
                     expected ? json_integer(conf->milter.probe_expected_seconds) : json_null(),
                     "last_seen", status_time_json(moment->last_ask), "inside_last_seen",
                     status_time_json(moment->last_inside), "seen_since_start",
                     (int)was_asked(desk), "missing", (int)moment->missing);
}

static json_t *masked_address_json(const struct mask_summary *summary)
{
    char address[ADDRESS_TEXT_SIZE];

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "address",
                     address_format(&summary->last->address, address), "listener",
                     shown(summary->last->listener), "since", status_time_json(summary->since),
                     "last_hidden", status_time_json(summary->last->hidden), "routes",
                     status_count_json(summary->routes), "healing",
                     status_count_json(summary->healing), "again", (int)summary->strict);
}

static json_t *masked_json(const struct snapshot_moment *moment)
{
    json_t *list = json_array();
    struct mask_summary summary;
    uint64_t count = 0;
    size_t at = 0;

    while (mask_summary_next(moment->masks, moment->mask_count, &at, &summary)) {
        if (count++ < SNAPSHOT_ADDRESSES_MAX) {
            list = append(list, masked_address_json(&summary));
        }
    }
    return json_pack("{s:o, s:o, s:o}", "count", status_count_json(count), "routes",
                     status_count_json(moment->mask_count), "addresses", list);
}

/* ---- all of it ------------------------------------------------------------------------------- */

json_t *status_json(const struct snapshot_source *source, const struct snapshot_moment *moment)
{
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:n, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "format", SNAPSHOT_FORMAT, "program", "relaywarden-milter", "version",
                     RELAYWARDEN_VERSION, "host", shown(source->host), "socket",
                     shown(source->socket), "state", moment->stopping ? "stopped" : "running",
                     "written", "started", status_time_json(source->started), "settings",
                     settings_json(moment->configuration), "probe",
                     probe_json(source->desk, moment), "undeclared_domains",
                     undeclared_json(&moment->configuration->undeclared), "masked",
                     masked_json(moment), "incidents", status_incidents_json(moment->database),
                     "counters", status_counters_json(source->counters, source->desk));
}
