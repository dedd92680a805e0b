#include "probe/rehearse/stage/wires.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* libmnl, not libnl-route: all that is needed are six kinds of messages, each a dozen lines, and
 * none of the caches that libnl fills before it changes anything. ip(8) would have to be installed,
 * and costs a process for each of up to 300 strangers. */

#define STRANGERS_LINK "rw-strangers"
#define MESSAGE_SIZE   2048

static const unsigned char link_addresses[WIRES_SIDES][6] = {
    [WIRES_SERVER] = {0x02, 0, 0, 0, 0, 0x01},
    [WIRES_STRANGERS] = {0x02, 0, 0, 0, 0, 0x02},
};

static size_t octets_of(const struct address *address)
{
    return address->family == ADDRESS_IPV6 ? 16 : 4;
}

static unsigned char family_of(const struct address *address)
{
    return address->family == ADDRESS_IPV6 ? AF_INET6 : AF_INET;
}

/* ---- what the host has -------------------------------------------------------------------- */

static unsigned int prefix_of(const struct sockaddr *mask)
{
    const unsigned char *octets = NULL;
    size_t length = 0;
    unsigned int prefix = 0;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (mask == NULL) {
        return 32;
    }
    if (mask->sa_family == AF_INET6) {
        memcpy(&v6, mask, sizeof(v6));
        octets = v6.sin6_addr.s6_addr;
        length = sizeof(v6.sin6_addr);
    } else {
        memcpy(&v4, mask, sizeof(v4));
        octets = (const unsigned char *)&v4.sin_addr;
        length = sizeof(v4.sin_addr);
    }
    for (size_t i = 0; i < length; i++) {
        prefix += (unsigned int)__builtin_popcount(octets[i]);
    }
    return prefix;
}

static int take_route_attribute(const struct nlattr *attribute, void *user)
{
    const struct nlattr **gateway = user;

    if (mnl_attr_get_type(attribute) == RTA_GATEWAY) {
        *gateway = attribute;
    }
    return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *message, void *user)
{
    struct wires_host *host = user;
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    const struct nlattr *gateway = NULL;

    if (route->rtm_dst_len != 0 ||
        mnl_attr_parse(message, sizeof(*route), take_route_attribute, &gateway) < 0 ||
        gateway == NULL) {
        return MNL_CB_OK;
    }
    if (host->gateway_count == WIRES_GATEWAYS_MAX) {
        host->left_out = true;
        return MNL_CB_OK;
    }
    struct address *out = &host->gateways[host->gateway_count];
    size_t length = mnl_attr_get_payload_len(gateway);
    if (length == 4 || length == 16) {
        memset(out, 0, sizeof(*out));
        out->family = length == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
        memcpy(out->octets, mnl_attr_get_payload(gateway), length);
        host->gateway_count++;
    }
    return MNL_CB_OK;
}

/* Sends the message and gives each answer to `take` until the last. 0, or -1 with errno. */
static int converse(struct mnl_socket *socket, struct nlmsghdr *message, mnl_cb_t take, void *user)
{
    char buffer[16384];
    static unsigned int sequence;

    message->nlmsg_seq = ++sequence;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) {
        return -1;
    }
    for (;;) {
        ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
        if (length < 0) {
            return -1;
        }
        int status = mnl_cb_run(buffer, (size_t)length, message->nlmsg_seq,
                                mnl_socket_get_portid(socket), take, user);
        if (status <= MNL_CB_STOP) {
            return status == MNL_CB_STOP ? 0 : -1;
        }
    }
}

static struct mnl_socket *open_socket(void)
{
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

    if (socket != NULL && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        mnl_socket_close(socket);
        return NULL;
    }
    return socket;
}

static void read_gateways(struct wires_host *out, unsigned char family)
{
    char buffer[MESSAGE_SIZE];
    struct mnl_socket *socket = open_socket();

    if (socket == NULL) {
        return;
    }
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = RTM_GETROUTE;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
    route->rtm_family = family;
    (void)converse(socket, message, take_route, out);
    mnl_socket_close(socket);
}

int wires_read_host(struct wires_host *out, char error[WIRES_ERROR_SIZE])
{
    struct ifaddrs *all;

    memset(out, 0, sizeof(*out));
    if (getifaddrs(&all) != 0) {
        snprintf(error, WIRES_ERROR_SIZE, "the addresses of this host cannot be read: %s",
                 strerror(errno));
        return -1;
    }
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        struct address address = address_from_sockaddr(at->ifa_addr);
        if (address.family == ADDRESS_NONE || (at->ifa_flags & IFF_UP) == 0) {
            continue;
        }
        if (out->address_count == WIRES_ADDRESSES_MAX) {
            out->left_out = true;
            break;
        }
        struct wires_address *into = &out->addresses[out->address_count++];
        /* "eth0:0" is a label of an address, and no interface. */
        snprintf(into->link, sizeof(into->link), "%.*s", (int)strcspn(at->ifa_name, ":"),
                 at->ifa_name);
        into->address = address;
        into->prefix = prefix_of(at->ifa_netmask);
    }
    freeifaddrs(all);
    read_gateways(out, AF_INET);
    read_gateways(out, AF_INET6);
    return 0;
}

/* ---- messages ------------------------------------------------------------------------------- */

static struct nlmsghdr *new_message(char buffer[MESSAGE_SIZE], unsigned short type)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    if (type != RTM_SETLINK) {
        message->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
    }
    return message;
}

static int send_message(const struct wires *wires, enum wires_side side, struct nlmsghdr *message)
{
    return converse(wires->sockets[side], message, NULL, NULL);
}

static void put_generation_mode(struct nlmsghdr *message)
{
    struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    struct nlattr *family = mnl_attr_nest_start(message, AF_INET6);

    /* Without it every interface would have a link-local address of its own, which
     * mynetworks_style = subnet takes up. */
    mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(message, family);
    mnl_attr_nest_end(message, families);
}

/* A pair, one end on each side. */
static int add_pair(struct wires *wires, const char *server, const char *peer)
{
    char buffer[MESSAGE_SIZE];
    struct nlmsghdr *message = new_message(buffer, RTM_NEWLINK);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));

    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    link->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(message, IFLA_IFNAME, server);
    mnl_attr_put(message, IFLA_ADDRESS, 6, link_addresses[WIRES_SERVER]);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    struct nlattr *other = mnl_attr_nest_start(message, VETH_INFO_PEER);
    (void)mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, peer);
    mnl_attr_put(message, IFLA_ADDRESS, 6, link_addresses[WIRES_STRANGERS]);
    mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)wires->namespaces[WIRES_STRANGERS]);
    mnl_attr_nest_end(message, other);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    return send_message(wires, WIRES_SERVER, message);
}

/* The thread is on that side: names are looked up there. Returns its index, 0 on failure. */
static unsigned int set_up(const struct wires *wires, enum wires_side side, const char *name)
{
    char buffer[MESSAGE_SIZE];
    unsigned int index = if_nametoindex(name);

    for (int with_mode = 1; index != 0 && with_mode >= 0; with_mode--) {
        struct nlmsghdr *message = new_message(buffer, RTM_SETLINK);
        struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));

        link->ifi_family = AF_UNSPEC;
        link->ifi_index = (int)index;
        link->ifi_flags = IFF_UP;
        link->ifi_change = IFF_UP;
        if (with_mode > 0 && strcmp(name, "lo") != 0) {
            put_generation_mode(message);
        }
        /* A kernel without IPv6 refuses the mode. */
        if (send_message(wires, side, message) == 0) {
            return index;
        }
    }
    return 0;
}

static int add_address(const struct wires *wires, enum wires_side side, unsigned int index,
                       const struct wires_address *of)
{
    char buffer[MESSAGE_SIZE];
    struct nlmsghdr *message = new_message(buffer, RTM_NEWADDR);
    struct ifaddrmsg *to = mnl_nlmsg_put_extra_header(message, sizeof(*to));
    /* No route to the rest of the network: a server that connects there is told so at once, and
     * does not wait for an answer of ARP for 3 s. */
    uint32_t flags = IFA_F_NOPREFIXROUTE | IFA_F_NODAD | IFA_F_PERMANENT;

    to->ifa_family = family_of(&of->address);
    to->ifa_prefixlen = (unsigned char)of->prefix;
    to->ifa_index = index;
    to->ifa_scope = RT_SCOPE_UNIVERSE;
    mnl_attr_put(message, IFA_LOCAL, octets_of(&of->address), of->address.octets);
    mnl_attr_put(message, IFA_ADDRESS, octets_of(&of->address), of->address.octets);
    mnl_attr_put_u32(message, IFA_FLAGS, flags);
    return send_message(wires, side, message);
}

/* That one address is at the other end of the strangers' link. */
static int add_way(const struct wires *wires, enum wires_side side, const struct address *to)
{
    char buffer[MESSAGE_SIZE];
    enum wires_side other = side == WIRES_SERVER ? WIRES_STRANGERS : WIRES_SERVER;
    struct nlmsghdr *message = new_message(buffer, RTM_NEWROUTE);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));

    route->rtm_family = family_of(to);
    route->rtm_dst_len = (unsigned char)(octets_of(to) * 8);
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = RT_SCOPE_LINK;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put(message, RTA_DST, octets_of(to), to->octets);
    mnl_attr_put_u32(message, RTA_OIF, wires->links[side]);
    if (send_message(wires, side, message) != 0) {
        return -1;
    }
    /* The server's end has no address from which it could ask who is there. */
    message = new_message(buffer, RTM_NEWNEIGH);
    struct ndmsg *neighbour = mnl_nlmsg_put_extra_header(message, sizeof(*neighbour));
    neighbour->ndm_family = family_of(to);
    neighbour->ndm_ifindex = (int)wires->links[side];
    neighbour->ndm_state = NUD_PERMANENT;
    mnl_attr_put(message, NDA_DST, octets_of(to), to->octets);
    mnl_attr_put(message, NDA_LLADDR, 6, link_addresses[other]);
    return send_message(wires, side, message);
}

/* ---- laying them ---------------------------------------------------------------------------- */

int wires_enter(const struct wires *wires, enum wires_side side)
{
    return setns(wires->namespaces[side], CLONE_NEWNET);
}

/* A fresh namespace, which this thread is in then. */
static int make_namespace(struct wires *wires, enum wires_side side)
{
    if (unshare(CLONE_NEWNET) != 0) {
        return -1;
    }
    wires->namespaces[side] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    wires->sockets[side] = open_socket();
    if (wires->namespaces[side] < 0 || wires->sockets[side] == NULL) {
        return -1;
    }
    return set_up(wires, side, "lo") != 0 ? 0 : -1;
}

static bool is_first_of_link(const struct wires_host *host, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(host->addresses[i].link, host->addresses[index].link) == 0) {
            return false;
        }
    }
    return true;
}

static int lay_address(struct wires *wires, size_t at, char error[WIRES_ERROR_SIZE])
{
    const struct wires_address *of = &wires->host.addresses[at];
    char text[ADDRESS_TEXT_SIZE];
    char peer[IF_NAMESIZE];
    bool is_loopback = strcmp(of->link, "lo") == 0;

    if (!is_loopback && is_first_of_link(&wires->host, at)) {
        snprintf(peer, sizeof(peer), "rw-%u", (unsigned int)(at % WIRES_ADDRESSES_MAX));
        if (add_pair(wires, of->link, peer) != 0 || set_up(wires, WIRES_SERVER, of->link) == 0) {
            snprintf(error, WIRES_ERROR_SIZE, "the interface %s cannot be laid: %s", of->link,
                     strerror(errno));
            return -1;
        }
        if (wires_enter(wires, WIRES_STRANGERS) != 0 || set_up(wires, WIRES_STRANGERS, peer) == 0 ||
            wires_enter(wires, WIRES_SERVER) != 0) {
            snprintf(error, WIRES_ERROR_SIZE, "the other end of %s cannot be laid: %s", of->link,
                     strerror(errno));
            return -1;
        }
    }
    if (address_is_loopback(&of->address)) {
        return 0; /* there by itself */
    }
    if (add_address(wires, WIRES_SERVER, if_nametoindex(of->link), of) != 0) {
        snprintf(error, WIRES_ERROR_SIZE, "the address %s/%u cannot be given to %s: %s",
                 address_format(&of->address, text), of->prefix, of->link, strerror(errno));
        return -1;
    }
    return 0;
}

/* The strangers' ways to the server. */
static int lay_way(struct wires *wires, size_t at)
{
    const struct address *address = &wires->host.addresses[at].address;

    return address_is_loopback(address) ? 0 : add_way(wires, WIRES_STRANGERS, address);
}

int wires_lay(struct wires *wires, const struct wires_host *host, char error[WIRES_ERROR_SIZE])
{
    memset(wires, 0, sizeof(*wires));
    wires->host = *host;
    if (make_namespace(wires, WIRES_STRANGERS) != 0 || make_namespace(wires, WIRES_SERVER) != 0 ||
        add_pair(wires, STRANGERS_LINK, STRANGERS_LINK) != 0 ||
        (wires->links[WIRES_SERVER] = set_up(wires, WIRES_SERVER, STRANGERS_LINK)) == 0 ||
        wires_enter(wires, WIRES_STRANGERS) != 0 ||
        (wires->links[WIRES_STRANGERS] = set_up(wires, WIRES_STRANGERS, STRANGERS_LINK)) == 0 ||
        wires_enter(wires, WIRES_SERVER) != 0) {
        snprintf(error, WIRES_ERROR_SIZE, "a private network cannot be made: %s", strerror(errno));
        return -1;
    }
    for (size_t i = 0; i < host->address_count; i++) {
        if (lay_address(wires, i, error) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < host->address_count; i++) {
        if (lay_way(wires, i) != 0) {
            snprintf(error, WIRES_ERROR_SIZE, "strangers have no way to the server: %s",
                     strerror(errno));
            return -1;
        }
    }
    return 0;
}

int wires_add_stranger(struct wires *wires, const struct address *stranger,
                       char error[WIRES_ERROR_SIZE])
{
    struct wires_address of = {.address = *stranger,
                               .prefix = (unsigned int)(octets_of(stranger) * 8)};
    char text[ADDRESS_TEXT_SIZE];

    if (add_address(wires, WIRES_STRANGERS, wires->links[WIRES_STRANGERS], &of) == 0 &&
        add_way(wires, WIRES_SERVER, stranger) == 0) {
        return 0;
    }
    snprintf(error, WIRES_ERROR_SIZE, "no stranger can have the address %s: %s",
             address_format(stranger, text), strerror(errno));
    return -1;
}

bool wires_is_own(const struct wires *wires, const struct address *address)
{
    for (size_t i = 0; i < wires->host.address_count; i++) {
        if (address_equal(&wires->host.addresses[i].address, address)) {
            return true;
        }
    }
    return false;
}
