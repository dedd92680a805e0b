#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "probe/smtp/reply/reason.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A text as sentence_read takes it: lower case, "@" for a name. */
struct row {
    const char *text;
    bool yes;
};

static void judge(bool (*ask)(const struct clause *clause), const struct row *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        struct sentence sentence;
        sentence_read(rows[i].text, &sentence);
        struct clause clause = clause_at(&sentence, 0);
        if (ask(&clause) != rows[i].yes) {
            print_message("\"%s\" should be %d\n", rows[i].text, rows[i].yes);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void what_says_more_than_a_refusal_may_give_a_reason(void **state)
{
    static const struct row rows[] = {
        {"relaying denied", false},
        {"relaying to @ is not allowed for \x03", false},
        {"we do not relay mail for other systems", false},
        {"relaying is not allowed at night", true},
        {"relaying is disabled during maintenance", true},
        {"relaying to this country is prohibited", true},
        {"relay restricted to office hours", true},
        {"relay denied by dmarc policy", true},
        {"relaying of large messages is not allowed", true},
        {"weiterleitung an andere server nicht erlaubt", false},
        {"weiterleitung nur werktags erlaubt", true},
        {"le relais vers d'autres domaines n'est pas autorisé", false},
        {"relais interdit le week-end", true},
        /* Before the refusal only conditions count. */
        {"dear 31m stranger of mine relaying is denied", false},
        {"after 18:00 relaying is denied", true},
        {"at night relaying is denied", true},
        {"in times of maintenance we do not relay", true},
        {"", false},
    };

    (void)state;
    judge(reason_is_given, rows, COUNT(rows));
}

static void a_number_is_a_count_unless_it_is_a_label(void **state)
{
    static const struct row rows[] = {
        {"550 relay not permitted", false},
        {"relay denied error 17", false},
        {"relay denied rule 4", false},
        {"\x03 4711 may not relay", false},
        {"no relaying to 3rd party domains", false},
        {"no relaying after 18", true},
        {"no relaying for 20 recipients", true},
        {"no relaying for 20", true},
        {"no relaying of 10mb", true},
    };

    (void)state;
    judge(reason_is_given, rows, COUNT(rows));
}

static void a_mark_in_brackets_is_no_reason(void **state)
{
    static const struct row rows[] = {
        {"relay mail (r) is not allowed", false},   {"relay mail (r3) is not allowed", false},
        {"relay mail (bulk) is not allowed", true}, {"relay mail (abc) is not allowed", true},
        {"relay mail r is not allowed", true},
    };

    (void)state;
    judge(reason_is_given, rows, COUNT(rows));
}

static void advice_is_no_reason(void **state)
{
    static const struct row rows[] = {
        {"relaying denied please write a letter", false},
        {"relaying denied contact our office in the morning", false},
        {"relaying denied for help phone the porter", false},
        {"no relaying in the morning please", true},
    };

    (void)state;
    judge(reason_is_given, rows, COUNT(rows));
}

/* The clause that refuses is the second of each text. */
static bool is_beside(const char *text)
{
    struct sentence sentence;
    sentence_read(text, &sentence);
    struct clause before = clause_at(&sentence, 0);
    struct clause refusal = clause_at(&sentence, before.count);
    return reason_is_beside(&before, &sentence, before.count + refusal.count);
}

static void a_clause_beside_the_refusal_may_give_the_reason(void **state)
{
    (void)state;
    assert_false(is_beside("sorry, relaying denied"));
    assert_false(is_beside("you are a stranger to us, relaying denied"));
    assert_true(is_beside("it is after 18:00, relaying denied"));
    assert_false(is_beside("sorry, relaying denied: not a local domain"));
    assert_true(is_beside("quota used up: relaying denied"));
    assert_true(is_beside("sorry, relaying denied: message too large"));
    assert_true(is_beside("sorry, relaying denied. reason: message too large"));
    assert_false(is_beside("sorry, relaying denied. contact us: a ticket is cheap"));
    assert_false(is_beside("sorry, relaying denied. so go away: a ticket is cheap"));
    assert_false(is_beside("sorry, relaying denied. for help: a ticket is cheap"));
    assert_true(is_beside("sorry, relaying denied. so a ticket is cheap"));
    assert_false(is_beside("please read on about tickets, relaying denied"));
}

static void tls_is_asked_for_in_many_words(void **state)
{
    static const struct row rows[] = {
        {"ssl required", true},
        {"starttls must be issued first", true},
        {"secure connection required", true},
        {"session must be encrypted", true},
        {"verschlüsselung erforderlich", true},
        {"eine gesicherte verbindung ist erforderlich", true},
        {"connexion sécurisée obligatoire", true},
        {"is secured by our connection needed", false},
        {"no relaying without tls", true},
        {"no relaying without using tls", true},
        {"relaying without us over tls is denied", false},
        {"the session is not encrypted", true},
        {"your address is not encrypted", false},
        {"no tls is required", false},
        {"tls is known here", false},
        {"tls failed first", false},
        {"secure mail required", false},
        {"tls must be used before authentication", true},
        {"authentication over tls is required", false},
        {"relaying denied", false},
    };

    (void)state;
    judge(reason_is_tls, rows, COUNT(rows));
}

static void a_message_that_must_be_encrypted_is_no_session(void **state)
{
    static const struct row rows[] = {
        {"message must be encrypted", false},
        {"mail must be sent over an encrypted connection", true},
        {"mail must be sent over tls", true},
        {"mail must be sent over ssl", true},
        {"attachments must be encrypted", false},
        {"encrypted mail is needed", false},
        {"encryption needed before mail is relayed", true},
    };

    (void)state;
    judge(reason_is_tls, rows, COUNT(rows));
}

static void clear_text_is_refused(void **state)
{
    static const struct row rows[] = {
        {"unencrypted connections are not accepted", true},
        {"plain text sessions are refused", true},
        {"unencrypted smtp connections may not relay", true},
        {"unencrypted connections are fine", false},
        {"unencrypted mail is not accepted", false},
        {"plain text mail over this connection is not accepted", false},
    };

    (void)state;
    judge(reason_is_tls, rows, COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_says_more_than_a_refusal_may_give_a_reason),
        cmocka_unit_test(a_number_is_a_count_unless_it_is_a_label),
        cmocka_unit_test(a_mark_in_brackets_is_no_reason),
        cmocka_unit_test(advice_is_no_reason),
        cmocka_unit_test(a_clause_beside_the_refusal_may_give_the_reason),
        cmocka_unit_test(tls_is_asked_for_in_many_words),
        cmocka_unit_test(a_message_that_must_be_encrypted_is_no_session),
        cmocka_unit_test(clear_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
