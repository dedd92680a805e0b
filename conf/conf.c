#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/apart.h"
#include "conf/check.h"
#include "conf/domains.h"
#include "conf/fill.h"
#include "conf/key.h"
#include "conf/machine.h"
#include "conf/mistakes.h"
#include "conf/target_files.h"
#include "conf/text.h"
#include "conf/tree.h"
#include "conf/unknown.h"

struct conf *conf_hold(struct conf *conf)
{
    atomic_fetch_add(&conf->holders, 1);
    return conf;
}

void conf_free(struct conf *conf)
{
    if (conf == NULL || atomic_fetch_sub(&conf->holders, 1) > 1) {
        return;
    }
    conf_free_options(conf);
    conf_free_keys(conf);
    site_free(conf->site);
    free(conf->path);
    free(conf);
}

/* Reads the text into draft->tree. -1: nothing can be judged. */
static int read_text(struct conf_draft *draft, const struct conf_text *text)
{
    char *prepared = NULL;

    draft->tree.end_line = text->end_line;
    bool torn = conf_text_prepare(text, &prepared, draft->messages) < 0;
    int result = -1;
    if (prepared != NULL) {
        conf_blank_unknown(prepared, draft->messages);
        result = conf_tree_read_apart(&draft->tree, prepared, torn, draft->messages);
    }
    free(prepared);
    return result;
}

/* Reads the file, or instead of it `given`. */
static int read_tree(struct conf_draft *draft, const char *path, const struct conf_text *given)
{
    struct conf_text text = {0};

    if (given != NULL) {
        return read_text(draft, given);
    }
    if (draft->variables != NULL) {
        return conf_environment_read(draft->variables, draft->program, draft->messages) < 0
                   ? -1
                   : read_text(draft, &draft->variables->text);
    }
    if (strcmp(path, CONF_DEFAULT_PATH) == 0 && conf_environment_tell_strays(draft->messages)) {
        return -1;
    }
    if (conf_text_read(path, &text, draft->messages) < 0) {
        return -1;
    }
    int result = read_text(draft, &text);
    conf_text_free(&text);
    return result;
}

/* struct site takes the networks and certificates over. */
static int make_site(struct conf_draft *draft)
{
    struct site_settings site = {0};
    int result = -1;

    if (conf_domains_load(draft, &site) < 0) {
        goto out;
    }
    conf_check_values(draft, &site);
    if (draft->messages->mistakes > 0) {
        result = 0;
        goto out;
    }
    site.networks = draft->loose.networks;
    site.network_count = draft->loose.network_count;
    site.certificates = draft->loose.certificates;
    site.certificate_count = draft->loose.certificate_count;
    draft->loose.networks = NULL;
    draft->loose.network_count = 0;
    draft->loose.certificates = NULL;
    draft->loose.certificate_count = 0;
    draft->conf->site = site_new(&site);
    if (draft->conf->site != NULL) {
        result = 0;
    }
out:
    site_settings_free(&site);
    if (result < 0) {
        draft->messages->out_of_memory = true;
    }
    return result;
}

static void load(struct conf_draft *draft, const char *path, const struct conf_text *given)
{
    draft->conf->path = strdup(path);
    if (draft->conf->path == NULL) {
        draft->messages->out_of_memory = true;
        return;
    }
    if (read_tree(draft, path, given) < 0 || conf_fill(draft) < 0) {
        return;
    }
    /* The rest of a torn file is not known. */
    if (!draft->tree.complete) {
        return;
    }
    if (conf_target_files_load(draft) < 0) {
        draft->messages->out_of_memory = true;
        return;
    }
    if (make_site(draft) < 0) {
        return;
    }
    conf_load_keys(draft);
    conf_check_machine(draft);
}

static struct conf *load_from(const char *path, const struct conf_text *given,
                              enum conf_program program, struct conf_report *report)
{
    struct conf_messages messages = {.file = path};
    struct conf_environment variables = {0};
    struct conf_draft draft = {.variables = strcmp(path, CONF_ENVIRONMENT) == 0 ? &variables : NULL,
                               .conf = calloc(1, sizeof(*draft.conf)),
                               .messages = &messages,
                               .program = program};
    struct conf *loaded = NULL;

    if (draft.conf != NULL) {
        atomic_init(&draft.conf->holders, 1);
        draft.conf->alert.audits_resolve = program == CONF_PROBE;
        load(&draft, path, given);
    } else {
        messages.out_of_memory = true;
    }
    if (messages.out_of_memory) {
        conf_mistake(&messages, 0, "cannot be loaded: out of memory");
    }
    if (messages.mistakes == 0) {
        loaded = draft.conf;
        draft.conf = NULL;
    }
    conf_free(draft.conf);
    conf_draft_free(&draft);
    conf_environment_name(&variables, &messages);
    conf_environment_free(&variables);
    conf_messages_publish(&messages, report);
    return loaded;
}

struct conf *conf_load(const char *path, enum conf_program program, struct conf_report *report)
{
    return load_from(path, NULL, program, report);
}

struct conf *conf_load_text(const char *name, const char *text, enum conf_program program,
                            struct conf_report *report)
{
    struct conf_text given = {.bytes = strdup(text), .length = strlen(text), .end_line = 1};

    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        given.end_line++;
    }
    if (given.bytes == NULL) {
        return NULL;
    }
    struct conf *conf = load_from(name, &given, program, report);
    conf_text_free(&given);
    return conf;
}

/* Takes `note`, which may be NULL. */
static void add_note(struct conf_report *report, char *note)
{
    char **grown =
        note != NULL ? realloc(report->notes, (report->note_count + 1) * sizeof(*grown)) : NULL;

    if (grown == NULL) {
        free(note);
        return;
    }
    report->notes = grown;
    report->notes[report->note_count++] = note;
}

void conf_note_denied(struct conf_report *report, const char *path, enum conf_program program,
                      const char *user)
{
    struct conf_report denied = {0};

    conf_free(conf_load(path, program, &denied));
    for (size_t i = 0; i < denied.mistake_count; i++) {
        char *note = NULL;
        if (asprintf(&note, "note: as the user %s, who reads it for the unit and at a reload: %s",
                     user, denied.mistakes[i]) < 0) {
            note = NULL;
        }
        add_note(report, note);
    }
    conf_report_free(&denied);
}
