#include "probe/report/report.h"

#include <string.h>

#include "probe/judge/posture.h"
#include "probe/judge/verdict.h"

#define WIDTH       78 /* of prose, in characters */
#define TEXT_COLUMN 56 /* where the table has the server's words */
#define TEXT_INDENT 6
#define ID_SIZE     32 /* more than a technique's id has, with a comma */
#define OTHERS_SIZE (RESULT_TECHNIQUES * ID_SIZE)
#define NAMED_MAX   3    /* endpoints that the status line names */
#define STATUS_SIZE 5120 /* more than four verdicts' names can take */
#define SGR_RESET   "\033[0m"

/* ---- status line --------------------------------------------------------------------- */

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static size_t count_verdict(const struct audit_summary *summary, enum verdict verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < summary->count; i++) {
        count += summary->results[i]->verdict == verdict;
    }
    return count;
}

static size_t count_findings(const struct audit_summary *summary, enum severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < summary->count; i++) {
        for (size_t j = 0; j < summary->results[i]->finding_count; j++) {
            count += summary->results[i]->findings[j].severity == severity;
        }
    }
    return count;
}

static const char *endpoint_name(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE])
{
    if (endpoint->address.family == ADDRESS_NONE) {
        return "without an address";
    }
    return address_format_port(&endpoint->address, endpoint->port, out);
}

/* The host's name where it has one, and what divides it from the address that follows. */
static void print_host(FILE *out, const struct endpoint *endpoint, const char *divider)
{
    char address[ADDRESS_TEXT_SIZE];

    if (strcmp(endpoint->host, address_format(&endpoint->address, address)) != 0) {
        fprintf(out, "%s%s", endpoint->host, divider);
    }
}

/* A word on why: the cause, or the kind of the endpoint's first finding unless that is of its
 * posture, or nothing. */
static const char *reason_word(const struct endpoint_result *result)
{
    if (result->cause != CAUSE_NONE) {
        return cause_name(result->cause);
    }
    bool told = result->finding_count > 0 && !posture_has_kind(result->findings[0].kind);
    return told ? finding_kind_name(result->findings[0].kind) : "";
}

/* "host address:port (cause), ..." of the endpoints with this verdict. */
static void name_endpoints(FILE *out, const struct audit_summary *summary, enum verdict verdict)
{
    size_t named = 0;
    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = summary->results[i];
        char where[ENDPOINT_TEXT_SIZE];

        if (result->verdict != verdict || named++ >= NAMED_MAX) {
            continue;
        }
        const char *reason = reason_word(result);
        fputs(named == 1 ? ": " : ", ", out);
        print_host(out, &result->endpoint, " ");
        fputs(endpoint_name(&result->endpoint, where), out);
        if (reason[0] != '\0') {
            fprintf(out, " (%s)", reason);
        }
    }
    if (named > NAMED_MAX) {
        fprintf(out, " and %zu more", named - NAMED_MAX);
    }
}

static void name_verdicts(FILE *out, const struct audit_summary *summary)
{
    static const enum verdict worst_first[] = {VERDICT_OPEN, VERDICT_INCONCLUSIVE,
                                               VERDICT_UNREACHABLE, VERDICT_SUSPECTED};
    const char *semicolon = "";

    for (size_t i = 0; i < sizeof(worst_first) / sizeof(worst_first[0]); i++) {
        size_t count = count_verdict(summary, worst_first[i]);
        if (count > 0) {
            fprintf(out, "%s%zu", semicolon, count);
            if (count < summary->count) {
                fprintf(out, " of %zu", summary->count);
            }
            fprintf(out, " endpoint%s %s", plural(summary->count), verdict_name(worst_first[i]));
            name_endpoints(out, summary, worst_first[i]);
            semicolon = "; ";
        }
    }
    if (semicolon[0] == '\0') {
        fprintf(out, "%zu endpoint%s closed", summary->count, plural(summary->count));
    }
}

/* How many of each kind have this severity. */
static void count_kinds(const struct audit_summary *summary, enum severity severity,
                        size_t counts[FINDING_KINDS])
{
    for (size_t i = 0; i < summary->count; i++) {
        for (size_t j = 0; j < summary->results[i]->finding_count; j++) {
            const struct finding *finding = &summary->results[i]->findings[j];
            counts[finding->kind] += finding->severity == severity;
        }
    }
}

/* Findings that made a closed endpoint's audit worse than OK: each kind once. */
static void name_findings(FILE *out, const struct audit_summary *summary)
{
    const char *before = ": ";
    size_t counts[FINDING_KINDS] = {0};
    size_t critical = count_findings(summary, SEVERITY_CRITICAL);
    size_t warnings = count_findings(summary, SEVERITY_WARNING);
    enum severity severity = critical > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING;
    size_t count = critical > 0 ? critical : warnings;

    if (count == 0 || count_verdict(summary, VERDICT_CLOSED) < summary->count) {
        return;
    }
    fprintf(out, ", %zu %s%s", count,
            severity == SEVERITY_CRITICAL ? "critical finding" : "warning", plural(count));
    count_kinds(summary, severity, counts);
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        if (counts[kind] > 0) {
            fprintf(out, "%s%s", before, finding_kind_name((enum finding_kind)kind));
            before = ", ";
        }
        if (counts[kind] > 1) {
            fprintf(out, " (%zu)", counts[kind]);
        }
    }
}

void report_status_line(FILE *out, const struct audit_summary *summary)
{
    static const char *const states[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    char text[STATUS_SIZE] = "";
    FILE *into = fmemopen(text, sizeof(text) - 1, "w");

    if (into != NULL) {
        if (summary->count == 0) {
            fputs("no endpoint was asked", into);
        } else {
            name_verdicts(into, summary);
            name_findings(into, summary);
        }
        fclose(into);
    }
    /* What follows a pipe is numbers to a monitor, and it reads one line. */
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '|' || (unsigned char)*at < ' ') {
            *at = '/';
        }
    }
    fprintf(out, "RELAY %s - %s | endpoints=%zu open=%zu time=%.2fs\n",
            states[judgement_exit_code(summary->results, summary->count)], text, summary->count,
            count_verdict(summary, VERDICT_OPEN), summary->seconds);
}

/* ---- prose --------------------------------------------------------------------------- */

/* Characters, not octets: the text is UTF-8. */
static size_t width_of(const char *text, size_t length)
{
    size_t width = 0;
    for (size_t i = 0; i < length; i++) {
        width += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return width;
}

/* Remedies have a sentence for each MTA: whoever looks for theirs finds it at a line's start. */
static bool begins_remedy(const char *text, const char *word)
{
    static const char *const names[] = {"Postfix: ", "Sendmail: ", "Exim: "};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(word, names[i], strlen(names[i])) == 0) {
            return word - text >= 2 && word[-2] == '.';
        }
    }
    return false;
}

/* Wrapped from `indent` on, where the line has come to already. A word longer than a line stays
 * whole. */
static void print_wrapped(FILE *out, size_t indent, const char *text)
{
    size_t column = indent;

    for (const char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        size_t width = width_of(at, length);
        if (column > indent && (column + 1 + width > WIDTH || begins_remedy(text, at))) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        fprintf(out, "%s%.*s", column > indent ? " " : "", (int)length, at);
        column += width + (column > indent);
        at += length;
    }
    fputc('\n', out);
}

void report_prose(FILE *out, const char *label, const char *text)
{
    const size_t indent = 12;

    fprintf(out, "  %-*s", (int)indent - 2, label);
    print_wrapped(out, indent, text);
}

/* ---- account ------------------------------------------------------------------------- */

struct verdict_look {
    const char *words;
    const char *sgr;
};

static const struct verdict_look looks[] = {
    [VERDICT_CLOSED] = {"CLOSED: relaying is refused", "\033[1;32m"},
    [VERDICT_SUSPECTED] = {"SUSPECTED: something was accepted that may be relaying", "\033[1;33m"},
    [VERDICT_OPEN] = {"OPEN RELAY: strangers can send mail through this server", "\033[1;31m"},
    [VERDICT_INCONCLUSIVE] = {"INCONCLUSIVE: whether this server relays is not known",
                              "\033[1;35m"},
    [VERDICT_UNREACHABLE] = {"UNREACHABLE: nothing could be asked", "\033[1;35m"},
};

/* What each proof is worth. */
static const char *const proofs[] = {
    [PROOF_RCPT] = "a recipient was accepted; that mail arrives was not shown",
    [PROOF_DATA] = "a message to the canary was taken",
    [PROOF_OBSERVED] = "the filter on the mail host saw the MTA accept it; no mail left",
    [PROOF_DELIVERED] = "a message arrived at the canary",
};

static void print_heading(FILE *out, const struct endpoint_result *result, bool colour)
{
    const struct endpoint *endpoint = &result->endpoint;
    const struct verdict_look *look = &looks[result->verdict];
    char where[ENDPOINT_TEXT_SIZE];

    fprintf(out, "\n%s  ", endpoint->target);
    print_host(out, endpoint, "  ");
    fputs(endpoint_name(endpoint, where), out);
    if (endpoint->address.family != ADDRESS_NONE) {
        fprintf(out, "  tls=%s", tls_mode_name(result_tls(result)));
    }
    fprintf(out, "\n  %s%s%s", colour ? look->sgr : "", look->words, colour ? SGR_RESET : "");
    if (result->cause != CAUSE_NONE) {
        fprintf(out, "\n  cause     %s", cause_name(result->cause));
    }
    if (result->proof != PROOF_NONE) {
        fprintf(out, "\n  proof     %s: %s", proof_name(result->proof), proofs[result->proof]);
    }
    if (result->tls_protocol[0] != '\0') {
        fprintf(out, "\n  session   %s%s%s", result->tls_protocol,
                result->tls_certificate[0] != '\0' ? "; certificate: " : "",
                result->tls_certificate);
    }
    if (result->message.technique != NULL) {
        fprintf(out, "\n  message   %s, by %s", message_state_name(result->message.state),
                result->message.technique->id);
    }
    fputc('\n', out);
}

static void print_technique(FILE *out, const struct technique_result *asked)
{
    char reply[32] = "-";

    if (asked->asked) {
        snprintf(reply, sizeof(reply), "%d%s%s", asked->code, asked->enhanced[0] != '\0' ? " " : "",
                 asked->enhanced);
    }
    const char *outcome = asked->asked ? outcome_name(asked->outcome) : "-";
    if (TEXT_COLUMN + width_of(asked->text, strlen(asked->text)) > WIDTH) {
        /* The server's words have lines of their own. */
        fprintf(out, "  %-21s %-12s %s\n%*s", asked->technique->id, reply, outcome, TEXT_INDENT,
                "");
        print_wrapped(out, TEXT_INDENT, asked->text);
    } else {
        fprintf(out, "  %-21s %-12s %-18s %s\n", asked->technique->id, reply, outcome, asked->text);
    }
    if (asked->control_asked) {
        snprintf(reply, sizeof(reply), "%d", asked->control_code);
        fprintf(out, "  %-21s %-12s %s\n", "  its control", reply, outcome_name(asked->control));
    }
}

/* Whether a row says what another said: only the words for the recipient differ. */
static bool says_the_same(const struct technique_result *a, const struct technique_result *b)
{
    if (a->absent || b->absent || a->control_asked || b->control_asked || a->asked != b->asked) {
        return false;
    }
    return a->asked ? a->code == b->code && a->outcome == b->outcome &&
                          a->observed == b->observed && strcmp(a->enhanced, b->enhanced) == 0
                    : strcmp(a->text, b->text) == 0;
}

static bool is_said_before(const struct endpoint_result *result, size_t row)
{
    for (size_t i = 0; i < row; i++) {
        if (says_the_same(&result->techniques[i], &result->techniques[row])) {
            return true;
        }
    }
    return false;
}

/* "the same: null-sender, own-sender and 40 more" would hide what was asked: all are named. */
static void print_others(FILE *out, const struct endpoint_result *result, size_t row)
{
    char others[OTHERS_SIZE] = "the same: ";
    size_t length = strlen(others);
    const char *comma = "";

    for (size_t i = row + 1; i < result->technique_count; i++) {
        if (says_the_same(&result->techniques[row], &result->techniques[i]) &&
            length + ID_SIZE < sizeof(others)) {
            length += (size_t)snprintf(others + length, sizeof(others) - length, "%s%s", comma,
                                       result->techniques[i].technique->id);
            comma = ", ";
        }
    }
    if (comma[0] != '\0') {
        fprintf(out, "%*s", TEXT_INDENT, "");
        print_wrapped(out, TEXT_INDENT, others);
    }
}

static void print_techniques(FILE *out, const struct endpoint_result *result)
{
    if (result->reach != REACH_SESSION || result->technique_count == 0) {
        return;
    }
    fprintf(out, "\n  %-21s %-12s %-18s %s\n", "technique", "reply", "outcome",
            "what the server said");
    for (size_t i = 0; i < result->technique_count; i++) {
        if (!result->techniques[i].absent && !is_said_before(result, i)) {
            print_technique(out, &result->techniques[i]);
            print_others(out, result, i);
        }
    }
}

static void print_findings(FILE *out, const struct endpoint_result *result)
{
    if (result->finding_count > 0) {
        fputc('\n', out);
    }
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct finding *finding = &result->findings[i];
        fprintf(out, "  finding   %s %s\n", severity_label(finding->severity),
                finding_kind_name(finding->kind));
        if (strcmp(finding->why, result->why) != 0) {
            report_prose(out, "  why", finding->why);
            if (finding->fix[0] != '\0') {
                report_prose(out, "  change", finding->fix);
            }
        }
    }
}

static void print_notes(FILE *out, const struct endpoint_result *result)
{
    if (result->note_count > 0) {
        fputc('\n', out);
    }
    for (size_t i = 0; i < result->note_count; i++) {
        report_prose(out, "note", result->notes[i]);
    }
}

void report_text(FILE *out, const struct audit_summary *summary, bool colour)
{
    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = summary->results[i];

        print_heading(out, result, colour);
        report_prose(out, "why", result->why);
        if (result->fix[0] != '\0') {
            report_prose(out, "change", result->fix);
        }
        print_techniques(out, result);
        print_findings(out, result);
        print_notes(out, result);
    }
}
