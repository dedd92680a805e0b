#include "probe/rehearse/questions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(const struct question *one, const struct question *other)
{
    /* A client that was asked as a gateway is asked as one only: its grant is conditional. */
    bool both_clients = (one->kind == QUESTION_CLIENT || one->kind == QUESTION_GATEWAY) &&
                        (other->kind == QUESTION_CLIENT || other->kind == QUESTION_GATEWAY);
    if ((one->kind != other->kind && !both_clients) ||
        !address_equal(&one->client, &other->client) || !address_equal(&one->by, &other->by) ||
        strcmp(one->text, other->text) != 0) {
        return false;
    }
    for (size_t i = 0; i < QUESTION_PARTS; i++) {
        if (strcmp(one->with[i], other->with[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void add_as_it_is(struct questions *questions, const struct question *question)
{
    for (size_t i = 0; i < questions->count; i++) {
        if (is_same(question, &questions->all[i])) {
            return;
        }
    }
    if (questions->count == QUESTIONS_MAX) {
        questions->left_out++;
        return;
    }
    questions->all[questions->count++] = *question;
}

/* ---- what is given -------------------------------------------------------------------------- */

/* The part that a kind's text is; QUESTION_PARTS: none. */
static enum question_part part_of(enum question_kind kind)
{
    return kind == QUESTION_SENDER      ? QUESTION_WITH_SENDER
           : kind == QUESTION_HELO      ? QUESTION_WITH_HELO
           : kind == QUESTION_RECIPIENT ? QUESTION_WITH_RECIPIENT
                                        : QUESTION_PARTS;
}

const char *question_part(const struct question *question, enum question_part part)
{
    return part_of(question->kind) == part ? question->text : question->with[part];
}

static bool is_of_client(enum question_kind kind)
{
    return kind == QUESTION_CLIENT || kind == QUESTION_NAME || kind == QUESTION_GATEWAY;
}

/* The parts become one question: of the client if it has one, else of its first part. */
static void add_parts(struct questions *questions, const struct question *question)
{
    static const enum question_kind kinds[QUESTION_PARTS] = {
        [QUESTION_WITH_SENDER] = QUESTION_SENDER,
        [QUESTION_WITH_HELO] = QUESTION_HELO,
        [QUESTION_WITH_RECIPIENT] = QUESTION_RECIPIENT};
    struct question made = *question;

    for (size_t i = 0; i < QUESTION_PARTS && part_of(made.kind) != QUESTION_PARTS; i++) {
        if (made.with[i][0] != '\0') {
            made.kind = kinds[i];
            memcpy(made.text, made.with[i], sizeof(made.text));
            made.with[i][0] = '\0';
            break;
        }
    }
    add_as_it_is(questions, &made);
}

/* "someone@partner.test" and "boss@": the local part of the one in the domain of the other. */
static bool join(const char *one, const char *other, char out[QUESTION_TEXT_MAX])
{
    const char *at = strchr(other, '@');
    size_t length = strlen(one);

    if (length < 2 || one[length - 1] != '@' || at == NULL || at[1] == '\0') {
        return false;
    }
    return snprintf(out, QUESTION_TEXT_MAX, "%s%s", one, at + 1) < QUESTION_TEXT_MAX;
}

/* Two of a kind: where both are exact, either is the other's special case, or nobody is both. */
static void add_both(struct questions *questions, struct question *question,
                     enum question_part part)
{
    const char *given = questions->given.with[part];
    char text[QUESTION_TEXT_MAX];

    memcpy(text, question->with[part], sizeof(text));
    if (strcmp(given, text) != 0 && (questions->given.by_pattern || questions->by_pattern)) {
        questions_leave(questions, text);
    }
    add_parts(questions, question);
    memcpy(question->with[part], given, sizeof(text));
    add_parts(questions, question);
    if (join(text, given, question->with[part]) || join(given, text, question->with[part])) {
        add_parts(questions, question);
    }
}

/* The given client, or whoever is both: an address that has a name. */
static void add_with_client(struct questions *questions, struct question *question)
{
    const struct question_given *given = &questions->given;
    const bool is_named = given->name[0] != '\0';
    struct question made = *question;

    if (!is_of_client(question->kind) || is_named) {
        made.kind = is_named ? QUESTION_NAME : QUESTION_CLIENT;
        memcpy(made.text, given->name, sizeof(made.text));
    }
    if (!is_of_client(question->kind) || !is_named) {
        made.client = given->client;
    }
    add_as_it_is(questions, &made);
    if (is_of_client(question->kind) && is_named == (question->kind == QUESTION_NAME)) {
        bool is_other = is_named ? strcmp(given->name, question->text) != 0
                                 : !address_equal(&given->client, &question->client);
        if (is_other && (given->by_pattern || questions->by_pattern)) {
            char address[ADDRESS_TEXT_SIZE];
            questions_leave(questions,
                            is_named ? question->text : address_format(&question->client, address));
        }
        add_as_it_is(questions, question);
    }
}

static void add(struct questions *questions, const struct question *question)
{
    const struct question_given *given = &questions->given;
    struct question made = *question;
    enum question_part part = part_of(question->kind);
    bool is_twice = part != QUESTION_PARTS && given->with[part][0] != '\0';

    if (part != QUESTION_PARTS) {
        memcpy(made.with[part], made.text, sizeof(made.text));
    }
    for (size_t i = 0; i < QUESTION_PARTS; i++) {
        if (made.with[i][0] == '\0') {
            memcpy(made.with[i], given->with[i], sizeof(made.with[i]));
        }
    }
    if (question->kind == QUESTION_CLAIM || (part == QUESTION_PARTS && !is_of_client(made.kind))) {
        if (question->kind != QUESTION_CLAIM && given->client.family != ADDRESS_NONE) {
            made.client = given->client;
        }
        add_as_it_is(questions, &made);
    } else if (given->client.family != ADDRESS_NONE || given->name[0] != '\0') {
        if (is_twice && strcmp(question->text, given->with[part]) != 0) {
            questions_leave(questions, question->text);
        }
        add_with_client(questions, &made);
    } else if (is_twice) {
        add_both(questions, &made, part);
    } else {
        add_parts(questions, &made);
    }
}

void questions_add_given(struct questions *questions, const struct site *site)
{
    const struct question_given given = questions->given;
    struct question question = {.kind = QUESTION_SENDER};

    if (given.client.family != ADDRESS_NONE || given.name[0] != '\0') {
        question.kind = given.name[0] != '\0' ? QUESTION_NAME : QUESTION_CLIENT;
        question.client = given.client;
        memcpy(question.text, given.name, sizeof(question.text));
        if (question.kind == QUESTION_CLIENT && site != NULL && site_trusts(site, &given.client)) {
            return;
        }
    }
    memcpy(question.with, given.with, sizeof(question.with));
    bool is_nothing = question.kind == QUESTION_SENDER;
    for (size_t i = 0; i < QUESTION_PARTS; i++) {
        is_nothing = is_nothing && given.with[i][0] == '\0';
    }
    if (!is_nothing) {
        add_parts(questions, &question);
    }
}

void questions_leave(struct questions *questions, const char *text)
{
    questions->unasked++;
    if (questions->untold++ == 0) {
        size_t length = strnlen(text, sizeof(questions->first_untold) - 1);
        memcpy(questions->first_untold, text, length);
        questions->first_untold[length] = '\0';
    }
}

/* A path or a name of SMTP: one line, without what ends it, or has a meaning in a template. */
static bool is_sayable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f ||
            strchr("<>{}\\\"", text[i]) != NULL) {
            return false;
        }
    }
    return true;
}

bool questions_are_sayable(const char *text)
{
    return is_sayable(text, strlen(text));
}

void questions_add_text(struct questions *questions, enum question_kind kind, const char *text,
                        size_t length)
{
    struct question question = {.kind = kind};
    char kept[QUESTION_TEXT_MAX];

    if (length >= sizeof(question.text) || !is_sayable(text, length)) {
        snprintf(kept, sizeof(kept), "%.*s", (int)(length < 256 ? length : 256), text);
        questions_leave(questions, kept);
        return;
    }
    memcpy(question.text, text, length);
    add(questions, &question);
}

/* ---- clients -------------------------------------------------------------------------------- */

/* Nobody can have it as a client: unspecified, loopback, multicast, broadcast. */
static bool is_nobodys(const struct address *address)
{
    static const uint8_t zero[16] = {0};

    if (address_is_loopback(address) || memcmp(address->octets, zero, sizeof(zero)) == 0) {
        return true;
    }
    if (address->family == ADDRESS_IPV4) {
        return address->octets[0] == 0 || (address->octets[0] & 0xf0) == 224 ||
               memcmp(address->octets, "\xff\xff\xff\xff", 4) == 0;
    }
    return address->octets[0] == 0xff || (address->octets[0] == 0xfe && address->octets[1] >= 0x80);
}

static void add_client(struct questions *questions, const struct site *site,
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

/* ---- networks ------------------------------------------------------------------------------- */

#define STEPS_MAX 4096 /* holes that are passed, and that are looked at for each */

static bool is_within(const struct network *network, const struct address *address)
{
    return network->base.family == address->family &&
           address_in_prefix(address, network->base.octets, network->prefix);
}

bool questions_add_hole(struct question_holes *holes, const struct network *network)
{
    if (holes->count == holes->room) {
        size_t room = holes->room == 0 ? 64 : holes->room * 2;
        struct network *more = reallocarray(holes->networks, room, sizeof(*more));
        if (more == NULL) {
            return false;
        }
        holes->networks = more;
        holes->room = room;
    }
    holes->networks[holes->count++] = *network;
    return true;
}

/* Nobody has these: as networks, to be passed at once. */
static const struct network *nobodys_network(const struct address *address)
{
    static const struct network networks[] = {
        {.base = {.family = ADDRESS_IPV4}, .prefix = 8},
        {.base = {.family = ADDRESS_IPV4, .octets = {127}}, .prefix = 8},
        {.base = {.family = ADDRESS_IPV4, .octets = {224}}, .prefix = 4},
        {.base = {.family = ADDRESS_IPV6}, .prefix = 96},
        {.base = {.family = ADDRESS_IPV6, .octets = {0xfe, 0x80}}, .prefix = 9},
        {.base = {.family = ADDRESS_IPV6, .octets = {0xff}}, .prefix = 8}};

    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        if (is_within(&networks[i], address)) {
            return &networks[i];
        }
    }
    return NULL;
}

/* The widest hole that an address is in; NULL: it is in none. */
static const struct network *hole_of(const struct site *site, const struct address *address,
                                     const struct question_holes *holes)
{
    const struct network *widest = nobodys_network(address);
    const struct network *trusted = site != NULL ? site_trusted_network(site, address) : NULL;

    if (trusted != NULL && (widest == NULL || trusted->prefix < widest->prefix)) {
        widest = trusted;
    }
    for (size_t i = 0; holes != NULL && i < holes->count; i++) {
        const struct network *hole = &holes->networks[i];
        if (is_within(hole, address) && (widest == NULL || hole->prefix < widest->prefix)) {
            widest = hole;
        }
    }
    return widest;
}

enum question_of_network questions_find_client(const struct site *site,
                                               const struct network *network,
                                               const struct question_holes *holes,
                                               struct address *out)
{
    struct address at = network->base;
    const struct address last = last_of(network);

    if (holes != NULL && holes->count > STEPS_MAX) {
        return QUESTION_NETWORK_UNKNOWN;
    }
    /* The ends of a LAN are its network's and its broadcast's address. */
    if (bits_of(&at) - network->prefix >= 2) {
        at = step(at, 1);
    }
    for (size_t steps = 0; steps < STEPS_MAX; steps++) {
        const struct network *hole = hole_of(site, &at, holes);
        if (hole == NULL) {
            *out = at;
            return QUESTION_NETWORK_ONE;
        }
        const struct address end = last_of(hole);
        if (memcmp(end.octets, last.octets, sizeof(end.octets)) >= 0) {
            return QUESTION_NETWORK_NOBODYS;
        }
        at = step(end, 1);
    }
    return QUESTION_NETWORK_UNKNOWN;
}

static struct address middle_of(const struct network *network)
{
    struct address middle = network->base;
    unsigned int bit = network->prefix;

    middle.octets[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
    return step(middle, 1);
}

void questions_add_network(struct questions *questions, const struct site *site,
                           const struct network *network, const struct question_holes *holes)
{
    unsigned int bits = bits_of(&network->base);
    struct address first = network->base;
    struct address last = last_of(network);
    struct address free;
    enum question_of_network found = QUESTION_NETWORK_NOBODYS;
    char text[NETWORK_TEXT_SIZE];

    if (network->prefix > 0) {
        if (bits - network->prefix >= 2) {
            first = step(first, 1);
            last = step(last, -1);
        }
        add_client(questions, site, &first, QUESTION_CLIENT);
        add_client(questions, site, &last, QUESTION_CLIENT);
        if (bits - network->prefix >= 3) {
            struct address middle = middle_of(network);
            add_client(questions, site, &middle, QUESTION_CLIENT);
        }
    }
    if (network->prefix > 0 || (holes != NULL && holes->count > 0)) {
        found = questions_find_client(site, network, holes, &free);
    }
    if (found == QUESTION_NETWORK_ONE) {
        add_client(questions, site, &free, QUESTION_CLIENT);
    } else if (found == QUESTION_NETWORK_UNKNOWN) {
        questions_leave(questions, network_format(network, text));
    }
}

/* ---- claims --------------------------------------------------------------------------------- */

void questions_add_claim(struct questions *questions, const struct network *network)
{
    struct address first = network->base;

    if (network->prefix == 0) {
        return;
    }
    if (bits_of(&first) - network->prefix >= 2) {
        first = step(first, 1);
    }
    add_client(questions, NULL, &first, QUESTION_CLAIM);
}

void questions_add_claimants(struct questions *questions, const struct site *site,
                             const struct network *network)
{
    struct question question = {.kind = QUESTION_CLAIM};
    size_t count = questions->count;

    if (network->prefix == 0 ||
        questions_find_client(site, network, NULL, &question.by) != QUESTION_NETWORK_ONE) {
        return;
    }
    (void)address_parse(network->base.family == ADDRESS_IPV4 ? "127.0.0.1" : "::1",
                        &question.client);
    add_as_it_is(questions, &question);
    for (size_t i = 0; i < count; i++) {
        if (questions->all[i].kind == QUESTION_CLAIM &&
            questions->all[i].by.family == ADDRESS_NONE) {
            question.client = questions->all[i].client;
            add_as_it_is(questions, &question);
        }
    }
}

/* ---- the host's ----------------------------------------------------------------------------- */

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
        add_client(questions, site, &host->gateways[i], QUESTION_GATEWAY);
    }
    for (size_t i = 0; i < host->network_count; i++) {
        const struct network base = base_of(&host->networks[i]);
        const struct address first = step(base.base, 1);
        if (base.prefix + 2 <= bits_of(&base.base) && address_is_private(&first) &&
            !is_hosts(host, &first)) {
            add_client(questions, site, &first, QUESTION_GATEWAY);
        }
        size_t before = questions->count;
        questions_add_network(questions, site, &base, NULL);
        /* The host's own addresses are no stranger's. */
        for (size_t k = before; k < questions->count; k++) {
            if (is_hosts(host, &questions->all[k].client)) {
                questions->all[k--] = questions->all[--questions->count];
            }
        }
    }
}
