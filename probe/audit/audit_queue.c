#include <stdio.h>
#include <string.h>

#include "probe/audit/audit_private.h"

/* An answer that is so many of the target's intervals old is not missed where the server cuts the
 * battery off: the next audit begins with what was left over, so no more audits than that should
 * be needed for all of it. */
#define AUDIT_RECENT_INTERVALS 5
/* At once to one address and port, whatever targets they belong to. */
#define PLACE_CONNECTIONS 2

static void on_finished(struct client *dialogue, void *user)
{
    struct entry *entry = user;
    struct audit *audit = entry->audit;

    client_free(dialogue);
    entry->dialogue = NULL;
    audit->connections -= entry->connections;
    if (!audit_next_round(entry)) {
        audit_settle(entry);
    }
    audit_start_waiting(audit);
    audit_break_if_over(audit);
}

static void start_entry(struct entry *entry)
{
    struct audit *audit = entry->audit;
    unsigned int left = audit->request.conf->probe.max_connections - audit->connections;

    struct battery_earlier earlier[RESULT_TECHNIQUES];
    struct battery_answer answers[RESULT_TECHNIQUES];
    bool remembers = audit->memory != NULL && entry->result.endpoint.configured;

    entry->connections = entry->shared || left < PLACE_CONNECTIONS ? 1 : PLACE_CONNECTIONS;
    const struct client_request request = {
        .settings = &audit->settings,
        .round = entry->round,
        .earlier = earlier,
        .earlier_count = remembers ? carry_over_put_off(audit->memory, &entry->result.endpoint,
                                                        time(NULL), earlier, RESULT_TECHNIQUES)
                                   : 0,
        .answers = answers,
        .answer_count = remembers ? carry_over_answers(audit->memory, &entry->result.endpoint,
                                                       time(NULL), answers, RESULT_TECHNIQUES)
                                  : 0,
        .recent_seconds =
            AUDIT_RECENT_INTERVALS * audit->request.targets[entry->target].interval_seconds,
        .message_row = entry->message_row,
        .message = entry->message,
        .connections = entry->connections,
        .result = &entry->result,
        .finished = on_finished,
        .user = entry,
    };

    if (entry->round == CLIENT_ALL) {
        carry_over_choose_domains(remembers ? audit->memory : NULL, &entry->result,
                                  audit->request.conf->site, time(NULL));
        audit_inquire(entry);
    }
    entry->dialogue = client_start(audit->loop, &request);
    if (entry->dialogue == NULL) {
        snprintf(entry->result.trouble, sizeof(entry->result.trouble), "out of memory");
        entry->result.exhausted = true;
        audit_entry_done(entry);
        return;
    }
    entry->state = ENTRY_ASKING;
    audit->connections += entry->connections;
}

/* Whether the server has as many connections from us as it should. */
static bool is_busy(const struct audit *audit, const struct entry *entry)
{
    return entry->shared && audit_connections_there(audit, entry) >= PLACE_CONNECTIONS;
}

void audit_start_waiting(struct audit *audit)
{
    struct entry *next;

    for (struct entry *entry = audit->first_live;
         entry != NULL && audit->connections < audit->request.conf->probe.max_connections;
         entry = next) {
        next = entry->next; /* one that cannot be started is done */
        if (entry->state == ENTRY_WAITING && !is_busy(audit, entry)) {
            start_entry(entry);
        }
    }
}

void audit_on_later(void *user)
{
    struct entry *entry = user;

    if (entry->state == ENTRY_EXPECTING) {
        audit_message_is_late(entry);
        return;
    }
    entry->state = ENTRY_WAITING;
    entry->round = CLIENT_AGAIN;
    audit_start_waiting(entry->audit);
}
