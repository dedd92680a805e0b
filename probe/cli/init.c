#include "probe/cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/environment.h"
#include "lib/printable.h"
#include "lib/sys/new_file.h"
#include "probe/cli/assumed.h"

#define ANSWER_SIZE 4096
#define SITE_MAX    (1024L * 1024) /* octets of what --discover printed */

/* The answers that make the file; lists as people type them, divided by spaces or commas. */
struct answers {
    char domains[ANSWER_SIZE];
    char networks[ANSWER_SIZE];
    char canary[ANSWER_SIZE];
    char targets[ANSWER_SIZE]; /* host names, addresses, or domain:NAME */
    char *site;                /* NULL: of the first two */
};

/* ---- answers ----------------------------------------------------------------------------- */

/* False: they do not fit, and a part would make a configuration that means less. */
static bool join(const struct option_list *list, char out[ANSWER_SIZE])
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < list->count && used < ANSWER_SIZE; i++) {
        used += (size_t)snprintf(out + used, ANSWER_SIZE - used, "%s ", list->items[i]);
    }
    return used < ANSWER_SIZE;
}

/* The first option whose list does not fit, with the option of the configuration that takes a file
 * instead; NULL: all fit. */
static const char *join_all(const struct options *invocation, struct answers *answers)
{
    return !join(&invocation->domains, answers->domains)
               ? "--domain; name some here, and the others in a file of domain_files"
           : !join(&invocation->trusted, answers->networks)
               ? "--trusted; name some here, and add the others to trusted_networks"
           : !join(&invocation->targets, answers->targets)
               ? "--target; name some here, and the others in a file of target_files"
               : NULL;
}

static void skip_line(void)
{
    int octet;

    do {
        octet = getchar();
    } while (octet != '\n' && octet != EOF);
}

/* On standard error, so that the file may go to standard output. An empty line is the default.
 * A line that is too long is refused, and asked for again. False at the end of the input. */
static bool ask(const char *question, const char *usual, char out[ANSWER_SIZE])
{
    if (out[0] != '\0') {
        return true; /* an option has answered it */
    }
    for (;;) {
        fprintf(stderr, "%s%s%s%s ", question, usual[0] != '\0' ? " [" : "", usual,
                usual[0] != '\0' ? "]" : "");
        if (fgets(out, ANSWER_SIZE, stdin) == NULL) {
            out[0] = '\0';
            return false;
        }
        if (strchr(out, '\n') != NULL || feof(stdin)) {
            break;
        }
        fprintf(stderr,
                "That line is longer than %d octets: name some here, and add the others "
                "to the file.\n",
                ANSWER_SIZE - 2);
        skip_line();
    }
    out[strcspn(out, "\r\n")] = '\0';
    if (out[strspn(out, CONF_DIVIDERS)] == '\0') {
        snprintf(out, ANSWER_SIZE, "%s", usual);
    }
    return true;
}

static void first_of(const char *list, char out[DOMAIN_SIZE])
{
    const char *first = list + strspn(list, CONF_DIVIDERS);

    snprintf(out, DOMAIN_SIZE, "%.*s", (int)strcspn(first, CONF_DIVIDERS), first);
}

static void usual_canary(char out[ANSWER_SIZE])
{
    char host[DOMAIN_SIZE];
    char domain[DOMAIN_SIZE];

    out[0] = '\0';
    if (assumed_own_domain(host, domain)) {
        snprintf(out, ANSWER_SIZE, "postmaster@%s", domain);
    }
}

/* The MX hosts of the first domain. */
static void usual_target(const struct answers *answers, char out[ANSWER_SIZE])
{
    char domain[DOMAIN_SIZE];

    first_of(answers->domains, domain);
    out[0] = '\0';
    if (domain[0] != '\0' && domain[0] != '.') {
        snprintf(out, ANSWER_SIZE, "domain:%s", domain);
    }
}

static bool ask_all(struct answers *answers)
{
    char usual[ANSWER_SIZE];
    bool heard = answers->site != NULL ||
                 (ask("Your mail domains (example.org example.com):", "", answers->domains) &&
                  ask("Networks that may relay beside the mail host itself (192.0.2.0/28):", "none",
                      answers->networks));

    usual_canary(usual);
    heard = heard && ask("A mailbox of yours outside of them, the canary; its domain is where "
                         "relaying is asked for:",
                         usual, answers->canary);
    usual_target(answers, usual);
    return heard && ask("Servers to audit: host names, or domain:NAME for its MX hosts:", usual,
                        answers->targets);
}

/* Takes the usual answer to each question that may be left out, where nobody can be asked. */
static void take_usual(struct answers *answers)
{
    if (answers->canary[0] == '\0') {
        usual_canary(answers->canary);
    }
    if (answers->targets[0] == '\0') {
        usual_target(answers, answers->targets);
    }
}

/* ---- the text ---------------------------------------------------------------------------- */

static void put_site(FILE *out, const struct answers *answers)
{
    if (answers->site != NULL) {
        fprintf(out, "%s\n", answers->site);
        return;
    }
    fputs("# Your own names and networks. relaywarden measures by them and never reads them from "
          "the mail server.\n"
          "site {\n"
          "    # Your mail domains; a leading dot means every subdomain.\n"
          "    domains = { ",
          out);
    conf_put_list(out, "", answers->domains);
    fputs(" }\n"
          "    # Networks whose hosts may relay without logging in.\n"
          "    trusted_networks = { \"127.0.0.0/8\", \"::1/128\"",
          out);
    if (strcmp(answers->networks, "none") != 0) {
        conf_put_list(out, ", ", answers->networks);
    }
    fputs(" }\n}\n", out);
}

static void put_probe(FILE *out, const struct answers *answers)
{
    size_t number = 0;

    fputs("\n# relaywarden-probe asks these servers, from a host outside of these networks.\n"
          "probe {\n"
          "    # Each target is audited so often by `relaywarden-probe run`.\n"
          "    interval = \"6h\"\n"
          "    # An external mailbox of yours: its domain is where relaying is asked for. No mail "
          "is\n"
          "    # sent to it unless `proof` says so.\n"
          "    canary = ",
          out);
    conf_put_quoted(out, answers->canary, strlen(answers->canary));
    fputs("\n    # domain: its MX hosts; host: one name or address.\n", out);
    for (const char *at = answers->targets + strspn(answers->targets, CONF_DIVIDERS); *at != '\0';
         at += strspn(at, CONF_DIVIDERS)) {
        size_t length = strcspn(at, CONF_DIVIDERS);
        conf_put_target(out, at, length, ++number, "    ");
        fputs("\n        ports = { 25 } # add 465 and 587 where people submit mail\n    }\n", out);
        at += length;
    }
    fputs("}\n"
          "\n# Who is told. Syslog and the journal are, unless something else is said here; mail,\n"
          "# JSON, a command and metrics are in relaywarden.conf(5), which has every option.\n"
          "alert {\n"
          "    remind = \"24h\" # an incident that lasts is told again after this time\n"
          "}\n",
          out);
}

/* NULL when memory is out. The caller frees it. */
static char *write_text(const struct answers *answers)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        return NULL;
    }
    fputs("# relaywarden's configuration, by relaywarden-probe init; see relaywarden.conf(5).\n\n",
          out);
    put_site(out, answers);
    put_probe(out, answers);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Whether both programs take it; else why not is told, and the exit code is in *code. */
static bool is_valid(const struct options *invocation, const char *text, int *code)
{
    static const enum conf_program programs[] = {CONF_PROBE, CONF_MILTER};

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        struct conf_report report = {0};
        struct conf *conf = conf_load_text("what would be written", text, programs[i], &report);
        bool valid = conf != NULL;
        if (!valid) {
            *code = options_fail_configuration(invocation, &report);
        }
        conf_report_free(&report);
        conf_free(conf);
        if (!valid) {
            return false;
        }
    }
    return true;
}

/* ---- the file ---------------------------------------------------------------------------- */

static int finish(const struct options *invocation, const char *path, const char *text)
{
    char shown[PATH_MAX];

    if (strcmp(path, "-") == 0) {
        fputs(text, stdout);
        return options_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
    }
    printable_string(shown, sizeof(shown), path);
    int error = new_file_write(path, text, strlen(text), 0640);
    if (error == EEXIST) {
        return options_fail(invocation,
                            "%s is there already and stays as it is; name a new file, or - for "
                            "standard output",
                            shown);
    }
    if (error != 0) {
        return options_fail(invocation, "%s cannot be written: %s", shown, strerror(error));
    }
    if (!invocation->json) {
        printf("%s: configuration written. Next: " PROBE_PROGRAM " --config %s check\n", shown,
               shown);
    } else {
        printf("{\"program\":\"" PROBE_PROGRAM "\",\"version\":\"" RELAYWARDEN_VERSION
               "\",\"schema\":%d,\"exit\":0}\n",
               PROBE_SCHEMA);
    }
    return options_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}

/* Reads the output of --discover; NULL and errno. The caller frees it. */
static char *read_site(const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text = file != NULL ? calloc(1, SITE_MAX + 1) : NULL;

    if (text != NULL) {
        size_t length = fread(text, 1, SITE_MAX, file);
        bool whole = feof(file) != 0 && ferror(file) == 0;
        if (!whole || strlen(text) != length) { /* too long, cut off, or with a NUL */
            errno = EINVAL;
            free(text);
            text = NULL;
        }
    }
    if (file != NULL && file != stdin) {
        fclose(file);
    }
    return text;
}

static int write_configuration(const struct options *invocation, struct answers *answers)
{
    const char *path =
        invocation->argument_count > 0 ? invocation->arguments[0] : invocation->conf_path;

    /* The file that takes these variables' place. */
    path = strcmp(path, CONF_ENVIRONMENT) == 0 ? CONF_DEFAULT_PATH : path;
    bool asks = isatty(STDIN_FILENO) != 0 && !invocation->json;
    int code = PROBE_EXIT_UNKNOWN;
    struct stat status;

    if (strcmp(path, "-") != 0 && lstat(path, &status) == 0) {
        return finish(invocation, path, ""); /* says that it is there, before anybody answers */
    }
    if (asks && !ask_all(answers)) {
        return options_fail(invocation,
                            "the input ended before all was answered; nothing is written");
    }
    take_usual(answers);
    if ((answers->site == NULL && answers->domains[0] == '\0') || answers->canary[0] == '\0' ||
        answers->targets[0] == '\0') {
        return options_fail(
            invocation,
            "%s is not known; give --domain NAME (or --site FILE), --canary ADDRESS "
            "and --target TARGET, or call this on a terminal, where it asks",
            answers->site == NULL && answers->domains[0] == '\0' ? "your domain"
            : answers->canary[0] == '\0'                         ? "the canary"
                                                                 : "the target");
    }
    char *text = write_text(answers);
    if (text == NULL) {
        return options_fail_for(invocation, OPTIONS_SYSTEM, "out of memory");
    }
    if (is_valid(invocation, text, &code)) {
        code = finish(invocation, path, text);
    }
    free(text);
    return code;
}

int init_main(const struct options *invocation)
{
    struct answers *answers = calloc(1, sizeof(*answers));

    if (answers == NULL) {
        return options_fail_for(invocation, OPTIONS_SYSTEM, "out of memory");
    }
    const char *too_long = join_all(invocation, answers);
    snprintf(answers->canary, sizeof(answers->canary), "%s",
             invocation->canary != NULL ? invocation->canary : "");
    int code;
    if (too_long != NULL) {
        code = options_fail(invocation, "init takes %d octets of %s", ANSWER_SIZE - 1, too_long);
    } else if (invocation->site != NULL && (answers->site = read_site(invocation->site)) == NULL) {
        char shown[PATH_MAX];
        printable_string(shown, sizeof(shown), invocation->site);
        code = options_fail(invocation, "--site: %s cannot be read: %s", shown, strerror(errno));
    } else {
        code = write_configuration(invocation, answers);
    }
    free(answers->site);
    free(answers);
    return code;
}
