/* Why not libevent's evhttp, whose loop this room uses: as of 2.1.12, which every distribution has,
 * it ends the process where an address cannot be written down (event_errx in name_from_addr, when
 * memory is out), which would take the filter from a mail server; it takes any number of
 * connections; its time limit begins anew with each octet; and it answers many wrong requests
 * itself, without the handler, so without Allow and without the headers that a browser needs. */
#include "lib/http/http_request.h"

#include <string.h>
#include <strings.h>

#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Octets of the head; not ended by a NUL. */
struct span {
    const char *at;
    size_t length;
};

size_t http_request_head(const char *octets, size_t length)
{
    size_t begin = 0;
    size_t line = 0;

    /* RFC 9112 section 2.2: an empty line in front of the request line is passed over. */
    while (begin < length && begin < 2 && (octets[begin] == '\r' || octets[begin] == '\n')) {
        begin++;
    }
    line = begin;
    for (size_t at = begin; at < length; at++) {
        if (octets[at] != '\n') {
            continue;
        }
        if (at == line || (at == line + 1 && octets[line] == '\r')) {
            return at + 1;
        }
        line = at + 1;
    }
    return 0;
}

static bool is_control(char octet)
{
    return (unsigned char)octet < 0x20 || octet == 0x7f;
}

/* The next line, without its end. False: there is none, or it is no line of a head. */
static bool next_line(struct span *rest, struct span *line)
{
    const char *end = rest->length > 0 ? memchr(rest->at, '\n', rest->length) : NULL;

    if (end == NULL) {
        return false;
    }
    *line = (struct span){rest->at, (size_t)(end - rest->at)};
    rest->length -= line->length + 1;
    rest->at = end + 1;
    if (line->length > 0 && line->at[line->length - 1] == '\r') {
        line->length--;
    }
    for (size_t i = 0; i < line->length; i++) {
        if (is_control(line->at[i]) && line->at[i] != '\t') {
            return false;
        }
    }
    return true;
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (strchr(TOKEN, text.at[i]) == NULL) {
            return false;
        }
    }
    return text.length > 0;
}

static bool begins(struct span text, const char *beginning)
{
    size_t length = strlen(beginning);

    return text.length >= length && strncasecmp(text.at, beginning, length) == 0;
}

static bool is(struct span text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.at, word, text.length) == 0;
}

static struct span behind(struct span text, size_t length)
{
    return (struct span){text.at + length, text.length - length};
}

/* ---- encoded octets ---------------------------------------------------------------------- */

static int digit_of(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char lower = digit >= 'A' && digit <= 'F' ? (char)(digit - 'A' + 'a') : digit;
    const char *found = digit != '\0' ? strchr(digits, lower) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* `out` has room for `size` octets, with a NUL. False: it does not suffice, a percent sign has no
 * two digits behind it, or there is a control character. */
static bool decode(struct span text, bool form, char *out, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        char octet = text.at[i];
        if (octet == '%') {
            int high = i + 2 < text.length ? digit_of(text.at[i + 1]) : -1;
            int low = i + 2 < text.length ? digit_of(text.at[i + 2]) : -1;
            if (i + 2 >= text.length || high < 0 || low < 0) {
                return false;
            }
            octet = (char)(high * 16 + low);
            i += 2;
        } else if (octet == '+' && form) {
            octet = ' ';
        }
        if (is_control(octet) || length + 1 >= size) {
            return false;
        }
        out[length++] = octet;
    }
    out[length] = '\0';
    return true;
}

bool http_request_parameter(const struct http_request *request, const char *name, char *out,
                            size_t size)
{
    const size_t length = strlen(name);

    for (const char *at = request->query; *at != '\0';) {
        const struct span pair = {at, strcspn(at, "&")};
        if (pair.length > length && memcmp(at, name, length) == 0 && at[length] == '=') {
            return decode(behind(pair, length + 1), true, out, size);
        }
        at += pair.length + (at[pair.length] == '&');
    }
    return false;
}

/* ---- host -------------------------------------------------------------------------------- */

/* RFC 3986 section 3.2.2: "name", "192.0.2.1", "[2001:db8::1]", and a port, which is left out. */
static bool read_host(struct span authority, char out[HTTP_HOST_SIZE])
{
    const char *bracket = authority.length > 0 && authority.at[0] == '['
                              ? memchr(authority.at, ']', authority.length)
                              : NULL;
    size_t length = bracket != NULL ? (size_t)(bracket - authority.at) + 1 : 0;

    while (bracket == NULL && length < authority.length && authority.at[length] != ':') {
        length++;
    }
    const struct span port = behind(authority, length);
    for (size_t i = 0; i < port.length; i++) {
        if (i == 0 ? port.at[i] != ':' : port.at[i] < '0' || port.at[i] > '9') {
            return false;
        }
    }
    for (size_t i = 0; i < length; i++) {
        if (strchr("/?#@\\ \t\"<>%", authority.at[i]) != NULL) {
            return false;
        }
    }
    if (length == 0 || length >= HTTP_HOST_SIZE || port.length > 6) {
        return false;
    }
    memcpy(out, authority.at, length);
    out[length] = '\0';
    return true;
}

/* ---- the request line -------------------------------------------------------------------- */

/* "/path?query", or "http://host/path?query", whose host goes before the header (RFC 9112 section
 * 3.2.2). */
static bool read_target(struct span target, struct http_request *out)
{
    size_t scheme = begins(target, "http://") ? 7 : begins(target, "https://") ? 8 : 0;

    if (scheme > 0) {
        target = behind(target, scheme);
        size_t length = 0;
        while (length < target.length && strchr("/?#", target.at[length]) == NULL) {
            length++;
        }
        if (!read_host((struct span){target.at, length}, out->host)) {
            return false;
        }
        target = behind(target, length);
    }
    const char *mark = target.length > 0 ? memchr(target.at, '?', target.length) : NULL;
    size_t length = mark != NULL ? (size_t)(mark - target.at) : target.length;
    struct span path = {target.at, length};
    if (length == 0 && scheme > 0) {
        path = (struct span){"/", 1};
    }
    struct span query = mark != NULL ? behind(target, length + 1) : (struct span){"", 0};
    memcpy(out->query, query.at, query.length);
    out->query[query.length] = '\0';
    return path.length > 0 && path.at[0] == '/' && memchr(path.at, '#', path.length) == NULL &&
           decode(path, false, out->path, sizeof(out->path));
}

/* RFC 9112 section 2.3. *minor is the digit behind the dot. */
static enum http_status read_version(struct span version, char *minor)
{
    if (version.length != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.' ||
        version.at[5] < '0' || version.at[5] > '9' || version.at[7] < '0' || version.at[7] > '9') {
        return HTTP_BAD_REQUEST;
    }
    *minor = version.at[7];
    return version.at[5] == '1' ? HTTP_OK : HTTP_VERSION;
}

static enum http_status read_request_line(struct span line, struct http_request *out, char *minor)
{
    const char *first = line.length > 0 ? memchr(line.at, ' ', line.length) : NULL;

    if (first == NULL) {
        return HTTP_BAD_REQUEST;
    }
    const struct span method = {line.at, (size_t)(first - line.at)};
    struct span rest = behind(line, method.length + 1);
    const char *second = rest.length > 0 ? memchr(rest.at, ' ', rest.length) : NULL;
    if (second == NULL || !is_token(method)) {
        return HTTP_BAD_REQUEST;
    }
    const struct span target = {rest.at, (size_t)(second - rest.at)};
    out->method = is(method, "GET") ? HTTP_GET : is(method, "HEAD") ? HTTP_HEAD : HTTP_OTHER;
    enum http_status status = read_version(behind(rest, target.length + 1), minor);
    if (status != HTTP_OK) {
        return status;
    }
    for (size_t i = 0; i < target.length; i++) {
        if ((unsigned char)target.at[i] <= ' ' || (unsigned char)target.at[i] >= 0x7f) {
            return HTTP_BAD_REQUEST;
        }
    }
    /* OPTIONS has "*", CONNECT a host and port: neither is answered, so neither is read. */
    if (out->method == HTTP_OTHER && (target.length == 0 || target.at[0] != '/')) {
        return HTTP_OK;
    }
    return read_target(target, out) ? HTTP_OK : HTTP_BAD_REQUEST;
}

/* ---- headers ----------------------------------------------------------------------------- */

static struct span trimmed(struct span text)
{
    while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text = behind(text, 1);
    }
    while (text.length > 0 &&
           (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t')) {
        text.length--;
    }
    return text;
}

/* False: a line is no header (RFC 9112 section 5), or is one that two readers might read
 * differently. *hosts counts. */
static bool read_headers(struct span rest, char host[HTTP_HOST_SIZE], unsigned int *hosts)
{
    struct span line;

    while (rest.length > 0) {
        if (!next_line(&rest, &line)) {
            return false;
        }
        if (line.length == 0) {
            return true;
        }
        const char *colon = memchr(line.at, ':', line.length);
        const struct span name = {line.at, colon != NULL ? (size_t)(colon - line.at) : 0};
        if (!is_token(name)) {
            return false;
        }
        if (name.length == 4 && strncasecmp(name.at, "Host", 4) == 0) {
            (*hosts)++;
            if (!read_host(trimmed(behind(line, name.length + 1)), host)) {
                return false;
            }
        }
    }
    return false;
}

enum http_status http_request_read(const char *head, size_t length, struct http_request *out)
{
    char host[HTTP_HOST_SIZE] = "";
    struct span rest = {head, length};
    struct span line = {head, 0};
    unsigned int hosts = 0;
    char minor = '0';

    out->method = HTTP_OTHER;
    out->host[0] = out->path[0] = out->query[0] = '\0';
    if (length > HTTP_HEAD_MAX) {
        return HTTP_HEAD_TOO_LARGE;
    }
    if (!next_line(&rest, &line) || (line.length == 0 && !next_line(&rest, &line))) {
        return HTTP_BAD_REQUEST;
    }
    enum http_status status = read_request_line(line, out, &minor);
    if (status != HTTP_OK) {
        return status;
    }
    if (!read_headers(rest, host, &hosts) || hosts > 1 || (hosts == 0 && minor != '0')) {
        return HTTP_BAD_REQUEST;
    }
    if (out->host[0] == '\0') {
        memcpy(out->host, host, sizeof(host));
    }
    return HTTP_OK;
}
