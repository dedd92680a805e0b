#include "probe/model/evidence.h"

#include <string.h>

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

static bool is_any_user(const struct technique_result *asked)
{
    return asked->technique->form == TECHNIQUE_USER && asked->control_asked &&
           asked->control == OUTCOME_ACCEPTED && asked->any_user;
}

/* A server that greylists takes a recipient that it was told of before, and puts off the control,
 * which is new to it. An ordinary local part that is taken then shows nothing yet. */
static bool control_was_put_off(const struct technique_result *asked)
{
    return asked->technique->form == TECHNIQUE_USER && asked->control_asked &&
           outcome_is_temporary(asked->control);
}

enum evidence evidence_of(const struct technique_result *asked)
{
    if (!asked->asked) {
        return EVIDENCE_UNANSWERED;
    }
    if (outcome_denies_relaying(asked->outcome) ||
        (asked->technique->in_clear && asked->outcome == OUTCOME_TLS_REQUIRED)) {
        return EVIDENCE_REFUSED;
    }
    if (asked->outcome != OUTCOME_ACCEPTED || asked->at_mail) {
        return EVIDENCE_UNANSWERED;
    }
    if (asked->observed) {
        return EVIDENCE_PROVEN;
    }
    if (is_any_user(asked)) {
        return EVIDENCE_LOCAL;
    }
    if (control_was_put_off(asked)) {
        return EVIDENCE_UNANSWERED;
    }
    /* The filter would have said so, had the MTA told it. */
    if (asked->ask) {
        return EVIDENCE_UNCERTAIN;
    }
    return would_prove(asked) ? EVIDENCE_PROVEN : EVIDENCE_UNCERTAIN;
}

bool evidence_is_put_off(const struct technique_result *asked)
{
    return asked->asked && outcome_is_temporary(asked->outcome) &&
           !(asked->technique->made_up && asked->outcome == OUTCOME_DEFERRED);
}

bool evidence_is_of_no_name(const struct technique_result *asked)
{
    return asked->asked && asked->technique->made_up &&
           (asked->outcome == OUTCOME_RECIPIENT_REFUSED ||
            asked->outcome == OUTCOME_SENDER_REFUSED || asked->outcome == OUTCOME_DEFERRED);
}

bool evidence_is_open_question(const struct technique_result *asked)
{
    return asked->unconfirmed ||
           (evidence_is_put_off(asked) && asked->technique->form != TECHNIQUE_USER);
}

bool evidence_is_owed(const struct endpoint_result *result, const struct technique_result *asked)
{
    if (asked->absent || asked->own != NULL) { /* another domain has a turn of its own */
        return false;
    }
    if (!asked->asked) {
        return asked->cut || result->cut_off;
    }
    return asked->outcome == OUTCOME_CLOSING ||
           (result->cut_off && asked->outcome == OUTCOME_CLIENT_REFUSED);
}

bool evidence_is_caught_up(const struct endpoint_result *result)
{
    size_t owed = 0;

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (evidence_is_owed(result, asked)) {
            owed++;
            if (!asked->recent) {
                return false;
            }
        }
    }
    return result->cut_off && owed > 0;
}

static void count(struct evidence_tally *tally, const struct technique *technique,
                  enum evidence grant)
{
    tally->techniques++;
    tally->count[grant]++;
    tally->by[technique->trait][grant]++;
    if (technique->sender_class != TECHNIQUE_SENDER_EXTERNAL) {
        tally->claimed[grant]++;
    }
    tally->nobody[grant] += technique->sender_class == TECHNIQUE_SENDER_NULL;
}

static bool subdomain_is_denied(const struct technique_result *asked, enum evidence grant)
{
    bool control_alone = asked->asked && asked->outcome != OUTCOME_ACCEPTED &&
                         asked->control_asked && outcome_denies_relaying(asked->control);

    return asked->technique->trait == TECHNIQUE_BY_SUBDOMAIN &&
           (grant == EVIDENCE_REFUSED || control_alone);
}

static bool is_likeness_of_no_name(const struct technique_result *asked)
{
    return asked->technique->trait == TECHNIQUE_BY_LIKENESS && evidence_is_of_no_name(asked) &&
           asked->outcome == OUTCOME_RECIPIENT_REFUSED;
}

bool evidence_wants_subdomain(const struct endpoint_result *result)
{
    const struct technique_result *plain = &result->techniques[0];

    if (!plain->asked || plain->outcome == OUTCOME_ACCEPTED) {
        return plain->asked;
    }
    for (size_t i = 0; outcome_denies_relaying(plain->outcome) && i < result->technique_count;
         i++) {
        if (is_likeness_of_no_name(&result->techniques[i])) {
            return true;
        }
    }
    return false;
}

struct evidence_tally evidence_count(const struct endpoint_result *result)
{
    struct evidence_tally tally = {.techniques = 0};

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        enum evidence grant = evidence_of(asked);

        if (asked->absent || (asked->own != NULL && !asked->asked)) {
            continue;
        }
        tally.observed += asked->observed;
        tally.unobserved += grant == EVIDENCE_UNCERTAIN && asked->ask && would_prove(asked);
        if (asked->technique->trait == TECHNIQUE_BY_NOTHING) {
            tally.plain = grant;
            tally.plain_result = asked;
        }
        count(&tally, asked->technique, grant);
        tally.subdomain_denied |= subdomain_is_denied(asked, grant);
        tally.open_questions += grant == EVIDENCE_UNANSWERED && evidence_is_open_question(asked);
        tally.likeness_passed |= is_likeness_of_no_name(asked);
    }
    tally.likeness_passed &= tally.subdomain_denied && tally.plain == EVIDENCE_REFUSED;
    return tally;
}

/* ---- the message ----------------------------------------------------------------------- */

/* Whether what the technique asks for ends in the canary's mailbox, and nothing else is asked for
 * in the same transaction. */
static bool is_fit(const struct technique *technique, bool as_it_is)
{
    if (technique->sequence != TECHNIQUE_SEQUENCE_ALONE) {
        return false;
    }
    /* A look-alike is nobody's mailbox, and what nobody gets would speak against the grant. */
    return as_it_is ? strcmp(technique->recipient, "<{canary}>") == 0
                    : technique->trait != TECHNIQUE_BY_DESTINATION &&
                          technique->trait != TECHNIQUE_BY_LIKENESS;
}

size_t evidence_message_row(const struct endpoint_result *result)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < result->technique_count; i++) {
            const struct technique_result *asked = &result->techniques[i];
            if (is_fit(asked->technique, pass == 0) && evidence_of(asked) == EVIDENCE_PROVEN) {
                return i;
            }
        }
    }
    return result->technique_count;
}
