#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/smtp/client/command_queue.h"

enum {
    RSET,
    MAIL,
    RCPT
};

static struct command_queue queue;

static int set_up(void **state)
{
    (void)state;
    command_queue_clear(&queue);
    command_queue_add(&queue, RSET);
    command_queue_add(&queue, MAIL);
    command_queue_add(&queue, RCPT);
    return 0;
}

static void replies_come_in_the_order_of_the_commands(void **state)
{
    (void)state;
    command_queue_begin_batch(&queue);
    command_queue_say(&queue);
    command_queue_say(&queue);
    assert_int_equal(queue.batch, 2);
    assert_int_equal(command_queue_owed(&queue), 2);
    assert_int_equal(command_queue_awaited(&queue), RSET);
    assert_true(command_queue_hear(&queue));
    assert_int_equal(command_queue_awaited(&queue), MAIL);
    assert_true(command_queue_hear(&queue));
    assert_int_equal(command_queue_owed(&queue), 0);
    command_queue_begin_batch(&queue);
    command_queue_say(&queue);
    assert_int_equal(queue.batch, 1);
    assert_int_equal(command_queue_awaited(&queue), RCPT);
    assert_false(command_queue_hear(&queue));
}

static void a_queue_that_is_cut_ends_with_what_was_said(void **state)
{
    (void)state;
    command_queue_begin_batch(&queue);
    command_queue_say(&queue);
    command_queue_say(&queue);
    command_queue_cut(&queue);
    assert_true(command_queue_hear(&queue));
    assert_false(command_queue_hear(&queue));
}

static void a_full_queue_takes_no_more(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * COMMAND_QUEUE_MAX; i++) {
        command_queue_add(&queue, MAIL);
    }
    assert_int_equal(queue.count, COMMAND_QUEUE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(replies_come_in_the_order_of_the_commands, set_up),
        cmocka_unit_test_setup(a_queue_that_is_cut_ends_with_what_was_said, set_up),
        cmocka_unit_test_setup(a_full_queue_takes_no_more, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
