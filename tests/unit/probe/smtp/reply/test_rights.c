#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/stranger.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void relaying_that_is_kept_for_some_is_denied_to_every_stranger(void **state)
{
    static const char *const rows[] = {
        "Relaying is reserved for customers",
        "Relaying is limited to local users",
        "Relaying restricted to local users",
        "Relaying denied unless you are a local user",
        "Relaying is denied unless you are a customer",
        "Relaying is reserved for subscribers",
        "Relaying is limited to our staff",
        "Relay access is confined to hosts on our network",
        "Relaying denied unless you are one of our customers",
        "No relaying unless you are a subscriber",
        "You may not relay unless you are a member of this organisation",
        "Relaying prohibited except for employees",
        "Relaying is refused to everybody but our customers",
        "Nobody besides our staff may relay",
        "Relaying is for members only",
        "Relaying is exclusively for local users",
        "We relay solely for our subscribers",
        "Relaying not permitted unless the client is local",
        "Relaying reserved to authenticated users",
        "Relay service is reserved for users with an account",
        "Relaying denied for anyone who is not a customer",
        "Relaying is not allowed for people who are not members",
        "Relaying is forbidden to all but internal hosts",
        "Non-members may not relay",
        "Outsiders may not relay",
        "Relaying denied for clients that are not registered",
        "You cannot relay unless your address belongs to our network",
        "Relay permission is limited to registered users",
        "Relaying is reserved to our members",
        "Relaying for outside.test is limited to hosts of our network",
        "Unless you are one of our users you may not relay",
        "Unless your host is in our network, relaying is denied",
        "You are not permitted to relay, unless you are a member",
        "None but our employees may relay",
        "All but local clients are denied relaying",
        "Relaying is allowed to local users only",
        "Relay access is granted to subscribers only",
        "Only registered hosts may relay",
        "Relaying is confined to our own networks",
        "Relaying is denied unless you log in",
        "Relaying not allowed unless authenticated",
        "You must be a customer to relay",
        "You have to be a member of our network to relay",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), true);
}

static void a_denial_to_people_that_nobody_knows_says_nothing_of_the_rest(void **state)
{
    static const char *const rows[] = {
        "Apprentices may not relay",
        "Alumni are not allowed to relay",
        "Interns can't relay",
        "Pensioners need to log in",
        "Suspended accounts may not relay",
        "Infected machines may not relay",
        "Relaying is limited for local users",
        "Relaying denied unless the message is signed",
        "Relaying denied unless it is Monday",
        "Not every user may relay",
        "Some customers may not relay",
        "A few hosts may not relay",
        "Members may not relay unless they pay",
        "Relaying is limited to ten messages",
        "Relaying is reserved for emergencies",
        "Relaying is restricted to office hours",
        "Relaying is not granted to every customer",
        "Tenants may not relay",
        "Lodgers are denied relaying",
        "For lodgers relaying is denied",
        "Retired employees may not relay",
        "Blacklisted clients may not relay",
        "Not all members are allowed to relay",
        "Most users may not relay",
        "Half of our users may not relay",
        "Relaying is limited to small messages",
        "Relaying is limited to one message",
        "Relaying is restricted to plain text",
        "Relaying is reserved for daytime",
        "Relaying denied unless your message is short",
        "Relaying denied unless you use TLS",
        "Relaying denied unless you wait",
        "Relaying denied except at night",
        "Relaying is not limited to customers",
        "Relaying is not reserved for local users",
        "Members may relay only to local addresses",
        "Volunteers must log in",
        "Freelancers cannot relay to external hosts",
        "Boys and girls may not relay",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), false);
}

static void a_denial_to_a_host_elsewhere_says_nothing_of_us(void **state)
{
    static const char *const rows[] = {
        "Relaying denied for 192.0.2.9",
        "Relaying is not permitted for host 192.0.2.9",
        "Relaying by 192.0.2.9 is prohibited",
        "192.0.2.9 has no permission to relay",
        "Relaying denied for the host gateway.partner.test",
        "Relaying denied for gateway.partner.test",
        "gateway.partner.test is not permitted to relay",
        "Relaying denied for 2001:db8::9",
        "No relaying for [192.0.2.9]",
        "We do not relay for 192.0.2.9",
        "We do not relay for partner.test",
        "Hosts of partner.test may not relay",
        "Local users may relay only to partner.test",
        "Relaying from gateway.partner.test is denied",
        "gateway.partner.test may not relay here",
        "Client host gateway.partner.test may not relay",
        "Relaying is refused to gateway.partner.test",
        "The host at 192.0.2.9 may not relay",
        "Relaying denied (192.0.2.9)",
        "Relaying for hosts in partner.test is denied",
        "192.0.2.9 is denied relaying",
        "192.0.2.9 must log in before relaying",
        "gateway.partner.test needs to authenticate",
        "Relaying on behalf of partner.test is not permitted",
        "A user of example.org may not relay",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), false);
}

static void the_servers_own_name_makes_a_denial_no_narrower(void **state)
{
    static const char *const rows[] = {
        "Relaying is reserved for users of example.org",
        "Only hosts in 192.0.2.0/24 may relay",
        "Relaying is limited to the hosts of example.org",
        "Relaying denied unless your host is in example.org",
        "Relaying from 203.0.113.7 through 198.51.100.25 is not permitted",
        "Relaying denied at mx.example.org",
        "mx.example.org does not relay for 203.0.113.7",
        "mx.example.org refuses to relay mail to outside.test",
        "Relaying denied except for customers of example.org",
        "Relaying through this host is restricted to clients in 192.0.2.0/24",
        "mx.example.org: relaying to outside.test denied",
        "Relaying denied by gateway.partner.test",
        "gateway.partner.test does not relay mail for strangers",
        "gateway.partner.test will not relay for you",
        "Relaying of mail through gateway.partner.test is not permitted",
        "No one may relay through gateway.partner.test",
        "You may not relay through mx.example.org",
        "Relaying from probe.test is denied",
    };

    (void)state;
    stranger_judges(rows, COUNT(rows), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relaying_that_is_kept_for_some_is_denied_to_every_stranger),
        cmocka_unit_test(a_denial_to_people_that_nobody_knows_says_nothing_of_the_rest),
        cmocka_unit_test(a_denial_to_a_host_elsewhere_says_nothing_of_us),
        cmocka_unit_test(the_servers_own_name_makes_a_denial_no_narrower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
