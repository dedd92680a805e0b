#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/judge/probe_finding.h"
#include "probe/judge/verdict.h"
#include "probe/model/endpoint_text.h"
#include "probe/report/report.h"
#include "tests/unit/audit_sample.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct endpoint_result first;
static struct endpoint_result second;
static struct endpoint_result third;
static const struct endpoint_result *results[8];
static struct audit_summary summary;
static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};

static int fresh(void **state)
{
    (void)state;
    struct endpoint_result *const all[] = {&first, &second, &third};
    for (size_t i = 0; i < ROWS(all); i++) {
        audit_sample_closed(all[i]);
        verdict_endpoint(all[i], &outside);
        results[i] = all[i];
    }
    summary = (struct audit_summary){
        .results = results,
        .count = ROWS(all),
        .started = 1800000001,
        .seconds = 0.2149,
        .declared = VANTAGE_OUTSIDE,
        .source_count = 1,
    };
    assert_true(address_parse("198.51.100.7", &summary.sources[0]));
    return 0;
}

static void answer(struct endpoint_result *result, const char *id, enum outcome outcome)
{
    audit_sample_answer(result, id, outcome);
    verdict_endpoint(result, &outside);
}

/* ---- status line --------------------------------------------------------------------- */

static void assert_status(const char *wanted)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_status_line(out, &summary);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, wanted);
    free(text);
}

static void all_closed_is_ok(void **state)
{
    (void)state;
    assert_status("RELAY OK - 3 endpoints closed | endpoints=3 open=0 time=0.21s\n");
    summary.count = 1;
    assert_status("RELAY OK - 1 endpoint closed | endpoints=1 open=0 time=0.21s\n");
}

static void an_open_endpoint_is_named_with_its_cause(void **state)
{
    (void)state;
    answer(&second, "own-sender", OUTCOME_ACCEPTED);
    assert_status(
        "RELAY CRITICAL - 1 of 3 endpoints open: mx.example.org [203.0.113.25]:25 (sender-trusted) "
        "| endpoints=3 open=1 time=0.21s\n");
}

static void other_verdicts_follow_the_worst(void **state)
{
    (void)state;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    second.reach = REACH_NO_GREETING;
    verdict_endpoint(&second, &outside);
    third.reach = REACH_NO_CONNECT;
    verdict_endpoint(&third, &outside);
    assert_status(
        "RELAY CRITICAL - 1 of 3 endpoints open: mx.example.org [203.0.113.25]:25 (unconditional); "
        "1 of 3 endpoints inconclusive: mx.example.org [203.0.113.25]:25 (service-refused); "
        "1 of 3 endpoints unreachable: mx.example.org [203.0.113.25]:25 "
        "| endpoints=3 open=1 time=0.21s\n");
}

static void what_is_not_known_is_unknown(void **state)
{
    (void)state;
    summary.count = 1;
    answer(&first, "plain", OUTCOME_GREYLISTED);
    assert_status("RELAY UNKNOWN - 1 endpoint inconclusive: mx.example.org [203.0.113.25]:25 "
                  "| endpoints=1 open=0 time=0.21s\n");
    first.reach = REACH_NO_ADDRESS;
    first.endpoint.address = (struct address){.family = ADDRESS_NONE};
    verdict_endpoint(&first, &outside);
    assert_status("RELAY UNKNOWN - 1 endpoint unreachable: mx.example.org without an address "
                  "| endpoints=1 open=0 time=0.21s\n");
    summary.count = 0;
    assert_status("RELAY UNKNOWN - no endpoint was asked | endpoints=0 open=0 time=0.21s\n");
}

static void warnings_of_closed_endpoints_are_named(void **state)
{
    (void)state;
    first.cut_off = true;
    verdict_endpoint(&first, &outside);
    assert_status("RELAY WARNING - 3 endpoints closed, 1 warning: probe-blocked "
                  "| endpoints=3 open=0 time=0.21s\n");
    second.cut_off = true;
    verdict_endpoint(&second, &outside);
    assert_status("RELAY WARNING - 3 endpoints closed, 2 warnings: probe-blocked (2) "
                  "| endpoints=3 open=0 time=0.21s\n");
}

static void only_some_endpoints_are_named_and_the_rest_counted(void **state)
{
    (void)state;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    for (size_t i = 0; i < 5; i++) {
        results[i] = &first;
    }
    summary.count = 5;
    assert_status(
        "RELAY CRITICAL - 5 endpoints open: mx.example.org [203.0.113.25]:25 (unconditional), "
        "mx.example.org [203.0.113.25]:25 (unconditional), "
        "mx.example.org [203.0.113.25]:25 (unconditional) and 2 more "
        "| endpoints=5 open=5 time=0.21s\n");
}

static void a_host_without_a_name_is_not_said_twice(void **state)
{
    (void)state;
    snprintf(first.endpoint.host, sizeof(first.endpoint.host), "203.0.113.25");
    answer(&first, "plain", OUTCOME_ACCEPTED);
    summary.count = 1;
    assert_status("RELAY CRITICAL - 1 endpoint open: 203.0.113.25:25 (unconditional) "
                  "| endpoints=1 open=1 time=0.21s\n");
}

/* A monitor would read numbers after it, and forget the rest after a newline. */
static void no_name_brings_a_pipe_or_a_newline_into_the_status_line(void **state)
{
    (void)state;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    snprintf(first.endpoint.host, sizeof(first.endpoint.host), "mx|endpoints=0\nRELAY OK");
    summary.count = 1;
    assert_status("RELAY CRITICAL - 1 endpoint open: mx/endpoints=0/RELAY OK [203.0.113.25]:25 "
                  "(unconditional) | endpoints=1 open=1 time=0.21s\n");
}

/* ---- account ------------------------------------------------------------------------- */

/* As -v shows it. */
static char *account(bool colour)
{
    const struct report_look look = {.colour = colour, .verbose = true};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_text(out, &summary, &look);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_account_has(const char *word)
{
    char *text = account(false);
    if (strstr(text, word) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", word, text);
    }
    free(text);
}

static void the_account_tells_verdict_cause_reason_remedy_and_replies(void **state)
{
    (void)state;
    answer(&first, "own-sender", OUTCOME_ACCEPTED);
    audit_sample_control(&first, "quoted", OUTCOME_RECIPIENT_REFUSED);
    assert_account_has("mx.example.org [203.0.113.25]:25, target mx\n  OPEN RELAY:");
    assert_account_has("\n  cause     sender-trusted\n  proof     rcpt: a recipient was accepted; "
                       "that mail arrives was not "
                       "shown\n  why       A stranger (198.51.100.7)");
    assert_account_has("\n  change    Postfix: ");
    assert_account_has("\n  own-sender            250 2.1.5    accepted           Ok\n");
    assert_account_has("\n  plain                 554 5.7.1    relay-denied\n"
                       "      <canary@outside.example.net>: Relay access denied\n");
    assert_account_has("\n    its control         550          recipient-refused\n");
    assert_account_has("\n  finding   CRITICAL open-relay\n");
    assert_account_has("\n  CLOSED: relaying is refused\n");
}

static void the_first_screen_tells_no_technique_until_more_is_asked_for(void **state)
{
    static const char *const granted[] = {"The canary is that of the house."};
    const struct report_look look = {
        .granted = granted, .granted_count = ROWS(granted), .next = "Go on."};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    summary.count = 1;
    report_text(out, &summary, &look);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\n  CLOSED: relaying is refused\n  why       "));
    assert_non_null(strstr(text, "\n  asked     "));
    assert_non_null(strstr(text, " ways to ask for relaying: "));
    assert_non_null(strstr(text, "\n\ntaken for granted\n  - The canary is that of the house.\n"));
    assert_non_null(strstr(text, "\n\nnext step\n  Go on.\n"));
    for (size_t i = 0; i < technique_count; i++) {
        if (strchr(techniques[i].id, '-') != NULL && strstr(text, techniques[i].id) != NULL) {
            fail_msg("%s is in:\n%s", techniques[i].id, text);
        }
    }
    free(text);
}

static void a_host_is_named_with_its_address_port_and_tls(void **state)
{
    char text[ENDPOINT_SPELLED_SIZE];
    struct endpoint endpoint = first.endpoint;

    (void)state;
    endpoint.port = 465;
    assert_string_equal(endpoint_spell(&endpoint, TLS_IMPLICIT, text),
                        "mx.example.org [203.0.113.25]:465 (TLS)");
    endpoint.port = 587;
    assert_string_equal(endpoint_spell(&endpoint, TLS_STARTTLS, text),
                        "mx.example.org [203.0.113.25]:587 (STARTTLS)");
    snprintf(endpoint.host, sizeof(endpoint.host), "2001:db8::25");
    assert_true(address_parse("2001:db8::25", &endpoint.address));
    assert_string_equal(endpoint_spell(&endpoint, TLS_NONE, text), "[2001:db8::25]:587");
    endpoint.address.family = ADDRESS_NONE;
    assert_string_equal(endpoint_spell(&endpoint, TLS_NONE, text),
                        "2001:db8::25 without an address");
}

static void each_mta_of_a_remedy_begins_a_line(void **state)
{
    (void)state;
    snprintf(first.banner, sizeof(first.banner), "mx.example.org ESMTP Haraka");
    answer(&first, "plain", OUTCOME_ACCEPTED);
    assert_account_has("\n            Postfix: narrow mynetworks");
    assert_account_has("\n            Sendmail: remove FEATURE(promiscuous_relay)");
    assert_account_has("\n            Exim: narrow relay_from_hosts");
}

static void a_refusal_for_another_reason_is_told_with_its_code(void **state)
{
    char text[8192] = "";
    FILE *out = fmemopen(text, sizeof(text) - 1, "w");
    const struct report_look look = {.verbose = false};

    (void)state;
    assert_non_null(out);
    answer(&first, "quoted", OUTCOME_RECIPIENT_REFUSED);
    for (size_t i = 0; i < first.technique_count; i++) {
        if (first.techniques[i].outcome == OUTCOME_RECIPIENT_REFUSED) {
            first.techniques[i].code = 550;
            snprintf(first.techniques[i].enhanced, sizeof(first.techniques[i].enhanced), "5.1.1");
        }
    }
    summary.count = 1;
    report_text(out, &summary, &look);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, " refused, 1 refused for another"));
    assert_non_null(strstr(text, "(550 5.1.1)"));
}

static void a_technique_that_was_not_asked_says_why(void **state)
{
    (void)state;
    audit_sample_unask(&first, "quoted");
    assert_account_has("\n  quoted                -            -                  not asked\n");
}

static void techniques_that_got_the_same_answer_are_named_below_the_first(void **state)
{
    (void)state;
    answer(&first, "own-sender", OUTCOME_ACCEPTED);
    summary.count = 1;
    char *text = account(false);
    assert_non_null(
        strstr(text, "\n      the same: null-sender, percent-hack, quoted, source-route"));
    for (size_t i = 0; i < first.technique_count; i++) {
        if (!first.techniques[i].absent &&
            strstr(text, first.techniques[i].technique->id) == NULL) {
            fail_msg("%s is not in:\n%s", first.techniques[i].technique->id, text);
        }
    }
    assert_null(strstr(text, "\n  null-sender"));
    assert_non_null(strstr(text, "\n  own-sender            250"));
    free(text);
}

static void a_technique_that_makes_no_sense_there_is_not_shown(void **state)
{
    (void)state;
    summary.count = 1;
    audit_sample_unask(&first, "auth-null");
    audit_sample_row(&first, "auth-null")->absent = true;
    verdict_endpoint(&first, &outside);
    char *text = account(false);
    assert_null(strstr(text, "auth-null"));
    assert_non_null(strstr(text, "none of 59 techniques"));
    free(text);
}

static void an_endpoint_that_was_not_reached_has_no_table(void **state)
{
    (void)state;
    summary.count = 1;
    first.reach = REACH_NO_CONNECT;
    snprintf(first.trouble, sizeof(first.trouble), "connection refused");
    verdict_endpoint(&first, &outside);
    assert_account_has("UNREACHABLE");
    assert_account_has("No connection could be made: connection refused.");
    char *text = account(false);
    assert_null(strstr(text, "what the server said"));
    free(text);
}

static size_t widest_prose(const char *text)
{
    size_t widest = 0;
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        size_t width = 0;
        for (size_t i = 0; i < length; i++) {
            width += ((unsigned char)line[i] & 0xC0) != 0x80;
        }
        widest = width > widest ? width : widest;
        line += length + (line[length] == '\n');
    }
    return widest;
}

static void prose_is_wrapped_by_characters_not_octets(void **state)
{
    (void)state;
    summary.count = 1;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    first.technique_count = 0;
    char *text = account(false);
    assert_in_range(widest_prose(text), 70, 78);
    free(text);

    for (size_t i = 0; i < 30; i++) {
        snprintf(first.why + 7 * i, sizeof(first.why) - 7 * i, "%s", "\xc3\xa4\xc3\xb6\xc3\xbc ");
    }
    text = account(false);
    assert_in_range(widest_prose(text), 70, 78);
    free(text);
}

static void a_word_longer_than_a_line_stays_whole(void **state)
{
    (void)state;
    memset(first.why, 'w', 200);
    first.why[200] = '\0';
    char word[201];
    memset(word, 'w', 200);
    word[200] = '\0';
    assert_account_has(word);
}

static void colour_is_used_only_where_it_is_asked_for(void **state)
{
    (void)state;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    char *plain = account(false);
    char *coloured = account(true);
    assert_null(strchr(plain, '\033'));
    assert_non_null(strstr(
        coloured, "\033[1;31mOPEN RELAY: strangers can send mail through this server\033[0m"));
    assert_non_null(strstr(coloured, "\033[1;32mCLOSED: relaying is refused\033[0m"));
    free(plain);
    free(coloured);
}

static void a_findings_own_reason_is_told_and_the_endpoints_not_twice(void **state)
{
    (void)state;
    summary.count = 1;
    first.cut_off = true;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    assert_account_has(
        "  finding   WARNING probe-blocked\n    why     The server cut the probe off");
    char *text = account(false);
    char *once = strstr(text, "A stranger (198.51.100.7)");
    assert_non_null(once);
    assert_null(strstr(once + 1, "A stranger (198.51.100.7)"));
    free(text);
}

/* ---- JSON ---------------------------------------------------------------------------- */

static json_t *make_json(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *into = open_memstream(&text, &length);
    assert_non_null(into);
    assert_true(report_json(into, &summary));
    assert_int_equal(fclose(into), 0);
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    free(text);
    return object;
}

static void assert_keys(json_t *object, const char *const *wanted, size_t count)
{
    void *at = json_object_iter(object);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(at);
        assert_string_equal(json_object_iter_key(at), wanted[i]);
        at = json_object_iter_next(object, at);
    }
    assert_null(at);
}

static void the_object_has_the_documented_keys_in_order(void **state)
{
    (void)state;
    static const char *const top[] = {"program", "version",   "schema", "started", "seconds",
                                      "vantage", "endpoints", "worst",  "exit",    "messages"};
    static const char *const endpoint[] = {
        "target",     "host",     "address", "port",     "tls",         "verdict", "proof",
        "cause",      "why",      "fix",     "remedies", "milter",      "banner",  "capabilities",
        "techniques", "findings", "notes",   "message",  "tls_session", "hosted"};
    static const char *const technique[] = {"id",       "helo", "sender",  "recipient", "code",
                                            "enhanced", "text", "outcome", "control"};
    static const char *const finding[] = {"kind", "severity", "why", "fix", "remedies"};
    static const char *const vantage[] = {"declared", "sources"};
    static const char *const milter[] = {"observed"};
    answer(&first, "plain", OUTCOME_ACCEPTED);
    json_t *object = make_json();
    json_t *one = json_array_get(json_object_get(object, "endpoints"), 0);

    assert_keys(object, top, ROWS(top));
    assert_keys(json_object_get(object, "vantage"), vantage, ROWS(vantage));
    assert_keys(one, endpoint, ROWS(endpoint));
    assert_keys(json_object_get(one, "milter"), milter, ROWS(milter));
    assert_keys(json_array_get(json_object_get(one, "techniques"), 0), technique, ROWS(technique));
    assert_keys(json_array_get(json_object_get(one, "findings"), 0), finding, ROWS(finding));
    json_decref(object);
}

static void the_object_holds_what_was_learnt(void **state)
{
    (void)state;
    static const char wanted[] =
        "{\"target\":\"mx\",\"host\":\"mx.example.org\",\"address\":\"203.0.113.25\",\"port\":25,"
        "\"tls\":\"none\",\"verdict\":\"open\",\"proof\":\"rcpt\",\"cause\":\"unconditional\","
        "\"why\":\"W\","
        "\"fix\":\"Postfix: "
        "F\",\"remedies\":[{\"mta\":\"postfix\",\"text\":\"F\"}],\"milter\":{\"observed\":false},"
        "\"banner\":\"mx.example.org ESMTP\","
        "\"capabilities\":[\"PIPELINING\"],\"techniques\":[{\"id\":\"plain\",\"helo\":\"probe."
        "example.net\","
        "\"sender\":\"<canary@outside.example.net>\",\"recipient\":\"<canary@outside.example.net>"
        "\","
        "\"code\":250,\"enhanced\":\"2.1.5\",\"text\":\"Ok\",\"outcome\":\"accepted\",\"control\":"
        "null}],"
        "\"findings\":[{\"kind\":\"open-relay\",\"severity\":\"critical\",\"why\":\"V\",\"fix\":"
        "\"X\",\"remedies\":[{\"mta\":null,\"text\":\"X\"}]}],\"notes\":[\"N.\"],\"message\":null,"
        "\"tls_session\":null,\"hosted\":false}";
    first.technique_count = 1;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    snprintf(first.why, sizeof(first.why), "W");
    remedies_clear(&first.fix);
    remedies_add(&first.fix, MTA_POSTFIX, "F");
    finding_why(&first.findings[0], "V");
    finding_fix(&first.findings[0], "X");
    probe_finding_note(&first, "N.");
    json_t *object = make_json();
    char *text = json_dumps(json_array_get(json_object_get(object, "endpoints"), 0), JSON_COMPACT);
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);

    text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    assert_non_null(text);
    assert_non_null(strstr(
        text,
        "{\"program\":\"relaywarden-probe\",\"version\":\"" RELAYWARDEN_VERSION "\",\"schema\":1,"
        "\"started\":\"2027-01-15T08:00:01Z\",\"seconds\":0.21,\"vantage\":{\"declared\":"
        "\"outside\",\"sources\":[\"198.51.100.7\"]},\"endpoints\":[{"));
    assert_non_null(strstr(text, "],\"worst\":\"open\",\"exit\":2,\"messages\":0}"));
    free(text);
    json_decref(object);
}

static void what_is_not_set_is_null(void **state)
{
    (void)state;
    audit_sample_control(&first, "quoted", OUTCOME_RECIPIENT_REFUSED);
    audit_sample_unask(&first, "bang-path");
    json_t *object = make_json();
    json_t *one = json_array_get(json_object_get(object, "endpoints"), 0);
    json_t *rows = json_object_get(one, "techniques");

    assert_true(json_is_null(json_object_get(one, "proof")));
    assert_true(json_is_null(json_object_get(one, "cause")));
    assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "control")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 4), "control")),
                        "recipient-refused");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 6), "outcome")));
    assert_true(json_is_null(json_object_get(json_array_get(rows, 6), "text")));
    assert_true(json_is_null(json_object_get(json_array_get(rows, 6), "code")));
    assert_string_equal(json_string_value(json_object_get(object, "worst")), "closed");
    assert_int_equal(json_integer_value(json_object_get(object, "exit")), 0);
    json_decref(object);
}

static void a_target_without_an_address_is_one_unreachable_endpoint(void **state)
{
    (void)state;
    summary.count = 1;
    summary.source_count = 0;
    memset(&first, 0, sizeof(first));
    snprintf(first.endpoint.target, sizeof(first.endpoint.target), "mx");
    verdict_endpoint(&first, &outside);
    json_t *object = make_json();
    json_t *one = json_array_get(json_object_get(object, "endpoints"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "verdict")), "unreachable");
    assert_string_equal(json_string_value(json_object_get(one, "address")), "");
    assert_int_equal(json_array_size(json_object_get(one, "techniques")), 0);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(object, "vantage"), "sources")), 0);
    assert_int_equal(json_integer_value(json_object_get(object, "exit")), 3);
    json_decref(object);
}

/* ---- no memory ----------------------------------------------------------------------- */

static long allocations_left;

static void *failing_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void memory_that_runs_out_anywhere_is_told_and_leaks_nothing(void **state)
{
    (void)state;
    answer(&first, "plain", OUTCOME_ACCEPTED);
    summary.count = 1;
    bool whole = false;
    FILE *into = fopen("/dev/null", "w");
    assert_non_null(into);
    json_set_alloc_funcs(failing_malloc, free);
    for (long allowed = 0; !whole; allowed++) {
        assert_in_range(allowed, 0, 10000);
        allocations_left = allowed;
        whole = report_json(into, &summary);
        assert_true(whole || allocations_left < 0);
    }
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(fclose(into), 0);
}

#define CASE(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_closed_is_ok),
        CASE(an_open_endpoint_is_named_with_its_cause),
        CASE(other_verdicts_follow_the_worst),
        CASE(what_is_not_known_is_unknown),
        CASE(warnings_of_closed_endpoints_are_named),
        CASE(only_some_endpoints_are_named_and_the_rest_counted),
        CASE(a_host_without_a_name_is_not_said_twice),
        CASE(no_name_brings_a_pipe_or_a_newline_into_the_status_line),
        CASE(the_account_tells_verdict_cause_reason_remedy_and_replies),
        CASE(the_first_screen_tells_no_technique_until_more_is_asked_for),
        CASE(a_host_is_named_with_its_address_port_and_tls),
        CASE(each_mta_of_a_remedy_begins_a_line),
        CASE(a_refusal_for_another_reason_is_told_with_its_code),
        CASE(a_technique_that_was_not_asked_says_why),
        CASE(techniques_that_got_the_same_answer_are_named_below_the_first),
        CASE(a_technique_that_makes_no_sense_there_is_not_shown),
        CASE(an_endpoint_that_was_not_reached_has_no_table),
        CASE(prose_is_wrapped_by_characters_not_octets),
        CASE(a_word_longer_than_a_line_stays_whole),
        CASE(colour_is_used_only_where_it_is_asked_for),
        CASE(a_findings_own_reason_is_told_and_the_endpoints_not_twice),
        CASE(the_object_has_the_documented_keys_in_order),
        CASE(the_object_holds_what_was_learnt),
        CASE(what_is_not_set_is_null),
        CASE(a_target_without_an_address_is_one_unreachable_endpoint),
        CASE(memory_that_runs_out_anywhere_is_told_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
