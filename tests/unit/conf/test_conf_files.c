/*
 * The files that a configuration names: lists of domains, and keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/conf_try.h"

#define SITE  "site { domains = { \"example.org\" } }\n"
#define PROBE "probe { canary = \"canary@outside.example.net\"\n}\n"

static struct conf_try attempt;

static bool owns(const char *domain)
{
    return site_owns_domain(attempt.conf->site, domain, strlen(domain));
}

static void a_wrong_line_of_a_domain_file_is_named_in_that_file(void **state)
{
    (void)state;
    conf_try_write(&attempt, "other",
                   "# domains\n"
                   "\n"
                   "  Example.ORG  # ours\n"
                   "two words\n"
                   "\t.sub.example.org\r\n"
                   "192.0.2.1\n"
                   "*.example.org\n"
                   "last.example",
                   0644);
    conf_try_load(&attempt, "site {\n domain_files = { \"@/other\" }\n}\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 3);
    conf_try_expect_mistake_in(&attempt, "other", 4, "this is no domain");
    conf_try_expect_mistake_in(&attempt, "other", 6, "is an address, not a domain");
    conf_try_expect_mistake_in(&attempt, "other", 7, "without the asterisk");
}

static void comments_and_blanks_of_a_domain_file_are_skipped(void **state)
{
    (void)state;
    char text[4096] = "# ";
    memset(text + 2, 'x', 3000); /* a comment may be longer than any domain */
    snprintf(text + 3002, sizeof(text) - 3002, "%s",
             "\n\r\n   \n.sub.example.org\n Example.ORG # ours\n\tlast.example\t");
    conf_try_write(&attempt, "other", text, 0644);
    conf_try_load(&attempt, "site { domain_files = { \"@/other\", \"@/domains\" } }\n",
                  CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_true(owns("example.org") && owns("a.sub.example.org") && owns("last.example"));
    assert_true(owns("example.test") && !owns("xxx"));
    assert_string_equal(site_main_domain(attempt.conf->site), "example.org");
}

static void a_line_longer_than_a_domain_is_a_mistake_of_its_line(void **state)
{
    (void)state;
    char text[4096] = "a.example\n";
    memset(text + 10, 'x', 3000);
    snprintf(text + 3010, sizeof(text) - 3010, "%s", "\nb c\n");
    conf_try_write(&attempt, "other", text, 0644);
    conf_try_load(&attempt, "site { domain_files = { \"@/other\" } }\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 2);
    conf_try_expect_mistake_in(&attempt, "other", 2, "longer than a domain can be");
    conf_try_expect_mistake_in(&attempt, "other", 3, "this is no domain");
}

static void a_file_of_other_things_gives_a_short_list_and_a_count(void **state)
{
    (void)state;
    char text[4096] = "";
    for (size_t i = 0; i < 100; i++)
        memcpy(text + i * 10, "no domain\n", 11);
    conf_try_write(&attempt, "other", text, 0644);
    conf_try_load(&attempt, "site { domain_files = { \"@/other\" } }\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 21);
    conf_try_expect_mistake_in(&attempt, "other", 20, "is no domain");
    conf_try_expect_mistake_in(&attempt, "other", 0, "80 more lines are no domains");
}

static void one_line_over_the_list_is_told_in_the_singular(void **state)
{
    (void)state;
    char text[512] = "";
    for (size_t i = 0; i < 21; i++)
        memcpy(text + i * 10, "no domain\n", 11);
    conf_try_write(&attempt, "other", text, 0644);
    conf_try_load(&attempt, "site { domain_files = { \"@/other\" } }\n", CONF_MILTER);
    conf_try_expect_mistake_in(&attempt, "other", 0, "1 more line is no domain");
}

static void what_a_file_of_other_things_holds_is_never_shown(void **state)
{
    (void)state;
    conf_try_write(&attempt, "other",
                   "root:$y$j9T$secret:20000:0:99999:7:::\n192.0.2.77\n*.secret.example\n", 0600);
    conf_try_load(&attempt, "site { domain_files = { \"@/other\" } }\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 3);
    for (size_t i = 0; i < attempt.report.mistake_count; i++) {
        assert_null(strstr(attempt.report.mistakes[i], "secret"));
        assert_null(strstr(attempt.report.mistakes[i], "192.0.2.77"));
    }
}

static void a_domain_file_that_others_may_change_is_a_mistake(void **state)
{
    (void)state;
    char path[CONF_TRY_PATH + 16];

    snprintf(path, sizeof(path), "%s/other", attempt.folder);
    conf_try_write(&attempt, "other", "example.org\n", 0646);
    conf_try_load(&attempt, "site {\n domain_files = { \"@/other\" }\n}\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 2, "is writable by everybody");
    if (geteuid() != 0)
        return;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chown(path, 65534, 0), 0);
    conf_try_again(&attempt, CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 2, "neither root nor the user who runs this");
    assert_int_equal(chown(path, 0, 65534), 0);
    assert_int_equal(chmod(path, 0664), 0);
    conf_try_again(&attempt, CONF_MILTER);
    conf_try_expect_mistake(&attempt, 2, "a group other than root's");
}

static void domain_files_without_a_domain_are_a_mistake(void **state)
{
    (void)state;
    conf_try_write(&attempt, "other", "# none yet\n", 0644);
    conf_try_load(&attempt, "site {\n domain_files = { \"@/other\" }\n}\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 2, "no domain is declared");
}

static void a_million_domains_load_quickly(void **state)
{
    (void)state;
    char path[CONF_TRY_PATH + 16];
    struct timespec begun;
    struct timespec ended;

    snprintf(path, sizeof(path), "%s/other", attempt.folder);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    for (int i = 0; i < 1000000; i++)
        fprintf(stream, "customer-%d.example.org\n", i);
    assert_int_equal(fclose(stream), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    conf_try_load(&attempt, "site { domain_files = { \"@/other\" } }\n", CONF_MILTER);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
    conf_try_expect_count(&attempt, 0);
    assert_true(owns("customer-0.example.org") && owns("customer-999999.example.org"));
    assert_false(owns("customer-1000000.example.org"));
    /* 0.3 s of processor time where this was written; sanitizers get more. */
    assert_true(ended.tv_sec - begun.tv_sec < 5);
}

static void a_key_that_others_could_use_or_change_is_a_mistake(void **state)
{
    static const struct {
        size_t length;
        mode_t mode;
        const char *says; /* NULL: fine */
    } rows[] = {
        {32, 0600, NULL},
        {4096, 0440, NULL},
        {40, 0640, NULL},
        {31, 0600, "wrong size"},
        {4097, 0600, "wrong size"},
        {0, 0600, "wrong size"},
        {40, 0660, "by its group"},
        {40, 0644, "open to others"},
        {40, 0602, "open to others"},
        {40, 0601, "open to others"},
    };
    static const char *const options[] = {"token_key_file", "token_key_also"};
    char key[4098];
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(key, 'k', sizeof(key));
        key[rows[i].length] = '\0';
        conf_try_write(&attempt, "other", key, rows[i].mode);
        for (size_t j = 0; j < 2; j++) {
            snprintf(text, sizeof(text), SITE PROBE "%s\n%s = \"@/other\"\n",
                     j == 1 ? "token_key_file = \"@/key\"" : "", options[j]);
            conf_try_load(&attempt, text, CONF_PROBE);
            conf_try_expect_count(&attempt, rows[i].says != NULL);
            if (rows[i].says != NULL)
                conf_try_expect_mistake(&attempt, 5, rows[i].says);
        }
    }
}

static void keys_are_read_and_those_that_are_not_there_are_none(void **state)
{
    static const char octets[] = "0123456789abcdef0123456789abcdef";
    char expected[TOKEN_FINGERPRINT_SIZE];
    char fingerprint[TOKEN_FINGERPRINT_SIZE];
    struct token_key key;

    (void)state;
    conf_try_write(&attempt, "other", octets, 0600);
    conf_try_load(&attempt, SITE "token_key_file = \"@/key\"\ntoken_key_also = \"@/other\"\n",
                  CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_true(token_key_derive((const uint8_t *)octets, 32, &key));
    token_fingerprint(&key, expected);
    assert_string_equal(token_fingerprint(attempt.conf->token_key_other, fingerprint), expected);
    assert_string_not_equal(token_fingerprint(attempt.conf->token_key, fingerprint), expected);
    conf_try_load(&attempt, SITE, CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_null(attempt.conf->token_key);
    assert_null(attempt.conf->token_key_other);
}

static void a_key_of_somebody_else_is_a_mistake(void **state)
{
    (void)state;
    char path[CONF_TRY_PATH + 16];

    if (geteuid() != 0)
        skip();
    snprintf(path, sizeof(path), "%s/other", attempt.folder);
    conf_try_write(&attempt, "other", "0123456789abcdef0123456789abcdef", 0600);
    assert_int_equal(chown(path, 65534, 0), 0);
    conf_try_load(&attempt, SITE "token_key_file = \"@/other\"\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 2, "owned by somebody else");
    conf_try_load(&attempt, SITE "token_key_file = \"@/other\"\nmilter { user = nobody }\n",
                  CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
}

static int begin(void **state)
{
    (void)state;
    conf_try_begin(&attempt);
    return 0;
}

static int end(void **state)
{
    (void)state;
    conf_try_end(&attempt);
    return 0;
}

/* Takes all descriptors but `left`, until they are given back. */
static struct rlimit take_descriptors(rlim_t left)
{
    struct rlimit before;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(STDOUT_FILENO);
    assert_true(next >= 0);
    close(next);
    struct rlimit few = {.rlim_cur = (rlim_t)next + left, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    return before;
}

static void a_system_without_descriptors_is_told_from_a_mistake(void **state)
{
    (void)state;
    static const char text[] = "site { domain_files = { \"@/domains\" } }\n"
                               "token_key_file = \"@/token.key\"\n";

    conf_try_write(&attempt, "domains", "example.org\n", 0644);
    conf_try_write(&attempt, "token.key", "0123456789abcdef0123456789abcdef", 0600);
    conf_try_load(&attempt, text, CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_false(attempt.report.system_failed);
    struct rlimit before = take_descriptors(0);
    conf_try_again(&attempt, CONF_MILTER);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    conf_try_expect_mistake(&attempt, 0, "cannot be opened: Too many open files");
    assert_true(attempt.report.system_failed);
    conf_try_load(&attempt, "site { domain_files = { \"@/nowhere\" } }\n", CONF_MILTER);
    conf_try_expect_mistake(&attempt, 1, "No such file or directory");
    assert_false(attempt.report.system_failed);
}

/* The file that it names is read, too: an I/O error there, as reading /proc/self/mem is one. */
static void a_disk_that_fails_is_told_from_a_mistake(void **state)
{
    (void)state;
    conf_try_load(&attempt, "site { domain_files = { \"/proc/self/mem\" } }\n", CONF_MILTER);
    conf_try_expect_mistake(&attempt, 1, "cannot be read: Input/output error");
    assert_true(attempt.report.system_failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_line_of_a_domain_file_is_named_in_that_file),
        cmocka_unit_test(comments_and_blanks_of_a_domain_file_are_skipped),
        cmocka_unit_test(a_line_longer_than_a_domain_is_a_mistake_of_its_line),
        cmocka_unit_test(a_file_of_other_things_gives_a_short_list_and_a_count),
        cmocka_unit_test(one_line_over_the_list_is_told_in_the_singular),
        cmocka_unit_test(what_a_file_of_other_things_holds_is_never_shown),
        cmocka_unit_test(a_domain_file_that_others_may_change_is_a_mistake),
        cmocka_unit_test(domain_files_without_a_domain_are_a_mistake),
        cmocka_unit_test(a_million_domains_load_quickly),
        cmocka_unit_test(a_key_that_others_could_use_or_change_is_a_mistake),
        cmocka_unit_test(keys_are_read_and_those_that_are_not_there_are_none),
        cmocka_unit_test(a_key_of_somebody_else_is_a_mistake),
        cmocka_unit_test(a_system_without_descriptors_is_told_from_a_mistake),
        cmocka_unit_test(a_disk_that_fails_is_told_from_a_mistake),
    };
    return cmocka_run_group_tests_name("conf_files", tests, begin, end);
}
