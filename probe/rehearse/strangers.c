#include "probe/rehearse/strangers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/other_domains.h"
#include "probe/net/transport.h"
#include "probe/smtp/client/client.h"

#define AT_ONCE    8
#define LOOK_MS    25
#define IMPLICIT   465
#define CONNECT_MS 5000
#define REPLY_MS   20000
#define QUIT_MS    250
/* A listener that may want a PROXY header or not: a fresh smtpd greets within 100 ms. */
#define DOUBTFUL_MS 1000
#define PROXIED_MS  5000
#define ENDPOINT_S  120
#define NO_LIMIT    1000000

/* One question while it is asked. */
struct asked {
    struct round *round;
    struct stranger_question *question;
    char helo[PLAYED_NAME_SIZE];
    struct client_settings settings;
    struct client *dialogue;
};

struct round {
    const struct strangers *strangers;
    struct stranger_question *questions;
    size_t count;
    size_t next;
    size_t under_way;
    struct loop *loop;
    struct loop_timer *look;
    struct asked asked[AT_ONCE];
    bool doomed;
    bool failed;
};

static void begin_next(struct round *round);

static void on_finished(struct client *dialogue, void *user)
{
    struct asked *asked = user;

    client_free(dialogue);
    asked->dialogue = NULL;
    asked->round->under_way--;
    begin_next(asked->round);
    if (asked->round->under_way == 0) {
        loop_break(asked->round->loop);
    }
}

static void fill_settings(struct asked *asked)
{
    const struct stranger_question *question = asked->question;
    const struct strangers *strangers = asked->round->strangers;
    const char *helo = question->helo;

    if (helo == NULL) {
        helo = played_name_of(&question->client, asked->helo);
    }
    asked->settings = (struct client_settings){
        .battery = {.helo = helo,
                    .canary = strangers->canary,
                    .max_refusals = NO_LIMIT,
                    .vantage = {.declared = VANTAGE_OUTSIDE},
                    .instead = question->instead,
                    .instead_count = question->instead_count},
        .wait_ms = {[SESSION_WAIT_CONNECT] = CONNECT_MS,
                    [SESSION_WAIT_GREETING] = REPLY_MS,
                    [SESSION_WAIT_REPLY] = REPLY_MS,
                    [SESSION_WAIT_QUIT] = QUIT_MS,
                    [SESSION_WAIT_SILENCE] = question->doubtful ? DOUBTFUL_MS : 0,
                    [SESSION_WAIT_PROXIED] = PROXIED_MS},
        .endpoint_ms = (int64_t)ENDPOINT_S * 1000,
    };
    asked->settings.source[question->client.family == ADDRESS_IPV6] = question->client;
}

static struct endpoint_result *new_result(const struct asked *asked)
{
    const struct stranger_question *question = asked->question;
    const struct strangers *strangers = asked->round->strangers;
    struct endpoint_result *result = calloc(1, sizeof(*result));

    if (result != NULL) {
        struct endpoint *endpoint = &result->endpoint;
        snprintf(endpoint->host, sizeof(endpoint->host), "%s", strangers->host);
        snprintf(endpoint->own, sizeof(endpoint->own), "%s", strangers->own);
        endpoint->address = question->endpoint.address;
        endpoint->port = question->endpoint.port;
        endpoint->tls_asked = question->endpoint.implicit_tls       ? TLS_IMPLICIT
                              : question->endpoint.port == IMPLICIT ? TLS_NONE
                                                                    : TLS_AUTO;
        result->proxied = question->endpoint.proxied && !question->doubtful;
        for (size_t role = 0; question->instead == NULL && role < DOMAIN_ROLES; role++) {
            other_domains_choose(result, role, strangers->site, 0);
        }
    }
    return result;
}

static struct asked *find_free(struct round *round)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (round->asked[i].dialogue == NULL) {
            return &round->asked[i];
        }
    }
    return NULL;
}

static void begin_next(struct round *round)
{
    struct asked *asked;

    while (!round->failed && round->next < round->count && (asked = find_free(round)) != NULL) {
        asked->round = round;
        asked->question = &round->questions[round->next++];
        fill_settings(asked);
        asked->question->result = new_result(asked);
        const struct client_request request = {
            .settings = &asked->settings,
            .round = CLIENT_ALL,
            .connections = 2,
            .result = asked->question->result,
            .finished = on_finished,
            .user = asked,
        };
        asked->dialogue = request.result != NULL ? client_start(round->loop, &request) : NULL;
        round->failed = asked->dialogue == NULL;
        round->under_way += asked->dialogue != NULL;
    }
}

static void on_look(void *user)
{
    struct round *round = user;

    round->doomed = round->strangers->is_doomed(round->strangers->user);
    if (round->doomed) {
        loop_break(round->loop);
    } else {
        (void)loop_timer_set(round->look, loop_now(round->loop) + LOOK_MS);
    }
}

static void run_round(struct round *round)
{
    round->loop = loop_new();
    round->look = round->loop != NULL ? loop_timer_new(round->loop, on_look, round) : NULL;
    const char *certificate = round->count > 0 ? round->questions[0].certificate : NULL;
    if (round->look == NULL ||
        (certificate != NULL && loop_present(round->loop, certificate) != 0)) {
        round->failed = true;
    } else {
        (void)loop_timer_set(round->look, loop_now(round->loop) + LOOK_MS);
        begin_next(round);
        round->failed |= round->under_way > 0 && loop_run(round->loop) != 0;
        for (size_t i = 0; i < AT_ONCE; i++) {
            client_free(round->asked[i].dialogue);
        }
        loop_timer_free(round->look);
    }
    if (round->loop != NULL) {
        loop_free(round->loop);
    }
}

bool strangers_ask(const struct strangers *strangers, struct stranger_question *questions,
                   size_t count, char error[STAGE_ERROR_SIZE])
{
    struct round *round = calloc(1, sizeof(*round));
    bool good = false;

    error[0] = '\0';
    if (round == NULL || wires_enter(&strangers->stage->wires, WIRES_STRANGERS) != 0) {
        snprintf(error, STAGE_ERROR_SIZE, "out of memory");
        free(round);
        return false;
    }
    round->strangers = strangers;
    round->questions = questions;
    round->count = count;
    run_round(round);
    if (round->failed) {
        snprintf(error, STAGE_ERROR_SIZE, "the server could not be asked: out of memory");
    }
    good = !round->failed && !round->doomed;
    free(round);
    if (wires_enter(&strangers->stage->wires, WIRES_SERVER) != 0) {
        snprintf(error, STAGE_ERROR_SIZE, "the way back to the server's network is lost");
        return false;
    }
    return good;
}

void strangers_free(struct stranger_question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (questions[i].result != NULL) {
            result_free(questions[i].result);
            free(questions[i].result);
            questions[i].result = NULL;
        }
    }
}
