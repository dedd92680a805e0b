#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/program.h"
#include "probe/rehearse/outcome.h"
#include "probe/report/junit.h"
#include "probe/report/sarif.h"

/* ---- JSON --------------------------------------------------------------------------------- */

static json_t *element_json(const struct rehearsal_outcome *outcome, size_t index)
{
    size_t count;
    const struct rehearse_element *element = &candidate_elements(outcome->candidate, &count)[index];
    const struct candidate_file *file = candidate_file(outcome->candidate, element->file);

    return json_pack("{s:s, s:i, s:s, s:s, s:s}", "file", file->shown, "line", (int)element->line,
                     "text", element->text, "parameter", element->parameter, "kind",
                     rehearse_element_kind_name(element->kind));
}

static json_t *set_json(const struct rehearsal_outcome *outcome, const struct rehearse_set *set)
{
    json_t *array = json_array();

    for (size_t i = 0; i < set->count; i++) {
        json_array_append_new(array, element_json(outcome, set->elements[i]));
    }
    return array;
}

static json_t *blame_json(const struct rehearsal_outcome *outcome,
                          const struct outcome_grant *grant, json_t *into)
{
    json_t *alternatives = json_array();

    for (size_t i = 0; grant->blamed && i < grant->blame.alternative_count; i++) {
        json_array_append_new(alternatives, set_json(outcome, &grant->blame.alternatives[i]));
    }
    json_object_set_new(into, "guilty",
                        grant->blamed ? set_json(outcome, &grant->blame.guilty) : json_array());
    json_object_set_new(into, "alternatives", alternatives);
    json_object_set_new(into, "proved",
                        json_boolean(grant->blamed && grant->blame.state == REHEARSE_PROVED));
    json_object_set_new(into, "proof",
                        json_pack("{s:s, s:o}", "before", grant->reply, "after",
                                  grant->blamed && grant->blame.after[0] != '\0'
                                      ? json_string(grant->blame.after)
                                      : json_null()));
    return into;
}

static const char *listener_key(const struct outcome_listener *listener,
                                char out[ENDPOINT_TEXT_SIZE])
{
    return address_format_port(&listener->endpoint.address, listener->endpoint.port, out);
}

static json_t *grant_json(const struct rehearsal_outcome *outcome,
                          const struct outcome_grant *grant)
{
    char endpoint[ENDPOINT_TEXT_SIZE];
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "kind",
        grant->condition[0] != '\0' ? "conditional" : "open", "listener",
        listener_key(&outcome->listeners[grant->listener], endpoint), "technique",
        grant->technique->id, "sender", grant->sender, "recipient", grant->recipient, "client",
        grant->client, "client_name", grant->client_name, "helo", grant->helo, "condition",
        grant->condition[0] != '\0' ? json_string(grant->condition) : json_null());

    return object != NULL ? blame_json(outcome, grant, object) : NULL;
}

static json_t *notes_json(const struct outcome_note *notes, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            array, json_pack("{s:s, s:s}", "place", notes[i].place, "why", notes[i].text));
    }
    return array;
}

static json_t *listeners_json(const struct rehearsal_outcome *outcome)
{
    json_t *array = json_array();
    char endpoint[ENDPOINT_TEXT_SIZE];

    for (size_t i = 0; i < outcome->listener_count; i++) {
        const struct outcome_listener *listener = &outcome->listeners[i];
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s}", "service", listener->service,
                                               "endpoint", listener_key(listener, endpoint),
                                               "verdict", outcome_verdict_name(listener->verdict),
                                               "why", listener->why));
    }
    return array;
}

static json_t *findings_json(const struct rehearsal_outcome *outcome)
{
    json_t *array = json_array();

    for (size_t i = 0; i < outcome->grant_count; i++) {
        if (outcome->grants[i].shown) {
            json_array_append_new(array, grant_json(outcome, &outcome->grants[i]));
        }
    }
    return array;
}

bool outcome_json(FILE *out, const struct rehearsal_outcome *outcome)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:i, s:s, s:s, s:s, s:f, s:o, s:o, s:o, s:o, s:o, s:i}", "program",
        PROBE_PROGRAM, "version", RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "mta", outcome->mta,
        "config", outcome->directory, "verdict", outcome_verdict_name(outcome->verdict), "seconds",
        outcome->seconds, "listeners", listeners_json(outcome), "findings", findings_json(outcome),
        "broken",
        outcome->verdict == OUTCOME_VERDICT_BROKEN ? notes_json(&outcome->broken, 1) : json_array(),
        "unknown", notes_json(outcome->unknown, outcome->unknown_count), "warnings",
        notes_json(outcome->warnings, outcome->warning_count), "exit",
        outcome_exit_code(outcome->verdict));
    bool good =
        object != NULL && json_dumpf(object, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;

    json_decref(object);
    return good;
}

/* ---- SARIF -------------------------------------------------------------------------------- */

#define RULE_OPEN        "open-relay"
#define RULE_CONDITIONAL "conditional-relay"
#define RULE_BROKEN      "broken-configuration"
#define RULE_UNKNOWN     "unanswered-question"
#define RULE_WARNING     "configuration-warning"

static const struct sarif_rule rules[] = {
    {RULE_OPEN, "This line lets strangers send mail through the server."},
    {RULE_CONDITIONAL, "This line lets strangers send mail if something outside is so."},
    {RULE_BROKEN, "The server does not run with this configuration."},
    {RULE_UNKNOWN, "The rehearsal could not ask this: nobody knows whether it relays."},
    {RULE_WARNING, "This line does not do what it seems to do."},
};

static void write_line(struct sarif *sarif, const struct rehearsal_outcome *outcome,
                       const struct outcome_grant *grant, size_t index)
{
    size_t count;
    const struct rehearse_element *element = &candidate_elements(outcome->candidate, &count)[index];
    const struct candidate_file *file = candidate_file(outcome->candidate, element->file);
    bool open = grant->condition[0] == '\0';
    char endpoint[ENDPOINT_TEXT_SIZE];
    char message[2 * OUTCOME_TEXT_SIZE];

    snprintf(message, sizeof(message),
             "%.400s lets a stranger (%s) send mail to anybody through %s%s%.400s", element->text,
             grant->client, listener_key(&outcome->listeners[grant->listener], endpoint),
             open ? "" : " if ", grant->condition);
    const struct sarif_result result = {.rule = open ? RULE_OPEN : RULE_CONDITIONAL,
                                        .level = open ? SARIF_ERROR : SARIF_WARNING,
                                        .message = message,
                                        .file = file->shown,
                                        .line = (int)element->line,
                                        .place = endpoint};
    sarif_write(sarif, &result);
}

/* Whether a grant before, of another listener or by another technique, has the line as well. */
static bool is_told(const struct rehearsal_outcome *outcome, size_t grants, size_t element)
{
    for (size_t i = 0; i < grants; i++) {
        const struct outcome_grant *grant = &outcome->grants[i];
        for (size_t j = 0; grant->shown && grant->blamed && j < grant->blame.guilty.count; j++) {
            if (grant->blame.guilty.elements[j] == element) {
                return true;
            }
        }
    }
    return false;
}

static void write_note(struct sarif *sarif, const char *rule, enum sarif_level level,
                       const struct outcome_note *note)
{
    char file[OUTCOME_TEXT_SIZE];
    const char *colon = strrchr(note->place, ':');
    struct sarif_result result = {.rule = rule, .level = level, .message = note->text};

    if (colon != NULL) {
        snprintf(file, sizeof(file), "%.*s", (int)(colon - note->place), note->place);
        result.file = file;
        result.line = (int)strtol(colon + 1, NULL, 10);
    }
    sarif_write(sarif, &result);
}

bool outcome_sarif(FILE *out, const struct rehearsal_outcome *outcome)
{
    struct sarif sarif = sarif_begin(out, rules, sizeof(rules) / sizeof(rules[0]));

    for (size_t i = 0; i < outcome->grant_count; i++) {
        const struct outcome_grant *grant = &outcome->grants[i];
        for (size_t j = 0; grant->shown && grant->blamed && j < grant->blame.guilty.count; j++) {
            if (!is_told(outcome, i, grant->blame.guilty.elements[j])) {
                write_line(&sarif, outcome, grant, grant->blame.guilty.elements[j]);
            }
        }
    }
    if (outcome->verdict == OUTCOME_VERDICT_BROKEN) {
        write_note(&sarif, RULE_BROKEN, SARIF_ERROR, &outcome->broken);
    }
    for (size_t i = 0; i < outcome->unknown_count; i++) {
        write_note(&sarif, RULE_UNKNOWN,
                   outcome->verdict == OUTCOME_VERDICT_UNKNOWN ? SARIF_ERROR : SARIF_WARNING,
                   &outcome->unknown[i]);
    }
    for (size_t i = 0; i < outcome->warning_count; i++) {
        write_note(&sarif, RULE_WARNING, SARIF_WARNING, &outcome->warnings[i]);
    }
    return sarif_end(&sarif);
}

/* ---- JUnit -------------------------------------------------------------------------------- */

static const char *detail_of(const struct rehearsal_outcome *outcome, size_t listener, char *out,
                             size_t size)
{
    size_t length = 0;
    char place[OUTCOME_TEXT_SIZE];

    out[0] = '\0';
    for (size_t i = 0; i < outcome->grant_count; i++) {
        const struct outcome_grant *grant = &outcome->grants[i];
        bool told = grant->listener == listener && grant->shown && grant->blamed;
        for (size_t j = 0; told && j < grant->blame.guilty.count && length < size; j++) {
            size_t count;
            size_t index = grant->blame.guilty.elements[j];
            int written = snprintf(out + length, size - length, "%s: %s\n",
                                   candidate_place(outcome->candidate, index, place, sizeof(place)),
                                   candidate_elements(outcome->candidate, &count)[index].text);
            length += written > 0 ? (size_t)written : 0;
        }
    }
    return out[0] != '\0' ? out : NULL;
}

static void write_error(FILE *out, const struct rehearsal_outcome *outcome, const char *name,
                        const struct outcome_note *note)
{
    const struct junit_case one = {.name = name,
                                   .outcome = JUNIT_ERROR,
                                   .type = outcome_verdict_name(outcome->verdict),
                                   .message = note->text,
                                   .detail = note->place};
    const struct junit_suite suite = {
        .name = outcome->directory, .cases = &one, .count = 1, .seconds = outcome->seconds};

    junit_write(out, &suite);
}

bool outcome_junit(FILE *out, const struct rehearsal_outcome *outcome)
{
    char name[OUTCOME_TEXT_SIZE];
    char endpoint[ENDPOINT_TEXT_SIZE];
    char detail[4096];

    junit_begin(out, PROBE_PROGRAM " rehearse");
    for (size_t i = 0; i < outcome->listener_count; i++) {
        const struct outcome_listener *listener = &outcome->listeners[i];
        enum outcome_verdict verdict = listener->verdict;
        snprintf(name, sizeof(name), "%s %s", listener->service, listener_key(listener, endpoint));
        const struct junit_case one = {
            .name = name,
            .outcome = verdict == OUTCOME_VERDICT_CLOSED    ? JUNIT_PASSED
                       : verdict == OUTCOME_VERDICT_UNKNOWN ? JUNIT_ERROR
                                                            : JUNIT_FAILED,
            .type = outcome_verdict_name(verdict),
            .message =
                listener->why[0] != '\0' ? listener->why : "strangers may send mail to anybody",
            .detail = detail_of(outcome, i, detail, sizeof(detail))};
        const struct junit_suite suite = {
            .name = name, .cases = &one, .count = 1, .seconds = outcome->seconds};
        junit_write(out, &suite);
    }
    if (outcome->verdict == OUTCOME_VERDICT_BROKEN) {
        write_error(out, outcome, "the server runs", &outcome->broken);
    }
    /* Its listeners may all be closed, as far as they were asked: a reader of this alone must not
     * take it for a pass. */
    for (size_t i = 0; outcome->verdict == OUTCOME_VERDICT_UNKNOWN && i < outcome->unknown_count;
         i++) {
        write_error(out, outcome, "all was asked", &outcome->unknown[i]);
    }
    junit_end(out);
    return ferror(out) == 0;
}
