#include "milter/tokens/probe_connection.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "lib/sys/clocks.h"
#include "milter/tokens/token_finding.h"
#include "milter/tokens/unmasked.h"

/* The text of last resort: without an observation, but the recipient does not pass. */
#define AUDITED_TEXT "relaywarden: this connection is audited, and nothing is relayed on it"

static const struct answer *answer_with(struct connection *connection, const char *status,
                                        const struct observation *observation, const char *path)
{
    char text[OBSERVATION_SIZE];

    if (!observation_build(observation, &connection->audit.binding, path, text)) {
        return NULL;
    }
    connection->answer.code = 550;
    connection->answer.status = status;
    snprintf(connection->answer.text, sizeof connection->answer.text, "%s", text);
    return &connection->answer;
}

/* ---- hello ------------------------------------------------------------------------------- */

const struct answer *audited_mail(struct connection *connection, const char *path)
{
    const struct conf *conf = connection->snapshot->conf;
    const struct audit_keys keys = {conf->token_key, conf->token_key_other};
    struct audit_desk *desk = connection->transactions->desk;
    struct observation answer;

    if (desk == NULL || !audit_hear(&connection->audit, desk, &keys, path, &answer)) {
        return NULL;
    }
    answer.client = connection->client;
    answer.client_port = connection->client_port;
    answer.permission = connection->declared;
    answer.masked = connection->masked;
    answer.listener = connection->listener;
    answer.listener_port = connection->listener_port;
    observation_set_mta(&answer, connection->mta);
    return answer_with(connection, "5.7.0", &answer, path);
}

/* ---- masks ------------------------------------------------------------------------------- */

static struct mask mask_of(const struct connection *connection)
{
    struct mask mask = {.address = connection->client};

    memcpy(mask.route, connection->audit.route, sizeof mask.route);
    snprintf(mask.listener, sizeof mask.listener, "%s", connection->listener_text);
    return mask;
}

static void say_masked(struct connection *connection, const struct mask *mask, bool masked)
{
    struct reporter *reporter = connection->transactions->reporter;

    if (!masked) {
        reporter_say(reporter, LOG_ERR,
                     "%d ways to the MTA are masked, and there is no room for %s: see "
                     "relaywarden-milter --masked",
                     MASKS_MAX, connection->client_text);
    } else if (!connection->masked) {
        reporter_say(reporter, LOG_WARNING,
                     "%s is masked: strangers reach %s under that address, and it counts as "
                     "trusted no longer",
                     connection->client_text, mask->listener);
    }
}

static void note_hidden(struct connection *connection)
{
    const struct mask mask = mask_of(connection);
    const struct network *trusted = NULL;
    struct finding finding;

    if (connection->declared == PERMISSION_TRUSTED_NETWORK) {
        trusted = site_trusted_network(connection->snapshot->rules.site, &connection->client);
        say_masked(connection, &mask,
                   masks_hide(&connection->transactions->desk->masks, &mask, clocks_now().steady));
    }
    audit_finding_hidden(&finding, &mask, trusted);
    reporter_hand_over(connection->transactions->reporter, &finding);
}

static void note_true(struct connection *connection)
{
    struct masks *masks = &connection->transactions->desk->masks;

    masks_show(masks, connection->audit.route, clocks_now().steady);
    unmasked_tell(masks, MASKS_DROP_HEALED, connection->transactions->reporter);
}

/* Once for each hello: the other asks would show the same. */
static void learn(struct connection *connection, enum token_role role)
{
    struct audit *audit = &connection->audit;

    if (role == TOKEN_ROLE_HIDDEN && !audit->told_hidden) {
        audit->told_hidden = true;
        note_hidden(connection);
    } else if (role == TOKEN_ROLE_TRUE && !audit->told_true) {
        audit->told_true = true;
        note_true(connection);
    }
}

/* ---- ask --------------------------------------------------------------------------------- */

/* Whether it would leave the site, or go to the canary by whatever mailer. */
static bool leads_outside(const struct audit *audit, const struct rcpt_meaning *rcpt,
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

static const struct answer *answer_ask(struct connection *connection, const char *path,
                                       enum destination destination)
{
    const struct observation observation = {
        .kind = OBSERVATION_ASK,
        .decision = DECISION_ACCEPTED,
        .destination = destination,
        .permission = connection->declared,
    };
    const struct answer *answer = answer_with(connection, "5.7.1", &observation, path);

    if (answer == NULL) {
        connection->answer = (struct answer){.code = 550, .status = "5.7.1", .text = AUDITED_TEXT};
        answer = &connection->answer;
    }
    return answer;
}

struct audited_rcpt audited_rcpt(struct connection *connection, const char *path,
                                 const struct rcpt_meaning *rcpt, enum destination destination)
{
    struct audit *audit = &connection->audit;
    struct audit_desk *desk = connection->transactions->desk;
    struct audited_rcpt result = {.ours = false};
    struct token_ask ask;
    bool asked = audit_is_asked(audit, desk, connection->sender, path, &ask);
    bool outside = audit->audited && leads_outside(audit, rcpt, destination);

    result.ours = audit->audited;
    if (asked) {
        audit_count(audit, desk, rcpt->decision, outside);
        learn(connection, ask.role);
        /* From inside, or under an identity that was taken on purpose, nothing is proved; nor is it
         * where the site itself trusts the client. */
        result.proves = outside && connection->declared == PERMISSION_NONE &&
                        ask.role != TOKEN_ROLE_INSIDE && ask.role != TOKEN_ROLE_CLAIMED;
    }
    if (outside) {
        result.answer = answer_ask(connection, path, destination);
    }
    return result;
}
