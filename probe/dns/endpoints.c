#include "probe/dns/endpoints.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One host of the target, while its addresses are asked for. */
struct resolution_host {
    struct resolution *resolution;
    char name[DOMAIN_SIZE];
    unsigned int rank;
};

struct resolution {
    struct dns *dns;
    struct resolution_request request;
    struct resolution_host *hosts;
    size_t host_count;
    size_t pending;                /* hosts without an answer, and one while they are begun */
    size_t endpoints;              /* handed out */
    size_t with_address;           /* of these */
    size_t left_out;               /* for RESOLVE_TARGET_ENDPOINTS */
    char reason[DNS_TROUBLE_SIZE]; /* why there may be none */
    bool done;
};

static void fill_endpoint(const struct resolution *resolution, const char *host,
                          struct endpoint *out)
{
    const struct target *target = resolution->request.target;

    memset(out, 0, sizeof(*out));
    snprintf(out->target, sizeof(out->target), "%s", target->name);
    snprintf(out->host, sizeof(out->host), "%s", host);
    target_own_domain(target, host, resolution->request.site, out->own);
    out->tls_asked = target->tls;
    out->configured = target->configured;
    out->port = target_port(target, 0);
}

static void hand_out(struct resolution *resolution, const struct resolved *resolved)
{
    resolution->endpoints++;
    resolution->request.listener->found(resolved, resolution->request.user);
}

static void hand_out_trouble(struct resolution *resolution, const char *host, unsigned int rank,
                             const char *trouble)
{
    struct resolved resolved = {.rank = rank, .trouble = trouble};

    fill_endpoint(resolution, host, &resolved.endpoint);
    hand_out(resolution, &resolved);
}

static void hand_out_address(struct resolution *resolution, const char *host, unsigned int rank,
                             const struct address *address)
{
    const struct target *target = resolution->request.target;
    struct resolved resolved = {.rank = rank};

    fill_endpoint(resolution, host, &resolved.endpoint);
    resolved.endpoint.address = *address;
    for (size_t i = 0; i < target->port_count; i++) {
        resolved.endpoint.port = target_port(target, i);
        if (resolution->with_address == RESOLVE_TARGET_ENDPOINTS) {
            resolution->left_out++;
            continue;
        }
        resolution->with_address++;
        hand_out(resolution, &resolved);
    }
}

static void give_reason(struct resolution *resolution, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void give_reason(struct resolution *resolution, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(resolution->reason, sizeof(resolution->reason), format, arguments);
    va_end(arguments);
}

/* One host less to wait for; after the last one a target without any endpoint gets one that says
 * why. */
static void release(struct resolution *resolution)
{
    if (--resolution->pending > 0) {
        return;
    }
    if (resolution->left_out > 0) {
        give_reason(resolution, "%zu more endpoints were not asked: a target has at most %d",
                    resolution->left_out, RESOLVE_TARGET_ENDPOINTS);
        hand_out_trouble(resolution, resolution->request.target->host, UINT_MAX,
                         resolution->reason);
    }
    if (resolution->endpoints == 0) {
        hand_out_trouble(resolution, resolution->request.target->host, 0, resolution->reason);
    }
    resolution->done = true;
    resolution->request.listener->done(resolution->request.user);
}

/* At most RESOLVE_HOST_ADDRESSES, in order. Neither family takes more than half of them while the
 * other has some left. */
static size_t pick_addresses(const struct dns_answer *answer,
                             const struct address *picked[RESOLVE_HOST_ADDRESSES])
{
    size_t v4 = 0;
    while (v4 < answer->address_count && answer->addresses[v4].family == ADDRESS_IPV4) {
        v4++;
    }
    size_t v6 = answer->address_count - v4;
    size_t half = RESOLVE_HOST_ADDRESSES / 2;
    size_t most_v4 = v6 < half ? RESOLVE_HOST_ADDRESSES - v6 : half;
    size_t take_v4 = v4 < most_v4 ? v4 : most_v4;
    size_t count = 0;

    for (size_t i = 0; i < answer->address_count && count < RESOLVE_HOST_ADDRESSES; i++) {
        if (i < take_v4 || i >= v4) {
            picked[count++] = &answer->addresses[i];
        }
    }
    return count;
}

static void on_addresses(const struct dns_answer *answer, void *user)
{
    struct resolution_host *host = user;
    struct resolution *resolution = host->resolution;
    const struct address *picked[RESOLVE_HOST_ADDRESSES];

    size_t count = pick_addresses(answer, picked);
    for (size_t i = 0; i < count; i++) {
        hand_out_address(resolution, host->name, host->rank, picked[i]);
    }
    if (count < answer->address_count) {
        char trouble[DNS_TROUBLE_SIZE];
        snprintf(trouble, sizeof(trouble),
                 "%s has %s%zu addresses, and only %zu of them were asked", host->name,
                 answer->trouble[0] != '\0' ? "more than " : "", answer->address_count, count);
        hand_out_trouble(resolution, host->name, host->rank, trouble);
    } else if (answer->trouble[0] != '\0') {
        hand_out_trouble(resolution, host->name, host->rank, answer->trouble);
    } else if (answer->address_count == 0) {
        give_reason(resolution,
                    answer->status == DNS_NO_NAME ? "There is no host name %s in DNS"
                                                  : "The host name %s has no address in DNS",
                    host->name);
    }
    release(resolution);
}

static void ask_hosts(struct resolution *resolution)
{
    resolution->pending += resolution->host_count;
    for (size_t i = 0; i < resolution->host_count; i++) {
        dns_ask_addresses(resolution->dns, resolution->hosts[i].name, on_addresses,
                          &resolution->hosts[i]);
    }
}

/* Room for `count` hosts; false when memory is out. */
static bool make_hosts(struct resolution *resolution, size_t count)
{
    resolution->hosts = calloc(count, sizeof(resolution->hosts[0]));
    if (resolution->hosts == NULL) {
        give_reason(resolution, "Out of memory");
        return false;
    }
    resolution->host_count = count;
    for (size_t i = 0; i < count; i++) {
        resolution->hosts[i].resolution = resolution;
        resolution->hosts[i].rank = (unsigned int)i;
    }
    return true;
}

static void ask_one_host(struct resolution *resolution)
{
    if (make_hosts(resolution, 1)) {
        snprintf(resolution->hosts[0].name, sizeof(resolution->hosts[0].name), "%s",
                 resolution->request.target->host);
        ask_hosts(resolution);
    }
}

static void on_mx(const struct dns_answer *answer, void *user)
{
    struct resolution *resolution = user;
    const char *domain = resolution->request.target->host;

    if (answer->null_mx) {
        give_reason(resolution, "%s takes no mail: its MX record is the null MX of RFC 7505",
                    domain);
    } else if (answer->status == DNS_NO_NAME) {
        give_reason(resolution, "There is no domain %s in DNS", domain);
    } else if (answer->trouble[0] != '\0') {
        hand_out_trouble(resolution, domain, 0, answer->trouble);
    }
    if (answer->mx_count > 0) {
        if (make_hosts(resolution, answer->mx_count)) {
            for (size_t i = 0; i < answer->mx_count; i++) {
                memcpy(resolution->hosts[i].name, answer->mx[i].host, DOMAIN_SIZE);
            }
            ask_hosts(resolution);
        }
    } else if (!answer->null_mx && answer->trouble[0] == '\0' &&
               (answer->status == DNS_OK || answer->status == DNS_NO_DATA)) {
        ask_one_host(resolution);
    }
    release(resolution);
}

struct resolution *resolution_new(struct dns *dns, const struct resolution_request *request)
{
    struct resolution *resolution = calloc(1, sizeof(*resolution));

    if (resolution != NULL) {
        resolution->dns = dns;
        resolution->request = *request;
        resolution->pending = 1;
    }
    return resolution;
}

void resolution_begin(struct resolution *resolution)
{
    const struct target *target = resolution->request.target;

    if (target->by_mx) {
        dns_ask_mx(resolution->dns, target->host, on_mx, resolution);
        return;
    }
    if (target->address.family != ADDRESS_NONE) {
        hand_out_address(resolution, target->host, 0, &target->address);
    } else {
        ask_one_host(resolution);
    }
    release(resolution);
}

bool resolution_is_done(const struct resolution *resolution)
{
    return resolution->done;
}

void resolution_free(struct resolution *resolution)
{
    if (resolution != NULL) {
        free(resolution->hosts);
        free(resolution);
    }
}
