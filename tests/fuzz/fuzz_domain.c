/* lib/domain.c and lib/domainset.c: a compared form is one, and stays; an address is taken apart
 * within its own octets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/domain.h"
#include "lib/domainset.h"
#include "tests/fuzz/fuzz.h"

#define NAME_OCTETS  253 /* RFC 1035 section 2.3.4 */
#define LABEL_OCTETS 63

static void check_name(const char *name)
{
    size_t label = 0;

    FUZZ_MUST(name[0] != '\0' && strlen(name) <= NAME_OCTETS);
    FUZZ_MUST(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name));
    for (const char *at = name; *at != '\0'; at += *at == '.') {
        label = strcspn(at, ".");
        FUZZ_MUST(label > 0 && label <= LABEL_OCTETS);
        at += label;
    }
    FUZZ_MUST(name[strlen(name) - 1] != '.');
}

static void check_literal(const char *literal)
{
    FUZZ_MUST(literal[strlen(literal) - 1] == ']');
    FUZZ_MUST(fuzz_is_shown(literal, false));
    for (const char *at = literal; *at != '\0'; at++) {
        FUZZ_MUST(*at < 'A' || *at > 'Z');
    }
}

static bool check_domain(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    char again[DOMAIN_SIZE];

    snprintf(out, DOMAIN_SIZE, "untouched");
    if (!domain_normalise(text, length, out)) {
        FUZZ_MUST(strcmp(out, "untouched") == 0);
        return false;
    }
    if (out[0] == '[') {
        check_literal(out);
    } else {
        check_name(out);
    }
    FUZZ_MUST(domain_normalise(out, strlen(out), again) && strcmp(out, again) == 0);
    FUZZ_MUST(domain_is_within(out, out));
    return true;
}

static void check_pattern(const char *text, size_t length, const char *name)
{
    char pattern[DOMAIN_SIZE];
    char below[2 * DOMAIN_SIZE];
    struct domainset *set = domainset_new();

    FUZZ_MUST(set != NULL && !domainset_contains(set, name));
    if (domain_normalise_pattern(text, length, pattern)) {
        FUZZ_MUST(domainset_add(set, pattern) && domainset_count(set) == 1);
        FUZZ_MUST(domainset_add(set, pattern) && domainset_count(set) == 1);
        FUZZ_MUST(pattern[0] == '.' || domainset_contains(set, pattern));
        snprintf(below, sizeof(below), "%s%s", pattern[0] == '.' ? "sub" : "sub.", pattern);
        if (strlen(below) <= NAME_OCTETS && pattern[0] != '[') {
            FUZZ_MUST(domainset_contains(set, below) == (pattern[0] == '.'));
            FUZZ_MUST(domain_is_within(below, pattern + (pattern[0] == '.')));
        }
        if (name[0] != '\0') {
            FUZZ_MUST(domainset_contains(set, name) ==
                      (pattern[0] == '.'
                           ? strcmp(name, pattern + 1) != 0 && domain_is_within(name, pattern + 1)
                           : strcmp(name, pattern) == 0));
        }
    }
    domainset_free(set);
}

static void check_inside(const char *part, size_t part_length, const char *text, size_t length)
{
    FUZZ_MUST(part >= text && part_length <= length && part <= text + length - part_length);
}

static void check_split(const char *text, size_t length)
{
    struct mail_address address;

    mail_address_split(text, length, &address);
    if (length > 0) {
        check_inside(address.local, address.local_length, text, length);
    } else {
        FUZZ_MUST(address.local_length == 0);
    }
    if (address.domain != NULL) {
        check_inside(address.domain, address.domain_length, text, length);
        FUZZ_MUST(address.domain[-1] == '@');
        FUZZ_MUST(memchr(address.domain, '>', address.domain_length) == NULL || text[0] != '<' ||
                  memchr(address.domain, '"', address.domain_length) != NULL ||
                  memchr(address.domain, '[', address.domain_length) != NULL ||
                  memchr(address.domain, '(', address.domain_length) != NULL ||
                  memchr(address.domain, '\\', address.domain_length) != NULL);
    }
    FUZZ_MUST(!address.null_path || (address.domain == NULL && address.local_length == 0));
    if (mail_address_is_bare_postmaster(&address)) {
        FUZZ_MUST(address.domain == NULL && address.local_length >= strlen("postmaster"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    char name[DOMAIN_SIZE];
    char *first = fuzz_field(&input);
    size_t rest_length;
    char *rest = fuzz_rest(&input, &rest_length);

    if (!check_domain(first, strlen(first), name)) {
        name[0] = '\0';
    }
    check_pattern(rest, rest_length, name);
    check_pattern(first, strlen(first), name);
    check_split(rest, rest_length);
    check_split(first, strlen(first));
    if (check_domain(rest, rest_length, name)) {
        check_pattern(first, strlen(first), name);
    }
    free(rest);
    free(first);
    return 0;
}
