/* Who a masked client is, and what becomes of recipients on a connection of the probe. */
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
#include <time.h>

#include "lib/alert/reporter.h"
#include "milter/tokens/unmasked.h"
#include "tests/unit/milter_sample.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SENDER      "<a@sender.example.net>"
#define CANARY      "canary.example.net"

static struct finding heard[8]; /* the first ones handed over */
static size_t heard_count;

static void hear(const struct finding *finding)
{
    if (heard_count < ROWS(heard)) {
        heard[heard_count] = *finding;
    }
    heard_count++;
}

#define reporter_hand_over(reporter, finding) hear(finding)
/* NOLINTNEXTLINE(bugprone-suspicious-include): so that findings are seen */
#include "milter/connection.c"
#undef reporter_hand_over

static struct probe_dialogue_desk desk = PROBE_DIALOGUE_DESK;
static struct transactions transactions = {.mutex = PTHREAD_MUTEX_INITIALIZER, .desk = &desk};
static const struct client_macros nobody = {0};
static struct live_conf *snapshot;
static struct token_key key;
static uint8_t nonces;

static int set_up(void **state)
{
    static const uint8_t octets[TOKEN_KEY_MIN] = {1};

    (void)state;
    heard_count = 0;
    desk.masks = (struct masks){.mutex = PTHREAD_MUTEX_INITIALIZER};
    snapshot = live_conf_new(milter_sample_conf(), NULL);
    if (snapshot == NULL || !token_key_derive(octets, sizeof(octets), &key)) {
        return -1;
    }
    snapshot->conf->token_key = &key;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    snapshot->conf->token_key = NULL; /* it is not the configuration's to free */
    live_conf_release(snapshot);
    return 0;
}

static struct connection *connect_from(const char *text)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    const struct connection_origin origin = {
        .client = (const struct sockaddr *)&client,
        .daemon_address = "203.0.113.25",
        .daemon_port = "25",
    };

    assert_int_equal(inet_pton(AF_INET, text, &client.sin_addr), 1);
    atomic_fetch_add(&snapshot->references, 1);
    struct connection *connection = connection_new(snapshot, &transactions, &origin);
    assert_non_null(connection);
    return connection;
}

static const struct answer *relay_to(struct connection *connection, const char *path)
{
    return connection_rcpt(connection, path, &(struct rcpt_macros){"smtp", "b.test", "u@b.test"});
}

/* ---- permission ---- */

/* Strangers hide behind a masked address, so its network counts as trusted no longer; who logs in
 * there, or shows a certificate, may relay as before. */
static void a_masked_client_is_judged_as_a_stranger(void **state)
{
    (void)state;
    static const struct {
        const char *client;
        struct client_macros macros;
        bool hides; /* strangers, by what the probe saw */
        bool masked;
        enum permission declared;
        enum permission permission;
    } rows[] = {
        {"192.0.2.5", {0}, false, false, PERMISSION_TRUSTED_NETWORK, PERMISSION_TRUSTED_NETWORK},
        {"192.0.2.5", {0}, true, true, PERMISSION_TRUSTED_NETWORK, PERMISSION_NONE},
        {"192.0.2.6", {0}, true, false, PERMISSION_TRUSTED_NETWORK, PERMISSION_TRUSTED_NETWORK},
        {"192.0.2.5",
         {.auth_type = "PLAIN", .auth_authen = "joe"},
         true,
         false,
         PERMISSION_AUTHENTICATED,
         PERMISSION_AUTHENTICATED},
        {"192.0.2.99", {0}, true, false, PERMISSION_NONE, PERMISSION_NONE},
        {"192.0.2.99",
         {.cert_subject = "partner.example.org"},
         true,
         false,
         PERMISSION_CLIENT_CERTIFICATE,
         PERMISSION_CLIENT_CERTIFICATE},
    };
    struct mask mask = {.listener = "203.0.113.25:25"};

    assert_true(address_parse("192.0.2.5", &mask.address));
    for (size_t i = 0; i < ROWS(rows); i++) {
        heard_count = 0;
        if (rows[i].hides) {
            assert_true(masks_hide(&desk.masks, &mask, 1));
        }
        struct connection *connection = connect_from(rows[i].client);
        assert_int_equal(connection_mail(connection, SENDER, &rows[i].macros),
                         rows[i].permission != PERMISSION_NONE);
        assert_int_equal(connection->transaction.declared, rows[i].declared);
        assert_int_equal(connection->transaction.permission, rows[i].permission);
        assert_int_equal(connection->transaction.masked, rows[i].masked);
        relay_to(connection, "<u@b.test>");
        connection_free(connection);
        assert_int_equal(heard_count, rows[i].permission == PERMISSION_NONE ? 1 : 0);
    }
}

static void without_a_desk_nothing_is_masked(void **state)
{
    (void)state;
    struct connection *connection = connect_from("192.0.2.5");

    transactions.desk = NULL;
    assert_true(connection_mail(connection, SENDER, &nobody));
    transactions.desk = &desk;
    connection_free(connection);
}

static void each_message_is_counted_once_under_its_permission(void **state)
{
    (void)state;
    static const struct {
        const char *client;
        struct client_macros macros;
        enum permission permission;
    } rows[] = {
        {"198.51.100.7", {0}, PERMISSION_NONE},
        {"198.51.100.7", {.auth_type = "PLAIN", .auth_authen = "joe"}, PERMISSION_AUTHENTICATED},
        {"198.51.100.7", {.cert_subject = "partner.example.org"}, PERMISSION_CLIENT_CERTIFICATE},
        {"192.0.2.5", {0}, PERMISSION_TRUSTED_NETWORK},
    };
    _Atomic uint64_t *messages = transactions.counters.messages;

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t before[PERMISSION_CLIENT_CERTIFICATE + 1] = {0};
        struct connection *connection = connect_from(rows[i].client);
        for (size_t each = 0; each < ROWS(before); each++) {
            before[each] = messages[each];
        }
        connection_mail(connection, SENDER, &rows[i].macros);
        relay_to(connection, "<u@b.test>");
        relay_to(connection, "<u@c.test>");
        connection_free(connection);
        for (size_t each = 0; each < ROWS(before); each++) {
            assert_int_equal(messages[each],
                             before[each] + (each == (size_t)rows[i].permission ? 1 : 0));
        }
    }
}

/* ---- the probe ---- */

static struct connection *greeted(const char *client)
{
    const struct token_hello hello = {
        .time = (uint32_t)time(NULL), .nonce = {++nonces}, .domain = CANARY};
    char path[TOKEN_HELLO_PATH_SIZE];
    struct connection *connection = connect_from(client);

    assert_true(token_hello_build(&key, &hello, path));
    connection_mail(connection, path, &nobody);
    assert_non_null(connection_hello(connection, path));
    return connection;
}

/* From now on each MAIL is of interest, and each ask that shows an open relay is a finding; the
 * answer is the probe's, whatever is enforced on others. */
static void what_the_probe_asks_is_answered_and_what_it_proves_is_found(void **state)
{
    (void)state;
    static const struct {
        enum token_role role;
        const char *mailer;
        const char *host;
        const char *client;
        bool answered;
        bool found;
    } rows[] = {
        {TOKEN_ROLE_TRUE, "smtp", CANARY, "198.51.100.7", true, true},
        {TOKEN_ROLE_UNKNOWN, "smtp", CANARY, "198.51.100.7", true, true},
        {TOKEN_ROLE_CLAIMED, "smtp", CANARY, "198.51.100.7", true, false},
        {TOKEN_ROLE_INSIDE, "smtp", CANARY, "198.51.100.7", true, false},
        {TOKEN_ROLE_TRUE, "error", "5.7.1", "198.51.100.7", false, false},
        {TOKEN_ROLE_TRUE, "smtp", CANARY, "192.0.2.5", true, false},
    };

    snapshot->rules.enforce = ENFORCE_REJECT;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct token_ask ask = {.role = rows[i].role, .technique = 1};
        char path[] = "<" TOKEN_ASK_BLANK "@" CANARY ">";
        struct connection *connection = greeted(rows[i].client);
        heard_count = 0;
        assert_false(connection_mail(connection, SENDER, &nobody));
        assert_true(token_ask_seal(&connection->audit.binding, &ask, SENDER, path));
        const struct answer *answer = connection_rcpt(
            connection, path, &(struct rcpt_macros){rows[i].mailer, rows[i].host, "u@" CANARY});
        assert_int_equal(answer != NULL, rows[i].answered);
        if (answer != NULL) {
            assert_string_equal(answer->status, "5.7.1");
            assert_non_null(strstr(answer->text, "rwo1,ask,"));
        }
        connection_hand_over(connection, NULL);
        size_t relayed = 0;
        for (size_t each = 0; each < heard_count; each++) {
            relayed += heard[each].kind == FINDING_OPEN_RELAY;
        }
        assert_int_equal(relayed, rows[i].found);
        connection_free(connection);
    }
}

/* ---- the end of the program ---- */

static void a_connection_without_a_finding_closes_and_takes_no_other_along(void **state)
{
    (void)state;
    struct connection *pending = connect_from("198.51.100.7");
    struct connection *idle = connect_from("198.51.100.8");

    assert_false(connection_mail(pending, SENDER, &nobody));
    relay_to(pending, "<u@b.test>");
    assert_false(connection_mail(idle, SENDER, &nobody));
    connection_free_late(idle);
    assert_int_equal(heard_count, 0);
    assert_ptr_equal(transactions.first, pending);
    transactions_finish(&transactions);
    assert_int_equal(heard_count, 1);
    connection_free_late(pending);
    assert_int_equal(heard_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_masked_client_is_judged_as_a_stranger),
        TEST(without_a_desk_nothing_is_masked),
        TEST(each_message_is_counted_once_under_its_permission),
        TEST(what_the_probe_asks_is_answered_and_what_it_proves_is_found),
        TEST(a_connection_without_a_finding_closes_and_takes_no_other_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
