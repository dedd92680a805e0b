#include "probe/model/evidence.h"

#include "probe/smtp/reply/reply_class.h"

static bool control_was_refused(const struct technique_result *asked)
{
    return asked->control_asked &&
           (asked->control == OUTCOME_RECIPIENT_REFUSED || outcome_denies_relaying(asked->control));
}

/* Whether acceptance is relaying, by the form alone. */
static bool would_prove(const struct technique_result *asked)
{
    return asked->technique->form == TECHNIQUE_PLAIN || control_was_refused(asked);
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
    if (asked->observed) {
        return GRANT_PROVEN;
    }
    /* The filter would have said so, had the MTA told it. */
    if (asked->ask) {
        return GRANT_UNCERTAIN;
    }
    return would_prove(asked) ? GRANT_PROVEN : GRANT_UNCERTAIN;
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

static bool subdomain_is_denied(const struct technique_result *asked, enum grant grant)
{
    bool control_alone = asked->asked && asked->outcome != OUTCOME_ACCEPTED &&
                         asked->control_asked && outcome_denies_relaying(asked->control);

    return asked->technique->trait == TECHNIQUE_BY_SUBDOMAIN &&
           (grant == GRANT_REFUSED || control_alone);
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
        tally.observed += asked->observed;
        tally.unobserved += grant == GRANT_UNCERTAIN && asked->ask && would_prove(asked);
        if (asked->technique->trait == TECHNIQUE_BY_NOTHING) {
            tally.plain = grant;
            tally.plain_result = asked;
        }
        count(&tally, asked->technique, grant);
        tally.subdomain_denied |= subdomain_is_denied(asked, grant);
        tally.open_questions += grant == GRANT_UNANSWERED && grant_is_open_question(asked);
    }
    return tally;
}
