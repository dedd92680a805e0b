/* One configuration in force, and others for as long as somebody uses them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "tests/unit/failing_alloc.h"
#include "tests/unit/milter_sample.h"

static atomic_uint freed; /* configurations */

static void free_and_count(struct conf *conf)
{
    atomic_fetch_add(&freed, 1);
    conf_free(conf);
}

#define conf_free(conf) free_and_count(conf)
/* NOLINTNEXTLINE(bugprone-suspicious-include): so that allocations can fail, and frees be seen */
#include "milter/live_conf.c"
#undef conf_free

#define THREADS  4
#define INSTALLS 50

static int set_up(void **state)
{
    (void)state;
    atomic_store(&freed, 0);
    return 0;
}

static struct live_conf *make(void)
{
    struct live_conf *snapshot = live_conf_new(milter_sample_conf(), NULL);

    assert_non_null(snapshot);
    return snapshot;
}

static void before_the_first_and_after_the_last_there_is_none(void **state)
{
    (void)state;
    assert_null(live_conf_current());
    live_conf_install(make());
    assert_int_equal(freed, 0);
    live_conf_install(NULL);
    assert_int_equal(freed, 1);
    assert_null(live_conf_current());
}

static void a_snapshot_has_the_rules_of_its_configuration(void **state)
{
    (void)state;
    struct live_conf *snapshot = make();

    assert_ptr_equal(snapshot->rules.site, snapshot->conf->site);
    assert_true(site_owns_domain(snapshot->rules.site, "example.org", 11));
    assert_int_equal(snapshot->rules.own_mailer_count, 4);
    assert_string_equal(snapshot->rules.own_mailers[0], "local");
    assert_int_equal(undeclared_note(&snapshot->undeclared, 4, "other.test", 1), 1);
    live_conf_release(snapshot);
    assert_int_equal(freed, 1);
}

static void whoever_holds_an_old_one_keeps_it_to_the_end(void **state)
{
    (void)state;
    struct live_conf *first = make();

    live_conf_install(first);
    struct live_conf *held = live_conf_current();
    struct live_conf *also_held = live_conf_current();
    assert_ptr_equal(held, first);
    assert_ptr_equal(also_held, first);

    struct live_conf *second = make();
    live_conf_install(second);
    struct live_conf *new_one = live_conf_current();
    assert_ptr_equal(new_one, second);
    assert_int_equal(freed, 0);
    assert_true(site_owns_domain(held->rules.site, "example.org", 11));
    live_conf_release(held);
    assert_int_equal(freed, 0);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the analyzer does not follow the count */
    live_conf_release(also_held);
    assert_int_equal(freed, 1);

    live_conf_install(NULL);
    assert_int_equal(freed, 1);
    live_conf_release(new_one);
    assert_int_equal(freed, 2);
}

static void a_reload_begins_a_new_count_of_undeclared_domains(void **state)
{
    (void)state;
    live_conf_install(make());
    struct live_conf *before = live_conf_current();
    undeclared_note(&before->undeclared, 0, "a.test", 1);
    undeclared_note(&before->undeclared, 0, "b.test", 1);
    live_conf_install(make());
    struct live_conf *after = live_conf_current();
    assert_int_equal(undeclared_note(&after->undeclared, 0, "b.test", 1), 1);
    assert_int_equal(undeclared_note(&before->undeclared, 0, "c.test", 1), 3);
    live_conf_release(before);
    live_conf_release(after);
    live_conf_install(NULL);
}

static void nothing_is_nothing_to_release(void **state)
{
    (void)state;
    live_conf_release(NULL);
    live_conf_install(NULL);
    assert_int_equal(freed, 0);
}

static void without_memory_the_configuration_stays_the_callers(void **state)
{
    (void)state;
    struct conf *conf = milter_sample_conf();

    for (int allocation = 0; allocation < 2; allocation++) {
        failing_alloc_after(allocation);
        assert_null(live_conf_new(conf, NULL));
        failing_alloc_never();
    }
    assert_int_equal(freed, 0);
    assert_true(site_owns_domain(conf->site, "example.org", 11));
    conf_free(conf);
}

static atomic_bool finished;

static void *use(void *wrong)
{
    while (!atomic_load(&finished)) {
        struct live_conf *snapshot = live_conf_current();

        if (snapshot == NULL || !site_owns_domain(snapshot->rules.site, "example.org", 11)) {
            atomic_fetch_add((atomic_uint *)wrong, 1);
        }
        live_conf_release(snapshot);
    }
    return NULL;
}

static void installing_while_threads_use_others_frees_each_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    atomic_uint wrong = 0;

    atomic_store(&finished, false);
    live_conf_install(make());
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use, &wrong), 0);
    }
    for (int i = 0; i < INSTALLS; i++) {
        live_conf_install(make());
    }
    atomic_store(&finished, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(freed, INSTALLS);
    live_conf_install(NULL);
    assert_int_equal(freed, INSTALLS + 1);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(before_the_first_and_after_the_last_there_is_none),
        TEST(a_snapshot_has_the_rules_of_its_configuration),
        TEST(whoever_holds_an_old_one_keeps_it_to_the_end),
        TEST(a_reload_begins_a_new_count_of_undeclared_domains),
        TEST(nothing_is_nothing_to_release),
        TEST(without_memory_the_configuration_stays_the_callers),
        TEST(installing_while_threads_use_others_frees_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
