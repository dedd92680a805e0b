#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "milter/discover/mta_way.h"
#include "tests/unit/alert_sample.h"

/* The queue directory, with the folder of the socket in it. */
static char *queue;
static char ours[300];

static int set_up(void **state)
{
    char path[300];

    (void)state;
    queue = sample_folder();
    snprintf(ours, sizeof(ours), "unix:%s/relaywarden/milter.sock", queue);
    return mkdir(sample_path(queue, "relaywarden", path), 0755);
}

static int tear_down(void **state)
{
    (void)state;
    sample_folder_remove(queue);
    return 0;
}

static enum mta_way judge(const char *milters, const char *overrides, const char *services,
                          const char *socket, char sentence[MTA_WAY_SIZE])
{
    const struct mta_way_facts facts = {
        .milters = milters, .overrides = overrides, .services = services, .queue_directory = queue};

    return mta_way_judge(&facts, socket, sentence);
}

#define SMTPD(chroot) "smtp       inet  n       -       " chroot "       -       -       smtpd\n"

static void a_relative_path_is_right_with_and_without_a_chroot(void **state)
{
    static const char milters[] =
        "{ unix:relaywarden/milter.sock, default_action=accept }, inet:rspamd:9900";
    char sentence[MTA_WAY_SIZE];

    (void)state;
    assert_int_equal(judge(milters, "", SMTPD("y"), ours, sentence), MTA_WAY_RIGHT);
    assert_int_equal(judge(milters, "", SMTPD("n"), ours, sentence), MTA_WAY_RIGHT);
    assert_int_equal(judge(milters, "", SMTPD("-"), ours, sentence), MTA_WAY_RIGHT);
    assert_string_equal(sentence, "");
}

static void an_absolute_path_is_right_for_one_of_the_two(void **state)
{
    static const char inside[] = "{ unix:/relaywarden/milter.sock, default_action=accept }";
    char sentence[MTA_WAY_SIZE];

    (void)state;
    assert_int_equal(judge(inside, "", SMTPD("y"), ours, sentence), MTA_WAY_RIGHT);
    assert_int_equal(judge(inside, "", SMTPD("n"), ours, sentence), MTA_WAY_WRONG);
    assert_non_null(strstr(sentence, "smtpd_milters of smtp/inet names unix:/relaywarden"));
    assert_non_null(strstr(sentence, "without a chroot"));
    assert_non_null(strstr(sentence, "name it there as unix:relaywarden/milter.sock"));
    assert_int_equal(judge(ours, "", SMTPD("n"), ours, sentence), MTA_WAY_RIGHT);
    assert_int_equal(judge(ours, "", SMTPD("y"), ours, sentence), MTA_WAY_WRONG);
    assert_non_null(strstr(sentence, "in a chroot"));
}

static void a_socket_outside_the_queue_is_told_to_move(void **state)
{
    static const char outside[] = "unix:/tmp/milter.sock";
    char sentence[MTA_WAY_SIZE];

    (void)state;
    assert_int_equal(judge(outside, "", SMTPD("n"), outside, sentence), MTA_WAY_RIGHT);
    assert_int_equal(judge(outside, "", SMTPD("y"), outside, sentence), MTA_WAY_WRONG);
    assert_non_null(strstr(sentence, "have the filter listen below Postfix's queue_directory"));
}

static void a_service_may_have_a_list_of_its_own(void **state)
{
    static const char services[] =
        SMTPD("y") "submission inet n - n - - smtpd -o smtpd_milters=x\n";
    char sentence[MTA_WAY_SIZE];

    (void)state;
    assert_int_equal(judge("unix:relaywarden/milter.sock",
                           "submission/inet/smtpd_milters = unix:/relaywarden/milter.sock\n",
                           services, ours, sentence),
                     MTA_WAY_WRONG);
    assert_non_null(strstr(sentence, "of submission/inet names"));
    assert_int_equal(judge("unix:/relaywarden/milter.sock", "submission/inet/smtpd_milters =\n",
                           services, ours, sentence),
                     MTA_WAY_RIGHT);
}

static void filters_of_others_and_other_services_say_nothing(void **state)
{
    char sentence[MTA_WAY_SIZE];

    (void)state;
    assert_int_equal(judge("", "", SMTPD("n"), ours, sentence), MTA_WAY_UNKNOWN);
    assert_int_equal(
        judge("unix:/run/opendkim.sock inet:127.0.0.1:8891", "", SMTPD("n"), ours, sentence),
        MTA_WAY_UNKNOWN);
    assert_int_equal(
        judge("unix:/relaywarden/milter.sock", "", "qmgr unix n - n 300 1 qmgr\n", ours, sentence),
        MTA_WAY_UNKNOWN);
    assert_int_equal(judge("unix: { , }} inet: local:", "", SMTPD("n"), ours, sentence),
                     MTA_WAY_UNKNOWN);
}

static void a_port_is_found_by_its_number(void **state)
{
    char sentence[MTA_WAY_SIZE];

    (void)state;
    assert_int_equal(judge("inet:localhost:8895", "", SMTPD("y"), "inet:8895@127.0.0.1", sentence),
                     MTA_WAY_RIGHT);
    assert_int_equal(judge("inet:localhost:889", "", SMTPD("y"), "inet:8895@127.0.0.1", sentence),
                     MTA_WAY_UNKNOWN);
}

static void an_hour_without_a_client_is_long(void **state)
{
    (void)state;
    assert_false(mta_way_silent_long(3599, 0));
    assert_true(mta_way_silent_long(3600, 0));
    assert_false(mta_way_silent_long(360000, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relative_path_is_right_with_and_without_a_chroot),
        cmocka_unit_test(an_absolute_path_is_right_for_one_of_the_two),
        cmocka_unit_test(a_socket_outside_the_queue_is_told_to_move),
        cmocka_unit_test(a_service_may_have_a_list_of_its_own),
        cmocka_unit_test(filters_of_others_and_other_services_say_nothing),
        cmocka_unit_test(a_port_is_found_by_its_number),
        cmocka_unit_test(an_hour_without_a_client_is_long),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
