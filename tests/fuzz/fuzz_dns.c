/*
 * probe/dns/dns.c and dns_answer.c: whatever a resolver answers, each question has one answer, and
 * what it holds is sorted, normalised and can be shown.
 *
 * c-ares is real but for its asking: ares_query is this program's own, which hands over the input's
 * octets as if they had come from the network, at once, later, in the other order, or never.
 */
#define CARES_NO_DEPRECATED 1
#include <ares.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "probe/dns/dns.h"
#include "probe/net/loop.h"
#include "tests/fuzz/fuzz.h"

enum delivery {
    DELIVER_AT_ONCE,
    DELIVER_LATER,
    DELIVER_REVERSED,
    DELIVER_NEVER,
    DELIVERIES
};

struct query {
    ares_callback callback;
    void *user;
};

static struct {
    enum delivery delivery;
    const uint8_t *packets[2];
    size_t lengths[2];
    struct query waiting[4];
    size_t waiting_count;
    size_t asked; /* queries so far */
    unsigned int answers;
} world;

static void deliver(const struct query *query, size_t packet)
{
    size_t length = world.lengths[packet % 2];
    unsigned char *copy = fuzz_alloc(length > 0 ? length : 1);

    if (length > 0) {
        memcpy(copy, world.packets[packet % 2], length);
    }
    query->callback(query->user, length > 0 ? ARES_SUCCESS : ARES_ETIMEOUT, 0, copy, (int)length);
    free(copy);
}

void ares_query(ares_channel channel, const char *name, int class, int type, ares_callback callback,
                void *user)
{
    struct query query = {callback, user};

    (void)channel;
    (void)name;
    (void)class;
    (void)type;
    if (world.delivery == DELIVER_AT_ONCE) {
        deliver(&query, world.asked++);
        return;
    }
    FUZZ_MUST(world.waiting_count < sizeof(world.waiting) / sizeof(world.waiting[0]));
    world.waiting[world.waiting_count++] = query;
}

static void deliver_waiting(void)
{
    for (size_t i = 0; i < world.waiting_count; i++) {
        size_t which = world.delivery == DELIVER_REVERSED ? world.waiting_count - 1 - i : i;
        deliver(&world.waiting[which], which);
    }
    world.waiting_count = 0;
}

void ares_destroy(ares_channel channel)
{
    void (*destroy)(ares_channel channel);

    *(void **)&destroy = dlsym(RTLD_NEXT, "ares_destroy");
    for (size_t i = 0; i < world.waiting_count; i++) {
        world.waiting[i].callback(world.waiting[i].user, ARES_EDESTRUCTION, 0, NULL, 0);
    }
    world.waiting_count = 0;
    destroy(channel);
}

static void check_host(const char *host)
{
    char again[DOMAIN_SIZE];

    FUZZ_MUST(domain_normalise(host, strlen(host), again) && strcmp(host, again) == 0);
}

static void check_address(const struct address *address)
{
    FUZZ_MUST(address->family == ADDRESS_IPV4 || address->family == ADDRESS_IPV6);
}

/* Every answer has these properties. */
static void on_answer(const struct dns_answer *answer, void *user)
{
    world.answers++;
    FUZZ_MUST(user == &world && answer->status <= DNS_FAILED);
    FUZZ_MUST(fuzz_is_shown(answer->trouble, false));
    FUZZ_MUST(answer->status != DNS_FAILED || answer->trouble[0] != '\0');
    FUZZ_MUST(answer->text_count <= DNS_TEXT_MAX && answer->address_count <= DNS_ADDRESS_MAX);
    FUZZ_MUST(!answer->null_mx || (answer->text_count == 0 && answer->status == DNS_OK));
    FUZZ_MUST(answer->status == DNS_OK || answer->text_count + answer->address_count == 0);
    for (size_t i = 0; i < answer->text_count; i++) {
        FUZZ_MUST(strlen(answer->texts[i].text) < DOMAIN_SIZE);
        FUZZ_MUST(fuzz_is_shown(answer->texts[i].text, false));
    }
    for (size_t i = 0; i < answer->address_count; i++) {
        check_address(&answer->addresses[i]);
        FUZZ_MUST(i == 0 || answer->addresses[i - 1].family <= answer->addresses[i].family);
        FUZZ_MUST(i == 0 || !address_equal(&answer->addresses[i - 1], &answer->addresses[i]));
    }
}

static void on_hosts(const struct dns_answer *answer, void *user)
{
    for (size_t i = 0; i < answer->text_count; i++) {
        check_host(answer->texts[i].text);
        FUZZ_MUST(i == 0 || answer->texts[i - 1].preference <= answer->texts[i].preference);
    }
    on_answer(answer, user);
}

static void on_records(const struct dns_answer *answer, void *user)
{
    FUZZ_MUST(!answer->null_mx);
    FUZZ_MUST((answer->status == DNS_OK) == (answer->text_count + answer->address_count > 0));
    on_answer(answer, user);
}

static void on_names(const struct dns_answer *answer, void *user)
{
    for (size_t i = 0; i < answer->text_count; i++) {
        check_host(answer->texts[i].text);
    }
    on_records(answer, user);
}

static unsigned int ask(struct dns *dns, unsigned int what)
{
    switch (what % 6) {
    case 0:
        dns_ask(dns, "example.org", DNS_MX, on_hosts, &world);
        break;
    case 1:
        dns_ask_addresses(dns, "mx.example.org", on_records, &world);
        break;
    case 2:
        dns_ask(dns, "25.113.0.203.in-addr.arpa", DNS_PTR, on_names, &world);
        break;
    case 3:
        dns_ask(dns, "2.0.0.127.zen.example.net", DNS_TXT, on_records, &world);
        break;
    case 4:
        dns_ask(dns, "mx.example.org", DNS_A, on_records, &world);
        break;
    default:
        dns_ask(dns, "mx.example.org", DNS_AAAA, on_records, &world);
        break;
    }
    return 1;
}

/* Making a channel reads files: one serves until its end is the input's subject. */
static struct dns *channel(void)
{
    static const struct dns_server server = {{ADDRESS_IPV4, {127, 0, 0, 1}}, 53};
    static const struct dns_settings settings = {&server, 1, 1000, 1, 1000};
    static struct loop *loop;
    char error[DNS_ERROR_SIZE];

    if (loop == NULL) {
        loop = loop_new();
    }
    struct dns *dns = dns_new(loop, &settings, error);
    FUZZ_MUST(dns != NULL);
    return dns;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct dns *dns;
    struct fuzz_input input = {bytes, length};
    uint8_t what = fuzz_byte(&input);
    size_t first = (size_t)fuzz_byte(&input) << 8;

    first |= fuzz_byte(&input);
    memset(&world, 0, sizeof(world));
    world.delivery = what / 6 % DELIVERIES;
    first = first > 0 && first < input.left ? first : input.left;
    world.packets[0] = input.at;
    world.lengths[0] = first;
    world.packets[1] = first < input.left ? input.at + first : input.at;
    world.lengths[1] = first < input.left ? input.left - first : first;
    if (dns == NULL) {
        dns = channel();
    }
    unsigned int questions = ask(dns, what);
    if (world.delivery == DELIVER_NEVER) {
        dns_free(dns);
        dns = NULL;
        questions = 0;
    }
    deliver_waiting();
    FUZZ_MUST(world.answers == questions);
    return 0;
}
