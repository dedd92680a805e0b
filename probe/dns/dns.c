#include "probe/dns/dns.h"

/* The calls of c-ares 1.18 that later versions call deprecated are the only ones that all versions
 * have. */
#define CARES_NO_DEPRECATED 1
#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "lib/printable.h"

/* One of c-ares' sockets. */
struct dns_socket {
    struct dns_socket *next;
    struct dns *dns;
    ares_socket_t descriptor;
    struct loop_watch *watch;
};

/* One query to c-ares. */
struct dns_query {
    struct dns_question *question;
    enum dns_kind kind;
};

/* A question lives until c-ares has called back for each of its queries, and is answered before
 * that if its deadline passes. */
struct dns_question {
    struct dns *dns;
    struct loop_timer *deadline;
    char name[DOMAIN_SIZE]; /* printable */
    dns_done done;          /* NULL once answered */
    void *user;
    struct dns_query queries[2];
    unsigned int pending; /* c-ares callbacks still to come, and one while the queries are begun */
    struct dns_answer answer;
};

struct dns {
    struct loop *loop;
    ares_channel channel;
    struct loop_timer *timer; /* when c-ares wants to look at its timeouts */
    struct dns_socket *sockets;
    int deadline_ms;
    bool ending;
};

/* ---- c-ares on the loop ----------------------------------------------------------------- */

static void set_timer(struct dns *dns)
{
    struct timeval wait;

    if (ares_timeout(dns->channel, NULL, &wait) == NULL) {
        loop_timer_clear(dns->timer);
        return;
    }
    /* Rounded up: an early look finds nothing to do and would be repeated at once. */
    int64_t milliseconds = (int64_t)wait.tv_sec * 1000 + (wait.tv_usec + 999) / 1000;
    (void)loop_timer_set(dns->timer, loop_now(dns->loop) + milliseconds);
}

static void on_timer(void *user)
{
    struct dns *dns = user;

    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(dns);
}

static void on_ready(int descriptor, unsigned int readiness, void *user)
{
    struct dns *dns = user;

    ares_process_fd(dns->channel, (readiness & LOOP_READABLE) != 0 ? descriptor : ARES_SOCKET_BAD,
                    (readiness & LOOP_WRITABLE) != 0 ? descriptor : ARES_SOCKET_BAD);
    set_timer(dns);
}

static void forget_socket(struct dns_socket **link)
{
    struct dns_socket *gone = *link;

    *link = gone->next;
    loop_watch_free(gone->watch);
    free(gone);
}

static void on_socket_state(void *user, ares_socket_t descriptor, int readable, int writable)
{
    struct dns *dns = user;
    struct dns_socket **link = &dns->sockets;
    unsigned int readiness = (readable ? LOOP_READABLE : 0U) | (writable ? LOOP_WRITABLE : 0U);

    while (*link != NULL && (*link)->descriptor != descriptor) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        forget_socket(link);
    }
    if (readiness == 0) {
        return;
    }
    /* Without memory the socket is not watched, and its questions end at their deadline. */
    struct dns_socket *socket = calloc(1, sizeof(*socket));
    if (socket == NULL) {
        return;
    }
    socket->dns = dns;
    socket->descriptor = descriptor;
    socket->watch = loop_watch_new(dns->loop, descriptor, readiness, on_ready, dns);
    if (socket->watch == NULL) {
        free(socket);
        return;
    }
    socket->next = dns->sockets;
    dns->sockets = socket;
}

static int set_servers(ares_channel channel, const struct dns_settings *settings)
{
    size_t size = settings->server_count * (ENDPOINT_TEXT_SIZE + 1) + 1;
    char *list = calloc(1, size);
    size_t used = 0;

    if (list == NULL) {
        return ARES_ENOMEM;
    }
    for (size_t i = 0; i < settings->server_count; i++) {
        char text[ENDPOINT_TEXT_SIZE];
        const struct dns_server *server = &settings->servers[i];
        used += (size_t)snprintf(list + used, size - used, "%s%s", i > 0 ? "," : "",
                                 address_format_port(&server->address, server->port, text));
    }
    int status = ares_set_servers_ports_csv(channel, list);
    free(list);
    return status;
}

/* From here on c-ares waits five times as long as a server took on average, and not as long as it
 * is told; not less than this (its ares_metrics.c). A name that the resolver has to look for takes
 * longer than those that it knows: more tries, each twice as long, give it the time that the
 * settings mean. */
#define ARES_ADAPTS   0x012000 /* 1.32.0 */
#define ARES_LEAST_MS 250

static int tries_of(const struct dns_settings *settings)
{
    int version;
    int tries = settings->tries;
    long wanted = settings->timeout_ms * ((1L << settings->tries) - 1);

    (void)ares_version(&version);
    while (version >= ARES_ADAPTS && ARES_LEAST_MS * ((1L << tries) - 1) < wanted) {
        tries++;
    }
    return tries;
}

struct dns *dns_new(struct loop *loop, const struct dns_settings *settings,
                    char error[DNS_ERROR_SIZE])
{
    char lookups[] = "b"; /* DNS alone, no files */
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH,
        .timeout = settings->timeout_ms,
        .tries = tries_of(settings),
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
    };
    struct dns *dns = calloc(1, sizeof(*dns));
    int status = ares_library_init(ARES_LIB_INIT_ALL);

    if (dns == NULL || status != ARES_SUCCESS) {
        snprintf(error, DNS_ERROR_SIZE, "the DNS library cannot be set up: out of memory");
        goto fail;
    }
    dns->loop = loop;
    dns->deadline_ms = settings->deadline_ms;
    options.sock_state_cb_data = dns;
    dns->timer = loop_timer_new(loop, on_timer, dns);
    status = dns->timer == NULL
                 ? ARES_ENOMEM
                 : ares_init_options(&dns->channel, &options,
                                     ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                         ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS && settings->server_count > 0) {
        status = set_servers(dns->channel, settings);
    }
    if (status != ARES_SUCCESS) {
        snprintf(error, DNS_ERROR_SIZE, "the DNS library cannot be set up: %s",
                 ares_strerror(status));
        goto fail;
    }
    return dns;
fail:
    dns_free(dns);
    if (dns == NULL) {
        ares_library_cleanup();
    }
    return NULL;
}

void dns_free(struct dns *dns)
{
    if (dns == NULL) {
        return;
    }
    dns->ending = true;
    if (dns->channel != NULL) {
        ares_destroy(dns->channel); /* calls back for every open query */
    }
    while (dns->sockets != NULL) {
        forget_socket(&dns->sockets);
    }
    loop_timer_free(dns->timer);
    free(dns);
    ares_library_cleanup();
}

/* ---- questions -------------------------------------------------------------------------- */

static void question_answer(struct dns_question *question)
{
    dns_done done = question->done;

    question->done = NULL;
    loop_timer_clear(question->deadline);
    if (done == NULL || question->dns->ending) {
        return;
    }
    done(&question->answer, question->user);
}

/* One reason less to wait. */
static void question_release(struct dns_question *question)
{
    if (--question->pending > 0) {
        return;
    }
    question_answer(question);
    dns_answer_clear(&question->answer);
    loop_timer_free(question->deadline);
    free(question);
}

static void on_deadline(void *user)
{
    struct dns_question *question = user;

    if (question->answer.address_count == 0) {
        question->answer.status = DNS_FAILED; /* the first of two families may have answered */
    }
    snprintf(question->answer.trouble, sizeof(question->answer.trouble),
             "The resolvers gave no answer about %s in %g s", question->name,
             question->dns->deadline_ms / 1000.0);
    question_answer(question);
}

/* NULL, and the question answered as failed, when memory is out. */
static struct dns_question *question_new(struct dns *dns, const char *name, dns_done done,
                                         void *user)
{
    struct dns_question *question = calloc(1, sizeof(*question));
    struct loop_timer *deadline =
        question != NULL ? loop_timer_new(dns->loop, on_deadline, question) : NULL;

    if (deadline == NULL || loop_timer_set(deadline, loop_now(dns->loop) + dns->deadline_ms) != 0) {
        static const struct dns_answer failed = {
            .status = DNS_FAILED,
            .trouble = "Out of memory",
        };
        loop_timer_free(deadline);
        free(question);
        done(&failed, user);
        return NULL;
    }
    question->dns = dns;
    question->deadline = deadline;
    question->done = done;
    question->user = user;
    question->pending = 1;
    question->answer.status = DNS_NO_NAME;
    printable_string(question->name, sizeof(question->name), name);
    return question;
}

/* ---- queries ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int type;
} kinds[DNS_KINDS] = {
    [DNS_A] = {"A", T_A},       [DNS_AAAA] = {"AAAA", T_AAAA}, [DNS_MX] = {"MX", T_MX},
    [DNS_PTR] = {"PTR", T_PTR}, [DNS_TXT] = {"TXT", T_TXT},
};

/* The meaning of a query's status; a failure is told as trouble. */
static enum dns_status judge_status(struct dns_question *question, enum dns_kind kind, int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_OK;
    case ARES_ENODATA:
        return DNS_NO_DATA;
    case ARES_ENOTFOUND:
        return DNS_NO_NAME;
    default:
        snprintf(question->answer.trouble, sizeof(question->answer.trouble),
                 "The %s records of %s could not be had: %s", kinds[kind].name, question->name,
                 ares_strerror(status));
        return DNS_FAILED;
    }
}

/* The better news of two families: one address is enough, and of two absences the name's own says
 * less than that nobody knows. */
static void merge_status(struct dns_answer *answer, enum dns_status status)
{
    static const int weight[] = {
        [DNS_OK] = 3, [DNS_FAILED] = 2, [DNS_NO_DATA] = 1, [DNS_NO_NAME] = 0};

    if (weight[status] > weight[answer->status]) {
        answer->status = status;
    }
}

static void on_reply(void *user, int status, int timeouts, unsigned char *reply, int length)
{
    const struct dns_query *query = user;
    struct dns_question *question = query->question;

    (void)timeouts;
    if (!question->dns->ending && question->done != NULL) {
        if (status == ARES_SUCCESS) {
            status = dns_answer_read(&question->answer, query->kind, question->name, reply, length);
        }
        merge_status(&question->answer, judge_status(question, query->kind, status));
    }
    question_release(question);
}

/* Sends a query for each of the kinds. */
static void ask(struct dns_question *question, const char *name, const enum dns_kind *asked,
                size_t count)
{
    struct dns *dns = question->dns;

    for (size_t i = 0; i < count; i++) {
        struct dns_query *query = &question->queries[i];
        *query = (struct dns_query){question, asked[i]};
        question->pending++;
        ares_query(dns->channel, name, C_IN, kinds[asked[i]].type, on_reply, query);
    }
    question_release(question);
    set_timer(dns);
}

void dns_ask(struct dns *dns, const char *name, enum dns_kind kind, dns_done done, void *user)
{
    struct dns_question *question = question_new(dns, name, done, user);

    if (question != NULL) {
        ask(question, name, &kind, 1);
    }
}

static bool is_localhost(const char *host)
{
    size_t length = strlen(host);
    const char tail[] = ".localhost";

    return strcasecmp(host, "localhost") == 0 ||
           (length >= sizeof(tail) && strcasecmp(host + length - (sizeof(tail) - 1), tail) == 0);
}

void dns_ask_addresses(struct dns *dns, const char *host, dns_done done, void *user)
{
    static const enum dns_kind families[] = {DNS_A, DNS_AAAA};
    static struct address loopback[] = {{ADDRESS_IPV4, {127, 0, 0, 1}}, {ADDRESS_IPV6, {[15] = 1}}};
    static const struct dns_answer local = {
        .status = DNS_OK, .addresses = loopback, .address_count = 2};

    if (is_localhost(host)) {
        done(&local, user);
        return;
    }
    struct dns_question *question = question_new(dns, host, done, user);
    if (question != NULL) {
        ask(question, host, families, 2);
    }
}
