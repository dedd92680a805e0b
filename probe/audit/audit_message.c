#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/audit/audit_private.h"
#include "probe/model/evidence.h"
#include "probe/model/vantage.h"

#define POLL_MS 250 /* between two looks for arrivals */

/* ---- sending ------------------------------------------------------------------------------ */

/* Whether this endpoint is to be sent one at all: it is ours, the configuration says so (an MX
 * host that is somebody else's is not), what was
 * granted was granted to a stranger, and the filter has not seen it: nothing is surer than that. */
static bool is_wanted(const struct entry *entry)
{
    const struct conf *conf = entry->audit->request.conf;
    const struct vantage_known vantage = {.declared = conf->probe.vantage, .site = conf->site};
    const struct endpoint_result *result = &entry->result;

    return conf->probe.proof != PROOF_RCPT && result->endpoint.configured &&
           !result->endpoint.hosted && vantage.declared == VANTAGE_OUTSIDE &&
           !vantage_is_inside(result, &vantage) && result->message.technique == NULL &&
           evidence_count(result).observed == 0 &&
           evidence_message_row(result) < result->technique_count;
}

static void give_up(struct entry *entry, enum message_state state, const char *why)
{
    entry->result.message.state = state;
    entry->result.message.text = string_pool_keep(&entry->result.texts, why);
}

static bool write_message(struct entry *entry)
{
    const struct message_parts parts = {
        .canary = entry->audit->request.conf->probe.canary,
        .host = entry->result.endpoint.host,
        .token = entry->result.message.token,
        .now = time(NULL),
    };

    entry->message = malloc(MESSAGE_TEXT_SIZE);
    if (entry->message != NULL) {
        message_write(&parts, entry->message);
    }
    return entry->message != NULL;
}

bool audit_sends_message(struct entry *entry)
{
    struct audit *audit = entry->audit;
    struct message_result *message = &entry->result.message;
    char error[CARRY_OVER_ERROR_SIZE] = "out of memory";

    if (!is_wanted(entry)) {
        return false;
    }
    entry->message_row = evidence_message_row(&entry->result);
    message->technique = entry->result.techniques[entry->message_row].technique;
    if (audit->memory == NULL) {
        give_up(entry, MESSAGE_NONE, audit->summary.forgotten);
        return false;
    }
    if (!message_new_token(audit->request.conf->token_key, message->token) ||
        !write_message(entry)) {
        give_up(entry, MESSAGE_NONE, error);
        return false;
    }
    switch (carry_over_claim_message(audit->memory, &entry->result.endpoint, message->token,
                                     time(NULL), error)) {
    case CARRY_OVER_CLAIMED:
        return true;
    case CARRY_OVER_ENOUGH:
        message->token[0] = '\0';
        give_up(entry, MESSAGE_SPARED, "");
        return false;
    case CARRY_OVER_FAILED:
        give_up(entry, MESSAGE_NONE, error);
        break;
    }
    return false;
}

/* ---- waiting for it ----------------------------------------------------------------------- */

static void stop_expecting(struct entry *entry)
{
    struct audit *audit = entry->audit;

    loop_timer_clear(entry->later);
    audit_settle(entry);
    audit_break_if_over(audit);
}

static bool expects(const struct entry *entry, const char *token)
{
    for (size_t i = 0; i < entry->expected_count; i++) {
        if (strcmp(entry->expected[i], token) == 0) {
            return true;
        }
    }
    return false;
}

static void on_arrival(const char *token, void *user)
{
    const struct audit *audit = user;

    for (struct entry *entry = audit->first_live; entry != NULL; entry = entry->next) {
        if (entry->state == ENTRY_EXPECTING && expects(entry, token)) {
            entry->result.message.state = MESSAGE_ARRIVED;
        }
    }
}

/* Looks for arrivals, and ends the waiting of those whose message came. */
static void look(struct audit *audit)
{
    bool expecting = false;
    struct entry *next;

    arrivals_read(&audit->arrivals, on_arrival, audit);
    for (struct entry *entry = audit->first_live; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->state == ENTRY_EXPECTING && entry->result.message.state == MESSAGE_ARRIVED) {
            stop_expecting(entry);
        }
        expecting |= entry->state == ENTRY_EXPECTING;
    }
    if (expecting) {
        (void)loop_timer_set(audit->poll, loop_now(audit->loop) + POLL_MS);
    }
}

static void on_poll(void *user)
{
    look(user);
}

/* Which tokens would do, and for how long they are waited for: not at all where nothing was sent
 * just now. */
static bool prepare(struct entry *entry, int64_t *patience_ms)
{
    struct audit *audit = entry->audit;
    struct message_result *message = &entry->result.message;
    char error[CARRY_OVER_ERROR_SIZE];

    if (message->state == MESSAGE_REFUSED || message->state == MESSAGE_NONE) {
        if (entry->round == CLIENT_MESSAGE) {
            (void)carry_over_refuse_message(audit->memory, &entry->result.endpoint, message->token,
                                            error);
        }
        return false;
    }
    entry->expected_count =
        carry_over_messages(audit->memory, &entry->result.endpoint, time(NULL), entry->expected);
    *patience_ms = message->state == MESSAGE_SPARED ? 0 : audit->request.delivery_ms;
    message->waited = (long)(*patience_ms / 1000);
    if (message->state == MESSAGE_SPARED && entry->expected_count > 0) {
        memcpy(message->token, entry->expected[entry->expected_count - 1], MESSAGE_TOKEN_SIZE);
    }
    return audit->request.conf->probe.proof == PROOF_DELIVERED && entry->expected_count > 0;
}

bool audit_expects_message(struct entry *entry)
{
    struct audit *audit = entry->audit;
    int64_t now = loop_now(audit->loop);
    int64_t patience_ms = 0;

    if (!prepare(entry, &patience_ms)) {
        return false;
    }
    if (audit->poll == NULL) {
        audit->poll = loop_timer_new(audit->loop, on_poll, audit);
    }
    if (audit->poll == NULL || !audit_set_later(entry, now + patience_ms) ||
        loop_timer_set(audit->poll, now) != 0) {
        return false;
    }
    /* An earlier one's arrival may have been read for another endpoint. */
    audit->arrivals.offset = 0;
    entry->state = ENTRY_EXPECTING;
    audit_show_progress(audit);
    return true;
}

void audit_message_is_late(struct entry *entry)
{
    struct message_result *message = &entry->result.message;

    look(entry->audit); /* for the last time */
    if (entry->state != ENTRY_EXPECTING) {
        return;
    }
    if (message->state == MESSAGE_TAKEN || message->state == MESSAGE_SPARED) {
        message->state = MESSAGE_MISSING;
    }
    stop_expecting(entry);
}
