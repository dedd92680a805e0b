#include "probe/dns/endpoints.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One host of the target, while its addresses are asked for. */
struct endpoints_host {
    struct endpoints *resolution;
    char name[DOMAIN_SIZE];
    unsigned int rank;
};

struct endpoints {
    struct dns *dns;
    struct endpoints_request request;
    struct endpoints_host *hosts;
    size_t host_count;
    size_t pending;                /* hosts without an answer, and one while they are begun */
    size_t endpoints;              /* handed out */
    size_t with_address;           /* of these */
    size_t left_out;               /* for ENDPOINTS_TARGET_ENDPOINTS */
    char reason[DNS_TROUBLE_SIZE]; /* why there may be none */
    bool done;
};

static void fill_endpoint(const struct endpoints *resolution, const char *host,
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

static void hand_out(struct endpoints *resolution, const struct resolved *resolved)
{
    resolution->endpoints++;
    resolution->request.listener->found(resolved, resolution->request.user);
}

static void hand_out_trouble(struct endpoints *resolution, const char *host, unsigned int rank,
                             const char *trouble)
{
    struct resolved resolved = {.rank = rank, .trouble = trouble};

    fill_endpoint(resolution, host, &resolved.endpoint);
    hand_out(resolution, &resolved);
}

/* Nobody but DNS says that this is an address of the target. "localhost" has its addresses without
 * DNS (RFC 6761 section 6.3). */
static bool is_only_named_by_dns(const struct target *target)
{
    return target->by_mx ||
           (target->address.family == ADDRESS_NONE && !domain_is_within(target->host, "localhost"));
}

static void hand_out_address(struct endpoints *resolution, const char *host, unsigned int rank,
                             const struct address *address)
{
    const struct target *target = resolution->request.target;
    const struct site *site = resolution->request.site;
    struct resolved resolved = {.rank = rank};
    char trouble[DNS_TROUBLE_SIZE];
    char text[ADDRESS_TEXT_SIZE];

    fill_endpoint(resolution, host, &resolved.endpoint);
    resolved.endpoint.address = *address;
    resolved.endpoint.hosted =
        target->by_mx && !site_owns_host(site, host) && !site_trusts(site, address);
    if (address_is_unreachable(address) && is_only_named_by_dns(target) &&
        !site_trusts(site, address)) {
        snprintf(trouble, sizeof(trouble),
                 "%s is no address of the internet, and only DNS says that %s has it",
                 address_format(address, text), host);
        resolved.trouble = trouble;
    }
    for (size_t i = 0; i < target->port_count; i++) {
        resolved.endpoint.port = target_port(target, i);
        if (resolution->with_address == ENDPOINTS_TARGET_ENDPOINTS) {
            resolution->left_out++;
            continue;
        }
        resolution->with_address++;
        hand_out(resolution, &resolved);
    }
}

static void give_reason(struct endpoints *resolution, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void give_reason(struct endpoints *resolution, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(resolution->reason, sizeof(resolution->reason), format, arguments);
    va_end(arguments);
}

/* One host less to wait for; after the last one a target without any endpoint gets one that says
 * why. */
static void release(struct endpoints *resolution)
{
    if (--resolution->pending > 0) {
        return;
    }
    if (resolution->left_out > 0) {
        give_reason(resolution, "%zu more endpoints were not asked: a target has at most %d",
                    resolution->left_out, ENDPOINTS_TARGET_ENDPOINTS);
        hand_out_trouble(resolution, resolution->request.target->host, UINT_MAX,
                         resolution->reason);
    }
    if (resolution->endpoints == 0) {
        hand_out_trouble(resolution, resolution->request.target->host, 0, resolution->reason);
    }
    resolution->done = true;
    resolution->request.listener->done(resolution->request.user);
}

/* At most ENDPOINTS_HOST_ADDRESSES, in order. Neither family takes more than half of them while the
 * other has some left. */
static size_t pick_addresses(const struct dns_answer *answer,
                             const struct address *picked[ENDPOINTS_HOST_ADDRESSES])
{
    size_t v4 = 0;
    while (v4 < answer->address_count && answer->addresses[v4].family == ADDRESS_IPV4) {
        v4++;
    }
    size_t v6 = answer->address_count - v4;
    size_t half = ENDPOINTS_HOST_ADDRESSES / 2;
    size_t most_v4 = v6 < half ? ENDPOINTS_HOST_ADDRESSES - v6 : half;
    size_t take_v4 = v4 < most_v4 ? v4 : most_v4;
    size_t count = 0;

    for (size_t i = 0; i < answer->address_count && count < ENDPOINTS_HOST_ADDRESSES; i++) {
        if (i < take_v4 || i >= v4) {
            picked[count++] = &answer->addresses[i];
        }
    }
    return count;
}

static void on_addresses(const struct dns_answer *answer, void *user)
{
    struct endpoints_host *host = user;
    struct endpoints *resolution = host->resolution;
    const struct address *picked[ENDPOINTS_HOST_ADDRESSES];

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

static void ask_hosts(struct endpoints *resolution)
{
    resolution->pending += resolution->host_count;
    for (size_t i = 0; i < resolution->host_count; i++) {
        dns_ask_addresses(resolution->dns, resolution->hosts[i].name, on_addresses,
                          &resolution->hosts[i]);
    }
}

/* Room for `count` hosts; false when memory is out. */
static bool make_hosts(struct endpoints *resolution, size_t count)
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

static void ask_one_host(struct endpoints *resolution)
{
    if (make_hosts(resolution, 1)) {
        snprintf(resolution->hosts[0].name, sizeof(resolution->hosts[0].name), "%s",
                 resolution->request.target->host);
        ask_hosts(resolution);
    }
}

static void on_mx(const struct dns_answer *answer, void *user)
{
    struct endpoints *resolution = user;
    const char *domain = resolution->request.target->host;

    if (answer->null_mx) {
        give_reason(resolution, "%s takes no mail: its MX record is the null MX of RFC 7505",
                    domain);
    } else if (answer->status == DNS_NO_NAME) {
        give_reason(resolution, "There is no domain %s in DNS", domain);
    } else if (answer->trouble[0] != '\0') {
        hand_out_trouble(resolution, domain, 0, answer->trouble);
    }
    if (answer->text_count > 0) {
        if (make_hosts(resolution, answer->text_count)) {
            for (size_t i = 0; i < answer->text_count; i++) {
                memcpy(resolution->hosts[i].name, answer->texts[i].text, DOMAIN_SIZE);
            }
            ask_hosts(resolution);
        }
    } else if (!answer->null_mx && answer->trouble[0] == '\0' &&
               (answer->status == DNS_OK || answer->status == DNS_NO_DATA)) {
        ask_one_host(resolution);
    }
    release(resolution);
}

struct endpoints *endpoints_new(struct dns *dns, const struct endpoints_request *request)
{
    struct endpoints *resolution = calloc(1, sizeof(*resolution));

    if (resolution != NULL) {
        resolution->dns = dns;
        resolution->request = *request;
        resolution->pending = 1;
    }
    return resolution;
}

void endpoints_begin(struct endpoints *resolution)
{
    const struct target *target = resolution->request.target;

    if (target->by_mx) {
        dns_ask(resolution->dns, target->host, DNS_MX, on_mx, resolution);
        return;
    }
    if (target->address.family != ADDRESS_NONE) {
        hand_out_address(resolution, target->host, 0, &target->address);
    } else {
        ask_one_host(resolution);
    }
    release(resolution);
}

bool endpoints_is_done(const struct endpoints *resolution)
{
    return resolution->done;
}

void endpoints_free(struct endpoints *resolution)
{
    if (resolution != NULL) {
        free(resolution->hosts);
        free(resolution);
    }
}
