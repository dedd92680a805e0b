#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/outcome.h"

#define PLACE_SIZE 4200

static const char *paint(enum outcome_verdict verdict, bool colour)
{
    static const char *const colours[OUTCOME_VERDICTS] = {
        [OUTCOME_VERDICT_CLOSED] = "\033[32m", [OUTCOME_VERDICT_CONDITIONAL] = "\033[33m",
        [OUTCOME_VERDICT_OPEN] = "\033[1;31m", [OUTCOME_VERDICT_UNKNOWN] = "\033[35m",
        [OUTCOME_VERDICT_BROKEN] = "\033[35m",
    };

    return colour ? colours[verdict] : "";
}

static const char *plain(bool colour)
{
    return colour ? "\033[0m" : "";
}

static void upper(const char *word, char out[32])
{
    size_t i = 0;

    for (; i < 31 && word[i] != '\0'; i++) {
        out[i] = (char)(word[i] >= 'a' && word[i] <= 'z' ? word[i] - 'a' + 'A' : word[i]);
    }
    out[i] = '\0';
}

static size_t count_of(const struct rehearsal_outcome *outcome, enum outcome_verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < outcome->listener_count; i++) {
        count += outcome->listeners[i].verdict == verdict;
    }
    return count;
}

static void write_status(FILE *out, const struct rehearsal_outcome *outcome, bool colour)
{
    char word[32];
    enum outcome_verdict verdict = outcome->verdict;

    upper(outcome_verdict_name(verdict), word);
    fprintf(out, "%sREHEARSAL %s%s - ", paint(verdict, colour), word, plain(colour));
    if (verdict == OUTCOME_VERDICT_BROKEN) {
        fputs("the server does not run with it", out);
    } else if (verdict == OUTCOME_VERDICT_UNKNOWN && outcome->listener_count == 0) {
        fputs("nothing was asked", out);
    } else {
        fprintf(out, "%zu of %zu listeners %s", count_of(outcome, verdict), outcome->listener_count,
                outcome_verdict_name(verdict));
    }
    fprintf(out, " | listeners=%zu open=%zu time=%.1fs\n", outcome->listener_count,
            count_of(outcome, OUTCOME_VERDICT_OPEN), outcome->seconds);
}

static void write_element(FILE *out, const struct rehearsal_outcome *outcome, const char *label,
                          size_t index)
{
    size_t count;
    const struct rehearse_element *elements = candidate_elements(outcome->candidate, &count);
    const struct rehearse_element *element = &elements[index];
    char place[PLACE_SIZE];

    (void)candidate_place(outcome->candidate, index, place, sizeof(place));
    if (element->table == REHEARSE_NO_TABLE) {
        fprintf(out, "  %-9s %s   %s\n", label, place, element->text);
        if (element->kind == REHEARSE_LIST_ENTRY || element->kind == REHEARSE_RESTRICTION ||
            element->kind == REHEARSE_LIST_ITEM) {
            fprintf(out, "            in  %s\n", element->parameter);
        }
        return;
    }
    fprintf(out, "  %-9s %s   %s\n", label, place, element->text);
    size_t tables;
    const struct candidate_table *table =
        &candidate_tables(outcome->candidate, &tables)[element->table];
    const struct rehearse_element *reference = &elements[table->element];
    (void)candidate_place(outcome->candidate, table->element, place, sizeof(place));
    fprintf(out, "            by  %s  %s: %s\n", place, reference->parameter, reference->text);
}

static void write_proof(FILE *out, const struct rehearse_blame *blame)
{
    if (blame->state == REHEARSE_PROVED) {
        fprintf(out, "  proof     without %s: %s; mail for the site is %s\n",
                blame->guilty.count == 1 ? "that line" : "these lines", blame->after,
                blame->stops_own_mail ? "not taken either" : "taken as before");
    } else if (blame->why[0] != '\0') {
        fprintf(out, "  unproved  %s\n", blame->why);
    }
}

/* The grant of another listener that was shown before, with the same lines; NULL: there is none. */
static const struct outcome_grant *told_before(const struct rehearsal_outcome *outcome,
                                               const struct outcome_grant *grant)
{
    for (const struct outcome_grant *other = outcome->grants; other < grant; other++) {
        if (other->shown && other->blamed && other->blame.guilty.count > 0 &&
            outcome_same_lines(other, grant)) {
            return other;
        }
    }
    return NULL;
}

static void write_blame(FILE *out, const struct rehearsal_outcome *outcome,
                        const struct outcome_grant *grant)
{
    const struct rehearse_blame *blame = &grant->blame;

    if (!grant->blamed) {
        return;
    }
    const struct outcome_grant *told = told_before(outcome, grant);
    if (told != NULL) {
        const struct outcome_listener *listener = &outcome->listeners[told->listener];
        char endpoint[ENDPOINT_TEXT_SIZE];
        fprintf(
            out, "  guilty    as at %s\n",
            address_format_port(&listener->endpoint.address, listener->endpoint.port, endpoint));
        write_proof(out, blame);
        return;
    }
    for (size_t i = 0; i < blame->guilty.count; i++) {
        write_element(out, outcome, blame->state == REHEARSE_SUGGESTED ? "perhaps" : "guilty",
                      blame->guilty.elements[i]);
        if (blame->guilty.count > 1 && blame->alone != NULL && blame->alone[i]) {
            fputs("            opens it alone\n", out);
        }
    }
    for (size_t i = 0; i < blame->alternative_count; i++) {
        for (size_t j = 0; j < blame->alternatives[i].count; j++) {
            write_element(out, outcome, j == 0 ? "or" : "and", blame->alternatives[i].elements[j]);
        }
    }
    write_proof(out, blame);
}

static void write_grant(FILE *out, const struct rehearsal_outcome *outcome,
                        const struct outcome_grant *grant)
{
    const struct technique *technique = grant->technique;

    if (grant->condition[0] != '\0') {
        fprintf(out, "  if        %s\n", grant->condition);
    }
    if (technique->trait == TECHNIQUE_BY_NOTHING && strcmp(grant->client_name, grant->helo) != 0) {
        fprintf(out, "  asked     the client's name is %s\n", grant->client_name);
    }
    if (technique->trait != TECHNIQUE_BY_NOTHING) {
        fprintf(out, "  asked     %s: <%s> to <%s>\n", technique->summary, grant->sender,
                grant->recipient);
    }
    write_blame(out, outcome, grant);
}

static const struct outcome_grant *first_grant(const struct rehearsal_outcome *outcome,
                                               size_t listener)
{
    for (size_t i = 0; i < outcome->grant_count; i++) {
        if (outcome->grants[i].listener == listener) {
            return &outcome->grants[i];
        }
    }
    return NULL;
}

static void write_listener(FILE *out, const struct rehearsal_outcome *outcome, size_t index,
                           bool colour)
{
    const struct outcome_listener *listener = &outcome->listeners[index];
    const struct outcome_grant *grant = first_grant(outcome, index);
    char endpoint[ENDPOINT_TEXT_SIZE];
    char word[32];

    upper(outcome_verdict_name(listener->verdict), word);
    fprintf(out, "%s  %s  %s%s%s", listener->service,
            address_format_port(&listener->endpoint.address, listener->endpoint.port, endpoint),
            paint(listener->verdict, colour), word, plain(colour));
    if (listener->verdict == OUTCOME_VERDICT_OPEN && grant != NULL) {
        fprintf(out, ": a stranger (%s) may send mail to anybody", grant->client);
    } else if (listener->why[0] != '\0') {
        fprintf(out, ": %s", listener->why);
    }
    fputc('\n', out);
    for (size_t i = 0; i < outcome->grant_count; i++) {
        if (outcome->grants[i].listener == index && outcome->grants[i].shown) {
            write_grant(out, outcome, &outcome->grants[i]);
        }
    }
}

static void write_notes(FILE *out, const char *label, const struct outcome_note *notes,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%-9s %s%s%s\n", label, notes[i].place, notes[i].place[0] != '\0' ? "  " : "",
                notes[i].text);
    }
}

void outcome_text(FILE *out, const struct rehearsal_outcome *outcome, bool colour)
{
    write_status(out, outcome, colour);
    if (outcome->verdict == OUTCOME_VERDICT_BROKEN) {
        write_notes(out, "broken", &outcome->broken, 1);
    } else {
        for (size_t i = 0; i < outcome->listener_count; i++) {
            write_listener(out, outcome, i, colour);
        }
    }
    write_notes(out, "unknown", outcome->unknown, outcome->unknown_count);
    write_notes(out, "warning", outcome->warnings, outcome->warning_count);
}
