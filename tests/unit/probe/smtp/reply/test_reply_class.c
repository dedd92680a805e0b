#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/result.h"
#include "probe/smtp/reply/reply_class.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define CLIENT    "203.0.113.7"
#define HELO      "probe.test"
#define SENDER    "<a@nowhere.test>"
#define RECIPIENT "<b@outside.test>"

/* A reply as the wire has it, by the real parser; "\n" in `text` divides lines. */
static struct reply reply_of(int code, const char *text)
{
    static struct reply_parser parser;
    size_t used = 0;
    enum reply_state state = REPLY_MORE;

    reply_parser_reset(&parser);
    for (const char *at = text; state == REPLY_MORE; at++) {
        char line[REPLY_TEXT_SIZE + 16];
        size_t length = strcspn(at, "\n");
        bool last = at[length] == '\0';
        int size =
            snprintf(line, sizeof(line), "%d%c%.*s\r\n", code, last ? ' ' : '-', (int)length, at);
        state = reply_parser_feed(&parser, line, (size_t)size, &used);
        at += length;
    }
    assert_int_equal(state, REPLY_COMPLETE);
    return parser.reply;
}

/* An earlier judgement, in whatever test, changes no answer. */
static enum outcome judge_as(enum command command, int code, const char *text)
{
    static struct reply_class_memory memory;
    struct reply reply = reply_of(code, text);
    struct reply_class_question question = {
        .command = command,
        .reply = &reply,
        .client = CLIENT,
        .helo = HELO,
        .sender = SENDER,
        .recipient = command == COMMAND_MAIL ? NULL : RECIPIENT,
    };
    enum outcome fresh = reply_class_judge(&question);

    question.memory = &memory;
    assert_int_equal(reply_class_judge(&question), fresh);
    assert_int_equal(reply_class_judge(&question), fresh);
    return fresh;
}

static enum outcome judge(int code, const char *text)
{
    return judge_as(COMMAND_RCPT, code, text);
}

static void assert_outcome(const char *row, enum outcome given, const char *wanted)
{
    if (strcmp(outcome_name(given), wanted) != 0) {
        fail_msg("%s: judged %s, should be %s", row, outcome_name(given), wanted);
    }
}

/* ---- the tables ---------------------------------------------------------------------- */

struct row {
    int code;
    char *text;
    char *outcome;
};

/* Takes a line of "code TAB text TAB outcome TAB software" apart, in place. False for a comment. */
static bool split_row(char *line, struct row *row)
{
    char *rest = line;
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0') {
        return false;
    }
    row->code = (int)strtol(strsep(&rest, "\t"), NULL, 10);
    row->text = strsep(&rest, "\t");
    row->outcome = strsep(&rest, "\t");
    assert_non_null(row->outcome);
    assert_non_null(rest);
    for (char *at = strstr(row->text, "\\n"); at != NULL; at = strstr(at, "\\n")) {
        *at = '\n';
        memmove(at + 1, at + 2, strlen(at + 2) + 1);
    }
    return true;
}

/* A reply that says who or how, not to whom, means the same where MAIL was the question. */
static bool holds_at_mail(const char *outcome)
{
    static const char *const any_command[] = {"sender-refused", "client-refused", "tls-required",
                                              "auth-required",  "greylisted",     "closing",
                                              "deferred"};
    for (size_t i = 0; i < ROWS(any_command); i++) {
        if (strcmp(outcome, any_command[i]) == 0) {
            return true;
        }
    }
    return false;
}

static size_t judge_table(const char *path)
{
    char line[2048];
    size_t rows = 0;
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        fail_msg("%s cannot be read: run the tests in the tree's root", path);
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        struct row row;
        if (split_row(line, &row)) {
            rows++;
            assert_outcome(row.text, judge(row.code, row.text), row.outcome);
            if (holds_at_mail(row.outcome)) {
                assert_outcome(row.text, judge_as(COMMAND_MAIL, row.code, row.text), row.outcome);
            }
        }
    }
    fclose(file);
    return rows;
}

static void every_known_reply_has_its_outcome(void **state)
{
    (void)state;
    assert_true(judge_table("tests/unit/replies.tsv") > 50);
}

static void further_wordings_have_their_outcome(void **state)
{
    (void)state;
    assert_true(judge_table("tests/unit/replies-more.tsv") > 40);
}

static void a_filters_word_on_a_message_refuses_no_relaying(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *text;
    } rows[] = {
        {550, "5.7.1 Message not relayed: spam score 12.4"},
        {554, "5.7.1 Mail to external recipients is blocked by company policy"},
        {554, "5.7.1 Sending to external domains not allowed by rule 7"},
        {554, "5.7.1 Your message was not authenticated and was rejected"},
        {550, "5.7.1 Unauthenticated email is not accepted from this domain"},
        {550, "5.7.1 Email from nowhere.test must be authenticated with DKIM"},
        {554, "5.7.1 Outgoing message rejected: content policy"},
        {554, "5.7.1 Outgoing mail blocked: spam detected"},
        {550, "5.7.1 Outbound spam filter rejected this message"},
        {550, "5.7.1 This outgoing email was rejected by our filter"},
        {554, "5.7.0 Reject, id=12345-01 - SPAM"},
        {554, "5.7.0 Reject, id=12345-01 - BANNED: .exe"},
        {550, "5.7.1 Message contains a link to a forbidden external site"},
        {550, "5.7.1 External email with this subject is not allowed"},
        {550, "5.7.1 Messages with empty bodies are not accepted for delivery"},
        {550, "5.7.1 Command rejected"},
        {554, "5.7.1 Spam message rejected; If this is not spam contact abuse at site.test"},
        {550, "5.7.1 Mail from external sources must have a Message-ID"},
        {550, "5.7.1 rejected by rspamd: gtube pattern"},
        {550, "5.7.1 Gtube pattern"},
        {554, "5.7.1 Policy: message to outside domain must be encrypted"},
        {550, "5.7.1 Relay test messages are not delivered"},
        {554, "5.7.1 Message identified as a relay test and rejected"},
        {550, "5.7.1 Your message has been identified as open relay probe and refused"},
        {550, "Message was refused by the recipient's content filter for external senders"},
        {550,
         "5.7.1 This message has not been authenticated (ARC/DKIM fail) and will not be delivered"},
        {550, "5.7.1 Header From domain must be authenticated"},
        {550, "5.7.1 The sender's mail must be authenticated"},
        {550, "5.7.1 DMARC: authentication required by policy of nowhere.test"},
        {550, "5.7.1 Authentication failed for message: no valid signature"},
        {550, "5.7.1 No valid authentication results"},
        {550, "5.7.1 Message lacks authentication (SPF, DKIM) and is not accepted"},
        {554, "5.7.1 Message rejected due to relay loop"},
        {554, "5.6.0 Message with invalid header rejected"},
        {550, "5.7.1 Message headers fail syntax check"},
        {550, "5.7.1 [203.0.113.7] Messages missing a valid address in From: header, or having no "
              "From: header, are not accepted."},
        {550, "5.7.1 Message failed content filter, not sent to outside recipients"},
        {554, "5.7.1 Rejected by milter: no outgoing mail with attachments is allowed"},
        {552,
         "5.7.0 This message was blocked because its content presents a potential security issue"},
        {550, "High probability of spam"},
        {554, "Transaction failed: message not accepted for delivery to external recipients by DLP "
              "rule"},
        {550, "5.7.1 Sender is not allowed to send outbound mail with this subject"},
        {550, "5.7.1 Email not accepted for policy reasons"},
        {554, "5.7.1 Your mail could not be relayed because it contains a virus"},
        {554, "5.7.1 Infected mail is not relayed"},
        {550, "5.7.1 Viruses are not relayed here"},
        {550, "5.7.1 Relayed message refused: blacklisted URL inside"},
        {550, "5.7.1 Please log in to the portal to release this message"},
        {550, "5.7.1 Please authenticate your messages with DKIM"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        enum outcome outcome = judge_as(COMMAND_DATA, rows[i].code, rows[i].text);
        if (outcome_denies_relaying(outcome)) {
            fail_msg("%s: judged %s", rows[i].text, outcome_name(outcome));
        }
    }
}

static void a_message_is_refused_for_relaying_in_the_words_for_a_recipient(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *text;
    } rows[] = {
        {554, "5.7.1 relaying denied"},
        {554, "5.7.1 relaying denied by policy"},
        {554, "5.7.1 Sending to external domains is not allowed"},
        {550, "5.7.1 Relay access denied"},
        {530, "5.7.0 Authentication required"},
        {550, "not allowed to relay"},
        {550, "5.7.1 Unable to relay"},
        {550, "This server does not relay"},
        {553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"},
        {550, "5.7.1 recipient domain is not local"},
        {550, "5.7.1 Outgoing mail is not allowed without authentication"},
        {554, "5.7.1 <b@outside.test>: Relay access denied"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        enum outcome outcome = judge_as(COMMAND_DATA, rows[i].code, rows[i].text);
        if (!outcome_denies_relaying(outcome)) {
            fail_msg("%s: judged %s", rows[i].text, outcome_name(outcome));
        }
    }
}

/* Put aside before the code was written; see the file. */
static void wordings_that_the_code_was_not_fitted_to_have_their_outcome(void **state)
{
    (void)state;
    assert_true(judge_table("tests/unit/replies-held-out.tsv") > 90);
}

/* ---- what must not be mistaken for a refused relay ----------------------------------- */

static void a_refusal_that_is_not_of_relaying_is_never_relay_denied(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "5.7.1 Client host [203.0.113.7] blocked using bl.example.net; relaying denied",
        "5.7.1 Relay access denied: 203.0.113.7 is listed in bl.example.net",
        "5.7.1 Rejected: open relay, see https://bl.example.net/relay-denied",
        "5.7.1 Your mail relay is not permitted to connect",
        "5.7.1 Access denied",
        "5.7.1 Message rejected by policy",
        "5.7.1 connections by smtp.relay denied",
        "5.7.1 see https://example.net/relay denied",
        "5.7.1 relay.denied.example.net has no such mailbox",
        "5.4.4 Unable to relay: no route to the next host",
        "5.1.1 relay.site.test: user unknown, message rejected",
        "Verzeichnis nicht gefunden",
        "no",
        "",
    };
    for (size_t i = 0; i < ROWS(texts); i++) {
        enum outcome outcome = judge(550, texts[i]);
        if (outcome == OUTCOME_ACCEPTED || outcome_denies_relaying(outcome)) {
            fail_msg("\"%s\" was judged %s", texts[i], outcome_name(outcome));
        }
    }
}

static enum outcome judge_envelope(const char *sender, const char *recipient, const char *text)
{
    struct reply reply = reply_of(550, text);
    return reply_class_judge(&(struct reply_class_question){
        .command = COMMAND_RCPT,
        .reply = &reply,
        .client = CLIENT,
        .sender = sender,
        .recipient = recipient,
    });
}

static void words_in_our_own_addresses_are_not_the_servers(void **state)
{
    (void)state;
    assert_int_equal(judge_envelope(SENDER, "<relay.denied@outside.test>",
                                    "5.1.1 <relay.denied@outside.test>: User unknown"),
                     OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge_envelope(SENDER, "<\"relay access denied\"@outside.test>",
                                    "<\"relay access denied\"@outside.test> unknown"),
                     OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge_envelope(SENDER, "<\"relay access denied\"@outside.test>",
                                    "\"RELAY ACCESS DENIED\"@Outside.Test unknown"),
                     OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge_envelope(SENDER, "<\"relay access denied\"@outside.test>",
                                    "mailbox \"relay access denied\" unknown"),
                     OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge_envelope("<\"authentication required\"@nowhere.test>", RECIPIENT,
                                    "\"authentication required\"@nowhere.test: no"),
                     OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(
        judge_envelope(SENDER, "<spf@spamhaus.test>", "Unable to relay for spf@spamhaus.test"),
        OUTCOME_RELAY_DENIED);
    assert_int_equal(judge_envelope(SENDER, "<spf@blacklist.test>",
                                    "Relaying denied for blacklist.test (spf@blacklist.test)"),
                     OUTCOME_RELAY_DENIED);
}

/* OpenSMTPD's only words for it are those round the address that it quotes. */
static void an_address_with_the_senders_domain_in_it_is_known_as_a_whole(void **state)
{
    (void)state;
    assert_int_equal(judge_envelope("<b@outside.test>", "<b%outside.test@site.test>",
                                    "Invalid recipient: <b%outside.test@site.test>"),
                     OUTCOME_RELAY_DENIED);
    assert_int_equal(judge_envelope("<b@outside.test>", "<b%outside.test@site.test>",
                                    "Invalid recipient: somebody else"),
                     OUTCOME_RECIPIENT_REFUSED);
}

static void an_address_that_the_server_gave_its_domain_is_ours_still(void **state)
{
    (void)state;
    assert_int_equal(judge_envelope("<b@outside.test>", "<outside.test!b>",
                                    "Invalid recipient: <outside.test!b@mx.site.test>"),
                     OUTCOME_RELAY_DENIED);
}

static void a_recipient_at_the_clients_address_does_not_name_the_client(void **state)
{
    (void)state;
    assert_int_equal(
        judge_envelope(SENDER, "<b@[" CLIENT "]>", "<b@[" CLIENT "]>: domain literals not allowed"),
        OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(
        judge_envelope(SENDER, "<b@[" CLIENT "]>", "<b@[" CLIENT "]>: nothing from " CLIENT),
        OUTCOME_CLIENT_REFUSED);
}

static void a_canary_named_relay_hides_no_refusal(void **state)
{
    (void)state;
    assert_int_equal(
        judge_envelope("<relay@outside.test>", "<relay@outside.test>", "relay not permitted"),
        OUTCOME_RELAY_DENIED);
}

/* The words of another host that verified the address prove nothing of this one. */
static void words_of_a_third_host_are_not_the_servers(void **state)
{
    (void)state;
    assert_int_equal(judge(550, "Callout verification failed:\n550 relay not permitted"),
                     OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge(550, "5.1.0 Recipient rejected, mx.outside.test said: relaying denied"),
                     OUTCOME_RECIPIENT_REFUSED);
}

/* ---- what is a refused relay --------------------------------------------------------- */

static void case_spelling_and_lines_do_not_matter(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "RELAY ACCESS DENIED",
        "5.7.1 relaying not allowed",
        "5.7.1 Relay   not\npermitted",
        "Sorry, relaying is not allowed",
        "we do not relay",
        "You are not permitted to relay through this server",
        "This is not an open relay",
    };
    for (size_t i = 0; i < ROWS(texts); i++) {
        assert_outcome(texts[i], judge(550, texts[i]), "relay-denied");
    }
}

static void a_4xx_is_a_firm_no_only_without_words_of_time(void **state)
{
    (void)state;
    assert_int_equal(judge(454, "4.7.1 <b@outside.test>: Relay access denied"),
                     OUTCOME_RELAY_DENIED);
    assert_int_equal(judge(450, "4.7.1 Relay not permitted for now, try again later"),
                     OUTCOME_DEFERRED);
    assert_int_equal(judge(451, "4.3.0 temporarily unable to relay"), OUTCOME_DEFERRED);
    assert_int_equal(judge(451, "4.4.0 unable to relay"), OUTCOME_DEFERRED);
}

/* ---- clients ------------------------------------------------------------------------- */

static void a_421_closes_unless_it_names_the_client(void **state)
{
    (void)state;
    assert_int_equal(judge(421, "4.3.2 too busy"), OUTCOME_CLOSING);
    assert_int_equal(judge(421, "4.7.1 Relay access denied"), OUTCOME_CLOSING);
    assert_int_equal(judge(421, "too many connections from [203.0.113.7]"), OUTCOME_CLIENT_REFUSED);
    assert_int_equal(judge(421, "too many connections from 203.0.113.7."), OUTCOME_CLIENT_REFUSED);
    assert_int_equal(judge(421, "too many connections from 203.0.113.7:4711"),
                     OUTCOME_CLIENT_REFUSED);
    assert_int_equal(judge(421, "too many connections from 203.0.113.70"), OUTCOME_CLOSING);
    assert_int_equal(judge(421, "too many connections from 1203.0.113.7"), OUTCOME_CLOSING);
    assert_int_equal(judge(421, "too many connections from 203.0.113.7.9"), OUTCOME_CLOSING);
}

static void an_ipv6_client_is_known_in_every_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum outcome outcome;
    } rows[] = {
        {"no more from 2001:db8::7", OUTCOME_CLIENT_REFUSED},
        {"no more from [IPv6:2001:db8::7]", OUTCOME_CLIENT_REFUSED},
        {"no more from 2001:0DB8:0:0:0:0:0:7.", OUTCOME_CLIENT_REFUSED},
        {"no more from 2001:db8::77", OUTCOME_CLOSING},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply reply = reply_of(421, rows[i].text);
        assert_int_equal(reply_class_judge(&(struct reply_class_question){.command = COMMAND_MAIL,
                                                                          .reply = &reply,
                                                                          .client = "2001:db8::7",
                                                                          .sender = SENDER}),
                         rows[i].outcome);
    }
}

static void without_a_known_client_nothing_names_it(void **state)
{
    (void)state;
    struct reply reply = reply_of(421, "too many connections from 203.0.113.7");
    assert_int_equal(
        reply_class_judge(&(struct reply_class_question){.reply = &reply, .sender = "<>"}),
        OUTCOME_CLOSING);
    assert_int_equal(reply_class_judge(&(struct reply_class_question){
                         .reply = &reply, .client = "unknown", .sender = "<>"}),
                     OUTCOME_CLOSING);
}

/* A control that is refused like this was refused for its recipient, whatever the footer adds. */
static void an_unknown_user_stays_one_when_a_footer_names_the_client(void **state)
{
    (void)state;
    assert_int_equal(judge(550, "5.1.1 User unknown\nclient 203.0.113.7, server mx.site.test"),
                     OUTCOME_RECIPIENT_REFUSED);
}

/* Names, addresses and what stands in brackets hold any word, and none of them is the server's. */
static void words_in_names_and_brackets_are_not_the_servers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<relaying-denied>: xyzzy", "relaying-denied.x: xyzzy", "see http://relaying-denied/ xyzzy",
        "relaying.denied xyzzy",    "relaying@denied xyzzy",    "a.relaying-denied xyzzy",
    };
    for (size_t i = 0; i < ROWS(texts); i++) {
        assert_outcome(texts[i], judge(550, texts[i]), "recipient-refused");
    }
    assert_int_equal(judge_envelope(SENDER, "<relay~denied@outside.test>", "this is relay~denied"),
                     OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge_envelope(SENDER, RECIPIENT, "Relaying to <outside.test>denied"),
                     OUTCOME_RELAY_DENIED);
    assert_int_equal(judge_envelope("<relay>", RECIPIENT, "relay not permitted"),
                     OUTCOME_RELAY_DENIED);
    assert_int_equal(judge(550, "no ptr<x@y.test>"), OUTCOME_CLIENT_REFUSED);
    assert_int_equal(judge(550, "client\x7fhost unwelcome"), OUTCOME_CLIENT_REFUSED);
}

static void a_status_counts_as_a_whole(void **state)
{
    (void)state;
    assert_int_equal(judge(550, "5.7.25 xyzzy"), OUTCOME_CLIENT_REFUSED);
    assert_int_equal(judge(550, "5.7.2 xyzzy"), OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge(550, "5.7.250 xyzzy"), OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge(550, "5.7.10 xyzzy"), OUTCOME_TLS_REQUIRED);
    assert_int_equal(judge(550, "5.7.1 xyzzy"), OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge(450, "4.7.11 xyzzy"), OUTCOME_DEFERRED);
    assert_int_equal(judge(450, "4.7.1 xyzzy"), OUTCOME_DEFERRED);
    assert_int_equal(judge(550, "5.1.8 xyzzy"), OUTCOME_SENDER_REFUSED);
    assert_int_equal(judge(550, "5.7.27 xyzzy"), OUTCOME_SENDER_REFUSED);
    assert_int_equal(judge(450, "4.1.1 xyzzy"), OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge_as(COMMAND_MAIL, 450, "4.1.0 xyzzy"), OUTCOME_SENDER_REFUSED);
    assert_int_equal(judge(450, "4.1.0 xyzzy"), OUTCOME_DEFERRED);
    assert_int_equal(judge(450, "resolver error"), OUTCOME_SENDER_REFUSED);
    assert_int_equal(judge(450, "resolver erroneous"), OUTCOME_DEFERRED);
}

/* ---- the rest ------------------------------------------------------------------------ */

static void what_is_not_understood_proves_nothing(void **state)
{
    (void)state;
    assert_int_equal(judge(550, "xyzzy"), OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge(450, "xyzzy"), OUTCOME_DEFERRED);
    assert_int_equal(judge(354, "go ahead"), OUTCOME_DEFERRED);
    assert_int_equal(judge_as(COMMAND_MAIL, 550, "xyzzy"), OUTCOME_SENDER_REFUSED);
    assert_int_equal(judge_as(COMMAND_MAIL, 450, "xyzzy"), OUTCOME_DEFERRED);
    struct reply none = {.code = 0};
    assert_int_equal(reply_class_judge(&(struct reply_class_question){.reply = &none}),
                     OUTCOME_CLOSING);
}

/* Before the recipient is named, a server can be of two minds about the sender and itself alone. */
static void a_4xx_at_mail_about_the_sender_is_sender_refused(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *text;
        enum outcome outcome;
    } rows[] = {
        {450, "Temp. resolver error (ENOTFOUND)", OUTCOME_SENDER_REFUSED},
        {450, "No valid MX for your FROM address", OUTCOME_SENDER_REFUSED},
        {450, "4.1.8 <a@[203.0.113.25]>: cannot be reached", OUTCOME_SENDER_REFUSED},
        {451, "4.1.7 not now", OUTCOME_SENDER_REFUSED},
        {451, "domain literals are not taken", OUTCOME_SENDER_REFUSED},
        {450, "cannot resolve your domain", OUTCOME_SENDER_REFUSED},
        {451, "unable to verify sender", OUTCOME_SENDER_REFUSED},
        {450, "nowhere.test: Domain not found", OUTCOME_SENDER_REFUSED},
        {451, "4.3.0 <a@nowhere.test>: Temporary lookup failure", OUTCOME_DEFERRED},
        {451, "DNS temporary failure (#4.3.0)", OUTCOME_DEFERRED},
        {452, "4.3.1 Insufficient system storage", OUTCOME_DEFERRED},
        {451, "4.7.1 Greylisted, come back later", OUTCOME_GREYLISTED},
        {450, "4.7.1 too much mail from 203.0.113.7", OUTCOME_CLIENT_REFUSED},
        {421, "4.1.8 cannot resolve the sender", OUTCOME_CLOSING},
        {421, "4.1.8 cannot resolve 203.0.113.7", OUTCOME_CLIENT_REFUSED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_outcome(rows[i].text, judge_as(COMMAND_MAIL, rows[i].code, rows[i].text),
                       outcome_name(rows[i].outcome));
    }
    assert_int_equal(judge(450, "4.1.2 outside.test does not resolve"), OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(judge(451, "unable to resolve it"), OUTCOME_DEFERRED);
}

/* A domain that is not the server's is a reason to refuse a recipient; at MAIL it is the sender's.
 */
static void a_foreign_domain_at_mail_is_the_senders(void **state)
{
    (void)state;
    assert_int_equal(judge_as(COMMAND_MAIL, 550, "domain not allowed"), OUTCOME_SENDER_REFUSED);
    assert_int_equal(judge_as(COMMAND_MAIL, 550, "relaying denied"), OUTCOME_RELAY_DENIED);
}

/* A client goes on with each of them, and its mail is relayed. */
static void an_acceptance_is_any_2xx_whatever_it_says(void **state)
{
    (void)state;
    assert_int_equal(judge(250, "relay access denied"), OUTCOME_ACCEPTED);
    assert_int_equal(judge(251, "User not local; will forward"), OUTCOME_ACCEPTED);
    static const int codes[] = {200, 220, 235, 250, 251, 252, 259, 299};
    for (size_t i = 0; i < ROWS(codes); i++) {
        assert_int_equal(judge(codes[i], "ok"), OUTCOME_ACCEPTED);
        assert_int_equal(judge_as(COMMAND_MAIL, codes[i], "ok"), OUTCOME_ACCEPTED);
    }
    static const int others[] = {300, 354, 399};
    for (size_t i = 0; i < ROWS(others); i++) {
        assert_int_equal(judge(others[i], "ok"), OUTCOME_DEFERRED);
    }
}

static void hostile_text_is_only_text(void **state)
{
    (void)state;
    static char text[REPLY_TEXT_SIZE];
    static const char patterns[] =
        "<@><><b@outside.test>relaying relaying:://..203.0.113.7:::<<>>@";
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        text[i] = patterns[i % (sizeof(patterns) - 1)];
    }
    assert_false(outcome_denies_relaying(judge(550, text)));
    memset(text, '<', sizeof(text) - 1);
    assert_int_equal(judge(550, text), OUTCOME_RECIPIENT_REFUSED);
    memset(text, '\xff', sizeof(text) - 1);
    assert_int_equal(judge(550, text), OUTCOME_RECIPIENT_REFUSED);
}

static void only_two_outcomes_deny_relaying_and_two_pass(void **state)
{
    (void)state;
    for (enum outcome outcome = OUTCOME_ACCEPTED; outcome <= OUTCOME_CLOSING; outcome++) {
        assert_int_equal(outcome_denies_relaying(outcome),
                         outcome == OUTCOME_RELAY_DENIED || outcome == OUTCOME_AUTH_REQUIRED);
        assert_int_equal(outcome_is_temporary(outcome),
                         outcome == OUTCOME_GREYLISTED || outcome == OUTCOME_DEFERRED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_reply_has_its_outcome),
        cmocka_unit_test(further_wordings_have_their_outcome),
        cmocka_unit_test(a_filters_word_on_a_message_refuses_no_relaying),
        cmocka_unit_test(a_message_is_refused_for_relaying_in_the_words_for_a_recipient),
        cmocka_unit_test(wordings_that_the_code_was_not_fitted_to_have_their_outcome),
        cmocka_unit_test(a_refusal_that_is_not_of_relaying_is_never_relay_denied),
        cmocka_unit_test(words_in_our_own_addresses_are_not_the_servers),
        cmocka_unit_test(an_address_with_the_senders_domain_in_it_is_known_as_a_whole),
        cmocka_unit_test(an_address_that_the_server_gave_its_domain_is_ours_still),
        cmocka_unit_test(a_recipient_at_the_clients_address_does_not_name_the_client),
        cmocka_unit_test(a_canary_named_relay_hides_no_refusal),
        cmocka_unit_test(words_of_a_third_host_are_not_the_servers),
        cmocka_unit_test(case_spelling_and_lines_do_not_matter),
        cmocka_unit_test(a_4xx_is_a_firm_no_only_without_words_of_time),
        cmocka_unit_test(a_421_closes_unless_it_names_the_client),
        cmocka_unit_test(an_ipv6_client_is_known_in_every_spelling),
        cmocka_unit_test(without_a_known_client_nothing_names_it),
        cmocka_unit_test(an_unknown_user_stays_one_when_a_footer_names_the_client),
        cmocka_unit_test(words_in_names_and_brackets_are_not_the_servers),
        cmocka_unit_test(a_status_counts_as_a_whole),
        cmocka_unit_test(what_is_not_understood_proves_nothing),
        cmocka_unit_test(a_4xx_at_mail_about_the_sender_is_sender_refused),
        cmocka_unit_test(a_foreign_domain_at_mail_is_the_senders),
        cmocka_unit_test(an_acceptance_is_any_2xx_whatever_it_says),
        cmocka_unit_test(hostile_text_is_only_text),
        cmocka_unit_test(only_two_outcomes_deny_relaying_and_two_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
