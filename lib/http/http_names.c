#include "lib/http/http_names.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/http/http_request.h"

struct http_names {
    char **named; /* by the operator */
    size_t count;
    char host[HTTP_HOST_SIZE]; /* as the kernel has it */
};

/* The whole name of this host; set once, and never freed. */
static _Atomic(char *) whole_name;

struct http_names *http_names_new(const struct http_settings *settings)
{
    struct http_names *names = calloc(1, sizeof(*names));

    if (names == NULL) {
        return NULL;
    }
    if (gethostname(names->host, sizeof(names->host)) != 0) {
        names->host[0] = '\0';
    }
    names->host[sizeof(names->host) - 1] = '\0';
    names->named = calloc(settings->name_count + 1, sizeof(*names->named));
    for (size_t i = 0; names->named != NULL && i < settings->name_count; i++) {
        names->named[i] = strdup(settings->names[i]);
        if (names->named[i] == NULL) {
            break;
        }
        names->count++;
    }
    if (names->named == NULL || names->count < settings->name_count) {
        http_names_free(names);
        return NULL;
    }
    return names;
}

void http_names_free(struct http_names *names)
{
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; names->named != NULL && i < names->count; i++) {
        free(names->named[i]);
    }
    free(names->named);
    free(names);
}

void http_names_learn(void)
{
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
    char host[HTTP_HOST_SIZE];
    struct addrinfo *found = NULL;

    if (atomic_load(&whole_name) != NULL || gethostname(host, sizeof(host)) != 0) {
        return;
    }
    host[sizeof(host) - 1] = '\0';
    if (getaddrinfo(host, NULL, &hints, &found) != 0) {
        return;
    }
    char *name = found->ai_canonname != NULL ? strdup(found->ai_canonname) : NULL;
    char *none = NULL;
    if (!atomic_compare_exchange_strong(&whole_name, &none, name)) {
        free(name);
    }
    freeaddrinfo(found);
}

/* ---- addresses --------------------------------------------------------------------------- */

static bool is_multicast(const struct address *address)
{
    return address->family == ADDRESS_IPV4 ? address->octets[0] >= 224 : address->octets[0] == 0xff;
}

/* The system lets a socket have an address of the host's alone; asked each time, for interfaces
 * come and go. Not getifaddrs, for which the units would have to allow netlink. */
static bool is_own(const struct address *address)
{
    static const uint8_t zero[sizeof(address->octets)];
    struct sockaddr_storage own;
    const socklen_t length = address_to_sockaddr(address, 0, &own);
    bool had = false;

    if (memcmp(address->octets, zero, sizeof(zero)) == 0 || is_multicast(address)) {
        return false;
    }
    int descriptor = socket(own.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0) {
        had = bind(descriptor, (const struct sockaddr *)&own, length) == 0;
        close(descriptor);
    }
    return had;
}

static bool is_named(const struct http_names *names, const struct address *address)
{
    struct address named;

    for (size_t i = 0; i < names->count; i++) {
        if (address_parse(names->named[i], &named) && address_equal(&named, address)) {
            return true;
        }
    }
    return false;
}

/* ---- names ------------------------------------------------------------------------------- */

/* A dot at the end says that the name is whole, and no more. */
static bool is_name(const char *host, size_t length, const char *name)
{
    return name[0] != '\0' && strlen(name) == length && strncasecmp(host, name, length) == 0;
}

static bool is_localhost(const char *host, size_t length)
{
    static const char localhost[] = "localhost";
    const size_t least = sizeof(localhost) - 1;

    return is_name(host, length, "localhost.localdomain") ||
           (length >= least && strncasecmp(host + length - least, localhost, least) == 0 &&
            (length == least || host[length - least - 1] == '.'));
}

static bool is_short_form(const char *host, size_t length, const char *name)
{
    const size_t first = strcspn(name, ".");

    return first > 0 && first == length && strncasecmp(host, name, length) == 0;
}

bool http_names_have(const struct http_names *names, const char *host)
{
    const char *whole = atomic_load(&whole_name);
    size_t length = strlen(host);
    struct address address;

    if (address_parse(host, &address)) {
        return address_is_loopback(&address) || is_named(names, &address) || is_own(&address);
    }
    if (length > 1 && host[length - 1] == '.') {
        length--;
    }
    if (is_localhost(host, length) || is_name(host, length, names->host) ||
        is_short_form(host, length, names->host) ||
        (whole != NULL && is_name(host, length, whole))) {
        return true;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (is_name(host, length, names->named[i])) {
            return true;
        }
    }
    return false;
}
