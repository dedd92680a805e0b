#include "probe/rehearse/exim/propose.h"

#include <string.h>

#include "probe/rehearse/exim/acl_trace.h"
#include "probe/rehearse/exim/places.h"
#include "probe/rehearse/exim/reading.h"

struct proposal {
    struct candidate *candidate;
    const struct rehearse_request *request;
    const struct acl_trace *trace;
    size_t *out;
    size_t room;
    size_t count;
};

static void add(struct proposal *proposal, size_t element)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(proposal->candidate, &count);

    if (element >= count || proposal->count == proposal->room) {
        return;
    }
    /* That a gateway's network is trusted is just what a gateway's request is about. */
    if (elements[element].is_protected &&
        !(proposal->request->gateway && elements[element].kind != REHEARSE_ACL_STATEMENT)) {
        return;
    }
    for (size_t i = 0; i < proposal->count; i++) {
        if (proposal->out[i] == element) {
            return;
        }
    }
    proposal->out[proposal->count++] = element;
}

/* Where the client became another first, what let it do so is suspected before anything else. */
static void propose_switch(struct proposal *proposal)
{
    switch (proposal->request->identity) {
    case TECHNIQUE_IDENTITY_PROXY_V1:
    case TECHNIQUE_IDENTITY_PROXY_V2:
        add(proposal, place_setting(proposal->candidate, "hosts_proxy"));
        break;
    case TECHNIQUE_IDENTITY_ANONYMOUS:
        add(proposal, place_authenticator(proposal->candidate, "ANONYMOUS"));
        break;
    case TECHNIQUE_IDENTITY_XCLIENT:
    case TECHNIQUE_IDENTITY_OWN:
        break;
    }
}

/* ---- one statement ---- */

/* It lets by, says where the refusal is, and nothing of whom. */
static bool is_condition(const struct script_line *line, const struct script_setting *setting)
{
    static const char *const others[] = {"control", "message",      "log_message",       "logwrite",
                                         "delay",   "add_header",   "log_reject_target", "continue",
                                         "queue",   "remove_header"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (script_is_named(line, setting, others[i])) {
            return false;
        }
    }
    return strncmp(line->text, "set ", 4) != 0;
}

/* The lines of a statement in the candidate's own files. */
struct statement {
    const struct script *script;
    size_t source;
    size_t first;
    size_t end;
    bool is_accept;
    bool refuses; /* deny, drop, defer: what matches a negated condition keeps it from that */
};

static bool find_statement(const struct proposal *proposal, size_t which, struct statement *out)
{
    const struct acl_statement *told = &proposal->trace->statements[which];
    const struct exim_reading *reading = reading_exim_of(proposal->candidate);

    if (!reading_exim_find(proposal->candidate, told->path, told->line, &out->source,
                           &out->first)) {
        return false;
    }
    out->script = &reading->sources[out->source].script;
    out->end = script_statement_end(out->script, out->first);
    out->is_accept = strcmp(told->verb, "accept") == 0 || strcmp(told->verb, "discard") == 0;
    out->refuses = strcmp(told->verb, "deny") == 0 || strcmp(told->verb, "drop") == 0 ||
                   strcmp(told->verb, "defer") == 0;
    return true;
}

/* Whether a match of the line's list lets the request go on. */
static bool may_grant(const struct statement *statement, size_t line)
{
    struct script_setting setting;

    return script_setting(&statement->script->lines[line], &setting) &&
           (statement->refuses || !setting.is_negated);
}

/* A single item that is all of an accept's condition: without it the statement says nothing, so
 * that the statement is named. */
static bool is_alone(const struct statement *statement, size_t line)
{
    struct script_setting setting;

    return statement->is_accept && script_setting(&statement->script->lines[line], &setting) &&
           !setting.is_negated && place_is_single(&statement->script->lines[line], &setting);
}

/* The subject of a statement, and not the statement. An own domain by which a client is let in,
 * which anybody can claim, is none: the domain is right. */
static bool is_cause(const struct proposal *proposal, size_t element)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(proposal->candidate, &count);
    struct network network;

    if (element >= count) {
        return false;
    }
    enum network_error error = network_parse(elements[element].text, &network);
    return !elements[element].is_protected || error == NETWORK_OK || error == NETWORK_HOST_BITS_SET;
}

/* A lookup in a file, or an item of one. */
static bool is_of_lines(const struct acl_fact *fact)
{
    return fact->file != NULL || strstr(fact->item, "search;") != NULL;
}

/* The matches in it: lines of files first, then items. Returns how many of them are a cause; `any`
 * says whether one was found at all. */
static size_t propose_matches(struct proposal *proposal, size_t which,
                              const struct statement *statement, bool *any)
{
    size_t found = 0;

    *any = false;
    for (int lines_first = 1; lines_first >= 0; lines_first--) {
        for (size_t i = 0; i < proposal->trace->fact_count; i++) {
            const struct acl_fact *fact = &proposal->trace->facts[i];
            if (fact->statement != which || fact->kind == ACL_ROUTER) {
                continue;
            }
            if (lines_first != 0) {
                size_t line = fact->file != NULL ? place_line(proposal->candidate, fact)
                                                 : CANDIDATE_NO_ELEMENT;
                found += is_cause(proposal, line);
                *any = *any || line != CANDIDATE_NO_ELEMENT;
                add(proposal, line);
                continue;
            }
            if (fact->kind != ACL_MATCH || (found > 0 && is_of_lines(fact))) {
                continue; /* its line was found */
            }
            for (size_t k = statement->first; k < statement->end; k++) {
                size_t places[PLACES_MAX];
                size_t count =
                    is_alone(statement, k) || !may_grant(statement, k)
                        ? 0
                        : place_item(proposal->candidate, statement->source, k, fact->item, places);
                for (size_t p = 0; p < count; p++) {
                    add(proposal, places[p]);
                    found += is_cause(proposal, places[p]);
                }
                *any = *any || count > 0;
            }
        }
    }
    return found;
}

static bool has_condition(const struct statement *statement)
{
    for (size_t i = statement->first; i < statement->end; i++) {
        struct script_setting setting;
        if (script_setting(&statement->script->lines[i], &setting) &&
            is_condition(&statement->script->lines[i], &setting)) {
            return true;
        }
    }
    return false;
}

/* The lists that it names, where no item of them is known to have matched. */
static void propose_lists(struct proposal *proposal, const struct statement *statement)
{
    for (size_t i = statement->first; i < statement->end; i++) {
        size_t places[PLACES_MAX];
        size_t count = may_grant(statement, i)
                           ? place_lists(proposal->candidate, statement->source, i, places)
                           : 0;
        for (size_t p = 0; p < count; p++) {
            add(proposal, places[p]);
        }
    }
}

/* ---- the whole trace ---- */

/* Statements that accept because of something, the innermost first; those that accept whatever came
 * so far are the last resort. */
static void propose_accepts(struct proposal *proposal, bool conditional)
{
    for (size_t i = proposal->trace->end; i > proposal->trace->first; i--) {
        struct statement statement;
        if (proposal->trace->statements[i - 1].result != ACL_SUCCEEDED ||
            !find_statement(proposal, i - 1, &statement) || !statement.is_accept ||
            has_condition(&statement) != conditional) {
            continue;
        }
        bool any = false;
        if (propose_matches(proposal, i - 1, &statement, &any) > 0) {
            continue;
        }
        if (!any) {
            propose_lists(proposal, &statement);
        }
        add(proposal, place_statement(proposal->candidate, statement.source, statement.first));
    }
}

/* Statements that keep others from refusing: a `require` that is met, a `deny` that is not. */
static void propose_refusals(struct proposal *proposal)
{
    for (size_t i = proposal->trace->end; i > proposal->trace->first; i--) {
        struct statement statement;
        bool any = false;
        if (find_statement(proposal, i - 1, &statement) && !statement.is_accept) {
            (void)propose_matches(proposal, i - 1, &statement, &any);
        }
    }
}

static void propose_routers(struct proposal *proposal)
{
    for (size_t i = 0; i < proposal->trace->fact_count; i++) {
        const struct acl_fact *fact = &proposal->trace->facts[i];
        if (fact->kind == ACL_ROUTER && fact->statement >= proposal->trace->first &&
            fact->statement < proposal->trace->end) {
            add(proposal, place_driver(proposal->candidate, fact->item));
        }
    }
}

size_t propose_exim(struct candidate *candidate, const struct rehearse_request *request,
                    const char *trace_text, size_t length, size_t *out, size_t room)
{
    struct acl_trace trace = {0};
    struct proposal proposal = {
        .candidate = candidate, .request = request, .trace = &trace, .out = out, .room = room};

    propose_switch(&proposal);
    if (acl_trace_read(trace_text, length, request->recipient, &trace)) {
        propose_routers(&proposal);
        propose_accepts(&proposal, true);
        propose_refusals(&proposal);
        propose_accepts(&proposal, false);
        acl_trace_free(&trace);
    }
    if (proposal.count == 0) {
        add(&proposal, place_setting(candidate, "acl_smtp_rcpt")); /* an ACL that stands there */
    }
    return proposal.count;
}

/* ---- everything that can grant ---- */

static void add_items(struct proposal *proposal, size_t source, size_t line)
{
    size_t items[256];
    size_t count =
        place_all_items(proposal->candidate, source, line, items, sizeof(items) / sizeof(items[0]));

    for (size_t i = 0; i < count; i++) {
        add(proposal, items[i]);
    }
}

size_t propose_exim_grants(struct candidate *candidate, const struct rehearse_request *request,
                           bool destinations, size_t *out, size_t room)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    struct proposal proposal = {
        .candidate = candidate, .request = request, .out = out, .room = room};

    propose_switch(&proposal);
    for (size_t i = 0; i < reading->source_count; i++) {
        const struct script *script = &reading->sources[i].script;
        for (size_t k = 0; k < script->count; k++) {
            const char *text = script->lines[k].text;
            if (strncmp(text, "accept", 6) == 0 && script_is_verb(&script->lines[k])) {
                add(&proposal, place_statement(candidate, i, k));
            } else if (strncmp(text, "hostlist", 8) == 0 ||
                       (destinations && strncmp(text, "domainlist", 10) == 0)) {
                add_items(&proposal, i, k);
            }
        }
    }
    return proposal.count;
}
