#include "probe/cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/names.h"
#include "lib/printable.h"
#include "probe/cli/rehearse_mta.h"
#include "probe/rehearse/answers.h"
#include "probe/rehearse/rehearsal.h"

#define DEFAULT_CANARY "canary@outside.example.net"

/* Handed to the work on the stage. */
struct performance {
    const struct options *invocation;
    struct rehearsal_settings settings;
};

/* ---- the site ----------------------------------------------------------------------------- */

/* The next three: false, and `error` is a sentence or "" for want of memory. */
static bool add_network(struct site_settings *site, const char *text,
                        char error[CONF_VALUE_ERROR_SIZE])
{
    struct network network;

    if (!conf_read_network(text, &network, error)) {
        return false;
    }
    struct network *grown =
        realloc(site->networks, (site->network_count + 1) * sizeof(*site->networks));
    if (grown == NULL) {
        return false;
    }
    site->networks = grown;
    site->networks[site->network_count++] = network;
    return true;
}

static bool add_domain(struct site_settings *site, const char *text,
                       char error[CONF_VALUE_ERROR_SIZE])
{
    const struct conf_domain_text domain = {.text = text, .length = strlen(text), .pattern = true};
    char name[DOMAIN_SIZE];

    if (!conf_read_domain(&domain, name, error) || !domainset_add(site->domains, name)) {
        return false;
    }
    if (site->main_domain == NULL) {
        site->main_domain = strdup(name[0] == '.' ? name + 1 : name);
    }
    return site->main_domain != NULL;
}

/* Of --domain and --trusted. NULL, and *option is the one that is wrong. */
static struct site *site_of_options(const struct options *invocation, const char **option,
                                    char error[CONF_VALUE_ERROR_SIZE])
{
    struct site_settings settings = {.domains = domainset_new()};
    static const char *const loopback[] = {"127.0.0.0/8", "::1"};
    bool good = settings.domains != NULL;

    error[0] = '\0';
    *option = "--domain";
    for (size_t i = 0; good && i < invocation->domains.count; i++) {
        good = add_domain(&settings, invocation->domains.items[i], error);
    }
    *option = good ? "--trusted" : *option;
    for (size_t i = 0; good && i < invocation->trusted.count; i++) {
        good = add_network(&settings, invocation->trusted.items[i], error);
    }
    for (size_t i = 0; good && i < 2; i++) {
        good = add_network(&settings, loopback[i], error);
    }
    struct site *site = good ? site_new(&settings) : NULL;
    if (site == NULL) {
        site_settings_free(&settings);
    }
    return site;
}

/* ---- the host ----------------------------------------------------------------------------- */

/* "IF=ADDRESS/LENGTH" */
static bool take_address(const char *text, struct wires_host *host)
{
    const char *equals = strchr(text, '=');
    const char *slash = strrchr(text, '/');
    struct wires_address *into = &host->addresses[host->address_count];
    char address[ADDRESS_TEXT_SIZE];
    char *end;

    if (equals == NULL || equals == text || slash == NULL || slash < equals || text[0] == ':' ||
        (size_t)(equals - text) >= sizeof(into->link) ||
        (size_t)(slash - equals - 1) >= sizeof(address)) {
        return false;
    }
    /* "eth0:0" is a label of an address, and no interface. */
    snprintf(into->link, sizeof(into->link), "%.*s", (int)strcspn(text, ":="), text);
    snprintf(address, sizeof(address), "%.*s", (int)(slash - equals - 1), equals + 1);
    unsigned long prefix = strtoul(slash + 1, &end, 10);
    if (slash[1] == '\0' || *end != '\0' || !address_parse(address, &into->address) ||
        prefix > (into->address.family == ADDRESS_IPV6 ? 128 : 32)) {
        return false;
    }
    into->prefix = (unsigned int)prefix;
    host->address_count++;
    return true;
}

/* A stage without an address or a gateway of theirs would answer for another host. 0, or the exit
 * code of an error. */
static int check_room(const struct options *invocation, const struct wires_host *host)
{
    const bool named = invocation->addresses.count > 0;
    const size_t gateways = invocation->gateways.count + (named ? 0 : host->gateway_count);

    if (invocation->addresses.count > WIRES_ADDRESSES_MAX) {
        return options_fail(
            invocation,
            "--address is given %zu times, and the stage has room for %d addresses; "
            "leave out those that no listener and no network of the site needs",
            invocation->addresses.count, WIRES_ADDRESSES_MAX);
    }
    if (!named && host->left_out) {
        return options_fail(invocation,
                            "this host has more than the %d addresses or %d default gateways that "
                            "the stage has room for; name those that matter, each with --address "
                            "IF=ADDRESS/LENGTH or --gateway ADDRESS",
                            WIRES_ADDRESSES_MAX, WIRES_GATEWAYS_MAX);
    }
    if (gateways > WIRES_GATEWAYS_MAX) {
        return options_fail(invocation,
                            "--gateway is given %zu times, %zu more are this host's own, and there "
                            "is room for %d; rehearse once more for the others",
                            invocation->gateways.count, gateways - invocation->gateways.count,
                            WIRES_GATEWAYS_MAX);
    }
    return 0;
}

/* Puts the addresses and gateways of the command line in place of the host's own. */
static int override_host(const struct options *invocation, struct wires_host *host)
{
    const int status = check_room(invocation, host);

    if (status != 0) {
        return status;
    }
    if (invocation->addresses.count > 0) {
        host->address_count = 0;
        host->gateway_count = 0;
    }
    for (size_t i = 0; i < invocation->addresses.count; i++) {
        if (!take_address(invocation->addresses.items[i], host)) {
            return options_fail_on(invocation, "--address is IF=ADDRESS/LENGTH, and not",
                                   invocation->addresses.items[i],
                                   "give it as in --address eth0=192.0.2.2/24");
        }
    }
    for (size_t i = 0; i < invocation->gateways.count; i++) {
        if (!address_parse(invocation->gateways.items[i], &host->gateways[host->gateway_count])) {
            return options_fail_on(invocation, "--gateway is an address, and not",
                                   invocation->gateways.items[i],
                                   "give it as in --gateway 192.0.2.1");
        }
        host->gateway_count++;
    }
    return 0;
}

/* ---- on the stage ------------------------------------------------------------------------- */

static bool print(const struct options *invocation, const struct rehearsal_outcome *outcome)
{
    switch (invocation->format) {
    case FORMAT_JSON:
        return outcome_json(stdout, outcome);
    case FORMAT_SARIF:
        return outcome_sarif(stdout, outcome);
    case FORMAT_JUNIT:
        return outcome_junit(stdout, outcome);
    default:
        break;
    }
    if (invocation->json) {
        return outcome_json(stdout, outcome);
    }
    outcome_text(stdout, outcome, isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL);
    return true;
}

/* The exit code. */
static int report(const struct options *invocation, const struct rehearsal_outcome *outcome)
{
    if (!print(invocation, outcome)) {
        fprintf(stderr, "%s: the report could not be made or written\n", PROBE_PROGRAM);
        return PROBE_EXIT_UNKNOWN;
    }
    return options_output_is_written() ? outcome_exit_code(outcome->verdict) : PROBE_EXIT_UNKNOWN;
}

static int perform(struct stage *stage, void *user)
{
    const struct performance *performance = user;
    struct rehearsal_outcome outcome = {.verdict = OUTCOME_VERDICT_UNKNOWN};
    char error[STAGE_ERROR_SIZE];
    int code = PROBE_EXIT_UNKNOWN;

    outcome.mta = performance->settings.server->name;
    outcome.directory = performance->settings.as;
    if (!rehearsal_run(stage, &performance->settings, &outcome, error)) {
        code =
            options_fail(performance->invocation, "%s", error[0] != '\0' ? error : "out of memory");
    } else {
        code = report(performance->invocation, &outcome);
    }
    outcome_free(&outcome);
    return code;
}

/* A stage that this host does not let us have says nothing of the candidate. */
static int report_no_stage(const struct performance *performance, const char *why)
{
    struct rehearsal_outcome outcome = {.verdict = OUTCOME_VERDICT_UNKNOWN,
                                        .mta = performance->settings.server->name,
                                        .directory = performance->settings.as};
    int code = outcome_unknown(&outcome, "", why) ? report(performance->invocation, &outcome)
                                                  : PROBE_EXIT_UNKNOWN;

    outcome_free(&outcome);
    return code;
}

/* ---- the verb ----------------------------------------------------------------------------- */

/* A folder of somebody's, such as a repository's, stands where the MTA looks for its own; one of
 * the system's stands where it is. */
static const char *place_of(const struct options *invocation, const struct private_server *server,
                            const char *directory)
{
    if (invocation->as != NULL) {
        return invocation->as;
    }
    return strncmp(directory, "/etc/", 5) == 0 || strncmp(directory, "/usr/local/etc/", 15) == 0
               ? directory
               : rehearse_mta_place(server);
}

/* It lies where it stands: whoever wrote it there could have had the server read anything. */
static bool is_live(const char *place, const char *directory)
{
    char real[PATH_MAX];

    return realpath(place, real) != NULL && strcmp(real, directory) == 0;
}

/* Paths of the host's must be whole: the stage works in "/". 0, or the code of the failure. */
static int check_paths(const struct options *invocation, const char *named)
{
    struct stat about;

    if (named != NULL && named[0] == '\0') {
        return options_fail(invocation, "the folder to rehearse has no name: give it as in "
                                        "rehearse /etc/postfix");
    }
    if (named != NULL && stat(named, &about) == 0 && !S_ISDIR(about.st_mode)) {
        const char *slash = strrchr(named, '/');
        return options_fail(invocation, "%s is no folder: name the one that it lies in, %.*s",
                            named, slash == named ? 1 : (int)(slash != NULL ? slash - named : 1),
                            slash != NULL ? named : ".");
    }
    if (invocation->as != NULL && invocation->as[0] != '/') {
        return options_fail(invocation,
                            "--as: \"%s\" does not begin with /; give the whole path, as in "
                            "--as /etc/postfix",
                            invocation->as);
    }
    for (size_t i = 0; i < invocation->reach.count; i++) {
        if (invocation->reach.items[i][0] != '/') {
            return options_fail(
                invocation, "--reach: \"%s\" does not begin with /; give the socket's whole path",
                invocation->reach.items[i]);
        }
    }
    return 0;
}

/* Of --tables. 0, or the code of the failure. */
static int read_answers(const struct options *invocation, const struct private_server *server,
                        struct answers **out)
{
    char error[ANSWERS_ERROR_SIZE];

    if (invocation->tables == NULL) {
        return 0;
    }
    if (strcmp(server->name, "postfix") != 0) {
        return options_fail(invocation, "--tables is for Postfix's tables, and this is %s",
                            server->name);
    }
    if (strcmp(invocation->tables, "ask") == 0) {
        return options_fail(invocation, "--tables ask: the stage has no way to the servers that "
                                        "have the tables; give a file of what they would answer, "
                                        "as postmap -q tells it");
    }
    *out = answers_read(invocation->tables, error);
    return *out != NULL ? 0 : options_fail(invocation, "--tables: %s", error);
}

static int rehearse(const struct options *invocation, const struct site *site, const char *canary)
{
    const char *named = invocation->argument_count > 0 ? invocation->arguments[0] : NULL;
    struct wires_host host;
    char error[STAGE_ERROR_SIZE];
    char directory[PATH_MAX];
    int refused = check_paths(invocation, named);
    if (refused != 0) {
        return refused;
    }
    const struct private_server *server = rehearse_mta_find(invocation->mta, named, error);

    if (server == NULL) {
        return options_fail(invocation, "%s", error);
    }
    named = named != NULL ? named : rehearse_mta_place(server);
    if (realpath(named, directory) == NULL) {
        return options_fail(invocation, "%s cannot be read: %s", named, strerror(errno));
    }
    if (wires_read_host(&host, error) != 0) {
        return options_fail(invocation, "%s", error);
    }
    int code = override_host(invocation, &host);
    if (code != 0) {
        return code;
    }
    struct answers *answers = NULL;
    code = read_answers(invocation, server, &answers);
    if (code != 0) {
        return code;
    }
    const char *place = place_of(invocation, server, directory);
    struct performance performance = {.invocation = invocation,
                                      .settings = {.server = server,
                                                   .directory = directory,
                                                   .as = place,
                                                   .is_live = is_live(place, directory),
                                                   .site = site,
                                                   .own = site_main_domain(site),
                                                   .canary = canary,
                                                   .gateways = host.gateways,
                                                   .gateway_count = host.gateway_count,
                                                   .answers = answers,
                                                   .blame = !invocation->no_blame,
                                                   .progress = invocation->format == FORMAT_TEXT &&
                                                               !invocation->json &&
                                                               isatty(STDERR_FILENO) != 0}};
    const struct stage_settings stage = {
        .mounts = {.candidate = directory,
                   .reach = invocation->reach.items,
                   .reach_count = invocation->reach.count},
        .host = &host,
        .host_name = "",
    };
    code = stage_run(&stage, perform, &performance, error);
    answers_free(answers);
    return code == STAGE_FAILED ? report_no_stage(&performance, error) : code;
}

/* Where options name the site. */
static int rehearse_named(const struct options *invocation)
{
    char error[CONF_VALUE_ERROR_SIZE];
    const char *option;
    struct site *site = site_of_options(invocation, &option, error);

    if (site == NULL) {
        return error[0] != '\0' ? options_fail(invocation, "%s: %s", option, error)
                                : options_fail_for(invocation, OPTIONS_SYSTEM, "out of memory");
    }
    int code = rehearse(invocation, site,
                        invocation->canary != NULL ? invocation->canary : DEFAULT_CANARY);
    site_free(site);
    return code;
}

int rehearse_main(const struct options *invocation)
{
    char canary[CONF_MAIL_ADDRESS_SIZE];
    char error[CONF_VALUE_ERROR_SIZE];

    if (invocation->canary != NULL && !conf_read_mail_address(invocation->canary, canary, error)) {
        return options_fail(invocation, "--canary: %s", error);
    }
    if (invocation->domains.count > 0) {
        return rehearse_named(invocation);
    }
    if (invocation->trusted.count > 0) {
        return options_fail(invocation, "--trusted counts where the site is named by options: give "
                                        "--domain, too, or add the network to trusted_networks");
    }
    struct conf_report report = {0};
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    int code = conf != NULL
                   ? rehearse(invocation, conf->site,
                              invocation->canary != NULL ? invocation->canary : conf->probe.canary)
                   : options_fail_configuration(invocation, &report);
    conf_report_free(&report);
    conf_free(conf);
    return code;
}
