#include "probe/judge/generic_hostname.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"

#define LABELS_MAX   128 /* 253 octets have no more */
#define RUNS_MAX     128
#define WORD_SIZE    64
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A serial number has this many digits at least; a farm of chosen names seldom does. */
#define SERIAL_DIGITS 5
#define SERIAL_PREFIX 5 /* letters before it: ns, vmi, srv, ... */
#define SERIAL_HEX    8
#define HARDWARE_HEX  12 /* an Ethernet address */
#define CONCAT_MIN    8  /* octets run together are recognised from here on */

enum word_class {
    WORD_MAIL,   /* somebody meant this host for mail */
    WORD_LINE,   /* access lines and their customers */
    WORD_RENTED, /* what is rented out; also in chosen names */
    WORD_NOBODY, /* not in use */
    WORD_CLASSES /* how many */
};

enum word_match {
    MATCH_WHOLE,
    MATCH_HEAD,
    MATCH_TAIL,
};

/* Words are the runs of letters between everything else. The first row that fits counts. */
static const struct {
    const char *word;
    enum word_class class;
    enum word_match match;
} words[] = {
    {"mail", WORD_MAIL, MATCH_HEAD},          {"mail", WORD_MAIL, MATCH_TAIL},
    {"smtp", WORD_MAIL, MATCH_HEAD},          {"smtp", WORD_MAIL, MATCH_TAIL},
    {"mx", WORD_MAIL, MATCH_WHOLE},           {"mxa", WORD_MAIL, MATCH_WHOLE},
    {"mxb", WORD_MAIL, MATCH_WHOLE},          {"mta", WORD_MAIL, MATCH_WHOLE},
    {"mout", WORD_MAIL, MATCH_WHOLE},         {"out", WORD_MAIL, MATCH_WHOLE},
    {"outbound", WORD_MAIL, MATCH_WHOLE},     {"outgoing", WORD_MAIL, MATCH_WHOLE},
    {"relay", WORD_MAIL, MATCH_WHOLE},        {"lists", WORD_MAIL, MATCH_WHOLE},
    {"dyn", WORD_LINE, MATCH_WHOLE},          {"dynip", WORD_LINE, MATCH_WHOLE},
    {"dynamic", WORD_LINE, MATCH_HEAD},       {"dip", WORD_LINE, MATCH_WHOLE},
    {"dsl", WORD_LINE, MATCH_HEAD},           {"dsl", WORD_LINE, MATCH_TAIL},
    {"adsl", WORD_LINE, MATCH_HEAD},          {"cable", WORD_LINE, MATCH_WHOLE},
    {"modemcable", WORD_LINE, MATCH_WHOLE},   {"catv", WORD_LINE, MATCH_WHOLE},
    {"hfc", WORD_LINE, MATCH_WHOLE},          {"hsd", WORD_LINE, MATCH_WHOLE},
    {"hsi", WORD_LINE, MATCH_WHOLE},          {"cpe", WORD_LINE, MATCH_WHOLE},
    {"cust", WORD_LINE, MATCH_WHOLE},         {"customer", WORD_LINE, MATCH_WHOLE},
    {"customers", WORD_LINE, MATCH_WHOLE},    {"dclient", WORD_LINE, MATCH_WHOLE},
    {"subs", WORD_LINE, MATCH_WHOLE},         {"subscriber", WORD_LINE, MATCH_HEAD},
    {"pool", WORD_LINE, MATCH_WHOLE},         {"pools", WORD_LINE, MATCH_WHOLE},
    {"dhcp", WORD_LINE, MATCH_WHOLE},         {"ppp", WORD_LINE, MATCH_WHOLE},
    {"pppoe", WORD_LINE, MATCH_WHOLE},        {"dialup", WORD_LINE, MATCH_WHOLE},
    {"dialin", WORD_LINE, MATCH_WHOLE},       {"dial", WORD_LINE, MATCH_WHOLE},
    {"res", WORD_LINE, MATCH_WHOLE},          {"residential", WORD_LINE, MATCH_WHOLE},
    {"abo", WORD_LINE, MATCH_WHOLE},          {"fios", WORD_LINE, MATCH_WHOLE},
    {"ftth", WORD_LINE, MATCH_WHOLE},         {"fttb", WORD_LINE, MATCH_WHOLE},
    {"fttx", WORD_LINE, MATCH_WHOLE},         {"lightspeed", WORD_LINE, MATCH_WHOLE},
    {"broadband", WORD_LINE, MATCH_WHOLE},    {"bredband", WORD_LINE, MATCH_WHOLE},
    {"gprs", WORD_LINE, MATCH_WHOLE},         {"umts", WORD_LINE, MATCH_WHOLE},
    {"lte", WORD_LINE, MATCH_WHOLE},          {"wimax", WORD_LINE, MATCH_WHOLE},
    {"aftr", WORD_LINE, MATCH_WHOLE},         {"cgn", WORD_LINE, MATCH_WHOLE},
    {"cgnat", WORD_LINE, MATCH_WHOLE},        {"priv", WORD_LINE, MATCH_WHOLE},
    {"bras", WORD_LINE, MATCH_WHOLE},         {"ipbf", WORD_LINE, MATCH_HEAD},
    {"ipngn", WORD_LINE, MATCH_HEAD},         {"compute", WORD_LINE, MATCH_WHOLE},
    {"instances", WORD_LINE, MATCH_WHOLE},    {"static", WORD_RENTED, MATCH_WHOLE},
    {"client", WORD_RENTED, MATCH_WHOLE},     {"clients", WORD_RENTED, MATCH_WHOLE},
    {"ip", WORD_RENTED, MATCH_WHOLE},         {"rev", WORD_RENTED, MATCH_WHOLE},
    {"reverse", WORD_RENTED, MATCH_WHOLE},    {"rdns", WORD_RENTED, MATCH_WHOLE},
    {"host", WORD_RENTED, MATCH_WHOLE},       {"hosted", WORD_RENTED, MATCH_WHOLE},
    {"vps", WORD_RENTED, MATCH_WHOLE},        {"vm", WORD_RENTED, MATCH_HEAD},
    {"vserver", WORD_RENTED, MATCH_WHOLE},    {"server", WORD_RENTED, MATCH_WHOLE},
    {"srv", WORD_RENTED, MATCH_WHOLE},        {"node", WORD_RENTED, MATCH_WHOLE},
    {"xvm", WORD_RENTED, MATCH_WHOLE},        {"kvm", WORD_RENTED, MATCH_WHOLE},
    {"dedicated", WORD_RENTED, MATCH_WHOLE},  {"dedi", WORD_RENTED, MATCH_WHOLE},
    {"cloud", WORD_RENTED, MATCH_WHOLE},      {"colo", WORD_RENTED, MATCH_WHOLE},
    {"user", WORD_RENTED, MATCH_WHOLE},       {"users", WORD_RENTED, MATCH_WHOLE},
    {"home", WORD_RENTED, MATCH_WHOLE},       {"mobile", WORD_RENTED, MATCH_WHOLE},
    {"fiber", WORD_RENTED, MATCH_WHOLE},      {"fibre", WORD_RENTED, MATCH_WHOLE},
    {"unassigned", WORD_NOBODY, MATCH_WHOLE}, {"unallocated", WORD_NOBODY, MATCH_WHOLE},
    {"unused", WORD_NOBODY, MATCH_WHOLE},     {"unknown", WORD_NOBODY, MATCH_WHOLE},
    {"undefined", WORD_NOBODY, MATCH_WHOLE},  {"unspecified", WORD_NOBODY, MATCH_WHOLE},
    {"noptr", WORD_NOBODY, MATCH_WHOLE},      {"nordns", WORD_NOBODY, MATCH_WHOLE},
};

/* A first label that says nothing else names nobody's host. */
static const char *const namesakes[] = {
    "static", "dynamic", "dyn",  "dhcp",    "dialup", "customer", "customers",
    "client", "clients", "cust", "reverse", "rdns",   "ip",
};

/* First labels that say that nobody gave a name. */
static const char *const nobodies[] = {
    "no-ptr",         "no-rdns",      "no-dns",  "no-reverse",
    "no-reverse-dns", "not-assigned", "not-set", "hosted-by",
};

/* Zones in which providers name the machines that their customers did not name. */
static const char *const zones[] = {
    "compute.amazonaws.com",
    "compute-1.amazonaws.com",
    "bc.googleusercontent.com",
    "cloudapp.azure.com",
    "cloudapp.net",
    "members.linode.com",
    "ip.linodeusercontent.com",
    "vps.ovh.net",
    "vps.ovh.ca",
    "vps.ovh.us",
    "contaboserver.net",
    "stratoserver.net",
    "clients.your-server.de",
    "vultrusercontent.com",
    "instances.scw.cloud",
    "rev.poneytelecom.eu",
    "static.sl-reverse.com",
    "onlinehome-server.info",
    "ip.secureserver.net",
};

/* Second-level labels below which names are registered, where the top level is a country's. */
static const char *const second_levels[] = {"co", "com", "net", "org", "ne",  "or",
                                            "ac", "ad",  "go",  "gov", "edu", "gob"};

struct name {
    char text[DOMAIN_SIZE];
    size_t length;
    size_t host_end;  /* where the registered domain begins, or the dot before it */
    size_t first_end; /* of the first label */
    unsigned int host_labels;
};

/* The numbers in the name, in order. */
struct run {
    unsigned int value; /* 256 and more: no octet */
    size_t digits;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- taking apart ----------------------------------------------------------------------- */

static bool is_listed(const char *text, size_t length, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == length && memcmp(text, list[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* False for what is no name of a host in a domain. */
static bool take_apart(const char *text, struct name *name)
{
    size_t starts[LABELS_MAX] = {0};
    size_t labels = 1;

    name->length = strlen(text);
    if (name->length > 0 && text[name->length - 1] == '.') {
        name->length--;
    }
    if (name->length == 0 || name->length >= sizeof(name->text)) {
        return false;
    }
    for (size_t i = 0; i < name->length; i++) {
        name->text[i] = (char)tolower((unsigned char)text[i]);
        if (text[i] == '.' && labels < LABELS_MAX) {
            starts[labels++] = i + 1;
        }
    }
    name->text[name->length] = '\0';
    size_t registered = 2;
    if (labels > 3 && name->length - starts[labels - 1] == 2 &&
        is_listed(name->text + starts[labels - 2], starts[labels - 1] - 1 - starts[labels - 2],
                  second_levels, COUNT(second_levels))) {
        registered = 3;
    }
    if (labels <= registered) {
        return false;
    }
    name->host_labels = (unsigned int)(labels - registered);
    name->host_end = starts[labels - registered] - 1;
    name->first_end = starts[1] - 1;
    return true;
}

static size_t find_runs(const struct name *name, struct run runs[RUNS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < name->length && count < RUNS_MAX;) {
        size_t digits = 0;
        unsigned int value = 0;
        while (is_digit(name->text[i + digits])) {
            value = value > 255 ? value : value * 10 + (unsigned int)(name->text[i + digits] - '0');
            digits++;
        }
        if (digits > 0) {
            runs[count++] = (struct run){.value = digits > 3 ? 256 : value, .digits = digits};
        }
        i += digits > 0 ? digits : 1;
    }
    return count;
}

/* ---- words ------------------------------------------------------------------------------ */

static bool word_fits(const char *word, size_t length, size_t row)
{
    size_t wanted = strlen(words[row].word);

    if (length < wanted || (words[row].match == MATCH_WHOLE && length != wanted)) {
        return false;
    }
    const char *at = words[row].match == MATCH_TAIL ? word + length - wanted : word;
    return memcmp(at, words[row].word, wanted) == 0;
}

static void classify(const char *word, size_t length, unsigned int found[WORD_CLASSES])
{
    for (size_t row = 0; row < COUNT(words); row++) {
        if (word_fits(word, length, row)) {
            found[words[row].class]++;
            return;
        }
    }
}

/* Counts the words of each class in front of the registered domain. */
static void find_words(const struct name *name, unsigned int found[WORD_CLASSES])
{
    for (size_t i = 0; i < name->host_end;) {
        size_t length = 0;
        while (i + length < name->host_end && isalpha((unsigned char)name->text[i + length])) {
            length++;
        }
        if (length > 0) {
            classify(name->text + i, length, found);
        }
        i += length > 0 ? length : 1;
    }
}

/* Whether the first label is nothing but words that stand for any host ("dynamic-ip"). */
static bool is_namesake(const struct name *name)
{
    if (is_listed(name->text, name->first_end, nobodies, COUNT(nobodies))) {
        return true;
    }
    for (size_t i = 0; i < name->first_end;) {
        size_t length = strcspn(name->text + i, "-_.");
        if (!is_listed(name->text + i, length, namesakes, COUNT(namesakes))) {
            return false;
        }
        i += length + 1;
    }
    return true;
}

/* One label that is one word, in front of the registered domain: "cable.example.org". */
static bool is_single_word(const struct name *name)
{
    size_t letters = 0;

    while (isalpha((unsigned char)name->text[letters])) {
        letters++;
    }
    return name->host_labels == 1 && letters == name->first_end;
}

static bool in_zone(const struct name *name)
{
    for (size_t i = 0; i < COUNT(zones); i++) {
        if (domain_is_within(name->text, zones[i])) {
            return true;
        }
    }
    return false;
}

/* ---- the address in the name ------------------------------------------------------------ */

/* Whether the text stands in the name with no digit beside it. */
static bool has_number(const struct name *name, const char *number)
{
    size_t length = strlen(number);

    for (const char *at = strstr(name->text, number); at != NULL; at = strstr(at + 1, number)) {
        if ((at == name->text || !is_digit(at[-1])) && !is_digit(at[length])) {
            return true;
        }
    }
    return false;
}

/* The name without what divides the parts of numbers. */
static void squeeze(const struct name *name, char out[DOMAIN_SIZE])
{
    size_t used = 0;

    for (size_t i = 0; i < name->length; i++) {
        if (strchr("-._:", name->text[i]) == NULL) {
            out[used++] = name->text[i];
        }
    }
    out[used] = '\0';
}

/* Four numbers in a row that are the octets, in whatever order. */
static bool has_octets(const struct run *runs, size_t count, const uint8_t octets[4])
{
    for (size_t first = 0; first + 4 <= count; first++) {
        unsigned int taken = 0; /* bits of the octets that were met */
        for (size_t i = 0; i < 4; i++) {
            for (unsigned int j = 0; j < 4; j++) {
                if ((taken & 1U << j) == 0 && runs[first + i].value == octets[j]) {
                    taken |= 1U << j;
                    break;
                }
            }
        }
        if (taken == 0xF) {
            return true;
        }
    }
    return false;
}

static bool has_ipv4(const struct name *name, const uint8_t o[4])
{
    char squeezed[DOMAIN_SIZE];
    char text[4][16];
    char whole[16];
    uint32_t number = (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];

    squeeze(name, squeezed);
    snprintf(text[0], sizeof(text[0]), "%02x%02x%02x%02x", o[0], o[1], o[2], o[3]);
    snprintf(text[1], sizeof(text[1]), "%02x%02x%02x%02x", o[3], o[2], o[1], o[0]);
    if (strstr(squeezed, text[0]) != NULL || strstr(squeezed, text[1]) != NULL) {
        return true;
    }
    snprintf(text[0], sizeof(text[0]), "%03u%03u%03u%03u", o[0], o[1], o[2], o[3]);
    snprintf(text[1], sizeof(text[1]), "%03u%03u%03u%03u", o[3], o[2], o[1], o[0]);
    snprintf(text[2], sizeof(text[2]), "%u", number);
    snprintf(text[3], sizeof(text[3]), "%u%u%u%u", o[0], o[1], o[2], o[3]);
    snprintf(whole, sizeof(whole), "%u%u%u%u", o[3], o[2], o[1], o[0]);
    bool together = strlen(whole) >= CONCAT_MIN;
    return has_number(name, text[0]) || has_number(name, text[1]) || has_number(name, text[2]) ||
           (together && (has_number(name, text[3]) || has_number(name, whole)));
}

static void reverse_text(char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length / 2; i++) {
        char kept = text[i];
        text[i] = text[length - 1 - i];
        text[length - 1 - i] = kept;
    }
}

/* All digits in either direction, the first half of them, or the written form with dashes. */
static bool has_ipv6(const struct name *name, const struct address *address)
{
    char squeezed[DOMAIN_SIZE];
    char digits[33] = "";
    char half[17];
    char groups[40] = "";
    char written[ADDRESS_TEXT_SIZE];
    size_t used = 0;

    for (size_t i = 0; i < 16; i++) {
        snprintf(digits + 2 * i, 3, "%02x", address->octets[i]);
    }
    for (size_t i = 0; i < 16; i += 2) {
        used += (size_t)snprintf(groups + used, sizeof(groups) - used, "%s%x", i > 0 ? "-" : "",
                                 (unsigned int)address->octets[i] << 8 | address->octets[i + 1]);
    }
    snprintf(half, sizeof(half), "%.16s", digits);
    address_format(address, written);
    for (char *at = written; *at != '\0'; at++) {
        *at = *at == ':' ? '-' : *at;
    }
    squeeze(name, squeezed);
    if (strstr(squeezed, half) != NULL || strstr(name->text, groups) != NULL ||
        strstr(name->text, written) != NULL) {
        return true;
    }
    reverse_text(digits);
    return strstr(squeezed, digits) != NULL;
}

/* Four numbers up to 255 that single dots, dashes or underscores join. */
static bool has_shape(const struct name *name)
{
    unsigned int joined = 0;

    for (size_t i = 0; i < name->length;) {
        size_t digits = strspn(name->text + i, "0123456789");
        if (digits == 0 || digits > 3 || atoi(name->text + i) > 255) { /* NOLINT(cert-err34-c) */
            joined = 0;
            i += digits > 0 ? digits : 1;
            continue;
        }
        i += digits;
        if (++joined == 4) {
            return true;
        }
        if (name->text[i] == '\0' || strchr("-._", name->text[i]) == NULL) {
            joined = 0;
        } else {
            i++;
        }
    }
    return false;
}

/* The most octets of the address that stand side by side, in either direction. */
static unsigned int octets_in_row(const struct run *runs, size_t count, const uint8_t octets[4])
{
    unsigned int most = 0;

    for (size_t first = 0; first < count; first++) {
        for (unsigned int start = 0; start < 4; start++) {
            unsigned int up = 0;
            unsigned int down = 0;
            while (first + up < count && start + up < 4 &&
                   runs[first + up].value == octets[start + up]) {
                up++;
            }
            while (first + down < count && down <= start &&
                   runs[first + down].value == octets[start - down]) {
                down++;
            }
            most = up > most ? up : most;
            most = down > most ? down : most;
        }
    }
    return most;
}

static bool has_address(const struct name *name, const struct run *runs, size_t count,
                        const struct address *address)
{
    if (has_shape(name)) {
        return true;
    }
    if (address->family == ADDRESS_IPV6) {
        return has_ipv6(name, address);
    }
    return address->family == ADDRESS_IPV4 &&
           (has_octets(runs, count, address->octets) || has_ipv4(name, address->octets));
}

/* ---- serial numbers --------------------------------------------------------------------- */

/* "ns3012345", "vmi123456"; of what is `rented` also "vps-1a2b3c4d"; or an Ethernet address. */
static bool is_serial(const struct name *name, bool rented)
{
    size_t letters = 0;
    size_t hexadecimal = 0;

    while (isalpha((unsigned char)name->text[letters])) {
        letters++;
    }
    const char *number = name->text + letters + (rented && name->text[letters] == '-' ? 1 : 0);
    size_t length = (size_t)(name->text + name->first_end - number);
    size_t digits = strspn(number, "0123456789");
    if (letters <= SERIAL_PREFIX && digits >= SERIAL_DIGITS && digits == length) {
        return true;
    }
    if (rented && length >= SERIAL_HEX && strspn(number, "0123456789abcdef") == length &&
        strcspn(number, "0123456789") < length) {
        return true;
    }
    for (size_t i = 0; i < name->first_end; i++) {
        hexadecimal = isxdigit((unsigned char)name->text[i]) ? hexadecimal + 1 : 0;
        if (hexadecimal >= HARDWARE_HEX) {
            return true;
        }
    }
    return false;
}

bool generic_hostname_is_generic(const char *text, const struct address *address)
{
    struct name name;
    struct run runs[RUNS_MAX];
    unsigned int found[WORD_CLASSES] = {0};

    if (!take_apart(text, &name)) {
        return false;
    }
    size_t count = find_runs(&name, runs);
    find_words(&name, found);
    bool lines = found[WORD_LINE] > 0;
    bool rented = found[WORD_RENTED] > 0;
    if (has_address(&name, runs, count, address)) {
        /* Large senders number their mail hosts by address; what they call mail is meant for it. */
        return found[WORD_MAIL] == 0 || lines || rented;
    }
    if (in_zone(&name) || found[WORD_NOBODY] > 0) {
        return true;
    }
    if (found[WORD_MAIL] > 0) {
        return false;
    }
    if ((lines && !is_single_word(&name)) || is_namesake(&name)) {
        return true;
    }
    unsigned int octets =
        address->family == ADDRESS_IPV4 ? octets_in_row(runs, count, address->octets) : 0;
    return octets >= 3 || (octets == 2 && rented) || is_serial(&name, rented);
}
