#include "milter/callbacks.h"

#include <libmilter/mfapi.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/sys/thread.h"
#include "milter/connection.h"
#include "milter/service/callback_gate.h"

#define WAKE_MS       20   /* between two attempts to wake libmilter's listener */
#define STOP_MS       8000 /* libmilter looks by itself within 5 s */
#define LAST_CALLS_MS 1000 /* for callbacks that are under way when the program ends */

/* libmilter has no user pointer before a connection's private data: this is where callbacks find
 * the program. Set once, before the first callback. */
static struct {
    struct transactions *transactions;
    struct callback_gate gate;
    pthread_t thread;
    sem_t stop; /* libmilter */
    atomic_bool asked_to_stop;
    bool gave_up;          /* libmilter, unasked; read after the thread was joined */
    pthread_mutex_t mutex; /* guards ended */
    pthread_cond_t change;
    bool ended; /* libmilter */
} serving = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* We ask the MTA to send these, whatever its own lists say. Fewer macros cost it less: {mail_*}
 * would make Postfix resolve the sender. */
static const struct {
    int stage;
    const char *macros;
} symbol_lists[] = {
    {SMFIM_CONNECT, "j {daemon_addr} {daemon_port}"},
    {SMFIM_HELO, "{cert_subject} {cn_subject} {verify}"},
    {SMFIM_ENVFROM, "{auth_type} {auth_authen}"},
    {SMFIM_ENVRCPT, "{rcpt_mailer} {rcpt_host} {rcpt_addr}"},
    {SMFIM_DATA, "i"},
    {SMFIM_EOM, "i"},
};

static const char *macro(SMFICTX *ctx, const char *name)
{
    char symbol[32];

    /* libmilter's prototype wants a char pointer that it does not write to. */
    snprintf(symbol, sizeof(symbol), "%s", name);
    return smfi_getsymval(ctx, symbol);
}

static void ask_for_macros(SMFICTX *ctx)
{
    for (size_t i = 0; i < sizeof(symbol_lists) / sizeof(symbol_lists[0]); i++) {
        char macros[128];
        snprintf(macros, sizeof(macros), "%s", symbol_lists[i].macros);
        if (smfi_setsymlist(ctx, symbol_lists[i].stage, macros) != MI_SUCCESS) {
            reporter_say(
                serving.transactions->reporter, LOG_WARNING,
                "the MTA cannot be asked for the macros %s: findings may lack the listener "
                "or the queue id",
                macros);
        }
    }
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
                             unsigned long unused_2, unsigned long unused_3,
                             unsigned long *want_actions, unsigned long *want_steps,
                             unsigned long *want_2, unsigned long *want_3)
{
    (void)unused_2;
    (void)unused_3;
    const unsigned long not_needed = SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN;

    *want_actions = actions & (SMFIF_SETSYMLIST | SMFIF_QUARANTINE);
    *want_steps = steps & (not_needed | SMFIP_RCPT_REJ);
    *want_2 = 0;
    *want_3 = 0;
    if ((actions & SMFIF_SETSYMLIST) != 0 && callback_gate_enter(&serving.gate)) {
        ask_for_macros(ctx);
        callback_gate_leave(&serving.gate);
    }
    return SMFIS_CONTINUE;
}

static struct connection *begin_connection(SMFICTX *ctx, const struct sockaddr *client)
{
    const struct connection_origin origin = {
        .client = client,
        .daemon_address = macro(ctx, "{daemon_addr}"),
        .daemon_port = macro(ctx, "{daemon_port}"),
        .mta = macro(ctx, "j"),
    };
    struct live_conf *snapshot = live_conf_current();

    return snapshot == NULL ? NULL : connection_new(snapshot, serving.transactions, &origin);
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void)host;
    uint64_t called_at = counters_now();

    if (!callback_gate_enter(&serving.gate)) {
        return SMFIS_ACCEPT;
    }
    struct connection *connection = begin_connection(ctx, address);

    /* The MTA may begin another client's session on the same filter connection (XCLIENT). */
    connection_free(smfi_getpriv(ctx));
    smfi_setpriv(ctx, connection);
    if (connection == NULL) {
        reporter_say(serving.transactions->reporter, LOG_ERR,
                     "out of memory; one connection not checked");
    }
    counters_answered(&serving.transactions->counters, called_at);
    callback_gate_leave(&serving.gate);
    return connection == NULL ? SMFIS_ACCEPT : SMFIS_CONTINUE;
}

/* When the callback that this thread is in was called. */
static _Thread_local uint64_t called;

/* The connection that a callback is about, inside the gate: leave_connection when done. NULL,
 * outside the gate, when there is none or the program is ending: then there is nothing to do. */
static struct connection *enter_connection(SMFICTX *ctx)
{
    called = counters_now();
    if (!callback_gate_enter(&serving.gate)) {
        return NULL;
    }
    struct connection *connection = smfi_getpriv(ctx);
    if (connection == NULL) {
        callback_gate_leave(&serving.gate);
    }
    return connection;
}

static void leave_connection(void)
{
    counters_answered(&serving.transactions->counters, called);
    callback_gate_leave(&serving.gate);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
    struct connection *connection = enter_connection(ctx);

    if (connection != NULL) {
        connection_helo(connection, name);
        leave_connection();
    }
    return SMFIS_CONTINUE;
}

/* libmilter reads the text as a format. */
static void double_percents(char *out, size_t size, const char *text)
{
    size_t length = 0;

    for (; *text != '\0' && length + 2 < size; text++) {
        if (*text == '%') {
            out[length++] = '%';
        }
        out[length++] = *text;
    }
    out[length] = '\0';
}

/* Refuses the command with this answer; NULL, or when libmilter does not take it: lets it pass. */
static sfsistat give(SMFICTX *ctx, const struct answer *answer)
{
    char code[8];
    char status[16];
    char text[2 * ANSWER_TEXT_SIZE];

    if (answer == NULL) {
        return SMFIS_CONTINUE;
    }
    /* Copies: libmilter's prototype wants char pointers. */
    snprintf(code, sizeof(code), "%d", answer->code);
    snprintf(status, sizeof(status), "%s", answer->status);
    double_percents(text, sizeof(text), answer->text);
    if (smfi_setreply(ctx, code, status, text) != MI_SUCCESS) {
        reporter_say(serving.transactions->reporter, LOG_ERR,
                     "out of memory: a recipient is let through that should be refused");
        return SMFIS_CONTINUE;
    }
    return answer->code < 500 ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
    const struct client_macros macros = {
        .auth_type = macro(ctx, "{auth_type}"),
        .auth_authen = macro(ctx, "{auth_authen}"),
        .cert_subject = macro(ctx, "{cert_subject}"),
        .cn_subject = macro(ctx, "{cn_subject}"),
        .verify = macro(ctx, "{verify}"),
    };
    struct connection *connection = enter_connection(ctx);

    if (connection == NULL) {
        return SMFIS_ACCEPT;
    }
    bool finished = connection_mail(connection, arguments[0], &macros);
    const struct answer *answer = connection_hello(connection, arguments[0]);
    sfsistat verdict = finished && answer == NULL ? SMFIS_ACCEPT : give(ctx, answer);
    leave_connection();
    return verdict;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **arguments)
{
    const struct rcpt_macros macros = {
        .mailer = macro(ctx, "{rcpt_mailer}"),
        .host = macro(ctx, "{rcpt_host}"),
        .address = macro(ctx, "{rcpt_addr}"),
    };
    struct connection *connection = enter_connection(ctx);
    sfsistat verdict = SMFIS_CONTINUE;

    if (connection != NULL) {
        verdict = give(ctx, connection_rcpt(connection, arguments[0], &macros));
        leave_connection();
    }
    return verdict;
}

/* Mostly nothing more can be learnt of the message. */
static sfsistat on_data(SMFICTX *ctx)
{
    struct connection *connection = enter_connection(ctx);
    bool stay = false;

    if (connection != NULL) {
        stay = connection_data(connection, macro(ctx, "i"));
        leave_connection();
    }
    return stay ? SMFIS_CONTINUE : SMFIS_ACCEPT;
}

static sfsistat on_message(SMFICTX *ctx)
{
    char reason[] = "relaywarden: the client may not relay";
    struct connection *connection = enter_connection(ctx);

    if (connection != NULL) {
        if (connection->hold_due && smfi_quarantine(ctx, reason) != MI_SUCCESS) {
            connection_not_held(connection);
        }
        connection_hand_over(connection, macro(ctx, "i"));
        leave_connection();
    }
    return SMFIS_ACCEPT;
}

static sfsistat on_abort(SMFICTX *ctx)
{
    struct connection *connection = enter_connection(ctx);

    /* The message was given up; its id in the MTA no longer matters. */
    if (connection != NULL) {
        connection_hand_over(connection, NULL);
        leave_connection();
    }
    return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
    struct connection *connection = enter_connection(ctx);

    if (connection != NULL) {
        smfi_setpriv(ctx, NULL);
        connection_free(connection);
        leave_connection();
        return SMFIS_CONTINUE;
    }
    /* The program is ending, and libmilter would complain of what is left behind. */
    connection_free_late(smfi_getpriv(ctx));
    smfi_setpriv(ctx, NULL);
    return SMFIS_CONTINUE;
}

bool callbacks_register(const char *socket, char error[CALLBACKS_ERROR_SIZE])
{
    static char name[] = "relaywarden-milter";
    static char connection[512];
    struct smfiDesc filter = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_SETSYMLIST | SMFIF_QUARANTINE,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_data = on_data,
        .xxfi_eom = on_message,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
        .xxfi_negotiate = on_negotiate,
    };

    if ((size_t)snprintf(connection, sizeof(connection), "%s", socket) >= sizeof connection ||
        smfi_setconn(connection) != MI_SUCCESS) {
        snprintf(error, CALLBACKS_ERROR_SIZE, "libmilter does not take the socket \"%.160s\"",
                 socket);
        return false;
    }
    if (smfi_register(filter) != MI_SUCCESS) {
        snprintf(error, CALLBACKS_ERROR_SIZE,
                 "libmilter does not take the filter: out of memory, or "
                 "the library is older than 8.14");
        return false;
    }
    return true;
}

bool callbacks_listen(char error[CALLBACKS_ERROR_SIZE])
{
    if (smfi_opensocket(true) != MI_SUCCESS) {
        snprintf(error, CALLBACKS_ERROR_SIZE, "libmilter cannot listen on the socket");
        return false;
    }
    return true;
}

/* Only there to interrupt poll(2) in libmilter's listener, which looks whether to stop every 5 s.
 */
static void wake(int number)
{
    (void)number;
}

/* In place of the C library's, and called by libmilter alone: it waits for SIGHUP, SIGTERM and
 * SIGINT on a thread of its own and takes each for an order to stop (signal.c of 8.15 to 8.18), so
 * that a SIGHUP would now and then be no reload. smfi_main on the main thread would change nothing
 * in that: the thread is libmilter's. It is told to stop here. */
int sigwait(const sigset_t *set, int *number)
{
    (void)set;
    while (sem_wait(&serving.stop) != 0) {
        /* interrupted */
    }
    *number = SIGTERM;
    return 0;
}

static void *serve(void *unused)
{
    sigset_t wakes;

    sigemptyset(&wakes);
    sigaddset(&wakes, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &wakes, NULL);
    /* Asked to stop, libmilter may close its socket between two looks at it, and calls that a
     * failure: it is none. */
    serving.gave_up = smfi_main() != MI_SUCCESS && !atomic_load(&serving.asked_to_stop);
    kill(getpid(), SIGTERM);
    pthread_mutex_lock(&serving.mutex);
    serving.ended = true;
    pthread_cond_signal(&serving.change);
    pthread_mutex_unlock(&serving.mutex);
    return unused;
}

/* Whether libmilter ends within that time. */
static bool ends_within(int wait_ms)
{
    const struct timespec until = thread_moment(wait_ms);

    pthread_mutex_lock(&serving.mutex);
    while (!serving.ended && thread_wait_until(&serving.change, &serving.mutex, &until)) {
        /* woken for nothing */
    }
    bool ended = serving.ended;
    pthread_mutex_unlock(&serving.mutex);
    return ended;
}

bool callbacks_start(struct transactions *transactions)
{
    const struct sigaction action = {.sa_handler = wake};

    serving.transactions = transactions;
    sigaction(SIGUSR2, &action, NULL);
    return sem_init(&serving.stop, 0, 0) == 0 && thread_condition(&serving.change) == 0 &&
           pthread_create(&serving.thread, NULL, serve, NULL) == 0;
}

bool callbacks_stop(void)
{
    int wakes = STOP_MS / WAKE_MS;

    atomic_store(&serving.asked_to_stop, true);
    /* smfi_stop() would wait for a lock that the listener holds while it polls. */
    sem_post(&serving.stop);
    do {
        if (wakes-- == 0) {
            return false;
        }
        pthread_kill(serving.thread, SIGUSR2);
    } while (!ends_within(WAKE_MS));
    pthread_join(serving.thread, NULL);
    return callback_gate_close(&serving.gate, LAST_CALLS_MS) && !serving.gave_up;
}
