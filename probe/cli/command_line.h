/*
 * command_line - the words that the program was called with become a verb and its options
 *
 * By option_table.h. One thread.
 */
#ifndef RELAYWARDEN_PROBE_CLI_COMMAND_LINE_H
#define RELAYWARDEN_PROBE_CLI_COMMAND_LINE_H

#include "probe/cli/option_table.h"

struct command_line {
    struct options invocation;
    const struct verb *verb; /* NULL: none was named */
};

/* 0, and `line` is filled: its verb takes all that was given. Else the exit code: why it cannot be
 * was said. The words outlive `line`, which command_line_free empties in any case. */
int command_line_read(int count, char **words, struct command_line *line);
void command_line_free(struct command_line *line);

#endif
