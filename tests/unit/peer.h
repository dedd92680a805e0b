/*
 * peer - a server on loopback, on a thread of its own, that behaves as a test says
 *
 * For what no real server does: silence, garbage, resets in mid-dialogue. Connections are served
 * one after another.
 */
#ifndef RELAYWARDEN_TESTS_PEER_H
#define RELAYWARDEN_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A peer can do this instead of sending text. */
extern const char PEER_CLOSE[];     /* close politely */
extern const char PEER_RESET[];     /* close with a TCP reset */
extern const char PEER_SILENT[];    /* say nothing more until the other end closes */
extern const char PEER_HANDSHAKE[]; /* TLS, self-signed */
extern const char PEER_FLOOD[];     /* "250-more\r\n" without end */
extern const char PEER_LONG_LINE[]; /* 'x' without end and without a newline */
extern const char PEER_DRIP[];      /* one '2' every 20 ms, without end */
/* Inside TLS: */
extern const char PEER_RENEGOTIATE[]; /* HelloRequest, and "250 again\r\n"; below TLS 1.3 */
extern const char PEER_TICKETS[];     /* NewSessionTicket without end; TLS 1.3 */
extern const char PEER_KEY_UPDATES[]; /* KeyUpdate without end; TLS 1.3 */

struct peer_script {
    const char *greeting; /* or one of the above; "" = wait for the client */
    /* The answer to a command line (without CRLF) on the connection with this number, from 0; text
     * or one of the above. Called on the peer's thread. */
    const char *(*answer)(const char *line, unsigned int connection, void *user);
    void *user;
    bool old_tls; /* TLS 1.2 at most */
};

struct peer;

struct peer *peer_start(const struct peer_script *script);
uint16_t peer_port(const struct peer *peer);
/* Ends the thread. After it the counters may be read: commands that began with `verb`, and
 * connections. */
void peer_stop(struct peer *peer);
unsigned int peer_count(const struct peer *peer, const char *verb);
unsigned int peer_connections(const struct peer *peer);
/* The name that the client asked for in its last TLS handshake; "" if none. */
const char *peer_server_name(const struct peer *peer);
/* How many handshakes clients began. */
unsigned int peer_client_hellos(const struct peer *peer);
void peer_free(struct peer *peer);

#endif
