#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/sys/spool.h"

#define LENGTH  60000UL
#define RECORDS (3 * SPOOL_MEMORY / LENGTH)

static char record[SPOOL_RECORD_MAX + 1];
static char read_back[SPOOL_RECORD_MAX];
static struct spool_place places[RECORDS];

static void fill(size_t number)
{
    for (size_t i = 0; i < LENGTH; i++) {
        record[i] = (char)(number * 31 + i * 7);
    }
}

static void write_all(struct spool *spool)
{
    assert_non_null(spool);
    for (size_t i = 0; i < RECORDS; i++) {
        fill(i);
        assert_true(spool_add(spool, record, LENGTH - i, &places[i]));
        assert_int_equal(places[i].length, LENGTH - i);
    }
}

static void assert_all_are_there(const struct spool *spool)
{
    for (size_t i = RECORDS; i-- > 0;) {
        fill(i);
        assert_true(spool_read(spool, &places[i], read_back));
        assert_memory_equal(read_back, record, LENGTH - i);
    }
}

/* The number of descriptors that are open. */
static size_t count_open(void)
{
    size_t count = 0;

    for (int descriptor = 3; descriptor < 64; descriptor++) {
        count += lseek(descriptor, 0, SEEK_CUR) != (off_t)-1;
    }
    return count;
}

static void records_beyond_the_memory_are_in_a_file_and_come_back(void **state)
{
    struct spool *spool = spool_new();
    size_t before = count_open();

    (void)state;
    write_all(spool);
    assert_int_equal(count_open(), before + 1);
    assert_all_are_there(spool);
    spool_free(spool);
    assert_int_equal(count_open(), before);
}

static void few_records_make_no_file(void **state)
{
    struct spool *spool = spool_new();
    size_t before = count_open();

    (void)state;
    for (size_t i = 0; i < RECORDS / 4; i++) {
        fill(i);
        assert_true(spool_add(spool, record, LENGTH, &places[i]));
    }
    assert_int_equal(count_open(), before);
    spool_free(spool);
}

/* A limit on the size of files is a full disk that needs no file system of its own. */
static void where_the_file_cannot_be_written_no_record_is_lost(void **state)
{
    struct rlimit before;
    struct spool *spool = spool_new();

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit little = {.rlim_cur = SPOOL_MEMORY + 1000, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    write_all(spool);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_all_are_there(spool);
    spool_free(spool);
}

static void a_record_that_is_too_long_is_refused(void **state)
{
    struct spool *spool = spool_new();

    (void)state;
    assert_non_null(spool);
    assert_false(spool_add(spool, record, SPOOL_RECORD_MAX + 1, &places[0]));
    assert_true(spool_add(spool, record, SPOOL_RECORD_MAX, &places[0]));
    assert_true(spool_add(spool, "", 0, &places[1]));
    assert_true(spool_read(spool, &places[0], read_back));
    assert_memory_equal(read_back, record, SPOOL_RECORD_MAX);
    spool_free(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_beyond_the_memory_are_in_a_file_and_come_back),
        cmocka_unit_test(few_records_make_no_file),
        cmocka_unit_test(where_the_file_cannot_be_written_no_record_is_lost),
        cmocka_unit_test(a_record_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
