#include "lib/registrable.h"

#include <libpsl.h>
#include <string.h>

/* No top-level domain is a number (RFC 3696 section 2): this is an IPv4 address, or rubbish, and
 * its last two numbers are nobody's name. */
static bool ends_in_a_number(const char *domain)
{
    const char *dot = strrchr(domain, '.');
    const char *last = dot == NULL ? domain : dot + 1;
    return last[strspn(last, "0123456789")] == '\0';
}

/* The list's default rule alone: the last label is the suffix. */
static const char *last_two_labels(const char *domain)
{
    const char *from = domain;
    for (const char *dot = strchr(domain, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if (strchr(dot + 1, '.') != NULL) {
            from = dot + 1;
        }
    }
    return from;
}

const char *registrable_domain(const char *domain)
{
    if (domain[0] == '[' || strchr(domain, ':') != NULL || ends_in_a_number(domain)) {
        return domain;
    }
    /* A library that was built without the list gives none. */
    const psl_ctx_t *list = psl_builtin();
    if (list == NULL) {
        return last_two_labels(domain);
    }
    const char *registrable = psl_registrable_domain(list, domain);
    return registrable == NULL ? domain : registrable;
}

bool registrable_of_text(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    char compared[DOMAIN_SIZE];
    if (!domain_normalise(text, length, compared)) {
        return false;
    }
    const char *registrable = registrable_domain(compared);
    memcpy(out, registrable, strlen(registrable) + 1);
    return true;
}

bool registrable_same(const char *one, const char *other)
{
    return strcmp(registrable_domain(one), registrable_domain(other)) == 0;
}
