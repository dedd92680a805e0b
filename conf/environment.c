#include "conf/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/names.h"
#include "conf/schema.h"
#include "conf/unknown.h"

#define PREFIX  "RELAYWARDEN_"
#define SLIP    2u /* changes that make a known name of a misspelt one */
#define TARGETS CONF_TARGETS_VARIABLE
#define PORTS   CONF_PORTS_VARIABLE
#define DOMAINS CONF_DOMAINS_VARIABLE

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

void conf_environment_list(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const char *name = variables[i].name;
        bool told = strstr(out, name) != NULL; /* a name has two rows, or begins another */
        if (value_of(name) != NULL && !told && used + strlen(name) + 2 < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", name);
        }
    }
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

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text);
    const size_t ending = strlen(end);

    return length >= ending && strcmp(text + length - ending, end) == 0;
}

/* Behind the first `word`: the name's end, or an underscore and more. */
static bool has_word(const char *name, const char *word)
{
    const char *at = strstr(name, word);

    return at != NULL && (at[strlen(word)] == '\0' || at[strlen(word)] == '_');
}

/* _PORT_25_TCP, and what goes on with _PORT, _ADDR or _PROTO. */
static bool has_numbered_port(const char *name)
{
    static const char *const protocols[] = {"_TCP", "_UDP", "_SCTP"};

    for (const char *at = name; (at = strstr(at, "_PORT_")) != NULL; at++) {
        const char *number = at + strlen("_PORT_");
        const char *rest = number + strspn(number, "0123456789");
        for (size_t i = 0; rest > number && i < sizeof(protocols) / sizeof(protocols[0]); i++) {
            if (has_word(rest, protocols[i])) {
                return true;
            }
        }
    }
    return false;
}

/* Kubernetes tells every container of each service, of relaywarden and relaywarden-filter, too. */
static bool is_of_kubernetes(const char *name, const char *value)
{
    const bool is_place = strncmp(value, "tcp://", 6) == 0 || strncmp(value, "udp://", 6) == 0 ||
                          strncmp(value, "sctp://", 7) == 0;

    return ends_with(name, "_SERVICE_HOST") || has_word(name, "_SERVICE_PORT") ||
           (ends_with(name, "_PORT") && is_place) || has_numbered_port(name);
}

/* A program that is run for an alert has these (lib/alert/sink/command.c), and may start ours. */
static bool is_of_an_alert(const char *name)
{
    static const char *const names[] = {"PROGRAM", "INCIDENT", "STATE",
                                        "KIND",    "SEVERITY", "COUNT"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name + strlen(PREFIX), names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Copies the name of an entry of the environment that begins like ours and means nothing. */
static bool is_stray(const char *entry, char *name, size_t size)
{
    const size_t length = strcspn(entry, "=");

    if (strncmp(entry, PREFIX, strlen(PREFIX)) != 0 || entry[length] != '=' ||
        entry[length + 1] == '\0' || is_known(entry, length)) {
        return false;
    }
    snprintf(name, size, "%.*s", (int)length, entry);
    return !is_of_kubernetes(name, entry + length + 1) && !is_of_an_alert(name);
}

static const char *meant_by(const char *name)
{
    const char *meant = NULL;
    unsigned int least = SLIP + 1;

    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        unsigned int distance = conf_distance(name, variables[i].name);
        if (distance < least) {
            least = distance;
            meant = variables[i].name;
        }
    }
    return meant;
}

#define STRAY       "the variable %s is none of relaywarden's%s%s%s; "
#define INSTEAD     "in a container set " DOMAINS ", or mount a file at " CONF_DEFAULT_PATH
#define STRAY_NAMED conf_show(shown, name), before, meant, after

/* Which configuration is read. */
enum source {
    VARIABLES,
    A_FILE,
    NONE
};

static void report_strays(struct conf_messages *messages, enum source source)
{
    char shown[CONF_SHOW_SIZE];
    char name[80];

    for (char **entry = environ; *entry != NULL; entry++) {
        if (!is_stray(*entry, name, sizeof(name))) {
            continue;
        }
        const char *known = meant_by(name);
        const char *meant = known != NULL ? known : "";
        const char *before = known != NULL ? " (did you mean " : "";
        const char *after = known != NULL ? "?)" : "";
        if (source == VARIABLES) {
            conf_mistake(messages, 0,
                         STRAY "take it away, or see relaywarden.conf(5) for those that are",
                         STRAY_NAMED);
        } else if (source == A_FILE) {
            conf_note(messages, 0, STRAY "this file is read, and no variable counts beside it",
                      STRAY_NAMED);
        } else {
            conf_mistake_in(messages, (struct conf_place){.file = CONF_ENVIRONMENT}, STRAY INSTEAD,
                            STRAY_NAMED);
        }
    }
}

/* An empty one counts as not set: where nothing else is, that is the mistake. */
static void report_empty(struct conf_messages *messages)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (getenv(variables[i].name) != NULL) {
            conf_mistake_in(messages, (struct conf_place){.file = variables[i].name},
                            "this variable is empty, which counts as not set; " INSTEAD);
            return;
        }
    }
}

bool conf_environment_tell_strays(struct conf_messages *messages)
{
    const bool is_missing = access(CONF_DEFAULT_PATH, F_OK) < 0 && errno == ENOENT;

    report_strays(messages, is_missing ? NONE : A_FILE);
    if (is_missing && messages->mistakes == 0) {
        report_empty(messages);
    }
    return messages->mistakes > 0;
}

/* ---- pieces of a text ------------------------------------------------------------------------ */

/* A character that could end the quotes does not end them. */
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

/* Of the text that names a target: `domain:` in front of it. */
static size_t domain_prefix(const char *text, size_t length)
{
    const size_t prefix = strlen("domain:");

    return length > prefix && strncmp(text, "domain:", prefix) == 0 ? prefix : 0;
}

/* An IPv6 address has colons, and a name has not. */
static bool is_name(const char *text, size_t length)
{
    char name[CONF_TARGET_NAME_MAX + 2];

    snprintf(name, sizeof(name), "%.*s", (int)length, text);
    return length < sizeof(name) && conf_is_target_name(name);
}

void conf_put_target(FILE *out, const char *text, size_t length, size_t number, const char *indent)
{
    const size_t prefix = domain_prefix(text, length);

    text += prefix;
    length -= prefix;
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
    fprintf(out, "%s = ", prefix > 0 ? "domain" : "host");
    conf_put_quoted(out, text, length);
}

/* ---- the text -------------------------------------------------------------------------------- */

/* A text that is being written, a line after the other. */
struct writer {
    struct conf_environment *made;
    FILE *out;
    struct conf_messages *messages;
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
    size_t lines = 1; /* it ends with the text */
    for (size_t i = 0; i + 1 < made->text.length; i++) {
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

/* Whether what is at `at` is in the list before it, too: a target would have its name. */
static bool is_twice(const char *list, const char *at, size_t length)
{
    const size_t prefix = domain_prefix(at, length);

    for (const char *other = list + strspn(list, CONF_DIVIDERS); other < at;
         other += strspn(other, CONF_DIVIDERS)) {
        const size_t other_length = strcspn(other, CONF_DIVIDERS);
        const size_t other_prefix = domain_prefix(other, other_length);
        if (other_length - other_prefix == length - prefix &&
            memcmp(other + other_prefix, at + prefix, length - prefix) == 0) {
            return true;
        }
        other += other_length;
    }
    return false;
}

static void put_target(struct writer *writer, const char *text, size_t length, size_t number)
{
    const char *ports = value_of(PORTS);

    conf_put_target(writer->out, text, length, number, NULL);
    end_lines(writer, TARGETS);
    fputs("ports = { ", writer->out);
    conf_put_list(writer->out, "", ports != NULL ? ports : "25");
    fputs(" }", writer->out);
    end_lines(writer, PORTS);
    fputs("}", writer->out);
    end_lines(writer, TARGETS);
}

static void report_twice(struct conf_messages *messages, const char *text, size_t length)
{
    char name[CONF_SHOW_SIZE];
    char shown[CONF_SHOW_SIZE];

    snprintf(name, sizeof(name), "%.*s", (int)length, text);
    conf_mistake_in(messages, (struct conf_place){.file = TARGETS},
                    "%s is there twice; name it once, as a host or as domain:NAME",
                    conf_show(shown, name));
}

/* The MX hosts of the first domain, unless others are named. */
static void put_targets(struct writer *writer)
{
    const char *list = value_of(TARGETS);
    const char *domain = value_of(DOMAINS);
    char usual[300] = "";
    size_t number = 0;

    if (list == NULL && domain != NULL) {
        char name[DOMAIN_SIZE];
        char error[CONF_VALUE_ERROR_SIZE];
        domain += strspn(domain, CONF_DIVIDERS);
        /* One that is none is a mistake of the site's domains. */
        const struct conf_domain_text text = {.text = domain,
                                              .length = strcspn(domain, CONF_DIVIDERS)};
        if (conf_read_domain(&text, name, error)) {
            snprintf(usual, sizeof(usual), "domain:%s", name);
        }
    }
    list = list != NULL ? list : usual;
    for (const char *at = list + strspn(list, CONF_DIVIDERS); at[0] != '\0';
         at += strspn(at, CONF_DIVIDERS)) {
        size_t length = strcspn(at, CONF_DIVIDERS);
        if (is_twice(list, at, length)) {
            report_twice(writer->messages, at, length);
        } else {
            put_target(writer, at, length, ++number);
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

/* A list may be written on several lines. */
static void report_line_breaks(struct conf_messages *messages)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const struct variable *variable = &variables[i];
        const char *value = value_of(variable->name);
        const struct conf_option *option =
            variable->option != NULL ? conf_schema_option(variable->section, variable->option)
                                     : NULL;
        if (value != NULL && option != NULL && !option->list && strpbrk(value, "\r\n") != NULL) {
            conf_mistake_in(messages, (struct conf_place){.file = variable->name},
                            "there is a line break in its value; write it on one line");
        }
    }
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
    report_strays(messages, VARIABLES);
    report_line_breaks(messages);
    if (messages->mistakes > 0) {
        return -1;
    }
    struct writer writer = {.made = out,
                            .messages = messages,
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

/* NULL: it has no line. */
static const char *name_message(const struct conf_environment *environment,
                                struct conf_message *message)
{
    char place[64];
    char *named = NULL;

    if (message->order < 1 || (size_t)message->order > environment->count) {
        return NULL;
    }
    const char *name = environment->names[message->order - 1];
    name = name != NULL ? name : CONF_ENVIRONMENT;
    size_t length =
        (size_t)snprintf(place, sizeof(place), CONF_ENVIRONMENT ":%d: ", message->order);
    if (strncmp(message->text, place, length) != 0 ||
        asprintf(&named, "%s: %s", name, message->text + length) < 0) {
        return NULL;
    }
    free(message->text);
    message->text = named;
    return name;
}

/* Each target has the same ports, and one mistake in them is told once. */
static bool was_told(const struct conf_messages *messages, size_t kept,
                     const struct conf_message *message)
{
    for (size_t i = 0; i < kept; i++) {
        if (strcmp(messages->entries[i].text, message->text) == 0) {
            return true;
        }
    }
    return false;
}

void conf_environment_name(const struct conf_environment *environment,
                           struct conf_messages *messages)
{
    size_t kept = 0;

    for (size_t i = 0; i < messages->count; i++) {
        struct conf_message message = messages->entries[i];
        const char *name = name_message(environment, &message);
        if (name != NULL && strcmp(name, PORTS) == 0 && was_told(messages, kept, &message)) {
            free(message.text);
        } else {
            messages->entries[kept++] = message;
        }
    }
    messages->count = kept;
}
