#include "probe/cli/verbs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/words.h"
#include "probe/model/technique.h"

static const char *form_name(enum technique_form form)
{
    return form == TECHNIQUE_PLAIN ? "plain" : "mailbox";
}

static const char *sender_name(enum technique_sender sender)
{
    static const enum sender_class classes[] = {
        [TECHNIQUE_SENDER_EXTERNAL] = SENDER_EXTERNAL,
        [TECHNIQUE_SENDER_OWN] = SENDER_OWN,
        [TECHNIQUE_SENDER_NULL] = SENDER_NULL,
    };
    return sender_class_name(classes[sender]);
}

/* The commands before the technique's own request; "" if none. */
static const char *before(const struct technique *technique, char out[ENVELOPE_PATH_SIZE])
{
    static const char *const claims[] = {
        [TECHNIQUE_IDENTITY_OWN] = "",
        [TECHNIQUE_IDENTITY_ANONYMOUS] = "AUTH ANONYMOUS",
        [TECHNIQUE_IDENTITY_XCLIENT] = "XCLIENT ",
        [TECHNIQUE_IDENTITY_PROXY_V1] = "PROXY header, version 1, from ",
        [TECHNIQUE_IDENTITY_PROXY_V2] = "PROXY header, version 2, from ",
    };
    static const char *const words[] = {
        [TECHNIQUE_SEQUENCE_ALONE] = "",
        [TECHNIQUE_SEQUENCE_AFTER_LOCAL] = "RCPT TO:<postmaster@{own}>",
        [TECHNIQUE_SEQUENCE_AFTER_RESET] = "RCPT TO:<postmaster@{own}>, RSET",
    };
    snprintf(out, ENVELOPE_PATH_SIZE, "%s%s%s", claims[technique->identity],
             technique->claim != NULL ? technique->claim : "", words[technique->sequence]);
    return out;
}

static const char *spelled(const struct technique *technique, char out[ENVELOPE_PATH_SIZE])
{
    technique_spell(technique->spelling, technique->recipient, out);
    snprintf(out + strlen(out), ENVELOPE_PATH_SIZE - strlen(out), "%s",
             technique->recipient_parameters != NULL ? technique->recipient_parameters : "");
    return out;
}

static const char *parameters(const struct technique *technique)
{
    return technique->sender_parameters != NULL ? technique->sender_parameters : "";
}

static json_t *to_json(const struct technique *technique)
{
    char recipient[ENVELOPE_PATH_SIZE];
    char sender[ENVELOPE_PATH_SIZE];
    char first[ENVELOPE_PATH_SIZE];

    snprintf(sender, sizeof(sender), "%s%s", technique->sender, parameters(technique));
    return json_pack("{s:s, s:i, s:s, s:s, s:s?, s:s?, s:s, s:s, s:s, s:s?, s:s, s:s}", "id",
                     technique->id, "number", (int)technique->number, "sender_class",
                     sender_name(technique->sender_class), "form", form_name(technique->form),
                     "requires", technique->requires, "helo", technique->helo, "before",
                     before(technique, first), "sender", sender, "recipient",
                     spelled(technique, recipient), "control", technique->control, "summary",
                     technique->summary, "proves", technique->proves);
}

static void print_object(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < technique_count; i++) {
        json_array_append_new(list, to_json(&techniques[i]));
    }
    json_t *object = json_pack("{s:s, s:s, s:i, s:o}", "program", PROBE_PROGRAM, "version",
                               RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "techniques", list);
    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

static void print_row(const struct technique *technique)
{
    char recipient[ENVELOPE_PATH_SIZE];
    char first[ENVELOPE_PATH_SIZE];

    printf("%u %s: %s\n", technique->number, technique->id, technique->summary);
    if (technique->requires != NULL) {
        printf("    needs: %s\n", technique->requires);
    }
    if (technique->helo != NULL) {
        printf("    EHLO %s\n", technique->helo);
    }
    if (before(technique, first)[0] != '\0') {
        printf("    first: %s\n", first);
    }
    printf("    MAIL FROM:%s%s\n    RCPT TO:%s\n", technique->sender, parameters(technique),
           spelled(technique, recipient));
    if (technique->control != NULL) {
        printf("    control: RCPT TO:%s\n", technique->control);
    }
    printf("    accepted: %s\n", technique->proves);
}

static void print_list(void)
{
    for (size_t i = 0; i < technique_count; i++) {
        if (i > 0) {
            putchar('\n');
        }
        print_row(&techniques[i]);
    }
}

int techniques_main(const struct options *invocation)
{
    if (invocation->json) {
        print_object();
    } else {
        print_list();
    }
    return options_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}
