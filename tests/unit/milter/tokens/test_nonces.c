#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "milter/tokens/nonces.h"

static struct nonces nonces = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static int set_up(void **state)
{
    (void)state;
    nonces.first = 0;
    nonces.count = 0;
    return 0;
}

static enum nonce_verdict note(uint32_t number, int64_t now)
{
    uint8_t nonce[TOKEN_NONCE] = {0};

    memcpy(nonce, &number, sizeof(number));
    return nonces_note(&nonces, nonce, now);
}

static void a_nonce_is_new_once_in_722_seconds(void **state)
{
    (void)state;
    assert_int_equal(note(1, 100), NONCE_NEW);
    assert_int_equal(note(1, 100), NONCE_REPEATED);
    assert_int_equal(note(2, 101), NONCE_NEW);
    assert_int_equal(note(1, 821), NONCE_REPEATED);
    assert_int_equal(note(1, 822), NONCE_NEW);
    assert_int_equal(note(2, 822), NONCE_REPEATED);
    assert_int_equal(note(2, 823), NONCE_NEW);
}

/* A repetition does not make it live longer, and each octet of a nonce counts. */
static void each_nonce_is_kept_by_all_its_octets_from_when_it_was_new(void **state)
{
    (void)state;
    uint8_t nonce[TOKEN_NONCE] = {0};

    assert_int_equal(nonces_note(&nonces, nonce, 100), NONCE_NEW);
    for (size_t i = 0; i < sizeof(nonce); i++) {
        nonce[i] ^= 1;
        assert_int_equal(nonces_note(&nonces, nonce, 100), NONCE_NEW);
        nonce[i] ^= 1;
    }
    assert_int_equal(nonces_note(&nonces, nonce, 800), NONCE_REPEATED);
    assert_int_equal(nonces_note(&nonces, nonce, 822), NONCE_NEW);
}

/* The seconds of the wall clock, by which a hello lives, and of the steady one, by which it is
 * remembered, begin at different instants: `offset` milliseconds apart. */
static void no_hello_outlives_the_memory_of_its_nonce(void **state)
{
    (void)state;
    const struct token_hello hello = {.time = 1800000000};
    const int64_t second = 1000;

    for (int64_t offset = 0; offset < second; offset += 111) {
        for (int64_t ahead = TOKEN_FURTHEST_SECONDS * second; ahead > -second; ahead -= 333) {
            int64_t came = hello.time * second - ahead;
            int64_t dies = (hello.time + TOKEN_OLDEST_SECONDS + 1) * second - 1;
            assert_true(token_hello_is_current(&hello, came / second));
            assert_true(token_hello_is_current(&hello, dies / second));
            assert_false(token_hello_is_current(&hello, (dies + 1) / second));
            set_up(NULL);
            assert_int_equal(note(1, (came + offset) / second), NONCE_NEW);
            assert_int_equal(note(1, (dies + offset) / second), NONCE_REPEATED);
        }
    }
}

static void a_lone_nonce_is_forgotten_as_all_others(void **state)
{
    (void)state;
    assert_int_equal(note(1, 100), NONCE_NEW);
    assert_int_equal(note(1, 821), NONCE_REPEATED);
    assert_int_equal(note(1, 822), NONCE_NEW);
    assert_int_equal(note(1, 822), NONCE_REPEATED);
}

static void a_full_memory_takes_no_more_until_the_oldest_is_forgotten(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NONCES_MAX; i++) {
        assert_int_equal(note(i, i == 0 ? 100 : 200), NONCE_NEW);
    }
    assert_int_equal(note(NONCES_MAX, 300), NONCE_FULL);
    assert_int_equal(note(NONCES_MAX - 1, 300), NONCE_REPEATED);
    assert_int_equal(note(NONCES_MAX, 821), NONCE_FULL);
    assert_int_equal(note(NONCES_MAX, 822), NONCE_NEW);
    assert_int_equal(note(NONCES_MAX + 1, 822), NONCE_FULL);
    assert_int_equal(note(NONCES_MAX, 822), NONCE_REPEATED);
    assert_int_equal(note(NONCES_MAX + 1, 921), NONCE_FULL);
    assert_int_equal(note(NONCES_MAX + 1, 922), NONCE_NEW);
}

/* The ring goes round: what is behind its seam is found and forgotten as all others. */
static void a_memory_that_goes_round_keeps_as_many_and_as_long(void **state)
{
    (void)state;
    uint32_t number = 0;

    for (; number < 1000; number++) {
        assert_int_equal(note(number, 100), NONCE_NEW);
    }
    for (; number < NONCES_MAX; number++) {
        assert_int_equal(note(number, 500), NONCE_NEW);
    }
    for (uint32_t more = 0; more < 1000; more++) {
        assert_int_equal(note(number + more, 900), NONCE_NEW);
    }
    assert_int_equal(note(number + 1000, 900), NONCE_FULL);
    for (uint32_t seen = 1000; seen < number + 1000; seen++) {
        assert_int_equal(note(seen, 900), NONCE_REPEATED);
    }
    assert_int_equal(note(1000, 1222), NONCE_NEW);
    assert_int_equal(note(number, 1621), NONCE_REPEATED);
    assert_int_equal(note(number, 1622), NONCE_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_nonce_is_new_once_in_722_seconds, set_up),
        cmocka_unit_test_setup(each_nonce_is_kept_by_all_its_octets_from_when_it_was_new, set_up),
        cmocka_unit_test_setup(no_hello_outlives_the_memory_of_its_nonce, set_up),
        cmocka_unit_test_setup(a_lone_nonce_is_forgotten_as_all_others, set_up),
        cmocka_unit_test_setup(a_full_memory_takes_no_more_until_the_oldest_is_forgotten, set_up),
        cmocka_unit_test_setup(a_memory_that_goes_round_keeps_as_many_and_as_long, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
