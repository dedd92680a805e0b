#include "probe/rehearse/postfix/lists.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netset.h"
#include "probe/rehearse/postfix/reading.h"

#define DEPTH_MAX 32
/* $parameters that are followed for one list: thirty that each name another twice are a billion. */
#define READS_MAX   10000
#define ENTRIES_MAX 200000 /* of one list: a $parameter that names another twice doubles */

/* Where a list is being read. */
struct walk {
    struct candidate *candidate;
    const struct candidate_listener *listener;
    bool restrictions;
    struct list *out;
    int depth;
    size_t reads;            /* parameters and files that were followed */
    size_t files[DEPTH_MAX]; /* by depth: the file that is read there */
};

/* A value and where it stands. */
struct source {
    size_t file;
    struct cf_line place;
    const char *parameter;
};

static bool read_source(struct walk *walk, const struct source *source);

bool list_takes_argument(const char *check)
{
    static const char *const beginnings[] = {"check_", "reject_rbl_", "reject_rhsbl_",
                                             "permit_dnswl_", "permit_rhswl_"};

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (strncmp(check, beginnings[i], strlen(beginnings[i])) == 0) {
            return strcmp(check, "check_relay_domains") != 0;
        }
    }
    return strcmp(check, "sleep") == 0;
}

void list_free(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].text);
        free(list->entries[i].argument);
    }
    free(list->entries);
    *list = (struct list){0};
}

/* ---- entries ---- */

static bool add_entry(struct walk *walk, const char *text, size_t element, const char *parameter)
{
    struct list *list = walk->out;

    if (list->count >= ENTRIES_MAX) {
        return true;
    }
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 32 : list->room * 2;
        struct list_entry *more = reallocarray(list->entries, room, sizeof(*more));
        if (more == NULL) {
            return false;
        }
        list->entries = more;
        list->room = room;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return false;
    }
    list->entries[list->count++] =
        (struct list_entry){.text = copy, .parameter = parameter, .element = element};
    return true;
}

/* Whether every client of a network is one that the site trusts. */
static bool is_trusted_network(const struct candidate *candidate, const char *text)
{
    const struct site *site = candidate_site(candidate);
    struct network network;

    if (site == NULL || network_parse(text, &network) != NETWORK_OK) {
        return false;
    }
    const struct network *trusted = site_trusted_network(site, &network.base);
    return trusted != NULL && trusted->base.family == network.base.family &&
           trusted->prefix <= network.prefix;
}

static bool is_right(const struct walk *walk, const char *text)
{
    if (walk->restrictions) {
        return strcmp(text, "permit_mynetworks") == 0 ||
               strcmp(text, "permit_sasl_authenticated") == 0;
    }
    return is_trusted_network(walk->candidate, text);
}

/* What is written in the place of an element that is taken out; NULL: nothing. Postfix answers 450
 * where a restriction class is empty, which proves nothing. */
static const char *instead_of(const struct walk *walk, const char *parameter)
{
    static const char *const may_be_empty[] = {
        "smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions",
        "smtpd_relay_restrictions", "smtpd_recipient_restrictions"};

    bool needed = walk->restrictions;

    for (size_t i = 0; i < sizeof(may_be_empty) / sizeof(may_be_empty[0]); i++) {
        needed = needed && strcmp(parameter, may_be_empty[i]) != 0;
    }
    return needed ? "check_client_access static:DUNNO" : NULL;
}

static size_t element_of(const struct walk *walk, const struct source *source,
                         const struct cf_line *span, const char *text)
{
    const struct candidate_file *file = candidate_file(walk->candidate, source->file);
    struct cf_joined joined;
    struct cf_line whole = *span;

    if (!cf_join(file->text, &whole, &joined)) {
        return CANDIDATE_NO_ELEMENT;
    }
    const struct rehearse_element element = {
        .kind = walk->restrictions ? REHEARSE_RESTRICTION : REHEARSE_LIST_ENTRY,
        .file = source->file,
        .begin = span->begin,
        .end = span->end,
        .text = joined.text,
        .parameter = source->parameter,
        .instead = instead_of(walk, source->parameter),
        .table = REHEARSE_NO_TABLE,
        .is_protected = is_right(walk, text),
    };
    size_t index = candidate_add_element(walk->candidate, &element);
    cf_joined_free(&joined);
    return index;
}

/* ---- words ---- */

/* Parameters that are one word and no list. An empty myhostname ends master: the entry that can be
 * taken out is where the list names it. */
static bool is_scalar(const char *name)
{
    static const char *const scalars[] = {
        "myhostname",       "mydomain",        "myorigin",       "mail_name",
        "config_directory", "queue_directory", "data_directory", "multi_instance_name",
        "syslog_name"};

    for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
        if (strcmp(name, scalars[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The name in "$name", "${name}" or "$(name)" if the word is nothing else. */
static bool is_bare_macro(const char *word, size_t length, char *name, size_t size)
{
    size_t begin = 1;

    if (length < 2 || word[0] != '$') {
        return false;
    }
    if (word[1] == '{' || word[1] == '(') {
        begin = 2;
        length -= word[length - 1] == (word[1] == '{' ? '}' : ')');
    }
    for (size_t i = begin; i < length; i++) {
        if (!isalnum((unsigned char)word[i]) && word[i] != '_') {
            return false;
        }
    }
    if (length <= begin || length - begin >= size) {
        return false;
    }
    memcpy(name, word + begin, length - begin);
    name[length - begin] = '\0';
    return true;
}

/* All words of a text that was expanded stand where the text stood. */
static bool add_expanded(struct walk *walk, const char *text, size_t element, const char *parameter)
{
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;

    while (cf_next_word(text, &at, CF_LIST_SEPARATORS, &begin, &end)) {
        char *word = strndup(text + begin, end - begin);
        bool added = word != NULL && add_entry(walk, word, element, parameter);
        free(word);
        if (!added) {
            return false;
        }
    }
    return true;
}

/* A match list's "/path" stands for the words of that file. */
static bool read_list_file(struct walk *walk, const char *path, size_t element,
                           const char *parameter)
{
    size_t file = candidate_add_file(walk->candidate, path);

    if (file == CANDIDATE_NO_FILE || walk->depth >= DEPTH_MAX || walk->reads++ >= READS_MAX) {
        return add_entry(walk, path, element, parameter);
    }
    for (int i = 0; i < walk->depth; i++) {
        if (walk->files[i] == file) {
            return true; /* it names itself: what it has is being read */
        }
    }
    const struct candidate_file *text = candidate_file(walk->candidate, file);
    struct cf_line line;
    size_t place = 0;
    walk->files[walk->depth++] = file;
    bool done = true;
    while (done && cf_next_line(text->text, text->length, &place, &line)) {
        const struct source source = {file, line, parameter};
        done = read_source(walk, &source);
        text = candidate_file(walk->candidate, file); /* files may have moved */
    }
    walk->depth--;
    return done;
}

static bool read_parameter(struct walk *walk, const char *name)
{
    const struct postfix_reading *reading = reading_of(walk->candidate);
    const struct master_service *service = reading_service(walk->candidate, walk->listener);
    const struct master_override *override =
        service == NULL ? NULL : master_override_find(service, name);
    const struct main_setting *setting = main_cf_find(&reading->main, name);
    bool done = false;

    if (walk->depth >= DEPTH_MAX || walk->reads++ >= READS_MAX) {
        return true;
    }
    walk->files[walk->depth++] = CANDIDATE_NO_FILE;
    const char *kept = candidate_keep(walk->candidate, name);
    if (override != NULL) {
        done = read_source(walk, &(struct source){reading->master_file, override->inner, kept});
    } else if (setting != NULL) {
        done = read_source(walk, &(struct source){reading->main_file, setting->value, kept});
    } else {
        char *value = reading_value(walk->candidate, walk->listener, name);
        done = value == NULL || add_expanded(walk, value, CANDIDATE_NO_ELEMENT, kept);
        free(value);
    }
    walk->depth--;
    return done;
}

static bool read_word(struct walk *walk, const struct source *source, const char *word,
                      const struct cf_line *span)
{
    char name[256];

    if (is_bare_macro(word, strlen(word), name, sizeof(name)) && !is_scalar(name)) {
        return read_parameter(walk, name);
    }
    if (!walk->restrictions && (word[0] == '/' || strncmp(word, "!/", 2) == 0) &&
        strchr(word, '$') == NULL) {
        size_t element = element_of(walk, source, span, word);
        return word[0] == '!' || read_list_file(walk, word, element, source->parameter);
    }
    if (strchr(word, '$') == NULL) {
        return add_entry(walk, word, element_of(walk, source, span, word), source->parameter);
    }
    char *text = reading_expand(walk->candidate, walk->listener, word);
    size_t element = text != NULL ? element_of(walk, source, span, text) : CANDIDATE_NO_ELEMENT;
    bool is_path = text != NULL && !walk->restrictions && text[0] == '/' &&
                   text[strcspn(text, CF_LIST_SEPARATORS)] == '\0';
    bool done = text == NULL || (is_path ? read_list_file(walk, text, element, source->parameter)
                                         : add_expanded(walk, text, element, source->parameter));
    free(text);
    return done;
}

/* The word at `begin` takes the next one along if it is a check with an argument. */
static bool read_check(struct walk *walk, const struct source *source,
                       const struct cf_joined *joined, size_t *at, const size_t span[2])
{
    size_t begin = 0;
    size_t end = 0;
    char *word = strndup(joined->text + span[0], span[1] - span[0]);
    struct cf_line place = {joined->place[span[0]], joined->place[span[1] - 1] + 1};
    size_t before = walk->out->count;
    bool done = false;

    if (word == NULL) {
        return false;
    }
    if (!walk->restrictions || !list_takes_argument(word) ||
        !cf_next_word(joined->text, at, CF_LIST_SEPARATORS, &begin, &end)) {
        done = read_word(walk, source, word, &place);
        free(word);
        return done;
    }
    char *raw = strndup(joined->text + begin, end - begin);
    place.end = joined->place[end - 1] + 1;
    char *argument = raw == NULL ? NULL : reading_expand(walk->candidate, walk->listener, raw);
    done = raw != NULL &&
           add_entry(walk, word, element_of(walk, source, &place, word), source->parameter);
    if (done && walk->out->count > before) {
        walk->out->entries[walk->out->count - 1].argument = argument;
        argument = NULL;
    }
    free(argument);
    free(raw);
    free(word);
    return done;
}

static bool read_source(struct walk *walk, const struct source *source)
{
    struct cf_joined joined;
    size_t at = 0;
    size_t span[2] = {0, 0};
    bool done = true;

    if (!cf_join(candidate_file(walk->candidate, source->file)->text, &source->place, &joined)) {
        return false;
    }
    while (done && cf_next_word(joined.text, &at, CF_LIST_SEPARATORS, &span[0], &span[1])) {
        done = read_check(walk, source, &joined, &at, span);
    }
    cf_joined_free(&joined);
    return done;
}

/* ---- lists ---- */

bool list_read(struct candidate *candidate, const struct candidate_listener *listener,
               const char *name, bool restrictions, struct list *out)
{
    struct walk walk = {
        .candidate = candidate, .listener = listener, .restrictions = restrictions, .out = out};

    /* A check whose argument came through a $parameter stands before it. */
    if (!read_parameter(&walk, name)) {
        return false;
    }
    for (size_t i = 0; restrictions && i + 1 < out->count; i++) {
        struct list_entry *entry = &out->entries[i];
        if (entry->argument != NULL || !list_takes_argument(entry->text)) {
            continue;
        }
        entry->argument = out->entries[i + 1].text;
        free(out->entries[i + 1].argument);
        memmove(entry + 1, entry + 2, (out->count - i - 2) * sizeof(*entry));
        out->count--;
    }
    return true;
}

bool list_read_restrictions(struct candidate *candidate, const struct candidate_listener *listener,
                            struct list *out)
{
    struct list classes = {0};
    bool done = list_read(candidate, listener, "smtpd_relay_restrictions", true, out) &&
                list_read(candidate, listener, "smtpd_recipient_restrictions", true, out) &&
                list_read(candidate, listener, "smtpd_restriction_classes", false, &classes);

    for (size_t i = 0; done && i < classes.count; i++) {
        done = list_read(candidate, listener, classes.entries[i].text, true, out);
    }
    list_free(&classes);
    return done;
}

size_t list_setting(struct candidate *candidate, const struct candidate_listener *listener,
                    const char *name)
{
    const struct postfix_reading *reading = reading_of(candidate);
    const struct master_service *service = reading_service(candidate, listener);
    const struct master_override *override =
        service == NULL ? NULL : master_override_find(service, name);
    const struct main_setting *setting = main_cf_find(&reading->main, name);
    struct rehearse_element element = {.parameter = name, .table = REHEARSE_NO_TABLE};
    struct cf_joined joined;

    if (override != NULL) {
        element.kind = REHEARSE_OVERRIDE;
        element.file = reading->master_file;
        element.begin = override->whole.begin;
        element.end = override->whole.end;
    } else if (setting != NULL) {
        element.kind = REHEARSE_SETTING;
        element.file = reading->main_file;
        element.begin = setting->whole.begin;
        element.end = setting->whole.end;
    } else {
        return CANDIDATE_NO_ELEMENT;
    }
    const struct cf_line span = {element.begin, element.end};
    if (!cf_join(candidate_file(candidate, element.file)->text, &span, &joined)) {
        return CANDIDATE_NO_ELEMENT;
    }
    element.text = joined.text;
    if (strcmp(name, "compatibility_level") == 0) {
        element.instead = "compatibility_level = 2"; /* without any it is 0 */
    }
    size_t index = candidate_add_element(candidate, &element);
    cf_joined_free(&joined);
    return index;
}
