#include "probe/model/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"

#define SMTP_PORT     25
#define DOMAIN_PREFIX "domain:"
#define ARGUMENT_ALLOWED                                                                           \
    "name a configured target, a host, host:port, an address, [v6-address]:port or domain:NAME"

static bool refuse(char error[TARGET_ERROR_SIZE], const char *argument, const char *why)
{
    char shown[RESULT_HOST_SIZE];

    printable_string(shown, sizeof(shown), argument);
    snprintf(error, TARGET_ERROR_SIZE, "\"%s\" is no target: %s; %s", shown, why, ARGUMENT_ALLOWED);
    return false;
}

/* A host name or an address into the target; false when it is neither. */
static bool set_host(struct target *target, const char *text, size_t length)
{
    char copy[DOMAIN_SIZE + 4]; /* with a U-label's slack; longer is no host */

    if (length >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (address_parse(copy, &target->address)) {
        char shown[ADDRESS_TEXT_SIZE];
        snprintf(target->host, sizeof(target->host), "%s", address_format(&target->address, shown));
        return true;
    }
    /* A name has no colon or bracket; domain_normalise keeps bracketed literals, which were tried
     * above. */
    return strpbrk(copy, "[]:/@") == NULL && domain_normalise(text, length, target->host) &&
           !domain_has_stray_hyphen(target->host);
}

static bool parse_port(const char *text, uint16_t *port)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 5) {
        return false;
    }
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < 1 || value > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)value;
    return true;
}

static const struct conf_target *find_configured(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->probe.target_count; i++) {
        if (strcmp(conf->probe.targets[i].name, name) == 0) {
            return &conf->probe.targets[i];
        }
    }
    return NULL;
}

/* Of an address that no host has, perhaps for want of brackets. */
static bool refuse_compatible(const char *argument, char error[TARGET_ERROR_SIZE])
{
    const char *colon = strrchr(argument, ':');
    char before[ADDRESS_TEXT_SIZE];
    struct address address;
    uint16_t port;

    snprintf(before, sizeof(before), "%.*s", (int)(colon - argument), argument);
    if (!address_parse(before, &address) || !parse_port(colon + 1, &port)) {
        return refuse(error, argument, "no server has an address in ::/96");
    }
    snprintf(error, TARGET_ERROR_SIZE,
             "\"%s\" is an address without a port; for port %u of %s write [%s]:%u", argument, port,
             before, before, port);
    return false;
}

/* host, host:port, [v6], [v6]:port, or a bare address. */
static bool parse_host_port(const char *argument, struct target *target,
                            char error[TARGET_ERROR_SIZE])
{
    const char *colon = strrchr(argument, ':');

    if (set_host(target, argument, strlen(argument))) {
        return !address_is_ipv4_compatible(&target->address) || refuse_compatible(argument, error);
    }
    if (colon == NULL) {
        return refuse(error, argument, "it is neither a host name nor an address");
    }
    if (!set_host(target, argument, (size_t)(colon - argument))) {
        return refuse(error, argument, "what is before the port is no host name or address");
    }
    if (target->address.family == ADDRESS_IPV6 && argument[0] != '[') {
        return refuse(error, argument, "an IPv6 address with a port needs brackets");
    }
    if (address_is_ipv4_compatible(&target->address)) {
        return refuse(error, argument, "no server has an address in ::/96");
    }
    if (!parse_port(colon + 1, &target->port)) {
        return refuse(error, argument, "a port is a number from 1 to 65535");
    }
    return true;
}

bool target_from_argument(const char *argument, const struct conf *conf, struct target *out,
                          char error[TARGET_ERROR_SIZE])
{
    const struct conf_target *configured = find_configured(conf, argument);
    struct target target = {
        .tls = TLS_AUTO, .expect_milter = CONF_AUTO, .port = SMTP_PORT, .port_count = 1};

    if (configured != NULL) {
        return target_from_conf(configured, out, error);
    }
    printable_string(target.name, sizeof(target.name), argument);
    if (strncmp(argument, DOMAIN_PREFIX, strlen(DOMAIN_PREFIX)) == 0) {
        const char *domain = argument + strlen(DOMAIN_PREFIX);
        if (!set_host(&target, domain, strlen(domain)) || target.address.family != ADDRESS_NONE) {
            return refuse(error, argument, "what follows domain: is no domain name");
        }
        target.by_mx = true;
    } else if (!parse_host_port(argument, &target, error)) {
        return false;
    }
    *out = target;
    return true;
}

bool target_from_conf(const struct conf_target *configured, struct target *out,
                      char error[TARGET_ERROR_SIZE])
{
    struct target target = {.configured = true,
                            .tls = configured->tls,
                            .expect_milter = configured->expect_milter,
                            .interval_seconds = configured->interval_seconds};
    const char *host = configured->domain != NULL ? configured->domain : configured->host;

    printable_string(target.name, sizeof(target.name), configured->name);
    target.by_mx = configured->domain != NULL;
    if (!set_host(&target, host, strlen(host))) {
        return refuse(error, host, "it is neither a host name nor an address");
    }
    target.ports = configured->ports;
    target.port_count = configured->port_count;
    *out = target;
    return true;
}

uint16_t target_port(const struct target *target, size_t index)
{
    return target->ports != NULL ? target->ports[index] : target->port;
}

void target_own_domain(const struct target *target, const char *host, const struct site *site,
                       char out[RESULT_HOST_SIZE])
{
    struct address literal;
    const char *own = target->by_mx ? target->host : NULL;

    if (own == NULL && !address_parse(host, &literal)) {
        for (const char *dot = strchr(host, '.'); own == NULL && dot != NULL;
             dot = strchr(dot + 1, '.')) {
            if (site_owns_domain(site, dot + 1, strlen(dot + 1))) {
                own = dot + 1;
            }
        }
        if (own == NULL && site_owns_domain(site, host, strlen(host))) {
            own = host;
        }
    }
    snprintf(out, RESULT_HOST_SIZE, "%s", own != NULL ? own : site_main_domain(site));
}
