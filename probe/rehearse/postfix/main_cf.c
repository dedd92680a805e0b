#include "probe/rehearse/postfix/main_cf.h"

#include <stdlib.h>
#include <string.h>

static const char *skip(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r'))) {
        at++;
    }
    return at;
}

static bool is_name_end(char octet)
{
    return octet == '=' || octet == ' ' || (octet >= '\t' && octet <= '\r');
}

/* Fills in the places of one; false if the line is no setting. The `=` may stand on a continuation
 * line: Postfix joins first. */
static bool read_setting(const char *text, const struct cf_line *line, struct main_setting *out)
{
    const char *end = text + line->end;
    const char *name = skip(text + line->begin, end);
    const char *name_end = name;

    while (name_end < end && !is_name_end(*name_end)) {
        name_end++;
    }
    const char *equals = skip(name_end, end);
    if (name_end == name || equals == end || *equals != '=') {
        return false;
    }
    const char *value = skip(equals + 1, end);
    out->whole = (struct cf_line){(size_t)(name - text), line->end};
    out->value = (struct cf_line){(size_t)(value - text), line->end};
    out->name = strndup(name, (size_t)(name_end - name));
    return true;
}

bool main_cf_read(const char *text, size_t length, struct main_cf *out)
{
    struct main_cf main = {0};
    struct cf_line line;
    size_t place = 0;
    size_t room = 0;

    while (cf_next_line(text, length, &place, &line)) {
        struct main_setting setting = {0};
        if (!read_setting(text, &line, &setting)) {
            continue;
        }
        if (main.count == room) {
            room = room == 0 ? 64 : room * 2;
            struct main_setting *more = reallocarray(main.settings, room, sizeof(*main.settings));
            if (more == NULL) {
                free(setting.name);
                main_cf_free(&main);
                return false;
            }
            main.settings = more;
        }
        main.settings[main.count++] = setting;
        if (setting.name == NULL) {
            main_cf_free(&main);
            return false;
        }
    }
    *out = main;
    return true;
}

void main_cf_free(struct main_cf *main)
{
    for (size_t i = 0; i < main->count; i++) {
        free(main->settings[i].name);
    }
    free(main->settings);
    *main = (struct main_cf){0};
}

const struct main_setting *main_cf_find(const struct main_cf *main, const char *name)
{
    for (size_t i = main->count; i-- > 0;) {
        if (strcmp(main->settings[i].name, name) == 0) {
            return &main->settings[i];
        }
    }
    return NULL;
}
