/* A socket that TLS reads a helping at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/net/tls_bio.h"

#define PIECE 4096

struct line {
    BIO_METHOD *method;
    BIO *paced;
    int ends[2];
};

static void begin(struct line *line, size_t limit)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, line->ends), 0);
    line->method = tls_bio_method();
    assert_non_null(line->method);
    line->paced = tls_bio_new(line->method, line->ends[0], limit);
    assert_non_null(line->paced);
}

static void end(struct line *line)
{
    BIO_free(line->paced);
    BIO_meth_free(line->method);
    close(line->ends[0]);
    close(line->ends[1]);
}

/* The other end always has one piece more; returns what could be read without a pause. */
static size_t drink(struct line *line)
{
    static const char piece[PIECE];
    char out[PIECE];
    size_t total = 0;

    for (;;) {
        (void)send(line->ends[1], piece, sizeof(piece), 0);
        int got = BIO_read(line->paced, out, sizeof(out));
        if (got <= 0) {
            return total;
        }
        total += (size_t)got;
        assert_true(total < (size_t)100 * TLS_BIO_HELPING);
    }
}

static void a_flood_is_read_a_helping_at_a_time(void **state)
{
    (void)state;
    struct line line;

    begin(&line, SIZE_MAX);
    for (int turn = 0; turn < 3; turn++) {
        size_t helping = drink(&line);
        assert_true(BIO_should_retry(line.paced));
        assert_in_range(helping, TLS_BIO_HELPING, TLS_BIO_HELPING + PIECE);
    }
    end(&line);
}

static void past_the_limit_nothing_can_be_read_before_there_is_credit(void **state)
{
    (void)state;
    struct line line;
    char out[PIECE];

    begin(&line, 10000);
    assert_int_equal(drink(&line), 10000);
    assert_int_equal(errno, EMSGSIZE);
    assert_false(BIO_should_retry(line.paced));
    assert_int_equal(BIO_read(line.paced, out, sizeof(out)), -1);
    tls_bio_credit(line.paced, 2);
    assert_int_equal(drink(&line), 2 * TLS_BIO_WORTH);
    tls_bio_credit(line.paced, 10); /* worth more than the limit */
    assert_int_equal(drink(&line), 10000);
    tls_bio_credit(line.paced, SIZE_MAX);
    assert_int_equal(drink(&line), 10000);
    end(&line);
}

static void credit_does_not_add_up(void **state)
{
    (void)state;
    struct line line;

    begin(&line, 10000);
    tls_bio_credit(line.paced, 5000);
    tls_bio_credit(line.paced, 5000);
    assert_int_equal(drink(&line), 10000);
    end(&line);
}

static void an_empty_socket_and_a_closed_one_are_told_apart(void **state)
{
    (void)state;
    struct line line;
    char out[16];
    int descriptor = -1;

    begin(&line, SIZE_MAX);
    assert_int_equal(BIO_read(line.paced, out, sizeof(out)), -1);
    assert_true(BIO_should_read(line.paced));
    assert_int_equal(send(line.ends[1], "hello", 5, 0), 5);
    assert_int_equal(BIO_read(line.paced, out, sizeof(out)), 5);
    shutdown(line.ends[1], SHUT_WR);
    assert_int_equal(BIO_read(line.paced, out, sizeof(out)), 0);
    assert_false(BIO_should_retry(line.paced));
    assert_int_equal(BIO_get_fd(line.paced, &descriptor), line.ends[0]);
    assert_int_equal(descriptor, line.ends[0]);
    end(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_is_read_a_helping_at_a_time),
        cmocka_unit_test(past_the_limit_nothing_can_be_read_before_there_is_credit),
        cmocka_unit_test(credit_does_not_add_up),
        cmocka_unit_test(an_empty_socket_and_a_closed_one_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
