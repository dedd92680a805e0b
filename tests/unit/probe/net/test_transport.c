#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/net/transport.h"
#include "tests/unit/peer.h"

/* ---- the loop ---- */

struct ticks {
    struct loop *loop;
    struct loop_timer *timer;
    int64_t deadline;
    int count;
};

static void on_tick(void *user)
{
    struct ticks *ticks = user;

    assert_true(loop_now(ticks->loop) >= ticks->deadline);
    if (++ticks->count == 3) {
        loop_timer_free(ticks->timer); /* in its own callback */
        loop_break(ticks->loop);
        return;
    }
    ticks->deadline = loop_now(ticks->loop) + 7;
    assert_int_equal(loop_timer_set(ticks->timer, ticks->deadline), 0);
}

static void
a_timer_never_fires_before_its_deadline_and_can_be_set_and_freed_in_its_call(void **state)
{
    (void)state;
    struct ticks ticks = {.loop = loop_new()};

    ticks.timer = loop_timer_new(ticks.loop, on_tick, &ticks);
    ticks.deadline = loop_now(ticks.loop) + 5;
    assert_int_equal(loop_timer_set(ticks.timer, ticks.deadline), 0);
    assert_int_equal(loop_run(ticks.loop), 0);
    assert_int_equal(ticks.count, 3);
    loop_free(ticks.loop);
}

static void count_call(void *user)
{
    ++*(int *)user;
}

static void a_cleared_timer_does_not_fire(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    int calls = 0;
    struct loop_timer *timer = loop_timer_new(loop, count_call, &calls);

    loop_timer_set(timer, loop_now(loop) + 5);
    loop_timer_clear(timer);
    assert_int_equal(loop_run(loop), 0); /* nothing to wait for */
    assert_int_equal(calls, 0);
    loop_timer_free(timer);
    loop_free(loop);
}

struct pipe_watch {
    struct loop *loop;
    struct loop_watch *watch;
    unsigned int readiness;
};

static void on_pipe(int descriptor, unsigned int readiness, void *user)
{
    struct pipe_watch *pipe_watch = user;
    char byte;

    assert_int_equal(read(descriptor, &byte, 1), 1);
    pipe_watch->readiness = readiness;
    loop_watch_free(pipe_watch->watch); /* in its own callback */
    loop_break(pipe_watch->loop);
}

static void a_watch_tells_that_a_descriptor_is_readable(void **state)
{
    (void)state;
    struct pipe_watch seen = {.loop = loop_new()};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    seen.watch = loop_watch_new(seen.loop, ends[0], LOOP_READABLE, on_pipe, &seen);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(loop_run(seen.loop), 0);
    assert_int_equal(seen.readiness, LOOP_READABLE);
    close(ends[0]);
    close(ends[1]);
    loop_free(seen.loop);
}

static void break_loop(void *user)
{
    loop_break(user);
}

/* ---- connections ---- */

enum close_when {
    CLOSE_AT_END, /* by the test */
    CLOSE_WHEN_CONNECTED,
    CLOSE_AT_FIRST_BYTES,
};

struct client {
    struct loop *loop;
    struct transport *connection;
    struct loop_timer *patience;
    enum close_when close_when;
    bool tls_first;
    char *send;         /* when connected */
    char *send_secured; /* after the handshake */
    char *send_again;   /* after "again" */
    char received[4096];
    size_t length;
    size_t count_to; /* octets; 0: the end is another */
    size_t counted;
    bool connected;
    char secured[128];
    char failed[TRANSPORT_ERROR_SIZE];
    char upgrade_error[TRANSPORT_ERROR_SIZE];
};

static void end_client(struct client *client)
{
    transport_close(client->connection);
    client->connection = NULL;
    loop_break(client->loop);
}

static void begin_tls(struct client *client)
{
    if (transport_start_tls(client->connection, client->upgrade_error) != 0) {
        end_client(client);
    }
}

static void say(struct client *client, const char *text)
{
    if (text != NULL) {
        assert_int_equal(transport_write(client->connection, text, strlen(text)), 0);
    }
}

static void on_connected(void *user)
{
    struct client *client = user;

    client->connected = true;
    if (client->close_when == CLOSE_WHEN_CONNECTED) {
        end_client(client);
    } else if (client->tls_first) {
        begin_tls(client);
    } else {
        say(client, client->send);
    }
}

static void on_secured(void *user, const char *description)
{
    struct client *client = user;

    snprintf(client->secured, sizeof(client->secured), "%s", description);
    say(client, client->send_secured);
}

static void on_bytes(void *user, const char *bytes, size_t length)
{
    struct client *client = user;
    size_t room = sizeof(client->received) - 1 - client->length;

    memcpy(client->received + client->length, bytes, length < room ? length : room);
    client->length += length < room ? length : room;
    client->counted += length;
    if (client->close_when == CLOSE_AT_FIRST_BYTES ||
        (client->count_to > 0 && client->counted >= client->count_to) ||
        strstr(client->received, "inside\r\n") != NULL) {
        end_client(client);
    } else if (strncmp(client->received, "220 go", 6) == 0 && client->secured[0] == '\0') {
        begin_tls(client);
    } else if (strstr(client->received, "again\r\n") != NULL) {
        say(client, client->send_again);
    }
}

static void on_failed(void *user, const char *why)
{
    struct client *client = user;

    snprintf(client->failed, sizeof(client->failed), "%s", why);
    end_client(client);
}

static const struct transport_listener listener = {
    .connected = on_connected,
    .secured = on_secured,
    .bytes = on_bytes,
    .failed = on_failed,
};

/* Runs until the client ends, or 10 seconds. */
/* Only a hang lasts so long. On a machine with ten times more to do than it can, the longest of
 * these dialogues, some forty thousand TLS records, takes half a minute. */
#define HANG_MS 100000

static void run_client(struct client *client, uint16_t port, const char *source)
{
    struct transport_request request = {
        .port = port, .host = "mx.example.org", .listener = &listener, .user = client};
    char error[TRANSPORT_ERROR_SIZE] = "";

    client->loop = loop_new();
    assert_true(address_parse("127.0.0.1", &request.address));
    if (source != NULL) {
        assert_true(address_parse(source, &request.source));
    }
    client->patience = loop_timer_new(client->loop, break_loop, client->loop);
    loop_timer_set(client->patience, loop_now(client->loop) + HANG_MS);
    client->connection = transport_open(client->loop, &request, error);
    if (client->connection == NULL) {
        snprintf(client->failed, sizeof(client->failed), "%s", error);
    } else {
        loop_run(client->loop);
    }
}

static void free_client(struct client *client)
{
    transport_close(client->connection);
    loop_timer_free(client->patience);
    loop_free(client->loop);
}

static const char *answer_tls(const char *line, unsigned int connection, void *user)
{
    (void)connection;
    (void)user;
    return line[0] == '\0' || strcmp(line, "ping") == 0 ? "pong\r\n" : PEER_CLOSE;
}

static struct peer *start(const char *greeting,
                          const char *(*answer)(const char *, unsigned int, void *), void *user)
{
    const struct peer_script script = {.greeting = greeting, .answer = answer, .user = user};

    return peer_start(&script);
}

static void end(struct peer *peer)
{
    peer_stop(peer);
    peer_free(peer);
}

static void a_connection_tells_its_own_address_and_delivers_bytes(void **state)
{
    (void)state;
    struct peer *peer = start("hello\r\n", answer_tls, NULL);
    struct client client = {.close_when = CLOSE_AT_FIRST_BYTES};

    run_client(&client, peer_port(peer), NULL);
    assert_true(client.connected);
    assert_string_equal(client.received, "hello\r\n");
    free_client(&client);
    end(peer);
}

static struct address seen_source;

static void keep_source(void *user)
{
    struct client *client = user;

    seen_source = transport_source(client->connection);
    end_client(client);
}

static void the_source_address_can_be_chosen(void **state)
{
    (void)state;
    struct peer *peer = start(PEER_SILENT, answer_tls, NULL);
    const struct transport_listener keeping = {
        .connected = keep_source, .bytes = on_bytes, .failed = on_failed};
    struct client client = {.loop = loop_new()};
    struct transport_request request = {
        .port = peer_port(peer), .listener = &keeping, .user = &client};
    char error[TRANSPORT_ERROR_SIZE];
    char text[ADDRESS_TEXT_SIZE];

    assert_true(address_parse("127.0.0.1", &request.address));
    assert_true(address_parse("127.0.0.9", &request.source));
    client.connection = transport_open(client.loop, &request, error);
    assert_non_null(client.connection);
    loop_run(client.loop);
    assert_string_equal(address_format(&seen_source, text), "127.0.0.9");
    loop_free(client.loop);
    end(peer);
}

static void a_source_that_is_not_ours_is_named_in_the_error(void **state)
{
    (void)state;
    struct client client = {0};

    run_client(&client, 9, "192.0.2.77");
    assert_null(client.connection);
    assert_non_null(strstr(client.failed, "192.0.2.77"));
    free_client(&client);
}

static void a_refused_connection_fails_with_the_systems_reason(void **state)
{
    (void)state;
    struct peer *peer = start(PEER_SILENT, answer_tls, NULL);
    struct client client = {0};
    uint16_t port = peer_port(peer);

    end(peer);
    run_client(&client, port, NULL);
    assert_false(client.connected);
    assert_string_equal(client.failed, "Connection refused");
    free_client(&client);
}

static void a_close_and_a_reset_are_failures(void **state)
{
    (void)state;
    const char *const ways[] = {PEER_CLOSE, PEER_RESET};

    for (size_t i = 0; i < 2; i++) {
        struct peer *peer = start(ways[i], answer_tls, NULL);
        struct client client = {0};
        run_client(&client, peer_port(peer), NULL);
        assert_true(client.connected || client.failed[0] != '\0');
        assert_string_not_equal(client.failed, "");
        assert_null(client.connection);
        free_client(&client);
        end(peer);
    }
}

static void a_connection_can_be_closed_in_its_first_callback(void **state)
{
    (void)state;
    struct peer *peer = start("hello\r\n", answer_tls, NULL);
    struct client client = {.close_when = CLOSE_WHEN_CONNECTED};

    run_client(&client, peer_port(peer), NULL);
    assert_true(client.connected);
    assert_int_equal(client.length, 0);
    free_client(&client);
    end(peer);
}

static void implicit_tls_is_agreed_upon_with_a_self_signed_server_and_names_the_host(void **state)
{
    (void)state;
    struct peer *peer = start(PEER_HANDSHAKE, answer_tls, NULL);
    struct client client = {.tls_first = true, .close_when = CLOSE_AT_FIRST_BYTES};

    run_client(&client, peer_port(peer), NULL);
    assert_string_equal(client.failed, "");
    assert_memory_equal(client.secured, "TLSv1", 5);
    assert_string_equal(client.received, "pong\r\n");
    free_client(&client);
    peer_stop(peer);
    assert_string_equal(peer_server_name(peer), "mx.example.org");
    peer_free(peer);
}

static const char *answer_starttls(const char *line, unsigned int connection, void *user)
{
    (void)connection;
    (void)user;
    return strcmp(line, "STARTTLS") == 0 ? "220 go\r\n" : "inside\r\n";
}

static void a_connection_in_the_clear_is_upgraded(void **state)
{
    (void)state;
    struct peer *peer = start("", answer_starttls, NULL);
    struct client client = {.send = (char[]){"STARTTLS\r\n"}, .send_secured = (char[]){"x\r\n"}};

    run_client(&client, peer_port(peer), NULL);
    assert_string_equal(client.failed, "");
    assert_string_equal(client.upgrade_error, "");
    assert_memory_equal(client.secured, "TLSv1", 5);
    assert_string_equal(client.received, "220 go\r\ninside\r\n");
    free_client(&client);
    end(peer);
}

static void a_handshake_with_a_server_that_speaks_no_tls_says_why(void **state)
{
    (void)state;
    struct peer *peer = start("220 plain text\r\n", answer_tls, NULL);
    struct client client = {.tls_first = true};

    run_client(&client, peer_port(peer), NULL);
    assert_string_equal(client.secured, "");
    assert_non_null(strstr(client.failed, "TLS"));
    free_client(&client);
    end(peer);
}

static void a_server_that_closes_in_the_handshake_is_told_as_that(void **state)
{
    (void)state;
    struct peer *peer = start(PEER_CLOSE, answer_tls, NULL);
    struct client client = {.tls_first = true};

    run_client(&client, peer_port(peer), NULL);
    assert_string_equal(client.secured, "");
    assert_string_not_equal(client.failed, "");
    free_client(&client);
    end(peer);
}

/* Answers the greeting's turn in the way that `user` names. */
static const char *answer_in_tls(const char *line, unsigned int connection, void *user)
{
    (void)connection;
    return line[0] == '\0' ? *(const char *const *)user : "inside\r\n";
}

static void a_server_that_wants_a_second_handshake_gets_none(void **state)
{
    (void)state;
    const char *way = PEER_RENEGOTIATE;
    const struct peer_script script = {
        .greeting = PEER_HANDSHAKE, .answer = answer_in_tls, .user = &way, .old_tls = true};
    struct peer *peer = peer_start(&script);
    struct client client = {.tls_first = true, .send_again = (char[]){"x\r\n"}};

    run_client(&client, peer_port(peer), NULL);
    assert_memory_equal(client.secured, "TLSv1.2", 7);
    assert_memory_equal(client.received, "250 again", 9);
    free_client(&client);
    peer_stop(peer);
    assert_int_equal(peer_client_hellos(peer), 1);
    peer_free(peer);
}

static void handshake_messages_without_end_after_the_handshake_are_cut_off(void **state)
{
    (void)state;
    const char *const ways[] = {PEER_TICKETS, PEER_KEY_UPDATES};

    for (size_t i = 0; i < 2; i++) {
        const char *way = ways[i];
        struct peer *peer = start(PEER_HANDSHAKE, answer_in_tls, &way);
        struct client client = {.tls_first = true};
        run_client(&client, peer_port(peer), NULL);
        assert_memory_equal(client.secured, "TLSv1.3", 7);
        assert_non_null(strstr(client.failed, "more than any handshake needs"));
        free_client(&client);
        end(peer);
    }
}

static void long_talk_inside_tls_is_not_cut_off(void **state)
{
    (void)state;
    const char *way = PEER_FLOOD;
    struct peer *peer = start(PEER_HANDSHAKE, answer_in_tls, &way);
    /* Each line is a record of 32 octets: these are 1.25 MiB of them, past HANDSHAKE_MAX. */
    struct client client = {.tls_first = true, .count_to = (size_t)400 << 10};

    run_client(&client, peer_port(peer), NULL);
    assert_string_equal(client.failed, "");
    assert_true(client.counted >= client.count_to);
    free_client(&client);
    end(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_timer_never_fires_before_its_deadline_and_can_be_set_and_freed_in_its_call),
        cmocka_unit_test(a_cleared_timer_does_not_fire),
        cmocka_unit_test(a_watch_tells_that_a_descriptor_is_readable),
        cmocka_unit_test(a_connection_tells_its_own_address_and_delivers_bytes),
        cmocka_unit_test(the_source_address_can_be_chosen),
        cmocka_unit_test(a_source_that_is_not_ours_is_named_in_the_error),
        cmocka_unit_test(a_refused_connection_fails_with_the_systems_reason),
        cmocka_unit_test(a_close_and_a_reset_are_failures),
        cmocka_unit_test(a_connection_can_be_closed_in_its_first_callback),
        cmocka_unit_test(implicit_tls_is_agreed_upon_with_a_self_signed_server_and_names_the_host),
        cmocka_unit_test(a_connection_in_the_clear_is_upgraded),
        cmocka_unit_test(a_handshake_with_a_server_that_speaks_no_tls_says_why),
        cmocka_unit_test(a_server_that_closes_in_the_handshake_is_told_as_that),
        cmocka_unit_test(a_server_that_wants_a_second_handshake_gets_none),
        cmocka_unit_test(handshake_messages_without_end_after_the_handshake_are_cut_off),
        cmocka_unit_test(long_talk_inside_tls_is_not_cut_off),
    };

    signal(SIGPIPE, SIG_IGN);
    /* Under valgrind the two floods take two minutes, and would show what the other tests do. */
    if (getenv("RELAYWARDEN_FLOODS") != NULL) {
        cmocka_set_skip_filter("*cut_off");
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
