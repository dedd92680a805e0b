#include "probe/rehearse/candidate.h"
#include "probe/rehearse/answers.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/rehearse/candidate_mta.h"
#include "probe/rehearse/candidate_private.h"

#define BLOCK_SIZE ((size_t)16 * 1024)

/* ---- memory ---- */

void *candidate_array_add(struct candidate_array *array, size_t size)
{
    if (array->count == array->room) {
        size_t room = array->room == 0 ? 16 : array->room * 2;
        void *items = reallocarray(array->items, room, size);
        if (items == NULL) {
            return NULL;
        }
        array->items = items;
        array->room = room;
    }
    void *item = (char *)array->items + array->count * size;
    memset(item, 0, size);
    array->count++;
    return item;
}

bool candidate_own(struct candidate *candidate, void *block)
{
    void **owned = block == NULL ? NULL : candidate_array_add(&candidate->owned, sizeof(void *));

    if (owned == NULL) {
        free(block);
        return false;
    }
    *owned = block;
    return true;
}

const char *candidate_keep_span(struct candidate *candidate, const char *text, size_t length)
{
    struct candidate_block *block = candidate->strings;

    if (block == NULL || block->room - block->used <= length) {
        size_t room = length >= BLOCK_SIZE ? length + 1 : BLOCK_SIZE;
        block = malloc(sizeof(*block) + room);
        if (block == NULL) {
            return "";
        }
        *block = (struct candidate_block){.next = candidate->strings, .room = room};
        candidate->strings = block;
    }
    char *kept = block->octets + block->used;
    memcpy(kept, text, length);
    kept[length] = '\0';
    block->used += length + 1;
    return kept;
}

const char *candidate_keep(struct candidate *candidate, const char *text)
{
    return candidate_keep_span(candidate, text, strlen(text));
}

/* ---- elements and the rest ---- */

/* The text with the operator's words for the tables of answers. */
static const char *as_written(struct candidate *candidate, const char *text)
{
    char *back = candidate->answers != NULL ? answers_take_back(candidate->answers, text) : NULL;

    if (back == NULL) {
        return text;
    }
    const char *kept = candidate_keep(candidate, back);
    free(back);
    return kept;
}

static unsigned int line_at(const struct candidate_file *file, size_t place)
{
    unsigned int line = 1;

    for (const char *at = file->text;
         (at = memchr(at, '\n', (size_t)(file->text + place - at))) != NULL; at++) {
        line++;
    }
    return line;
}

static size_t span_slot(const struct candidate *candidate, size_t file, size_t begin, size_t end)
{
    const struct rehearse_element *elements = candidate->elements.items;
    size_t mask = candidate->by_span_room - 1;
    size_t slot = (begin * 31 + end * 7 + file * 1000003) & mask;

    while (candidate->by_span[slot] != 0) {
        const struct rehearse_element *other = &elements[candidate->by_span[slot] - 1];
        if (other->file == file && other->begin == begin && other->end == end) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* At most half full. */
static bool make_span_room(struct candidate *candidate)
{
    if (candidate->by_span_room > candidate->elements.count * 2 + 1) {
        return true;
    }
    size_t room = candidate->by_span_room == 0 ? 64 : candidate->by_span_room * 2;
    size_t *slots = calloc(room, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    free(candidate->by_span);
    candidate->by_span = slots;
    candidate->by_span_room = room;
    const struct rehearse_element *elements = candidate->elements.items;
    for (size_t i = 0; i < candidate->elements.count; i++) {
        slots[span_slot(candidate, elements[i].file, elements[i].begin, elements[i].end)] = i + 1;
    }
    return true;
}

static const char *keep_printable(struct candidate *candidate, const char *text)
{
    char one_line[1024];
    char shown[1024];

    /* White space is only that, and is no more to be escaped than a newline is to be kept. */
    snprintf(one_line, sizeof(one_line), "%s", text != NULL ? text : "");
    for (char *at = one_line; *at != '\0'; at++) {
        *at = *at == '\t' || *at == '\n' || *at == '\r' ? ' ' : *at;
    }
    printable_string(shown, sizeof(shown), one_line);
    return candidate_keep(candidate, shown);
}

size_t candidate_add_element(struct candidate *candidate, const struct rehearse_element *element)
{
    const struct candidate_file *file = candidate_file(candidate, element->file);

    if (file == NULL || element->begin > element->end || element->end > file->length ||
        !make_span_room(candidate)) {
        return CANDIDATE_NO_ELEMENT;
    }
    size_t slot = span_slot(candidate, element->file, element->begin, element->end);
    if (candidate->by_span[slot] != 0) {
        return candidate->by_span[slot] - 1;
    }
    struct rehearse_element *added = candidate_array_add(&candidate->elements, sizeof(*added));
    if (added == NULL) {
        return CANDIDATE_NO_ELEMENT;
    }
    *added = *element;
    added->line = line_at(file, element->begin);
    added->text = keep_printable(candidate, as_written(candidate, element->text));
    added->parameter = keep_printable(candidate, as_written(candidate, element->parameter));
    added->key = element->key == NULL ? NULL : candidate_keep(candidate, element->key);
    added->instead = element->instead == NULL ? NULL : candidate_keep(candidate, element->instead);
    candidate->by_span[slot] = candidate->elements.count;
    return candidate->elements.count - 1;
}

size_t candidate_add_listener(struct candidate *candidate,
                              const struct candidate_listener *listener)
{
    struct candidate_override *overrides = calloc(listener->override_count + 1, sizeof(*overrides));
    struct candidate_listener *added =
        candidate_own(candidate, overrides)
            ? candidate_array_add(&candidate->listeners, sizeof(*added))
            : NULL;

    if (added == NULL) {
        return CANDIDATE_NO_LISTENER;
    }
    *added = *listener;
    added->service = keep_printable(candidate, listener->service);
    added->file = candidate_keep(candidate, listener->file);
    added->host = candidate_keep(candidate, listener->host);
    added->port = candidate_keep(candidate, listener->port);
    added->program = candidate_keep(candidate, listener->program);
    for (size_t i = 0; i < listener->override_count; i++) {
        overrides[i].name = candidate_keep(candidate, listener->overrides[i].name);
        overrides[i].value = candidate_keep(candidate, listener->overrides[i].value);
        overrides[i].element = listener->overrides[i].element;
    }
    added->overrides = overrides;
    return candidate->listeners.count - 1;
}

size_t candidate_add_table(struct candidate *candidate, const struct candidate_table *table)
{
    struct candidate_table *tables = candidate->tables.items;

    for (size_t i = 0; i < candidate->tables.count; i++) {
        if (strcmp(tables[i].reference, table->reference) == 0) {
            return i;
        }
    }
    struct candidate_table *added = candidate_array_add(&candidate->tables, sizeof(*added));
    if (added == NULL) {
        return REHEARSE_NO_TABLE;
    }
    *added = *table;
    added->reference = candidate_keep(candidate, table->reference);
    added->type = candidate_keep(candidate, table->type);
    added->name = candidate_keep(candidate, table->name);
    added->parameter = keep_printable(candidate, table->parameter);
    return candidate->tables.count - 1;
}

static bool add_note(struct candidate *candidate, struct candidate_array *to,
                     const struct candidate_note *note)
{
    struct candidate_note *added = candidate_array_add(to, sizeof(*added));

    if (added == NULL) {
        return false;
    }
    added->file = candidate_keep(candidate, note->file);
    added->line = note->line;
    added->text = keep_printable(candidate, note->text);
    added->why = keep_printable(candidate, note->why);
    return true;
}

bool candidate_add_warning(struct candidate *candidate, const struct candidate_note *note)
{
    return add_note(candidate, &candidate->warnings, note);
}

bool candidate_add_unknown(struct candidate *candidate, const struct candidate_note *note)
{
    return add_note(candidate, &candidate->unknown, note);
}

bool candidate_lack(struct candidate *candidate, const char *why)
{
    const struct candidate_note note = {.file = "", .text = "", .why = why};

    candidate->is_lacking = true;
    return candidate_add_unknown(candidate, &note);
}

bool candidate_is_lacking(const struct candidate *candidate)
{
    return candidate->is_lacking;
}

bool candidate_refuse(struct candidate *candidate, const char *words)
{
    candidate->refusal = keep_printable(candidate, words);
    return candidate->refusal[0] != '\0';
}

const char *candidate_refusal(const struct candidate *candidate)
{
    return candidate->refusal;
}

bool candidate_leave_out(struct candidate *candidate, size_t element)
{
    size_t *added = candidate_array_add(&candidate->left_out, sizeof(*added));

    if (added != NULL) {
        *added = element;
    }
    return added != NULL;
}

const size_t *candidate_left_out(const struct candidate *candidate, size_t *count)
{
    *count = candidate->left_out.count;
    return candidate->left_out.items;
}

/* ---- its life ---- */

/* The folder without slashes at its end; as it is if it cannot be resolved. */
static const char *keep_folder(struct candidate *candidate, const char *path, bool resolve)
{
    char whole[PATH_MAX];

    if (!resolve || realpath(path, whole) == NULL) {
        snprintf(whole, sizeof(whole), "%s", path);
    }
    size_t length = strlen(whole);
    while (length > 1 && whole[length - 1] == '/') {
        length--;
    }
    return candidate_keep_span(candidate, whole, length);
}

struct candidate *candidate_open(const struct candidate_settings *settings,
                                 char why[CANDIDATE_WHY_SIZE])
{
    struct candidate *candidate = calloc(1, sizeof(*candidate));

    if (candidate == NULL) {
        snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        return NULL;
    }
    candidate->mta = settings->mta;
    candidate->site = settings->site;
    candidate->answers = settings->answers;
    candidate->is_live = settings->is_live;
    candidate->directory = keep_folder(candidate, settings->directory, true);
    candidate->as = settings->as == NULL ? keep_folder(candidate, settings->directory, true)
                                         : keep_folder(candidate, settings->as, false);
    candidate->scratch = keep_folder(candidate, settings->scratch, false);
    if (!settings->mta->read(candidate, why)) {
        candidate_free(candidate);
        return NULL;
    }
    return candidate;
}

void candidate_free(struct candidate *candidate)
{
    if (candidate == NULL) {
        return;
    }
    if (candidate->mta != NULL && candidate->reading != NULL) {
        candidate->mta->free(candidate->reading);
    }
    void **owned = candidate->owned.items;
    for (size_t i = 0; i < candidate->owned.count; i++) {
        free(owned[i]);
    }
    struct candidate_array *const arrays[] = {
        &candidate->owned,  &candidate->files,    &candidate->elements, &candidate->listeners,
        &candidate->tables, &candidate->warnings, &candidate->unknown,  &candidate->left_out};
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        free(arrays[i]->items);
    }
    while (candidate->strings != NULL) {
        struct candidate_block *next = candidate->strings->next;
        free(candidate->strings);
        candidate->strings = next;
    }
    free(candidate->by_span);
    free(candidate);
}

/* ---- what it has ---- */

const char *candidate_directory(const struct candidate *candidate)
{
    return candidate->directory;
}

const char *candidate_as(const struct candidate *candidate)
{
    return candidate->as;
}

const char *candidate_scratch(const struct candidate *candidate)
{
    return candidate->scratch;
}

const struct site *candidate_site(const struct candidate *candidate)
{
    return candidate->site;
}

const struct candidate_mta *candidate_mta(const struct candidate *candidate)
{
    return candidate->mta;
}

void candidate_set_reading(struct candidate *candidate, void *reading)
{
    candidate->reading = reading;
}

void *candidate_reading(const struct candidate *candidate)
{
    return candidate->reading;
}

const struct rehearse_element *candidate_elements(const struct candidate *candidate, size_t *count)
{
    *count = candidate->elements.count;
    return candidate->elements.items;
}

const struct candidate_listener *candidate_listeners(const struct candidate *candidate,
                                                     size_t *count)
{
    *count = candidate->listeners.count;
    return candidate->listeners.items;
}

struct candidate_listener *candidate_listener_at(struct candidate *candidate, size_t index)
{
    struct candidate_listener *listeners = candidate->listeners.items;

    return index < candidate->listeners.count ? &listeners[index] : NULL;
}

const struct candidate_table *candidate_tables(const struct candidate *candidate, size_t *count)
{
    *count = candidate->tables.count;
    return candidate->tables.items;
}

const struct candidate_note *candidate_unknown(const struct candidate *candidate, size_t *count)
{
    *count = candidate->unknown.count;
    return candidate->unknown.items;
}

const struct candidate_note *candidate_warnings(const struct candidate *candidate, size_t *count)
{
    *count = candidate->warnings.count;
    return candidate->warnings.items;
}

const struct candidate_file *candidate_file(const struct candidate *candidate, size_t index)
{
    const struct candidate_file *files = candidate->files.items;

    return index < candidate->files.count ? &files[index] : NULL;
}

const char *candidate_place(const struct candidate *candidate, size_t element, char *out,
                            size_t size)
{
    const struct rehearse_element *elements = candidate->elements.items;

    if (element >= candidate->elements.count) {
        snprintf(out, size, "?");
    } else {
        snprintf(out, size, "%s:%u", candidate_file(candidate, elements[element].file)->shown,
                 elements[element].line);
    }
    return out;
}

char *candidate_value(const struct candidate *candidate, const struct candidate_listener *listener,
                      const char *name)
{
    return candidate->mta->value(candidate, listener, name);
}

void candidate_derive(struct candidate *candidate, struct questions *questions)
{
    candidate->mta->derive(candidate, questions);
}
