/*
 * faulty_disk - a disk under SQLite that hangs or is full when it is told to
 *
 * A VFS above the system's own. Once installed it is the default of all databases that are opened
 * later. Any thread.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_FAULTY_DISK_H
#define RELAYWARDEN_TESTS_UNIT_FAULTY_DISK_H

#include <stdbool.h>

void faulty_disk_install(void);
void faulty_disk_remove(void);

/* Each write and each sync waits while it hangs. */
void faulty_disk_let_hang(bool hangs);
void faulty_disk_wait_until_it_hangs(void);

/* Each write fails with SQLITE_FULL. */
void faulty_disk_let_be_full(bool full);

#endif
