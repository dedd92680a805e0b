/* conf/: whatever a configuration file holds, it is read or refused with messages that can be
 * shown, each with a line of that file. */
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/fill.h"
#include "conf/mistakes.h"
#include "conf/text.h"
#include "conf/tree.h"
#include "conf/unknown.h"
#include "lib/site.h"
#include "tests/fuzz/fuzz.h"

static const char path[] = "relaywarden.conf";

static int lines_of(const char *text, size_t length)
{
    int lines = 1;

    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

static void check_message(const char *message, int lines)
{
    FUZZ_MUST(fuzz_is_shown(message, false));
    FUZZ_MUST(strncmp(message, path, strlen(path)) == 0);
    const char *at = message + strlen(path);
    FUZZ_MUST(*at == ':');
    if (at[1] != ' ') {
        char *after;
        long line = strtol(at + 1, &after, 10);
        FUZZ_MUST(line >= 1 && line <= lines && *after == ':');
    }
}

static void check_tree(const struct conf_tree *tree, int lines)
{
    for (size_t i = 0; i < tree->setting_count; i++) {
        const struct conf_setting *setting = &tree->settings[i];
        FUZZ_MUST(setting->option != NULL && setting->section < tree->block_count);
        FUZZ_MUST(setting->line >= 1 && setting->line <= lines);
        for (size_t k = 0; k < setting->item_count; k++) {
            FUZZ_MUST(setting->items[k].line >= setting->line && setting->items[k].line <= lines);
            FUZZ_MUST(strstr(setting->items[k].text, CONF_MARK) == NULL);
        }
    }
    for (size_t i = 0; i < tree->block_count && tree->complete; i++) {
        FUZZ_MUST(tree->blocks[i].open_line <= tree->blocks[i].close_line);
        FUZZ_MUST(tree->blocks[i].close_line <= lines);
    }
}

/* Does conf_load's work, but for looking at what is on this machine. */
static void load(struct conf_draft *draft, const struct conf_text *text)
{
    struct site_settings site = {.domains = domainset_new()};
    char *prepared = NULL;

    FUZZ_MUST(site.domains != NULL);
    bool torn = conf_text_prepare(text, &prepared, draft->messages) < 0;
    FUZZ_MUST(prepared != NULL);
    FUZZ_MUST(!torn || draft->messages->mistakes > 0);
    conf_blank_unknown(prepared, draft->messages);
    FUZZ_MUST(conf_tree_read(&draft->tree, prepared, torn, draft->messages) == 0);
    FUZZ_MUST(draft->tree.complete || draft->messages->mistakes > 0);
    check_tree(&draft->tree, text->end_line);
    FUZZ_MUST(conf_fill(draft) == 0);
    conf_check_values(draft, &site);
    free(prepared);
    site_settings_free(&site);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    enum conf_program program = (fuzz_byte(&input) & 1) != 0 ? CONF_PROBE : CONF_MILTER;
    struct conf_messages messages = {.file = path};
    struct conf_report report = {0};
    struct conf_draft draft = {
        .conf = calloc(1, sizeof(*draft.conf)), .messages = &messages, .program = program};
    struct conf_text text = {.bytes = calloc(1, input.left + 1), .length = input.left};

    FUZZ_MUST(draft.conf != NULL && text.bytes != NULL);
    if (input.left > 0) {
        memcpy(text.bytes, input.at, input.left);
    }
    text.end_line = lines_of(text.bytes, text.length);
    draft.tree.end_line = text.end_line;
    load(&draft, &text);
    FUZZ_MUST(!messages.out_of_memory);
    conf_messages_publish(&messages, &report);
    for (size_t i = 0; i < report.mistake_count; i++) {
        check_message(report.mistakes[i], text.end_line);
    }
    for (size_t i = 0; i < report.note_count; i++) {
        check_message(report.notes[i], text.end_line);
    }
    conf_report_free(&report);
    conf_free(draft.conf);
    conf_draft_free(&draft);
    conf_text_free(&text);
    return 0;
}
