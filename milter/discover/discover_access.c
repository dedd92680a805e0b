/* Sendmail's access map, for discover.h: who may relay, and where to, by its entries RELAY
 * (cf/README, "Access database"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/sys/subprocess.h"
#include "milter/discover/address_beginning.h"
#include "milter/discover/discover_access.h"

#define SOURCE    "access map"
#define PATH_SIZE 4096
#define SHOWN_MAX 512

/* A map as its line K in sendmail.cf has it. */
struct map {
    char type[32];
    char path[PATH_SIZE];
};

/* Tables whose entries makemap(8) lists. */
static const char *const listed_types[] = {"hash", "btree", "cdb", "dbm"};

static bool is_listed(const struct map *map)
{
    for (size_t i = 0; i < sizeof(listed_types) / sizeof(listed_types[0]); i++) {
        if (strcmp(map->type, listed_types[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "Kaccess hash -T<TMPF> -o /etc/mail/access": its type comes first, its path last. */
static void read_map(char *line, struct map *out)
{
    char *rest = NULL;
    const char *type = strtok_r(line, " \t\n", &rest);
    const char *path = "";

    for (const char *word = strtok_r(NULL, " \t\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\n", &rest)) {
        path = word;
    }
    snprintf(out->type, sizeof(out->type), "%.31s", type == NULL ? "" : type);
    snprintf(out->path, sizeof(out->path), "%s", path);
}

/* False: the configuration has none, or cannot be read. */
static bool find_map(const char *file, struct map *out)
{
    static const char begins[] = "Kaccess";
    FILE *input = fopen(file, "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (input != NULL && !found && getline(&line, &size, input) >= 0) {
        if (strncmp(line, begins, strlen(begins)) == 0 && strchr(" \t", line[strlen(begins)])) {
            read_map(line + strlen(begins), out);
            found = true;
        }
    }
    free(line);
    if (input != NULL) {
        fclose(input);
    }
    return found;
}

static void note_entry(struct site_draft *draft, const char *tag, const char *key, const char *said)
{
    char entry[SHOWN_MAX];

    snprintf(entry, sizeof(entry), SOURCE " %s%s%s", tag, tag[0] == '\0' ? "" : ":", key);
    site_draft_note(draft, entry, said);
}

/* Where everybody may send mail through: a domain and those under it. */
static void use_destination(struct site_draft *draft, const char *tag, const char *key)
{
    char below[SHOWN_MAX];

    if (strchr(key, '@') != NULL) {
        note_entry(draft, tag, key, "mail to this address is relayed; see to it by hand");
    } else if (strchr(key, '.') == NULL) {
        note_entry(draft, tag, key,
                   "LEFT OUT. The MTA relays mail from everybody to every domain that ends so");
    } else {
        site_draft_add_domain(draft, key, SOURCE);
        snprintf(below, sizeof(below), ".%.500s", key);
        site_draft_add_domain(draft, below, SOURCE);
    }
}

/* Who may send mail to everybody. */
static void use_client(struct site_draft *draft, const char *tag, const char *key)
{
    char network[NETWORK_TEXT_SIZE];

    if (address_beginning(key, network)) {
        site_draft_add_network(draft, network, SOURCE);
    } else {
        note_entry(draft, tag, key,
                   "clients whose host names end so may relay; put their networks into "
                   "trusted_networks if they are yours");
    }
}

static void use_sender(struct site_draft *draft, const char *tag, const char *key)
{
    note_entry(draft, tag, key,
               "WHOEVER CLAIMS THIS SENDER MAY RELAY, if FEATURE(relay_mail_from) is on");
}

/* Without a tag an entry is about destinations and clients. */
static void use_both(struct site_draft *draft, const char *tag, const char *key)
{
    char network[NETWORK_TEXT_SIZE];

    if (!address_beginning(key, network)) {
        use_destination(draft, tag, key);
    }
    use_client(draft, tag, key);
}

static void use_certificate(struct site_draft *draft, const char *tag, const char *key)
{
    note_entry(draft, tag, key,
               "clients with such a certificate may relay; put their names into "
               "client_certificates if they are yours");
}

static const struct {
    const char *tag;
    void (*use)(struct site_draft *draft, const char *tag, const char *key);
} tags[] = {
    {"", use_both},       {"To", use_destination},         {"Connect", use_client},
    {"From", use_sender}, {"CERTIssuer", use_certificate}, {"CERTSubject", use_certificate},
};

/* One entry RELAY; makemap has put keys into lower case. */
static void use_entry(struct site_draft *draft, char *key)
{
    char *colon = strncasecmp(key, "IPv6:", 5) == 0 ? NULL : strchr(key, ':');
    const char *tag = colon == NULL ? "" : key;
    const char *rest = colon == NULL ? key : colon + 1;

    if (colon != NULL) {
        *colon = '\0';
    }
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (strcasecmp(tags[i].tag, tag) == 0) {
            tags[i].use(draft, tags[i].tag, rest);
            return;
        }
    }
    note_entry(draft, tag, rest, "it is RELAY; see to it by hand");
}

static void use_entries(struct site_draft *draft, char *entries)
{
    char *rest = NULL;

    for (char *line = strtok_r(entries, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *value = line + strcspn(line, "\t");
        if (*value != '\0') {
            *value++ = '\0';
            if (strcasecmp(value, "RELAY") == 0) {
                use_entry(draft, line);
            }
        }
    }
}

void discover_access(struct site_draft *draft, const char *file)
{
    struct map map = {0};
    char *entries = NULL;

    if (!find_map(file, &map)) {
        return;
    }
    if (is_listed(&map)) {
        const char *const argv[] = {"makemap", "-C", file, "-u", map.type, map.path, NULL};
        entries = subprocess_output(argv, "", true);
    }
    if (entries == NULL) {
        char name[sizeof(map.type) + sizeof(map.path)];
        snprintf(name, sizeof(name), "%s:%s", map.type, map.path);
        site_draft_note(draft, name,
                        "the access map, whose entries cannot be listed; see to those that are "
                        "RELAY by hand");
        return;
    }
    use_entries(draft, entries);
    free(entries);
}
