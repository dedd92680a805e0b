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

static void ends_and_middle_of_a_network_ask_unless_the_site_trusts_them(void **state)
{
    (void)state;
    static struct questions questions;
    struct site *site = site_that_trusts("203.0.113.64/27");
    struct network wide = network_of("203.0.0.0/16");
    struct network trusted = network_of("203.0.113.64/28");
    struct network all = network_of("0.0.0.0/0");
    struct network single = network_of("192.0.2.9");

    memset(&questions, 0, sizeof(questions));
    questions_add_network(&questions, site, &wide, NULL);
    questions_add_network(&questions, site, &trusted, NULL);
    questions_add_network(&questions, site, &all, NULL);
    questions_add_network(&questions, site, &single, NULL);
    questions_add_network(&questions, site, &single, NULL);
    assert_int_equal(questions.count, 4);
    assert_true(asks(&questions, QUESTION_CLIENT, "203.0.0.1"));
    assert_true(asks(&questions, QUESTION_CLIENT, "203.0.128.1"));
    assert_true(asks(&questions, QUESTION_CLIENT, "203.0.255.254"));
    assert_true(asks(&questions, QUESTION_CLIENT, "192.0.2.9"));
    site_free(site);
}

static void whoever_is_in_no_hole_asks(void **state)
{
    (void)state;
    static struct questions questions;
    struct network wide = network_of("203.0.112.0/22");
    struct network all = network_of("0.0.0.0/0");
    struct network networks[] = {network_of("203.0.115.0/24"), network_of("203.0.112.0/24"),
                                 network_of("203.0.114.0/24")};
    struct question_holes holes = {.networks = networks, .count = 3, .room = 3};
    struct address found;

    memset(&questions, 0, sizeof(questions));
    questions_add_network(&questions, NULL, &wide, &holes);
    assert_true(asks(&questions, QUESTION_CLIENT, "203.0.113.0"));
    networks[0] = network_of("203.0.112.0/23");
    holes.count = 3;
    networks[1] = network_of("203.0.114.0/23");
    assert_int_equal(questions_find_client(NULL, &wide, &holes, &found), QUESTION_NETWORK_NOBODYS);
    networks[0] = network_of("0.0.0.0/1");
    assert_int_equal(questions_find_client(NULL, &all, &holes, &found), QUESTION_NETWORK_ONE);
    assert_int_equal(found.octets[0], 128);
}

static void what_is_given_is_asked_together(void **state)
{
    (void)state;
    static struct questions questions;
    struct network network = network_of("203.0.113.9");

    memset(&questions, 0, sizeof(questions));
    snprintf(questions.given.with[QUESTION_WITH_SENDER], QUESTION_TEXT_MAX, "someone@a.test");
    questions_add_text(&questions, QUESTION_RECIPIENT, "postmaster@", 11);
    assert_int_equal(questions.count, 1);
    assert_int_equal(questions.all[0].kind, QUESTION_SENDER);
    assert_string_equal(question_part(&questions.all[0], QUESTION_WITH_SENDER), "someone@a.test");
    assert_string_equal(question_part(&questions.all[0], QUESTION_WITH_RECIPIENT), "postmaster@");
    questions_add_network(&questions, NULL, &network, NULL);
    assert_int_equal(questions.count, 2);
    assert_int_equal(questions.all[1].kind, QUESTION_CLIENT);
    assert_string_equal(questions.all[1].with[QUESTION_WITH_SENDER], "someone@a.test");
    /* A user of any domain, and a domain: one of that domain. */
    questions_add_text(&questions, QUESTION_SENDER, "boss@", 5);
    assert_true(asks(&questions, QUESTION_SENDER, "boss@a.test"));
    assert_int_equal(questions.unasked, 0);
    questions.by_pattern = true;
    questions_add_text(&questions, QUESTION_SENDER, "joe@b.test", 10);
    assert_int_equal(questions.unasked, 1);
}

static void loopback_is_nobodys_address_outside(void **state)
{
    (void)state;
    static struct questions questions;
    static const char *const networks[] = {"127.0.0.0/8", "::1", "224.0.0.0/4", "fe80::/64"};

    memset(&questions, 0, sizeof(questions));
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        struct network network = network_of(networks[i]);
        questions_add_network(&questions, NULL, &network, NULL);
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
    assert_int_equal(questions.unasked, 4);
    assert_string_equal(questions.first_untold, "a b");
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
        cmocka_unit_test(ends_and_middle_of_a_network_ask_unless_the_site_trusts_them),
        cmocka_unit_test(whoever_is_in_no_hole_asks),
        cmocka_unit_test(what_is_given_is_asked_together),
        cmocka_unit_test(loopback_is_nobodys_address_outside),
        cmocka_unit_test(gateways_ask_though_they_are_trusted),
        cmocka_unit_test(texts_that_would_break_a_command_are_not_asked),
        cmocka_unit_test(questions_are_bounded_and_the_rest_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
