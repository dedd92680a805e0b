#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "lib/registrable.h"
#include "tests/unit/random_bytes.h"

#define psl_builtin the_list
/* NOLINTNEXTLINE(bugprone-suspicious-include): so that the list can be missing */
#include "lib/registrable.c"
#undef psl_builtin

const psl_ctx_t *psl_builtin(void);

static bool without_list;

const psl_ctx_t *the_list(void)
{
    return without_list ? NULL : psl_builtin();
}

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct row {
    const char *domain;
    const char *registrable;
};

static void assert_registrable(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(registrable_domain(rows[i].domain), rows[i].registrable);
    }
}

static void a_registrable_domain_is_a_public_suffix_and_one_label(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"example.org", "example.org"},
        {"mx.example.org", "example.org"},
        {"a.b.c.d.e.f.g.h.i.j.example.org", "example.org"},
        {"mx.example.co.uk", "example.co.uk"},
        {"example.co.uk", "example.co.uk"},
        {"mx.site.github.io", "site.github.io"}, /* the list's private section */
        {"a.www.ck", "www.ck"},                  /* *.ck is a suffix, and www.ck an exception */
        {"a.b.c.ck", "b.c.ck"},
        {"_dmarc.example.org", "example.org"},
    };
    assert_registrable(rows, ROWS(rows));
}

static void a_top_level_domain_that_the_list_does_not_know_is_a_suffix(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"mx.outside.test", "outside.test"},
        {"a.b.shop.example", "shop.example"},
        {"mail.corp.lan", "corp.lan"},
        {"a.localhost.localdomain", "localhost.localdomain"},
    };
    assert_registrable(rows, ROWS(rows));
}

static void a_name_without_a_registrable_part_is_its_own(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"com", "com"},
        {"co.uk", "co.uk"},
        {"github.io", "github.io"},
        {"anything.ck", "anything.ck"},
        {"test", "test"},
        {"localhost", "localhost"},
        {"", ""},
        {"[192.0.2.1]", "[192.0.2.1]"},
        {"[ipv6:2001:db8::1]", "[ipv6:2001:db8::1]"},
        {"192.0.2.1", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"1.2.3.4.5", "1.2.3.4.5"},
    };
    assert_registrable(rows, ROWS(rows));
}

static void internationalised_suffixes_are_known_by_their_a_labels(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"mx.xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"mx.example.xn--p1ai", "example.xn--p1ai"},
        /* U+4E2A U+4EBA . hk: a suffix of two labels */
        {"mx.example.xn--ciqpn.hk", "example.xn--ciqpn.hk"},
        {"xn--ciqpn.hk", "xn--ciqpn.hk"},
    };
    assert_registrable(rows, ROWS(rows));
}

static void text_is_brought_into_compared_form_first(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"MX.Example.CO.UK.", "example.co.uk"},
        {"mx.example.org.", "example.org"},
        {"Mail.B\303\234CHER.Example", "xn--bcher-kva.example"},
        {"mx.example.\344\270\252\344\272\272.hk.", "example.xn--ciqpn.hk"},
        {"[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"},
        {"CO.UK.", "co.uk"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[DOMAIN_SIZE];
        assert_true(registrable_of_text(rows[i].domain, strlen(rows[i].domain), out));
        assert_string_equal(out, rows[i].registrable);
    }
}

static void text_that_is_no_domain_leaves_the_output(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", ".", "..", "a..b", ".example.org", "a b.example", "*.example.org"};
    for (size_t i = 0; i < ROWS(texts); i++) {
        char out[DOMAIN_SIZE] = "as before";
        assert_false(registrable_of_text(texts[i], strlen(texts[i]), out));
        assert_string_equal(out, "as before");
    }
}

static void names_of_one_owner_are_told_from_others(void **state)
{
    (void)state;
    assert_true(registrable_same("mx.example.org", "www.mail.example.org"));
    assert_true(registrable_same("example.org", "example.org"));
    assert_false(registrable_same("mx.example.org", "mx.notexample.org"));
    assert_false(registrable_same("one.co.uk", "two.co.uk"));
    assert_false(registrable_same("one.github.io", "two.github.io"));
    assert_false(registrable_same("[192.0.2.1]", "[198.51.100.1]"));
    assert_false(registrable_same("192.0.2.1", "198.51.2.1"));
}

static void the_longest_names_have_an_end(void **state)
{
    (void)state;
    char name[DOMAIN_SIZE] = "";
    for (size_t i = 0; i < 121; i++) {
        strcat(name, "a.");
    }
    strcat(name, "example.org");
    assert_int_equal(strlen(name), 253);
    assert_string_equal(registrable_domain(name), "example.org");
}

static void it_is_always_an_end_of_the_name_at_a_label(void **state)
{
    (void)state;
    static const char alphabet[] = "abcou.k-_1";
    uint64_t seed = 10;
    for (size_t round = 0; round < 20000; round++) {
        char text[24];
        char name[DOMAIN_SIZE];
        random_text(&seed, alphabet, sizeof(alphabet) - 1, text, sizeof(text));
        text[random_number(&seed) % sizeof(text)] = '\0';
        if (!domain_normalise(text, strlen(text), name)) {
            continue;
        }
        const char *part = registrable_domain(name);
        assert_true(part >= name && part < name + strlen(name));
        assert_true(part == name || part[-1] == '.');
        assert_string_equal(registrable_domain(part), part);
    }
}

/* A library that was built without the list: the last two labels, whatever they are. */
static void without_a_list_the_last_two_labels_are_the_owners(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"example.org", "example.org"},       {"mx.example.org", "example.org"},
        {"a.b.c.example.org", "example.org"}, {"a.b.co.uk", "co.uk"},
        {"localhost", "localhost"},           {"192.0.2.1", "192.0.2.1"},
        {"[192.0.2.1]", "[192.0.2.1]"},       {"2001:db8::1", "2001:db8::1"},
    };

    without_list = true;
    assert_registrable(rows, ROWS(rows));
    assert_true(registrable_same("a.example.org", "b.example.org"));
    assert_false(registrable_same("example.net", "example.org"));
    without_list = false;
    assert_registrable(&(struct row){"a.b.co.uk", "b.co.uk"}, 1);
}

/* A name that ends in digits alone is an address or rubbish; one with a letter there is none. */
static void only_a_number_at_the_end_makes_a_name_an_address(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"1", "1"},           {"a.b.0", "a.b.0"},
        {"a.b.9", "a.b.9"},   {"a.b.1234567890", "a.b.1234567890"},
        {"a.b.9x", "b.9x"},   {"a.b.x9", "b.x9"},
        {"1.2.3.x", "3.x"},   {"a.b.c:25", "a.b.c:25"},
        {"[a.b.c", "[a.b.c"},
    };

    for (int list = 0; list < 2; list++) {
        without_list = list == 0;
        assert_registrable(rows, ROWS(rows));
    }
    for (char digit[] = "a.b.0"; digit[4] <= '9'; digit[4]++) {
        assert_string_equal(registrable_domain(digit), digit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registrable_domain_is_a_public_suffix_and_one_label),
        cmocka_unit_test(a_top_level_domain_that_the_list_does_not_know_is_a_suffix),
        cmocka_unit_test(a_name_without_a_registrable_part_is_its_own),
        cmocka_unit_test(internationalised_suffixes_are_known_by_their_a_labels),
        cmocka_unit_test(text_is_brought_into_compared_form_first),
        cmocka_unit_test(text_that_is_no_domain_leaves_the_output),
        cmocka_unit_test(names_of_one_owner_are_told_from_others),
        cmocka_unit_test(the_longest_names_have_an_end),
        cmocka_unit_test(it_is_always_an_end_of_the_name_at_a_label),
        cmocka_unit_test(without_a_list_the_last_two_labels_are_the_owners),
        cmocka_unit_test(only_a_number_at_the_end_makes_a_name_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
