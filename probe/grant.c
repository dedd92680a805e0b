#include "probe/grant.h"

#include <string.h>

#include "probe/outcome.h"

static bool control_was_refused(const struct technique_result *asked)
{
    return asked->control_asked &&
           (asked->control == OUTCOME_RECIPIENT_REFUSED || outcome_denies_relaying(asked->control));
}

enum grant grant_of(const struct technique_result *asked)
{
    if (!asked->asked) {
        return GRANT_UNANSWERED;
    }
    if (outcome_denies_relaying(asked->outcome)) {
        return GRANT_REFUSED;
    }
    if (asked->outcome != OUTCOME_ACCEPTED || asked->at_mail) {
        return GRANT_UNANSWERED;
    }
    if (asked->technique->form == TECHNIQUE_PLAIN || control_was_refused(asked)) {
        return GRANT_PROVEN;
    }
    return GRANT_UNCERTAIN;
}

bool grant_is_open_question(const struct technique_result *asked)
{
    return asked->unconfirmed || (asked->asked && outcome_is_temporary(asked->outcome));
}

bool grant_is_routing_form(const struct technique *technique)
{
    return strcmp(technique->recipient, "<{canary}>") != 0;
}

static void count_proven(struct grant_tally *tally, const struct technique *technique)
{
    tally->proven++;
    if (grant_is_routing_form(technique)) {
        tally->proven_routed++;
    } else {
        tally->proven_by[technique->sender_class]++;
    }
}

struct grant_tally grant_count(const struct endpoint_result *result)
{
    struct grant_tally tally = {.techniques = result->technique_count};

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        enum grant grant = grant_of(asked);

        if (strcmp(asked->technique->id, "plain") == 0) {
            tally.plain = grant;
            tally.plain_result = asked;
        }
        tally.refused += grant == GRANT_REFUSED;
        tally.uncertain += grant == GRANT_UNCERTAIN;
        tally.unanswered += grant == GRANT_UNANSWERED;
        tally.open_questions += grant == GRANT_UNANSWERED && grant_is_open_question(asked);
        if (grant == GRANT_PROVEN) {
            count_proven(&tally, asked->technique);
        }
    }
    return tally;
}
