#include "conf/values.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mistakes.h"
#include "conf/names.h"
#include "lib/domain.h"

#define TEXT_MAX 256

/* Every reader gets these: parameters are few, and each uses what it needs. */
struct reading {
    const struct conf_option *option;
    const char *text;
    char shown[CONF_SHOW_SIZE];
    char *error; /* CONF_VALUE_ERROR_SIZE */
};

static bool __attribute__((format(printf, 2, 3)))
fail(const struct reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->error, CONF_VALUE_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static bool keep_string(void *out, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return false;
    }
    *(char **)out = copy;
    return true;
}

/* ---- numbers and words --------------------------------------------------------------- */

static bool read_boolean(const struct reading *reading, void *out)
{
    int value = conf_read_boolean(reading->text);

    if (value < 0) {
        return fail(reading, "%s is neither true nor false", reading->shown);
    }
    *(bool *)out = value == 1;
    return true;
}

static bool read_tristate(const struct reading *reading, void *out)
{
    int value = strcmp(reading->text, "auto") == 0 ? CONF_AUTO : conf_read_boolean(reading->text);

    if (value < 0) {
        return fail(reading, "%s is not allowed; allowed: auto, true, false", reading->shown);
    }
    *(enum conf_tristate *)out = (enum conf_tristate)value;
    return true;
}

static bool read_word(const struct reading *reading, void *out)
{
    char allowed[CONF_VALUE_ERROR_SIZE / 2] = "";
    size_t used = 0;

    for (const struct conf_word *word = reading->option->words; word->name != NULL; word++) {
        if (strcmp(word->name, reading->text) == 0) {
            /* All enumerations of this project are stored as int is. */
            memcpy(out, &word->value, sizeof(word->value));
            return true;
        }
        if (used < sizeof(allowed)) {
            used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s",
                                     used > 0 ? ", " : "", word->name);
        }
    }
    return fail(reading, "%s is not allowed; allowed: %s", reading->shown, allowed);
}

static bool read_count(const struct reading *reading, void *out)
{
    const struct conf_option *option = reading->option;
    long value;

    if (conf_read_digits(reading->text, strlen(reading->text), 10) < 0) {
        return fail(reading, "%s is no whole number; allowed: %ld to %ld", reading->shown,
                    option->least, option->most);
    }
    if (!conf_read_number(reading->text, option->least, option->most, &value)) {
        return fail(reading, "%s is out of range; allowed: %ld to %ld", reading->shown,
                    option->least, option->most);
    }
    *(unsigned int *)out = (unsigned int)value;
    return true;
}

static bool read_port(const struct reading *reading, void *out)
{
    unsigned int value = 0;

    if (!read_count(reading, &value)) {
        return false;
    }
    *(uint16_t *)out = (uint16_t)value;
    return true;
}

static bool read_mode(const struct reading *reading, void *out)
{
    const struct conf_option *option = reading->option;
    size_t length = strlen(reading->text);
    long value = conf_read_digits(reading->text, length, 8);

    if (value < option->least || value > option->most || length < 3 || length > 4) {
        return fail(reading,
                    "%s is no usable mode; allowed: three or four octal digits, %04lo to %04lo",
                    reading->shown, (unsigned long)option->least, (unsigned long)option->most);
    }
    *(unsigned int *)out = (unsigned int)value;
    return true;
}

static const struct {
    char letter;
    long seconds;
} units[] = {
    {'d', 86400},
    {'h', 3600},
    {'m', 60},
    {'s', 1},
};

/* In the largest unit that has no remainder: 86400 is "1d". */
static void show_duration(char *out, size_t size, long seconds)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (seconds % units[i].seconds == 0) {
            snprintf(out, size, "%ld%c", seconds / units[i].seconds, units[i].letter);
            return;
        }
    }
}

/* Seconds; -1 when it is no duration. A range ends long before LONG_MAX. */
static long read_seconds(const char *text)
{
    size_t length = strlen(text);

    if (length == 0) {
        return -1;
    }
    if (conf_read_digits(text, length, 10) == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[length - 1] != units[i].letter) {
            continue;
        }
        long value = conf_read_digits(text, length - 1, 10);
        return value > LONG_MAX / units[i].seconds ? LONG_MAX : value * units[i].seconds;
    }
    return -1;
}

static bool read_duration(const struct reading *reading, void *out)
{
    const struct conf_option *option = reading->option;
    const char *zero = option->optional ? "0 or " : "";
    long value = read_seconds(reading->text);
    char least[32] = "";
    char most[32] = "";

    show_duration(least, sizeof(least), option->least);
    show_duration(most, sizeof(most), option->most);
    if (value < 0) {
        return fail(reading,
                    "%s is no duration; write a whole number and a unit, s, m, h or d, as in "
                    "\"90s\"; allowed: %s%s to %s",
                    reading->shown, zero, least, most);
    }
    if ((value < option->least || value > option->most) && !(value == 0 && option->optional)) {
        return fail(reading, "%s is out of range; allowed: %s%s to %s", reading->shown, zero, least,
                    most);
    }
    *(long *)out = value;
    return true;
}

/* ---- text ---------------------------------------------------------------------------- */

static bool has_controls(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool read_text(const struct reading *reading, void *out)
{
    if (reading->text[0] == '\0' || strlen(reading->text) > TEXT_MAX ||
        has_controls(reading->text)) {
        return fail(reading, "%s is not allowed; allowed: one line of 1 to %d octets",
                    reading->shown, TEXT_MAX);
    }
    return keep_string(out, reading->text);
}

static bool read_argument(const struct reading *reading, void *out)
{
    return keep_string(out, reading->text);
}

#define DATABASE_MAX 1024

static bool ends_with(const char *text, size_t length, const char *end)
{
    const size_t ending = strlen(end);

    return length >= ending && memcmp(text + length - ending, end, ending) == 0;
}

/* Whether the name of a parameter of the URI is a secret's, or may be written so that it is one. */
static bool has_secret(const char *query)
{
    while (*query != '\0') {
        const size_t length = strcspn(++query, "=&");

        if (memchr(query, '%', length) != NULL || ends_with(query, length, "password") ||
            ends_with(query, length, "secret")) {
            return true;
        }
        query += strcspn(query, "&");
    }
    return false;
}

/* The programs read it as libpq does. A password would be in a file that many read: libpq has one
 * of its own for them. */
static bool read_database(const struct reading *reading, void *out)
{
    const char *text = reading->text;
    size_t scheme = strncmp(text, "postgresql://", 13) == 0 ? 13
                    : strncmp(text, "postgres://", 11) == 0 ? 11
                                                            : 0;

    if (text[0] == '\0' ||
        (strncmp(text, "service=", 8) == 0 && text[8] != '\0' &&
         strcspn(text + 8, " '\\=") == strlen(text + 8) && !has_controls(text))) {
        return keep_string(out, text);
    }
    if (scheme == 0 || strlen(text) > DATABASE_MAX || has_controls(text) ||
        strchr(text, ' ') != NULL) {
        return fail(reading, "this names no PostgreSQL server; allowed: "
                             "postgresql://USER@HOST:PORT/DATABASE, or service=NAME of "
                             "pg_service.conf");
    }
    const char *user = text + scheme;
    const char *at = memchr(user, '@', strcspn(user, "/"));
    const char *host = at != NULL ? at : user;
    if ((at != NULL && memchr(user, ':', (size_t)(at - user)) != NULL) ||
        has_secret(host + strcspn(host, "?"))) {
        return fail(reading, "a password does not belong in here; put it into ~/.pgpass of the "
                             "program's user, or into the file that passfile=/PATH names");
    }
    return keep_string(out, text);
}

#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool read_mailer(const struct reading *reading, void *out)
{
    size_t length = strlen(reading->text);

    if (length == 0 || length > 64 || strspn(reading->text, WORD_CHARACTERS) != length) {
        return fail(reading,
                    "%s is no mailer's name; allowed: letters, digits, dots, hyphens and "
                    "underscores",
                    reading->shown);
    }
    return keep_string(out, reading->text);
}

static bool read_name(const struct reading *reading, void *out)
{
    size_t length = strlen(reading->text);

    if (length > 64 || strspn(reading->text, WORD_CHARACTERS) != length) {
        return fail(reading,
                    "%s is no name; allowed: up to 64 letters, digits, dots, hyphens and "
                    "underscores",
                    reading->shown);
    }
    return keep_string(out, reading->text);
}

static bool read_account(const struct reading *reading, void *out)
{
    const char *text = reading->text;
    size_t length = strlen(text);

    if (length == 0 && reading->option->optional) {
        return keep_string(out, text);
    }
    if (length == 0 || length > 32 || text[0] == '-' || strspn(text, WORD_CHARACTERS) != length) {
        return fail(reading, "%s is no name of a user or group%s", reading->shown,
                    reading->option->optional ? "; \"\" leaves it as it is" : "");
    }
    return keep_string(out, text);
}

static bool read_path(const struct reading *reading, void *out)
{
    const char *text = reading->text;

    if (text[0] == '\0' && reading->option->optional && !reading->option->list) {
        return keep_string(out, text);
    }
    if (text[0] != '/') {
        return fail(reading, "%s is no absolute path; write it from the root: /...",
                    reading->shown);
    }
    if (has_controls(text)) {
        return fail(reading, "%s holds a control character", reading->shown);
    }
    if (strlen(text) >= PATH_MAX) {
        return fail(reading, "%s is longer than a path can be", reading->shown);
    }
    return keep_string(out, text);
}

static bool read_output(const struct reading *reading, void *out)
{
    if (strcmp(reading->text, ALERT_JSON_OUTPUT) == 0) {
        return keep_string(out, reading->text);
    }
    return read_path(reading, out);
}

/* ---- the table ----------------------------------------------------------------------- */

static bool read_socket(const struct reading *reading, void *out)
{
    struct conf_socket parts;

    return conf_read_socket(reading->text, &parts, reading->error) &&
           keep_string(out, reading->text);
}

static bool read_domain_kind(const struct reading *reading, bool pattern, void *out)
{
    /* Of an MX host DNS has the name. */
    bool is_hosts = strcmp(reading->option->name, "hosts") == 0;
    const struct conf_domain_text domain = {.text = reading->text,
                                            .length = strlen(reading->text),
                                            .pattern = pattern,
                                            .literal = pattern && !is_hosts};
    char name[DOMAIN_SIZE];

    return conf_read_domain(&domain, name, reading->error) && keep_string(out, name);
}

static bool read_domain(const struct reading *reading, void *out)
{
    return read_domain_kind(reading, false, out);
}

static bool read_domain_pattern(const struct reading *reading, void *out)
{
    return read_domain_kind(reading, true, out);
}

static bool read_host(const struct reading *reading, void *out)
{
    char host[DOMAIN_SIZE];

    return conf_read_host(reading->text, host, reading->error) && keep_string(out, host);
}

static bool read_mail_address(const struct reading *reading, void *out)
{
    char address[CONF_MAIL_ADDRESS_SIZE];

    return conf_read_mail_address(reading->text, address, reading->error) &&
           keep_string(out, address);
}

/* A name of this machine, root or an alias, is what the MTA makes of it. */
static bool read_mailbox(const struct reading *reading, void *out)
{
    const char *text = reading->text;
    size_t length = strlen(text);

    if (length == 0 && reading->option->optional && !reading->option->list) {
        return keep_string(out, text);
    }
    if (strchr(text, '@') != NULL) {
        return read_mail_address(reading, out);
    }
    if (length == 0 || length > 64 || text[0] == '-' || strspn(text, WORD_CHARACTERS) != length) {
        return fail(reading,
                    "%s is no mailbox; allowed: LOCAL@DOMAIN, or a name of this machine as "
                    "\"root\"",
                    reading->shown);
    }
    return keep_string(out, text);
}

#define URL_MAX 2048

/* The path, too, may be what a receiver knows its friends by: the text is in no message. */
static bool read_url(const struct reading *reading, void *out)
{
    const char *text = reading->text;
    size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
                    : strncmp(text, "http://", 7) == 0 ? 7
                                                       : 0;

    if (text[0] == '\0' && reading->option->optional && !reading->option->list) {
        return keep_string(out, text);
    }
    bool plain = scheme > 0 && strlen(text) <= URL_MAX && strcspn(text + scheme, "/?#") > 0;
    for (const char *at = text; plain && *at != '\0'; at++) {
        plain = (unsigned char)*at > ' ' && (unsigned char)*at < 0x7f;
    }
    if (!plain) {
        return fail(reading, "this is no address of a receiver; allowed: https://HOST/PATH or "
                             "http://HOST/PATH, without spaces");
    }
    if (memchr(text + scheme, '@', strcspn(text + scheme, "/?#")) != NULL) {
        return fail(reading, reading->option->list
                                 ? "a user and a password in front of the host are not sent"
                                 : "a user and a password in front of the host are not sent; put "
                                   "an Authorization line into the file that header_file names");
    }
    if (reading->option->list && text[scheme + strcspn(text + scheme, "?#")] != '\0') {
        return fail(reading, "this is no base address; allowed: http://HOST:9093 or "
                             "https://HOST/PATH, without ? and #");
    }
    return keep_string(out, text);
}

static bool read_address(const struct reading *reading, void *out)
{
    return conf_read_address(reading->text, out, reading->error);
}

static bool read_network(const struct reading *reading, void *out)
{
    return conf_read_network(reading->text, out, reading->error);
}

static bool read_resolver(const struct reading *reading, void *out)
{
    return conf_read_resolver(reading->text, out, reading->error);
}

/* "": nowhere. */
static bool read_place(const struct reading *reading, void *out)
{
    if (reading->text[0] == '\0' && reading->option->optional) {
        *(struct http_place *)out = (struct http_place){.port = 0};
        return true;
    }
    return conf_read_place(reading->text, out, reading->error);
}

static const struct {
    size_t size;
    bool string;
    bool (*read)(const struct reading *reading, void *out);
} types[] = {
    [TYPE_BOOLEAN] = {sizeof(bool), false, read_boolean},
    [TYPE_TRISTATE] = {sizeof(enum conf_tristate), false, read_tristate},
    [TYPE_WORD] = {sizeof(int), false, read_word},
    [TYPE_DURATION] = {sizeof(long), false, read_duration},
    [TYPE_COUNT] = {sizeof(unsigned int), false, read_count},
    [TYPE_MODE] = {sizeof(unsigned int), false, read_mode},
    [TYPE_PORT] = {sizeof(uint16_t), false, read_port},
    [TYPE_TEXT] = {sizeof(char *), true, read_text},
    [TYPE_ARGUMENT] = {sizeof(char *), true, read_argument},
    [TYPE_MAILER] = {sizeof(char *), true, read_mailer},
    [TYPE_PATH] = {sizeof(char *), true, read_path},
    [TYPE_OUTPUT] = {sizeof(char *), true, read_output},
    [TYPE_ACCOUNT] = {sizeof(char *), true, read_account},
    [TYPE_SOCKET] = {sizeof(char *), true, read_socket},
    [TYPE_DOMAIN] = {sizeof(char *), true, read_domain},
    [TYPE_DOMAIN_PATTERN] = {sizeof(char *), true, read_domain_pattern},
    [TYPE_HOST] = {sizeof(char *), true, read_host},
    [TYPE_MAIL_ADDRESS] = {sizeof(char *), true, read_mail_address},
    [TYPE_MAILBOX] = {sizeof(char *), true, read_mailbox},
    [TYPE_DATABASE] = {sizeof(char *), true, read_database},
    [TYPE_NAME] = {sizeof(char *), true, read_name},
    [TYPE_URL] = {sizeof(char *), true, read_url},
    [TYPE_ADDRESS] = {sizeof(struct address), false, read_address},
    [TYPE_NETWORK] = {sizeof(struct network), false, read_network},
    [TYPE_RESOLVER] = {sizeof(struct conf_resolver), false, read_resolver},
    [TYPE_PLACE] = {sizeof(struct http_place), false, read_place},
};

size_t conf_type_size(enum conf_type type)
{
    return types[type].size;
}

bool conf_type_is_string(enum conf_type type)
{
    return types[type].string;
}

bool conf_value_read(const struct conf_option *option, const char *text, void *out,
                     char error[CONF_VALUE_ERROR_SIZE])
{
    struct reading reading = {.option = option, .text = text, .error = error};

    error[0] = '\0';
    conf_show(reading.shown, text);
    return types[option->type].read(&reading, out);
}
