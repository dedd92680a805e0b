#include "probe/cli/option_table.h"

#include <stdio.h>
#include <string.h>

#include "conf/environment.h"
#include "probe/cli/verbs.h"

#define HELP_COLUMN 23 /* where the text of an option begins */

const struct verb verb_table[VERB_COUNT] = {
    [VERB_CHECK] = {.name = "check",
                    .arguments = "[TARGET ...]",
                    .most = ARGUMENTS_ANY,
                    .summary = "ask the targets once, report, and exit as a monitoring plugin does",
                    .run = check_main,
                    .has_status_line = true},
    [VERB_INIT] = {.name = "init",
                   .arguments = "[FILE]",
                   .most = 1,
                   .summary = "write a configuration with comments; asks on a terminal; never "
                              "overwrites",
                   .run = init_main},
    [VERB_RUN] = {.name = "run",
                  .arguments = "",
                  .summary = "stay, and audit every configured target at its interval; SIGUSR1: "
                             "all at once;\nSIGHUP: read the configuration again",
                  .run = run_main,
                  .serves = true},
    [VERB_REHEARSE] = {.name = "rehearse",
                       .arguments = "[DIRECTORY]",
                       .most = 1,
                       .summary = "try a mail server's configuration on a private stage, before it "
                                  "is live:\nwould it relay for strangers, and which line does it?",
                       .run = rehearse_main,
                       .has_status_line = true},
    [VERB_REPORT] = {.name = "report",
                     .arguments = "",
                     .summary = "show what all audits found, on a page or as text; connects to "
                                "nothing",
                     .run = report_main},
    [VERB_RECIPE] = {.name = "recipe",
                     .arguments = "TARGET [TECHNIQUE ...]",
                     .least = 1,
                     .most = ARGUMENTS_ANY,
                     .summary = "print the dialogue for asking by hand; connects to nothing",
                     .run = recipe_main},
    [VERB_RECEIVE] = {.name = "receive",
                      .arguments = "",
                      .summary =
                          "record that a test message, on standard input, reached the canary",
                      .run = receive_main,
                      .receives = true},
    [VERB_TECHNIQUES] = {.name = "techniques",
                         .arguments = "",
                         .summary = "list the ways of asking for relaying",
                         .run = techniques_main},
    [VERB_KEYGEN] = {.name = "keygen",
                     .arguments = "FILE",
                     .least = 1,
                     .most = 1,
                     .summary = "make a token key and print its fingerprint; never overwrites",
                     .run = keygen_main},
    [VERB_ALERT_TEST] = {.name = "alert-test",
                         .arguments = "",
                         .summary = "send one alert, marked as a test, through every sink, and say "
                                    "of each\nwhether it was taken",
                         .run = alert_test_main},
    [VERB_FLEET] = {.name = "fleet",
                    .arguments = "migrate|sync|import|status|retire VANTAGE",
                    .most = ARGUMENTS_ANY,
                    .summary = "make, fill and look at the database that many probes share "
                               "(option database)",
                    .run = fleet_main,
                    .serves = true},
};

#define FOR(verb)  OPTION_FOR(VERB_##verb)
#define AT(member) offsetof(struct options, member)

const struct option_row option_table[] = {
    {"--config", 0, "FILE", OPTION_TEXT, AT(conf_path), OPTION_FOR_ALL,
     "instead of " CONF_DEFAULT_PATH},
    {"--json", 0, NULL, OPTION_FLAG, AT(json), OPTION_FOR_ALL,
     "one JSON object on standard output and nothing else"},
    {"--format", 0, "text|json|junit|sarif", OPTION_WORD, AT(format), FOR(CHECK) | FOR(REHEARSE),
     "how the report is written; json is what --json says"},
    {"--color", 0, "auto|always|never", OPTION_WORD, AT(colour), FOR(CHECK),
     "auto, the default: on a terminal, unless NO_COLOR is set"},
    {"--verbose", 'v', NULL, OPTION_FLAG, AT(verbose), FOR(CHECK),
     "every way that was asked, and what is only worth knowing"},
    {"--quiet", 0, NULL, OPTION_FLAG, AT(quiet), FOR(CHECK), "the status line alone"},
    {"--wait", 0, "DURATION", OPTION_TEXT, AT(wait), FOR(CHECK),
     "how long what a server puts off may be asked again, as in 10m"},
    {"--domain", 0, "NAME", OPTION_LIST, AT(domains), FOR(CHECK) | FOR(INIT) | FOR(REHEARSE),
     "without a configuration, or instead of its own: a domain of yours;\nmay be repeated"},
    {"--trusted", 0, "NETWORK", OPTION_LIST, AT(trusted), FOR(CHECK) | FOR(INIT) | FOR(REHEARSE),
     "with or without --domain: a network that may relay; may be repeated"},
    {"--canary", 0, "ADDRESS", OPTION_TEXT, AT(canary), FOR(CHECK) | FOR(INIT) | FOR(REHEARSE),
     "a mailbox of yours outside your domains, for which relaying is asked"},
    {"--mta", 0, "auto|postfix|exim|sendmail", OPTION_WORD, AT(mta), FOR(REHEARSE),
     "whose configuration it is; auto, the default: the files in DIRECTORY say it"},
    {"--as", 0, "DIRECTORY", OPTION_TEXT, AT(as), FOR(REHEARSE),
     "where the configuration will stand; paths inside of it are read so"},
    {"--address", 0, "IF=ADDRESS/LENGTH", OPTION_LIST, AT(addresses), FOR(REHEARSE),
     "an address of the mail host, instead of this host's; may be repeated"},
    {"--gateway", 0, "ADDRESS", OPTION_LIST, AT(gateways), FOR(REHEARSE),
     "a gateway behind which strangers may arrive; may be repeated"},
    {"--tables", 0, "FILE", OPTION_TEXT, AT(tables), FOR(REHEARSE),
     "what tables on the network answer: TABLE KEY VALUE on each line"},
    {"--reach", 0, "SOCKET", OPTION_LIST, AT(reach), FOR(REHEARSE),
     "a UNIX socket of this host that the server may use on the stage"},
    {"--no-blame", 0, NULL, OPTION_FLAG, AT(no_blame), FOR(REHEARSE),
     "the verdict alone, without the lines that make it so"},
    {"--target", 0, "TARGET", OPTION_LIST, AT(targets), FOR(INIT),
     "what the configuration audits; may be repeated"},
    {"--site", 0, "FILE", OPTION_TEXT, AT(site), FOR(INIT),
     "what relaywarden-milter --discover printed; - for standard input"},
    {"--record", 0, "FILE", OPTION_TEXT, AT(record), FOR(CHECK) | FOR(RECEIVE),
     "of arrivals, instead of the one in the state directory"},
    {"--maildir", 0, "DIRECTORY", OPTION_TEXT, AT(maildir), FOR(RECEIVE),
     "look for test messages in a Maildir"},
    {"--key", 0, "FILE", OPTION_TEXT, AT(key), FOR(RECEIVE),
     "the site's token key: record only what it made"},
    {"--copy", 0, NULL, OPTION_FLAG, AT(copy), FOR(RECEIVE),
     "pass over what is no test message, as is always done now"},
    {"--html", 0, "FILE", OPTION_TEXT, AT(html), FOR(REPORT),
     "write one page that needs no network and no script"},
    {"--text", 0, NULL, OPTION_FLAG, AT(text), FOR(REPORT),
     "the readable account, which is also what no option gives"},
    {"--milter", 0, "FILE", OPTION_TEXT, AT(milter), FOR(REPORT),
     "show what the filter saw, too: its snapshot.json, or a copy"},
    {NULL, 't', NULL, OPTION_FLAG, AT(test), OPTION_FOR_ALL, "check the configuration and exit"},
    {"--help", 'h', NULL, OPTION_FLAG, AT(help), OPTION_FOR_ALL, "show this text and exit"},
    {"--version", 'V', NULL, OPTION_FLAG, AT(version), OPTION_FOR_ALL, "show the version and exit"},
};

const size_t option_table_count = sizeof(option_table) / sizeof(option_table[0]);

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verb_table[i].name, name) == 0) {
            return &verb_table[i];
        }
    }
    return NULL;
}

bool option_is_for(const struct option_row *row, const struct verb *verb)
{
    return (row->verbs >> (verb - verb_table) & 1) != 0;
}

const char *option_name(const struct option_row *row, char out[3])
{
    snprintf(out, 3, "-%c", row->letter);
    return row->name != NULL ? row->name : out;
}

/* ---- --help ------------------------------------------------------------------------------ */

/* Further lines stand under the first. */
static void print_lines(const char *text, int indent)
{
    for (const char *at = text; *at != '\0'; at++) {
        putchar(*at);
        if (*at == '\n') {
            printf("%*s", indent, "");
        }
    }
    putchar('\n');
}

static void print_option(const struct option_row *row)
{
    char letter[3];
    int width = printf("  %s", option_name(row, letter));

    if (row->value != NULL) {
        width += printf(" %s", row->value);
    } else if (row->name != NULL && row->letter != 0) {
        width += printf(", -%c", row->letter);
    }
    if (width + 2 > HELP_COLUMN) {
        printf("\n%*s", HELP_COLUMN, "");
    } else {
        printf("%*s", HELP_COLUMN - width, "");
    }
    print_lines(row->help, HELP_COLUMN);
}

static void print_options(const struct verb *verb)
{
    for (size_t i = 0; i < option_table_count; i++) {
        if (verb == NULL || option_is_for(&option_table[i], verb)) {
            print_option(&option_table[i]);
        }
    }
}

static void print_verb(const struct verb *verb, int indent)
{
    printf("%s%s%s\n%*s", verb->name, verb->arguments[0] != '\0' ? " " : "", verb->arguments,
           indent, "");
    print_lines(verb->summary, indent);
}

static void print_program(void)
{
    printf("usage: " PROBE_PROGRAM " VERB [--config FILE] [--json] ...\n"
           "       " PROBE_PROGRAM " [VERB] [--config FILE] [--json] -t\n"
           "       " PROBE_PROGRAM " [VERB] --help | --version\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        fputs("  ", stdout);
        print_verb(&verb_table[i], 6);
    }
}

void option_table_help(const struct verb *verb)
{
    if (verb != NULL) {
        fputs("usage: " PROBE_PROGRAM " ", stdout);
        print_verb(verb, 2);
    } else {
        print_program();
    }
    if (verb == NULL || strstr(verb->arguments, "TARGET") != NULL) {
        printf("\n  %-*sa configured target's name, HOST, HOST:PORT, ADDRESS,\n"
               "%*s[V6-ADDRESS]:PORT, or domain:NAME for its MX hosts",
               HELP_COLUMN - 2, "TARGET", HELP_COLUMN, "");
    }
    putchar('\n');
    print_options(verb);
    fputs("\nExit code: 0 all closed, 1 warning, 2 open relay or critical, 3 unknown; of run: 0\n"
          "stopped on request, 64 wrong usage, 71 the system failed it, 78 bad configuration.\n"
          "Ask only servers that are yours. See relaywarden-probe(8).\n",
          stdout);
}
