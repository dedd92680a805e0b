#include "probe/rehearse/stage/played_names.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/domain.h"

#define PORT          53
#define CLIENTS       ".client.test" /* RFC 6761: nobody's */
#define MAILBOX_LABEL "mx-in."
#define TTL           60

/* ---- names -------------------------------------------------------------------------------- */

const char *played_name_of(const struct address *address, char out[PLAYED_NAME_SIZE])
{
    size_t octets = address->family == ADDRESS_IPV6 ? 16 : 4;
    size_t length = 0;

    length += (size_t)snprintf(out, PLAYED_NAME_SIZE, "h");
    for (size_t i = 0; i < octets; i++) {
        length +=
            (size_t)snprintf(out + length, PLAYED_NAME_SIZE - length, "%02x", address->octets[i]);
    }
    snprintf(out + length, PLAYED_NAME_SIZE - length, CLIENTS);
    return out;
}

static int digit(char character)
{
    return isdigit((unsigned char)character) ? character - '0'
                                             : tolower((unsigned char)character) - 'a' + 10;
}

/* The address that such a name was made of. */
static bool address_of_name(const char *name, struct address *out)
{
    size_t digits = strspn(name + (name[0] == 'h'), "0123456789abcdefABCDEF");

    memset(out, 0, sizeof(*out));
    if (name[0] != 'h' || (digits != 8 && digits != 32) ||
        strcasecmp(name + 1 + digits, CLIENTS) != 0) {
        return false;
    }
    out->family = digits == 8 ? ADDRESS_IPV4 : ADDRESS_IPV6;
    for (size_t i = 0; i < digits / 2; i++) {
        out->octets[i] = (uint8_t)(digit(name[1 + 2 * i]) * 16 + digit(name[2 + 2 * i]));
    }
    return true;
}

/* "7.100.51.198.in-addr.arpa", and of 32 nibbles under ip6.arpa. */
static bool address_of_reverse(const char *name, struct address *out)
{
    static const char v4_end[] = ".in-addr.arpa";
    size_t length = strlen(name);

    memset(out, 0, sizeof(*out));
    if (length > strlen(v4_end) && strcasecmp(name + length - strlen(v4_end), v4_end) == 0) {
        char *end = NULL;
        const char *at = name;
        out->family = ADDRESS_IPV4;
        for (size_t i = 4; i > 0; i--) {
            unsigned long octet = strtoul(at, &end, 10);
            if (end == at || octet > 255 || *end != '.') {
                return false;
            }
            out->octets[i - 1] = (uint8_t)octet;
            at = end + 1;
        }
        return at == name + length - strlen(v4_end) + 1;
    }
    if (strlen(name) != 72 || strcasecmp(name + 64, "ip6.arpa") != 0) {
        return false;
    }
    out->family = ADDRESS_IPV6;
    for (size_t i = 0; i < 32; i++) {
        if (!isxdigit((unsigned char)name[2 * i]) || name[2 * i + 1] != '.') {
            return false;
        }
        size_t place = 31 - i;
        out->octets[place / 2] |= (uint8_t)(digit(name[2 * i]) << (place % 2 == 0 ? 4 : 0));
    }
    return true;
}

/* ---- answers ------------------------------------------------------------------------------ */

struct answer {
    uint8_t octets[1024];
    size_t length;
    unsigned int records;
    bool exists;
};

static void put_record(struct answer *answer, unsigned int type, const uint8_t *data, size_t length)
{
    /* The name is that of the question, at 12. */
    const uint8_t head[] = {0xc0, 12,  (uint8_t)(type >> 8),   (uint8_t)type,  0, ns_c_in, 0, 0,
                            0,    TTL, (uint8_t)(length >> 8), (uint8_t)length};

    answer->exists = true;
    if (answer->length + sizeof(head) + length <= sizeof(answer->octets)) {
        memcpy(answer->octets + answer->length, head, sizeof(head));
        memcpy(answer->octets + answer->length + sizeof(head), data, length);
        answer->length += sizeof(head) + length;
        answer->records++;
    }
}

static size_t write_name(const char *name, uint8_t *out)
{
    size_t length = 0;

    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        out[length++] = (uint8_t)label;
        memcpy(out + length, name, label);
        length += label;
        name += label + (name[label] == '.');
    }
    out[length++] = 0;
    return length;
}

static void put_pointer(struct answer *answer, const char *name)
{
    uint8_t data[DOMAIN_SIZE + 2];

    put_record(answer, ns_t_ptr, data, write_name(name, data));
}

static void put_exchanger(struct answer *answer, unsigned int preference, const char *name)
{
    uint8_t data[DOMAIN_SIZE + 4] = {(uint8_t)(preference >> 8), (uint8_t)preference};

    put_record(answer, ns_t_mx, data, 2 + write_name(name, data + 2));
}

/* Both families, of which one is asked for: the name exists either way. */
static void put_addresses(struct answer *answer, unsigned int type, const struct address *four,
                          const struct address *six)
{
    answer->exists = true;
    if (type == ns_t_a && four->family == ADDRESS_IPV4) {
        put_record(answer, type, four->octets, 4);
    } else if (type == ns_t_aaaa && six->family == ADDRESS_IPV6) {
        put_record(answer, type, six->octets, 16);
    }
}

static void answer_reverse(struct answer *answer, const struct played_names *names,
                           unsigned int type, const struct address *address)
{
    char name[PLAYED_NAME_SIZE];

    answer->exists = true;
    if (type != ns_t_ptr) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (address_equal(&names->server[i], address)) {
            put_pointer(answer, names->server_name);
            return;
        }
    }
    for (size_t i = 0; i < names->claim_count; i++) {
        if (address_equal(&names->claims[i].address, address)) {
            put_pointer(answer, names->claims[i].name);
            return;
        }
    }
    put_pointer(answer, played_name_of(address, name));
}

/* A domain that takes mail elsewhere. */
static void answer_outside(struct answer *answer, const struct played_names *names,
                           unsigned int type, const char *name)
{
    char exchanger[DOMAIN_SIZE + sizeof(MAILBOX_LABEL)];

    put_addresses(answer, type, &names->mailbox[0], &names->mailbox[1]);
    if (type == ns_t_mx) {
        snprintf(exchanger, sizeof(exchanger), MAILBOX_LABEL "%s", names->canary_domain);
        put_exchanger(answer, 10, exchanger);
        if (strcasecmp(name, names->backup_domain) == 0) {
            put_exchanger(answer, 20, names->server_name);
        }
    }
}

/* The clients that have the name. False: none, or it is the site's to give. */
static bool answer_claim(struct answer *answer, const struct played_names *names, unsigned int type,
                         const char *name)
{
    char normal[DOMAIN_SIZE];
    const struct address none = {.family = ADDRESS_NONE};
    bool any = false;

    if (!domain_normalise(name, strlen(name), normal) ||
        site_parent_domain(names->site, normal) != NULL) {
        return false;
    }
    for (size_t i = 0; i < names->claim_count; i++) {
        const struct address *address = &names->claims[i].address;
        if (strcasecmp(names->claims[i].name, name) == 0) {
            bool is_six = address->family == ADDRESS_IPV6;
            put_addresses(answer, type, is_six ? &none : address, is_six ? address : &none);
            any = true;
        }
    }
    return any;
}

static bool is_below(const char *name, const char *domain)
{
    size_t length = strlen(name);
    size_t wanted = strlen(domain);

    return length >= wanted && strcasecmp(name + length - wanted, domain) == 0 &&
           (length == wanted || name[length - wanted - 1] == '.');
}

static bool is_known(const struct played_names *names, const char *name)
{
    for (size_t i = 0; i < names->known_count; i++) {
        if (strcasecmp(names->known[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void answer_question(struct answer *answer, const struct played_names *names,
                            unsigned int type, const char *name)
{
    struct address address;
    const struct address none = {.family = ADDRESS_NONE};

    if (address_of_reverse(name, &address)) {
        answer_reverse(answer, names, type, &address);
    } else if (address_of_name(name, &address)) {
        put_addresses(answer, type, &address, address.family == ADDRESS_IPV6 ? &address : &none);
    } else if (strcasecmp(name, names->server_name) == 0 ||
               site_owns_domain(names->site, name, strlen(name))) {
        put_addresses(answer, type, &names->server[0], &names->server[1]);
        if (type == ns_t_mx && strcasecmp(name, names->server_name) != 0) {
            put_exchanger(answer, 10, names->server_name);
        }
    } else if (answer_claim(answer, names, type, name)) {
        return;
    } else if (is_below(name, names->canary_domain) || is_known(names, name) ||
               strcasecmp(name, names->backup_domain) == 0) {
        answer_outside(answer, names, type, name);
    }
}

/* ---- the server ---------------------------------------------------------------------------- */

/* The name of the one question; where it ends, or 0. */
static size_t read_question(const uint8_t *octets, size_t length, char out[NS_MAXDNAME],
                            unsigned int *type)
{
    size_t at = 12;
    size_t written = 0;

    while (at < length && octets[at] != 0) {
        size_t label = octets[at];
        if (label > 63 || at + 1 + label >= length || written + label + 2 > NS_MAXDNAME) {
            return 0;
        }
        for (size_t i = 0; i < label; i++) {
            char octet = (char)octets[at + 1 + i];
            out[written++] = octet == '\0' || octet == '.' ? '?' : octet;
        }
        out[written++] = '.';
        at += label + 1;
    }
    out[written > 0 ? written - 1 : 0] = '\0';
    if (at + 5 > length) {
        return 0;
    }
    *type = (unsigned int)octets[at + 1] << 8 | octets[at + 2];
    return at + 5;
}

static void serve(int socket, const struct played_names *names)
{
    uint8_t question[512];
    char name[NS_MAXDNAME] = "";
    unsigned int type = 0;
    struct sockaddr_storage from;
    socklen_t from_length = sizeof(from);
    ssize_t octets =
        recvfrom(socket, question, sizeof(question), 0, (struct sockaddr *)&from, &from_length);
    size_t end = octets > 12 ? read_question(question, (size_t)octets, name, &type) : 0;
    struct answer answer = {.length = end};

    if (end == 0 || end > sizeof(question)) {
        return;
    }
    memcpy(answer.octets, question, end);
    answer_question(&answer, names, type, name);
    answer.octets[2] = (uint8_t)(0x84 | (question[2] & 1)); /* an answer, of who knows it */
    answer.octets[3] = (uint8_t)(0x80 | (answer.exists ? ns_r_noerror : ns_r_nxdomain));
    answer.octets[4] = 0;
    answer.octets[5] = 1;
    answer.octets[6] = 0;
    answer.octets[7] = (uint8_t)answer.records;
    memset(answer.octets + 8, 0, 4);
    (void)sendto(socket, answer.octets, answer.length, 0, (const struct sockaddr *)&from,
                 from_length);
}

static int open_socket(int family)
{
    struct sockaddr_in six_or_four = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int made = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (made >= 0 && bind(made,
                          family == AF_INET ? (const struct sockaddr *)&six_or_four
                                            : (const struct sockaddr *)&six,
                          family == AF_INET ? sizeof(six_or_four) : sizeof(six)) != 0) {
        close(made);
        return -1;
    }
    return made;
}

int played_names_begin(const struct played_names *names)
{
    struct pollfd sockets[2] = {{.fd = open_socket(AF_INET), .events = POLLIN},
                                {.fd = open_socket(AF_INET6), .events = POLLIN}};

    if (sockets[0].fd < 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        for (;;) {
            if (poll(sockets, 2, -1) > 0) {
                for (size_t i = 0; i < 2; i++) {
                    if ((sockets[i].revents & POLLIN) != 0) {
                        serve(sockets[i].fd, names);
                    }
                }
            }
        }
    }
    close(sockets[0].fd);
    if (sockets[1].fd >= 0) {
        close(sockets[1].fd);
    }
    return child > 0 ? 0 : -1;
}
