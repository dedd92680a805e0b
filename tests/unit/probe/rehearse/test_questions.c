#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domainset.h"
#include "probe/rehearse/questions.h"

static struct network network_of(const char *text)
{
    struct network network;

    assert_int_equal(network_parse(text, &network), NETWORK_OK);
    return network;
}

static struct site *site_that_trusts(const char *network)
{
    struct site_settings settings = {.domains = domainset_new(), .main_domain = strdup("a.test")};

    assert_true(domainset_add(settings.domains, "a.test"));
    settings.networks = malloc(sizeof(*settings.networks));
    assert_non_null(settings.networks);
    settings.networks[0] = network_of(network);
    settings.network_count = 1;
    struct site *site = site_new(&settings);
    assert_non_null(site);
    return site;
}

static bool asks(const struct questions *questions, enum question_kind kind, const char *text)
{
    for (size_t i = 0; i < questions->count; i++) {
        char address[ADDRESS_TEXT_SIZE];
        const struct question *question = &questions->all[i];
        const char *is = question->client.family == ADDRESS_NONE
                             ? question->text
                             : address_format(&question->client, address);
        if (question->kind == kind && strcmp(is, text) == 0) {
            return true;
        }
    }
    return false;
}

static void both_ends_of_a_network_ask_unless_the_site_trusts_them(void **state)
{
    (void)state;
    static struct questions questions;
    struct site *site = site_that_trusts("203.0.113.64/27");
    struct network wide = network_of("203.0.0.0/16");
    struct network trusted = network_of("203.0.113.64/28");
    struct network all = network_of("0.0.0.0/0");
    struct network single = network_of("192.0.2.9");

    memset(&questions, 0, sizeof(questions));
    questions_add_network(&questions, site, &wide);
    questions_add_network(&questions, site, &trusted);
    questions_add_network(&questions, site, &all);
    questions_add_network(&questions, site, &single);
    questions_add_network(&questions, site, &single);
    assert_int_equal(questions.count, 3);
    assert_true(asks(&questions, QUESTION_CLIENT, "203.0.0.1"));
    assert_true(asks(&questions, QUESTION_CLIENT, "203.0.255.254"));
    assert_true(asks(&questions, QUESTION_CLIENT, "192.0.2.9"));
    site_free(site);
}

static void loopback_is_nobodys_address_outside(void **state)
{
    (void)state;
    static struct questions questions;
    static const char *const networks[] = {"127.0.0.0/8", "::1", "224.0.0.0/4", "fe80::/64"};

    memset(&questions, 0, sizeof(questions));
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        struct network network = network_of(networks[i]);
        questions_add_network(&questions, NULL, &network);
    }
    assert_int_equal(questions.count, 0);
}

static void gateways_ask_though_they_are_trusted(void **state)
{
    (void)state;
    static struct questions questions;
    struct site *site = site_that_trusts("172.16.0.0/12");
    struct network docker = {.prefix = 16};
    struct address gateway;

    assert_true(address_parse("172.17.0.2", &docker.base));
    assert_true(address_parse("172.17.0.1", &gateway));
    const struct question_host host = {&docker, 1, &gateway, 1};
    memset(&questions, 0, sizeof(questions));
    questions_add_host(&questions, site, &host);
    assert_int_equal(questions.count, 1);
    assert_true(asks(&questions, QUESTION_GATEWAY, "172.17.0.1"));
    site_free(site);
}

static void texts_that_would_break_a_command_are_not_asked(void **state)
{
    (void)state;
    static struct questions questions;
    static const char *const texts[] = {"a b", "a\r\nRCPT", "<a@b.test>", "a\x7f"};

    memset(&questions, 0, sizeof(questions));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        questions_add_text(&questions, QUESTION_SENDER, texts[i], strlen(texts[i]));
    }
    assert_int_equal(questions.count, 0);
    questions_add_text(&questions, QUESTION_SENDER, "a@b.test", 8);
    questions_add_text(&questions, QUESTION_SENDER, "a@b.test", 8);
    questions_add_text(&questions, QUESTION_HELO, "a@b.test", 8);
    assert_int_equal(questions.count, 2);
}

static void questions_are_bounded_and_the_rest_is_counted(void **state)
{
    (void)state;
    static struct questions questions;

    memset(&questions, 0, sizeof(questions));
    for (int i = 0; i < QUESTIONS_MAX + 50; i++) {
        char text[32];
        snprintf(text, sizeof(text), "h%d.test", i);
        questions_add_text(&questions, QUESTION_HELO, text, strlen(text));
    }
    assert_int_equal(questions.count, QUESTIONS_MAX);
    assert_int_equal(questions.left_out, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_of_a_network_ask_unless_the_site_trusts_them),
        cmocka_unit_test(loopback_is_nobodys_address_outside),
        cmocka_unit_test(gateways_ask_though_they_are_trusted),
        cmocka_unit_test(texts_that_would_break_a_command_are_not_asked),
        cmocka_unit_test(questions_are_bounded_and_the_rest_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
