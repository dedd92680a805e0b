#include "conf/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/schema.h"
#include "conf/unknown.h"

#define PREFIX          "RELAYWARDEN_"
#define TARGET_NAME_MAX 64 /* relaywarden.conf(5) */
#define SLIP            2u /* changes that make a known name of a misspelt one */
#define TARGETS         "RELAYWARDEN_TARGETS"
#define PORTS           "RELAYWARDEN_PORTS"
#define DOMAINS         "RELAYWARDEN_DOMAINS"

/* In the order of their sections. One name may stand for both programs' option. */
static const struct variable {
    const char *name;
    enum conf_section section;
    const char *option;
    const char *usual; /* instead of the option's own default; NULL: that */
} variables[] = {
    {"RELAYWARDEN_TOKEN_KEY_FILE", SECTION_ROOT, "token_key_file", NULL},
    {DOMAINS, SECTION_SITE, "domains", NULL},
    {"RELAYWARDEN_DOMAIN_FILES", SECTION_SITE, "domain_files", NULL},
    {"RELAYWARDEN_TRUSTED_NETWORKS", SECTION_SITE, "trusted_networks", NULL},
    {"RELAYWARDEN_HOSTS", SECTION_SITE, "hosts", NULL},
    /* Other containers reach it by TCP alone, or by a folder that both have. */
    {"RELAYWARDEN_SOCKET", SECTION_MILTER, "socket", "inet:8895@0.0.0.0"},
    {"RELAYWARDEN_ENFORCE", SECTION_MILTER, "enforce", NULL},
    {"RELAYWARDEN_LISTEN", SECTION_MILTER, "listen", "0.0.0.0:9825"},
    {"RELAYWARDEN_LISTEN_NAMES", SECTION_MILTER, "listen_names", NULL},
    {"RELAYWARDEN_CANARY", SECTION_PROBE, "canary", NULL},
    {"RELAYWARDEN_INTERVAL", SECTION_PROBE, "interval", NULL},
    {"RELAYWARDEN_PUBLIC_ADDRESSES", SECTION_PROBE, "public_addresses", NULL},
    {"RELAYWARDEN_LISTEN", SECTION_PROBE, "listen", "0.0.0.0:9825"},
    {"RELAYWARDEN_LISTEN_NAMES", SECTION_PROBE, "listen_names", NULL},
    {"RELAYWARDEN_JSON", SECTION_ALERT, "json", "-"},
    {"RELAYWARDEN_ALERTMANAGER", SECTION_ALERT, "alertmanager", NULL},
    {"RELAYWARDEN_WEBHOOK_URL", SECTION_WEBHOOK, "url", NULL},
    {"RELAYWARDEN_WEBHOOK_FORMAT", SECTION_WEBHOOK, "format", NULL},
    /* These two make targets and have no option. */
    {TARGETS, SECTION_TARGET, NULL, NULL},
    {PORTS, SECTION_TARGET, NULL, NULL},
};

#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))

/* One that is empty is not set: so compose files pass on what nobody set. */
static const char *value_of(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

const char *conf_default_path(void)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (value_of(variables[i].name) != NULL) {
            return CONF_ENVIRONMENT;
        }
    }
    return CONF_DEFAULT_PATH;
}

/* ---- names that mean nothing ----------------------------------------------------------------- */

static bool is_known(const char *name, size_t length)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (strlen(variables[i].name) == length && memcmp(variables[i].name, name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Kubernetes tells every container of a service that is called relaywarden. */
static bool is_of_kubernetes(const char *name)
{
    const char *rest = name + strlen(PREFIX);

    return strncmp(rest, "SERVICE_", strlen("SERVICE_")) == 0 || strncmp(rest, "PORT=", 5) == 0 ||
           strncmp(rest, "PORT_", 5) == 0;
}

static void report_unknown(const char *entry, size_t length, struct conf_messages *messages)
{
    char name[64];
    char shown[CONF_SHOW_SIZE];
    const char *meant = NULL;
    unsigned int least = SLIP + 1;

    snprintf(name, sizeof(name), "%.*s", (int)length, entry);
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        unsigned int distance = conf_distance(name, variables[i].name);
        if (distance < least) {
            least = distance;
            meant = variables[i].name;
        }
    }
    conf_mistake(messages, 0,
                 "the variable %s is none of relaywarden's%s%s%s; take it away, or see "
                 "relaywarden.conf(5) for those that are",
                 conf_show(shown, name), meant != NULL ? " (did you mean " : "",
                 meant != NULL ? meant : "", meant != NULL ? "?)" : "");
}

static void report_names(struct conf_messages *messages)
{
    for (char **entry = environ; *entry != NULL; entry++) {
        size_t length = strcspn(*entry, "=");
        if (strncmp(*entry, PREFIX, strlen(PREFIX)) == 0 && (*entry)[length] == '=' &&
            (*entry)[length + 1] != '\0' && !is_known(*entry, length) &&
            !is_of_kubernetes(*entry)) {
            report_unknown(*entry, length, messages);
        }
    }
}

/* ---- pieces of a text -------------------------------------------------------------------------
 */

/* What could end the quotes is no end of them. */
void conf_put_quoted(FILE *out, const char *text, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            fputc('\\', out);
        }
        fputc(text[i], out);
    }
    fputc('"', out);
}

void conf_put_list(FILE *out, const char *before, const char *list)
{
    const char *comma = before;

    for (const char *at = list + strspn(list, CONF_DIVIDERS); *at != '\0';
         at += strspn(at, CONF_DIVIDERS)) {
        size_t length = strcspn(at, CONF_DIVIDERS);
        fputs(comma, out);
        conf_put_quoted(out, at, length);
        comma = ", ";
        at += length;
    }
}

/* A target's name has no colons, and an IPv6 address has. */
static bool is_name(const char *text, size_t length)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") >=
               length &&
           length <= TARGET_NAME_MAX;
}

void conf_put_target(FILE *out, const char *text, size_t length, size_t number, const char *indent)
{
    size_t prefix = strlen("domain:");
    bool by_mx = length > prefix && strncmp(text, "domain:", prefix) == 0;

    text += by_mx ? prefix : 0;
    length -= by_mx ? prefix : 0;
    fprintf(out, "%starget ", indent != NULL ? indent : "");
    if (is_name(text, length)) {
        conf_put_quoted(out, text, length);
    } else {
        fprintf(out, "\"target-%zu\"", number);
    }
    if (indent != NULL) {
        fprintf(out, " {\n%s%s", indent, indent);
    } else {
        fputs(" { ", out);
    }
    fprintf(out, "%s = ", by_mx ? "domain" : "host");
    conf_put_quoted(out, text, length);
}

/* ---- the text -------------------------------------------------------------------------------- */

/* A text that is being written, a line after the other. */
struct writer {
    struct conf_environment *made;
    FILE *out;
    bool failed;
};

/* The line that was written is this variable's; a value may have newlines of its own. */
static void end_lines(struct writer *writer, const char *name)
{
    struct conf_environment *made = writer->made;

    fputc('\n', writer->out);
    if (fflush(writer->out) != 0) {
        writer->failed = true;
        return;
    }
    size_t lines = 0;
    for (size_t i = 0; i < made->text.length; i++) {
        lines += made->text.bytes[i] == '\n';
    }
    if (lines <= made->count) {
        return;
    }
    const char **grown = realloc(made->names, lines * sizeof(*grown));
    if (grown == NULL) {
        writer->failed = true;
        return;
    }
    made->names = grown;
    while (made->count < lines) {
        grown[made->count++] = name;
    }
}

static void put_option(struct writer *writer, const struct variable *variable, const char *value)
{
    const struct conf_option *option = conf_schema_option(variable->section, variable->option);

    fprintf(writer->out, "%s = ", variable->option);
    if (option->list) {
        fputs("{ ", writer->out);
        conf_put_list(writer->out, "", value);
        fputs(" }", writer->out);
    } else {
        conf_put_quoted(writer->out, value, strlen(value));
    }
    end_lines(writer, variable->name);
}

static void put_options(struct writer *writer, enum conf_section section)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const struct variable *variable = &variables[i];
        const char *value = value_of(variable->name);

        value = value != NULL ? value : variable->usual;
        if (variable->section == section && variable->option != NULL && value != NULL) {
            put_option(writer, variable, value);
        }
    }
}

/* The MX hosts of the first domain, unless others are named. */
static void put_targets(struct writer *writer)
{
    const char *list = value_of(TARGETS);
    const char *ports = value_of(PORTS);
    const char *domain = value_of(DOMAINS);
    char usual[300] = "";
    size_t number = 0;

    if (list == NULL && domain != NULL) {
        domain += strspn(domain, CONF_DIVIDERS);
        if (domain[0] != '.') {
            snprintf(usual, sizeof(usual), "domain:%.*s", (int)strcspn(domain, CONF_DIVIDERS),
                     domain);
        }
    }
    for (const char *at = list != NULL ? list : usual; at[0] != '\0';) {
        at += strspn(at, CONF_DIVIDERS);
        size_t length = strcspn(at, CONF_DIVIDERS);
        if (length > 0) {
            conf_put_target(writer->out, at, length, ++number, NULL);
            end_lines(writer, TARGETS);
            fputs("ports = { ", writer->out);
            conf_put_list(writer->out, "", ports != NULL ? ports : "25");
            fputs(" }", writer->out);
            end_lines(writer, PORTS);
            fputs("}", writer->out);
            end_lines(writer, TARGETS);
        }
        at += length;
    }
}

static void put_all(struct writer *writer, enum conf_program program)
{
    put_options(writer, SECTION_ROOT);
    fputs("site {", writer->out);
    end_lines(writer, DOMAINS);
    put_options(writer, SECTION_SITE);
    fputs("}", writer->out);
    end_lines(writer, DOMAINS);
    if (program == CONF_MILTER) {
        /* A container has its own users, and whoever starts it says which. */
        fputs("milter { socket_group = \"\" user = \"\"", writer->out);
        end_lines(writer, NULL);
        put_options(writer, SECTION_MILTER);
    } else {
        fputs("probe {", writer->out);
        end_lines(writer, NULL);
        put_options(writer, SECTION_PROBE);
        put_targets(writer);
    }
    fputs("}", writer->out);
    end_lines(writer, program == CONF_PROBE ? "RELAYWARDEN_CANARY" : NULL);
    fputs("alert { journal = no syslog { format = none }", writer->out);
    end_lines(writer, NULL);
    put_options(writer, SECTION_ALERT);
    fputs("webhook {", writer->out);
    end_lines(writer, NULL);
    put_options(writer, SECTION_WEBHOOK);
    fputs("} }", writer->out);
    end_lines(writer, NULL);
}

int conf_environment_read(struct conf_environment *out, enum conf_program program,
                          struct conf_messages *messages)
{
    *out = (struct conf_environment){0};
    if (access(CONF_DEFAULT_PATH, F_OK) == 0) {
        conf_mistake(messages, 0,
                     "there is a file " CONF_DEFAULT_PATH
                     ", too: take it or these variables away, or "
                     "name the file with --config");
    }
    report_names(messages);
    if (messages->mistakes > 0) {
        return -1;
    }
    struct writer writer = {.made = out,
                            .out = open_memstream(&out->text.bytes, &out->text.length)};
    if (writer.out == NULL) {
        messages->out_of_memory = true;
        return -1;
    }
    put_all(&writer, program);
    if (fclose(writer.out) != 0 || writer.failed) {
        messages->out_of_memory = true;
        return -1;
    }
    out->text.end_line = (int)out->count + 1;
    return 0;
}

void conf_environment_free(struct conf_environment *environment)
{
    free(environment->text.bytes);
    free(environment->names);
}

void conf_environment_name(const struct conf_environment *environment,
                           struct conf_messages *messages)
{
    for (size_t i = 0; i < messages->count; i++) {
        struct conf_message *message = &messages->entries[i];
        char place[64];
        char *named = NULL;

        if (message->order < 1 || (size_t)message->order > environment->count) {
            continue;
        }
        const char *name = environment->names[message->order - 1];
        size_t length =
            (size_t)snprintf(place, sizeof(place), CONF_ENVIRONMENT ":%d: ", message->order);
        if (strncmp(message->text, place, length) == 0 &&
            asprintf(&named, "%s: %s", name != NULL ? name : CONF_ENVIRONMENT,
                     message->text + length) >= 0) {
            free(message->text);
            message->text = named;
        }
    }
}
