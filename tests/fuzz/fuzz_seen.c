/* probe/report/milter_status.c and page_seen.c: the filter's snapshot.json, which anybody may have
 * written. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/report/milter_status.h"
#include "probe/report/page/page.h"
#include "probe/report/page/page_sections.h"
#include "tests/fuzz/fuzz.h"

/* Whether the page itself has this element. */
static bool is_ours(const char *name, size_t length)
{
    static const char *const names[] = {
        "article", "caption", "code",    "details", "div",   "h2",    "h3", "h4", "p",    "section",
        "span",    "strong",  "summary", "table",   "tbody", "thead", "td", "th", "time", "tr",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The end of the tag that begins at `at`; attributes are quoted, and have no tag in them. */
static const char *skip_tag(const char *at)
{
    const char *name = at + 1 + (at[1] == '/');
    size_t length = 0;

    while (isalnum((unsigned char)name[length])) {
        length++;
    }
    FUZZ_MUST(is_ours(name, length));
    bool quoted = false;
    for (at = name + length; quoted || *at != '>'; at++) {
        FUZZ_MUST(*at != '\0' && *at != '<' && (!quoted || *at != '>'));
        quoted = quoted != (*at == '"');
    }
    return at + 1;
}

/* Elements that are opened are closed, and there is none but the page's own. */
static void check_page(const char *page)
{
    long open = 0;

    for (const char *at = strchr(page, '<'); at != NULL; at = strchr(at, '<')) {
        open += at[1] == '/' ? -1 : 1;
        FUZZ_MUST(open >= 0);
        at = skip_tag(at);
    }
    FUZZ_MUST(open == 0);
    FUZZ_MUST(fuzz_is_shown(page, true));
}

static FILE *open_text(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);

    if (out == NULL) {
        fuzz_fail(__FILE__, __LINE__, "memory is out");
    }
    return out;
}

static void check_shown(const struct milter_status *seen, time_t now)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_text(&text, &size);

    page_milter(out, seen, now);
    FUZZ_MUST(fclose(out) == 0);
    check_page(text);
    free(text);
    text = NULL;
    out = open_text(&text, &size);
    milter_status_print(out, seen, now, false);
    FUZZ_MUST(fclose(out) == 0 && fuzz_is_shown(text, true));
    free(text);
}

/* A text that was read is read again as the same. */
static void check_again(const struct milter_status *seen)
{
    char error[MILTER_STATUS_ERROR_SIZE] = "";
    char *text = json_dumps(seen->object, JSON_COMPACT);

    struct milter_status *again =
        text == NULL ? NULL : milter_status_parse(text, strlen(text), "again", error);
    FUZZ_MUST(again != NULL && again->written == seen->written && again->started == seen->started);
    milter_status_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    time_t age = (time_t)fuzz_byte(&input) * 3600 - 7200;
    char error[MILTER_STATUS_ERROR_SIZE] = "";
    size_t size;
    char *text = fuzz_rest(&input, &size);
    struct milter_status *seen = milter_status_parse(text, size, "FILE", error);

    free(text);
    FUZZ_MUST((seen == NULL) == (error[0] != '\0'));
    FUZZ_MUST(fuzz_is_shown(error, false));
    if (seen != NULL) {
        FUZZ_MUST(seen->written > 0 && seen->started > 0);
        check_shown(seen, seen->written + age);
        check_again(seen);
        milter_status_free(seen);
    }
    return 0;
}
