/* Enforcement of a finding, and the reply to the client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/alert/reporter.h"
#include "tests/unit/milter_sample.h"

/* The last findings handed over. */
static struct finding heard[8];
static size_t heard_count;

static void hear(const struct finding *finding)
{
    if (heard_count < sizeof(heard) / sizeof(heard[0])) {
        heard[heard_count] = *finding;
    }
    heard_count++;
}

#define reporter_hand_over(reporter, finding) hear(finding)
/* NOLINTNEXTLINE(bugprone-suspicious-include): so that findings are seen */
#include "milter/connection.c"
#undef reporter_hand_over

static struct transactions transactions = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static struct live_conf *snapshot;

static struct connection *begin(enum enforcement enforce, enum enforcement enforce_masked)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    const struct connection_origin origin = {
        .client = (const struct sockaddr *)&client,
        .daemon_address = "203.0.113.25",
        .daemon_port = "25",
    };

    assert_int_equal(inet_pton(AF_INET, "198.51.100.7", &client.sin_addr), 1);
    heard_count = 0;
    snapshot = live_conf_new(milter_sample_conf(), NULL);
    assert_non_null(snapshot);
    snapshot->rules.enforce = enforce;
    snapshot->rules.enforce_masked = enforce_masked;
    struct connection *connection = connection_new(snapshot, &transactions, &origin);
    assert_non_null(connection);
    assert_false(connection_mail(connection, "<a@sender.test>", &(struct client_macros){0}));
    return connection;
}

static const struct answer *rcpt(struct connection *connection, const char *mailer,
                                 const char *address)
{
    const struct rcpt_macros macros = {mailer, "next.test", address};
    char path[128];

    snprintf(path, sizeof(path), "<%s>", address);
    return connection_rcpt(connection, path, &macros);
}

static void observing_answers_nothing(void **state)
{
    (void)state;
    struct connection *connection = begin(ENFORCE_OBSERVE, ENFORCE_REJECT);

    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    assert_false(connection_data(connection, "4F2kXy1Qz"));
    assert_string_equal(finding_get(&heard[0], "enforced"), "observe");
    connection_free(connection);
}

static void refusing_answers_each_relayed_recipient_and_no_other(void **state)
{
    (void)state;
    static const struct {
        enum enforcement enforce;
        int code;
        const char *status;
        const char *begins;
    } rows[] = {
        {ENFORCE_REJECT, 550, "5.7.1", "Relaying denied: [198.51.100.7]"},
        {ENFORCE_DEFER, 451, "4.7.1", "Relaying denied for now: [198.51.100.7]"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connection *connection = begin(rows[i].enforce, ENFORCE_OBSERVE);
        for (int times = 0; times < 2; times++) {
            const struct answer *answer = rcpt(connection, "smtp", "b@outside.test");
            assert_non_null(answer);
            assert_int_equal(answer->code, rows[i].code);
            assert_string_equal(answer->status, rows[i].status);
            assert_memory_equal(answer->text, rows[i].begins, strlen(rows[i].begins));
            assert_non_null(strstr(answer->text, "see open-relay in the mail log"));
        }
        assert_null(rcpt(connection, "local", "u@example.org"));
        assert_null(rcpt(connection, "relay", "u@undeclared.test"));
        assert_false(connection_data(connection, "4F2kXy1Qz"));
        connection_free(connection);
    }
}

static void too_many_undeclared_domains_are_refused_and_those_of_other_mailers_are_not(void **state)
{
    (void)state;
    struct connection *connection = begin(ENFORCE_REJECT, ENFORCE_OBSERVE);
    const struct answer *answer = NULL;

    for (int number = 0; number <= UNDECLARED_MAX; number++) {
        char address[32];
        assert_null(answer);
        snprintf(address, sizeof(address), "u@d%d.test", number);
        answer = rcpt(connection, "relay", address);
    }
    assert_non_null(answer);
    assert_non_null(strstr(answer->text, "see open-relay in the mail log"));
    assert_non_null(rcpt(connection, "relay", "u@d0.test"));
    assert_null(rcpt(connection, "virtual", "u@d0.test"));
    assert_null(rcpt(connection, "relay", "u@example.org"));
    connection_free(connection);
}

static void a_masked_client_is_treated_as_the_option_for_those_says(void **state)
{
    (void)state;
    struct connection *connection = begin(ENFORCE_REJECT, ENFORCE_HOLD);

    connection->transaction.masked = true;
    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    assert_true(connection_data(connection, "4F2kXy1Qz"));
    connection_free(connection);
}

static void holding_is_of_one_transaction(void **state)
{
    (void)state;
    struct connection *connection = begin(ENFORCE_HOLD, ENFORCE_OBSERVE);

    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    assert_null(rcpt(connection, "local", "u@example.org"));
    assert_true(connection_data(connection, "4F2kXy1Qz"));
    assert_non_null(strstr(heard[0].why, "put on hold"));
    connection_hand_over(connection, NULL);
    assert_false(connection_mail(connection, "<a@sender.test>", &(struct client_macros){0}));
    assert_null(rcpt(connection, "local", "u@example.org"));
    assert_false(connection_data(connection, "4F2kXy1Qz"));
    connection_free(connection);
    assert_int_equal(heard_count, 1);
}

static void
what_was_given_up_or_has_its_queue_id_late_is_not_told_as_impossible_to_hold(void **state)
{
    (void)state;
    struct connection *connection = begin(ENFORCE_HOLD, ENFORCE_OBSERVE);

    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    connection_hand_over(connection, NULL);
    assert_int_equal(heard_count, 1);
    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    assert_true(connection_data(connection, NULL));
    assert_true(connection->hold_due);
    connection_hand_over(connection, "4F2kXy1Qz");
    assert_int_equal(heard_count, 2);
    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    connection_hand_over(connection, NULL);
    assert_int_equal(heard_count, 3);
    connection_free(connection);
}

static void what_cannot_be_held_is_told_and_let_go(void **state)
{
    (void)state;
    struct connection *connection = begin(ENFORCE_HOLD, ENFORCE_OBSERVE);

    /* A message, and no queue id to its end: smtpd_proxy_filter. */
    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    assert_true(connection_data(connection, NULL));
    connection_hand_over(connection, NULL);
    assert_int_equal(heard_count, 2);
    assert_int_equal(heard[1].kind, FINDING_HOLD_IMPOSSIBLE);
    assert_string_equal(heard[1].key, "203.0.113.25:25 no-queue-file");
    assert_false(connection->hold_due);
    assert_null(rcpt(connection, "smtp", "b@outside.test"));
    assert_true(connection_data(connection, "4F2kXy1Qz"));
    connection_not_held(connection);
    assert_string_equal(heard[3].key, "203.0.113.25:25 not-taken");
    assert_false(connection->hold_due);
    connection_free(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observing_answers_nothing),
        cmocka_unit_test(refusing_answers_each_relayed_recipient_and_no_other),
        cmocka_unit_test(
            too_many_undeclared_domains_are_refused_and_those_of_other_mailers_are_not),
        cmocka_unit_test(a_masked_client_is_treated_as_the_option_for_those_says),
        cmocka_unit_test(holding_is_of_one_transaction),
        cmocka_unit_test(
            what_was_given_up_or_has_its_queue_id_late_is_not_told_as_impossible_to_hold),
        cmocka_unit_test(what_cannot_be_held_is_told_and_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
