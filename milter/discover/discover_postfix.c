/* Postfix's side of discover.h: postconf(1), postmap(1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/subprocess.h"
#include "milter/discover/discover_postfix.h"

#define PATTERN_MAX 1024

/* A name that no table has by design: a name under a reserved top-level domain (RFC 6761), an
 * address of no use (RFC 1112, class E). A table that knows it knows everything. */
#define IMPROBABLE_DOMAIN  "relaywarden-asks-whether-any-domain-matches.invalid"
#define IMPROBABLE_ADDRESS "240.0.0.1"

/* A list may name a file of patterns; a table's keys are patterns too. */
typedef void use_pattern(struct site_draft *draft, const char *pattern, const char *source);

static const char *const domain_lists[] = {"mydestination", "relay_domains",
                                           "virtual_mailbox_domains", "virtual_alias_domains"};

/* Delivery of what is Postfix's own. */
static const char *const own_transports[] = {"local_transport", "virtual_transport",
                                             "relay_transport"};

/* One parameter's value with everything in it expanded; to be freed; NULL: postconf failed. */
static char *value_of(const char *directory, const char *name)
{
    const char *const here[] = {"postconf", "-xh", name, NULL};
    const char *const there[] = {"postconf", "-c", directory, "-xh", name, NULL};
    char *value = subprocess_output(directory == NULL ? here : there, "", false);

    if (value != NULL) {
        value[strcspn(value, "\n")] = '\0';
    }
    return value;
}

/* Tables that proxymap(8) would open can be opened here. */
static const char *without_proxy(const char *table)
{
    return strncmp(table, "proxy:", 6) == 0 ? table + 6 : table;
}

/* Whether a lookup finds something; false also for a table that cannot be asked. */
static bool table_has(const char *directory, const char *table, const char *key)
{
    const char *direct = without_proxy(table);
    const char *const here[] = {"postmap", "-q", key, direct, NULL};
    const char *const there[] = {"postmap", "-c", directory, "-q", key, direct, NULL};
    char *found = subprocess_output(directory == NULL ? here : there, "", true);

    free(found);
    return found != NULL;
}

/* "KEY\tVALUE" lines; to be freed; NULL for a table that cannot be listed. */
static char *table_text(const char *directory, const char *table)
{
    const char *direct = without_proxy(table);
    const char *const here[] = {"postmap", "-s", direct, NULL};
    const char *const there[] = {"postmap", "-c", directory, "-s", direct, NULL};

    return subprocess_output(directory == NULL ? here : there, "", true);
}

/* The next pattern of a list, whose braces hold white space and commas together. */
static bool next_pattern(const char **at, char pattern[PATTERN_MAX])
{
    static const char separators[] = " \t\r\n,";
    size_t length = 0;
    int depth = 0;

    *at += strspn(*at, separators);
    for (; **at != '\0' && (depth > 0 || strchr(separators, **at) == NULL); (*at)++) {
        depth += **at == '{' ? 1 : 0;
        depth -= **at == '}' && depth > 0 ? 1 : 0;
        if (length + 1 < PATTERN_MAX) {
            pattern[length++] = **at;
        }
    }
    pattern[length] = '\0';
    return length > 0;
}

/* static:all, regexp:, pcre: and their like have no entries to list, and may match whatever there
 * is. */
static void note_unlisted(struct site_draft *draft, const char *directory, const char *table,
                          const char *source)
{
    bool networks = strcmp(source, "mynetworks") == 0;
    const char *said = "its entries cannot be listed; see to them by hand";

    if (!table_has(directory, table, networks ? IMPROBABLE_ADDRESS : IMPROBABLE_DOMAIN)) {
        site_draft_note(draft, table, said);
        return;
    }
    if (strcmp(source, "relay_domains") == 0) {
        draft->relays_everywhere = true;
        said = "IN relay_domains, THIS TABLE MATCHES EVERY DOMAIN: the MTA relays mail from "
               "everybody to everywhere";
    } else if (networks) {
        said = "IN mynetworks, THIS TABLE MATCHES EVERY CLIENT: the MTA lets everybody relay";
    } else {
        said = "THIS TABLE MATCHES EVERY DOMAIN: the MTA takes all mail from everybody as its own";
    }
    site_draft_note(draft, table, said);
}

static void use_table(struct site_draft *draft, const char *directory, const char *table,
                      const char *source, use_pattern *use)
{
    char *text = table_text(directory, table);
    char *rest = NULL;

    if (text == NULL) {
        note_unlisted(draft, directory, table, source);
        return;
    }
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, "\t")] = '\0';
        use(draft, line, source);
    }
    free(text);
}

static void use_list(struct site_draft *draft, const char *directory, const char *list,
                     const char *source, use_pattern *use);

static void use_file(struct site_draft *draft, const char *directory, const char *path,
                     const char *source, use_pattern *use)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    if (file == NULL) {
        site_draft_note(draft, path, "left out, because it cannot be read");
        return;
    }
    while (getline(&line, &size, file) >= 0) {
        line[strcspn(line, "#")] = '\0';
        if (line[0] != '/') { /* a file does not name files */
            use_list(draft, directory, line, source, use);
        }
    }
    free(line);
    fclose(file);
}

/* postconf(5), "pattern" lists: names, /file/name, type:table, and ! before any. */
static void use_list(struct site_draft *draft, const char *directory, const char *list,
                     const char *source, use_pattern *use)
{
    char pattern[PATTERN_MAX];

    while (next_pattern(&list, pattern)) {
        if (pattern[0] == '!') {
            site_draft_note(draft, pattern, "an exception; see to it by hand");
        } else if (pattern[0] == '/') {
            use_file(draft, directory, pattern, source, use);
        } else if (strchr(pattern, ':') != NULL && pattern[0] != '[') {
            use_table(draft, directory, pattern, source, use);
        } else {
            use(draft, pattern, source);
        }
    }
}

static void use_domain(struct site_draft *draft, const char *pattern, const char *source)
{
    bool addresses_too = strcmp(source, "virtual_alias_domains") == 0;

    /* virtual(5): the same table may hold addresses, and users of this host. */
    if (addresses_too && (strchr(pattern, '@') != NULL || strchr(pattern, '.') == NULL)) {
        return;
    }
    site_draft_add_domain(draft, pattern, source);
}

static void use_parent_domain(struct site_draft *draft, const char *pattern, const char *source)
{
    char parent[PATTERN_MAX + 1];

    use_domain(draft, pattern, source);
    if (pattern[0] != '.') {
        snprintf(parent, sizeof(parent), ".%s", pattern);
        site_draft_add_domain(draft, parent, source);
    }
}

static bool add_domains(struct site_draft *draft, const char *directory)
{
    char *parents = value_of(directory, "parent_domain_matches_subdomains");

    if (parents == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof(domain_lists) / sizeof(domain_lists[0]); i++) {
        char *list = value_of(directory, domain_lists[i]);
        if (list != NULL) {
            /* The only one of the four to which it applies. */
            bool parent = strcmp(domain_lists[i], "relay_domains") == 0 &&
                          strstr(parents, "relay_domains") != NULL;
            use_list(draft, directory, list, domain_lists[i],
                     parent ? use_parent_domain : use_domain);
        }
        free(list);
    }
    free(parents);
    if (draft->domains.count == 0) {
        site_draft_note(draft,
                        "mydestination, relay_domains, virtual_mailbox_domains and "
                        "virtual_alias_domains",
                        "none of them names a domain that can be listed; whether a table has yours "
                        "tells postmap -q DOMAIN TABLE");
    }
    return true;
}

/* "relay:[192.0.2.1]:25" is transport relay. */
static void cut_transport(char *value)
{
    value[strcspn(value, ": \t")] = '\0';
}

/* Transports that mail for others goes by. */
struct others {
    char *normal;  /* default_transport */
    char *relayed; /* relay_transport, if every domain is relayed; else NULL */
};

static bool are_others(const struct others *others, const char *transport)
{
    return strcmp(transport, others->normal) == 0 ||
           (others->relayed != NULL && strcmp(transport, others->relayed) == 0);
}

static void add_transport(struct site_draft *draft, const char *transport, const char *source,
                          const struct others *others)
{
    if (transport[0] == '\0' || strcmp(transport, "error") == 0) {
        return;
    }
    if (are_others(others, transport)) {
        site_draft_note(draft, transport,
                        "left out as a mailer, because mail for others goes by it too; declared "
                        "domains need none");
        return;
    }
    site_draft_add_mailer(draft, transport, source);
}

/* Transports that a map gives to domains of Postfix's own. */
static void add_mapped_transports(struct site_draft *draft, const char *directory,
                                  const struct others *others)
{
    char *maps = value_of(directory, "transport_maps");
    const char *at = maps == NULL ? "" : maps;
    char table[PATTERN_MAX];

    while (next_pattern(&at, table)) {
        char *text = table_text(directory, table);
        char *rest = NULL;
        if (text == NULL) {
            site_draft_note(draft, table,
                            "its entries cannot be listed; see to their mailers by hand");
            continue;
        }
        for (char *line = strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            char *value = line + strcspn(line, "\t");
            if (*value == '\0') {
                continue;
            }
            *value++ = '\0';
            cut_transport(value);
            if (site_draft_has_domain(draft, line)) {
                add_transport(draft, value, "transport_maps", others);
            }
        }
        free(text);
    }
    free(maps);
}

static bool add_mailers(struct site_draft *draft, const char *directory)
{
    struct others others = {.normal = value_of(directory, "default_transport")};

    if (others.normal == NULL) {
        return false;
    }
    cut_transport(others.normal);
    if (draft->relays_everywhere) {
        others.relayed = value_of(directory, "relay_transport");
        if (others.relayed != NULL) {
            cut_transport(others.relayed);
        }
    }
    for (size_t i = 0; i < sizeof(own_transports) / sizeof(own_transports[0]); i++) {
        char *transport = value_of(directory, own_transports[i]);
        if (transport != NULL) {
            cut_transport(transport);
            add_transport(draft, transport, own_transports[i], &others);
        }
        free(transport);
    }
    add_mapped_transports(draft, directory, &others);
    free(others.normal);
    free(others.relayed);
    return true;
}

bool discover_postfix(struct site_draft *draft, const char *directory)
{
    char *networks = value_of(directory, "mynetworks");

    if (networks == NULL || !add_domains(draft, directory) || !add_mailers(draft, directory)) {
        free(networks);
        return false;
    }
    use_list(draft, directory, networks, "mynetworks", site_draft_add_network);
    free(networks);
    return true;
}
