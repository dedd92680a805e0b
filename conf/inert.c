#include "conf/inert.h"

#include <string.h>

#include "conf/values.h"

/* A setting is noted when it has a value (other than "" and { }), and if `only` is given, only if
 * it is that. */
static const struct {
    enum conf_section section;
    const char *option;
    const char *only;
} inert[] = {
    {SECTION_PROBE, "public_addresses", NULL},
    {SECTION_PROBE, "history", NULL},
    {SECTION_TARGET, "expect_milter", "true"},
};

/* "yes" and "true" are one value, for options that take either. */
static bool same_value(const struct conf_option *option, const char *text, const char *other)
{
    if (option->type == TYPE_TRISTATE || option->type == TYPE_BOOLEAN) {
        int value = conf_read_boolean(text);
        return value >= 0 && value == conf_read_boolean(other);
    }
    return strcmp(text, other) == 0;
}

static bool used_by(enum conf_program program, enum conf_section section)
{
    if (section == SECTION_MILTER)
        return program == CONF_MILTER;
    if (section == SECTION_PROBE || section == SECTION_TARGET)
        return program == CONF_PROBE;
    return true;
}

static void note_setting(const struct conf_draft *draft, const struct conf_setting *setting)
{
    const struct conf_option *option = setting->option;

    if (setting->item_count == 0 || setting->items[0].text[0] == '\0')
        return;
    const char *text = setting->items[0].text;
    for (size_t i = 0; i < sizeof(inert) / sizeof(inert[0]); i++) {
        if (inert[i].section != option->section || strcmp(inert[i].option, option->name) != 0)
            continue;
        if (inert[i].only != NULL && !same_value(option, text, inert[i].only))
            continue;
        conf_note(draft->messages, setting->line,
                  "%s%s%s is checked but has no effect in this version", option->name,
                  inert[i].only != NULL ? " = " : "", inert[i].only != NULL ? inert[i].only : "");
    }
}

void conf_note_inert(const struct conf_draft *draft)
{
    for (size_t i = 0; i < draft->tree.setting_count; i++)
        if (used_by(draft->program, draft->tree.settings[i].option->section))
            note_setting(draft, &draft->tree.settings[i]);
}
