#include "probe/rehearse/postfix/service_line.h"

#include <ctype.h>
#include <string.h>

bool service_line_split(const char *line, size_t length, struct service_line *out)
{
    const char *at = line;
    const char *end = line + length;

    for (size_t i = 0; i < SERVICE_COLUMNS; i++) {
        while (at < end && isspace((unsigned char)*at)) {
            at++;
        }
        out->begin[i] = at;
        while (at < end && !isspace((unsigned char)*at)) {
            at++;
        }
        out->length[i] = (int)(at - out->begin[i]);
        if (out->length[i] == 0) {
            return false;
        }
    }
    out->rest = at;
    out->rest_length = (int)(end - at);
    return true;
}

bool service_line_is(const struct service_line *line, size_t column, const char *word)
{
    return (size_t)line->length[column] == strlen(word) &&
           strncmp(line->begin[column], word, strlen(word)) == 0;
}
