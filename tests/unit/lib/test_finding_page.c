#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* As a packager names it who serves the pages. */
#define RELAYWARDEN_DOC_BASE "https://docs.example.org/relaywarden"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that it is made with that */
#include "lib/finding_page.c"

static void each_kind_has_a_page_below_the_base_that_the_build_names(void **state)
{
    char page[FINDING_PAGE_SIZE];

    (void)state;
    for (int i = 0; i < FINDING_KINDS; i++) {
        finding_page((enum finding_kind)i, page);
        assert_true(finding_page_is_address(page));
        assert_int_equal(strncmp(page, BASE "/findings/", strlen(BASE "/findings/")), 0);
        assert_string_equal(strrchr(page, '.'), ".md");
    }
    assert_string_equal(finding_page(FINDING_OPEN_RELAY, page), BASE "/findings/open-relay.md");
    assert_string_equal(finding_page_of_alerts(page), BASE "/alerts.md");
    assert_false(finding_page_is_address("/usr/share/doc/relaywarden/doc/findings/open-relay.md"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_a_page_below_the_base_that_the_build_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
