#include "conf/target_files.h"

#include <stdlib.h>
#include <string.h>

#include "conf/line_file.h"
#include "conf/names.h"
#include "lib/name_index.h"

#define WORDS_MAX 4
#define SMTP_PORT 25
#define FORM      "a line is NAME domain|host VALUE [PORT[,PORT]...]"

/* The targets that are being made. */
struct roster {
    struct conf_draft *draft;
    struct conf_target *targets;
    const char **files; /* where each is; NULL: in a section */
    size_t count;
    size_t room;
};

/* ---- one line ------------------------------------------------------------------------ */

/* Cuts the line into words; more than WORDS_MAX count as one more. */
static size_t split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;

    for (char *at = line + strspn(line, " \t"); *at != '\0'; at += strspn(at, " \t")) {
        if (count == WORDS_MAX) {
            return count + 1;
        }
        words[count++] = at;
        at += strcspn(at, " \t");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    return count;
}

static bool has_port(const struct conf_target *target, uint16_t port)
{
    for (size_t i = 0; i < target->port_count; i++) {
        if (target->ports[i] == port) {
            return true;
        }
    }
    return false;
}

/* "25,465"; NULL is port 25. False: it was reported, or memory is out. */
static bool read_ports(struct conf_line_file *file, char *text, struct conf_target *target)
{
    size_t most = 1;

    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        most += *at == ',';
    }
    target->ports = calloc(most, sizeof(*target->ports));
    if (target->ports == NULL) {
        file->draft->messages->out_of_memory = true;
        return false;
    }
    if (text == NULL) {
        target->ports[target->port_count++] = SMTP_PORT;
    }
    while (text != NULL) {
        const char *one = strsep(&text, ",");
        long port;
        if (!conf_read_number(one, 1, UINT16_MAX, &port)) {
            conf_line_file_mistake(file, "a port is no number from 1 to 65535; " FORM);
            return false;
        }
        if (has_port(target, (uint16_t)port)) {
            conf_line_file_mistake(file, "port %ld is there twice; each port is asked once", port);
            return false;
        }
        target->ports[target->port_count++] = (uint16_t)port;
    }
    return true;
}

/* The domain or the host. False: it was reported, or memory is out. */
static bool read_place(struct conf_line_file *file, const char *kind, const char *text,
                       struct conf_target *target)
{
    const struct conf_domain_text domain = {.text = text, .length = strlen(text), .secret = true};
    char error[CONF_VALUE_ERROR_SIZE];
    char name[DOMAIN_SIZE];
    char **member = NULL;

    if (strcmp(kind, "domain") == 0) {
        member = &target->domain;
        if (!conf_read_domain(&domain, name, error)) {
            conf_line_file_mistake(file, "%s", error);
            return false;
        }
    } else if (strcmp(kind, "host") == 0) {
        member = &target->host;
        if (!conf_read_host(text, name, error)) {
            conf_line_file_mistake(file,
                                   "this is no host; allowed: a name, an IPv4 address, or an IPv6 "
                                   "address without brackets; " FORM);
            return false;
        }
    } else {
        conf_line_file_mistake(file, "the second word is neither domain nor host; " FORM);
        return false;
    }
    *member = strdup(name);
    if (*member == NULL) {
        file->draft->messages->out_of_memory = true;
    }
    return *member != NULL;
}

static bool read_target(struct conf_line_file *file, struct conf_target *target)
{
    char *words[WORDS_MAX] = {NULL};

    if (file->too_long) {
        conf_line_file_mistake(file, "this is longer than a target can be; " FORM);
        return false;
    }
    if (strlen(file->line) < file->length) {
        conf_line_file_mistake(file, "there is a NUL in this line; " FORM);
        return false;
    }
    size_t count = split(file->line, words);
    if (count < 3 || count > WORDS_MAX) {
        conf_line_file_mistake(file, "there are %s words; " FORM,
                               count < 3 ? "too few" : "too many");
        return false;
    }
    if (!conf_is_target_name(words[0])) {
        conf_line_file_mistake(file,
                               "the first word cannot be a target's name; allowed: up to %d "
                               "letters, digits, dots, hyphens and underscores, the first a letter "
                               "or digit",
                               CONF_TARGET_NAME_MAX);
        return false;
    }
    target->name = strdup(words[0]);
    if (target->name == NULL) {
        file->draft->messages->out_of_memory = true;
        return false;
    }
    return read_place(file, words[1], words[2], target) && read_ports(file, words[3], target);
}

static void drop_target(struct conf_target *target)
{
    free(target->name);
    free(target->domain);
    free(target->host);
    free(target->ports);
    *target = (struct conf_target){.name = NULL};
}

/* ---- all lines ----------------------------------------------------------------------- */

static bool has_room(struct roster *roster)
{
    if (roster->count < roster->room) {
        return true;
    }
    size_t room = roster->room * 2 + 64;
    struct conf_target *targets = reallocarray(roster->targets, room, sizeof(*targets));
    if (targets == NULL) {
        return false;
    }
    roster->targets = targets;
    const char **files = reallocarray(roster->files, room, sizeof(*files));
    if (files == NULL) {
        return false;
    }
    roster->files = files;
    roster->room = room;
    return true;
}

/* -1: memory is out. */
static int read_file(struct roster *roster, const struct conf_setting *setting, size_t item)
{
    const struct conf_messages *messages = roster->draft->messages;
    struct conf_line_file file;

    if (!conf_line_file_open(&file, roster->draft, setting, item, "who is asked")) {
        return messages->out_of_memory ? -1 : 0;
    }
    while (!messages->out_of_memory && conf_line_file_next(&file) && !file.unended) {
        struct conf_target target = {.tls = TLS_AUTO,
                                     .expect_milter = CONF_AUTO,
                                     .interval_seconds =
                                         roster->draft->conf->probe.interval_seconds,
                                     .line = file.place.line};
        if (roster->count >= CONF_TARGETS_MAX) {
            conf_line_file_mistake(&file,
                                   "these are more than %d targets; divide them between several "
                                   "probes",
                                   CONF_TARGETS_MAX);
            break;
        }
        if (!read_target(&file, &target)) {
            drop_target(&target);
        } else if (!has_room(roster)) {
            drop_target(&target);
            roster->draft->messages->out_of_memory = true;
        } else {
            roster->files[roster->count] = setting->items[item].text;
            roster->targets[roster->count++] = target;
        }
    }
    /* A host or port that lacks its end is another one, and of those behind it nobody would know.
     */
    if (file.unended) {
        conf_line_file_mistake(&file, "the file ends within this line, so it may have been cut "
                                      "off; end its last line with a newline");
    }
    conf_line_file_close(&file, "target");
    return messages->out_of_memory ? -1 : 0;
}

/* A section that is there twice was reported by fill.c. */
static void report_repeated(const struct roster *roster, size_t repeated, size_t first)
{
    const struct conf_place place = {roster->files[repeated], roster->targets[repeated].line};
    char shown[CONF_SHOW_SIZE];

    conf_mistake_in(roster->draft->messages, place,
                    "this target's name is there twice, first on line %d of %s; give each its own",
                    roster->targets[first].line,
                    roster->files[first] != NULL ? conf_show(shown, roster->files[first])
                                                 : "the configuration");
}

/* -1: memory is out. */
static int check_names(const struct roster *roster)
{
    struct name_index *names = name_index_new(roster->count);
    size_t repeated = 0;

    if (names == NULL) {
        return -1;
    }
    for (size_t i = 0; i < roster->count; i++) {
        size_t first = name_index_add(names, roster->targets[i].name, i);
        if (first != i && roster->files[i] != NULL && ++repeated <= CONF_LINE_MISTAKES) {
            report_repeated(roster, i, first);
        }
    }
    name_index_free(names);
    if (repeated > CONF_LINE_MISTAKES) {
        conf_mistake(roster->draft->messages, 0,
                     "target_files: %zu more targets have a name that is there twice",
                     repeated - CONF_LINE_MISTAKES);
    }
    return 0;
}

int conf_target_files_load(struct conf_draft *draft)
{
    const struct conf_setting *files = conf_tree_find(&draft->tree, SECTION_PROBE, "target_files");
    struct conf_probe *probe = &draft->conf->probe;
    struct roster roster = {
        .draft = draft, .targets = probe->targets, .count = probe->target_count};
    int result = -1;

    if (draft->program != CONF_PROBE || draft->loose.target_file_count == 0) {
        return 0;
    }
    roster.room = roster.count;
    roster.files = calloc(roster.count + 1, sizeof(*roster.files));
    if (roster.files == NULL) {
        return -1;
    }
    /* Items and values are as many: when one is wrong there are no values. */
    for (size_t i = 0; i < draft->loose.target_file_count; i++) {
        if (read_file(&roster, files, i) < 0) {
            goto out;
        }
    }
    result = check_names(&roster);
out:
    probe->targets = roster.targets;
    probe->target_count = roster.count;
    free(roster.files);
    return result;
}
