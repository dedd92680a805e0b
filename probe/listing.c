#include "probe/listing.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/words.h"
#include "probe/technique.h"

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

static json_t *to_json(const struct technique *technique)
{
    return json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:s, s:s?, s:s, s:s}", "id", technique->id, "number",
        (int)technique->number, "sender_class", sender_name(technique->sender_class), "form",
        form_name(technique->form), "sender", technique->sender, "recipient", technique->recipient,
        "control", technique->control, "summary", technique->summary, "proves", technique->proves);
}

static void print_object(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < technique_count; i++) {
        json_array_append_new(list, to_json(&techniques[i]));
    }
    json_t *object = json_pack("{s:s, s:s, s:o}", "program", PROBE_PROGRAM, "version",
                               RELAYWARDEN_VERSION, "techniques", list);
    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

static void print_list(void)
{
    for (size_t i = 0; i < technique_count; i++) {
        const struct technique *technique = &techniques[i];
        printf("%s%s: %s\n    MAIL FROM:%s\n    RCPT TO:%s\n", i > 0 ? "\n" : "", technique->id,
               technique->summary, technique->sender, technique->recipient);
        if (technique->control != NULL) {
            printf("    control: RCPT TO:%s\n", technique->control);
        }
        printf("    accepted: %s\n", technique->proves);
    }
}

int listing_main(const struct invocation *invocation)
{
    if (invocation->json) {
        print_object();
    } else {
        print_list();
    }
    return invocation_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}
