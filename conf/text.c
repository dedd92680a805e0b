#include "conf/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/access.h"

#define SIZE_MAX_BYTES ((off_t)8 * 1024 * 1024)
#define DEPTH_MAX      16
#define MARK_ROOM      8 /* octets that one brace may grow by */
#define WORD_ENDS      CONF_WORD_ENDS

void conf_text_free(struct conf_text *text)
{
    free(text->bytes);
    *text = (struct conf_text){0};
}

/* ---- reading ------------------------------------------------------------------------- */

static int refuse_unsafe(const struct stat *status, struct conf_messages *messages)
{
    struct conf_access_fault unguarded;

    if (S_ISDIR(status->st_mode)) {
        conf_mistake(messages, 0, "is a directory, not a configuration file");
    } else if (!S_ISREG(status->st_mode)) {
        conf_mistake(messages, 0, "is no regular file");
    } else if (!conf_access_guarded(status, &unguarded)) {
        conf_mistake(messages, 0, "%s, and it can name commands to run; %s", unguarded.fault,
                     unguarded.remedy);
    } else if (status->st_size > SIZE_MAX_BYTES) {
        conf_mistake(messages, 0,
                     "is larger than 8 MiB; long lists of domains belong in domain_files");
    } else {
        return 0;
    }
    return -1;
}

/* Reads until the end of the file or one octet over its size, which tells that it grew meanwhile.
 */
static int read_all(int file, size_t size, struct conf_text *out)
{
    size_t capacity = size + 1;

    out->bytes = malloc(capacity + 1);
    if (out->bytes == NULL) {
        return -1;
    }
    while (out->length < capacity) {
        ssize_t got = read(file, out->bytes + out->length, capacity - out->length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        out->length += (size_t)got;
    }
    out->bytes[out->length] = '\0';
    return 0;
}

static void report_unopened(int error, struct conf_messages *messages)
{
    char denied[CONF_ACCESS_SIZE];

    conf_note_failure(messages, error);
    if (error == ENOENT) {
        conf_mistake(messages, 0,
                     "does not exist; have relaywarden-probe init write it, or name another file "
                     "with --config");
    } else {
        conf_mistake(messages, 0, "cannot be opened: %s", conf_access_denied(denied, error));
    }
}

int conf_text_read(const char *path, struct conf_text *out, struct conf_messages *messages)
{
    struct conf_text text = {.end_line = 1};
    struct stat status;
    int result = -1;

    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        report_unopened(errno, messages);
        return -1;
    }
    if (fstat(file, &status) < 0) {
        conf_note_failure(messages, errno);
        conf_mistake(messages, 0, "cannot be read: %s", strerror(errno));
        goto out;
    }
    if (refuse_unsafe(&status, messages) < 0) {
        goto out;
    }
    if (read_all(file, (size_t)status.st_size, &text) < 0) {
        conf_note_failure(messages, errno);
        conf_mistake(messages, 0, "cannot be read: %s", strerror(errno));
        goto out;
    }
    if (text.length != (size_t)status.st_size) {
        conf_mistake(messages, 0,
                     "changed while it was read; try again, and replace it by renaming a finished "
                     "file over it");
        goto out;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] == '\n') {
            text.end_line++;
        }
    }
    *out = text;
    text.bytes = NULL;
    result = 0;
out:
    free(text.bytes);
    close(file);
    return result;
}

/* ---- preparing ----------------------------------------------------------------------- */

struct opener {
    int line;
    bool list;
};

struct scanner {
    const char *in;
    size_t length;
    size_t at;
    int line;
    char *out;
    size_t used;
    size_t whole; /* octets of out up to the last line that ended outside of quotes and comments */
    struct opener openers[DEPTH_MAX];
    size_t depth;
    char previous;      /* the last token: 'w' for a word or a quoted text, else its character */
    int torn_list_line; /* of the first list that an equal sign or a brace was found in; 0 = none */
    int torn_quote_line; /* of the first quoted text that goes over the end of its line; 0 = none */
    struct conf_messages *messages;
};

static void put(struct scanner *scanner, char octet)
{
    scanner->out[scanner->used++] = octet;
}

static void put_text(struct scanner *scanner, const char *text)
{
    while (*text != '\0') {
        put(scanner, *text++);
    }
}

/* The octet `ahead` of the current one; NUL past the end. */
static char peek(const struct scanner *scanner, size_t ahead)
{
    return scanner->at + ahead < scanner->length ? scanner->in[scanner->at + ahead] : '\0';
}

/* Takes one octet, blanked unless `keep`; newlines are always kept and counted. */
static void take(struct scanner *scanner, bool keep)
{
    char octet = scanner->in[scanner->at++];

    if (octet == '\n') {
        scanner->line++;
    }
    put(scanner, keep || octet == '\n' ? octet : ' ');
}

static bool is_control(char octet)
{
    return ((unsigned char)octet < 0x20 && octet != '\t' && octet != '\n' && octet != '\r') ||
           octet == 0x7f;
}

/* Characters that no part of the file but a comment may hold. */
static bool is_refused(const struct scanner *scanner)
{
    char octet = peek(scanner, 0);

    if (is_control(octet)) {
        conf_mistake(scanner->messages, scanner->line,
                     "a control character (\\x%02x); only text is allowed", (unsigned char)octet);
        return true;
    }
    if (octet == '$' && peek(scanner, 1) == '{') {
        conf_mistake(scanner->messages, scanner->line,
                     "\"${\" is not allowed: nothing is taken from the environment; write the "
                     "value itself");
        return true;
    }
    return false;
}

/* An unclosed thing makes everything after it doubtful: nothing of the text is passed on. */
static int unclosed(struct scanner *scanner, const char *what, int opened)
{
    conf_mistake(scanner->messages, scanner->line,
                 "the file ends here, but the %s of line %d is not closed", what, opened);
    scanner->whole = 0;
    return -1;
}

static int scan_line_comment(struct scanner *scanner)
{
    while (scanner->at < scanner->length && peek(scanner, 0) != '\n') {
        take(scanner, false);
    }
    return 0;
}

static int scan_block_comment(struct scanner *scanner)
{
    int opened = scanner->line;

    take(scanner, false);
    take(scanner, false);
    while (scanner->at < scanner->length) {
        if (peek(scanner, 0) == '*' && peek(scanner, 1) == '/') {
            take(scanner, false);
            take(scanner, false);
            return 0;
        }
        take(scanner, false);
    }
    return unclosed(scanner, "comment", opened);
}

/* A numeric escape could make NUL or a mark; and a bad one leaves libconfuse's scanner inside the
 * string for the next file that it reads. No value needs one. */
static bool is_numeric_escape(const struct scanner *scanner, char quote)
{
    char next = peek(scanner, 1);

    return quote == '"' && ((next >= '0' && next <= '9') || next == 'x');
}

static int scan_quoted(struct scanner *scanner)
{
    char quote = peek(scanner, 0);
    int opened = scanner->line;

    take(scanner, true);
    while (scanner->at < scanner->length && peek(scanner, 0) != quote) {
        if (is_refused(scanner)) {
            return -1;
        }
        if (peek(scanner, 0) == '\n' && scanner->torn_quote_line == 0) {
            scanner->torn_quote_line = opened;
        }
        if (peek(scanner, 0) == '\\') {
            if (is_numeric_escape(scanner, quote)) {
                conf_mistake(scanner->messages, scanner->line,
                             "a backslash followed by a number or x is not allowed in quotes; "
                             "write the character itself, and a backslash twice");
                return -1;
            }
            take(scanner, true);
            if (scanner->at >= scanner->length) {
                break;
            }
            if (is_refused(scanner)) {
                return -1;
            }
        }
        take(scanner, true);
    }
    if (scanner->at >= scanner->length) {
        return unclosed(scanner, "quotation mark",
                        scanner->torn_quote_line != 0 ? scanner->torn_quote_line : opened);
    }
    take(scanner, true);
    scanner->previous = 'w';
    return 0;
}

static int scan_open(struct scanner *scanner)
{
    bool list = scanner->previous == '=';

    if (scanner->depth == DEPTH_MAX) {
        conf_mistake(scanner->messages, scanner->line, "more than %d braces within each other",
                     DEPTH_MAX);
        return -1;
    }
    scanner->openers[scanner->depth++] = (struct opener){.line = scanner->line, .list = list};
    take(scanner, true);
    put_text(scanner, list ? "'" CONF_MARK "'," : CONF_MARK "=1 ");
    scanner->previous = '{';
    return 0;
}

static int scan_close(struct scanner *scanner)
{
    if (scanner->depth == 0) {
        conf_mistake(scanner->messages, scanner->line,
                     "a closing brace, but no section or list is open");
        return -1;
    }
    scanner->depth--;
    take(scanner, true);
    scanner->previous = '}';
    return 0;
}

/* Notes a list that was never closed: it swallows the options after it. */
static void note_torn_list(struct scanner *scanner)
{
    if (scanner->depth > 0 && scanner->openers[scanner->depth - 1].list &&
        scanner->torn_list_line == 0) {
        scanner->torn_list_line = scanner->openers[scanner->depth - 1].line;
    }
}

static int scan_sign(struct scanner *scanner)
{
    char sign = peek(scanner, 0);

    if (sign == '+' && peek(scanner, 1) == '=') {
        conf_mistake(
            scanner->messages, scanner->line,
            "\"+=\" is not used here; write all values in one list, NAME = { VALUE, ... }");
        return -1;
    }
    if (sign != '=' && sign != ',') {
        conf_mistake(scanner->messages, scanner->line,
                     "\"%c\" outside of quotes; put the value that it belongs to in quotes", sign);
        return -1;
    }
    if (sign == '=') {
        note_torn_list(scanner);
    }
    take(scanner, true);
    scanner->previous = sign;
    return 0;
}

/* Whether two slashes at the current place are meant as part of a path: "/var//lib". libconfuse
 * would say yes always; but "25// smtp" is a comment to everybody else. */
static bool is_ambiguous_slash(const struct scanner *scanner, size_t start)
{
    char next = peek(scanner, 2);

    return memchr(scanner->in + start, '/', scanner->at - start) != NULL && next != '\0' &&
           next != '/' && strchr(WORD_ENDS, next) == NULL;
}

static int scan_word(struct scanner *scanner)
{
    size_t start = scanner->at;

    while (scanner->at < scanner->length && strchr(WORD_ENDS, peek(scanner, 0)) == NULL) {
        if (is_refused(scanner)) {
            return -1;
        }
        if (peek(scanner, 0) == '/' && peek(scanner, 1) == '*') {
            break;
        }
        if (peek(scanner, 0) == '/' && peek(scanner, 1) == '/') {
            if (!is_ambiguous_slash(scanner, start)) {
                break;
            }
            conf_mistake(scanner->messages, scanner->line,
                         "\"//\" within a word that is not in quotes; quote the value, or put a "
                         "space after the slashes if a comment is meant");
            return -1;
        }
        take(scanner, true);
    }
    scanner->previous = 'w';
    return 0;
}

static int scan_token(struct scanner *scanner)
{
    char octet = peek(scanner, 0);
    char next = peek(scanner, 1);

    if (octet == '#' || (octet == '/' && next == '/')) {
        return scan_line_comment(scanner);
    }
    if (octet == '/' && next == '*') {
        return scan_block_comment(scanner);
    }
    if (is_refused(scanner)) {
        return -1;
    }
    switch (octet) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        take(scanner, octet != '\r');
        if (octet == '\n') {
            scanner->whole = scanner->used;
        }
        return 0;
    case '"':
    case '\'':
        return scan_quoted(scanner);
    case '{':
        if (scanner->previous != '=') {
            note_torn_list(scanner);
        }
        return scan_open(scanner);
    case '}':
        return scan_close(scanner);
    case '=':
    case '+':
    case ',':
    case '*':
    case '(':
    case ')':
        return scan_sign(scanner);
    default:
        return scan_word(scanner);
    }
}

static int scan(struct scanner *scanner)
{
    if (scanner->length >= 3 && memcmp(scanner->in, "\xef\xbb\xbf", 3) == 0) {
        scanner->at = 3; /* a byte order mark */
    }
    while (scanner->at < scanner->length) {
        if (scan_token(scanner) < 0) {
            return -1;
        }
    }
    if (scanner->depth > 0) {
        const struct opener *opener = &scanner->openers[scanner->depth - 1];
        return unclosed(scanner, "opening brace",
                        scanner->torn_list_line != 0 ? scanner->torn_list_line : opener->line);
    }
    if (scanner->torn_quote_line != 0) {
        conf_mistake(scanner->messages, scanner->torn_quote_line,
                     "the quotation mark that opens here is not closed on the same line");
        scanner->whole = 0;
        return -1;
    }
    return 0;
}

/* A NUL hides what is behind it from every reader of strings, also in a comment. */
static int refuse_nul(const struct conf_text *text, struct conf_messages *messages)
{
    const char *nul = memchr(text->bytes, '\0', text->length);
    int line = 1;

    if (nul == NULL) {
        return 0;
    }
    for (const char *at = text->bytes; at < nul; at++) {
        if (*at == '\n') {
            line++;
        }
    }
    conf_mistake(messages, line, "a NUL byte; only text is allowed");
    return -1;
}

int conf_text_prepare(const struct conf_text *text, char **prepared, struct conf_messages *messages)
{
    size_t braces = 0;

    for (size_t i = 0; i < text->length; i++) {
        if (text->bytes[i] == '{') {
            braces++;
        }
    }
    struct scanner scanner = {
        .in = text->bytes,
        .length = text->length,
        .line = 1,
        .out = malloc(text->length + braces * MARK_ROOM + 2),
        .messages = messages,
    };
    *prepared = scanner.out;
    if (scanner.out == NULL) {
        messages->out_of_memory = true;
        return -1;
    }
    int result = refuse_nul(text, messages);
    if (result == 0) {
        result = scan(&scanner);
    }
    /* A torn line is not passed on: its values are not what was meant, and libconfuse's scanner
     * would stay within a torn quote for the next file that it reads. */
    scanner.out[result == 0 ? scanner.used : scanner.whole] = '\0';
    return result;
}
