/* lib/http: whatever a client sends, it gets one whole answer or none, with the headers that a
 * browser needs; the same however it is cut into pieces; and every place is free again. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/http/http_connection.h"
#include "tests/fuzz/fuzz.h"

#define ANSWER_SIZE (64 * 1024)
#define SENT_MAX    ((size_t)16 * 1024) /* a socket holds it, whether or not it is read */

static char *named[] = {(char[]){"status.example.org"}};
static const struct http_settings settings = {.names = named, .name_count = 1};

/* No text has a control character in it by the time that it is asked about. */
static void check_text(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        FUZZ_MUST(!iscntrl((unsigned char)*at));
    }
}

static enum http_status answer(const struct http_request *request, FILE *out, void *user)
{
    char target[64] = "";

    (void)user;
    check_text(request->path);
    check_text(request->host);
    check_text(request->query);
    FUZZ_MUST(request->path[0] == '/');
    FUZZ_MUST(request->method != HTTP_OTHER);
    FUZZ_MUST(strpbrk(request->host, "/?#@\\ ") == NULL);
    if (!http_request_parameter(request, "target", target, sizeof(target))) {
        return HTTP_BAD_REQUEST;
    }
    check_text(target);
    fprintf(out, "%zu\n", strlen(target));
    return HTTP_OK;
}

static const struct http_route routes[] = {
    {.path = "/probe", .quick = true, .type = HTTP_TYPE_METRICS, .answer = answer},
    {.path = "/endpoint/", .prefix = true, .quick = true, .type = HTTP_TYPE_HTML, .answer = answer},
    {.path = NULL},
};

/* The answer, ended by a NUL; without the time. */
static size_t ask(struct http_door *door, const char *octets, size_t length, size_t piece,
                  char out[ANSWER_SIZE])
{
    int ends[2];
    size_t got = 0;
    ssize_t count;

    FUZZ_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    http_connection_begin(door, ends[0]);
    FUZZ_MUST(door->count == 1);
    for (size_t at = 0; at < length && door->count == 1; at += piece) {
        const size_t now = length - at < piece ? length - at : piece;
        if (send(ends[1], octets + at, now, MSG_NOSIGNAL) < 0) {
            break;
        }
        FUZZ_MUST(event_base_loop(door->base, EVLOOP_NONBLOCK) >= 0);
    }
    (void)shutdown(ends[1], SHUT_WR);
    while (door->count > 0) {
        FUZZ_MUST(event_base_loop(door->base, EVLOOP_ONCE) >= 0);
    }
    while (got < ANSWER_SIZE - 1 &&
           (count = recv(ends[1], out + got, ANSWER_SIZE - 1 - got, 0)) > 0) {
        got += (size_t)count;
    }
    close(ends[1]);
    out[got] = '\0';
    char *date = strstr(out, "\r\nDate: ");
    if (date != NULL) {
        memset(date + 8, '-', strcspn(date + 8, "\r"));
    }
    return got;
}

static void check_answer(const char *answered, size_t length)
{
    static const char *const headers[] = {
        "\r\nContent-Security-Policy: default-src 'none'",
        "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nCache-Control: no-store\r\n",
        "\r\nConnection: close\r\n",
        "\r\nServer: fuzz\r\n",
    };
    const char *end = strstr(answered, "\r\n\r\n");

    FUZZ_MUST(strlen(answered) == length);
    FUZZ_MUST(end != NULL && strncmp(answered, "HTTP/1.1 ", 9) == 0);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        const char *found = strstr(answered, headers[i]);
        FUZZ_MUST(found != NULL && found < end);
    }
    const long status = strtol(answered + 9, NULL, 10);
    FUZZ_MUST((status == 405) == (strstr(answered, "\r\nAllow: GET, HEAD\r\n") != NULL));
    const char *said = strstr(answered, "\r\nContent-Length: ");
    FUZZ_MUST(said != NULL && said < end);
    const size_t body = length - (size_t)(end + 4 - answered);
    FUZZ_MUST(body == 0 || body == strtoul(said + 18, NULL, 10));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct http_door door;
    static char whole[ANSWER_SIZE];
    static char cut[ANSWER_SIZE];
    struct fuzz_input input = {bytes, length};
    const size_t piece = (size_t)fuzz_byte(&input) + 1;
    size_t sent;

    if (door.base == NULL) {
        door.pages = (struct http_pages){.program = "fuzz", .routes = routes};
        door.base = event_base_new();
        door.names = http_names_new(&settings);
        FUZZ_MUST(door.base != NULL && door.names != NULL);
    }
    char *octets = fuzz_rest(&input, &sent);
    if (sent <= SENT_MAX) {
        const size_t got = ask(&door, octets, sent, SENT_MAX, whole);
        if (got > 0) {
            check_answer(whole, got);
        }
        /* The part after an answer that was given early may be cut off. */
        FUZZ_MUST(ask(&door, octets, sent, piece, cut) == got && strcmp(whole, cut) == 0);
    }
    free(octets);
    return 0;
}
