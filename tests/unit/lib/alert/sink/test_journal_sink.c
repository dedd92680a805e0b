#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "tests/unit/alert_sample.h"
#include "tests/unit/sink_place.h"

#define WAIT_MS 60000

static int set_up(void **state)
{
    struct sink_place *place = sink_place_new(true);

    place->sink = sink_journal_new(&(struct sink_source){
        .identity = &sample_identity, .settings = &sample_settings, .journal_socket = place->path});
    assert_non_null(place->sink);
    *state = place;
    return 0;
}

/* Whether an entry has this line: "NAME=value". */
static bool has(const char *entry, const char *line)
{
    char wanted[1024];

    snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    return strstr(entry, wanted + 1) == entry || strstr(entry, wanted) != NULL;
}

static void each_field_of_the_finding_is_a_field_of_the_entry(void **state)
{
    struct sink_place *place = *state;
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    char entry[32768];

    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
    assert_true(sample_receive(place->daemon, entry, sizeof(entry), WAIT_MS) > 0);
    assert_ptr_equal(strstr(entry, "MESSAGE=CRITICAL open-relay incident=0123456789abcdef "),
                     entry);
    static const char *const lines[] = {
        "PRIORITY=2",
        "SYSLOG_FACILITY=2",
        "SYSLOG_IDENTIFIER=relaywarden-milter",
        "RELAYWARDEN_INCIDENT=0123456789abcdef",
        "RELAYWARDEN_STATE=opened",
        "RELAYWARDEN_KIND=open-relay",
        "RELAYWARDEN_SEVERITY=critical",
        "RELAYWARDEN_COUNT=1",
        "RELAYWARDEN_WHY=A stranger was granted relaying",
        "RELAYWARDEN_FIX=Narrow mynetworks",
        "RELAYWARDEN_CLIENT=198.51.100.9",
        "RELAYWARDEN_RECIPIENT=<\"b c\"@example.com>",
        "RELAYWARDEN_QUEUE_ID=4XyZ",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_true(has(entry, lines[i]));
    const char *page = strstr(entry, "\nDOCUMENTATION=file:///");
    assert_non_null(page);
    assert_non_null(strstr(page, "/findings/open-relay.md\n"));
    const char *id = strstr(entry, "\nMESSAGE_ID=");
    assert_non_null(id);
    assert_int_equal(strspn(id + 12, "0123456789abcdef"), 32);
}

static void a_resolved_incident_is_a_notice_with_the_same_message_id(void **state)
{
    struct sink_place *place = *state;
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    char opened[32768];
    char resolved[32768];

    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
    announcement.state = INCIDENT_RESOLVED;
    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
    assert_true(sample_receive(place->daemon, opened, sizeof(opened), WAIT_MS) > 0);
    assert_true(sample_receive(place->daemon, resolved, sizeof(resolved), WAIT_MS) > 0);
    assert_true(has(resolved, "PRIORITY=5"));
    assert_true(has(resolved, "RELAYWARDEN_STATE=resolved"));
    assert_memory_equal(strstr(opened, "\nMESSAGE_ID="), strstr(resolved, "\nMESSAGE_ID="), 44);
}

static void each_kind_has_a_message_id_of_its_own_that_the_catalog_explains(void **state)
{
    struct sink_place *place = *state;
    char *catalog = sample_read_file("conf/share/relaywarden.catalog");
    char ids[FINDING_KINDS][33];

    for (int kind = 0; kind < FINDING_KINDS; kind++) {
        struct finding finding = sample_finding((enum finding_kind)kind, "L", "a");
        struct announcement announcement = sample_announcement(&finding);
        char entry[32768];
        char heading[80];

        assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
        assert_true(sample_receive(place->daemon, entry, sizeof(entry), WAIT_MS) > 0);
        memcpy(ids[kind], strstr(entry, "\nMESSAGE_ID=") + 12, 32);
        ids[kind][32] = '\0';
        snprintf(heading, sizeof(heading), "\n-- %.32s\nSubject: ", ids[kind]);
        assert_non_null(strstr(catalog, heading));
        for (int i = 0; i < kind; i++)
            assert_string_not_equal(ids[i], ids[kind]);
    }
    free(catalog);
}

static void a_hostile_value_makes_no_field(void **state)
{
    struct sink_place *place = *state;
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", "a");
    char entry[32768];

    assert_true(
        finding_add(&finding, "helo", FIELD_EVIDENCE | FIELD_LOGGED, "x\nPRIORITY=0\nMESSAGE=y"));
    struct announcement announcement = sample_announcement(&finding);
    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
    assert_true(sample_receive(place->daemon, entry, sizeof(entry), WAIT_MS) > 0);
    assert_true(has(entry, "RELAYWARDEN_HELO=x\\x0APRIORITY=0\\x0AMESSAGE=y"));

    /* A sentence is made printable by whoever writes it; should that be forgotten: */
    finding_why(&finding, "a\nPRIORITY=0\nb");
    announcement = sample_announcement(&finding);
    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
    int length = sample_receive(place->daemon, entry, sizeof(entry), WAIT_MS);
    assert_true(length > 0);

    static const char form[] = "\nRELAYWARDEN_WHY\n\x0e\0\0\0\0\0\0\0a\nPRIORITY=0\nb\n";
    bool found = false;
    for (int i = 0; i + (int)sizeof(form) - 1 <= length; i++)
        found = found || memcmp(entry + i, form, sizeof(form) - 1) == 0;
    assert_true(found);
}

static void a_line_of_the_programs_own_is_an_entry(void **state)
{
    struct sink_place *place = *state;
    char entry[4096];

    assert_int_equal(place->sink->say(place->sink, LOG_WARNING, "ready", place->error), 0);
    assert_true(sample_receive(place->daemon, entry, sizeof(entry), WAIT_MS) > 0);
    assert_true(has(entry, "MESSAGE=ready"));
    assert_true(has(entry, "PRIORITY=4"));
    assert_null(strstr(entry, "MESSAGE_ID"));
}

static void a_journal_that_does_not_read_blocks_nothing(void **state)
{
    struct sink_place *place = *state;
    int result = 0;
    int sent = 0;

    for (; sent < 5000 && result == 0; sent++)
        result = place->sink->say(place->sink, LOG_INFO, "line", place->error);
    assert_int_equal(result, -1);
    assert_non_null(strstr(place->error, "does not read its socket"));
    assert_int_equal(place->sink->lost, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, sink_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_field_of_the_finding_is_a_field_of_the_entry),
        TEST(a_resolved_incident_is_a_notice_with_the_same_message_id),
        TEST(each_kind_has_a_message_id_of_its_own_that_the_catalog_explains),
        TEST(a_hostile_value_makes_no_field),
        TEST(a_line_of_the_programs_own_is_an_entry),
        TEST(a_journal_that_does_not_read_blocks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
