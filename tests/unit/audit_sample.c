#include "tests/unit/audit_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
    enum outcome outcome;
    int code;
    const char *enhanced;
    const char *text;
} answers[] = {
    {OUTCOME_ACCEPTED, 250, "2.1.5", "Ok"},
    {OUTCOME_RELAY_DENIED, 554, "5.7.1", "<canary@outside.example.net>: Relay access denied"},
    {OUTCOME_AUTH_REQUIRED, 530, "5.7.0", "Authentication required"},
    {OUTCOME_TLS_REQUIRED, 530, "5.7.0", "Must issue a STARTTLS command first"},
    {OUTCOME_SENDER_REFUSED, 450, "4.1.8", "Sender address rejected: Domain not found"},
    {OUTCOME_CLIENT_REFUSED, 554, "5.7.1", "Client host rejected: Access denied"},
    {OUTCOME_RECIPIENT_REFUSED, 550, "5.1.1", "User unknown"},
    {OUTCOME_GREYLISTED, 450, "4.2.0", "Greylisted"},
    {OUTCOME_DEFERRED, 451, "4.3.0", "Temporary lookup failure"},
    {OUTCOME_CLOSING, 421, "4.7.0", "too many errors"},
};

struct technique_result *audit_sample_row(struct endpoint_result *result, const char *id)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (strcmp(result->techniques[i].technique->id, id) == 0) {
            return &result->techniques[i];
        }
    }
    fail_msg("there is no technique %s", id);
    return NULL;
}

static size_t answer_for(enum outcome outcome)
{
    size_t i = 0;
    while (i < ROWS(answers) && answers[i].outcome != outcome) {
        i++;
    }
    assert_in_range(i, 0, ROWS(answers) - 1);
    return i;
}

void audit_sample_answer(struct endpoint_result *result, const char *id, enum outcome outcome)
{
    struct technique_result *row = audit_sample_row(result, id);
    size_t answer = answer_for(outcome);

    row->asked = true;
    row->absent = false;
    row->code = answers[answer].code;
    row->outcome = outcome;
    snprintf(row->enhanced, sizeof(row->enhanced), "%s", answers[answer].enhanced);
    row->text = answers[answer].text;
}

void audit_sample_control(struct endpoint_result *result, const char *id, enum outcome outcome)
{
    struct technique_result *row = audit_sample_row(result, id);

    row->control_asked = true;
    row->control = outcome;
    row->control_code = answers[answer_for(outcome)].code;
}

void audit_sample_unask(struct endpoint_result *result, const char *id)
{
    struct technique_result *row = audit_sample_row(result, id);
    const struct technique *technique = row->technique;

    *row = (struct technique_result){
        .technique = technique, .helo = "", .sender = "", .recipient = "", .text = "not asked"};
}

void audit_sample_closed(struct endpoint_result *result)
{
    static const struct technique_place place = {
        .canary = "canary@outside.example.net",
        .own = "example.org",
        .host = "mx.example.org",
        .literal = "[203.0.113.25]",
        .client = "[198.51.100.7]",
        .greeted = "greeted.example.org",
        .ehlo = "ehlo.example.org",
        .address = "203.0.113.25",
        .loopback = "127.0.0.1",
    };
    static struct envelope envelopes[RESULT_TECHNIQUES];

    result_free(result);
    memset(result, 0, sizeof(*result));
    snprintf(result->endpoint.target, sizeof(result->endpoint.target), "mx");
    snprintf(result->endpoint.host, sizeof(result->endpoint.host), "mx.example.org");
    snprintf(result->endpoint.own, sizeof(result->endpoint.own), "example.org");
    snprintf(result->banner, sizeof(result->banner), "mx.example.org ESMTP");
    result->capabilities[result->capability_count++] = "PIPELINING";
    assert_true(address_parse("203.0.113.25", &result->endpoint.address));
    assert_true(address_parse("198.51.100.7", &result->source));
    result->endpoint.port = 25;
    result->endpoint.tls_asked = TLS_AUTO;
    result->reach = REACH_SESSION;
    for (size_t i = 0; i < technique_count; i++) {
        struct technique_result *row = result_add(result, &techniques[i]);

        assert_non_null(row);
        assert_true(technique_envelope(row->technique, &place, &envelopes[i]));
        row->helo = "probe.example.net";
        row->sender = envelopes[i].sender;
        row->recipient = envelopes[i].recipient;
        if (row->technique->identity == TECHNIQUE_IDENTITY_OWN) {
            audit_sample_answer(result, row->technique->id, OUTCOME_RELAY_DENIED);
        } else {
            audit_sample_unask(result, row->technique->id);
            row->absent = true;
        }
    }
}

void audit_sample_answer_all(struct endpoint_result *result, enum outcome outcome)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (!result->techniques[i].absent) {
            audit_sample_answer(result, result->techniques[i].technique->id, outcome);
        }
    }
}

const struct finding *audit_sample_finding(const struct endpoint_result *result,
                                           enum finding_kind kind)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        if (result->findings[i].kind == kind) {
            return &result->findings[i];
        }
    }
    return NULL;
}

static void assert_sentence(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || text[length - 1] != '.') {
        fail_msg("no whole sentence: \"%s\"", text);
    }
}

void audit_sample_judge(struct endpoint_result *result, const struct vantage_known *vantage)
{
    verdict_endpoint(result, vantage);
    assert_sentence(result->why);
    if (result->verdict != VERDICT_CLOSED) {
        assert_sentence(result->fix.text);
    }
    for (size_t i = 0; i < result->finding_count; i++) {
        assert_sentence(result->findings[i].why);
        assert_sentence(result->findings[i].fix.text);
    }
}

void audit_sample_judged(const struct endpoint_result *result, enum verdict verdict,
                         enum cause cause, int code)
{
    assert_string_equal(verdict_name(result->verdict), verdict_name(verdict));
    assert_string_equal(cause_name(result->cause), cause_name(cause));
    assert_int_equal(result->proof, verdict == VERDICT_OPEN ? PROOF_RCPT : PROOF_NONE);
    assert_int_equal(verdict_exit_of(result), code);
}

void audit_sample_says(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, text);
    }
}
