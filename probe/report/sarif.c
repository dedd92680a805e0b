#include "probe/report/sarif.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "probe/model/program.h"

#define SCHEMA   "https://json.schemastore.org/sarif-2.1.0.json"
#define URI_SIZE 1024
/* Names the kind of fingerprint, as section 3.27.17 wants; "/v1" is its version. */
#define FINGERPRINT "relaywardenSubject/v1"

/* A path as the URI that section 3.4.3 wants; what does not fit is cut at a whole octet. */
static const char *write_uri(const char *path, char out[URI_SIZE])
{
    size_t used = (size_t)snprintf(out, URI_SIZE, "%s", path[0] == '/' ? "file://" : "");

    for (const char *at = path; *at != '\0' && used + 4 < URI_SIZE; at++) {
        unsigned char octet = (unsigned char)*at;
        bool plain = isalnum(octet) != 0 || strchr("/-._~", octet) != NULL;
        used += (size_t)snprintf(out + used, URI_SIZE - used, plain ? "%c" : "%%%02X", octet);
    }
    return out;
}

static json_t *location(const struct sarif_result *result)
{
    char uri[URI_SIZE];

    if (result->file == NULL) {
        return json_pack("{s:[{s:s, s:s}]}", "logicalLocations", "fullyQualifiedName",
                         result->place, "kind", "resource");
    }
    json_t *physical =
        json_pack("{s:{s:s}}", "artifactLocation", "uri", write_uri(result->file, uri));
    if (physical != NULL && result->line > 0 &&
        json_object_set_new(physical, "region", json_pack("{s:i}", "startLine", result->line)) !=
            0) {
        json_decref(physical);
        return NULL;
    }
    return json_pack("{s:o}", "physicalLocation", physical);
}

static json_t *result_json(const struct sarif_result *result)
{
    static const char *const levels[] = {
        [SARIF_NOTE] = "note",
        [SARIF_WARNING] = "warning",
        [SARIF_ERROR] = "error",
    };
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "ruleId", result->rule, "level",
                               levels[result->level], "message", "text", result->message);

    if (object != NULL && (result->file != NULL || result->place != NULL) &&
        json_object_set_new(object, "locations", json_pack("[o]", location(result))) != 0) {
        json_decref(object);
        return NULL;
    }
    if (object != NULL && result->key != NULL &&
        json_object_set_new(object, "partialFingerprints",
                            json_pack("{s:s}", FINGERPRINT, result->key)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Takes the reference over. */
static void write_value(struct sarif *sarif, json_t *value)
{
    if (value == NULL || json_dumpf(value, sarif->out, JSON_COMPACT) != 0) {
        sarif->failed = true;
    }
    json_decref(value);
}

static json_t *tool_json(const struct sarif_rule *rules, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "id", rules[i].id,
                                                  "shortDescription", "text", rules[i].text)) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:{s:s, s:s, s:o}}", "driver", "name", PROBE_PROGRAM, "version",
                     RELAYWARDEN_VERSION, "rules", list);
}

struct sarif sarif_begin(FILE *out, const struct sarif_rule *rules, size_t count)
{
    struct sarif sarif = {.out = out};

    fputs("{\"$schema\":\"" SCHEMA "\",\"version\":\"2.1.0\",\"runs\":[{\"tool\":", out);
    write_value(&sarif, tool_json(rules, count));
    fputs(",\"results\":[", out);
    return sarif;
}

void sarif_write(struct sarif *sarif, const struct sarif_result *result)
{
    fputs(sarif->any ? "," : "", sarif->out);
    sarif->any = true;
    write_value(sarif, result_json(result));
}

bool sarif_end(struct sarif *sarif)
{
    fputs("]}]}\n", sarif->out);
    return !sarif->failed && ferror(sarif->out) == 0;
}
