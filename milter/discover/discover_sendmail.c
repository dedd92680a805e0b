/* Sendmail's side of discover.h: classes w and R as its address test mode (sendmail -bt) shows
 * them. */
#include <stdlib.h>
#include <string.h>

#include "lib/sys/subprocess.h"
#include "milter/discover/address_beginning.h"
#include "milter/discover/discover_access.h"
#include "milter/discover/discover_sendmail.h"

/* Mailers that deliver on this host; all others send, or are no recipient's. */
static const char *const local_mailers[] = {"local", "cyrus", "cyrusv2", "cyrusbb", "procmail"};

/* Sendmail's answer to one line, without its greeting and prompts; the caller frees it. */
static char *ask(const char *file, const char *line)
{
    const char *const argv[] = {"sendmail", "-C", file, "-bt", NULL};
    char *said = subprocess_output(argv, line, false);
    char *start = said == NULL ? NULL : strstr(said, "\n> ");

    if (start == NULL) {
        free(said);
        return NULL;
    }
    memmove(said, start + 3, strlen(start + 3) + 1);
    return said;
}

/* cf/README, "relaying": a member of class R is a domain (its subdomains too), an address, or the
 * beginning of one. */
static void use_relay(struct site_draft *draft, const char *name)
{
    char text[300];
    char network[NETWORK_TEXT_SIZE];

    if (address_beginning(name, network)) {
        site_draft_add_network(draft, network, "class R");
    } else if (strchr(name, ':') != NULL) {
        site_draft_note(draft, name, "left out of class R; see to it by hand");
    } else {
        site_draft_add_domain(draft, name, "class R");
        if (name[0] != '.') {
            snprintf(text, sizeof(text), ".%.280s", name);
            site_draft_add_domain(draft, text, "class R");
        }
    }
}

static void use_local(struct site_draft *draft, const char *name)
{
    site_draft_add_domain(draft, name, "class w");
}

static void use_class(struct site_draft *draft, char *members,
                      void (*use)(struct site_draft *draft, const char *name))
{
    char *rest = NULL;

    for (char *name = strtok_r(members, "\n", &rest); name != NULL;
         name = strtok_r(NULL, "\n", &rest)) {
        if (strcmp(name, "> ") != 0 && strcmp(name, ">") != 0) { /* the last prompt */
            use(draft, name);
        }
    }
}

static void add_mailers(struct site_draft *draft, const char *mailers)
{
    for (size_t i = 0; i < sizeof(local_mailers) / sizeof(local_mailers[0]); i++) {
        char wanted[32];
        snprintf(wanted, sizeof(wanted), " (%s): ", local_mailers[i]);
        if (strstr(mailers, wanted) != NULL) {
            site_draft_add_mailer(draft, local_mailers[i], "its mailers");
        }
    }
}

bool discover_sendmail(struct site_draft *draft, const char *file)
{
    char *local = ask(file, "$=w\n");
    char *relayed = ask(file, "$=R\n");
    char *mailers = ask(file, "=M\n");
    bool asked = local != NULL && relayed != NULL && mailers != NULL;

    if (asked) {
        use_class(draft, local, use_local);
        use_class(draft, relayed, use_relay);
        add_mailers(draft, mailers);
        site_draft_add_network(draft, "127.0.0.0/8", "always");
        site_draft_add_network(draft, "::1", "always");
        discover_access(draft, file);
    }
    free(local);
    free(relayed);
    free(mailers);
    return asked;
}
