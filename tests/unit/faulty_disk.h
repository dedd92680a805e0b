/*
 * faulty_disk - a disk under SQLite that hangs or is full when it is told to
 *
 * A VFS above the system's own. Once installed it is the default of all databases that are opened
 * later. Any thread.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_FAULTY_DISK_H
#define RELAYWARDEN_TESTS_UNIT_FAULTY_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

void faulty_disk_install(void);
void faulty_disk_remove(void);

/* Each write and each sync waits while it hangs. */
void faulty_disk_let_hang(bool hangs);
void faulty_disk_wait_until_it_hangs(void);

/* What changes a file, in order: a listener may keep it, and lay out what a power loss would leave.
 */
struct disk_event {
    enum {
        DISK_WRITE,
        DISK_TRUNCATE,
        DISK_SYNC,
        DISK_DELETE
    } what;
    const char *path;
    const void *bytes;    /* DISK_WRITE */
    sqlite3_int64 offset; /* DISK_TRUNCATE: the new size */
    size_t length;
};
void faulty_disk_listen(void (*listener)(const struct disk_event *event)); /* NULL: nobody */

/* Each write fails with SQLITE_FULL. */
void faulty_disk_let_be_full(bool full);

#endif
