#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/smtp/reply/denial.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A text as denial_read takes it: lower case, "@" for a name that the server quotes. */
struct row {
    const char *text;
    enum denial denial;
};

static enum denial denial_of(const char *text)
{
    return denial_read(text, "").denial;
}

static void judge(const struct row *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        enum denial denial = denial_of(rows[i].text);
        if (denial != rows[i].denial) {
            print_message("\"%s\": %d, should be %d\n", rows[i].text, (int)denial,
                          (int)rows[i].denial);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* \x02 is the sender's name, \x03 our own or our address, \x04 a host's that is neither's. */
static void whose_name_it_is_tells_who_is_refused(void **state)
{
    static const struct row rows[] = {
        {"@ is not allowed here", DENIAL_DESTINATION},
        {"\x02 is not allowed here", DENIAL_SENDERS_DOMAIN},
        {"\x03 is not allowed here", DENIAL_CLIENT},
        {"\x04 is not allowed here", DENIAL_NONE},
        {"domain \x04 is not allowed", DENIAL_NONE},
        {"domain is not hosted on \x04", DENIAL_DESTINATION},
        {"\x03 is not one of our domains", DENIAL_NONE},
        {"\x04 is not local", DENIAL_NONE},
        {"@ is not local", DENIAL_DESTINATION},
        {"user at \x04 says @ is not local", DENIAL_DESTINATION},
        {"no mail from \x03 accepted", DENIAL_CLIENT},
        {"\x03 may not send mail for \x02, refused", DENIAL_NONE},
        {"spf does not permit \x03", DENIAL_NONE},
        {"sender \x03 is not permitted", DENIAL_NONE},
        {"\x03 is permitted", DENIAL_NONE},
        {"relaying for \x03 denied", DENIAL_RELAY},
        {"\x03 refused, authentication required", DENIAL_AUTH},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void marks_and_brackets_divide_what_is_said(void **state)
{
    static const struct row rows[] = {
        {"relays (spoofers denied)", DENIAL_NONE},
        {"relaying (mail) denied", DENIAL_RELAY},
        {"we do not relay. server closing", DENIAL_RELAY},
        {"you are 'not' allowed to relay", DENIAL_RELAY},
        {"go away: unauthenticated", DENIAL_AUTH},
        {"unauthenticated", DENIAL_AUTH},
        {"the answer is no, need authentication", DENIAL_AUTH},
        {"relaying is what we do, abuse is denied", DENIAL_NONE},
        {"relaying is what we do; abuse is denied", DENIAL_NONE},
        {"relaying is what we do! abuse is denied", DENIAL_NONE},
        {"relaying? abuse is denied", DENIAL_NONE},
        {"relaying is what we do - abuse is denied", DENIAL_NONE},
        {"relaying-denied", DENIAL_RELAY},
        {"relaying.denied", DENIAL_RELAY},
        {"relaying is fine. denied", DENIAL_NONE},
        {"relaying is fine: denied", DENIAL_NONE},
        {"", DENIAL_NONE},
        {"...", DENIAL_NONE},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void a_relay_that_is_a_thing_is_refused_to_nobody(void **state)
{
    static const struct row rows[] = {
        {"delivery by upstream relay was not permitted", DENIAL_NONE},
        {"delivery at the relay was not permitted", DENIAL_NONE},
        {"delivery by our relay was not permitted", DENIAL_NONE},
        {"the relay host denied it", DENIAL_NONE},
        {"from here relay access denied", DENIAL_RELAY},
        {"relay access denied", DENIAL_RELAY},
        {"the relay refused the connection", DENIAL_NONE},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void a_refusal_stands_near_what_it_refuses(void **state)
{
    static const struct row rows[] = {
        {"refuses to any third party relay", DENIAL_RELAY},
        {"refuses to relay", DENIAL_RELAY},
        {"prohibited relay", DENIAL_RELAY},
        {"refused since others called relay", DENIAL_NONE},
        {"we do not forward mail of strangers", DENIAL_RELAY},
        {"forwarding of mail is prohibited", DENIAL_RELAY},
        {"forwarding of a user is prohibited", DENIAL_NONE},
        {"relaying and and and and and and and and and and and denied", DENIAL_RELAY},
        {"relaying and and and and and and and and and and and and denied", DENIAL_NONE},
        {"relaying is not and and allowed", DENIAL_RELAY},
        {"relaying not and and and and allowed", DENIAL_NONE},
        {"not and and and and and and and and and and and relaying", DENIAL_RELAY},
        {"not and and and and and and and and and and and and relaying", DENIAL_NONE},
        {"could not relay", DENIAL_NONE},
        {"not sure whether relaying", DENIAL_NONE},
        {"only customers may relay", DENIAL_RELAY},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

/* "\x02" is the sender's name, "\x03" an IP address. */
static void what_stands_at_relay_tells_what_it_is(void **state)
{
    static const struct row rows[] = {
        {"(relay) message refused", DENIAL_NONE},
        {"[relay] address refused", DENIAL_NONE},
        {"(relay) address not permitted", DENIAL_NONE},
        {"(relay) refused", DENIAL_RELAY},
        {"(relay) not permitted", DENIAL_RELAY},
        {"relay test refused", DENIAL_NONE},
        {"relaying test refused", DENIAL_NONE},
        {"relay refused after a test", DENIAL_NONE},
        {"our relay is not permitted", DENIAL_NONE},
        {"my relay is not permitted", DENIAL_NONE},
        {"your relay is not permitted", DENIAL_NONE},
        {"the relay is not permitted", DENIAL_RELAY},
        {"the relay @ is not permitted", DENIAL_NONE},
        {"the relay at @ is not permitted", DENIAL_NONE},
        {"a relay reports: not permitted", DENIAL_NONE},
        {"the relay reports that it was refused", DENIAL_NONE},
        {"of the mail relay not permitted", DENIAL_NONE},
        {"behind relay not permitted", DENIAL_NONE},
        {"mail relay not permitted", DENIAL_RELAY},
        {"not ready but relay", DENIAL_NONE},
        {"not sure if you relay", DENIAL_NONE},
        {"unable to relay this", DENIAL_UNABLE},
        {"unable to relay now", DENIAL_NONE},
        {"unable to relay, try later", DENIAL_NONE},
        {"no puede relay", DENIAL_NONE},
        {"no reenvio", DENIAL_RELAY},
        {"message not relayed, spam", DENIAL_NONE},
        {"message not relayed", DENIAL_RELAY},
        {"spam, we do not relay", DENIAL_NONE},
        {"unable to relay, relaying denied", DENIAL_RELAY},
        {"unable to relay, unknown", DENIAL_NONE},
        {"unable to relay, spam", DENIAL_NONE},
        {"you are an unauthorized relay", DENIAL_NONE},
        {"unauthorized relay", DENIAL_RELAY},
        {"a unauthorized relay", DENIAL_NONE},
        {"prohibited use made of relay", DENIAL_NONE},
        {"and and and and forward to strangers", DENIAL_NONE},
        {"not and and and forward", DENIAL_RELAY},
        {"not and and and and forward", DENIAL_NONE},
        {"forward and and and and and and denied", DENIAL_RELAY},
        {"forward and and and and and and and denied", DENIAL_NONE},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void a_heading_and_what_follows_it_are_one(void **state)
{
    static const struct row rows[] = {
        {"rejected: relaying", DENIAL_RELAY},
        {"access denied: relay attempt", DENIAL_RELAY},
        {"not permitted: third party relaying of mail", DENIAL_RELAY},
        {"relaying: sorry, denied", DENIAL_NONE}, /* two clauses on */
        {"relaying: denied", DENIAL_RELAY},
        {"relaying: is not allowed", DENIAL_RELAY},
        {"relay: denied", DENIAL_NONE},
        {"rejected: relay", DENIAL_NONE},
        {"rejected: relaying users", DENIAL_NONE},
        {"rejected by me: relaying", DENIAL_NONE},
        {"access: relaying", DENIAL_NONE},
        {"rejected: mail", DENIAL_NONE},
        {"rejected", DENIAL_NONE},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void who_is_called_an_open_relay_is_refused_as_a_client(void **state)
{
    static const struct row rows[] = {
        {"refused as open relay", DENIAL_OPEN_RELAY},
        {"your host is an open relay", DENIAL_OPEN_RELAY},
        {"mail by open relay denied", DENIAL_OPEN_RELAY},
        {"openrelay", DENIAL_OPEN_RELAY},
        {"your server is not to be open relay", DENIAL_RELAY},
        {"this is not an open relay", DENIAL_RELAY},
        {"open relay not permitted", DENIAL_RELAY},
        {"open relaying is denied", DENIAL_RELAY},
        {"open relays are for nobody", DENIAL_OPEN_RELAY},
        {"open relays only", DENIAL_OPEN_RELAY},
        {"open relays for all are denied", DENIAL_RELAY},
        {"open relays at all for you", DENIAL_OPEN_RELAY},
        {"in the database as open relay denied", DENIAL_OPEN_RELAY},
        {"listed: open relay", DENIAL_OPEN_RELAY},
        {"to you no open relay", DENIAL_RELAY},
        {"no and and and open relay", DENIAL_RELAY},
        {"no and and and and open relay", DENIAL_OPEN_RELAY},
        {"open relay and and denied", DENIAL_RELAY},
        {"open relay and and and and denied", DENIAL_OPEN_RELAY},
        {"open door", DENIAL_NONE},
        {"relay", DENIAL_NONE},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void a_relay_with_an_ip_address_is_a_client(void **state)
{
    static const struct row rows[] = {
        {"relay \x03 not accepted", DENIAL_OPEN_RELAY},
        {"relay \x03 denied", DENIAL_OPEN_RELAY},
        {"relay host \x03 denied", DENIAL_OPEN_RELAY},
        {"relay from \x03 denied", DENIAL_RELAY},
        {"relay for \x03 denied", DENIAL_RELAY},
        {"relay to \x03 denied", DENIAL_RELAY},
        {"relay by \x03 denied", DENIAL_RELAY},
        {"relaying of mail at \x03 denied", DENIAL_RELAY},
        {"relay \x03 welcomes you", DENIAL_NONE},
        {"\x03 is not permitted to relay", DENIAL_RELAY},
        {"relay @ denied", DENIAL_RELAY},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void the_recipients_domain_is_refused_as_none_of_the_servers(void **state)
{
    static const struct row rows[] = {
        {"user not local", DENIAL_DESTINATION},
        {"not a local domain", DENIAL_DESTINATION},
        {"not for any of our destinations", DENIAL_DESTINATION},
        {"is not one of our domains", DENIAL_DESTINATION},
        {"not a local user", DENIAL_NONE},
        {"not our local policy", DENIAL_NONE},
        {"it is not a valid domain", DENIAL_NONE},
        {"domain is not what this server likes", DENIAL_NONE},
        {"no such domain here", DENIAL_DESTINATION},
        {"no such domain", DENIAL_NONE}, /* DNS may have said so */
        {"domain not in our list", DENIAL_DESTINATION},
        {"domain not allowed", DENIAL_DESTINATION},
        {"@ is not handled by this server", DENIAL_DESTINATION},
        {"@ is not allowed", DENIAL_NONE},
        {"domain does not accept mail for this zone", DENIAL_NONE},
        {"we do not accept mail for @", DENIAL_DESTINATION},
        {"i cannot deliver mail for @", DENIAL_DESTINATION},
        {"we only accept short messages", DENIAL_NONE},
        {"we only accept mail to our domains", DENIAL_DESTINATION},
        {"we only accept mail for one domain at once", DENIAL_NONE},
        {"we at this machine are not responsible for it", DENIAL_DESTINATION},
        {"not one of us can ever be called responsible", DENIAL_NONE},
        {"not a gateway", DENIAL_DESTINATION},
        {"no mx for that zone", DENIAL_NONE},
        {"we are not an mx for it", DENIAL_DESTINATION},
        {"we are not the exchanger for it", DENIAL_DESTINATION},
        {"not for the likes of you", DENIAL_NONE},
        {"non-local recipient refused", DENIAL_DESTINATION},
        {"sending to remote addresses is not allowed", DENIAL_DESTINATION},
        {"not authorized to send mail through this host", DENIAL_DESTINATION},
        {"could not send it through", DENIAL_NONE},
        /* where another reason follows, or a condition */
        {"domain not allowed because it is new", DENIAL_NONE},
        {"domain not allowed: disposable", DENIAL_NONE},
        {"domain not allowed: please write to us", DENIAL_DESTINATION},
        {"domain not allowed: your mail", DENIAL_DESTINATION},
        {"domain not allowed (@)", DENIAL_DESTINATION},
        {"spam, domain not allowed", DENIAL_NONE},
        {"domain not allowed on weekends", DENIAL_NONE},
        {"number of domains not permitted", DENIAL_NONE},
        {"domain not allowed at this mx", DENIAL_DESTINATION},
        {"domain not allowed at our mx", DENIAL_DESTINATION},
        {"domain not allowed at any mx", DENIAL_NONE},
        {"not allowed here", DENIAL_NONE},
        {"\x02: domain not allowed", DENIAL_SENDERS_DOMAIN},
        {"\x02 @: domain not allowed", DENIAL_DESTINATION},
        {"your domain is not allowed", DENIAL_SENDERS_DOMAIN},
        {"the sender's domain is not local", DENIAL_NONE},
        {"domain not known here", DENIAL_DESTINATION},
        {"domain not valid here", DENIAL_DESTINATION},
        {"not valid here", DENIAL_NONE},
        {"cannot deliver mail for @", DENIAL_NONE},
        {"we cannot deliver mail for @", DENIAL_DESTINATION},
        {"we cannot accept mail for @", DENIAL_DESTINATION},
        {"could not accept mail for @", DENIAL_NONE},
        {"we do not accept mail for this domain today", DENIAL_NONE},
        {"we do not host @", DENIAL_DESTINATION},
        {"we do not deliver to @", DENIAL_NONE},
        {"we do not accept it", DENIAL_NONE},
        {"we do not accept mail for them", DENIAL_NONE},
        {"local recipients only", DENIAL_DESTINATION},
        {"local recipient only", DENIAL_DESTINATION},
        {"only here", DENIAL_NONE},
        {"only local access", DENIAL_NONE},
        {"we accept only mail", DENIAL_NONE},
        {"we only accept mail for one of our domains on sundays", DENIAL_NONE},
        {"there is no gateway for it", DENIAL_NONE},
        {"could not find a gateway", DENIAL_NONE},
        {"we are not responsible for lost mail", DENIAL_NONE},
        {"we are not the mx", DENIAL_NONE},
        {"outgoing mail is not permitted", DENIAL_DESTINATION},
        {"outbound mail is refused", DENIAL_DESTINATION},
        {"external mail is not permitted", DENIAL_NONE},
        {"external email is not permitted", DENIAL_NONE},
        {"external mail recipients are refused", DENIAL_DESTINATION},
        {"external mail to all recipients is refused", DENIAL_NONE},
        {"a remote mail recipient server is not permitted", DENIAL_NONE},
        {"remote delivery service refused", DENIAL_NONE},
        {"you may not send to external recipients", DENIAL_DESTINATION},
        {"do not submit to remote addresses", DENIAL_DESTINATION},
        {"this group is not allowed for external recipients", DENIAL_NONE},
        {"external recipients are not allowed in this list", DENIAL_NONE},
        {"external recipients are not allowed for mailboxes", DENIAL_NONE},
        {"external recipients are fine", DENIAL_NONE},
        {"not allowed to go through", DENIAL_NONE},
        {"not allowed to send", DENIAL_NONE},
        {"not allowed submitting via us", DENIAL_DESTINATION},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

static void a_log_in_is_asked_for(void **state)
{
    static const struct row rows[] = {
        {"authentication not supported", DENIAL_NONE},
        {"authentication required", DENIAL_AUTH},
        {"authentication is not required", DENIAL_NONE},
        {"authentication failed", DENIAL_NONE},
        {"perhaps you need authentication", DENIAL_NONE},
        {"not authenticated", DENIAL_AUTH},
        {"you are not yet fully authenticated", DENIAL_AUTH},
        {"unauthenticated mail is not taken", DENIAL_NONE},
        {"please log in", DENIAL_AUTH},
        {"please sign on", DENIAL_AUTH},
        {"please log all of it", DENIAL_NONE},
        {"submission must be used by all", DENIAL_SUBMISSION},
        {"submission is closed", DENIAL_NONE},
        {"use port 587", DENIAL_SUBMISSION},
        {"perhaps use port 587", DENIAL_NONE},
        {"check your mail first", DENIAL_AUTH},
        {"pop before smtp", DENIAL_AUTH},
        {"hear the greeting first", DENIAL_NONE},
        /* not to this server, or not by who asks */
        {"please login to @", DENIAL_NONE},
        {"please login via the @", DENIAL_NONE},
        {"please log in at this @", DENIAL_NONE},
        {"please log in to your account", DENIAL_NONE},
        {"please log in on our web page", DENIAL_NONE},
        {"please log in to the customer dashboard", DENIAL_NONE},
        {"please log in to relay", DENIAL_AUTH},
        {"please log in to send mail to @", DENIAL_AUTH},
        {"please log in with captcha", DENIAL_NONE},
        {"please write to us for authentication", DENIAL_NONE},
        {"authentication needed: write to us", DENIAL_AUTH},
        {"authentication needed by the postmaster", DENIAL_AUTH},
        {"please ask to be authenticated", DENIAL_NONE},
        {"please ask to get authenticated", DENIAL_NONE},
        {"to be authenticated please ask", DENIAL_NONE},
        {"you need to be authenticated", DENIAL_AUTH},
        {"you have to be authenticated", DENIAL_AUTH},
        {"you are required to be authenticated", DENIAL_AUTH},
        {"please be authenticated", DENIAL_AUTH},
        {"messages must be authenticated", DENIAL_NONE},
        {"recipient requires authentication", DENIAL_NONE},
        {"mail authentication is required", DENIAL_NONE},
        {"outgoing mail requires authentication", DENIAL_AUTH},
        {"mail to others requires authentication", DENIAL_AUTH},
        {"this list must have authenticated writers", DENIAL_NONE},
        {"the mailing list must have authenticated writers", DENIAL_NONE},
        {"not in my list and not authenticated", DENIAL_AUTH},
        {"only authenticated members may write", DENIAL_NONE},
        {"only authenticated subscribers may write", DENIAL_NONE},
        {"the recipient's authentication is required", DENIAL_NONE},
        {"sender authentication required", DENIAL_NONE},
        {"no authentication needed", DENIAL_NONE},
        {"no authentication", DENIAL_AUTH},
        {"no authentication was seen must", DENIAL_NONE},
        {"you do not need to log in", DENIAL_NONE},
        {"you don't have to log in", DENIAL_NONE},
        {"do not need or log in", DENIAL_AUTH},
        {"use of submission: use port 465", DENIAL_SUBMISSION},
        {"use submission for spam content", DENIAL_NONE},
        {"use submission or it will fail", DENIAL_NONE},
        {"check for bots first, pop", DENIAL_NONE},
        {"pop before bots", DENIAL_NONE},
        {"imap before smtp", DENIAL_AUTH},
        {"pop", DENIAL_NONE},
        {"collect your email first", DENIAL_AUTH},
        {"collect your thoughts first", DENIAL_NONE},
        {"email first", DENIAL_NONE},
        {"unauthenticated messages are not taken", DENIAL_NONE},
        {"not a b authenticated", DENIAL_AUTH},
        {"anonymous access is not allowed", DENIAL_AUTH},
        {"anonymous users denied", DENIAL_AUTH},
        {"anonymous senders refused", DENIAL_AUTH},
        {"anonymous connections rejected", DENIAL_AUTH},
        {"anonymous access is logged", DENIAL_NONE},
        {"anonymous proxies are not allowed", DENIAL_NONE},
        {"we do not allow anonymous", DENIAL_NONE},
        {"credentials required", DENIAL_AUTH},
        {"no authentication results", DENIAL_NONE},
        {"authentication header missing", DENIAL_NONE},
        {"too many unauthenticated clients", DENIAL_NONE},
        {"rate of unauthenticated clients", DENIAL_NONE},
        {"limit for unauthenticated clients", DENIAL_NONE},
        {"unauthenticated clients exceed it", DENIAL_NONE},
        {"at most one unauthenticated client", DENIAL_NONE},
        {"unauthenticated clients are not taken", DENIAL_AUTH},
        {"could not authenticate against ldap", DENIAL_NONE},
        {"message was not authenticated", DENIAL_NONE},
        {"not a b c authenticated", DENIAL_AUTH},
        {"not a b c d authenticated", DENIAL_NONE},
    };

    (void)state;
    judge(rows, COUNT(rows));
}

/* A status of the network or of the mailbox makes "cannot" an accident. */
static void a_status_tells_an_accident_from_a_refusal(void **state)
{
    static const struct {
        const char *subject;
        enum denial denial;
    } rows[] = {
        {"", DENIAL_UNABLE},    {"7.1", DENIAL_UNABLE}, {"1.1", DENIAL_UNABLE},
        {"5.0", DENIAL_UNABLE}, {"2.0", DENIAL_NONE},   {"3.0", DENIAL_NONE},
        {"4.0", DENIAL_NONE},   {"6.0", DENIAL_NONE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(denial_read("unable to relay", rows[i].subject).denial, rows[i].denial);
    }
    assert_int_equal(denial_read("domain not allowed", "1.2").denial, DENIAL_DESTINATION);
    assert_int_equal(denial_read("domain not allowed", "2.1").denial, DENIAL_NONE);
    assert_int_equal(denial_read("domain not allowed", "6.1").denial, DENIAL_NONE);
    assert_int_equal(denial_read("domain not allowed", "3.1").denial, DENIAL_NONE);
}

static void only_a_relay_that_is_refused_is_blocked(void **state)
{
    (void)state;
    assert_true(denial_read("blocked relay", "").blocked);
    assert_true(denial_read("relaying is blocked", "").blocked);
    assert_true(denial_read("relaying is banned", "").blocked);
    assert_true(denial_read("relaying is blocked, and goodbye", "").blocked);
    assert_false(denial_read("relaying is denied", "").blocked);
    assert_false(denial_read("relaying is denied, you are blocked", "").blocked);
    assert_false(denial_read("address blocked", "").blocked);
    assert_false(denial_read("user not local but blocked", "").blocked);
}

/* The first of two clauses may be the stronger one. */
static void the_strongest_clause_counts(void **state)
{
    (void)state;
    assert_int_equal(denial_of("user not local; relaying denied"),
                     denial_of("relaying denied; user not local"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose_name_it_is_tells_who_is_refused),
        cmocka_unit_test(marks_and_brackets_divide_what_is_said),
        cmocka_unit_test(a_relay_that_is_a_thing_is_refused_to_nobody),
        cmocka_unit_test(a_refusal_stands_near_what_it_refuses),
        cmocka_unit_test(what_stands_at_relay_tells_what_it_is),
        cmocka_unit_test(a_heading_and_what_follows_it_are_one),
        cmocka_unit_test(who_is_called_an_open_relay_is_refused_as_a_client),
        cmocka_unit_test(a_relay_with_an_ip_address_is_a_client),
        cmocka_unit_test(the_recipients_domain_is_refused_as_none_of_the_servers),
        cmocka_unit_test(a_log_in_is_asked_for),
        cmocka_unit_test(a_status_tells_an_accident_from_a_refusal),
        cmocka_unit_test(only_a_relay_that_is_refused_is_blocked),
        cmocka_unit_test(the_strongest_clause_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
