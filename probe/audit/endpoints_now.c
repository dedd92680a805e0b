#include "probe/audit/endpoints_now.h"

#include <stdio.h>
#include <stdlib.h>

#include "probe/audit/audit_settings.h"

struct search {
    struct loop *loop;
    struct endpoints_now *lookup;
    unsigned int *ranks; /* of its entries */
    bool done;
    bool starved;
};

static void insert(struct search *search, const struct resolved *resolved)
{
    struct endpoints_now *lookup = search->lookup;
    size_t at = lookup->count++;

    for (; at > 0 && search->ranks[at - 1] > resolved->rank; at--) {
        lookup->found[at] = lookup->found[at - 1];
        search->ranks[at] = search->ranks[at - 1];
    }
    search->ranks[at] = resolved->rank;
    lookup->found[at].endpoint = resolved->endpoint;
    (void)snprintf(lookup->found[at].trouble, ENDPOINTS_NOW_TROUBLE_SIZE, "%s",
                   resolved->trouble != NULL ? resolved->trouble : "");
}

static void on_found(const struct resolved *resolved, void *user)
{
    struct search *search = user;
    struct endpoints_now *lookup = search->lookup;
    size_t room = lookup->count + 1;
    struct looked_up *found = realloc(lookup->found, room * sizeof(*found));

    if (found != NULL) {
        lookup->found = found;
    }
    unsigned int *ranks =
        found != NULL ? realloc(search->ranks, room * sizeof(*search->ranks)) : NULL;
    if (ranks == NULL) {
        search->starved = true;
        return;
    }
    search->ranks = ranks;
    insert(search, resolved);
}

static void on_done(void *user)
{
    struct search *search = user;

    search->done = true;
    loop_break(search->loop);
}

static const struct endpoints_listener listener = {.found = on_found, .done = on_done};

int endpoints_now_target(const struct conf *conf, const struct target *target,
                         struct endpoints_now *out, char error[ENDPOINTS_NOW_ERROR_SIZE])
{
    struct endpoints_now lookup = {.count = 0};
    struct search search = {.loop = loop_new(), .lookup = &lookup};
    const struct endpoints_request request = {
        .target = target, .site = conf->site, .listener = &listener, .user = &search};
    struct endpoints *resolution = NULL;
    struct dns *dns = NULL;
    int status = -1;

    (void)snprintf(error, ENDPOINTS_NOW_ERROR_SIZE, "out of memory");
    if (search.loop == NULL ||
        (dns = audit_settings_dns(&conf->probe, search.loop, error)) == NULL ||
        (resolution = endpoints_new(dns, &request)) == NULL) {
        goto out;
    }
    endpoints_begin(resolution);
    if (!search.done && loop_run(search.loop) != 0) {
        (void)snprintf(error, ENDPOINTS_NOW_ERROR_SIZE, "the system's event interface failed");
        goto out;
    }
    if (!search.starved) {
        *out = lookup;
        lookup = (struct endpoints_now){.count = 0};
        status = 0;
    }
out:
    dns_free(dns);
    endpoints_free(resolution);
    loop_free(search.loop);
    free(search.ranks);
    endpoints_now_free(&lookup);
    return status;
}

void endpoints_now_free(struct endpoints_now *lookup)
{
    free(lookup->found);
    lookup->found = NULL;
    lookup->count = 0;
}
