#include "probe/dns/dnsbl.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define OF_NAMES "it lists domain names, not addresses, and says nothing about a server"

/* Labels by which lists that are not in the table call themselves lists of ranges, or of addresses
 * that are no worse for being on it. */
static const struct {
    const char *label;
    enum dnsbl_meaning meaning;
} own_words[] = {
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

static struct address test_entry(enum address_family family, uint8_t last)
{
    struct address entry = {.family = family};
    uint8_t *octets = entry.octets;

    /* The IPv6 one is not the mapped form of the other here, but an address of its own. */
    if (family == ADDRESS_IPV6) {
        octets[10] = octets[11] = 0xFF;
        octets += 12;
    }
    octets[0] = 127;
    octets[3] = last;
    return entry;
}

struct address dnsbl_listed_entry(enum address_family family)
{
    return test_entry(family, 2);
}

struct address dnsbl_unlisted_entry(enum address_family family)
{
    return test_entry(family, 1);
}

/* ---- meaning ---------------------------------------------------------------------------- */

static bool is_of_list(const struct dnsbl_row *row, const char *zone)
{
    return row->keyed ? domain_is_within(zone, row->zone) : strcmp(zone, row->zone) == 0;
}

static bool says(const struct dnsbl_row *row, const struct address *answer)
{
    uint8_t base[16] = {0};

    memcpy(base, row->base, sizeof(row->base));
    return address_in_prefix(answer, base, row->prefix) && answer->octets[3] >= row->first &&
           answer->octets[3] <= row->last;
}

/* The first row of the zone; NULL for an unknown list. */
static const struct dnsbl_row *find_list(const char *zone)
{
    for (size_t i = 0; i < dnsbl_row_count; i++) {
        if (is_of_list(&dnsbl_rows[i], zone)) {
            return &dnsbl_rows[i];
        }
    }
    return NULL;
}

static const struct dnsbl_row *find_row(const char *zone, const struct address *answer)
{
    for (size_t i = 0; i < dnsbl_row_count; i++) {
        if (is_of_list(&dnsbl_rows[i], zone) && says(&dnsbl_rows[i], answer)) {
            return &dnsbl_rows[i];
        }
    }
    return NULL;
}

bool dnsbl_is_of_names(const char *zone)
{
    for (size_t i = 0; i < dnsbl_name_zone_count; i++) {
        if (domain_is_within(zone, dnsbl_name_zones[i])) {
            return true;
        }
    }
    return false;
}

const char *dnsbl_zone_below(const char *zone)
{
    for (size_t i = 0; i < dnsbl_row_count; i++) {
        const char *known = dnsbl_rows[i].zone;
        if (strcmp(known, zone) != 0 && domain_is_within(known, zone)) {
            return known;
        }
    }
    return NULL;
}

/* Of 127.0.0.2 from a list that is not in the table. */
static enum dnsbl_meaning meaning_by_name(const char *zone)
{
    for (const char *label = zone; *label != '\0'; label += strspn(label, ".")) {
        size_t length = strcspn(label, ".");
        for (size_t i = 0; i < COUNT(own_words); i++) {
            if (strlen(own_words[i].label) == length &&
                memcmp(label, own_words[i].label, length) == 0) {
                return own_words[i].meaning;
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

static struct dnsbl_reading read_unknown_list(const char *zone, const struct address *answer)
{
    struct address plain = dnsbl_listed_entry(ADDRESS_IPV4); /* 127.0.0.2 */

    return (struct dnsbl_reading){.meaning = address_equal(answer, &plain) ? meaning_by_name(zone)
                                                                           : DNSBL_UNKNOWN};
}

struct dnsbl_reading dnsbl_read(const char *zone, const struct address *answer)
{
    if (answer->family != ADDRESS_IPV4) {
        return (struct dnsbl_reading){.meaning = DNSBL_NOTHING};
    }
    if (answer->octets[0] != 127) {
        return (struct dnsbl_reading){
            .meaning = DNSBL_ERROR,
            .text = "its answer is no listing (outside 127.0.0.0/8): the list has ended, or the "
                    "resolver invents answers",
        };
    }
    const struct dnsbl_row *row = find_row(zone, answer);
    struct dnsbl_reading error = read_error(answer);
    bool own_error = row != NULL && row->meaning == DNSBL_ERROR;
    /* A row about one answer outweighs what all lists share: Hostkarma's 127.0.0.1 is
     * no error. One of all answers does not: 127.255.255.254 of a welcome list is one. */
    if (error.meaning != DNSBL_NOTHING && (row == NULL || row->prefix < 24)) {
        return error;
    }
    if (dnsbl_is_of_names(zone)) {
        return (struct dnsbl_reading){.meaning = DNSBL_ERROR, .text = OF_NAMES};
    }
    if (row == NULL) {
        struct dnsbl_reading unknown = {.meaning = DNSBL_UNKNOWN};
        return find_list(zone) != NULL ? unknown : read_unknown_list(zone, answer);
    }
    return (struct dnsbl_reading){.meaning = row->meaning,
                                  .list = own_error ? NULL : row->list,
                                  .text = own_error ? row->list : NULL};
}

const char *dnsbl_removal(const char *zone)
{
    for (size_t i = 0; i < dnsbl_row_count; i++) {
        if (is_of_list(&dnsbl_rows[i], zone) && dnsbl_rows[i].removal != NULL) {
            return dnsbl_rows[i].removal;
        }
    }
    return NULL;
}

const char *dnsbl_shown(const char *zone)
{
    static const char *const keyed[] = {"dq.spamhaus.net", "mail.abusix.zone"};
    const struct dnsbl_row *row = find_list(zone);

    if (row != NULL) {
        return row->keyed ? row->zone : zone;
    }
    for (size_t i = 0; i < dnsbl_name_zone_count; i++) {
        if (domain_is_within(zone, dnsbl_name_zones[i])) {
            return dnsbl_name_zones[i];
        }
    }
    /* One of their lists that is not in the table: the key is the first label there, too. */
    for (size_t i = 0; i < COUNT(keyed); i++) {
        if (strcmp(zone, keyed[i]) != 0 && domain_is_within(zone, keyed[i])) {
            return strchr(zone, '.') + 1;
        }
    }
    return zone;
}

const char *dnsbl_meaning_name(enum dnsbl_meaning meaning)
{
    static const char *const names[] = {
        [DNSBL_NOTHING] = "nothing", [DNSBL_UNKNOWN] = "unknown",
        [DNSBL_GOOD] = "good",       [DNSBL_ERROR] = "error",
        [DNSBL_POLICY] = "policy",   [DNSBL_NEIGHBOURHOOD] = "neighbourhood",
        [DNSBL_SCORE] = "score",     [DNSBL_ABUSE] = "abuse",
    };
    return names[meaning];
}
