#include "probe/dns/address_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/dns/dnsbl.h"

#define BUCKETS 1024

/* One question whose answer belongs to a name or a listing. */
struct address_inquiry_part {
    struct address_inquiry *inquiry;
    size_t index;
};

/* A list's test entry, asked for once in an audit. */
struct address_inquiry_test {
    struct address_facts *inquiries;
    struct posture_entry *entry;
};

enum {
    IPV4,
    IPV6,
    FAMILIES
};

/* A list's own test entries, for both families. */
struct address_inquiry_list {
    struct posture_tests tests[FAMILIES];
    struct address_inquiry_test listed[FAMILIES];
    struct address_inquiry_test unlisted[FAMILIES];
};

struct address_facts {
    struct address_facts_settings settings;
    struct address_inquiry *buckets[BUCKETS];
    struct address_inquiry *first_idle; /* the longest */
    struct address_inquiry *last_idle;
    size_t idle;
    struct address_inquiry_list lists[POSTURE_ZONES];
    bool tested[FAMILIES];
    size_t pending_tests; /* as an inquiry's pending */
};

struct address_inquiry {
    struct address_inquiry *next; /* in its bucket */
    unsigned int users;
    struct address_inquiry *previous_idle; /* while it has no user */
    struct address_inquiry *next_idle;
    struct address_facts *inquiries;
    struct posture_dns posture;
    size_t pending; /* questions, and one while they are begun */
    struct address_inquiry_part names[POSTURE_NAMES];
    struct address_inquiry_part listings[POSTURE_ZONES];
};

static enum posture_answer answer_of(const struct dns_answer *answer)
{
    static const enum posture_answer answers[] = {
        [DNS_OK] = POSTURE_HAD,
        [DNS_NO_DATA] = POSTURE_NONE,
        [DNS_NO_NAME] = POSTURE_NONE,
        [DNS_FAILED] = POSTURE_FAILED,
    };
    return answers[answer->status];
}

static void release(struct address_inquiry *inquiry)
{
    if (--inquiry->pending == 0 && address_inquiry_is_done(inquiry)) {
        inquiry->inquiries->settings.done(inquiry->inquiries->settings.user);
    }
}

static void ask(struct address_inquiry_part *part, const char *name, enum dns_kind kind,
                dns_done done)
{
    part->inquiry->pending++;
    dns_ask(part->inquiry->inquiries->settings.dns, name, kind, done, part);
}

/* ---- reverse DNS ------------------------------------------------------------------------ */

static void on_forward(const struct dns_answer *answer, void *user)
{
    struct address_inquiry_part *part = user;
    struct posture_dns *posture = &part->inquiry->posture;
    struct posture_name *name = &posture->names[part->index];

    for (size_t i = 0; i < answer->address_count; i++) {
        name->agrees = name->agrees || address_equal(&answer->addresses[i], &posture->address);
    }
    /* Of more addresses than fit ours may be one. */
    name->forward = answer->cut && !name->agrees ? POSTURE_FAILED : answer_of(answer);
    release(part->inquiry);
}

static void on_pointer(const struct dns_answer *answer, void *user)
{
    struct address_inquiry *inquiry = user;
    struct posture_dns *posture = &inquiry->posture;
    enum dns_kind kind = posture->address.family == ADDRESS_IPV6 ? DNS_AAAA : DNS_A;

    posture->pointer = answer_of(answer);
    while (posture->name_count < answer->text_count && posture->name_count < POSTURE_NAMES) {
        struct posture_name *name = &posture->names[posture->name_count];
        snprintf(name->name, sizeof(name->name), "%s", answer->texts[posture->name_count++].text);
    }
    for (size_t i = 0; i < posture->name_count; i++) {
        ask(&inquiry->names[i], posture->names[i].name, kind, on_forward);
    }
    release(inquiry);
}

/* ---- block lists ------------------------------------------------------------------------ */

static void on_reason(const struct dns_answer *answer, void *user)
{
    struct address_inquiry_part *part = user;
    struct posture_listing *listing = &part->inquiry->posture.listings[part->index];

    if (answer->text_count > 0) {
        snprintf(listing->reason, sizeof(listing->reason), "%s", answer->texts[0].text);
    }
    release(part->inquiry);
}

static void fill_entry(struct posture_entry *entry, const struct dns_answer *answer)
{
    entry->state = answer_of(answer);
    for (size_t i = 0; i < answer->address_count && i < POSTURE_ANSWERS; i++) {
        entry->answers[entry->answer_count++] = answer->addresses[i];
    }
}

static void on_listing(const struct dns_answer *answer, void *user)
{
    struct address_inquiry_part *part = user;
    struct posture_dns *posture = &part->inquiry->posture;
    struct posture_listing *listing = &posture->listings[part->index];
    char name[DOMAIN_SIZE];

    fill_entry(&listing->entry, answer);
    if (listing->entry.state == POSTURE_HAD && dnsbl_name(&posture->address, listing->zone, name)) {
        ask(part, name, DNS_TXT, on_reason);
    }
    release(part->inquiry);
}

static void release_test(struct address_facts *inquiries)
{
    bool some = false;

    inquiries->pending_tests--;
    for (size_t i = 0; i < BUCKETS && inquiries->pending_tests == 0; i++) {
        for (const struct address_inquiry *one = inquiries->buckets[i]; one != NULL;
             one = one->next) {
            some = some || address_inquiry_is_done(one);
        }
    }
    if (some) {
        inquiries->settings.done(inquiries->settings.user);
    }
}

static void on_test(const struct dns_answer *answer, void *user)
{
    struct address_inquiry_test *test = user;

    fill_entry(test->entry, answer);
    release_test(test->inquiries);
}

static void ask_test(struct address_inquiry_test *test, const char *zone,
                     const struct address *address)
{
    char name[DOMAIN_SIZE];

    if (dnsbl_name(address, zone, name)) {
        test->inquiries->pending_tests++;
        dns_ask(test->inquiries->settings.dns, name, DNS_A, on_test, test);
    } else {
        test->entry->state = POSTURE_FAILED;
    }
}

static size_t zone_count(const struct address_facts *inquiries)
{
    size_t count = inquiries->settings.zone_count;

    return count < POSTURE_ZONES ? count : POSTURE_ZONES;
}

/* Has the lists asked whether they are lists, for a family that was not asked about before. */
static void test_lists(struct address_facts *inquiries, size_t family)
{
    enum address_family asked = family == IPV6 ? ADDRESS_IPV6 : ADDRESS_IPV4;
    struct address listed = dnsbl_listed_entry(asked);
    struct address unlisted = dnsbl_unlisted_entry(asked);

    if (inquiries->tested[family]) {
        return;
    }
    inquiries->tested[family] = true;
    inquiries->pending_tests++;
    for (size_t i = 0; i < zone_count(inquiries); i++) {
        struct address_inquiry_list *list = &inquiries->lists[i];
        list->listed[family] =
            (struct address_inquiry_test){inquiries, &list->tests[family].listed};
        list->unlisted[family] =
            (struct address_inquiry_test){inquiries, &list->tests[family].unlisted};
        ask_test(&list->listed[family], inquiries->settings.zones[i], &listed);
        ask_test(&list->unlisted[family], inquiries->settings.zones[i], &unlisted);
    }
    release_test(inquiries);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void ask_zone(struct address_inquiry *inquiry, const char *zone)
{
    struct posture_dns *posture = &inquiry->posture;
    size_t index = posture->listing_count++;
    char name[DOMAIN_SIZE];

    const struct posture_tests *tests = inquiry->inquiries->lists[index].tests;

    posture->listings[index].zone = zone;
    posture->listings[index].tests_v4 = &tests[IPV4];
    posture->listings[index].tests = &tests[posture->address.family == ADDRESS_IPV6 ? IPV6 : IPV4];
    if (dnsbl_name(&posture->address, zone, name)) {
        ask(&inquiry->listings[index], name, DNS_A, on_listing);
    } else {
        posture->listings[index].entry.state = POSTURE_FAILED;
    }
}

static struct address_inquiry **bucket_of(struct address_facts *inquiries,
                                          const struct address *address)
{
    uint32_t hash = 0;

    for (size_t i = 0; i < sizeof(address->octets); i++) {
        hash = hash * 31 + address->octets[i];
    }
    return &inquiries->buckets[hash % BUCKETS];
}

static struct address_inquiry *address_inquiry_new(struct address_facts *inquiries,
                                                   const struct address *address)
{
    struct address_inquiry *inquiry = calloc(1, sizeof(*inquiry));

    if (inquiry == NULL) {
        return NULL;
    }
    inquiry->inquiries = inquiries;
    inquiry->posture.address = *address;
    struct address_inquiry **bucket = bucket_of(inquiries, address);
    inquiry->next = *bucket;
    *bucket = inquiry;
    for (size_t i = 0; i < POSTURE_NAMES; i++) {
        inquiry->names[i] = (struct address_inquiry_part){inquiry, i};
    }
    for (size_t i = 0; i < POSTURE_ZONES; i++) {
        inquiry->listings[i] = (struct address_inquiry_part){inquiry, i};
    }
    return inquiry;
}

static void begin(struct address_inquiry *inquiry)
{
    const struct address_facts_settings *settings = &inquiry->inquiries->settings;
    char name[DOMAIN_SIZE];

    inquiry->pending = 1;
    if (dnsbl_pointer_name(&inquiry->posture.address, name)) {
        inquiry->pending++;
        dns_ask(settings->dns, name, DNS_PTR, on_pointer, inquiry);
    }
    test_lists(inquiry->inquiries, IPV4);
    if (inquiry->posture.address.family == ADDRESS_IPV6) {
        test_lists(inquiry->inquiries, IPV6);
    }
    for (size_t i = 0; i < zone_count(inquiry->inquiries); i++) {
        ask_zone(inquiry, settings->zones[i]);
    }
    release(inquiry);
}

static void leave_idle(struct address_inquiry *inquiry)
{
    struct address_facts *inquiries = inquiry->inquiries;

    if (inquiry->previous_idle != NULL) {
        inquiry->previous_idle->next_idle = inquiry->next_idle;
    } else {
        inquiries->first_idle = inquiry->next_idle;
    }
    if (inquiry->next_idle != NULL) {
        inquiry->next_idle->previous_idle = inquiry->previous_idle;
    } else {
        inquiries->last_idle = inquiry->previous_idle;
    }
    inquiries->idle--;
}

struct address_inquiry *address_facts_ask(struct address_facts *inquiries,
                                          const struct address *address)
{
    struct address_inquiry *inquiry = *bucket_of(inquiries, address);

    while (inquiry != NULL && !address_equal(&inquiry->posture.address, address)) {
        inquiry = inquiry->next;
    }
    if (inquiry != NULL) {
        if (inquiry->users++ == 0) {
            leave_idle(inquiry);
        }
        return inquiry;
    }
    inquiry = address_inquiry_new(inquiries, address);
    if (inquiry != NULL) {
        inquiry->users = 1;
        begin(inquiry);
    }
    return inquiry;
}

/* Questions that are still open answer to it: such a one stays a little longer. */
static void forget_idle(struct address_facts *inquiries)
{
    struct address_inquiry *gone = inquiries->first_idle;

    while (gone != NULL && gone->pending > 0) {
        gone = gone->next_idle;
    }
    if (gone == NULL) {
        return;
    }
    struct address_inquiry **link = bucket_of(inquiries, &gone->posture.address);
    while (*link != gone) {
        link = &(*link)->next;
    }
    *link = gone->next;
    leave_idle(gone);
    free(gone);
}

void address_facts_release(struct address_facts *inquiries, struct address_inquiry *inquiry)
{
    if (--inquiry->users > 0) {
        return;
    }
    inquiry->previous_idle = inquiries->last_idle;
    inquiry->next_idle = NULL;
    if (inquiries->last_idle != NULL) {
        inquiries->last_idle->next_idle = inquiry;
    } else {
        inquiries->first_idle = inquiry;
    }
    inquiries->last_idle = inquiry;
    if (++inquiries->idle > ADDRESS_FACTS_IDLE) {
        forget_idle(inquiries);
    }
}

struct address_facts *address_facts_new(const struct address_facts_settings *settings)
{
    struct address_facts *inquiries = calloc(1, sizeof(*inquiries));

    if (inquiries != NULL) {
        inquiries->settings = *settings;
    }
    return inquiries;
}

void address_facts_free(struct address_facts *inquiries)
{
    for (size_t i = 0; inquiries != NULL && i < BUCKETS; i++) {
        while (inquiries->buckets[i] != NULL) {
            struct address_inquiry *gone = inquiries->buckets[i];
            inquiries->buckets[i] = gone->next;
            free(gone);
        }
    }
    free(inquiries);
}

bool address_inquiry_is_done(const struct address_inquiry *inquiry)
{
    return inquiry->pending == 0 && inquiry->inquiries->pending_tests == 0;
}

const struct posture_dns *address_inquiry_posture(const struct address_inquiry *inquiry)
{
    return &inquiry->posture;
}
