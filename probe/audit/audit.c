#include "probe/audit/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "probe/audit/audit_private.h"
#include "probe/audit/audit_settings.h"
#include "probe/judge/verdict.h"
#include "probe/net/signals.h"

/* How long an endpoint that is asked through waits for what DNS has not said yet. It was asked when
 * the session began, and sessions take longer than DNS unless both are near or DNS is dead. */
#define GRACE_MS 250
/* At once to one address and port, whatever targets they belong to. */
#define PLACE_CONNECTIONS 2

/* ---- end -------------------------------------------------------------------------------- */

void audit_break_if_over(struct audit *audit)
{
    if (audit->searching == 0 && audit->done == audit->entry_count) {
        loop_break(audit->loop);
    }
}

static struct vantage_known vantage_of(const struct audit_request *request)
{
    return (struct vantage_known){.declared = request->conf->probe.vantage,
                                  .site = request->conf->site};
}

/* ---- endpoints -------------------------------------------------------------------------- */

void audit_entry_done(struct entry *entry)
{
    struct audit *audit = entry->audit;
    const struct vantage_known vantage = vantage_of(&audit->request);

    entry->state = ENTRY_DONE;
    audit->done++;
    judgement_endpoint(&entry->result, &vantage);
    audit_show_progress(audit);
}

/* ---- posture ---------------------------------------------------------------------------- */

static void settled(struct entry *entry)
{
    loop_timer_clear(entry->grace);
    audit_entry_done(entry);
    audit_break_if_over(entry->audit);
}

static void on_grace_over(void *user)
{
    settled(user);
}

static void on_inquiry_done(void *user)
{
    struct audit *audit = user;

    for (size_t i = 0; i < audit->entry_count; i++) {
        struct entry *entry = audit->entries[i];
        if (entry->state == ENTRY_SETTLING && inquiry_is_done(entry->inquiry)) {
            settled(entry);
        }
    }
}

/* Has DNS asked about the endpoint's address. Private ones have no name that strangers see, and no
 * list knows them. Without memory the audit goes on without. */
static void inquire(struct entry *entry)
{
    struct audit *audit = entry->audit;
    const struct address *address = &entry->result.endpoint.address;

    entry->inquiry = address_is_private(address) ? NULL : inquiries_ask(audit->inquiries, address);
    if (entry->inquiry != NULL) {
        entry->result.dns = inquiry_posture(entry->inquiry);
        entry->grace = loop_timer_new(audit->loop, on_grace_over, entry);
    }
}

/* The session is over. Its connection is free for others; the verdict waits for nothing else. */
void audit_settle(struct entry *entry)
{
    bool wait = entry->inquiry != NULL && !inquiry_is_done(entry->inquiry) &&
                entry->grace != NULL &&
                loop_timer_set(entry->grace, loop_now(entry->audit->loop) + GRACE_MS) == 0;

    if (wait) {
        entry->state = ENTRY_SETTLING;
    } else {
        audit_entry_done(entry);
    }
}

/* ---- asking ----------------------------------------------------------------------------- */

static void on_finished(struct dialogue *dialogue, void *user)
{
    struct entry *entry = user;
    struct audit *audit = entry->audit;

    dialogue_free(dialogue);
    entry->dialogue = NULL;
    audit->connections -= entry->connections;
    if (!audit_next_round(entry)) {
        audit_settle(entry);
    }
    audit_start_waiting(audit);
    audit_break_if_over(audit);
}

static void start_entry(struct entry *entry)
{
    struct audit *audit = entry->audit;
    unsigned int left = audit->request.conf->probe.max_connections - audit->connections;

    struct battery_earlier earlier[RESULT_TECHNIQUES];
    bool remembers = audit->memory != NULL && entry->result.endpoint.configured;

    entry->connections = entry->shared || left < PLACE_CONNECTIONS ? 1 : PLACE_CONNECTIONS;
    const struct dialogue_request request = {
        .settings = &audit->settings,
        .round = entry->round,
        .earlier = earlier,
        .earlier_count = remembers ? memory_put_off(audit->memory, &entry->result.endpoint,
                                                    time(NULL), earlier, RESULT_TECHNIQUES)
                                   : 0,
        .message_row = entry->message_row,
        .message = entry->message,
        .connections = entry->connections,
        .result = &entry->result,
        .finished = on_finished,
        .user = entry,
    };

    if (entry->round == DIALOGUE_ALL) {
        inquire(entry);
    }
    entry->dialogue = dialogue_start(audit->loop, &request);
    if (entry->dialogue == NULL) {
        snprintf(entry->result.trouble, sizeof(entry->result.trouble), "out of memory");
        entry->result.exhausted = true;
        audit_entry_done(entry);
        return;
    }
    entry->state = ENTRY_ASKING;
    audit->connections += entry->connections;
}

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && address_equal(&a->address, &b->address);
}

/* Whether the server has as many connections from us as it should. */
static bool is_busy(const struct audit *audit, const struct entry *entry)
{
    unsigned int connections = 0;

    for (size_t i = 0; entry->shared && i < audit->entry_count; i++) {
        const struct entry *other = audit->entries[i];
        if (other->state == ENTRY_ASKING &&
            same_place(&other->result.endpoint, &entry->result.endpoint)) {
            connections += other->connections;
        }
    }
    return connections >= PLACE_CONNECTIONS;
}

void audit_start_waiting(struct audit *audit)
{
    while (audit->first_waiting < audit->entry_count &&
           audit->entries[audit->first_waiting]->state != ENTRY_WAITING) {
        audit->first_waiting++;
    }
    for (size_t i = audit->first_waiting;
         i < audit->entry_count && audit->connections < audit->request.conf->probe.max_connections;
         i++) {
        struct entry *entry = audit->entries[i];
        if (entry->state == ENTRY_WAITING && !is_busy(audit, entry)) {
            start_entry(entry);
        }
    }
}

/* Whether the same question is put at the same place already; another own domain is another
 * question. Notes which endpoints share a place: `shared` for this one. */
static bool is_known(struct audit *audit, const struct endpoint *endpoint, bool *shared)
{
    *shared = false;
    for (size_t i = 0; i < audit->entry_count; i++) {
        struct entry *known = audit->entries[i];
        if (!same_place(&known->result.endpoint, endpoint)) {
            continue;
        }
        if (known->result.endpoint.tls_asked == endpoint->tls_asked &&
            strcmp(known->result.endpoint.own, endpoint->own) == 0) {
            return true;
        }
        known->shared = true;
        *shared = true;
    }
    return false;
}

/* Room for one more entry beside the spare one. */
static bool has_room(struct audit *audit)
{
    if (audit->entry_count + 1 < audit->entry_room) {
        return true;
    }
    size_t room = audit->entry_room == 0 ? 16 : audit->entry_room * 2;
    struct entry **entries =
        room <= AUDIT_ENDPOINTS_MAX ? realloc(audit->entries, room * sizeof(struct entry *)) : NULL;
    if (entries == NULL) {
        return false;
    }
    audit->entries = entries;
    audit->entry_room = room;
    return true;
}

/* auto: where it has answered before. */
static bool expects_milter(const struct audit *audit, size_t target,
                           const struct endpoint *endpoint)
{
    enum conf_tristate expected = audit->request.targets[target].expect_milter;

    return expected == CONF_TRUE ||
           (expected == CONF_AUTO && audit->memory != NULL && endpoint->configured &&
            endpoint->address.family != ADDRESS_NONE &&
            memory_has_answered(audit->memory, endpoint, time(NULL)));
}

void audit_fill_entry(struct entry *entry, struct audit *audit, size_t target,
                      const struct resolved *resolved)
{
    entry->audit = audit;
    entry->target = target;
    entry->rank = resolved->rank;
    entry->result.endpoint = resolved->endpoint;
    entry->result.reach = REACH_NO_CONNECT;
    entry->result.milter.expected = expects_milter(audit, target, &resolved->endpoint);
    audit->entries[audit->entry_count++] = entry;
}

struct entry *audit_add_entry(struct audit *audit, size_t target, const struct resolved *resolved)
{
    struct entry *entry = has_room(audit) ? calloc(1, sizeof(*entry)) : NULL;

    if (entry == NULL) {
        if (audit->not_kept++ == 0) {
            audit->not_kept_target = target;
        }
        return NULL;
    }
    audit_fill_entry(entry, audit, target, resolved);
    return entry;
}

static void on_found(const struct resolved *resolved, void *user)
{
    struct search *search = user;
    struct audit *audit = search->audit;
    bool shared = false;

    if (resolved->trouble == NULL && is_known(audit, &resolved->endpoint, &shared)) {
        return;
    }
    struct entry *entry = audit_add_entry(audit, search->target, resolved);
    if (entry == NULL) {
        return;
    }
    entry->shared = shared;
    if (resolved->trouble != NULL) {
        entry->result.reach = REACH_NO_ADDRESS;
        snprintf(entry->result.trouble, sizeof(entry->result.trouble), "%s", resolved->trouble);
        audit_settings_tell_targets(&audit->request.conf->probe, &entry->result);
        audit_entry_done(entry);
    }
    audit_start_waiting(audit);
}

static void on_search_done(void *user)
{
    struct search *search = user;

    search->done = true;
    search->audit->searching--;
    audit_break_if_over(search->audit);
}

static const struct resolution_listener listener = {
    .found = on_found,
    .done = on_search_done,
};

/* ---- setting up ------------------------------------------------------------------------- */

static bool begin_searches(struct audit *audit)
{
    audit->searching = audit->request.target_count;
    audit->searches = calloc(audit->request.target_count, sizeof(audit->searches[0]));
    if (audit->searches == NULL) {
        return false;
    }
    for (size_t i = 0; i < audit->request.target_count; i++) {
        struct search *search = &audit->searches[i];
        const struct resolution_request request = {
            .target = &audit->request.targets[i],
            .site = audit->request.conf->site,
            .listener = &listener,
            .user = search,
        };
        *search = (struct search){.audit = audit, .target = i};
        search->resolution = resolution_new(audit->dns, &request);
        if (search->resolution == NULL) {
            return false;
        }
        if (!audit->summary.interrupted) {
            resolution_begin(search->resolution);
        }
    }
    return true;
}

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
    int64_t began = loop_now(audit->loop);
    struct interruption *interruption = interruption_begin(audit->loop, on_interrupt, audit);
    int status = -1;

    audit->summary.started = time(NULL);
    audit->summary.interrupted = interruption_is_pending(); /* before anything is sent */
    audit->spare = calloc(1, sizeof(*audit->spare));
    if (audit->spare == NULL || !has_room(audit) || interruption == NULL ||
        !begin_searches(audit)) {
        snprintf(error, AUDIT_ERROR_SIZE, "out of memory");
        goto out;
    }
    /* Endpoints that have no address are done before the loop runs. */
    if (!audit->summary.interrupted && (audit->searching > 0 || audit->done < audit->entry_count) &&
        loop_run(audit->loop) != 0) {
        snprintf(error, AUDIT_ERROR_SIZE, "the system's event interface failed");
        goto out;
    }
    /* What comes from here on ends no audit: it is for who made it. */
    interruption_end(interruption);
    interruption = NULL;
    audit_close_open_ends(audit);
    audit_clear_progress(audit);
    if (!audit_sum_up(audit, began)) {
        snprintf(error, AUDIT_ERROR_SIZE, "out of memory");
        goto out;
    }
    audit_remember(audit);
    status = 0;
out:
    interruption_end(interruption);
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
    audit_recall(audit);
    audit->tick = request->progress ? loop_timer_new(audit->loop, on_tick, audit) : NULL;
    audit_settings_dialogue(&request->conf->probe, audit->helo, &audit->settings);
    audit->settings.battery.vantage = vantage_of(request);
    audit_settings_asker(request->conf, &audit->settings.battery.asker);
    audit->dns = audit_settings_dns(&request->conf->probe, audit->loop, error);
    const struct inquiries_settings inquiries = {
        .dns = audit->dns,
        .zones = request->conf->probe.dnsbl,
        .zone_count = request->conf->probe.dnsbl_count,
        .done = on_inquiry_done,
        .user = audit,
    };
    if (audit->dns != NULL && (audit->inquiries = inquiries_new(&inquiries)) == NULL) {
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
    for (size_t i = 0; i < audit->entry_count; i++) {
        dialogue_free(audit->entries[i]->dialogue);
        result_free(&audit->entries[i]->result);
        loop_timer_free(audit->entries[i]->grace);
        loop_timer_free(audit->entries[i]->later);
        free(audit->entries[i]->message);
        free(audit->entries[i]);
    }
    dns_free(audit->dns); /* before the resolutions and inquiries that its questions point to */
    inquiries_free(audit->inquiries);
    for (size_t i = 0; audit->searches != NULL && i < audit->request.target_count; i++) {
        resolution_free(audit->searches[i].resolution);
    }
    memory_close(audit->memory);
    loop_timer_free(audit->poll);
    loop_timer_free(audit->tick);
    loop_free(audit->loop);
    free(audit->searches);
    free(audit->spare);
    free(audit->entries);
    free(audit->results);
    free(audit);
}

const struct audit_summary *audit_summary_of(const struct audit *audit)
{
    return &audit->summary;
}
