#include "probe/report/page/html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "lib/alert/sink/format.h"

static const char *reference_of(char mark)
{
    static const struct {
        char mark;
        const char *reference;
    } references[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"},
    };

    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
        if (references[i].mark == mark) {
            return references[i].reference;
        }
    }
    return NULL;
}

void html_part(FILE *out, const char *text, size_t length)
{
    size_t written = 0;

    for (size_t at = 0; at < length; at++) {
        const char *reference = reference_of(text[at]);
        if (reference != NULL) {
            fwrite(text + written, 1, at - written, out);
            fputs(reference, out);
            written = at + 1;
        }
    }
    fwrite(text + written, 1, length - written, out);
}

void html_text(FILE *out, const char *text)
{
    if (text != NULL) {
        html_part(out, text, strlen(text));
    }
}

void html_format(FILE *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    for (const char *at = format; *at != '\0'; at++) {
        if (strncmp(at, "%s", 2) == 0) {
            html_text(out, va_arg(arguments, const char *));
            at += 1;
        } else if (strncmp(at, "%zu", 3) == 0) {
            fprintf(out, "%zu", va_arg(arguments, size_t));
            at += 2;
        } else if (strncmp(at, "%lld", 4) == 0) {
            fprintf(out, "%lld", va_arg(arguments, long long));
            at += 3;
        } else {
            fputc(*at, out);
        }
    }
    va_end(arguments);
}

void html_path(FILE *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        const bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
                           (*at >= 'a' && *at <= 'z') || strchr("-._~", *at) != NULL;
        fprintf(out, plain ? "%c" : "%%%02X", plain ? *at : (unsigned char)*at);
    }
}

void html_time(FILE *out, time_t when)
{
    char text[21];

    format_time(text, when);
    fprintf(out, "<time datetime=\"%s\">%.10s %.5s</time>", text, text, text + 11);
}
