#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "tests/unit/random_bytes.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct row {
    const char *text;
    const char *compared;
};

static void assert_compared(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[DOMAIN_SIZE] = "(refused)";
        domain_normalise(rows[i].text, strlen(rows[i].text), out);
        assert_string_equal(out, rows[i].compared);
    }
}

static void ascii_names_are_lower_cased_and_lose_a_trailing_dot(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"example.org", "example.org"},
        {"MX.Example.ORG.", "mx.example.org"},
        {"localhost", "localhost"},
        {"_dmarc.1and1.example.org", "_dmarc.1and1.example.org"},
        {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
        {"xn--zzzzzzz99999.example", "xn--zzzzzzz99999.example"}, /* not valid, compared as it is */
        {"192.0.2.1", "192.0.2.1"},
    };
    assert_compared(rows, ROWS(rows));
}

static void internationalised_names_become_a_labels(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"b\303\274cher.example", "xn--bcher-kva.example"},
        {"B\303\234CHER.Example.", "xn--bcher-kva.example"},
        {"bu\314\210cher.example", "xn--bcher-kva.example"},           /* decomposed */
        {"b\303\274cher\343\200\202example", "xn--bcher-kva.example"}, /* U+3002 */
        {"b\303\274cher\357\275\241example\343\200\202", "xn--bcher-kva.example"},
        {"stra\303\237e.example", "xn--strae-oqa.example"},  /* IDNA2008 keeps the sharp s */
        {"I\342\231\245NY.example", "xn--iny-zx5a.example"}, /* IDNA2003 only */
        {"mail_1.b\303\274cher.example", "mail_1.xn--bcher-kva.example"},
        {"xn--bcher-kva.b\303\274cher.example", "xn--bcher-kva.xn--bcher-kva.example"},
        {"\xEF\xBD\x85xample.org", "example.org"}, /* a full-width e */
        {"\xE4\xBE\x8B\xE3\x81\x88.\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88", "xn--r8jz45g.xn--zckzah"},
    };
    assert_compared(rows, ROWS(rows));
}

static void address_literals_are_kept_in_lower_case(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"[192.0.2.1]", "[192.0.2.1]"},
        {"[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"},
    };
    assert_compared(rows, ROWS(rows));
}

static void what_is_no_domain_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        ".",
        "..",
        ".example.org",
        "example..org",
        "example.org..",
        "exam ple.org",
        " example.org",
        "example.org\n",
        "example.org\x7F",
        "*.example.org",
        "user@example.org",
        "example.org:25",
        "example.org>",
        "\"example.org\"",
        "[",
        "]",
        "[]",
        "[192.0.2.1",
        "192.0.2.1]",
        "[192.0.2.1].",
        "[192.0.2.1] ",
        "[[192.0.2.1]]",
        "[192.0.2.1\\]",
        "[b\303\274cher]",
        "b\303cher.example", /* broken UTF-8 */
        "b\303\274cher..example",
        "b\303\274cher example",
        "\xEF\xBC\xA0.example",    /* a full-width @ */
        "\xEF\xBC\x8A.example",    /* a full-width asterisk */
        "example\xE2\x80\xAE.org", /* right-to-left override */
        "\xE3\x80\x82",            /* nothing but a full stop */
    };
    for (size_t i = 0; i < ROWS(texts); i++) {
        char out[DOMAIN_SIZE] = "untouched";
        if (domain_normalise(texts[i], strlen(texts[i]), out))
            fail_msg("row %zu became %s", i, out);
        assert_string_equal(out, "untouched");
    }
}

static void a_nul_byte_makes_no_domain(void **state)
{
    (void)state;
    char out[DOMAIN_SIZE] = "untouched";
    assert_false(domain_normalise("example.org\0.test", 17, out));
    assert_false(domain_normalise("b\303\274cher\0.test", 13, out));
    assert_string_equal(out, "untouched");
}

static void a_label_has_at_most_63_octets(void **state)
{
    (void)state;
    static const char longest[] =
        "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz.example";
    static const char too_long[] =
        "abcdefghijklmnopqrstuvwxyz0123456789--abcdefghijklmnopqrstuvwxyz.example";
    char out[DOMAIN_SIZE];
    assert_true(domain_normalise(longest, strlen(longest), out));
    assert_string_equal(out, longest);
    assert_false(domain_normalise(too_long, strlen(too_long), out));
}

static void a_name_has_at_most_253_octets(void **state)
{
    (void)state;
    char name[DOMAIN_SIZE + 8];
    char out[DOMAIN_SIZE];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 50 == 49 ? '.' : 'a';
    assert_true(domain_normalise(name, 253, out));
    assert_int_equal(strlen(out), 253);
    assert_false(domain_normalise(name, 254, out));
    name[253] = '.';
    assert_true(domain_normalise(name, 254, out));
    assert_int_equal(strlen(out), 253);
    assert_false(domain_normalise(name, 255, out));
}

static void only_the_given_octets_are_read(void **state)
{
    (void)state;
    char out[DOMAIN_SIZE];
    assert_true(domain_normalise("Example.ORG> SIZE=1", 11, out));
    assert_string_equal(out, "example.org");
    strcpy(out, "untouched");
    assert_false(domain_normalise_pattern(".example.org", 0, out));
    assert_false(domain_normalise_pattern(".example.org", 1, out));
    assert_string_equal(out, "untouched");
    assert_true(domain_normalise_pattern(".example.org", 8, out));
    assert_string_equal(out, ".example");
}

static void a_path_ends_where_its_length_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        bool null_path;
    } rows[] = {
        {"<a@example.org>", 0, true},    {" <a@example.org>", 1, true},
        {"<@b.test:c@d.test>", 1, true}, {"\t\t<", 2, true},
        {"<a@example.org>", 2, false},
    };
    struct mail_address address;
    for (size_t i = 0; i < ROWS(rows); i++) {
        mail_address_split(rows[i].text, rows[i].length, &address);
        assert_int_equal(address.null_path, rows[i].null_path);
        assert_false(address.routed);
        assert_null(address.domain);
        assert_int_equal(address.local_length, rows[i].null_path ? 0 : 1);
    }
    mail_address_split(NULL, 0, &address);
    assert_non_null(address.local);
    assert_true(address.null_path);
}

/* RFC 5321 section 4.1.3: printable, and no bracket and no backslash inside. */
static void a_literal_has_no_bracket_inside(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"[a]", "[a]"},        {"[~]", "[~]"},         {"[!x]", "[!x]"},
        {"[]", "(refused)"},   {"[", "(refused)"},     {"[ab", "(refused)"},
        {"[[a]", "(refused)"}, {"[a[]", "(refused)"},  {"[]a]", "(refused)"},
        {"[a]]", "(refused)"}, {"[\\a]", "(refused)"}, {"[a\\]", "(refused)"},
        {"[ a]", "(refused)"}, {"[a ]", "(refused)"},  {"[a\177]", "(refused)"},
        {"[a]x", "(refused)"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[DOMAIN_SIZE] = "(refused)";
        domain_normalise(rows[i].text, strlen(rows[i].text), out);
        assert_string_equal(out, rows[i].compared);
    }
}

static void a_pattern_keeps_one_leading_dot(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {".Example.org.", ".example.org"},
        {"Example.org", "example.org"},
        {".B\303\234cher.example", ".xn--bcher-kva.example"},
        {".org", ".org"},
        {"[192.0.2.1]", "[192.0.2.1]"},
        {".", "(refused)"},
        {"..example.org", "(refused)"},
        {".[192.0.2.1]", "(refused)"},
        {"*.example.org", "(refused)"},
        {"", "(refused)"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[DOMAIN_SIZE] = "(refused)";
        domain_normalise_pattern(rows[i].text, strlen(rows[i].text), out);
        assert_string_equal(out, rows[i].compared);
    }
}

static void a_stray_hyphen_begins_or_ends_a_label(void **state)
{
    static const char *const stray[] = {"-", ".-", "-a.example", "a-.example", "a.-b", "a.b-"};
    static const char *const fine[] = {"a-b.example", "xn--bcher-kva.example", ".a-b", "[ipv6:-]"};

    (void)state;
    for (size_t i = 0; i < sizeof(stray) / sizeof(stray[0]); i++) {
        assert_true(domain_has_stray_hyphen(stray[i]));
    }
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        assert_false(domain_has_stray_hyphen(fine[i]));
    }
}

static void the_longest_pattern_fits(void **state)
{
    (void)state;
    char pattern[254];
    char out[DOMAIN_SIZE];
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 50 == 0 ? '.' : 'a';
    assert_true(domain_normalise_pattern(pattern, sizeof(pattern), out));
    assert_int_equal(strlen(out), 254);
}

static void within_means_the_name_or_below_it(void **state)
{
    (void)state;
    assert_true(domain_is_within("example.org", "example.org"));
    assert_true(domain_is_within("a.b.example.org", "example.org"));
    assert_false(domain_is_within("badexample.org", "example.org"));
    assert_false(domain_is_within("example.org", "a.example.org"));
    assert_false(domain_is_within("example.org.test", "example.org"));
    assert_false(domain_is_within("example.org", ""));
    assert_false(domain_is_within("", "example.org"));
}

struct split_row {
    const char *text;
    const char *local;
    const char *domain; /* NULL: no @ */
    bool null_path;
    bool routed;
};

static void assert_split(const struct split_row *row)
{
    struct mail_address address;
    mail_address_split(row->text, strlen(row->text), &address);
    char local[128];
    char domain[128];
    snprintf(local, sizeof(local), "%.*s", (int)address.local_length, address.local);
    assert_string_equal(local, row->local);
    if (row->domain == NULL) {
        assert_null(address.domain);
        assert_int_equal(address.domain_length, 0);
    } else {
        assert_non_null(address.domain);
        snprintf(domain, sizeof(domain), "%.*s", (int)address.domain_length, address.domain);
        assert_string_equal(domain, row->domain);
    }
    assert_int_equal(address.null_path, row->null_path);
    assert_int_equal(address.routed, row->routed);
}

static void paths_and_bare_addresses_come_apart(void **state)
{
    (void)state;
    static const struct split_row rows[] = {
        {"<u@example.org>", "u", "example.org", false, false},
        {"u@example.org", "u", "example.org", false, false},
        {"root", "root", NULL, false, false},
        {"<postmaster>", "postmaster", NULL, false, false},
        {"<user@>", "user", "", false, false},
        {"user@", "user", "", false, false},
        {"@example.org", "", "example.org", false, false},
        {"@", "", "", false, false},
        {"a@b@c", "a@b", "c", false, false},
        {"<u@example.org> SIZE=100 BODY=8BITMIME", "u", "example.org", false, false},
        {" <u@example.org> ", "u", "example.org", false, false},
        {" \t u@example.org \t ", "u", "example.org", false, false},
        {"< u@example.org\t>", "u", "example.org", false, false},
        {"<u@example.org", "u", "example.org", false, false},
        {"u@example.org>", "u", "example.org>", false, false},
        {"<u@[192.0.2.1]>", "u", "[192.0.2.1]", false, false},
        {"<u@[IPv6:2001:db8::1]>", "u", "[IPv6:2001:db8::1]", false, false},
        {"<u%outside.test@example.org>", "u%outside.test", "example.org", false, false},
        {"<outside.test!u>", "outside.test!u", NULL, false, false},
        {"two words@example.org", "two words", "example.org", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_split(&rows[i]);
}

static void the_null_path_is_empty_brackets_or_nothing(void **state)
{
    (void)state;
    static const struct split_row rows[] = {
        {"<>", "", NULL, true, false},        {"", "", NULL, true, false},
        {"<> SIZE=1", "", NULL, true, false}, {"< >", "", NULL, true, false},
        {"<", "", NULL, true, false},         {"<\"\">", "\"\"", NULL, false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_split(&rows[i]);
    struct mail_address address;
    mail_address_split(NULL, 0, &address);
    assert_true(address.null_path);
    assert_int_equal(address.local_length, 0);
}

static void quotes_hide_what_is_inside(void **state)
{
    (void)state;
    static const struct split_row rows[] = {
        {"<\"u@outside.test\"@example.org>", "\"u@outside.test\"", "example.org", false, false},
        {"<\"a\\\"@b\"@c>", "\"a\\\"@b\"", "c", false, false},
        {"<\"a\\\\\"@b>", "\"a\\\\\"", "b", false, false},
        {"<\"a>b\"@c>", "\"a>b\"", "c", false, false},
        {"<\"u@outside.test\">", "\"u@outside.test\"", NULL, false, false},
        {"\"a b\"@c", "\"a b\"", "c", false, false},
        {"<a.\"b@c\".d@e>", "a.\"b@c\".d", "e", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_split(&rows[i]);
}

static void an_unclosed_quote_hides_nothing(void **state)
{
    (void)state;
    static const struct split_row rows[] = {
        {"a\"b@c", "a\"b", "c", false, false},         {"<\"a@b>", "\"a", "b", false, false},
        {"\"a\\\"@b", "\"a\\\"", "b", false, false},   {"\"a@b\\", "\"a", "b\\", false, false},
        {"\"a\"\"b@c", "\"a\"\"b", "c", false, false}, {"a(b@c", "a(b", "c", false, false},
        {"a(b(c)@d", "a(b(c)", "d", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_split(&rows[i]);
}

static void an_escaped_character_is_one_of_the_name(void **state)
{
    (void)state;
    static const struct split_row rows[] = {
        {"a\\@b", "a\\@b", NULL, false, false},
        {"<x@outside.test\\@example.org>", "x", "outside.test\\@example.org", false, false},
        {"<x\\@outside.test@example.org>", "x\\@outside.test", "example.org", false, false},
        {"<x@outside.test\\\\@example.org>", "x@outside.test\\\\", "example.org", false, false},
        {"<x\\\"@outside.test\"@b>", "x\\\"@outside.test\"", "b", false, false},
        {"<x\\>@example.org>", "x\\>", "example.org", false, false},
        {"<@a:x\\@example.org>", "x\\@example.org", NULL, false, true},
        {"x@a\\", "x", "a\\", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_split(&rows[i]);
    }
}

static void a_comment_hides_what_is_inside(void **state)
{
    (void)state;
    static const struct split_row rows[] = {
        {"<x(@outside.test)@example.org>", "x(@outside.test)", "example.org", false, false},
        {"<x@outside.test(@example.org)>", "x", "outside.test(@example.org)", false, false},
        {"<x(\\)@outside.test)@a>", "x(\\)@outside.test)", "a", false, false},
        {"<x(a(@b)@c)@d>", "x(a(@b)@c)", "d", false, false},
        {"<postmaster(@outside.test)>", "postmaster(@outside.test)", NULL, false, false},
        {"<\"(\"x@b\")\">", "\"(\"x", "b\")\"", false, false},
        {"<x(>)@b>", "x(>)", "b", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_split(&rows[i]);
    }
}

static void a_domain_in_a_roundabout_way_is_read_as_an_mta_reads_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *read; /* NULL: no domain comes of it */
    } rows[] = {
        {"example.org", "example.org"},
        {"Exam\\ple.ORG", "example.org"},
        {"\"example.org\"", "example.org"},
        {"example.org(a comment)", "example.org"},
        {" example.org ", "example.org"},
        {"example.org..", "example.org"},
        {"[203.0.113.25\\]", "[203.0.113.25]"},
        {"outside.test\\@example.org", NULL},
        {"outside.test\"@\"example.org", NULL},
        {"example.org)", NULL},
        {"exam\u00DFple.org", NULL},
        {"..", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[DOMAIN_SIZE] = "as before";
        bool read = domain_read(rows[i].text, strlen(rows[i].text), out);
        assert_int_equal(read, rows[i].read != NULL);
        assert_string_equal(out, read ? rows[i].read : "as before");
    }
}

static void a_source_route_is_skipped_and_noted(void **state)
{
    (void)state;
    static const struct split_row rows[] = {
        {"<@a,@b:u@c>", "u", "c", false, true},
        {"<@example.org:u@outside.test>", "u", "outside.test", false, true},
        {"@a:u", "u", NULL, false, true},
        {"<@a:>", "", NULL, false, true},
        {"<@[IPv6:2001:db8::1]:u@c>", "u", "c", false, true},
        {"<@[IPv6:2001:db8::1]>", "", "[IPv6:2001:db8::1]", false, false},
        {"<@a,@b:\"u@d\"@c>", "\"u@d\"", "c", false, true},
        {"<@a:u@[IPv6:2001:db8::1]>", "u", "[IPv6:2001:db8::1]", false, true},
        {"<@a,@b>", "@a,", "b", false, false},
        {"<u:v@c>", "u:v", "c", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_split(&rows[i]);
}

static void one_address_is_one_literal_however_it_is_spelt(void **state)
{
    (void)state;
    static const char *const spellings[] = {"[IPv6:2001:db8::25]", "[ipv6:2001:0DB8:0:0::25]",
                                            "[IPv6:2001:db8:0:0:0:0:0:25]"};
    for (size_t i = 0; i < ROWS(spellings); i++) {
        char out[DOMAIN_SIZE];
        assert_true(domain_normalise(spellings[i], strlen(spellings[i]), out));
        assert_string_equal(out, "[ipv6:2001:db8::25]");
    }
}

/* UTS 46 section 7: with these characters the two mappings name different domains. */
static void a_deviation_character_is_never_mapped_away(void **state)
{
    (void)state;
    static const char *const deviating[] = {
        "\u2615.exam\u200Cple.org", "\u2615.exam\u200Dple.org", "\u2615.stra\u00DFe.test",
        "\u2615.stra\u1E9Ee.test",  "\u2615.bolo\u03C2.test",
    };
    char out[DOMAIN_SIZE];
    for (size_t i = 0; i < ROWS(deviating); i++) {
        assert_false(domain_normalise(deviating[i], strlen(deviating[i]), out));
    }
    assert_true(domain_normalise("\u2615.test", strlen("\u2615.test"), out));
    assert_string_equal(out, "xn--53h.test");
    assert_true(domain_normalise("stra\u00DFe.test", strlen("stra\u00DFe.test"), out));
    assert_string_equal(out, "xn--strae-oqa.test");
}

static void only_postmaster_alone_is_the_bare_postmaster(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool bare;
    } rows[] = {
        {"<postmaster>", true},
        {"<PostMaster>", true},
        {"postmaster", true},
        {"<postmaster@example.org>", false},
        {"<postmaster@>", false},
        {"<postmasters>", false},
        {"<postmaste>", false},
        {"<>", false},
        {"<@a:postmaster>", true},
        {"<\"postmaster\">", true},
        {"<\"post\\master\">", true},
        {"<(c)postmaster>", true},
        {"<postmaster(c)>", true},
        {"<postmaster%outside.test>", false},
        {"<outside.test!postmaster>", false},
        {"<\"postmaster>", false},
        {"<(postmaster>", false},
        {"<postmaster)>", false},
        {"<\"postmaster@outside.test\">", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mail_address address;
        mail_address_split(rows[i].text, strlen(rows[i].text), &address);
        if (mail_address_is_bare_postmaster(&address) != rows[i].bare)
            fail_msg("%s is misjudged", rows[i].text);
    }
}

/* The parts must lie inside the text; it is copied to the heap so that a sanitizer sees more. */
static void split_copy(const char *text, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    struct mail_address address;
    char domain[DOMAIN_SIZE];
    mail_address_split(copy, length, &address);
    if (!address.null_path) {
        assert_true(address.local >= copy);
        assert_true(address.local + address.local_length <= copy + length);
    }
    if (address.domain != NULL) {
        assert_true(address.domain == address.local + address.local_length + 1);
        assert_true(address.domain + address.domain_length <= copy + length);
        if (domain_normalise(address.domain, address.domain_length, domain))
            assert_true(strlen(domain) > 0);
    }
    free(copy);
}

static void every_prefix_of_a_tricky_path_comes_apart(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<@a,@[IPv6:2001:db8::1]:\"u\\\"@d> \"@[IPv6:2001:db8::1]> SIZE=1",
        "<\"\\\\\"\"\\\"@b\303\274cher.example>",
        " <@\"x:\"@y:z@\xE3\x80\x82>",
    };
    for (size_t i = 0; i < ROWS(texts); i++) {
        for (size_t length = 0; length <= strlen(texts[i]); length++)
            split_copy(texts[i], length);
    }
}

static void random_paths_come_apart_inside_themselves(void **state)
{
    (void)state;
    static const char letters[] = "ab@@\"\\<>:,[] .!%";
    uint64_t seed = 5321;
    for (int round = 0; round < 50000; round++) {
        char text[40];
        size_t length = random_number(&seed) % sizeof(text);
        random_text(&seed, letters, round % 4 == 0 ? 0 : sizeof(letters) - 1, text, length);
        split_copy(text, length);
    }
}

static void normalising_noise_is_stable(void **state)
{
    (void)state;
    static const char letters[] = "aZ0-_..\xC3\xBC\xE3\x80\x82\xCC\x88[]xn--";
    uint64_t seed = 1035;
    size_t names = 0;
    for (int round = 0; round < 50000; round++) {
        char text[24];
        char once[DOMAIN_SIZE];
        char twice[DOMAIN_SIZE];
        size_t length = random_number(&seed) % sizeof(text);
        random_text(&seed, letters, round % 4 == 0 ? 0 : sizeof(letters) - 1, text, length);
        if (!domain_normalise(text, length, once))
            continue;
        names++;
        assert_true(domain_normalise(once, strlen(once), twice));
        assert_string_equal(once, twice);
    }
    assert_true(names > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_names_are_lower_cased_and_lose_a_trailing_dot),
        cmocka_unit_test(internationalised_names_become_a_labels),
        cmocka_unit_test(address_literals_are_kept_in_lower_case),
        cmocka_unit_test(what_is_no_domain_is_refused_and_leaves_the_output),
        cmocka_unit_test(a_nul_byte_makes_no_domain),
        cmocka_unit_test(a_label_has_at_most_63_octets),
        cmocka_unit_test(a_name_has_at_most_253_octets),
        cmocka_unit_test(only_the_given_octets_are_read),
        cmocka_unit_test(a_path_ends_where_its_length_says),
        cmocka_unit_test(a_literal_has_no_bracket_inside),
        cmocka_unit_test(a_pattern_keeps_one_leading_dot),
        cmocka_unit_test(a_stray_hyphen_begins_or_ends_a_label),
        cmocka_unit_test(the_longest_pattern_fits),
        cmocka_unit_test(within_means_the_name_or_below_it),
        cmocka_unit_test(paths_and_bare_addresses_come_apart),
        cmocka_unit_test(the_null_path_is_empty_brackets_or_nothing),
        cmocka_unit_test(quotes_hide_what_is_inside),
        cmocka_unit_test(an_unclosed_quote_hides_nothing),
        cmocka_unit_test(an_escaped_character_is_one_of_the_name),
        cmocka_unit_test(a_comment_hides_what_is_inside),
        cmocka_unit_test(a_domain_in_a_roundabout_way_is_read_as_an_mta_reads_it),
        cmocka_unit_test(a_source_route_is_skipped_and_noted),
        cmocka_unit_test(only_postmaster_alone_is_the_bare_postmaster),
        cmocka_unit_test(one_address_is_one_literal_however_it_is_spelt),
        cmocka_unit_test(a_deviation_character_is_never_mapped_away),
        cmocka_unit_test(every_prefix_of_a_tricky_path_comes_apart),
        cmocka_unit_test(random_paths_come_apart_inside_themselves),
        cmocka_unit_test(normalising_noise_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
