#include "probe/smtp/proxy_header.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE      "\r\n\r\n\0\r\nQUIT\n"
#define VERSION_PROXY  0x21 /* version 2, command PROXY */
#define FAMILY_TCP4    0x11
#define FAMILY_TCP6    0x21
#define OCTETS_OF_IPV4 4
#define OCTETS_OF_IPV6 16

static bool can_be_written(const struct proxy_header_claim *claim)
{
    return claim->source.family == claim->destination.family &&
           claim->source.family != ADDRESS_NONE;
}

size_t proxy_header_write_v1(const struct proxy_header_claim *claim, char out[PROXY_HEADER_SIZE])
{
    char source[ADDRESS_TEXT_SIZE];
    char destination[ADDRESS_TEXT_SIZE];

    if (!can_be_written(claim)) {
        return 0;
    }
    int length = snprintf(out, PROXY_HEADER_SIZE, "PROXY %s %s %s %u %u\r\n",
                          claim->source.family == ADDRESS_IPV6 ? "TCP6" : "TCP4",
                          address_format(&claim->source, source),
                          address_format(&claim->destination, destination),
                          (unsigned int)claim->source_port, (unsigned int)claim->destination_port);
    return length > 0 && length < PROXY_HEADER_SIZE ? (size_t)length : 0;
}

static char *put_port(char *out, uint16_t port)
{
    *out++ = (char)(port >> 8);
    *out++ = (char)(port & 0xFF);
    return out;
}

size_t proxy_header_write_v2(const struct proxy_header_claim *claim, char out[PROXY_HEADER_SIZE])
{
    bool long_ones = claim->source.family == ADDRESS_IPV6;
    size_t octets = long_ones ? OCTETS_OF_IPV6 : OCTETS_OF_IPV4;
    char *at = out;

    if (!can_be_written(claim)) {
        return 0;
    }
    memcpy(at, SIGNATURE, sizeof(SIGNATURE) - 1);
    at += sizeof(SIGNATURE) - 1;
    *at++ = VERSION_PROXY;
    *at++ = long_ones ? FAMILY_TCP6 : FAMILY_TCP4;
    at = put_port(at, (uint16_t)(2 * octets + 4)); /* the length of what follows */
    memcpy(at, claim->source.octets, octets);
    memcpy(at + octets, claim->destination.octets, octets);
    at = put_port(at + 2 * octets, claim->source_port);
    return (size_t)(put_port(at, claim->destination_port) - out);
}
