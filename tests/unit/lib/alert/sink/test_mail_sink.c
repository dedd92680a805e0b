#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/finding_page.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/sink_place.h"

/* In the place of sendmail: a script of sh; $0.out is where it may write. */
static void write_script(const struct sink_place *place, const char *text)
{
    FILE *file = fopen(place->path, "we");

    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    assert_int_equal(chmod(place->path, 0700), 0);
}

static int set_up(void **state)
{
    struct sink_place *place = sink_place_new(false);
    static char root[] = "root";
    static char other[] = "ops@example.net";
    static char option[] = "-t";
    static char nobody[] = "";
    char *to[] = {root, other};
    char *program[] = {place->path, option};
    struct alert_settings settings = sample_settings;

    signal(SIGPIPE, SIG_IGN);
    settings.mail = (struct mail_settings){
        .to = to, .to_count = 2, .from = nobody, .program = program, .program_count = 2};
    place->sink =
        sink_mail_new(&(struct sink_source){.identity = &sample_identity, .settings = &settings});
    assert_non_null(place->sink);
    write_script(place, "cat > $0.out");
    *state = place;
    return 0;
}

/* The message that the program got; the caller frees it. */
static char *send(struct sink_place *place, const struct finding *finding,
                  enum incident_state state)
{
    struct announcement announcement = sample_announcement(finding);
    char path[300];

    announcement.state = state;
    announcement.incident.opened = announcement.time - 60;
    announcement.incident.last_seen = announcement.time;
    place->error[0] = '\0';
    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
    snprintf(path, sizeof(path), "%s.out", place->path);
    return sample_read_file(path);
}

static void expect(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static void a_mail_has_its_headers_the_evidence_and_the_remedy(void **state)
{
    const struct finding finding = sample_open_relay();
    char *text = send(*state, &finding, INCIDENT_OPENED);
    char page[FINDING_PAGE_SIZE];

    expect(text, "From: relaywarden@mx.example.org\nTo: root,\n ops@example.net\n");
    expect(text, "\nSubject: [mx.example.org] CRITICAL open-relay: network 198.51.100.0/24,\n"
                 " listener 203.0.113.25:25\n");
    expect(text, "\nDate: Sun, 22 Nov 2026 01:02:03 +0000\n");
    expect(text, "\nMessage-ID: <incident.0123456789abcdef@mx.example.org>\n");
    expect(text, "\nAuto-Submitted: auto-generated\n");
    expect(text, "\nImportance: high\n");
    expect(text, "\n\nA stranger was granted relaying\n\nDo this:\n  Narrow mynetworks\n");
    expect(text, "\n  queue_id       4XyZ\n");
    expect(text, finding_page(FINDING_OPEN_RELAY, page));
    assert_null(strstr(text, "In-Reply-To"));
    free(text);
}

static void what_follows_answers_the_first_mail_of_its_incident(void **state)
{
    static const struct {
        enum incident_state state;
        const char *subject;
        const char *id;
    } rows[] = {
        {INCIDENT_REPEATED, "] STILL CRITICAL open-relay: ",
         "Message-ID: <incident.0123456789abcdef.repeated.1795309323@mx.example.org>\n"},
        {INCIDENT_RESOLVED, "] RESOLVED open-relay: ",
         "Message-ID: <incident.0123456789abcdef.resolved.1795309323@mx.example.org>\n"},
    };
    const struct finding finding = sample_open_relay();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = send(*state, &finding, rows[i].state);

        expect(text, rows[i].subject);
        expect(text, rows[i].id);
        expect(text, "\nIn-Reply-To: <incident.0123456789abcdef@mx.example.org>\n"
                     "References: <incident.0123456789abcdef@mx.example.org>\n");
        free(text);
    }
}

static void an_end_accuses_nobody_and_asks_for_nothing(void **state)
{
    const struct finding finding = sample_open_relay();
    char *text = send(*state, &finding, INCIDENT_RESOLVED);

    expect(text, "\n\nover: nothing of the kind since 2026-11-22T01:02:03Z; it was: A stranger");
    assert_null(strstr(text, "Do this"));
    assert_null(strstr(text, "Importance"));
    free(text);
}

/* RFC 2045: 76 octets; RFC 5322: no naked control, no octet past ASCII. */
static void expect_a_line_of_mail(const char *line)
{
    assert_true(strlen(line) <= 76);
    for (const char *at = line; *at != '\0'; at++) {
        assert_true(*at >= ' ' && *at < 0x7f);
    }
}

static void no_text_breaks_the_form_of_a_message(void **state)
{
    static const char *const texts[] = {
        "Zoë's \xe2\x82\xac \xf0\x9f\x98\x80 mailer",
        "=?utf-8?Q?forged?= words",
        "From here",
        ".",
        "trailing space ",
        "",
        "a=b",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct finding finding = sample_finding(FINDING_SUSPECTED_RELAY, texts[i], "rest");

        finding_why(&finding, "%s", texts[i]);
        char *text = send(*state, &finding, INCIDENT_OPENED);
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
            expect_a_line_of_mail(line);
            assert_int_not_equal(strcmp(line, "."), 0);
            assert_true(strncmp(line, "From ", 5) != 0);
        }
        free(text);
    }
}

static void a_program_that_fails_is_told_with_its_words_and_the_mail_waits(void **state)
{
    struct sink_place *place = *state;
    const struct finding finding = sample_open_relay();
    const struct announcement announcement = sample_announcement(&finding);

    write_script(place, "echo 'fatal: no queue' >&2; exit 75");
    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), -1);
    expect(place->error, " ended with code 75: fatal: no queue");
    assert_int_equal(place->sink->waiting, 1);
    assert_int_equal(place->sink->lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mail_has_its_headers_the_evidence_and_the_remedy, set_up,
                                        sink_place_tear_down),
        cmocka_unit_test_setup_teardown(what_follows_answers_the_first_mail_of_its_incident, set_up,
                                        sink_place_tear_down),
        cmocka_unit_test_setup_teardown(an_end_accuses_nobody_and_asks_for_nothing, set_up,
                                        sink_place_tear_down),
        cmocka_unit_test_setup_teardown(no_text_breaks_the_form_of_a_message, set_up,
                                        sink_place_tear_down),
        cmocka_unit_test_setup_teardown(
            a_program_that_fails_is_told_with_its_words_and_the_mail_waits, set_up,
            sink_place_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
