#include "probe/rehearse/open_ports.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_LISTEN 0x0a

struct found {
    const struct wires *wires;
    const struct candidate *candidate;
    struct stranger_endpoint *out;
    size_t count;
    size_t left;      /* there was no room for */
    size_t reachable; /* sockets, whosever they are */
};

static bool is_everywhere(const struct address *address)
{
    static const struct address none;

    return memcmp(address->octets, none.octets, sizeof(none.octets)) == 0;
}

/* The host part is the listener's own where it has one. One with a host goes before one without: it
 * has that address to itself. */
static bool is_of(const struct candidate_listener *listener, const struct address *address,
                  uint16_t port, bool with_host)
{
    struct address named;

    if (listener->type != CANDIDATE_INET || listener->port_number != port) {
        return false;
    }
    if (!address_parse(listener->host, &named)) {
        return !with_host;
    }
    return with_host && named.family == address->family &&
           (is_everywhere(&named) || address_equal(&named, address));
}

static void add(struct found *found, const struct address *address, uint16_t port)
{
    size_t count = 0;
    const struct candidate_listener *listeners =
        found->candidate != NULL ? candidate_listeners(found->candidate, &count) : NULL;

    for (size_t i = 0; i < found->count; i++) {
        if (found->out[i].port == port && address_equal(&found->out[i].address, address)) {
            return;
        }
    }
    for (size_t at = 0; at < 2 * count; at++) {
        const size_t i = at % count;
        if (!is_of(&listeners[i], address, port, at < count)) {
            continue;
        }
        if (found->count == OPEN_PORTS_MAX) {
            found->left++;
        } else {
            found->out[found->count++] =
                (struct stranger_endpoint){.listener = i,
                                           .address = *address,
                                           .port = port,
                                           .implicit_tls = listeners[i].tls == TLS_IMPLICIT,
                                           .proxied = listeners[i].proxy};
        }
        return;
    }
}

static bool is_link_local(const struct address *address)
{
    return address->family == ADDRESS_IPV6 && address->octets[0] == 0xfe &&
           (address->octets[1] & 0xc0) == 0x80;
}

static bool is_reachable(const struct address *address)
{
    return !address_is_loopback(address) && !is_link_local(address);
}

static void add_everywhere(struct found *found, enum address_family family, uint16_t port)
{
    const struct address *best = NULL;

    for (size_t i = 0; i < found->wires->host.address_count; i++) {
        const struct address *address = &found->wires->host.addresses[i].address;
        if (address->family == family && is_reachable(address) &&
            (best == NULL || (address_is_private(best) && !address_is_private(address)))) {
            best = address;
        }
    }
    if (best != NULL) {
        add(found, best, port);
    }
}

/* "0100007F:0019", in host order, 32 bits at a time. */
static bool read_place(const char *text, enum address_family family, struct address *address,
                       uint16_t *port)
{
    size_t words = family == ADDRESS_IPV6 ? 4 : 1;
    char digits[9] = "";
    char *end;

    memset(address, 0, sizeof(*address));
    address->family = family;
    if (strlen(text) != 8 * words + 5 || text[8 * words] != ':') {
        return false;
    }
    for (size_t i = 0; i < words; i++) {
        memcpy(digits, text + 8 * i, 8);
        uint32_t word = (uint32_t)strtoul(digits, &end, 16);
        if (*end != '\0') {
            return false;
        }
        memcpy(address->octets + 4 * i, &word, sizeof(word));
    }
    *port = (uint16_t)strtoul(text + 8 * words + 1, &end, 16);
    return *end == '\0';
}

static void take_line(struct found *found, char *line, enum address_family family)
{
    char *rest = NULL;
    struct address address;
    uint16_t port;

    (void)strtok_r(line, " ", &rest); /* its number */
    const char *place = strtok_r(NULL, " ", &rest);
    (void)strtok_r(NULL, " ", &rest); /* the other end */
    const char *state = strtok_r(NULL, " ", &rest);
    if (place == NULL || state == NULL || strtoul(state, NULL, 16) != STATE_LISTEN ||
        !read_place(place, family, &address, &port)) {
        return;
    }
    if (is_everywhere(&address)) {
        found->reachable++;
        add_everywhere(found, family, port);
    } else if (is_reachable(&address)) {
        found->reachable++;
        add(found, &address, port);
    }
}

static void read_table(struct found *found, const char *path, enum address_family family)
{
    FILE *table = fopen(path, "re");
    char line[512];

    while (table != NULL && fgets(line, sizeof(line), table) != NULL) {
        take_line(found, line, family);
    }
    if (table != NULL) {
        fclose(table);
    }
}

size_t open_ports_find(const struct wires *wires, const struct candidate *candidate,
                       struct stranger_endpoint out[OPEN_PORTS_MAX], size_t *left)
{
    struct found found = {.wires = wires, .candidate = candidate, .out = out};

    read_table(&found, "/proc/thread-self/net/tcp", ADDRESS_IPV4);
    read_table(&found, "/proc/thread-self/net/tcp6", ADDRESS_IPV6);
    *left = found.left;
    return found.count;
}

bool open_ports_is_private(const struct wires *wires)
{
    struct found found = {.wires = wires};
    bool can_be_reached = false;

    for (size_t i = 0; i < wires->host.address_count; i++) {
        can_be_reached = can_be_reached || is_reachable(&wires->host.addresses[i].address);
    }
    read_table(&found, "/proc/thread-self/net/tcp", ADDRESS_IPV4);
    read_table(&found, "/proc/thread-self/net/tcp6", ADDRESS_IPV6);
    return can_be_reached && found.reachable == 0;
}
