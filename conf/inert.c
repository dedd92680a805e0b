#include "conf/inert.h"

#include <string.h>

/* A setting is noted when it has a value (other than "" and { }). */
static const struct {
    enum conf_section section;
    const char *option;
} inert[] = {
    {SECTION_PROBE, "history"},
};

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
    for (size_t i = 0; i < sizeof(inert) / sizeof(inert[0]); i++)
        if (inert[i].section == option->section && strcmp(inert[i].option, option->name) == 0)
            conf_note(draft->messages, setting->line,
                      "%s is checked but has no effect in this version", option->name);
}

void conf_note_inert(const struct conf_draft *draft)
{
    for (size_t i = 0; i < draft->tree.setting_count; i++)
        if (used_by(draft->program, draft->tree.settings[i].option->section))
            note_setting(draft, &draft->tree.settings[i]);
}
