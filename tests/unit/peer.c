#include "tests/unit/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES_MAX 512
#define LINE_SIZE 700

const char PEER_CLOSE[] = "(close)";
const char PEER_RESET[] = "(reset)";
const char PEER_SILENT[] = "(silent)";
const char PEER_HANDSHAKE[] = "(handshake)";
const char PEER_FLOOD[] = "(flood)";
const char PEER_LONG_LINE[] = "(long line)";
const char PEER_DRIP[] = "(drip)";
const char PEER_RENEGOTIATE[] = "(renegotiate)";
const char PEER_TICKETS[] = "(tickets)";
const char PEER_KEY_UPDATES[] = "(key updates)";

struct peer {
    struct peer_script script;
    int listener;
    int stop[2]; /* a pipe: closed to end the thread */
    uint16_t port;
    pthread_t thread;
    unsigned int connections;
    char lines[LINES_MAX][LINE_SIZE];
    size_t line_count;
    char server_name[256];
    unsigned int client_hellos;
    SSL_CTX *tls;
};

/* One connection that is being served. */
struct client {
    struct peer *peer;
    int descriptor;
    SSL *ssl;
};

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "peer: %s\n", what);
        abort();
    }
}

/* False when the test is over. */
static bool wait_for(const struct peer *peer, int descriptor, short what, int timeout)
{
    struct pollfd wait[2] = {{.fd = peer->stop[0], .events = POLLIN},
                             {.fd = descriptor, .events = what}};

    (void)poll(wait, 2, timeout);
    return wait[0].revents == 0;
}

static bool put(struct client *client, const char *text, size_t length)
{
    while (length > 0) {
        if (!wait_for(client->peer, client->descriptor, POLLOUT, -1)) {
            return false;
        }
        ssize_t sent = client->ssl != NULL
                           ? SSL_write(client->ssl, text, (int)length)
                           : send(client->descriptor, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) {
            return false;
        }
        text += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Reads one line without CRLF; false at the end of the connection or of the test. */
static bool get_line(struct client *client, char *line, size_t size)
{
    size_t length = 0;

    while (true) {
        char byte;
        if ((client->ssl == NULL || SSL_pending(client->ssl) == 0) &&
            !wait_for(client->peer, client->descriptor, POLLIN, -1)) {
            return false;
        }
        ssize_t got = client->ssl != NULL ? SSL_read(client->ssl, &byte, 1)
                                          : recv(client->descriptor, &byte, 1, 0);
        if (got <= 0) {
            return false;
        }
        if (byte == '\n') {
            line[length] = '\0';
            return true;
        }
        if (byte != '\r' && length + 1 < size) {
            line[length++] = byte;
        }
    }
}

static void stay_silent(struct client *client)
{
    char line[LINE_SIZE];

    while (get_line(client, line, sizeof(line))) {
    }
}

static bool repeat(struct client *client, const char *text, int pause_ms)
{
    while (put(client, text, strlen(text))) {
        if (pause_ms > 0 && !wait_for(client->peer, -1, 0, pause_ms)) {
            break;
        }
    }
    return false;
}

static void reset(struct client *client)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(client->descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void count_client_hello(int sent, int version, int type, const void *octets, size_t length,
                               SSL *ssl, void *user)
{
    struct peer *peer = user;

    (void)version;
    (void)ssl;
    peer->client_hellos += sent == 0 && type == SSL3_RT_HANDSHAKE && length > 0 &&
                           *(const unsigned char *)octets == SSL3_MT_CLIENT_HELLO;
}

static bool handshake(struct client *client)
{
    client->ssl = SSL_new(client->peer->tls);
    SSL_set_msg_callback(client->ssl, count_client_hello);
    SSL_set_msg_callback_arg(client->ssl, client->peer);
    if (client->peer->script.old_tls) {
        SSL_set_max_proto_version(client->ssl, TLS1_2_VERSION);
    }
    must(client->ssl != NULL && SSL_set_fd(client->ssl, client->descriptor) == 1, "SSL_new");
    if (SSL_accept(client->ssl) != 1) {
        return false;
    }
    const char *name = SSL_get_servername(client->ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(client->peer->server_name, sizeof(client->peer->server_name), "%s",
             name != NULL ? name : "");
    return true;
}

static bool renegotiate(struct client *client)
{
    return SSL_renegotiate(client->ssl) == 1 && SSL_do_handshake(client->ssl) == 1 &&
           put(client, "250 again\r\n", strlen("250 again\r\n"));
}

/* Handshake messages that may come at any time after the handshake. */
static bool flood_with(struct client *client, const char *what)
{
    bool going = true;

    while (going && wait_for(client->peer, client->descriptor, POLLOUT, -1)) {
        going = (what == PEER_TICKETS
                     ? SSL_new_session_ticket(client->ssl) == 1
                     : SSL_key_update(client->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1) &&
                SSL_do_handshake(client->ssl) == 1;
    }
    return false;
}

/* False when the connection is to end. */
static bool act(struct client *client, const char *what)
{
    if (what == PEER_CLOSE) {
        return false;
    }
    if (what == PEER_RESET) {
        reset(client);
        return false;
    }
    if (what == PEER_SILENT) {
        stay_silent(client);
        return false;
    }
    if (what == PEER_HANDSHAKE) {
        return handshake(client);
    }
    if (what == PEER_FLOOD) {
        return repeat(client, "250-more\r\n", 0);
    }
    if (what == PEER_LONG_LINE) {
        return repeat(client, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0);
    }
    if (what == PEER_DRIP) {
        return repeat(client, "2", 20);
    }
    if (what == PEER_RENEGOTIATE) {
        return renegotiate(client);
    }
    if (what == PEER_TICKETS || what == PEER_KEY_UPDATES) {
        return flood_with(client, what);
    }
    return put(client, what, strlen(what));
}

static void serve(struct peer *peer, int descriptor)
{
    struct client client = {.peer = peer, .descriptor = descriptor};
    char line[LINE_SIZE];
    unsigned int number = peer->connections++;
    bool going = act(&client, peer->script.greeting);

    /* Where TLS came first, the greeting is what the answer to "" is. */
    if (going && client.ssl != NULL) {
        going = act(&client, peer->script.answer("", number, peer->script.user));
    }
    while (going && get_line(&client, line, sizeof(line))) {
        if (peer->line_count < LINES_MAX) {
            memcpy(peer->lines[peer->line_count++], line, sizeof(line));
        }
        const char *answer = peer->script.answer(line, number, peer->script.user);
        going = act(&client, answer);
        if (going && answer[0] == '2' && strncmp(answer, "220", 3) == 0 &&
            strcasecmp(line, "STARTTLS") == 0) {
            going = handshake(&client);
        }
    }
    if (client.ssl != NULL) {
        SSL_free(client.ssl);
    }
    close(descriptor);
}

static void *run(void *user)
{
    struct peer *peer = user;

    while (wait_for(peer, peer->listener, POLLIN, -1)) {
        int descriptor = accept(peer->listener, NULL, NULL);
        if (descriptor >= 0) {
            serve(peer, descriptor);
        }
    }
    return NULL;
}

static SSL_CTX *make_tls(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();

    must(tls != NULL && key != NULL && certificate != NULL, "TLS");
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    must(X509_sign(certificate, key, EVP_sha256()) > 0, "X509_sign");
    must(SSL_CTX_use_certificate(tls, certificate) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1,
         "certificate");
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

struct peer *peer_start(const struct peer_script *script)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(here);

    must(peer != NULL, "memory");
    peer->script = *script;
    peer->tls = make_tls();
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(pipe(peer->stop) == 0, "pipe");
    must(bind(peer->listener, (struct sockaddr *)&here, sizeof(here)) == 0 &&
             listen(peer->listener, 16) == 0 &&
             getsockname(peer->listener, (struct sockaddr *)&here, &length) == 0,
         "listen");
    peer->port = ntohs(here.sin_port);
    must(pthread_create(&peer->thread, NULL, run, peer) == 0, "thread");
    return peer;
}

uint16_t peer_port(const struct peer *peer)
{
    return peer->port;
}

void peer_stop(struct peer *peer)
{
    close(peer->stop[1]);
    pthread_join(peer->thread, NULL);
}

unsigned int peer_count(const struct peer *peer, const char *verb)
{
    unsigned int count = 0;

    for (size_t i = 0; i < peer->line_count; i++) {
        count += strncasecmp(peer->lines[i], verb, strlen(verb)) == 0;
    }
    return count;
}

unsigned int peer_connections(const struct peer *peer)
{
    return peer->connections;
}

const char *peer_server_name(const struct peer *peer)
{
    return peer->server_name;
}

unsigned int peer_client_hellos(const struct peer *peer)
{
    return peer->client_hellos;
}

void peer_free(struct peer *peer)
{
    close(peer->stop[0]);
    close(peer->listener);
    SSL_CTX_free(peer->tls);
    free(peer);
}
