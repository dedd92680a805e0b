#include "probe/cli/verbs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/printable.h"
#include "probe/audit/audit_settings.h"
#include "probe/audit/endpoints_now.h"
#include "probe/cli/transcript.h"
#include "probe/model/target.h"

static const char legend[] =
    "Only for servers that are yours, and from outside their trusted networks: an address that "
    "the\n"
    "server trusts may relay. Nothing is sent as long as nobody says DATA. Say QUIT and connect\n"
    "again after 8 refusals: Postfix slows down after 10 and hangs up after 20.\n"
    "\n"
    "The meaning of the answer to the last RCPT of each request:\n"
    "  250, 251                      accepted: see there\n"
    "  5xx or 454, about relaying    refused (relay access denied, relaying denied, relay not\n"
    "                                permitted): this way is closed\n"
    "  530, 535, 550, about          refused: only those who log in may relay\n"
    "    authentication\n"
    "  450, 451, greylisted or       not known yet: ask the same again in 10 minutes, from the\n"
    "    try again later             same address\n"
    "  421                           not known: the server ends the session\n"
    "  anything else                 not known: the sender, the recipient or the client was "
    "refused\n"
    "                                for another reason\n";

/* The techniques that were named. */
struct order {
    const struct options *invocation;
    const struct conf *conf;
    const char *helo;
};

/* ---- our end ------------------------------------------------------------------------- */

/* The address that this host would ask from: a datagram socket is told where, and sends nothing. */
static struct address source_for(const struct conf_probe *probe, const struct endpoint *endpoint)
{
    struct address source = {.family = ADDRESS_NONE};
    struct sockaddr_storage to;
    socklen_t length = address_to_sockaddr(&endpoint->address, endpoint->port, &to);

    for (size_t i = 0; i < 2; i++) {
        if (probe->source[i].family == endpoint->address.family) {
            return probe->source[i];
        }
    }
    int end = socket(endpoint->address.family == ADDRESS_IPV6 ? AF_INET6 : AF_INET,
                     SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (end < 0) {
        return source;
    }
    if (connect(end, (const struct sockaddr *)&to, length) == 0) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        length = sizeof(from);
        if (getsockname(end, (struct sockaddr *)&from, &length) == 0) {
            source = address_from_sockaddr((const struct sockaddr *)&from);
        }
    }
    (void)close(end);
    return source;
}

/* ---- which techniques ---------------------------------------------------------------- */

static bool is_wanted(const struct options *invocation, const struct technique *technique)
{
    for (size_t i = 1; i < invocation->argument_count; i++) {
        if (strcmp(invocation->arguments[i], technique->id) == 0) {
            return true;
        }
    }
    return invocation->argument_count < 2;
}

static const char *unknown_technique(const struct options *invocation)
{
    for (size_t i = 1; i < invocation->argument_count; i++) {
        bool known = false;
        for (size_t j = 0; j < technique_count; j++) {
            known = known || strcmp(techniques[j].id, invocation->arguments[i]) == 0;
        }
        if (!known) {
            return invocation->arguments[i];
        }
    }
    return NULL;
}

/* ---- text ---------------------------------------------------------------------------- */

static void print_lines(char lines[][TRANSCRIPT_LINE_SIZE], size_t count, const char *divider)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s    %s\n", i > 0 ? divider : "", lines[i]);
    }
}

static void print_technique(const struct technique *technique, struct transcript *dictation)
{
    bool special = technique_is_special(technique);

    printf("\n%u %s: %s\n", technique->number, technique->id, technique->summary);
    if (technique->requires != NULL) {
        printf("  Only if EHLO offers %s.\n", technique->requires);
    }
    if (technique_is_proxied(technique)) {
        printf("  Only if the server gives no greeting by itself.\n");
    }
    if (special) {
        printf("  On a connection of its own%s:\n",
               technique->in_clear ? ", and without STARTTLS" : "");
        print_lines(dictation->connect, dictation->connect_count, "  or\n");
        printf("\n");
        print_lines(dictation->open, dictation->open_count, "");
    }
    print_lines(dictation->ask, dictation->ask_count, "");
    if (dictation->control_count == 0) {
        printf("  Accepted: %s.\n", technique->proves);
        return;
    }
    printf("  If it was accepted, its control:\n");
    print_lines(dictation->control, dictation->control_count, "");
    printf("  Control refused for its recipient: %s.\n"
           "  Control accepted, too: the server may take any local part and relay nothing.\n",
           technique->proves);
}

static void print_endpoint(const struct order *order, const struct looked_up *found)
{
    const struct endpoint *endpoint = &found->endpoint;
    struct address source = source_for(&order->conf->probe, endpoint);
    const struct transcript_place place = {endpoint, order->conf->probe.canary, order->helo,
                                           &source};
    struct transcript dictation;
    char where[ENDPOINT_TEXT_SIZE];
    char address[ADDRESS_TEXT_SIZE];
    bool begun = false;

    if (found->trouble[0] != '\0') {
        printf("\n==== %s: %s\n", endpoint->host, found->trouble);
        return;
    }
    address_format(&endpoint->address, address);
    printf("\n==== %s%s%s\n", strcmp(endpoint->host, address) != 0 ? endpoint->host : "",
           strcmp(endpoint->host, address) != 0 ? " " : "",
           address_format_port(&endpoint->address, endpoint->port, where));
    for (size_t i = 0; i < technique_count; i++) {
        const struct technique *technique = &techniques[i];
        if (!is_wanted(order->invocation, technique)) {
            continue;
        }
        if (!transcript_write(technique, &place, &dictation)) {
            printf("\n%u %s: makes no sense here, for a name that it needs is missing\n",
                   technique->number, technique->id);
            continue;
        }
        if (!begun && !technique_is_special(technique)) {
            printf("\nConnect, and wait for the greeting:\n");
            print_lines(dictation.connect, dictation.connect_count, "  or\n");
            printf("\n");
            print_lines(dictation.open, dictation.open_count, "");
            begun = true;
        }
        print_technique(technique, &dictation);
    }
}

static void print_text(const struct order *order, const struct endpoints_now *lookup)
{
    fputs(legend, stdout);
    for (size_t i = 0; i < lookup->count; i++) {
        print_endpoint(order, &lookup->found[i]);
    }
}

/* ---- JSON ---------------------------------------------------------------------------- */

static json_t *json_lines(char lines[][TRANSCRIPT_LINE_SIZE], size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, json_string(lines[i]));
    }
    return array;
}

static json_t *json_techniques(const struct order *order, const struct endpoint *endpoint)
{
    struct address source = source_for(&order->conf->probe, endpoint);
    const struct transcript_place place = {endpoint, order->conf->probe.canary, order->helo,
                                           &source};
    json_t *array = json_array();
    struct transcript dictation;

    for (size_t i = 0; i < technique_count; i++) {
        const struct technique *technique = &techniques[i];
        if (is_wanted(order->invocation, technique) &&
            transcript_write(technique, &place, &dictation)) {
            json_array_append_new(
                array, json_pack("{s:s, s:i, s:s, s:s?, s:b, s:o, s:o, s:o, s:o, s:s}", "id",
                                 technique->id, "number", (int)technique->number, "summary",
                                 technique->summary, "requires", technique->requires,
                                 "own_connection", technique_is_special(technique), "connect",
                                 json_lines(dictation.connect, dictation.connect_count), "open",
                                 json_lines(dictation.open, dictation.open_count), "ask",
                                 json_lines(dictation.ask, dictation.ask_count), "control",
                                 json_lines(dictation.control, dictation.control_count), "proves",
                                 technique->proves));
        }
    }
    return array;
}

static bool print_json(const struct order *order, const struct endpoints_now *lookup)
{
    json_t *endpoints = json_array();
    char address[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < lookup->count; i++) {
        const struct looked_up *found = &lookup->found[i];
        bool there = found->trouble[0] == '\0';
        json_array_append_new(
            endpoints,
            json_pack("{s:s, s:s, s:i, s:s?, s:o}", "host", found->endpoint.host, "address",
                      there ? address_format(&found->endpoint.address, address) : "", "port",
                      (int)found->endpoint.port, "trouble", there ? NULL : found->trouble,
                      "techniques",
                      there ? json_techniques(order, &found->endpoint) : json_array()));
    }
    json_t *object = json_pack("{s:s, s:s, s:i, s:o}", "program", PROBE_PROGRAM, "version",
                               RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "endpoints", endpoints);
    bool printed = object != NULL && json_dumpf(object, stdout, JSON_COMPACT) == 0;
    json_decref(object);
    fputc('\n', stdout);
    return printed;
}

/* ---- the verb ------------------------------------------------------------------------ */

static bool has_address(const struct endpoints_now *lookup)
{
    for (size_t i = 0; i < lookup->count; i++) {
        if (lookup->found[i].trouble[0] == '\0') {
            return true;
        }
    }
    return false;
}

static int print_recipe(const struct options *invocation, const struct conf *conf)
{
    struct client_settings settings;
    char helo[DOMAIN_SIZE];
    struct order order = {.invocation = invocation, .conf = conf};
    struct endpoints_now lookup;
    struct target target;
    char error[TARGET_ERROR_SIZE];
    char why[ENDPOINTS_NOW_ERROR_SIZE];
    bool printed = true;

    if (!target_from_argument(invocation->arguments[0], conf, &target, error)) {
        return options_fail(invocation, "%s", error);
    }
    if (endpoints_now_target(conf, &target, &lookup, why) != 0) {
        return options_fail(invocation, "%s", why);
    }
    audit_settings_dialogue(&conf->probe, helo, &settings);
    order.helo = helo;
    if (invocation->json) {
        printed = print_json(&order, &lookup);
    } else {
        print_text(&order, &lookup);
    }
    bool told = has_address(&lookup) && printed;
    endpoints_now_free(&lookup);
    return options_output_is_written() && told ? 0 : PROBE_EXIT_UNKNOWN;
}

int recipe_main(const struct options *invocation)
{
    const char *unknown = unknown_technique(invocation);
    struct conf_report report = {0};

    if (unknown != NULL) {
        return options_fail_on(invocation, "there is no technique", unknown,
                               PROBE_PROGRAM " techniques lists those that there are");
    }
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    int code = conf != NULL ? print_recipe(invocation, conf)
                            : options_fail_configuration(invocation, &report);
    conf_report_free(&report);
    conf_free(conf);
    return code;
}
