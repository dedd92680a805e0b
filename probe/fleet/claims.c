#include "probe/fleet/claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct claims *claims_new(const struct conf *conf)
{
    struct claims *claims = calloc(1, sizeof(*claims));

    if (claims != NULL) {
        /* Its count of holders is of no use to a copy that nobody frees. */
        memcpy(&claims->conf, conf, sizeof(claims->conf));
        claims->conf.probe.targets = claims->configured;
        claims->conf.probe.target_count = 0;
    }
    return claims;
}

static void empty(struct conf_target *configured)
{
    free(configured->name);
    free(configured->domain);
    free(configured->host);
    free(configured->ports);
    *configured = (struct conf_target){.name = NULL};
}

void claims_free(struct claims *claims)
{
    for (size_t i = 0; claims != NULL && i < claims->count; i++) {
        empty(&claims->configured[i]);
        json_decref(claims->claims[i].seen);
    }
    free(claims);
}

static char *copy(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? strdup(text) : NULL;
}

static bool read_ports(const json_t *spec, struct conf_target *out)
{
    const json_t *ports = json_object_get(spec, "ports");
    size_t count = json_array_size(ports);

    out->ports = calloc(count + 1, sizeof(*out->ports));
    for (size_t i = 0; out->ports != NULL && i < count; i++) {
        json_int_t port = json_integer_value(json_array_get(ports, i));

        if (port < 1 || port > UINT16_MAX) {
            return false;
        }
        out->ports[out->port_count++] = (uint16_t)port;
    }
    return out->port_count > 0;
}

static bool read_spec(const json_t *row, struct conf_target *out)
{
    const json_t *spec = json_object_get(row, "spec");
    const char *tls = json_string_value(json_object_get(spec, "tls"));
    const char *expected = json_string_value(json_object_get(spec, "expect_milter"));
    bool known = false;

    for (int i = TLS_NONE; tls != NULL && i <= TLS_AUTO; i++) {
        if (strcmp(tls, tls_mode_name((enum tls_mode)i)) == 0) {
            out->tls = (enum tls_mode)i;
            known = true;
        }
    }
    out->name = copy(row, "name");
    out->domain = copy(spec, "domain");
    out->host = copy(spec, "host");
    out->interval_seconds = (long)json_integer_value(json_object_get(row, "interval"));
    out->expect_milter = expected == NULL || strcmp(expected, "auto") == 0 ? CONF_AUTO
                         : strcmp(expected, "true") == 0                   ? CONF_TRUE
                                                                           : CONF_FALSE;
    return read_ports(spec, out) && known && out->name != NULL && out->interval_seconds > 0 &&
           (out->domain == NULL) != (out->host == NULL);
}

bool claims_add(struct claims *claims, const json_t *row, char error[TARGET_ERROR_SIZE])
{
    struct conf_target *configured = &claims->configured[claims->count];
    struct target *target = &claims->targets[claims->count];

    snprintf(error, TARGET_ERROR_SIZE, "the roster has a target that this version cannot read");
    if (claims->count == CLAIMS_MAX || !read_spec(row, configured) ||
        !target_from_conf(configured, target, error)) {
        if (claims->count < CLAIMS_MAX) {
            empty(configured);
        }
        return false;
    }
    claims->claims[claims->count] =
        (struct claim){.id = json_integer_value(json_object_get(row, "id")),
                       .epoch = json_integer_value(json_object_get(row, "epoch")),
                       .seen = json_incref(json_object_get(row, "seen"))};
    claims->conf.probe.target_count = ++claims->count;
    return true;
}
