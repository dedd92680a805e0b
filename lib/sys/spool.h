/*
 * spool - records that are many: written once, read back in any order
 *
 * The first SPOOL_MEMORY octets stay in memory, so that small work touches no disk. Beyond that
 * whole chunks go to a file without a name, which nobody else can open and which is gone with the
 * program, however it ends. It lies in $TMPDIR, else in /var/tmp, else in /tmp: /var/tmp first,
 * since /tmp is memory on many systems. Where no file can be made or written, the records stay in
 * memory: none is lost. One thread.
 */
#ifndef RELAYWARDEN_LIB_SYS_SPOOL_H
#define RELAYWARDEN_LIB_SYS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_MEMORY     (8UL * 1024 * 1024)
#define SPOOL_CHUNK      (256UL * 1024)
#define SPOOL_RECORD_MAX SPOOL_CHUNK

struct spool;

/* Where a record is. */
struct spool_place {
    uint32_t chunk;
    uint32_t offset;
    uint32_t length;
};

struct spool *spool_new(void);        /* NULL when memory is out */
void spool_free(struct spool *spool); /* NULL is nothing */

/* False when memory is out, or the record is longer than SPOOL_RECORD_MAX. */
bool spool_add(struct spool *spool, const void *record, size_t length, struct spool_place *place);

/* Reads place->length octets. False when the file cannot be read; errno says why. */
bool spool_read(const struct spool *spool, const struct spool_place *place, void *record);

#endif
