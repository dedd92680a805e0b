#include "conf/names.h"

#include <confuse.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "conf/mistakes.h"

#define PORT_MAX 65535

static bool __attribute__((format(printf, 2, 3)))
fail(char error[CONF_VALUE_ERROR_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, CONF_VALUE_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- domains and hosts --------------------------------------------------------------- */

/* "192.0.2.1" has the letters of a domain, but no domain ends in a number. */
static bool is_bare_address(const char *text)
{
    struct address address;

    return text[0] != '[' && address_parse(text, &address);
}

static bool explain_domain(const struct conf_domain_text *domain, const char *copy,
                           char error[CONF_VALUE_ERROR_SIZE])
{
    char shown[CONF_SHOW_SIZE];

    if (domain->secret) {
        snprintf(shown, sizeof(shown), "this");
    } else {
        conf_show(shown, copy);
    }
    if (is_bare_address(copy)) {
        return fail(error, "%s is an address, not a domain%s", shown,
                    domain->literal   ? "; write it in brackets if mail is taken for user@[ADDRESS]"
                    : domain->pattern ? "; name the host"
                                      : "");
    }
    if (domain->pattern && strncmp(copy, "*.", 2) == 0) {
        return fail(error,
                    "%s is no domain; for every subdomain write it without the asterisk, with the "
                    "leading dot",
                    shown);
    }
    return fail(error, "%s is no domain%s; allowed: names as \"example.org\"%s", shown,
                strchr(copy, '-') != NULL && domain_has_stray_hyphen(copy)
                    ? ": a part of it begins or ends with a hyphen"
                    : "",
                domain->pattern ? ", and \".example.org\" for every subdomain" : "");
}

bool conf_read_domain(const struct conf_domain_text *domain, char out[DOMAIN_SIZE],
                      char error[CONF_VALUE_ERROR_SIZE])
{
    char copy[DOMAIN_SIZE];
    char name[DOMAIN_SIZE];
    bool valid = domain->pattern ? domain_normalise_pattern(domain->text, domain->length, name)
                                 : domain_normalise(domain->text, domain->length, name);

    if (valid && name[0] == '[') {
        valid = domain->literal;
    } else if (valid && domain_has_stray_hyphen(name)) {
        valid = false;
    } else if (valid && name[strlen(name) - 1] >= '0' && name[strlen(name) - 1] <= '9') {
        valid = !is_bare_address(name);
    }
    if (valid) {
        memcpy(out, name, strlen(name) + 1);
        return true;
    }
    size_t length = domain->length < sizeof(copy) ? domain->length : sizeof(copy) - 1;
    memcpy(copy, domain->text, length);
    copy[length] = '\0';
    return explain_domain(domain, copy, error);
}

bool conf_is_target_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(text);

    if (length == 0 || length > CONF_TARGET_NAME_MAX || strchr(letters, text[0]) == NULL) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if (strchr(letters, text[i]) == NULL && strchr("._-", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool conf_read_host(const char *text, char out[DOMAIN_SIZE], char error[CONF_VALUE_ERROR_SIZE])
{
    const struct conf_domain_text domain = {.text = text, .length = strlen(text)};
    char formatted[ADDRESS_TEXT_SIZE];
    char shown[CONF_SHOW_SIZE];
    struct address address;
    char name[DOMAIN_SIZE];
    char reason[CONF_VALUE_ERROR_SIZE];

    if (address_parse(text, &address)) {
        if (strchr(text, '[') != NULL || strncmp(text, "IPv6:", 5) == 0) {
            return fail(error, "%s: write the address alone, %s", conf_show(shown, text),
                        address_format(&address, formatted));
        }
        if (address_is_ipv4_compatible(&address)) {
            return fail(error,
                        "%s is an address in ::/96, which no server has; allowed: an IPv6 address "
                        "without a port",
                        conf_show(shown, text));
        }
        snprintf(out, DOMAIN_SIZE, "%s", address_format(&address, formatted));
        return true;
    }
    if (!conf_read_domain(&domain, name, reason)) {
        return fail(error,
                    "%s is no host; allowed: a name, an IPv4 address, or an IPv6 address without "
                    "brackets",
                    conf_show(shown, text));
    }
    memcpy(out, name, sizeof(name));
    return true;
}

/* atext and dots, none of them first, last or doubled. */
static bool is_dot_string(const char *text, size_t length)
{
    static const char special[] = "!#$%&'*+-/=?^_`{|}~";

    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '.') {
            if (i == 0 || i == length - 1 || text[i - 1] == '.') {
                return false;
            }
        } else if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr(special, c) != NULL))) {
            return false;
        }
    }
    return length > 0;
}

bool conf_read_mail_address(const char *text, char out[CONF_MAIL_ADDRESS_SIZE],
                            char error[CONF_VALUE_ERROR_SIZE])
{
    const char *at = strrchr(text, '@');
    char shown[CONF_SHOW_SIZE];
    char reason[CONF_VALUE_ERROR_SIZE];
    char domain[DOMAIN_SIZE];

    if (at == NULL || at - text > CONF_LOCAL_PART_MAX ||
        !is_dot_string(text, (size_t)(at - text))) {
        return fail(error,
                    "%s is no mail address; allowed: LOCAL@DOMAIN without brackets, the local part "
                    "without quotes and at most %d octets",
                    conf_show(shown, text), CONF_LOCAL_PART_MAX);
    }
    const struct conf_domain_text domain_text = {.text = at + 1, .length = strlen(at + 1)};
    if (!conf_read_domain(&domain_text, domain, reason)) {
        return fail(error, "%s is no mail address: %s", conf_show(shown, text), reason);
    }
    snprintf(out, CONF_MAIL_ADDRESS_SIZE, "%.*s@%s", (int)(at - text), text, domain);
    return true;
}

/* ---- addresses ----------------------------------------------------------------------- */

bool conf_read_address(const char *text, struct address *out, char error[CONF_VALUE_ERROR_SIZE])
{
    char shown[CONF_SHOW_SIZE];

    if (!address_parse(text, out)) {
        return fail(error, "%s is no IP address; allowed: as \"192.0.2.1\" or \"2001:db8::1\"",
                    conf_show(shown, text));
    }
    return true;
}

static bool explain_host_bits(const char *text, const struct network *network,
                              char error[CONF_VALUE_ERROR_SIZE])
{
    char whole[NETWORK_TEXT_SIZE];
    char shown[CONF_SHOW_SIZE];
    char one[ADDRESS_TEXT_SIZE] = "";
    char base[2 * ADDRESS_TEXT_SIZE];
    struct address address;

    snprintf(base, sizeof(base), "%.*s", (int)strcspn(text, "/"), text);
    if (address_parse(base, &address)) {
        address_format(&address, one);
    }
    return fail(error,
                "%s has bits set behind its prefix; write \"%s\" for the whole network or \"%s\" "
                "for the one address",
                conf_show(shown, text), network_format(network, whole), one);
}

bool conf_read_network(const char *text, struct network *out, char error[CONF_VALUE_ERROR_SIZE])
{
    struct network network = {0};
    char shown[CONF_SHOW_SIZE];

    switch (network_parse(text, &network)) {
    case NETWORK_OK:
        *out = network;
        return true;
    case NETWORK_BAD_PREFIX:
        return fail(error,
                    "%s has no valid prefix; allowed: /0 to /32 for IPv4, /0 to /128 for IPv6",
                    conf_show(shown, text));
    case NETWORK_HOST_BITS_SET:
        return explain_host_bits(text, &network, error);
    case NETWORK_BAD_ADDRESS:
        break;
    }
    return fail(
        error,
        "%s is no network; allowed: ADDRESS/PREFIX as \"192.0.2.0/24\" or \"2001:db8::/32\","
        " or one address",
        conf_show(shown, text));
}

bool conf_read_resolver(const char *text, struct conf_resolver *out,
                        char error[CONF_VALUE_ERROR_SIZE])
{
    struct conf_resolver resolver = {.port = CONF_RESOLVER_PORT};
    char host[2 * ADDRESS_TEXT_SIZE] = "";
    char shown[CONF_SHOW_SIZE];
    const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = strrchr(text, ':');
    long port = CONF_RESOLVER_PORT;

    if (bracket != NULL) {
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (colon != NULL && strchr(text, ':') != colon) {
        colon = NULL; /* an IPv6 address alone */
    }
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    bool valid = colon == NULL || conf_read_number(colon + 1, 1, PORT_MAX, &port);
    if (length < sizeof(host)) {
        snprintf(host, sizeof(host), "%.*s", (int)length, text);
    }
    if (!valid || !address_parse(host, &resolver.address)) {
        return fail(error,
                    "%s is no resolver; allowed: ADDRESS:PORT as \"192.0.2.53:53\" or "
                    "\"[2001:db8::53]:53\", or an address alone for port %d",
                    conf_show(shown, text), CONF_RESOLVER_PORT);
    }
    resolver.port = (uint16_t)port;
    *out = resolver;
    return true;
}

/* Not with address_parse's other forms: this one is always with a port. */
bool conf_read_place(const char *text, struct http_place *out, char error[CONF_VALUE_ERROR_SIZE])
{
    struct http_place place;
    char host[ADDRESS_TEXT_SIZE + 2] = "";
    char shown[CONF_SHOW_SIZE];
    const char *colon = strrchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    long port = 0;

    if (length < sizeof(host)) {
        snprintf(host, sizeof(host), "%.*s", (int)length, text);
    }
    const bool bracketed = host[0] == '[';
    const bool six = strchr(host, ':') != NULL;
    if (colon == NULL || bracketed != six || !conf_read_number(colon + 1, 1, PORT_MAX, &port) ||
        !address_parse(host, &place.address)) {
        return fail(error,
                    "%s is no address with a port; allowed: ADDRESS:PORT as \"127.0.0.1:9825\" or "
                    "\"[::1]:9825\" (0.0.0.0 or [::] is every address)",
                    conf_show(shown, text));
    }
    place.port = (uint16_t)port;
    *out = place;
    return true;
}

/* ---- sockets ------------------------------------------------------------------------- */

static bool read_unix(const char *text, const char *path, struct conf_socket *out,
                      char error[CONF_VALUE_ERROR_SIZE])
{
    char shown[CONF_SHOW_SIZE];
    size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    for (const char *c = path; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return fail(error, "%s holds a control character", conf_show(shown, text));
        }
    }
    if (path[0] != '/') {
        return fail(error, "%s: the path of a UNIX socket must be absolute: unix:/...",
                    conf_show(shown, text));
    }
    if (strlen(path) > most) {
        return fail(error, "%s: the path of a UNIX socket has at most %zu octets",
                    conf_show(shown, text), most);
    }
    *out = (struct conf_socket){.family = CONF_SOCKET_UNIX, .path = path};
    return true;
}

/* libmilter takes "[ADDRESS]" too. */
static bool is_socket_host(const char *host, enum conf_socket_family family)
{
    char error[CONF_VALUE_ERROR_SIZE];
    char name[DOMAIN_SIZE];
    struct address address;

    if (address_parse(host, &address)) {
        return strncmp(host, "IPv6:", 5) != 0 && strncmp(host, "[IPv6:", 6) != 0 &&
               (family == CONF_SOCKET_INET6) == (strchr(host, ':') != NULL);
    }
    return conf_read_host(host, name, error);
}

static bool read_inet(const char *text, const char *rest, struct conf_socket *out,
                      char error[CONF_VALUE_ERROR_SIZE])
{
    const char *at = strchr(rest, '@');
    char shown[CONF_SHOW_SIZE];
    char port_text[8] = "";
    long port;

    if (at == NULL) {
        return fail(error, "%s names no host; write PORT@HOST, as \"inet:8891@127.0.0.1\"",
                    conf_show(shown, text));
    }
    if (at - rest < (ptrdiff_t)sizeof(port_text)) {
        memcpy(port_text, rest, (size_t)(at - rest));
    }
    if (!conf_read_number(port_text, 1, PORT_MAX, &port)) {
        return fail(error, "%s has no valid port; allowed: 1 to %d", conf_show(shown, text),
                    PORT_MAX);
    }
    if (!is_socket_host(at + 1, out->family)) {
        return fail(error, "%s has no valid host; allowed: a name, or an %s address",
                    conf_show(shown, text), out->family == CONF_SOCKET_INET ? "IPv4" : "IPv6");
    }
    out->host = at + 1;
    out->port = (uint16_t)port;
    return true;
}

bool conf_read_socket(const char *text, struct conf_socket *out, char error[CONF_VALUE_ERROR_SIZE])
{
    static const struct {
        const char *prefix;
        enum conf_socket_family family;
    } forms[] = {
        {"unix:", CONF_SOCKET_UNIX},
        {"inet:", CONF_SOCKET_INET},
        {"inet6:", CONF_SOCKET_INET6},
    };
    char shown[CONF_SHOW_SIZE];

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t length = strlen(forms[i].prefix);
        if (strncmp(text, forms[i].prefix, length) != 0) {
            continue;
        }
        struct conf_socket socket = {.family = forms[i].family};
        bool valid = socket.family == CONF_SOCKET_UNIX
                         ? read_unix(text, text + length, &socket, error)
                         : read_inet(text, text + length, &socket, error);
        if (valid) {
            *out = socket;
        }
        return valid;
    }
    return fail(error, "%s is no socket; allowed: unix:PATH, inet:PORT@HOST, inet6:PORT@HOST",
                conf_show(shown, text));
}

/* ---- numbers --------------------------------------------------------------------------------- */

int conf_read_boolean(const char *text)
{
    return cfg_parse_boolean(text);
}

long conf_read_digits(const char *text, size_t length, int base)
{
    long value = 0;

    if (length == 0) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] >= '0' + base) {
            return -1;
        }
        int digit = text[i] - '0';
        value = value > (LONG_MAX - digit) / base ? LONG_MAX : value * base + digit;
    }
    return value;
}

bool conf_read_number(const char *text, long least, long most, long *out)
{
    long value = conf_read_digits(text, strlen(text), 10);

    if (value < least || value > most || value < 0) {
        return false;
    }
    *out = value;
    return true;
}
