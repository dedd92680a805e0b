#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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
};

static void software_and_version_are_read_as_they_are_given_away(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct banner_reading reading = {.software = ""};
        bool named = banner_read(rows[i].line, &reading);
        if (named != (rows[i].software != NULL) ||
            (named && (strcmp(reading.software, rows[i].software) != 0 ||
                       strcmp(reading.version, rows[i].version) != 0))) {
            fail_msg("%s: %s, \"%s\" \"%s\"", rows[i].line, named ? "named" : "none",
                     reading.software, reading.version);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(software_and_version_are_read_as_they_are_given_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
