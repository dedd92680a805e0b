#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "tests/unit/random_bytes.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct row {
    const char *text;
    const char *shown;
};

static void assert_shown(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[256];
        size_t length = printable_string(out, sizeof(out), rows[i].text);
        assert_string_equal(out, rows[i].shown);
        assert_int_equal(length, strlen(rows[i].shown));
    }
}

static void plain_text_and_valid_utf8_stay(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", ""},
        {"220 mx.example.org ESMTP \"quoted\" %s", "220 mx.example.org ESMTP \"quoted\" %s"},
        {"b\303\274cher", "b\303\274cher"},
        {"\xC2\xA0", "\xC2\xA0"},                                 /* U+00A0, the first behind C1 */
        {"\xDF\xBF\xE0\xA0\x80", "\xDF\xBF\xE0\xA0\x80"},         /* U+07FF, U+0800 */
        {"\xED\x9F\xBF\xEE\x80\x80", "\xED\x9F\xBF\xEE\x80\x80"}, /* round the surrogates */
        {"\xEF\xBF\xBF\xF0\x90\x80\x80", "\xEF\xBF\xBF\xF0\x90\x80\x80"},
        {"\xF0\x9F\x93\xA7\xF4\x8F\xBF\xBF", "\xF0\x9F\x93\xA7\xF4\x8F\xBF\xBF"},
    };
    assert_shown(rows, ROWS(rows));
}

static void controls_are_escaped_as_bytes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a\r\nb", "a\\x0D\\x0Ab"},
        {"\t", "\\x09"},
        {"\x1B[31m", "\\x1B[31m"},
        {"\x01\x1F\x7F", "\\x01\\x1F\\x7F"},
    };
    assert_shown(rows, ROWS(rows));
}

static void a_nul_byte_is_escaped_and_ends_nothing(void **state)
{
    (void)state;
    char out[32];
    assert_int_equal(printable(out, sizeof(out), "a\0b", 3), 6);
    assert_string_equal(out, "a\\x00b");
}

static void a_backslash_becomes_two(void **state)
{
    (void)state;
    static const struct row rows[] = {{"\\x41", "\\\\x41"}, {"\\", "\\\\"}};
    assert_shown(rows, ROWS(rows));
}

static void invisible_and_bidirectional_characters_are_escaped_by_code_point(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"\xC2\x80\xC2\x9F", "\\u{80}\\u{9F}"},
        {"\xD8\x9C", "\\u{61C}"},
        {"\xE2\x80\x8E\xE2\x80\x8F", "\\u{200E}\\u{200F}"},
        {"\xE2\x80\xA8\xE2\x80\xA9", "\\u{2028}\\u{2029}"},
        {"\xE2\x80\xAA\xE2\x80\xAE", "\\u{202A}\\u{202E}"},
        {"\xE2\x81\xA6\xE2\x81\xA9", "\\u{2066}\\u{2069}"},
        {"\xE2\x80\x8D\xE2\x80\x90\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA",
         "\xE2\x80\x8D\xE2\x80\x90\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA"},
    };
    assert_shown(rows, ROWS(rows));
}

static void bytes_that_are_no_utf8_are_escaped_one_by_one(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"\xFF\xFE", "\\xFF\\xFE"},
        {"\x80\xBF", "\\x80\\xBF"},
        {"\xC0\xAF\xC1\xBF", "\\xC0\\xAF\\xC1\\xBF"},                   /* overlong, 2 octets */
        {"\xE0\x9F\xBF", "\\xE0\\x9F\\xBF"},                            /* overlong, 3 octets */
        {"\xF0\x8F\xBF\xBF", "\\xF0\\x8F\\xBF\\xBF"},                   /* overlong, 4 octets */
        {"\xED\xA0\x80\xED\xBF\xBF", "\\xED\\xA0\\x80\\xED\\xBF\\xBF"}, /* surrogates */
        {"\xF4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"},                   /* U+110000 */
        {"\xF5\x80\x80\x80", "\\xF5\\x80\\x80\\x80"},
        {"\xC3", "\\xC3"},
        {"\xE2\x82", "\\xE2\\x82"},
        {"\xF0\x9F\x93", "\\xF0\\x9F\\x93"},
        {"\342\202a", "\\xE2\\x82a"},
        {"\xC3\xC3\xBC", "\\xC3\xC3\xBC"}, /* the stray octet does not swallow the character */
    };
    assert_shown(rows, ROWS(rows));
}

static void null_counts_as_empty(void **state)
{
    (void)state;
    char out[4] = "xyz";
    assert_int_equal(printable_string(out, sizeof(out), NULL), 0);
    assert_string_equal(out, "");
}

static void what_does_not_fit_is_cut_and_the_cut_is_shown(void **state)
{
    (void)state;
    char out[9];
    assert_int_equal(printable_string(out, 9, "12345678"), 8);
    assert_string_equal(out, "12345678");
    assert_int_equal(printable_string(out, 9, "123456789"), 8);
    assert_string_equal(out, "12345...");
    assert_int_equal(printable_string(out, 9, "1234\303\274789"), 7);
    assert_string_equal(out, "1234...");
    assert_int_equal(printable_string(out, 9, "123\303\2747890"), 8);
    assert_string_equal(out, "123\xC3\xBC...");
    assert_int_equal(printable_string(out, 9, "12\n3456"), 5);
    assert_string_equal(out, "12...");
}

static void a_tiny_buffer_is_cut_without_dots(void **state)
{
    (void)state;
    char out[4] = "";
    assert_int_equal(printable_string(out, 4, "12345"), 3);
    assert_string_equal(out, "...");
    assert_int_equal(printable_string(out, 3, "12345"), 2);
    assert_string_equal(out, "12");
    assert_int_equal(printable_string(out, 2, "\xC3\xBC"), 0);
    assert_string_equal(out, "");
    assert_int_equal(printable_string(out, 1, "12345"), 0);
    assert_string_equal(out, "");
    out[0] = 'x';
    assert_int_equal(printable_string(out, 0, "12345"), 0);
    assert_int_equal(out[0], 'x');
}

/* Turns the escapes back; for the characters escaped by code point three octets are always enough.
 */
static size_t unescape(const char *shown, char *out)
{
    size_t length = 0;
    while (*shown != '\0') {
        if (*shown != '\\') {
            out[length++] = *shown++;
        } else if (shown[1] == '\\') {
            out[length++] = '\\';
            shown += 2;
        } else if (shown[1] == 'x') {
            char digits[3] = {shown[2], shown[3], '\0'};
            out[length++] = (char)strtoul(digits, NULL, 16);
            shown += 4;
        } else {
            char *end;
            unsigned long code = strtoul(shown + 3, &end, 16);
            if (code >= 0x800) {
                out[length++] = (char)(0xE0 | code >> 12);
                out[length++] = (char)(0x80 | (code >> 6 & 0x3F));
            } else {
                out[length++] = (char)(0xC0 | code >> 6);
            }
            out[length++] = (char)(0x80 | (code & 0x3F));
            shown = end + 1;
        }
    }
    return length;
}

static void assert_harmless(const char *shown, size_t length)
{
    char again[2048];
    assert_int_equal(strlen(shown), length);
    for (size_t i = 0; i < length; i++)
        assert_true((unsigned char)shown[i] >= 0x20 && shown[i] != 0x7F);
    /* Only backslashes are left to escape: so all else is valid UTF-8 of harmless characters. */
    printable(again, sizeof(again), shown, length);
    for (const char *c = again; (c = strchr(c, '\\')) != NULL; c += 2)
        assert_int_equal(c[1], '\\');
}

static void random_bytes_come_out_harmless_and_can_be_had_back(void **state)
{
    (void)state;
    static const char tricky[] = "a\\\xC2\x80\x9C\xE2\x80\xA8\xD8\xF0\x9F\xED\xA0\n\x7F";
    uint64_t seed = 20240501;
    for (int round = 0; round < 20000; round++) {
        char text[48];
        char shown[8 * sizeof(text) + 1];
        char back[8 * sizeof(text)];
        size_t length = random_number(&seed) % sizeof(text);
        random_text(&seed, tricky, round % 2 == 0 ? 0 : sizeof(tricky), text, length);
        size_t written = printable(shown, sizeof(shown), text, length);
        assert_harmless(shown, written);
        assert_int_equal(unescape(shown, back), length);
        assert_memory_equal(back, text, length);
    }
}

static void every_buffer_size_cuts_to_a_harmless_head(void **state)
{
    (void)state;
    static const char text[] = "a\\\xE2\x80\xAE\xF0\x9F\x93\xA7\n\xFF\xC3\xBCz";
    char whole[128];
    size_t full = printable_string(whole, sizeof(whole), text);
    for (size_t size = 1; size <= full + 1; size++) {
        char *shown = malloc(size); /* on the heap, so that a sanitizer sees every overrun */
        assert_non_null(shown);
        size_t written = printable_string(shown, size, text);
        assert_true(written < size);
        assert_harmless(shown, written);
        bool cut = size <= full;
        size_t head = cut && size > 3 ? written - 3 : written;
        assert_memory_equal(shown, whole, head);
        if (cut && size > 3)
            assert_string_equal(shown + head, "...");
        free(shown);
    }
}

static void what_was_escaped_is_shown_as_it_is_and_what_was_not_is_not(void **state)
{
    (void)state;
    static const char *const hostile[] = {"\x1b[2J", "a\nb", "\x7f",
                                          "\xFF",    "\xC3", "\xE2\x80\xAE"};
    char escaped[64];

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_false(printable_is_shown(hostile[i]));
        printable_string(escaped, sizeof(escaped), hostile[i]);
        assert_true(printable_is_shown(escaped));
    }
    assert_true(printable_is_shown(""));
    assert_true(printable_is_shown("a\\\\b \xC3\xA4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_and_valid_utf8_stay),
        cmocka_unit_test(controls_are_escaped_as_bytes),
        cmocka_unit_test(a_nul_byte_is_escaped_and_ends_nothing),
        cmocka_unit_test(a_backslash_becomes_two),
        cmocka_unit_test(invisible_and_bidirectional_characters_are_escaped_by_code_point),
        cmocka_unit_test(bytes_that_are_no_utf8_are_escaped_one_by_one),
        cmocka_unit_test(null_counts_as_empty),
        cmocka_unit_test(what_does_not_fit_is_cut_and_the_cut_is_shown),
        cmocka_unit_test(a_tiny_buffer_is_cut_without_dots),
        cmocka_unit_test(random_bytes_come_out_harmless_and_can_be_had_back),
        cmocka_unit_test(every_buffer_size_cuts_to_a_harmless_head),
        cmocka_unit_test(what_was_escaped_is_shown_as_it_is_and_what_was_not_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
