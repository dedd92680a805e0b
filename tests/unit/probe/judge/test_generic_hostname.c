#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/generic_hostname.h"

/* Feeds every row of a table; all wrong ones are shown before the test fails. */
static void judge_rows(const char *path, size_t least)
{
    FILE *file = fopen(path, "r");
    char line[512];
    size_t rows = 0;
    size_t wrong = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *rest = line;
        struct address address;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        const char *name = strsep(&rest, "\t");
        assert_true(address_parse(strsep(&rest, "\t"), &address));
        const char *judged = generic_hostname_is_generic(name, &address) ? "generic" : "chosen";
        if (strcmp(judged, rest) != 0) {
            print_error("%s: judged %s, should be %s\n", name, judged, rest);
            wrong++;
        }
        rows++;
    }
    fclose(file);
    assert_in_range(rows, least, SIZE_MAX);
    assert_int_equal(wrong, 0);
}

static void every_row_of_the_table_is_judged_right(void **state)
{
    (void)state;
    judge_rows("tests/unit/hostnames.tsv", 27);
}

static void every_row_of_the_larger_table_is_judged_right(void **state)
{
    (void)state;
    judge_rows("tests/unit/hostnames-more.tsv", 90);
}

static bool is_generic(const char *name, const char *address)
{
    struct address parsed;

    assert_true(address_parse(address, &parsed));
    return generic_hostname_is_generic(name, &parsed);
}

static void case_and_a_trailing_dot_do_not_matter(void **state)
{
    (void)state;
    assert_true(is_generic("POOL-72-66-1-2.DSL.Example.Net.", "72.66.1.2"));
    assert_false(is_generic("MX1.Example.Net.", "203.0.113.25"));
}

static void the_same_name_is_judged_by_the_address_that_it_belongs_to(void **state)
{
    (void)state;
    assert_true(is_generic("x113-0-203.example.net", "203.0.113.25"));
    assert_true(is_generic("x0-113-25.example.net", "203.0.113.25"));
    assert_false(is_generic("x0-113-25.example.net", "198.51.100.7"));
}

static void what_is_no_host_in_a_domain_is_not_generic(void **state)
{
    (void)state;
    assert_false(is_generic("", "203.0.113.25"));
    assert_false(is_generic(".", "203.0.113.25"));
    assert_false(is_generic("localhost", "203.0.113.25"));
    assert_false(is_generic("example.org", "203.0.113.25"));
    assert_false(is_generic("example.co.uk", "203.0.113.25"));
}

static void words_in_the_registered_domain_say_nothing(void **state)
{
    (void)state;
    assert_false(is_generic("zeus.dsl.net", "203.0.113.25"));
    assert_false(is_generic("zeus.pool.co.uk", "203.0.113.25"));
    assert_true(is_generic("zeus.dsl.example.co.uk", "203.0.113.25"));
}

static void judge_words(const char *const *words, size_t count, const char *before,
                        const char *after, bool generic)
{
    for (size_t i = 0; i < count; i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s%s%s", before, words[i], after);
        if (is_generic(name, "203.0.113.25") != generic) {
            fail_msg("%s is judged %s", name, generic ? "chosen" : "generic");
        }
    }
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Half of the address is not enough for a generic name, unless a word says what it is. */
static void each_word_for_a_line_or_a_rented_host_counts(void **state)
{
    static const char *const words[] = {
        "abo",         "adsl",       "aftr",      "bras",        "bredband",    "broadband",
        "cable",       "catv",       "cgn",       "cgnat",       "client",      "clients",
        "cloud",       "colo",       "compute",   "cpe",         "cust",        "customer",
        "customers",   "dclient",    "dedi",      "dedicated",   "dhcp",        "dial",
        "dialin",      "dialup",     "dip",       "dsl",         "dyn",         "dynamic",
        "dynip",       "fiber",      "fibre",     "fios",        "fttb",        "ftth",
        "fttx",        "gprs",       "hfc",       "home",        "host",        "hosted",
        "hsd",         "hsi",        "instances", "ip",          "ipbf",        "ipngn",
        "kvm",         "lightspeed", "lte",       "mobile",      "modemcable",  "node",
        "noptr",       "nordns",     "pool",      "pools",       "ppp",         "pppoe",
        "priv",        "rdns",       "res",       "residential", "rev",         "reverse",
        "server",      "srv",        "static",    "subs",        "subscriber",  "umts",
        "unallocated", "unassigned", "undefined", "unknown",     "unspecified", "unused",
        "user",        "users",      "vm",        "vps",         "vserver",     "wimax",
        "xvm"};
    static const char *const others[] = {"zqx", "dynx", "xdyn", "statics", "hom", "unuse"};

    (void)state;
    judge_words(words, COUNT(words), "x113-25.", ".example.net", true);
    judge_words(others, COUNT(others), "x113-25.", ".example.net", false);
}

static void each_word_for_a_mail_host_redeems_the_whole_address(void **state)
{
    static const char *const words[] = {"lists", "mail", "mout",     "mta",      "mx",    "mxa",
                                        "mxb",   "out",  "outbound", "outgoing", "relay", "smtp"};
    static const char *const others[] = {"zqx", "mxx", "outer", "lis"};

    (void)state;
    judge_words(words, COUNT(words), "203-0-113-25.", ".example.net", false);
    judge_words(others, COUNT(others), "203-0-113-25.", ".example.net", true);
}

static void a_first_label_that_names_nobody_is_generic(void **state)
{
    static const char *const words[] = {
        "static",       "dynamic", "dyn",      "dhcp",   "dialup",     "customer",
        "customers",    "client",  "clients",  "cust",   "reverse",    "rdns",
        "ip",           "no-ptr",  "no-rdns",  "no-dns", "no-reverse", "no-reverse-dns",
        "not-assigned", "not-set", "hosted-by"};

    (void)state;
    judge_words(words, COUNT(words), "", ".example.net", true);
    judge_words(words, COUNT(words), "zq", ".example.net", false);
}

static void each_zone_of_unnamed_machines_is_generic(void **state)
{
    static const char *const zones[] = {"compute.amazonaws.com",
                                        "compute-1.amazonaws.com",
                                        "bc.googleusercontent.com",
                                        "cloudapp.azure.com",
                                        "cloudapp.net",
                                        "members.linode.com",
                                        "ip.linodeusercontent.com",
                                        "vps.ovh.net",
                                        "vps.ovh.ca",
                                        "vps.ovh.us",
                                        "contaboserver.net",
                                        "stratoserver.net",
                                        "clients.your-server.de",
                                        "vultrusercontent.com",
                                        "instances.scw.cloud",
                                        "rev.poneytelecom.eu",
                                        "static.sl-reverse.com",
                                        "onlinehome-server.info",
                                        "ip.secureserver.net"};

    (void)state;
    judge_words(zones, COUNT(zones), "zq7.", "", true);
}

static void names_are_registered_below_each_second_level_of_a_country(void **state)
{
    static const char *const levels[] = {"co", "com", "net", "org", "ne",  "or",
                                         "ac", "ad",  "go",  "gov", "edu", "gob"};

    (void)state;
    judge_words(levels, COUNT(levels), "zeus.dsl.", ".uk", false);
    judge_words(levels, COUNT(levels), "zeus.dsl.example.", ".uk", true);
}

static void a_few_hexadecimal_digits_are_no_hardware_address(void **state)
{
    (void)state;
    assert_false(is_generic("xfacadex.example.net", "203.0.113.25"));
    assert_false(is_generic("x0011aabbcczfacade.example.net", "203.0.113.25"));
    assert_true(is_generic("x0011aabbccdd.example.net", "203.0.113.25"));
}

/* Each way to write an address, or a number, into a name, and what only looks so. */
static void each_way_to_write_an_address_is_known(void **state)
{
    (void)state;
    static const char letters[] = "fdab:cdef:abcd:efab:cdef:abcd:efab:cdef";
    static const struct {
        const char *name;
        const char *address;
        bool generic;
    } rows[] = {
        {"ns12345.example.net", "203.0.113.25", true},
        {"ns1234.example.net", "203.0.113.25", false},
        /* The octets, in any order and wherever they stand. */
        {"g49h29k39m19.example.net", "19.29.39.49", true},
        {"g49h29k39m19.example.net", "19.29.39.48", false},
        {"g49h49k39m19.example.net", "19.29.39.49", false},
        {"x1-2-3-4.example.net", "203.0.113.25", true},
        {"xy1-2-3-4.example.net", "203.0.113.25", true},
        {"x1-2-3.example.net", "203.0.113.25", false},
        /* One behind the other. */
        {"x2031011325y.example.net", "203.10.113.25", true},
        {"x2511310203y.example.net", "203.10.113.25", true},
        {"x2525310203y.example.net", "203.10.113.25", false},
        {"x2531310203y.example.net", "203.10.113.25", false},
        /* IPv6: nibbles in reverse, and groups that are zero. */
        {"f-e-d-c-b-a-f-e-d-c-b-a-f-e-d-c-b-a-f-e-d-c-b-a-f-e-d-c-b-a-d-f.example.net", letters,
         true},
        {"f-e-d-c-b-a-f-e-d-c-b-a-f-e-d-c-b-a-f-e-d-c-b-a-f-e-d-c-b-a-d-a.example.net", letters,
         false},
        {"x2001-db8-0-0-a-b-c-d.example.net", "2001:db8::a:b:c:d", true},
        {"x2001-db8-0-0-a-b-c-d.example.net", "2001:db8::a:b:c:e", false},
        /* An Ethernet address has twelve digits. */
        {"0011aabbccd.example.net", "203.0.113.25", false},
        {"0011aabbccde.example.net", "203.0.113.25", true},
        /* One word may be a name, two are none; .cx.uk is nobody's second level. */
        {"cable.example.org", "203.0.113.25", false},
        {"cable.x.example.org", "203.0.113.25", true},
        {"1cable.example.org", "203.0.113.25", true},
        {"zeus.dsl.cx.uk", "203.0.113.25", true},
        {"zeus.dsl.co.uk", "203.0.113.25", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (is_generic(rows[i].name, rows[i].address) != rows[i].generic) {
            fail_msg("%s of %s is judged %s", rows[i].name, rows[i].address,
                     rows[i].generic ? "chosen" : "generic");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_is_judged_right),
        cmocka_unit_test(every_row_of_the_larger_table_is_judged_right),
        cmocka_unit_test(case_and_a_trailing_dot_do_not_matter),
        cmocka_unit_test(the_same_name_is_judged_by_the_address_that_it_belongs_to),
        cmocka_unit_test(what_is_no_host_in_a_domain_is_not_generic),
        cmocka_unit_test(words_in_the_registered_domain_say_nothing),
        cmocka_unit_test(each_word_for_a_line_or_a_rented_host_counts),
        cmocka_unit_test(each_word_for_a_mail_host_redeems_the_whole_address),
        cmocka_unit_test(a_first_label_that_names_nobody_is_generic),
        cmocka_unit_test(each_zone_of_unnamed_machines_is_generic),
        cmocka_unit_test(names_are_registered_below_each_second_level_of_a_country),
        cmocka_unit_test(a_few_hexadecimal_digits_are_no_hardware_address),
        cmocka_unit_test(each_way_to_write_an_address_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
