#include "probe/rehearse/questions.h"

#include <string.h>

static const char *const kind_names[QUESTION_KINDS] = {
    [QUESTION_CLIENT] = "client",
    [QUESTION_SENDER] = "sender",
    [QUESTION_HELO] = "helo",
    [QUESTION_RECIPIENT] = "recipient",
    [QUESTION_NAME] = "name",
    [QUESTION_GATEWAY] = "gateway",
    [QUESTION_MX_BACKUP] = "mx-backup",
    [QUESTION_POLICY] = "policy",
    [QUESTION_CLAIM] = "claim",
    [QUESTION_CERTIFICATE] = "certificate",
    [QUESTION_OWN_CERTIFICATE] = "own-certificate",
};

const char *question_kind_name(enum question_kind kind)
{
    return kind < QUESTION_KINDS ? kind_names[kind] : "unknown";
}

#define CLAIMS_MAX 16 /* each is as good as another */

static void add(struct questions *questions, const struct question *question)
{
    for (size_t i = 0; i < questions->count; i++) {
        const struct question *other = &questions->all[i];
        bool is_client = question->client.family != ADDRESS_NONE;
        /* A client that was asked as a gateway is asked as one only: its grant is conditional. */
        if (is_client ? address_equal(&other->client, &question->client) &&
                            (other->kind == QUESTION_CLAIM) == (question->kind == QUESTION_CLAIM)
                      : other->kind == question->kind && strcmp(other->text, question->text) == 0) {
            return;
        }
    }
    if (questions->count == QUESTIONS_MAX) {
        questions->left_out++;
        return;
    }
    questions->all[questions->count++] = *question;
}

void questions_add_text(struct questions *questions, enum question_kind kind, const char *text,
                        size_t length)
{
    struct question question = {.kind = kind, .client = {.family = ADDRESS_NONE}};

    if (length >= sizeof(question.text)) {
        questions->left_out++;
        return;
    }
    /* It goes into a command: one line, no brackets. */
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == '<' || text[i] == '>') {
            return;
        }
    }
    memcpy(question.text, text, length);
    add(questions, &question);
}

/* Nobody can have it as a client: unspecified, loopback, multicast, broadcast. */
static bool is_nobodys(const struct address *address)
{
    static const uint8_t zero[16] = {0};

    if (address_is_loopback(address) || memcmp(address->octets, zero, sizeof(zero)) == 0) {
        return true;
    }
    if (address->family == ADDRESS_IPV4) {
        return address->octets[0] == 0 || address->octets[0] >= 224;
    }
    return address->octets[0] == 0xff || (address->octets[0] == 0xfe && address->octets[1] >= 0x80);
}

void questions_add_client(struct questions *questions, const struct site *site,
                          const struct address *client, enum question_kind kind)
{
    const struct question question = {.kind = kind, .client = *client};

    if (client->family == ADDRESS_NONE || is_nobodys(client) ||
        (kind == QUESTION_CLIENT && site != NULL && site_trusts(site, client))) {
        return;
    }
    add(questions, &question);
}

static unsigned int bits_of(const struct address *address)
{
    return address->family == ADDRESS_IPV4 ? 32 : 128;
}

static struct address last_of(const struct network *network)
{
    struct address last = network->base;

    for (unsigned int bit = network->prefix; bit < bits_of(&last); bit++) {
        last.octets[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
    }
    return last;
}

/* One step towards the middle: the ends of a LAN are its network's and its broadcast's address. */
static struct address step(struct address address, int by)
{
    for (unsigned int i = bits_of(&address) / 8; i-- > 0;) {
        uint8_t before = address.octets[i];
        address.octets[i] = (uint8_t)(before + by);
        if ((by > 0 && address.octets[i] > before) || (by < 0 && address.octets[i] < before)) {
            break;
        }
    }
    return address;
}

void questions_add_network(struct questions *questions, const struct site *site,
                           const struct network *network)
{
    unsigned int bits = bits_of(&network->base);
    struct address first = network->base;
    struct address last = last_of(network);

    if (network->prefix == 0) {
        return;
    }
    if (bits - network->prefix >= 2) {
        first = step(first, 1);
        last = step(last, -1);
    }
    questions_add_client(questions, site, &first, QUESTION_CLIENT);
    questions_add_client(questions, site, &last, QUESTION_CLIENT);
}

void questions_add_claim(struct questions *questions, const struct network *network)
{
    size_t claims = 0;
    struct address first = network->base;

    for (size_t i = 0; i < questions->count; i++) {
        claims += questions->all[i].kind == QUESTION_CLAIM;
    }
    if (network->prefix == 0 || claims == CLAIMS_MAX) {
        return;
    }
    if (bits_of(&first) - network->prefix >= 2) {
        first = step(first, 1);
    }
    questions_add_client(questions, NULL, &first, QUESTION_CLAIM);
}

static struct network base_of(const struct network *network)
{
    struct network base = *network;

    for (unsigned int bit = network->prefix; bit < bits_of(&base.base); bit++) {
        base.base.octets[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
    }
    return base;
}

static bool is_hosts(const struct question_host *host, const struct address *address)
{
    for (size_t i = 0; i < host->network_count; i++) {
        if (address_equal(&host->networks[i].base, address)) {
            return true;
        }
    }
    return false;
}

void questions_add_host(struct questions *questions, const struct site *site,
                        const struct question_host *host)
{
    for (size_t i = 0; i < host->gateway_count; i++) {
        questions_add_client(questions, site, &host->gateways[i], QUESTION_GATEWAY);
    }
    for (size_t i = 0; i < host->network_count; i++) {
        const struct network base = base_of(&host->networks[i]);
        const struct address first = step(base.base, 1);
        if (base.prefix + 2 <= bits_of(&base.base) && address_is_private(&first) &&
            !is_hosts(host, &first)) {
            questions_add_client(questions, site, &first, QUESTION_GATEWAY);
        }
        size_t before = questions->count;
        questions_add_network(questions, site, &base);
        /* The host's own addresses are no stranger's. */
        for (size_t k = before; k < questions->count; k++) {
            if (is_hosts(host, &questions->all[k].client)) {
                questions->all[k--] = questions->all[--questions->count];
            }
        }
    }
}
