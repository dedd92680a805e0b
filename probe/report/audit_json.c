#include "probe/report/report.h"

#include <jansson.h>
#include <string.h>

#include "lib/alert/sink/format.h"
#include "lib/finding_json.h"
#include "probe/judge/verdict.h"
#include "probe/model/program.h"

/* Puts a value into an object; takes the reference over. False when memory is out. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool put_string(json_t *object, const char *key, const char *value)
{
    return put(object, key, json_string(value));
}

static bool append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

/* To a hundredth of a second: more would be noise. */
static double hundredths(double seconds)
{
    return (double)(long)(seconds * 100 + 0.5) / 100;
}

/* The object if all of it could be made, else NULL. */
static json_t *whole(json_t *object, bool made)
{
    if (!made) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *vantage_json(const struct audit_summary *summary)
{
    json_t *object = json_object();
    json_t *sources = json_array();
    bool made = put_string(object, "declared", vantage_name(summary->declared));

    for (size_t i = 0; i < summary->source_count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        made = made && append(sources, json_string(address_format(&summary->sources[i], text)));
    }
    made = put(object, "sources", sources) && made;
    return whole(object, made);
}

/* The declared vantage, as the filter's word confirms or corrects it. */
static const char *role_name(enum token_role role)
{
    switch (role) {
    case TOKEN_ROLE_TRUE:
        return "verified";
    case TOKEN_ROLE_HIDDEN:
        return "hidden";
    case TOKEN_ROLE_INSIDE:
        return "inside";
    case TOKEN_ROLE_CLAIMED:
        return "claimed";
    default:
        return "unproven";
    }
}

/* Always there; what the filter said of us only if it answered. */
static json_t *milter_json(const struct milter_said *said)
{
    char client[ADDRESS_TEXT_SIZE];
    char listener[ENDPOINT_TEXT_SIZE];
    json_t *object = json_object();
    bool made = put(object, "observed", json_boolean(said->observed));

    if (said->observed) {
        const struct observation *hello = &said->hello;
        made = made && put_string(object, "client", address_format(&hello->client, client)) &&
               put_string(object, "permission", permission_name(hello->permission)) &&
               put(object, "masked", json_boolean(hello->masked)) &&
               put_string(object, "vantage", role_name(said->role)) &&
               put_string(object, "mta", hello->mta) &&
               put_string(object, "listener",
                          address_format_port(&hello->listener, hello->listener_port, listener)) &&
               put(object, "asks", json_integer(said->asks)) &&
               put(object, "accepted", json_integer(said->granted));
    }
    return whole(object, made);
}

static json_t *capabilities_json(const struct endpoint_result *result)
{
    json_t *array = json_array();
    bool made = array != NULL;
    for (size_t i = 0; i < result->capability_count; i++) {
        made = made && append(array, json_string(result->capabilities[i]));
    }
    return whole(array, made);
}

static json_t *technique_json(const struct technique_result *asked)
{
    json_t *object = json_object();
    return whole(
        object,
        put_string(object, "id", asked->technique->id) && put_string(object, "helo", asked->helo) &&
            put_string(object, "sender", asked->sender) &&
            put_string(object, "recipient", asked->recipient) &&
            put(object, "code", asked->asked ? json_integer(asked->code) : json_null()) &&
            put_string(object, "enhanced", asked->enhanced) &&
            put(object, "text", asked->asked ? json_string(asked->text) : json_null()) &&
            put(object, "outcome",
                asked->asked ? json_string(outcome_name(asked->outcome)) : json_null()) &&
            put(object, "control",
                asked->control_asked ? json_string(outcome_name(asked->control)) : json_null()));
}

static json_t *techniques_json(const struct endpoint_result *result)
{
    json_t *array = json_array();
    bool made = array != NULL;
    for (size_t i = 0; i < result->technique_count; i++) {
        made = made && append(array, technique_json(&result->techniques[i]));
    }
    return whole(array, made);
}

static json_t *findings_json(const struct endpoint_result *result)
{
    json_t *array = json_array();
    bool made = array != NULL;
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct finding *finding = &result->findings[i];
        json_t *object = json_object();
        bool filled = put_string(object, "kind", finding_kind_name(finding->kind)) &&
                      put_string(object, "severity", severity_name(finding->severity)) &&
                      put_string(object, "why", finding->why) &&
                      put_string(object, "fix", finding->fix.text) &&
                      put(object, "remedies", finding_json_remedies(&finding->fix));
        made = append(array, whole(object, filled)) && made;
    }
    return whole(array, made);
}

static json_t *notes_json(const struct endpoint_result *result)
{
    json_t *array = json_array();
    bool made = array != NULL;
    for (size_t i = 0; i < result->note_count; i++) {
        made = made && append(array, json_string(result->notes[i]));
    }
    return whole(array, made);
}

/* null where none was to be sent. */
static json_t *message_json(const struct message_result *message)
{
    json_t *object;

    if (message->technique == NULL) {
        return json_null();
    }
    object = json_object();
    return whole(
        object,
        put_string(object, "state", message_state_name(message->state)) &&
            put_string(object, "technique", message->technique->id) &&
            put_string(object, "token", message->token) &&
            put(object, "code", message->code != 0 ? json_integer(message->code) : json_null()) &&
            put_string(object, "text", message->text != NULL ? message->text : ""));
}

/* null without TLS; a certificate with nothing wrong is null, too. */
static json_t *tls_session_json(const struct endpoint_result *result)
{
    size_t version = strcspn(result->tls_protocol, " ");
    const char *cipher = result->tls_protocol + version;
    json_t *object = version > 0 ? json_object() : NULL;

    if (version == 0) {
        return json_null();
    }
    bool made = put(object, "version", json_stringn(result->tls_protocol, version)) &&
                put_string(object, "cipher", cipher + strspn(cipher, " ")) &&
                put(object, "certificate_fault",
                    result->tls_certificate[0] != '\0' ? json_string(result->tls_certificate)
                                                       : json_null());
    return whole(object, made);
}

static json_t *endpoint_json(const struct endpoint_result *result)
{
    const struct endpoint *endpoint = &result->endpoint;
    char address[ADDRESS_TEXT_SIZE] = ""; /* stays empty where DNS gave none */
    json_t *object = json_object();

    if (endpoint->address.family != ADDRESS_NONE) {
        address_format(&endpoint->address, address);
    }
    bool made =
        put_string(object, "target", endpoint->target) &&
        put_string(object, "host", endpoint->host) && put_string(object, "address", address) &&
        put(object, "port", json_integer(endpoint->port)) &&
        put_string(object, "tls", tls_mode_name(result_tls(result))) &&
        put_string(object, "verdict", verdict_name(result->verdict)) &&
        put(object, "proof",
            result->proof != PROOF_NONE ? json_string(proof_name(result->proof)) : json_null()) &&
        put(object, "cause",
            result->cause != CAUSE_NONE ? json_string(cause_name(result->cause)) : json_null()) &&
        put_string(object, "why", result->why) && put_string(object, "fix", result->fix.text) &&
        put(object, "remedies", finding_json_remedies(&result->fix)) &&
        put(object, "milter", milter_json(&result->milter)) &&
        put_string(object, "banner", result->banner) &&
        put(object, "capabilities", capabilities_json(result)) &&
        put(object, "techniques", techniques_json(result)) &&
        put(object, "findings", findings_json(result)) &&
        put(object, "notes", notes_json(result)) &&
        put(object, "message", message_json(&result->message)) &&
        put(object, "tls_session", tls_session_json(result)) &&
        put(object, "hosted", json_boolean(endpoint->hosted));
    return whole(object, made);
}

#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(6)) /* 0.21 would have 17 digits otherwise */

char *report_endpoint(const struct endpoint_result *result)
{
    json_t *object = endpoint_json(result);
    char *text = object != NULL ? json_dumps(object, DUMP) : NULL;

    json_decref(object);
    return text;
}

/* Takes the reference over. False: memory is out, or the stream failed. */
static bool write_value(FILE *out, json_t *value, size_t flags)
{
    bool written = value != NULL && json_dumpf(value, out, DUMP | flags) == 0;

    json_decref(value);
    return written;
}

static json_t *head_json(const struct audit_summary *summary)
{
    char started[21];
    json_t *object = json_object();
    bool made = put_string(object, "program", "relaywarden-probe") &&
                put_string(object, "version", RELAYWARDEN_VERSION) &&
                put(object, "schema", json_integer(PROBE_SCHEMA)) &&
                put_string(object, "started", format_time(started, summary->started)) &&
                put(object, "seconds", json_real(hundredths(summary->seconds))) &&
                put(object, "vantage", vantage_json(summary));

    return whole(object, made);
}

/* Those that were sent. */
static size_t count_messages(const struct audit_summary *summary)
{
    size_t count = 0;
    for (size_t i = 0; i < summary->count; i++) {
        count += audit_summary_result(summary, i)->message.sent;
    }
    return count;
}

static json_t *tail_json(const struct audit_summary *summary)
{
    json_t *object = json_object();
    bool made = put_string(object, "worst", verdict_name(verdict_worst(summary))) &&
                put(object, "exit", json_integer(verdict_exit_code(summary))) &&
                put(object, "messages", json_integer((json_int_t)count_messages(summary)));

    return whole(object, made);
}

bool report_json(FILE *out, const struct audit_summary *summary)
{
    fputc('{', out);
    bool written = write_value(out, head_json(summary), JSON_EMBED);
    fputs(",\"endpoints\":[", out);
    for (size_t i = 0; written && i < summary->count; i++) {
        fputs(i > 0 ? "," : "", out);
        written = write_value(out, endpoint_json(audit_summary_result(summary, i)), 0);
    }
    fputs("],", out);
    written = written && write_value(out, tail_json(summary), JSON_EMBED);
    fputs("}\n", out);
    return written && ferror(out) == 0;
}
