#include "lib/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char unknown[] = "unknown";

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/* Space that the internet does not route to a host. */
static const struct {
    enum address_family family;
    uint8_t octets[16];
    unsigned int prefix;
} private_blocks[] = {
    {ADDRESS_IPV4, {0}, 32},          /* unspecified, RFC 1122 section 3.2.1.3 */
    {ADDRESS_IPV4, {10}, 8},          /* RFC 1918 */
    {ADDRESS_IPV4, {100, 64}, 10},    /* RFC 6598 */
    {ADDRESS_IPV4, {127}, 8},         /* loopback */
    {ADDRESS_IPV4, {169, 254}, 16},   /* link-local, RFC 3927 */
    {ADDRESS_IPV4, {172, 16}, 12},    /* RFC 1918 */
    {ADDRESS_IPV4, {192, 168}, 16},   /* RFC 1918 */
    {ADDRESS_IPV6, {0}, 128},         /* unspecified */
    {ADDRESS_IPV6, {[15] = 1}, 128},  /* loopback */
    {ADDRESS_IPV6, {0xFC}, 7},        /* RFC 4193 */
    {ADDRESS_IPV6, {0xFE, 0x80}, 10}, /* link-local */
};

static struct address from_ipv4(const void *octets)
{
    struct address address = {.family = ADDRESS_IPV4};
    memcpy(address.octets, octets, 4);
    return address;
}

static struct address from_ipv6(const uint8_t octets[16])
{
    if (memcmp(octets, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        return from_ipv4(octets + sizeof(mapped_prefix));
    }
    struct address address = {.family = ADDRESS_IPV6};
    memcpy(address.octets, octets, 16);
    return address;
}

bool address_parse(const char *text, struct address *out)
{
    char bare[ADDRESS_TEXT_SIZE];
    uint8_t octets[16];
    size_t length = strlen(text);
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    bool tagged = length >= 5 && strncasecmp(text, "IPv6:", 5) == 0;
    if (tagged) {
        text += 5;
        length -= 5;
    }
    if (length >= sizeof(bare)) {
        return false;
    }
    memcpy(bare, text, length);
    bare[length] = '\0';
    if (!tagged && inet_pton(AF_INET, bare, octets) == 1) {
        *out = from_ipv4(octets);
        return true;
    }
    if (inet_pton(AF_INET6, bare, octets) == 1) {
        *out = from_ipv6(octets);
        return true;
    }
    return false;
}

struct address address_from_sockaddr(const struct sockaddr *from)
{
    /* Copied, because the caller's storage need not be aligned for the family's own struct. */
    if (from != NULL && from->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, from, sizeof(ipv4));
        return from_ipv4(&ipv4.sin_addr);
    }
    if (from != NULL && from->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, from, sizeof(ipv6));
        return from_ipv6(ipv6.sin6_addr.s6_addr);
    }
    return (struct address){.family = ADDRESS_NONE};
}

socklen_t address_to_sockaddr(const struct address *from, uint16_t port,
                              struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (from->family == ADDRESS_IPV4) {
        struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&ipv4.sin_addr, from->octets, 4);
        memcpy(out, &ipv4, sizeof(ipv4));
        return sizeof(ipv4);
    }
    if (from->family == ADDRESS_IPV6) {
        struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&ipv6.sin6_addr, from->octets, 16);
        memcpy(out, &ipv6, sizeof(ipv6));
        return sizeof(ipv6);
    }
    return 0;
}

const char *address_format(const struct address *from, char out[ADDRESS_TEXT_SIZE])
{
    int family = from->family == ADDRESS_IPV4 ? AF_INET : AF_INET6;
    if (from->family == ADDRESS_NONE ||
        inet_ntop(family, from->octets, out, ADDRESS_TEXT_SIZE) == NULL) {
        memcpy(out, unknown, sizeof(unknown));
    }
    return out;
}

const char *address_format_port(const struct address *from, uint16_t port,
                                char out[ENDPOINT_TEXT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(from, text);
    if (from->family == ADDRESS_NONE) {
        memcpy(out, unknown, sizeof(unknown));
    } else {
        snprintf(out, ENDPOINT_TEXT_SIZE, from->family == ADDRESS_IPV6 ? "[%s]:%u" : "%s:%u", text,
                 (unsigned int)port);
    }
    return out;
}

const char *address_format_literal(const struct address *from, char out[ENDPOINT_TEXT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(from, text);
    if (from->family == ADDRESS_NONE) {
        memcpy(out, unknown, sizeof(unknown));
    } else {
        snprintf(out, ENDPOINT_TEXT_SIZE, "[%s%s]", from->family == ADDRESS_IPV6 ? "IPv6:" : "",
                 text);
    }
    return out;
}

const char *address_format_fold(const struct address *from, char out[NETWORK_TEXT_SIZE])
{
    if (from->family == ADDRESS_NONE) {
        memcpy(out, unknown, sizeof(unknown));
        return out;
    }
    unsigned int prefix = from->family == ADDRESS_IPV4 ? 24 : 48;
    struct address base = {.family = from->family};
    memcpy(base.octets, from->octets, prefix / 8);
    char text[ADDRESS_TEXT_SIZE];
    snprintf(out, NETWORK_TEXT_SIZE, "%s/%u", address_format(&base, text), prefix);
    return out;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

bool address_in_prefix(const struct address *address, const uint8_t base[16], unsigned int prefix)
{
    unsigned int whole = prefix / 8;
    unsigned int bits = prefix % 8;
    if (memcmp(address->octets, base, whole) != 0) {
        return false;
    }
    return bits == 0 || (address->octets[whole] ^ base[whole]) >> (8 - bits) == 0;
}

unsigned int address_private_prefix(const struct address *address)
{
    for (size_t i = 0; i < sizeof(private_blocks) / sizeof(private_blocks[0]); i++) {
        if (address->family == private_blocks[i].family &&
            address_in_prefix(address, private_blocks[i].octets, private_blocks[i].prefix)) {
            return private_blocks[i].prefix;
        }
    }
    return 0;
}

bool address_is_private(const struct address *address)
{
    return address_private_prefix(address) != 0;
}

/* Beside the private ones. */
static const struct {
    enum address_family family;
    uint8_t octets[16];
    unsigned int prefix;
} special_blocks[] = {
    {ADDRESS_IPV4, {0}, 8},           /* this network, RFC 791 */
    {ADDRESS_IPV4, {192, 0, 0}, 24},  /* RFC 6890 */
    {ADDRESS_IPV4, {198, 18}, 15},    /* benchmarks, RFC 2544 */
    {ADDRESS_IPV4, {224}, 3},         /* multicast, and what is reserved above it */
    {ADDRESS_IPV6, {0xFE, 0xC0}, 10}, /* site-local, RFC 3879 */
    {ADDRESS_IPV6, {0xFF}, 8},        /* multicast */
    {ADDRESS_IPV6, {1}, 64},          /* discard, RFC 6666 */
};

/* Where an IPv6 address has the IPv4 one that it leads to. */
static const struct {
    uint8_t octets[16];
    unsigned int prefix;
    size_t at;
} carriers[] = {
    {{0x20, 0x02}, 16, 2},                          /* 6to4 */
    {{0x00, 0x64, 0xFF, 0x9B}, 96, 12},             /* NAT64 */
    {{0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01}, 48, 12}, /* NAT64 of a site, with a /96 */
    {{0}, 96, 12},                                  /* IPv4-compatible */
};

bool address_is_unreachable(const struct address *address)
{
    if (address_is_private(address)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(special_blocks) / sizeof(special_blocks[0]); i++) {
        if (address->family == special_blocks[i].family &&
            address_in_prefix(address, special_blocks[i].octets, special_blocks[i].prefix)) {
            return true;
        }
    }
    for (size_t i = 0;
         address->family == ADDRESS_IPV6 && i < sizeof(carriers) / sizeof(carriers[0]); i++) {
        if (address_in_prefix(address, carriers[i].octets, carriers[i].prefix)) {
            struct address carried = from_ipv4(address->octets + carriers[i].at);
            return address_is_unreachable(&carried);
        }
    }
    return false;
}

bool address_is_ipv4_compatible(const struct address *address)
{
    static const uint8_t zero[16];

    return address->family == ADDRESS_IPV6 && address_in_prefix(address, zero, 96) &&
           memcmp(address->octets, zero, 16) != 0 && !address_is_loopback(address);
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    if (address->family == ADDRESS_IPV4) {
        return address->octets[0] == 127;
    }
    return address->family == ADDRESS_IPV6 && memcmp(address->octets, loopback, 16) == 0;
}
