#include <stdlib.h>
#include <string.h>

#include "probe/model/endpoint_text.h"
#include "probe/model/evidence.h"
#include "probe/model/program.h"
#include "probe/report/junit.h"
#include "probe/report/report.h"
#include "probe/report/sarif.h"

/* ---- JUnit ------------------------------------------------------------------------------- */

#define MESSAGE_SIZE 640

static bool is_plain(const struct technique_result *asked)
{
    return strcmp(asked->technique->id, "plain") == 0;
}

/* A case that did not happen is no success: a verdict hangs on `plain`, so its want of an answer is
 * an error, and that of any other a case that was skipped. */
static enum junit_outcome outcome_of(const struct endpoint_result *result,
                                     const struct technique_result *asked)
{
    switch (evidence_of(asked)) {
    case EVIDENCE_PROVEN:
    case EVIDENCE_UNCERTAIN:
        /* From inside, an acceptance shows nothing. */
        return result->verdict == VERDICT_INCONCLUSIVE ? JUNIT_ERROR : JUNIT_FAILED;
    case EVIDENCE_REFUSED:
    case EVIDENCE_LOCAL:
        return JUNIT_PASSED;
    default:
        return is_plain(asked) && !asked->absent ? JUNIT_ERROR : JUNIT_SKIPPED;
    }
}

static void describe(const struct technique_result *asked, char out[MESSAGE_SIZE])
{
    if (asked->asked) {
        snprintf(out, MESSAGE_SIZE, "%s: %d %s%s%s", outcome_name(asked->outcome), asked->code,
                 asked->enhanced, asked->enhanced[0] != '\0' ? " " : "", asked->text);
    } else {
        snprintf(out, MESSAGE_SIZE, "%s", asked->text);
    }
}

/* An endpoint that nothing was asked of still has the case that its verdict hangs on. */
static void write_unasked(FILE *out, const struct endpoint_result *result, const char *name)
{
    const struct junit_case one = {.name = "plain",
                                   .outcome = JUNIT_ERROR,
                                   .type = verdict_name(result->verdict),
                                   .message = result->why,
                                   .detail = result->fix.text};
    const struct junit_suite suite = {
        .name = name, .cases = &one, .count = 1, .seconds = result->seconds};

    junit_write(out, &suite);
}

static void write_suite(FILE *out, const struct endpoint_result *result,
                        char (*messages)[MESSAGE_SIZE], struct junit_case *cases)
{
    char name[ENDPOINT_SPELLED_SIZE];

    endpoint_spell(&result->endpoint, result_tls(result), name);
    if (result->reach != REACH_SESSION || result->technique_count == 0) {
        write_unasked(out, result, name);
        return;
    }
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        describe(asked, messages[i]);
        cases[i] = (struct junit_case){.name = asked->technique->id,
                                       .outcome = outcome_of(result, asked),
                                       .type = verdict_name(result->verdict),
                                       .message = messages[i]};
        if (cases[i].outcome == JUNIT_FAILED) {
            cases[i].detail = result->fix.text;
        }
    }
    const struct junit_suite suite = {
        .name = name, .cases = cases, .count = result->technique_count, .seconds = result->seconds};
    junit_write(out, &suite);
}

bool report_junit(FILE *out, const struct audit_summary *summary)
{
    char(*messages)[MESSAGE_SIZE] = calloc(RESULT_TECHNIQUES, sizeof(*messages));
    struct junit_case *cases = calloc(RESULT_TECHNIQUES, sizeof(*cases));
    bool whole = messages != NULL && cases != NULL;

    junit_begin(out, PROBE_PROGRAM);
    for (size_t i = 0; whole && i < summary->count; i++) {
        write_suite(out, audit_summary_result(summary, i), messages, cases);
    }
    junit_end(out);
    free(messages);
    free(cases);
    return whole && ferror(out) == 0;
}

/* ---- SARIF ------------------------------------------------------------------------------- */

/* One sentence a kind that the probe finds; the whole text is in the result. */
static const struct {
    enum finding_kind kind;
    const char *text;
} kinds[] = {
    {FINDING_OPEN_RELAY, "A stranger may send mail to anybody through this server."},
    {FINDING_CLIENT_ADDRESS_HIDDEN, "Strangers reach the server under another address."},
    {FINDING_XCLIENT_EXPOSED, "A stranger may choose an identity with XCLIENT."},
    {FINDING_PROXY_PROTOCOL_EXPOSED, "A stranger may choose an address with a PROXY header."},
    {FINDING_ANONYMOUS_AUTH, "SASL ANONYMOUS is offered."},
    {FINDING_SUSPECTED_RELAY, "Something was accepted that may be relaying."},
    {FINDING_SERVICE_REFUSED, "The server takes connections and gives no service."},
    {FINDING_MILTER_MISSING, "The filter on the mail host did not answer."},
    {FINDING_PROBE_BLOCKED, "The server cut the probe off."},
    {FINDING_VANTAGE_INSIDE, "The probe stands in a trusted network."},
    {FINDING_VANTAGE_UNPROVEN, "The probe cannot know whether it stands outside."},
    {FINDING_PTR_MISSING, "The server's address has no name in DNS."},
    {FINDING_FCRDNS_MISMATCH, "The name of the server's address leads elsewhere."},
    {FINDING_GENERIC_HOSTNAME, "The server's name is one that networks give to clients."},
    {FINDING_BLOCKLISTED, "The server's address is on a block list."},
    {FINDING_BANNER_VERSION, "The greeting tells which software and version this is."},
    {FINDING_AUTH_WITHOUT_TLS, "Passwords may be sent in clear."},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void write_finding(struct sarif *sarif, const struct endpoint_result *result,
                          const struct finding *finding)
{
    static const enum sarif_level levels[] = {
        [SEVERITY_INFO] = SARIF_NOTE,
        [SEVERITY_WARNING] = SARIF_WARNING,
        [SEVERITY_CRITICAL] = SARIF_ERROR,
    };
    char message[FINDING_WHY_SIZE + REMEDIES_SIZE + 2];
    char place[ENDPOINT_SPELLED_SIZE];
    char key[FINDING_KEY_SIZE + 32];

    snprintf(message, sizeof(message), "%s%s%s", finding->why,
             finding->fix.text[0] != '\0' ? " " : "", finding->fix.text);
    snprintf(key, sizeof(key), "%s %s", finding_kind_name(finding->kind), finding->key);
    const struct sarif_result one = {
        .rule = finding_kind_name(finding->kind),
        .level = levels[finding->severity],
        .message = message,
        .place = endpoint_spell(&result->endpoint, result_tls(result), place),
        .key = key,
    };
    sarif_write(sarif, &one);
}

/* An endpoint that could not be asked has no finding of its own, and a run without results would
 * read as one that found nothing. */
static void write_unknown(struct sarif *sarif, const struct endpoint_result *result)
{
    char place[ENDPOINT_SPELLED_SIZE];
    const struct sarif_result one = {
        .rule = verdict_name(result->verdict),
        .level = SARIF_WARNING,
        .message = result->why,
        .place = endpoint_spell(&result->endpoint, result_tls(result), place),
    };

    if (result->verdict == VERDICT_INCONCLUSIVE || result->verdict == VERDICT_UNREACHABLE) {
        sarif_write(sarif, &one);
    }
}

bool report_sarif(FILE *out, const struct audit_summary *summary)
{
    struct sarif_rule rules[KINDS + 2];

    for (size_t i = 0; i < KINDS; i++) {
        rules[i] =
            (struct sarif_rule){.id = finding_kind_name(kinds[i].kind), .text = kinds[i].text};
    }
    rules[KINDS] = (struct sarif_rule){.id = verdict_name(VERDICT_INCONCLUSIVE),
                                       .text = "Whether this server relays is not known."};
    rules[KINDS + 1] = (struct sarif_rule){.id = verdict_name(VERDICT_UNREACHABLE),
                                           .text = "Nothing could be asked."};
    struct sarif sarif = sarif_begin(out, rules, KINDS + 2);
    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = audit_summary_result(summary, i);
        write_unknown(&sarif, result);
        for (size_t j = 0; j < result->finding_count; j++) {
            write_finding(&sarif, result, &result->findings[j]);
        }
    }
    return sarif_end(&sarif);
}
