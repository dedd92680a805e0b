#include "milter/discover/address_beginning.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define IPV6_TAG    "IPv6:"
#define IPV6_GROUPS 8

/* How many parts a text has that are divided by this character, each of them of 1 to `longest` of
 * these digits; 0: it is not made so. */
static size_t parts(const char *text, char divider, const char *digits, size_t longest)
{
    size_t count = 0;

    for (;;) {
        size_t length = strspn(text, digits);
        if (length == 0 || length > longest) {
            return 0;
        }
        count++;
        text += length;
        if (*text == '\0') {
            return count;
        }
        if (*text++ != divider) {
            return 0;
        }
    }
}

static bool ipv4_beginning(const char *text, char out[NETWORK_TEXT_SIZE])
{
    size_t count = parts(text, '.', "0123456789", 3);
    struct address address;
    char whole[ADDRESS_TEXT_SIZE];

    if (count == 0 || count > 4) {
        return false;
    }
    snprintf(whole, sizeof(whole), "%s%s", text, &".0.0.0"[2 * (count - 1)]);
    if (!address_parse(whole, &address)) {
        return false;
    }
    snprintf(out, NETWORK_TEXT_SIZE, "%s/%zu", whole, 8 * count);
    return true;
}

static bool ipv6_beginning(const char *text, char out[NETWORK_TEXT_SIZE])
{
    size_t tag = strlen(IPV6_TAG);
    size_t count = strncasecmp(text, IPV6_TAG, tag) == 0
                       ? parts(text + tag, ':', "0123456789abcdefABCDEF", 4)
                       : 0;

    if (count == 0 || count >= IPV6_GROUPS) {
        return false;
    }
    snprintf(out, NETWORK_TEXT_SIZE, "%s::/%zu", text + tag, 16 * count);
    return true;
}

bool address_beginning(const char *text, char out[NETWORK_TEXT_SIZE])
{
    struct address address;

    if (address_parse(text, &address)) {
        address_format(&address, out);
        return true;
    }
    return ipv4_beginning(text, out) || ipv6_beginning(text, out);
}
