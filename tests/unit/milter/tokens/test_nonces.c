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

    memcpy(nonce, &number, sizeof number);
    return nonces_note(&nonces, nonce, now);
}

static void a_nonce_is_new_once_in_twelve_minutes(void **state)
{
    (void)state;
    assert_int_equal(note(1, 100), NONCE_NEW);
    assert_int_equal(note(1, 100), NONCE_REPEATED);
    assert_int_equal(note(2, 101), NONCE_NEW);
    assert_int_equal(note(1, 819), NONCE_REPEATED);
    assert_int_equal(note(1, 820), NONCE_NEW);
    assert_int_equal(note(2, 820), NONCE_REPEATED);
    assert_int_equal(note(2, 821), NONCE_NEW);
}

static void a_full_memory_takes_no_more_until_the_oldest_is_forgotten(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NONCES_MAX; i++) {
        assert_int_equal(note(i, i == 0 ? 100 : 200), NONCE_NEW);
    }
    assert_int_equal(note(NONCES_MAX, 300), NONCE_FULL);
    assert_int_equal(note(NONCES_MAX - 1, 300), NONCE_REPEATED);
    assert_int_equal(note(NONCES_MAX, 820), NONCE_NEW);
    assert_int_equal(note(NONCES_MAX + 1, 820), NONCE_FULL);
    assert_int_equal(note(NONCES_MAX, 820), NONCE_REPEATED);
    assert_int_equal(note(NONCES_MAX + 1, 921), NONCE_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_nonce_is_new_once_in_twelve_minutes, set_up),
        cmocka_unit_test_setup(a_full_memory_takes_no_more_until_the_oldest_is_forgotten, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
