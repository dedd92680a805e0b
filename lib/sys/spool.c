#include "lib/sys/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNKS_IN_MEMORY (SPOOL_MEMORY / SPOOL_CHUNK)

struct spool {
    char **chunks; /* NULL: it is in the file, at its number times SPOOL_CHUNK */
    size_t count;
    size_t room;
    size_t used;      /* of the last chunk */
    size_t in_memory; /* chunks */
    int file;         /* -1: none yet */
    bool fileless;    /* it cannot be made or written: all stays in memory */
};

struct spool *spool_new(void)
{
    struct spool *spool = calloc(1, sizeof(*spool));

    if (spool != NULL) {
        spool->file = -1;
    }
    return spool;
}

void spool_free(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    for (size_t i = 0; i < spool->count; i++) {
        free(spool->chunks[i]);
    }
    if (spool->file >= 0) {
        close(spool->file);
    }
    free(spool->chunks);
    free(spool);
}

/* ---- the file ---------------------------------------------------------------------------- */

/* Not every file system makes one without a name (overlayfs before Linux 6.6 and NFS do not). */
static int open_in(const char *folder)
{
    char path[PATH_MAX];
    int file = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

    if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        int length = snprintf(path, sizeof(path), "%s/relaywarden-XXXXXX", folder);
        if (length < 0 || (size_t)length >= sizeof(path)) {
            return -1;
        }
        file = mkostemp(path, O_CLOEXEC);
        if (file >= 0) {
            (void)unlink(path);
        }
    }
    return file;
}

static int open_file(void)
{
    const char *named = getenv("TMPDIR");
    const char *const folders[] = {named, "/var/tmp", "/tmp"};
    int file = -1;

    for (size_t i = 0; file < 0 && i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (folders[i] != NULL && folders[i][0] != '\0') {
            file = open_in(folders[i]);
        }
    }
    return file;
}

static bool write_chunk(int file, const char *chunk, off_t at)
{
    size_t done = 0;

    while (done < SPOOL_CHUNK) {
        ssize_t written = pwrite(file, chunk + done, SPOOL_CHUNK - done, at + (off_t)done);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        done += (size_t)written;
    }
    return true;
}

/* The last chunk is full: it goes to the file, where memory has as many as it should. */
static void put_away(struct spool *spool)
{
    size_t last = spool->count - 1;

    if (spool->in_memory < CHUNKS_IN_MEMORY || spool->fileless) {
        return;
    }
    if (spool->file < 0) {
        spool->file = open_file();
    }
    if (spool->file < 0 ||
        !write_chunk(spool->file, spool->chunks[last], (off_t)last * (off_t)SPOOL_CHUNK)) {
        spool->fileless = true;
        return;
    }
    free(spool->chunks[last]);
    spool->chunks[last] = NULL;
    spool->in_memory--;
}

/* ---- records ----------------------------------------------------------------------------- */

static bool begin_chunk(struct spool *spool)
{
    if (spool->count == spool->room) {
        size_t room = spool->room == 0 ? 16 : spool->room * 2;
        char **chunks = reallocarray(spool->chunks, room, sizeof(*chunks));
        if (chunks == NULL) {
            return false;
        }
        spool->chunks = chunks;
        spool->room = room;
    }
    char *chunk = calloc(1, SPOOL_CHUNK);
    if (chunk == NULL) {
        return false;
    }
    spool->chunks[spool->count++] = chunk;
    spool->in_memory++;
    spool->used = 0;
    return true;
}

bool spool_add(struct spool *spool, const void *record, size_t length, struct spool_place *place)
{
    if (length > SPOOL_RECORD_MAX) {
        return false;
    }
    if (spool->count == 0 || SPOOL_CHUNK - spool->used < length) {
        if (spool->count > 0 && spool->chunks[spool->count - 1] != NULL) {
            put_away(spool);
        }
        if (!begin_chunk(spool)) {
            return false;
        }
    }
    *place = (struct spool_place){.chunk = (uint32_t)(spool->count - 1),
                                  .offset = (uint32_t)spool->used,
                                  .length = (uint32_t)length};
    memcpy(spool->chunks[place->chunk] + place->offset, record, length);
    spool->used += length;
    return true;
}

bool spool_read(const struct spool *spool, const struct spool_place *place, void *record)
{
    const char *chunk = spool->chunks[place->chunk];
    off_t at = (off_t)place->chunk * (off_t)SPOOL_CHUNK + (off_t)place->offset;
    size_t done = 0;

    if (chunk != NULL) {
        memcpy(record, chunk + place->offset, place->length);
        return true;
    }
    while (done < place->length) {
        ssize_t got =
            pread(spool->file, (char *)record + done, place->length - done, at + (off_t)done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return false;
        }
        done += (size_t)got;
    }
    return true;
}
