/* probe/rehearse/postfix/main_cf.c, master_cf.c and tables.c: a main.cf, a master.cf or a table
 * that may come from anybody's pull request. */
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/element.h"
#include "probe/rehearse/pattern_word.h"
#include "probe/rehearse/postfix/derive_keys.h"
#include "probe/rehearse/postfix/main_cf.h"
#include "probe/rehearse/postfix/master_cf.h"
#include "probe/rehearse/postfix/table_lines.h"
#include "tests/fuzz/fuzz.h"

static size_t newlines(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        count += text[i] == '\n';
    }
    return count;
}

static void check_place(const struct cf_line *place, size_t length)
{
    FUZZ_MUST(place->begin <= place->end && place->end <= length);
}

/* Taking any setting out keeps every line where it is. */
static void check_cut(const char *text, size_t length, const struct cf_line *place)
{
    const struct rehearse_element element = {.begin = place->begin, .end = place->end};
    const size_t which = 0;
    size_t cut_length = 0;
    char *cut = rehearse_elements_cut(&element, &which, 1, text, length, 0, &cut_length);

    FUZZ_MUST(cut != NULL && cut_length <= length);
    FUZZ_MUST(newlines(cut, cut_length) == newlines(text, length));
    free(cut);
}

static void check_main(const char *text, size_t length)
{
    struct main_cf main;

    FUZZ_MUST(main_cf_read(text, length, &main));
    for (size_t i = 0; i < main.count; i++) {
        const struct main_setting *setting = &main.settings[i];
        struct cf_joined joined;
        check_place(&setting->whole, length);
        check_place(&setting->value, length);
        FUZZ_MUST(strcmp(main_cf_find(&main, setting->name)->name, setting->name) == 0);
        FUZZ_MUST(cf_join(text, &setting->value, &joined));
        FUZZ_MUST(strlen(joined.text) == joined.length && strchr(joined.text, '\n') == NULL);
        for (size_t k = 0; k + 1 < joined.length; k++) {
            FUZZ_MUST(joined.place[k] < joined.place[k + 1]);
        }
        cf_joined_free(&joined);
        if (i < 4) {
            check_cut(text, length, &setting->whole);
        }
    }
    main_cf_free(&main);
}

static void check_master(const char *text, size_t length)
{
    struct master_cf master;

    FUZZ_MUST(master_cf_read(text, length, &master));
    for (size_t i = 0; i < master.count; i++) {
        const struct master_service *service = &master.services[i];
        check_place(&service->whole, length);
        for (size_t k = 0; k < service->override_count; k++) {
            check_place(&service->overrides[k].whole, length);
            check_place(&service->overrides[k].inner, length);
            FUZZ_MUST(service->overrides[k].inner.end <= service->overrides[k].whole.end);
        }
    }
    master_cf_free(&master);
}

static bool see(void *own, const struct table_line *line)
{
    struct network network;
    char word[64];

    FUZZ_MUST(line->begin < line->end && line->end <= *(const size_t *)own);
    (void)derive_network(line->key, &network);
    (void)derive_permits(line->value);
    if (pattern_word(line->key, word, sizeof(word))) {
        FUZZ_MUST(strlen(word) < sizeof(word));
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    size_t size = 0;
    char *text = fuzz_text(&input, &size);

    check_main(text, size);
    check_master(text, size);
    FUZZ_MUST(table_walk(text, size, see, &size));
    free(text);
    return 0;
}
