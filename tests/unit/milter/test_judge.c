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

/* As Sendmail 8.17 shows them: it drops quotes, keeps backslashes, and names no domain where it
 * delivers here. */
static void backslashes_quotes_and_comments_are_read_as_sendmail_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct rcpt_macros macros;
        enum destination destination;
    } rows[] = {
        {"<x@evil.test\\@site.test>",
         {"esmtp", "evil.test\\@site.test", "x@evil.test\\@site.test"},
         DESTINATION_EXTERNAL},
        {"<\"x\"@evil.test\\@site.test>",
         {"esmtp", "evil.test\\@site.test", "\"x\"@evil.test\\@site.test"},
         DESTINATION_EXTERNAL},
        {"<x@evil.test\"@\"site.test>",
         {"esmtp", "evil.test\"@\"site.test", "x@evil.test\"@\"site.test"},
         DESTINATION_EXTERNAL},
        {"<\"x@evil.test\\\\\"@site.test>",
         {"esmtp", "evil.test\\\\", "x@evil.test\\\\"},
         DESTINATION_EXTERNAL},
        {"<evil.test!x\\@site.test>",
         {"esmtp", "evil.test.", "x\\@site.test@evil.test"},
         DESTINATION_EXTERNAL},
        {"<x@[\\192.0.2.25]>",
         {"esmtp", "[\\192.0.2.25]", "x@[\\192.0.2.25]"},
         DESTINATION_EXTERNAL},
        {"<x\\@evil.test@site.test>", {"local", "", "x\\@evil.test"}, DESTINATION_OWN},
        {"<x\"@evil.test\"@site.test>", {"local", "", "x\"@evil.test\""}, DESTINATION_OWN},
        {"<x(@evil.test)@site.test>", {"local", "", "x"}, DESTINATION_OWN},
        {"<x@site.test(@evil.test)>", {"local", "", "x"}, DESTINATION_OWN},
        {"<x@si\\te.test>", {"local", "", "x"}, DESTINATION_OWN},
        {"<x@site.test..>", {"local", "", "x"}, DESTINATION_OWN},
        {"<x@[192.0.2.25\\]>", {"local", "", "x"}, DESTINATION_OWN},
        {"<x@\\[192.0.2.25]>", {"local", "", "x"}, DESTINATION_OWN},
        {"<x@other\\.test>", {"local", "", "x"}, DESTINATION_MTA_OWN},
        {"<x@si\\te.test>", {"esmtp", "site.test.", "x@si\\te.test"}, DESTINATION_EXTERNAL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(destination_of(rows[i].path, rows[i].macros), rows[i].destination);
    }
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
    static const char *const forms[] = {
        "<\"postmaster\">", "<\"post\\master\">",          "<(c)postmaster>",
        "<postmaster(x)>",  "<postmaster(@outside.test)>", "<@site.test:postmaster>"};
    const struct rcpt_macros macros = {"smtp", "mx.test", "postmaster@mx.test"};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
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
        destination_of("<u@stra\u00DFe.test>",
                       (struct rcpt_macros){"local", "stra\u00DFe.test", "u@strasse.test"}),
        DESTINATION_MTA_OWN);
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

/* Every permission, decision and destination. */
static void only_strangers_and_only_accepted_recipients_are_told(void **state)
{
    (void)state;
    static const enum permission permissions[] = {PERMISSION_NONE, PERMISSION_AUTHENTICATED,
                                                  PERMISSION_TRUSTED_NETWORK,
                                                  PERMISSION_CLIENT_CERTIFICATE};
    static const enum decision decisions[] = {DECISION_ACCEPTED, DECISION_REFUSED,
                                              DECISION_DEFERRED};
    static const enum judgement of_accepted[] = {
        [DESTINATION_OWN] = JUDGEMENT_FINE,
        [DESTINATION_MTA_OWN] = JUDGEMENT_UNDECLARED,
        [DESTINATION_EXTERNAL] = JUDGEMENT_RELAYED,
    };

    for (size_t p = 0; p < sizeof(permissions) / sizeof(permissions[0]); p++) {
        for (size_t d = 0; d < sizeof(decisions) / sizeof(decisions[0]); d++) {
            for (int to = DESTINATION_OWN; to <= DESTINATION_EXTERNAL; to++) {
                bool told = permissions[p] == PERMISSION_NONE && decisions[d] == DECISION_ACCEPTED;
                assert_int_equal(
                    judge_recipient(permissions[p], decisions[d], (enum destination)to),
                    told ? of_accepted[to] : JUDGEMENT_FINE);
            }
        }
    }
}

static void what_is_enforced_depends_on_the_mask_alone(void **state)
{
    (void)state;
    for (int enforce = ENFORCE_OBSERVE; enforce <= ENFORCE_REJECT; enforce++) {
        for (int masked = ENFORCE_OBSERVE; masked <= ENFORCE_REJECT; masked++) {
            const struct judge_rules both = {.enforce = (enum enforcement)enforce,
                                             .enforce_masked = (enum enforcement)masked};
            assert_int_equal(judge_enforcement(&both, false), enforce);
            assert_int_equal(judge_enforcement(&both, true), masked);
        }
    }
}

static void a_mailer_counts_by_its_place_in_own_mailers_in_any_case(void **state)
{
    (void)state;
    static const struct {
        const char *mailer;
        size_t place;
    } rows[] = {
        {"local", 0}, {"LOCAL", 0}, {"virtual", 1}, {"lmtp", 2},   {"Relay", 3},
        {"error", 4}, {"smtp", 4},  {"", 4},        {"relay2", 4}, {"rela", 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(judge_carrier(&rules, rows[i].mailer), rows[i].place);
    }
}

/* Names, cases, empty domains and what was deferred: whose a recipient is. */
static void the_table_of_destinations(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct rcpt_macros macros;
        enum destination destination;
    } rows[] = {
        {"<u@other.test>", {"LOCAL", "", "u@other.test"}, DESTINATION_MTA_OWN},
        {"<u@other.test>", {"ERROR", "5.1.1 User unknown", "u@other.test"}, DESTINATION_MTA_OWN},
        {"<u@other.test>", {"errors", "x", "u@other.test"}, DESTINATION_EXTERNAL},
        {"<u@>", {"smtp", "x", "u@"}, DESTINATION_EXTERNAL},
        {"<u@>", {"local", "x", "u@"}, DESTINATION_OWN},
        {"<u>", {"local", "x", "u"}, DESTINATION_OWN},
        {"<u>", {"smtp", "x", "u"}, DESTINATION_EXTERNAL},
        {"<u@site.test>", {"error", "4.7.1", "Try again"}, DESTINATION_OWN},
        {"<u@SITE.TEST.>", {"error", "4.7.1", "Try again"}, DESTINATION_OWN},
        {"<u@other.test>", {"error", "4.7.1", "Try again"}, DESTINATION_EXTERNAL},
        {"<u@>", {"error", "4.7.1", "Try again"}, DESTINATION_EXTERNAL},
        {"<u@site.test>", {NULL, NULL, NULL}, DESTINATION_OWN},
        {"<u@notsite.test>", {"smtp", "x", "u@notsite.test"}, DESTINATION_EXTERNAL},
        {"<u@site.test.evil.test>", {"smtp", "x", "u@site.test.evil.test"}, DESTINATION_EXTERNAL},
        {"<u@sub.test>", {"smtp", "x", "u@sub.test"}, DESTINATION_EXTERNAL},
        {"<u\x80@other.test>", {"local", "x", "u@site.test"}, DESTINATION_MTA_OWN},
        {"<u\x80@other.test>", {"smtp", "x", "u@site.test"}, DESTINATION_EXTERNAL},
        {"u\u00DF", {"local", "x", "u@site.test"}, DESTINATION_OWN},
        {"u!\u00DF", {"smtp", "x", "u@site.test"}, DESTINATION_EXTERNAL},
        {"<u@[192.0.2.26]>", {"local", "x", "u@[192.0.2.26]"}, DESTINATION_MTA_OWN},
        {"<u@192.0.2.25>", {"local", "x", "u@192.0.2.25"}, DESTINATION_MTA_OWN},
        {"<u@[IPv6:::ffff:192.0.2.25]>",
         {"local", "x", "u@[IPv6:::ffff:192.0.2.25]"},
         DESTINATION_OWN},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(destination_of(rows[i].path, rows[i].macros), rows[i].destination);
    }
}

static void without_a_known_listener_no_literal_is_the_hosts_own(void **state)
{
    (void)state;
    const struct address nobody = {.family = ADDRESS_NONE};
    struct rcpt_meaning meaning;

    dialect_rcpt(&(struct rcpt_macros){"local", "x", "u@[192.0.2.25]"}, "<u@[192.0.2.25]>",
                 &meaning);
    assert_int_equal(judge_destination(&rules, &meaning, "<u@[192.0.2.25]>", &nobody),
                     DESTINATION_MTA_OWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permission_follows_the_declared_site),
        cmocka_unit_test(a_declared_domain_is_own_whatever_the_mailer),
        cmocka_unit_test(the_resolved_address_counts_and_not_the_text_of_the_command),
        cmocka_unit_test(backslashes_quotes_and_comments_are_read_as_sendmail_reads_them),
        cmocka_unit_test(an_undeclared_domain_with_an_own_mailer_is_the_mtas),
        cmocka_unit_test(of_a_refused_recipient_only_what_was_asked_for_tells),
        cmocka_unit_test(postmaster_without_a_domain_is_own),
        cmocka_unit_test(postmaster_is_own_however_it_is_written),
        cmocka_unit_test(a_case_folded_domain_is_not_taken_for_the_one_that_was_sent),
        cmocka_unit_test(the_listeners_own_literal_is_own_only_by_an_own_mailer),
        cmocka_unit_test(only_strangers_and_only_accepted_recipients_are_told),
        cmocka_unit_test(what_is_enforced_depends_on_the_mask_alone),
        cmocka_unit_test(a_mailer_counts_by_its_place_in_own_mailers_in_any_case),
        cmocka_unit_test(the_table_of_destinations),
        cmocka_unit_test(without_a_known_listener_no_literal_is_the_hosts_own),
    };
    return cmocka_run_group_tests(tests, make_site, free_site);
}
