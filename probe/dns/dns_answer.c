#include "probe/dns/dns_answer.h"

/* As in dns.c. */
#define CARES_NO_DEPRECATED 1
#include <ares.h>
#include <netdb.h>
#include <string.h>

#include "lib/printable.h"

static void keep_text(struct dns_records *records, enum dns_kind kind, const char *text,
                      size_t length)
{
    if (records->text_count == DNS_RECORD_TEXTS) {
        records->cut = true;
        return;
    }
    char *to = records->texts[records->text_count];
    if (kind == DNS_TXT) {
        printable(to, DOMAIN_SIZE, text, length);
        records->text_count++;
    } else if (domain_normalise(text, length, to)) {
        records->text_count++; /* what is no host name is as good as none */
    }
}

static int take_names(struct dns_records *records, const unsigned char *reply, int length)
{
    struct hostent *found = NULL;
    int status = ares_parse_ptr_reply(reply, length, NULL, 0, AF_INET, &found);

    if (status == ARES_SUCCESS) {
        for (char **name = found->h_aliases; *name != NULL; name++) {
            keep_text(records, DNS_PTR, *name, strlen(*name));
        }
        ares_free_hostent(found);
    }
    return status;
}

/* The pieces of one record are one text (as RFC 7208 section 3.3 has it). */
static int take_texts(struct dns_records *records, const unsigned char *reply, int length)
{
    struct ares_txt_ext *list = NULL;
    int status = ares_parse_txt_reply_ext(reply, length, &list);
    char whole[DOMAIN_SIZE];
    size_t used = 0;

    for (const struct ares_txt_ext *piece = list; piece != NULL; piece = piece->next) {
        size_t taken = piece->length < sizeof(whole) - used ? piece->length : sizeof(whole) - used;
        memcpy(whole + used, piece->txt, taken);
        used += taken;
        if (piece->next == NULL || piece->next->record_start) {
            keep_text(records, DNS_TXT, whole, used);
            used = 0;
        }
    }
    ares_free_data(list);
    return status;
}

static int take_ipv4(struct dns_records *records, const unsigned char *reply, int length)
{
    struct ares_addrttl found[DNS_RECORD_ADDRESSES];
    int count = DNS_RECORD_ADDRESSES;
    int status = ares_parse_a_reply(reply, length, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = found[i].ipaddr};
        records->addresses[records->address_count++] =
            address_from_sockaddr((const struct sockaddr *)&from);
    }
    return status;
}

static int take_ipv6(struct dns_records *records, const unsigned char *reply, int length)
{
    struct ares_addr6ttl found[DNS_RECORD_ADDRESSES];
    int count = DNS_RECORD_ADDRESSES;
    int status = ares_parse_aaaa_reply(reply, length, NULL, found, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct sockaddr_in6 from = {.sin6_family = AF_INET6};
        memcpy(&from.sin6_addr, &found[i].ip6addr, sizeof(from.sin6_addr));
        records->addresses[records->address_count++] =
            address_from_sockaddr((const struct sockaddr *)&from);
    }
    return status;
}

int dns_records_read(struct dns_records *records, enum dns_kind kind, const unsigned char *reply,
                     int length)
{
    static int (*const takers[])(struct dns_records *, const unsigned char *, int) = {
        [DNS_A] = take_ipv4,
        [DNS_AAAA] = take_ipv6,
        [DNS_PTR] = take_names,
        [DNS_TXT] = take_texts,
    };
    int status = takers[kind](records, reply, length);

    if (records->address_count == DNS_RECORD_ADDRESSES) {
        records->cut = true;
    }
    return status == ARES_SUCCESS && records->text_count + records->address_count == 0
               ? ARES_ENODATA
               : status;
}
