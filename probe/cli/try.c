#include "probe/cli/verbs.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/printable.h"
#include "probe/cli/privileges.h"

static json_t *json_lines(char *const *lines, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, json_string(lines[i]));
    }
    return array;
}

static json_t *json_fingerprint(const struct token_key *key)
{
    char fingerprint[TOKEN_FINGERPRINT_SIZE];

    return key == NULL ? json_null() : json_string(token_fingerprint(key, fingerprint));
}

static void print_fingerprint(const char *option, const struct token_key *key)
{
    char fingerprint[TOKEN_FINGERPRINT_SIZE];

    if (key != NULL) {
        printf("%s: fingerprint %s\n", option, token_fingerprint(key, fingerprint));
    }
}

static void print_test_json(const char *path, const struct conf_report *report,
                            const struct conf *conf, int code)
{
    char shown[PATH_MAX];
    bool valid = conf != NULL && report->mistake_count == 0;
    printable_string(shown, sizeof(shown), path);
    json_t *object = json_pack(
        "{s:s, s:s, s:i, s:s, s:b, s:o, s:o, s:{s:o, s:o}, s:i}", "program", PROBE_PROGRAM,
        "version", RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "configuration", shown, "valid",
        valid, "mistakes", json_lines(report->mistakes, report->mistake_count), "notes",
        json_lines(report->notes, report->note_count), "fingerprints", "token_key_file",
        json_fingerprint(valid ? conf->token_key : NULL), "token_key_also",
        json_fingerprint(valid ? conf->token_key_other : NULL), "exit", code);

    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

/* As the user that the units are: the state directory's owner. Who is another cannot know what the
 * probe may write to; who has no such directory yet is told so by a note of the configuration's. */
static bool try_as_owner(const struct conf *conf, struct conf_report *report)
{
    struct stat status;

    if (stat(conf->state_directory, &status) != 0) {
        return true;
    }
    if (status.st_uid == geteuid()) {
        return conf_try(conf, CONF_PROBE, report);
    }
    fprintf(stderr,
            "note: what relaywarden-probe run writes to and runs was not tried: %s is another "
            "user's; to try it: sudo relaywarden-probe -t\n",
            conf->state_directory);
    return true;
}

int try_configuration(const struct options *invocation)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    bool valid = conf != NULL;
    int code = valid                  ? 0
               : report.system_failed ? options_code(invocation, OPTIONS_SYSTEM)
                                      : options_code(invocation, OPTIONS_CONFIGURATION);
    char owner[PRIVILEGES_NAME_SIZE];

    /* Root can read everything; the units are the state directory's owner, and so is a reload. */
    if (valid && privileges_become(conf, owner) && owner[0] != '\0') {
        conf_note_denied(&report, invocation->conf_path, CONF_PROBE, owner);
    }
    if (valid && !try_as_owner(conf, &report)) {
        valid = false;
        code = options_code(invocation, OPTIONS_CONFIGURATION);
    }
    for (size_t i = 0; i < report.mistake_count; i++) {
        fprintf(stderr, "%s\n", report.mistakes[i]);
    }
    if (!valid && report.mistake_count == 0) {
        fputs(PROBE_PROGRAM ": out of memory\n", stderr);
    }
    for (size_t i = 0; i < report.note_count; i++) {
        fprintf(stderr, "%s\n", report.notes[i]);
    }
    if (invocation->json) {
        print_test_json(invocation->conf_path, &report, conf, code);
    } else if (valid) {
        printf("%s: configuration is valid\n", invocation->conf_path);
        print_fingerprint("token_key_file", conf->token_key);
        print_fingerprint("token_key_also", conf->token_key_other);
    }
    conf_report_free(&report);
    conf_free(conf);
    if (!options_output_is_written() && code == 0) {
        return options_code(invocation, OPTIONS_SYSTEM);
    }
    return code;
}
