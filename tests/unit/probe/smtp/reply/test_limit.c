#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/verdict.h"
#include "probe/smtp/reply/limit.h"
#include "probe/smtp/reply/reply_class.h"
#include "tests/unit/session_bench.h"

#define LONG_WORD "recipientswithoutanendrecipientswithoutanendrecipientswithoutanend"

static enum limit limit_of(const char *technique, const char *text)
{
    struct reply_parser parser;
    size_t used;
    char line[512];

    reply_parser_reset(&parser);
    (void)snprintf(line, sizeof(line), "%s\r\n", text);
    assert_int_equal(reply_parser_feed(&parser, line, strlen(line), &used), REPLY_COMPLETE);
    const struct reply_class_question question = {.command = COMMAND_RCPT,
                                                  .reply = &parser.reply,
                                                  .client = "198.51.100.7",
                                                  .sender = "<a@b.example>",
                                                  .recipient = "<c@d.example>"};
    return limit_met(technique_find(technique), &parser.reply, reply_class_judge(&question));
}

static void limits_of_recipients_are_met_by_what_asks_for_several(void **state)
{
    static const char *const replies[] = {
        "452 4.5.3 Error: too many recipients", /* Postfix */
        "452 4.5.3 Too many recipients",        /* Sendmail, Exchange */
        "452 too many recipients",              /* Exim */
        "552 too many recipients",              /* Exim, recipients_max_reject */
        "451 4.5.3 Too many recipients",        /* OpenSMTPD */
        "451 Too many recipients received this transaction",
        "450 4.5.3 wait",
        "550 5.5.3 no",
        "552 5.5.3 Too many recipients",
        "452 Only one recipient at a time, please",
        "550 maximum number of recipients exceeded",
        "452 4.3.0 one recipient a message is the limit here",
        "503 more than 1 RCPT in a message",
        "550 Recipient limit exceeded",
        "452 recipients per message exceed what is allowed",
        "452 RCPT limit reached",
        "452 a single recipient, please",
        "550 the maximum is 100 recipients",
        "552 You exceeded the number of allowed recipients",
        "550 max rcpts 10",
        "550 recipients number: exceeds",
        "550 RECIPIENT COUNT",
        "550 recipient maximum",
        "550 recipient limits",
        "550 recipient number",
        "550 only a few recipients",
        "550 exceeds recipients",
        "550 exceeded recipients",
        "550 recipients exceeded",
        "550 recipients maximum",
        "550 recipients limit",
        "550 1 recipient please",
        "550 limit of those a server recipients", /* four words between */
        "550 the number of recipients is too high",
        "550 recipients in one message of mail exceeded", /* five words between */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        assert_int_equal(limit_of("after-local", replies[i]), LIMIT_RECIPIENTS);
        assert_int_equal(limit_of("second-transaction", replies[i]), LIMIT_RECIPIENTS);
        assert_int_equal(limit_of("plain", replies[i]), LIMIT_NONE);
        assert_int_equal(limit_of("null-sender", replies[i]), LIMIT_NONE);
    }
}

static void limits_of_length_are_met_by_whatever_is_longer_than_plain(void **state)
{
    static const char *const replies[] = {"550 5.7.1 Relaying denied: the address is too long",
                                          "500 5.5.2 Line too long",
                                          "501 Path too long",
                                          "501 5.1.3 local part too long",
                                          "553 address is too long",
                                          "552 5.5.4 command line length exceeded",
                                          "501 THE PATH IS TOO LONG",
                                          "501 Length Exceeds what we take",
                                          "501 it Exceeds The Maximum Length",
                                          "501 it is over the Length Limit",
                                          "553 5.1.7 Sender address rejected: it is too long"};

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        assert_int_equal(limit_of("quoted", replies[i]), LIMIT_LENGTH);
        assert_int_equal(limit_of("plain", replies[i]), LIMIT_NONE);
    }
}

static void other_refusals_are_no_limits(void **state)
{
    static const char *const replies[] = {
        DENIED,
        "250 2.1.5 Ok",
        "450 4.7.1 <c@d.example>: Recipient address rejected: Greylisted",
        "450 4.7.1 Error: too many recipients from 198.51.100.7",
        "550 5.1.1 <c@d.example>: Recipient address rejected: User unknown",
        "452 4.3.1 Insufficient system storage",
        "552 5.3.4 Message size exceeds fixed limit",
        "451 4.3.2 it took too long",
        "552 recipient mailbox exceeds quota",
        "552 5.2.2 Recipient's mailbox is over its limit",
        "552 recipient exceeded the storage limit",
        "550 Recipient quota limit exceeded",
        "550 recipient has too many messages",
        "550 message size exceeds the limit of the recipient",
        "550 maximum mailbox size of recipient reached",
        "550 too many errors for this recipient",
        "550 no recipients",
        "550 1 mailbox",
        "550 limit of those a server has recipients",
        "550 recipients that we were told of here exceeded",
        "550 the limit of this server for mail of your kind does not permit these recipients",
        "550 recipients were told of this before, and now you are over the limit",
        "554 5.7.1 Relay access denied: only one recipient may be relayed",
        "530 5.7.0 Authentication required for more than one recipient",
        "552 the recipients' storage limit is used up",
        "550 " LONG_WORD LONG_WORD LONG_WORD LONG_WORD,
        "450 4.1.8 <a@b.example>: Sender address rejected: DNS took too long",
        "530 5.7.0 Authentication required: the address is too long"};

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        assert_int_equal(limit_of("after-local", replies[i]), LIMIT_NONE);
        assert_int_equal(limit_of("quoted", replies[i]), LIMIT_NONE);
    }
}

/* after-local alone is left, and all before it were refused. */
static void come_to_after_local(void)
{
    bench_set_up(TLS_AUTO, 25);
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        struct technique_result *asked = &bench.result.techniques[i];
        if (strcmp(asked->technique->id, "after-local") != 0) {
            bench.battery.queue.rows[i] = BATTERY_DONE;
            asked->asked = true;
            asked->code = 554;
            asked->outcome = OUTCOME_RELAY_DENIED;
            asked->helo = asked->sender = asked->recipient = asked->text = "";
        }
    }
    bench_open_session();
    bench_answer("250 ok");
    bench_expect("RCPT TO:<postmaster@example.org>");
    bench_answer("250 ok");
    bench_expect("RCPT TO:<canary@outside.example.net>");
}

static void a_technique_that_meets_a_limit_is_none_of_the_battery(void **state)
{
    const struct vantage_known vantage = {.declared = VANTAGE_OUTSIDE};

    (void)state;
    come_to_after_local();
    bench_answer("452 4.5.3 Error: too many recipients");
    const struct technique_result *asked = bench_result_of("after-local");
    assert_false(asked->asked);
    assert_true(asked->absent);
    assert_non_null(strstr(asked->text, "limits the recipients of a message: 452 4.5.3"));
    verdict_endpoint(&bench.result, &vantage);
    assert_int_equal(bench.result.verdict, VERDICT_CLOSED);
    assert_int_equal(bench.result.note_count, 1);
    assert_non_null(strstr(bench.result.notes[0], "after-local was not asked"));
    assert_null(strstr(bench.result.why, "unanswered"));
    result_free(&bench.result);

    come_to_after_local();
    bench_answer("450 4.3.2 later"); /* which is no limit */
    verdict_endpoint(&bench.result, &vantage);
    assert_int_equal(bench.result.verdict, VERDICT_INCONCLUSIVE);
    result_free(&bench.result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_recipients_are_met_by_what_asks_for_several),
        cmocka_unit_test(limits_of_length_are_met_by_whatever_is_longer_than_plain),
        cmocka_unit_test(other_refusals_are_no_limits),
        cmocka_unit_test(a_technique_that_meets_a_limit_is_none_of_the_battery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
