#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/banner.h"

static const struct {
    const char *line;
    const char *software; /* NULL: none named */
    const char *version;
} rows[] = {
    {"mx.example.org ESMTP Postfix", "Postfix", ""},
    {"mx.example.org ESMTP Postfix (Debian/GNU)", "Postfix", ""},
    {"mx.example.org ESMTP Postfix 3.7.11", "Postfix", "3.7.11"},
    {"mx.example.org ESMTP Postfix (3.7.11)", "Postfix", "3.7.11"},
    {"mx.example.org ESMTP Exim 4.96 Sun, 22 Nov 2026 03:10:00 +0000", "Exim", "4.96"},
    {"mx.example.org ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2; Sun, 22 Nov 2026 03:10:00 GMT",
     "Sendmail", "8.17.1.9/8.17.1.9/Debian-2"},
    {"mx.example.org ESMTP OpenSMTPD", "OpenSMTPD", ""},
    {"mx.example.org Microsoft ESMTP MAIL Service, Version: 6.0.3790.4675 ready", "Microsoft",
     "6.0.3790.4675"},
    {"mx.example.org ESMTP Haraka/2.8.28 ready", "Haraka", "2.8.28"},
    {"mx.example.org ESMTP NewThing 1.2", "NewThing", "1.2"},
    {"mx.example.org ESMTP NewThing/1.2.3", "NewThing", "1.2.3"},
    {"mx.example.org ESMTP", NULL, NULL},
    {"postfix.example.org ESMTP", NULL, NULL},
    {"", NULL, NULL},
    {"mx.example.org Hello probe.example.net [198.51.100.7], pleased to meet you", NULL, NULL},
    {"mx.example.org ESMTP ready at 22.11.2026", NULL, NULL},
    {"mx.example.org ESMTP client 198.51.100.7", NULL, NULL},
    {"mx.google.com ESMTP a1-20020a056402.12 - gsmtp", NULL, NULL},
    {"mx.example.org ESMTP postfixed", NULL, NULL},
    {"mx.example.org ESMTP Exim v4.96", "Exim", "v4.96"},
    {"mx.example.org ESMTP Exim b4.96", "Exim", ""},
    {"mx.example.org ESMTP Exim v", "Exim", ""},
    {"mx.example.org ESMTP Exim 4", "Exim", ""},
    {"mx.example.org ESMTP Exim 4.", "Exim", ""},
    {"mx.example.org ESMTP Exim 4.x", "Exim", ""},
    {"mx.example.org ESMTP Exim 4.,9", "Exim", ""},
    {"mx.example.org ESMTP Exim .9", "Exim", ""},
    {"mx.example.org ESMTP Exim 4-96", "Exim", ""},
    {"mx.example.org ESMTP Exim 2019.1", "Exim", "2019.1"},
    {"mx.example.org ESMTP Exim 20190.1", "Exim", ""},
    {"mx.example.org ESMTP Exim 9.0", "Exim", "9.0"},
    {"mx.example.org ESMTP Exim (a b c d 5.1)", "Exim", "5.1"},
    {"mx.example.org ESMTP Exim (a b c d e 5.1)", "Exim", "5.1"},
    {"mx.example.org ESMTP Exim (a b c d e f 5.1)", "Exim", ""},
    {"mx.example.org ESMTP NewThing (1.2)", "NewThing", "1.2"},
    {"mx.example.org ESMTP 1.2", NULL, NULL},
    {"mx.example.org smtp 1.2", NULL, NULL},
    {"mx.example.org LMTP 1.2", NULL, NULL},
    {"mx.example.org Ready 1.2", NULL, NULL},
    {"mx.example.org at 1.2", NULL, NULL},
    {"mx.example.org UTF8SMTP 1.2", NULL, NULL},
    {"mx.example.org ESMTPS 1.2", "ESMTPS", "1.2"},
    {"mx.example.org SMTPD 1.2", "SMTPD", "1.2"},
    {"mx.example.org ab 1.2", NULL, NULL},
    {"mx.example.org abc 1.2", "abc", "1.2"},
    {"mx.example.org a1c 1.2", NULL, NULL},
    {"mx.example.org 1bc 1.2", NULL, NULL},
    {"mx.example.org ab1 1.2", NULL, NULL},
    {"mx.example.org ab/1.2", NULL, NULL},
    {"mx.example.org /1.2", NULL, NULL},
    {"mx.example.org abc/x", NULL, NULL},
    {"mx.example.org abc/1.", NULL, NULL},
    {"mx.example.org ESMTP Exin ready", NULL, NULL},
    {"mx.example.org SMT 1.2", "SMT", "1.2"},
    {"mx.example.org SMXX 1.2", "SMXX", "1.2"},
    {"1.2", NULL, NULL},
    {"mx.example.org 1.2", NULL, NULL},
};

static void software_and_version_are_read_as_they_are_given_away(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct banner_reading reading;
        memset(&reading, 'x', sizeof(reading)); /* of another line */
        bool named = banner_read(rows[i].line, &reading);
        if (named != (rows[i].software != NULL) ||
            (named && (strcmp(reading.software, rows[i].software) != 0 ||
                       strcmp(reading.version, rows[i].version) != 0))) {
            fail_msg("%s: %s, \"%s\" \"%s\"", rows[i].line, named ? "named" : "none",
                     named ? reading.software : "", named ? reading.version : "");
        }
    }
}

/* Without a version, and in whatever case; part of a longer word is no name. */
static void every_known_software_is_read_by_its_whole_name(void **state)
{
    static const char *const names[] = {
        "Postfix",   "Sendmail",  "Exim",        "OpenSMTPD",   "qmail",       "netqmail",
        "Microsoft", "Exchange",  "MailEnable",  "hMailServer", "Zimbra",      "Kerio",
        "Haraka",    "Courier",   "Dovecot",     "MDaemon",     "IceWarp",     "CommuniGate",
        "PowerMTA",  "Lotus",     "Domino",      "GroupWise",   "SmarterMail", "Axigen",
        "Stalwart",  "Maddy",     "James",       "XMail",       "Surgemail",   "Halon",
        "Momentum",  "Barracuda", "MailCleaner", "Proxmox",     "postscreen",  "IMail",
        "Mailtraq",  "ArGoSoft",  "Mercury",     "ESMTPD",      "Cisco",       "IronPort",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct banner_reading reading = {.software = ""};
        char line[128];
        char lower[32];

        snprintf(line, sizeof(line), "mx.example.org ESMTP %s ready", names[i]);
        assert_true(banner_read(line, &reading));
        assert_string_equal(reading.software, names[i]);
        assert_string_equal(reading.version, "");
        snprintf(line, sizeof(line), "mx.example.org ESMTP %sx ready", names[i]);
        assert_false(banner_read(line, &reading));
        for (size_t at = 0; at <= strlen(names[i]); at++) {
            lower[at] = (char)tolower((unsigned char)names[i][at]);
        }
        snprintf(line, sizeof(line), "mx.example.org ESMTP %s ready", lower);
        assert_true(banner_read(line, &reading));
        assert_string_equal(reading.software, lower);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(software_and_version_are_read_as_they_are_given_away),
        cmocka_unit_test(every_known_software_is_read_by_its_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
