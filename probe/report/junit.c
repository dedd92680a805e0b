#include "probe/report/junit.h"

#include <string.h>

/* U+FFFE and U+FFFF, which XML 1.0 section 2.2 leaves out, in UTF-8. */
static int is_no_character(const char *at)
{
    return strncmp(at, "\xef\xbf\xbe", 3) == 0 || strncmp(at, "\xef\xbf\xbf", 3) == 0;
}

/* In elements and in quoted attributes alike. A newline in an attribute would become a space. */
static void print_text(FILE *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char octet = (unsigned char)*at;
        if (is_no_character(at)) {
            fputc('?', out);
            at += 2;
        } else if (octet == '&') {
            fputs("&amp;", out);
        } else if (octet == '<') {
            fputs("&lt;", out);
        } else if (octet == '>') {
            fputs("&gt;", out);
        } else if (octet == '"') {
            fputs("&quot;", out);
        } else if (octet < ' ' && octet != '\n' && octet != '\t') {
            fputc('?', out);
        } else {
            fputc(octet, out);
        }
    }
}

static void print_attribute(FILE *out, const char *name, const char *text)
{
    fprintf(out, " %s=\"", name);
    print_text(out, text);
    fputc('"', out);
}

static size_t count_outcome(const struct junit_suite *suite, enum junit_outcome outcome)
{
    size_t count = 0;

    for (size_t i = 0; i < suite->count; i++) {
        count += suite->cases[i].outcome == outcome;
    }
    return count;
}

static void print_case(FILE *out, const char *suite, const struct junit_case *one)
{
    static const char *const elements[] = {
        [JUNIT_FAILED] = "failure",
        [JUNIT_ERROR] = "error",
        [JUNIT_SKIPPED] = "skipped",
    };

    fputs("    <testcase", out);
    print_attribute(out, "classname", suite);
    print_attribute(out, "name", one->name);
    if (one->outcome == JUNIT_PASSED) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n      <%s", elements[one->outcome]);
    if (one->outcome != JUNIT_SKIPPED) { /* whose type no reader knows */
        print_attribute(out, "type", one->type);
    }
    print_attribute(out, "message", one->message);
    fputc('>', out);
    print_text(out, one->detail != NULL ? one->detail : "");
    fprintf(out, "</%s>\n    </testcase>\n", elements[one->outcome]);
}

void junit_begin(FILE *out, const char *name)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
    print_attribute(out, "name", name);
    fputs(">\n", out);
}

void junit_write(FILE *out, const struct junit_suite *suite)
{
    fputs("  <testsuite", out);
    print_attribute(out, "name", suite->name);
    fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.2f\">\n",
            suite->count, count_outcome(suite, JUNIT_FAILED), count_outcome(suite, JUNIT_ERROR),
            count_outcome(suite, JUNIT_SKIPPED), suite->seconds);
    for (size_t i = 0; i < suite->count; i++) {
        print_case(out, suite->name, &suite->cases[i]);
    }
    fputs("  </testsuite>\n", out);
}

void junit_end(FILE *out)
{
    fputs("</testsuites>\n", out);
}
