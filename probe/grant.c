#include "probe/grant.h"

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
    if (outcome_denies_relaying(asked->outcome) ||
        (asked->technique->in_clear && asked->outcome == OUTCOME_TLS_REQUIRED)) {
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

static void count(struct grant_tally *tally, const struct technique *technique, enum grant grant)
{
    tally->techniques++;
    tally->count[grant]++;
    tally->by[technique->trait][grant]++;
    if (technique->sender_class != TECHNIQUE_SENDER_EXTERNAL) {
        tally->claimed[grant]++;
    }
}

struct grant_tally grant_count(const struct endpoint_result *result)
{
    struct grant_tally tally = {.techniques = 0};

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        enum grant grant = grant_of(asked);

        if (asked->absent) {
            continue;
        }
        if (asked->technique->trait == TECHNIQUE_BY_NOTHING) {
            tally.plain = grant;
            tally.plain_result = asked;
        }
        count(&tally, asked->technique, grant);
        tally.open_questions += grant == GRANT_UNANSWERED && grant_is_open_question(asked);
    }
    return tally;
}
