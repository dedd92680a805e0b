#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/alert_sample.h"
#include "tests/unit/failing_alloc.h"

/* NOLINTBEGIN(bugprone-suspicious-include): so that their allocations can be made to fail */
#include "lib/alert/incident_arrivals.c"
#include "lib/alert/incident_kept.c"
#include "lib/alert/incident_table.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define REMIND 100
#define QUIET  1000

static struct announcement told[64];
static size_t told_count;

static void tell(const struct incident *incident, enum incident_state state, time_t now, void *user)
{
    (void)user;
    told[told_count++ % 64] =
        (struct announcement){.state = state, .time = now, .incident = *incident};
}

static struct incident_table *new_table(void)
{
    struct incident_table *table = incident_table_new(REMIND, QUIET, tell, NULL);

    assert_non_null(table);
    told_count = 0;
    return table;
}

static void add_at(struct incident_table *table, const char *fold, const char *rest, time_t now)
{
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, fold, rest);

    sample_add(table, &finding, now);
}

static void count_visit(const struct incident *incident, void *user)
{
    *(uint64_t *)user += incident->finding.count;
}

static void a_finding_opens_an_incident_and_repeats_are_only_counted(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    add_at(table, "L", "a", 5000);
    for (int i = 0; i < 9; i++)
        add_at(table, "L", "a", 5001);
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].state, INCIDENT_OPENED);
    assert_int_equal(told[0].time, 5000);
    assert_int_equal(told[0].incident.finding.count, 1);
    assert_int_equal(strlen(told[0].incident.id), 16);
    assert_int_equal(incident_open_count(table), 1);
    incident_table_free(table);
}

static void a_reminder_comes_with_the_count_when_more_was_seen(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    add_at(table, "L", "a", 5000);
    add_at(table, "L", "a", 5010);
    assert_int_equal(incident_tick(table, 5010), 5000 + REMIND);
    incident_tick(table, 5000 + REMIND - 1);
    assert_int_equal(told_count, 1);
    assert_int_equal(incident_tick(table, 5000 + REMIND), 5010 + QUIET);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[1].state, INCIDENT_REPEATED);
    assert_int_equal(told[1].incident.finding.count, 2);
    assert_string_equal(told[1].incident.id, told[0].incident.id);
    incident_table_free(table);
}

static void there_is_no_reminder_when_nothing_more_was_seen(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    add_at(table, "L", "a", 5000);
    assert_int_equal(incident_tick(table, 5000 + 5 * REMIND), 5000 + QUIET);
    assert_int_equal(told_count, 1);
    incident_table_free(table);
}

static void a_quiet_incident_is_resolved_with_its_total(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    add_at(table, "L", "a", 5000);
    add_at(table, "L", "a", 5050);
    incident_tick(table, 5050 + QUIET - 1);
    told_count = 0;
    assert_int_equal(incident_tick(table, 5050 + QUIET), 0);
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].state, INCIDENT_RESOLVED);
    assert_int_equal(told[0].incident.finding.count, 2);
    assert_int_equal(incident_open_count(table), 0);

    add_at(table, "L", "a", 7000);
    assert_int_equal(told[1].state, INCIDENT_OPENED);
    assert_string_not_equal(told[1].incident.id, told[0].incident.id);
    incident_table_free(table);
}

static void an_audit_resolves_only_the_subject_that_is_gone(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    add_at(table, "L", "a", 5000);
    add_at(table, "L", "b", 5000);
    add_at(table, "L", "c", 5000);
    told_count = 0;
    sample_resolve(table, FINDING_BLOCKLISTED, "L b", 5001);
    sample_resolve(table, FINDING_OPEN_RELAY, "L d", 5001);
    assert_int_equal(told_count, 0);
    sample_resolve(table, FINDING_OPEN_RELAY, "L c", 5001);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    assert_int_equal(told_count, 2);
    assert_string_equal(told[0].incident.finding.key, "L c");
    assert_string_equal(told[1].incident.finding.key, "L a");
    assert_int_equal(told[1].state, INCIDENT_RESOLVED);
    add_at(table, "L", "e", 5002);
    incident_tick(table, 5002 + QUIET);
    assert_int_equal(incident_open_count(table), 0);
    assert_string_equal(told[3].incident.finding.key, "L b");
    assert_string_equal(told[4].incident.finding.key, "L e");
    incident_table_free(table);
}

static void a_more_severe_finding_is_announced_at_once_as_the_evidence(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct finding finding = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", "a");

    finding.count = 16;
    sample_add(table, &finding, 5000);
    finding.count = 1;
    finding.severity = SEVERITY_CRITICAL;
    finding_why(&finding, "Now it is worse");
    sample_add(table, &finding, 5001);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[1].state, INCIDENT_REPEATED);
    assert_int_equal(told[1].incident.finding.severity, SEVERITY_CRITICAL);
    assert_int_equal(told[1].incident.finding.count, 17);
    assert_string_equal(told[1].incident.finding.why, "Now it is worse");

    finding.severity = SEVERITY_INFO;
    sample_add(table, &finding, 5002);
    assert_int_equal(told_count, 2);
    incident_tick(table, 5002 + QUIET);
    assert_int_equal(told[told_count - 1].incident.finding.severity, SEVERITY_CRITICAL);
    incident_table_free(table);
}

static void fill_fold(struct incident_table *table, const char *fold)
{
    for (int i = 0; i < INCIDENT_SUBJECTS_MAX; i++) {
        char rest[16];

        snprintf(rest, sizeof(rest), "n%d", i);
        add_at(table, fold, rest, 5000);
    }
}

static void the_seventeenth_subject_and_all_later_ones_are_any(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    fill_fold(table, "L");
    for (int i = 0; i < 1000; i++) {
        char rest[16];

        snprintf(rest, sizeof(rest), "m%d", i);
        add_at(table, "L", rest, 5000);
    }
    add_at(table, "L", "n3", 5000);
    assert_int_equal(told_count, INCIDENT_SUBJECTS_MAX + 1);

    const struct finding *any = &told[INCIDENT_SUBJECTS_MAX].incident.finding;
    assert_string_equal(any->key, "L any");
    assert_string_equal(any->fold, "L");
    assert_string_equal(finding_get(any, "subject"), "any");
    assert_int_equal(any->field[0].places, FIELD_SUBJECT | FIELD_LOGGED); /* listener=L */
    assert_int_equal(any->field[1].places, FIELD_EVIDENCE);               /* network=m0 */
    assert_int_equal(any->field[2].places, FIELD_SUBJECT | FIELD_LOGGED); /* subject=any */
    assert_non_null(strstr(any->why, "Seen from m0"));

    told_count = 0;
    incident_tick(table, 5000 + QUIET);
    assert_int_equal(told[3].incident.finding.count, 2);
    assert_int_equal(told[INCIDENT_SUBJECTS_MAX].incident.finding.count, 1000);
    incident_table_free(table);
}

static void folding_is_per_kind_and_listener(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct finding other = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", "z");

    fill_fold(table, "L");
    sample_add(table, &other, 5000);
    add_at(table, "M", "z", 5000);
    assert_string_equal(told[16].incident.finding.key, "L z");
    assert_string_equal(told[17].incident.finding.key, "M z");
    add_at(table, "L", "z", 5000);
    assert_string_equal(told[18].incident.finding.key, "L any");

    /* A subject that ends makes room for one of its own. */
    sample_resolve(table, FINDING_OPEN_RELAY, "L n0", 5001);
    add_at(table, "L", "y", 5001);
    assert_string_equal(told[20].incident.finding.key, "L y");
    incident_table_free(table);
}

static void a_more_severe_any_stays_any(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    for (int i = 0; i < 18; i++) {
        char rest[16];

        snprintf(rest, sizeof(rest), "n%d", i);
        struct finding finding = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", rest);
        if (i == 17)
            finding.severity = SEVERITY_CRITICAL;
        sample_add(table, &finding, 5000);
    }
    assert_int_equal(told_count, 18);
    assert_string_equal(told[17].incident.finding.key, "L any");
    assert_string_equal(finding_get(&told[17].incident.finding, "subject"), "any");
    assert_string_equal(finding_get(&told[17].incident.finding, "network"), "n17");
    assert_int_equal(told[17].incident.finding.count, 2);
    incident_table_free(table);
}

static void the_number_of_open_incidents_is_bounded(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    for (int i = 0; i < INCIDENT_OPEN_MAX + 500; i++) {
        char fold[16];

        snprintf(fold, sizeof(fold), "F%d", i);
        add_at(table, fold, i < INCIDENT_OPEN_MAX ? "a" : "z", 5000);
    }
    assert_int_equal(incident_open_count(table), INCIDENT_OPEN_MAX + 1);
    const struct finding *any = &told[INCIDENT_OPEN_MAX % 64].incident.finding;
    assert_string_equal(any->key, "any");
    assert_string_equal(any->fold, "");
    assert_int_equal(any->kind, FINDING_OPEN_RELAY);
    assert_string_equal(finding_get(any, "network"), "z");
    /* Who is open already stays who it was. */
    size_t before = told_count;
    add_at(table, "F7", "a", 5000);
    assert_int_equal(told_count, before);
    uint64_t seen = 0;
    incident_each_uncounted(table, count_visit, &seen);
    assert_int_equal(seen, 500 + 2);
    told_count = 0;
    incident_tick(table, 5000 + QUIET);
    assert_int_equal(told[INCIDENT_OPEN_MAX % 64].incident.finding.count, 500);
    assert_int_equal(incident_open_count(table), 0);
    incident_table_free(table);
}

static void a_clock_that_is_set_back_only_starts_periods_anew(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    add_at(table, "L", "a", 5000);
    add_at(table, "L", "a", 5000);
    assert_int_equal(incident_tick(table, 100), 100 + REMIND);
    assert_int_equal(told_count, 1);
    incident_tick(table, 100 + REMIND);
    assert_int_equal(told_count, 2);
    assert_int_equal(incident_tick(table, 100 + QUIET), 0);
    assert_int_equal(told_count, 3);
    assert_int_equal(told[2].state, INCIDENT_RESOLVED);
    incident_table_free(table);
}

static void a_clock_that_is_known_to_be_set_changes_no_period(void **state)
{
    (void)state;
    static const long sets[] = {-86400, 86400, -7};

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct incident_table *table = new_table();
        time_t set = sets[i];

        told_count = 0;
        add_at(table, "L", "a", 100000);
        incident_shift(table, set);
        assert_int_equal(incident_tick(table, 100000 + set + QUIET - 1), 100000 + set + QUIET);
        assert_int_equal(told_count, 1);
        incident_tick(table, 100000 + set + QUIET);
        assert_int_equal(told_count, 2);
        assert_int_equal(told[1].state, INCIDENT_RESOLVED);
        assert_int_equal(told[1].incident.opened, 100000 + set);
        /* That it ended not long ago is known, too. */
        incident_shift(table, -2 * set);
        add_at(table, "L", "a", 100000 - set + QUIET + 5);
        assert_int_equal(told[2].incident.flaps, 1);
        incident_table_free(table);
    }
}

static void what_only_lasts_and_opens_counts_one(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct finding finding = sample_finding(FINDING_CLIENT_ADDRESS_HIDDEN, "L", "a");

    told_count = 0;
    finding.count = 0;
    sample_add(table, &finding, 5000);
    assert_int_equal(told[0].incident.finding.count, 1);
    sample_add(table, &finding, 5001);
    sample_resolve(table, finding.kind, finding.key, 5002);
    assert_int_equal(told[1].incident.finding.count, 1);
    incident_table_free(table);
}

static void periods_of_zero_never_come(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    incident_table_configure(table, 0, 0);
    add_at(table, "L", "a", 5000);
    add_at(table, "L", "a", 5000);
    assert_int_equal(incident_tick(table, 500000000), 0);
    assert_int_equal(told_count, 1);
    incident_table_configure(table, 0, 10);
    assert_int_equal(incident_tick(table, 500000000), 0);
    assert_int_equal(told_count, 2);
    incident_table_free(table);
}

static void the_tick_names_the_earliest_that_is_due(void **state)
{
    (void)state;
    struct incident_table *table = new_table();

    assert_int_equal(incident_tick(table, 4000), 0);
    add_at(table, "L", "a", 5000);
    add_at(table, "L", "b", 4990);
    assert_int_equal(incident_tick(table, 5001), 4990 + QUIET);
    add_at(table, "L", "a", 5002);
    assert_int_equal(incident_tick(table, 5003), 5000 + REMIND);
    incident_table_free(table);
}

static void a_subject_that_comes_back_again_and_again_must_be_quiet_for_longer(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    static const long quiet[] = {QUIET, QUIET, 2L * QUIET, 4L * QUIET, 8L * QUIET, 8L * QUIET};
    time_t now = 5000;

    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        add_at(table, "L", "a", now);
        assert_int_equal(incident_tick(table, now + quiet[i] - 1), now + quiet[i]);
        assert_int_equal(incident_open_count(table), 1);
        now += quiet[i];
        incident_tick(table, now);
        assert_int_equal(incident_open_count(table), 0);
        now += 10;
    }
    now += INCIDENT_FLAP_SECONDS;
    add_at(table, "L", "a", now);
    assert_int_equal(incident_tick(table, now), now + QUIET);
    incident_table_free(table);
}

static struct incident saved_incident(const char *id, const char *rest)
{
    struct incident incident = {.state = INCIDENT_OPENED,
                                .opened = 1000,
                                .last_seen = 2000,
                                .last_announced = 1500,
                                .announced_count = 3,
                                .finding = sample_finding(FINDING_OPEN_RELAY, "L", rest)};

    memcpy(incident.id, id, sizeof(incident.id));
    incident.finding.count = 7;
    return incident;
}

static void a_restored_incident_goes_on_and_its_quiet_time_begins_anew(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct incident saved = saved_incident("0123456789abcdef", "a");

    assert_true(incident_restore(table, &saved, true, 90000));
    assert_false(incident_restore(table, &saved, true, 90000));
    assert_int_equal(told_count, 0);
    add_at(table, "L", "a", 90001);
    assert_int_equal(told_count, 0);
    incident_tick(table, 90001);
    assert_int_equal(told_count, 1); /* the reminder */
    assert_int_equal(told[0].state, INCIDENT_REPEATED);
    assert_int_equal(told[0].incident.finding.count, 8);
    assert_string_equal(told[0].incident.id, "0123456789abcdef");
    assert_int_equal(incident_tick(table, 90001 + QUIET - 1), 90001 + QUIET);
    incident_table_free(table);
}

static void a_restored_incident_that_may_be_unannounced_is_repeated_at_once(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct incident saved = saved_incident("0123456789abcdef", "a");

    assert_true(incident_restore(table, &saved, false, 90000));
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].state, INCIDENT_REPEATED);
    incident_table_free(table);
}

static void what_another_process_ended_is_forgotten_without_a_word(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct incident one = saved_incident("1111111111111111", "a");
    struct incident two = saved_incident("2222222222222222", "b");

    assert_true(incident_restore(table, &one, true, 5000));
    assert_true(incident_restore(table, &two, true, 5000));
    incident_unmark_all(table);
    assert_true(incident_mark(table, two.id));
    assert_false(incident_mark(table, "3333333333333333"));
    incident_forget_unmarked(table);
    assert_int_equal(told_count, 0);
    assert_int_equal(incident_open_count(table), 1);
    add_at(table, "L", "a", 5001);
    assert_int_equal(told[0].state, INCIDENT_OPENED);
    incident_table_free(table);
}

static void a_count_is_given_once_however_it_is_given(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    uint64_t sum = 0;

    add_at(table, "L", "a", 5000);
    add_at(table, "L", "b", 5000);
    incident_each_uncounted(table, count_visit, &sum);
    assert_int_equal(sum, 0); /* they were announced with these counts */
    add_at(table, "L", "b", 5000);
    incident_each_uncounted(table, count_visit, &sum);
    assert_int_equal(sum, 2);
    incident_each_uncounted(table, count_visit, &sum);
    assert_int_equal(sum, 2);
    incident_table_free(table);
}

static void a_count_does_not_wrap(void **state)
{
    (void)state;
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", "a");
    struct finding later = finding;

    finding.count = UINT64_MAX - 1;
    later.count = 7;
    subject_fold(&finding, &later);
    assert_int_equal(finding.count, UINT64_MAX);
}

static void without_memory_an_incident_is_announced_and_followed_as_any(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", "a");

    failing_alloc_after(0);
    sample_add(table, &finding, 5000);
    failing_alloc_never();
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].state, INCIDENT_OPENED);
    assert_string_equal(told[0].incident.finding.key, "any");
    assert_string_equal(finding_get(&told[0].incident.finding, "network"), "a");
    assert_int_equal(told[0].incident.last_seen, 5000);
    assert_int_equal(incident_open_count(table), 1);
    sample_add(table, &finding, 5001);
    assert_int_equal(told_count, 2);

    const struct incident saved = told[1].incident;
    incident_forget_unmarked(table);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5002);
    told_count = 0;
    failing_alloc_after(0);
    bool restored = incident_restore(table, &saved, false, 5003);
    incident_restore_end(table, &saved, 5004);
    failing_alloc_never();
    assert_false(restored);
    assert_int_equal(told_count, 0); /* that end waits to be told already */
    incident_settle(table, &(struct incident){.state = INCIDENT_RESOLVED}, true);
    incident_table_free(table);

    table = new_table();
    failing_alloc_after(0);
    incident_restore_end(table, &saved, 5004);
    failing_alloc_never();
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].state, INCIDENT_RESOLVED);
    assert_string_equal(told[0].incident.id, saved.id);
    incident_table_free(table);

    failing_alloc_after(0);
    table = incident_table_new(REMIND, QUIET, tell, NULL);
    failing_alloc_never();
    assert_null(table);
}

/* The worse one is the evidence from now on, but the incident is still that of its subject. */
static void a_worse_finding_leaves_the_incident_its_subject(void **state)
{
    (void)state;
    struct finding first = sample_finding(FINDING_OPEN_RELAY, "L", "a");
    struct finding later = sample_finding(FINDING_OPEN_RELAY, "M", "b");

    first.severity = SEVERITY_WARNING;
    later.severity = SEVERITY_CRITICAL;
    first.count = 3;
    later.count = 4;
    char key[FINDING_KEY_SIZE];
    memcpy(key, first.key, sizeof(key));
    assert_true(subject_fold(&first, &later));
    assert_int_equal(first.severity, SEVERITY_CRITICAL);
    assert_int_equal(first.count, 7);
    assert_string_equal(first.key, key);
    assert_string_equal(first.fold, "L");
    assert_string_equal(finding_get(&first, "network"), "b");
    assert_false(subject_fold(&first, &later)); /* as bad is not worse */
    assert_int_equal(first.count, 11);
}

static void a_restored_incident_is_quiet_only_after_its_time(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct incident saved = saved_incident("0123456789abcdef", "a");

    saved.announced_count = saved.finding.count;
    assert_true(incident_restore(table, &saved, true, 90000));
    assert_int_equal(incident_tick(table, 90000 + QUIET - 1), 90000 + QUIET);
    assert_int_equal(incident_open_count(table), 1);
    incident_tick(table, 90000 + QUIET);
    assert_int_equal(incident_open_count(table), 0);
    assert_int_equal(told[told_count - 1].state, INCIDENT_RESOLVED);
    incident_table_free(table);
}

/* Some more than may be open, since more than one process may have opened them. */
static void the_number_of_restored_incidents_is_bounded(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    struct incident saved = saved_incident("0123456789abcdef", "a");
    size_t count = 0;

    for (; count < INCIDENT_OPEN_MAX + 500; count++) {
        snprintf(saved.finding.key, sizeof(saved.finding.key), "s%zu", count);
        if (!incident_restore(table, &saved, true, 5000)) {
            break;
        }
    }
    assert_in_range(count, INCIDENT_OPEN_MAX + FINDING_KINDS,
                    INCIDENT_OPEN_MAX + 2 * FINDING_KINDS);
    assert_int_equal(incident_open_count(table), count);
    incident_table_free(table);
}

/* The ends that are remembered, and those that wait for a sink, are bounded; the oldest goes. */
static void the_number_of_ends_is_bounded(void **state)
{
    (void)state;
    struct incident_table *table = new_table();
    char first[INCIDENT_ID_SIZE] = "";
    char second[INCIDENT_ID_SIZE] = "";

    for (unsigned int i = 0; i < INCIDENT_ENDED_MAX + 2; i++) {
        char rest[16];
        snprintf(rest, sizeof(rest), "s%u", i);
        struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", rest);
        sample_add(table, &finding, 5000);
        const char *id = told[(told_count - 1) % 64].incident.id;
        sample_resolve(table, finding.kind, finding.key, 5001);
        if (i == 0) {
            memcpy(first, id, sizeof(first));
        } else if (i == 1) {
            memcpy(second, id, sizeof(second));
        }
        assert_int_equal(incident_has_ended(table, first), i < PAST_INCIDENTS_MAX);
        assert_int_equal(incident_has_ended(table, second), i > 0 && i < PAST_INCIDENTS_MAX + 1);
        assert_int_equal(table->ended_count, i < INCIDENT_ENDED_MAX ? i + 1 : INCIDENT_ENDED_MAX);
    }
    assert_string_not_equal(table->ended->incident.id, first);
    assert_string_not_equal(table->ended->incident.id, second);
    assert_int_equal(incident_open_count(table), 0);
    incident_table_free(table);
}

static bool all_is_over(const struct finding *finding, const void *user)
{
    (void)finding, (void)user;
    return true;
}

static void many_subjects_end_with_the_audit_that_adds_none_to_them(void **state)
{
    (void)state;
    char rest[16];
    struct incident_table *table = new_table();

    for (int i = 0; i < INCIDENT_SUBJECTS_MAX + 2; i++) {
        snprintf(rest, sizeof(rest), "s%d", i);
        add_at(table, "L", rest, 5000);
    }
    assert_int_equal(incident_open_count(table), INCIDENT_SUBJECTS_MAX + 1);
    incident_review(table, all_is_over, NULL, 5001);
    assert_int_equal(incident_open_count(table), 1);
    incident_review(table, all_is_over, NULL, 5002);
    assert_int_equal(incident_open_count(table), 0);
    assert_int_equal(told[told_count - 1].state, INCIDENT_RESOLVED);
    assert_string_equal(told[told_count - 1].incident.finding.key, "L any");
    incident_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_subjects_end_with_the_audit_that_adds_none_to_them),
        cmocka_unit_test(a_finding_opens_an_incident_and_repeats_are_only_counted),
        cmocka_unit_test(a_reminder_comes_with_the_count_when_more_was_seen),
        cmocka_unit_test(there_is_no_reminder_when_nothing_more_was_seen),
        cmocka_unit_test(a_quiet_incident_is_resolved_with_its_total),
        cmocka_unit_test(an_audit_resolves_only_the_subject_that_is_gone),
        cmocka_unit_test(a_more_severe_finding_is_announced_at_once_as_the_evidence),
        cmocka_unit_test(the_seventeenth_subject_and_all_later_ones_are_any),
        cmocka_unit_test(folding_is_per_kind_and_listener),
        cmocka_unit_test(a_more_severe_any_stays_any),
        cmocka_unit_test(the_number_of_open_incidents_is_bounded),
        cmocka_unit_test(the_number_of_restored_incidents_is_bounded),
        cmocka_unit_test(a_clock_that_is_set_back_only_starts_periods_anew),
        cmocka_unit_test(a_clock_that_is_known_to_be_set_changes_no_period),
        cmocka_unit_test(what_only_lasts_and_opens_counts_one),
        cmocka_unit_test(periods_of_zero_never_come),
        cmocka_unit_test(the_tick_names_the_earliest_that_is_due),
        cmocka_unit_test(a_subject_that_comes_back_again_and_again_must_be_quiet_for_longer),
        cmocka_unit_test(a_restored_incident_goes_on_and_its_quiet_time_begins_anew),
        cmocka_unit_test(a_restored_incident_that_may_be_unannounced_is_repeated_at_once),
        cmocka_unit_test(what_another_process_ended_is_forgotten_without_a_word),
        cmocka_unit_test(a_count_is_given_once_however_it_is_given),
        cmocka_unit_test(a_count_does_not_wrap),
        cmocka_unit_test(without_memory_an_incident_is_announced_and_followed_as_any),
        cmocka_unit_test(a_worse_finding_leaves_the_incident_its_subject),
        cmocka_unit_test(a_restored_incident_is_quiet_only_after_its_time),
        cmocka_unit_test(the_number_of_ends_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
