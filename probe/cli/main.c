/*
 * relaywarden-probe - asks, from outside, whether a mail server relays for strangers
 *
 * Reads the command line and leaves the rest to the verb. See relaywarden-probe(8).
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "lib/sys/standard_streams.h"
#include "probe/cli/command_line.h"
#include "probe/cli/verbs.h"

static int print_help(const struct verb *verb)
{
    option_table_help(verb);
    return options_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}

static int print_version(void)
{
    printf("%s %s\n", PROBE_PROGRAM, RELAYWARDEN_VERSION);
    return options_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}

static int run_command(const struct command_line *line)
{
    const struct options *invocation = &line->invocation;

    if (invocation->help) {
        return print_help(line->verb);
    }
    if (invocation->version) {
        return print_version();
    }
    if (invocation->test) {
        return try_configuration(invocation);
    }
    if (line->verb == NULL) {
        return options_fail(invocation,
                            "a verb is missing; try %s check TARGET, or --help for all verbs",
                            PROBE_PROGRAM);
    }
    return line->verb->run(invocation);
}

/* As many connections as the system lets us have; without this they are what the shell allows. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int count, char **words)
{
    struct command_line line = {.verb = NULL};

    if (!standard_streams_keep()) {
        return EX_OSERR;
    }
    /* A peer or a reader that went away is an error of one write, not the program's end. */
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    int code = command_line_read(count, words, &line);
    if (code == 0) {
        code = run_command(&line);
    }
    /* A pipe that is set up wrongly must not cost a mail. */
    bool receives = line.verb != NULL && line.verb->receives && !line.invocation.test;
    command_line_free(&line);
    return receives && code == PROBE_EXIT_UNKNOWN ? RECEIVE_EXIT_LATER : code;
}
