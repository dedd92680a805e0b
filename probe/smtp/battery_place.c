#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "probe/smtp/battery.h"
#include "probe/smtp/ehlo.h"

void battery_leave_unasked(struct battery *battery, struct technique_result *into, const char *why)
{
    if (!into->asked) {
        into->text = texts_keep(&battery->result->texts, why);
    }
}

bool battery_offers(const struct battery *battery, const char *what)
{
    for (size_t i = 0; i < battery->result->capability_count; i++) {
        if (offer_is(battery->result->capabilities[i], what)) {
            return true;
        }
    }
    return false;
}

/* The names of the server, each unless it is one of those before it; "" where there is none. */
struct names {
    char host[DOMAIN_SIZE];
    char greeted[DOMAIN_SIZE];
    char ehlo[DOMAIN_SIZE];
};

/* The first word of `text`, if it is a qualified domain. */
static void read_name(char out[DOMAIN_SIZE], const char *text)
{
    size_t length = strcspn(text, " ");
    struct address address;

    if (memchr(text, '.', length) == NULL || !domain_normalise(text, length, out) ||
        address_parse(out, &address)) {
        out[0] = '\0';
    }
}

static void find_names(const struct battery *battery, struct names *names)
{
    const struct endpoint *endpoint = &battery->result->endpoint;

    read_name(names->host, endpoint->host);
    read_name(names->greeted, battery->result->banner);
    read_name(names->ehlo, battery->ehlo);
    if (strcmp(names->ehlo, names->greeted) == 0 || strcmp(names->ehlo, names->host) == 0) {
        names->ehlo[0] = '\0';
    }
    if (strcmp(names->greeted, names->host) == 0) {
        names->greeted[0] = '\0';
    }
    if (names->host[0] == '\0') { /* asked by its address */
        memcpy(names->host, names->greeted, sizeof(names->host));
        names->greeted[0] = '\0';
    }
    char *const all[] = {names->host, names->greeted, names->ehlo};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcasecmp(all[i], endpoint->own) == 0) {
            all[i][0] = '\0';
        }
    }
}

/* As XCLIENT has addresses (Postfix, XCLIENT_README). */
#define IPV6_MARK          "IPV6:"
#define CLAIM_ADDRESS_SIZE (sizeof(IPV6_MARK) + ADDRESS_TEXT_SIZE)

static const char *claimed_address(const struct address *address, char out[CLAIM_ADDRESS_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];

    snprintf(out, CLAIM_ADDRESS_SIZE, "%s%s", address->family == ADDRESS_IPV6 ? IPV6_MARK : "",
             address_format(address, text));
    return out;
}

bool battery_envelope(const struct battery *battery, size_t row, struct envelope *out)
{
    struct names names;
    char address[CLAIM_ADDRESS_SIZE];

    find_names(battery, &names);
    const struct technique_place place = {
        .address = claimed_address(&battery->result->endpoint.address, address),
        .loopback = battery->result->endpoint.address.family == ADDRESS_IPV6 ? IPV6_MARK "::1"
                                                                             : "127.0.0.1",
        .canary = battery->settings->canary,
        .ask = TOKEN_ASK_BLANK,
        .own = battery->result->endpoint.own,
        .host = names.host,
        .literal = battery->literal,
        .client = battery->client,
        .greeted = names.greeted,
        .ehlo = names.ehlo,
    };

    return technique_envelope(battery->result->techniques[row].technique, &place, out);
}

static bool uses(const struct technique *technique, const char *name)
{
    return strstr(technique->sender, name) != NULL || strstr(technique->recipient, name) != NULL ||
           (technique->helo != NULL && strstr(technique->helo, name) != NULL);
}

/* Why a technique has no place here; NULL if it has. */
static const char *why_absent(const struct battery *battery, const struct technique *technique)
{
    const struct endpoint_result *result = battery->result;
    const struct vantage_known *vantage = &battery->settings->vantage;
    struct names names;

    /* One that is trusted may be meant to name other clients. */
    if (technique->identity == TECHNIQUE_IDENTITY_XCLIENT &&
        (vantage->declared != VANTAGE_OUTSIDE || judgement_is_inside(result, vantage))) {
        return "not asked: what XCLIENT does for this client shows nothing of strangers";
    }

    if (technique->in_clear) {
        return result->tls == TLS_STARTTLS && result->endpoint.tls_asked == TLS_AUTO
                   ? NULL
                   : "not asked: nothing else is asked inside STARTTLS";
    }
    if (technique->requires != NULL && !battery_offers(battery, technique->requires)) {
        return "not asked: the server does not offer what it takes";
    }
    find_names(battery, &names);
    if ((uses(technique, "{host}") && names.host[0] == '\0') ||
        (uses(technique, "{greeted}") && names.greeted[0] == '\0') ||
        (uses(technique, "{ehlo}") && names.ehlo[0] == '\0')) {
        return "not asked: the server has no such name beside those that are asked";
    }
    return NULL;
}

void battery_settle(struct battery *battery)
{
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        struct technique_result *into = &battery->result->techniques[i];
        struct envelope envelope;

        if (battery->rows[i] != BATTERY_WAITING) {
            continue;
        }
        const char *why = why_absent(battery, into->technique);
        into->absent = why != NULL && !into->asked;
        if (why == NULL && !battery_envelope(battery, i, &envelope)) {
            why = "its address would be longer than SMTP allows";
        }
        if (why != NULL) {
            battery_leave_unasked(battery, into, why);
            battery->rows[i] = BATTERY_DONE;
        }
    }
}
