/* The row of candidate_mta.h for Postfix: what its parts make together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/sys/subprocess.h"
#include "probe/rehearse/blame.h"
#include "probe/rehearse/candidate.h"
#include "probe/rehearse/candidate_mta.h"
#include "probe/rehearse/postfix/derive.h"
#include "probe/rehearse/postfix/listeners.h"
#include "probe/rehearse/postfix/lists.h"
#include "probe/rehearse/postfix/place.h"
#include "probe/rehearse/postfix/reading.h"
#include "probe/rehearse/postfix/table_lines.h"
#include "probe/rehearse/postfix/tables.h"
#include "probe/rehearse/postfix/trace.h"

#define LINES_MAX 8 /* of one table that answer for one key: doubles */

/* Parameters whose tables have a say in who may send where. */
static const char *const decisive[] = {
    "mynetworks",
    "mydestination",
    "relay_domains",
    "virtual_alias_domains",
    "virtual_alias_maps",
    "virtual_mailbox_domains",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "relay_clientcerts",
    "permit_mx_backup_networks",
    "smtpd_authorized_xclient_hosts",
};

static bool is_decisive(const char *parameter)
{
    for (size_t i = 0; i < sizeof(decisive) / sizeof(decisive[0]); i++) {
        if (strcmp(decisive[i], parameter) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- reading ---- */

/* Every reference in a setting. Aliases and caches are no tables of keys that postmap makes. */
static void add_tables_of(struct candidate *candidate, const struct main_setting *setting,
                          bool decides)
{
    struct cf_joined joined;
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;
    char type[32];
    const char *name = NULL;

    if (strncmp(setting->name, "alias_", 6) == 0 || strstr(setting->name, "_cache") != NULL ||
        !cf_join(candidate_file(candidate, reading_of(candidate)->main_file)->text, &setting->value,
                 &joined)) {
        return;
    }
    while (cf_next_word(joined.text, &at, CF_LIST_SEPARATORS, &begin, &end)) {
        char *word = strndup(joined.text + begin, end - begin);
        char *reference = NULL;
        if (word != NULL && table_split(word, type, sizeof(type), &name)) {
            reference = reading_expand(candidate, NULL, word);
        }
        if (reference != NULL) {
            const struct rehearse_element element = {
                .kind = REHEARSE_LIST_ENTRY,
                .file = reading_of(candidate)->main_file,
                .begin = joined.place[begin],
                .end = joined.place[end - 1] + 1,
                .text = reference,
                .parameter = setting->name,
                .table = REHEARSE_NO_TABLE,
            };
            table_add(candidate, reference, setting->name,
                      candidate_add_element(candidate, &element), decides);
        }
        free(reference);
        free(word);
    }
    cf_joined_free(&joined);
}

static bool add_restriction_tables(struct candidate *candidate,
                                   const struct candidate_listener *listener)
{
    struct list list = {0};
    bool done = list_read_restrictions(candidate, listener, &list);

    for (size_t i = 0; done && i < list.count; i++) {
        const struct list_entry *entry = &list.entries[i];
        table_add(candidate, entry->argument != NULL ? entry->argument : entry->text,
                  entry->parameter, entry->element, true);
    }
    list_free(&list);
    return done;
}

/* `sleep 5` before a check slows a client down, and each of our questions. */
static bool leave_sleeps_out(struct candidate *candidate, const struct candidate_listener *listener)
{
    static const char *const names[] = {"smtpd_client_restrictions", "smtpd_helo_restrictions",
                                        "smtpd_sender_restrictions", "smtpd_relay_restrictions",
                                        "smtpd_recipient_restrictions"};
    bool done = true;

    for (size_t i = 0; done && i < sizeof(names) / sizeof(names[0]); i++) {
        struct list list = {0};
        done = list_read(candidate, listener, names[i], true, &list);
        for (size_t k = 0; done && k < list.count; k++) {
            if (strcasecmp(list.entries[k].text, "sleep") == 0 &&
                list.entries[k].element != CANDIDATE_NO_ELEMENT) {
                done = candidate_leave_out(candidate, list.entries[k].element);
            }
        }
        list_free(&list);
    }
    return done;
}

static bool read_candidate(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE])
{
    size_t count = 0;

    if (!subprocess_exists("postconf")) {
        return candidate_lack(candidate, "Postfix is not installed here: there is no postconf. "
                                         "Install postfix, or rehearse on the host that has it.");
    }
    struct postfix_reading *reading = reading_new(candidate, why);
    if (reading == NULL) {
        return false;
    }
    candidate_set_reading(candidate, reading);
    if (candidate_refusal(candidate) != NULL) {
        return true;
    }
    bool done = listeners_read(candidate) && add_restriction_tables(candidate, NULL) &&
                leave_sleeps_out(candidate, NULL);
    (void)candidate_listeners(candidate, &count);
    for (size_t i = 0; done && i < count; i++) {
        if (candidate_listener_at(candidate, i)->override_count > 0) {
            done = add_restriction_tables(candidate, candidate_listener_at(candidate, i)) &&
                   leave_sleeps_out(candidate, candidate_listener_at(candidate, i));
        }
    }
    for (size_t i = 0; done && i < reading->main.count; i++) {
        const struct main_setting *setting = &reading->main.settings[i];
        if (setting == main_cf_find(&reading->main, setting->name)) {
            add_tables_of(candidate, setting, is_decisive(setting->name));
        }
    }
    if (!done) {
        (void)snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        return false;
    }
    listeners_warn(candidate);
    return true;
}

/* ---- proposing ---- */

struct proposal {
    struct candidate *candidate;
    const struct candidate_listener *listener;
    bool gateway;
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
        !(proposal->gateway && elements[element].kind == REHEARSE_LIST_ENTRY)) {
        return;
    }
    for (size_t i = 0; i < proposal->count; i++) {
        if (proposal->out[i] == element) {
            return;
        }
    }
    proposal->out[proposal->count++] = element;
}

static void add_setting(struct proposal *proposal, const char *name)
{
    add(proposal, list_setting(proposal->candidate, proposal->listener, name));
}

static void add_lines(struct proposal *proposal, const char *table, const char *key, size_t element)
{
    size_t lines[LINES_MAX];
    size_t found = table_find(proposal->candidate, table, key, element, lines, LINES_MAX);

    for (size_t i = 0; i < found; i++) {
        add(proposal, lines[i]);
    }
}

/* Domains are looked up with their parents, too: "sub.example.net", ".example.net", "example.net".
 */
static void add_domain_lines(struct proposal *proposal, const char *table, const char *key,
                             size_t element)
{
    for (const char *at = key; at != NULL && *at != '\0'; at = strchr(at + 1, '.')) {
        size_t before = proposal->count;
        add_lines(proposal, table, at, element);
        if (at[0] == '.') {
            add_lines(proposal, table, at + 1, element);
        }
        if (proposal->count > before) {
            return;
        }
    }
}

/* The checks of a name, and with an argument if that is known. */
static void add_checks(struct proposal *proposal, const struct list *checks, const char *name,
                       const char *argument)
{
    for (size_t i = 0; i < checks->count; i++) {
        const struct list_entry *entry = &checks->entries[i];
        const char *of_entry = entry->argument;
        if (of_entry == NULL && strchr(entry->text, ':') != NULL) {
            of_entry = entry->text; /* a table alone: its check is that of the list */
        }
        bool is_named = strcasecmp(entry->text, name) == 0 || entry->argument == NULL;
        if (argument != NULL ? of_entry != NULL && strcmp(of_entry, argument) == 0 && is_named
                             : strcasecmp(entry->text, name) == 0) {
            add(proposal, entry->element);
        }
    }
}

/* The default of mynetworks comes from the style, and the style's from the level. */
static void add_default_networks(struct proposal *proposal)
{
    size_t style = list_setting(proposal->candidate, proposal->listener, "mynetworks_style");

    if (style != CANDIDATE_NO_ELEMENT) {
        add(proposal, style);
    } else {
        add_setting(proposal, "compatibility_level");
    }
}

static void propose_list(struct proposal *proposal, const struct trace_fact *fact)
{
    struct list list = {0};

    if (!list_read(proposal->candidate, proposal->listener, fact->subject, false, &list)) {
        list_free(&list);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct list_entry *entry = &list.entries[i];
        if (fact->table != NULL && strcmp(entry->text, fact->table) == 0) {
            add_domain_lines(proposal, fact->table, fact->key, entry->element);
        }
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct list_entry *entry = &list.entries[i];
        const char *wanted = fact->table != NULL ? fact->table : fact->pattern;
        if (wanted != NULL && strcasecmp(entry->text, wanted) == 0) {
            add(proposal, entry->element);
        }
    }
    if (strcmp(fact->subject, "mynetworks") == 0 &&
        list_setting(proposal->candidate, proposal->listener, "mynetworks") ==
            CANDIDATE_NO_ELEMENT) {
        add_default_networks(proposal);
    }
    list_free(&list);
}

static void propose_table(struct proposal *proposal, const struct list *checks,
                          const struct trace_fact *fact)
{
    for (size_t i = 0; i < checks->count; i++) {
        const struct list_entry *entry = &checks->entries[i];
        const char *argument = entry->argument != NULL ? entry->argument : entry->text;
        if (strcmp(argument, fact->table) == 0) {
            add_lines(proposal, fact->table, fact->key, entry->element);
            return;
        }
    }
    add_lines(proposal, fact->table, fact->key, CANDIDATE_NO_ELEMENT);
}

static void propose_alias(struct proposal *proposal, const struct trace_fact *fact)
{
    add_lines(proposal, fact->table, fact->key, CANDIDATE_NO_ELEMENT);
    propose_list(proposal, &(struct trace_fact){
                               .subject = fact->subject, .table = fact->table, .key = fact->key});
}

/* Where the client became another first, what let it do so is suspected before anything else. */
static void propose_switch(struct proposal *proposal, enum technique_identity identity)
{
    switch (identity) {
    case TECHNIQUE_IDENTITY_XCLIENT:
        add_setting(proposal, "smtpd_authorized_xclient_hosts");
        break;
    case TECHNIQUE_IDENTITY_PROXY_V1:
    case TECHNIQUE_IDENTITY_PROXY_V2:
        add_setting(proposal, "smtpd_upstream_proxy_protocol");
        add_setting(proposal, "postscreen_upstream_proxy_protocol");
        break;
    case TECHNIQUE_IDENTITY_ANONYMOUS:
        add_setting(proposal, "smtpd_sasl_security_options");
        add_setting(proposal, "smtpd_sasl_tls_security_options");
        add_setting(proposal, "smtpd_sasl_auth_enable");
        break;
    case TECHNIQUE_IDENTITY_OWN:
        break;
    }
}

static void propose_facts(struct proposal *proposal, const struct trace *trace,
                          const struct list *checks)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_fact *fact = &trace->facts[i];
        switch (fact->kind) {
        case TRACE_TABLE:
            propose_table(proposal, checks, fact);
            break;
        case TRACE_LIST:
            propose_list(proposal, fact);
            break;
        case TRACE_ALIAS:
            propose_alias(proposal, fact);
            break;
        case TRACE_RESTRICTION:
            add_checks(proposal, checks, fact->subject, fact->table);
            break;
        }
    }
    if (trace->destination) {
        /* <user%outside@own> and the like: Postfix takes a routed address as its own. */
        add_setting(proposal, "allow_untrusted_routing");
    }
}

static size_t propose(struct candidate *candidate, const struct rehearse_request *request,
                      const char *trace_text, size_t length, size_t *out, size_t room)
{
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(candidate, &count);
    struct trace trace = {0};
    struct list checks = {0};
    struct proposal proposal = {
        .candidate = candidate,
        .listener = request->listener < count ? &listeners[request->listener] : NULL,
        .gateway = request->gateway,
        .out = out,
        .room = room,
    };

    if (proposal.listener != NULL && proposal.listener->pass < count) {
        /* postscreen hands on to this one. Its own switch is in main.cf or on its own line. */
        propose_switch(&proposal, request->identity);
        proposal.listener = &listeners[proposal.listener->pass];
    }
    propose_switch(&proposal, request->identity);
    if (trace_read(trace_text, length, request->recipient, &trace) &&
        list_read_restrictions(candidate, proposal.listener, &checks)) {
        propose_facts(&proposal, &trace, &checks);
    }
    list_free(&checks);
    trace_free(&trace);
    return proposal.count;
}

/* ---- everything that can grant ---- */

static bool can_permit(const struct list_entry *entry)
{
    return strncasecmp(entry->text, "permit", 6) == 0 ||
           strncasecmp(entry->text, "check_", 6) == 0 || strchr(entry->text, ':') != NULL;
}

static void add_entries(struct proposal *proposal, const char *name)
{
    struct list list = {0};

    if (list_read(proposal->candidate, proposal->listener, name, false, &list)) {
        for (size_t i = 0; i < list.count; i++) {
            add(proposal, list.entries[i].element);
        }
    }
    list_free(&list);
}

static size_t grants(struct candidate *candidate, const struct rehearse_request *request,
                     bool destinations, size_t *out, size_t room)
{
    static const char *const lists[] = {"mydestination", "relay_domains", "virtual_alias_domains",
                                        "virtual_alias_maps", "virtual_mailbox_domains"};
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(candidate, &count);
    struct list checks = {0};
    struct proposal proposal = {
        .candidate = candidate,
        .listener = request->listener < count ? &listeners[request->listener] : NULL,
        .gateway = request->gateway,
        .out = out,
        .room = room,
    };

    if (proposal.listener != NULL && proposal.listener->pass < count) {
        proposal.listener = &listeners[proposal.listener->pass];
    }
    propose_switch(&proposal, request->identity);
    if (list_read_restrictions(candidate, proposal.listener, &checks)) {
        for (size_t i = 0; i < checks.count; i++) {
            if (can_permit(&checks.entries[i])) {
                add(&proposal, checks.entries[i].element);
            }
        }
    }
    list_free(&checks);
    add_entries(&proposal, "mynetworks");
    add_entries(&proposal, "permit_mx_backup_networks");
    if (list_setting(candidate, proposal.listener, "mynetworks") == CANDIDATE_NO_ELEMENT) {
        add_default_networks(&proposal);
    }
    add_setting(&proposal, "allow_untrusted_routing");
    for (size_t i = 0; destinations && i < sizeof(lists) / sizeof(lists[0]); i++) {
        add_entries(&proposal, lists[i]);
    }
    return proposal.count;
}

const struct candidate_mta candidate_postfix = {
    .name = "postfix",
    .read = read_candidate,
    .free = reading_free,
    .value = reading_value,
    .propose = propose,
    .grants = grants,
    .derive = derive_questions,
    .place = postfix_place,
    .settle = table_settle,
};
