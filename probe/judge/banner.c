#include "probe/judge/banner.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define DIVIDERS     " \t(),;"

/* As they call themselves. Not part of a longer word or of a host name. */
static const char *const software[] = {
    "Postfix",   "Sendmail",  "Exim",        "OpenSMTPD",   "qmail",       "netqmail",
    "Microsoft", "Exchange",  "MailEnable",  "hMailServer", "Zimbra",      "Kerio",
    "Haraka",    "Courier",   "Dovecot",     "MDaemon",     "IceWarp",     "CommuniGate",
    "PowerMTA",  "Lotus",     "Domino",      "GroupWise",   "SmarterMail", "Axigen",
    "Stalwart",  "Maddy",     "James",       "XMail",       "Surgemail",   "Halon",
    "Momentum",  "Barracuda", "MailCleaner", "Proxmox",     "postscreen",  "IMail",
    "Mailtraq",  "ArGoSoft",  "Mercury",     "ESMTPD",      "Cisco",       "IronPort",
};

static size_t word_length(const char *at)
{
    return strcspn(at, DIVIDERS);
}

static bool is_known(const char *word, size_t length)
{
    for (size_t i = 0; i < COUNT(software); i++) {
        if (strlen(software[i]) == length && strncasecmp(word, software[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* "4.96", "8.17.1.9/8.17.1.9/Debian-2", "v2.0": a number, a dot, a number. No IP address. */
static bool is_version(const char *word, size_t length)
{
    char copy[ADDRESS_TEXT_SIZE];
    struct address address;
    size_t start = length > 1 && tolower((unsigned char)word[0]) == 'v' ? 1 : 0;
    size_t digits = strspn(word + start, "0123456789");

    snprintf(copy, sizeof(copy), "%.*s", (int)length, word);
    return digits > 0 && digits <= 4 && word[start + digits] == '.' &&
           isdigit((unsigned char)word[start + digits + 1]) && start + digits + 1 < length &&
           !address_parse(copy, &address);
}

static void copy_word(char *out, size_t size, const char *word, size_t length)
{
    snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), word);
}

/* A version within the three words after a name: "Microsoft ESMTP MAIL Service, Version: 6.0". */
static void find_version(const char *after, char *out, size_t size)
{
    out[0] = '\0';
    for (unsigned int words = 0; words < 6 && *after != '\0'; words++) {
        after += strspn(after, DIVIDERS);
        size_t length = word_length(after);
        if (length > 0 && is_version(after, length)) {
            copy_word(out, size, after, length);
            return;
        }
        after += length;
    }
}

/* Letters alone, and no word of the protocol: what stands before a version is what has it. */
static bool may_be_name(const char *word, size_t length)
{
    static const char *const protocol[] = {"SMTP", "ESMTP", "LMTP", "ready", "at", "UTF8SMTP"};

    for (size_t i = 0; i < COUNT(protocol); i++) {
        if (strlen(protocol[i]) == length && strncasecmp(word, protocol[i], length) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalpha((unsigned char)word[i])) {
            return false;
        }
    }
    return length > 2;
}

bool banner_read(const char *line, struct banner_reading *out)
{
    const char *previous = NULL;
    size_t previous_length = 0;

    /* The first word is the host's name (RFC 5321 section 4.2). */
    for (const char *at = line + word_length(line); *at != '\0';) {
        at += strspn(at, DIVIDERS);
        size_t length = word_length(at);
        if (length > 0 && is_known(at, length)) {
            copy_word(out->software, sizeof(out->software), at, length);
            find_version(at + length, out->version, sizeof(out->version));
            return true;
        }
        const char *slash = memchr(at, '/', length); /* "Haraka/2.8.28" */
        if (slash != NULL && slash > at && may_be_name(at, (size_t)(slash - at)) &&
            is_version(slash + 1, length - (size_t)(slash + 1 - at))) {
            copy_word(out->software, sizeof(out->software), at, (size_t)(slash - at));
            copy_word(out->version, sizeof(out->version), slash + 1,
                      length - (size_t)(slash + 1 - at));
            return true;
        }
        if (previous != NULL && is_version(at, length) && may_be_name(previous, previous_length)) {
            copy_word(out->software, sizeof(out->software), previous, previous_length);
            copy_word(out->version, sizeof(out->version), at, length);
            return true;
        }
        previous = length > 0 ? at : previous;
        previous_length = length > 0 ? length : previous_length;
        at += length;
    }
    return false;
}
