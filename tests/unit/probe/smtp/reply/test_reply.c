#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/smtp/reply/reply.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct reply_parser parser;

static enum reply_state feed_all(const char *bytes, size_t length, size_t *used)
{
    reply_parser_reset(&parser);
    return reply_parser_feed(&parser, bytes, length, used);
}

static enum reply_state feed_singly(const char *bytes, size_t length, size_t *used)
{
    enum reply_state state = REPLY_MORE;
    *used = 0;
    reply_parser_reset(&parser);
    for (size_t i = 0; i < length && state == REPLY_MORE; i++) {
        size_t one = 0;
        state = reply_parser_feed(&parser, bytes + i, 1, &one);
        *used += one;
    }
    return state;
}

/* Fills a line with text after its code. */
static void starting_with(char *line, size_t size, char divider)
{
    static const char code[] = {'2', '5', '0'};
    memset(line, 'x', size);
    memcpy(line, code, sizeof(code));
    line[sizeof(code)] = divider;
}

struct example {
    const char *bytes;
    enum reply_state state;
    int code;
    const char *enhanced;
    const char *text;
};

static const struct example examples[] = {
    {"250 2.1.5 Ok\r\n", REPLY_COMPLETE, 250, "2.1.5", "Ok"},
    {"250 2.1.5 Ok\n", REPLY_COMPLETE, 250, "2.1.5", "Ok"},
    {"250 2.1.5\r\n", REPLY_COMPLETE, 250, "2.1.5", ""},
    {"250\r\n", REPLY_COMPLETE, 250, "", ""},
    {"250 \r\n", REPLY_COMPLETE, 250, "", ""},
    {"250-\r\n250 end\r\n", REPLY_COMPLETE, 250, "", "\nend"},
    {"250-\r\n", REPLY_MORE, 250, "", ""},
    {"250 Ok", REPLY_MORE, 0, "", ""},
    {"", REPLY_MORE, 0, "", ""},
    {"250-mx.site.test\r\n250-PIPELINING\r\n250 SIZE 1000\r\n", REPLY_COMPLETE, 250, "",
     "mx.site.test\nPIPELINING\nSIZE 1000"},
    {"550-5.7.1 first\r\n550 5.7.1 second\r\n", REPLY_COMPLETE, 550, "5.7.1", "first\nsecond"},
    {"550-first\r\n550 5.7.1 second\r\n", REPLY_COMPLETE, 550, "5.7.1", "first\nsecond"},
    {"550-5.7.1 first\r\n550 5.1.1 second\r\n", REPLY_COMPLETE, 550, "5.7.1",
     "first\n5.1.1 second"},
    /* an enhanced code must have the reply's class, stand first, and end there */
    {"550 4.7.1 text\r\n", REPLY_COMPLETE, 550, "", "4.7.1 text"},
    {"550 2.1.5 text\r\n", REPLY_COMPLETE, 550, "", "2.1.5 text"},
    {"550 text 5.7.1\r\n", REPLY_COMPLETE, 550, "", "text 5.7.1"},
    {"550 5.7.1: text\r\n", REPLY_COMPLETE, 550, "", "5.7.1: text"},
    {"550 5.7.1234 text\r\n", REPLY_COMPLETE, 550, "", "5.7.1234 text"},
    {"550 5.7 text\r\n", REPLY_COMPLETE, 550, "", "5.7 text"},
    {"550 5..1 text\r\n", REPLY_COMPLETE, 550, "", "5..1 text"},
    {"550 5.7.606 text\r\n", REPLY_COMPLETE, 550, "5.7.606", "text"},
    {"354 3.0.0 go\r\n", REPLY_COMPLETE, 354, "", "3.0.0 go"},
    /* no SMTP */
    {"-250 Ok\r\n", REPLY_MALFORMED, 0, "", "-250 Ok"},
    {"2500 Ok\r\n", REPLY_MALFORMED, 0, "", "2500 Ok"},
    {"150 Ok\r\n", REPLY_MALFORMED, 0, "", "150 Ok"},
    {"600 Ok\r\n", REPLY_MALFORMED, 0, "", "600 Ok"},
    {"25\r\n", REPLY_MALFORMED, 0, "", "25"},
    {" 250 Ok\r\n", REPLY_MALFORMED, 0, "", " 250 Ok"},
    {"250_Ok\r\n", REPLY_MALFORMED, 0, "", "250_Ok"},
    {"\r\n", REPLY_MALFORMED, 0, "", ""},
    {"HTTP/1.1 400 Bad Request\r\n", REPLY_MALFORMED, 0, "", "HTTP/1.1 400 Bad Request"},
    {"250-one\r\n550 two\r\n", REPLY_MALFORMED, 250, "", "one"},
    {"250-one\r\ntwo\r\n", REPLY_MALFORMED, 250, "", "one"},
};

static void check(const struct example *example, enum reply_state state)
{
    assert_int_equal(state, example->state);
    assert_int_equal(parser.reply.code, example->code);
    assert_string_equal(parser.reply.enhanced, example->enhanced);
    assert_string_equal(parser.reply.text, example->text);
    assert_int_equal(parser.reply.text_length, strlen(example->text));
}

static void a_reply_is_understood_whole_and_octet_by_octet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(examples); i++) {
        size_t length = strlen(examples[i].bytes);
        size_t used = 0;

        check(&examples[i], feed_all(examples[i].bytes, length, &used));
        assert_int_equal(used, length);
        check(&examples[i], feed_singly(examples[i].bytes, length, &used));
        assert_int_equal(used, length);
    }
}

static void a_reply_split_anywhere_is_the_same(void **state)
{
    (void)state;
    static const char bytes[] = "550-5.7.1 <b@outside.test>: Relay\r\n550 5.7.1 access denied\r\n";
    for (size_t cut = 0; cut <= strlen(bytes); cut++) {
        size_t first = 0;
        size_t second = 0;
        feed_all(bytes, cut, &first);
        assert_int_equal(reply_parser_feed(&parser, bytes + first, strlen(bytes) - first, &second),
                         REPLY_COMPLETE);
        assert_int_equal(first + second, strlen(bytes));
        assert_string_equal(parser.reply.text, "<b@outside.test>: Relay\naccess denied");
        assert_int_equal(parser.octets, strlen(bytes));
        assert_int_equal(parser.reply.lines, 2);
    }
}

static void what_follows_a_complete_reply_is_left_to_the_caller(void **state)
{
    (void)state;
    static const char bytes[] = "250 one\r\n550 two\r\n";
    size_t used = 0;
    assert_int_equal(feed_all(bytes, strlen(bytes), &used), REPLY_COMPLETE);
    assert_int_equal(used, strlen("250 one\r\n"));
    assert_int_equal(reply_parser_feed(&parser, bytes + used, 5, &used), REPLY_COMPLETE);
    assert_int_equal(used, 0);

    reply_parser_reset(&parser);
    assert_int_equal(reply_parser_feed(&parser, bytes + 9, 9, &used), REPLY_COMPLETE);
    assert_int_equal(parser.reply.code, 550);
    assert_string_equal(parser.reply.text, "two");
}

static void nul_octets_become_spaces_and_end_nothing(void **state)
{
    (void)state;
    static const char bytes[] = "250 a\0b\0\r\n";
    size_t used = 0;
    assert_int_equal(feed_all(bytes, sizeof(bytes) - 1, &used), REPLY_COMPLETE);
    assert_string_equal(parser.reply.text, "a b ");
    assert_int_equal(feed_singly(bytes, sizeof(bytes) - 1, &used), REPLY_COMPLETE);
    assert_string_equal(parser.reply.text, "a b ");
}

static void a_line_of_a_mebibyte_is_malformed_after_its_cap(void **state)
{
    (void)state;
    const size_t size = 1048576;
    char *bytes = malloc(size);
    size_t used = 0;
    assert_non_null(bytes);
    starting_with(bytes, size, ' ');
    assert_int_equal(feed_all(bytes, size, &used), REPLY_MALFORMED);
    assert_int_equal(used, REPLY_LINE_MAX + 1);
    assert_int_equal(feed_singly(bytes, size, &used), REPLY_MALFORMED);
    assert_int_equal(used, REPLY_LINE_MAX + 1);
    free(bytes);
}

static void a_line_of_exactly_the_cap_is_taken_and_its_text_cut(void **state)
{
    (void)state;
    char bytes[REPLY_LINE_MAX + 1];
    size_t used = 0;
    starting_with(bytes, sizeof(bytes), ' ');
    bytes[REPLY_LINE_MAX] = '\n';
    assert_int_equal(feed_all(bytes, sizeof(bytes), &used), REPLY_COMPLETE);
    assert_int_equal(parser.reply.text_length, REPLY_TEXT_SIZE - 1);
    assert_int_equal(strlen(parser.reply.text), REPLY_TEXT_SIZE - 1);
}

static void a_reply_of_too_many_lines_is_malformed(void **state)
{
    (void)state;
    size_t used = 0;
    reply_parser_reset(&parser);
    for (size_t i = 0; i < REPLY_LINES_MAX; i++) {
        assert_int_equal(reply_parser_feed(&parser, "250-x\r\n", 7, &used), REPLY_MORE);
    }
    assert_int_equal(reply_parser_feed(&parser, "250 x\r\n", 7, &used), REPLY_MALFORMED);
    assert_int_equal(parser.reply.lines, REPLY_LINES_MAX);
}

static void many_long_lines_fill_the_text_and_no_more(void **state)
{
    (void)state;
    char line[1000];
    size_t used = 0;
    starting_with(line, sizeof(line), '-');
    line[sizeof(line) - 1] = '\n';
    reply_parser_reset(&parser);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(reply_parser_feed(&parser, line, sizeof(line), &used), REPLY_MORE);
    }
    assert_int_equal(reply_parser_feed(&parser, "250 \n", 5, &used), REPLY_COMPLETE);
    assert_int_equal(strlen(parser.reply.text), REPLY_TEXT_SIZE - 1);
}

static void a_reset_parser_remembers_nothing(void **state)
{
    (void)state;
    size_t used = 0;
    feed_all("550-5.7.1 no\r\n550 half", 22, &used);
    reply_parser_reset(&parser);
    assert_int_equal(parser.octets, 0);
    assert_int_equal(reply_parser_feed(&parser, "220 hi\r\n", 8, &used), REPLY_COMPLETE);
    assert_int_equal(parser.reply.code, 220);
    assert_string_equal(parser.reply.enhanced, "");
    assert_string_equal(parser.reply.text, "hi");
    assert_int_equal(parser.reply.lines, 1);
}

/* The line that tells why is often the last. */
static void the_end_of_a_long_refusal_is_kept(void **state)
{
    (void)state;
    char line[120];
    size_t used = 0;
    starting_with(line, sizeof(line), '-');
    line[0] = line[1] = '5';
    line[2] = '4';
    line[sizeof(line) - 1] = '\n';
    reply_parser_reset(&parser);
    reply_parser_feed(&parser, "554-first\r\n", 11, &used);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(reply_parser_feed(&parser, line, sizeof(line), &used), REPLY_MORE);
    }
    assert_int_equal(reply_parser_feed(&parser, "554 5.7.1 Relaying denied\r\n", 27, &used),
                     REPLY_COMPLETE);
    assert_int_equal(strncmp(parser.reply.text, "first\nxxx", 9), 0);
    assert_int_equal(parser.reply.text_length, strlen(parser.reply.text));
    assert_true(parser.reply.text_length < REPLY_TEXT_SIZE);
    assert_string_equal(strrchr(parser.reply.text, '\n'), "\nRelaying denied");
    /* also when it is one line that is longer than all the room */
    char whole[REPLY_LINE_MAX];
    memset(whole, 'y', sizeof(whole));
    whole[0] = whole[1] = '5';
    whole[2] = '4';
    whole[3] = '-';
    whole[sizeof(whole) - 1] = '\n';
    reply_parser_reset(&parser);
    reply_parser_feed(&parser, whole, sizeof(whole), &used);
    assert_int_equal(reply_parser_feed(&parser, "554 last\n", 9, &used), REPLY_COMPLETE);
    assert_string_equal(strrchr(parser.reply.text, '\n'), "\nlast");
}

static void every_line_of_a_refusal_is_shown_and_one_of_another(void **state)
{
    (void)state;
    char shown[64];
    size_t used = 0;
    static const char refusal[] =
        "554-5.7.1 No SMTP here.\r\n554-5.7.1 \x1b[2J\r\n554 5.7.1 Moved\r\n";
    feed_all(refusal, strlen(refusal), &used);
    reply_show(&parser.reply, shown, sizeof(shown));
    assert_string_equal(shown, "No SMTP here. \\x1B[2J Moved");
    feed_all("421-Busy\r\n421 later\r\n", 21, &used);
    reply_show(&parser.reply, shown, sizeof(shown));
    assert_string_equal(shown, "Busy later");
    feed_all("220-mx.site.test\r\n220 hi\r\n", 26, &used);
    reply_show(&parser.reply, shown, sizeof(shown));
    assert_string_equal(shown, "mx.site.test");
}

/* Both ends stay, whatever octets they are made of, and the room is not left. */
static void a_refusal_that_does_not_fit_is_cut_in_its_middle(void **state)
{
    (void)state;
    static const char *const fillings[] = {"x", "\xff", "\x01", "\xe2\x80\xae", "\xc3\xa4"};
    for (size_t i = 0; i < ROWS(fillings); i++) {
        struct reply reply = {.code = 554};
        char shown[100];
        strcpy(reply.text, "first ");
        while (strlen(reply.text) < 1900) {
            strcat(reply.text, fillings[i]);
        }
        strcat(reply.text, " last");
        memset(shown, '#', sizeof(shown));
        reply_show(&reply, shown, sizeof(shown) - 1);
        assert_int_equal(strncmp(shown, "first ", 6), 0);
        assert_non_null(strstr(shown, "..."));
        assert_string_equal(shown + strlen(shown) - 5, " last");
        assert_true(strlen(shown) < sizeof(shown) - 1);
        assert_int_equal(shown[sizeof(shown) - 1], '#');
        assert_true(printable_is_shown(shown));
    }
}

static void starttls_and_pipelining_are_offered_by_their_keywords_alone(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        unsigned int offers;
    } rows[] = {
        {"250-mx\r\n250 STARTTLS\r\n", REPLY_OFFERS_STARTTLS},
        {"250-mx\r\n250 pipelining\r\n", REPLY_OFFERS_PIPELINING},
        {"250-mx\r\n250-PIPELINING \r\n250 StartTLS x\r\n",
         REPLY_OFFERS_STARTTLS | REPLY_OFFERS_PIPELINING},
        {"250-mx\r\n250 STARTTLSX\r\n", 0},
        {"250-mx\r\n250 PIPELININGS\r\n", 0},
        {"250-mx\r\n250 PIPELININ\r\n", 0},
        {"250-mx\r\n250 XSTARTTLS\r\n", 0},
        {"250-mx\r\n250 8BITMIME\r\n", 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t used;
        assert_int_equal(feed_all(rows[i].wire, strlen(rows[i].wire), &used), REPLY_COMPLETE);
        assert_int_equal(parser.reply.offers, rows[i].offers);
    }
}

static void only_2xx_is_positive(void **state)
{
    (void)state;
    assert_true(reply_is_positive(&(struct reply){.code = 200}));
    assert_true(reply_is_positive(&(struct reply){.code = 251}));
    assert_false(reply_is_positive(&(struct reply){.code = 0}));
    assert_false(reply_is_positive(&(struct reply){.code = 354}));
    assert_false(reply_is_positive(&(struct reply){.code = 450}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_understood_whole_and_octet_by_octet),
        cmocka_unit_test(a_reply_split_anywhere_is_the_same),
        cmocka_unit_test(what_follows_a_complete_reply_is_left_to_the_caller),
        cmocka_unit_test(nul_octets_become_spaces_and_end_nothing),
        cmocka_unit_test(a_line_of_a_mebibyte_is_malformed_after_its_cap),
        cmocka_unit_test(a_line_of_exactly_the_cap_is_taken_and_its_text_cut),
        cmocka_unit_test(a_reply_of_too_many_lines_is_malformed),
        cmocka_unit_test(many_long_lines_fill_the_text_and_no_more),
        cmocka_unit_test(a_reset_parser_remembers_nothing),
        cmocka_unit_test(the_end_of_a_long_refusal_is_kept),
        cmocka_unit_test(every_line_of_a_refusal_is_shown_and_one_of_another),
        cmocka_unit_test(a_refusal_that_does_not_fit_is_cut_in_its_middle),
        cmocka_unit_test(starttls_and_pipelining_are_offered_by_their_keywords_alone),
        cmocka_unit_test(only_2xx_is_positive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
