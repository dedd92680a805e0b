#include "probe/audit/endpoints_now.h"

#include <stdio.h>
#include <stdlib.h>

#include "probe/audit/audit_settings.h"

struct search {
    struct loop *loop;
    struct lookup *lookup;
    unsigned int *ranks; /* of its entries */
    bool done;
    bool starved;
};

static void insert(struct search *search, const struct resolved *resolved)
{
    struct lookup *lookup = search->lookup;
    size_t at = lookup->count++;

    for (; at > 0 && search->ranks[at - 1] > resolved->rank; at--) {
        lookup->found[at] = lookup->found[at - 1];
        search->ranks[at] = search->ranks[at - 1];
    }
    search->ranks[at] = resolved->rank;
    lookup->found[at].endpoint = resolved->endpoint;
    (void)snprintf(lookup->found[at].trouble, LOOKUP_TROUBLE_SIZE, "%s",
                   resolved->trouble != NULL ? resolved->trouble : "");
}

static void on_found(const struct resolved *resolved, void *user)
{
    struct search *search = user;
    struct lookup *lookup = search->lookup;
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

static const struct resolution_listener listener = {.found = on_found, .done = on_done};

int lookup_target(const struct conf *conf, const struct target *target, struct lookup *out,
                  char error[LOOKUP_ERROR_SIZE])
{
    struct lookup lookup = {.count = 0};
    struct search search = {.loop = loop_new(), .lookup = &lookup};
    const struct resolution_request request = {
        .target = target, .site = conf->site, .listener = &listener, .user = &search};
    struct resolution *resolution = NULL;
    struct dns *dns = NULL;
    int status = -1;

    (void)snprintf(error, LOOKUP_ERROR_SIZE, "out of memory");
    if (search.loop == NULL ||
        (dns = audit_settings_dns(&conf->probe, search.loop, error)) == NULL ||
        (resolution = resolution_new(dns, &request)) == NULL) {
        goto out;
    }
    resolution_begin(resolution);
    if (!search.done && loop_run(search.loop) != 0) {
        (void)snprintf(error, LOOKUP_ERROR_SIZE, "the system's event interface failed");
        goto out;
    }
    if (!search.starved) {
        *out = lookup;
        lookup = (struct lookup){.count = 0};
        status = 0;
    }
out:
    dns_free(dns);
    resolution_free(resolution);
    loop_free(search.loop);
    free(search.ranks);
    lookup_free(&lookup);
    return status;
}

void lookup_free(struct lookup *lookup)
{
    free(lookup->found);
    lookup->found = NULL;
    lookup->count = 0;
}
