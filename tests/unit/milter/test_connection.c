/* A connection keeps facts of its transactions, and hands them over in time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "lib/alert/reporter.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/failing_alloc.h"
#include "tests/unit/milter_sample.h"
#include "tests/unit/recorder.h"

#define HEARD_MAX 64

/* The findings that were handed over, in order; the reporter gets it too when there is one. */
static struct {
    pthread_mutex_t mutex;
    size_t count;
    uint64_t sum; /* of the counts */
    struct finding finding[HEARD_MAX];
} heard = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void hear(struct reporter *reporter, const struct finding *finding)
{
    pthread_mutex_lock(&heard.mutex);
    if (heard.count < HEARD_MAX) {
        heard.finding[heard.count] = *finding;
    }
    heard.count++;
    heard.sum += finding->count;
    pthread_mutex_unlock(&heard.mutex);
    if (reporter != NULL) {
        reporter_hand_over(reporter, finding);
    }
}

#define reporter_hand_over(reporter, finding) hear(reporter, finding)
/* NOLINTNEXTLINE(bugprone-suspicious-include): so that allocations fail and findings are seen */
#include "milter/connection.c"
#undef reporter_hand_over

#define WAIT_MS 60000 /* for what must happen; a loaded machine is slow */

static struct transactions transactions = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static struct live_conf *snapshot;

static int set_up(void **state)
{
    (void)state;
    heard.count = 0;
    heard.sum = 0;
    transactions.reporter = NULL;
    snapshot = live_conf_new(milter_sample_conf(), NULL);
    return snapshot == NULL ? -1 : 0;
}

/* Every connection must have given its reference back, and left the list. */
static int tear_down(void **state)
{
    (void)state;
    bool clean = atomic_load(&snapshot->references) == 1 && transactions.first == NULL;
    live_conf_release(snapshot);
    return clean ? 0 : -1;
}

static struct sockaddr_in ipv4(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return address;
}

static struct connection *connect_with(const struct connection_origin *origin)
{
    atomic_fetch_add(&snapshot->references, 1);
    struct connection *connection = connection_new(snapshot, &transactions, origin);

    assert_non_null(connection);
    return connection;
}

static struct connection *connect_from(const char *client)
{
    const struct sockaddr_in address = ipv4(client);

    struct connection *connection = connect_with(&(struct connection_origin){
        .client = (const struct sockaddr *)&address,
        .daemon_address = "203.0.113.25",
        .daemon_port = "25",
    });
    connection_helo(connection, "client.example.net");
    return connection;
}

static struct connection *connect_stranger(void)
{
    return connect_from("198.51.100.7");
}

static void mail(struct connection *connection)
{
    const struct client_macros nobody = {0};

    assert_false(connection_mail(connection, "<a@sender.example.net>", &nobody));
}

/* A recipient that the MTA accepted, and by which mailer. */
static void rcpt_by(struct connection *connection, const char *mailer, const char *domain)
{
    char address[100];
    char path[110];

    snprintf(address, sizeof(address), "u@%.80s", domain);
    snprintf(path, sizeof(path), "<%s>", address);
    connection_rcpt(connection, path, &(struct rcpt_macros){mailer, domain, address});
}

static void relay_to(struct connection *connection, const char *domain)
{
    rcpt_by(connection, "smtp", domain);
}

static void take_for(struct connection *connection, unsigned int number)
{
    char domain[32];

    snprintf(domain, sizeof(domain), "d%u.test", number);
    rcpt_by(connection, "relay", domain);
}

static const char *field(size_t index, const char *name)
{
    assert_true(index < heard.count && index < HEARD_MAX);
    return finding_get(&heard.finding[index], name);
}

/* ---- a transaction ---- */

static void the_first_finding_is_kept_whole_and_repeats_are_counted(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    relay_to(connection, "b.test");
    relay_to(connection, "c.test");
    relay_to(connection, "d.test");
    assert_int_equal(heard.count, 0);
    connection_hand_over(connection, "4F2kXy1Qz");
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.finding[0].kind, FINDING_OPEN_RELAY);
    assert_int_equal(heard.finding[0].severity, SEVERITY_CRITICAL);
    assert_int_equal(heard.finding[0].count, 3);
    assert_string_equal(heard.finding[0].key, "203.0.113.25:25 198.51.100.0/24");
    assert_string_equal(field(0, "client"), "198.51.100.7");
    assert_string_equal(field(0, "helo"), "client.example.net");
    assert_string_equal(field(0, "sender"), "<a@sender.example.net>");
    assert_string_equal(field(0, "recipient"), "<u@b.test>");
    assert_string_equal(field(0, "nexthop"), "b.test");
    assert_string_equal(field(0, "queue_id"), "4F2kXy1Qz");
    connection_free(connection);
    assert_int_equal(heard.count, 1);
}

static void what_was_handed_over_is_not_handed_over_again(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    relay_to(connection, "b.test");
    connection_hand_over(connection, "4F2kXy1Qz");
    connection_hand_over(connection, NULL); /* the abort after DATA */
    mail(connection);
    connection_free(connection);
    assert_int_equal(heard.count, 1);
}

static void the_queue_id_is_named_where_the_message_came_to_be(void **state)
{
    (void)state;
    static const struct {
        const char *at_data; /* "": there is none yet, as with old protocols or a proxy */
        const char *at_end;  /* NULL: the transaction is given up */
        const char *named;
        bool stays;
    } rows[] = {
        {"4F2kXy1Qz", NULL, "4F2kXy1Qz", false},    {"", "4F2kXy1Qz", "4F2kXy1Qz", true},
        {NULL, "4F2kXy1Qz", "4F2kXy1Qz", true},     {"", NULL, "NOQUEUE", true},
        {"4F2kXy1Qz", "other", "4F2kXy1Qz", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection *connection = connect_stranger();
        heard.count = 0;
        mail(connection);
        relay_to(connection, "b.test");
        assert_int_equal(connection_data(connection, rows[i].at_data), rows[i].stays);
        assert_int_equal(heard.count, rows[i].stays ? 0 : 1);
        connection_hand_over(connection, rows[i].at_end);
        assert_int_equal(heard.count, 1);
        assert_string_equal(field(0, "queue_id"), rows[i].named);
        connection_free(connection);
    }
}

static void a_queue_id_that_never_came_to_be_is_noqueue(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    relay_to(connection, "b.test");
    connection_hand_over(connection, NULL);
    mail(connection);
    relay_to(connection, "b.test");
    connection_hand_over(connection, "");
    assert_string_equal(field(0, "queue_id"), "NOQUEUE");
    assert_string_equal(field(1, "queue_id"), "NOQUEUE");
    connection_free(connection);
}

static void the_next_mail_ends_the_transaction_before(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    relay_to(connection, "b.test");
    mail(connection);
    assert_int_equal(heard.count, 1);
    assert_string_equal(field(0, "queue_id"), "NOQUEUE");
    relay_to(connection, "c.test");
    connection_hand_over(connection, "second");
    assert_int_equal(heard.count, 2);
    assert_string_equal(field(1, "recipient"), "<u@c.test>");
    assert_string_equal(field(1, "queue_id"), "second");
    assert_int_equal(heard.finding[1].count, 1);
    connection_free(connection);
}

static void the_end_of_the_connection_hands_over(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    relay_to(connection, "b.test");
    connection_free(connection);
    assert_int_equal(heard.count, 1);
    assert_string_equal(field(0, "queue_id"), "NOQUEUE");
    connection_free(NULL);
}

static void both_kinds_of_one_transaction_are_told(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    rcpt_by(connection, "relay", "other.test");
    relay_to(connection, "b.test");
    rcpt_by(connection, "relay", "other.test");
    connection_hand_over(connection, "4F2kXy1Qz");
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.finding[0].kind, FINDING_OPEN_RELAY);
    assert_int_equal(heard.finding[0].count, 1);
    assert_int_equal(heard.finding[1].kind, FINDING_UNDECLARED_DESTINATION);
    assert_int_equal(heard.finding[1].severity, SEVERITY_WARNING);
    assert_int_equal(heard.finding[1].count, 2);
    assert_string_equal(field(0, "queue_id"), "4F2kXy1Qz");
    assert_string_equal(field(1, "queue_id"), "4F2kXy1Qz");
    connection_free(connection);
}

static void own_and_refused_recipients_bring_nothing(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();
    const struct rcpt_macros refused = {"error", "5.7.1", "Relay access denied"};

    mail(connection);
    rcpt_by(connection, "local", "example.org");
    connection_rcpt(connection, "<u@b.test>", &refused);
    assert_null(transactions.first);
    connection_free(connection);
    assert_int_equal(heard.count, 0);
}

/* ---- permission ---- */

static bool mail_as(struct connection *connection, const char *type, const char *subject)
{
    const struct client_macros macros = {
        .auth_type = type, .auth_authen = type == NULL ? NULL : "joe", .cert_subject = subject};

    return connection_mail(connection, "<a@sender.example.net>", &macros);
}

static void a_client_of_a_trusted_network_is_finished_at_mail(void **state)
{
    (void)state;
    struct connection *connection = connect_from("192.0.2.5");

    assert_true(mail_as(connection, NULL, NULL));
    relay_to(connection, "b.test");
    connection_free(connection);
    assert_int_equal(heard.count, 0);
}

static void permission_is_judged_anew_for_each_transaction(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    assert_true(mail_as(connection, "PLAIN", NULL));
    relay_to(connection, "b.test");
    assert_false(mail_as(connection, NULL, NULL));
    relay_to(connection, "c.test");
    assert_true(mail_as(connection, NULL, "partner.example.org"));
    relay_to(connection, "d.test");
    assert_false(mail_as(connection, "ANONYMOUS", NULL));
    relay_to(connection, "e.test");
    connection_free(connection);
    assert_int_equal(heard.count, 2);
    assert_string_equal(field(0, "recipient"), "<u@c.test>");
    assert_string_equal(field(1, "recipient"), "<u@e.test>");
    assert_string_equal(field(1, "permission"), "none");
}

/* ---- undeclared destinations ---- */

static void a_mailer_with_too_many_undeclared_domains_relays(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    for (unsigned int i = 1; i <= UNDECLARED_MAX; i++) {
        take_for(connection, i);
    }
    assert_null(connection->pending[PENDING_RELAYED]);
    take_for(connection, UNDECLARED_MAX + 1);
    take_for(connection, 1);                      /* it was one of the first */
    rcpt_by(connection, "virtual", "other.test"); /* another mailer */
    connection_hand_over(connection, "4F2kXy1Qz");
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.finding[0].kind, FINDING_OPEN_RELAY);
    assert_int_equal(heard.finding[0].severity, SEVERITY_CRITICAL);
    assert_int_equal(heard.finding[0].count, 2);
    assert_string_equal(field(0, "recipient"), "<u@d5.test>");
    assert_string_equal(field(0, "destination"), "external");
    assert_non_null(strstr(heard.finding[0].fix.text, "the mailer relay carried mail"));
    assert_int_equal(heard.finding[1].kind, FINDING_UNDECLARED_DESTINATION);
    assert_int_equal(heard.finding[1].severity, SEVERITY_WARNING);
    assert_int_equal(heard.finding[1].count, UNDECLARED_MAX + 1);
    assert_string_equal(field(1, "recipient"), "<u@d1.test>");
    connection_free(connection);
}

static void what_strangers_make_up_of_one_domain_is_one(void **state)
{
    (void)state;
    static const char *const domains[] = {
        "customer.test", "a0.customer.test", "a1.customer.test", "x.y.customer.test",
        "CUSTOMER.test", "customer.test.",   "a2.Customer.Test", "a.b.c.d.customer.test",
    };
    struct connection *connection = connect_stranger();

    mail(connection);
    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
        rcpt_by(connection, "relay", domains[i]);
    }
    for (unsigned int i = 0; i < 20; i++) {
        char domain[48];
        snprintf(domain, sizeof(domain), "[192.0.2.%u]", i);
        rcpt_by(connection, "relay", domain);
        snprintf(domain, sizeof(domain), "a..%u.test", i); /* no domain at all */
        rcpt_by(connection, "relay", domain);
        snprintf(domain, sizeof(domain), "a%u.example.org", i); /* below a declared one */
        rcpt_by(connection, "relay", domain);
    }
    connection_hand_over(connection, NULL);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.finding[0].kind, FINDING_UNDECLARED_DESTINATION);
    connection_free(connection);
}

static void only_what_strangers_were_granted_counts(void **state)
{
    (void)state;
    const struct rcpt_macros refused = {"error", "5.7.1", "Relay access denied"};
    struct connection *connection = connect_stranger();
    struct connection *trusted = connect_from("192.0.2.5");

    mail(connection);
    assert_true(mail_as(trusted, NULL, NULL));
    for (unsigned int i = 0; i < 20; i++) {
        char path[32];
        snprintf(path, sizeof(path), "<u@d%u.test>", i);
        connection_rcpt(connection, path, &refused);
        take_for(trusted, i);
    }
    take_for(connection, 1);
    connection_free(connection);
    connection_free(trusted);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.finding[0].kind, FINDING_UNDECLARED_DESTINATION);
}

static void domains_are_counted_over_all_connections(void **state)
{
    (void)state;
    for (unsigned int i = 1; i <= UNDECLARED_MAX + 1; i++) {
        struct connection *connection = connect_stranger();

        mail(connection);
        take_for(connection, i);
        connection_free(connection);
    }
    assert_int_equal(heard.count, UNDECLARED_MAX + 1);
    assert_int_equal(heard.finding[UNDECLARED_MAX - 1].kind, FINDING_UNDECLARED_DESTINATION);
    assert_int_equal(heard.finding[UNDECLARED_MAX].kind, FINDING_OPEN_RELAY);
}

/* ---- the end of the program ---- */

static void a_stop_loses_nothing_of_several_connections(void **state)
{
    (void)state;
    struct connection *connection[5];
    char client[32];

    for (int i = 0; i < 5; i++) {
        snprintf(client, sizeof(client), "198.51.100.%d", i + 1);
        connection[i] = connect_from(client);
        mail(connection[i]);
        relay_to(connection[i], "b.test");
        relay_to(connection[i], "c.test");
    }
    /* From the middle of the list, its beginning and its end. */
    connection_hand_over(connection[2], NULL);
    connection_hand_over(connection[4], NULL);
    connection_hand_over(connection[0], NULL);
    assert_int_equal(heard.count, 3);
    transactions_finish(&transactions);
    assert_int_equal(heard.count, 5);
    assert_int_equal(heard.sum, 10);
    assert_string_equal(field(3, "client"), "198.51.100.4");
    assert_string_equal(field(4, "client"), "198.51.100.2");
    assert_string_equal(field(3, "queue_id"), "NOQUEUE");
    for (int i = 0; i < 5; i++) {
        connection_free(connection[i]);
    }
    transactions_finish(&transactions);
    assert_int_equal(heard.count, 5);
}

static void a_connection_that_closes_during_a_stop_is_handed_over_once_and_freed(void **state)
{
    (void)state;
    struct connection *before = connect_from("198.51.100.1");
    struct connection *after = connect_from("198.51.100.2");
    struct connection *quiet = connect_from("198.51.100.3");

    mail(before);
    relay_to(before, "b.test");
    mail(after);
    relay_to(after, "b.test");
    connection_free_late(before);
    assert_int_equal(heard.count, 1);
    assert_string_equal(field(0, "client"), "198.51.100.1");
    transactions_finish(&transactions);
    assert_int_equal(heard.count, 2);
    /* From here on the reporter may be gone. */
    connection_free_late(after);
    connection_free_late(quiet);
    connection_free_late(NULL);
    assert_int_equal(heard.count, 2);
}

static void the_reporter_announces_what_a_stop_handed_over(void **state)
{
    (void)state;
    char error[SINK_ERROR_SIZE];
    const struct reporter_settings settings = {
        .identity = &sample_identity,
        .alert = &sample_settings,
        .quiet_terminal = true,
        .kinds = recorder_kinds,
    };
    struct connection *one = connect_from("198.51.100.7");
    struct connection *two = connect_from("203.0.113.7");

    recorder_clear();
    transactions.reporter = reporter_start(&settings, error);
    assert_non_null(transactions.reporter);
    mail(one);
    mail(two);
    relay_to(one, "b.test");
    relay_to(two, "c.test");
    transactions_finish(&transactions);
    reporter_stop(transactions.reporter, WAIT_MS);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    assert_string_equal(recorder_fast->last.incident.finding.key,
                        "203.0.113.25:25 198.51.100.0/24");
    connection_free(one);
    connection_free(two);
}

/* ---- what connects ---- */

static void the_listener_is_named_as_far_as_it_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *port;
        const char *shown;
    } rows[] = {
        {"203.0.113.25", "587", "203.0.113.25:587"},
        {"IPv6:2001:db8::25", "25", "[2001:db8::25]:25"},
        {NULL, "25", "unknown"},
        {"mx.example.org", "25", "unknown"},
        {"", "", "unknown"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection *connection = connect_with(&(struct connection_origin){
            .daemon_address = rows[i].address, .daemon_port = rows[i].port});

        assert_string_equal(connection->client.listener_text, rows[i].shown);
        connection_free(connection);
    }
}

static void only_what_no_network_brought_is_mail_of_the_host_itself(void **state)
{
    (void)state;
    static const struct rcpt_macros resolved = {"smtp", "b.test", "u@b.test"};
    static const struct rcpt_macros queued = {NULL, NULL, "u@b.test"};
    static const struct rcpt_macros bare = {NULL, NULL, NULL};
    static const struct rcpt_macros half = {"smtp", NULL, NULL};
    static const struct rcpt_macros other_half = {NULL, "b.test", NULL};
    static const struct {
        const char *client; /* NULL: none */
        const char *port;   /* of the client */
        const char *listener;
        const char *listener_port;
        const struct rcpt_macros *macros;
        bool local;
    } rows[] = {
        /* Postfix */
        {"127.0.0.1", "0", "127.0.0.1", "0", &queued, true},
        {"::1", "0", "127.0.0.1", "0", &queued, true},
        {"127.0.0.1", "0", NULL, NULL, &bare, true},
        {"127.0.0.1", "0", "127.0.0.1", "0", &resolved, false},
        {"127.0.0.1", "0", "127.0.0.1", "0", &half, false},
        {"127.0.0.1", "0", "127.0.0.1", "0", &other_half, false},
        {"127.0.0.1", "0", "203.0.113.25", "25", &resolved, false},
        {"127.0.0.1", "0", "203.0.113.25", "25", &bare, false},
        {"::1", "0", "203.0.113.25", "25", &resolved, false},
        {"127.0.0.1", "4000", "127.0.0.1", "0", &bare, false},
        {"127.0.0.2", "0", "127.0.0.1", "0", &bare, false},
        {"198.51.100.7", "0", "127.0.0.1", "0", &bare, false},
        /* Sendmail: a listener, however it is spelt, is that of a daemon */
        {NULL, NULL, NULL, NULL, &resolved, true},
        {NULL, NULL, "203.0.113.25", "25", &resolved, false},
        {NULL, NULL, NULL, "25", &resolved, false},
        {NULL, NULL, "localhost", NULL, &bare, false},
        {NULL, NULL, "203.0.113.25", "25", &bare, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockaddr_storage client;
        struct address address;
        struct connection_origin origin = {.daemon_address = rows[i].listener,
                                           .daemon_port = rows[i].listener_port};
        if (rows[i].client != NULL) {
            assert_true(address_parse(rows[i].client, &address));
            address_to_sockaddr(&address, (uint16_t)strtoul(rows[i].port, NULL, 10), &client);
            origin.client = (const struct sockaddr *)&client;
        }
        struct connection *connection = connect_with(&origin);
        heard.count = 0;
        bool finished =
            connection_mail(connection, "<root@example.org>", &(struct client_macros){0});
        assert_int_equal(finished, rows[i].client == NULL && rows[i].local);
        connection_rcpt(connection, "<u@b.test>", rows[i].macros);
        connection_hand_over(connection, NULL);
        assert_int_equal(heard.count, rows[i].local ? 0 : 1);
        connection_free(connection);
    }
}

static void a_message_is_counted_once_whether_rcpt_came_or_not(void **state)
{
    (void)state;
    const struct sockaddr_in address = ipv4("127.0.0.1");
    const struct rcpt_macros resolved = {"smtp", "b.test", "u@b.test"};
    const struct rcpt_macros queued = {NULL, NULL, "u@b.test"};
    _Atomic uint64_t *messages = transactions.counters.messages;
    uint64_t strangers = messages[PERMISSION_NONE];
    uint64_t trusted = messages[PERMISSION_TRUSTED_NETWORK];
    struct connection *connection =
        connect_with(&(struct connection_origin){.client = (const struct sockaddr *)&address});

    mail(connection);
    connection_rcpt(connection, "<u@b.test>", &queued);
    connection_rcpt(connection, "<v@b.test>", &queued);
    assert_int_equal(messages[PERMISSION_TRUSTED_NETWORK], trusted + 1);
    mail(connection);
    connection_rcpt(connection, "<u@b.test>", &resolved);
    mail(connection);
    connection_free(connection);
    assert_int_equal(messages[PERMISSION_TRUSTED_NETWORK], trusted + 1);
    assert_int_equal(messages[PERMISSION_NONE], strangers + 2);
}

static void a_client_without_an_address_is_a_stranger(void **state)
{
    (void)state;
    const struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct connection *connection =
        connect_with(&(struct connection_origin){.client = (const struct sockaddr *)&address});

    mail(connection);
    relay_to(connection, "b.test");
    connection_free(connection);
    assert_int_equal(heard.count, 1);
    assert_string_equal(field(0, "client"), "unknown");
    assert_string_equal(field(0, "helo"), "");
    assert_string_equal(heard.finding[0].key, "unknown unknown");
}

static void endless_text_is_cut(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();
    const struct client_macros nobody = {0};
    static char buffer[5000];
    /* The compiler must not see its length, or it warns of what is tested here. */
    char *volatile hidden = buffer;

    memset(buffer, 'x', sizeof(buffer) - 1);
    const char *text = hidden;
    connection_helo(connection, text);
    assert_false(connection_mail(connection, text, &nobody));
    assert_int_equal(strlen(connection->client.helo), CLIENT_TEXT_SIZE - 1);
    assert_int_equal(strlen(connection->transaction.sender), CLIENT_TEXT_SIZE - 1);
    connection_rcpt(connection, text, &(struct rcpt_macros){"smtp", text, text});
    connection_free(connection);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.finding[0].count, 1);
}

/* ---- without memory ---- */

static void without_memory_a_connection_gives_its_configuration_back(void **state)
{
    (void)state;
    const struct connection_origin origin = {.client = NULL};

    atomic_fetch_add(&snapshot->references, 1);
    failing_alloc_after(0);
    assert_null(connection_new(snapshot, &transactions, &origin));
    failing_alloc_never();
    assert_int_equal(atomic_load(&snapshot->references), 1);
}

static void without_memory_no_finding_is_lost(void **state)
{
    (void)state;
    struct connection *connection = connect_stranger();

    mail(connection);
    failing_alloc_after(0);
    relay_to(connection, "b.test");
    relay_to(connection, "c.test");
    rcpt_by(connection, "relay", "other.test");
    failing_alloc_never();
    assert_int_equal(heard.count, 3);
    assert_string_equal(field(0, "recipient"), "<u@b.test>");
    assert_string_equal(field(0, "queue_id"), "NOQUEUE");
    assert_string_equal(field(1, "recipient"), "<u@c.test>");
    assert_int_equal(heard.finding[2].kind, FINDING_UNDECLARED_DESTINATION);

    /* Memory is back. */
    relay_to(connection, "d.test");
    connection_hand_over(connection, "4F2kXy1Qz");
    assert_int_equal(heard.sum, 4);
    assert_string_equal(field(3, "queue_id"), "4F2kXy1Qz");
    connection_free(connection);
}

/* ---- several threads ---- */

#define THREADS 4
#define ROUNDS  200

static void *serve_clients(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct connection *connection = connect_stranger();

        mail(connection);
        relay_to(connection, "b.test");
        relay_to(connection, "c.test");
        if (i % 2 == 0) {
            connection_hand_over(connection, "4F2kXy1Qz");
        }
        connection_free(connection);
    }
    return unused;
}

static void connections_on_many_threads_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, serve_clients, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(heard.count, THREADS * ROUNDS);
    assert_int_equal(heard.sum, 2 * THREADS * ROUNDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_finding_is_kept_whole_and_repeats_are_counted),
        TEST(what_was_handed_over_is_not_handed_over_again),
        TEST(the_queue_id_is_named_where_the_message_came_to_be),
        TEST(a_queue_id_that_never_came_to_be_is_noqueue),
        TEST(the_next_mail_ends_the_transaction_before),
        TEST(the_end_of_the_connection_hands_over),
        TEST(both_kinds_of_one_transaction_are_told),
        TEST(own_and_refused_recipients_bring_nothing),
        TEST(a_client_of_a_trusted_network_is_finished_at_mail),
        TEST(permission_is_judged_anew_for_each_transaction),
        TEST(a_mailer_with_too_many_undeclared_domains_relays),
        TEST(what_strangers_make_up_of_one_domain_is_one),
        TEST(only_what_strangers_were_granted_counts),
        TEST(domains_are_counted_over_all_connections),
        TEST(a_stop_loses_nothing_of_several_connections),
        TEST(a_connection_that_closes_during_a_stop_is_handed_over_once_and_freed),
        TEST(the_reporter_announces_what_a_stop_handed_over),
        TEST(the_listener_is_named_as_far_as_it_is_known),
        TEST(only_what_no_network_brought_is_mail_of_the_host_itself),
        TEST(a_message_is_counted_once_whether_rcpt_came_or_not),
        TEST(a_client_without_an_address_is_a_stranger),
        TEST(endless_text_is_cut),
        TEST(without_memory_a_connection_gives_its_configuration_back),
        TEST(without_memory_no_finding_is_lost),
        TEST(connections_on_many_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
