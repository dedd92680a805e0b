#include "lib/sys/service_manager.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_SIZE 513

/* Rejected: libsystemd, whose sd_notify does just this. It brings liblzma, libzstd, liblz4,
 * libgcrypt and libcap into two programs that read what strangers send, and does not exist
 * everywhere. sd_notify(3) itself recommends own code to those who need nothing else of it. */

/* The address's length; 0 if there is none that we know how to send to. */
static socklen_t find_socket(struct sockaddr_un *out)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path != NULL ? strlen(path) : 0;

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length < 2 || length >= sizeof(out->sun_path) || (path[0] != '/' && path[0] != '@')) {
        return 0;
    }
    memcpy(out->sun_path, path, length);
    if (path[0] == '@') { /* unix(7): an abstract name begins with NUL and is as long as it is */
        out->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void service_manager_tell(const char *format, ...)
{
    struct sockaddr_un address;
    socklen_t size = find_socket(&address);
    char message[MESSAGE_SIZE];
    va_list arguments;

    if (size == 0) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor >= 0) {
        (void)sendto(descriptor, message, strlen(message), MSG_NOSIGNAL,
                     (const struct sockaddr *)&address, size);
        close(descriptor);
    }
}

/* A whole number above 0 and nothing else; else 0. */
static uint64_t read_number(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return 0;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 ? value : 0;
}

uint64_t service_manager_watchdog(void)
{
    /* The variable may be one that a parent inherited for itself. */
    if (getenv("WATCHDOG_PID") != NULL && read_number("WATCHDOG_PID") != (uint64_t)getpid()) {
        return 0;
    }
    return read_number("WATCHDOG_USEC");
}
