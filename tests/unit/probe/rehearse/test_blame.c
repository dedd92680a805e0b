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

#include "probe/rehearse/blame.h"
#include "probe/rehearse/candidate.h"

/* A server of the tests' own: each line of its file is an element, and `rules` says with which of
 * them out a request is refused. Its trace is the numbers of the elements that are suspected. */
struct world {
    /* The request is granted while any of these sets (bits of elements) is wholly in. */
    unsigned int openers[4];
    size_t opener_count;
    unsigned int own_mail; /* without one of these the site's own mail is not taken */
    unsigned int mute;     /* without one of these nobody answers */
    const char *suspects;  /* "2 0": the trace, most special first; "" is a trace without any */
    unsigned int narrow;   /* not 0: of these, each alone opens it to all requests but the first */
    size_t asked;
};

static struct world world;

static bool read_lines(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE])
{
    size_t file = candidate_add_file(candidate, "lines");

    if (file == CANDIDATE_NO_FILE) {
        snprintf(why, CANDIDATE_WHY_SIZE, "there are no lines");
        return false;
    }
    for (size_t i = 0; i < 8; i++) {
        const struct rehearse_element element = {.kind = REHEARSE_LIST_ENTRY,
                                                 .file = file,
                                                 .begin = i * 2,
                                                 .end = i * 2 + 1,
                                                 .text = "x",
                                                 .parameter = "lines",
                                                 .table = REHEARSE_NO_TABLE};
        assert_int_equal(candidate_add_element(candidate, &element), i);
    }
    return true;
}

static size_t propose(struct candidate *candidate, const struct rehearse_request *request,
                      const char *trace, size_t length, size_t *out, size_t room)
{
    size_t count = 0;

    (void)candidate;
    (void)request;
    for (size_t i = 0; i < length && count < room; i++) {
        if (trace[i] >= '0' && trace[i] <= '7') {
            out[count++] = (size_t)(trace[i] - '0');
        }
    }
    return count;
}

static size_t grants(struct candidate *candidate, const struct rehearse_request *request,
                     bool destinations, size_t *out, size_t room)
{
    size_t count = 0;

    (void)candidate;
    (void)request;
    for (size_t i = 0; i < 8 && count < room; i++) {
        if (destinations || (world.own_mail & (1U << i)) == 0) {
            out[count++] = i;
        }
    }
    return count;
}

static const struct candidate_mta mta = {
    .name = "lines", .read = read_lines, .propose = propose, .grants = grants};

static void answer(unsigned int out, bool first, struct rehearse_reply *reply)
{
    bool narrow = !first && world.narrow != 0;

    reply->answer = narrow && (world.narrow & ~out) != 0 ? REHEARSE_GRANTED : REHEARSE_REFUSED;
    for (size_t i = 0; !narrow && i < world.opener_count; i++) {
        if ((world.openers[i] & out) == 0) {
            reply->answer = REHEARSE_GRANTED;
        }
    }
    if ((world.mute & out) != 0) {
        reply->answer = REHEARSE_NO_ANSWER;
    }
    reply->own_mail_taken = (world.own_mail & out) == 0;
    snprintf(reply->text, sizeof(reply->text), "%s",
             reply->answer == REHEARSE_GRANTED ? "250 Ok" : "554 denied");
    if (world.suspects != NULL) {
        reply->trace = strdup(world.suspects);
        reply->trace_length = strlen(world.suspects);
    }
}

static void ask(void *own, const size_t *without, size_t without_count,
                const struct rehearse_request *const *requests, size_t count,
                struct rehearse_reply *replies)
{
    unsigned int out = 0;

    (void)own;
    world.asked++;
    for (size_t i = 0; i < without_count; i++) {
        out |= 1U << without[i];
    }
    for (size_t i = 0; i < count; i++) {
        answer(out, requests[i]->own == NULL, &replies[i]);
    }
}

/* Blames `count` equal requests in a world. */
static void blame(const struct world *given, struct rehearse_blame *out, size_t count)
{
    char folder[] = "/tmp/blame.XXXXXX";
    char path[64];
    char why[CANDIDATE_WHY_SIZE];
    const struct rehearse_request request = {.recipient = "a@b.test"};
    const struct rehearse_request other = {.recipient = "a@b.test", .own = &world};
    const struct rehearse_request *requests[4] = {&request, &other, &other, &other};
    struct rehearse_reply replies[4] = {0};
    const struct rehearse_try attempt = {.ask = ask};

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/lines", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("a\nb\nc\nd\ne\nf\ng\nh\n", file);
    assert_int_equal(fclose(file), 0);
    world = *given;
    const struct candidate_settings settings = {
        .mta = &mta, .directory = folder, .scratch = folder};
    struct candidate *candidate = candidate_open(&settings, why);
    assert_non_null(candidate);
    for (size_t i = 0; i < count; i++) {
        answer(0, i == 0, &replies[i]);
        assert_int_equal(replies[i].answer, REHEARSE_GRANTED);
    }
    assert_true(rehearse_blame(candidate, requests, replies, count, &attempt, out));
    for (size_t i = 0; i < count; i++) {
        free(replies[i].trace);
    }
    candidate_free(candidate);
    unlink(path);
    rmdir(folder);
}

static unsigned int bits(const struct rehearse_set *set)
{
    unsigned int found = 0;

    for (size_t i = 0; i < set->count; i++) {
        found |= 1U << set->elements[i];
    }
    return found;
}

static void the_set_is_the_smallest_that_closes_it(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct world world;
        unsigned int guilty;
        enum rehearse_blame_state proved;
        bool stops_own_mail;
    } rows[] = {
        {"the trace is right",
         {.openers = {1}, .opener_count = 1, .suspects = "0"},
         1,
         REHEARSE_PROVED,
         false},
        {"the trace's first is wrong",
         {.openers = {4}, .opener_count = 1, .suspects = "02"},
         4,
         REHEARSE_PROVED,
         false},
        {"three open it, each alone",
         {.openers = {1, 2, 4}, .opener_count = 3, .suspects = "012"},
         7,
         REHEARSE_PROVED,
         false},
        {"no trace", {.openers = {8, 32}, .opener_count = 2}, 40, REHEARSE_PROVED, false},
        {"a trace without suspects",
         {.openers = {8}, .opener_count = 1, .suspects = ""},
         8,
         REHEARSE_PROVED,
         false},
        {"the first stops own mail, the second does not",
         {.openers = {3}, .opener_count = 1, .own_mail = 1, .suspects = "01"},
         2,
         REHEARSE_PROVED,
         false},
        {"only what stops own mail closes it",
         {.openers = {1}, .opener_count = 1, .own_mail = 1, .suspects = "0"},
         1,
         REHEARSE_PROVED,
         true},
        {"no answer is no refusal",
         {.openers = {1}, .opener_count = 1, .mute = 1, .suspects = "0"},
         0,
         REHEARSE_UNBLAMED,
         false},
        {"nothing closes it",
         {.openers = {0}, .opener_count = 1, .suspects = "3"},
         8,
         REHEARSE_SUGGESTED,
         false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rehearse_blame found;
        blame(&rows[i].world, &found, 1);
        if (bits(&found.guilty) != rows[i].guilty || found.state != rows[i].proved ||
            found.stops_own_mail != rows[i].stops_own_mail) {
            fail_msg("%s: guilty %u, state %d, own mail %d", rows[i].what, bits(&found.guilty),
                     (int)found.state, found.stops_own_mail);
        }
        rehearse_blame_free(&found);
    }
}

static void another_line_that_closes_it_too_is_an_alternative(void **state)
{
    (void)state;
    const struct world both = {.openers = {3}, .opener_count = 1, .suspects = "01"};
    struct rehearse_blame found;

    blame(&both, &found, 1);
    assert_int_equal(bits(&found.guilty), 1);
    assert_int_equal(found.alternative_count, 1);
    assert_int_equal(bits(&found.alternatives[0]), 2);
    assert_string_equal(found.before, "250 Ok");
    assert_string_equal(found.after, "554 denied");
    rehearse_blame_free(&found);
}

static void one_line_behind_many_grants_is_looked_for_once(void **state)
{
    (void)state;
    const struct world one = {.openers = {1}, .opener_count = 1, .suspects = "0"};
    struct rehearse_blame found[3];

    blame(&one, found, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(found[i].state, REHEARSE_PROVED);
        assert_int_equal(bits(&found[i].guilty), 1);
        assert_string_equal(found[i].after, "554 denied");
    }
    assert_int_equal(world.asked, 2); /* the proof, and the others once */
    for (size_t i = 0; i < 3; i++) {
        rehearse_blame_free(&found[i]);
    }
}

static void a_grant_has_only_the_lines_that_it_needs_of_another(void **state)
{
    (void)state;
    const struct world both = {.openers = {1, 2}, .opener_count = 2, .suspects = "01", .narrow = 2};
    struct rehearse_blame found[2];

    blame(&both, found, 2);
    assert_int_equal(bits(&found[0].guilty), 3);
    assert_int_equal(found[1].state, REHEARSE_PROVED);
    assert_int_equal(bits(&found[1].guilty), 2);
    rehearse_blame_free(&found[0]);
    rehearse_blame_free(&found[1]);
}

static void the_number_of_instances_is_bounded(void **state)
{
    (void)state;
    const struct world hopeless = {.openers = {0}, .opener_count = 1, .suspects = "01234567"};
    struct rehearse_blame found;

    blame(&hopeless, &found, 1);
    assert_int_not_equal(found.state, REHEARSE_PROVED);
    assert_true(world.asked <= 64);
    rehearse_blame_free(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_is_the_smallest_that_closes_it),
        cmocka_unit_test(another_line_that_closes_it_too_is_an_alternative),
        cmocka_unit_test(one_line_behind_many_grants_is_looked_for_once),
        cmocka_unit_test(a_grant_has_only_the_lines_that_it_needs_of_another),
        cmocka_unit_test(the_number_of_instances_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
