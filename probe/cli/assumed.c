#include "probe/cli/assumed.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "conf/names.h"
#include "lib/printable.h"
#include "lib/registrable.h"
#include "probe/judge/own_name.h"
#include "probe/model/target.h"

#define DEFAULT_NETWORKS "\"127.0.0.0/8\", \"::1/128\""

/* The configuration that is put together. */
struct draft {
    const struct options *invocation;
    struct assumed *out;
    char *error; /* ASSUMED_ERROR_SIZE */
    char **domains;
    size_t domain_count;
    char canary[CONF_MAIL_ADDRESS_SIZE];
};

static bool fail(const struct draft *draft, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void assume(struct assumed *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(const struct draft *draft, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(draft->error, ASSUMED_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static void assume(struct assumed *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (out->count < ASSUMED_SENTENCES) {
        (void)vsnprintf(out->sentences[out->count++], ASSUMED_SENTENCE_SIZE, format, arguments);
    }
    va_end(arguments);
}

/* Whether the options ask for it, whatever file there is. */
static bool is_forced(const struct options *invocation)
{
    return invocation->domains.count > 0 || invocation->canary != NULL ||
           invocation->trusted.count > 0;
}

bool assumed_is_meant(const struct options *invocation)
{
    return is_forced(invocation) ||
           (!invocation->conf_is_named && access(invocation->conf_path, F_OK) != 0 &&
            (errno == ENOENT || errno == ENOTDIR));
}

/* ---- domains ----------------------------------------------------------------------------- */

/* Each once. */
static bool add_domain(struct draft *draft, const char *domain)
{
    for (size_t i = 0; i < draft->domain_count; i++) {
        if (strcmp(draft->domains[i], domain) == 0) {
            return true;
        }
    }
    draft->domains[draft->domain_count] = strdup(domain);
    if (draft->domains[draft->domain_count] == NULL) {
        return fail(draft, "out of memory");
    }
    draft->domain_count++;
    return true;
}

static bool take_named_domain(struct draft *draft, const char *text)
{
    char wrong[CONF_VALUE_ERROR_SIZE];
    char domain[DOMAIN_SIZE];
    const struct conf_domain_text read = {.text = text, .length = strlen(text), .pattern = true};

    return conf_read_domain(&read, domain, wrong) ? add_domain(draft, domain)
                                                  : fail(draft, "--domain: %s", wrong);
}

static bool take_domain_of_target(struct draft *draft, const char *argument)
{
    static const struct conf none;
    char wrong[TARGET_ERROR_SIZE];
    struct target target;

    if (!target_from_argument(argument, &none, &target, wrong)) {
        return fail(draft, "%s", wrong);
    }
    if (target.address.family != ADDRESS_NONE) {
        return fail(draft,
                    "%s is an address, which does not tell which domains are yours; name one with "
                    "--domain, as in --domain example.org",
                    target.name);
    }
    return add_domain(draft, target.by_mx ? target.host : registrable_domain(target.host));
}

/* Targets are looked at in any case: a mistake in one is told before anything is asked. */
static bool find_domains(struct draft *draft)
{
    const struct options *invocation = draft->invocation;

    draft->domains =
        calloc(invocation->domains.count + invocation->argument_count + 1, sizeof(*draft->domains));
    if (draft->domains == NULL) {
        return fail(draft, "out of memory");
    }
    for (size_t i = 0; i < invocation->domains.count; i++) {
        if (!take_named_domain(draft, invocation->domains.items[i])) {
            return false;
        }
    }
    for (size_t i = 0; invocation->domains.count == 0 && i < invocation->argument_count; i++) {
        if (!take_domain_of_target(draft, invocation->arguments[i])) {
            return false;
        }
    }
    return true;
}

/* ---- canary ------------------------------------------------------------------------------ */

/* The name that the system knows for it; "" if none has a dot. */
static void find_host_name(char out[DOMAIN_SIZE])
{
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct utsname names;

    out[0] = '\0';
    if (uname(&names) != 0) {
        return;
    }
    const char *name = names.nodename;
    if (strchr(name, '.') == NULL && getaddrinfo(name, NULL, &hints, &found) == 0 &&
        found->ai_canonname != NULL) {
        name = found->ai_canonname;
    }
    if (strchr(name, '.') != NULL) {
        (void)domain_normalise(name, strlen(name), out);
    }
    if (found != NULL) {
        freeaddrinfo(found);
    }
}

bool assumed_own_domain(char host[DOMAIN_SIZE], char out[DOMAIN_SIZE])
{
    const struct address none = {.family = ADDRESS_NONE};

    find_host_name(host);
    if (host[0] == '\0' || own_name_judge(host, "", &none).fault != OWN_NAME_FINE) {
        return false;
    }
    snprintf(out, DOMAIN_SIZE, "%s", registrable_domain(host));
    return strchr(out, '.') != NULL;
}

/* Whether mail for it is mail for the site. */
static const char *own_domain_like(const struct draft *draft, const char *domain)
{
    for (size_t i = 0; i < draft->domain_count; i++) {
        const char *own = draft->domains[i] + (draft->domains[i][0] == '.');
        if (registrable_same(own, domain)) {
            return own;
        }
    }
    return NULL;
}

#define NAME_ANOTHER                                                                               \
    "name a mailbox of yours outside of your domains with --canary, as in --canary "               \
    "postmaster@outside.example.net (its domain is where relaying is asked for; no mail is sent)"

static bool take_named_canary(struct draft *draft)
{
    char wrong[CONF_VALUE_ERROR_SIZE];

    if (!conf_read_mail_address(draft->invocation->canary, draft->canary, wrong)) {
        return fail(draft, "--canary: %s", wrong);
    }
    const char *own = own_domain_like(draft, strrchr(draft->canary, '@') + 1);
    return own == NULL ||
           fail(draft, "--canary: %s is in your own domain %s, to which no relaying is needed; %s",
                draft->canary, own, NAME_ANOTHER);
}

static bool find_canary(struct draft *draft)
{
    char host[DOMAIN_SIZE];
    char domain[DOMAIN_SIZE];

    if (draft->invocation->canary != NULL) {
        return take_named_canary(draft);
    }
    if (!assumed_own_domain(host, domain)) {
        return fail(draft,
                    "no canary can be assumed, for this host has no public name of its own%s%s; %s",
                    host[0] != '\0' ? ": it is called " : "", host, NAME_ANOTHER);
    }
    const char *own = own_domain_like(draft, domain);
    if (own != NULL) {
        return fail(draft,
                    "no canary can be assumed, for this host, %s, is in your own domain %s; %s",
                    host, own, NAME_ANOTHER);
    }
    snprintf(draft->canary, sizeof(draft->canary), "postmaster@%s", domain);
    assume(
        draft->out,
        "Canary: %s, whose domain relaying is asked for, from this host's name %s; --canary names "
        "another.",
        draft->canary, host);
    return true;
}

/* ---- the configuration ------------------------------------------------------------------- */

static void put_list(FILE *out, char *const *items, size_t count, const char *quote)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s%s%s%s", i > 0 ? ", " : "", quote, items[i], quote);
    }
}

static bool put_networks(const struct draft *draft, FILE *out)
{
    const struct option_list *trusted = &draft->invocation->trusted;
    char wrong[CONF_VALUE_ERROR_SIZE];
    char shown[NETWORK_TEXT_SIZE + 64];
    struct network network;

    fputs(DEFAULT_NETWORKS, out);
    for (size_t i = 0; i < trusted->count; i++) {
        printable_string(shown, sizeof(shown), trusted->items[i]);
        if (!conf_read_network(trusted->items[i], &network, wrong)) {
            return fail(draft, "--trusted: %s", wrong);
        }
        if (network_is_wide(&network)) {
            return fail(draft,
                        "--trusted: %s trusts strangers: it is public and wider than %s; name the "
                        "networks that are yours",
                        shown, network.base.family == ADDRESS_IPV4 ? "/16" : "/32");
        }
        fprintf(out, ", \"%s\"", trusted->items[i]);
    }
    return true;
}

/* As a file would have it, so that what holds for files holds here. All that is put in was read,
 * and has no quote. NULL, and a sentence. The caller frees it. */
static char *write_text(const struct draft *draft)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        (void)fail(draft, "out of memory");
        return NULL;
    }
    fputs("site {\ndomains = { ", out);
    put_list(out, draft->domains, draft->domain_count, "\"");
    fputs(" }\ntrusted_networks = { ", out);
    bool good = put_networks(draft, out);
    fprintf(out, " }\n}\nprobe { canary = \"%s\" }\n", draft->canary);
    if (fclose(out) != 0) {
        good = fail(draft, "out of memory");
    }
    if (!good) {
        free(text);
        return NULL;
    }
    return text;
}

static bool load(const struct draft *draft, const char *text)
{
    struct conf_report report = {0};

    draft->out->conf = conf_load_text("the options given", text, CONF_PROBE, &report);
    if (draft->out->conf == NULL) {
        (void)fail(draft, "%s", report.mistake_count > 0 ? report.mistakes[0] : "out of memory");
    }
    conf_report_free(&report);
    return draft->out->conf != NULL;
}

static void tell_domains(const struct draft *draft)
{
    char *list = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&list, &size);

    if (out == NULL || draft->invocation->domains.count > 0) {
        goto out;
    }
    put_list(out, draft->domains, draft->domain_count, "");
    fflush(out);
    assume(draft->out, "Your domain%s: %s, from the target%s; --domain names others.",
           draft->domain_count == 1 ? "" : "s", list != NULL ? list : "",
           draft->invocation->argument_count == 1 ? "" : "s");
out:
    if (out != NULL) {
        fclose(out);
    }
    free(list);
}

static void tell_rest(const struct draft *draft)
{
    const struct options *invocation = draft->invocation;

    if (invocation->trusted.count == 0) {
        assume(draft->out,
               "Nobody but the mail host itself may relay; --trusted names a network that "
               "may, too.");
    }
    assume(draft->out, "This host stands outside of your networks, as a stranger does.");
    if (!is_forced(invocation)) {
        assume(draft->out, "There is no configuration %s: no state is kept and nobody is alerted.",
               invocation->conf_path);
    } else {
        assume(draft->out, "No configuration is read: no state is kept and nobody is alerted.");
    }
}

bool assumed_make(const struct options *invocation, struct assumed *out,
                  char error[ASSUMED_ERROR_SIZE])
{
    struct draft draft = {.invocation = invocation, .out = out, .error = error};
    char *text = NULL;
    bool made = false;

    *out = (struct assumed){.conf = NULL};
    if (strcmp(invocation->conf_path, CONF_ENVIRONMENT) == 0) {
        char variables[ASSUMED_ERROR_SIZE / 2];

        conf_environment_list(variables, sizeof(variables));
        return fail(&draft,
                    "--domain, --canary and --trusted are for a check without a configuration, and "
                    "variables are one; leave them out, or unset %s",
                    variables);
    }
    if (invocation->conf_is_named) {
        return fail(&draft,
                    "--domain, --canary and --trusted are for a check without a configuration; "
                    "leave them out, or leave --config out");
    }
    if (invocation->argument_count == 0) {
        return fail(&draft,
                    "there is nothing to check: name a TARGET, as in " PROBE_PROGRAM
                    " check mx.example.org, or write a configuration with " PROBE_PROGRAM " init");
    }
    if (!find_domains(&draft)) {
        goto out;
    }
    tell_domains(&draft);
    if (!find_canary(&draft)) {
        goto out;
    }
    text = write_text(&draft);
    if (text == NULL || !load(&draft, text)) {
        goto out;
    }
    tell_rest(&draft);
    made = true;
out:
    for (size_t i = 0; i < draft.domain_count; i++) {
        free(draft.domains[i]);
    }
    free(draft.domains);
    free(text);
    return made;
}
