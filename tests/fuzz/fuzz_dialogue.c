/*
 * probe/smtp/client/client.c and all that is under it: whatever a server does, what is said to it
 * is SMTP and no message, the end comes in time, and the verdict follows from the answers.
 *
 * The transport is this program's own: a clock that only this program moves, and connections whose
 * other end is the input. An octet of it chooses what happens next; see `acts`.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/judge/posture.h"
#include "probe/judge/verdict.h"
#include "probe/net/transport.h"
#include "probe/report/report.h"
#include "probe/smtp/client/client.h"
#include "tests/fuzz/fuzz.h"

#define TIMERS_MAX      16
#define CONNECTIONS_MAX 4
#define ENDPOINT_MS     35000
#define COMMAND_MAX     1024 /* octets of a command, with parameters */
#define CALLS_MAX       500  /* connections in one dialogue */

/* ---- the transport ----------------------------------------------------------------------- */

struct loop {
    int64_t now;
    struct loop_timer *timers[TIMERS_MAX];
};

struct loop_timer {
    struct loop *loop;
    void (*due)(void *user);
    void *user;
    int64_t deadline; /* -1: not set */
};

enum phase {
    PHASE_OPENING,
    PHASE_OPEN,
    PHASE_SECURING,
    PHASE_FAILED,
};

struct transport {
    const struct transport_listener *listener;
    void *user;
    enum phase phase;
};

static struct {
    struct loop loop;
    struct transport *connections[CONNECTIONS_MAX];
    unsigned int calls;
    unsigned int at_once; /* allowed */
    uint8_t refuse; /* which attempts to connect or to begin TLS fail at once: a mask by number */
    unsigned int finished;
} world;

int64_t loop_now(const struct loop *loop)
{
    return loop->now;
}

unsigned long loop_faults(const struct loop *loop)
{
    (void)loop;
    return 0;
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*due)(void *user), void *user)
{
    struct loop_timer *timer = fuzz_alloc(sizeof(*timer));

    *timer = (struct loop_timer){loop, due, user, -1};
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        if (loop->timers[i] == NULL) {
            loop->timers[i] = timer;
            return timer;
        }
    }
    fuzz_fail(__FILE__, __LINE__, "more timers than a dialogue needs");
}

int loop_timer_set(struct loop_timer *timer, int64_t deadline)
{
    timer->deadline = deadline < 0 ? 0 : deadline;
    return 0;
}

/* The world has descriptors and memory enough. */
bool transport_is_limited(const struct transport *connection)
{
    (void)connection;
    return false;
}

void loop_timer_clear(struct loop_timer *timer)
{
    timer->deadline = -1;
}

void loop_timer_free(struct loop_timer *timer)
{
    for (size_t i = 0; timer != NULL && i < TIMERS_MAX; i++) {
        if (timer->loop->timers[i] == timer) {
            timer->loop->timers[i] = NULL;
        }
    }
    free(timer);
}

/* A PROXY header of the first or second version, and nothing behind it. */
static void check_preamble(const char *preamble, size_t length)
{
    static const char second[] = "\r\n\r\n\0\r\nQUIT\n";

    FUZZ_MUST(length <= TRANSPORT_PREAMBLE_MAX);
    if (length > 0 && preamble[0] == 'P') {
        FUZZ_MUST(length > 8 && memcmp(preamble, "PROXY ", 6) == 0);
        FUZZ_MUST(memchr(preamble, '\n', length) == preamble + length - 1);
    } else if (length > 0) {
        FUZZ_MUST(length > 16 && memcmp(preamble, second, sizeof(second) - 1) == 0);
        FUZZ_MUST((size_t)((uint8_t)preamble[14] << 8 | (uint8_t)preamble[15]) + 16 == length);
    }
}

static size_t open_connections(void)
{
    size_t count = 0;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        count += world.connections[i] != NULL;
    }
    return count;
}

struct transport *transport_open(struct loop *loop, const struct transport_request *request,
                                 char error[TRANSPORT_ERROR_SIZE])
{
    size_t i = 0;

    FUZZ_MUST(loop == &world.loop && world.calls++ < CALLS_MAX);
    FUZZ_MUST(open_connections() < world.at_once);
    if ((world.refuse >> world.calls % 4 & 1) != 0 && world.calls % 3 == 0) {
        snprintf(error, TRANSPORT_ERROR_SIZE, "Network is unreachable");
        *request->fault = (enum transport_fault)(world.calls % 3);
        return NULL;
    }
    check_preamble(request->preamble, request->preamble_length);
    struct transport *connection = fuzz_alloc(sizeof(*connection));
    *connection = (struct transport){request->listener, request->user, PHASE_OPENING};
    while (world.connections[i] != NULL) {
        i++;
    }
    world.connections[i] = connection;
    return connection;
}

void transport_close(struct transport *connection)
{
    for (size_t i = 0; connection != NULL && i < CONNECTIONS_MAX; i++) {
        if (world.connections[i] == connection) {
            world.connections[i] = NULL;
        }
    }
    free(connection);
}

/* One command, with nothing in it that could be read as another, and none that begins a message. */
static void check_command(const char *line, size_t length)
{
    static const char *const verbs[] = {
        "EHLO ",           "HELO ", "MAIL FROM:", "RCPT TO:", "XCLIENT ",
        "AUTH ANONYMOUS ", "RSET",  "QUIT",       "STARTTLS"};
    bool known = false;

    FUZZ_MUST(length >= 6 && length <= COMMAND_MAX && line[length - 2] == '\r');
    for (size_t i = 0; i + 2 < length; i++) {
        FUZZ_MUST(line[i] >= ' ' && line[i] <= '~');
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        known = known || strncmp(line, verbs[i], strlen(verbs[i])) == 0;
    }
    FUZZ_MUST(known);
}

int transport_write(struct transport *connection, const char *bytes, size_t length)
{
    FUZZ_MUST(connection->phase == PHASE_OPEN || connection->phase == PHASE_FAILED);
    FUZZ_MUST(length > 0 && bytes[length - 1] == '\n');
    while (length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t line = (size_t)(end - bytes) + 1;
        check_command(bytes, line);
        bytes += line;
        length -= line;
    }
    return (world.refuse & 0x80) != 0 && world.calls % 5 == 4 ? -1 : 0;
}

int transport_start_tls(struct transport *connection, char error[TRANSPORT_ERROR_SIZE])
{
    FUZZ_MUST(connection->phase == PHASE_OPEN);
    if ((world.refuse & 0x40) != 0) {
        snprintf(error, TRANSPORT_ERROR_SIZE, "The server sent bytes before TLS");
        return -1;
    }
    connection->phase = PHASE_SECURING;
    return 0;
}

const char *transport_certificate_fault(const struct transport *connection,
                                        char out[TRANSPORT_CERTIFICATE_SIZE])
{
    (void)connection;
    out[0] = '\0';
    return out;
}

struct address transport_source(const struct transport *connection)
{
    struct address source = {.family = ADDRESS_IPV4, .octets = {198, 51, 100, 7}};

    FUZZ_MUST(connection != NULL);
    return source;
}

/* ---- what a server does ------------------------------------------------------------------ */

/* So that a short input gets far. */
static const char *const said[] = {
    "220 mx.example.org ESMTP\r\n",
    "250-mx.example.org\r\n250-PIPELINING\r\n250-DSN\r\n250-AUTH PLAIN\r\n250 SMTPUTF8\r\n",
    "250-mx.example.org\r\n250-STARTTLS\r\n250 PIPELINING\r\n",
    "250 2.1.0 Ok\r\n",
    "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n",
    "554 5.7.1 <canary@outside.example.net>: Relay access denied\r\n",
    "250 2.1.0 Ok\r\n554 5.7.1 <canary@outside.example.net>: Relay access denied\r\n",
    "450 4.2.0 Greylisted\r\n",
    "421 4.3.2 closing\r\n",
    "553 5.1.8 <canary@outside.example.net>: Sender address rejected\r\n",
    "250 mx.example.org\r\n",
    "502 5.5.1 Command not implemented\r\n",
    "250-mx\r\n250-PIPELINING\r\n250-AUTH ANONYMOUS\r\n250 XCLIENT NAME ADDR PROTO HELO LOGIN\r\n",
    "220 mx.example.org ESMTP\r\n250 2.0.0 Ok\r\n",
    "235 2.7.0 welcome\r\n",
};
#define SAID (sizeof(said) / sizeof(said[0]))

static void deliver(struct transport *connection, const uint8_t *bytes, size_t length)
{
    if (connection->phase != PHASE_OPEN || length == 0) {
        return;
    }
    char *copy = fuzz_alloc(length);
    memcpy(copy, bytes, length);
    connection->listener->bytes(connection->user, copy, length);
    free(copy);
}

/* Brings about the event that the connection waits for. */
static void proceed(struct transport *connection)
{
    enum phase phase = connection->phase;

    if (phase == PHASE_OPENING || phase == PHASE_SECURING) {
        connection->phase = PHASE_OPEN;
    }
    if (phase == PHASE_OPENING) {
        connection->listener->connected(connection->user);
    } else if (phase == PHASE_SECURING) {
        connection->listener->secured(connection->user, "TLSv1.3 TLS_AES_256_GCM_SHA384");
    }
}

static void fail(struct transport *connection)
{
    if (connection->phase != PHASE_FAILED) {
        connection->phase = PHASE_FAILED;
        connection->listener->failed(connection->user, "Connection reset by peer");
    }
}

static void pass_time(int64_t until)
{
    for (;;) {
        struct loop_timer *next = NULL;
        for (size_t i = 0; i < TIMERS_MAX; i++) {
            struct loop_timer *timer = world.loop.timers[i];
            if (timer != NULL && timer->deadline >= 0 &&
                (next == NULL || timer->deadline < next->deadline)) {
                next = timer;
            }
        }
        if (next == NULL || next->deadline > until) {
            break;
        }
        if (next->deadline > world.loop.now) {
            world.loop.now = next->deadline;
        }
        next->deadline = -1;
        next->due(next->user);
        if (world.finished > 0) {
            return;
        }
    }
    if (until > world.loop.now) {
        world.loop.now = until;
    }
}

static struct transport *choose(uint8_t which)
{
    size_t skip = open_connections() > 1 ? which & 1 : 0;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (world.connections[i] != NULL && skip-- == 0) {
            return world.connections[i];
        }
    }
    return NULL;
}

/* The lowest bit chooses the connection, the rest the act: below SAID a reply of the table, then
 * octets of the input, a failure, time; anything else lets what is waited for come about. */
static void act(struct fuzz_input *input)
{
    uint8_t octet = fuzz_byte(input);
    struct transport *connection = choose(octet);
    size_t act = octet >> 1;

    if (connection == NULL || act == SAID + 2) {
        pass_time(world.loop.now + (int64_t)fuzz_byte(input) * 100);
    } else if (connection->phase != PHASE_OPEN && act != SAID + 1) {
        proceed(connection);
    } else if (act < SAID) {
        deliver(connection, (const uint8_t *)said[act], strlen(said[act]));
    } else if (act == SAID + 1) {
        fail(connection);
    } else {
        size_t length = fuzz_byte(input);
        length = length < input->left ? length : input->left;
        const uint8_t *bytes = input->at;
        input->at += length;
        input->left -= length;
        deliver(connection, bytes, length);
    }
}

/* ---- what comes of it -------------------------------------------------------------------- */

static void on_finished(struct client *dialogue, void *user)
{
    FUZZ_MUST(dialogue != NULL && user == &world && world.finished == 0);
    world.finished++;
}

static void check_technique(const struct technique_result *row)
{
    FUZZ_MUST(row->technique != NULL && row->outcome <= OUTCOME_CLOSING);
    FUZZ_MUST(row->text == NULL || fuzz_is_shown(row->text, false));
    FUZZ_MUST(row->asked || row->code == 0);
    if (row->asked && row->outcome == OUTCOME_ACCEPTED) {
        FUZZ_MUST(row->code / 100 == 2 && row->code != 221 && !row->at_mail);
    }
    if (row->control_asked) {
        FUZZ_MUST(row->technique->form == TECHNIQUE_MAILBOX && row->control <= OUTCOME_CLOSING);
    }
}

/* The verdict has its grounds. From inside, what may have been taken for local mail is none. */
static void check_verdict(const struct endpoint_result *result, bool inside)
{
    const struct technique_result *plain = &result->techniques[0];
    bool accepted = false;
    bool as_local = false;

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *row = &result->techniques[i];
        bool here = row->asked && row->outcome == OUTCOME_ACCEPTED;
        check_technique(row);
        accepted = accepted || (here && row->technique->form == TECHNIQUE_PLAIN);
        as_local = as_local || (here && row->technique->form == TECHNIQUE_MAILBOX);
    }
    FUZZ_MUST(result->verdict <= VERDICT_UNREACHABLE);
    FUZZ_MUST(strcmp(plain->technique->id, "plain") == 0);
    if (result->verdict == VERDICT_OPEN) {
        FUZZ_MUST((accepted || as_local) && result->proof == PROOF_RCPT);
        FUZZ_MUST(result->reach == REACH_SESSION);
    }
    if (result->verdict == VERDICT_CLOSED) {
        FUZZ_MUST(plain->asked && !accepted && (inside || !as_local));
        FUZZ_MUST(plain->outcome == OUTCOME_RELAY_DENIED ||
                  plain->outcome == OUTCOME_AUTH_REQUIRED);
    }
    FUZZ_MUST(fuzz_is_shown(result->why, false) && fuzz_is_shown(result->trouble, false));
    FUZZ_MUST(fuzz_is_shown(result->banner, false) && fuzz_is_shown(result->fix.text, false));
    for (size_t i = 0; i < result->finding_count; i++) {
        FUZZ_MUST(fuzz_is_shown(result->findings[i].why, false));
        FUZZ_MUST(fuzz_is_shown(result->findings[i].key, false));
    }
}

/* Writes as a report does: all in one when it is for programs, shown to people else. */
static void check_report(const struct audit_summary *summary, bool json)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    if (stream != NULL) {
        if (json) {
            FUZZ_MUST(report_json(stream, summary));
        } else {
            report_status_line(stream, summary);
            report_text(stream, summary, &(struct report_look){.verbose = true});
        }
        fclose(stream);
    }
    FUZZ_MUST(text != NULL && strlen(text) == length && length > 0);
    FUZZ_MUST(fuzz_is_shown(text, true));
    if (json) {
        json_t *object = json_loads(text, 0, NULL);
        FUZZ_MUST(json_is_object(object));
        json_decref(object);
    }
    free(text);
}

static void set_endpoint(struct endpoint *endpoint, uint8_t what)
{
    static const enum tls_mode modes[] = {TLS_AUTO, TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT};

    snprintf(endpoint->target, sizeof(endpoint->target), "mx");
    snprintf(endpoint->host, sizeof(endpoint->host), "%s",
             (what & 4) != 0 ? "203.0.113.25" : "mx.example.org");
    snprintf(endpoint->own, sizeof(endpoint->own), "example.org");
    FUZZ_MUST(address_parse("203.0.113.25", &endpoint->address));
    endpoint->port = 25;
    endpoint->tls_asked = modes[what % 4];
    endpoint->configured = (what & 8) != 0;
}

/* Octets of the input up to the act that ends a round, then silence. */
static void converse(struct fuzz_input *input, const struct client_request *request)
{
    memset(&world.loop.timers, 0, sizeof(world.loop.timers));
    world.finished = 0;
    world.calls = 0;
    struct client *dialogue = client_start(&world.loop, request);
    int64_t end = world.loop.now + ENDPOINT_MS + 2000;

    FUZZ_MUST(dialogue != NULL && world.finished == 0);
    while (input->left > 0 && world.finished == 0 && *input->at >> 1 != SAID + 3) {
        act(input);
    }
    (void)fuzz_byte(input);
    pass_time(end);
    FUZZ_MUST(world.finished == 1 && world.loop.now <= end);
    client_free(dialogue);
    FUZZ_MUST(open_connections() == 0);
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        FUZZ_MUST(world.loop.timers[i] == NULL);
    }
}

static const struct site *nobodys_site(void)
{
    static struct site *site;

    if (site == NULL) {
        struct site_settings declared = {.domains = domainset_new()};
        site = site_new(&declared);
        FUZZ_MUST(site != NULL);
    }
    return site;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct endpoint_result result;
    struct fuzz_input input = {bytes, length};
    uint8_t what = fuzz_byte(&input);
    uint8_t how = fuzz_byte(&input);
    const struct vantage_known vantage = {(how & 8) != 0 ? VANTAGE_INSIDE : VANTAGE_OUTSIDE,
                                          nobodys_site()};
    const struct client_settings settings = {
        .battery = {.helo = (how & 1) != 0 ? "" : "probe.example.net",
                    .canary = "canary@outside.example.net",
                    .max_refusals = (how & 2) != 0 ? 5 : 64,
                    .vantage = vantage},
        .wait_ms = {[SESSION_WAIT_CONNECT] = 10000,
                    [SESSION_WAIT_GREETING] = 20000,
                    [SESSION_WAIT_REPLY] = 20000,
                    [SESSION_WAIT_QUIT] = 1000,
                    [SESSION_WAIT_SILENCE] = 3000,
                    [SESSION_WAIT_PROXIED] = 5000},
        .endpoint_ms = ENDPOINT_MS,
    };
    struct client_request request = {
        .settings = &settings,
        .connections = (how & 4) != 0 ? 1 : 2,
        .result = &result,
        .finished = on_finished,
        .user = &world,
    };

    memset(&result, 0, sizeof(result));
    memset(&world, 0, sizeof(world));
    world.loop.now = 1000;
    world.at_once = request.connections;
    world.refuse = how & 0xF0;
    set_endpoint(&result.endpoint, what);
    converse(&input, &request);
    if (input.left > 0) {
        request.round = CLIENT_AGAIN;
        converse(&input, &request);
    }
    verdict_endpoint(&result, &vantage);
    FUZZ_MUST((how & 8) == 0 || result.verdict != VERDICT_OPEN);
    check_verdict(&result, (how & 8) != 0);
    const struct endpoint_result *const results[] = {&result};
    const struct audit_summary summary = {.results = results, .count = 1, .seconds = 1};
    check_report(&summary, false);
    check_report(&summary, true);
    result_free(&result);
    return 0;
}
