#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http/http_request.h"

static struct http_request request;

static enum http_status read_text(const char *text)
{
    return http_request_read(text, strlen(text), &request);
}

static void a_request_is_its_method_its_path_its_query_and_its_host(void **state)
{
    (void)state;
    assert_int_equal(read_text("GET /probe?target=mx HTTP/1.1\r\nAccept: */*\r\nhOST:  "
                               "mx.example.org:9825 \r\n\r\n"),
                     HTTP_OK);
    assert_int_equal(request.method, HTTP_GET);
    assert_string_equal(request.path, "/probe");
    assert_string_equal(request.query, "target=mx");
    assert_string_equal(request.host, "mx.example.org");
}

static void lines_may_end_in_a_newline_alone_and_an_empty_one_may_come_first(void **state)
{
    (void)state;
    assert_int_equal(read_text("\r\nHEAD / HTTP/1.0\n\n"), HTTP_OK);
    assert_int_equal(request.method, HTTP_HEAD);
    assert_string_equal(request.path, "/");
    assert_string_equal(request.host, "");
}

static void a_path_is_decoded_once(void **state)
{
    (void)state;
    assert_int_equal(read_text("GET /endpoint/%5B2001%3adb8::1%5d%3A25%2Fauto%20example.org?a%20b "
                               "HTTP/1.0\r\n\r\n"),
                     HTTP_OK);
    assert_string_equal(request.path, "/endpoint/[2001:db8::1]:25/auto example.org");
    assert_string_equal(request.query, "a%20b");
    assert_int_equal(read_text("GET /%2541 HTTP/1.0\r\n\r\n"), HTTP_OK);
    assert_string_equal(request.path, "/%41");
}

static void an_absolute_target_goes_before_the_host_header(void **state)
{
    (void)state;
    assert_int_equal(
        read_text("GET http://evil.test:80/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), HTTP_OK);
    assert_string_equal(request.host, "evil.test");
    assert_string_equal(request.path, "/metrics");
    assert_int_equal(read_text("GET http://[::1]?x HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_OK);
    assert_string_equal(request.host, "[::1]");
    assert_string_equal(request.path, "/");
    assert_string_equal(request.query, "x");
}

static void slashes_and_dots_are_no_other_path(void **state)
{
    (void)state;
    assert_int_equal(read_text("GET //evil.test/metrics HTTP/1.0\r\n\r\n"), HTTP_OK);
    assert_string_equal(request.path, "//evil.test/metrics");
    assert_string_equal(request.host, "");
    assert_int_equal(read_text("GET /../metrics HTTP/1.0\r\n\r\n"), HTTP_OK);
    assert_string_equal(request.path, "/../metrics");
}

static void another_method_is_told_from_a_wrong_request(void **state)
{
    static const char *const texts[] = {
        "POST / HTTP/1.1\r\nHost: a\r\n\r\n",       "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:25 HTTP/1.1\r\nHost: a\r\n\r\n", "get / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GETT / HTTP/1.1\r\nHost: a\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(read_text(texts[i]), HTTP_OK);
        assert_int_equal(request.method, HTTP_OTHER);
    }
}

static void what_is_no_request_is_refused(void **state)
{
    static const char *const texts[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n", /* HTTP/0.9 */
        "GET / \r\n\r\n",
        " GET / HTTP/1.0\r\n\r\n",
        "GET  / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0 \r\n\r\n",
        "GET / http/1.0\r\n\r\n",
        "GET / HTTP/1.x\r\n\r\n",
        "G(T / HTTP/1.0\r\n\r\n",
        "GET metrics HTTP/1.0\r\n\r\n",
        "GET * HTTP/1.0\r\n\r\n",
        "GET ftp://localhost/ HTTP/1.0\r\n\r\n",
        "GET http://user@localhost/ HTTP/1.0\r\n\r\n",
        "GET http:///metrics HTTP/1.0\r\n\r\n",
        "GET /a#b HTTP/1.0\r\n\r\n",
        "GET /% HTTP/1.0\r\n\r\n",
        "GET /%4 HTTP/1.0\r\n\r\n",
        "GET /%4g HTTP/1.0\r\n\r\n",
        "GET /%00 HTTP/1.0\r\n\r\n",
        "GET /%0d%0aX HTTP/1.0\r\n\r\n",
        "GET /\x80 HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", /* without Host */
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n", /* not whole */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (read_text(texts[i]) != HTTP_BAD_REQUEST) {
            fail_msg("taken: %s", texts[i]);
        }
    }
    assert_int_equal(read_text("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), HTTP_VERSION);
}

static void a_nul_is_no_end_of_anything(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: localhost\0.evil.test\r\n\r\n";

    (void)state;
    assert_int_equal(http_request_read(text, sizeof(text) - 1, &request), HTTP_BAD_REQUEST);
}

static void a_host_is_bounded(void **state)
{
    char text[HTTP_HEAD_MAX];
    char host[HTTP_HOST_SIZE + 1];

    (void)state;
    memset(host, 'a', sizeof(host));
    for (int length = HTTP_HOST_SIZE - 1; length <= HTTP_HOST_SIZE; length++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %.*s\r\n\r\n", length, host);
        assert_int_equal(read_text(text), length < HTTP_HOST_SIZE ? HTTP_OK : HTTP_BAD_REQUEST);
    }
}

static void the_head_ends_with_the_first_empty_line(void **state)
{
    static const char whole[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\n\r\n";
    const size_t first = (size_t)(strstr(whole, "GET /second") - whole);

    (void)state;
    for (size_t length = 0; length < sizeof(whole); length++) {
        assert_int_equal(http_request_head(whole, length), length < first ? 0 : first);
    }
    assert_int_equal(http_request_head("\n\nGET", 5), 0);
    assert_int_equal(http_request_head("\r\n\r\n", 4), 4);
}

static void a_head_of_more_than_8_kib_is_not_read(void **state)
{
    char *text = malloc(HTTP_HEAD_MAX + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'a', HTTP_HEAD_MAX + 1);
    assert_int_equal(http_request_read(text, HTTP_HEAD_MAX + 1, &request), HTTP_HEAD_TOO_LARGE);
    free(text);
}

static void a_parameter_is_the_first_of_its_name(void **state)
{
    char value[8];

    (void)state;
    assert_int_equal(read_text("GET /?xtarget=no&target&target=m%78+1&target=2&n=12345678 "
                               "HTTP/1.0\r\n\r\n"),
                     HTTP_OK);
    assert_true(http_request_parameter(&request, "target", value, sizeof(value)));
    assert_string_equal(value, "mx 1");
    assert_false(http_request_parameter(&request, "n", value, sizeof(value))); /* too long */
    assert_false(http_request_parameter(&request, "get", value, sizeof(value)));
    assert_int_equal(read_text("GET /?a=%0a&b=%&c= HTTP/1.0\r\n\r\n"), HTTP_OK);
    assert_false(http_request_parameter(&request, "a", value, sizeof(value)));
    assert_false(http_request_parameter(&request, "b", value, sizeof(value)));
    assert_true(http_request_parameter(&request, "c", value, sizeof(value)));
    assert_string_equal(value, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_its_method_its_path_its_query_and_its_host),
        cmocka_unit_test(lines_may_end_in_a_newline_alone_and_an_empty_one_may_come_first),
        cmocka_unit_test(a_path_is_decoded_once),
        cmocka_unit_test(an_absolute_target_goes_before_the_host_header),
        cmocka_unit_test(slashes_and_dots_are_no_other_path),
        cmocka_unit_test(another_method_is_told_from_a_wrong_request),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_nul_is_no_end_of_anything),
        cmocka_unit_test(a_host_is_bounded),
        cmocka_unit_test(the_head_ends_with_the_first_empty_line),
        cmocka_unit_test(a_head_of_more_than_8_kib_is_not_read),
        cmocka_unit_test(a_parameter_is_the_first_of_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
