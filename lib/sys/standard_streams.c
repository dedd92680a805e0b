#include "lib/sys/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool standard_streams_keep(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        /* All below it are open, so open(2) gives this one. Children get it, too. */
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) {
            return false;
        }
    }
    return true;
}

bool standard_output_flush(const char *program)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return true;
    }
    fprintf(stderr, "%s: the output could not be written: %s\n", program, strerror(errno));
    return false;
}
