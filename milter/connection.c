#include "milter/connection.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/clocks.h"
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
        !address_parse(origin->daemon_address, &connection->client.listener)) {
        connection->client.listener.family = ADDRESS_NONE;
        snprintf(connection->client.listener_text, sizeof(connection->client.listener_text),
                 "unknown");
        return;
    }
    connection->client.listener_port = port;
    address_format_port(&connection->client.listener, port, connection->client.listener_text);
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

/* 127.0.0.1 or ::1: an address that Postfix gives to mail of its own queue. */
static bool is_of_this_host(const struct address *address)
{
    static const struct address hosts[] = {
        {.family = ADDRESS_IPV4, .octets = {127, 0, 0, 1}},
        {.family = ADDRESS_IPV6, .octets = {[15] = 1}},
    };

    return address_equal(address, &hosts[0]) || address_equal(address, &hosts[1]);
}

static enum connection_origin_kind kind_of(const struct connection *connection,
                                           const struct connection_origin *origin)
{
    if (origin->client == NULL && origin->daemon_address == NULL && origin->daemon_port == NULL) {
        return FROM_STANDARD_INPUT;
    }
    return is_of_this_host(&connection->client.address) && connection->client.port == 0 &&
                   connection->client.listener_port == 0
               ? FROM_NETWORK_OR_QUEUE
               : FROM_NETWORK;
}

struct connection *connection_new(struct live_conf *snapshot, struct transactions *transactions,
                                  const struct connection_origin *origin)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        live_conf_release(snapshot);
        return NULL;
    }
    connection->snapshot = snapshot;
    connection->transactions = transactions;
    connection->client.address = address_from_sockaddr(origin->client);
    connection->client.port = port_of(origin->client);
    address_format(&connection->client.address, connection->client.text);
    copy_text(connection->client.mta, sizeof(connection->client.mta), origin->mta);
    set_listener(connection, origin);
    connection->from = kind_of(connection, origin);
    counters_add(&transactions->counters.connections);
    return connection;
}

void connection_free(struct connection *connection)
{
    if (connection != NULL) {
        connection_hand_over(connection, NULL);
        live_conf_release(connection->snapshot);
        free(connection);
    }
}

void connection_helo(struct connection *connection, const char *name)
{
    copy_text(connection->client.helo, sizeof(connection->client.helo), name);
}

static void count_message(struct connection *connection)
{
    counters_add(&connection->transactions->counters.messages[connection->transaction.permission]);
    connection->uncounted = false;
}

bool connection_mail(struct connection *connection, const char *path,
                     const struct client_macros *macros)
{
    bool local = connection->from == FROM_STANDARD_INPUT;

    connection_hand_over(connection, NULL);
    copy_text(connection->transaction.sender, sizeof(connection->transaction.sender), path);
    connection->transaction.declared = local
                                           ? PERMISSION_TRUSTED_NETWORK
                                           : judge_permission(connection->snapshot->rules.site,
                                                              &connection->client.address, macros);
    connection->transaction.masked =
        connection->transaction.declared == PERMISSION_TRUSTED_NETWORK && !local &&
        connection->transactions->desk != NULL &&
        masks_contain(&connection->transactions->desk->masks, &connection->client.address);
    connection->transaction.permission =
        connection->transaction.masked ? PERMISSION_NONE : connection->transaction.declared;
    connection->uncounted = connection->from == FROM_NETWORK_OR_QUEUE &&
                            connection->transaction.permission == PERMISSION_NONE;
    if (!connection->uncounted) {
        count_message(connection);
    }
    return connection->transaction.permission != PERMISSION_NONE && !connection->audit.met;
}

/* RCPT shows whether it is mail of sendmail(1), masked or not: no stranger comes by that way. */
static void settle_origin(struct connection *connection, const struct rcpt_macros *macros)
{
    if (macros->mailer == NULL && macros->host == NULL) {
        connection->transaction.declared = connection->transaction.permission =
            PERMISSION_TRUSTED_NETWORK;
        connection->transaction.masked = false;
    }
    count_message(connection);
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

/* Keeps the transaction's first finding of a kind whole, and counts the others with it. Without
 * memory it goes to the reporter at once, which never needs any, at the price of the queue id. */
static void note(struct connection *connection, enum pending_kind kind,
                 const struct recipient_seen *seen)
{
    static void (*const raise[PENDING_KINDS])(struct finding *, const struct client *,
                                              const struct transaction *,
                                              const struct recipient_seen *) = {
        [PENDING_RELAYED] = relay_finding_open, [PENDING_UNDECLARED] = relay_finding_undeclared};
    struct finding *kept = connection->pending[kind];

    if (kept != NULL) {
        kept->count++;
        return;
    }
    kept = malloc(sizeof(*kept));
    if (kept == NULL) {
        struct finding finding;

        raise[kind](&finding, &connection->client, &connection->transaction, seen);
        relay_finding_set_queue_id(&finding, "NOQUEUE");
        reporter_hand_over(connection->transactions->reporter, &finding);
        return;
    }
    raise[kind](kept, &connection->client, &connection->transaction, seen);
    pthread_mutex_lock(&connection->transactions->mutex);
    connection->pending[kind] = kept;
    if (!connection->has_pending) {
        enter_list(connection);
    }
    pthread_mutex_unlock(&connection->transactions->mutex);
}

static void note_relayed(struct connection *connection, struct recipient_seen *seen)
{
    seen->enforcement =
        judge_enforcement(&connection->snapshot->rules, connection->transaction.masked);
    note(connection, PENDING_RELAYED, seen);
}

static void note_undeclared(struct connection *connection, struct recipient_seen *seen)
{
    const struct mail_address *resolved = &seen->rcpt->resolved;
    char domain[DOMAIN_SIZE];

    if (connection->pending[PENDING_UNDECLARED] == NULL &&
        domain_normalise(resolved->domain, resolved->domain_length, domain)) {
        seen->parent = site_parent_domain(connection->snapshot->rules.site, domain);
    }
    note(connection, PENDING_UNDECLARED, seen);
}

/* A mailer of own_mailers that carries strangers' mail for too many undeclared domains is not the
 * site's own. Such a recipient has a finding either way, so a lock may be taken. */
static void count_undeclared(struct connection *connection, struct recipient_seen *seen)
{
    struct live_conf *snapshot = connection->snapshot;
    const struct mail_address *resolved = &seen->rcpt->resolved;
    char domain[DOMAIN_SIZE] = "";

    if (seen->destination != DESTINATION_MTA_OWN || seen->rcpt->decision != DECISION_ACCEPTED ||
        connection->transaction.permission != PERMISSION_NONE) {
        return;
    }
    if (!domain_normalise(resolved->domain, resolved->domain_length, domain)) {
        domain_read(resolved->domain, resolved->domain_length, domain);
    }
    seen->too_many =
        undeclared_note(&snapshot->undeclared, judge_carrier(&snapshot->rules, seen->rcpt->mailer),
                        domain, clocks_now().steady) > UNDECLARED_MAX;
    if (seen->too_many) {
        seen->destination = DESTINATION_EXTERNAL;
    }
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
        answer_enforced(&connection->answer, enforcement, kind, connection->client.text);
        return &connection->answer;
    }
    return NULL;
}

/* Judges a recipient by what others than the probe may do, and keeps what is to be told of it.
 * False if that is nothing. */
static bool judge_and_keep(struct connection *connection, struct recipient_seen *seen,
                           enum finding_kind *kind)
{
    enum judgement judgement = judge_recipient(connection->transaction.permission,
                                               seen->rcpt->decision, seen->destination);

    if (judgement == JUDGEMENT_FINE) {
        return false;
    }
    seen->sender_class =
        site_classify_sender(connection->snapshot->rules.site, connection->transaction.sender);
    if (judgement == JUDGEMENT_RELAYED) {
        *kind = FINDING_OPEN_RELAY;
        note_relayed(connection, seen);
    } else {
        *kind = FINDING_UNDECLARED_DESTINATION;
        note_undeclared(connection, seen);
    }
    return true;
}

/* The probe's dialogue sees this of the connection. */
static struct probe_connection probe_of(struct connection *connection)
{
    return (struct probe_connection){
        .client = &connection->client,
        .transaction = &connection->transaction,
        .snapshot = connection->snapshot,
        .dialogue = &connection->audit,
        .desk = connection->transactions->desk,
        .reporter = connection->transactions->reporter,
        .answer = &connection->answer,
    };
}

const struct answer *connection_hello(struct connection *connection, const char *path)
{
    const struct probe_connection probe = probe_of(connection);

    return probe_connection_mail(&probe, path);
}

const struct answer *connection_rcpt(struct connection *connection, const char *path,
                                     const struct rcpt_macros *macros)
{
    struct probe_connection_rcpt audited = {.ours = false};
    struct rcpt_meaning rcpt;
    enum finding_kind kind;

    if (connection->uncounted) {
        settle_origin(connection, macros);
    }
    dialect_rcpt(macros, path, &rcpt);
    struct recipient_seen seen = {
        .path = path,
        .rcpt = &rcpt,
        .destination = judge_destination(&connection->snapshot->rules, &rcpt, path,
                                         &connection->client.listener),
        .enforcement = ENFORCE_OBSERVE,
    };
    count_undeclared(connection, &seen);
    counters_recipient(&connection->transactions->counters, connection->transaction.permission,
                       seen.destination, rcpt.decision);
    if (connection->audit.met) {
        const struct probe_connection probe = probe_of(connection);

        audited = probe_connection_rcpt(&probe, path, &rcpt, seen.destination);
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

static void say_not_held(struct connection *connection, enum hold_obstacle obstacle)
{
    struct finding finding;

    connection->hold_due = false;
    relay_finding_hold_impossible(&finding, &connection->client, &connection->transaction,
                                  obstacle);
    reporter_hand_over(connection->transactions->reporter, &finding);
}

static bool is_known(const char *queue_id)
{
    return queue_id != NULL && queue_id[0] != '\0';
}

void connection_hand_over(struct connection *connection, const char *queue_id)
{
    hand_over_pending(connection, queue_id);
    /* An abort when there was a message, and never a queue id: Postfix's smtpd_proxy_filter. */
    if (connection->hold_due && connection->unqueued && !is_known(queue_id)) {
        say_not_held(connection, HOLD_NO_QUEUE);
    }
    if (connection->uncounted) {
        count_message(connection);
    }
    connection->hold_due = false;
    connection->unqueued = false;
}

bool connection_data(struct connection *connection, const char *queue_id)
{
    connection->unqueued = !is_known(queue_id);
    if (!connection->unqueued) {
        hand_over_pending(connection, queue_id);
    }
    return connection->has_pending || connection->hold_due || connection->audit.met;
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
    live_conf_release(connection->snapshot);
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
