#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/diagnosis_message.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct endpoint_result result;

/* An endpoint that 198.51.100.7 asked, with a message in this state. */
static struct message_result *message_in(enum message_state state)
{
    memset(&result, 0, sizeof(result));
    assert_true(address_parse("198.51.100.7", &result.source));
    result.message.state = state;
    result.message.technique = technique_find("plain");
    assert_non_null(result.message.technique);
    result.message.text = "";
    snprintf(result.message.token, sizeof(result.message.token), "0123456789abcdef");
    return &result.message;
}

static void the_fate_of_a_message_is_told(void **state)
{
    static const struct {
        enum message_state state;
        int code;
        const char *text;
        const char *why;
    } rows[] = {
        {MESSAGE_NONE, 0, "", " No message was sent to prove it."},
        {MESSAGE_NONE, 0, NULL, " No message was sent to prove it."},
        {MESSAGE_NONE, 0, "memory is out.", " No message was sent to prove it: memory is out."},
        {MESSAGE_NONE, 0, "memory is out", " No message was sent to prove it: memory is out."},
        {MESSAGE_SPARED, 250, "queued",
         " No message was sent to prove it, for there were four in a day."},
        {MESSAGE_REFUSED, 554, "5.7.1 spam",
         " The message that was to prove it was refused: 554 5.7.1 spam."},
        {MESSAGE_REFUSED, 554, "no.", " The message that was to prove it was refused: 554 no."},
        {MESSAGE_UNANSWERED, 0, "closed",
         " A message was sent to prove it, but got no reply: closed."},
        {MESSAGE_TAKEN, 250, "2.0.0 Ok: queued as 1",
         " It took a message to the canary: 250 2.0.0 Ok: queued as 1."},
        {MESSAGE_ARRIVED, 250, "queued", " A message arrived at the canary."},
        {MESSAGE_MISSING, 250, "queued", ""},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct message_result *message = message_in(rows[i].state);
        message->code = rows[i].code;
        message->text = rows[i].text;
        diagnosis_explain_message(&result);
        assert_string_equal(result.why, rows[i].why);
        assert_int_equal(result.fix.count, 0);
    }
    message_in(MESSAGE_TAKEN)->technique = NULL;
    diagnosis_explain_message(&result);
    assert_string_equal(result.why, "");
}

static void a_message_that_did_not_arrive_may_lie_where_its_server_keeps_it(void **state)
{
#define LOOK                                                                                       \
    "Look for the token 0123456789abcdef in the server's log and queue. If the message was "       \
    "relayed, and late, this is an open relay."
#define POSTFIX  " Postfix: hold, discard and filters show there (postqueue -p)."
#define SENDMAIL " Sendmail: mailq shows it."
#define EXIM     " Exim: exim -bp shows it."
#define LAST                                                                                       \
    " Look for it at the canary, too: has its mailbox or alias a call of relaywarden-probe "       \
    "receive? If the server discards on purpose, refuse instead."
    static const struct {
        const char *banner;
        long waited;
        const char *span;
        const char *fix;
    } rows[] = {
        {"mx.example.org ESMTP Postfix", 60, "in 60 s", LOOK POSTFIX LAST},
        {"mx.example.org ESMTP Sendmail 8.17.1", 1, "in 1 s", LOOK SENDMAIL LAST},
        {"mx.example.org ESMTP Exim 4.96", 0, "since an earlier audit", LOOK EXIM LAST},
        {"mx.example.org ESMTP", 0, "since an earlier audit", LOOK POSTFIX SENDMAIL EXIM LAST},
    };
    char why[512];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        message_in(MESSAGE_MISSING)->waited = rows[i].waited;
        snprintf(result.banner, sizeof(result.banner), "%s", rows[i].banner);
        diagnosis_explain_doubt(&result);
        snprintf(why, sizeof(why),
                 "The server took a message from a stranger (198.51.100.7) to the outside canary "
                 "(plain), but %s it did not arrive there: it is discarded, held, or on its way "
                 "still.",
                 rows[i].span);
        assert_string_equal(result.why, why);
        assert_string_equal(result.fix.text, rows[i].fix);
    }
}

static void a_message_that_is_refused_for_relaying_is_no_matter_of_the_queue(void **state)
{
    struct message_result *message = message_in(MESSAGE_REFUSED);

    (void)state;
    message->code = 554;
    message->text = "5.7.1 relaying denied";
    diagnosis_explain_doubt(&result);
    assert_string_equal(result.why,
                        "The server took a stranger's (198.51.100.7) outside recipient (plain), "
                        "but refused the message itself as it refuses relaying: 554 5.7.1 relaying "
                        "denied.");
    assert_string_equal(
        result.fix.text,
        "If the server is meant to refuse only after DATA, move that to RCPT: other "
        "testers, and spammers who try, see an open relay there.");
    assert_int_equal(result.fix.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fate_of_a_message_is_told),
        cmocka_unit_test(a_message_that_did_not_arrive_may_lie_where_its_server_keeps_it),
        cmocka_unit_test(a_message_that_is_refused_for_relaying_is_no_matter_of_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
