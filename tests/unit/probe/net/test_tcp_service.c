/* Ports as configurations write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/net/tcp_service.h"

static void test_a_port_is_a_number_or_a_name(void **state)
{
    (void)state;
    assert_int_equal(tcp_service_port("25"), 25);
    assert_int_equal(tcp_service_port("smtp"), 25);
    assert_int_equal(tcp_service_port("submission"), 587);
    assert_int_equal(tcp_service_port("65535"), 65535);
    const char *none[] = {"", "65536", "70000", "-1", "25x", "no-such-service", "4294967321"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(tcp_service_port(none[i]), 0);
    }
}

static void test_a_port_is_named_where_it_has_a_name(void **state)
{
    char name[TCP_SERVICE_SIZE];

    (void)state;
    tcp_service_name(25, name);
    assert_string_equal(name, "smtp");
    tcp_service_name(2525, name);
    assert_string_equal(name, "2525");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_port_is_a_number_or_a_name),
        cmocka_unit_test(test_a_port_is_named_where_it_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
