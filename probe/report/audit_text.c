#include "probe/report/report.h"

#include <string.h>

#include "probe/judge/posture.h"
#include "probe/judge/verdict.h"
#include "probe/model/endpoint_text.h"
#include "probe/model/evidence.h"

#define WIDTH       78 /* of prose, in characters */
#define TEXT_COLUMN 56 /* where the table has the server's words */
#define TEXT_INDENT 6
#define ID_SIZE     32 /* more than a technique's id has, with a comma */
#define OTHERS_SIZE (RESULT_TECHNIQUES * ID_SIZE)
#define NAMED_MAX   3 /* endpoints that the status line names */
#define VERDICTS    (VERDICT_UNREACHABLE + 1)
#define NAME_SIZE   (ENDPOINT_SPELLED_SIZE + 64)
#define STATUS_SIZE 5120 /* more than four verdicts' names can take */
#define SGR_RESET   "\033[0m"

/* ---- status line --------------------------------------------------------------------- */

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
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

/* The line's facts of all endpoints: read once, for there may be many. */
struct tally {
    size_t count;
    int code;
    size_t verdicts[VERDICTS];
    size_t findings[FINDING_KINDS][SEVERITY_CRITICAL + 1];
    char named[VERDICTS][NAMED_MAX][NAME_SIZE]; /* the first ones of each verdict */
};

static void add_to_tally(struct tally *tally, const struct endpoint_result *result)
{
    size_t named = tally->verdicts[result->verdict]++;
    const char *reason = reason_word(result);
    char where[ENDPOINT_SPELLED_SIZE];

    tally->code = verdict_exit_worse(tally->code, verdict_exit_of(result));
    for (size_t i = 0; i < result->finding_count; i++) {
        tally->findings[result->findings[i].kind][result->findings[i].severity]++;
    }
    if (named < NAMED_MAX) {
        snprintf(tally->named[result->verdict][named], NAME_SIZE, "%s%s%s%s",
                 endpoint_spell(&result->endpoint, result_tls(result), where),
                 reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "");
    }
}

static void tally_summary(struct tally *tally, const struct audit_summary *summary)
{
    *tally = (struct tally){.count = summary->count, .code = summary->count == 0 ? 3 : 0};
    for (size_t i = 0; i < summary->count; i++) {
        add_to_tally(tally, audit_summary_result(summary, i));
    }
}

/* "host [address]:port (cause), ..." of the endpoints with this verdict. */
static void name_endpoints(FILE *out, const struct tally *tally, enum verdict verdict)
{
    size_t count = tally->verdicts[verdict];

    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        fprintf(out, "%s%s", i == 0 ? ": " : ", ", tally->named[verdict][i]);
    }
    if (count > NAMED_MAX) {
        fprintf(out, " and %zu more", count - NAMED_MAX);
    }
}

static void name_verdicts(FILE *out, const struct tally *tally)
{
    static const enum verdict worst_first[] = {VERDICT_OPEN, VERDICT_INCONCLUSIVE,
                                               VERDICT_UNREACHABLE, VERDICT_SUSPECTED};
    const char *semicolon = "";

    for (size_t i = 0; i < sizeof(worst_first) / sizeof(worst_first[0]); i++) {
        size_t count = tally->verdicts[worst_first[i]];
        if (count > 0) {
            fprintf(out, "%s%zu", semicolon, count);
            if (count < tally->count) {
                fprintf(out, " of %zu", tally->count);
            }
            fprintf(out, " endpoint%s %s", plural(tally->count), verdict_name(worst_first[i]));
            name_endpoints(out, tally, worst_first[i]);
            semicolon = "; ";
        }
    }
    if (semicolon[0] == '\0') {
        fprintf(out, "%zu endpoint%s closed", tally->count, plural(tally->count));
    }
}

static size_t count_findings(const struct tally *tally, enum severity severity)
{
    size_t count = 0;

    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        count += tally->findings[kind][severity];
    }
    return count;
}

/* Findings that made a closed endpoint's audit worse than OK: each kind once. */
static void name_findings(FILE *out, const struct tally *tally)
{
    const char *before = ": ";
    size_t critical = count_findings(tally, SEVERITY_CRITICAL);
    enum severity severity = critical > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING;
    size_t total = critical > 0 ? critical : count_findings(tally, SEVERITY_WARNING);

    if (total == 0 || tally->verdicts[VERDICT_CLOSED] < tally->count) {
        return;
    }
    fprintf(out, ", %zu %s%s", total,
            severity == SEVERITY_CRITICAL ? "critical finding" : "warning", plural(total));
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        size_t count = tally->findings[kind][severity];
        if (count > 0) {
            fprintf(out, "%s%s", before, finding_kind_name((enum finding_kind)kind));
            before = ", ";
        }
        if (count > 1) {
            fprintf(out, " (%zu)", count);
        }
    }
}

void report_status_line(FILE *out, const struct audit_summary *summary)
{
    static const char *const states[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    char text[STATUS_SIZE] = "";
    FILE *into = fmemopen(text, sizeof(text) - 1, "w");
    struct tally tally;

    tally_summary(&tally, summary);
    if (into != NULL) {
        if (tally.count == 0) {
            fputs("no endpoint was asked", into);
        } else {
            name_verdicts(into, &tally);
            name_findings(into, &tally);
        }
        fclose(into);
    }
    /* A monitor reads one line, and takes the text behind a pipe for numbers. */
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '|' || (unsigned char)*at < ' ') {
            *at = '/';
        }
    }
    fprintf(out, "RELAY %s - %s | endpoints=%zu open=%zu time=%.2fs\n", states[tally.code], text,
            tally.count, tally.verdicts[VERDICT_OPEN], summary->seconds);
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

/* Wrapped from `indent` on, where the line has come to already. A word longer than a line stays
 * whole. */
static void print_wrapped(FILE *out, size_t indent, const char *text)
{
    size_t column = indent;

    for (const char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        size_t width = width_of(at, length);
        if (column > indent && (column + 1 + width > WIDTH)) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        fprintf(out, "%s%.*s", column > indent ? " " : "", (int)length, at);
        column += width + (column > indent);
        at += length;
    }
    fputc('\n', out);
}

#define INDENT 12

void report_prose(FILE *out, const char *label, const char *text)
{
    fprintf(out, "  %-*s", INDENT - 2, label);
    print_wrapped(out, INDENT, text);
}

void report_remedies(FILE *out, const char *label, const struct remedies *remedies)
{
    for (size_t i = 0; i < remedies->count; i++) {
        const struct remedy_part *part = &remedies->part[i];
        char text[REMEDIES_SIZE];

        snprintf(text, sizeof(text), "%.*s", part->begin - part->shown + part->length,
                 remedies->text + part->shown);
        report_prose(out, i == 0 ? label : "", text);
    }
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

/* The worth of each proof. */
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
    char where[ENDPOINT_SPELLED_SIZE];

    fprintf(out, "\n%s", endpoint_spell(endpoint, result_tls(result), where));
    if (strstr(endpoint->target, endpoint->host) == NULL) {
        fprintf(out, ", target %s", endpoint->target);
    }
    fprintf(out, "\n  %s%s%s", colour ? look->sgr : "", look->words, colour ? SGR_RESET : "");
    if (endpoint->hosted) {
        fputs("\n  hosted    somebody else's server: only plain was asked", out);
    }
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

static void print_finding(FILE *out, const struct endpoint_result *result,
                          const struct finding *finding)
{
    fprintf(out, "  finding   %s %s\n", severity_label(finding->severity),
            finding_kind_name(finding->kind));
    if (strcmp(finding->why, result->why) != 0) {
        report_prose(out, "  why", finding->why);
        report_remedies(out, "  change", &finding->fix);
    }
}

/* Those that are only worth knowing are named, and told where more is asked for. */
static void print_findings(FILE *out, const struct endpoint_result *result, bool verbose)
{
    char others[OTHERS_SIZE] = "";
    size_t length = 0;
    bool any = false;

    for (size_t i = 0; i < result->finding_count; i++) {
        const struct finding *finding = &result->findings[i];
        if (verbose || finding->severity != SEVERITY_INFO) {
            fputs(any ? "" : "\n", out);
            any = true;
            print_finding(out, result, finding);
        } else if (length + ID_SIZE < sizeof(others)) {
            length += (size_t)snprintf(others + length, sizeof(others) - length, "%s%s",
                                       length > 0 ? ", " : "", finding_kind_name(finding->kind));
        }
    }
    if (length > 0) {
        fputs(any ? "" : "\n", out);
        report_prose(out, "also", others);
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

/* Those that a 5xx refused which is no denial of relaying: "no such user", of an address that looks
 * like the site's own. `words` tells of the first. */
static size_t count_other_refusals(const struct endpoint_result *result, char *words, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (asked->absent || asked->code < 500 || evidence_of(asked) != EVIDENCE_UNANSWERED) {
            continue;
        }
        if (count++ == 0) {
            snprintf(words, size, "refused for another reason (%d%s%s)", asked->code,
                     asked->enhanced[0] != '\0' ? " " : "", asked->enhanced);
        }
    }
    return count;
}

/* In numbers, where the table is not shown. */
static void print_tally(FILE *out, const struct endpoint_result *result)
{
    static const char *const words[] = {
        [EVIDENCE_UNANSWERED] = "not answered clearly",
        [EVIDENCE_REFUSED] = "refused",
        [EVIDENCE_LOCAL] = "taken as local mail",
        [EVIDENCE_UNCERTAIN] = "accepted, perhaps as local mail",
        [EVIDENCE_PROVEN] = "granted",
    };
    struct evidence_tally tally = evidence_count(result);
    char text[320];
    char others[64] = "";

    if (result->reach != REACH_SESSION || tally.techniques == 0) {
        return;
    }
    size_t length = (size_t)snprintf(text, sizeof(text), "%zu way%s to ask for relaying",
                                     tally.techniques, plural(tally.techniques));
    const char *before = ": ";
    size_t other = count_other_refusals(result, others, sizeof(others));
    tally.count[EVIDENCE_UNANSWERED] -= other;
    for (size_t i = GRANTS; i-- > 0;) {
        if (tally.count[i] > 0 && length < sizeof(text)) {
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%zu %s", before,
                                       tally.count[i], words[i]);
            before = ", ";
        }
    }
    if (other > 0 && length < sizeof(text)) {
        snprintf(text + length, sizeof(text) - length, "%s%zu %s", before, other, others);
    }
    report_prose(out, "asked", text);
}

static void print_granted(FILE *out, const struct report_look *look)
{
    if (look->granted_count > 0) {
        fputs("\ntaken for granted\n", out);
    }
    for (size_t i = 0; i < look->granted_count; i++) {
        fputs("  - ", out);
        print_wrapped(out, strlen("  - "), look->granted[i]);
    }
    if (look->next != NULL) {
        fputs("\nnext step\n  ", out);
        print_wrapped(out, strlen("  "), look->next);
    }
}

void report_text(FILE *out, const struct audit_summary *summary, const struct report_look *look)
{
    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = audit_summary_result(summary, i);

        print_heading(out, result, look->colour);
        report_prose(out, "why", result->why);
        report_remedies(out, "change", &result->fix);
        if (look->verbose) {
            print_techniques(out, result);
        } else {
            print_tally(out, result);
        }
        print_findings(out, result, look->verbose);
        print_notes(out, result);
    }
    print_granted(out, look);
}
