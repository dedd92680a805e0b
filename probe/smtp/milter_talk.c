#include "probe/smtp/milter_talk.h"

#include <stdio.h>
#include <string.h>

/* ---- where we stand ------------------------------------------------------------------ */

static size_t count_family(const struct milter_talk_settings *settings, enum address_family family)
{
    size_t count = 0;

    for (size_t i = 0; i < settings->public_address_count; i++) {
        count += settings->public_addresses[i].family == family;
    }
    return count;
}

/* Whether `address` is one of our public ones: those that are configured, else the socket's own if
 * the world can see it. */
static bool is_public(const struct milter_talk_settings *settings, const struct address *source,
                      const struct address *address)
{
    if (count_family(settings, source->family) == 0) {
        return !address_is_private(source) && address_equal(source, address);
    }
    for (size_t i = 0; i < settings->public_address_count; i++) {
        if (settings->public_addresses[i].family == source->family &&
            address_equal(&settings->public_addresses[i], address)) {
            return true;
        }
    }
    return false;
}

static bool has_public(const struct milter_talk_settings *settings, const struct address *source)
{
    return count_family(settings, source->family) > 0 || !address_is_private(source);
}

bool milter_talk_is_trusted(const struct milter_talk_settings *settings,
                            const struct address *source)
{
    if (count_family(settings, source->family) == 0) {
        return !address_is_private(source) && site_trusts(settings->site, source);
    }
    for (size_t i = 0; i < settings->public_address_count; i++) {
        if (settings->public_addresses[i].family == source->family &&
            site_trusts(settings->site, &settings->public_addresses[i])) {
            return true;
        }
    }
    return false;
}

enum token_role milter_talk_role(const struct milter_talk_settings *settings,
                                 const struct milter_talk_view *view)
{
    bool mine = address_equal(view->client, view->source) ||
                is_public(settings, view->source, view->client);

    if (view->claimed) {
        return TOKEN_ROLE_CLAIMED;
    }
    if (settings->declared == VANTAGE_INSIDE || address_equal(view->source, view->peer) ||
        (mine && view->permission == PERMISSION_TRUSTED_NETWORK) ||
        milter_talk_is_trusted(settings, view->source)) {
        return TOKEN_ROLE_INSIDE;
    }
    if (mine) {
        return TOKEN_ROLE_TRUE;
    }
    return has_public(settings, view->source) ? TOKEN_ROLE_HIDDEN : TOKEN_ROLE_UNKNOWN;
}

bool milter_talk_is_mistakable(const struct milter_talk_settings *settings, enum token_role role,
                               const struct observation *hello)
{
    bool made_up = role == TOKEN_ROLE_CLAIMED && settings->declared != VANTAGE_CLAIMED;
    bool no_stranger = role == TOKEN_ROLE_INSIDE || made_up;

    return hello->masked || role == TOKEN_ROLE_HIDDEN ||
           (no_stranger && hello->permission == PERMISSION_NONE);
}

/* ---- the hello ----------------------------------------------------------------------- */

const char *milter_talk_hello(struct milter_talk *asker,
                              const struct milter_talk_settings *settings,
                              const struct endpoint_result *result, const char *domain)
{
    char endpoint[ENDPOINT_PLACE_SIZE];
    struct token_hello hello = {.time = 0};

    asker->said = false;
    asker->verified = false;
    asker->mistakable = false;
    /* Somebody else's server has none of our filter: a token would only stand in their log. */
    if (settings->key == NULL || result->endpoint.hosted || !settings->nonce(hello.nonce)) {
        return NULL;
    }
    hello.time = (uint32_t)settings->now();
    (void)snprintf(hello.domain, sizeof(hello.domain), "%s", domain);
    if (!token_route(settings->key, settings->probe, result->endpoint.target,
                     endpoint_place(&result->endpoint, result->tls, endpoint), hello.route) ||
        !token_hello_build(settings->key, &hello, asker->path)) {
        return NULL;
    }
    asker->binding.key = settings->key;
    memcpy(asker->binding.nonce, hello.nonce, sizeof(hello.nonce));
    (void)snprintf(asker->domain, sizeof(asker->domain), "%s", domain);
    asker->said = true;
    return asker->path;
}

/* The worst that any connection of the endpoint was told is what is kept. */
static void keep(struct milter_said *said, const struct observation *observation,
                 enum token_role role)
{
    if (!said->observed || (role == TOKEN_ROLE_HIDDEN && said->role != TOKEN_ROLE_HIDDEN)) {
        said->hello = *observation;
        said->role = role;
    }
    said->observed = true;
}

enum milter_talk_answer milter_talk_take_hello(struct milter_talk *asker,
                                               const struct milter_talk_settings *settings,
                                               struct endpoint_result *result, const char *line)
{
    struct observation observation;
    struct observation_text text;
    enum observation_found found = observation_find(line, &observation, &text);

    if (found == OBSERVATION_NONE) {
        return MILTER_TALK_NOTHING;
    }
    /* Only the observation's own challenge is bound to it yet. */
    if (found == OBSERVATION_BROKEN || observation.kind == OBSERVATION_ASK ||
        !observation_verify(&observation, &text, &asker->binding, asker->path)) {
        result->milter.unverified = true;
        return MILTER_TALK_UNVERIFIED;
    }
    if (observation.kind == OBSERVATION_CLOCK) {
        result->milter.clock_differs = true;
        result->milter.clock_ahead = (int64_t)observation.time - settings->now();
        return MILTER_TALK_CLOCK;
    }
    const struct milter_talk_view view = {
        .claimed = asker->claimed || settings->declared == VANTAGE_CLAIMED,
        .source = &result->source,
        .peer = &result->endpoint.address,
        .client = &observation.client,
        .permission = observation.permission,
    };
    memcpy(asker->binding.challenge, observation.challenge, sizeof(observation.challenge));
    asker->role = milter_talk_role(settings, &view);
    asker->verified = true;
    asker->mistakable = milter_talk_is_mistakable(settings, asker->role, &observation);
    if (asker->role != TOKEN_ROLE_CLAIMED || settings->declared == VANTAGE_CLAIMED) {
        keep(&result->milter, &observation, asker->role);
    }
    return MILTER_TALK_OBSERVED;
}

bool milter_talk_take_tally(const struct milter_talk *asker, const char *line,
                            struct observation *out)
{
    struct observation observation;
    struct observation_text text;

    if (observation_find(line, &observation, &text) != OBSERVATION_FOUND ||
        observation.kind != OBSERVATION_HELLO ||
        !observation_verify(&observation, &text, &asker->binding, asker->path)) {
        return false;
    }
    *out = observation;
    return true;
}

/* ---- asks ---------------------------------------------------------------------------- */

bool milter_talk_seal(const struct milter_talk *asker, unsigned int technique,
                      const char *mail_path, char *rcpt_path)
{
    const struct token_ask ask = {.role = asker->role, .technique = (uint8_t)technique};

    return asker->verified && token_ask_seal(&asker->binding, &ask, mail_path, rcpt_path);
}

enum milter_talk_answer milter_talk_take_ask(const struct milter_talk *asker, const char *line,
                                             const char *sent, const char *read,
                                             struct observation *out)
{
    struct observation observation;
    struct observation_text text;
    enum observation_found found =
        asker->said ? observation_find(line, &observation, &text) : OBSERVATION_NONE;

    if (found == OBSERVATION_NONE) {
        return MILTER_TALK_NOTHING;
    }
    if (!asker->verified || found == OBSERVATION_BROKEN || observation.kind != OBSERVATION_ASK ||
        !(observation_verify(&observation, &text, &asker->binding, sent) ||
          observation_verify(&observation, &text, &asker->binding, read))) {
        return MILTER_TALK_UNVERIFIED;
    }
    *out = observation;
    return MILTER_TALK_OBSERVED;
}
