#include "probe/fleet/roster.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe/fleet/fleet_server.h"

/* An MX domain may have that many hosts' addresses. */
#define HOSTS_OF_DOMAIN 4

/* How long its audit may take: each port of each host after the other. */
static long longest(const struct conf_probe *probe, const struct conf_target *target)
{
    const long hosts = target->domain != NULL ? HOSTS_OF_DOMAIN : 1;

    return probe->timeout_seconds * (long)target->port_count * hosts + 10;
}

static const char *expectation(enum conf_tristate expected)
{
    return expected == CONF_AUTO ? "auto" : expected == CONF_TRUE ? "true" : "false";
}

static json_t *describe(const struct conf_probe *probe, const struct conf_target *target)
{
    json_t *ports = json_array();

    for (size_t i = 0; i < target->port_count; i++) {
        if (json_array_append_new(ports, json_integer(target->ports[i])) != 0) {
            json_decref(ports);
            return NULL; /* out of memory */
        }
    }
    return json_pack("{s:s, s:I, s:I, s:{s:s*, s:s*, s:o, s:s, s:s}}", "name", target->name,
                     "interval", (json_int_t)target->interval_seconds, "longest",
                     (json_int_t)longest(probe, target), "spec", "domain", target->domain, "host",
                     target->host, "ports", ports, "tls", tls_mode_name(target->tls),
                     "expect_milter", expectation(target->expect_milter));
}

static bool run_out(struct postgresql_trouble *trouble)
{
    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
    return false;
}

static bool read_change(const char *const *columns, size_t count, void *user)
{
    struct roster_change *change = user;

    if (count == 4 && columns[0] != NULL && columns[1] != NULL && columns[2] != NULL &&
        columns[3] != NULL) {
        change->added = strtoll(columns[0], NULL, 10);
        change->changed = strtoll(columns[1], NULL, 10);
        change->dropped = strtoll(columns[2], NULL, 10);
        change->given_up = strtoll(columns[3], NULL, 10);
    }
    return count == 4;
}

bool roster_sync(struct postgresql *server, const struct conf *conf, struct roster_change *out,
                 struct postgresql_trouble *trouble)
{
    json_t *list = json_array();
    bool made = list != NULL;

    for (size_t i = 0; made && i < conf->probe.target_count; i++) {
        made = json_array_append_new(list, describe(&conf->probe, &conf->probe.targets[i])) == 0;
    }
    char *text = made ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    if (text == NULL) {
        return run_out(trouble);
    }
    const char *const values[] = {text};
    const struct postgresql_question question = {
        .sql = "SELECT added, changed, dropped, given_up FROM relaywarden.sync($1::jsonb)",
        .values = values,
        .count = 1,
        .wait_ms = FLEET_ASK_MS * 4,
    };
    made = postgresql_ask(server, &question, read_change, out, trouble);
    free(text);
    return made;
}
