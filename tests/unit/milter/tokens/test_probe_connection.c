/* An ask, its proof, and the filter's answer to it: each role, permission and decision. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "lib/alert/reporter.h"
#include "milter/tokens/unmasked.h"
#include "tests/unit/milter_sample.h"

static unsigned int told; /* findings */
static struct finding last;
static unsigned int said; /* messages */
static int said_severity;
static char said_text[300];
static unsigned int healed; /* how often what healed was looked for */

static void hear(const struct finding *finding)
{
    assert_int_equal(finding->kind, FINDING_CLIENT_ADDRESS_HIDDEN);
    last = *finding;
    told++;
}

__attribute__((format(printf, 3, 4))) static void keep_said(struct reporter *reporter, int severity,
                                                            const char *format, ...)
{
    va_list arguments;

    (void)reporter;
    va_start(arguments, format);
    vsnprintf(said_text, sizeof(said_text), format, arguments);
    va_end(arguments);
    said_severity = severity;
    said++;
}

static void look_for_healed(struct masks *masks, enum masks_drop why)
{
    (void)masks;
    assert_int_equal(why, MASKS_DROP_HEALED);
    healed++;
}

#define reporter_hand_over(reporter, finding) hear(finding)
#define reporter_say                          keep_said
#define unmasked_tell(masks, why, reporter)   look_for_healed(masks, why)
/* NOLINTNEXTLINE(bugprone-suspicious-include): so that findings are seen */
#include "milter/connection.h"
#include "milter/tokens/probe_connection.c"
#undef reporter_hand_over
#undef reporter_say
#undef unmasked_tell

#define SENDER "<sender@example.net>"

static struct probe_dialogue_desk desk = PROBE_DIALOGUE_DESK;
static struct transactions transactions = {.mutex = PTHREAD_MUTEX_INITIALIZER, .desk = &desk};
static struct token_key key;
static struct live_conf *snapshot;
static uint8_t nonces;

static int set_up(void **state)
{
    static const uint8_t octets[TOKEN_KEY_MIN] = {1};

    (void)state;
    told = said = healed = 0;
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

static const struct answer *mail(struct connection *connection, const char *path)
{
    const struct probe_connection probe = probe_of(connection);

    return probe_connection_mail(&probe, path);
}

static struct probe_connection_rcpt recipient(struct connection *connection, const char *path,
                                              const struct rcpt_meaning *meaning,
                                              enum destination destination)
{
    const struct probe_connection probe = probe_of(connection);

    return probe_connection_rcpt(&probe, path, meaning, destination);
}

/* One on which a hello was heard. */
static void greet(struct connection *connection, enum permission declared)
{
    const struct probe_dialogue_keys keys = {&key, NULL};
    const struct token_hello hello = {.route = {7},
                                      .time = (uint32_t)time(NULL),
                                      .nonce = {++nonces},
                                      .domain = "outside.example.net"};
    char path[TOKEN_HELLO_PATH_SIZE];
    struct observation answer;

    *connection = (struct connection){.snapshot = snapshot,
                                      .transactions = &transactions,
                                      .transaction = {.declared = declared, .sender = SENDER}};
    assert_true(address_parse("192.0.2.5", &connection->client.address));
    assert_true(token_hello_build(&key, &hello, path));
    assert_true(probe_dialogue_hear(&connection->audit, &desk, &keys, path, &answer));
}

static struct probe_connection_rcpt ask(struct connection *connection, enum token_role role,
                                        const struct rcpt_macros *macros,
                                        enum destination destination)
{
    const struct token_ask ask = {.role = role, .technique = 1};
    char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";
    struct rcpt_meaning meaning;

    assert_true(token_ask_seal(&connection->audit.binding, &ask, SENDER, path));
    dialect_rcpt(macros, path, &meaning);
    return recipient(connection, path, &meaning, destination);
}

static const struct rcpt_macros granted = {"smtp", "x", "u@elsewhere.test"};
static const struct rcpt_macros to_canary = {"relay", "x", "u@OUTSIDE.example.net"};
static const struct rcpt_macros refused = {"error", "5.7.1", "Relay access denied"};
static const struct rcpt_macros deferred = {"error", "4.7.1", "Relay access denied"};

/* Only a stranger's ask that leads outside proves something, and not from inside or under an
 * identity that was taken on purpose. */
static void what_an_ask_proves(void **state)
{
    (void)state;
    static const enum permission permissions[] = {PERMISSION_NONE, PERMISSION_AUTHENTICATED,
                                                  PERMISSION_TRUSTED_NETWORK,
                                                  PERMISSION_CLIENT_CERTIFICATE};
    static const struct {
        const struct rcpt_macros *macros;
        enum destination destination;
        bool outside;
    } rows[] = {
        {&granted, DESTINATION_EXTERNAL, true},   {&granted, DESTINATION_MTA_OWN, false},
        {&granted, DESTINATION_OWN, false},       {&to_canary, DESTINATION_MTA_OWN, true},
        {&to_canary, DESTINATION_OWN, true},      {&refused, DESTINATION_EXTERNAL, false},
        {&deferred, DESTINATION_EXTERNAL, false},
    };

    for (int role = TOKEN_ROLE_TRUE; role < TOKEN_ROLES; role++) {
        for (size_t p = 0; p < sizeof(permissions) / sizeof(permissions[0]); p++) {
            for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct connection connection;
                greet(&connection, permissions[p]);
                struct probe_connection_rcpt result =
                    ask(&connection, (enum token_role)role, rows[i].macros, rows[i].destination);
                bool stranger = role == TOKEN_ROLE_TRUE || role == TOKEN_ROLE_HIDDEN ||
                                role == TOKEN_ROLE_UNKNOWN;
                assert_true(result.ours);
                assert_int_equal(result.proves,
                                 rows[i].outside && stranger && permissions[p] == PERMISSION_NONE);
                assert_int_equal(result.answer != NULL, rows[i].outside);
                if (result.answer != NULL) {
                    assert_int_equal(result.answer->code, 550);
                    assert_string_equal(result.answer->status, "5.7.1");
                }
            }
        }
    }
}

static void a_hidden_client_is_told_once_for_each_hello(void **state)
{
    (void)state;
    struct connection connection;

    for (int role = TOKEN_ROLE_TRUE; role < TOKEN_ROLES; role++) {
        told = 0;
        greet(&connection, PERMISSION_NONE);
        ask(&connection, (enum token_role)role, &granted, DESTINATION_EXTERNAL);
        ask(&connection, (enum token_role)role, &refused, DESTINATION_EXTERNAL);
        assert_int_equal(told, role == TOKEN_ROLE_HIDDEN ? 1 : 0);
    }
}

/* After a valid ask nothing external passes, token or not; what it was is not judged. */
static void after_an_ask_nothing_external_passes(void **state)
{
    (void)state;
    struct connection connection;
    struct rcpt_meaning meaning;
    static const char path[] = "<u@elsewhere.test>";

    greet(&connection, PERMISSION_NONE);
    dialect_rcpt(&granted, path, &meaning);
    struct probe_connection_rcpt before =
        recipient(&connection, path, &meaning, DESTINATION_EXTERNAL);
    assert_false(before.ours);
    assert_false(before.proves);
    assert_null(before.answer);
    ask(&connection, TOKEN_ROLE_TRUE, &refused, DESTINATION_EXTERNAL);
    struct probe_connection_rcpt after =
        recipient(&connection, path, &meaning, DESTINATION_EXTERNAL);
    assert_true(after.ours);
    assert_false(after.proves);
    assert_non_null(after.answer);
    assert_null(recipient(&connection, path, &meaning, DESTINATION_OWN).answer);
}

/* ---- the answer to a hello ---- */

static const char *a_hello(char path[TOKEN_HELLO_PATH_SIZE])
{
    const struct token_hello hello = {.route = {7},
                                      .time = (uint32_t)time(NULL),
                                      .nonce = {++nonces},
                                      .domain = "outside.example.net"};

    assert_true(token_hello_build(&key, &hello, path));
    return path;
}

static void a_hello_is_answered_by_all_that_the_connection_knows(void **state)
{
    (void)state;
    static const struct {
        const char *client;
        uint16_t port;
        enum permission declared;
        bool masked;
        const char *listener;
        uint16_t listener_port;
        const char *mta;
    } rows[] = {
        {"192.0.2.5", 4711, PERMISSION_TRUSTED_NETWORK, true, "203.0.113.25", 25, "mx.example.org"},
        {"2001:db8::7", 1, PERMISSION_NONE, false, "203.0.113.25", 587, "mx2.example.org"},
        {"198.51.100.7", 65535, PERMISSION_AUTHENTICATED, false, "2001:db8::25", 465, "unknown"},
        {"198.51.100.8", 9, PERMISSION_CLIENT_CERTIFICATE, false, "203.0.113.25", 1, "m"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection connection = {.snapshot = snapshot,
                                        .transactions = &transactions,
                                        .client.port = rows[i].port,
                                        .transaction.declared = rows[i].declared,
                                        .transaction.masked = rows[i].masked,
                                        .client.listener_port = rows[i].listener_port};
        char path[TOKEN_HELLO_PATH_SIZE];
        char line[500];
        struct observation heard;
        struct observation_text text;
        assert_true(address_parse(rows[i].client, &connection.client.address));
        assert_true(address_parse(rows[i].listener, &connection.client.listener));
        snprintf(connection.client.mta, sizeof(connection.client.mta), "%s", rows[i].mta);
        const struct answer *answer = mail(&connection, a_hello(path));
        assert_non_null(answer);
        assert_int_equal(answer->code, 550);
        assert_string_equal(answer->status, "5.7.0");
        snprintf(line, sizeof(line), "550 5.7.0 %s", answer->text);
        assert_int_equal(observation_find(line, &heard, &text), OBSERVATION_FOUND);
        assert_true(observation_verify(&heard, &text, &connection.audit.binding, path));
        assert_int_equal(heard.kind, OBSERVATION_HELLO);
        assert_true(address_equal(&heard.client, &connection.client.address));
        assert_int_equal(heard.client_port, rows[i].port);
        assert_int_equal(heard.permission, rows[i].declared);
        assert_int_equal(heard.masked, rows[i].masked);
        assert_true(address_equal(&heard.listener, &connection.client.listener));
        assert_int_equal(heard.listener_port, rows[i].listener_port);
        assert_string_equal(heard.mta, rows[i].mta);
    }
}

static void what_is_no_hello_of_ours_gets_no_answer(void **state)
{
    (void)state;
    struct connection connection = {.snapshot = snapshot, .transactions = &transactions};
    struct transactions without_desk = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    char path[TOKEN_HELLO_PATH_SIZE];

    assert_null(mail(&connection, SENDER));
    a_hello(path);
    path[5] = path[5] == 'a' ? 'b' : 'a';
    assert_null(mail(&connection, path));
    assert_false(connection.audit.met);
    connection.transactions = &without_desk;
    assert_null(mail(&connection, a_hello(path)));
}

/* Either key of the configuration will do: while one is replaced, probes may have the other. */
static void the_other_key_counts_as_well(void **state)
{
    (void)state;
    char path[TOKEN_HELLO_PATH_SIZE];
    struct connection connection = {.snapshot = snapshot, .transactions = &transactions};

    snapshot->conf->token_key_other = snapshot->conf->token_key;
    snapshot->conf->token_key = NULL;
    assert_non_null(mail(&connection, a_hello(path)));
    snapshot->conf->token_key = snapshot->conf->token_key_other;
    snapshot->conf->token_key_other = NULL;
}

/* ---- the answer to an ask ---- */

static void an_ask_is_answered_by_what_the_mta_decided(void **state)
{
    (void)state;
    static const struct {
        enum permission declared;
        enum destination destination;
        const struct rcpt_macros *macros;
    } rows[] = {
        {PERMISSION_NONE, DESTINATION_EXTERNAL, &granted},
        {PERMISSION_TRUSTED_NETWORK, DESTINATION_EXTERNAL, &granted},
        {PERMISSION_AUTHENTICATED, DESTINATION_OWN, &to_canary},
        {PERMISSION_CLIENT_CERTIFICATE, DESTINATION_MTA_OWN, &to_canary},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct token_ask sealed = {.role = TOKEN_ROLE_TRUE, .technique = 1};
        struct connection connection;
        struct rcpt_meaning meaning;
        char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";
        char line[500];
        struct observation heard;
        struct observation_text text;
        greet(&connection, rows[i].declared);
        assert_true(token_ask_seal(&connection.audit.binding, &sealed, SENDER, path));
        dialect_rcpt(rows[i].macros, path, &meaning);
        const struct answer *answer =
            recipient(&connection, path, &meaning, rows[i].destination).answer;
        assert_non_null(answer);
        snprintf(line, sizeof(line), "550 5.7.1 %s", answer->text);
        assert_int_equal(observation_find(line, &heard, &text), OBSERVATION_FOUND);
        assert_true(observation_verify(&heard, &text, &connection.audit.binding, path));
        assert_int_equal(heard.kind, OBSERVATION_ASK);
        assert_int_equal(heard.decision, DECISION_ACCEPTED);
        assert_int_equal(heard.destination, rows[i].destination);
        assert_int_equal(heard.permission, rows[i].declared);
        assert_int_equal(connection.audit.seen, 1);
        assert_int_equal(connection.audit.accepted, 1);
    }
}

/* A path that is too long for a MAC still does not pass. */
static void a_recipient_of_last_resort_is_refused_in_plain_words(void **state)
{
    (void)state;
    char path[TOKEN_PATH_MAX + 32];
    struct connection connection;
    struct rcpt_meaning meaning;

    greet(&connection, PERMISSION_NONE);
    ask(&connection, TOKEN_ROLE_TRUE, &refused, DESTINATION_EXTERNAL);
    memset(path, 'a', sizeof(path));
    memcpy(path, "<", 1);
    memcpy(path + sizeof(path) - 16, "@elsewhere.test>", 16);
    path[sizeof(path) - 1] = '\0';
    dialect_rcpt(&granted, path, &meaning);
    const struct answer *answer =
        recipient(&connection, path, &meaning, DESTINATION_EXTERNAL).answer;
    assert_non_null(answer);
    assert_int_equal(answer->code, 550);
    assert_string_equal(answer->status, "5.7.1");
    assert_string_equal(answer->text, PROBE_CONNECTION_TEXT);
}

/* ---- masks ---- */

static void hide_at(struct connection *connection, enum permission declared, uint8_t route)
{
    greet(connection, declared);
    connection->audit.route[0] = route;
    snprintf(connection->client.listener_text, sizeof(connection->client.listener_text),
             "203.0.113.25:25");
    address_format(&connection->client.address, connection->client.text);
    ask(connection, TOKEN_ROLE_HIDDEN, &refused, DESTINATION_EXTERNAL);
}

/* Only a trusted address is masked; of any other only the finding is told, as a warning. */
static void a_hidden_client_is_masked_if_it_is_trusted(void **state)
{
    (void)state;
    static const struct {
        enum permission declared;
        bool masked;
    } rows[] = {
        {PERMISSION_NONE, false},
        {PERMISSION_AUTHENTICATED, false},
        {PERMISSION_CLIENT_CERTIFICATE, false},
        {PERMISSION_TRUSTED_NETWORK, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection connection;
        struct mask mask;
        said = 0;
        hide_at(&connection, rows[i].declared, 7);
        assert_int_equal(last.severity, rows[i].masked ? SEVERITY_CRITICAL : SEVERITY_WARNING);
        assert_string_equal(finding_get(&last, "client"), "192.0.2.5");
        assert_string_equal(finding_get(&last, "listener"), "203.0.113.25:25");
        assert_string_equal(finding_get(&last, "trusted_network"),
                            rows[i].masked ? "192.0.2.0/28" : "");
        assert_int_equal(said, rows[i].masked);
        assert_int_equal(masks_contain(&desk.masks, &connection.client.address), rows[i].masked);
        assert_int_equal(masks_list(&desk.masks, &mask, 1), rows[i].masked);
        if (rows[i].masked) {
            assert_int_equal(said_severity, LOG_WARNING);
            assert_non_null(strstr(said_text, "192.0.2.5 is masked"));
            assert_non_null(strstr(said_text, "203.0.113.25:25"));
            assert_int_equal(mask.route[0], 7);
            assert_string_equal(mask.listener, "203.0.113.25:25");
        }
    }
}

static void a_client_that_was_masked_before_is_not_said_to_be_masked_again(void **state)
{
    (void)state;
    struct connection connection;

    greet(&connection, PERMISSION_TRUSTED_NETWORK);
    connection.transaction.masked = true;
    ask(&connection, TOKEN_ROLE_HIDDEN, &granted, DESTINATION_EXTERNAL);
    assert_int_equal(said, 0);
    assert_int_equal(told, 1);
    assert_true(masks_contain(&desk.masks, &connection.client.address));
}

static void a_mask_without_room_is_said_to_be_missing(void **state)
{
    (void)state;
    struct connection connection;
    struct mask other = {.address = {.family = ADDRESS_IPV4}};

    for (unsigned int i = 0; i < MASKS_MAX; i++) {
        other.address.octets[0] = 10;
        other.address.octets[2] = (uint8_t)(i >> 8);
        other.address.octets[3] = (uint8_t)i;
        assert_true(masks_hide(&desk.masks, &other, 1));
    }
    hide_at(&connection, PERMISSION_TRUSTED_NETWORK, 7);
    assert_int_equal(said, 1);
    assert_int_equal(said_severity, LOG_ERR);
    assert_non_null(strstr(said_text, "mask table full (1024)"));
    assert_non_null(strstr(said_text, "192.0.2.5 not masked"));
    assert_false(masks_contain(&desk.masks, &connection.client.address));
}

/* The route that hid the client heals it, once for each hello; another route does not. */
static void a_true_ask_heals_by_its_route(void **state)
{
    (void)state;
    struct connection connection;

    hide_at(&connection, PERMISSION_TRUSTED_NETWORK, 7);
    greet(&connection, PERMISSION_NONE);
    connection.audit.route[0] = 8;
    ask(&connection, TOKEN_ROLE_TRUE, &refused, DESTINATION_EXTERNAL);
    assert_int_equal(healed, 1);
    assert_true(masks_contain(&desk.masks, &connection.client.address));
    greet(&connection, PERMISSION_NONE);
    ask(&connection, TOKEN_ROLE_TRUE, &refused, DESTINATION_EXTERNAL);
    ask(&connection, TOKEN_ROLE_TRUE, &refused, DESTINATION_EXTERNAL);
    assert_int_equal(healed, 2);
    assert_false(masks_contain(&desk.masks, &connection.client.address));
    for (int role = TOKEN_ROLE_HIDDEN; role < TOKEN_ROLES; role++) {
        greet(&connection, PERMISSION_NONE);
        ask(&connection, (enum token_role)role, &refused, DESTINATION_EXTERNAL);
        assert_int_equal(healed, 2);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_an_ask_proves),
        TEST(a_hidden_client_is_told_once_for_each_hello),
        TEST(after_an_ask_nothing_external_passes),
        TEST(a_hello_is_answered_by_all_that_the_connection_knows),
        TEST(what_is_no_hello_of_ours_gets_no_answer),
        TEST(the_other_key_counts_as_well),
        TEST(an_ask_is_answered_by_what_the_mta_decided),
        TEST(a_recipient_of_last_resort_is_refused_in_plain_words),
        TEST(a_hidden_client_is_masked_if_it_is_trusted),
        TEST(a_client_that_was_masked_before_is_not_said_to_be_masked_again),
        TEST(a_mask_without_room_is_said_to_be_missing),
        TEST(a_true_ask_heals_by_its_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
