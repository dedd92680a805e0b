#include "probe/rehearse/postfix/private_services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/subprocess.h"
#include "probe/rehearse/postfix/service_line.h"

#define ASK_MS 10000

struct finding {
    const struct private_services_of *of;
    struct played_service *out;
    size_t count;
};

static bool is_known(const struct finding *finding, const struct played_service *service)
{
    for (size_t i = 0; i < finding->count; i++) {
        const struct played_service *other = &finding->out[i];
        if (strcmp(other->path, service->path) == 0 && other->port == service->port &&
            (service->path[0] != '\0' || address_equal(&other->address, &service->address))) {
            return true;
        }
    }
    return false;
}

static void add(struct finding *finding, enum played_service_kind kind, const char *where,
                size_t length)
{
    struct played_service service = {.kind = kind};
    char text[PATH_MAX / 2];
    const char *path = text;

    if (finding->count == PLAYED_SERVICES_MAX || length >= sizeof(text)) {
        return;
    }
    snprintf(text, sizeof(text), "%.*s", (int)length, where);
    if (strncmp(text, "inet:", 5) == 0) {
        char *port = strrchr(text, ':');
        *port = '\0';
        service.port = (uint16_t)strtoul(port + 1, NULL, 10);
        if (!address_parse(port > text + 5 ? text + 5 : "127.0.0.1", &service.address)) {
            (void)address_parse("127.0.0.1", &service.address); /* localhost */
        }
        if (service.port == 0) {
            return;
        }
    } else {
        path += strncmp(text, "unix:", 5) == 0 ? 5 : 0;
        snprintf(service.path, sizeof(service.path), "%.*s%s%s",
                 path[0] == '/' ? 0 : PATH_MAX / 2 - 2, finding->of->queue,
                 path[0] == '/' ? "" : "/", path);
    }
    if (!is_known(finding, &service)) {
        finding->out[finding->count++] = service;
    }
}

/* A service of the candidate's own is there by itself. */
static bool is_own_service(const char *services, const char *path)
{
    const char *name = strncmp(path, "unix:", 5) == 0 ? path + 5 : path;
    const char *slash = strchr(name, '/');
    struct service_line line;

    for (const char *at = services; slash != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        if (service_line_split(at, length, &line) && service_line_is(&line, SERVICE_TYPE, "unix") &&
            (size_t)line.length[SERVICE_NAME] == strcspn(slash + 1, " ,\t\n}") &&
            strncmp(line.begin[SERVICE_NAME], slash + 1, (size_t)line.length[SERVICE_NAME]) == 0) {
            return true;
        }
        at += length + (at[length] == '\n');
    }
    return false;
}

static void add_policies(struct finding *finding, const char *text, const char *services)
{
    static const char word[] = "check_policy_service";

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        const char *where = at + sizeof(word) - 1;
        where += strspn(where, " \t\n{,");
        size_t length = strcspn(where, " \t\n,}");
        if (length > 0 && !is_own_service(services, where)) {
            add(finding, finding->of->policy_ok ? PLAYED_POLICY_OK : PLAYED_POLICY_DUNNO, where,
                length);
        }
    }
}

/* Of main.cf, or of one listener whose -o may be the only ones that name it. */
static void add_sasl(struct finding *finding, const struct candidate_listener *listener)
{
    char *path = candidate_value(finding->of->candidate, listener, "smtpd_sasl_path");
    char *type = candidate_value(finding->of->candidate, listener, "smtpd_sasl_type");

    if (path != NULL && type != NULL && strcmp(type, "dovecot") == 0) {
        add(finding, PLAYED_SASL, path, strlen(path));
    }
    free(path);
    free(type);
}

static bool is_about_sasl(const struct candidate_listener *listener)
{
    for (size_t i = 0; i < listener->override_count; i++) {
        if (strncmp(listener->overrides[i].name, "smtpd_sasl_", 11) == 0) {
            return true;
        }
    }
    return false;
}

size_t private_services_find(const struct private_services_of *of,
                             struct played_service out[PLAYED_SERVICES_MAX])
{
    const char *const settings[] = {"postconf", "-c", of->folder, "-x", NULL};
    const char *const master[] = {"postconf", "-c", of->folder, "-M", NULL};
    char *values = subprocess_output_until(settings, subprocess_now_ms() + ASK_MS);
    char *services = subprocess_output_until(master, subprocess_now_ms() + ASK_MS);
    struct finding finding = {.of = of, .out = out};
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(of->candidate, &count);

    add_sasl(&finding, NULL);
    for (size_t i = 0; i < count; i++) {
        if (listeners[i].sasl && is_about_sasl(&listeners[i])) {
            add_sasl(&finding, &listeners[i]);
        }
    }
    if (values != NULL && services != NULL) {
        add_policies(&finding, values, services);
        add_policies(&finding, services, services);
    }
    free(values);
    free(services);
    return finding.count;
}
