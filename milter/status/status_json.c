#include "milter/status/status_json.h"

#include "lib/alert/sink/format.h"
#include "lib/printable.h"
#include "milter/tokens/mask_summary.h"

#define SHOWN_SIZE 1024

json_t *snapshot_json_count(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *snapshot_json_time(int64_t time)
{
    char text[21];

    return time == 0 ? json_null() : json_string(format_time(text, (time_t)time));
}

/* A text of the configuration's, which anything may stand in. */
static json_t *shown(const char *text)
{
    char out[SHOWN_SIZE];

    printable_string(out, sizeof out, text);
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

static json_t *mailers_json(const struct conf_milter *milter)
{
    json_t *list = json_array();

    for (size_t i = 0; i < milter->own_mailer_count; i++) {
        list = append(list, shown(milter->own_mailers[i]));
    }
    return list;
}

static json_t *undeclared_json(struct undeclared *undeclared)
{
    char domains[UNDECLARED_MAX + 1][DOMAIN_SIZE];
    unsigned int count = undeclared_list(undeclared, domains);
    json_t *list = json_array();

    for (unsigned int i = 0; i < count; i++) {
        list = append(list, shown(domains[i]));
    }
    return list;
}

static json_t *settings_json(const struct conf_milter *milter)
{
    /* "o" takes values over, also when it fails. */
    return json_pack("{s:s, s:s, s:o}", "enforce", enforcement_name(milter->enforce),
                     "enforce_masked", enforcement_name(milter->enforce_masked), "own_mailers",
                     mailers_json(milter));
}

/* Whether an ask was recognised since the start: before that, the time is when the waiting began,
 * or that of an ask of an earlier run. */
static bool was_asked(const struct audit_desk *desk)
{
    return atomic_load(&desk->asks[ASK_ANSWERED]) + atomic_load(&desk->asks[ASK_ACCEPTED]) +
               atomic_load(&desk->asks[ASK_REFUSED]) + atomic_load(&desk->asks[ASK_DEFERRED]) >
           0;
}

static json_t *probe_json(const struct audit_desk *desk, const struct snapshot_moment *moment)
{
    const struct conf *conf = moment->configuration->conf;
    bool expected = conf->token_key != NULL && conf->milter.probe_expected_seconds > 0;

    return json_pack("{s:o, s:o, s:b, s:b}", "expected_seconds",
                     expected ? json_integer(conf->milter.probe_expected_seconds) : json_null(),
                     "last_seen", snapshot_json_time(moment->last_ask), "seen_since_start",
                     (int)was_asked(desk), "missing", (int)moment->missing);
}

static json_t *masked_address_json(const struct mask_summary *summary)
{
    char address[ADDRESS_TEXT_SIZE];

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "address",
                     address_format(&summary->last->address, address), "listener",
                     shown(summary->last->listener), "since", snapshot_json_time(summary->since),
                     "last_hidden", snapshot_json_time(summary->last->hidden), "routes",
                     snapshot_json_count(summary->routes), "healing",
                     snapshot_json_count(summary->healing), "again", (int)summary->strict);
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
    return json_pack("{s:o, s:o, s:o}", "count", snapshot_json_count(count), "routes",
                     snapshot_json_count(moment->mask_count), "addresses", list);
}

/* ---- all of it ------------------------------------------------------------------------------- */

json_t *snapshot_json(const struct snapshot_source *source, const struct snapshot_moment *moment)
{
    const struct conf_milter *milter = &moment->configuration->conf->milter;

    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:n, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "format", SNAPSHOT_FORMAT, "program", "relaywarden-milter", "version",
                     RELAYWARDEN_VERSION, "host", shown(source->host), "socket",
                     shown(source->socket), "state", moment->stopping ? "stopped" : "running",
                     "written", "started", snapshot_json_time(source->started), "settings",
                     settings_json(milter), "probe", probe_json(source->desk, moment),
                     "undeclared_domains", undeclared_json(&moment->configuration->undeclared),
                     "masked", masked_json(moment), "incidents",
                     snapshot_json_incidents(moment->database), "counters",
                     snapshot_json_counters(source->counters, source->desk));
}
