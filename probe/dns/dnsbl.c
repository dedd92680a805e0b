#include "probe/dns/dnsbl.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define SPAMHAUS   "https://check.spamhaus.org/"
#define UCEPROTECT "https://www.uceprotect.net/en/rblcheck.php"
#define SPAMRATS   "https://www.spamrats.com/removal.php"
#define ABUSIX     "https://lookup.abusix.com/"

/* Lists that are not in here follow Spamhaus and SORBS in so far as 127.0.0.10 and 11 mean ranges.
 *
 * Answers 127.0.0.FIRST to 127.0.0.LAST of a zone, which may have a customer's key before it. The
 * first row that fits counts. */
static const struct {
    const char *zone;
    const char *list;
    const char *removal;
    unsigned int first;
    unsigned int last;
    enum dnsbl_meaning meaning;
    bool keyed; /* the label before the zone is a customer's key */
} rows[] = {
    {"zen.spamhaus.org", "Spamhaus SBL", SPAMHAUS, 2, 2, DNSBL_ABUSE, false},
    {"zen.spamhaus.org", "Spamhaus CSS", SPAMHAUS, 3, 3, DNSBL_ABUSE, false},
    {"zen.spamhaus.org", "Spamhaus XBL", SPAMHAUS, 4, 7, DNSBL_ABUSE, false},
    {"zen.spamhaus.org", "Spamhaus DROP", SPAMHAUS, 9, 9, DNSBL_ABUSE, false},
    {"zen.spamhaus.org", "Spamhaus PBL", SPAMHAUS, 10, 11, DNSBL_POLICY, false},
    {"zen.dq.spamhaus.net", "Spamhaus SBL", SPAMHAUS, 2, 2, DNSBL_ABUSE, true},
    {"zen.dq.spamhaus.net", "Spamhaus CSS", SPAMHAUS, 3, 3, DNSBL_ABUSE, true},
    {"zen.dq.spamhaus.net", "Spamhaus XBL", SPAMHAUS, 4, 7, DNSBL_ABUSE, true},
    {"zen.dq.spamhaus.net", "Spamhaus DROP", SPAMHAUS, 9, 9, DNSBL_ABUSE, true},
    {"zen.dq.spamhaus.net", "Spamhaus PBL", SPAMHAUS, 10, 11, DNSBL_POLICY, true},
    {"sbl.spamhaus.org", "Spamhaus SBL", SPAMHAUS, 2, 9, DNSBL_ABUSE, false},
    {"xbl.spamhaus.org", "Spamhaus XBL", SPAMHAUS, 4, 7, DNSBL_ABUSE, false},
    {"pbl.spamhaus.org", "Spamhaus PBL", SPAMHAUS, 10, 11, DNSBL_POLICY, false},
    {"sbl-xbl.spamhaus.org", "Spamhaus SBL and XBL", SPAMHAUS, 2, 9, DNSBL_ABUSE, false},
    {"bl.spamcop.net", "SpamCop", "https://www.spamcop.net/bl.shtml", 2, 2, DNSBL_ABUSE, false},
    {"b.barracudacentral.org", "Barracuda", "https://www.barracudacentral.org/rbl/removal-request",
     2, 2, DNSBL_ABUSE, false},
    {"psbl.surriel.com", "PSBL", "https://psbl.org/", 2, 2, DNSBL_ABUSE, false},
    {"bl.blocklist.de", "blocklist.de", "https://www.blocklist.de/en/delist.html", 2, 255,
     DNSBL_ABUSE, false},
    {"dnsbl.dronebl.org", "DroneBL", "https://dronebl.org/lookup", 2, 255, DNSBL_ABUSE, false},
    {"ips.backscatterer.org", "Backscatterer", "https://www.backscatterer.org/", 2, 2, DNSBL_ABUSE,
     false},
    {"dnsbl-1.uceprotect.net", "UCEPROTECT level 1", UCEPROTECT, 2, 2, DNSBL_ABUSE, false},
    {"dnsbl-2.uceprotect.net", "UCEPROTECT level 2", UCEPROTECT, 2, 2, DNSBL_NEIGHBOURHOOD, false},
    {"dnsbl-3.uceprotect.net", "UCEPROTECT level 3", UCEPROTECT, 2, 2, DNSBL_NEIGHBOURHOOD, false},
    {"all.spamrats.com", "RATS-Dyna", SPAMRATS, 36, 36, DNSBL_POLICY, false},
    {"all.spamrats.com", "RATS-NoPtr", SPAMRATS, 37, 37, DNSBL_POLICY, false},
    {"all.spamrats.com", "RATS-Spam", SPAMRATS, 38, 38, DNSBL_ABUSE, false},
    {"dyna.spamrats.com", "RATS-Dyna", SPAMRATS, 36, 36, DNSBL_POLICY, false},
    {"noptr.spamrats.com", "RATS-NoPtr", SPAMRATS, 37, 37, DNSBL_POLICY, false},
    {"spam.spamrats.com", "RATS-Spam", SPAMRATS, 38, 38, DNSBL_ABUSE, false},
    {"combined.mail.abusix.zone", "Abusix policy", ABUSIX, 11, 12, DNSBL_POLICY, true},
    {"combined.mail.abusix.zone", "Abusix", ABUSIX, 2, 6, DNSBL_ABUSE, true},
    {"dynamic.mail.abusix.zone", "Abusix policy", ABUSIX, 11, 12, DNSBL_POLICY, true},
};

/* Labels by which lists that are not in the table call themselves lists of ranges. */
static const char *const policy_labels[] = {"pbl",   "dul",     "dyna",   "dynip",
                                            "noptr", "dynamic", "dialup", "dialups"};

/* Errors that several lists share. RFC 5782 section 5 keeps 127.0.0.1 out of every list. */
static const struct {
    unsigned char octets[4];
    unsigned int prefix;
    const char *text;
} errors[] = {
    {{127, 255, 255, 252}, 32, "there is no such list: the zone is misspelt"},
    {{127, 255, 255, 254},
     32,
     "it does not answer public resolvers; set probe { resolvers } to one of your own"},
    {{127, 255, 255, 255}, 32, "it has been asked too often from here"},
    {{127, 255, 255, 0}, 24, "it refuses to answer"},
    {{127, 0, 0, 1}, 32, "it refuses to answer"},
};

/* ---- names ------------------------------------------------------------------------------ */

bool dnsbl_name(const struct address *address, const char *zone, char out[DOMAIN_SIZE])
{
    const uint8_t *octets = address->octets;
    char name[64 + DOMAIN_SIZE];
    size_t used = 0;

    if (address->family == ADDRESS_IPV4) {
        used = (size_t)snprintf(name, sizeof(name), "%u.%u.%u.%u.", octets[3], octets[2], octets[1],
                                octets[0]);
    } else {
        for (size_t i = 16; i-- > 0;) {
            used += (size_t)snprintf(name + used, sizeof(name) - used, "%x.%x.", octets[i] & 0xFU,
                                     (unsigned int)octets[i] >> 4);
        }
    }
    /* 253 octets without the trailing dot (RFC 1035 section 2.3.4). */
    if (address->family == ADDRESS_NONE || used + strlen(zone) > DOMAIN_SIZE - 3) {
        return false;
    }
    snprintf(name + used, sizeof(name) - used, "%s", zone);
    memcpy(out, name, strlen(name) + 1);
    return true;
}

bool dnsbl_pointer_name(const struct address *address, char out[DOMAIN_SIZE])
{
    return dnsbl_name(address, address->family == ADDRESS_IPV4 ? "in-addr.arpa" : "ip6.arpa", out);
}

/* ---- meaning ---------------------------------------------------------------------------- */

static bool row_fits(size_t row, const char *zone)
{
    return rows[row].keyed ? domain_is_within(zone, rows[row].zone)
                           : strcmp(zone, rows[row].zone) == 0;
}

static enum dnsbl_meaning meaning_by_name(const char *zone)
{
    for (const char *label = zone; *label != '\0'; label += strspn(label, ".")) {
        size_t length = strcspn(label, ".");
        for (size_t i = 0; i < COUNT(policy_labels); i++) {
            if (strlen(policy_labels[i]) == length &&
                memcmp(label, policy_labels[i], length) == 0) {
                return DNSBL_POLICY;
            }
        }
        label += length;
    }
    return DNSBL_ABUSE;
}

static struct dnsbl_reading read_error(const struct address *answer)
{
    for (size_t i = 0; i < COUNT(errors); i++) {
        uint8_t base[16] = {0};
        memcpy(base, errors[i].octets, sizeof(errors[i].octets));
        if (address_in_prefix(answer, base, errors[i].prefix)) {
            return (struct dnsbl_reading){.meaning = DNSBL_ERROR, .text = errors[i].text};
        }
    }
    return (struct dnsbl_reading){.meaning = DNSBL_NOTHING};
}

struct dnsbl_reading dnsbl_read(const char *zone, const struct address *answer)
{
    struct dnsbl_reading reading = {.meaning = DNSBL_NOTHING};
    const uint8_t *octets = answer->octets;

    if (answer->family != ADDRESS_IPV4) {
        return reading;
    }
    if (octets[0] != 127) {
        return (struct dnsbl_reading){
            .meaning = DNSBL_ERROR,
            .text = "its answer is no listing (outside 127.0.0.0/8): the list has ended, or the "
                    "resolver invents answers",
        };
    }
    reading = read_error(answer);
    if (reading.meaning != DNSBL_NOTHING) {
        return reading;
    }
    reading.meaning = octets[3] == 10 || octets[3] == 11 ? DNSBL_POLICY : meaning_by_name(zone);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (row_fits(i, zone) && reading.list == NULL && octets[1] == 0 && octets[2] == 0 &&
            octets[3] >= rows[i].first && octets[3] <= rows[i].last) {
            reading.meaning = rows[i].meaning;
            reading.list = rows[i].list;
        }
    }
    return reading;
}

const char *dnsbl_removal(const char *zone)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (row_fits(i, zone)) {
            return rows[i].removal;
        }
    }
    return NULL;
}

const char *dnsbl_shown(const char *zone)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].keyed && row_fits(i, zone)) {
            return rows[i].zone;
        }
    }
    return zone;
}

const char *dnsbl_meaning_name(enum dnsbl_meaning meaning)
{
    static const char *const names[] = {
        [DNSBL_NOTHING] = "nothing", [DNSBL_ERROR] = "error",
        [DNSBL_POLICY] = "policy",   [DNSBL_NEIGHBOURHOOD] = "neighbourhood",
        [DNSBL_ABUSE] = "abuse",
    };
    return names[meaning];
}
