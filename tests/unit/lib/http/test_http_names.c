#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/http/http_names.h"

static char *named[] = {(char[]){"status.example.org"}, (char[]){"198.51.100.9"},
                        (char[]){"2001:db8::9"}};
static const struct http_settings settings = {.names = named, .name_count = 3};

static int make(void **state)
{
    *state = http_names_new(&settings);
    return *state == NULL;
}

static int unmake(void **state)
{
    http_names_free(*state);
    return 0;
}

static void all_are(const struct http_names *names, const char *const *hosts, bool ours)
{
    for (; *hosts != NULL; hosts++) {
        if (http_names_have(names, *hosts) != ours) {
            fail_msg("%s is %s", *hosts, ours ? "refused" : "taken");
        }
    }
}

static void localhost_and_what_is_below_it_is_ours(void **state)
{
    static const char *const hosts[] = {
        "localhost", "LocalHost",   "localhost.", "probe.localhost",    "localhost.localdomain",
        "127.0.0.1", "127.255.0.7", "[::1]",      "[::ffff:127.0.0.1]", NULL};
    all_are(*state, hosts, true);
}

static void what_the_operator_named_is_ours(void **state)
{
    static const char *const hosts[] = {"status.example.org", "STATUS.example.org.", "198.51.100.9",
                                        "[2001:db8::9]",      "[2001:DB8:0::9]",     NULL};
    all_are(*state, hosts, true);
}

static void this_hosts_own_name_is_ours_whole_and_short(void **state)
{
    char host[256];
    char shorter[256];

    assert_int_equal(gethostname(host, sizeof(host)), 0);
    snprintf(shorter, sizeof(shorter), "%.*s", (int)strcspn(host, "."), host);
    all_are(*state, (const char *const[]){host, shorter, NULL}, true);
}

static void names_and_addresses_of_others_are_not(void **state)
{
    static const char *const hosts[] = {"evil.test",
                                        "localhost.evil.test",
                                        "evillocalhost",
                                        "xlocalhost",
                                        "status.example.org.evil.test",
                                        "x.status.example.org",
                                        "example.org",
                                        "192.0.2.77",
                                        "128.0.0.1",
                                        "0.0.0.0",
                                        "[::]",
                                        "224.0.0.1",
                                        "[ff02::1]",
                                        "255.255.255.255",
                                        "[2001:db8::77]",
                                        "0x7f000001",
                                        "2130706433",
                                        "127.1",
                                        "",
                                        ".",
                                        "..",
                                        "localhost..",
                                        NULL};
    all_are(*state, hosts, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_and_what_is_below_it_is_ours),
        cmocka_unit_test(what_the_operator_named_is_ours),
        cmocka_unit_test(this_hosts_own_name_is_ours_whole_and_short),
        cmocka_unit_test(names_and_addresses_of_others_are_not),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
