#include "milter/tokens/unmasked.h"

#include <syslog.h>

#include "milter/tokens/token_finding.h"

#define AT_A_TIME 16

static const char *const reasons[] = {
    [MASKS_DROP_TOLD] = "",
    [MASKS_DROP_HEALED] = "the probe is seen under its own address",
    [MASKS_DROP_ORDERED] = "it was dropped by --unmask",
};

/* Its incident ends, unless others share that; so does the one of all that were counted together at
 * this listener, when none of them is left. */
static void end_incidents(struct masks *masks, const struct mask *mask, struct reporter *reporter)
{
    char key[FINDING_KEY_SIZE];

    if (!masks_have_subject(masks, mask)) {
        token_finding_hidden_key(mask, key);
        reporter_resolve(reporter, FINDING_CLIENT_ADDRESS_HIDDEN, key);
    }
    if (!masks_have_listener(masks, mask->listener)) {
        token_finding_hidden_any_key(mask, key);
        reporter_resolve(reporter, FINDING_CLIENT_ADDRESS_HIDDEN, key);
    }
}

void unmasked_tell(struct masks *masks, enum masks_drop how, struct reporter *reporter)
{
    struct mask dropped[AT_A_TIME];
    char address[ADDRESS_TEXT_SIZE];
    size_t count;

    while ((count = masks_take_dropped(masks, how, dropped, AT_A_TIME)) > 0) {
        for (size_t i = 0; i < count; i++) {
            reporter_say(reporter, LOG_NOTICE, "%s is not masked any more: %s",
                         address_format(&dropped[i].address, address), reasons[how]);
            end_incidents(masks, &dropped[i], reporter);
        }
    }
}
