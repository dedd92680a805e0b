#include "probe/audit/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "probe/audit/audit_private.h"
#include "probe/audit/audit_settings.h"
#include "probe/net/signals.h"

/* Targets that are looked up at once: a question to DNS takes room for the longest answer. */
#define SEARCHES_MAX 64
/* Endpoints that are known and wait for their turn, beyond which no further target is looked up. */
#define WAITING_MAX 64
/* Likewise those that are not done: of servers that put us off, or whose message is awaited, there
 * may be many, and each has its whole result in memory. */
#define LIVE_MAX 1024

/* ---- endpoints -------------------------------------------------------------------------- */

static void on_found(const struct resolved *resolved, void *user)
{
    struct search *search = user;
    struct audit *audit = search->audit;
    bool shared = false;

    bool has_address = resolved->endpoint.address.family != ADDRESS_NONE;
    if (has_address && audit_is_known(audit, &resolved->endpoint, &shared)) {
        return;
    }
    struct entry *entry = audit_add_entry(audit, (size_t)(search - audit->searches), resolved);
    if (entry == NULL) {
        return;
    }
    entry->shared = shared;
    if (resolved->trouble != NULL) {
        entry->result.reach =
            resolved->endpoint.address.family == ADDRESS_NONE ? REACH_NO_ADDRESS : REACH_PRIVATE;
        snprintf(entry->result.trouble, sizeof(entry->result.trouble), "%s", resolved->trouble);
        audit_settings_tell_targets(&audit->request.conf->probe, &entry->result);
        audit_entry_done(entry);
    }
    audit_start_waiting(audit);
}

/* The resolution is in the middle of telling this: it is freed later. */
static void on_search_done(void *user)
{
    struct search *search = user;
    struct audit *audit = search->audit;

    search->done = true;
    search->next_finished = audit->finished;
    audit->finished = search;
    audit->searching--;
    audit->searched++;
    (void)loop_timer_set(audit->feeder, loop_now(audit->loop));
    audit_break_if_over(audit);
}

static const struct endpoints_listener listener = {
    .found = on_found,
    .done = on_search_done,
};

static void free_finished(struct audit *audit)
{
    while (audit->finished != NULL) {
        endpoints_free(audit->finished->resolution);
        audit->finished->resolution = NULL;
        audit->finished = audit->finished->next_finished;
    }
}

static void begin_search(struct audit *audit, size_t target)
{
    struct search *search = &audit->searches[target];
    const struct endpoints_request request = {
        .target = &audit->request.targets[target],
        .site = audit->request.conf->site,
        .listener = &listener,
        .user = search,
    };

    search->audit = audit;
    audit->searching++;
    search->resolution = endpoints_new(audit->dns, &request);
    if (search->resolution != NULL) {
        endpoints_begin(search->resolution);
    } else {
        audit_not_asked(audit, target);
        on_search_done(search);
    }
}

static bool may_search(const struct audit *audit)
{
    size_t waiting = 0;
    size_t live_max = audit->request.conf->probe.max_connections + LIVE_MAX;

    for (const struct entry *entry = audit->first_live; entry != NULL; entry = entry->next) {
        waiting += entry->state == ENTRY_WAITING;
    }
    return audit->next_target < audit->request.target_count && audit->searching < SEARCHES_MAX &&
           waiting < WAITING_MAX && audit->live < live_max;
}

/* Targets are looked up as others are done. No function has an entry or a search in hand here. */
static void feed(void *user)
{
    struct audit *audit = user;

    audit_free_gone(audit);
    free_finished(audit);
    while (may_search(audit)) {
        begin_search(audit, audit->next_target++);
        audit_free_gone(audit);
        free_finished(audit);
    }
    audit_start_waiting(audit);
    audit_break_if_over(audit);
}

/* ---- setting up ------------------------------------------------------------------------- */

static void on_tick(void *user)
{
    audit_show_progress(user);
}

static void on_interrupt(void *user)
{
    struct audit *audit = user;

    audit->summary.interrupted = true;
    loop_break(audit->loop);
}

/* ---- running ---------------------------------------------------------------------------- */

/* 0, or -1 and a sentence. */
static int run(struct audit *audit, char error[AUDIT_ERROR_SIZE])
{
    struct signals *interruption = signals_begin(audit->loop, on_interrupt, audit);
    int status = -1;

    audit->summary.started = time(NULL);
    audit->summary.interrupted = signals_is_pending(); /* before anything is sent */
    audit->began = loop_now(audit->loop);
    audit->spare = calloc(1, sizeof(*audit->spare));
    audit->searches = calloc(audit->request.target_count + 1, sizeof(audit->searches[0]));
    audit->feeder = loop_timer_new(audit->loop, feed, audit);
    audit->store = result_store_new(sizeof(struct posture_dns));
    if (audit->spare == NULL || audit->searches == NULL || audit->feeder == NULL ||
        audit->store == NULL || interruption == NULL ||
        loop_timer_set(audit->feeder, audit->began) != 0) {
        snprintf(error, AUDIT_ERROR_SIZE, "out of memory");
        goto out;
    }
    if (!audit->summary.interrupted && audit->request.target_count > 0 &&
        loop_run(audit->loop) != 0) {
        snprintf(error, AUDIT_ERROR_SIZE, "the system's event interface failed");
        goto out;
    }
    /* A signal from here on ends no audit: it is for whoever made it. */
    signals_end(interruption);
    interruption = NULL;
    audit_close_open_ends(audit);
    audit_clear_progress(audit);
    audit_sum_up(audit);
    audit_remember(audit);
    status = 0;
out:
    signals_end(interruption);
    return status;
}

struct audit *audit_run(const struct audit_request *request, char error[AUDIT_ERROR_SIZE])
{
    struct audit *audit = calloc(1, sizeof(*audit));

    if (audit == NULL || (audit->loop = loop_new()) == NULL) {
        snprintf(error, AUDIT_ERROR_SIZE, "the event loop cannot be made: out of memory");
        audit_free(audit);
        return NULL;
    }
    audit->request = *request;
    audit->on_later = audit_on_later;
    audit_recall(audit);
    audit->tick = request->progress ? loop_timer_new(audit->loop, on_tick, audit) : NULL;
    audit_settings_dialogue(&request->conf->probe, audit->helo, &audit->settings);
    audit->settings.battery.vantage = audit_vantage(audit);
    audit_settings_asker(request->conf, &audit->settings.battery.asker);
    audit->dns = audit_settings_dns(&request->conf->probe, audit->loop, error);
    const struct address_facts_settings inquiries = {
        .dns = audit->dns,
        .zones = request->conf->probe.dnsbl,
        .zone_count = request->conf->probe.dnsbl_count,
        .done = audit_on_inquiry_done,
        .user = audit,
    };
    if (audit->dns != NULL && (audit->inquiries = address_facts_new(&inquiries)) == NULL) {
        snprintf(error, AUDIT_ERROR_SIZE, "out of memory");
    }
    if (audit->inquiries == NULL || run(audit, error) != 0) {
        audit_free(audit);
        return NULL;
    }
    return audit;
}

void audit_free(struct audit *audit)
{
    if (audit == NULL) {
        return;
    }
    audit_free_gone(audit);
    while (audit->first_live != NULL) {
        struct entry *entry = audit->first_live;
        audit->first_live = entry->next;
        audit_free_entry(entry);
    }
    for (size_t i = 0; i < audit->place_count; i++) {
        free(audit->places[i]);
    }
    dns_free(audit->dns); /* before the resolutions and inquiries that its questions point to */
    address_facts_free(audit->inquiries);
    for (size_t i = 0; audit->searches != NULL && i < audit->request.target_count; i++) {
        endpoints_free(audit->searches[i].resolution);
    }
    carry_over_close(audit->memory);
    loop_timer_free(audit->poll);
    loop_timer_free(audit->tick);
    loop_timer_free(audit->feeder);
    loop_free(audit->loop);
    result_store_free(audit->store);
    if (audit->spare != NULL) {
        result_free(&audit->spare->result);
    }
    free(audit->searches);
    free(audit->spare);
    free(audit->places);
    free(audit->buckets);
    free(audit->stored);
    free(audit);
}

const struct audit_summary *audit_summary_of(const struct audit *audit)
{
    return &audit->summary;
}
