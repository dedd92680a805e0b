#include "probe/net/stream.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A stream is made of one struct (of TLS the largest, some 800 octets), two buffers, and a callback
 * or two. libevent frees it a turn of the loop later: other streams of that turn have to go without
 * or find room, too. */
#define CELL_SIZE  1536
#define CELLS      32
#define STREAM_MAX 8 /* cells that one may take */

static _Alignas(max_align_t) char cells[CELLS][CELL_SIZE];
static atomic_bool taken[CELLS];

static _Thread_local bool making;  /* a stream, on this thread */
static _Thread_local bool touched; /* the reserve, for it */

static void *take_cell(size_t size)
{
    for (size_t i = 0; i < CELLS && size <= CELL_SIZE; i++) {
        bool free_so_far = false;
        if (atomic_compare_exchange_strong(&taken[i], &free_so_far, true)) {
            touched = true;
            return cells[i];
        }
    }
    return NULL;
}

/* CELLS: it is no cell. */
static size_t cell_of(const void *memory)
{
    uintptr_t at = (uintptr_t)memory;
    uintptr_t first = (uintptr_t)cells;

    return at >= first && at < first + sizeof(cells) ? (at - first) / CELL_SIZE : CELLS;
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);

    if (memory != NULL || !making) {
        return memory;
    }
    return take_cell(size);
}

static void release(void *memory)
{
    size_t cell = cell_of(memory);

    if (cell < CELLS) {
        atomic_store(&taken[cell], false);
    } else {
        free(memory);
    }
}

static void *resize(void *memory, size_t size)
{
    size_t cell = cell_of(memory);

    if (cell == CELLS) {
        return realloc(memory, size);
    }
    void *moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, memory, size < CELL_SIZE ? size : CELL_SIZE);
        release(memory);
    }
    return moved;
}

void stream_prepare(void)
{
    event_set_mem_functions(allocate, resize, release);
}

/* Whether enough of the reserve is free for another stream. */
static bool has_reserve(void)
{
    size_t left = 0;

    for (size_t i = 0; i < CELLS; i++) {
        left += atomic_load(&taken[i]) ? 0 : 1;
    }
    return left >= STREAM_MAX;
}

static struct bufferevent *make(struct event_base *base, int descriptor, SSL *ssl)
{
    if (ssl == NULL) {
        return bufferevent_socket_new(base, descriptor, BEV_OPT_CLOSE_ON_FREE);
    }
    return bufferevent_openssl_socket_new(base, descriptor, ssl, BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

struct bufferevent *stream_new(struct event_base *base, int descriptor, SSL *ssl)
{
    if (!has_reserve()) {
        SSL_free(ssl);
        close(descriptor);
        return NULL;
    }
    touched = false;
    making = true;
    struct bufferevent *stream = make(base, descriptor, ssl);
    making = false;
    if (stream == NULL) { /* it has freed the SSL */
        close(descriptor);
    } else if (touched) {
        bufferevent_free(stream);
        stream = NULL;
    }
    return stream;
}
