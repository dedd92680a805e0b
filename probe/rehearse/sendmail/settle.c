#include "probe/rehearse/sendmail/settle.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "probe/rehearse/mta_tool.h"
#include "probe/rehearse/sendmail/programs.h"
#include "probe/rehearse/sendmail/reading.h"

/* Options that nothing may set, for those below have no value that means "no". */
static const char *const dropped[] = {"RunAsUser",  "HostStatusDirectory", "ControlSocketName",
                                      "StatusFile", "DeadLetterDrop",      "SafeFileEnvironment",
                                      "PidFile",    "QueueDirectory",      "ProcessTitlePrefix"};

static const char ours[] = "\nO QueueDirectory=" SETTLE_QUEUE "\nO PidFile=" SETTLE_PID
                           "\nO ConnectionRateThrottle=0\nO MaxDaemonChildren=0\nO QueueLA=100000"
                           "\nO RefuseLA=100000\nO DelayLA=0\nO MinFreeBlocks=0"
                           "\nO BadRcptThrottle=0\nO Timeout.ident=0\nO DeliveryMode=queueonly\n";
static const char certificate_lines[] =
    "O ServerCertFile=" SETTLE_CERTIFICATE "\nO ServerKeyFile=" SETTLE_CERTIFICATE "\n";

/* Rulesets that only let somebody wait, or count how often he comes. */
static const char *const delaying[] = {"greet_pause", "RateControl", "ConnControl"};

/* ---- sendmail.cf -------------------------------------------------------------------------- */

static void blank(char *text, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (text[i] != '\n') {
            text[i] = i == begin || text[i - 1] == '\n' ? '#' : ' ';
        }
    }
}

static bool is_dropped(const struct cf_line *line)
{
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        if (cf_option(line, dropped[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_delaying(const char *ruleset)
{
    for (size_t i = 0; i < sizeof(delaying) / sizeof(delaying[0]); i++) {
        if (strcasecmp(ruleset, delaying[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "Xclamav, S=..., F=T, T=...": without F= a filter that is away is passed over. Of a queue group
 * the folder, "P=": there is one queue. Returns the new length of the text. */
static size_t drop_equate(char *text, size_t length, const struct cf_line *line, char equate)
{
    size_t end = line->end;

    for (size_t comma = line->begin; comma < end; comma++) {
        size_t name = comma + 1;
        while (name < end && isspace((unsigned char)text[name])) {
            name++;
        }
        if (text[comma] != ',' || name + 1 >= end || text[name] != equate ||
            text[name + 1] != '=') {
            continue;
        }
        size_t next = name;
        while (next < end && text[next] != ',' && text[next] != '\n') {
            next++;
        }
        memmove(text + comma, text + next, length - next);
        length -= next - comma;
        end -= next - comma;
        comma--;
    }
    return length;
}

char *settle_sendmail_milder(const char *text, size_t length, bool certificate, size_t *out_length)
{
    struct cf cf;
    char ruleset[CF_NAME_SIZE] = "";
    char *out = malloc(length + sizeof(ours) + sizeof(certificate_lines));

    if (out == NULL || !cf_read(text, length, &cf)) {
        free(out);
        return NULL;
    }
    memcpy(out, text, length);
    for (size_t i = 0; i < cf.count; i++) {
        const struct cf_line *line = &cf.lines[i];
        (void)cf_ruleset(line, ruleset);
        if (is_dropped(line) || (line->type == 'R' && is_delaying(ruleset))) {
            blank(out, line->begin, line->end);
        }
    }
    /* From the end on: what is before keeps its place. */
    for (size_t i = cf.count; i-- > 0;) {
        if (cf.lines[i].type == 'X' || cf.lines[i].type == 'Q') {
            length = drop_equate(out, length, &cf.lines[i], cf.lines[i].type == 'X' ? 'F' : 'P');
        }
    }
    cf_free(&cf);
    memcpy(out + length, ours, sizeof(ours) - 1);
    *out_length = length + sizeof(ours) - 1;
    if (certificate) {
        memcpy(out + *out_length, certificate_lines, sizeof(certificate_lines) - 1);
        *out_length += sizeof(certificate_lines) - 1;
    }
    return out;
}

/* Whether it names a certificate that cannot be read here. */
static bool lacks_certificate(const struct candidate *candidate)
{
    char *key = reading_sendmail_value(candidate, NULL, "ServerKeyFile");
    char *file = key != NULL ? key : reading_sendmail_value(candidate, NULL, "ServerCertFile");
    char source[PATH_MAX];
    bool lacks = file != NULL && file[0] == '/' &&
                 access(candidate_source(candidate, file, source, sizeof(source)), R_OK) != 0;

    free(file);
    return lacks;
}

static bool write_run(const struct candidate *candidate, const char *folder,
                      char why[CANDIDATE_WHY_SIZE])
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    char path[PATH_MAX];
    size_t length = 0;
    size_t milder_length = 0;

    snprintf(path, sizeof(path), "%s/%s", folder, reading->is_made ? READING_MADE : READING_CF);
    char *text = mta_tool_read(path, &length);
    if (text == NULL && reading->is_open) {
        return true; /* it is not decided which one is run */
    }
    char *milder = text == NULL ? NULL
                                : settle_sendmail_milder(text, length, lacks_certificate(candidate),
                                                         &milder_length);
    free(text);
    snprintf(path, sizeof(path), "%s/%s", folder, READING_RUN);
    bool done = milder != NULL && mounts_write(path, milder, milder_length, 0644) == 0;
    free(milder);
    if (!done) {
        snprintf(why, CANDIDATE_WHY_SIZE, "cannot write %.300s", path);
    }
    return done;
}

/* ---- maps --------------------------------------------------------------------------------- */

/* Whether a line of the dump has the key of an element that is out. */
static bool is_out(const struct candidate *candidate, const struct candidate_settling *settling,
                   size_t file, const char *line, size_t length)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);
    size_t key = 0;

    while (key < length && line[key] != '\t' && line[key] != ' ') {
        key++;
    }
    for (size_t i = 0; i < settling->count; i++) {
        const struct rehearse_element *element = &elements[settling->without[i]];
        if (element->file == file && element->key != NULL && strlen(element->key) == key &&
            strncasecmp(element->key, line, key) == 0) {
            return true;
        }
    }
    return false;
}

/* The text of which the copy's map is made: the candidate's without what is out, or what its map
 * has. To be freed. */
static char *map_text(const struct candidate *candidate, const struct candidate_settling *settling,
                      const struct sendmail_table *table, size_t *length)
{
    const struct candidate_file *file = candidate_file(candidate, table->file);
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);

    if (table->dump == NULL) {
        return file == NULL ? NULL
                            : rehearse_elements_cut(elements, settling->without, settling->count,
                                                    file->text, file->length, table->file, length);
    }
    char *out = strdup(table->dump);
    *length = 0;
    for (const char *at = table->dump; out != NULL && *at != '\0';) {
        size_t line = strcspn(at, "\n");
        size_t whole = line + (at[line] == '\n');
        if (!is_out(candidate, settling, table->file, at, line)) {
            memcpy(out + *length, at, whole);
            *length += whole;
        }
        at += whole;
    }
    return out;
}

/* In the copy, or over the place outside where it is. "" : there is nothing to lay it over. */
static void place_map(const struct candidate *candidate, const struct candidate_settling *settling,
                      size_t which, char *out, size_t size)
{
    const struct sendmail_table *table = &reading_sendmail_of(candidate)->tables[which];
    const char *as = candidate_as(candidate);
    size_t inside = strlen(as);

    out[0] = '\0';
    if (strncmp(table->path, as, inside) == 0 && table->path[inside] == '/') {
        snprintf(out, size, "%s%s", settling->destination, table->path + inside);
    } else if (access(table->map, F_OK) == 0 && *settling->used < settling->room) {
        struct candidate_overlay *overlay = &settling->overlays[(*settling->used)++];
        snprintf(overlay->path, sizeof(overlay->path), "%s", table->map);
        snprintf(overlay->copy, sizeof(overlay->copy), "%.3900s/.relaywarden-%zu.db",
                 settling->destination, which);
        snprintf(out, size, "%.3900s/.relaywarden-%zu", settling->destination, which);
    }
}

/* The words of a shell: a path with a quote in it is none. */
static bool is_plain(const char *text)
{
    return strpbrk(text, "'\"\\$`\n") == NULL;
}

/* Adds what makes one map. False: it cannot be made, and an older one, or none, would be run. */
static bool add_map(const struct candidate *candidate, const struct candidate_settling *settling,
                    size_t which, FILE *script)
{
    const struct sendmail_table *table = &reading_sendmail_of(candidate)->tables[which];
    const char *makemap = programs_makemap();
    char target[PATH_MAX];
    char input[PATH_MAX];
    size_t length = 0;

    if (table->map == NULL || table->is_kept ||
        (table->file == CANDIDATE_NO_FILE && table->dump == NULL)) {
        return true;
    }
    char *text = map_text(candidate, settling, table, &length);
    snprintf(input, sizeof(input), "%.3900s/.relaywarden-%zu.map", settling->destination, which);
    bool done = text != NULL && mounts_write(input, text, length, 0600) == 0;
    free(text);
    place_map(candidate, settling, which, target, sizeof(target));
    if (!done || target[0] == '\0' || !is_plain(target) || !is_plain(table->map)) {
        return false;
    }
    /* Of two lines with one key the first counts, and makemap ends with EX_DATAERR. */
    fprintf(
        script,
        "'%s' -C /dev/null %s '%s' < '%s' 2>'%s.said' || [ $? = 65 ] ||\n"
        "    { echo \"makemap cannot make %s: $(sed 's/^makemap: //;q' '%s.said')\" >&2; exit 1; "
        "}\n",
        makemap, table->type, target, input, input, table->map, input);
    return true;
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* $1: the configuration's folder; $2: its copy; $3: where the m4 files of Sendmail are. m4 writes
 * beside itself, and needs a private place; a file that others may write is none that Sendmail
 * reads: the copy has the modes that an installed one would have. */
#define BEGIN                                                                                      \
    "umask 022; cd /tmp && chmod -R go-w \"$2\" || exit 1\n"                                       \
    "make_cf() {\n"                                                                                \
    "  if grep -q 'm4/cf\\.m4' \"$1/" READING_MC "\"; then\n"                                      \
    "    m4 -I \"$1\" \"$1/" READING_MC "\"\n"                                                     \
    "  else\n"                                                                                     \
    "    m4 -D_CF_DIR_=\"$3/\" -I \"$1\" \"$3/m4/cf.m4\" \"$1/" READING_MC "\"\n"                  \
    "  fi\n"                                                                                       \
    "}\n"

enum instance_fault settle_sendmail(const struct candidate *candidate,
                                    const struct candidate_settling *settling,
                                    char why[CANDIDATE_WHY_SIZE])
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    const struct mta_tool tool = {.folder = settling->destination,
                                  .as = candidate_as(candidate),
                                  .overlays = settling->overlays,
                                  .overlay_count = *settling->used};
    const char *cf = programs_cf();
    const char *const words[3] = {tool.as, settling->destination, cf != NULL ? cf : ""};
    char *text = NULL;
    size_t length = 0;
    FILE *script = open_memstream(&text, &length);

    if (script == NULL) {
        snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        return INSTANCE_FAULT_OF_HOST;
    }
    fputs(BEGIN, script);
    if (reading->is_made) {
        fprintf(script, "make_cf \"$1\" > \"$2/" READING_MADE "\" || %s\n",
                reading->is_open && reading->is_older ? "rm -f \"$2/" READING_MADE "\"" : "exit 1");
    }
    bool done = true;
    for (size_t i = 0; done && i < reading->table_count; i++) {
        done = add_map(candidate, settling, i, script);
        if (!done) {
            snprintf(why, CANDIDATE_WHY_SIZE, "a copy of the map %.300s cannot be made",
                     reading->tables[i].map);
        }
    }
    fputs("exit 0\n", script);
    enum instance_fault fault = fclose(script) == 0 && done ? mta_tool_run(&tool, text, words, why)
                                                            : INSTANCE_FAULT_OF_HOST;
    if (fault == INSTANCE_NO_FAULT && !write_run(candidate, settling->destination, why)) {
        fault = INSTANCE_FAULT_OF_HOST;
    }
    free(text);
    return fault;
}
