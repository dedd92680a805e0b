/* Permission, destination and what follows from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/judge.h"

static char local[] = "local";
static char virtual[] = "virtual";
static char lmtp[] = "lmtp";
static char relay[] = "relay";
static char *const mailers[] = {local, virtual, lmtp, relay};
static struct judge_rules rules = {.own_mailers = mailers, .own_mailer_count = 4};
static struct site *site;

static struct address address(const char *text)
{
    struct address parsed;

    assert_true(address_parse(text, &parsed));
    return parsed;
}

static int make_site(void **state)
{
    (void)state;
    struct site_settings settings = {
        .domains = domainset_new(),
        .main_domain = strdup("site.test"),
        .networks = calloc(2, sizeof(struct network)),
        .network_count = 2,
        .certificates = calloc(1, sizeof(char *)),
        .certificate_count = 1,
    };
    settings.certificates[0] = strdup("partner.example.org");
    assert_true(domainset_add(settings.domains, "site.test"));
    assert_true(domainset_add(settings.domains, "strasse.test"));
    assert_true(domainset_add(settings.domains, ".sub.test"));
    assert_int_equal(network_parse("10.1.0.0/16", &settings.networks[0]), NETWORK_OK);
    assert_int_equal(network_parse("2001:db8:1::/48", &settings.networks[1]), NETWORK_OK);
    site = site_new(&settings);
    rules.site = site;
    return site == NULL ? -1 : 0;
}

static int free_site(void **state)
{
    (void)state;
    site_free(site);
    return 0;
}

static enum permission permission_of(const char *client, const char *type, const char *subject)
{
    const struct address from = address(client);
    const struct client_macros macros = {
        .auth_type = type, .auth_authen = type == NULL ? NULL : "ann", .cert_subject = subject};

    return judge_permission(site, &from, &macros);
}

static void permission_follows_the_declared_site(void **state)
{
    (void)state;
    assert_int_equal(permission_of("203.0.113.7", NULL, NULL), PERMISSION_NONE);
    assert_int_equal(permission_of("10.1.2.3", NULL, NULL), PERMISSION_TRUSTED_NETWORK);
    assert_int_equal(permission_of("::ffff:10.1.2.3", NULL, NULL), PERMISSION_TRUSTED_NETWORK);
    assert_int_equal(permission_of("10.2.0.1", NULL, NULL), PERMISSION_NONE);
    assert_int_equal(permission_of("2001:db8:1::9", NULL, NULL), PERMISSION_TRUSTED_NETWORK);
    assert_int_equal(permission_of("203.0.113.7", "PLAIN", NULL), PERMISSION_AUTHENTICATED);
    assert_int_equal(permission_of("203.0.113.7", "ANONYMOUS", NULL), PERMISSION_NONE);
    assert_int_equal(permission_of("203.0.113.7", NULL, "partner.example.org"),
                     PERMISSION_CLIENT_CERTIFICATE);
    assert_int_equal(permission_of("203.0.113.7", NULL, "stranger.example.net"), PERMISSION_NONE);
}

static enum destination destination_of(const char *path, struct rcpt_macros macros)
{
    const struct address listener = address("192.0.2.25");
    struct rcpt_meaning meaning;

    dialect_rcpt(&macros, path, &meaning);
    assert_int_equal(meaning.decision == DECISION_REFUSED,
                     macros.address != NULL && strcmp(macros.address, "Relay access denied") == 0);
    return judge_destination(&rules, &meaning, path, &listener);
}

static void a_declared_domain_is_own_whatever_the_mailer(void **state)
{
    (void)state;
    assert_int_equal(
        destination_of("<u@site.test>", (struct rcpt_macros){"local", "site.test", "u@site.test"}),
        DESTINATION_OWN);
    assert_int_equal(
        destination_of("<u@SITE.test>", (struct rcpt_macros){"smtp", "[10.0.0.9]", "u@SITE.test"}),
        DESTINATION_OWN);
    assert_int_equal(
        destination_of("<u@a.sub.test>", (struct rcpt_macros){"lmtp", "unix:x", "u@a.sub.test"}),
        DESTINATION_OWN);
    assert_int_equal(
        destination_of("<u@site.test>",
                       (struct rcpt_macros){"error", "5.1.1 User unknown in virtual alias table",
                                            "u@site.test"}),
        DESTINATION_OWN);
}

static void the_resolved_address_counts_and_not_the_text_of_the_command(void **state)
{
    (void)state;
    const struct rcpt_macros relayed = {"smtp", "outside.test", "b@outside.test"};

    assert_int_equal(destination_of("<\"b@outside.test\"@site.test>", relayed),
                     DESTINATION_EXTERNAL);
    assert_int_equal(destination_of("<b%outside.test@site.test>", relayed), DESTINATION_EXTERNAL);
    assert_int_equal(destination_of("<@site.test:b@outside.test>", relayed), DESTINATION_EXTERNAL);
    assert_int_equal(destination_of("<outside.test!b>", relayed), DESTINATION_EXTERNAL);
}

static void an_undeclared_domain_with_an_own_mailer_is_the_mtas(void **state)
{
    (void)state;
    assert_int_equal(destination_of("<u@other.test>",
                                    (struct rcpt_macros){"relay", "other.test", "u@other.test"}),
                     DESTINATION_MTA_OWN);
    assert_int_equal(destination_of("<u@other.test>",
                                    (struct rcpt_macros){"smtp", "other.test", "u@other.test"}),
                     DESTINATION_EXTERNAL);
    assert_int_equal(destination_of("<u@other.test>", (struct rcpt_macros){NULL, NULL, NULL}),
                     DESTINATION_EXTERNAL);
    assert_int_equal(
        destination_of("<u@va.test>",
                       (struct rcpt_macros){"error", "5.1.1 User unknown in virtual alias table",
                                            "u@va.test"}),
        DESTINATION_MTA_OWN);
    assert_int_equal(
        destination_of("<u@sub.test>", (struct rcpt_macros){"local", "sub.test", "u@sub.test"}),
        DESTINATION_MTA_OWN);
}

static void of_a_refused_recipient_only_what_was_asked_for_tells(void **state)
{
    (void)state;
    const struct rcpt_macros refused = {"error", "5.7.1", "Relay access denied"};

    assert_int_equal(destination_of("<u@site.test>", refused), DESTINATION_OWN);
    assert_int_equal(destination_of("<b@outside.test>", refused), DESTINATION_EXTERNAL);
    assert_int_equal(destination_of("<nobody>", refused), DESTINATION_EXTERNAL);
}

static void postmaster_without_a_domain_is_own(void **state)
{
    (void)state;
    assert_int_equal(destination_of("<PostMaster>",
                                    (struct rcpt_macros){"local", "mx.test", "postmaster@mx.test"}),
                     DESTINATION_OWN);
    assert_int_equal(destination_of("<root>", (struct rcpt_macros){"local", "", "root"}),
                     DESTINATION_OWN);
    assert_int_equal(destination_of("<root>", (struct rcpt_macros){"esmtp", "", "root"}),
                     DESTINATION_EXTERNAL);
}

static void postmaster_is_own_however_it_is_written(void **state)
{
    (void)state;
    static const char *const forms[] = {"<\"postmaster\">", "<\"post\\master\">", "<(c)postmaster>",
                                        "<postmaster(x)>", "<@site.test:postmaster>"};
    const struct rcpt_macros macros = {"smtp", "mx.test", "postmaster@mx.test"};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        assert_int_equal(destination_of(forms[i], macros), DESTINATION_OWN);
    }
    assert_int_equal(
        destination_of("<postmaster%outside.test>",
                       (struct rcpt_macros){"smtp", "outside.test", "postmaster@outside.test"}),
        DESTINATION_EXTERNAL);
    assert_int_equal(
        destination_of("<outside.test!postmaster>",
                       (struct rcpt_macros){"smtp", "outside.test", "postmaster@outside.test"}),
        DESTINATION_EXTERNAL);
}

static void a_case_folded_domain_is_not_taken_for_the_one_that_was_sent(void **state)
{
    (void)state;
    assert_int_equal(
        destination_of("<u@stra\u00DFe.test>",
                       (struct rcpt_macros){"smtp", "stra\u00DFe.test", "u@strasse.test"}),
        DESTINATION_EXTERNAL);
    assert_int_equal(
        destination_of("<u%stra\u00DFe.test@site.test>",
                       (struct rcpt_macros){"smtp", "stra\u00DFe.test", "u@strasse.test"}),
        DESTINATION_EXTERNAL);
    assert_int_equal(
        destination_of("<stra\u00DFe.test!u>",
                       (struct rcpt_macros){"smtp", "stra\u00DFe.test", "u@strasse.test"}),
        DESTINATION_EXTERNAL);
    assert_int_equal(destination_of("<u@strasse.test>",
                                    (struct rcpt_macros){"smtp", "strasse.test", "u@strasse.test"}),
                     DESTINATION_OWN);
    assert_int_equal(
        destination_of("<j\u00FCrgen@site.test>",
                       (struct rcpt_macros){"local", "site.test", "j\u00FCrgen@site.test"}),
        DESTINATION_OWN);
    assert_int_equal(destination_of("<j\u00FCrgen>", (struct rcpt_macros){"local", "site.test",
                                                                          "j\u00FCrgen@site.test"}),
                     DESTINATION_OWN);
}

static void the_listeners_own_literal_is_own_only_by_an_own_mailer(void **state)
{
    (void)state;
    assert_int_equal(
        destination_of("<u@[192.0.2.25]>", (struct rcpt_macros){"local", "x", "u@[192.0.2.25]"}),
        DESTINATION_OWN);
    assert_int_equal(
        destination_of("<u@[192.0.2.25]>", (struct rcpt_macros){"smtp", "x", "u@[192.0.2.25]"}),
        DESTINATION_EXTERNAL);
    assert_int_equal(
        destination_of("<u@[198.51.100.9]>", (struct rcpt_macros){"smtp", "x", "u@[198.51.100.9]"}),
        DESTINATION_EXTERNAL);
    assert_int_equal(destination_of("<u@[198.51.100.9]>",
                                    (struct rcpt_macros){"relay", "x", "u@[198.51.100.9]"}),
                     DESTINATION_MTA_OWN);
}

static void only_strangers_and_only_accepted_recipients_are_told(void **state)
{
    (void)state;
    assert_int_equal(judge_recipient(PERMISSION_NONE, DECISION_ACCEPTED, DESTINATION_EXTERNAL),
                     JUDGEMENT_RELAYED);
    assert_int_equal(judge_recipient(PERMISSION_NONE, DECISION_ACCEPTED, DESTINATION_MTA_OWN),
                     JUDGEMENT_UNDECLARED);
    assert_int_equal(judge_recipient(PERMISSION_NONE, DECISION_ACCEPTED, DESTINATION_OWN),
                     JUDGEMENT_FINE);
    assert_int_equal(judge_recipient(PERMISSION_NONE, DECISION_REFUSED, DESTINATION_EXTERNAL),
                     JUDGEMENT_FINE);
    assert_int_equal(judge_recipient(PERMISSION_NONE, DECISION_DEFERRED, DESTINATION_EXTERNAL),
                     JUDGEMENT_FINE);
    assert_int_equal(
        judge_recipient(PERMISSION_AUTHENTICATED, DECISION_ACCEPTED, DESTINATION_EXTERNAL),
        JUDGEMENT_FINE);
    assert_int_equal(
        judge_recipient(PERMISSION_TRUSTED_NETWORK, DECISION_ACCEPTED, DESTINATION_EXTERNAL),
        JUDGEMENT_FINE);
    assert_int_equal(
        judge_recipient(PERMISSION_CLIENT_CERTIFICATE, DECISION_ACCEPTED, DESTINATION_EXTERNAL),
        JUDGEMENT_FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permission_follows_the_declared_site),
        cmocka_unit_test(a_declared_domain_is_own_whatever_the_mailer),
        cmocka_unit_test(the_resolved_address_counts_and_not_the_text_of_the_command),
        cmocka_unit_test(an_undeclared_domain_with_an_own_mailer_is_the_mtas),
        cmocka_unit_test(of_a_refused_recipient_only_what_was_asked_for_tells),
        cmocka_unit_test(postmaster_without_a_domain_is_own),
        cmocka_unit_test(postmaster_is_own_however_it_is_written),
        cmocka_unit_test(a_case_folded_domain_is_not_taken_for_the_one_that_was_sent),
        cmocka_unit_test(the_listeners_own_literal_is_own_only_by_an_own_mailer),
        cmocka_unit_test(only_strangers_and_only_accepted_recipients_are_told),
    };
    return cmocka_run_group_tests(tests, make_site, free_site);
}
