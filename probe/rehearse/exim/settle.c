#include "probe/rehearse/exim/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/rehearse/exim/reading.h"
#include "probe/rehearse/exim/script.h"
#include "probe/rehearse/mta_tool.h"

#define MAKE "update-exim4.conf --keepcomments -d \"$1\" -o \"$2\""

/* Limits and delays are about how often somebody asks, not about whom is let in. NULL: it is only
 * left out. */
static const struct {
    const char *name;
    const char *value;
    bool is_flag;
} ours[] = {
    {"spool_directory", SETTLE_SPOOL, false},
    {"log_file_path", "syslog", false},
    {"syslog_timestamp", "no", true},
    {"syslog_duplication", "no", true},
    {"syslog_facility", NULL, false},
    {"syslog_processname", NULL, false},
    {"pid_file_path", NULL, false},
    {"exim_path", NULL, false},
    {"queue_only", "yes", true},
    {"daemon_startup_retries", "0", false},
    {"check_spool_space", "0", false},
    {"check_spool_inodes", "0", false},
    {"check_log_space", "0", false},
    {"check_log_inodes", "0", false},
    {"rfc1413_query_timeout", "0s", false},
    {"rfc1413_hosts", NULL, false},
    {"smtp_accept_max", "0", false},
    {"smtp_accept_max_per_host", NULL, false},
    {"smtp_accept_max_per_connection", "100000", false},
    {"smtp_accept_max_nonmail", "100000", false},
    {"smtp_accept_queue", NULL, false},
    {"smtp_accept_reserve", NULL, false},
    {"smtp_load_reserve", NULL, false},
    {"smtp_reserve_hosts", NULL, false},
    {"smtp_max_synprot_errors", "100000", false},
    {"smtp_max_unknown_commands", "100000", false},
    {"smtp_ratelimit_hosts", NULL, false},
    {"smtp_ratelimit_mail", NULL, false},
    {"smtp_ratelimit_rcpt", NULL, false},
    {"queue_only_load", NULL, false},
    {"message_size_limit", NULL, false},
    {"tls_certificate", SETTLE_CERTIFICATE, false},
    {"tls_privatekey", SETTLE_CERTIFICATE, false},
};
#define OUR_COUNT (sizeof(ours) / sizeof(ours[0]))

/* ---- texts ---- */

/* "queue_only", "no_queue_only", "not_queue_only", "queue_only = yes". */
static bool is_ours(const struct script_line *line)
{
    const char *name = line->text;
    size_t length = strcspn(name, " \t=");

    if (strncmp(name, "hide ", 5) == 0) {
        name += 5 + strspn(name + 5, " \t");
        length = strcspn(name, " \t=");
    }
    for (size_t i = 0; i < OUR_COUNT; i++) {
        const char *at = name;
        size_t rest = length;
        if (ours[i].is_flag && strncmp(at, "no", 2) == 0) {
            size_t prefix = strncmp(at, "not_", 4) == 0 ? 4 : strncmp(at, "no_", 3) == 0 ? 3 : 0;
            at += prefix;
            rest -= prefix;
        }
        if (strlen(ours[i].name) == rest && strncmp(ours[i].name, at, rest) == 0) {
            return true;
        }
    }
    return false;
}

/* Copies with `instead` for what is between two places; newlines stay. */
static void replace(FILE *out, const char *text, size_t *done, size_t begin, size_t end,
                    const char *instead)
{
    fwrite(text + *done, 1, begin - *done, out);
    fputs(instead, out);
    for (size_t i = begin; i < end; i++) {
        if (text[i] == '\n') {
            fputc('\n', out);
        }
    }
    *done = end;
}

/* Conditions and modifiers of ACLs that are about how often, and how long. */
static void replace_in_acl(FILE *out, const char *text, size_t *done,
                           const struct script_line *line)
{
    struct script_setting setting;

    if (!script_setting(line, &setting) || setting.is_negated) {
        return;
    }
    if (script_is_named(line, &setting, "delay")) {
        replace(out, text, done, line->place[setting.name], line->end, "");
    } else if (script_is_named(line, &setting, "ratelimit")) {
        replace(out, text, done, line->place[setting.name], line->end, "condition = no");
    }
}

char *settle_milder(const char *text, size_t length, bool in_main, size_t *out_length)
{
    struct script script;
    char *made = NULL;
    size_t done = 0;
    FILE *out = open_memstream(&made, out_length);

    if (out == NULL || !script_read(text, length, &script)) {
        if (out != NULL) {
            fclose(out);
        }
        free(made);
        return NULL;
    }
    for (size_t i = 0; i < script.count; i++) {
        const struct script_line *line = &script.lines[i];
        in_main = in_main && script_section(line) == NULL;
        if (!in_main) {
            replace_in_acl(out, text, &done, line);
        } else if (is_ours(line)) {
            replace(out, text, &done, line->begin, line->end, "");
        }
    }
    fwrite(text + done, 1, length - done, out);
    script_free(&script);
    bool good = ferror(out) == 0;
    if (fclose(out) != 0 || !good) {
        free(made);
        return NULL;
    }
    return made;
}

/* ---- files ---- */

static bool fail(char why[CANDIDATE_WHY_SIZE], const char *path)
{
    snprintf(why, CANDIDATE_WHY_SIZE, "the copy cannot be written: %.300s: %s", path,
             strerror(errno));
    return false;
}

static bool write_text(const char *path, const char *text, size_t length,
                       char why[CANDIDATE_WHY_SIZE])
{
    (void)unlink(path); /* a link of the candidate's */
    return mounts_write(path, text, length, 0644) == 0 || fail(why, path);
}

/* Where the copy of a file is that Exim names so: in the copied folder, in one of its own, or a new
 * one of the latter kind. */
static bool find_copy(const struct candidate *candidate, const struct candidate_settling *settling,
                      const char *path, char out[PATH_MAX], char why[CANDIDATE_WHY_SIZE])
{
    const char *as = candidate_as(candidate);
    size_t length = strlen(as);

    if (strncmp(path, as, length) == 0 && path[length] == '/') {
        return snprintf(out, PATH_MAX, "%s%s", settling->destination, path + length) < PATH_MAX ||
               fail(why, path);
    }
    for (size_t i = 0; i < *settling->used; i++) {
        if (strcmp(settling->overlays[i].path, path) == 0) {
            snprintf(out, PATH_MAX, "%s", settling->overlays[i].copy);
            return true;
        }
    }
    if (*settling->used == settling->room) {
        snprintf(why, CANDIDATE_WHY_SIZE, "more than %zu files outside of the folder are included",
                 settling->room);
        return false;
    }
    struct candidate_overlay *overlay = &settling->overlays[(*settling->used)++];
    snprintf(out, PATH_MAX, "%s/.outside", settling->destination);
    (void)mounts_make_folder(out, 0755);
    snprintf(overlay->path, sizeof(overlay->path), "%s", path);
    snprintf(overlay->copy, sizeof(overlay->copy), "%.*s/included-%zu", PATH_MAX - 64, out,
             *settling->used);
    snprintf(out, PATH_MAX, "%s", overlay->copy);
    return true;
}

static bool make_milder(const struct candidate *candidate,
                        const struct candidate_settling *settling,
                        const struct reading_conf_file *file, char why[CANDIDATE_WHY_SIZE])
{
    char copy[PATH_MAX];
    char source[PATH_MAX];
    size_t length = 0;
    size_t milder_length = 0;

    if (!find_copy(candidate, settling, file->path, copy, why)) {
        return false;
    }
    char *text = mta_tool_read(copy, &length);
    if (text == NULL) {
        text =
            mta_tool_read(candidate_source(candidate, file->path, source, sizeof(source)), &length);
    }
    char *milder = text != NULL ? settle_milder(text, length, file->in_main, &milder_length) : NULL;
    bool done = milder != NULL ? write_text(copy, milder, milder_length, why) : fail(why, copy);
    free(text);
    free(milder);
    return done;
}

/* ---- Debian's generated file ---- */

static bool touches_settings(const struct candidate *candidate,
                             const struct candidate_settling *settling)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);

    for (size_t i = 0; i < settling->count; i++) {
        const struct candidate_file *file =
            candidate_file(candidate, elements[settling->without[i]].file);
        if (file->inside != NULL && strcmp(file->inside, READING_SETTINGS) == 0) {
            return true;
        }
    }
    return false;
}

static enum instance_fault run_script(const struct candidate *candidate,
                                      const struct candidate_settling *settling, const char *made,
                                      char why[CANDIDATE_WHY_SIZE])
{
    const struct mta_tool tool = {.folder = settling->destination,
                                  .as = candidate_as(candidate),
                                  .overlays = settling->overlays,
                                  .overlay_count = *settling->used};
    const char *const words[3] = {candidate_as(candidate), made, NULL};

    return mta_tool_run(&tool, MAKE, words, why);
}

/* The lines of one source as the copy has them. */
struct lines {
    char *text;
    size_t length;
    size_t at;
    unsigned int number; /* of the line that begins at `at` */
};

static bool open_lines(const struct candidate *candidate, const struct candidate_settling *settling,
                       const char *path, struct lines *out)
{
    char copy[PATH_MAX];
    char ignored[CANDIDATE_WHY_SIZE];

    *out = (struct lines){.number = 1};
    if (!find_copy(candidate, settling, path, copy, ignored)) {
        return false;
    }
    out->text = mta_tool_read(copy, &out->length);
    return out->text != NULL;
}

static void put_line(FILE *out, struct lines *lines, unsigned int number)
{
    while (lines->at < lines->length) {
        const char *begin = lines->text + lines->at;
        const char *newline = memchr(begin, '\n', lines->length - lines->at);
        size_t length = newline != NULL ? (size_t)(newline - begin) : lines->length - lines->at;
        lines->at += length + 1;
        if (lines->number++ == number) {
            fwrite(begin, 1, length, out);
            return;
        }
    }
}

/* The generated text with each line that a part has changed: the script takes 0.3 s, and what is
 * taken out leaves the lines where they are. */
static bool weave(const struct candidate *candidate, const struct candidate_settling *settling,
                  FILE *out)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    const char *at = reading->made;
    struct lines lines = {0};
    int file = ORIGIN_NONE;
    bool is_open = false;

    for (size_t i = 0; i < reading->origin.count; i++) {
        const struct origin_line *origin = &reading->origin.lines[i];
        size_t length = strcspn(at, "\n");
        if (origin->file >= 0 && origin->file != file) {
            free(lines.text);
            file = origin->file;
            is_open = open_lines(candidate, settling, reading->origin.files[file], &lines);
        }
        if (origin->file >= 0 && is_open) {
            put_line(out, &lines, origin->line);
        } else {
            fwrite(at, 1, length, out);
        }
        fputc('\n', out);
        at += length + (at[length] == '\n');
    }
    free(lines.text);
    return ferror(out) == 0;
}

static enum instance_fault make(const struct candidate *candidate,
                                const struct candidate_settling *settling,
                                char why[CANDIDATE_WHY_SIZE])
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    char made[PATH_MAX];

    if (snprintf(made, sizeof(made), "%s/%s", settling->destination, READING_MADE) >=
        (int)sizeof(made)) {
        errno = ENAMETOOLONG;
        (void)fail(why, settling->destination);
        return INSTANCE_FAULT_OF_HOST;
    }
    if (reading->made == NULL || touches_settings(candidate, settling)) {
        return run_script(candidate, settling, made, why);
    }
    FILE *out = fopen(made, "wxe");
    bool good = out != NULL && weave(candidate, settling, out);
    if (out != NULL && fclose(out) != 0) {
        good = false;
    }
    return good || fail(why, made) ? INSTANCE_NO_FAULT : INSTANCE_FAULT_OF_HOST;
}

/* ---- the file of ours ---- */

/* Whether this Exim has such a setting: it lists them all. */
static bool is_known(const struct exim_reading *reading, size_t which)
{
    size_t length = strlen(ours[which].name);

    if (reading->values == NULL) {
        return which < 2;
    }
    for (const char *at = reading->values; *at != '\0';) {
        const char *name = ours[which].is_flag && strncmp(at, "no_", 3) == 0 ? at + 3 : at;
        if (strncmp(name, ours[which].name, length) == 0 &&
            (name[length] == '\n' || name[length] == ' ')) {
            return true;
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return false;
}

static bool write_wrapper(const struct exim_reading *reading, const char *folder,
                          char why[CANDIDATE_WHY_SIZE])
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return fail(why, folder);
    }
    /* Before the files are known, nothing is blanked in them, and a setting may not come twice. */
    for (size_t i = 0; reading->conf_file_count > 0 && i < OUR_COUNT; i++) {
        if (ours[i].value != NULL && is_known(reading, i)) {
            fprintf(out, "%s = %s\n", ours[i].name, ours[i].value);
        }
    }
    fprintf(out, ".include %s\n", reading->main_path);
    snprintf(path, sizeof(path), "%s/%s", folder, READING_WRAPPER);
    bool good = fclose(out) == 0 && write_text(path, text, length, why);
    free(text);
    return good;
}

enum instance_fault settle_exim(const struct candidate *candidate,
                                const struct candidate_settling *settling,
                                char why[CANDIDATE_WHY_SIZE])
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    enum instance_fault fault =
        reading->is_made ? make(candidate, settling, why) : INSTANCE_NO_FAULT;

    for (size_t i = 0; fault == INSTANCE_NO_FAULT && i < reading->conf_file_count; i++) {
        if (!make_milder(candidate, settling, &reading->conf_files[i], why)) {
            fault = INSTANCE_FAULT_OF_HOST;
        }
    }
    if (fault == INSTANCE_NO_FAULT && !write_wrapper(reading, settling->destination, why)) {
        fault = INSTANCE_FAULT_OF_HOST;
    }
    return fault;
}
