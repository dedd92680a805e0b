#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "milter/discover/mta_transports.h"
#include "tests/unit/alert_sample.h"

/* A folder with a postconf and a postmap of the test's own, which is the whole PATH but for what
 * their scripts need. */
static char *folder;

static int set_up(void **state)
{
    char path[512];

    (void)state;
    folder = sample_folder();
    snprintf(path, sizeof(path), "%s:/usr/bin:/bin", folder);
    return setenv("PATH", path, 1);
}

static int tear_down(void **state)
{
    (void)state;
    sample_folder_remove(folder);
    return 0;
}

static FILE *create(const char *name)
{
    char path[256];
    FILE *file = fopen(sample_path(folder, name, path), "we");

    assert_non_null(file);
    assert_int_equal(chmod(path, 0755), 0);
    return file;
}

/* postconf with these values, by name; and postmap with this body. */
static void make_programs(const char *values, const char *postmap)
{
    FILE *file = create("postconf");

    fprintf(file,
            "#!/bin/sh\n[ \"$1\" = -c ] && in=\"$2:\" && shift 2\ncase \"$in$2\" in\n%s\nesac\n",
            values);
    fclose(file);
    file = create("postmap");
    fprintf(file, "#!/bin/sh\n%s\n", postmap);
    fclose(file);
}

static void use_table(const char *name)
{
    char values[512];

    snprintf(values, sizeof(values),
             "default_transport) echo smtp;;\n"
             "sender_dependent_default_transport_maps) echo regexp:%s/%s;;\n",
             folder, name);
    make_programs(values, "exit 1");
}

static void comments_of_a_table_take_no_room(void **state)
{
    (void)state;
    struct mta_transports transports;
    FILE *file = create("senders");

    for (int i = 0; i < 2 * MTA_TRANSPORTS_MAX; i++) {
        fprintf(file, "# remark%d\n", i);
    }
    fputs("/@sender\\.example$/  relay:[192.0.2.1]\n", file);
    fclose(file);
    use_table("senders");
    assert_int_equal(mta_transports_ask(&transports), MTA_ANSWERED);
    assert_non_null(mta_transports_parameter(&transports, "relay"));
    assert_false(transports.unlisted);
}

static void more_transports_than_fit_are_no_complete_list(void **state)
{
    (void)state;
    struct mta_transports transports;
    FILE *file = create("senders");

    for (int i = 0; i < MTA_TRANSPORTS_MAX; i++) {
        fprintf(file, "/@sender%d\\.example$/ out%d:\n", i, i);
    }
    fclose(file);
    use_table("senders");
    assert_int_equal(mta_transports_ask(&transports), MTA_ANSWERED);
    assert_int_equal(transports.count, MTA_TRANSPORTS_MAX);
    assert_true(transports.unlisted);
}

/* It is not asked for under a name that was cut. */
static void a_table_whose_name_is_too_long_is_no_complete_list(void **state)
{
    (void)state;
    struct mta_transports transports;
    char values[2048];
    char name[1100];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(values, sizeof(values),
             "default_transport) echo smtp;;\n"
             "sender_dependent_default_transport_maps) echo static:%s static:relay:;;\n",
             name);
    make_programs(values, "exit 1");
    assert_int_equal(mta_transports_ask(&transports), MTA_ANSWERED);
    assert_true(transports.unlisted);
    assert_non_null(mta_transports_parameter(&transports, "relay"));
    assert_int_equal(transports.count, 2);
}

static void a_table_that_is_no_file_is_not_waited_for(void **state)
{
    (void)state;
    struct mta_transports transports;
    char path[256];

    assert_int_equal(mkfifo(sample_path(folder, "senders", path), 0600), 0);
    use_table("senders");
    assert_int_equal(mta_transports_ask(&transports), MTA_ANSWERED);
    assert_true(transports.unlisted);
}

static void a_table_that_hangs_is_no_answer_also_in_the_last_instance(void **state)
{
    (void)state;
    struct mta_transports transports;

    make_programs("default_transport|other:default_transport) echo smtp;;\n"
                  "multi_instance_directories) echo other;;\n"
                  "other:transport_maps) echo ldap:slow;;\n",
                  "sleep 1000");
    assert_int_equal(mta_transports_ask(&transports), MTA_SILENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(comments_of_a_table_take_no_room),
        TEST(more_transports_than_fit_are_no_complete_list),
        TEST(a_table_whose_name_is_too_long_is_no_complete_list),
        TEST(a_table_that_is_no_file_is_not_waited_for),
        TEST(a_table_that_hangs_is_no_answer_also_in_the_last_instance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
