#include "milter/tokens/probe_connection.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "lib/sys/clocks.h"
#include "milter/tokens/token_finding.h"
#include "milter/tokens/unmasked.h"

/* The text of last resort: without an observation, but the recipient does not pass. */
#define PROBE_CONNECTION_TEXT                                                                      \
    "relaywarden: this connection is audited, and nothing is relayed on it"

static const struct answer *answer_with(const struct probe_connection *probe, const char *status,
                                        const struct observation *observation, const char *path)
{
    char text[OBSERVATION_SIZE];

    if (!observation_build(observation, &probe->dialogue->binding, path, text)) {
        return NULL;
    }
    probe->answer->code = 550;
    probe->answer->status = status;
    snprintf(probe->answer->text, sizeof(probe->answer->text), "%s", text);
    return probe->answer;
}

/* ---- hello ------------------------------------------------------------------------------- */

const struct answer *probe_connection_mail(const struct probe_connection *probe, const char *path)
{
    const struct conf *conf = probe->snapshot->conf;
    const struct probe_dialogue_keys keys = {conf->token_key, conf->token_key_other};
    struct probe_dialogue_desk *desk = probe->desk;
    struct observation answer;

    if (desk == NULL || !probe_dialogue_hear(probe->dialogue, desk, &keys, path, &answer)) {
        return NULL;
    }
    answer.client = probe->client->address;
    answer.client_port = probe->client->port;
    answer.permission = probe->transaction->declared;
    answer.masked = probe->transaction->masked;
    answer.listener = probe->client->listener;
    answer.listener_port = probe->client->listener_port;
    observation_set_mta(&answer, probe->client->mta);
    return answer_with(probe, "5.7.0", &answer, path);
}

/* ---- masks ------------------------------------------------------------------------------- */

static struct mask mask_of(const struct probe_connection *probe)
{
    struct mask mask = {.address = probe->client->address};

    memcpy(mask.route, probe->dialogue->route, sizeof(mask.route));
    snprintf(mask.listener, sizeof(mask.listener), "%s", probe->client->listener_text);
    return mask;
}

static void say_masked(const struct probe_connection *probe, const struct mask *mask, bool masked)
{
    struct reporter *reporter = probe->reporter;

    if (!masked) {
        reporter_say(reporter, LOG_ERR,
                     "mask table full (%d); %s not masked: relaywarden-milter --masked lists the "
                     "table, --unmask ADDRESS makes room",
                     MASKS_MAX, probe->client->text);
    } else if (!probe->transaction->masked) {
        reporter_say(reporter, LOG_WARNING,
                     "%s is masked: strangers reach %s under that address, and it counts as "
                     "trusted no longer",
                     probe->client->text, mask->listener);
    }
}

static void note_hidden(const struct probe_connection *probe)
{
    const struct mask mask = mask_of(probe);
    const struct network *trusted = NULL;
    struct finding finding;

    if (probe->transaction->declared == PERMISSION_TRUSTED_NETWORK) {
        trusted = site_trusted_network(probe->snapshot->rules.site, &probe->client->address);
        say_masked(probe, &mask, masks_hide(&probe->desk->masks, &mask, clocks_now().steady));
    }
    token_finding_hidden(&finding, &mask, trusted);
    reporter_hand_over(probe->reporter, &finding);
}

static void note_true(const struct probe_connection *probe)
{
    struct masks *masks = &probe->desk->masks;

    masks_show(masks, probe->dialogue->route, clocks_now().steady);
    unmasked_tell(masks, MASKS_DROP_HEALED, probe->reporter);
}

/* Once for each hello: the other asks would show the same. */
static void learn(const struct probe_connection *probe, enum token_role role)
{
    struct probe_dialogue *audit = probe->dialogue;

    if (role == TOKEN_ROLE_HIDDEN && !audit->told_hidden) {
        audit->told_hidden = true;
        note_hidden(probe);
    } else if (role == TOKEN_ROLE_TRUE && !audit->told_true) {
        audit->told_true = true;
        note_true(probe);
    }
}

/* ---- ask --------------------------------------------------------------------------------- */

/* Whether it would leave the site, or go to the canary by whatever mailer. */
static bool leads_outside(const struct probe_dialogue *audit, const struct rcpt_meaning *rcpt,
                          enum destination destination)
{
    char domain[DOMAIN_SIZE];

    if (rcpt->decision != DECISION_ACCEPTED) {
        return false;
    }
    return destination == DESTINATION_EXTERNAL ||
           (rcpt->resolved.domain != NULL &&
            domain_normalise(rcpt->resolved.domain, rcpt->resolved.domain_length, domain) &&
            strcasecmp(domain, audit->domain) == 0);
}

static const struct answer *answer_ask(const struct probe_connection *probe, const char *path,
                                       enum destination destination)
{
    const struct observation observation = {
        .kind = OBSERVATION_ASK,
        .decision = DECISION_ACCEPTED,
        .destination = destination,
        .permission = probe->transaction->declared,
    };
    const struct answer *answer = answer_with(probe, "5.7.1", &observation, path);

    if (answer == NULL) {
        *probe->answer =
            (struct answer){.code = 550, .status = "5.7.1", .text = PROBE_CONNECTION_TEXT};
        answer = probe->answer;
    }
    return answer;
}

struct probe_connection_rcpt probe_connection_rcpt(const struct probe_connection *probe,
                                                   const char *path,
                                                   const struct rcpt_meaning *rcpt,
                                                   enum destination destination)
{
    struct probe_dialogue *audit = probe->dialogue;
    struct probe_dialogue_desk *desk = probe->desk;
    struct probe_connection_rcpt result = {.ours = false};
    struct token_ask ask;
    bool asked = probe_dialogue_is_asked(audit, desk, probe->transaction->sender, path, &ask);
    bool outside = audit->audited && leads_outside(audit, rcpt, destination);

    result.ours = audit->audited;
    if (asked) {
        probe_dialogue_count(audit, desk, rcpt->decision, outside);
        learn(probe, ask.role);
        /* From inside, or under an identity that was taken on purpose, nothing is proved; nor is it
         * where the site itself trusts the client. */
        result.proves = outside && probe->transaction->declared == PERMISSION_NONE &&
                        ask.role != TOKEN_ROLE_INSIDE && ask.role != TOKEN_ROLE_CLAIMED;
    }
    if (outside) {
        result.answer = answer_ask(probe, path, destination);
    }
    return result;
}
