#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/judge/diagnosis_words.h"
#include "probe/judge/mta.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Greetings, offers and replies as real servers have them, and behind what stands in front. */
static const struct {
    const char *banner;
    const char *offer;
    const char *enhanced;
    const char *reply;
    enum mta mta;
} rows[] = {
    {"mx.example.org ESMTP Postfix (Debian/GNU)", "PIPELINING", "", "x", MTA_POSTFIX},
    {"mx.example.org ESMTP", "PIPELINING", "5.7.1", "<b@outside.test>: Relay access denied",
     MTA_POSTFIX},
    {"mx.example.org ESMTP", "PIPELINING", "2.1.5", "Ok", MTA_POSTFIX},
    {"mx.example.org ESMTP ready", "", "5.7.1",
     "<b@outside.test>: Recipient address rejected: Access denied", MTA_POSTFIX},
    {"mx.example.org ESMTP", "", "5.5.2",
     "<probe>: Helo command rejected: need fully-qualified hostname", MTA_POSTFIX},
    {"mx.example.org ESMTP", "", "5.7.1",
     "<unknown[203.0.113.7]>: Client host rejected: Access denied", MTA_UNKNOWN},
    {"mx.example.org ESMTP Sendmail 8.17.1.9/8.17.1.9; Sun, 1 Mar 2026 10:00:00 GMT", "", "", "x",
     MTA_SENDMAIL},
    {"mx.example.org ESMTP", "DELIVERBY", "", "x", MTA_SENDMAIL},
    {"mx.example.org ESMTP", "", "5.7.1", "<b@outside.test>... Relaying denied", MTA_SENDMAIL},
    {"mx.example.org ESMTP", "", "2.1.5", "<b@outside.test>... Recipient ok", MTA_SENDMAIL},
    {"mx.example.org ESMTP Exim 4.96 Sun, 01 Mar 2026 10:00:00 +0000", "", "", "x", MTA_EXIM},
    {"mx.example.org ESMTP", "PRDR", "", "x", MTA_EXIM},
    {"mx.example.org ESMTP", "", "", "relay not permitted", MTA_EXIM},
    {"mx.example.org ESMTP", "", "", "Accepted", MTA_EXIM},
    {"mx.example.org ESMTP", "", "5.1.8", "<a@b.test>: Sender address rejected: Domain not found",
     MTA_POSTFIX},
    {"mx.example.org ESMTP", "", "5.7.1", "unknown[203.0.113.7]: Client host rejected: no",
     MTA_POSTFIX},
    {"mx.example.org ESMTP", "XVERP", "", "x", MTA_POSTFIX},
    {"mx.example.org ESMTP", "XFORWARD NAME ADDR PROTO", "", "x", MTA_POSTFIX},
    {"mx.example.org ESMTP", "xforward=NAME", "", "x", MTA_POSTFIX},
    {"mx.example.org ESMTP", "PIPECONNECT", "", "x", MTA_EXIM},
    {"mx.example.org ESMTP", "PIPE_CONNECT", "", "x", MTA_EXIM},
    {"mx.example.org ESMTP", "X_PIPE_CONNECT", "", "x", MTA_EXIM},
    {"mx.example.org ESMTP", "", "", "Unrouteable address", MTA_EXIM},
    {"mx.example.org ESMTP", "", "", "Sender verify failed", MTA_EXIM},
    {"mx.example.org ESMTP", "PRDR", "", "Unrouteable address", MTA_EXIM}, /* two of one */
    /* Nobody's in particular. */
    {"mx.example.org ESMTP", "XVERPS", "", "x", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "PRD", "", "x", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "", "2.1.6", "Ok", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "", "2.1.5", "Ok.", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "", "5.1.1", "Unrouteable address", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "", "5.1.1", "Sender verify failed", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "", "5.7.1", "relay not permitted", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "", "2.1.5", "Accepted", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "", "", "Sender verify failed for you", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "PIPELINING", "2.1.5", "OK", MTA_UNKNOWN},
    {"mx.example.org ESMTP", "PIPELINING", "5.7.1", "Relay access denied", MTA_UNKNOWN},
    {"postfix.example.org ESMTP", "", "", "ok", MTA_UNKNOWN},
    {"", "", "", "", MTA_UNKNOWN},
    /* Others, and one in front of another. */
    {"mx.example.org ESMTP OpenSMTPD", "", "", "x", MTA_UNKNOWN},
    {"mx.example.org Microsoft ESMTP MAIL Service ready", "", "2.1.5", "Ok", MTA_UNKNOWN},
    {"mx.example.org ESMTP Postfix", "", "", "relay not permitted", MTA_UNKNOWN},
    {"mx.example.org ESMTP Exim 4.96", "DELIVERBY", "", "x", MTA_UNKNOWN},
};

static void the_software_is_known_by_greeting_offers_and_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        static struct endpoint_result result;
        memset(&result, 0, sizeof(result));
        strcpy(result.banner, rows[i].banner);
        result.capabilities[result.capability_count++] = rows[i].offer;
        struct technique_result *asked = result_add(&result, &techniques[0]);
        asked->asked = true;
        asked->text = rows[i].reply;
        strcpy(asked->enhanced, rows[i].enhanced);
        if (mta_recognise(&result) != rows[i].mta) {
            fail_msg("row %zu: %s, %s", i, rows[i].banner, rows[i].reply);
        }
        /* Words that were no answer are nobody's. */
        static struct endpoint_result silent;
        memset(&silent, 0, sizeof(silent));
        struct technique_result *unasked = result_add(&silent, &techniques[0]);
        unasked->text = rows[i].reply;
        strcpy(unasked->enhanced, rows[i].enhanced);
        assert_int_equal(mta_recognise(&silent), MTA_UNKNOWN);
        /* The filter's word is none of the server's. */
        asked->observed = true;
        asked->text = "<x>... rwo1,ask";
        asked->enhanced[0] = '\0';
        result.banner[0] = '\0';
        result.capability_count = 0;
        assert_int_equal(mta_recognise(&result), MTA_UNKNOWN);
    }
}

static void advice_is_for_the_one_that_is_known_or_for_all(void **state)
{
    (void)state;
    static const struct remedy remedies[] = {
        {MTA_UNKNOWN, "First."}, {MTA_POSTFIX, "a."},    {MTA_SENDMAIL, "b."},
        {MTA_EXIM, "c."},        {MTA_UNKNOWN, "Last."}, {.text = NULL},
    };
    static const char *const said[] = {
        [MTA_UNKNOWN] = "First. Postfix: a. Sendmail: b. Exim: c. Last.",
        [MTA_POSTFIX] = "First. Postfix: a. Last.",
        [MTA_SENDMAIL] = "First. Sendmail: b. Last.",
        [MTA_EXIM] = "First. Exim: c. Last.",
    };
    for (size_t i = 0; i < ROWS(said); i++) {
        struct remedies out = {.count = 0};
        remedies_add_rows(&out, remedies, (enum mta)i);
        assert_string_equal(out.text, said[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_software_is_known_by_greeting_offers_and_replies),
        cmocka_unit_test(advice_is_for_the_one_that_is_known_or_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
