#include "probe/dns/address_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/dns/dnsbl.h"

/* One question whose answer belongs to a name or a listing. */
struct inquiry_part {
    struct inquiry *inquiry;
    size_t index;
};

struct inquiries {
    struct inquiries_settings settings;
    struct inquiry *first;
};

struct inquiry {
    struct inquiry *next;
    struct inquiries *inquiries;
    struct posture_dns posture;
    size_t pending; /* questions, and one while they are begun */
    struct inquiry_part names[POSTURE_NAMES];
    struct inquiry_part listings[POSTURE_ZONES];
};

static enum posture_answer answer_of(const struct dns_records *records)
{
    static const enum posture_answer answers[] = {
        [DNS_OK] = POSTURE_HAD,
        [DNS_NO_DATA] = POSTURE_NONE,
        [DNS_NO_NAME] = POSTURE_NONE,
        [DNS_FAILED] = POSTURE_FAILED,
    };
    return answers[records->status];
}

static void release(struct inquiry *inquiry)
{
    if (--inquiry->pending == 0) {
        inquiry->inquiries->settings.done(inquiry->inquiries->settings.user);
    }
}

static void ask(struct inquiry_part *part, const char *name, enum dns_kind kind,
                dns_records_done done)
{
    part->inquiry->pending++;
    dns_ask_records(part->inquiry->inquiries->settings.dns, name, kind, done, part);
}

/* ---- reverse DNS ------------------------------------------------------------------------ */

static void on_forward(const struct dns_records *records, void *user)
{
    struct inquiry_part *part = user;
    struct posture_dns *posture = &part->inquiry->posture;
    struct posture_name *name = &posture->names[part->index];

    for (size_t i = 0; i < records->address_count; i++) {
        name->agrees = name->agrees || address_equal(&records->addresses[i], &posture->address);
    }
    /* Of more addresses than fit ours may be one. */
    name->forward = records->cut && !name->agrees ? POSTURE_FAILED : answer_of(records);
    release(part->inquiry);
}

static void on_pointer(const struct dns_records *records, void *user)
{
    struct inquiry *inquiry = user;
    struct posture_dns *posture = &inquiry->posture;
    enum dns_kind kind = posture->address.family == ADDRESS_IPV6 ? DNS_AAAA : DNS_A;

    posture->pointer = answer_of(records);
    while (posture->name_count < records->text_count && posture->name_count < POSTURE_NAMES) {
        struct posture_name *name = &posture->names[posture->name_count];
        snprintf(name->name, sizeof(name->name), "%s", records->texts[posture->name_count++]);
    }
    for (size_t i = 0; i < posture->name_count; i++) {
        ask(&inquiry->names[i], posture->names[i].name, kind, on_forward);
    }
    release(inquiry);
}

/* ---- block lists ------------------------------------------------------------------------ */

static void on_reason(const struct dns_records *records, void *user)
{
    struct inquiry_part *part = user;
    struct posture_listing *listing = &part->inquiry->posture.listings[part->index];

    if (records->text_count > 0) {
        snprintf(listing->reason, sizeof(listing->reason), "%s", records->texts[0]);
    }
    release(part->inquiry);
}

static void on_listing(const struct dns_records *records, void *user)
{
    struct inquiry_part *part = user;
    struct posture_dns *posture = &part->inquiry->posture;
    struct posture_listing *listing = &posture->listings[part->index];
    char name[DOMAIN_SIZE];

    listing->state = answer_of(records);
    for (size_t i = 0; i < records->address_count && i < POSTURE_ANSWERS; i++) {
        listing->answers[listing->answer_count++] = records->addresses[i];
    }
    if (listing->state == POSTURE_HAD && dnsbl_name(&posture->address, listing->zone, name)) {
        ask(part, name, DNS_TXT, on_reason);
    }
    release(part->inquiry);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void ask_zone(struct inquiry *inquiry, const char *zone)
{
    struct posture_dns *posture = &inquiry->posture;
    size_t index = posture->listing_count++;
    char name[DOMAIN_SIZE];

    posture->listings[index].zone = zone;
    if (dnsbl_name(&posture->address, zone, name)) {
        ask(&inquiry->listings[index], name, DNS_A, on_listing);
    } else {
        posture->listings[index].state = POSTURE_FAILED;
    }
}

static struct inquiry *inquiry_new(struct inquiries *inquiries, const struct address *address)
{
    struct inquiry *inquiry = calloc(1, sizeof(*inquiry));

    if (inquiry == NULL) {
        return NULL;
    }
    inquiry->inquiries = inquiries;
    inquiry->posture.address = *address;
    inquiry->next = inquiries->first;
    inquiries->first = inquiry;
    for (size_t i = 0; i < POSTURE_NAMES; i++) {
        inquiry->names[i] = (struct inquiry_part){inquiry, i};
    }
    for (size_t i = 0; i < POSTURE_ZONES; i++) {
        inquiry->listings[i] = (struct inquiry_part){inquiry, i};
    }
    return inquiry;
}

static void begin(struct inquiry *inquiry)
{
    const struct inquiries_settings *settings = &inquiry->inquiries->settings;
    char name[DOMAIN_SIZE];

    inquiry->pending = 1;
    if (dnsbl_pointer_name(&inquiry->posture.address, name)) {
        inquiry->pending++;
        dns_ask_records(settings->dns, name, DNS_PTR, on_pointer, inquiry);
    }
    for (size_t i = 0; i < settings->zone_count && i < POSTURE_ZONES; i++) {
        ask_zone(inquiry, settings->zones[i]);
    }
    release(inquiry);
}

struct inquiry *inquiries_ask(struct inquiries *inquiries, const struct address *address)
{
    struct inquiry *inquiry = inquiries->first;

    while (inquiry != NULL && !address_equal(&inquiry->posture.address, address)) {
        inquiry = inquiry->next;
    }
    if (inquiry == NULL && (inquiry = inquiry_new(inquiries, address)) != NULL) {
        begin(inquiry);
    }
    return inquiry;
}

struct inquiries *inquiries_new(const struct inquiries_settings *settings)
{
    struct inquiries *inquiries = calloc(1, sizeof(*inquiries));

    if (inquiries != NULL) {
        inquiries->settings = *settings;
    }
    return inquiries;
}

void inquiries_free(struct inquiries *inquiries)
{
    while (inquiries != NULL && inquiries->first != NULL) {
        struct inquiry *gone = inquiries->first;
        inquiries->first = gone->next;
        free(gone);
    }
    free(inquiries);
}

bool inquiry_is_done(const struct inquiry *inquiry)
{
    return inquiry->pending == 0;
}

const struct posture_dns *inquiry_posture(const struct inquiry *inquiry)
{
    return &inquiry->posture;
}
