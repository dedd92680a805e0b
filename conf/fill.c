#include "conf/fill.h"

#include <stdlib.h>
#include <string.h>

#include "conf/environment.h"
#include "conf/names.h"
#include "conf/values.h"

/* ---- members ------------------------------------------------------------------------- */

static void *member(void *base, size_t offset)
{
    return (char *)base + offset;
}

/* Pointers are copied in and out: the members have different types, and only their size is known
 * here. */
static void *get_pointer(const void *at)
{
    void *value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static size_t get_count(const void *base, const struct conf_option *option)
{
    size_t count;
    memcpy(&count, (const char *)base + option->count_offset, sizeof(count));
    return count;
}

static void free_elements(const struct conf_option *option, void *elements, size_t count)
{
    if (conf_type_is_string(option->type)) {
        for (size_t i = 0; i < count; i++) {
            free(get_pointer((char *)elements + i * sizeof(char *)));
        }
    }
}

static void free_member(const struct conf_option *option, void *base)
{
    void *at = member(base, option->offset);

    if (option->list) {
        void *elements = get_pointer(at);
        if (elements != NULL) {
            free_elements(option, elements, get_count(base, option));
        }
        free(elements);
        memset(member(base, option->count_offset), 0, sizeof(size_t));
        memset(at, 0, sizeof(void *));
    } else if (conf_type_is_string(option->type)) {
        free_elements(option, at, 1);
        memset(at, 0, sizeof(char *));
    }
}

/* The struct that holds the option's member; NULL for options of a target. */
static void *base_of(struct conf_draft *draft, const struct conf_option *option)
{
    if (option->loose) {
        return &draft->loose;
    }
    return option->section == SECTION_TARGET ? NULL : (void *)draft->conf;
}

void conf_free_options(struct conf *conf)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        if (!option->loose && option->section != SECTION_TARGET) {
            free_member(option, conf);
        }
    }
    for (size_t i = 0; i < conf->probe.target_count; i++) {
        for (size_t j = 0; j < conf_option_count; j++) {
            if (conf_options[j].section == SECTION_TARGET) {
                free_member(&conf_options[j], &conf->probe.targets[i]);
            }
        }
        free(conf->probe.targets[i].name);
    }
    free(conf->probe.targets);
    conf->probe.targets = NULL;
    conf->probe.target_count = 0;
}

void conf_draft_free(struct conf_draft *draft)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        if (conf_options[i].loose) {
            free_member(&conf_options[i], &draft->loose);
        }
    }
    conf_tree_free(&draft->tree);
}

/* ---- reading ------------------------------------------------------------------------- */

/* Values being read for one option. */
struct batch {
    const struct conf_option *option;
    char *elements; /* with one zeroed behind the last */
    size_t count;
};

static int batch_begin(struct batch *batch, const struct conf_option *option, size_t room)
{
    *batch = (struct batch){.option = option,
                            .elements = calloc(room + 1, conf_type_size(option->type))};
    return batch->elements != NULL ? 0 : -1;
}

static void batch_discard(struct batch *batch)
{
    free_elements(batch->option, batch->elements, batch->count);
    free(batch->elements);
    batch->elements = NULL;
}

/* Further words on a wrong value: where it belongs, or how to write what it seems to be. */
static const char *hint(const struct conf_draft *draft, const struct conf_option *option,
                        const char *text)
{
    const bool variables = draft->variables != NULL;

    if (option->section == SECTION_TARGET && option->type == TYPE_HOST) {
        return variables ? "; ports go into " CONF_PORTS_VARIABLE : "; ports go into \"ports\"";
    }
    if (option->type == TYPE_PLACE && option->optional) {
        return variables ? "; at 127.0.0.1 only this container reaches it"
                         : ", or \"\" for nowhere";
    }
    if (variables && option->list && strpbrk(text, ";|\"'{}[]()=") != NULL) {
        return "; divide the list by spaces or commas, without quotes";
    }
    return "";
}

/* 0: read; 1: reported as a mistake; -1: memory is out. */
static int batch_add(struct batch *batch, const char *text, int line,
                     const struct conf_draft *draft)
{
    size_t size = conf_type_size(batch->option->type);
    char error[CONF_VALUE_ERROR_SIZE];

    if (conf_value_read(batch->option, text, batch->elements + batch->count * size, error)) {
        batch->count++;
        return 0;
    }
    if (error[0] == '\0') {
        return -1;
    }
    conf_mistake(draft->messages, line, "%s: %s%s", batch->option->name, error,
                 hint(draft, batch->option, text));
    return 1;
}

/* Moves what was read into its member. */
static void batch_store(struct batch *batch, void *base)
{
    const struct conf_option *option = batch->option;

    if (option->list) {
        memcpy(member(base, option->offset), &batch->elements, sizeof(batch->elements));
        memcpy(member(base, option->count_offset), &batch->count, sizeof(batch->count));
    } else {
        memcpy(member(base, option->offset), batch->elements, conf_type_size(option->type));
        free(batch->elements);
    }
    batch->elements = NULL;
}

/* Whether a list is where a list belongs, and a value where a value does. */
static bool has_right_shape(const struct conf_draft *draft, const struct conf_setting *setting)
{
    const struct conf_option *option = setting->option;
    char shown[CONF_SHOW_SIZE] = "VALUE";

    if (setting->item_count > 0) {
        conf_show(shown, setting->items[0].text);
    }
    if (option->list && !setting->braces) {
        conf_mistake(draft->messages, setting->line, "%s: a list is expected; write %s = { %s }",
                     option->name, option->name, shown);
    } else if (!option->list && setting->braces) {
        conf_mistake(draft->messages, setting->line,
                     "%s: one value is expected, not a list; write %s = %s", option->name,
                     option->name, shown);
    } else if (option->list && setting->item_count == 0 && !option->optional &&
               draft->tree.complete) {
        conf_mistake(draft->messages, setting->line,
                     "%s: the list is empty; at least one value is needed", option->name);
    } else {
        return true;
    }
    return false;
}

/* Reads a setting into `base`; NULL only checks it. */
static int read_setting(struct conf_draft *draft, const struct conf_setting *setting, void *base)
{
    struct batch batch;
    bool good = true;

    if (!has_right_shape(draft, setting)) {
        return 0;
    }
    if (batch_begin(&batch, setting->option, setting->item_count) < 0) {
        return -1;
    }
    for (size_t i = 0; i < setting->item_count; i++) {
        int result = batch_add(&batch, setting->items[i].text, setting->items[i].line, draft);
        if (result < 0) {
            batch_discard(&batch);
            return -1;
        }
        good = good && result == 0;
    }
    if (good && base != NULL) {
        batch_store(&batch, base);
    } else {
        batch_discard(&batch);
    }
    return 0;
}

/* Defaults are read like anything else. */
static int read_default(const struct conf_draft *draft, const struct conf_option *option,
                        void *base)
{
    struct batch batch;
    size_t count = 0;

    if (option->defaults == NULL && !option->list) {
        return 0;
    }
    while (option->defaults != NULL && option->defaults[count] != NULL) {
        count++;
    }
    if (batch_begin(&batch, option, count) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (batch_add(&batch, option->defaults[i], 0, draft) != 0) {
            batch_discard(&batch);
            return -1;
        }
    }
    batch_store(&batch, base);
    return 0;
}

/* ---- twice --------------------------------------------------------------------------- */

/* The setting before this one that it repeats, or NULL. Of targets each may have its own. */
static const struct conf_setting *repeated(const struct conf_tree *tree,
                                           const struct conf_setting *setting)
{
    for (const struct conf_setting *other = tree->settings; other < setting; other++) {
        if (other->option == setting->option &&
            (setting->option->section != SECTION_TARGET || other->section == setting->section)) {
            return other;
        }
    }
    return NULL;
}

static bool same_block(const struct conf_block *a, const struct conf_block *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    return a->title == NULL || b->title == NULL || strcmp(a->title, b->title) == 0;
}

static void report_repeated_block(const struct conf_draft *draft, const struct conf_block *block,
                                  const struct conf_block *first)
{
    char shown[CONF_SHOW_SIZE] = "";

    if (block->title != NULL) {
        conf_show(shown, block->title);
    }
    conf_mistake(draft->messages, block->open_line,
                 "section %s%s%s is there twice, first on line %d; only one is allowed",
                 conf_sections[block->kind].name, block->title != NULL ? " " : "", shown,
                 first->open_line);
}

static void check_repeated_blocks(const struct conf_draft *draft)
{
    const struct conf_tree *tree = &draft->tree;

    for (size_t i = 1; i < tree->block_count; i++) {
        for (size_t j = 1; j < i; j++) {
            if (same_block(&tree->blocks[i], &tree->blocks[j])) {
                report_repeated_block(draft, &tree->blocks[i], &tree->blocks[j]);
                break;
            }
        }
    }
}

/* ---- targets ------------------------------------------------------------------------- */

static void check_target_name(const struct conf_draft *draft, const struct conf_block *block)
{
    char shown[CONF_SHOW_SIZE];

    if (!conf_is_target_name(block->title)) {
        conf_mistake(draft->messages, block->open_line,
                     "%s cannot be a target's name; allowed: up to %d letters, digits, dots, "
                     "hyphens and underscores, the first a letter or digit",
                     conf_show(shown, block->title), CONF_TARGET_NAME_MAX);
    }
}

static int make_targets(struct conf_draft *draft)
{
    struct conf_probe *probe = &draft->conf->probe;
    const struct conf_tree *tree = &draft->tree;

    probe->targets = calloc(tree->block_count, sizeof(*probe->targets));
    if (probe->targets == NULL) {
        return -1;
    }
    for (size_t i = 0; i < tree->block_count; i++) {
        const struct conf_block *block = &tree->blocks[i];
        if (block->kind != SECTION_TARGET) {
            continue;
        }
        check_target_name(draft, block);
        struct conf_target *target = &probe->targets[probe->target_count];
        target->line = block->open_line;
        target->name = strdup(block->title);
        if (target->name == NULL) {
            return -1;
        }
        probe->target_count++;
    }
    return 0;
}

/* Targets are in the tree's order: this is the one of the block. */
static struct conf_target *target_of(const struct conf_draft *draft, size_t block)
{
    size_t index = 0;

    for (size_t i = 0; i < block; i++) {
        if (draft->tree.blocks[i].kind == SECTION_TARGET) {
            index++;
        }
    }
    return &draft->conf->probe.targets[index];
}

static int fill_target_defaults(struct conf_draft *draft, size_t block)
{
    struct conf_target *target = target_of(draft, block);

    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        if (option->section == SECTION_TARGET &&
            conf_tree_find_in(&draft->tree, block, option->name) == NULL &&
            read_default(draft, option, target) < 0) {
            return -1;
        }
    }
    if (conf_tree_find_in(&draft->tree, block, "interval") == NULL) {
        target->interval_seconds = draft->conf->probe.interval_seconds;
    }
    return 0;
}

/* ---- all ----------------------------------------------------------------------------- */

static int fill_settings(struct conf_draft *draft)
{
    for (size_t i = 0; i < draft->tree.setting_count; i++) {
        const struct conf_setting *setting = &draft->tree.settings[i];
        const struct conf_setting *earlier = repeated(&draft->tree, setting);
        void *base = base_of(draft, setting->option);
        if (base == NULL) {
            base = target_of(draft, setting->section);
        }
        /* Options of a repeated section are that section's mistake. */
        if (earlier != NULL && earlier->section == setting->section) {
            conf_mistake(draft->messages, setting->line,
                         "%s is set twice, first on line %d; only one is allowed",
                         setting->option->name, earlier->line);
        }
        if (read_setting(draft, setting, earlier == NULL ? base : NULL) < 0) {
            return -1;
        }
    }
    return 0;
}

static int fill_defaults(struct conf_draft *draft)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        void *base = base_of(draft, option);
        if (base != NULL && conf_tree_find(&draft->tree, option->section, option->name) == NULL &&
            read_default(draft, option, base) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < draft->tree.block_count; i++) {
        if (draft->tree.blocks[i].kind == SECTION_TARGET && fill_target_defaults(draft, i) < 0) {
            return -1;
        }
    }
    return 0;
}

int conf_fill(struct conf_draft *draft)
{
    check_repeated_blocks(draft);
    if (make_targets(draft) < 0 || fill_settings(draft) < 0 || fill_defaults(draft) < 0) {
        draft->messages->out_of_memory = true;
        return -1;
    }
    for (size_t i = 0; i < draft->loose.source_count; i++) {
        const struct address *source = &draft->loose.sources[i];
        draft->conf->probe.source[source->family == ADDRESS_IPV6] = *source;
    }
    return 0;
}
