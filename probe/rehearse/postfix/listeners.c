#include "probe/rehearse/postfix/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/sys/subprocess.h"
#include "probe/net/tcp_service.h"
#include "probe/rehearse/postfix/lists.h"
#include "probe/rehearse/postfix/reading.h"

#define ASK_MS 10000

/* ---- one listener ---- */

static bool is_yes(const char *value)
{
    return value != NULL && strcasecmp(value, "yes") == 0;
}

/* A value; "" for what has none. */
static char *value_of(const struct candidate *candidate, const struct candidate_listener *listener,
                      const char *name)
{
    char *value = reading_value(candidate, listener, name);

    return value != NULL ? value : strdup("");
}

static bool value_is_yes(const struct candidate *candidate,
                         const struct candidate_listener *listener, const char *name)
{
    char *value = value_of(candidate, listener, name);
    bool yes = is_yes(value);

    free(value);
    return yes;
}

static bool value_is_set(const struct candidate *candidate,
                         const struct candidate_listener *listener, const char *name)
{
    char *value = value_of(candidate, listener, name);
    bool set = value != NULL && value[strspn(value, " \t")] != '\0';

    free(value);
    return set;
}

static bool value_has(const struct candidate *candidate, const struct candidate_listener *listener,
                      const char *name, const char *word)
{
    char *value = value_of(candidate, listener, name);
    bool has = value != NULL && strcasestr(value, word) != NULL;

    free(value);
    return has;
}

static enum tls_mode tls_of(const struct candidate *candidate,
                            const struct candidate_listener *listener)
{
    if (value_is_yes(candidate, listener, "smtpd_tls_wrappermode")) {
        return TLS_IMPLICIT;
    }
    if (value_has(candidate, listener, "smtpd_tls_security_level", "may") ||
        value_has(candidate, listener, "smtpd_tls_security_level", "encrypt")) {
        return TLS_STARTTLS;
    }
    if (value_is_yes(candidate, listener, "smtpd_use_tls") ||
        value_is_yes(candidate, listener, "smtpd_enforce_tls")) {
        return TLS_STARTTLS;
    }
    return TLS_NONE;
}

/* "smtp", "host:smtp", "[v6]:smtp", "v4:smtp". */
static void split_service(struct candidate *candidate, const char *service,
                          struct candidate_listener *out)
{
    const char *colon = strrchr(service, ':');
    const char *host = service;

    out->port = colon == NULL ? service : colon + 1;
    size_t length = colon == NULL ? 0 : (size_t)(colon - service);
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    out->host = candidate_keep_span(candidate, host, length);
}

static enum candidate_listener_type type_of(const char *type)
{
    if (strcmp(type, "inet") == 0) {
        return CANDIDATE_INET;
    }
    return strcmp(type, "pass") == 0 ? CANDIDATE_PASS : CANDIDATE_UNIX;
}

/* -o words as the candidate has them. NULL: out of memory. */
static struct candidate_override *overrides_of(struct candidate *candidate,
                                               const struct master_service *service)
{
    struct candidate_override *overrides = calloc(service->override_count + 1, sizeof(*overrides));

    for (size_t i = 0; overrides != NULL && i < service->override_count; i++) {
        const struct master_override *override = &service->overrides[i];
        char *text = NULL;
        if (asprintf(&text, "-o %s=%s", override->name, override->value) < 0) {
            free(overrides);
            return NULL;
        }
        const struct rehearse_element element = {
            .kind = REHEARSE_OVERRIDE,
            .file = reading_of(candidate)->master_file,
            .begin = override->whole.begin,
            .end = override->whole.end,
            .text = text,
            .parameter = override->name,
            .table = REHEARSE_NO_TABLE,
        };
        overrides[i].name = override->name;
        overrides[i].value = override->value;
        overrides[i].element = candidate_add_element(candidate, &element);
        free(text);
    }
    return overrides;
}

static size_t element_of_service(struct candidate *candidate, const struct master_service *service)
{
    char text[256];

    snprintf(text, sizeof(text), "%.80s %.20s %.80s", service->fields[MASTER_SERVICE],
             service->fields[MASTER_TYPE], service->fields[MASTER_COMMAND]);
    const struct rehearse_element element = {
        .kind = REHEARSE_SERVICE,
        .file = reading_of(candidate)->master_file,
        .begin = service->whole.begin,
        .end = service->whole.end,
        .text = text,
        .parameter = service->fields[MASTER_SERVICE],
        .table = REHEARSE_NO_TABLE,
    };
    return candidate_add_element(candidate, &element);
}

/* Reads from its parameters what it is. */
static void look_at(const struct candidate *candidate, struct candidate_listener *listener)
{
    listener->tls = tls_of(candidate, listener);
    listener->sasl = value_is_yes(candidate, listener, "smtpd_sasl_auth_enable");
    listener->sasl_anonymous =
        listener->sasl &&
        (!value_has(candidate, listener, "smtpd_sasl_security_options", "noanonymous") ||
         !value_has(candidate, listener, "smtpd_sasl_tls_security_options", "noanonymous"));
    listener->xclient = value_is_set(candidate, listener, "smtpd_authorized_xclient_hosts") ||
                        value_is_set(candidate, listener, "smtpd_authorized_xforward_hosts");
    listener->proxy = value_is_set(candidate, listener,
                                   listener->postscreen ? "postscreen_upstream_proxy_protocol"
                                                        : "smtpd_upstream_proxy_protocol");
}

static bool add_listener(struct candidate *candidate, const struct master_service *service)
{
    const char *command = service->fields[MASTER_COMMAND];
    const char *chroot = service->fields[MASTER_CHROOT];
    struct candidate_listener listener = {
        .service = service->fields[MASTER_SERVICE],
        .file = candidate_file(candidate, reading_of(candidate)->master_file)->path,
        .element = element_of_service(candidate, service),
        .type = type_of(service->fields[MASTER_TYPE]),
        .program = command,
        .postscreen = strcmp(command, "postscreen") == 0,
        .pass = CANDIDATE_NO_LISTENER,
        .override_count = service->override_count,
    };
    struct candidate_override *overrides = overrides_of(candidate, service);

    if (overrides == NULL) {
        return false;
    }
    split_service(candidate, service->fields[MASTER_SERVICE], &listener);
    listener.port_number = tcp_service_port(listener.port);
    /* "-" is n since Postfix 3.0 where compatibility_level says so, else y. */
    listener.chroot = strcmp(chroot, "y") == 0;
    if (strcmp(chroot, "-") == 0) {
        char *level = value_of(candidate, NULL, "compatibility_level");
        listener.chroot = level == NULL || strtol(level, NULL, 10) < 1;
        free(level);
    }
    listener.overrides = overrides;
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);
    listener.line = listener.element < count ? elements[listener.element].line : 0;
    look_at(candidate, &listener);
    bool added = candidate_add_listener(candidate, &listener) != CANDIDATE_NO_LISTENER;
    free(overrides);
    return added;
}

bool listeners_read(struct candidate *candidate)
{
    const struct postfix_reading *reading = reading_of(candidate);
    size_t count = 0;

    for (size_t i = 0; i < reading->master.count; i++) {
        const char *command = reading->master.services[i].fields[MASTER_COMMAND];
        if ((strcmp(command, "smtpd") == 0 || strcmp(command, "postscreen") == 0) &&
            !add_listener(candidate, &reading->master.services[i])) {
            return false;
        }
    }
    (void)candidate_listeners(candidate, &count);
    for (size_t i = 0; i < count; i++) {
        struct candidate_listener *listener = candidate_listener_at(candidate, i);
        char *pass =
            listener->postscreen ? value_of(candidate, listener, "smtpd_service_name") : NULL;
        for (size_t k = 0; pass != NULL && k < count; k++) {
            const struct candidate_listener *other = candidate_listener_at(candidate, k);
            if (other->type == CANDIDATE_PASS && strcmp(other->service, pass) == 0) {
                listener->pass = k;
            }
        }
        free(pass);
    }
    return true;
}

/* ---- what looks wrong ---- */

static void warn(struct candidate *candidate, size_t element, const char *why)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);

    if (element >= count) {
        return;
    }
    const struct candidate_note note = {
        .file = candidate_file(candidate, elements[element].file)->path,
        .line = elements[element].line,
        .text = elements[element].text,
        .why = why,
    };
    candidate_add_warning(candidate, &note);
}

/* trivial-rewrite resolves addresses for all of smtpd, and reads main.cf alone (measured). */
static void warn_of_override(struct candidate *candidate, const struct candidate_override *override)
{
    static const char *const resolvers[] = {
        "relay_domains",
        "virtual_alias_domains",
        "virtual_mailbox_domains",
        "transport_maps",
        "relayhost",
        "default_transport",
        "relay_transport",
        "local_transport",
        "virtual_transport",
        "allow_percent_hack",
        "swap_bangpath",
        "parent_domain_matches_subdomains",
        "sender_dependent_relayhost_maps",
    };

    for (size_t i = 0; i < sizeof(resolvers) / sizeof(resolvers[0]); i++) {
        if (strcmp(override->name, resolvers[i]) == 0) {
            warn(candidate, override->element,
                 "This -o does nothing: trivial-rewrite resolves addresses and reads main.cf "
                 "alone. Set it there.");
        }
    }
}

static unsigned int line_of_setting(const struct candidate *candidate, const char *name,
                                    size_t length)
{
    const struct postfix_reading *reading = reading_of(candidate);
    const struct candidate_file *file = candidate_file(candidate, reading->main_file);

    for (size_t i = reading->main.count; i-- > 0;) {
        const struct main_setting *setting = &reading->main.settings[i];
        if (strlen(setting->name) == length && strncmp(setting->name, name, length) == 0) {
            unsigned int line = 1;
            for (size_t at = 0; at < setting->whole.begin; at++) {
                line += file->text[at] == '\n';
            }
            return line;
        }
    }
    return 0;
}

/* One line of postconf's, about "unused parameter: NAME=..." or, with a line of its own,
 * "overriding earlier entry: NAME=...". */
static void warn_as_postconf(struct candidate *candidate, const char *said)
{
    static const char unused[] = "unused parameter: ";
    static const char twice[] = "overriding earlier entry: ";
    const char *hit = strstr(said, unused);
    const char *again = strstr(said, twice);
    const char *number = strstr(said, ", line ");
    bool of_master = strstr(said, "/master.cf") != NULL;
    const char *text = hit != NULL ? hit + strlen(unused) : again + strlen(twice);
    const struct postfix_reading *reading = reading_of(candidate);
    size_t file = of_master ? reading->master_file : reading->main_file;
    const struct candidate_note note = {
        .file = candidate_file(candidate, file)->path,
        .line = number != NULL ? (unsigned int)strtoul(number + 7, NULL, 10)
                               : line_of_setting(candidate, text, strcspn(text, "=")),
        .text = text,
        .why = hit != NULL ? "Nothing uses this parameter. Is its name misspelt?"
                           : "The parameter is set twice; the last setting wins.",
    };

    candidate_add_warning(candidate, &note);
}

/* They can only refuse, and the rehearsal has none of them. */
static void warn_of_filters(struct candidate *candidate, const struct candidate_listener *listener)
{
    static const char *const names[] = {"smtpd_milters", "smtpd_proxy_filter", "content_filter"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t element = list_setting(candidate, listener, names[i]);
        if (element != CANDIDATE_NO_ELEMENT && value_is_set(candidate, listener, names[i])) {
            warn(candidate, element,
                 "It is left out of the rehearsal: it can refuse mail, and lets in nobody.");
        }
    }
}

/* postscreen's tests are not made; the smtpd behind it is asked. */
static void warn_of_postscreen(struct candidate *candidate,
                               const struct candidate_listener *listener)
{
    if (listener->postscreen) {
        warn(candidate, listener->element,
             "postscreen is left out of the rehearsal: the smtpd to which it hands its clients is "
             "asked.");
    }
}

void listeners_warn(struct candidate *candidate)
{
    const char *const argv[] = {"postconf", "-c", reading_of(candidate)->folder, "-n", NULL};
    char *said = subprocess_errors_until(argv, subprocess_now_ms() + ASK_MS);
    char *place = NULL;
    size_t count = 0;

    for (char *line = said == NULL ? NULL : strtok_r(said, "\n", &place); line != NULL;
         line = strtok_r(NULL, "\n", &place)) {
        if (strstr(line, "unused parameter: ") != NULL ||
            strstr(line, "overriding earlier entry: ") != NULL) {
            warn_as_postconf(candidate, line);
        }
    }
    free(said);
    warn_of_filters(candidate, NULL);
    (void)candidate_listeners(candidate, &count);
    for (size_t i = 0; i < count; i++) {
        const struct candidate_listener *listener = candidate_listener_at(candidate, i);
        warn_of_postscreen(candidate, listener);
        if (listener->override_count > 0) {
            warn_of_filters(candidate, listener);
        }
        for (size_t k = 0; k < listener->override_count; k++) {
            warn_of_override(candidate, &listener->overrides[k]);
        }
    }
}
