#include "conf/tree.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text.h"

#define OPTIONS_MAX 24 /* in one section, with its subsections, the mark and the end */
#define STACK_MAX   4

/* One pass of libconfuse over the text. */
struct pass {
    struct conf_tree *tree;
    struct conf_messages *messages;
    bool silent;
    size_t stack[STACK_MAX]; /* indices of the open blocks */
    size_t depth;
    int line;          /* the last that was read */
    bool syntax_error; /* ended at a mistake of syntax, which has been reported unless silent */
};

/* See "One thread at a time" in the header. */
static struct pass *current;

/* ---- the tree ------------------------------------------------------------------------ */

static void free_items(struct conf_setting *setting)
{
    for (size_t i = 0; i < setting->item_count; i++) {
        free(setting->items[i].text);
    }
    free(setting->items);
}

void conf_tree_free(struct conf_tree *tree)
{
    for (size_t i = 0; i < tree->block_count; i++) {
        free(tree->blocks[i].title);
    }
    for (size_t i = 0; i < tree->setting_count; i++) {
        free_items(&tree->settings[i]);
    }
    free(tree->blocks);
    free(tree->settings);
    *tree = (struct conf_tree){0};
}

const struct conf_setting *conf_tree_find(const struct conf_tree *tree, enum conf_section section,
                                          const char *name)
{
    for (size_t i = 0; i < tree->setting_count; i++) {
        const struct conf_option *option = tree->settings[i].option;
        if (option->section == section && strcmp(option->name, name) == 0) {
            return &tree->settings[i];
        }
    }
    return NULL;
}

const struct conf_setting *conf_tree_find_in(const struct conf_tree *tree, size_t block,
                                             const char *name)
{
    for (size_t i = 0; i < tree->setting_count; i++) {
        if (tree->settings[i].section == block &&
            strcmp(tree->settings[i].option->name, name) == 0) {
            return &tree->settings[i];
        }
    }
    return NULL;
}

int conf_tree_closing_line(const struct conf_tree *tree, enum conf_section section)
{
    for (size_t i = 0; i < tree->block_count; i++) {
        if (tree->blocks[i].kind == section) {
            return tree->blocks[i].close_line;
        }
    }
    return tree->end_line;
}

int conf_tree_add_block(struct conf_tree *tree, struct conf_block block, const char *title)
{
    struct conf_block *grown =
        realloc(tree->blocks, (tree->block_count + 1) * sizeof(*tree->blocks));

    if (grown == NULL) {
        return -1;
    }
    tree->blocks = grown;
    if (title != NULL && (block.title = strdup(title)) == NULL) {
        return -1;
    }
    grown[tree->block_count++] = block;
    return 0;
}

int conf_tree_add_setting(struct conf_tree *tree, struct conf_setting setting)
{
    struct conf_setting *grown =
        realloc(tree->settings, (tree->setting_count + 1) * sizeof(*tree->settings));

    if (grown == NULL) {
        return -1;
    }
    tree->settings = grown;
    grown[tree->setting_count++] = setting;
    return 0;
}

int conf_tree_add_item(struct conf_tree *tree, const char *text, int line)
{
    struct conf_setting *setting = &tree->settings[tree->setting_count - 1];
    struct conf_item *grown =
        realloc(setting->items, (setting->item_count + 1) * sizeof(*setting->items));

    if (grown == NULL) {
        return -1;
    }
    setting->items = grown;
    grown[setting->item_count] = (struct conf_item){.text = strdup(text), .line = line};
    if (grown[setting->item_count].text == NULL) {
        return -1;
    }
    setting->item_count++;
    return 0;
}

/* ---- libconfuse's callbacks ---------------------------------------------------------- */

static enum conf_section open_kind(const struct pass *pass)
{
    return pass->tree->blocks[pass->stack[pass->depth - 1]].kind;
}

static int open_block(struct pass *pass, struct conf_block block, const char *title)
{
    if (conf_tree_add_block(pass->tree, block, title) < 0) {
        return -1;
    }
    pass->stack[pass->depth++] = pass->tree->block_count - 1;
    return 0;
}

static int out_of_memory(struct pass *pass)
{
    pass->messages->out_of_memory = true;
    return -1;
}

static int on_section_open(struct pass *pass, const cfg_t *cfg)
{
    enum conf_section kind = conf_schema_section(open_kind(pass), cfg->name);

    if (kind == SECTION_COUNT || pass->depth == STACK_MAX) {
        return -1;
    }
    if (open_block(pass, (struct conf_block){.kind = kind, .open_line = cfg->line}, cfg->title) <
        0) {
        return out_of_memory(pass);
    }
    return 0;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    struct pass *pass = current;
    struct conf_tree *tree = pass->tree;

    *(void **)result = NULL;
    pass->line = cfg->line;
    if (strcmp(opt->name, CONF_MARK) == 0) {
        return on_section_open(pass, cfg);
    }
    /* libconfuse empties the list at each equal sign: one value means a new assignment. */
    if (opt->nvalues == 1) {
        const struct conf_option *option = conf_schema_option(open_kind(pass), opt->name);
        if (option == NULL) {
            return -1; /* "SECTION|OPTION = ...": libconfuse's path to an option elsewhere */
        }
        const struct conf_setting setting = {
            .option = option, .section = pass->stack[pass->depth - 1], .line = pass->line};
        if (conf_tree_add_setting(tree, setting) < 0) {
            return out_of_memory(pass);
        }
        if (strcmp(value, CONF_MARK) == 0) {
            tree->settings[tree->setting_count - 1].braces = true;
            return 0;
        }
    }
    if (conf_tree_add_item(tree, value, cfg->line) < 0) {
        return out_of_memory(pass);
    }
    return 0;
}

static int on_section_close(cfg_t *cfg, cfg_opt_t *opt)
{
    struct pass *pass = current;

    (void)opt;
    pass->line = cfg->line;
    pass->tree->blocks[pass->stack[--pass->depth]].close_line = cfg->line;
    return 0;
}

#define UNEXPECTED " here; an option is written NAME = VALUE or NAME = { VALUE, VALUE }"

/* libconfuse's sentences, and ours. Each of those that take an argument takes one string. */
static const struct {
    const char *theirs;
    bool argument;
    const char *before;
    const char *after;
} sentences[] = {
    {"unexpected token", true, "did not expect ", UNEXPECTED},
    /* Names that are not allowed are not in the text any more: this one has no value. */
    {"no such option", true, "did not expect ", UNEXPECTED},
    {"missing equal sign", true, "", " needs an equal sign between its name and its value"},
    {"missing opening brace", true, "section ",
     " needs an opening brace right behind its name (or title)"},
    {"missing title", true, "section ", " needs a title: target \"NAME\" { ... }"},
    {"premature end of file", false, "the file ends in the middle of an option", ""},
};

static void report_syntax(struct pass *pass, int line, const char *format, va_list arguments)
{
    pass->syntax_error = true;
    if (pass->silent) {
        return;
    }
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        if (strncmp(format, sentences[i].theirs, strlen(sentences[i].theirs)) != 0) {
            continue;
        }
        char shown[CONF_SHOW_SIZE] = "";
        if (sentences[i].argument) {
            conf_show(shown, va_arg(arguments, const char *));
        }
        conf_mistake(pass->messages, line, "%s%s%s", sentences[i].before, shown,
                     sentences[i].after);
        return;
    }
    conf_mistake(pass->messages, line,
                 "this cannot be understood; an option is written NAME = "
                 "VALUE or NAME = { VALUE, VALUE }");
}

static void on_error(cfg_t *cfg, const char *format, va_list arguments)
{
    struct pass *pass = current;

    pass->line = cfg->line;
    if (!pass->syntax_error) {
        report_syntax(pass, cfg->line, format, arguments);
    }
}

/* ---- parsing ------------------------------------------------------------------------- */

/* libconfuse's tables, one a section. Every option is a list: whether it may be one is judged
 * later, with the right line. */
struct grammar {
    cfg_opt_t options[SECTION_COUNT][OPTIONS_MAX];
};

static void build_section(struct grammar *grammar, int section)
{
    cfg_opt_t *next = grammar->options[section];

    for (size_t i = 0; i < conf_option_count; i++) {
        if (conf_options[i].section == (enum conf_section)section) {
            *next++ =
                (cfg_opt_t)CFG_PTR_LIST_CB(conf_options[i].name, 0, CFGF_NODEFAULT, on_value, NULL);
        }
    }
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (conf_sections[i].parent != (enum conf_section)section) {
            continue;
        }
        cfg_flag_t title = conf_sections[i].titled ? CFGF_TITLE : CFGF_NONE;
        *next = (cfg_opt_t)CFG_SEC(conf_sections[i].name, grammar->options[i], CFGF_MULTI | title);
        next->validcb = on_section_close;
        next++;
    }
    if (section != SECTION_ROOT) {
        *next++ = (cfg_opt_t)CFG_PTR_LIST_CB(CONF_MARK, 0, CFGF_NODEFAULT, on_value, NULL);
    }
    *next = (cfg_opt_t)CFG_END();
}

/* 0: read to the end; 1: not; -1: memory is out. */
static int parse(struct pass *pass, const char *prepared)
{
    struct grammar *grammar = calloc(1, sizeof(*grammar));
    cfg_t *cfg = NULL;
    int result = -1;

    if (grammar == NULL) {
        goto out;
    }
    for (int i = 0; i < SECTION_COUNT; i++) {
        build_section(grammar, i);
    }
    cfg = cfg_init(grammar->options[SECTION_ROOT], CFGF_NONE);
    if (cfg == NULL) {
        goto out;
    }
    if (open_block(pass,
                   (struct conf_block){.kind = SECTION_ROOT, .close_line = pass->tree->end_line},
                   NULL) < 0) {
        goto out;
    }
    cfg_set_error_function(cfg, on_error);
    current = pass;
    errno = 0;
    result = cfg_parse_buf(cfg, prepared) == CFG_SUCCESS ? 0 : 1;
    current = NULL;
    if (result != 0 && errno == ENOMEM && !pass->syntax_error) {
        /* libconfuse leaves sections half made when memory runs out, and would crash on freeing
         * them. */
        pass->messages->out_of_memory = true;
        cfg = NULL;
        goto out;
    }
    if (cfg->line > pass->line) {
        pass->line = cfg->line;
    }
out:
    if (pass->messages->out_of_memory) {
        result = -1;
    }
    if (cfg != NULL) {
        cfg_free(cfg);
    }
    free(grammar);
    return result;
}

int conf_tree_read(struct conf_tree *tree, const char *prepared, bool silent,
                   struct conf_messages *messages)
{
    struct pass pass = {.tree = tree, .messages = messages, .silent = silent, .line = 1};
    int result = parse(&pass, prepared);

    if (result < 0) {
        messages->out_of_memory = true;
        return -1;
    }
    tree->complete = result == 0 && !silent;
    if (result != 0 && !pass.syntax_error && !silent) {
        conf_mistake(messages, pass.line,
                     "this line, or the next option after it, cannot be understood");
    }
    return 0;
}
