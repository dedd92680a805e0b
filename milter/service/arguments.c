#include "milter/service/arguments.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "conf/environment.h"
#include "lib/printable.h"
#include "lib/sys/standard_streams.h"

#define PROGRAM    MILTER_PROGRAM
#define CODE_FIRST 256 /* getopt's code of the first long option */
#define SEE_HELP   "see " PROGRAM " --help"

static const char help[] =
    "usage: " PROGRAM " [--config FILE] [-t | --discover[=PATH] | --masked | --unmask ADDRESS |\n"
    "       --alert-test]\n"
    "\n"
    "Attached to Postfix or Sendmail as a mail filter, reports every client that may not relay\n"
    "and was granted it. Stays in the foreground; SIGHUP and SIGUSR1 have it read the\n"
    "configuration again, SIGTERM and SIGINT stop it.\n"
    "\n"
    "  --config FILE     instead of " CONF_DEFAULT_PATH "\n"
    "  -t                check the configuration and exit\n"
    "  --discover[=PATH] print what the MTA takes as its own, for you to read and adopt; PATH is\n"
    "                    Postfix's configuration directory or a sendmail.cf\n"
    "  --masked          list the masked addresses: trusted, but strangers were seen under them\n"
    "  --unmask ADDRESS  let an address be trusted again\n"
    "  --alert-test      send one alert, marked as a test, through every sink, and say of each\n"
    "                    whether it was taken\n"
    "  --help, -h        show this text and exit\n"
    "  --version, -V     show the version and exit\n"
    "\n"
    "Exit status: 0 stopped on request or configuration valid; 64 wrong usage; 65, 66, 69 nothing\n"
    "was discovered or unmasked, or a sink did not take the test; 71 the system failed the\n"
    "program; 74 the output could not be written; 78 the configuration cannot be used.\n"
    "Manual: relaywarden-milter(8).\n";

/* In getopt's order. */
enum {
    CODE_CONFIG = CODE_FIRST,
    CODE_DISCOVER,
    CODE_MASKED,
    CODE_UNMASK,
    CODE_ALERT_TEST
};

static const struct option options[] = {
    {"config", required_argument, NULL, CODE_CONFIG},
    {"discover", optional_argument, NULL, CODE_DISCOVER},
    {"masked", no_argument, NULL, CODE_MASKED},
    {"unmask", required_argument, NULL, CODE_UNMASK},
    {"alert-test", no_argument, NULL, CODE_ALERT_TEST},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* As they are written. */
static const char *const orders[] = {
    [ORDER_TEST] = "-t",         [ORDER_DISCOVER] = "--discover",     [ORDER_MASKED] = "--masked",
    [ORDER_UNMASK] = "--unmask", [ORDER_ALERT_TEST] = "--alert-test",
};

static int refuse(const char *what, const char *word, const char *remedy)
{
    char shown[128];

    printable_string(shown, sizeof(shown), word);
    fprintf(stderr, PROGRAM ": %s \"%s\"; %s\n", what, shown, remedy);
    return EX_USAGE;
}

/* A word that getopt made nothing of. Of letters in one word (-tx) it names the one. */
static int refuse_option(const char *word)
{
    char letter[] = {'-', (char)optopt, '\0'};

    if (optopt != 0 && strncmp(word, "--", 2) == 0) {
        return refuse("this option takes no value:", word, "leave it out");
    }
    return refuse("unknown option", optopt != 0 ? letter : word,
                  SEE_HELP " for those that there are");
}

static int take_order(struct arguments *out, enum order order, const char *value)
{
    char remedy[64];

    if (out->order != ORDER_SERVE && out->order != order) {
        snprintf(remedy, sizeof(remedy), "give it and %s one after the other", orders[out->order]);
        return refuse("each call does one thing, and not also", orders[order], remedy);
    }
    out->order = order;
    out->value = value;
    return -1;
}

/* -1, or the exit status. `word` is the one that getopt has just read. */
static int take(struct arguments *out, int code, const char *word)
{
    switch (code) {
    case CODE_CONFIG:
        out->config = optarg;
        return -1;
    case 't':
        return take_order(out, ORDER_TEST, NULL);
    case CODE_DISCOVER:
        return take_order(out, ORDER_DISCOVER, optarg);
    case CODE_MASKED:
        return take_order(out, ORDER_MASKED, NULL);
    case CODE_UNMASK:
        return take_order(out, ORDER_UNMASK, optarg);
    case CODE_ALERT_TEST:
        return take_order(out, ORDER_ALERT_TEST, NULL);
    case 'h':
        fputs(help, stdout);
        return standard_output_flush(PROGRAM) ? EX_OK : EX_IOERR;
    case 'V':
        puts(PROGRAM " " RELAYWARDEN_VERSION);
        return standard_output_flush(PROGRAM) ? EX_OK : EX_IOERR;
    case ':':
        return refuse("a value is missing after", word,
                      "give it as in --config FILE or --unmask ADDRESS");
    default:
        return refuse_option(word);
    }
}

int arguments_read(int argc, char **argv, struct arguments *out)
{
    int status = -1;
    int code;

    *out = (struct arguments){.config = conf_default_path()};
    opterr = 0;
    while (status < 0 && (code = getopt_long(argc, argv, ":thV", options, NULL)) != -1) {
        status = take(out, code, argv[optind - 1]);
    }
    if (status < 0 && optind < argc) {
        bool is_place = out->order == ORDER_DISCOVER && out->value == NULL;
        status = refuse("there are only options, and this is none:", argv[optind],
                        is_place ? "a place is written as in --discover=/etc/postfix"
                                 : SEE_HELP " for those that there are");
    }
    return status;
}
