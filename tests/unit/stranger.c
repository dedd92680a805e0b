#include "tests/unit/stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "probe/model/result.h"
#include "probe/smtp/reply/reply_class.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

bool stranger_is_denied(const char *sender, const char *text)
{
    struct reply reply = {.code = 550, .enhanced = "5.7.1"};
    struct reply_class_question question = {
        .command = COMMAND_RCPT,
        .reply = &reply,
        .client = "203.0.113.7",
        .helo = "probe.test",
        .sender = sender,
        .recipient = "<b@outside.test>",
    };

    (void)snprintf(reply.text, sizeof(reply.text), "%s", text);
    return outcome_denies_relaying(reply_class_judge(&question));
}

void stranger_judges(const char *const rows[], size_t count, bool wanted)
{
    static const char *const senders[] = {"<b@outside.test>", "<a@nowhere.test>",
                                          "<postmaster@example.org>", "<>"};
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < COUNT(senders); j++) {
            if (stranger_is_denied(senders[j], rows[i]) != wanted) {
                print_message("\"%s\", said to %s, %s\n", rows[i], senders[j],
                              wanted ? "should deny relaying" : "denies no relaying");
                wrong++;
            }
        }
    }
    assert_int_equal(wrong, 0);
}
