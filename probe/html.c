#include "probe/html.h"

#include <stdarg.h>
#include <string.h>

#include "lib/alert/format.h"

void html_text(FILE *out, const char *text)
{
    static const struct {
        char mark;
        const char *reference;
    } references[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"},
    };

    while (text != NULL && *text != '\0') {
        size_t plain = strcspn(text, "&<>\"'");
        fwrite(text, 1, plain, out);
        text += plain;
        for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
            if (*text != '\0' && *text == references[i].mark) {
                fputs(references[i].reference, out);
                text++;
                break;
            }
        }
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

void html_time(FILE *out, time_t when)
{
    char text[21];

    format_time(text, when);
    fprintf(out, "<time datetime=\"%s\">%.10s %.5s</time>", text, text, text + 11);
}
