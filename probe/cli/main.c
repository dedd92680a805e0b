/*
 * relaywarden-probe - asks, from outside, whether a mail server relays for strangers
 *
 * Reads the command line, finds the verb, and leaves the rest to it. See relaywarden-probe(8).
 */
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/printable.h"
#include "probe/cli/check.h"
#include "probe/cli/keygen.h"
#include "probe/cli/options.h"
#include "probe/cli/privileges.h"
#include "probe/cli/receive.h"
#include "probe/cli/recipe.h"
#include "probe/cli/report.h"
#include "probe/cli/run.h"
#include "probe/cli/techniques.h"

/* What a verb does beside --config, --json, --help, --version and -t, which all have. */
struct verb {
    const char *name;
    const char *arguments; /* as the usage shows them */
    const char *summary;
    int (*run)(const struct invocation *invocation);
    bool takes_arguments;
    bool takes_quiet;
    bool takes_wait;
    bool takes_record;
    bool receives; /* --maildir and --copy are for it, and its exit codes are a mail pipe's */
    bool reports;  /* --html, --text and --milter are for it */
    bool has_status_line;
};

static const struct verb verbs[] = {
    {.name = "check",
     .arguments = " [--quiet] [--wait DURATION] [TARGET ...]",
     .summary = "ask the targets once, report, and exit as a monitoring plugin does",
     .run = check_main,
     .takes_arguments = true,
     .takes_quiet = true,
     .takes_wait = true,
     .takes_record = true,
     .has_status_line = true},
    {.name = "run",
     .arguments = "",
     .summary = "stay, and audit every configured target at its interval; SIGUSR1: all at once",
     .run = run_main},
    {.name = "report",
     .arguments = " [--html FILE] [--text] [--milter FILE]",
     .summary = "show what all audits found, on a page or as text; connects to nothing",
     .run = overview_main,
     .reports = true},
    {.name = "recipe",
     .arguments = " TARGET [TECHNIQUE ...]",
     .summary = "print the dialogue for asking by hand; connects to nothing",
     .run = recipe_main,
     .takes_arguments = true},
    {.name = "receive",
     .arguments = " [--record FILE] [--copy] [--maildir DIRECTORY]",
     .summary = "record that a test message, on standard input, reached the canary",
     .run = receive_main,
     .takes_record = true,
     .receives = true},
    {.name = "techniques",
     .arguments = "",
     .summary = "list the ways of asking for relaying",
     .run = listing_main},
    {.name = "keygen",
     .arguments = " FILE",
     .summary = "make a token key and print its fingerprint; never overwrites",
     .run = keygen_main,
     .takes_arguments = true},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

enum option_code {
    OPTION_ARGUMENT = 1, /* getopt's own for "-": what is no option, in its place */
    OPTION_CONFIG = 256,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_WAIT,
    OPTION_RECORD,
    OPTION_MAILDIR,
    OPTION_COPY,
    OPTION_HTML,
    OPTION_TEXT,
    OPTION_MILTER,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"record", required_argument, NULL, OPTION_RECORD},
    {"maildir", required_argument, NULL, OPTION_MAILDIR},
    {"copy", no_argument, NULL, OPTION_COPY},
    {"html", required_argument, NULL, OPTION_HTML},
    {"text", no_argument, NULL, OPTION_TEXT},
    {"milter", required_argument, NULL, OPTION_MILTER},
    {NULL, 0, NULL, 0},
};

/* The command line as it was understood. */
struct command_line {
    struct invocation invocation;
    const struct verb *verb;
    bool test; /* -t */
    bool help;
    bool version;
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int print_help(void)
{
    printf("usage: %s VERB [--config FILE] [--json] ...\n"
           "       %s [VERB] [--config FILE] [--json] -t\n"
           "       %s [VERB] --help | --version\n\n",
           PROBE_PROGRAM, PROBE_PROGRAM, PROBE_PROGRAM);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        printf("  %s%s\n      %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
    }
    printf("\n  TARGET           a configured target's name, HOST, HOST:PORT, ADDRESS,\n"
           "                   [V6-ADDRESS]:PORT, or domain:NAME for its MX hosts\n"
           "  --config FILE    instead of %s\n"
           "  --json           one JSON object on standard output and nothing else\n"
           "  --quiet          the status line alone\n"
           "  --wait DURATION  how long what a server puts off may be asked again, as in 10m\n"
           "  --record FILE    of arrivals, instead of the one in the state directory\n"
           "  --maildir DIRECTORY  look for test messages in a Maildir\n"
           "  --copy           what is no test message has another recipient: pass it over\n"
           "  --html FILE      write one page that needs no network and no script\n"
           "  --text           the readable account, which is also what no option gives\n"
           "  --milter FILE    show what the filter saw, too: its snapshot.json, or a copy\n"
           "  -t               check the configuration and exit\n"
           "  --help, -h       show this text and exit\n"
           "  --version, -V    show the version and exit\n\n"
           "Exit code: 0 all closed, 1 warning, 2 open relay or critical, 3 unknown.\n"
           "Ask only servers that are yours. See relaywarden-probe(8).\n",
           CONF_DEFAULT_PATH);
    return invocation_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}

static int print_version(void)
{
    printf("%s %s\n", PROBE_PROGRAM, RELAYWARDEN_VERSION);
    return invocation_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}

/* ---- -t --------------------------------------------------------------------------------- */

static json_t *json_lines(char *const *lines, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, json_string(lines[i]));
    }
    return array;
}

static json_t *json_fingerprint(const struct token_key *key)
{
    char fingerprint[TOKEN_FINGERPRINT_SIZE];

    return key == NULL ? json_null() : json_string(token_fingerprint(key, fingerprint));
}

static void print_fingerprint(const char *option, const struct token_key *key)
{
    char fingerprint[TOKEN_FINGERPRINT_SIZE];

    if (key != NULL) {
        printf("%s: fingerprint %s\n", option, token_fingerprint(key, fingerprint));
    }
}

static void print_test_json(const char *path, const struct conf_report *report,
                            const struct conf *conf)
{
    char shown[PATH_MAX];
    bool valid = conf != NULL;
    printable_string(shown, sizeof(shown), path);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:{s:o, s:o}, s:i}", "program", PROBE_PROGRAM,
                  "version", RELAYWARDEN_VERSION, "configuration", shown, "valid", valid,
                  "mistakes", json_lines(report->mistakes, report->mistake_count), "notes",
                  json_lines(report->notes, report->note_count), "fingerprints", "token_key_file",
                  json_fingerprint(valid ? conf->token_key : NULL), "token_key_also",
                  json_fingerprint(valid ? conf->token_key_other : NULL), "exit",
                  valid ? 0 : PROBE_EXIT_UNKNOWN);

    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

static int test_configuration(const struct invocation *invocation)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    bool valid = conf != NULL;
    char owner[OWNER_NAME_SIZE];

    /* Root can read everything; the units are the state directory's owner, and so is a reload. */
    if (valid && owner_become(conf, owner) && owner[0] != '\0') {
        conf_note_denied(&report, invocation->conf_path, CONF_PROBE, owner);
    }
    for (size_t i = 0; i < report.mistake_count; i++) {
        fprintf(stderr, "%s\n", report.mistakes[i]);
    }
    for (size_t i = 0; i < report.note_count; i++) {
        fprintf(stderr, "%s\n", report.notes[i]);
    }
    if (invocation->json) {
        print_test_json(invocation->conf_path, &report, conf);
    } else if (valid) {
        printf("%s: configuration is valid\n", invocation->conf_path);
        print_fingerprint("token_key_file", conf->token_key);
        print_fingerprint("token_key_also", conf->token_key_other);
    }
    conf_report_free(&report);
    conf_free(conf);
    return invocation_output_is_written() && valid ? 0 : PROBE_EXIT_UNKNOWN;
}

/* ---- the command line ------------------------------------------------------------------- */

/* An error must know how to be shown even if it is met before these are. */
static void look_ahead(int count, char **words, struct command_line *line)
{
    for (int i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        const struct verb *verb = find_verb(words[i]);
        if (strcmp(words[i], "--json") == 0) {
            line->invocation.json = true;
        } else if (verb != NULL && line->verb == NULL) {
            line->verb = verb;
            line->invocation.has_status_line = verb->has_status_line;
        }
    }
    line->verb = NULL;
}

static int fail_on(const struct command_line *line, const char *what, const char *word,
                   const char *remedy)
{
    char shown[128];

    printable_string(shown, sizeof(shown), word);
    return invocation_fail(&line->invocation, "%s \"%s\"; %s", what, shown, remedy);
}

/* A word that is no option: first the verb, then its arguments. 0, or the exit code. */
static int take_word(struct command_line *line, char *word)
{
    struct invocation *invocation = &line->invocation;

    if (line->verb != NULL) {
        invocation->arguments[invocation->argument_count++] = word;
        return 0;
    }
    line->verb = find_verb(word);
    if (line->verb == NULL) {
        return fail_on(line, "unknown verb", word,
                       "try " PROBE_PROGRAM " check TARGET, or --help for all verbs");
    }
    invocation->has_status_line = line->verb->has_status_line;
    return 0;
}

/* 0, or the exit code. */
static int take_option(struct command_line *line, int option, char **words)
{
    switch (option) {
    case OPTION_ARGUMENT:
        return take_word(line, optarg);
    case OPTION_CONFIG:
        line->invocation.conf_path = optarg;
        return 0;
    case OPTION_JSON:
        line->invocation.json = true;
        return 0;
    case OPTION_QUIET:
        line->invocation.quiet = true;
        return 0;
    case OPTION_WAIT:
        line->invocation.wait = optarg;
        return 0;
    case OPTION_RECORD:
        line->invocation.record = optarg;
        return 0;
    case OPTION_MAILDIR:
        line->invocation.maildir = optarg;
        return 0;
    case OPTION_COPY:
        line->invocation.copy = true;
        return 0;
    case OPTION_HTML:
        line->invocation.html = optarg;
        return 0;
    case OPTION_TEXT:
        line->invocation.text = true;
        return 0;
    case OPTION_MILTER:
        line->invocation.milter = optarg;
        return 0;
    case 'h':
    case OPTION_HELP:
        line->help = true;
        return 0;
    case 'V':
    case OPTION_VERSION:
        line->version = true;
        return 0;
    case 't':
        line->test = true;
        return 0;
    case ':':
        return fail_on(line, "a value is missing after", words[optind - 1],
                       "give it as in --config FILE or --wait 10m");
    default:
        return fail_on(line, "unknown option", words[optind - 1],
                       "see " PROBE_PROGRAM " --help for those that there are");
    }
}

/* 0, or the exit code. `arguments` has room for all words. */
static int read_command_line(int count, char **words, struct command_line *line)
{
    int option;

    look_ahead(count, words, line);
    opterr = 0;
    while ((option = getopt_long(count, words, "-:thV", options, NULL)) != -1) {
        int code = take_option(line, option, words);
        if (code != 0) {
            return code;
        }
    }
    for (int i = optind; i < count; i++) { /* after "--" */
        int code = take_word(line, words[i]);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

/* The first option that the verb does not take; NULL if it takes all that were given. */
static const char *senseless_option(const struct command_line *line)
{
    const struct invocation *invocation = &line->invocation;
    const struct {
        const char *name;
        bool given;
        bool taken;
    } uses[] = {
        {"--quiet", invocation->quiet, line->verb->takes_quiet},
        {"--wait", invocation->wait != NULL, line->verb->takes_wait},
        {"--record", invocation->record != NULL, line->verb->takes_record},
        {"--maildir", invocation->maildir != NULL, line->verb->receives},
        {"--copy", invocation->copy, line->verb->receives},
        {"--html", invocation->html != NULL, line->verb->reports},
        {"--text", invocation->text, line->verb->reports},
        {"--milter", invocation->milter != NULL, line->verb->reports},
    };

    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        if (uses[i].given && !uses[i].taken) {
            return uses[i].name;
        }
    }
    return NULL;
}

static int run_command(const struct command_line *line)
{
    const struct verb *verb = line->verb;

    if (line->help) {
        return print_help();
    }
    if (line->version) {
        return print_version();
    }
    if (verb == NULL && !line->test) {
        return invocation_fail(&line->invocation,
                               "a verb is missing; try %s check TARGET, or --help for all verbs",
                               PROBE_PROGRAM);
    }
    const char *senseless = verb != NULL ? senseless_option(line) : NULL;
    if (senseless != NULL) {
        char what[64];
        snprintf(what, sizeof(what), "%s has no meaning for", senseless);
        return fail_on(line, what, verb->name, "leave it out");
    }
    if (verb != NULL && line->invocation.argument_count > 0 && !verb->takes_arguments) {
        return fail_on(line, "there is an argument too many:", line->invocation.arguments[0],
                       "leave it out");
    }
    return line->test ? test_configuration(&line->invocation) : verb->run(&line->invocation);
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
    struct command_line line = {.invocation = {.conf_path = CONF_DEFAULT_PATH}};

    /* A peer or a reader that went away is an error of one write, not the program's end. */
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    line.invocation.arguments = calloc((size_t)count + 1, sizeof(char *));
    if (line.invocation.arguments == NULL) {
        return invocation_fail(&line.invocation, "out of memory");
    }
    int code = read_command_line(count, words, &line);
    if (code == 0) {
        code = run_command(&line);
    }
    free(line.invocation.arguments);
    /* A pipe that is set up wrongly must not cost a mail. */
    if (line.verb != NULL && line.verb->receives && !line.test && code == PROBE_EXIT_UNKNOWN) {
        return RECEIVE_EXIT_LATER;
    }
    return code;
}
