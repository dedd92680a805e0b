/* Plays each file of dialogues/ against a session; CONTRIBUTING.md says how one is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/session_bench.h"

#define FOLDER    "tests/unit/probe/smtp/dialogues/"
#define TEXT_SIZE 2048
#define CASES_MAX 512

/* Where in which file the play is. */
static struct {
    const char *path;
    unsigned int number;
    char reply[TEXT_SIZE]; /* lines of the server's that are not said yet */
    char hello[TEXT_SIZE];
    bool hello_whole;
    int64_t after; /* milliseconds, of the next reply */
    size_t seen;   /* octets of the client's line that were compared */
} play;

#define FAIL(format, ...) fail_msg("%s:%u: " format, play.path, play.number, __VA_ARGS__)

static void say_reply(void)
{
    if (play.reply[0] != '\0') {
        char text[TEXT_SIZE];
        memcpy(text, play.reply, sizeof(text));
        play.reply[0] = '\0';
        play.seen = 0;
        bench_answer_after(text, play.after);
        play.after = 1;
    }
}

/* Adds a line; the last of a reply has a blank behind its code. */
static void add_line(char text[TEXT_SIZE], const char *line)
{
    size_t length = strlen(text);

    (void)snprintf(text + length, TEXT_SIZE - length, "%s%s", length > 0 ? "\r\n" : "", line);
}

static size_t place_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    FAIL("no such word: %s", word);
    return 0;
}

#define PLACE(word, words) place_of(word, words, sizeof(words) / sizeof((words)[0]))

/* ---- what is done ------------------------------------------------------------------------ */

static const char *const tls_words[] = {[TLS_AUTO] = "auto",
                                        [TLS_NONE] = "none",
                                        [TLS_STARTTLS] = "starttls",
                                        [TLS_IMPLICIT] = "implicit"};

static void do_server(char *rest)
{
    char *port = strchr(rest, ' ');

    if (port == NULL) {
        FAIL("%s", "server MODE PORT");
        return;
    }
    *port++ = '\0';
    bench_set_up((enum tls_mode)PLACE(rest, tls_words), (uint16_t)strtoul(port, NULL, 10));
    play.after = 1;
}

static void do_server_says(char *rest)
{
    add_line(play.reply, rest);
    if (strlen(rest) < 4 || rest[3] != '-') {
        say_reply();
    }
}

/* From now on to EHLO. */
static void do_hello(char *rest)
{
    if (play.hello_whole) {
        play.hello[0] = '\0';
    }
    add_line(play.hello, rest);
    play.hello_whole = strlen(rest) < 4 || rest[3] != '-';
    bench.ehlo = play.hello;
}

static void do_answer_hello(char *rest)
{
    (void)rest;
    play.seen = 0;
    bench_answer(bench.ehlo);
}

static void do_client_says(char *rest)
{
    const char *line = bench.order->line + play.seen;

    assert_int_equal(bench.order->action, SESSION_SEND);
    assert_string_equal(bench.order->line + strlen(bench.order->line) - 2, "\r\n");
    if (strncmp(line, rest, strlen(rest)) != 0) {
        FAIL("the client says %s", line);
    }
    play.seen += strcspn(line, "\n") + 1;
}

/* The whole line, and not its beginning. */
static void do_client_says_exactly(char *rest)
{
    const char *line = bench.order->line + play.seen;

    assert_int_equal(bench.order->action, SESSION_SEND);
    if (strncmp(line, rest, strlen(rest)) != 0 || strncmp(line + strlen(rest), "\r\n", 2) != 0) {
        FAIL("the client says %s", line);
    }
    play.seen += strlen(rest) + 2;
}

static void do_client_is_done(char *rest)
{
    (void)rest;
    if (bench.order->line[play.seen] != '\0') {
        FAIL("the client says more: %s", bench.order->line + play.seen);
    }
}

static void do_connect(char *rest)
{
    (void)rest;
    play.seen = 0;
    bench_connect_session();
}

static void do_open(char *rest)
{
    (void)rest;
    play.seen = 0;
    bench_open_session();
}

static void do_reset(char *rest)
{
    (void)rest;
    play.seen = 0;
    bench_reset();
}

static void do_refuse(char *rest)
{
    play.seen = 0;
    bench_refuse_one(rest, 1);
}

static void do_after(char *rest)
{
    play.after = strtol(rest, NULL, 10);
}

static void do_secured(char *rest)
{
    play.seen = 0;
    bench.order = session_secured(&bench.session, rest);
}

static void do_broken(char *rest)
{
    static const char *const ways[] = {[SESSION_BROKEN_SILENT] = "silent",
                                       [SESSION_BROKEN_CLOSED] = "closed",
                                       [SESSION_BROKEN_FOREIGN] = "foreign"};
    char *why = strchr(rest, ' ');

    if (why == NULL) {
        FAIL("%s", "broken WAY SENTENCE");
        return;
    }
    *why++ = '\0';
    bench.order = session_broken(&bench.session, (enum session_break)PLACE(rest, ways), why);
}

static void do_expect_action(char *rest)
{
    static const char *const actions[] = {[SESSION_LISTEN] = "listen",
                                          [SESSION_SEND] = "send",
                                          [SESSION_SECURE] = "secure",
                                          [SESSION_CLOSE] = "close"};

    if (bench.order->action != (enum session_action)PLACE(rest, actions)) {
        FAIL("the client does %s", actions[bench.order->action]);
    }
}

static void do_helo_name(char *rest)
{
    static char name[DOMAIN_SIZE];

    (void)snprintf(name, sizeof(name), "%s", rest);
    bench.settings.helo = name;
}

/* Techniques that are left, each with a blank before it. */
static void do_leave_only(char *rest)
{
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        bench.battery.queue.rows[i] = BATTERY_DONE;
    }
    char *left = NULL;
    for (char *id = strtok_r(rest, " ", &left); id != NULL; id = strtok_r(NULL, " ", &left)) {
        bench.battery.queue.rows[bench_result_of(id) - bench.result.techniques] = BATTERY_WAITING;
    }
}

/* To the claim of this technique, on a connection of its own; whatever comes before it is refused,
 * and so is each other claim. The server offers what `hello` says. */
static void do_come_to(char *rest)
{
    while (battery_has_work(&bench.battery)) {
        bench_connect_session();
        bench_answer("220 mx.example.org ESMTP");
        bench_answer(bench.ehlo);
        while (strncmp(bench.order->line, "QUIT", 4) != 0) {
            play.seen = 0;
            if (session_is_special(&bench.session) && bench.session.has_task &&
                strcmp(bench.session.task.into->technique->id, rest) == 0) {
                return;
            }
            bench_answer(bench.session.state == SESSION_RCPT    ? DENIED
                         : bench.session.state == SESSION_CLAIM ? "550 5.7.0 no"
                                                                : "250 ok");
        }
    }
    FAIL("%s is never asked", rest);
}

static void do_dial(char *rest)
{
    (void)rest;
    session_begin(&bench.session, &bench.battery, NULL);
}

static void do_filter(char *rest)
{
    (void)rest;
    bench_meet_filter();
}

static void do_seen_as(char *rest)
{
    static char client[ADDRESS_TEXT_SIZE];
    char *trusted = strchr(rest, ' ');

    if (trusted != NULL) {
        *trusted = '\0';
        bench.permission = PERMISSION_TRUSTED_NETWORK;
    }
    (void)snprintf(client, sizeof(client), "%s", rest);
    bench.client = client;
}

/* The filter's word on the command that carries the token. */
static void do_filter_says(char *rest)
{
    static const char *const whats[] = {"hello", "ask", "vouch"};
    size_t what = PLACE(rest, whats);
    const struct session *session = &bench.session;

    play.seen = 0;
    bench_observe(what == 0 ? OBSERVATION_HELLO : OBSERVATION_ASK,
                  what == 0   ? session->filter.asker.path
                  : what == 1 ? session->task.envelope.recipient
                              : session->filter.vouch);
}

/* Where the techniques stand in the way, as if they had taught us. */
static void do_connection_refusals(char *rest)
{
    bench.battery.connection_refusals = (unsigned int)strtoul(rest, NULL, 10);
}

static void do_max_refusals(char *rest)
{
    bench.settings.max_refusals = (unsigned int)strtoul(rest, NULL, 10);
}

static void do_bare(char *rest)
{
    (void)rest;
    bench.battery.bare = true;
}

/* ---- what comes of it -------------------------------------------------------------------- */

static bool yes(const char *word)
{
    static const char *const words[] = {"no", "yes"};

    return PLACE(word, words) == 1;
}

static void expect_flag(const char *name, bool is, const char *wanted)
{
    if (is != yes(wanted)) {
        FAIL("%s is %s", name, is ? "yes" : "no");
    }
}

static void expect_text(const char *name, const char *is, const char *wanted)
{
    if (strcmp(is, wanted) != 0) {
        FAIL("%s is %s", name, is);
    }
}

static void do_work(char *rest)
{
    expect_flag("work", battery_has_work(&bench.battery), rest);
}

static void do_another_reply(char *rest)
{
    expect_flag("another-reply", session_expects_another(&bench.session), rest);
}

/* Beside a common connection, or a special one. */
static void do_company(char *rest)
{
    static const char *const kinds[] = {"beside-special", "beside-common"};
    char *wanted = strchr(rest, ' ');

    if (wanted == NULL) {
        FAIL("%s", "company KIND yes|no");
        return;
    }
    *wanted++ = '\0';
    expect_flag("company", battery_wants_company(&bench.battery, PLACE(rest, kinds) == 1), wanted);
}

static void do_trouble(char *rest)
{
    if (strstr(bench.result.trouble, rest) == NULL) {
        FAIL("trouble is %s", bench.result.trouble);
    }
}

static char *value_of(char *rest)
{
    char *value = strchr(rest, ' ');

    if (value == NULL) {
        return rest + strlen(rest);
    }
    *value = '\0';
    return value + 1;
}

static void do_result(char *rest)
{
    static const char *const reaches[] = {
        [REACH_NO_ADDRESS] = "no-address", [REACH_PRIVATE] = "private",
        [REACH_NO_CONNECT] = "no-connect", [REACH_NO_GREETING] = "no-greeting",
        [REACH_NO_SESSION] = "no-session", [REACH_NO_TLS] = "no-tls",
        [REACH_NO_CLAIM] = "no-claim",     [REACH_SESSION] = "session"};
    const struct endpoint_result *result = &bench.result;
    const struct {
        const char *name;
        const char *is;
    } texts[] = {
        {"reach", reaches[result->reach]},
        {"tls", tls_words[result->tls]},
        {"tls_protocol", result->tls_protocol},
        {"tls_trouble", result->tls_trouble},
        {"trouble", result->trouble},
        {"banner", result->banner},
        {"capability0", result->capability_count > 0 ? result->capabilities[0] : ""},
        {"capability1", result->capability_count > 1 ? result->capabilities[1] : ""},
        {"capability2", result->capability_count > 2 ? result->capabilities[2] : ""},
    };
    const struct {
        const char *name;
        bool is;
    } flags[] = {
        {"greeting_closing", result->greeting_closing},
        {"greeting_names_client", result->greeting_names_client},
        {"starttls_offered", result->starttls_offered},
        {"cut_off", result->cut_off},
        {"refusals_used_up", result->refusals_used_up},
        {"proxied", result->proxied},
        {"unverified", result->milter.unverified},
        {"observed", result->milter.observed},
    };
    const char *wanted = value_of(rest);

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].name, rest) == 0) {
            expect_text(rest, texts[i].is, wanted);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(flags[i].name, rest) == 0) {
            expect_flag(rest, flags[i].is, wanted);
            return;
        }
    }
    FAIL("a result has no %s", rest);
}

static void do_count(char *rest)
{
    const struct {
        const char *name;
        size_t is;
    } counts[] = {
        {"asks", bench.result.milter.asks},
        {"granted", bench.result.milter.granted},
        {"passed", bench.result.milter.passed},
        {"accepted", bench.session.filter.accepted},
        {"refusals", bench.battery.refusals},
        {"reserved", bench.battery.reserved},
        {"refusals-here", bench.session.pace.refusals},
        {"capabilities", bench.result.capability_count},
    };
    const char *wanted = value_of(rest);

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (strcmp(counts[i].name, rest) == 0) {
            if (counts[i].is != strtoul(wanted, NULL, 10)) {
                FAIL("%s is %zu", rest, counts[i].is);
            }
            return;
        }
    }
    FAIL("there is no count of %s", rest);
}

static void do_client_has(char *rest)
{
    if (strstr(bench.order->line, rest) == NULL) {
        FAIL("the client says %s", bench.order->line);
    }
}

static void do_client_lacks(char *rest)
{
    if (strstr(bench.order->line, rest) != NULL) {
        FAIL("the client says %s", bench.order->line);
    }
}

static void do_text_has(char *rest)
{
    const char *wanted = value_of(rest);

    if (strstr(bench_result_of(rest)->text, wanted) == NULL) {
        FAIL("its text is %s", bench_result_of(rest)->text);
    }
}

static void do_technique(char *rest)
{
    char *member = value_of(rest);
    const char *wanted = value_of(member);
    const struct technique_result *row = bench_result_of(rest);
    char code[16];

    (void)snprintf(code, sizeof(code), "%d", row->code);
    const struct {
        const char *name;
        const char *is;
    } texts[] = {{"outcome", outcome_name(row->outcome)},
                 {"control", outcome_name(row->control)},
                 {"text", row->text},
                 {"sender", row->sender},
                 {"recipient", row->recipient},
                 {"helo", row->helo},
                 {"code", code}};
    const struct {
        const char *name;
        bool is;
    } flags[] = {{"asked", row->asked},
                 {"absent", row->absent},
                 {"unconfirmed", row->unconfirmed},
                 {"control_asked", row->control_asked},
                 {"at_mail", row->at_mail},
                 {"at_claim", row->at_claim},
                 {"ask", row->ask},
                 {"observed", row->observed},
                 {"cut", row->cut},
                 {"hung_up", row->hung_up}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].name, member) == 0) {
            expect_text(member, texts[i].is, wanted);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(flags[i].name, member) == 0) {
            expect_flag(member, flags[i].is, wanted);
            return;
        }
    }
    FAIL("a technique's result has no %s", member);
}

/* ---- a file ------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    void (*act)(char *rest);
} words[] = {
    {"server", do_server},
    {"connect", do_connect},
    {"open", do_open},
    {"S:", do_server_says},
    {"C:", do_client_says},
    {"C=", do_client_says_exactly},
    {"C.", do_client_is_done},
    {"hello", do_hello},
    {"answer-hello", do_answer_hello},
    {"reset", do_reset},
    {"refuse", do_refuse},
    {"after", do_after},
    {"secured", do_secured},
    {"broken", do_broken},
    {"client", do_expect_action},
    {"helo-name", do_helo_name},
    {"work", do_work},
    {"trouble-has", do_trouble},
    {"leave-only", do_leave_only},
    {"come-to", do_come_to},
    {"dial", do_dial},
    {"another-reply", do_another_reply},
    {"company", do_company},
    {"filter", do_filter},
    {"seen-as", do_seen_as},
    {"filter-says", do_filter_says},
    {"connection-refusals", do_connection_refusals},
    {"max-refusals", do_max_refusals},
    {"bare", do_bare},
    {"count", do_count},
    {"C-has", do_client_has},
    {"C-lacks", do_client_lacks},
    {"text-has", do_text_has},
    {"result", do_result},
    {"technique", do_technique},
};

static void take_line(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#') {
        return;
    }
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0') {
        *rest++ = '\0';
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].word, line) == 0) {
            words[i].act(rest);
            return;
        }
    }
    FAIL("no such word: %s", line);
}

static void play_file(void **state)
{
    char line[TEXT_SIZE];

    memset(&play, 0, sizeof(play));
    play.path = *state;
    FILE *file = fopen(play.path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        play.number++;
        take_line(line);
    }
    assert_string_equal(play.reply, "");
    assert_int_equal(fclose(file), 0);
}

int main(void)
{
    static struct CMUnitTest tests[CASES_MAX];
    glob_t files;
    size_t count = 0;

    if (glob(FOLDER "*.txt", 0, NULL, &files) != 0) {
        (void)fprintf(stderr, "%s has no dialogue\n", FOLDER);
        return 1;
    }
    for (; count < files.gl_pathc && count < CASES_MAX; count++) {
        tests[count] = (struct CMUnitTest){.name = files.gl_pathv[count] + strlen(FOLDER),
                                           .test_func = play_file,
                                           .initial_state = files.gl_pathv[count]};
    }
    int failed = _cmocka_run_group_tests("dialogues", tests, count, NULL, NULL);
    globfree(&files);
    return failed;
}
