/* Sentences of the stage name the operator's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "probe/rehearse/rehearsal_words.h"

static void test_each_folder_of_the_stage_is_the_operators(void **state)
{
    static const char *const cases[][2] = {
        {"cannot read /run/relaywarden-rehearsal/candidate/main.cf", "cannot read /srv/mx/main.cf"},
        {"/run/relaywarden-rehearsal/copy-12/a and /run/relaywarden-rehearsal/copy-3",
         "/srv/mx/a and /srv/mx"},
        {"postmap: /run/relaywarden-rehearsal/scratch/postconf/main.cf",
         "postmap: /srv/mx/main.cf"},
        {"texthash:/run/relaywarden-rehearsal/answers/12, line 3: no value",
         "texthash:/srv/answers, line 3: no value"},
        {"/run/relaywarden-rehearsal/queue: no space",
         "/run/relaywarden-rehearsal/queue: no space"},
        {"", ""},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "%s", cases[i][0]);
        rehearsal_words("/srv/mx", "/srv/answers", text, sizeof(text));
        assert_string_equal(text, cases[i][1]);
    }
}

static void test_what_becomes_too_long_is_cut(void **state)
{
    char text[] = "/run/relaywarden-rehearsal/copy-1/main.cf";
    char small[40] = "/run/relaywarden-rehearsal/copy-1: no";

    (void)state;
    rehearsal_words("/a/folder/that/is/longer/than/all/that/there/is", "/srv/answers", text,
                    sizeof(text));
    assert_string_equal(text, "/a/folder/that/is/longer/than/all/that/th");
    rehearsal_words("/srv", "/srv/answers", small, sizeof(small));
    assert_string_equal(small, "/srv: no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_folder_of_the_stage_is_the_operators),
        cmocka_unit_test(test_what_becomes_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
