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
#include "probe/dns/dns_answer.h"

/* One of c-ares' sockets. */
struct dns_socket {
    struct dns_socket *next;
    struct dns *dns;
    ares_socket_t descriptor;
    struct loop_watch *watch;
};

/* A question lives until c-ares has called back for each of its queries, and is answered before
 * that if its deadline passes. */
struct dns_question {
    struct dns_question *previous;
    struct dns_question *next;
    struct dns *dns;
    struct loop_timer *deadline;
    char name[DOMAIN_SIZE];
    dns_done done; /* NULL once answered */
    void *user;
    unsigned int pending; /* c-ares callbacks still to come, and one while the queries are begun */
    struct dns_answer answer;
};

struct dns {
    struct loop *loop;
    ares_channel channel;
    struct loop_timer *timer; /* when c-ares wants to look at its timeouts */
    struct dns_socket *sockets;
    struct dns_question *questions;
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

static int compare_mx(const void *left, const void *right)
{
    const struct dns_mx *a = left;
    const struct dns_mx *b = right;

    if (a->preference != b->preference) {
        return a->preference < b->preference ? -1 : 1;
    }
    return strcmp(a->host, b->host);
}

static int compare_addresses(const void *left, const void *right)
{
    const struct address *a = left;
    const struct address *b = right;

    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    return memcmp(a->octets, b->octets, sizeof(a->octets));
}

static void sort_answer(struct dns_answer *answer)
{
    size_t kept = 0;

    qsort(answer->mx, answer->mx_count, sizeof(answer->mx[0]), compare_mx);
    qsort(answer->addresses, answer->address_count, sizeof(answer->addresses[0]),
          compare_addresses);
    for (size_t i = 0; i < answer->address_count; i++) {
        if (kept == 0 || !address_equal(&answer->addresses[kept - 1], &answer->addresses[i])) {
            answer->addresses[kept++] = answer->addresses[i];
        }
    }
    answer->address_count = kept;
}

static void question_answer(struct dns_question *question)
{
    dns_done done = question->done;

    question->done = NULL;
    loop_timer_clear(question->deadline);
    if (done == NULL || question->dns->ending) {
        return;
    }
    sort_answer(&question->answer);
    done(&question->answer, question->user);
}

/* One reason less to wait. */
static void question_release(struct dns_question *question)
{
    if (--question->pending > 0) {
        return;
    }
    question_answer(question);
    if (question->previous != NULL) {
        question->previous->next = question->next;
    } else {
        question->dns->questions = question->next;
    }
    if (question->next != NULL) {
        question->next->previous = question->previous;
    }
    loop_timer_free(question->deadline);
    free(question);
}

static void on_deadline(void *user)
{
    struct dns_question *question = user;

    if (question->answer.address_count == 0) {
        question->answer.status = DNS_FAILED;
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
    printable_string(question->name, sizeof(question->name), name);
    question->next = dns->questions;
    if (dns->questions != NULL) {
        dns->questions->previous = question;
    }
    dns->questions = question;
    return question;
}

/* The meaning of a query's status; `trouble` tells a failure. `kind` is "MX", "A", ... */
static enum dns_status judge_status(int status, const char *kind, const char *name,
                                    char trouble[DNS_TROUBLE_SIZE])
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_OK;
    case ARES_ENODATA:
        return DNS_NO_DATA;
    case ARES_ENOTFOUND:
        return DNS_NO_NAME;
    default:
        snprintf(trouble, DNS_TROUBLE_SIZE, "The %s records of %s could not be had: %s", kind, name,
                 ares_strerror(status));
        return DNS_FAILED;
    }
}

static enum dns_status note_status(struct dns_question *question, int status, const char *kind)
{
    return judge_status(status, kind, question->name, question->answer.trouble);
}

static void note_too_many(struct dns_question *question, const char *what, size_t limit)
{
    snprintf(question->answer.trouble, sizeof(question->answer.trouble),
             "%s has more than %zu %s; the rest is not looked at", question->name, limit, what);
}

/* ---- MX --------------------------------------------------------------------------------- */

static void take_mx(struct dns_question *question, const struct ares_mx_reply *list)
{
    struct dns_answer *answer = &question->answer;
    bool root_only = list != NULL && list->next == NULL && list->host[0] == '\0';

    if (root_only) {
        answer->null_mx = true;
        return;
    }
    for (const struct ares_mx_reply *mx = list; mx != NULL; mx = mx->next) {
        if (answer->mx_count == DNS_MX_MAX) {
            note_too_many(question, "MX hosts", DNS_MX_MAX);
            return;
        }
        struct dns_mx *to = &answer->mx[answer->mx_count];
        if (domain_normalise(mx->host, strlen(mx->host), to->host)) {
            to->preference = mx->priority;
            answer->mx_count++;
        } else {
            char host[DOMAIN_SIZE];
            printable_string(host, sizeof(host), mx->host);
            snprintf(answer->trouble, sizeof(answer->trouble),
                     "\"%.200s\", an MX host of %.160s, is no host name", host, question->name);
        }
    }
}

static void on_mx(void *user, int status, int timeouts, unsigned char *reply, int length)
{
    struct dns_question *question = user;
    struct ares_mx_reply *list = NULL;

    (void)timeouts;
    if (!question->dns->ending && question->done != NULL) {
        if (status == ARES_SUCCESS) {
            status = ares_parse_mx_reply(reply, length, &list);
        }
        question->answer.status = note_status(question, status, "MX");
        take_mx(question, list);
        ares_free_data(list);
    }
    question_release(question);
}

void dns_ask_mx(struct dns *dns, const char *domain, dns_done done, void *user)
{
    struct dns_question *question = question_new(dns, domain, done, user);

    if (question == NULL) {
        return;
    }
    question->pending++;
    ares_query(dns->channel, domain, C_IN, T_MX, on_mx, question);
    question_release(question);
    set_timer(dns);
}

/* ---- addresses -------------------------------------------------------------------------- */

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

static void add_address(struct dns_question *question, const struct sockaddr *from)
{
    struct dns_answer *answer = &question->answer;

    if (answer->address_count == DNS_ADDRESS_MAX) {
        note_too_many(question, "addresses", DNS_ADDRESS_MAX);
        return;
    }
    answer->addresses[answer->address_count++] = address_from_sockaddr(from);
}

static int take_a(struct dns_question *question, const unsigned char *reply, int length)
{
    struct ares_addrttl found[DNS_ADDRESS_MAX + 1]; /* one more, to notice that there is */
    int count = DNS_ADDRESS_MAX + 1;
    int status = ares_parse_a_reply(reply, length, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = found[i].ipaddr};
        add_address(question, (const struct sockaddr *)&from);
    }
    return status == ARES_SUCCESS && count == 0 ? ARES_ENODATA : status;
}

static int take_aaaa(struct dns_question *question, const unsigned char *reply, int length)
{
    struct ares_addr6ttl found[DNS_ADDRESS_MAX + 1]; /* one more, to notice that there is */
    int count = DNS_ADDRESS_MAX + 1;
    int status = ares_parse_aaaa_reply(reply, length, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct sockaddr_in6 from = {.sin6_family = AF_INET6};
        memcpy(&from.sin6_addr, &found[i].ip6addr, sizeof(from.sin6_addr));
        add_address(question, (const struct sockaddr *)&from);
    }
    return status == ARES_SUCCESS && count == 0 ? ARES_ENODATA : status;
}

static void on_a(void *user, int status, int timeouts, unsigned char *reply, int length)
{
    struct dns_question *question = user;

    (void)timeouts;
    if (!question->dns->ending && question->done != NULL) {
        if (status == ARES_SUCCESS) {
            status = take_a(question, reply, length);
        }
        merge_status(&question->answer, note_status(question, status, "A"));
    }
    question_release(question);
}

static void on_aaaa(void *user, int status, int timeouts, unsigned char *reply, int length)
{
    struct dns_question *question = user;

    (void)timeouts;
    if (!question->dns->ending && question->done != NULL) {
        if (status == ARES_SUCCESS) {
            status = take_aaaa(question, reply, length);
        }
        merge_status(&question->answer, note_status(question, status, "AAAA"));
    }
    question_release(question);
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
    struct dns_question *question = question_new(dns, host, done, user);

    if (question == NULL) {
        return;
    }
    question->answer.status = DNS_NO_NAME;
    if (is_localhost(host)) {
        question->answer.status = DNS_OK;
        address_parse("127.0.0.1", &question->answer.addresses[0]);
        address_parse("::1", &question->answer.addresses[1]);
        question->answer.address_count = 2;
    } else {
        question->pending += 2;
        ares_query(dns->channel, host, C_IN, T_A, on_a, question);
        ares_query(dns->channel, host, C_IN, T_AAAA, on_aaaa, question);
    }
    question_release(question);
    set_timer(dns);
}

/* ---- plain records ---------------------------------------------------------------------- */

struct dns_lookup {
    struct dns *dns;
    enum dns_kind kind;
    dns_records_done done;
    void *user;
    char name[DOMAIN_SIZE];
};

static const struct {
    const char *name;
    int type;
} kinds[] = {
    [DNS_A] = {"A", T_A},
    [DNS_AAAA] = {"AAAA", T_AAAA},
    [DNS_PTR] = {"PTR", T_PTR},
    [DNS_TXT] = {"TXT", T_TXT},
};

static void on_records(void *user, int status, int timeouts, unsigned char *reply, int length)
{
    struct dns_lookup *lookup = user;
    struct dns_records records = {.status = DNS_FAILED};

    (void)timeouts;
    if (!lookup->dns->ending) {
        if (status == ARES_SUCCESS) {
            status = dns_records_read(&records, lookup->kind, reply, length);
        }
        records.status =
            judge_status(status, kinds[lookup->kind].name, lookup->name, records.trouble);
        lookup->done(&records, lookup->user);
    }
    free(lookup);
}

void dns_ask_records(struct dns *dns, const char *name, enum dns_kind kind, dns_records_done done,
                     void *user)
{
    struct dns_lookup *lookup = calloc(1, sizeof(*lookup));

    if (lookup == NULL) {
        static const struct dns_records failed = {.status = DNS_FAILED, .trouble = "Out of memory"};
        done(&failed, user);
        return;
    }
    *lookup = (struct dns_lookup){.dns = dns, .kind = kind, .done = done, .user = user};
    printable_string(lookup->name, sizeof(lookup->name), name);
    ares_query(dns->channel, name, C_IN, kinds[kind].type, on_records, lookup);
    set_timer(dns);
}
