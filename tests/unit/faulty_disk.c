#include "tests/unit/faulty_disk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool hangs;
static unsigned int hanging;
static bool full;

static sqlite3_vfs vfs;
static sqlite3_vfs *real;

static void (*listening)(const struct disk_event *event);

struct file {
    sqlite3_file base;
    const char *path;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

#define CALL(file, method, ...) real_of(file)->pMethods->method(real_of(file), ##__VA_ARGS__)

/* Waits while the disk hangs; SQLite's code for what then happens. */
static int pass(bool writes)
{
    pthread_mutex_lock(&mutex);
    while (hangs) {
        hanging++;
        pthread_cond_broadcast(&changed);
        pthread_cond_wait(&changed, &mutex);
        hanging--;
    }
    int code = writes && full ? SQLITE_FULL : SQLITE_OK;
    pthread_mutex_unlock(&mutex);
    return code;
}

/* The code of what was done, which the listener hears of where it is done. */
static int tell(int code, const struct disk_event *event)
{
    if (code == SQLITE_OK && listening != NULL && event->path != NULL)
        listening(event);
    return code;
}

static int close_file(sqlite3_file *file)
{
    return CALL(file, xClose);
}

static int read_file(sqlite3_file *file, void *out, int amount, sqlite3_int64 offset)
{
    return CALL(file, xRead, out, amount, offset);
}

static int write_file(sqlite3_file *file, const void *in, int amount, sqlite3_int64 offset)
{
    int code = pass(true);

    if (code == SQLITE_OK)
        code = CALL(file, xWrite, in, amount, offset);
    return tell(code, &(struct disk_event){.what = DISK_WRITE,
                                           .path = ((struct file *)file)->path,
                                           .bytes = in,
                                           .offset = offset,
                                           .length = (size_t)amount});
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    return tell(CALL(file, xTruncate, size),
                &(struct disk_event){
                    .what = DISK_TRUNCATE, .path = ((struct file *)file)->path, .offset = size});
}

static int sync_file(sqlite3_file *file, int flags)
{
    int code = pass(false);

    if (code == SQLITE_OK)
        code = CALL(file, xSync, flags);
    return tell(code, &(struct disk_event){.what = DISK_SYNC, .path = ((struct file *)file)->path});
}

static int size_of_file(sqlite3_file *file, sqlite3_int64 *size)
{
    return CALL(file, xFileSize, size);
}

static int lock_file(sqlite3_file *file, int lock)
{
    return CALL(file, xLock, lock);
}

static int unlock_file(sqlite3_file *file, int lock)
{
    return CALL(file, xUnlock, lock);
}

static int check_lock(sqlite3_file *file, int *out)
{
    return CALL(file, xCheckReservedLock, out);
}

static int control_file(sqlite3_file *file, int operation, void *argument)
{
    return CALL(file, xFileControl, operation, argument);
}

static int sector_size(sqlite3_file *file)
{
    return CALL(file, xSectorSize);
}

static int characteristics(sqlite3_file *file)
{
    return CALL(file, xDeviceCharacteristics);
}

static int map_shared(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    return CALL(file, xShmMap, region, size, extend, out);
}

static int lock_shared(sqlite3_file *file, int offset, int count, int flags)
{
    return CALL(file, xShmLock, offset, count, flags);
}

static void shared_barrier(sqlite3_file *file)
{
    CALL(file, xShmBarrier);
}

static int unmap_shared(sqlite3_file *file, int remove)
{
    return CALL(file, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = map_shared,
    .xShmLock = lock_shared,
    .xShmBarrier = shared_barrier,
    .xShmUnmap = unmap_shared,
};

static int open_file(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct file *ours = (struct file *)file;

    (void)self;
    memset(ours, 0, sizeof(*ours));
    ours->real = (sqlite3_file *)(ours + 1);
    ours->path = name;
    int code = real->xOpen(real, name, ours->real, flags, out);
    if (ours->real->pMethods != NULL)
        ours->base.pMethods = &methods;
    return code;
}

static int delete_file(sqlite3_vfs *self, const char *path, int sync)
{
    (void)self;
    return tell(real->xDelete(real, path, sync),
                &(struct disk_event){.what = DISK_DELETE, .path = path});
}

void faulty_disk_listen(void (*listener)(const struct disk_event *event))
{
    listening = listener;
}

void faulty_disk_install(void)
{
    real = sqlite3_vfs_find(NULL);
    vfs = *real;
    vfs.zName = "faulty";
    vfs.szOsFile = real->szOsFile + (int)sizeof(struct file);
    vfs.xOpen = open_file;
    vfs.xDelete = delete_file;
    vfs.pNext = NULL;
    hangs = full = false;
    sqlite3_vfs_register(&vfs, 1);
}

void faulty_disk_remove(void)
{
    sqlite3_vfs_unregister(&vfs);
    sqlite3_vfs_register(real, 1);
}

static void set(bool *flag, bool value)
{
    pthread_mutex_lock(&mutex);
    *flag = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

void faulty_disk_let_hang(bool value)
{
    set(&hangs, value);
}

void faulty_disk_let_be_full(bool value)
{
    set(&full, value);
}

void faulty_disk_wait_until_it_hangs(void)
{
    pthread_mutex_lock(&mutex);
    while (hanging == 0)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}
