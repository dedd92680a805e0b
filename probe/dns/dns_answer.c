#include "probe/dns/dns_answer.h"

/* As in dns.c. */
#define CARES_NO_DEPRECATED 1
#include <ares.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"

static void note_too_many(struct dns_answer *answer, const char *name, const char *what,
                          size_t limit)
{
    answer->cut = true;
    snprintf(answer->trouble, sizeof(answer->trouble),
             "%s has more than %zu %s; the rest is not looked at", name, limit, what);
}

/* ---- names and texts -------------------------------------------------------------------- */

/* Room for one more, which counts only once the caller counts it. NULL when memory is out. */
static struct dns_text *room_for_text(struct dns_answer *answer)
{
    struct dns_text *texts =
        realloc(answer->texts, (answer->text_count + 1) * sizeof(answer->texts[0]));

    if (texts == NULL) {
        return NULL;
    }
    answer->texts = texts;
    texts[answer->text_count].preference = 0;
    return &texts[answer->text_count];
}

static int compare_mx(const void *left, const void *right)
{
    const struct dns_text *a = left;
    const struct dns_text *b = right;

    if (a->preference != b->preference) {
        return a->preference < b->preference ? -1 : 1;
    }
    return strcmp(a->text, b->text);
}

static int keep_mx(struct dns_answer *answer, const char *name, const struct ares_mx_reply *mx)
{
    struct dns_text *to = room_for_text(answer);

    if (to == NULL) {
        return ARES_ENOMEM;
    }
    if (domain_normalise(mx->host, strlen(mx->host), to->text)) {
        to->preference = mx->priority;
        answer->text_count++;
    } else {
        char host[DOMAIN_SIZE];
        printable_string(host, sizeof(host), mx->host);
        snprintf(answer->trouble, sizeof(answer->trouble),
                 "\"%.200s\", an MX host of %.160s, is no host name", host, name);
    }
    return ARES_SUCCESS;
}

static int take_mx(struct dns_answer *answer, const char *name, const unsigned char *reply,
                   int length)
{
    struct ares_mx_reply *list = NULL;
    int status = ares_parse_mx_reply(reply, length, &list);
    bool root_only = list != NULL && list->next == NULL && list->host[0] == '\0';

    answer->null_mx = root_only;
    for (const struct ares_mx_reply *mx = root_only ? NULL : list;
         mx != NULL && status == ARES_SUCCESS; mx = mx->next) {
        if (answer->text_count == DNS_TEXT_MAX) {
            note_too_many(answer, name, "MX hosts", DNS_TEXT_MAX);
            break;
        }
        status = keep_mx(answer, name, mx);
    }
    ares_free_data(list);
    if (answer->text_count > 1) {
        qsort(answer->texts, answer->text_count, sizeof(answer->texts[0]), compare_mx);
    }
    return status;
}

static int take_names(struct dns_answer *answer, const char *name, const unsigned char *reply,
                      int length)
{
    struct hostent *found = NULL;
    int status = ares_parse_ptr_reply(reply, length, NULL, 0, AF_INET, &found);

    if (status != ARES_SUCCESS) {
        return status;
    }
    for (char **one = found->h_aliases; *one != NULL && status == ARES_SUCCESS; one++) {
        if (answer->text_count == DNS_TEXT_MAX) {
            note_too_many(answer, name, "names", DNS_TEXT_MAX);
            break;
        }
        struct dns_text *to = room_for_text(answer);
        if (to == NULL) {
            status = ARES_ENOMEM;
        } else if (domain_normalise(*one, strlen(*one), to->text)) {
            answer->text_count++; /* what is no host name is as good as none */
        }
    }
    ares_free_hostent(found);
    return status == ARES_SUCCESS && answer->text_count == 0 ? ARES_ENODATA : status;
}

/* The pieces of one record are one text (as RFC 7208 section 3.3 has it). */
static int take_texts(struct dns_answer *answer, const char *name, const unsigned char *reply,
                      int length)
{
    struct ares_txt_ext *list = NULL;
    int status = ares_parse_txt_reply_ext(reply, length, &list);
    char whole[DOMAIN_SIZE];
    size_t used = 0;

    for (const struct ares_txt_ext *piece = list; piece != NULL; piece = piece->next) {
        size_t taken = piece->length < sizeof(whole) - used ? piece->length : sizeof(whole) - used;
        memcpy(whole + used, piece->txt, taken);
        used += taken;
        if (piece->next != NULL && !piece->next->record_start) {
            continue;
        }
        if (answer->text_count == DNS_TEXT_MAX) {
            note_too_many(answer, name, "texts", DNS_TEXT_MAX);
            break;
        }
        struct dns_text *to = room_for_text(answer);
        if (to == NULL) {
            status = ARES_ENOMEM;
            break;
        }
        printable(to->text, sizeof(to->text), whole, used);
        answer->text_count++;
        used = 0;
    }
    ares_free_data(list);
    return status == ARES_SUCCESS && answer->text_count == 0 ? ARES_ENODATA : status;
}

/* ---- addresses -------------------------------------------------------------------------- */

static int compare_addresses(const void *left, const void *right)
{
    const struct address *a = left;
    const struct address *b = right;

    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    return memcmp(a->octets, b->octets, sizeof(a->octets));
}

/* Room for `count` more, which becomes fewer where not all fit. A status of c-ares. */
static int room_for_addresses(struct dns_answer *answer, const char *name, int *count)
{
    size_t left = DNS_ADDRESS_MAX - answer->address_count;

    if (*count == 0) {
        return ARES_ENODATA;
    }
    if ((size_t)*count > left) {
        *count = (int)left;
        note_too_many(answer, name, "addresses", DNS_ADDRESS_MAX);
    }
    struct address *addresses = realloc(
        answer->addresses, (answer->address_count + (size_t)*count) * sizeof(answer->addresses[0]));
    if (addresses == NULL) {
        return ARES_ENOMEM;
    }
    answer->addresses = addresses;
    return ARES_SUCCESS;
}

static void sort_addresses(struct dns_answer *answer)
{
    size_t kept = 0;

    qsort(answer->addresses, answer->address_count, sizeof(answer->addresses[0]),
          compare_addresses);
    for (size_t i = 0; i < answer->address_count; i++) {
        if (kept == 0 || !address_equal(&answer->addresses[kept - 1], &answer->addresses[i])) {
            answer->addresses[kept++] = answer->addresses[i];
        }
    }
    answer->address_count = kept;
}

#define FOUND_MAX (DNS_ADDRESS_MAX + 1) /* one more, to notice that there is */

static int take_ipv4(struct dns_answer *answer, const char *name, const unsigned char *reply,
                     int length)
{
    struct ares_addrttl found[FOUND_MAX];
    int count = FOUND_MAX;
    int status = ares_parse_a_reply(reply, length, NULL, found, &count);

    if (status == ARES_SUCCESS) {
        status = room_for_addresses(answer, name, &count);
    }
    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = found[i].ipaddr};
        answer->addresses[answer->address_count++] =
            address_from_sockaddr((const struct sockaddr *)&from);
    }
    return status;
}

static int take_ipv6(struct dns_answer *answer, const char *name, const unsigned char *reply,
                     int length)
{
    struct ares_addr6ttl found[FOUND_MAX];
    int count = FOUND_MAX;
    int status = ares_parse_aaaa_reply(reply, length, NULL, found, &count);

    if (status == ARES_SUCCESS) {
        status = room_for_addresses(answer, name, &count);
    }
    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct sockaddr_in6 from = {.sin6_family = AF_INET6};
        memcpy(&from.sin6_addr, &found[i].ip6addr, sizeof(from.sin6_addr));
        answer->addresses[answer->address_count++] =
            address_from_sockaddr((const struct sockaddr *)&from);
    }
    return status;
}

/* ---- all of it -------------------------------------------------------------------------- */

int dns_answer_read(struct dns_answer *answer, enum dns_kind kind, const char *name,
                    const unsigned char *reply, int length)
{
    static int (*const takers[])(struct dns_answer *, const char *, const unsigned char *, int) = {
        [DNS_A] = take_ipv4,    [DNS_AAAA] = take_ipv6, [DNS_MX] = take_mx,
        [DNS_PTR] = take_names, [DNS_TXT] = take_texts,
    };
    int status = takers[kind](answer, name, reply, length);

    if (answer->address_count > 1) {
        sort_addresses(answer);
    }
    return status;
}

void dns_answer_clear(struct dns_answer *answer)
{
    free(answer->texts);
    free(answer->addresses);
    *answer = (struct dns_answer){.status = answer->status};
}
