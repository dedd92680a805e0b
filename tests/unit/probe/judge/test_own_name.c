#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/judge/own_name.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The greeting and the reply to EHLO of one server, as they come, and what its name is. */
static const struct {
    const char *address;
    const char *greeting;
    const char *ehlo;
    enum own_name_fault fault;
    const char *name; /* NULL: any */
} rows[] = {
    /* Postfix, Sendmail, Exim, OpenSMTPD, Haraka, smtp-server, Exchange, hMailServer */
    {"203.0.113.25", "mx.example.org ESMTP Postfix", "mx.example.org", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "mail ESMTP Postfix", "mail", OWN_NAME_SINGLE, "mail"},
    {"203.0.113.25", "mail ESMTP Sendmail 8.17.1", "mail Hello a [198.51.100.7], pleased to meet",
     OWN_NAME_SINGLE, "mail"},
    {"203.0.113.25", "mail ESMTP Exim 4.96", "mail Hello a [198.51.100.7]", OWN_NAME_SINGLE,
     "mail"},
    {"203.0.113.25", "3f2a9c1b7d10 ESMTP", "3f2a9c1b7d10 Nice to meet you, [198.51.100.7]",
     OWN_NAME_SINGLE, "3f2a9c1b7d10"},
    {"203.0.113.25", "EX01 Microsoft ESMTP MAIL Service ready", "mx.example.org Hello",
     OWN_NAME_SINGLE, "EX01"},
    {"203.0.113.25", "MAIL ready", "mail.example.org", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "mail ready", "MAIL", OWN_NAME_SINGLE, "mail"},
    {"203.0.113.25", "mail. ESMTP", "", OWN_NAME_SINGLE, "mail"},
    {"203.0.113.25", "mail_1-b", "", OWN_NAME_SINGLE, "mail_1-b"},
    {"203.0.113.25", "local ESMTP", "", OWN_NAME_SINGLE, "local"},
    {"203.0.113.25", "local LMTP", "", OWN_NAME_SINGLE, "local"},
    {"203.0.113.25", "local SMTP", "", OWN_NAME_SINGLE, "local"},
    {"203.0.113.25", "mx.example.org ESMTP", "db1 at your service", OWN_NAME_SINGLE, "db1"},
    {"203.0.113.25", "mx.example.org ESMTP", "db1 pleased to meet you", OWN_NAME_SINGLE, "db1"},
    {"203.0.113.25", "", "db1", OWN_NAME_SINGLE, "db1"},
    /* no name at all */
    {"203.0.113.25", "ESMTP", "ESMTP", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "SMTP ESMTP", "OK", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "LMTP ready", "Hello", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "Welcome", "hi", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "Ready", "go", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "Greetings", "service", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "We speak SMTP", "Hello [198.51.100.7]", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "*** ESMTP", "***", OWN_NAME_FINE, NULL},
    {"203.0.113.25", "", "", OWN_NAME_FINE, NULL},
    /* longer than any label */
    {"203.0.113.25", "a12345678901234567890123456789012345678901234567890123456789012 ESMTP", "",
     OWN_NAME_SINGLE, NULL},
    {"203.0.113.25", "a123456789012345678901234567890123456789012345678901234567890123 ESMTP", "",
     OWN_NAME_FINE, NULL},
    /* no public DNS has it */
    {"203.0.113.25", "localhost.localdomain ESMTP", "", OWN_NAME_PRIVATE, "localhost.localdomain"},
    {"203.0.113.25", "LOCALHOST ESMTP", "", OWN_NAME_PRIVATE, "LOCALHOST"},
    {"203.0.113.25", "mx.example.org ESMTP", "mail.corp.local.", OWN_NAME_PRIVATE,
     "mail.corp.local"},
    /* literals: its own is a name, and one of the other family may be the same host's */
    {"203.0.113.25", "[203.0.113.25] ESMTP", "[203.0.113.25]", OWN_NAME_FINE, NULL},
    {"2001:db8:113::25", "[IPv6:2001:DB8:113:0::25] ESMTP", "", OWN_NAME_FINE, NULL},
    {"2001:db8:113::25", "[203.0.113.25] ESMTP", "", OWN_NAME_FINE, NULL},
    {"2001:db8:113::25", "[192.168.1.5] ESMTP", "", OWN_NAME_OTHER, "[192.168.1.5]"},
    {"203.0.113.25", "[IPv6:fd00::25] ESMTP", "", OWN_NAME_OTHER, "[IPv6:fd00::25]"},
    {"203.0.113.25", "[192.168.1.5] ESMTP", "", OWN_NAME_OTHER, "[192.168.1.5]"},
    {"203.0.113.25", "[203.0.113.26] ESMTP", "", OWN_NAME_OTHER, NULL},
    {"203.0.113.25", "[127.0.0.1] ESMTP", "", OWN_NAME_OTHER, NULL},
    {"203.0.113.25", "mx.example.org ESMTP", "[10.0.0.5] Hello", OWN_NAME_OTHER, "[10.0.0.5]"},
    {"203.0.113.25", "10.0.0.5 ESMTP", "", OWN_NAME_OTHER, "10.0.0.5"},
    {"203.0.113.25", "203.0.113.25 ESMTP", "", OWN_NAME_BARE, "203.0.113.25"},
    {"203.0.113.25", "203.0.113.25. ESMTP", "", OWN_NAME_BARE, "203.0.113.25"},
    {"203.0.113.25", "[203.0.113.256] ESMTP", "", OWN_NAME_FINE, NULL},
    {"203.0.113.25",
     "[IPv6:0000000000000000000000000000000000000000000000000000000000000000::25] ESMTP", "",
     OWN_NAME_FINE, NULL},
};

static void each_server_is_told_by_what_it_calls_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct address address;
        assert_true(address_parse(rows[i].address, &address));
        struct own_name name = own_name_judge(rows[i].greeting, rows[i].ehlo, &address);
        if (name.fault != rows[i].fault) {
            fail_msg("\"%s\", \"%s\": fault %d", rows[i].greeting, rows[i].ehlo, (int)name.fault);
        }
        if (rows[i].name != NULL) {
            assert_int_equal(name.length, strlen(rows[i].name));
            assert_memory_equal(name.text, rows[i].name, name.length);
            assert_int_equal(name.in_greeting, name.text == rows[i].greeting);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_server_is_told_by_what_it_calls_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
