#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/evidence.h"
#include "probe/rehearse/rehearsal_private.h"

/* Where clients are that have names of their own: the last two octets count (RFC 2544, RFC 3849).
 */
#define CLAIMS_OCTET 8
static const char *const claims_networks[2] = {"198.18.8.0", "2001:db8:7afe::800"};

/* One question that is put to one listener. */
struct put {
    size_t question; /* its index */
    size_t listener;
};

static const struct technique *plain_battery[1];

/* ---- which they are ----------------------------------------------------------------------- */

static void add_host(struct rehearsal *rehearsal)
{
    const struct wires_host *host = &rehearsal->stage->wires.host;
    struct network networks[WIRES_ADDRESSES_MAX];

    for (size_t i = 0; i < host->address_count; i++) {
        networks[i] = (struct network){.base = host->addresses[i].address,
                                       .prefix = host->addresses[i].prefix};
    }
    const struct question_host of = {.networks = networks,
                                     .network_count = host->address_count,
                                     .gateways = rehearsal->settings->gateways,
                                     .gateway_count = rehearsal->settings->gateway_count};
    questions_add_host(&rehearsal->questions, rehearsal->settings->site, &of);
}

static bool has_certificate(const struct question *question)
{
    return question->kind == QUESTION_CERTIFICATE || question->kind == QUESTION_OWN_CERTIFICATE;
}

/* "postmaster@" is one of any domain. */
static void write_path(char out[ENVELOPE_PATH_SIZE], const char *text)
{
    size_t length = strlen(text);

    snprintf(out, ENVELOPE_PATH_SIZE, "<%.290s%s>", text,
             length > 0 && text[length - 1] == '@' ? "{canary.domain}" : "");
}

static void make_parts(struct further_technique *out, const struct question *question)
{
    struct technique *made = &out->technique;
    const char *sender = question_part(question, QUESTION_WITH_SENDER);
    const char *recipient = question_part(question, QUESTION_WITH_RECIPIENT);

    if (question_part(question, QUESTION_WITH_HELO)[0] != '\0') {
        made->id = "known-helo";
        made->trait = TECHNIQUE_BY_HELO;
        made->summary = "a client that calls itself by a name that the configuration names writes "
                        "to an outside mailbox";
    }
    if (recipient[0] != '\0') {
        write_path(out->recipient, recipient);
        made->id = "known-recipient";
        made->trait = TECHNIQUE_BY_DESTINATION;
        made->recipient = out->recipient;
        made->summary = "a recipient that the configuration names is asked for";
    }
    if (sender[0] != '\0') {
        write_path(out->sender, sender);
        made->id = "known-sender";
        made->trait = TECHNIQUE_BY_SENDER;
        made->made_up = true; /* another sender would be another question */
        made->sender = out->sender;
        made->summary = "a sender that the configuration names writes to an outside mailbox";
    }
}

static void make_technique(struct further_technique *out, const struct question *question)
{
    struct technique *made = &out->technique;
    char address[ADDRESS_TEXT_SIZE];

    *made = *technique_find("plain");
    make_parts(out, question);
    if (question->kind == QUESTION_CLAIM) {
        *made = *technique_find("xclient-loopback");
        made->id = "claimed-client";
        (void)address_format(&question->client, address);
        snprintf(out->claim, sizeof(out->claim), "ADDR=%s%s PORT=49152",
                 question->client.family == ADDRESS_IPV6 ? "IPV6:" : "", address);
        made->claim = out->claim;
        made->summary = "a client claims an address that the configuration trusts";
    } else if (has_certificate(question)) {
        made->id = "known-certificate";
        made->trait = TECHNIQUE_BY_CLEAR;
        made->summary = "a client that has a certificate writes to an outside mailbox";
    } else if (question->kind == QUESTION_MX_BACKUP) {
        made->id = "mx-backup";
        made->trait = TECHNIQUE_BY_DESTINATION;
        made->recipient = "<canary@" REHEARSAL_BACKUP_DOMAIN ">";
        made->summary =
            "the outside mailbox is in a domain that names this server as its second MX";
    }
}

/* Who has the name that a question is about, by family. */
static struct address named_client(const struct rehearsal *rehearsal,
                                   const struct question *question, size_t family)
{
    struct address client = question->client;
    size_t number = 0;

    if (client.family == ADDRESS_NONE) {
        while (rehearsal->questions.all[number].kind != QUESTION_NAME ||
               strcmp(rehearsal->questions.all[number].text, question->text) != 0) {
            number++;
        }
        number++; /* the first of that name is 1 */
        (void)address_parse(claims_networks[family], &client);
        client.octets[family == 0 ? 3 : 15] = (uint8_t)number;
        client.octets[family == 0 ? 2 : 14] = (uint8_t)(CLAIMS_OCTET + (number >> 8));
    }
    return client;
}

/* False: the address has another name, or there is no room. */
static bool add_claim(struct played_names *names, const struct address *address, const char *name)
{
    for (size_t i = 0; i < names->claim_count; i++) {
        if (address_equal(&names->claims[i].address, address)) {
            return strcmp(names->claims[i].name, name) == 0;
        }
    }
    if (names->claim_count == PLAYED_CLAIMS_MAX || strlen(name) >= PLAYED_NAME_SIZE) {
        return false;
    }
    struct played_claim *claim = &names->claims[names->claim_count++];
    claim->address = *address;
    snprintf(claim->name, sizeof(claim->name), "%s", name);
    return true;
}

/* A client of its own, in each family, for each reverse name. */
static void add_claims(struct rehearsal *rehearsal, struct played_names *names)
{
    for (size_t i = 0; i < rehearsal->questions.count; i++) {
        const struct question *question = &rehearsal->questions.all[i];
        if (question->kind != QUESTION_NAME) {
            continue;
        }
        bool good = true;
        for (size_t family = 0; family < 2; family++) {
            const struct address client = named_client(rehearsal, question, family);
            good = add_claim(names, &client, question->text) && good;
        }
        rehearsal->questions.left_out += !good;
    }
}

/* A client that claims a name of the configuration claims one that exists. */
static void add_known(struct rehearsal *rehearsal, struct played_names *names)
{
    for (size_t i = 0; i < rehearsal->questions.count; i++) {
        const struct question *question = &rehearsal->questions.all[i];
        for (size_t part = 0; part < QUESTION_PARTS; part++) {
            const char *text = question_part(question, part);
            const char *at = strrchr(text, '@');
            const char *name = at != NULL ? at + 1 : part == QUESTION_WITH_HELO ? text : "";
            if (name[0] != '\0' && names->known_count < PLAYED_KNOWN_MAX) {
                names->known[names->known_count++] = name;
            }
        }
    }
}

void rehearsal_derive(struct rehearsal *rehearsal, struct played_names *names)
{
    plain_battery[0] = technique_find("plain");
    add_host(rehearsal);
    candidate_derive(rehearsal->outcome->candidate, &rehearsal->questions);
    add_claims(rehearsal, names);
    add_known(rehearsal, names);
    for (size_t i = 0; i < rehearsal->questions.count; i++) {
        make_technique(&rehearsal->further[i], &rehearsal->questions.all[i]);
    }
}

/* ---- asking them -------------------------------------------------------------------------- */

static bool says_ok(const struct question *question)
{
    return question->kind == QUESTION_POLICY;
}

/* Behind a PROXY header each is asked by whom that names. */
static const struct technique *put_behind(struct rehearsal *rehearsal, const struct put *put,
                                          const struct address *client)
{
    struct further_technique *made =
        &rehearsal->behind[client->family == ADDRESS_IPV6][put->question];
    const struct technique *of = &rehearsal->further[put->question].technique;

    rehearsal_put_behind(made, of, client);
    made->technique.requires = NULL;
    return &made->technique;
}

/* A claim is made by any stranger, on a listener that takes one. */
static bool make_claim(struct rehearsal *rehearsal, const struct put *put,
                       struct stranger_question *out, const struct technique *battery[1])
{
    const struct question *question = &rehearsal->questions.all[put->question];
    size_t count = 0;
    const struct candidate_listener *listeners =
        candidate_listeners(rehearsal->outcome->candidate, &count);

    if (out->endpoint.proxied) {
        battery[0] = put_behind(rehearsal, put, &question->client);
        return question->client.family == out->endpoint.address.family &&
               question->by.family == ADDRESS_NONE;
    }
    if (question->by.family != ADDRESS_NONE) {
        out->client = question->by;
        if (question->by.family != out->endpoint.address.family ||
            wires_is_own(&rehearsal->stage->wires, &question->by)) {
            return false;
        }
    }
    battery[0] = &rehearsal->further[put->question].technique;
    return listeners[out->endpoint.listener].xclient;
}

/* The other family's addresses are no client's of this listener. */
static bool make_put(struct rehearsal *rehearsal, const struct put *put,
                     struct stranger_question *out, const struct technique *battery[1])
{
    const struct question *question = &rehearsal->questions.all[put->question];
    const struct stranger_endpoint *endpoint =
        &rehearsal->outcome->listeners[put->listener].endpoint;

    *out = rehearsal_question(rehearsal, put->listener);
    out->instead = battery;
    out->instead_count = 1;
    if (has_certificate(question)) {
        out->certificate = PRIVATE_SERVER_CERTIFICATE;
    }
    if (question->kind == QUESTION_CLAIM) {
        return make_claim(rehearsal, put, out, battery) && out->client.family != ADDRESS_NONE;
    }
    struct address client = question->client;
    if (question->kind == QUESTION_NAME) {
        client = named_client(rehearsal, question, endpoint->address.family == ADDRESS_IPV6);
    }
    if (client.family != ADDRESS_NONE) {
        if (client.family != endpoint->address.family ||
            wires_is_own(&rehearsal->stage->wires, &client)) {
            return false;
        }
        out->client = client;
    }
    if (question_part(question, QUESTION_WITH_HELO)[0] != '\0') {
        out->helo = question_part(question, QUESTION_WITH_HELO);
    }
    if (out->client.family == ADDRESS_NONE) {
        return false;
    }
    battery[0] = out->endpoint.proxied ? put_behind(rehearsal, put, &out->client)
                                       : &rehearsal->further[put->question].technique;
    return true;
}

static void write_condition(const struct question *question, const char *client,
                            char out[OUTCOME_TEXT_SIZE])
{
    out[0] = '\0';
    if (question->kind == QUESTION_GATEWAY) {
        snprintf(out, OUTCOME_TEXT_SIZE,
                 "strangers arrive as %s, a gateway: by NAT, a container's proxy or a balancer",
                 client);
    } else if (question->kind == QUESTION_MX_BACKUP) {
        snprintf(out, OUTCOME_TEXT_SIZE,
                 "somebody's domain names this server as its second MX, as anybody's can");
    } else if (question->kind == QUESTION_CERTIFICATE) {
        snprintf(out, OUTCOME_TEXT_SIZE,
                 "somebody has a certificate that an authority of smtpd_tls_CAfile signed");
    } else if (question->kind == QUESTION_POLICY) {
        snprintf(out, OUTCOME_TEXT_SIZE, "the policy service says OK");
    }
}

/* Whether strangers who know nothing are granted something there: then a condition says nothing
 * new, and what else is granted is for who goes on when that is closed. */
static bool is_open_anyway(const struct rehearsal *rehearsal, size_t listener)
{
    for (size_t i = 0; i < rehearsal->outcome->grant_count; i++) {
        const struct outcome_grant *grant = &rehearsal->outcome->grants[i];
        if (grant->listener == listener && !grant->further) {
            return true;
        }
    }
    return false;
}

static bool take_put(struct rehearsal *rehearsal, const struct put *put,
                     const struct stranger_question *question)
{
    struct outcome_listener *listener = &rehearsal->outcome->listeners[put->listener];
    char client[ADDRESS_TEXT_SIZE];
    char condition[OUTCOME_TEXT_SIZE];

    if (question->result->technique_count == 0) {
        return true;
    }
    rehearsal_look_how_far(rehearsal, put->listener, question->result);
    if (evidence_of(&question->result->techniques[0]) != EVIDENCE_PROVEN) {
        /* A name that does not lead back is what some are refused for. */
        bool for_name = rehearsal->questions.all[put->question].kind == QUESTION_NAME &&
                        question->result->techniques[0].outcome == OUTCOME_CLIENT_REFUSED;
        if (!for_name && rehearsal_is_unanswered(question->result, 0)) {
            rehearsal_leave_open(listener, question->result, 0);
        }
        return true;
    }
    write_condition(&rehearsal->questions.all[put->question],
                    address_format(&question->client, client), condition);
    enum outcome_verdict verdict =
        condition[0] == '\0' ? OUTCOME_VERDICT_OPEN : OUTCOME_VERDICT_CONDITIONAL;
    bool open_anyway = is_open_anyway(rehearsal, put->listener);
    if (verdict == OUTCOME_VERDICT_CONDITIONAL && open_anyway) {
        return true;
    }
    /* An open one is worse news than one of which something is not known. */
    if (listener->verdict == OUTCOME_VERDICT_CLOSED ||
        listener->verdict == OUTCOME_VERDICT_CONDITIONAL || verdict == OUTCOME_VERDICT_OPEN) {
        listener->verdict = verdict > listener->verdict || verdict == OUTCOME_VERDICT_OPEN
                                ? verdict
                                : listener->verdict;
    }
    if (!rehearsal_add_grant(rehearsal, put->listener, question, 0, condition)) {
        return false;
    }
    struct outcome_grant *grant = &rehearsal->outcome->grants[rehearsal->outcome->grant_count - 1];
    grant->request.policy_ok = says_ok(&rehearsal->questions.all[put->question]);
    grant->request.gateway = rehearsal->questions.all[put->question].kind == QUESTION_GATEWAY;
    if (rehearsal->questions.all[put->question].kind == QUESTION_NAME) {
        snprintf(grant->client_name, sizeof(grant->client_name), "%s",
                 rehearsal->questions.all[put->question].text);
    }
    grant->further = true;
    grant->beside = open_anyway;
    return true;
}

static bool is_usual(const struct question *question)
{
    return !says_ok(question) && !has_certificate(question);
}

/* A host without IPv6 has no such strangers. */
static bool lay_client(struct rehearsal *rehearsal, const struct address *client,
                       char error[STAGE_ERROR_SIZE])
{
    return client->family == ADDRESS_NONE || wires_is_own(&rehearsal->stage->wires, client) ||
           wires_add_stranger(&rehearsal->stage->wires, client, error) == 0 ||
           client->family == ADDRESS_IPV6;
}

/* Strangers with addresses of their own, each laid once. */
static bool lay_clients(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    for (size_t i = 0; i < rehearsal->questions.count; i++) {
        const struct question *question = &rehearsal->questions.all[i];
        bool good = true;
        if (question->kind == QUESTION_CLAIM) {
            good = lay_client(rehearsal, &question->by, error);
        } else if (question->kind == QUESTION_NAME) {
            for (size_t family = 0; family < 2 && good; family++) {
                struct address client = named_client(rehearsal, question, family);
                good = lay_client(rehearsal, &client, error);
            }
        } else {
            good = lay_client(rehearsal, &question->client, error);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

/* All questions for which policy services say so, on every listener. */
static bool ask_those(struct rehearsal *rehearsal, bool (*is_one)(const struct question *question),
                      char error[STAGE_ERROR_SIZE])
{
    size_t room = rehearsal->questions.count * rehearsal->outcome->listener_count;
    struct put *puts = calloc(room + 1, sizeof(*puts));
    struct stranger_question *asked = calloc(room + 1, sizeof(*asked));
    const struct technique *(*batteries)[1] = calloc(room + 1, sizeof(*batteries));
    size_t count = 0;
    bool good = puts != NULL && asked != NULL && batteries != NULL;

    for (size_t i = 0; good && i < room; i++) {
        const struct put put = {.question = i / rehearsal->outcome->listener_count,
                                .listener = i % rehearsal->outcome->listener_count};
        if (is_one(&rehearsal->questions.all[put.question]) &&
            make_put(rehearsal, &put, &asked[count], batteries[count])) {
            puts[count++] = put;
        }
    }
    good = good && trial_ask(&rehearsal->trial, asked, count, error);
    for (size_t i = 0; good && i < count; i++) {
        good = take_put(rehearsal, &puts[i], &asked[i]);
    }
    strangers_free(asked, asked != NULL ? count : 0);
    free(puts);
    free(asked);
    free(batteries);
    return good;
}

bool rehearsal_ask_further(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    const struct questions *questions = &rehearsal->questions;
    char text[OUTCOME_TEXT_SIZE];

    if (questions->left_out > 0) {
        snprintf(text, sizeof(text),
                 "%zu more addresses and names of its tables were not asked about: %zu are",
                 questions->left_out, questions->count);
        (void)outcome_unknown(rehearsal->outcome, "", text);
    }
    if (questions->untold > 0) {
        snprintf(
            text, sizeof(text),
            "no question could be made of %zu of its lines that may let somebody in: see \"%s\"",
            questions->untold, questions->first_untold);
        (void)outcome_unknown(rehearsal->outcome, "", text);
    }
    return lay_clients(rehearsal, error) && ask_those(rehearsal, is_usual, error) &&
           ask_those(rehearsal, has_certificate, error);
}

bool rehearsal_ask_policy(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    const struct trial_run run = {.policy_ok = true};
    bool any = false;

    for (size_t i = 0; i < rehearsal->questions.count; i++) {
        any = any || says_ok(&rehearsal->questions.all[i]);
    }
    if (!any) {
        return true;
    }
    trial_stop(&rehearsal->trial);
    bool good =
        trial_start(&rehearsal->trial, &run, error) == 0 && ask_those(rehearsal, says_ok, error);
    trial_stop(&rehearsal->trial);
    return good;
}
