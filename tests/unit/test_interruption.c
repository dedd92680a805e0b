#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>

#include "probe/audit.h"
#include "tests/unit/conf_try.h"
#include "tests/unit/peer.h"

static const char *silence(const char *line, unsigned int connection, void *user)
{
    (void)line;
    (void)connection;
    (void)user;
    return PEER_SILENT;
}

static void an_audit_that_was_stopped_before_it_began_asks_nobody(void **state)
{
    static const struct peer_script script = {.greeting = PEER_CLOSE, .answer = silence};
    static volatile sig_atomic_t stopped = 1;
    struct conf_try attempt;
    struct target target;
    char text[512];
    char error[AUDIT_ERROR_SIZE > TARGET_ERROR_SIZE ? AUDIT_ERROR_SIZE : TARGET_ERROR_SIZE];

    (void)state;
    struct peer *peer = peer_start(&script);
    snprintf(text, sizeof(text),
             "state_directory = \"@/\"\nsite { domains = { \"example.org\" } }\n"
             "probe {\n canary = \"canary@outside.example.net\"\n"
             " target \"x\" {\n host = \"127.0.0.1\"\n ports = { %u }\n }\n}\n",
             (unsigned int)peer_port(peer));
    conf_try_begin(&attempt);
    conf_try_load(&attempt, text, CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    assert_true(target_from_conf(&attempt.conf->probe.targets[0], &target, error));
    const struct audit_request request = {
        .conf = attempt.conf, .targets = &target, .target_count = 1, .stopped = &stopped};
    struct audit *audit = audit_run(&request, error);
    assert_non_null(audit);
    const struct audit_summary *summary = audit_summary_of(audit);
    assert_true(summary->interrupted);
    assert_int_equal(summary->count, 1);
    assert_true(summary->results[0]->interrupted);
    audit_free(audit);
    peer_stop(peer);
    assert_int_equal(peer_connections(peer), 0);
    peer_free(peer);
    conf_try_end(&attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_audit_that_was_stopped_before_it_began_asks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
