#include "probe/rehearse/exim/reading.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/rehearse/mta_tool.h"

#define INCLUDED_DEEP 8 /* files in files */
#define ANSWERS       MOUNTS_BASE "/exim"
#define ASK                                                                                        \
    "env -i \"$1\" -C \"$2\" -bP config >\"$3/flat\" && env -i \"$1\" -C \"$2\" -bP "              \
    ">\"$3/values\""

/* The file that Debian looks for first, and the names that others use. */
static const struct {
    const char *name;
    bool is_made;
} forms[] = {
    {"exim4.conf", false}, {READING_SETTINGS, true}, {"exim.conf", false},
    {"configure", false},  {"conf.d", true},         {"exim4.conf.template", true},
};

static bool out_of_memory(char why[CANDIDATE_WHY_SIZE])
{
    snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
    return false;
}

const char *reading_exim_program(void)
{
    static const char *const programs[] = {"/usr/sbin/exim4",      "/usr/sbin/exim",
                                           "/usr/local/sbin/exim", "/usr/exim/bin/exim",
                                           "/usr/bin/exim",        NULL};

    return mta_tool_find(programs);
}

struct exim_reading *reading_exim_new(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE])
{
    struct exim_reading *reading = calloc(1, sizeof(*reading));
    char path[PATH_MAX];

    if (reading == NULL) {
        (void)out_of_memory(why);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", candidate_directory(candidate), forms[i].name);
        if (access(path, F_OK) == 0) {
            reading->is_made = forms[i].is_made;
            snprintf(path, sizeof(path), "%s/%s", candidate_as(candidate),
                     forms[i].is_made ? READING_MADE : forms[i].name);
            reading->main_path = candidate_keep(candidate, path);
            return reading;
        }
    }
    snprintf(why, CANDIDATE_WHY_SIZE,
             "%.300s has neither exim4.conf nor update-exim4.conf.conf nor exim.conf",
             candidate_directory(candidate));
    free(reading);
    return NULL;
}

const char *reading_exim_lack(const struct exim_reading *reading)
{
    static const char *const scripts[] = {"/usr/sbin/update-exim4.conf",
                                          "/usr/local/sbin/update-exim4.conf", NULL};

    if (reading_exim_program() == NULL) {
        return "Exim is not installed here: there is no /usr/sbin/exim4 and no /usr/sbin/exim. "
               "Install exim4-daemon-light or exim4-daemon-heavy, or rehearse on the host that has "
               "it.";
    }
    return reading->is_made && mta_tool_find(scripts) == NULL
               ? "update-exim4.conf is not installed here, so no configuration was made of these "
                 "files; install exim4-config, or rehearse on the host that has it"
               : NULL;
}

void reading_exim_free(void *reading)
{
    struct exim_reading *its = reading;

    for (size_t i = 0; i < its->source_count; i++) {
        script_free(&its->sources[i].script);
    }
    script_free(&its->flat_script);
    origin_free(&its->origin);
    free(its->sources);
    free(its->definitions);
    free(its->conf_files);
    free(its->made);
    free(its->flat);
    free(its->values);
    free(its);
}

const struct exim_reading *reading_exim_of(const struct candidate *candidate)
{
    return candidate_reading(candidate);
}

/* ---- what Exim says ---- */

/* Makes room for one more. */
static void *grow(void *items, size_t count, size_t size)
{
    return (count & (count - 1)) == 0 ? reallocarray(items, count == 0 ? 1 : count * 2, size)
                                      : items;
}

static bool add_conf_file(struct candidate *candidate, struct exim_reading *reading,
                          const char *path, size_t length, bool in_main)
{
    for (size_t i = 0; i < reading->conf_file_count; i++) {
        if (strncmp(reading->conf_files[i].path, path, length) == 0 &&
            reading->conf_files[i].path[length] == '\0') {
            return true;
        }
    }
    struct reading_conf_file *grown =
        grow(reading->conf_files, reading->conf_file_count, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    reading->conf_files = grown;
    reading->conf_files[reading->conf_file_count++] = (struct reading_conf_file){
        .path = candidate_keep_span(candidate, path, length), .in_main = in_main};
    return true;
}

/* Lines such as `# 1 "/etc/exim4/exim4.conf"` say which file the next ones are of. */
static bool find_conf_files(struct candidate *candidate, struct exim_reading *reading)
{
    size_t wrapper = strlen(READING_WRAPPER);
    bool in_main = true;

    for (const char *at = reading->flat; *at != '\0';) {
        const char *open = at[0] == '#' ? strchr(at, '"') : NULL;
        const char *end = at + strcspn(at, "\n");
        if (open != NULL && open < end) {
            const char *close = memchr(open + 1, '"', (size_t)(end - open - 1));
            size_t length = close != NULL ? (size_t)(close - open - 1) : 0;
            bool is_ours = length > wrapper &&
                           strncmp(open + 1 + length - wrapper, READING_WRAPPER, wrapper) == 0;
            if (length > 0 && !is_ours &&
                !add_conf_file(candidate, reading, open + 1, length, in_main)) {
                return false;
            }
        }
        in_main = in_main && strncmp(at, "begin ", 6) != 0;
        at = *end == '\n' ? end + 1 : end;
    }
    return true;
}

static bool ask_exim(struct candidate *candidate, struct exim_reading *reading, const char *folder,
                     char why[CANDIDATE_WHY_SIZE])
{
    const struct mta_tool tool = {.folder = folder, .as = candidate_as(candidate)};
    char wrapper[PATH_MAX];
    char ignored[CANDIDATE_WHY_SIZE];
    size_t length = 0;

    snprintf(wrapper, sizeof(wrapper), "%s/%s", candidate_as(candidate), READING_WRAPPER);
    const char *const words[3] = {reading_exim_program(), wrapper, ANSWERS};
    if (mounts_make_folder(ANSWERS, 0755) != 0) {
        snprintf(why, CANDIDATE_WHY_SIZE, "there is no room for %s", ANSWERS);
        return false;
    }
    if (mta_tool_run(&tool, ASK, words, ignored) != INSTANCE_NO_FAULT) {
        return true; /* it will be told when it does not start */
    }
    reading->flat = mta_tool_read(ANSWERS "/flat", &length);
    if (reading->flat == NULL || !script_read(reading->flat, length, &reading->flat_script)) {
        return out_of_memory(why);
    }
    reading->values = mta_tool_read(ANSWERS "/values", &length);
    if (reading->values == NULL || !find_conf_files(candidate, reading)) {
        return out_of_memory(why);
    }
    return true;
}

/* ---- the candidate's own texts ---- */

/* A file that Exim reads; one that this candidate must not show is noted. */
static size_t look_at(struct candidate *candidate, struct exim_reading *reading, const char *path)
{
    errno = 0;
    size_t file = candidate_add_file(candidate, path);

    if (file == CANDIDATE_NO_FILE && errno == EACCES && reading->not_shown == NULL) {
        reading->not_shown = candidate_keep(candidate, path);
    }
    return file;
}

/* Files that it includes, whether Exim came so far or not. */
static bool look_at_included(struct candidate *candidate, struct exim_reading *reading, size_t file,
                             int depth)
{
    struct script script;
    const struct candidate_file *text =
        file == CANDIDATE_NO_FILE ? NULL : candidate_file(candidate, file);
    bool good = true;

    if (text == NULL || depth > INCLUDED_DEEP) {
        return true;
    }
    if (!script_read(text->text, text->length, &script)) {
        return false;
    }
    for (size_t i = 0; i < script.count && good; i++) {
        const char *line = script.lines[i].text;
        if (strncmp(line, ".include", 8) == 0) {
            const char *path = line + strcspn(line, " \t");
            path += strspn(path, " \t\"");
            char *kept = strndup(path, strcspn(path, " \t\""));
            good = kept != NULL && (kept[0] != '/' ||
                                    look_at_included(candidate, reading,
                                                     look_at(candidate, reading, kept), depth + 1));
            free(kept);
        }
    }
    script_free(&script);
    return good;
}

/* The file of which Exim says something. */
static void look_at_named(struct candidate *candidate, struct exim_reading *reading)
{
    char words[CANDIDATE_WHY_SIZE];
    const char *line =
        mta_tool_first_words(words, sizeof(words)) ? strstr(words, "in line ") : NULL;
    char *of = line != NULL ? strstr(line, " of /") : NULL;

    if (of != NULL) {
        of[4 + strcspn(of + 4, " :")] = '\0';
        (void)look_at(candidate, reading, of + 4);
    }
}

/* Exim would show the text of such a file, which not everybody may read. */
static bool may_show_all(struct candidate *candidate, struct exim_reading *reading,
                         char why[CANDIDATE_WHY_SIZE])
{
    for (size_t i = 0; i < reading->source_count; i++) {
        if (!look_at_included(candidate, reading, reading->sources[i].file, 0)) {
            return out_of_memory(why);
        }
    }
    if (reading->flat == NULL) {
        look_at_named(candidate, reading);
    }
    if (reading->not_shown == NULL) {
        return true;
    }
    snprintf(why, CANDIDATE_WHY_SIZE,
             "%.300s lies outside of the folder and is not everybody's to read, so that it is read "
             "for the machine's own configuration alone: include a copy that lies in the folder",
             reading->not_shown);
    return false;
}

static bool add_source(struct candidate *candidate, struct exim_reading *reading, const char *path)
{
    size_t file = look_at(candidate, reading, path);

    if (file == CANDIDATE_NO_FILE) {
        return true; /* nothing of it can be taken out */
    }
    for (size_t i = 0; i < reading->source_count; i++) {
        if (reading->sources[i].file == file) {
            return true;
        }
    }
    struct reading_source *grown = grow(reading->sources, reading->source_count, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    reading->sources = grown;
    struct reading_source source = {.file = file};
    const struct candidate_file *text = candidate_file(candidate, file);
    if (!script_read(text->text, text->length, &source.script)) {
        return false;
    }
    reading->sources[reading->source_count++] = source;
    return true;
}

static unsigned int count_lines(const struct candidate *candidate, size_t file)
{
    const struct candidate_file *text =
        file == CANDIDATE_NO_FILE ? NULL : candidate_file(candidate, file);
    unsigned int count = 0;

    for (size_t i = 0; text != NULL && i < text->length; i++) {
        count += text->text[i] == '\n';
    }
    return count;
}

static bool read_made(struct candidate *candidate, struct exim_reading *reading, const char *folder)
{
    char path[PATH_MAX];
    char localmacros[PATH_MAX];
    char template[PATH_MAX];
    char settings[PATH_MAX];
    const char *as = candidate_as(candidate);

    snprintf(path, sizeof(path), "%s/%s", folder, READING_MADE);
    snprintf(localmacros, sizeof(localmacros), "%s/exim4.conf.localmacros", as);
    snprintf(template, sizeof(template), "%s/exim4.conf.template", as);
    snprintf(settings, sizeof(settings), "%s/%s", as, READING_SETTINGS);
    const struct origin_monolith monolith = {
        .localmacros = localmacros,
        .localmacros_lines = count_lines(candidate, candidate_add_file(candidate, localmacros)),
        .template = template};
    reading->made = mta_tool_read(path, &reading->made_length);
    if (reading->made == NULL ||
        !origin_read(reading->made, reading->made_length, &monolith, &reading->origin)) {
        return false;
    }
    for (int i = reading->origin.is_split ? 2 : 0; i < reading->origin.file_count; i++) {
        if (!add_source(candidate, reading, reading->origin.files[i])) {
            return false;
        }
    }
    return add_source(candidate, reading, settings);
}

static bool read_sources(struct candidate *candidate, struct exim_reading *reading,
                         const char *folder)
{
    if (reading->is_made) {
        if (!read_made(candidate, reading, folder)) {
            return false;
        }
    } else if (!add_source(candidate, reading, reading->main_path)) {
        return false;
    }
    for (size_t i = 0; i < reading->conf_file_count; i++) {
        if (strcmp(reading->conf_files[i].path, reading->main_path) != 0 &&
            !add_source(candidate, reading, reading->conf_files[i].path)) {
            return false;
        }
    }
    return true;
}

/* ---- definitions ---- */

static bool is_list(const struct script_line *line)
{
    static const char *const words[] = {"hostlist", "domainlist", "addresslist", "localpartlist"};
    const char *at = script_unhidden(line);

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(at, words[i], strlen(words[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_settings(const struct candidate *candidate, const struct reading_source *source)
{
    const struct candidate_file *file = candidate_file(candidate, source->file);

    return file->inside != NULL && strcmp(file->inside, READING_SETTINGS) == 0;
}

/* Within the quotes around it, if there are any. */
static void unquote(const struct script_line *line, struct reading_definition *out)
{
    char quote = line->text[out->value];

    if (quote == '\'' || quote == '"') {
        const char *close = strchr(line->text + out->value + 1, quote);
        out->value++;
        out->value_end = close != NULL ? (size_t)(close - line->text) : line->length;
    }
}

static bool define(struct candidate *candidate, struct exim_reading *reading, size_t source,
                   size_t number)
{
    const struct script_line *line = &reading->sources[source].script.lines[number];
    bool settings = is_settings(candidate, &reading->sources[source]);
    struct script_setting setting;

    if (!script_setting(line, &setting)) {
        return true;
    }
    const char *name = line->text + setting.name;
    size_t length = setting.name_end - setting.name;
    bool is_macro = setting.name == 0 && isupper((unsigned char)line->text[0]) != 0;
    struct reading_definition definition = {.kind = READING_MACRO,
                                            .source = source,
                                            .line = number,
                                            .value = setting.value,
                                            .value_end = line->length};
    if (settings) {
        const char *macro = origin_macro(name, length);
        if (macro == NULL && !is_macro) {
            return true;
        }
        definition.kind = READING_VARIABLE;
        definition.name = macro != NULL ? macro : candidate_keep_span(candidate, name, length);
    } else if (is_list(line) || is_macro) {
        definition.kind = is_macro ? READING_MACRO : READING_LIST;
        definition.name = candidate_keep_span(candidate, name, length);
    } else {
        return true;
    }
    unquote(line, &definition);
    struct reading_definition *grown =
        grow(reading->definitions, reading->definition_count, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    reading->definitions = grown;
    reading->definitions[reading->definition_count++] = definition;
    return true;
}

static bool define_all(struct candidate *candidate, struct exim_reading *reading)
{
    for (size_t i = 0; i < reading->source_count; i++) {
        for (size_t k = 0; k < reading->sources[i].script.count; k++) {
            if (!define(candidate, reading, i, k)) {
                return false;
            }
        }
    }
    return true;
}

bool reading_exim_load(struct candidate *candidate, const char *folder,
                       char why[CANDIDATE_WHY_SIZE])
{
    struct exim_reading *reading = candidate_reading(candidate);

    if (!ask_exim(candidate, reading, folder, why)) {
        return false;
    }
    if (!read_sources(candidate, reading, folder) || !define_all(candidate, reading)) {
        return out_of_memory(why);
    }
    return may_show_all(candidate, reading, why);
}

/* ---- values ---- */

char *reading_exim_value(const struct candidate *candidate,
                         const struct candidate_listener *listener, const char *name)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    const char *wanted = strcmp(name, "myhostname") == 0 ? "primary_hostname" : name;
    size_t length = strlen(wanted);

    (void)listener;
    for (const char *at = reading->values; at != NULL && *at != '\0';) {
        const char *end = at + strcspn(at, "\n");
        if (strncmp(at, wanted, length) == 0 && strncmp(at + length, " = ", 3) == 0) {
            const char *value = at + length + 3;
            return strndup(value, value < end ? (size_t)(end - value) : 0);
        }
        at = *end == '\n' ? end + 1 : end;
    }
    return NULL;
}

/* ---- places ---- */

/* The name that a line of the generated text defines. */
static bool find_variable(const struct exim_reading *reading, unsigned int number, size_t *source,
                          size_t *line)
{
    const char *at = reading->made;

    for (unsigned int i = 1; i < number && at != NULL; i++) {
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    size_t length = at != NULL ? strcspn(at, "=\n") : 0;
    for (size_t i = 0; length > 0 && i < reading->definition_count; i++) {
        const struct reading_definition *definition = &reading->definitions[i];
        if (definition->kind == READING_VARIABLE && strlen(definition->name) == length &&
            strncmp(definition->name, at, length) == 0) {
            *source = definition->source;
            *line = definition->line;
            return true;
        }
    }
    return false;
}

/* The path and line that an operator knows. */
static bool translate(const struct candidate *candidate, const char **path, unsigned int *number)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    size_t source;
    size_t line;

    if (!reading->is_made || strcmp(*path, reading->main_path) != 0) {
        return true;
    }
    const struct origin_line *origin = origin_of(&reading->origin, *number);
    if (origin == NULL) {
        return false;
    }
    if (origin->file >= 0) {
        *path = reading->origin.files[origin->file];
        *number = origin->line;
        return true;
    }
    if (!find_variable(reading, *number, &source, &line)) {
        return false;
    }
    *path = candidate_file(candidate, reading->sources[source].file)->path;
    *number = reading->sources[source].script.lines[line].number;
    return true;
}

bool reading_exim_find(const struct candidate *candidate, const char *path, unsigned int number,
                       size_t *source, size_t *line)
{
    const struct exim_reading *reading = reading_exim_of(candidate);

    if (!translate(candidate, &path, &number)) {
        return false;
    }
    for (size_t i = 0; i < reading->source_count; i++) {
        const struct reading_source *of = &reading->sources[i];
        if (strcmp(candidate_file(candidate, of->file)->path, path) == 0) {
            *source = i;
            *line = script_find(&of->script, number);
            return *line < of->script.count;
        }
    }
    return false;
}

bool reading_exim_place(const struct candidate *candidate, const char *path, unsigned int number,
                        char *out, size_t size)
{
    if (!translate(candidate, &path, &number)) {
        return false;
    }
    snprintf(out, size, "%.400s:%u", path, number);
    return true;
}
