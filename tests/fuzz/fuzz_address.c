/* lib/address.c and lib/netset.c: what can be read can be written and read again, and a set of
 * networks answers as its networks do one by one. */
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/netset.h"
#include "tests/fuzz/fuzz.h"

#define NETWORKS_MAX 32

static void check_address(const struct address *address)
{
    static const uint8_t zero[16];
    char text[ADDRESS_TEXT_SIZE];
    char literal[ENDPOINT_TEXT_SIZE];
    struct address again;

    FUZZ_MUST(address->family == ADDRESS_IPV4 || address->family == ADDRESS_IPV6);
    FUZZ_MUST(address->family == ADDRESS_IPV6 || memcmp(address->octets + 4, zero, 12) == 0);
    FUZZ_MUST(address_parse(address_format(address, text), &again));
    FUZZ_MUST(address_equal(address, &again));
    FUZZ_MUST(address_parse(address_format_literal(address, literal), &again));
    FUZZ_MUST(address_equal(address, &again));
    FUZZ_MUST(address_is_private(address) == (address_private_prefix(address) > 0));
    FUZZ_MUST(!address_is_loopback(address) || address_is_private(address));

    struct sockaddr_storage storage;
    FUZZ_MUST(address_to_sockaddr(address, 25, &storage) > 0);
    again = address_from_sockaddr((const struct sockaddr *)&storage);
    FUZZ_MUST(address_equal(address, &again));
    char fold[NETWORK_TEXT_SIZE];
    struct network network;
    FUZZ_MUST(network_parse(address_format_fold(address, fold), &network) == NETWORK_OK);
    FUZZ_MUST(network_contains(&network, address));
}

static void check_network(const struct network *network)
{
    char text[NETWORK_TEXT_SIZE];
    struct network again;

    FUZZ_MUST(network_contains(network, &network->base));
    FUZZ_MUST(network->prefix <= (network->base.family == ADDRESS_IPV4 ? 32 : 128));
    FUZZ_MUST(network_parse(network_format(network, text), &again) == NETWORK_OK);
    FUZZ_MUST(address_equal(&network->base, &again.base) && network->prefix == again.prefix);
    FUZZ_MUST(!network_is_wide(network) || network->prefix < 32);
}

/* The address behind the network's last one, and the one before its first, if there are. */
static struct address neighbour(const struct network *network, bool behind)
{
    struct address address = network->base;
    unsigned int octets = address.family == ADDRESS_IPV4 ? 4 : 16;

    if (behind) {
        for (unsigned int bit = network->prefix; bit < octets * 8; bit++) {
            address.octets[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
        }
    }
    for (unsigned int i = octets; i > 0; i--) {
        uint8_t before = address.octets[i - 1];
        address.octets[i - 1] = (uint8_t)(behind ? before + 1 : before - 1);
        if (before != (behind ? 0xFF : 0)) {
            break;
        }
    }
    return address;
}

static void check_membership(const struct netset *set, const struct network *networks, size_t count,
                             const struct address *address)
{
    const struct network *narrowest = NULL;

    for (size_t i = 0; i < count; i++) {
        if (network_contains(&networks[i], address) &&
            (narrowest == NULL || networks[i].prefix > narrowest->prefix)) {
            narrowest = &networks[i];
        }
    }
    const struct network *found = netset_find(set, address);
    FUZZ_MUST(netset_contains(set, address) == (narrowest != NULL));
    FUZZ_MUST((found != NULL) == (narrowest != NULL));
    FUZZ_MUST(found == NULL || found->prefix == narrowest->prefix);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    struct network networks[NETWORKS_MAX] = {0};
    struct address asked[NETWORKS_MAX] = {0};
    size_t network_count = 0;
    size_t asked_count = 0;

    while (input.left > 0 && network_count < NETWORKS_MAX && asked_count < NETWORKS_MAX) {
        char *text = fuzz_field(&input);
        if (address_parse(text, &asked[asked_count])) {
            check_address(&asked[asked_count]);
            asked_count++;
        }
        enum network_error error = network_parse(text, &networks[network_count]);
        if (error == NETWORK_OK || error == NETWORK_HOST_BITS_SET) {
            check_network(&networks[network_count]);
            network_count++;
        }
        free(text);
    }
    struct netset *set = netset_new(networks, network_count);
    FUZZ_MUST(set != NULL);
    for (size_t i = 0; i < asked_count; i++) {
        check_membership(set, networks, network_count, &asked[i]);
    }
    for (size_t i = 0; i < network_count; i++) {
        struct address before = neighbour(&networks[i], false);
        struct address behind = neighbour(&networks[i], true);
        check_membership(set, networks, network_count, &networks[i].base);
        check_membership(set, networks, network_count, &before);
        check_membership(set, networks, network_count, &behind);
    }
    netset_free(set);
    return 0;
}
