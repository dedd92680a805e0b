#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/dns/address_facts.h"
#include "probe/model/result_store.h"
#include "probe/report/report.h"
#include "tests/unit/audit_sample.h"

#define MANY 2000 /* some fill the memory that a spool takes */

static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};
static struct endpoint_result result;
static struct result_place places[MANY];

/* An endpoint that has something of everything. */
static void fill(unsigned int number)
{
    char text[64];

    result_free(&result);
    audit_sample_closed(&result);
    snprintf(text, sizeof(text), "554 5.7.1 refused, case %u", number);
    result.techniques[1].text = string_pool_keep(&result.texts, text);
    result.techniques[2].own = string_pool_keep(&result.texts, "second.example.org");
    result.capabilities[0] = string_pool_keep(&result.texts, "PIPELINING");
    result.capability_count = 1;
    result.others[DOMAIN_AS_SENDER].domains[0] =
        string_pool_keep(&result.texts, "third.example.org");
    result.others[DOMAIN_AS_SENDER].count = 1;
    result.endpoint.port = (uint16_t)(number + 1);
    snprintf(result.heard.auth_in_clear, sizeof(result.heard.auth_in_clear), "PLAIN");
    if (number % 7 == 0) {
        audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    }
    verdict_endpoint(&result, &outside);
}

static void assert_same(const struct endpoint_result *kept)
{
    char *wanted = report_endpoint(&result);
    char *found = report_endpoint(kept);

    assert_non_null(wanted);
    assert_non_null(found);
    assert_string_equal(found, wanted);
    assert_string_equal(kept->techniques[2].own, "second.example.org");
    assert_string_equal(kept->others[DOMAIN_AS_SENDER].domains[0], "third.example.org");
    assert_null(kept->message.text);
    assert_null(kept->techniques[0].own);
    assert_int_equal(kept->finding_count, result.finding_count);
    assert_true(result.finding_count > 0);
    for (size_t i = 0; i < result.finding_count; i++) {
        assert_memory_equal(&kept->findings[i], &result.findings[i], sizeof(result.findings[i]));
    }
    free(wanted);
    free(found);
}

static void a_result_comes_back_as_it_was(void **state)
{
    struct result_store *store = result_store_new(sizeof(struct posture_dns));

    (void)state;
    assert_non_null(store);
    for (unsigned int i = 7; i < 9; i++) {
        fill(i);
        result_store_add(store, &result, &places[0]);
        assert_same(result_store_get(store, &places[0]));
    }
    result_store_free(store);
}

static void thousands_come_back_in_any_order(void **state)
{
    struct result_store *store = result_store_new(sizeof(struct posture_dns));
    /* Under valgrind each takes 10 ms, and thousands would show what some hundred do. */
    const unsigned int many = getenv("RELAYWARDEN_FLOODS") != NULL ? MANY / 10 : MANY;

    (void)state;
    assert_non_null(store);
    for (unsigned int i = 0; i < many; i++) {
        fill(i);
        result_store_add(store, &result, &places[i]);
    }
    for (unsigned int i = many; i-- > 0;) {
        fill(i);
        assert_same(result_store_get(store, &places[i]));
    }
    result_store_free(store);
}

static void what_dns_said_comes_back_too(void **state)
{
    struct result_store *store = result_store_new(sizeof(struct posture_dns));
    static struct posture_dns facts;

    (void)state;
    assert_non_null(store);
    fill(1);
    facts.pointer = POSTURE_HAD;
    facts.name_count = 1;
    snprintf(facts.names[0].name, sizeof(facts.names[0].name), "mx.example.org");
    facts.listing_count = 1;
    facts.listings[0].zone = "zen.example.net";
    result.dns = &facts;
    result_store_add(store, &result, &places[0]);
    result.dns = NULL;
    const struct endpoint_result *kept = result_store_get(store, &places[0]);
    assert_non_null(kept->dns);
    assert_memory_equal(kept->dns, &facts, sizeof(facts));
    fill(2);
    result_store_add(store, &result, &places[1]);
    assert_null(result_store_get(store, &places[1])->dns);
    result_store_free(store);
}

/* ---- a result that is lost -------------------------------------------------------------- */

/* The file without a name that this process has, or -1. Valgrind has one, too, of a high number. */
static int nameless_file(void)
{
    DIR *folder = opendir("/proc/self/fd");
    char target[256];
    int file = -1;

    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        ssize_t length =
            readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - sizeof(""));
        target[length > 0 ? length : 0] = '\0';
        if (strstr(target, " (deleted)") != NULL) {
            int number = (int)strtol(entry->d_name, NULL, 10);
            file = file < 0 || number < file ? number : file;
        }
    }
    closedir(folder);
    return file;
}

static void know(struct result_place *place, enum verdict verdict, bool critical)
{
    *place = (struct result_place){
        .verdict = verdict,
        .critical = critical,
        .configured = true,
        .tls_asked = TLS_AUTO,
        .port = 2525,
        .target = "mx",
        .host = "mx.example.org",
        .own = "example.org",
    };
    assert_true(address_parse("203.0.113.25", &place->address));
}

static void assert_lost(struct result_store *store, const struct result_place *place, int code,
                        const char *why)
{
    const struct endpoint_result *left = result_store_get(store, place);
    char key[ENDPOINT_KEY_SIZE];

    assert_true(left->lost && left->endpoint.configured);
    assert_int_equal(verdict_exit_of(left), code);
    assert_int_equal(left->verdict,
                     place->verdict == VERDICT_OPEN ? VERDICT_OPEN : VERDICT_INCONCLUSIVE);
    assert_int_equal(left->finding_count, 0);
    assert_string_equal(left->endpoint.target, "mx");
    assert_string_equal(left->endpoint.host, "mx.example.org");
    assert_string_equal(endpoint_key(&left->endpoint, key), "203.0.113.25:2525/auto example.org");
    assert_non_null(strstr(left->why, "could not be kept"));
    assert_non_null(strstr(left->why, why));
    free(report_endpoint(left));
}

static const struct {
    enum verdict verdict;
    bool critical;
    int code;
} losses[] = {
    {VERDICT_OPEN, true, 2},          {VERDICT_CLOSED, true, 2},     {VERDICT_CLOSED, false, 3},
    {VERDICT_INCONCLUSIVE, false, 3}, {VERDICT_SUSPECTED, false, 3},
};

static void a_result_that_memory_was_out_for_keeps_its_place_and_the_worst_of_it(void **state)
{
    struct result_store *store = result_store_new(sizeof(struct posture_dns));

    (void)state;
    assert_non_null(store);
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        know(&places[0], losses[i].verdict, losses[i].critical);
        assert_lost(store, &places[0], losses[i].code, "memory was out");
    }
    result_store_free(store);
}

static void a_result_that_cannot_be_read_back_keeps_its_place_and_the_worst_of_it(void **state)
{
    struct result_store *store = result_store_new(sizeof(struct posture_dns));

    (void)state;
    assert_non_null(store);
    fill(7);
    for (unsigned int i = 0; i < MANY; i++) {
        know(&places[i], losses[i % 5].verdict, losses[i % 5].critical);
        result_store_add(store, &result, &places[i]);
        assert_true(places[i].kept);
    }
    int file = nameless_file();
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, 0), 0);
    unsigned int lost = 0;
    for (unsigned int i = 0; i < MANY; i++) {
        uint32_t chunk = places[i].spool.chunk;
        if (chunk + 1 < SPOOL_MEMORY / SPOOL_CHUNK || chunk == places[MANY - 1].spool.chunk) {
            assert_false(result_store_get(store, &places[i])->lost);
        } else {
            if (lost++ < 5) {
                assert_lost(store, &places[i], losses[i % 5].code, "temporary file");
            }
        }
    }
    assert_true(lost > 5);
    result_store_free(store);
}

static int end(void **state)
{
    (void)state;
    result_free(&result);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_comes_back_as_it_was),
        cmocka_unit_test(thousands_come_back_in_any_order),
        cmocka_unit_test(what_dns_said_comes_back_too),
        cmocka_unit_test(a_result_that_memory_was_out_for_keeps_its_place_and_the_worst_of_it),
        cmocka_unit_test(a_result_that_cannot_be_read_back_keeps_its_place_and_the_worst_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
