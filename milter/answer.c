#include "milter/answer.h"

#include <stdbool.h>
#include <stdio.h>

/* Not the options by name: whoever reads it from outside learns nothing of how to get round them.
 */
void answer_enforced(struct answer *out, enum enforcement enforcement, enum finding_kind kind,
                     const char *client)
{
    bool for_now = enforcement == ENFORCE_DEFER;

    out->code = for_now ? 451 : 550;
    out->status = for_now ? "4.7.1" : "5.7.1";
    snprintf(out->text, sizeof(out->text),
             "Relaying denied%s: [%s] may not send mail through this host to others (relaywarden). "
             "Postmaster: see %s in the mail log",
             for_now ? " for now" : "", client, finding_kind_name(kind));
}
