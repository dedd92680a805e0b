#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/session_bench.h"

static void plain_is_the_first_technique(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    bench_expect("MAIL FROM:<canary@outside.example.net>");
    bench_answer("250 ok");
    bench_expect("RCPT TO:<canary@outside.example.net>");
    assert_string_equal(bench.result.techniques[0].technique->id, "plain");
}

static void somebody_elses_server_is_asked_plain_alone(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench.result.endpoint.hosted = true;
    for (size_t role = 0; role < DOMAIN_ROLES; role++) {
        bench.result.others[role] = (struct other_domains){.domains = {"shop.example"}, .count = 1};
    }
    battery_init(&bench.battery, &bench.settings, &bench.result);
    bench_open_session();
    bench_expect("MAIL FROM:<canary@outside.example.net>");
    bench_answer("250 ok");
    bench_expect("RCPT TO:<canary@outside.example.net>");
    bench_answer(DENIED);
    bench_reset();
    bench_expect("QUIT");
    assert_int_equal(bench.result.technique_count, 1);
    assert_false(battery_has_work(&bench.battery));
    assert_false(battery_wants_company(&bench.battery, true));
}

/* Nor is a PROXY header tried on a server that is slow to greet. */
static void somebody_elses_server_is_sent_no_proxy_header(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench.settings.vantage.declared = VANTAGE_OUTSIDE;
    assert_true(battery_ungreeted(&bench.battery));
    bench.result.endpoint.hosted = true;
    battery_init(&bench.battery, &bench.settings, &bench.result);
    assert_false(battery_ungreeted(&bench.battery));
}

static void an_accepted_mailbox_form_is_followed_by_its_control(void **state)
{
    (void)state;
    const char *id = bench_come_to_a_control();

    bench_expect("MAIL FROM:");
    bench_answer("250 ok");
    bench_expect("RCPT TO:");
    bench_answer("250 2.1.5 fine");
    bench_expect("EHLO probe.example.net");
    bench_answer(HELLO);
    bench_expect("MAIL FROM:");
    bench_answer("250 ok");
    bench_expect("RCPT TO:");
    assert_non_null(strstr(bench.order->line, "="));
    bench_answer("550 5.1.1 User unknown");
    bench_expect("RSET");
    assert_true(bench_result_of(id)->control_asked);
    assert_int_equal(bench_result_of(id)->outcome, OUTCOME_ACCEPTED);
    assert_int_equal(bench_result_of(id)->code, 250);
    assert_int_equal(bench_result_of(id)->control, OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(bench_result_of(id)->control_code, 550);
}

static void after_eight_refusals_a_new_connection_goes_on(void **state)
{
    (void)state;
    unsigned int refusals = 0;

    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    /* Senders are refused, so that the techniques alone make more than eight. */
    while (strncmp(bench.order->line, "QUIT", 4) != 0) {
        if (strncmp(bench.order->line, "MAIL", 4) == 0) {
            bench_answer("550 5.1.8 Sender address rejected");
            refusals++;
        } else {
            bench_answer("250 ok");
        }
    }
    assert_int_equal(refusals, BATTERY_CONNECTION_REFUSALS);
    assert_true(battery_has_work(&bench.battery));
    bench_answer("221 bye");
    bench_open_session();
    bench_expect("MAIL FROM:");
    assert_false(bench.result.cut_off);
}

static void a_slower_refusal_ends_the_connection_and_shortens_the_next(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    bench_refuse_one(DENIED, 10);
    bench_refuse_one(DENIED, 500);
    bench_refuse_one(DENIED, 511);
    bench_expect("QUIT");
    assert_true(battery_has_work(&bench.battery));
    bench_open_session();
    bench_refuse_one(DENIED, 10);
    bench_refuse_one(DENIED, 10);
    bench_expect("QUIT");
    assert_int_equal(bench.battery.refusals, 5);
}

static void a_server_that_wants_us_back_later_is_left_and_soon_for_good(void **state)
{
    (void)state;
    static const char later[] = "450 4.7.1 Client host rejected: too many connections";
    unsigned int connections = 0;

    bench_set_up(TLS_AUTO, 25);
    while (battery_has_work(&bench.battery)) {
        bench_open_session();
        bench_refuse_one(connections == 1 ? DENIED : later, 1);
        if (connections == 1) { /* an answer between: it counts anew */
            bench_refuse_one(later, 1);
        }
        bench_expect("QUIT");
        bench_answer("221 bye");
        connections++;
    }
    assert_int_equal(connections, 1 + BATTERY_TURNED_AWAY_MAX);
    assert_true(bench.result.cut_off);
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_CLIENT_REFUSED);
    assert_int_equal(bench_result_of("null-sender")->outcome, OUTCOME_RELAY_DENIED);
}

static void a_firm_no_to_the_client_is_no_wish_for_patience(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    for (int i = 0; i < BATTERY_CONNECTION_REFUSALS; i++) {
        bench_refuse_one("554 5.7.1 Client host rejected: Access denied", 1);
    }
    bench_expect("QUIT");
    assert_false(bench.result.cut_off);
}

/* Answers with `reply` from here on, over as many connections as it takes to come to upper-case. */
static void refuse_the_rest(const char *reply)
{
    while (!bench.battery.ended && !bench_result_of("upper-case")->asked) {
        if (bench.order->action != SESSION_SEND) {
            bench_open_session();
        } else if (strncmp(bench.order->line, "QUIT", 4) == 0) {
            bench_answer("221 bye");
        } else if (strncmp(bench.order->line, "EHLO", 4) == 0) {
            bench_answer(HELLO);
        } else if (strncmp(bench.order->line, "RCPT", 4) == 0) {
            bench_answer(reply);
        } else {
            bench_answer("250 ok");
        }
    }
}

static void a_ban_in_mid_battery_ends_it_as_cut_off(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    bench_refuse_one(DENIED, 1);
    refuse_the_rest("554 5.7.1 Go away, your IP 198.51.100.7 is banned");
    assert_true(bench.result.cut_off);
    assert_true(bench.result.banned);
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_RELAY_DENIED);
    assert_int_equal(bench_result_of("percent-hack")->outcome, OUTCOME_CLIENT_REFUSED);
    assert_false(bench_result_of("upper-case")->asked);
    assert_string_equal(bench.result.trouble, "The server has begun to refuse the probe's address");
}

static void only_our_own_address_makes_a_refusal_a_ban(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "554 5.7.1 Your IP is banned",
        "554 5.7.1 Your IP 203.0.113.99 is banned",
        "554 5.7.1 <x>: Relay access denied; from [198.51.100.7]",
        "550 5.7.1 Relaying denied. IP name lookup failed [198.51.100.7]",
    };

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        bench_open_session();
        bench_refuse_one(DENIED, 1);
        refuse_the_rest(replies[i]);
        assert_false(bench.result.cut_off);
        assert_false(bench.result.banned);
        assert_true(bench_result_of("upper-case")->asked);
        assert_int_equal(bench_result_of("upper-case")->outcome,
                         i < 2 ? OUTCOME_CLIENT_REFUSED : OUTCOME_RELAY_DENIED);
    }
}

/* It keeps `plain` unanswered, which says more. */
static void a_ban_from_the_beginning_is_no_ban_in_between(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    refuse_the_rest("554 5.7.1 Client host [198.51.100.7] blocked");
    assert_false(bench.result.cut_off);
    assert_int_equal(bench_result_of("upper-case")->outcome, OUTCOME_CLIENT_REFUSED);
}

static void an_address_refused_for_the_senders_that_it_claims_is_not_banned(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    bench_refuse_one(DENIED, 1);
    for (int i = 0; i < 2 * BATTERY_TURNED_AWAY_MAX; i++) {
        struct technique_result claimed = *bench_result_of("own-sender");
        claimed.outcome = OUTCOME_CLIENT_REFUSED;
        claimed.code = 550;
        claimed.names_us = true;
        assert_false(battery_is_turned_away(&bench.battery, &claimed));
    }
    assert_false(bench.result.cut_off);
}

/* One that puts the probe off is not one that bans it. */
static void being_put_off_again_and_again_is_no_ban(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    bench_refuse_one(DENIED, 1);
    for (int i = 0; i < BATTERY_TURNED_AWAY_MAX; i++) {
        struct technique_result put_off = *bench_result_of("percent-hack");
        put_off.outcome = OUTCOME_CLIENT_REFUSED;
        put_off.code = 450;
        assert_true(battery_is_turned_away(&bench.battery, &put_off));
    }
    assert_false(bench.result.banned);
    assert_true(bench.result.cut_off);
    assert_string_equal(bench.result.trouble,
                        "The server asks the probe's address to come back later");
}

static void two_connections_without_an_answer_end_the_battery_as_cut_off(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    for (int i = 0; i < 2; i++) {
        assert_true(battery_has_work(&bench.battery));
        bench_open_session();
        bench_expect("MAIL FROM:<canary@");
        bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");
        bench_expect_action(SESSION_CLOSE);
    }
    assert_false(battery_has_work(&bench.battery));
    assert_true(bench.result.cut_off);
    assert_false(bench_result_of("plain")->asked);
    assert_string_equal(bench_result_of("plain")->text, "reset");
}

static void a_technique_that_always_cuts_is_left_after_two_tries(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    for (int i = 0; i < 2; i++) {
        bench_open_session();
        if (i == 0) {
            bench_refuse_one(DENIED, 1);
        }
        bench_reset();
        bench_expect("MAIL FROM:<>");
        if (i == 1) {
            /* progress on this connection is what keeps the battery going */
            assert_int_equal(bench.battery.fruitless, 0);
        }
        bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");
    }
    assert_true(battery_has_work(&bench.battery));
    bench_open_session();
    bench_expect("MAIL FROM:<postmaster@example.org>");
    assert_false(bench_result_of("null-sender")->asked);
    assert_true(bench_result_of("null-sender")->hung_up);
    assert_false(bench_result_of("plain")->hung_up);
}

static void an_acceptance_outlives_being_cut_off_at_its_control(void **state)
{
    (void)state;
    const char *id = bench_come_to_a_control();

    bench_answer("250 ok");
    bench_answer("250 accepted");
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");
    bench_open_session();
    assert_string_equal(bench.session.task.into->technique->id, id);
    bench_answer("250 ok");
    bench_answer("421 go away");
    assert_int_equal(bench_result_of(id)->outcome, OUTCOME_ACCEPTED);
    assert_int_equal(bench_result_of(id)->code, 250);
}

static void a_refusal_at_the_second_try_takes_no_acceptance_back(void **state)
{
    (void)state;
    const char *id = bench_come_to_a_control();

    bench_answer("250 ok");
    bench_answer("250 accepted");
    bench_answer(HELLO);
    bench_expect("MAIL FROM:");
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");
    bench_open_session();
    assert_string_equal(bench.session.task.into->technique->id, id);
    bench_refuse_one(DENIED, 1);
    assert_int_equal(bench_result_of(id)->outcome, OUTCOME_ACCEPTED);
    assert_int_equal(bench_result_of(id)->code, 250);
    assert_false(bench_result_of(id)->control_asked);
}

/* Answers all techniques up to percent-subdomain, and that one as a form that is not taken; so many
 * refusals more the connection may have then. */
static void come_to_the_subdomain(const char *plain, unsigned int room)
{
    bench_set_up(TLS_AUTO, 25);
    bench.settings.max_refusals = 1000;
    bench.battery.connection_refusals = 1000;
    bench_open_session();
    bench_reset();
    bench_answer("250 ok");
    bench_answer(plain);
    if (plain[0] == '2') {
        bench_answer(HELLO);
    }
    while (strcmp(bench.session.task.into->technique->id, "percent-subdomain") != 0) {
        bench_refuse_one(DENIED, 1);
        if (!bench.session.has_task) {
            bench_open_session();
        }
    }
    bench_reset();
    bench_answer("250 ok");
    bench.battery.connection_refusals = bench.session.pace.refusals + 1 + room;
    bench_answer("550 restricted characters in address");
    bench_reset();
}

static void a_subdomain_is_asked_for_plainly_where_the_canary_is_granted(void **state)
{
    (void)state;
    come_to_the_subdomain("250 ok", 1);
    bench_expect("MAIL FROM");
    bench_answer("250 ok");
    bench_expect("RCPT TO:<canary=");
    bench_answer("550 relay not permitted");
    assert_int_equal(bench_result_of("percent-subdomain")->outcome, OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(bench_result_of("percent-subdomain")->control, OUTCOME_RELAY_DENIED);
}

static void where_there_is_no_room_another_connection_asks_that_alone(void **state)
{
    (void)state;
    come_to_the_subdomain("250 ok", 0);
    bench_expect("QUIT");
    bench_answer("221 bye");
    bench_open_session();
    bench_expect("MAIL FROM");
    bench_answer("250 ok");
    bench_expect("RCPT TO:<canary=");
    bench_answer("550 relay not permitted");
    assert_int_equal(bench_result_of("percent-subdomain")->outcome, OUTCOME_RECIPIENT_REFUSED);
    assert_string_equal(bench_result_of("percent-subdomain")->text,
                        "restricted characters in address");
    assert_int_equal(bench_result_of("percent-subdomain")->control, OUTCOME_RELAY_DENIED);
}

static void two_connections_cut_at_a_control_leave_the_rest_to_be_asked(void **state)
{
    (void)state;
    come_to_the_subdomain("250 ok", 0);
    bench_expect("QUIT");
    bench_answer("221 bye");
    for (int i = 0; i < 2; i++) {
        bench_open_session();
        bench_answer("250 ok");
        bench_expect("RCPT TO:<canary=");
        bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    }
    assert_false(bench.result.cut_off);
    assert_true(battery_has_work(&bench.battery));
    assert_false(bench_result_of("percent-subdomain")->control_asked);
    assert_int_equal(bench_result_of("percent-subdomain")->outcome, OUTCOME_RECIPIENT_REFUSED);
    bench_open_session(); /* it is given up, and the next technique comes */
    assert_string_not_equal(bench.session.task.into->technique->id, "percent-subdomain");
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    bench_open_session(); /* but two that ask are two too many */
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    assert_false(battery_has_work(&bench.battery));
    assert_true(bench.result.cut_off);
}

/* Refuses all before this technique, and answers that so; to the MAIL of the next. */
static void answer_technique(const char *id, const char *reply)
{
    while (strcmp(bench.session.task.into->technique->id, id) != 0) {
        bench_refuse_one(DENIED, 1);
        assert_true(bench.session.has_task);
    }
    bench_refuse_one(reply, 1);
}

static void a_look_alike_that_was_let_by_has_the_subdomain_asked_for(void **state)
{
    (void)state;
    come_to_the_subdomain(DENIED, 1000);
    assert_false(bench_result_of("percent-subdomain")->control_asked);
    answer_technique("own-in-domain", "550 Unrouteable address");
    while (!bench.battery.queue.control_only[bench.session.task.row]) {
        bench_refuse_one(DENIED, 1);
        assert_true(bench.session.has_task);
    }
    bench_reset();
    bench_answer("250 ok");
    bench_expect("RCPT TO:<canary=");
    bench_answer("550 relay not permitted");
    assert_int_equal(bench_result_of("percent-subdomain")->outcome, OUTCOME_RECIPIENT_REFUSED);
    assert_int_equal(bench_result_of("percent-subdomain")->control, OUTCOME_RELAY_DENIED);
}

static void a_look_alike_that_is_refused_has_no_subdomain_asked_for(void **state)
{
    (void)state;
    come_to_the_subdomain(DENIED, 1000);
    answer_technique("own-in-user", "550 Unrouteable address"); /* it is the canary's own domain */
    answer_technique("own-in-domain", DENIED);
    while (bench.session.has_task) {
        assert_false(bench.battery.queue.control_only[bench.session.task.row]);
        bench_refuse_one(DENIED, 1);
    }
    assert_false(bench_result_of("percent-subdomain")->control_asked);
}

static void a_subdomain_is_not_asked_for_plainly_where_it_is_refused(void **state)
{
    (void)state;
    come_to_the_subdomain(DENIED, 2);
    assert_false(bench_result_of("percent-subdomain")->control_asked);
    assert_string_not_equal(bench.session.task.into->technique->id, "percent-subdomain");
}

static void a_reply_of_another_command_is_no_answer(void **state)
{
    static const char *const strangers[] = {"354 go on", "300 what", "399 what"};

    (void)state;
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        bench_open_session();
        bench_answer(strangers[i]); /* to MAIL */
        bench_expect_action(SESSION_CLOSE);
        assert_false(bench_result_of("plain")->asked);
        bench_open_session();
        bench_answer("250 ok");
        bench_answer(strangers[i]); /* to RCPT */
        bench_expect("RSET");
        assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_DEFERRED);
        bench_answer(strangers[i]);
        bench_expect_action(SESSION_CLOSE);
    }
}

/* A client takes each of them (RFC 5321 section 4.2.1), and so its mail would go. */
static void any_2xx_to_mail_and_rcpt_is_an_acceptance(void **state)
{
    static const char *const answers[] = {"200 ok",      "220 ok",   "235 ok",
                                          "252 perhaps", "259 what", "299 what"};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        bench_open_session();
        bench_answer(answers[i]); /* to MAIL */
        bench_expect("RCPT TO:<canary@outside.example.net>");
        bench_answer(answers[i]);
        bench_expect("EHLO"); /* which confirms that the server is in step */
        assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_ACCEPTED);
        assert_int_equal(bench_result_of("plain")->code, strtol(answers[i], NULL, 10));
    }
}

static void max_refusals_ends_the_battery_and_says_so(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench.settings.max_refusals = 3;
    bench_open_session();
    for (int i = 0; i < 3; i++) {
        bench_refuse_one(DENIED, 1);
    }
    bench_expect("QUIT");
    assert_false(battery_has_work(&bench.battery));
    assert_false(bench.result.cut_off);
    assert_true(bench.result.refusals_used_up);
    assert_non_null(strstr(bench.result.techniques[3].text, "max_refusals"));
}

/* All is answered but two other domains of the site as senders. */
static void other_domains_are_asked_with_what_max_refusals_leaves(void **state)
{
    static const char *const domains[] = {"second.example.org", "third.example.org"};

    (void)state;
    bench_set_up(TLS_AUTO, 25);
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        bench.battery.queue.rows[i] = BATTERY_DONE;
    }
    for (size_t i = 0; i < 2; i++) {
        struct technique_result *row = result_add(&bench.result, technique_find("own-sender"));
        assert_non_null(row);
        row->own = domains[i];
        bench.battery.queue.rows[bench.result.technique_count - 1] = BATTERY_WAITING;
    }
    bench.battery.refusals = 5;
    bench.settings.max_refusals = 6;
    assert_true(battery_has_work(&bench.battery));
    bench.settings.max_refusals = 5;
    assert_false(battery_has_work(&bench.battery));
}

/* The rows of a battery over which only these domains are left, one as a sender, one by greeting.
 */
static void leave_two_domains(void)
{
    static const char *const ids[] = {"own-sender", "helo-own"};

    bench_set_up(TLS_AUTO, 25);
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        bench.battery.queue.rows[i] = BATTERY_DONE;
    }
    for (size_t i = 0; i < 2; i++) {
        struct technique_result *row = result_add(&bench.result, technique_find(ids[i]));
        assert_non_null(row);
        row->own = "shop.example";
    }
    bench.settings.max_refusals = 1;
}

/* Senders cost no connection of their own, so they would always have what is left. */
static void the_last_refusal_is_for_a_greeting_where_an_earlier_audit_left_some(void **state)
{
    struct battery_task task;

    (void)state;
    leave_two_domains();
    assert_int_equal(battery_claim(&bench.battery, false), BATTERY_COMMON);
    leave_two_domains();
    bench.result.others[DOMAIN_AS_HELO].waits = true;
    bench.result.others[DOMAIN_AS_HELO].first = true;
    size_t row = battery_claim(&bench.battery, false);
    assert_int_equal(row, bench.result.technique_count - 1);
    assert_true(battery_take(&bench.battery, row, false, &task));
    assert_string_equal(task.envelope.helo, "shop.example");
    assert_string_equal(task.envelope.sender, "<canary@outside.example.net>");
    assert_false(battery_has_work(&bench.battery));
}

/* Who is said to write does not tell which greeting was put off. */
static void what_was_put_off_of_the_sites_domain_is_not_that_of_another(void **state)
{
    static const struct battery_earlier earlier[] = {
        {"helo-own", "<canary@outside.example.net>"},
        {"own-sender", "<postmaster@shop.example>"},
    };

    (void)state;
    leave_two_domains();
    battery_queue_remember(&bench.battery.queue, &bench.result, earlier, 2);
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        const struct technique_result *row = &bench.result.techniques[i];
        bool other = row->own != NULL;
        const char *id = row->technique->id;
        assert_int_equal(bench.battery.queue.earlier[i] != NULL,
                         (strcmp(id, "helo-own") == 0 && !other) ||
                             (strcmp(id, "own-sender") == 0 && other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_refusal_is_for_a_greeting_where_an_earlier_audit_left_some),
        cmocka_unit_test(what_was_put_off_of_the_sites_domain_is_not_that_of_another),
        cmocka_unit_test(plain_is_the_first_technique),
        cmocka_unit_test(somebody_elses_server_is_asked_plain_alone),
        cmocka_unit_test(somebody_elses_server_is_sent_no_proxy_header),
        cmocka_unit_test(an_accepted_mailbox_form_is_followed_by_its_control),
        cmocka_unit_test(after_eight_refusals_a_new_connection_goes_on),
        cmocka_unit_test(a_slower_refusal_ends_the_connection_and_shortens_the_next),
        cmocka_unit_test(a_server_that_wants_us_back_later_is_left_and_soon_for_good),
        cmocka_unit_test(a_firm_no_to_the_client_is_no_wish_for_patience),
        cmocka_unit_test(a_ban_in_mid_battery_ends_it_as_cut_off),
        cmocka_unit_test(only_our_own_address_makes_a_refusal_a_ban),
        cmocka_unit_test(a_ban_from_the_beginning_is_no_ban_in_between),
        cmocka_unit_test(an_address_refused_for_the_senders_that_it_claims_is_not_banned),
        cmocka_unit_test(being_put_off_again_and_again_is_no_ban),
        cmocka_unit_test(two_connections_without_an_answer_end_the_battery_as_cut_off),
        cmocka_unit_test(a_technique_that_always_cuts_is_left_after_two_tries),
        cmocka_unit_test(an_acceptance_outlives_being_cut_off_at_its_control),
        cmocka_unit_test(a_refusal_at_the_second_try_takes_no_acceptance_back),
        cmocka_unit_test(a_subdomain_is_asked_for_plainly_where_the_canary_is_granted),
        cmocka_unit_test(where_there_is_no_room_another_connection_asks_that_alone),
        cmocka_unit_test(a_subdomain_is_not_asked_for_plainly_where_it_is_refused),
        cmocka_unit_test(two_connections_cut_at_a_control_leave_the_rest_to_be_asked),
        cmocka_unit_test(a_look_alike_that_was_let_by_has_the_subdomain_asked_for),
        cmocka_unit_test(a_look_alike_that_is_refused_has_no_subdomain_asked_for),
        cmocka_unit_test(a_reply_of_another_command_is_no_answer),
        cmocka_unit_test(any_2xx_to_mail_and_rcpt_is_an_acceptance),
        cmocka_unit_test(max_refusals_ends_the_battery_and_says_so),
        cmocka_unit_test(other_domains_are_asked_with_what_max_refusals_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
