#include "probe/rehearse/sendmail/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/mta_tool.h"
#include "probe/rehearse/sendmail/mc.h"
#include "probe/rehearse/sendmail/programs.h"

#define TABLES_MAX     64
#define COMPLAINTS_MAX 32 /* of one text */

static struct sendmail_reading *reading_of(const struct candidate *candidate)
{
    return candidate_reading(candidate);
}

const struct sendmail_reading *reading_sendmail_of(const struct candidate *candidate)
{
    return reading_of(candidate);
}

/* ---- which file --------------------------------------------------------------------------- */

static bool is_there(const struct candidate *candidate, const char *path, struct stat *about)
{
    char source[PATH_MAX];

    return stat(candidate_source(candidate, path, source, sizeof(source)), about) == 0;
}

static bool is_younger(const struct stat *one, const struct stat *other)
{
    return one->st_mtim.tv_sec > other->st_mtim.tv_sec ||
           (one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
            one->st_mtim.tv_nsec > other->st_mtim.tv_nsec);
}

/* Short names are completed as the resolver would, by /etc/hosts, and else with the site's domain:
 * Sendmail waits a minute for a name that has none. */
static void find_host(const struct candidate *candidate, char *out, size_t size)
{
    const struct site *site = candidate_site(candidate);
    const char *domain = site != NULL ? site_main_domain(site) : NULL;
    char name[65] = "localhost";

    (void)gethostname(name, sizeof(name) - 1);
    if (strchr(name, '.') != NULL || domain == NULL) {
        snprintf(out, size, "%s%s", name, strchr(name, '.') != NULL ? "" : ".localdomain");
    } else {
        snprintf(out, size, "%s.%.180s", name, domain);
    }
}

struct sendmail_reading *reading_sendmail_new(struct candidate *candidate,
                                              char why[CANDIDATE_WHY_SIZE])
{
    struct sendmail_reading *reading = calloc(1, sizeof(*reading));
    struct stat mc;
    struct stat cf;

    if (reading == NULL) {
        snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        return NULL;
    }
    bool has_mc = is_there(candidate, READING_MC, &mc);
    bool has_cf = is_there(candidate, READING_CF, &cf);
    reading->is_made = has_mc;
    reading->is_open = has_mc && has_cf;
    reading->is_older = reading->is_open && !is_younger(&mc, &cf);
    reading->main = candidate_add_file(candidate, reading->is_made ? READING_MC : READING_CF);
    if (reading->main == CANDIDATE_NO_FILE) {
        snprintf(why, CANDIDATE_WHY_SIZE, "cannot read %.300s/%s, nor a %s that makes it",
                 candidate_directory(candidate), READING_CF, READING_MC);
        free(reading);
        return NULL;
    }
    find_host(candidate, reading->host, sizeof(reading->host));
    return reading;
}

/* Whether the m4 files that sendmail.mc includes, or that m4 is given before it, are here. One that
 * names others than this host has is wrong. */
static bool has_m4_files(const struct candidate *candidate)
{
    const struct candidate_file *file = candidate_file(candidate, reading_of(candidate)->main);
    struct mc_statement statement;
    char source[PATH_MAX];
    bool has = programs_cf() != NULL;

    for (size_t at = 0; !has && mc_next(file->text, file->length, &at, &statement);) {
        has =
            strcmp(statement.name, "include") == 0 && strstr(statement.first, "/m4/cf.m4") &&
            access(candidate_source(candidate, statement.first, source, sizeof(source)), F_OK) == 0;
    }
    return has;
}

bool reading_sendmail_has_programs(struct candidate *candidate)
{
    struct sendmail_reading *reading = reading_of(candidate);
    char why[CANDIDATE_WHY_SIZE];

    if (!programs_has_sendmail(why)) {
        (void)candidate_lack(candidate, why);
        return false;
    }
    const char *lacking = !reading->is_made          ? NULL
                          : !programs_has_m4()       ? "m4"
                          : !has_m4_files(candidate) ? "sendmail-cf"
                                                     : NULL;
    if (lacking == NULL) {
        return true;
    }
    size_t cf = reading->is_older ? candidate_add_file(candidate, READING_CF) : CANDIDATE_NO_FILE;
    if (cf == CANDIDATE_NO_FILE) {
        snprintf(why, sizeof(why),
                 "%s is not installed here, so no sendmail.cf was made of sendmail.mc; install %s, "
                 "or rehearse on the host that has it",
                 lacking, lacking);
        (void)candidate_lack(candidate, why);
        return false;
    }
    reading->is_made = false;
    reading->is_open = false;
    reading->main = cf;
    snprintf(why, sizeof(why),
             "%s is not installed here, so nobody knows whether sendmail.mc makes the same "
             "sendmail.cf",
             lacking);
    const struct candidate_note note = {.file = "", .text = "", .why = why};
    (void)candidate_add_warning(candidate, &note);
    return true;
}

void reading_sendmail_free(void *opaque)
{
    struct sendmail_reading *reading = opaque;

    for (size_t i = 0; i < reading->table_count; i++) {
        free(reading->tables[i].dump);
    }
    free(reading->tables);
    cf_free(&reading->cf);
    free(reading->text);
    free(reading);
}

/* ---- maps --------------------------------------------------------------------------------- */

static const struct {
    const char *type;
    const char *suffix; /* NULL: the text itself is read */
} text_types[] = {
    {"hash", ".db"}, {"btree", ".db"}, {"dbm", ".pag"}, {"cdb", ".cdb"}, {"text", NULL}};

/* Those that ask somebody else, who is not there on the stage. */
static const char *const remote_types[] = {"ldap",   "ldapx",   "nis",    "nisplus", "nis+",
                                           "hesiod", "ph",      "socket", "tcp",     "netinfo",
                                           "sql",    "program", "userdb", "sockmap", NULL};

static bool is_remote(const char *type)
{
    for (size_t i = 0; remote_types[i] != NULL; i++) {
        if (strcasecmp(type, remote_types[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Where a line of sendmail.cf is shown: m4's has no line that an operator wrote. */
static void add_unknown(struct candidate *candidate, const struct cf_line *line, const char *why)
{
    const struct sendmail_reading *reading = reading_of(candidate);
    const struct candidate_note note = {.file = candidate_file(candidate, reading->main)->path,
                                        .line = reading->is_made ? 1 : line->number,
                                        .text = line->text,
                                        .why = why};

    (void)candidate_add_unknown(candidate, &note);
}

/* The map's lines, where there is one that is not older than its text. */
static char *dump_map(const struct sendmail_table *table, const char *folder,
                      const struct candidate *candidate)
{
    const struct mta_tool tool = {.folder = folder, .as = candidate_as(candidate)};
    const char *const words[3] = {table->type, table->map, MOUNTS_BASE "/sendmail.dump"};
    char script[256];
    char ignored[CANDIDATE_WHY_SIZE];
    size_t length = 0;

    snprintf(script, sizeof(script), "%.100s -C /dev/null -u \"$1\" \"$2\" > \"$3\"",
             programs_makemap());
    return mta_tool_run(&tool, script, words, ignored) == INSTANCE_NO_FAULT
               ? mta_tool_read(words[2], &length)
               : NULL;
}

/* "key\tvalue": whether the text has the line, too. */
static bool has_line(const char *text, const char *line, size_t length)
{
    size_t key = 0;
    size_t value = 0;

    while (key < length && line[key] != '\t') {
        key++;
    }
    value = key + (key < length);
    for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        size_t word = strcspn(at, " \t\n");
        const char *said = at + word + strspn(at + word, " \t");
        if (word == key && strncasecmp(at, line, key) == 0 &&
            strncmp(said, line + value, length - value) == 0) {
            return true;
        }
    }
    return false;
}

/* The map lets somebody in whom its younger text does not: until makemap is run, nobody knows. */
static bool lets_in_more(const char *dump, const char *text)
{
    for (const char *at = dump; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        if (!has_line(text, at, length)) {
            return true;
        }
        at += length + (at[length] == '\n');
    }
    return false;
}

/* It stays as it is, or is not made, and nobody knows whom it lets in. */
static void keep_map(struct candidate *candidate, struct sendmail_table *table, const char *why)
{
    const struct candidate_note note = {
        .file = table->path, .line = 1, .text = table->name, .why = why};

    table->is_kept = true;
    (void)candidate_add_unknown(candidate, &note);
    reading_of(candidate)->unasked++;
}

/* "makemap: MAP: line 4: key a: duplicate key": that line of the text is in no map. */
static void tell_complaint(struct candidate *candidate, const struct sendmail_table *table,
                           const char *said)
{
    const char *line = strstr(said, ": line ");
    char *words = NULL;
    unsigned long number = line != NULL ? strtoul(line + strlen(": line "), &words, 10) : 0;
    char why[CANDIDATE_WHY_SIZE];

    if (number == 0 || words[0] != ':') {
        return;
    }
    snprintf(why, sizeof(why), "makemap leaves this line out of the map:%.300s", words + 1);
    const struct candidate_note note = {
        .file = table->path, .line = (unsigned int)number, .text = table->name, .why = why};
    (void)candidate_add_warning(candidate, &note);
}

/* Makes the text's map once, for nobody, to hear what makemap says of its lines. */
static void hear_makemap(struct candidate *candidate, const char *folder,
                         const struct sendmail_table *table)
{
    static const char input[] = MOUNTS_BASE "/sendmail.text";
    static const char said[] = MOUNTS_BASE "/sendmail.said";
    const struct mta_tool tool = {.folder = folder, .as = candidate_as(candidate)};
    const struct candidate_file *file = candidate_file(candidate, table->file);
    const char *const words[3] = {table->type, input, said};
    char script[256];
    char ignored[CANDIDATE_WHY_SIZE];
    size_t length = 0;
    size_t told = 0;

    snprintf(script, sizeof(script),
             "rm -f \"$2.db\"; %.100s -C /dev/null \"$1\" \"$2\" < \"$2\" 2> \"$3\"; exit 0",
             programs_makemap());
    if (mounts_write(input, file->text, file->length, 0600) != 0 ||
        mta_tool_run(&tool, script, words, ignored) != INSTANCE_NO_FAULT) {
        return;
    }
    char *text = mta_tool_read(said, &length);
    char *place = NULL;
    for (char *line = text != NULL ? strtok_r(text, "\r\n", &place) : NULL;
         line != NULL && told < COMPLAINTS_MAX; line = strtok_r(NULL, "\r\n", &place)) {
        tell_complaint(candidate, table, line);
        told++;
    }
    free(text);
}

static void find_text(struct candidate *candidate, const char *folder, struct sendmail_table *table)
{
    struct sendmail_reading *reading = reading_of(candidate);
    struct stat text;
    struct stat map;

    table->file = candidate_add_file(candidate, table->path);
    bool has_map = table->map != NULL && is_there(candidate, table->map, &map);
    if (table->map != NULL && programs_makemap() == NULL &&
        (has_map || table->file != CANDIDATE_NO_FILE)) {
        keep_map(candidate, table,
                 "makemap is not installed here, so the map of this text was not made and its "
                 "lines were not asked; install sendmail-bin (or the package that has makemap), "
                 "and rehearse again");
        return;
    }
    if (table->map != NULL && table->file != CANDIDATE_NO_FILE) {
        hear_makemap(candidate, folder, table);
    }
    if (!has_map) {
        return;
    }
    struct candidate_note note = {
        .file = table->path,
        .line = 1,
        .text = table->name,
        .why = "The text is younger than its map, and is what is rehearsed: run makemap before "
               "Sendmail is started again."};
    table->dump = dump_map(table, folder, candidate);
    if (table->dump == NULL) {
        keep_map(candidate, table,
                 "makemap cannot list what its map has: whom that lets in is not known.");
        return;
    }
    if (table->file == CANDIDATE_NO_FILE ||
        (is_there(candidate, table->path, &text) && !is_younger(&text, &map))) {
        return;
    }
    if (lets_in_more(table->dump, candidate_file(candidate, table->file)->text)) {
        note.why = "Its map has lines that the text has not any more, and is what Sendmail reads: "
                   "run makemap, and rehearse again.";
        (void)candidate_add_unknown(candidate, &note);
        reading->unasked++;
    } else {
        (void)candidate_add_warning(candidate, &note);
    }
    free(table->dump);
    table->dump = NULL;
}

static bool add_table(struct candidate *candidate, const char *folder, const struct cf_line *line)
{
    struct sendmail_reading *reading = reading_of(candidate);
    struct cf_map map;
    char path[PATH_MAX + 8];
    size_t type = 0;

    if (!cf_map(line, &map)) {
        return true;
    }
    if (reading->table_count == TABLES_MAX) {
        add_unknown(candidate, line, "It is one map more than a rehearsal reads, which is 64.");
        reading->unasked++;
        return true;
    }
    if (is_remote(map.type)) {
        add_unknown(
            candidate, line,
            "Whom this map asks is not asked in a rehearsal: what he lets in is not known.");
        reading->unasked++;
        return true;
    }
    size_t types = sizeof(text_types) / sizeof(text_types[0]);
    while (type < types && strcasecmp(map.type, text_types[type].type) != 0) {
        type++;
    }
    if (type == types || map.path[0] == '\0') {
        return true;
    }
    struct sendmail_table *tables =
        reallocarray(reading->tables, reading->table_count + 1, sizeof(*tables));
    if (tables == NULL) {
        return false;
    }
    reading->tables = tables;
    struct sendmail_table *table = &tables[reading->table_count++];
    snprintf(path, sizeof(path), "%s%s", map.path,
             text_types[type].suffix != NULL ? text_types[type].suffix : "");
    *table = (struct sendmail_table){
        .name = candidate_keep(candidate, map.name),
        .type = text_types[type].type,
        .path = candidate_keep(candidate, map.path),
        .map = text_types[type].suffix != NULL ? candidate_keep(candidate, path) : NULL};
    find_text(candidate, folder, table);
    return true;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static bool read_lines(struct candidate *candidate, const char *folder)
{
    struct sendmail_reading *reading = reading_of(candidate);
    char name[CF_NAME_SIZE];
    char path[PATH_MAX];
    bool is_file = false;

    for (size_t i = 0; i < reading->cf.count; i++) {
        const struct cf_line *line = &reading->cf.lines[i];
        if (!add_table(candidate, folder, line)) {
            return false;
        }
        if (cf_class_file(line, name, path, &is_file) && !is_file) {
            add_unknown(candidate, line,
                        "Whom this class asks for its words is not asked in a rehearsal: what they "
                        "let in is not known.");
            reading->unasked++;
        }
        if (cf_option(line, "CACertFile") != NULL || cf_option(line, "CACertPath") != NULL) {
            reading->checks_clients = true;
        }
        if (line->type == 'D' && line->text[1] == 'j' && strchr(line->text, '$') == NULL) {
            snprintf(reading->host, sizeof(reading->host), "%.250s", line->text + 2);
        }
    }
    return true;
}

/* Both without comments: m4 writes who made it, and when. */
static bool is_same(const char *one, const char *other)
{
    for (;;) {
        while (*one == '#' || *one == '\n') {
            one += strcspn(one, "\n") + (one[strcspn(one, "\n")] == '\n');
        }
        while (*other == '#' || *other == '\n') {
            other += strcspn(other, "\n") + (other[strcspn(other, "\n")] == '\n');
        }
        size_t length = strcspn(one, "\n");
        if (length != strcspn(other, "\n") || strncmp(one, other, length) != 0) {
            return false;
        }
        if (length == 0) {
            return *one == *other;
        }
        one += length;
        other += length;
    }
}

/* Which of sendmail.mc and sendmail.cf is rehearsed, where there are both. */
static void decide(struct candidate *candidate, const char *folder)
{
    struct sendmail_reading *reading = reading_of(candidate);
    char path[PATH_MAX];
    size_t length = 0;

    snprintf(path, sizeof(path), "%s/%s", folder, READING_CF);
    char *other = mta_tool_read(path, &length);
    bool same = reading->text != NULL && other != NULL && is_same(reading->text, other);
    struct candidate_note note = {.line = 1, .text = READING_MC};
    reading->is_open = false;
    if (!same && reading->is_older && other != NULL) {
        size_t main = candidate_add_file(candidate, READING_CF);
        reading->is_made = main == CANDIDATE_NO_FILE;
        reading->main = reading->is_made ? reading->main : main;
        free(reading->text);
        reading->text = other;
        reading->length = length;
        other = NULL;
        note.why = "m4 makes another sendmail.cf of it than the one that lies here, which is what "
                   "is rehearsed.";
    } else if (!same) {
        note.why = "It is younger than sendmail.cf, and is what is rehearsed: make sendmail.cf of "
                   "it before Sendmail is started again.";
    }
    free(other);
    note.file = candidate_file(candidate, reading->main)->path;
    if (!same) {
        (void)candidate_add_warning(candidate, &note);
    }
}

bool reading_sendmail_load(struct candidate *candidate, const char *folder)
{
    struct sendmail_reading *reading = reading_of(candidate);
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, reading->is_made ? READING_MADE : READING_CF);
    reading->text = mta_tool_read(path, &reading->length);
    if (reading->is_open) {
        decide(candidate, folder);
    }
    return reading->text == NULL ||
           (cf_read(reading->text, reading->length, &reading->cf) && read_lines(candidate, folder));
}

char *reading_sendmail_value(const struct candidate *candidate,
                             const struct candidate_listener *listener, const char *name)
{
    const struct sendmail_reading *reading = reading_of(candidate);
    const char *value = NULL;

    (void)listener;
    if (strcmp(name, "myhostname") == 0) {
        return strdup(reading->host);
    }
    for (size_t i = 0; i < reading->cf.count; i++) {
        const char *found = cf_option(&reading->cf.lines[i], name);
        value = found != NULL ? found : value;
    }
    return value != NULL ? strdup(value) : NULL;
}
