/* probe/rehearse/exim: a configuration that may come from anybody's pull request, what
 * update-exim4.conf makes of it, and a trace in which strangers' words stand. */
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/exim/acl_trace.h"
#include "probe/rehearse/exim/origin.h"
#include "probe/rehearse/exim/script.h"
#include "probe/rehearse/exim/settle.h"
#include "tests/fuzz/fuzz.h"

static size_t newlines(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        count += text[i] == '\n';
    }
    return count;
}

static void check_list(const struct script_line *line, const struct script_setting *setting)
{
    struct script_list list;
    struct script_item item;
    size_t before = setting->value;

    script_list_begin(&list, line->text, setting->value, line->length, NULL);
    while (script_list_next(&list, &item)) {
        FUZZ_MUST(before <= item.begin && item.begin <= item.end && item.end <= line->length);
        FUZZ_MUST(setting->value <= item.cut_begin && item.cut_begin <= item.begin);
        FUZZ_MUST(item.end <= item.cut_end && item.cut_end <= line->length);
        FUZZ_MUST(strlen(item.text) < sizeof(item.text));
        before = item.end;
    }
}

static void check_script(const char *text, size_t length)
{
    struct script script;

    FUZZ_MUST(script_read(text, length, &script));
    for (size_t i = 0; i < script.count; i++) {
        const struct script_line *line = &script.lines[i];
        struct script_setting setting;
        FUZZ_MUST(line->begin < line->end && line->end <= length);
        FUZZ_MUST(strlen(line->text) == line->length && strchr(line->text, '\n') == NULL);
        for (size_t k = 0; k + 1 < line->length; k++) {
            FUZZ_MUST(line->place[k] < line->place[k + 1]);
        }
        size_t end = script_statement_end(&script, i);
        FUZZ_MUST(end > i && end <= script.count);
        FUZZ_MUST(script_find(&script, line->number) == i);
        if (script_setting(line, &setting)) {
            FUZZ_MUST(setting.name < setting.name_end && setting.name_end < setting.value);
            FUZZ_MUST(setting.value <= line->length);
            check_list(line, &setting);
        }
    }
    script_free(&script);
}

static void check_milder(const char *text, size_t length)
{
    size_t milder_length = 0;
    char *milder = settle_milder(text, length, true, &milder_length);

    FUZZ_MUST(milder != NULL);
    FUZZ_MUST(newlines(milder, milder_length) == newlines(text, length));
    free(milder);
}

static void check_origin(const char *text, size_t length)
{
    const struct origin_monolith monolith = {
        .localmacros = "/m", .localmacros_lines = 1, .template = "/t"};
    struct origin origin;

    if (!origin_read(text, length, &monolith, &origin)) {
        return; /* too many parts */
    }
    for (unsigned int i = 0; i <= origin.count + 1; i++) {
        const struct origin_line *line = origin_of(&origin, i);
        FUZZ_MUST(line == NULL || line->file == ORIGIN_MACROS ||
                  (line->file >= 0 && line->file < origin.file_count && line->line > 0));
    }
    origin_free(&origin);
}

static void check_trace(const char *text, size_t length)
{
    struct acl_trace trace;

    if (!acl_trace_read(text, length, "c@x.test", &trace)) {
        return;
    }
    FUZZ_MUST(trace.first < trace.end && trace.end <= trace.statement_count);
    for (size_t i = 0; i < trace.fact_count; i++) {
        const struct acl_fact *fact = &trace.facts[i];
        FUZZ_MUST(fact->item != NULL);
        FUZZ_MUST(fact->statement == ACL_NO_STATEMENT || fact->statement < trace.statement_count);
        FUZZ_MUST(fact->kind != ACL_LOOKUP || fact->file != NULL);
    }
    acl_trace_free(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    size_t size = 0;
    char *text = fuzz_text(&input, &size);

    check_script(text, size);
    check_milder(text, size);
    check_origin(text, size);
    check_trace(text, size);
    free(text);
    return 0;
}
