#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/name_index.h"
#include "probe/audit/audit_private.h"

static void interrupt_entry(struct entry *entry)
{
    client_free(entry->dialogue);
    entry->dialogue = NULL;
    entry->result.interrupted = true;
    snprintf(entry->result.trouble, sizeof(entry->result.trouble),
             "The audit was interrupted before this endpoint was done.");
    audit_entry_done(entry);
}

/* Stands in for a target's endpoints where they are not known. */
static struct resolved unknown_endpoint(const struct target *target)
{
    struct resolved resolved = {.endpoint = {.port = target_port(target, 0),
                                             .tls_asked = target->tls,
                                             .configured = target->configured}};

    snprintf(resolved.endpoint.target, sizeof(resolved.endpoint.target), "%s", target->name);
    snprintf(resolved.endpoint.host, sizeof(resolved.endpoint.host), "%s", target->host);
    return resolved;
}

static void close_what_was_interrupted(struct audit *audit)
{
    while (audit->first_live != NULL) {
        struct entry *entry = audit->first_live;
        /* An endpoint that was not awaited to its end is told as far as it is known. */
        if (entry->state == ENTRY_SETTLING || entry->state == ENTRY_EXPECTING) {
            audit_entry_done(entry);
        } else {
            interrupt_entry(entry);
        }
        audit_free_gone(audit);
    }
    for (size_t i = 0; i < audit->request.target_count; i++) {
        const struct target *target = &audit->request.targets[i];
        struct resolved resolved = unknown_endpoint(target);
        if (audit->searches[i].done) {
            continue;
        }
        target_own_domain(target, target->host, audit->request.conf->site, resolved.endpoint.own);
        struct entry *entry = audit_add_entry(audit, i, &resolved);
        if (entry != NULL) {
            interrupt_entry(entry);
        }
        audit_free_gone(audit);
    }
}

/* Answers are worth telling, whatever else could not be asked. */
static void tell_of_those_not_asked(struct audit *audit)
{
    const struct target *target = &audit->request.targets[audit->not_asked_target];
    struct resolved resolved = unknown_endpoint(target);

    if (audit->not_asked == 0) {
        return;
    }
    audit_fill_entry(audit->spare, audit, audit->not_asked_target, &resolved);
    audit->spare->result.exhausted = audit->spare->result.lost = true;
    snprintf(audit->spare->result.trouble, sizeof(audit->spare->result.trouble),
             "%zu endpoints of this target and those after it were not asked: memory was out. Give "
             "the probe more, or name fewer targets at once",
             audit->not_asked);
    audit_judge(audit->spare);
    audit->summary.spare = &audit->spare->result;
}

void audit_close_open_ends(struct audit *audit)
{
    close_what_was_interrupted(audit);
    tell_of_those_not_asked(audit);
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = *(const struct place *const *)left;
    const struct place *b = *(const struct place *const *)right;

    if (a->target != b->target) {
        return a->target < b->target ? -1 : 1;
    }
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    const struct address *one = &a->result.address;
    const struct address *other = &b->result.address;
    int order = memcmp(one->octets, other->octets, sizeof(one->octets));
    if (one->family != other->family) {
        order = one->family < other->family ? -1 : 1;
    }
    return order != 0 ? order : (int)a->result.port - (int)b->result.port;
}

static void add_source(struct audit_summary *summary, const struct address *source)
{
    for (size_t i = 0; i < summary->source_count; i++) {
        if (address_equal(&summary->sources[i], source)) {
            return;
        }
    }
    if (source->family != ADDRESS_NONE &&
        summary->source_count < sizeof(summary->sources) / sizeof(summary->sources[0])) {
        summary->sources[summary->source_count++] = *source;
    }
}

/* Whether every target of the configuration is among those of the request. Neither has a target
 * twice, unless the operator named it twice. */
static bool is_whole(const struct audit_request *request)
{
    const struct conf_probe *probe = &request->conf->probe;
    struct name_index *names = name_index_new(probe->target_count);
    size_t left = probe->target_count;

    for (size_t i = 0; names != NULL && i < request->target_count; i++) {
        if (request->targets[i].configured &&
            name_index_add(names, request->targets[i].name, i) == i) {
            left--;
        }
    }
    bool whole = names != NULL && left == 0;
    name_index_free(names);
    return whole;
}

void audit_sum_up(struct audit *audit)
{
    struct audit_summary *summary = &audit->summary;

    if (audit->place_count > 0) {
        qsort(audit->places, audit->place_count, sizeof(struct place *), compare_places);
    }
    for (size_t i = 0; i < audit->place_count; i++) {
        audit->stored[i] = &audit->places[i]->result;
    }
    summary->store = audit->store;
    summary->places = audit->stored;
    summary->count = audit->place_count + (summary->spare != NULL);
    for (size_t i = 0; i < summary->count; i++) {
        add_source(summary, &audit_summary_result(summary, i)->source);
    }
    summary->seconds = (double)(loop_now(audit->loop) - audit->began) / 1000.0;
    summary->declared = audit->request.conf->probe.vantage;
    summary->whole = is_whole(&audit->request);
}
