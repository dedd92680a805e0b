#include "probe/rehearse/stage/stage_log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEV_LOG      "/dev/log"
#define LINE_SIZE    16384
#define MARK         "relaywarden-mark "
#define MARK_WAIT_MS 10000

/* Behind "<22>Nov 30 05:00:00 ", each part of which may be missing. */
static const char *skip_head(const char *line)
{
    if (*line == '<') {
        const char *end = strchr(line, '>');
        line = end != NULL ? end + 1 : line;
    }
    if (strlen(line) > 16 && line[3] == ' ' && line[6] == ' ' && line[9] == ':' &&
        line[15] == ' ') {
        line += 16;
    }
    return line;
}

static void keep(int file, char *line, size_t *length)
{
    const char *text = skip_head(line);
    size_t octets = strlen(text);

    for (char *at = line; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\r') {
            *at = ' ';
        }
    }
    if (*length + octets + 1 > STAGE_LOG_MAX) {
        return;
    }
    line[(size_t)(text - line) + octets] = '\n';
    if (write(file, text, octets + 1) == (ssize_t)(octets + 1)) {
        *length += octets + 1;
    }
}

static void read_forever(int socket, int file)
{
    static char line[LINE_SIZE + 2];
    size_t length = 0;

    for (;;) {
        ssize_t octets = recv(socket, line, LINE_SIZE, 0);
        if (octets < 0 && errno != EINTR) {
            _exit(1);
        }
        if (octets > 0) {
            line[octets] = '\0';
            keep(file, line, &length);
        }
    }
}

static int listen_to(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = DEV_LOG};
    int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int room = 4 * 1024 * 1024;

    if (made < 0) {
        return -1;
    }
    (void)setsockopt(made, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    if (bind(made, (const struct sockaddr *)&at, sizeof(at)) != 0 || chmod(DEV_LOG, 0666) != 0) {
        close(made);
        return -1;
    }
    return made;
}

int stage_log_begin(struct stage_log *log)
{
    int socket = listen_to();

    if (socket < 0) {
        return -1;
    }
    log->file = memfd_create("rehearsal-log", MFD_CLOEXEC);
    log->reader = log->file >= 0 ? fork() : -1;
    if (log->reader == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        read_forever(socket, log->file);
    }
    close(socket);
    return log->reader > 0 ? 0 : -1;
}

size_t stage_log_length(const struct stage_log *log)
{
    struct stat status;

    return fstat(log->file, &status) == 0 && status.st_size > 0 ? (size_t)status.st_size : 0;
}

char *stage_log_text(const struct stage_log *log, size_t from, size_t to)
{
    size_t wanted = to > from ? to - from : 0;
    char *text = malloc(wanted + 1);
    size_t done = 0;

    while (text != NULL && done < wanted) {
        ssize_t step = pread(log->file, text + done, wanted - done, (off_t)(from + done));
        if (step <= 0) {
            break;
        }
        done += (size_t)step;
    }
    if (text != NULL) {
        text[done] = '\0';
    }
    return text;
}

/* Whether the log from `from` on has the line `mark`; then where it ends. */
static bool find_mark(const struct stage_log *log, size_t from, const char *mark, size_t *end)
{
    char *text = stage_log_text(log, from, stage_log_length(log));
    const char *found = text != NULL ? strstr(text, mark) : NULL;

    if (found != NULL) {
        *end = from + (size_t)(found - text) + strlen(mark);
    }
    free(text);
    return found != NULL;
}

/* A socket's datagrams are read in the order in which they were sent: what stands before a line of
 * our own is all that was said before. */
size_t stage_log_mark(struct stage_log *log)
{
    static unsigned int number;
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = DEV_LOG};
    char mark[64];
    size_t from = stage_log_length(log);
    size_t end = from;
    int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(mark, sizeof(mark), MARK "%u\n", ++number);
    if (sender >= 0 &&
        sendto(sender, mark, strlen(mark) - 1, 0, (const struct sockaddr *)&at, sizeof(at)) > 0) {
        const struct timespec pause = {.tv_nsec = 1000000};
        for (int i = 0; i < MARK_WAIT_MS && !find_mark(log, from, mark, &end); i++) {
            nanosleep(&pause, NULL);
        }
    }
    if (sender >= 0) {
        close(sender);
    }
    return end;
}
