#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/stranger.h"
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void a_denial_to_some_says_nothing_of_the_rest(void **state)
{
    static const char *const rows[] = {
        "Relaying not permitted for senders in example.org",
        "Relaying denied for senders of example.org",
        "relaying is not allowed for this sender",
        "relaying is not allowed for this sender's domain",
        "Relay access denied for sender nowhere.test",
        "Relay access denied for sender a@nowhere.test",
        "Senders in example.org may not relay",
        "Senders from example.org are not permitted to relay",
        "Local senders are not allowed to relay from outside",
        "relaying of mail from example.org is not permitted",
        "Relaying mail from example.org is denied",
        "We do not relay mail from example.org",
        "We do not relay for senders at nowhere.test",
        "No relaying from nowhere.test",
        "Relaying by users of example.org is not allowed",
        "Users of example.org are not allowed to relay",
        "users at nowhere.test may not relay through this server",
        "Relaying denied to users in example.org",
        "Relaying not permitted for addresses in example.org",
        "You are not allowed to relay with a sender in example.org",
        "You may not relay with that sender address",
        "You are not permitted to relay on behalf of nowhere.test",
        "You are not permitted to relay in the name of example.org",
        "relaying for your domain is disabled",
        "relaying for the sending domain is not permitted",
        "Relaying not allowed with an envelope sender in a local domain",
        "relay denied for envelope-from nowhere.test",
        "Relaying is not permitted for mail with this return path",
        "Relaying prohibited for forged senders",
        "relaying is forbidden to senders on our list",
        "Relaying denied for customers of example.org",
        "Relaying not permitted for our own users",
        "Relaying is not permitted for internal hosts",
        "relaying is not allowed for private networks",
        "relaying is not permitted for guests",
        "Relaying denied for local users",
        "Relaying not allowed for newly registered users",
        "Users of example.org may not send to external recipients",
        "Senders in example.org may not send to remote addresses",
        "We do not accept mail for outside.test from example.org",
        "Weiterleitung für Absender aus example.org nicht erlaubt",
        "Relais refusé pour les expéditeurs de example.org",
        "Mail relaying is forbidden for senders under example.org",
        "Relaying is prohibited when the sender is in example.org",
        "This sender is not allowed to relay",
        "This sender's domain is not allowed to relay",
        "The sender's domain may not be relayed",
        "Sender a@nowhere.test may not relay",
        "Sender domain nowhere.test is denied relaying",
        "relaying with a local sender is not permitted",
        "relaying using our domain as the sender is not permitted",
        "Relaying not permitted with MAIL FROM in example.org",
        "mail with a sender in nowhere.test is not relayed",
        "Mail from nowhere.test cannot be relayed",
        "Cannot relay mail from example.org",
        "Not relaying for nowhere.test users",
        "we do not relay on behalf of users of example.org",
        "example.org users may not relay from here",
        "relaying disallowed for domain of sender",
        "Relay denied: sender not permitted",
        "Relaying denied, sender is in example.org",
        "Relaying denied (senders in example.org)",
        "Relaying denied [sender domain nowhere.test]",
        "Relaying from local addresses is not permitted",
        "Relaying by local users is not permitted here",
        "Relaying not permitted for mail by users of example.org",
        "Relaying of mail by senders of nowhere.test is refused",
        "Relaying for clients in 192.0.2.0/24 is not permitted",
        "Relaying is refused to hosts in the example.org domain",
        "relaying is not permitted from dial-up networks",
        "Relaying is not permitted for dynamic addresses",
        "relaying is not permitted for hosts without reverse DNS",
        "Relaying denied for sender's MX",
        "Remote recipients are not allowed for senders in example.org",
        "senders in nowhere.test may only write to local recipients",
        "nowhere.test senders: relaying denied",
        "For senders in example.org relaying is denied",
        "When you write as example.org, relaying is not allowed",
        "Forged example.org sender, relaying denied",
        "Pas de relais pour les expéditeurs de example.org",
        "Relaying für lokale Absender gesperrt",
        "Kein Relay für Benutzer von example.org",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), false);
}

static void a_denial_for_a_time_or_a_rate_is_none_for_good(void **state)
{
    static const char *const rows[] = {
        "Relaying is not permitted at this hour",
        "Relaying denied at weekends",
        "Relaying is not allowed today",
        "Relaying denied outside business hours",
        "Relaying temporarily not permitted",
        "Relaying is disabled for the moment",
        "Relaying not permitted from 18:00 on",
        "Relaying not permitted at night",
        "No relaying before 8 o'clock",
        "Relaying is not allowed for the next hour",
        "Relaying denied: you send too fast",
        "Relaying not allowed at this rate",
        "Relaying not permitted so often",
        "Relaying denied for more messages than ten",
        "You may not relay that many messages",
        "Relaying denied after three attempts",
        "Your relay allowance is used up, relaying denied",
        "No relaying on weekdays",
        "No relaying right after connecting",
        "Relaying is denied in the evening",
        "Relaying denied this week",
        "Relaying denied tonight",
        "Relaying denied until you wait",
        "You may not relay any more today",
        "You may not relay any more",
        "You have relayed enough, relaying denied",
        "Relaying refused: one message per minute",
        "No more relaying for you this hour",
        "Relaying not permitted twice",
        "Relaying denied, slow down",
        "relaying denied due to excessive use",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), false);
}

static void a_log_in_that_some_need_is_not_asked_of_everybody(void **state)
{
    static const char *const rows[] = {
        "Authentication required for senders in example.org",
        "Senders in example.org must authenticate",
        "Authentication is required to send as a@nowhere.test",
        "Authentication required for local senders",
        "Log in to use a sender in example.org",
        "Mail from example.org requires authentication",
        "Authentication required when sending from example.org",
        "To send as example.org you must authenticate",
        "You must authenticate to use nowhere.test as sender",
        "Please authenticate to send from a local address",
        "Local users must authenticate",
        "Our own domains may only be used as senders after authentication",
        "Mail from our domain must be authenticated",
        "Mail from local domains is only accepted with authentication",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), false);
}

static void a_denial_to_all_without_a_right_is_one_to_every_stranger(void **state)
{
    static const char *const rows[] = {
        "Relaying not permitted for unauthenticated senders",
        "Relaying denied for external senders",
        "relaying is not allowed for anonymous senders",
        "Relaying not permitted for unauthorized users",
        "Relaying not permitted for unknown hosts",
        "Relaying is allowed only for senders in example.org",
        "Relaying is only permitted for customers of example.org",
        "Relaying from 203.0.113.7 by a@nowhere.test to b@outside.test denied",
        "Mail from a@nowhere.test to b@outside.test: relaying denied",
        "Relaying denied for hosts outside our network",
        "Relaying denied for users who are not logged in",
        "Relaying not permitted for clients without authentication",
        "you are not allowed to relay from your network",
        "Only customers of example.org may relay",
        "Relay access denied for nobody@outside.test from probe.test[203.0.113.7]",
        "relaying to <b@outside.test> from <a@nowhere.test> not allowed",
        "Relaying not allowed from the outside",
        "Relaying denied to remote users",
        "Sorry, only members of our network may relay",
        "Relaying restricted to users of example.org",
        "no relaying for other people's mail",
        "You do not belong to our network, relaying denied",
        "Users must authenticate to relay",
        "All senders must authenticate",
        "You have to log in before you may send from here",
        "This user may not relay",
        "Your network may not relay through us",
        "this host does not relay for strangers",
        "relaying from your address is not permitted",
        "your address is not allowed to relay",
        "your host is not permitted to relay",
        "Relaying to b@outside.test from your host is not permitted",
        "client [203.0.113.7] may not relay to outside.test",
        "mail for domain outside.test is not relayed",
        "relaying to addresses in outside.test is not permitted",
        "relaying for users in outside.test is not permitted",
        "No relaying for domains that are not ours",
        "relaying to domains other than our own is refused",
        "external hosts are not allowed to relay",
        "unauthenticated clients may not relay to outside.test",
        "Relaying from outside our networks is denied",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), true);
}

/* Named as those who are refused, in front of the refusal or behind it. */
static void a_denial_that_names_its_party_says_nothing_of_the_rest(void **state)
{
    static const char *const rows[] = {
        "Restricted senders may not relay",
        "Relaying denied for restricted users",
        "Reserved senders may not relay",
        "Relaying denied for senders on the restricted list",
        "senders in the reserved domain example.org may not relay",
        "Relaying by internal hosts is restricted and denied",
        "Authentication required for restricted senders",
        "Relaying is restricted for local users",
        "Limited accounts may not relay",
        "Local users may not relay except on Sundays",
        "Senders in example.org may not relay unless they pay",
        "Relaying is denied for local users but for the postmaster",
        "Only local users may not relay",
        "Only guests cannot relay",
        "Relaying denied for all senders in example.org",
        "Relaying denied for any sender in nowhere.test",
        "Relaying denied for all users of example.org",
        "Relaying denied for everyone in example.org",
        "Relaying denied for everybody inside our network",
        "Relaying denied for all of example.org",
        "Relaying is not allowed for anyone at example.org",
        "Nobody in example.org may relay",
        "Everybody in example.org must authenticate",
        "Anyone in example.org needs to authenticate",
        "Null senders may not relay",
        "Empty senders may not relay",
        "Relaying denied for null senders",
        "Trial accounts may not relay",
        "all local users may not relay",
        "Relaying denied to public hosts of example.org",
        "All senders in example.org must authenticate",
        "all local users must authenticate",
        "every host in example.org is denied relaying",
        "Any internal client must authenticate",
        "Relaying is not permitted for all our own hosts",
        "Guests may not relay",
        "Customers may not relay",
        "Employees may not relay",
        "Students are not allowed to relay",
        "Only customers are denied relaying",
        "Guests must authenticate",
        "Employees must log in",
        "Visitors may not relay",
        "Guests may not relay to external hosts",
        "Relaying for guests to external domains is denied",
        "Relaying for customers to remote addresses is prohibited",
        "Guests relaying to outside domains is denied",
        "Relaying by local users to foreign hosts is denied",
        "Only guests may not use this server to relay mail",
        "Only customers are not allowed to use this machine for relaying",
        "Local users may not relay outside",
        "Subscribers need to authenticate",
        "Staff cannot relay",
        "Relaying denied for local users who are not logged in",
        "Relaying denied to 192.0.2.0/24",
        "Relaying denied from 192.0.2.0/24",
        "198.51.100.4 may not relay through us",
        "Relaying denied to 198.51.100.4",
        "Relaying is not permitted from 2001:db8::9",
        "Hosts in 203.0.113.0/24 may not relay",
        "203.0.113.0/24 may not relay through us",
        "Bounces may not be relayed",
        "UUCP relaying is denied",
        "Percent relaying is not allowed",
        "IPv6 relaying is not allowed",
        "Relaying of newsletters is not permitted",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), false);
}

static size_t says(bool denied, bool wanted, const char *row)
{
    if (denied != wanted) {
        print_message("\"%s\" %s\n", row, wanted ? "should deny relaying" : "denies no relaying");
    }
    return denied != wanted;
}

/* Said to a@nowhere.test. */
static void a_denial_to_the_sender_by_name_says_nothing_of_the_rest(void **state)
{
    static const char *const some[] = {
        "a@nowhere.test is not allowed to relay",   "nowhere.test may not relay",
        "Relaying denied for nowhere.test",         "Relaying denied for a@nowhere.test",
        "Relaying by a@nowhere.test is denied",     "a@nowhere.test must authenticate",
        "Authentication required for nowhere.test",
    };
    static const char *const all[] = {
        "a@nowhere.test is not allowed to relay to b@outside.test",
        "Relaying denied for a@nowhere.test to outside.test",
        "Relaying disallowed as a@nowhere.test",
        "203.0.113.7 may not relay for a@nowhere.test to b@outside.test",
    };

    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(some); i++) {
        wrong += says(stranger_is_denied("<a@nowhere.test>", some[i]), false, some[i]);
    }
    for (size_t i = 0; i < COUNT(all); i++) {
        wrong += says(stranger_is_denied("<a@nowhere.test>", all[i]), true, all[i]);
    }
    assert_int_equal(wrong, 0);
}

static void a_denial_to_strangers_stays_one_to_every_stranger(void **state)
{
    static const char *const rows[] = {
        "Relaying denied, sender not local",
        "Relaying not allowed: sender is not local",
        "Sender and recipient are not local, relay access denied",
        "Relaying denied; sender and recipient are both remote",
        "Relaying denied, sender isn't local",
        "Relaying denied, sender is not one of ours",
        "Relaying denied, neither sender nor recipient is local",
        "Relaying denied: sender is from outside",
        "Relaying is restricted to senders in example.org",
        "Relaying is restricted",
        "Nobody may relay except local users, relaying denied",
        "Only local users may relay without authentication",
        "Relaying denied to all users",
        "Relaying denied for everyone",
        "Nobody may relay here",
        "Relaying denied: none of the recipients is local",
        "Relaying to any domain is denied",
        "Everybody must authenticate",
        "Relaying denied for any sender",
        "Relaying is not permitted to the public",
        "All users of this service must authenticate",
        "Every client must authenticate",
        "Relaying denied from 203.0.113.7",
        "203.0.113.7 may not relay through us",
        "Relaying from 203.0.113.7 to 198.51.100.4 is denied",
        "IPv6 address 203.0.113.7 may not relay",
        "Only customers may relay",
        "Relaying denied for guests who are not logged in",
        "You are not a customer of ours, relaying denied",
        "Relaying denied by 198.51.100.25",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), true);
}

/* In the words of MTAs, of their plug-ins, and of what bounce parsers know. */
static void a_denial_of_relaying_is_known_in_many_words(void **state)
{
    static const char *const rows[] = {
        "relaying not permitted to <b@outside.test>",
        "Unable to relay for b@outside.test",
        "5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
        "5.7.64 TenantAttribution; Relay Access Denied",
        "<b@outside.test>: Relay access denied",
        "Refused. Sending to remote addresses (relaying) is not allowed.",
        "Relaying denied <b@outside.test>",
        "b@outside.test... Relaying denied. Proper authentication required.",
        "<b@outside.test>... we do not relay",
        "You are not allowed to relay mail through this machine",
        "not allowed to relay through this machine.",
        "You are not permitted to relay through this server without authentication.",
        ("This mail server requires authentication when attempting to send to a non-local e-mail "
         "address. Please check your mail client settings or contact your administrator to verify "
         "that the domain or address is defined for this server."),
        "SMTP authentication is required.",
        "not local host outside.test, not a gateway",
        "The address is not a local address and relaying is prohibited",
        "b@outside.test... relaying prohibited; you must use the outgoing server of your provider",
        "The server administrator has prohibited relaying",
        "This server will not relay for you",
        "Your host may not relay through this server",
        "I cannot relay for that address",
        "Cannot relay to <b@outside.test>, client is not in the relay list",
        "Relay rejected for policy reasons.",
        "No open relaying for nonlocal recipients",
        "relay not permitted, authentication required",
        "Must check for new mail first",
        "Domain outside.test is not in the list of relay domains",
        "outside.test is a domain for which this server does not relay",
        "We are not an open relay.",
        "External relaying is disabled",
        "Recipient domain is not among those we relay to",
        "Rejected: relaying to outside.test is not allowed for 203.0.113.7",
        "Your IP address is not authorised to relay",
        "mail relaying to other domains is not allowed, sorry",
        "Client not authorized to relay",
        "relaying mail to outside.test is not allowed",
        "Mail relay not enabled for this host",
        "5.3.0 relaying has been disabled by the administrator of this site",
        "Relay denied - not one of our customers",
        "Relaying to non-local domains is not supported",
        "Only recipients in our own domains are accepted without authentication",
        "we don't relay. send to your-path@[] for loopback.",
        "we don't relay (#5.7.1)",
        "Recipient not in a served domain; relay not permitted",
        "relay not permitted: recipient is outside of the domains of this host",
        ("Sorry, relaying is not permitted through this host by hosts outside the example.org "
         "network"),
        "Relay access denied for b@outside.test: this server accepts mail for example.org only",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_denial_to_some_says_nothing_of_the_rest),
        cmocka_unit_test(a_denial_for_a_time_or_a_rate_is_none_for_good),
        cmocka_unit_test(a_log_in_that_some_need_is_not_asked_of_everybody),
        cmocka_unit_test(a_denial_to_all_without_a_right_is_one_to_every_stranger),
        cmocka_unit_test(a_denial_that_names_its_party_says_nothing_of_the_rest),
        cmocka_unit_test(a_denial_to_the_sender_by_name_says_nothing_of_the_rest),
        cmocka_unit_test(a_denial_to_strangers_stays_one_to_every_stranger),
        cmocka_unit_test(a_denial_of_relaying_is_known_in_many_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
