#include "probe/dns/dnsbl_table.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define SPAMHAUS    "https://check.spamhaus.org/"
#define SPAMCOP     "https://www.spamcop.net/bl.shtml"
#define BARRACUDA   "https://www.barracudacentral.org/rbl/removal-request"
#define UCEPROTECT  "https://www.uceprotect.net/en/rblcheck.php"
#define SPAMRATS    "https://www.spamrats.com/removal.php"
#define ABUSIX      "https://lookup.abusix.com/"
#define MAILSPIKE   "https://mailspike.org/iplookup.html"
#define SENDERSCORE "https://senderscore.org/"
#define SEM         "https://spameatingmonkey.com/lookup"
#define BLOCKLIST   "https://www.blocklist.de/en/delist.html"
#define HOSTKARMA   "https://ipadmin.junkemailfilter.com/remove.php"
#define SORBS       "http://www.sorbs.net/"

#define ABUSE         DNSBL_ABUSE, false
#define POLICY        DNSBL_POLICY, false
#define NEIGHBOURHOOD DNSBL_NEIGHBOURHOOD, false
#define SCORE         DNSBL_SCORE, false
#define GOOD          DNSBL_GOOD, false
#define ERROR         DNSBL_ERROR, false
#define KEYED(what)   DNSBL_##what, true

/* Answers 127.0.0.FIRST to 127.0.0.LAST; those whose first octets are given; and any at all. */
#define LAST(first, last)                {127, 0, 0, 0}, 24, first, last
#define ALONE(octet)                     {127, 0, 0, 0}, 24, octet, octet
#define IN24(second, third, first, last) {127, second, third, 0}, 24, first, last
#define IN16(second, first, last)        {127, second, 0, 0}, 16, first, last
#define ANY                              {127, 0, 0, 0}, 8, 0, 255

/* clang-format off */
const struct dnsbl_row dnsbl_rows[] = {
    /* spamhaus.org, FAQ "DNSBL Usage": the return codes; 127.0.0.9 stands beside SBL's own. */
    {"zen.spamhaus.org", "Spamhaus SBL", SPAMHAUS, ALONE(2), ABUSE},
    {"zen.spamhaus.org", "Spamhaus CSS", SPAMHAUS, ALONE(3), ABUSE},
    {"zen.spamhaus.org", "Spamhaus XBL", SPAMHAUS, LAST(4, 7), ABUSE},
    {"zen.spamhaus.org", "Spamhaus DROP", SPAMHAUS, ALONE(9), ABUSE},
    {"zen.spamhaus.org", "Spamhaus PBL", SPAMHAUS, LAST(10, 11), POLICY},
    {"sbl.spamhaus.org", "Spamhaus SBL", SPAMHAUS, ALONE(2), ABUSE},
    {"sbl.spamhaus.org", "Spamhaus CSS", SPAMHAUS, ALONE(3), ABUSE},
    {"sbl.spamhaus.org", "Spamhaus DROP", SPAMHAUS, ALONE(9), ABUSE},
    {"xbl.spamhaus.org", "Spamhaus XBL", SPAMHAUS, LAST(4, 7), ABUSE},
    {"pbl.spamhaus.org", "Spamhaus PBL", SPAMHAUS, LAST(10, 11), POLICY},
    {"sbl-xbl.spamhaus.org", "Spamhaus SBL and XBL", SPAMHAUS, LAST(2, 7), ABUSE},
    {"sbl-xbl.spamhaus.org", "Spamhaus DROP", SPAMHAUS, ALONE(9), ABUSE},
    {"swl.spamhaus.org", "Spamhaus SWL", NULL, IN24(0, 2, 2, 103), GOOD},
    /* docs.spamhaus.com, Data Query Service: the same codes behind a customer's key. */
    {"zen.dq.spamhaus.net", "Spamhaus SBL", SPAMHAUS, ALONE(2), KEYED(ABUSE)},
    {"zen.dq.spamhaus.net", "Spamhaus CSS", SPAMHAUS, ALONE(3), KEYED(ABUSE)},
    {"zen.dq.spamhaus.net", "Spamhaus XBL", SPAMHAUS, LAST(4, 7), KEYED(ABUSE)},
    {"zen.dq.spamhaus.net", "Spamhaus DROP", SPAMHAUS, ALONE(9), KEYED(ABUSE)},
    {"zen.dq.spamhaus.net", "Spamhaus PBL", SPAMHAUS, LAST(10, 11), KEYED(POLICY)},
    {"sbl.dq.spamhaus.net", "Spamhaus SBL", SPAMHAUS, LAST(2, 3), KEYED(ABUSE)},
    {"sbl.dq.spamhaus.net", "Spamhaus DROP", SPAMHAUS, ALONE(9), KEYED(ABUSE)},
    {"xbl.dq.spamhaus.net", "Spamhaus XBL", SPAMHAUS, LAST(4, 7), KEYED(ABUSE)},
    {"pbl.dq.spamhaus.net", "Spamhaus PBL", SPAMHAUS, LAST(10, 11), KEYED(POLICY)},
    {"authbl.dq.spamhaus.net", "Spamhaus AuthBL", SPAMHAUS, ALONE(20), KEYED(ABUSE)},
    /* abuseat.org: the CBL is now a part of XBL, and keeps its one code. */
    {"cbl.abuseat.org", "CBL", SPAMHAUS, ALONE(2), ABUSE},

    /* One code each, from the pages that removal is asked for at. */
    {"bl.spamcop.net", "SpamCop", SPAMCOP, ALONE(2), ABUSE},
    {"b.barracudacentral.org", "Barracuda", BARRACUDA, ALONE(2), ABUSE},
    {"bb.barracudacentral.org", "Barracuda", BARRACUDA, ALONE(2), ABUSE},
    {"psbl.surriel.com", "PSBL", "https://psbl.org/", ALONE(2), ABUSE},
    {"ips.backscatterer.org", "Backscatterer", "https://www.backscatterer.org/", ALONE(2), ABUSE},
    {"ix.dnsbl.manitu.net", "NiX Spam", "https://www.dnsbl.manitu.net/", ALONE(2), ABUSE},
    {"db.wpbl.info", "WPBL", "http://www.wpbl.info/", ALONE(2), ABUSE},
    {"truncate.gbudb.net", "GBUdb Truncate", "https://www.gbudb.com/truncate/", ALONE(2), ABUSE},
    {"ubl.unsubscore.com", "LashBack UBL", "https://blacklist.lashback.com/", ALONE(2), ABUSE},
    {"bip.virusfree.cz", "virusfree.cz", NULL, ALONE(2), ABUSE}, /* its botnet code */

    /* blocklist.de, "API/RBL/DNS": the last octet is the service that was attacked. */
    {"bl.blocklist.de", "blocklist.de", BLOCKLIST, LAST(2, 255), ABUSE},
    {"all.bl.blocklist.de", "blocklist.de", BLOCKLIST, LAST(2, 255), ABUSE},
    /* dronebl.org, "howtouse" and its classes: 2 is the sample that tests are made with. */
    {"dnsbl.dronebl.org", "DroneBL", "https://dronebl.org/lookup", LAST(3, 255), ABUSE},

    /* uceprotect.net: level 1 lists addresses, 2 their provider's range, 3 the whole provider. */
    {"dnsbl-1.uceprotect.net", "UCEPROTECT level 1", UCEPROTECT, ALONE(2), ABUSE},
    {"dnsbl-2.uceprotect.net", "UCEPROTECT level 2", UCEPROTECT, ALONE(2), NEIGHBOURHOOD},
    {"dnsbl-3.uceprotect.net", "UCEPROTECT level 3", UCEPROTECT, ALONE(2), NEIGHBOURHOOD},

    /* spamrats.com, "About" of each list. */
    {"all.spamrats.com", "RATS-Dyna", SPAMRATS, ALONE(36), POLICY},
    {"all.spamrats.com", "RATS-NoPtr", SPAMRATS, ALONE(37), POLICY},
    {"all.spamrats.com", "RATS-Spam", SPAMRATS, ALONE(38), ABUSE},
    {"all.spamrats.com", "RATS-Auth", SPAMRATS, ALONE(43), ABUSE},
    {"dyna.spamrats.com", "RATS-Dyna", SPAMRATS, ALONE(36), POLICY},
    {"noptr.spamrats.com", "RATS-NoPtr", SPAMRATS, ALONE(37), POLICY},
    {"spam.spamrats.com", "RATS-Spam", SPAMRATS, ALONE(38), ABUSE},
    {"auth.spamrats.com", "RATS-Auth", SPAMRATS, ALONE(43), ABUSE},

    /* docs.abusix.com, "Production Zones"; 200 are entries made by hand. */
    {"combined.mail.abusix.zone", "Abusix black", ABUSIX, LAST(2, 3), KEYED(ABUSE)},
    {"combined.mail.abusix.zone", "Abusix black", ABUSIX, ALONE(200), KEYED(ABUSE)},
    {"combined.mail.abusix.zone", "Abusix exploit", ABUSIX, ALONE(4), KEYED(ABUSE)},
    {"combined.mail.abusix.zone", "Abusix policy", ABUSIX, LAST(11, 12), KEYED(POLICY)},
    {"black.mail.abusix.zone", "Abusix black", ABUSIX, LAST(2, 3), KEYED(ABUSE)},
    {"black.mail.abusix.zone", "Abusix black", ABUSIX, ALONE(200), KEYED(ABUSE)},
    {"exploit.mail.abusix.zone", "Abusix exploit", ABUSIX, ALONE(4), KEYED(ABUSE)},
    {"dynamic.mail.abusix.zone", "Abusix policy", ABUSIX, LAST(11, 12), KEYED(POLICY)},
    {"white.mail.abusix.zone", "Abusix white", NULL, ANY, KEYED(GOOD)},

    /* spameatingmonkey.com, "List information". */
    {"bl.spameatingmonkey.net", "SEM-BLACK", SEM, LAST(2, 3), ABUSE},
    {"bl.ipv6.spameatingmonkey.net", "SEM-IPV6BL", SEM, LAST(2, 3), ABUSE},
    {"backscatter.spameatingmonkey.net", "SEM-BACKSCATTER", SEM, LAST(2, 3), ABUSE},
    {"netbl.spameatingmonkey.net", "SEM-NETBLACK", SEM, LAST(2, 3), NEIGHBOURHOOD},

    /* mailspike.org, "Usage": 2 is a spam wave; 10 the worst reputation, L5, to 20 the best, H5.
     * From 13 to 15 it is no more than suspicious or neutral. */
    {"bl.mailspike.net", "Mailspike Z", MAILSPIKE, ALONE(2), ABUSE},
    {"bl.mailspike.net", "Mailspike worst reputation", MAILSPIKE, ALONE(10), ABUSE},
    {"bl.mailspike.net", "Mailspike very bad reputation", MAILSPIKE, ALONE(11), ABUSE},
    {"bl.mailspike.net", "Mailspike bad reputation", MAILSPIKE, ALONE(12), ABUSE},
    {"bl.mailspike.net", "Mailspike reputation", MAILSPIKE, LAST(13, 15), SCORE},
    {"bl.mailspike.net", "Mailspike", NULL, LAST(16, 20), GOOD},
    {"z.mailspike.net", "Mailspike Z", MAILSPIKE, ALONE(2), ABUSE},
    {"rep.mailspike.net", "Mailspike worst reputation", MAILSPIKE, ALONE(10), ABUSE},
    {"rep.mailspike.net", "Mailspike very bad reputation", MAILSPIKE, ALONE(11), ABUSE},
    {"rep.mailspike.net", "Mailspike bad reputation", MAILSPIKE, ALONE(12), ABUSE},
    {"rep.mailspike.net", "Mailspike reputation", MAILSPIKE, LAST(13, 15), SCORE},
    {"rep.mailspike.net", "Mailspike", NULL, LAST(16, 20), GOOD},
    {"wl.mailspike.net", "Mailspike", NULL, LAST(16, 20), GOOD},

    /* dnswl.org, "Return codes": 127.0.CATEGORY.TRUST with a trust of 0 to 3; 255 is a refusal. */
    {"list.dnswl.org", "it does not answer this resolver, which has asked too often", NULL,
     IN16(0, 255, 255), ERROR},
    {"list.dnswl.org", "DNSWL", NULL, IN16(0, 0, 3), GOOD},

    /* senderscore.org: 127.0.4.SCORE, 0 to 100, and below 70 receivers begin to mind; bl. lists
     * the worst; the two others are of certified senders (SpamAssassin asks them as such). */
    {"score.senderscore.com", "Sender Score", NULL, IN24(0, 4, 71, 100), GOOD},
    {"score.senderscore.com", "Sender Score", SENDERSCORE, IN24(0, 4, 0, 70), SCORE},
    {"bl.score.senderscore.com", "Sender Score blocklist", SENDERSCORE, ALONE(2), ABUSE},
    {"sa-trusted.bondedsender.org", "Validity Certified", NULL, LAST(2, 254), GOOD},
    {"sa-accredit.habeas.com", "Validity Safe", NULL, LAST(2, 254), GOOD},

    /* isipp.com, "IADB codes": facts about senders that it accredits, in all of 127.0.0.0/8. */
    {"iadb.isipp.com", "ISIPP IADB", NULL, LAST(1, 2), GOOD},
    {"iadb.isipp.com", "ISIPP IADB", NULL, ANY, GOOD},
    {"iadb2.isipp.com", "ISIPP IADB", NULL, LAST(1, 2), GOOD},
    {"iadb2.isipp.com", "ISIPP IADB", NULL, ANY, GOOD},
    {"iddb.isipp.com", "ISIPP IDDB", NULL, ANY, GOOD},

    /* junkemailfilter.com, "Spam DNS lists": white 1, black 2, yellow 3 (good and bad mail), brown
     * 4 (not enough for black), 5 not to be listed. */
    {"hostkarma.junkemailfilter.com", "Hostkarma white", NULL, ALONE(1), GOOD},
    {"hostkarma.junkemailfilter.com", "Hostkarma black", HOSTKARMA, ALONE(2), ABUSE},
    {"hostkarma.junkemailfilter.com", "Hostkarma yellow", NULL, ALONE(3), GOOD},
    {"hostkarma.junkemailfilter.com", "Hostkarma brown", HOSTKARMA, ALONE(4), SCORE},
    {"hostkarma.junkemailfilter.com", "Hostkarma NoBL", NULL, ALONE(5), GOOD},

    /* spfbl.net, "DNSBL": 2 seen spamming, 3 suspicious or not set up by the RFCs, 4 a home or a
     * NAT router. */
    {"dnsbl.spfbl.net", "SPFBL", "https://spfbl.net/en/delist/", ALONE(2), ABUSE},
    {"dnsbl.spfbl.net", "SPFBL suspicious", "https://spfbl.net/en/delist/", ALONE(3), SCORE},
    {"dnsbl.spfbl.net", "SPFBL homes", "https://spfbl.net/en/delist/", ALONE(4), POLICY},

    /* sorbs.net, "Using SORBS". The list ended in 2024; what still answers is somebody's copy. */
    {"dnsbl.sorbs.net", "SORBS", SORBS, LAST(2, 9), ABUSE},
    {"dnsbl.sorbs.net", "SORBS DUHL", SORBS, ALONE(10), POLICY},
    {"dnsbl.sorbs.net", "SORBS, a range without mail", SORBS, LAST(11, 14), POLICY},
    {"dnsbl.sorbs.net", "SORBS", SORBS, ALONE(15), ABUSE},
    {"dul.dnsbl.sorbs.net", "SORBS DUHL", SORBS, ALONE(10), POLICY},
    {"spam.dnsbl.sorbs.net", "SORBS spam", SORBS, ALONE(6), ABUSE},
    {"zombie.dnsbl.sorbs.net", "SORBS zombie", SORBS, ALONE(9), ABUSE},
};
/* clang-format on */

const size_t dnsbl_row_count = COUNT(dnsbl_rows);

/* From their usage pages. Spamhaus' DBL answers 127.0.1.255 to whoever asks about an address. */
const char *const dnsbl_name_zones[] = {
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
const size_t dnsbl_name_zone_count = COUNT(dnsbl_name_zones);
