#include "lib/finding_json.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"

#define NAME_SIZE 32

/* Fields' names are static strings elsewhere; those that are read from a file are kept here. */
static pthread_mutex_t names_mutex = PTHREAD_MUTEX_INITIALIZER;
static char names[FINDING_JSON_NAMES][NAME_SIZE];

/* The name as a static string; NULL: too long, empty, or too many are known. */
static const char *static_name(const char *name)
{
    const char *known = NULL;

    if (name[0] == '\0' || strlen(name) >= NAME_SIZE ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0') {
        return NULL;
    }
    pthread_mutex_lock(&names_mutex);
    for (size_t i = 0; i < FINDING_JSON_NAMES && known == NULL; i++) {
        if (names[i][0] == '\0') {
            memcpy(names[i], name, strlen(name) + 1);
        }
        if (strcmp(names[i], name) == 0) {
            known = names[i];
        }
    }
    pthread_mutex_unlock(&names_mutex);
    return known;
}

json_t *finding_json_text(const char *text)
{
    char escaped[4 * REMEDIES_SIZE + 1];
    json_t *string = json_string(text);

    if (string != NULL) {
        return string;
    }
    printable_string(escaped, sizeof(escaped), text);
    return json_string(escaped);
}

static json_t *write_fields(const struct finding *finding)
{
    json_t *fields = json_array();

    for (size_t i = 0; fields != NULL && i < finding->fields; i++) {
        const struct finding_field *field = &finding->field[i];
        json_t *entry = json_pack("[s i o]", field->name, (int)field->places,
                                  finding_json_text(finding->arena + field->value));

        /* It takes the entry over, also when it fails. */
        if (json_array_append_new(fields, entry) != 0) {
            json_decref(fields);
            return NULL;
        }
    }
    return fields;
}

json_t *finding_json_remedies(const struct remedies *remedies)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < remedies->count; i++) {
        const struct remedy_part *part = &remedies->part[i];
        char text[REMEDIES_SIZE];

        memcpy(text, remedies->text + part->begin, part->length);
        text[part->length] = '\0';
        json_t *entry = json_pack("{s:s?, s:o}", "mta", mta_word((enum mta)part->mta), "text",
                                  finding_json_text(text));
        /* It takes the entry over, also when it fails. */
        if (json_array_append_new(array, entry) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

bool finding_json_read_remedies(struct remedies *remedies, const json_t *array)
{
    remedies_clear(remedies);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *mta = json_object_get(json_array_get(array, i), "mta");
        const char *text = json_string_value(json_object_get(json_array_get(array, i), "text"));
        if (text == NULL || !printable_is_shown(text) ||
            (!json_is_null(mta) && !json_is_string(mta))) {
            return false;
        }
        remedies_add(remedies, mta_from_word(json_string_value(mta)), "%s", text);
    }
    return json_is_array(array);
}

char *finding_json_write(const struct finding *finding)
{
    json_t *fields = write_fields(finding);
    json_t *object = NULL;
    char *text = NULL;

    if (fields == NULL) {
        return NULL;
    }
    /* "o" takes values over, also when it fails. */
    object = json_pack("{s:o s:o s:o}", "why", finding_json_text(finding->why), "fix",
                       finding_json_remedies(&finding->fix), "fields", fields);
    if (object != NULL) {
        text = json_dumps(object, JSON_COMPACT);
    }
    json_decref(object);
    return text;
}

static bool read_field(struct finding *finding, json_t *entry)
{
    const char *name = NULL;
    const char *value = NULL;
    int places = 0;

    if (json_unpack(entry, "[s i s!]", &name, &places, &value) != 0 || places < 0 ||
        places > (FIELD_SUBJECT | FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED)) {
        return false;
    }
    const char *kept = static_name(name);
    return kept == NULL || finding_add_shown(finding, kept, (unsigned int)places, value);
}

/* It was one text before remedies were told apart, and a database may still have that. */
static bool read_fix(struct finding *finding, const json_t *fix)
{
    if (!json_is_string(fix)) {
        return finding_json_read_remedies(&finding->fix, fix);
    }
    finding_fix(finding, "%s", json_string_value(fix));
    return printable_is_shown(json_string_value(fix));
}

bool finding_json_read(struct finding *finding, const char *text)
{
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *why = NULL;
    json_t *fix = NULL;
    json_t *fields = NULL;
    bool good = object != NULL && json_unpack(object, "{s:s s:o s:o!}", "why", &why, "fix", &fix,
                                              "fields", &fields) == 0;

    good = good && json_is_array(fields) && printable_is_shown(why) && read_fix(finding, fix);
    if (good) {
        finding_why(finding, "%s", why);
        for (size_t i = 0; good && i < json_array_size(fields); i++) {
            good = read_field(finding, json_array_get(fields, i));
        }
    }
    json_decref(object);
    return good;
}
