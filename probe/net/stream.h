/*
 * stream - libevent's stream of a connected socket, made so that want of memory does no harm
 *
 * libevent 2.1 crashes where bufferevent_socket_new and bufferevent_openssl_socket_new are refused
 * memory half-way. So while a stream is made, what the system refuses comes out of a small reserve,
 * and a stream that had to live on it is freed again at once.
 *
 * Any thread. Watermarks stay as they are: bufferevent_setwatermark crashes, too.
 */
#ifndef RELAYWARDEN_PROBE_NET_STREAM_H
#define RELAYWARDEN_PROBE_NET_STREAM_H

#include <openssl/ssl.h>

struct bufferevent;
struct event_base;

/* Before anything is made with libevent. Again is nothing. */
void stream_prepare(void);

/* Takes the descriptor over, and `ssl`, with which a handshake begins (NULL: a stream in the
 * clear); also when it fails: NULL, memory is out. */
struct bufferevent *stream_new(struct event_base *base, int descriptor, SSL *ssl);

#endif
