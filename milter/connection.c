#include "milter/connection.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/relay_finding.h"
#include "milter/tokens/probe_connection.h"

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text == NULL ? "" : text);
}

static uint16_t read_port(const char *text)
{
    char *end;
    unsigned long port = text == NULL ? 0 : strtoul(text, &end, 10);

    return port > 0 && port <= UINT16_MAX && *end == '\0' ? (uint16_t)port : 0;
}

static void set_listener(struct connection *connection, const struct connection_origin *origin)
{
    uint16_t port = read_port(origin->daemon_port);

    if (origin->daemon_address == NULL ||
        !address_parse(origin->daemon_address, &connection->listener)) {
        connection->listener.family = ADDRESS_NONE;
        snprintf(connection->listener_text, sizeof connection->listener_text, "unknown");
        return;
    }
    connection->listener_port = port;
    address_format_port(&connection->listener, port, connection->listener_text);
}

static uint16_t port_of(const struct sockaddr *from)
{
    const void *address = from;

    if (from != NULL && from->sa_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    }
    if (from != NULL && from->sa_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    }
    return 0;
}

struct connection *connection_new(struct snapshot *snapshot, struct transactions *transactions,
                                  const struct connection_origin *origin)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL) {
        snapshot_release(snapshot);
        return NULL;
    }
    connection->snapshot = snapshot;
    connection->transactions = transactions;
    connection->client = address_from_sockaddr(origin->client);
    connection->client_port = port_of(origin->client);
    address_format(&connection->client, connection->client_text);
    copy_text(connection->mta, sizeof connection->mta, origin->mta);
    set_listener(connection, origin);
    counters_add(&transactions->counters.connections);
    return connection;
}

void connection_free(struct connection *connection)
{
    if (connection != NULL) {
        connection_hand_over(connection, NULL);
        snapshot_release(connection->snapshot);
        free(connection);
    }
}

void connection_helo(struct connection *connection, const char *name)
{
    copy_text(connection->helo, sizeof connection->helo, name);
}

/* Mail that never came by SMTP (sendmail(1)) Postfix shows to non_smtpd_milters as coming from a
 * loopback address and port 0, which no TCP connection has. */
static bool is_of_this_host(const struct connection *connection)
{
    return connection->client_port == 0 && address_is_loopback(&connection->client);
}

bool connection_mail(struct connection *connection, const char *path,
                     const struct client_macros *macros)
{
    bool local = is_of_this_host(connection);

    connection_hand_over(connection, NULL);
    copy_text(connection->sender, sizeof connection->sender, path);
    connection->declared =
        local ? PERMISSION_TRUSTED_NETWORK
              : judge_permission(connection->snapshot->rules.site, &connection->client, macros);
    connection->masked = connection->declared == PERMISSION_TRUSTED_NETWORK && !local &&
                         connection->transactions->desk != NULL &&
                         masks_contain(&connection->transactions->desk->masks, &connection->client);
    connection->permission = connection->masked ? PERMISSION_NONE : connection->declared;
    counters_add(&connection->transactions->counters.messages[connection->permission]);
    return connection->permission != PERMISSION_NONE && !connection->audit.met;
}

static void enter_list(struct connection *connection)
{
    struct transactions *transactions = connection->transactions;

    connection->previous = NULL;
    connection->next = transactions->first;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    transactions->first = connection;
    connection->has_pending = true;
}

static void leave_list(struct connection *connection)
{
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        connection->transactions->first = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    connection->has_pending = false;
}

/* Keeps the transaction's first finding of a kind whole. Without memory it goes to the reporter at
 * once, which never needs any, at the price of the queue id. */
static void keep(struct connection *connection, enum pending_kind kind, struct finding *finding)
{
    struct finding *kept = malloc(sizeof *kept);

    if (kept == NULL) {
        relay_finding_set_queue_id(finding, "NOQUEUE");
        reporter_hand_over(connection->transactions->reporter, finding);
        return;
    }
    *kept = *finding;
    pthread_mutex_lock(&connection->transactions->mutex);
    connection->pending[kind] = kept;
    if (!connection->has_pending) {
        enter_list(connection);
    }
    pthread_mutex_unlock(&connection->transactions->mutex);
}

static void note_relayed(struct connection *connection, struct recipient_seen *seen)
{
    struct finding finding;

    seen->enforcement =
        judge_enforcement(&connection->snapshot->rules, finding_kind_severity(FINDING_OPEN_RELAY),
                          connection->masked);
    if (connection->pending[PENDING_RELAYED] != NULL) {
        connection->pending[PENDING_RELAYED]->count++;
        return;
    }
    relay_finding_open(&finding, connection, seen);
    keep(connection, PENDING_RELAYED, &finding);
}

static void note_undeclared(struct connection *connection, struct recipient_seen *seen)
{
    struct finding *pending = connection->pending[PENDING_UNDECLARED];
    struct finding finding;
    const struct mail_address *resolved = &seen->rcpt->resolved;
    char domain[DOMAIN_SIZE];
    unsigned int domains = 1;

    if (domain_normalise(resolved->domain, resolved->domain_length, domain)) {
        seen->parent = site_parent_domain(connection->snapshot->rules.site, domain);
        domains = undeclared_note(&connection->snapshot->undeclared,
                                  connection->snapshot->rules.site, domain);
    }
    if (domains > UNDECLARED_MAX) {
        seen->enforcement =
            judge_enforcement(&connection->snapshot->rules, SEVERITY_CRITICAL, connection->masked);
    }
    if (pending != NULL) {
        pending->count++;
        if (pending->severity == SEVERITY_CRITICAL || domains <= UNDECLARED_MAX) {
            return;
        }
    }
    relay_finding_undeclared(&finding, connection, seen, domains);
    if (pending == NULL) {
        keep(connection, PENDING_UNDECLARED, &finding);
        return;
    }
    /* This recipient turns a warning into an alarm: it, and no longer the first, is the evidence.
     */
    finding.count = pending->count;
    *pending = finding;
}

/* Carries out what is due for one recipient. */
static const struct answer *enforce(struct connection *connection, enum enforcement enforcement,
                                    enum finding_kind kind)
{
    switch (enforcement) {
    case ENFORCE_OBSERVE:
        break;
    case ENFORCE_HOLD:
        if (!connection->hold_due) {
            counters_add(&connection->transactions->counters.enforced[enforcement]);
        }
        connection->hold_due = true;
        break;
    case ENFORCE_DEFER:
    case ENFORCE_REJECT:
        counters_add(&connection->transactions->counters.enforced[enforcement]);
        answer_enforced(&connection->answer, enforcement, kind, connection->client_text);
        return &connection->answer;
    }
    return NULL;
}

/* Judges a recipient by what others than the probe may do, and keeps what is to be told of it.
 * False if that is nothing. */
static bool judge_and_keep(struct connection *connection, struct recipient_seen *seen,
                           enum finding_kind *kind)
{
    enum judgement judgement =
        judge_recipient(connection->permission, seen->rcpt->decision, seen->destination);

    if (judgement == JUDGEMENT_FINE) {
        return false;
    }
    seen->sender_class = site_classify_sender(connection->snapshot->rules.site, connection->sender);
    if (judgement == JUDGEMENT_RELAYED) {
        *kind = FINDING_OPEN_RELAY;
        note_relayed(connection, seen);
    } else {
        *kind = FINDING_UNDECLARED_DESTINATION;
        note_undeclared(connection, seen);
    }
    return true;
}

const struct answer *connection_rcpt(struct connection *connection, const char *path,
                                     const struct rcpt_macros *macros, const char *queue_id)
{
    struct audited_rcpt audited = {.ours = false};
    struct rcpt_meaning rcpt;
    enum finding_kind kind;

    dialect_rcpt(macros, path, &rcpt);
    struct recipient_seen seen = {
        .path = path,
        .rcpt = &rcpt,
        .destination =
            judge_destination(&connection->snapshot->rules, &rcpt, path, &connection->listener),
        .queue_id = queue_id,
        .enforcement = ENFORCE_OBSERVE,
    };
    counters_recipient(&connection->transactions->counters, connection->permission,
                       seen.destination, rcpt.decision);
    if (connection->audit.met) {
        audited = audited_rcpt(connection, path, &rcpt, seen.destination);
    }
    seen.by_probe = audited.ours;
    if ((audited.ours && !audited.proves) || !judge_and_keep(connection, &seen, &kind)) {
        return audited.answer;
    }
    return audited.ours ? audited.answer : enforce(connection, seen.enforcement, kind);
}

static void hand_over_all(struct connection *connection, const char *queue_id)
{
    for (int kind = 0; kind < PENDING_KINDS; kind++) {
        struct finding *finding = connection->pending[kind];
        if (finding != NULL) {
            relay_finding_set_queue_id(finding, queue_id);
            relay_finding_set_queue_id(finding, "NOQUEUE");
            reporter_hand_over(connection->transactions->reporter, finding);
            free(finding);
            connection->pending[kind] = NULL;
        }
    }
    leave_list(connection);
}

static void hand_over_pending(struct connection *connection, const char *queue_id)
{
    if (connection->has_pending) {
        pthread_mutex_lock(&connection->transactions->mutex);
        hand_over_all(connection, queue_id);
        pthread_mutex_unlock(&connection->transactions->mutex);
    }
}

void connection_hand_over(struct connection *connection, const char *queue_id)
{
    hand_over_pending(connection, queue_id);
    connection->hold_due = false;
}

static void say_not_held(struct connection *connection, enum hold_obstacle obstacle)
{
    struct finding finding;

    connection->hold_due = false;
    relay_finding_hold_impossible(&finding, connection, obstacle);
    reporter_hand_over(connection->transactions->reporter, &finding);
}

bool connection_data(struct connection *connection, const char *queue_id)
{
    hand_over_pending(connection, queue_id);
    /* By now there is a queue id, if ever there will be. */
    if (connection->hold_due && (queue_id == NULL || queue_id[0] == '\0')) {
        say_not_held(connection, HOLD_NO_QUEUE);
    }
    return connection->hold_due || connection->audit.met;
}

void connection_not_held(struct connection *connection)
{
    say_not_held(connection, HOLD_NOT_TAKEN);
}

void connection_free_late(struct connection *connection)
{
    if (connection == NULL) {
        return;
    }
    struct transactions *transactions = connection->transactions;

    pthread_mutex_lock(&transactions->mutex);
    if (connection->has_pending) {
        /* transactions_finish is still to come, so the reporter is still there. */
        hand_over_all(connection, NULL);
    }
    pthread_mutex_unlock(&transactions->mutex);
    snapshot_release(connection->snapshot);
    free(connection);
}

void transactions_finish(struct transactions *transactions)
{
    pthread_mutex_lock(&transactions->mutex);
    while (transactions->first != NULL) {
        hand_over_all(transactions->first, NULL);
    }
    pthread_mutex_unlock(&transactions->mutex);
}
