#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/audit/audit_private.h"

static void interrupt_entry(struct entry *entry)
{
    dialogue_free(entry->dialogue);
    entry->dialogue = NULL;
    entry->result.interrupted = true;
    snprintf(entry->result.trouble, sizeof(entry->result.trouble),
             "The audit was interrupted before this endpoint was done.");
    audit_entry_done(entry);
}

/* What stands in for a target's endpoints where they are not known. */
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
    for (size_t i = 0; i < audit->entry_count; i++) {
        /* What was not waited for to its end is told as far as it is known. */
        if (audit->entries[i]->state == ENTRY_SETTLING ||
            audit->entries[i]->state == ENTRY_EXPECTING) {
            audit_entry_done(audit->entries[i]);
        } else if (audit->entries[i]->state != ENTRY_DONE) {
            interrupt_entry(audit->entries[i]);
        }
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
    }
}

/* What was asked is worth telling, whatever else could not be. */
static void tell_of_those_not_kept(struct audit *audit)
{
    const struct target *target = &audit->request.targets[audit->not_kept_target];
    struct resolved resolved = unknown_endpoint(target);
    struct entry *entry = audit->spare;

    if (audit->not_kept == 0) {
        return;
    }
    audit->spare = NULL;
    resolved.rank = UINT_MAX;
    audit_fill_entry(entry, audit, audit->not_kept_target, &resolved);
    entry->result.exhausted = true;
    snprintf(entry->result.trouble, sizeof(entry->result.trouble),
             "%zu endpoints of this target and those after it were not asked: an audit has at most "
             "%d, and memory for no more. Name fewer targets at once",
             audit->not_kept, AUDIT_ENDPOINTS_MAX);
    audit_entry_done(entry);
}

void audit_close_open_ends(struct audit *audit)
{
    close_what_was_interrupted(audit);
    tell_of_those_not_kept(audit);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = *(const struct entry *const *)left;
    const struct entry *b = *(const struct entry *const *)right;

    if (a->target != b->target) {
        return a->target < b->target ? -1 : 1;
    }
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    int order = memcmp(a->result.endpoint.address.octets, b->result.endpoint.address.octets,
                       sizeof(a->result.endpoint.address.octets));
    if (a->result.endpoint.address.family != b->result.endpoint.address.family) {
        order = a->result.endpoint.address.family < b->result.endpoint.address.family ? -1 : 1;
    }
    return order != 0 ? order : (int)a->result.endpoint.port - (int)b->result.endpoint.port;
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

/* Whether every target of the configuration is among those of the request. */
static bool is_whole(const struct audit_request *request)
{
    const struct conf_probe *probe = &request->conf->probe;

    for (size_t i = 0; i < probe->target_count; i++) {
        size_t j = 0;
        while (j < request->target_count &&
               !(request->targets[j].configured &&
                 strcmp(request->targets[j].name, probe->targets[i].name) == 0)) {
            j++;
        }
        if (j == request->target_count) {
            return false;
        }
    }
    return true;
}

bool audit_sum_up(struct audit *audit, int64_t began)
{
    struct audit_summary *summary = &audit->summary;

    audit->results = calloc(audit->entry_count + 1, sizeof(struct endpoint_result *));
    if (audit->results == NULL) {
        return false;
    }
    qsort(audit->entries, audit->entry_count, sizeof(struct entry *), compare_entries);
    for (size_t i = 0; i < audit->entry_count; i++) {
        audit->results[i] = &audit->entries[i]->result;
        add_source(summary, &audit->results[i]->source);
    }
    summary->results = audit->results;
    summary->count = audit->entry_count;
    summary->seconds = (double)(loop_now(audit->loop) - began) / 1000.0;
    summary->declared = audit->request.conf->probe.vantage;
    summary->whole = is_whole(&audit->request);
    return true;
}
