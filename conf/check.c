#include "conf/check.h"

#include <string.h>

#include "conf/names.h"
#include "lib/domain.h"
#include "lib/token.h"

static const struct conf_setting *find(const struct conf_draft *draft, enum conf_section section,
                                       const char *name)
{
    return conf_tree_find(&draft->tree, section, name);
}

/* ---- networks and addresses ---------------------------------------------------------- */

static void check_wide_networks(const struct conf_draft *draft)
{
    const struct conf_setting *setting = find(draft, SECTION_SITE, "trusted_networks");
    char error[CONF_VALUE_ERROR_SIZE];
    char shown[CONF_SHOW_SIZE];
    struct network network;

    if (setting == NULL || draft->loose.allow_wide_networks) {
        return;
    }
    for (size_t i = 0; i < setting->item_count; i++) {
        const struct conf_item *item = &setting->items[i];
        if (conf_read_network(item->text, &network, error) && network_is_wide(&network)) {
            conf_mistake(draft->messages, item->line,
                         "trusted_networks: %s trusts strangers: it is public and wider than %s; "
                         "name the networks that are yours, or %s if all of it is",
                         conf_show(shown, item->text),
                         network.base.family == ADDRESS_IPV4 ? "/16" : "/32",
                         draft->variables != NULL
                             ? "write a file with allow_wide_networks = true, which no variable is,"
                             : "set allow_wide_networks = true");
        }
    }
}

static bool is_unspecified(const struct address *address)
{
    static const uint8_t zero[sizeof(address->octets)];

    return memcmp(address->octets, zero, sizeof(zero)) == 0;
}

static void check_addresses(const struct conf_draft *draft, const char *name, bool want_public)
{
    const struct conf_setting *setting = find(draft, SECTION_PROBE, name);
    char error[CONF_VALUE_ERROR_SIZE];
    char shown[CONF_SHOW_SIZE];
    bool seen[ADDRESS_IPV6 + 1] = {false};
    struct address address;

    for (size_t i = 0; setting != NULL && i < setting->item_count; i++) {
        const struct conf_item *item = &setting->items[i];
        if (!conf_read_address(item->text, &address, error)) {
            continue;
        }
        conf_show(shown, item->text);
        if (seen[address.family]) {
            conf_mistake(draft->messages, item->line,
                         "%s: %s is a second %s address; allowed: one of each family", name, shown,
                         address.family == ADDRESS_IPV4 ? "IPv4" : "IPv6");
        } else if (want_public && address_is_private(&address)) {
            conf_mistake(draft->messages, item->line,
                         "%s: %s cannot be reached from the internet; name the address that others "
                         "see",
                         name, shown);
        } else if (is_unspecified(&address)) {
            conf_mistake(draft->messages, item->line,
                         "%s: %s is no single address; leave it out to let the system choose", name,
                         shown);
        }
        seen[address.family] = true;
    }
}

static void check_claim(const struct conf_draft *draft)
{
    const struct conf_setting *vantage = find(draft, SECTION_PROBE, "vantage");
    const struct conf_setting *claim = find(draft, SECTION_PROBE, "claim");
    bool claimed = draft->conf->probe.vantage == VANTAGE_CLAIMED;
    const struct address *address = &draft->conf->probe.claim;

    if (claimed && vantage != NULL && claim == NULL) {
        conf_mistake(draft->messages, vantage->line,
                     "vantage = claimed needs claim = \"ADDRESS\", the address to ask as");
    }
    /* A wrong vantage was reported as such. */
    if (claim != NULL && !claimed &&
        (vantage == NULL ||
         (vantage->item_count == 1 && (strcmp(vantage->items[0].text, "outside") == 0 ||
                                       strcmp(vantage->items[0].text, "inside") == 0)))) {
        conf_mistake(draft->messages, claim->line,
                     "claim is used with vantage = claimed only; set that, or leave claim out");
    }
    if (claim == NULL || address->family == ADDRESS_NONE) {
        return;
    }
    if (is_unspecified(address)) {
        conf_mistake(draft->messages, claim->line, "claim: this is no address of a client");
    }
    for (size_t i = 0; i < draft->loose.network_count; i++) {
        if (network_contains(&draft->loose.networks[i], address)) {
            conf_mistake(draft->messages, claim->line,
                         "claim: this address is in trusted_networks, so its relaying would prove "
                         "nothing; claim an address outside of them");
            return;
        }
    }
}

/* ---- canary -------------------------------------------------------------------------- */

#define SAMPLE_CANARY "canary@outside.example.net" /* as the shipped file has it */

static void check_canary(const struct conf_draft *draft, const struct site_settings *site)
{
    const struct conf *conf = draft->conf;
    const struct conf_setting *setting = find(draft, SECTION_PROBE, "canary");
    bool token = (conf->token_key_file != NULL && conf->token_key_file[0] != '\0') ||
                 (conf->token_key_also != NULL && conf->token_key_also[0] != '\0');

    if (setting == NULL) {
        if (draft->program == CONF_PROBE) {
            conf_mistake(draft->messages, conf_tree_closing_line(&draft->tree, SECTION_PROBE),
                         "canary is missing: an external mailbox of yours, %s",
                         draft->variables != NULL ? "as " SAMPLE_CANARY
                                                  : "probe { canary = \"" SAMPLE_CANARY "\" }");
        }
        return;
    }
    if (conf->probe.canary == NULL) {
        return;
    }
    const char *domain = strrchr(conf->probe.canary, '@') + 1;
    char shown[CONF_SHOW_SIZE];
    if (draft->program == CONF_PROBE && strcmp(conf->probe.canary, SAMPLE_CANARY) == 0) {
        conf_note(draft->messages, setting->line,
                  "canary: \"" SAMPLE_CANARY
                  "\" is the sample's, and nobody's mailbox; name one of yours, at somebody else's "
                  "mail server");
    }
    conf_show(shown, domain);
    if (site->domains != NULL && domainset_contains(site->domains, domain)) {
        conf_mistake(
            draft->messages, setting->line,
            "canary: %s is a domain of the site; mail for it is not relayed, so the canary "
            "must be in an external domain",
            shown);
    }
    if (token && strlen(domain) > CONF_CANARY_DOMAIN_MAX) {
        conf_mistake(draft->messages, setting->line,
                     "canary: %s has %zu octets; with a token key at most %d are allowed, since "
                     "token and domain must fit into one local part",
                     shown, strlen(domain), CONF_CANARY_DOMAIN_MAX);
    }
    if (token && strstr(domain, TOKEN_MARK) != NULL) {
        conf_mistake(draft->messages, setting->line,
                     "canary: %s has \"" TOKEN_MARK "\" in it, by which tokens are known; with a "
                     "token key it must be another domain",
                     shown);
    }
}

/* ---- the webhook --------------------------------------------------------------------- */

static void check_webhook(const struct conf_draft *draft)
{
    static const char *const options[] = {"format", "header_file"};
    const char *url = draft->conf->alert.webhook.url;

    /* One that is wrong was reported as such, and is NULL. */
    if (url == NULL || url[0] != '\0') {
        return;
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        const struct conf_setting *setting = find(draft, SECTION_WEBHOOK, options[i]);
        if (setting != NULL) {
            conf_note(draft->messages, setting->line,
                      "webhook: url is missing, so no webhook is sent; set %s, or leave %s out",
                      draft->variables != NULL ? "RELAYWARDEN_WEBHOOK_URL" : "it", options[i]);
            return;
        }
    }
}

/* ---- targets ------------------------------------------------------------------------- */

static void check_ports(const struct conf_draft *draft, const struct conf_setting *setting)
{
    for (size_t i = 0; i < setting->item_count; i++) {
        long port;
        if (!conf_read_number(setting->items[i].text, 1, UINT16_MAX, &port)) {
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            long other;
            if (conf_read_number(setting->items[j].text, 1, UINT16_MAX, &other) && other == port) {
                conf_mistake(draft->messages, setting->items[i].line,
                             "ports: %ld is there twice; each port is asked once", port);
                break;
            }
        }
    }
}

static void check_target(const struct conf_draft *draft, size_t index)
{
    const struct conf_block *block = &draft->tree.blocks[index];
    const struct conf_setting *domain = conf_tree_find_in(&draft->tree, index, "domain");
    const struct conf_setting *host = conf_tree_find_in(&draft->tree, index, "host");
    const struct conf_setting *ports = conf_tree_find_in(&draft->tree, index, "ports");
    char shown[CONF_SHOW_SIZE];

    conf_show(shown, block->title);
    if (domain != NULL && host != NULL) {
        conf_mistake(draft->messages, domain->line > host->line ? domain->line : host->line,
                     "target %s has both domain and host; only one is allowed", shown);
    } else if (domain == NULL && host == NULL && draft->program == CONF_PROBE) {
        conf_mistake(draft->messages, block->close_line,
                     "target %s names nothing to ask: domain (for its MX hosts) or host is missing",
                     shown);
    }
    if (ports != NULL) {
        check_ports(draft, ports);
    }
}

/* ---- all ----------------------------------------------------------------------------- */

static void check_keys(const struct conf_draft *draft)
{
    const struct conf *conf = draft->conf;
    const struct conf_setting *also = find(draft, SECTION_ROOT, "token_key_also");

    if (also != NULL && conf->token_key_also != NULL && conf->token_key_also[0] != '\0' &&
        conf->token_key_file != NULL && conf->token_key_file[0] == '\0') {
        conf_mistake(draft->messages, also->line,
                     "token_key_also is a second key; token_key_file must name the first");
    }
}

void conf_check_values(const struct conf_draft *draft, const struct site_settings *site)
{
    check_keys(draft);
    check_wide_networks(draft);
    check_addresses(draft, "public_addresses", true);
    check_addresses(draft, "source", false);
    check_claim(draft);
    check_canary(draft, site);
    check_webhook(draft);
    for (size_t i = 0; i < draft->tree.block_count; i++) {
        if (draft->tree.blocks[i].kind == SECTION_TARGET) {
            check_target(draft, i);
        }
    }
}
