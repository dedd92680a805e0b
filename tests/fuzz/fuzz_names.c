/* probe/judge/banner.c, hostname.c and dnsbl.c: what a server, its PTR record and a block list say.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/dns/dnsbl.h"
#include "probe/judge/banner.h"
#include "probe/judge/generic_hostname.h"
#include "tests/fuzz/fuzz.h"

static void check_banner(const char *text)
{
    char line[512];
    struct banner_reading reading;

    printable_string(line, sizeof(line), text); /* as the session hands it over */
    if (!banner_read(line, &reading)) {
        return;
    }
    FUZZ_MUST(strlen(reading.software) > 0 && strlen(reading.software) < sizeof(reading.software));
    FUZZ_MUST(fuzz_is_shown(reading.software, false));
    FUZZ_MUST(strlen(reading.version) < sizeof(reading.version));
    FUZZ_MUST(reading.version[0] == '\0' || strpbrk(reading.version, "0123456789") != NULL);
    FUZZ_MUST(strstr(line, reading.software) != NULL && strstr(line, reading.version) != NULL);
}

/* Case and a trailing dot make no difference. */
static void check_hostname(const char *name, const struct address *address)
{
    bool generic = generic_hostname_is_generic(name, address);
    size_t length = strlen(name);
    char *loud = fuzz_alloc(length + 2);

    for (size_t i = 0; i <= length; i++) {
        loud[i] = (char)toupper((unsigned char)name[i]);
    }
    FUZZ_MUST(generic_hostname_is_generic(loud, address) == generic);
    if (length > 0 && name[length - 1] != '.') {
        loud[length] = '.';
        FUZZ_MUST(generic_hostname_is_generic(loud, address) == generic);
    }
    free(loud);
}

static void check_listing(const char *zone, const struct address *address)
{
    char name[DOMAIN_SIZE];
    struct dnsbl_reading reading = dnsbl_read(zone, address);
    static const uint8_t errors[] = {127, 255, 255};

    FUZZ_MUST(dnsbl_meaning_name(reading.meaning) != NULL);
    if (address->family != ADDRESS_IPV4 || address->octets[0] != 127) {
        FUZZ_MUST(reading.meaning < DNSBL_POLICY);
    }
    if (address->family == ADDRESS_IPV4 && memcmp(address->octets, errors, sizeof(errors)) == 0) {
        FUZZ_MUST(reading.meaning < DNSBL_POLICY);
    }
    FUZZ_MUST(reading.meaning != DNSBL_ERROR || reading.text != NULL);
    if (dnsbl_name(address, zone, name)) {
        FUZZ_MUST(strlen(name) < DOMAIN_SIZE && strlen(name) > strlen(zone));
        FUZZ_MUST(strcmp(name + strlen(name) - strlen(zone), zone) == 0);
    }
    FUZZ_MUST(dnsbl_pointer_name(address, name) == (address->family != ADDRESS_NONE));
    const char *shown = dnsbl_shown(zone);
    FUZZ_MUST(strlen(shown) <= strlen(zone));
    (void)dnsbl_removal(zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    struct address address = {.family = ADDRESS_NONE};
    char *where = fuzz_field(&input);
    char *name = fuzz_field(&input);
    char *banner = fuzz_field(&input);
    char zone[DOMAIN_SIZE];

    (void)address_parse(where, &address);
    check_hostname(name, &address);
    check_banner(banner);
    if (domain_normalise(name, strlen(name), zone)) {
        check_listing(zone, &address);
    }
    free(banner);
    free(name);
    free(where);
    return 0;
}
