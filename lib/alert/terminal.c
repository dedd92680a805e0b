#include "lib/alert/terminal.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/sink/format.h"

#define LINE_MAX_SIZE 4096 /* what a pipe with any room takes without blocking (PIPE_BUF) */

/* As systemd.exec(5) has it: JOURNAL_STREAM is the device and inode of what systemd has put at
 * standard error, if that is the journal. */
static bool is_journal(int descriptor)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (stream == NULL || fstat(descriptor, &status) != 0) {
        return false;
    }
    snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, ours) == 0;
}

void terminal_open(struct terminal *terminal, struct sink_stats *stats, bool quiet)
{
    *terminal = (struct terminal){stats, quiet, is_journal(STDERR_FILENO)};
}

static void write_line(const struct terminal *terminal, const char *line)
{
    struct pollfd descriptor = {.fd = STDERR_FILENO, .events = POLLOUT};
    char text[LINE_MAX_SIZE];

    int length = snprintf(text, sizeof(text), "%s: %s\n", terminal->stats->identity.program, line);
    if (length < 0) {
        return;
    }
    if ((size_t)length >= sizeof(text)) {
        length = (int)format_cut(text, sizeof(text) - 2);
        text[length++] = '\n';
    }
    if (poll(&descriptor, 1, 0) != 1 || (descriptor.revents & POLLOUT) == 0 ||
        write(STDERR_FILENO, text, (size_t)length) != length) {
        atomic_store(&terminal->stats->terminal_lacks, true);
    }
}

void terminal_say(const struct terminal *terminal, const char *line)
{
    if (!terminal->quiet) {
        write_line(terminal, line);
    }
}

void terminal_announce(const struct terminal *terminal, const struct announcement *announcement)
{
    char line[LINE_MAX_SIZE];

    format_kv(line, sizeof(line), announcement);
    write_line(terminal, line);
}
