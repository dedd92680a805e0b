#include "milter/discover/site_draft.h"

#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "lib/netset.h"
#include "lib/printable.h"

#define MAILER_MAX 64 /* octets, as the configuration has it */
#define SHOWN_SIZE 256

static void add(struct site_draft *draft, struct draft_list *list, const char *text,
                const char *source)
{
    if (list->count == list->space) {
        size_t space = list->space == 0 ? 64 : 2 * list->space;
        struct draft_item *items = realloc(list->items, space * sizeof(*items));
        if (items == NULL) {
            draft->out_of_memory = true;
            return;
        }
        list->items = items;
        list->space = space;
    }
    struct draft_item *item = &list->items[list->count];
    item->text = strdup(text);
    item->source = source;
    item->remark = NULL;
    if (item->text == NULL) {
        draft->out_of_memory = true;
        return;
    }
    list->count++;
}

static void free_list(struct draft_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].text);
        free(list->items[i].remark);
    }
    free(list->items);
    *list = (struct draft_list){0};
}

void site_draft_free(struct site_draft *draft)
{
    free_list(&draft->domains);
    free_list(&draft->networks);
    free_list(&draft->mailers);
    free_list(&draft->notes);
}

void site_draft_note(struct site_draft *draft, const char *text, const char *said)
{
    char shown[SHOWN_SIZE];
    char line[SHOWN_SIZE + 512];

    printable_string(shown, sizeof(shown), text);
    snprintf(line, sizeof(line), "%s: %s", shown, said);
    add(draft, &draft->notes, line, NULL);
}

void site_draft_add_domain(struct site_draft *draft, const char *text, const char *source)
{
    char domain[DOMAIN_SIZE];

    if (text[0] == '[') {
        return;
    }
    if (domain_normalise_pattern(text, strlen(text), domain) && !domain_has_stray_hyphen(domain)) {
        add(draft, &draft->domains, domain, source);
    } else {
        site_draft_note(draft, text, "left out, because it is no domain");
    }
}

#define OWN_NAMED 3 /* addresses of the host that a remark names */

/* "256 addresses", or "2^64 addresses". */
static void format_size(const struct network *network, char out[32])
{
    unsigned int bits = (network->base.family == ADDRESS_IPV4 ? 32 : 128) - network->prefix;

    if (bits < 24) {
        snprintf(out, 32, "%lu addresses", 1UL << bits);
    } else {
        snprintf(out, 32, "2^%u addresses", bits);
    }
}

/* Those of the host's addresses that are in the network: how many, and the first few in words. */
static size_t find_own(const struct site_draft *draft, const struct network *network,
                       char out[OWN_NAMED * (ADDRESS_TEXT_SIZE + 2)])
{
    size_t count = 0;
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < draft->own_count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        if (network_contains(network, &draft->own[i]) && count++ < OWN_NAMED) {
            used += (size_t)snprintf(out + used, (size_t)OWN_NAMED * (ADDRESS_TEXT_SIZE + 2) - used,
                                     "%s%s", used > 0 ? ", " : "",
                                     address_format(&draft->own[i], text));
        }
    }
    return count;
}

/* Public, and more than one address: whose are the others? */
static bool has_neighbours(const struct network *network)
{
    unsigned int block = address_private_prefix(&network->base);
    bool is_private = block != 0 && network->prefix >= block;

    return !is_private && network->prefix < (network->base.family == ADDRESS_IPV4 ? 32 : 128);
}

static void remark_on_neighbours(struct site_draft *draft, const struct network *network)
{
    struct draft_item *item = &draft->networks.items[draft->networks.count - 1];
    char own[OWN_NAMED * (ADDRESS_TEXT_SIZE + 2)];
    char size[32];
    char remark[512];

    format_size(network, size);
    size_t count = find_own(draft, network, own);
    if (count == 0) {
        snprintf(remark, sizeof(remark),
                 "CAREFUL: public, %s, none of them this host's: all who have one may relay. Is it "
                 "all yours?",
                 size);
    } else {
        snprintf(remark, sizeof(remark),
                 "CAREFUL: public, %s, of which this host has %zu (%s%s): its neighbours may "
                 "relay. Unless all of it is yours, name your own addresses alone",
                 size, count, own, count > OWN_NAMED ? ", ..." : "");
    }
    item->remark = strdup(remark);
    draft->out_of_memory = draft->out_of_memory || item->remark == NULL;
}

void site_draft_add_network(struct site_draft *draft, const char *text, const char *source)
{
    struct network network;
    char formatted[NETWORK_TEXT_SIZE];
    enum network_error error = network_parse(text, &network);

    if (error == NETWORK_BAD_ADDRESS || error == NETWORK_BAD_PREFIX) {
        site_draft_note(draft, text, "left out, because it is no network");
        return;
    }
    network_format(&network, formatted);
    if (network_is_wide(&network)) {
        site_draft_note(draft, formatted,
                        "LEFT OUT. The MTA trusts it, though it is public and wide: whoever is in "
                        "it may relay");
        return;
    }
    add(draft, &draft->networks, formatted, source);
    if (!draft->out_of_memory && has_neighbours(&network)) {
        remark_on_neighbours(draft, &network);
    }
}

void site_draft_add_mailer(struct site_draft *draft, const char *text, const char *source)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t length = strlen(text);

    if (length == 0 || length > MAILER_MAX || strspn(text, allowed) != length) {
        site_draft_note(draft, text, "left out, because it is no mailer");
        return;
    }
    add(draft, &draft->mailers, text, source);
}

bool site_draft_has_domain(const struct site_draft *draft, const char *text)
{
    char domain[DOMAIN_SIZE];

    if (!domain_normalise_pattern(text, strlen(text), domain)) {
        return false;
    }
    for (size_t i = 0; i < draft->domains.count; i++) {
        if (strcmp(draft->domains.items[i].text, domain) == 0) {
            return true;
        }
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    const struct draft_item *left = a;
    const struct draft_item *right = b;

    return strcmp(left->text, right->text);
}

static void sort_and_thin(struct draft_list *list)
{
    size_t kept = 0;

    if (list->count > 0) {
        qsort(list->items, list->count, sizeof(*list->items), compare);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && strcmp(list->items[kept - 1].text, list->items[i].text) == 0) {
            free(list->items[i].text);
            free(list->items[i].remark);
        } else {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static void print_list(const char *name, struct draft_list *list, FILE *out)
{
    sort_and_thin(list);
    fprintf(out, "    %s = {%s\n", name, list->count == 0 ? " }" : "");
    for (size_t i = 0; i < list->count; i++) {
        const struct draft_item *item = &list->items[i];
        fprintf(out, "        \"%s\"%s  # %s%s%s\n", item->text, i + 1 < list->count ? "," : "",
                item->source, item->remark != NULL ? ". " : "",
                item->remark != NULL ? item->remark : "");
    }
    if (list->count > 0) {
        fputs("    }\n", out);
    }
}

bool site_draft_print(struct site_draft *draft, const char *mta, FILE *out)
{
    char shown[SHOWN_SIZE];

    if (draft->out_of_memory) {
        return false;
    }
    printable_string(shown, sizeof(shown), mta);
    fprintf(out,
            "# %s takes these as its own, mistakes included, and the probe audits %s: before you\n"
            "# adopt them, strike out every domain and every network that is not yours.\n",
            shown, shown);
    for (size_t i = 0; i < draft->notes.count; i++) {
        fprintf(out, "# %s\n", draft->notes.items[i].text);
    }
    fputs("site {\n", out);
    if (draft->domains.count == 0) {
        fputs("    # No domain can be listed: name yours here.\n", out);
    }
    print_list("domains", &draft->domains, out);
    print_list("trusted_networks", &draft->networks, out);
    fputs("}\nmilter {\n", out);
    print_list("own_mailers", &draft->mailers, out);
    fputs("}\n", out);
    return true;
}
