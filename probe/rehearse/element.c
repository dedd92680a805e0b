#include "probe/rehearse/element.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[REHEARSE_ELEMENT_KINDS] = {
    [REHEARSE_LIST_ENTRY] = "list-entry",
    [REHEARSE_RESTRICTION] = "restriction",
    [REHEARSE_SETTING] = "setting",
    [REHEARSE_OVERRIDE] = "override",
    [REHEARSE_SERVICE] = "service",
    [REHEARSE_TABLE_LINE] = "table-line",
    [REHEARSE_ACL_STATEMENT] = "acl-statement",
    [REHEARSE_LIST_ITEM] = "list-item",
    [REHEARSE_DRIVER] = "driver",
    [REHEARSE_FEATURE] = "feature",
    [REHEARSE_ACCESS_LINE] = "access-line",
    [REHEARSE_DOMAIN_LINE] = "domain-line",
    [REHEARSE_RULE] = "rule",
};

const char *rehearse_element_kind_name(enum rehearse_element_kind kind)
{
    return kind < REHEARSE_ELEMENT_KINDS ? kind_names[kind] : "unknown";
}

/* By where they begin; of two that begin together the longer one first, so that what lies within
 * another is merged into it and its `instead` is not written. */
static int by_place(const void *a, const void *b)
{
    const struct rehearse_element *one = a;
    const struct rehearse_element *other = b;

    if (one->begin != other->begin) {
        return one->begin < other->begin ? -1 : 1;
    }
    return one->end > other->end ? -1 : one->end < other->end;
}

static size_t put(char *out, size_t at, const char *text, size_t length)
{
    memcpy(out + at, text, length);
    return at + length;
}

static size_t put_newlines(char *out, size_t at, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            out[at++] = '\n';
        }
    }
    return at;
}

char *rehearse_elements_cut(const struct rehearse_element *elements, const size_t *which,
                            size_t count, const char *text, size_t length, size_t file,
                            size_t *out_length)
{
    struct rehearse_element *sorted = calloc(count + 1, sizeof(*sorted));
    size_t used = 0;
    size_t room = length + 1;
    size_t done = 0; /* of the text */
    size_t at = 0;   /* of the copy */

    for (size_t i = 0; sorted != NULL && i < count; i++) {
        const struct rehearse_element *element = &elements[which[i]];
        if (element->file == file && element->begin <= element->end && element->end <= length) {
            sorted[used++] = *element;
            room += element->instead == NULL ? 0 : strlen(element->instead);
        }
    }
    char *out = sorted == NULL ? NULL : malloc(room);
    if (out == NULL) {
        free(sorted);
        return NULL;
    }
    qsort(sorted, used, sizeof(*sorted), by_place);
    for (size_t i = 0; i < used; i++) {
        const struct rehearse_element *element = &sorted[i];
        if (element->begin >= done) {
            at = put(out, at, text + done, element->begin - done);
            if (element->instead != NULL) {
                at = put(out, at, element->instead, strlen(element->instead));
            }
            done = element->begin;
        }
        if (element->end > done) {
            at = put_newlines(out, at, text + done, element->end - done);
            done = element->end;
        }
    }
    at = put(out, at, text + done, length - done);
    out[at] = '\0';
    free(sorted);
    *out_length = at;
    return out;
}
