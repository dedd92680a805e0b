#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/dns/blocklist.h"

#define NONE    "-"
#define FAILED  "?"
#define PENDING "..."

/* "127.0.0.2 127.0.0.3", or one of the above. */
static struct posture_entry entry_of(const char *text)
{
    struct posture_entry entry = {.state = POSTURE_HAD};
    char copy[64];

    if (strcmp(text, NONE) == 0) {
        return (struct posture_entry){.state = POSTURE_NONE};
    }
    if (strcmp(text, FAILED) == 0) {
        return (struct posture_entry){.state = POSTURE_FAILED};
    }
    if (strcmp(text, PENDING) == 0) {
        return (struct posture_entry){.state = POSTURE_PENDING};
    }
    strcpy(copy, text);
    char *rest = NULL;
    for (char *one = strtok_r(copy, " ", &rest); one != NULL; one = strtok_r(NULL, " ", &rest)) {
        assert_true(address_parse(one, &entry.answers[entry.answer_count++]));
    }
    return entry;
}

struct row {
    const char *zone;
    const char *unlisted; /* 127.0.0.1 */
    const char *listed;   /* 127.0.0.2 */
    const char *entry;
    enum blocklist_state state;
    const char *text;         /* part of it; NULL = none */
    enum dnsbl_meaning worst; /* of BLOCKLIST_ANSWERS */
};

static void assert_read(const struct row *row, const struct posture_listing *listing)
{
    struct blocklist_reading reading = blocklist_read(listing);

    if (reading.state != row->state || (reading.text == NULL) != (row->text == NULL) ||
        (row->text != NULL && strstr(reading.text, row->text) == NULL) ||
        (row->state == BLOCKLIST_ANSWERS && reading.worst != row->worst)) {
        fail_msg("%s %s %s %s: %d %s %s", row->zone, row->unlisted, row->listed, row->entry,
                 (int)reading.state, dnsbl_meaning_name(reading.worst),
                 reading.text != NULL ? reading.text : "");
    }
    /* The answer that is quoted is the one that decided. */
    if (reading.answer != NULL && row->state != BLOCKLIST_BROKEN) {
        struct dnsbl_reading one = dnsbl_read(listing->zone, reading.answer);
        assert_int_equal(one.meaning, reading.worst);
        assert_int_equal(one.text == NULL, reading.text == NULL);
    }
    assert_int_equal(reading.answer != NULL,
                     row->state == BLOCKLIST_REFUSES || row->state == BLOCKLIST_ANSWERS ||
                         (row->state == BLOCKLIST_BROKEN && listing->entry.answer_count > 0));
    if (reading.answer != NULL && row->state == BLOCKLIST_BROKEN) {
        assert_ptr_equal(reading.answer, &listing->entry.answers[0]);
    }
    assert_int_equal(blocklist_is_learnt(listing), row->state == BLOCKLIST_BROKEN ||
                                                       row->state == BLOCKLIST_CLEAR ||
                                                       row->state == BLOCKLIST_ANSWERS);
}

#define BL  "bl.example.net"
#define ZEN "zen.spamhaus.org"

static void a_list_is_believed_if_its_test_entries_are_as_they_must_be(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {BL, NONE, "127.0.0.2", NONE, BLOCKLIST_CLEAR, NULL, 0},
        {BL, NONE, "127.0.0.2", "127.0.0.2", BLOCKLIST_ANSWERS, NULL, DNSBL_ABUSE},
        {BL, NONE, "127.0.0.77", "127.0.0.2", BLOCKLIST_ANSWERS, NULL, DNSBL_ABUSE},
        /* Everything is listed, or nothing. */
        {BL, "127.0.0.2", "127.0.0.2", "127.0.0.2", BLOCKLIST_BROKEN, "lists everything", 0},
        {BL, "127.0.0.2", NONE, NONE, BLOCKLIST_BROKEN, "lists everything", 0},
        {BL, NONE, NONE, "127.0.0.2", BLOCKLIST_BROKEN, "no test entry", 0},
        {BL, NONE, NONE, NONE, BLOCKLIST_BROKEN, "no test entry", 0},
        {ZEN, "127.0.0.2", "127.0.0.2", "127.0.0.10", BLOCKLIST_BROKEN, "lists everything", 0},
        /* A welcome list is a list. */
        {"list.dnswl.org", NONE, "127.0.10.0", "127.0.5.2", BLOCKLIST_ANSWERS, NULL, DNSBL_GOOD},
        {"list.dnswl.org", NONE, NONE, "127.0.5.2", BLOCKLIST_BROKEN, "no test entry", 0},
        /* It does not answer us, also where it says so of the test entry alone. */
        {ZEN, NONE, "127.255.255.254", NONE, BLOCKLIST_REFUSES, "public resolvers", 0},
        {ZEN, "127.255.255.254", "127.255.255.254", "127.255.255.254", BLOCKLIST_REFUSES,
         "public resolvers", 0},
        {ZEN, "127.255.255.255", "127.0.0.2", "127.0.0.2", BLOCKLIST_REFUSES, "too often", 0},
        {ZEN, NONE, "127.0.0.2", "127.255.255.252", BLOCKLIST_REFUSES, "misspelt", 0},
        /* A domain that was sold, or a resolver that turns NXDOMAIN into its own pages. */
        {BL, "192.0.2.80", "192.0.2.80", "192.0.2.80", BLOCKLIST_REFUSES, "outside 127", 0},
        {BL, NONE, "192.0.2.80", NONE, BLOCKLIST_REFUSES, "outside 127", 0},
        {BL, NONE, "127.0.0.2", "192.0.2.80", BLOCKLIST_REFUSES, "outside 127", 0},
        /* Nobody knows. */
        {BL, NONE, "127.0.0.2", FAILED, BLOCKLIST_SILENT, NULL, 0},
        {BL, NONE, FAILED, "127.0.0.2", BLOCKLIST_SILENT, NULL, 0},
        {BL, NONE, FAILED, NONE, BLOCKLIST_SILENT, NULL, 0},
        {BL, FAILED, "127.0.0.2", "127.0.0.2", BLOCKLIST_SILENT, NULL, 0},
        {BL, FAILED, "127.0.0.2", NONE, BLOCKLIST_CLEAR, NULL, 0},
        {BL, PENDING, "127.0.0.2", "127.0.0.2", BLOCKLIST_PENDING, NULL, 0},
        {BL, NONE, PENDING, "127.0.0.2", BLOCKLIST_PENDING, NULL, 0},
        {BL, NONE, "127.0.0.2", PENDING, BLOCKLIST_PENDING, NULL, 0},
        /* Several answers: the worst counts. */
        {ZEN, NONE, "127.0.0.2", "127.0.0.10 127.0.0.4", BLOCKLIST_ANSWERS, NULL, DNSBL_ABUSE},
        {ZEN, NONE, "127.0.0.2", "127.0.0.4 127.0.0.10", BLOCKLIST_ANSWERS, NULL, DNSBL_ABUSE},
        {ZEN, NONE, "127.0.0.2", "127.0.0.11 127.0.0.99", BLOCKLIST_ANSWERS, NULL, DNSBL_POLICY},
        {ZEN, NONE, "127.0.0.2", "127.0.0.99 127.0.0.11", BLOCKLIST_ANSWERS, NULL, DNSBL_POLICY},
        {"hostkarma.junkemailfilter.com", NONE, "127.0.0.2", "127.0.0.1 127.0.0.2",
         BLOCKLIST_ANSWERS, NULL, DNSBL_ABUSE},
        {"iadb.isipp.com", NONE, "127.0.0.2 127.2.255.1", "127.0.0.1 127.2.255.2 127.3.100.10",
         BLOCKLIST_ANSWERS, NULL, DNSBL_GOOD},
        /* Lists of names are not lists of addresses, whatever they answer. */
        {"dbl.spamhaus.org", "127.0.1.255", "127.0.1.255", "127.0.1.255", BLOCKLIST_BROKEN,
         "domain names", 0},
        {"multi.uribl.com", NONE, "127.0.0.14", NONE, BLOCKLIST_BROKEN, "domain names", 0},
        {"multi.surbl.org", NONE, "127.0.0.254", "127.0.0.64", BLOCKLIST_BROKEN, "domain names", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct posture_tests tests = {entry_of(rows[i].listed), entry_of(rows[i].unlisted)};
        struct posture_listing listing = {
            .zone = rows[i].zone, .tests = &tests, .tests_v4 = &tests};
        listing.entry = entry_of(rows[i].entry);
        assert_read(&rows[i], &listing);
    }
}

static void a_list_of_ipv4_addresses_has_no_ipv6_ones(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {BL, NONE, "127.0.0.2", "127.0.0.2", BLOCKLIST_ANSWERS, NULL, DNSBL_ABUSE},
        {BL, "127.0.0.2", "127.0.0.2", "127.0.0.2", BLOCKLIST_BROKEN, "lists everything", 0},
        {BL, NONE, NONE, NONE, BLOCKLIST_CLEAR, NULL, 0},
        {BL, NONE, NONE, "127.0.0.2", BLOCKLIST_BROKEN, "no test entry", 0},
    };
    const struct posture_tests works = {entry_of("127.0.0.2"), entry_of(NONE)};
    const struct posture_tests unknown = {entry_of(PENDING), entry_of(NONE)};
    const struct posture_tests dead = {entry_of(NONE), entry_of(NONE)};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct posture_tests tests = {entry_of(rows[i].listed), entry_of(rows[i].unlisted)};
        struct posture_listing listing = {
            .zone = rows[i].zone, .tests = &tests, .tests_v4 = &works};
        listing.entry = entry_of(rows[i].entry);
        assert_read(&rows[i], &listing);
        listing.tests_v4 = &unknown;
        assert_int_equal(blocklist_read(&listing).state, BLOCKLIST_PENDING);
        listing.tests_v4 = &dead;
        if (rows[i].state == BLOCKLIST_CLEAR) {
            assert_int_equal(blocklist_read(&listing).state, BLOCKLIST_BROKEN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_believed_if_its_test_entries_are_as_they_must_be),
        cmocka_unit_test(a_list_of_ipv4_addresses_has_no_ipv6_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
