/* Preloaded into a program: lets its calls of one kind fail.
 *
 * FAIL_KIND    which: a name of the table `kinds`
 * FAIL_AT=N    the first of them that fails, counted from 1; none: all succeed
 * FAIL_ONCE=1  it alone; otherwise all from then on
 * COUNT_TO     a file: how many there have been is written there when the process ends
 * FAIL_AFTER   a file: calls are counted, and fail, only while it exists
 *
 * OpenSSL's allocations are not counted: there are some 100,000 of it in each handshake, and they
 * are its own to bear. A process that is forked counts on with its parent.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

enum kind {
    MEMORY,
    OPEN,
    WRITE,
    FSYNC,
    RENAME,
    SOCKET,
    CONNECT,
    SEND,
    RECEIVE,
    EPOLL,
    THREAD,
    RANDOM,
    CLOCK,
    LOCK,
    KIND_COUNT,
};

static const struct {
    const char *name;
    int error;
} kinds[KIND_COUNT] = {
    [MEMORY] = {"memory", ENOMEM},   [OPEN] = {"open", EMFILE},     [WRITE] = {"write", ENOSPC},
    [FSYNC] = {"fsync", EIO},        [RENAME] = {"rename", EIO},    [SOCKET] = {"socket", EMFILE},
    [CONNECT] = {"connect", EAGAIN}, [SEND] = {"send", ENOBUFS},    [RECEIVE] = {"receive", EIO},
    [EPOLL] = {"epoll", ENOMEM},     [THREAD] = {"thread", EAGAIN}, [RANDOM] = {"random", ENOSYS},
    [CLOCK] = {"clock", EINVAL},     [LOCK] = {"lock", ENOLCK},
};

static atomic_ulong *made; /* shared with what is forked; NULL until begin */
static enum kind failing = KIND_COUNT;
static unsigned long fail_at; /* 0: none */
static bool once;
static const char *after;

/* Where OpenSSL's code is. */
static struct {
    uintptr_t from;
    uintptr_t to;
} foreign[4];
static size_t foreign_count;

static int note_foreign(struct dl_phdr_info *object, size_t size, void *nothing)
{
    (void)size;
    (void)nothing;
    if (strstr(object->dlpi_name, "libcrypto") == NULL &&
        strstr(object->dlpi_name, "libssl") == NULL) {
        return 0;
    }
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0 &&
            foreign_count < sizeof(foreign) / sizeof(foreign[0])) {
            foreign[foreign_count].from = object->dlpi_addr + part->p_vaddr;
            foreign[foreign_count].to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
            foreign_count++;
        }
    }
    return 0;
}

static bool is_foreign(const void *caller)
{
    for (size_t i = 0; i < foreign_count; i++) {
        if ((uintptr_t)caller >= foreign[i].from && (uintptr_t)caller < foreign[i].to) {
            return true;
        }
    }
    return false;
}

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("FAIL_KIND");
    const char *at = getenv("FAIL_AT");

    for (int kind = 0; name != NULL && kind < KIND_COUNT; kind++) {
        if (strcmp(kinds[kind].name, name) == 0) {
            failing = (enum kind)kind;
        }
    }
    fail_at = at == NULL ? 0 : strtoul(at, NULL, 10);
    once = getenv("FAIL_ONCE") != NULL;
    after = getenv("FAIL_AFTER");
    dl_iterate_phdr(note_foreign, NULL);
    void *shared =
        mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || failing == KIND_COUNT) {
        _exit(99);
    }
    made = shared;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("COUNT_TO");
    char text[32];

    if (path == NULL) {
        return;
    }
    int length = snprintf(text, sizeof(text), "%lu", atomic_load(made));
    long file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || syscall(SYS_write, (int)file, text, (size_t)length) != length) {
        _exit(99);
    }
    syscall(SYS_close, (int)file);
}

static bool strikes(enum kind kind)
{
    if (kind != failing || made == NULL ||
        (after != NULL && syscall(SYS_faccessat, AT_FDCWD, after, F_OK) != 0)) {
        return false;
    }
    unsigned long number = atomic_fetch_add(made, 1) + 1;
    if (fail_at == 0 || (once ? number != fail_at : number < fail_at)) {
        return false;
    }
    errno = kinds[kind].error;
    return true;
}

void *malloc(size_t size)
{
    return !is_foreign(__builtin_return_address(0)) && strikes(MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return !is_foreign(__builtin_return_address(0)) && strikes(MEMORY) ? NULL
                                                                       : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return !is_foreign(__builtin_return_address(0)) && strikes(MEMORY) ? NULL
                                                                       : __libc_realloc(old, size);
}

/* The C library's own, of this name. */
#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (real == NULL) {                                                                            \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                                        \
    }

/* Most are only counted, and handed on. */
#define FAILING(kind, result, name, parameters, arguments)                                         \
    result name parameters                                                                         \
    {                                                                                              \
        REAL(name)                                                                                 \
        return strikes(kind) ? (result)-1 : real arguments;                                        \
    }

#define OPENING(name)                                                                              \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;             \
        va_end(rest);                                                                              \
        REAL(name)                                                                                 \
        return strikes(OPEN) ? -1 : real(path, flags, mode);                                       \
    }

OPENING(open)
OPENING(open64)

int openat(int folder, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    REAL(openat)
    return strikes(OPEN) ? -1 : real(folder, path, flags, mode);
}

/* Standard error is what a failure is told on. */
ssize_t write(int file, const void *bytes, size_t length)
{
    REAL(write)
    return file != STDERR_FILENO && strikes(WRITE) ? -1 : real(file, bytes, length);
}

FAILING(WRITE, ssize_t, pwrite, (int file, const void *bytes, size_t length, off_t at),
        (file, bytes, length, at))
FAILING(WRITE, ssize_t, pwrite64, (int file, const void *bytes, size_t length, off64_t at),
        (file, bytes, length, at))
FAILING(WRITE, ssize_t, writev, (int file, const struct iovec *parts, int count),
        (file, parts, count))
FAILING(WRITE, int, ftruncate, (int file, off_t length), (file, length))
FAILING(WRITE, int, ftruncate64, (int file, off64_t length), (file, length))
FAILING(FSYNC, int, fsync, (int file), (file))
FAILING(FSYNC, int, fdatasync, (int file), (file))
FAILING(RENAME, int, rename, (const char *from, const char *to), (from, to))
FAILING(RENAME, int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
FAILING(RENAME, int, unlink, (const char *path), (path))
FAILING(SOCKET, int, socket, (int family, int type, int protocol), (family, type, protocol))
FAILING(SOCKET, int, socketpair, (int family, int type, int protocol, int ends[2]),
        (family, type, protocol, ends))
FAILING(SOCKET, int, pipe2, (int ends[2], int flags), (ends, flags))
FAILING(SOCKET, int, accept, (int socket, struct sockaddr *peer, socklen_t *length),
        (socket, peer, length))
FAILING(SOCKET, int, epoll_create1, (int flags), (flags))
FAILING(CONNECT, int, connect, (int socket, const struct sockaddr *peer, socklen_t length),
        (socket, peer, length))
FAILING(SEND, ssize_t, send, (int socket, const void *bytes, size_t length, int flags),
        (socket, bytes, length, flags))
FAILING(SEND, ssize_t, sendmsg, (int socket, const struct msghdr *message, int flags),
        (socket, message, flags))
FAILING(SEND, ssize_t, sendto,
        (int socket, const void *bytes, size_t length, int flags, const struct sockaddr *peer,
         socklen_t peer_length),
        (socket, bytes, length, flags, peer, peer_length))
FAILING(RECEIVE, ssize_t, read, (int file, void *bytes, size_t length), (file, bytes, length))
FAILING(RECEIVE, ssize_t, readv, (int file, const struct iovec *parts, int count),
        (file, parts, count))
FAILING(RECEIVE, ssize_t, pread64, (int file, void *bytes, size_t length, off64_t at),
        (file, bytes, length, at))
FAILING(RECEIVE, ssize_t, recv, (int socket, void *bytes, size_t length, int flags),
        (socket, bytes, length, flags))
FAILING(RECEIVE, ssize_t, recvfrom,
        (int socket, void *bytes, size_t length, int flags, struct sockaddr *peer,
         socklen_t *peer_length),
        (socket, bytes, length, flags, peer, peer_length))
FAILING(EPOLL, int, epoll_ctl, (int epoll, int what, int file, struct epoll_event *event),
        (epoll, what, file, event))
FAILING(EPOLL, int, epoll_wait, (int epoll, struct epoll_event *events, int most, int wait_ms),
        (epoll, events, most, wait_ms))
FAILING(RANDOM, ssize_t, getrandom, (void *bytes, size_t length, unsigned int flags),
        (bytes, length, flags))
FAILING(LOCK, int, flock, (int file, int what), (file, what))

/* Its result is the error. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    REAL(pthread_create)
    return strikes(THREAD) ? kinds[THREAD].error : real(thread, attributes, run, argument);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    return strikes(CLOCK) ? -1 : (int)syscall(SYS_clock_gettime, clock, now);
}

/* Of fcntl, locks alone. */
static int lock_or(int (*real)(int, int, ...), int file, int what, void *argument)
{
    bool locks = what == F_SETLK || what == F_SETLKW || what == F_OFD_SETLK || what == F_OFD_SETLKW;

    return locks && strikes(LOCK) ? -1 : real(file, what, argument);
}

#define CONTROLLING(name)                                                                          \
    int name(int file, int what, ...)                                                              \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, what);                                                                      \
        void *argument = va_arg(rest, void *);                                                     \
        va_end(rest);                                                                              \
        REAL(name)                                                                                 \
        return lock_or(real, file, what, argument);                                                \
    }

CONTROLLING(fcntl)
CONTROLLING(fcntl64)
