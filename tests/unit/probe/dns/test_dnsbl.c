#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/dns/dnsbl.h"
#include "probe/dns/dnsbl_table.h"

static struct address address_of(const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    return address;
}

static void an_ipv4_address_is_asked_for_with_its_octets_reversed(void **state)
{
    (void)state;
    struct address address = address_of("203.0.113.25");
    char name[DOMAIN_SIZE];

    assert_true(dnsbl_name(&address, "zen.spamhaus.org", name));
    assert_string_equal(name, "25.113.0.203.zen.spamhaus.org");
    assert_true(dnsbl_pointer_name(&address, name));
    assert_string_equal(name, "25.113.0.203.in-addr.arpa");
}

static void an_ipv6_address_is_asked_for_with_its_nibbles_reversed(void **state)
{
    (void)state;
    struct address address = address_of("2001:db8:1:2:3:4:567:89ab");
    char name[DOMAIN_SIZE];

    /* The example of RFC 5782 section 2.4. */
    assert_true(dnsbl_name(&address, "ugly.example.com", name));
    assert_string_equal(name, "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2."
                              "ugly.example.com");
    assert_true(dnsbl_pointer_name(&address, name));
    assert_string_equal(name + 64, "ip6.arpa");
}

static void a_name_that_dns_cannot_hold_is_not_asked_for(void **state)
{
    (void)state;
    struct address address = address_of("2001:db8::1");
    struct address none = {.family = ADDRESS_NONE};
    char zone[DOMAIN_SIZE];
    char name[DOMAIN_SIZE] = "untouched";

    memset(zone, 'a', sizeof(zone));
    zone[253 - 64] = '\0';
    assert_true(dnsbl_name(&address, zone, name));
    assert_int_equal(strlen(name), 253);
    strcpy(name, "untouched");
    zone[253 - 64] = 'a';
    zone[253 - 64 + 1] = '\0';
    assert_false(dnsbl_name(&address, zone, name));
    assert_false(dnsbl_name(&none, "bl.example.net", name));
    assert_string_equal(name, "untouched");
}

static void answers_mean_what_their_list_says(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *answer;
        enum dnsbl_meaning meaning;
        const char *list;
    } rows[] = {
        {"zen.spamhaus.org", "127.0.0.2", DNSBL_ABUSE, "Spamhaus SBL"},
        {"zen.spamhaus.org", "127.0.0.3", DNSBL_ABUSE, "Spamhaus CSS"},
        {"zen.spamhaus.org", "127.0.0.4", DNSBL_ABUSE, "Spamhaus XBL"},
        {"zen.spamhaus.org", "127.0.0.9", DNSBL_ABUSE, "Spamhaus DROP"},
        {"zen.spamhaus.org", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
        {"zen.spamhaus.org", "127.0.0.11", DNSBL_POLICY, "Spamhaus PBL"},
        {"zen.spamhaus.org", "127.0.0.8", DNSBL_UNKNOWN, NULL},
        {"zen.spamhaus.org", "127.0.0.12", DNSBL_UNKNOWN, NULL},
        {"zen.spamhaus.org", "127.0.0.99", DNSBL_UNKNOWN, NULL},
        {"zen.spamhaus.org", "127.0.1.2", DNSBL_UNKNOWN, NULL},
        {"zen.spamhaus.org", "127.1.0.2", DNSBL_UNKNOWN, NULL},
        {"sbl.spamhaus.org", "127.0.0.10", DNSBL_UNKNOWN, NULL},
        {"swl.spamhaus.org", "127.0.2.3", DNSBL_GOOD, "Spamhaus SWL"},
        {"abcd.zen.dq.spamhaus.net", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
        {"bl.spamcop.net", "127.0.0.2", DNSBL_ABUSE, "SpamCop"},
        {"dnsbl-2.uceprotect.net", "127.0.0.2", DNSBL_NEIGHBOURHOOD, "UCEPROTECT level 2"},
        {"all.spamrats.com", "127.0.0.36", DNSBL_POLICY, "RATS-Dyna"},
        {"all.spamrats.com", "127.0.0.38", DNSBL_ABUSE, "RATS-Spam"},
        {"dnsbl-3.uceprotect.net", "127.0.0.2", DNSBL_NEIGHBOURHOOD, "UCEPROTECT level 3"},
        {"dnsbl-1.uceprotect.net", "127.0.0.2", DNSBL_ABUSE, "UCEPROTECT level 1"},
        {"key.combined.mail.abusix.zone", "127.0.0.4", DNSBL_ABUSE, "Abusix exploit"},
        {"key.combined.mail.abusix.zone", "127.0.0.12", DNSBL_POLICY, "Abusix policy"},
        {"key.combined.mail.abusix.zone", "127.0.0.200", DNSBL_ABUSE, "Abusix black"},
        {"key.combined.mail.abusix.zone", "127.0.0.5", DNSBL_UNKNOWN, NULL},
        {"key.white.mail.abusix.zone", "127.0.0.2", DNSBL_GOOD, "Abusix white"},
        {"dnsbl.dronebl.org", "127.0.0.13", DNSBL_ABUSE, "DroneBL"},
        {"dnsbl.dronebl.org", "127.0.0.2", DNSBL_UNKNOWN, NULL}, /* their sample */
        {"netbl.spameatingmonkey.net", "127.0.0.2", DNSBL_NEIGHBOURHOOD, "SEM-NETBLACK"},
        {"bl.blocklist.de", "127.0.0.9", DNSBL_ABUSE, "blocklist.de"},
        {"dnsbl.sorbs.net", "127.0.0.10", DNSBL_POLICY, "SORBS DUHL"},
        {"dnsbl.sorbs.net", "127.0.0.6", DNSBL_ABUSE, "SORBS"},
        /* One code means opposite things in these two. */
        {"bl.mailspike.net", "127.0.0.10", DNSBL_ABUSE, "Mailspike worst reputation"},
        {"bl.mailspike.net", "127.0.0.11", DNSBL_ABUSE, "Mailspike very bad reputation"},
        {"bl.mailspike.net", "127.0.0.12", DNSBL_ABUSE, "Mailspike bad reputation"},
        {"bl.mailspike.net", "127.0.0.2", DNSBL_ABUSE, "Mailspike Z"},
        {"rep.mailspike.net", "127.0.0.13", DNSBL_SCORE, "Mailspike reputation"},
        {"rep.mailspike.net", "127.0.0.15", DNSBL_SCORE, "Mailspike reputation"},
        {"rep.mailspike.net", "127.0.0.16", DNSBL_GOOD, "Mailspike"},
        {"wl.mailspike.net", "127.0.0.19", DNSBL_GOOD, "Mailspike"},
        {"wl.mailspike.net", "127.0.0.20", DNSBL_GOOD, "Mailspike"},
        {"wl.mailspike.net", "127.0.0.2", DNSBL_UNKNOWN, NULL},
        {"list.dnswl.org", "127.0.5.2", DNSBL_GOOD, "DNSWL"},
        {"list.dnswl.org", "127.0.10.0", DNSBL_GOOD, "DNSWL"},
        {"list.dnswl.org", "127.0.15.3", DNSBL_GOOD, "DNSWL"},
        {"list.dnswl.org", "127.0.5.4", DNSBL_UNKNOWN, NULL},
        {"score.senderscore.com", "127.0.4.95", DNSBL_GOOD, "Sender Score"},
        {"score.senderscore.com", "127.0.4.71", DNSBL_GOOD, "Sender Score"},
        {"score.senderscore.com", "127.0.4.70", DNSBL_SCORE, "Sender Score"},
        {"score.senderscore.com", "127.0.4.0", DNSBL_SCORE, "Sender Score"},
        {"score.senderscore.com", "127.0.4.101", DNSBL_UNKNOWN, NULL},
        {"bl.score.senderscore.com", "127.0.0.2", DNSBL_ABUSE, "Sender Score blocklist"},
        {"sa-trusted.bondedsender.org", "127.0.0.10", DNSBL_GOOD, "Validity Certified"},
        {"iadb.isipp.com", "127.2.255.2", DNSBL_GOOD, "ISIPP IADB"},
        {"iadb.isipp.com", "127.0.0.1", DNSBL_GOOD, "ISIPP IADB"},
        {"iadb.isipp.com", "127.0.0.2", DNSBL_GOOD, "ISIPP IADB"},
        {"hostkarma.junkemailfilter.com", "127.0.0.1", DNSBL_GOOD, "Hostkarma white"},
        {"hostkarma.junkemailfilter.com", "127.0.0.2", DNSBL_ABUSE, "Hostkarma black"},
        {"hostkarma.junkemailfilter.com", "127.0.0.3", DNSBL_GOOD, "Hostkarma yellow"},
        {"hostkarma.junkemailfilter.com", "127.0.0.4", DNSBL_SCORE, "Hostkarma brown"},
        {"hostkarma.junkemailfilter.com", "127.0.0.5", DNSBL_GOOD, "Hostkarma NoBL"},
        {"dnsbl.spfbl.net", "127.0.0.4", DNSBL_POLICY, "SPFBL homes"},
        /* Lists that are not known: only the plain code, and not where the name forbids it. */
        {"bl.example.net", "127.0.0.2", DNSBL_ABUSE, NULL},
        {"bl.example.net", "127.0.0.3", DNSBL_UNKNOWN, NULL},
        {"bl.example.net", "127.0.0.10", DNSBL_UNKNOWN, NULL},
        {"bl.example.net", "127.0.1.2", DNSBL_UNKNOWN, NULL},
        {"wl.example.net", "127.0.0.2", DNSBL_UNKNOWN, NULL},
        {"ips.whitelist.example.net", "127.0.0.2", DNSBL_UNKNOWN, NULL},
        {"dul.example.net", "127.0.0.3", DNSBL_UNKNOWN, NULL},
        {"dul.example.net", "127.0.0.2", DNSBL_POLICY, NULL},
        {"dulcimer.example.net", "127.0.0.2", DNSBL_ABUSE, NULL},
        {"zen.spamhaus.org", "2001:db8::1", DNSBL_NOTHING, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address answer = address_of(rows[i].answer);
        struct dnsbl_reading reading = dnsbl_read(rows[i].zone, &answer);
        if (reading.meaning != rows[i].meaning ||
            (reading.list == NULL) != (rows[i].list == NULL) ||
            (reading.list != NULL && strcmp(reading.list, rows[i].list) != 0)) {
            fail_msg("%s %s", rows[i].zone, rows[i].answer);
        }
        assert_null(reading.text);
    }
}

/* Each word by which an unknown list says that it is none of bad addresses, wherever it stands; and
 * no word that only begins or ends so. */
static void an_unknown_list_is_taken_at_its_word(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        enum dnsbl_meaning meaning;
    } rows[] = {
        {"pbl", DNSBL_POLICY},          {"dul", DNSBL_POLICY},
        {"dyna", DNSBL_POLICY},         {"dynip", DNSBL_POLICY},
        {"noptr", DNSBL_POLICY},        {"dynamic", DNSBL_POLICY},
        {"dialup", DNSBL_POLICY},       {"dialups", DNSBL_POLICY},
        {"wl", DNSBL_UNKNOWN},          {"swl", DNSBL_UNKNOWN},
        {"iwl", DNSBL_UNKNOWN},         {"dnswl", DNSBL_UNKNOWN},
        {"rwl", DNSBL_UNKNOWN},         {"white", DNSBL_UNKNOWN},
        {"whitelist", DNSBL_UNKNOWN},   {"ips-whitelisted", DNSBL_UNKNOWN},
        {"nobl", DNSBL_UNKNOWN},        {"allow", DNSBL_UNKNOWN},
        {"allowlist", DNSBL_UNKNOWN},   {"welcome", DNSBL_UNKNOWN},
        {"welcomelist", DNSBL_UNKNOWN}, {"trusted", DNSBL_UNKNOWN},
        {"accredit", DNSBL_UNKNOWN},    {"rep", DNSBL_UNKNOWN},
        {"reputation", DNSBL_UNKNOWN},  {"score", DNSBL_UNKNOWN},
    };
    static const struct {
        const char *format;
        bool said;
    } places[] = {
        {"%s.example.net", true},   {"bl.%s.example.net", true}, {"bl.example.%s", true},
        {"x%s.example.net", false}, {"%sx.example.net", false},  {"bl.x-%s.example.net", false},
    };
    struct address answer = address_of("127.0.0.2");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < sizeof(places) / sizeof(places[0]); j++) {
            char zone[DOMAIN_SIZE];
            const char *at = strstr(places[j].format, "%s");
            snprintf(zone, sizeof(zone), "%.*s%s%s", (int)(at - places[j].format), places[j].format,
                     rows[i].label, at + 2);
            enum dnsbl_meaning said = places[j].said ? rows[i].meaning : DNSBL_ABUSE;
            bool other_word =
                strcmp(zone, "swl.example.net") == 0 || strcmp(zone, "dialups.example.net") == 0;
            if (!other_word && dnsbl_read(zone, &answer).meaning != said) {
                fail_msg("%s", zone);
            }
        }
    }
}

/* Each row of the table is what its first and its last code mean, unless another row comes first;
 * and the codes beside them are none of its own. */
static void each_row_of_the_table_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < dnsbl_row_count; i++) {
        const struct dnsbl_row *row = &dnsbl_rows[i];
        char zone[DOMAIN_SIZE];
        struct address answer = {.family = ADDRESS_IPV4};
        snprintf(zone, sizeof(zone), "%s%s", row->keyed ? "key." : "", row->zone);
        memcpy(answer.octets, row->base, sizeof(row->base));
        answer.octets[3] = row->last;
        struct dnsbl_reading reading = dnsbl_read(zone, &answer);
        bool error = row->meaning == DNSBL_ERROR;
        if (reading.meaning != row->meaning && reading.meaning != DNSBL_ERROR) {
            fail_msg("%s %d", zone, row->last);
        }
        if (reading.meaning == row->meaning) {
            assert_int_equal(reading.list == NULL, error);
            assert_int_equal(reading.text != NULL, error);
        }
        assert_string_equal(dnsbl_shown(zone), row->zone);
        assert_string_equal(dnsbl_shown(row->zone), row->zone);
    }
}

static void each_error_that_lists_share_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        const char *text; /* NULL: no error */
    } rows[] = {
        {"127.255.255.252", "misspelt"},
        {"127.255.255.254", "public resolvers"},
        {"127.255.255.255", "too often"},
        {"127.255.255.253", "refuses to answer"},
        {"127.255.255.0", "refuses"},
        {"127.255.255.251", "refuses"},
        {"127.0.0.1", "refuses"},
        {"127.255.254.255", NULL},
        {"127.254.255.255", NULL},
        {"127.0.0.0", NULL},
        {"127.0.0.2", NULL},
        {"127.0.1.1", NULL},
        {"127.1.0.1", NULL},
        {"126.0.0.2", "no listing"},
        {"128.0.0.2", "no listing"},
    };
    static const char *const zones[] = {"bl.example.net", "bl.spamcop.net", "wl.example.net"};

    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct address answer = address_of(rows[i].answer);
            struct dnsbl_reading reading = dnsbl_read(zones[z], &answer);
            if ((reading.meaning == DNSBL_ERROR) != (rows[i].text != NULL) ||
                (rows[i].text != NULL && strstr(reading.text, rows[i].text) == NULL)) {
                fail_msg("%s %s", zones[z], rows[i].answer);
            }
        }
    }
}

static void lists_of_names_are_known_with_what_is_below_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < dnsbl_name_zone_count; i++) {
        char zone[DOMAIN_SIZE];
        assert_true(dnsbl_is_of_names(dnsbl_name_zones[i]));
        snprintf(zone, sizeof(zone), "key.%s", dnsbl_name_zones[i]);
        assert_true(dnsbl_is_of_names(zone));
        assert_string_equal(dnsbl_shown(zone), dnsbl_name_zones[i]);
        snprintf(zone, sizeof(zone), "x%s", dnsbl_name_zones[i]);
        assert_false(dnsbl_is_of_names(zone));
    }
    assert_false(dnsbl_is_of_names("bl.example.net"));
}

static void meanings_have_the_names_that_are_logged(void **state)
{
    (void)state;
    static const struct {
        enum dnsbl_meaning meaning;
        const char *name;
    } rows[] = {
        {DNSBL_NOTHING, "nothing"}, {DNSBL_UNKNOWN, "unknown"},
        {DNSBL_GOOD, "good"},       {DNSBL_ERROR, "error"},
        {DNSBL_POLICY, "policy"},   {DNSBL_NEIGHBOURHOOD, "neighbourhood"},
        {DNSBL_SCORE, "score"},     {DNSBL_ABUSE, "abuse"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(dnsbl_meaning_name(rows[i].meaning), rows[i].name);
    }
}

static void errors_of_the_query_are_no_listings(void **state)
{
    (void)state;
    static const char *const answers[] = {"127.255.255.252", "127.255.255.254", "127.255.255.255",
                                          "127.255.255.0",   "127.255.255.1",   "127.0.0.1",
                                          "192.0.2.1",       "0.0.0.0"};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct address answer = address_of(answers[i]);
        struct dnsbl_reading reading = dnsbl_read("zen.spamhaus.org", &answer);
        assert_int_equal(reading.meaning, DNSBL_ERROR);
        assert_non_null(reading.text);
        assert_null(reading.list);
    }
}

static void a_lists_own_errors_are_no_listings(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *answer;
        const char *text;
    } rows[] = {
        {"list.dnswl.org", "127.0.0.255", "asked too often"},
        {"list.dnswl.org", "127.0.5.255", "asked too often"},
        {"dbl.spamhaus.org", "127.0.1.255", "domain names"},
        {"dbl.spamhaus.org", "127.0.1.2", "domain names"},
        {"key.dbl.dq.spamhaus.net", "127.0.1.2", "domain names"},
        {"multi.uribl.com", "127.0.0.1", "refuses"},
        {"multi.uribl.com", "127.0.0.2", "domain names"},
        {"multi.surbl.org", "127.0.0.254", "domain names"},
        /* Not even where every other answer is good. */
        {"iadb.isipp.com", "127.255.255.254", "public resolvers"},
        {"hostkarma.junkemailfilter.com", "127.255.255.255", "too often"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address answer = address_of(rows[i].answer);
        struct dnsbl_reading reading = dnsbl_read(rows[i].zone, &answer);
        if (reading.meaning != DNSBL_ERROR || strstr(reading.text, rows[i].text) == NULL) {
            fail_msg("%s %s", rows[i].zone, rows[i].answer);
        }
        assert_null(reading.list);
    }
}

/* A slip in the table would never show: a range that ends before it begins, one code in two
 * meanings, a zone that is spelt in two ways. */
static void the_table_has_no_row_that_cannot_fit_and_at_least_30_lists(void **state)
{
    (void)state;
    size_t zones = 0;

    for (size_t i = 0; i < dnsbl_row_count; i++) {
        const struct dnsbl_row *row = &dnsbl_rows[i];
        char compared[DOMAIN_SIZE];
        assert_true(domain_normalise(row->zone, strlen(row->zone), compared));
        assert_string_equal(compared, row->zone);
        assert_true(row->first <= row->last);
        assert_int_equal(row->base[0], 127);
        assert_true(row->meaning >= DNSBL_GOOD);
        assert_int_equal(row->removal != NULL, row->meaning >= DNSBL_POLICY &&
                                                   strcmp(row->zone, "bip.virusfree.cz") != 0);
        assert_false(dnsbl_is_of_names(row->zone));
        bool first = true;
        for (size_t j = 0; j < i; j++) {
            const struct dnsbl_row *before = &dnsbl_rows[j];
            bool same = strcmp(before->zone, row->zone) == 0;
            first = first && !same;
            if (same && before->prefix == row->prefix && memcmp(before->base, row->base, 4) == 0) {
                assert_true(before->last < row->first || row->last < before->first);
            }
            assert_true(!same || before->keyed == row->keyed);
        }
        zones += first;
    }
    assert_true(zones >= 30);
}

static void the_test_entries_are_those_of_rfc_5782(void **state)
{
    (void)state;
    struct address entry = dnsbl_listed_entry(ADDRESS_IPV4);
    char name[DOMAIN_SIZE];

    assert_true(dnsbl_name(&entry, "bl", name));
    assert_string_equal(name, "2.0.0.127.bl");
    entry = dnsbl_unlisted_entry(ADDRESS_IPV4);
    assert_true(dnsbl_name(&entry, "bl", name));
    assert_string_equal(name, "1.0.0.127.bl");
    entry = dnsbl_listed_entry(ADDRESS_IPV6);
    assert_true(dnsbl_name(&entry, "bl", name));
    assert_string_equal(name, "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl");
    entry = dnsbl_unlisted_entry(ADDRESS_IPV6);
    assert_true(dnsbl_name(&entry, "bl", name));
    assert_string_equal(name, "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl");
}

static void a_zone_that_is_only_above_lists_names_one_of_them(void **state)
{
    (void)state;
    assert_string_equal(dnsbl_zone_below("spamhaus.org"), "zen.spamhaus.org");
    assert_string_equal(dnsbl_zone_below("mailspike.net"), "bl.mailspike.net");
    assert_string_equal(dnsbl_zone_below("uceprotect.net"), "dnsbl-1.uceprotect.net");
    assert_null(dnsbl_zone_below("zen.spamhaus.org"));
    assert_null(dnsbl_zone_below("example.net"));
}

static void a_customers_key_is_not_shown(void **state)
{
    (void)state;
    assert_string_equal(dnsbl_shown("abcd.zen.dq.spamhaus.net"), "zen.dq.spamhaus.net");
    assert_string_equal(dnsbl_shown("abcd.dbl.dq.spamhaus.net"), "dbl.dq.spamhaus.net");
    assert_string_equal(dnsbl_shown("abcd.new.dq.spamhaus.net"), "new.dq.spamhaus.net");
    assert_string_equal(dnsbl_shown("abcd.new.mail.abusix.zone"), "new.mail.abusix.zone");
    assert_string_equal(dnsbl_shown("dq.spamhaus.net"), "dq.spamhaus.net");
    assert_string_equal(dnsbl_shown("bl.example.net"), "bl.example.net");
    assert_string_equal(dnsbl_shown("mail.abusix.zone"), "mail.abusix.zone");
    assert_string_equal(dnsbl_shown("key.sub.new.dq.spamhaus.net"), "sub.new.dq.spamhaus.net");
    assert_string_equal(dnsbl_shown("key.newdq.spamhaus.net"), "key.newdq.spamhaus.net");
}

static void known_lists_say_where_to_ask_for_removal(void **state)
{
    (void)state;
    assert_string_equal(dnsbl_removal("zen.spamhaus.org"), "https://check.spamhaus.org/");
    assert_string_equal(dnsbl_removal("hostkarma.junkemailfilter.com"),
                        "https://ipadmin.junkemailfilter.com/remove.php");
    assert_null(dnsbl_removal("bl.example.net"));
    assert_null(dnsbl_removal("list.dnswl.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_is_asked_for_with_its_octets_reversed),
        cmocka_unit_test(an_ipv6_address_is_asked_for_with_its_nibbles_reversed),
        cmocka_unit_test(a_name_that_dns_cannot_hold_is_not_asked_for),
        cmocka_unit_test(answers_mean_what_their_list_says),
        cmocka_unit_test(an_unknown_list_is_taken_at_its_word),
        cmocka_unit_test(each_row_of_the_table_is_found),
        cmocka_unit_test(each_error_that_lists_share_is_told_apart),
        cmocka_unit_test(lists_of_names_are_known_with_what_is_below_them),
        cmocka_unit_test(meanings_have_the_names_that_are_logged),
        cmocka_unit_test(errors_of_the_query_are_no_listings),
        cmocka_unit_test(a_lists_own_errors_are_no_listings),
        cmocka_unit_test(the_table_has_no_row_that_cannot_fit_and_at_least_30_lists),
        cmocka_unit_test(the_test_entries_are_those_of_rfc_5782),
        cmocka_unit_test(a_zone_that_is_only_above_lists_names_one_of_them),
        cmocka_unit_test(a_customers_key_is_not_shown),
        cmocka_unit_test(known_lists_say_where_to_ask_for_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
