/* Every list that is known: what the first and the last of its published codes mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/dns/dnsbl.h"
#include "probe/dns/dnsbl_table.h"

/* clang-format off */
static const struct {
    const char *zone, *answer;
    enum dnsbl_meaning meaning;
    const char *list;
} codes[] = {
    {"zen.spamhaus.org", "127.0.0.2", DNSBL_ABUSE, "Spamhaus SBL"},
    {"zen.spamhaus.org", "127.0.0.3", DNSBL_ABUSE, "Spamhaus CSS"},
    {"zen.spamhaus.org", "127.0.0.4", DNSBL_ABUSE, "Spamhaus XBL"},
    {"zen.spamhaus.org", "127.0.0.7", DNSBL_ABUSE, "Spamhaus XBL"},
    {"zen.spamhaus.org", "127.0.0.9", DNSBL_ABUSE, "Spamhaus DROP"},
    {"zen.spamhaus.org", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
    {"zen.spamhaus.org", "127.0.0.11", DNSBL_POLICY, "Spamhaus PBL"},
    {"sbl.spamhaus.org", "127.0.0.2", DNSBL_ABUSE, "Spamhaus SBL"},
    {"sbl.spamhaus.org", "127.0.0.3", DNSBL_ABUSE, "Spamhaus CSS"},
    {"sbl.spamhaus.org", "127.0.0.9", DNSBL_ABUSE, "Spamhaus DROP"},
    {"xbl.spamhaus.org", "127.0.0.4", DNSBL_ABUSE, "Spamhaus XBL"},
    {"xbl.spamhaus.org", "127.0.0.7", DNSBL_ABUSE, "Spamhaus XBL"},
    {"pbl.spamhaus.org", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
    {"pbl.spamhaus.org", "127.0.0.11", DNSBL_POLICY, "Spamhaus PBL"},
    {"sbl-xbl.spamhaus.org", "127.0.0.2", DNSBL_ABUSE, "Spamhaus SBL and XBL"},
    {"sbl-xbl.spamhaus.org", "127.0.0.7", DNSBL_ABUSE, "Spamhaus SBL and XBL"},
    {"sbl-xbl.spamhaus.org", "127.0.0.9", DNSBL_ABUSE, "Spamhaus DROP"},
    {"swl.spamhaus.org", "127.0.2.2", DNSBL_GOOD, "Spamhaus SWL"},
    {"swl.spamhaus.org", "127.0.2.103", DNSBL_GOOD, "Spamhaus SWL"},
    {"key.zen.dq.spamhaus.net", "127.0.0.2", DNSBL_ABUSE, "Spamhaus SBL"},
    {"key.zen.dq.spamhaus.net", "127.0.0.3", DNSBL_ABUSE, "Spamhaus CSS"},
    {"key.zen.dq.spamhaus.net", "127.0.0.4", DNSBL_ABUSE, "Spamhaus XBL"},
    {"key.zen.dq.spamhaus.net", "127.0.0.7", DNSBL_ABUSE, "Spamhaus XBL"},
    {"key.zen.dq.spamhaus.net", "127.0.0.9", DNSBL_ABUSE, "Spamhaus DROP"},
    {"key.zen.dq.spamhaus.net", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
    {"key.zen.dq.spamhaus.net", "127.0.0.11", DNSBL_POLICY, "Spamhaus PBL"},
    {"key.sbl.dq.spamhaus.net", "127.0.0.2", DNSBL_ABUSE, "Spamhaus SBL"},
    {"key.sbl.dq.spamhaus.net", "127.0.0.3", DNSBL_ABUSE, "Spamhaus SBL"},
    {"key.sbl.dq.spamhaus.net", "127.0.0.9", DNSBL_ABUSE, "Spamhaus DROP"},
    {"key.xbl.dq.spamhaus.net", "127.0.0.4", DNSBL_ABUSE, "Spamhaus XBL"},
    {"key.xbl.dq.spamhaus.net", "127.0.0.7", DNSBL_ABUSE, "Spamhaus XBL"},
    {"key.pbl.dq.spamhaus.net", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
    {"key.pbl.dq.spamhaus.net", "127.0.0.11", DNSBL_POLICY, "Spamhaus PBL"},
    {"key.authbl.dq.spamhaus.net", "127.0.0.20", DNSBL_ABUSE, "Spamhaus AuthBL"},
    {"cbl.abuseat.org", "127.0.0.2", DNSBL_ABUSE, "CBL"},
    {"bl.spamcop.net", "127.0.0.2", DNSBL_ABUSE, "SpamCop"},
    {"b.barracudacentral.org", "127.0.0.2", DNSBL_ABUSE, "Barracuda"},
    {"bb.barracudacentral.org", "127.0.0.2", DNSBL_ABUSE, "Barracuda"},
    {"psbl.surriel.com", "127.0.0.2", DNSBL_ABUSE, "PSBL"},
    {"ips.backscatterer.org", "127.0.0.2", DNSBL_ABUSE, "Backscatterer"},
    {"ix.dnsbl.manitu.net", "127.0.0.2", DNSBL_ABUSE, "NiX Spam"},
    {"db.wpbl.info", "127.0.0.2", DNSBL_ABUSE, "WPBL"},
    {"truncate.gbudb.net", "127.0.0.2", DNSBL_ABUSE, "GBUdb Truncate"},
    {"ubl.unsubscore.com", "127.0.0.2", DNSBL_ABUSE, "LashBack UBL"},
    {"bip.virusfree.cz", "127.0.0.2", DNSBL_ABUSE, "virusfree.cz"},
    {"bl.blocklist.de", "127.0.0.2", DNSBL_ABUSE, "blocklist.de"},
    {"bl.blocklist.de", "127.0.0.255", DNSBL_ABUSE, "blocklist.de"},
    {"all.bl.blocklist.de", "127.0.0.2", DNSBL_ABUSE, "blocklist.de"},
    {"all.bl.blocklist.de", "127.0.0.255", DNSBL_ABUSE, "blocklist.de"},
    {"dnsbl.dronebl.org", "127.0.0.3", DNSBL_ABUSE, "DroneBL"},
    {"dnsbl.dronebl.org", "127.0.0.255", DNSBL_ABUSE, "DroneBL"},
    {"dnsbl-1.uceprotect.net", "127.0.0.2", DNSBL_ABUSE, "UCEPROTECT level 1"},
    {"dnsbl-2.uceprotect.net", "127.0.0.2", DNSBL_NEIGHBOURHOOD, "UCEPROTECT level 2"},
    {"dnsbl-3.uceprotect.net", "127.0.0.2", DNSBL_NEIGHBOURHOOD, "UCEPROTECT level 3"},
    {"all.spamrats.com", "127.0.0.36", DNSBL_POLICY, "RATS-Dyna"},
    {"all.spamrats.com", "127.0.0.37", DNSBL_POLICY, "RATS-NoPtr"},
    {"all.spamrats.com", "127.0.0.38", DNSBL_ABUSE, "RATS-Spam"},
    {"all.spamrats.com", "127.0.0.43", DNSBL_ABUSE, "RATS-Auth"},
    {"dyna.spamrats.com", "127.0.0.36", DNSBL_POLICY, "RATS-Dyna"},
    {"noptr.spamrats.com", "127.0.0.37", DNSBL_POLICY, "RATS-NoPtr"},
    {"spam.spamrats.com", "127.0.0.38", DNSBL_ABUSE, "RATS-Spam"},
    {"auth.spamrats.com", "127.0.0.43", DNSBL_ABUSE, "RATS-Auth"},
    {"key.combined.mail.abusix.zone", "127.0.0.2", DNSBL_ABUSE, "Abusix black"},
    {"key.combined.mail.abusix.zone", "127.0.0.3", DNSBL_ABUSE, "Abusix black"},
    {"key.combined.mail.abusix.zone", "127.0.0.200", DNSBL_ABUSE, "Abusix black"},
    {"key.combined.mail.abusix.zone", "127.0.0.4", DNSBL_ABUSE, "Abusix exploit"},
    {"key.combined.mail.abusix.zone", "127.0.0.11", DNSBL_POLICY, "Abusix policy"},
    {"key.combined.mail.abusix.zone", "127.0.0.12", DNSBL_POLICY, "Abusix policy"},
    {"key.black.mail.abusix.zone", "127.0.0.2", DNSBL_ABUSE, "Abusix black"},
    {"key.black.mail.abusix.zone", "127.0.0.3", DNSBL_ABUSE, "Abusix black"},
    {"key.black.mail.abusix.zone", "127.0.0.200", DNSBL_ABUSE, "Abusix black"},
    {"key.exploit.mail.abusix.zone", "127.0.0.4", DNSBL_ABUSE, "Abusix exploit"},
    {"key.dynamic.mail.abusix.zone", "127.0.0.11", DNSBL_POLICY, "Abusix policy"},
    {"key.dynamic.mail.abusix.zone", "127.0.0.12", DNSBL_POLICY, "Abusix policy"},
    {"key.white.mail.abusix.zone", "127.9.8.7", DNSBL_GOOD, "Abusix white"},
    {"bl.spameatingmonkey.net", "127.0.0.2", DNSBL_ABUSE, "SEM-BLACK"},
    {"bl.spameatingmonkey.net", "127.0.0.3", DNSBL_ABUSE, "SEM-BLACK"},
    {"bl.ipv6.spameatingmonkey.net", "127.0.0.2", DNSBL_ABUSE, "SEM-IPV6BL"},
    {"bl.ipv6.spameatingmonkey.net", "127.0.0.3", DNSBL_ABUSE, "SEM-IPV6BL"},
    {"backscatter.spameatingmonkey.net", "127.0.0.2", DNSBL_ABUSE, "SEM-BACKSCATTER"},
    {"backscatter.spameatingmonkey.net", "127.0.0.3", DNSBL_ABUSE, "SEM-BACKSCATTER"},
    {"netbl.spameatingmonkey.net", "127.0.0.2", DNSBL_NEIGHBOURHOOD, "SEM-NETBLACK"},
    {"netbl.spameatingmonkey.net", "127.0.0.3", DNSBL_NEIGHBOURHOOD, "SEM-NETBLACK"},
    {"bl.mailspike.net", "127.0.0.2", DNSBL_ABUSE, "Mailspike Z"},
    {"bl.mailspike.net", "127.0.0.10", DNSBL_ABUSE, "Mailspike worst reputation"},
    {"bl.mailspike.net", "127.0.0.11", DNSBL_ABUSE, "Mailspike very bad reputation"},
    {"bl.mailspike.net", "127.0.0.12", DNSBL_ABUSE, "Mailspike bad reputation"},
    {"bl.mailspike.net", "127.0.0.13", DNSBL_SCORE, "Mailspike reputation"},
    {"bl.mailspike.net", "127.0.0.15", DNSBL_SCORE, "Mailspike reputation"},
    {"bl.mailspike.net", "127.0.0.16", DNSBL_GOOD, "Mailspike"},
    {"bl.mailspike.net", "127.0.0.20", DNSBL_GOOD, "Mailspike"},
    {"z.mailspike.net", "127.0.0.2", DNSBL_ABUSE, "Mailspike Z"},
    {"rep.mailspike.net", "127.0.0.10", DNSBL_ABUSE, "Mailspike worst reputation"},
    {"rep.mailspike.net", "127.0.0.11", DNSBL_ABUSE, "Mailspike very bad reputation"},
    {"rep.mailspike.net", "127.0.0.12", DNSBL_ABUSE, "Mailspike bad reputation"},
    {"rep.mailspike.net", "127.0.0.13", DNSBL_SCORE, "Mailspike reputation"},
    {"rep.mailspike.net", "127.0.0.15", DNSBL_SCORE, "Mailspike reputation"},
    {"rep.mailspike.net", "127.0.0.16", DNSBL_GOOD, "Mailspike"},
    {"rep.mailspike.net", "127.0.0.20", DNSBL_GOOD, "Mailspike"},
    {"wl.mailspike.net", "127.0.0.16", DNSBL_GOOD, "Mailspike"},
    {"wl.mailspike.net", "127.0.0.20", DNSBL_GOOD, "Mailspike"},
    {"list.dnswl.org", "127.0.7.0", DNSBL_GOOD, "DNSWL"},
    {"list.dnswl.org", "127.0.7.3", DNSBL_GOOD, "DNSWL"},
    {"score.senderscore.com", "127.0.4.71", DNSBL_GOOD, "Sender Score"},
    {"score.senderscore.com", "127.0.4.100", DNSBL_GOOD, "Sender Score"},
    {"score.senderscore.com", "127.0.4.0", DNSBL_SCORE, "Sender Score"},
    {"score.senderscore.com", "127.0.4.70", DNSBL_SCORE, "Sender Score"},
    {"bl.score.senderscore.com", "127.0.0.2", DNSBL_ABUSE, "Sender Score blocklist"},
    {"sa-trusted.bondedsender.org", "127.0.0.2", DNSBL_GOOD, "Validity Certified"},
    {"sa-trusted.bondedsender.org", "127.0.0.254", DNSBL_GOOD, "Validity Certified"},
    {"sa-accredit.habeas.com", "127.0.0.2", DNSBL_GOOD, "Validity Safe"},
    {"sa-accredit.habeas.com", "127.0.0.254", DNSBL_GOOD, "Validity Safe"},
    {"iadb.isipp.com", "127.0.0.1", DNSBL_GOOD, "ISIPP IADB"},
    {"iadb.isipp.com", "127.0.0.2", DNSBL_GOOD, "ISIPP IADB"},
    {"iadb.isipp.com", "127.9.8.7", DNSBL_GOOD, "ISIPP IADB"},
    {"iadb2.isipp.com", "127.0.0.1", DNSBL_GOOD, "ISIPP IADB"},
    {"iadb2.isipp.com", "127.0.0.2", DNSBL_GOOD, "ISIPP IADB"},
    {"iadb2.isipp.com", "127.9.8.7", DNSBL_GOOD, "ISIPP IADB"},
    {"iddb.isipp.com", "127.9.8.7", DNSBL_GOOD, "ISIPP IDDB"},
    {"hostkarma.junkemailfilter.com", "127.0.0.1", DNSBL_GOOD, "Hostkarma white"},
    {"hostkarma.junkemailfilter.com", "127.0.0.2", DNSBL_ABUSE, "Hostkarma black"},
    {"hostkarma.junkemailfilter.com", "127.0.0.3", DNSBL_GOOD, "Hostkarma yellow"},
    {"hostkarma.junkemailfilter.com", "127.0.0.4", DNSBL_SCORE, "Hostkarma brown"},
    {"hostkarma.junkemailfilter.com", "127.0.0.5", DNSBL_GOOD, "Hostkarma NoBL"},
    {"dnsbl.spfbl.net", "127.0.0.2", DNSBL_ABUSE, "SPFBL"},
    {"dnsbl.spfbl.net", "127.0.0.3", DNSBL_SCORE, "SPFBL suspicious"},
    {"dnsbl.spfbl.net", "127.0.0.4", DNSBL_POLICY, "SPFBL homes"},
    {"dnsbl.sorbs.net", "127.0.0.2", DNSBL_ABUSE, "SORBS"},
    {"dnsbl.sorbs.net", "127.0.0.9", DNSBL_ABUSE, "SORBS"},
    {"dnsbl.sorbs.net", "127.0.0.10", DNSBL_POLICY, "SORBS DUHL"},
    {"dnsbl.sorbs.net", "127.0.0.11", DNSBL_POLICY, "SORBS, a range without mail"},
    {"dnsbl.sorbs.net", "127.0.0.14", DNSBL_POLICY, "SORBS, a range without mail"},
    {"dnsbl.sorbs.net", "127.0.0.15", DNSBL_ABUSE, "SORBS"},
    {"dul.dnsbl.sorbs.net", "127.0.0.10", DNSBL_POLICY, "SORBS DUHL"},
    {"spam.dnsbl.sorbs.net", "127.0.0.6", DNSBL_ABUSE, "SORBS spam"},
    {"zombie.dnsbl.sorbs.net", "127.0.0.9", DNSBL_ABUSE, "SORBS zombie"},
};

static const char *const lists_of_names[] = {
    "dbl.spamhaus.org",
    "dwl.spamhaus.org",
    "dbl.dq.spamhaus.net",
    "zrd.dq.spamhaus.net",
    "multi.surbl.org",
    "multi.uribl.com",
    "black.uribl.com",
    "grey.uribl.com",
    "red.uribl.com",
    "uribl.spameatingmonkey.net",
    "urired.spameatingmonkey.net",
    "fresh.spameatingmonkey.net",
    "fresh10.spameatingmonkey.net",
    "fresh15.spameatingmonkey.net",
    "fresh30.spameatingmonkey.net",
    "freshzero.spameatingmonkey.net",
    "rhsbl.sorbs.net",
    "dwl.dnswl.org",
    "uribl.rspamd.com",
    "email.rspamd.com",
    "ebl.msbl.org",
    "dblack.mail.abusix.zone",
};

/* Lists that are not in the table, but say by their own labels that they are no block lists. */
static const char *const welcome_labels[] = {
    "wl", "swl", "iwl", "dnswl", "rwl", "white", "whitelist", "ips-whitelisted", "nobl", "allow", "allowlist",
    "welcome", "welcomelist", "trusted", "accredit", "rep", "reputation", "score",
};
static const char *const policy_labels[] = {
    "pbl", "dul", "dyna", "dynip", "noptr", "dynamic", "dialup", "dialups",
};
/* clang-format on */

static struct dnsbl_reading read_code(const char *zone, const char *answer)
{
    struct address address;

    assert_true(address_parse(answer, &address));
    return dnsbl_read(zone, &address);
}

static void every_published_code_means_what_its_list_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct dnsbl_reading reading = read_code(codes[i].zone, codes[i].answer);
        if (reading.meaning != codes[i].meaning || reading.list == NULL ||
            strcmp(reading.list, codes[i].list) != 0) {
            fail_msg("%s of %s: %s, %s", codes[i].answer, codes[i].zone,
                     dnsbl_meaning_name(reading.meaning),
                     reading.list != NULL ? reading.list : "no list");
        }
    }
}

static void a_list_of_names_is_none_of_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lists_of_names) / sizeof(lists_of_names[0]); i++) {
        assert_true(dnsbl_is_of_names(lists_of_names[i]));
    }
    assert_false(dnsbl_is_of_names("zen.spamhaus.org"));
}

static void an_unknown_list_is_read_by_its_own_labels(void **state)
{
    char zone[DOMAIN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(welcome_labels) / sizeof(welcome_labels[0]); i++) {
        snprintf(zone, sizeof(zone), "%s.lists.example.net", welcome_labels[i]);
        assert_int_equal(read_code(zone, "127.0.0.2").meaning, DNSBL_UNKNOWN);
    }
    for (size_t i = 0; i < sizeof(policy_labels) / sizeof(policy_labels[0]); i++) {
        snprintf(zone, sizeof(zone), "%s.lists.example.net", policy_labels[i]);
        assert_int_equal(read_code(zone, "127.0.0.2").meaning, DNSBL_POLICY);
    }
    assert_int_equal(read_code("bl.lists.example.net", "127.0.0.2").meaning, DNSBL_ABUSE);
}

static bool meet(const struct dnsbl_row *one, const struct dnsbl_row *other)
{
    return strcmp(one->zone, other->zone) == 0 && one->prefix == other->prefix &&
           memcmp(one->base, other->base, one->prefix / 8) == 0 && one->first <= other->last &&
           other->first <= one->last;
}

/* The second would never be looked at. */
static void no_answer_of_a_list_stands_twice(void **state)
{
    size_t twice = 0;

    (void)state;
    for (size_t i = 0; i < dnsbl_row_count; i++) {
        for (size_t j = i + 1; j < dnsbl_row_count; j++) {
            if (meet(&dnsbl_rows[i], &dnsbl_rows[j])) {
                print_message("rows %zu and %zu of %s mean the same answers: %s, %s\n", i, j,
                              dnsbl_rows[i].zone, dnsbl_rows[i].list, dnsbl_rows[j].list);
                twice++;
            }
        }
    }
    assert_int_equal(twice, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_published_code_means_what_its_list_says),
        cmocka_unit_test(no_answer_of_a_list_stands_twice),
        cmocka_unit_test(a_list_of_names_is_none_of_addresses),
        cmocka_unit_test(an_unknown_list_is_read_by_its_own_labels),
    };

    return cmocka_run_group_tests_name("dnsbl_lists", tests, NULL, NULL);
}
