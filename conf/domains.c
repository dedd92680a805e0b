#include "conf/domains.h"

#include <stdlib.h>
#include <string.h>

#include "conf/line_file.h"
#include "conf/names.h"
#include "lib/registrable.h"

/* The first exact domain speaks for the site; while there is none, the first pattern does. */
static int keep_main_domain(struct site_settings *site, const char *pattern)
{
    bool exact = pattern[0] != '.';

    if (site->main_domain != NULL && !exact) {
        return 0;
    }
    char *copy = strdup(exact ? pattern : pattern + 1);
    if (copy == NULL) {
        return -1;
    }
    free(site->main_domain);
    site->main_domain = copy;
    return 0;
}

static int add_domain(struct site_settings *site, const char *pattern, bool *exact_known)
{
    const char *name = pattern[0] == '.' ? pattern + 1 : pattern;

    if (!domainset_add(site->domains, pattern)) {
        return -1;
    }
    if (site->owners != NULL && !domainset_add(site->owners, registrable_domain(name))) {
        return -1;
    }
    if (*exact_known) {
        return 0;
    }
    *exact_known = pattern[0] != '.';
    return keep_main_domain(site, pattern);
}

/* ---- files --------------------------------------------------------------------------- */

/* -1: memory is out. */
static int read_file(struct conf_draft *draft, const struct conf_setting *files, size_t item,
                     struct site_settings *site, bool *exact_known)
{
    char error[CONF_VALUE_ERROR_SIZE];
    struct conf_line_file file;
    char name[DOMAIN_SIZE];
    int result = 0;

    if (!conf_line_file_open(&file, draft, files, item, "what is the site's own")) {
        return draft->messages->out_of_memory ? -1 : 0;
    }
    while (result == 0 && conf_line_file_next(&file)) {
        const struct conf_domain_text domain = {
            .text = file.line,
            .length = file.length,
            .pattern = true,
            .literal = true,
            .secret = true,
        };
        if (file.too_long) {
            conf_line_file_mistake(&file, "this is longer than a domain can be; one domain a line");
        } else if (!conf_read_domain(&domain, name, error)) {
            conf_line_file_mistake(&file, "%s", error);
        } else {
            result = add_domain(site, name, exact_known);
        }
    }
    conf_line_file_close(&file, "domain");
    return result;
}

/* ---- all ----------------------------------------------------------------------------- */

/* The sets; false when memory is out. */
static bool make_sets(const struct conf_draft *draft, struct site_settings *site)
{
    site->domains = domainset_new();
    site->hosts = domainset_new();
    if (draft->program == CONF_PROBE) {
        site->owners = domainset_new();
    }
    return site->domains != NULL && site->hosts != NULL &&
           (site->owners != NULL || draft->program != CONF_PROBE);
}

static bool add_hosts(const struct conf_draft *draft, struct site_settings *site)
{
    for (size_t i = 0; i < draft->loose.host_count; i++) {
        if (!domainset_add(site->hosts, draft->loose.hosts[i])) {
            return false;
        }
    }
    return true;
}

int conf_domains_load(struct conf_draft *draft, struct site_settings *site)
{
    const struct conf_setting *domains = conf_tree_find(&draft->tree, SECTION_SITE, "domains");
    const struct conf_setting *files = conf_tree_find(&draft->tree, SECTION_SITE, "domain_files");
    size_t mistakes = draft->messages->mistakes;
    bool exact_known = false;

    if (!make_sets(draft, site) || !add_hosts(draft, site)) {
        return -1;
    }
    for (size_t i = 0; i < draft->loose.domain_count; i++) {
        if (add_domain(site, draft->loose.domains[i], &exact_known) < 0) {
            return -1;
        }
    }
    /* Items and values are as many: when one is wrong there are no values. */
    for (size_t i = 0; i < draft->loose.domain_file_count; i++) {
        if (read_file(draft, files, i, site, &exact_known) < 0) {
            return -1;
        }
    }
    bool named = (domains != NULL && (domains->item_count > 0 || !domains->braces)) ||
                 (files != NULL && (files->item_count > 0 || !files->braces));
    if (!named) {
        conf_mistake(draft->messages, conf_tree_closing_line(&draft->tree, SECTION_SITE),
                     draft->variables != NULL
                         ? "the site's domains are missing; set it to them, as example.org, or "
                           "RELAYWARDEN_DOMAIN_FILES to files that list them"
                         : "the site's domains are missing; site { domains = { \"example.org\" } } "
                           "or domain_files names them");
    } else if (site->main_domain == NULL && draft->messages->mistakes == mistakes &&
               draft->loose.domain_file_count > 0) {
        conf_mistake(draft->messages, files->line,
                     "domain_files: no domain is declared; the files are empty");
    }
    return 0;
}
