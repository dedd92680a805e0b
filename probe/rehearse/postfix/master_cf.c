#include "probe/rehearse/postfix/master_cf.h"

#include <stdlib.h>
#include <string.h>

static bool is_space(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

static struct cf_line place_of(const struct cf_joined *joined, size_t begin, size_t end)
{
    if (begin >= end) {
        /* Behind the octet before it: what is next may stand on another line. */
        size_t place = begin == 0 ? joined->place[0] : joined->place[begin - 1] + 1;
        return (struct cf_line){place, place};
    }
    return (struct cf_line){joined->place[begin], joined->place[end - 1] + 1};
}

static void trim(const char *text, size_t *begin, size_t *end)
{
    while (*begin < *end && is_space(text[*begin])) {
        (*begin)++;
    }
    while (*end > *begin && is_space(text[*end - 1])) {
        (*end)--;
    }
}

/* `name=value`, or `{ name = value }`, from `begin` to `end`. False: out of memory, or it is none;
 * then `out->name` is NULL. */
static bool read_override(const struct cf_joined *joined, size_t begin, size_t end,
                          struct master_override *out)
{
    const char *text = joined->text;

    if (end > begin && text[begin] == '{') {
        begin++;
        end -= text[end - 1] == '}';
        trim(text, &begin, &end);
    }
    const char *equals = memchr(text + begin, '=', end - begin);
    if (equals == NULL) {
        return false;
    }
    size_t name_begin = begin;
    size_t name_end = (size_t)(equals - text);
    size_t value_begin = name_end + 1;
    trim(text, &name_begin, &name_end);
    trim(text, &value_begin, &end);
    out->inner = place_of(joined, value_begin, end);
    out->name = strndup(text + name_begin, name_end - name_begin);
    out->value = strndup(text + value_begin, end - value_begin);
    return out->name != NULL && out->value != NULL;
}

static bool add_override(struct master_service *service, const struct master_override *override)
{
    struct master_override *more =
        reallocarray(service->overrides, service->override_count + 1, sizeof(*more));

    if (more == NULL) {
        return false;
    }
    service->overrides = more;
    more[service->override_count++] = *override;
    return true;
}

/* The arguments behind the command. */
static bool read_arguments(const struct cf_joined *joined, size_t at,
                           struct master_service *service)
{
    size_t begin = 0;
    size_t end = 0;

    while (cf_next_word(joined->text, &at, CF_WORD_SEPARATORS, &begin, &end)) {
        struct master_override override = {0};
        size_t from = begin;
        if (joined->text[begin] != '-' || joined->text[begin + 1] != 'o') {
            continue;
        }
        begin += 2;
        if (begin == end && !cf_next_word(joined->text, &at, CF_WORD_SEPARATORS, &begin, &end)) {
            break;
        }
        if (!read_override(joined, begin, end, &override)) {
            bool is_none = override.name == NULL && override.value == NULL;
            free(override.name);
            free(override.value);
            if (is_none) {
                continue;
            }
            return false;
        }
        override.whole = place_of(joined, from, end);
        if (!add_override(service, &override)) {
            free(override.name);
            free(override.value);
            return false;
        }
    }
    return true;
}

static void service_free(struct master_service *service)
{
    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        free(service->fields[i]);
    }
    for (size_t i = 0; i < service->override_count; i++) {
        free(service->overrides[i].name);
        free(service->overrides[i].value);
    }
    free(service->overrides);
}

enum reading {
    READ,
    NO_SERVICE,
    NO_MEMORY
};

static enum reading read_service(const char *text, const struct cf_line *line,
                                 struct master_service *out)
{
    struct cf_joined joined;
    struct master_service service = {.whole = *line};
    enum reading reading = READ;
    size_t at = 0;

    if (!cf_join(text, line, &joined)) {
        return NO_MEMORY;
    }
    for (size_t i = 0; i < MASTER_FIELDS && reading == READ; i++) {
        size_t begin = 0;
        size_t end = 0;
        if (!cf_next_word(joined.text, &at, CF_WORD_SEPARATORS, &begin, &end)) {
            reading = NO_SERVICE;
            break;
        }
        service.field_places[i] = place_of(&joined, begin, end);
        service.fields[i] = strndup(joined.text + begin, end - begin);
        reading = service.fields[i] == NULL ? NO_MEMORY : READ;
    }
    if (reading == READ && !read_arguments(&joined, at, &service)) {
        reading = NO_MEMORY;
    }
    cf_joined_free(&joined);
    if (reading == READ) {
        *out = service;
    } else {
        service_free(&service);
    }
    return reading;
}

bool master_cf_read(const char *text, size_t length, struct master_cf *out)
{
    struct master_cf master = {0};
    struct cf_line line;
    size_t place = 0;

    while (cf_next_line(text, length, &place, &line)) {
        struct master_service service = {0};
        enum reading reading = read_service(text, &line, &service);
        if (reading == NO_SERVICE) {
            continue;
        }
        struct master_service *more =
            reading == READ
                ? reallocarray(master.services, master.count + 1, sizeof(*master.services))
                : NULL;
        if (more == NULL) {
            service_free(&service);
            master_cf_free(&master);
            return false;
        }
        master.services = more;
        master.services[master.count++] = service;
    }
    *out = master;
    return true;
}

void master_cf_free(struct master_cf *master)
{
    for (size_t i = 0; i < master->count; i++) {
        service_free(&master->services[i]);
    }
    free(master->services);
    *master = (struct master_cf){0};
}

const struct master_override *master_override_find(const struct master_service *service,
                                                   const char *name)
{
    for (size_t i = service->override_count; i-- > 0;) {
        if (strcmp(service->overrides[i].name, name) == 0) {
            return &service->overrides[i];
        }
    }
    return NULL;
}
