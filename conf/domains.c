#include "conf/domains.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/access.h"
#include "conf/names.h"

#define LINE_SIZE 1100 /* the longest domain in U-labels, and blanks */

struct domain_file {
    const char *path;
    FILE *stream;
    struct conf_place place;
    char line[LINE_SIZE];
    size_t length;
    bool too_long;
    size_t mistakes;
};

/* The first exact domain speaks for the site; while there is none, the first pattern does. */
static int keep_main_domain(struct site_settings *site, const char *pattern)
{
    bool exact = pattern[0] != '.';

    if (site->main_domain != NULL && !exact)
        return 0;
    char *copy = strdup(exact ? pattern : pattern + 1);
    if (copy == NULL)
        return -1;
    free(site->main_domain);
    site->main_domain = copy;
    return 0;
}

static int add_domain(struct site_settings *site, const char *pattern, bool *exact_known)
{
    if (!domainset_add(site->domains, pattern))
        return -1;
    if (*exact_known)
        return 0;
    *exact_known = pattern[0] != '.';
    return keep_main_domain(site, pattern);
}

/* ---- files --------------------------------------------------------------------------- */

static bool is_blank(char octet)
{
    return octet == ' ' || octet == '\t' || octet == '\r';
}

/* The next line without its comment and blanks; false at the end. */
static bool next_line(struct domain_file *file)
{
    bool comment = false;
    int octet = getc_unlocked(file->stream);

    if (octet == EOF)
        return false;
    file->place.line++;
    file->length = 0;
    file->too_long = false;
    for (; octet != EOF && octet != '\n'; octet = getc_unlocked(file->stream)) {
        comment = comment || octet == '#';
        if (comment || (file->length == 0 && is_blank((char)octet)))
            continue;
        if (file->length < sizeof(file->line))
            file->line[file->length++] = (char)octet;
        else
            file->too_long = file->too_long || !is_blank((char)octet);
    }
    while (file->length > 0 && is_blank(file->line[file->length - 1]))
        file->length--;
    return true;
}

static void report_line(struct conf_draft *draft, struct domain_file *file, const char *error)
{
    if (++file->mistakes <= CONF_DOMAIN_MISTAKES)
        conf_mistake_in(draft->messages, file->place, "%s", error);
}

static int read_lines(struct conf_draft *draft, struct domain_file *file,
                      struct site_settings *site, bool *exact_known)
{
    char error[CONF_VALUE_ERROR_SIZE];
    char name[DOMAIN_SIZE];

    while (next_line(file)) {
        const struct conf_domain_text domain = {
            .text = file->line,
            .length = file->length,
            .pattern = true,
            .literal = true,
            .secret = true,
        };
        if (file->too_long)
            report_line(draft, file, "this is longer than a domain can be; one domain a line");
        else if (file->length == 0)
            continue;
        else if (!conf_read_domain(&domain, name, error))
            report_line(draft, file, error);
        else if (add_domain(site, name, exact_known) < 0)
            return -1;
    }
    if (file->mistakes > CONF_DOMAIN_MISTAKES) {
        file->place.line = 0;
        size_t more = file->mistakes - CONF_DOMAIN_MISTAKES;
        conf_mistake_in(draft->messages, file->place, "%zu more line%s no domain%s", more,
                        more == 1 ? " is" : "s are", more == 1 ? "" : "s");
    }
    return 0;
}

static FILE *open_domains(const struct conf_draft *draft, const char *path, int line)
{
    struct conf_access_fault unguarded;
    char denied[CONF_ACCESS_SIZE];
    char shown[CONF_SHOW_SIZE];
    struct stat status;
    FILE *stream = NULL;

    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0 || fstat(file, &status) < 0)
        conf_mistake(draft->messages, line, "domain_files: %s cannot be read: %s",
                     conf_show(shown, path), conf_access_denied(denied, errno));
    else if (!S_ISREG(status.st_mode))
        conf_mistake(draft->messages, line, "domain_files: %s is no regular file",
                     conf_show(shown, path));
    else if (!conf_access_guarded(&status, &unguarded))
        conf_mistake(draft->messages, line,
                     "domain_files: %s %s, and it says what is the site's own; %s",
                     conf_show(shown, path), unguarded.fault, unguarded.remedy);
    else
        stream = fdopen(file, "r");
    if (stream == NULL && file >= 0)
        close(file);
    return stream;
}

static int read_file(struct conf_draft *draft, const struct conf_item *item,
                     struct site_settings *site, bool *exact_known)
{
    struct domain_file file = {.path = item->text, .place.file = item->text};
    char shown[CONF_SHOW_SIZE];

    file.stream = open_domains(draft, item->text, item->line);
    if (file.stream == NULL)
        return 0;
    errno = 0;
    int result = read_lines(draft, &file, site, exact_known);
    if (ferror(file.stream))
        conf_mistake(draft->messages, item->line, "domain_files: %s cannot be read: %s",
                     conf_show(shown, item->text), strerror(errno));
    fclose(file.stream);
    return result;
}

/* ---- all ----------------------------------------------------------------------------- */

int conf_domains_load(struct conf_draft *draft, struct site_settings *site)
{
    const struct conf_setting *domains = conf_tree_find(&draft->tree, SECTION_SITE, "domains");
    const struct conf_setting *files = conf_tree_find(&draft->tree, SECTION_SITE, "domain_files");
    size_t mistakes = draft->messages->mistakes;
    bool exact_known = false;

    site->domains = domainset_new();
    if (site->domains == NULL)
        return -1;
    for (size_t i = 0; i < draft->loose.domain_count; i++)
        if (add_domain(site, draft->loose.domains[i], &exact_known) < 0)
            return -1;
    /* Items and values are as many: when one is wrong there are no values. */
    for (size_t i = 0; i < draft->loose.domain_file_count; i++)
        if (read_file(draft, &files->items[i], site, &exact_known) < 0)
            return -1;
    bool named = (domains != NULL && (domains->item_count > 0 || !domains->braces)) ||
                 (files != NULL && (files->item_count > 0 || !files->braces));
    if (!named)
        conf_mistake(draft->messages, conf_tree_closing_line(&draft->tree, SECTION_SITE),
                     "the site's domains are missing; site { domains = { \"example.org\" } } or "
                     "domain_files names them");
    else if (site->main_domain == NULL && draft->messages->mistakes == mistakes &&
             draft->loose.domain_file_count > 0)
        conf_mistake(draft->messages, files->line,
                     "domain_files: no domain is declared; the files are empty");
    return 0;
}
