#include "probe/smtp/battery_spare.h"

bool battery_spare_is_possible(const struct battery_room *room, size_t row)
{
    return room->queue->rows[row] == BATTERY_WAITING &&
           technique_is_proxied(room->result->techniques[row].technique) == room->ungreeted;
}

static enum domain_role role_of(const struct technique_result *asked)
{
    return technique_is_special(asked->technique) ? DOMAIN_AS_HELO : DOMAIN_AS_SENDER;
}

/* What max_refusals leaves when all techniques have theirs. */
struct spare {
    unsigned int refusals;
    unsigned int waiting[DOMAIN_ROLES];
    unsigned int spent[DOMAIN_ROLES];
};

static struct spare spare_of(const struct battery_room *room)
{
    struct spare spare = {.refusals = 0};
    unsigned int most = room->max_refusals;
    unsigned int wanted = room->refusals;
    unsigned int yielding = 0;

    for (size_t i = 0; i < room->result->technique_count; i++) {
        const struct technique_result *asked = &room->result->techniques[i];
        bool taken = room->queue->rows[i] == BATTERY_TAKEN;
        bool waits = battery_spare_is_possible(room, i);
        if (asked->own != NULL) {
            spare.waiting[role_of(asked)] += waits;
            spare.spent[role_of(asked)] += taken || asked->asked;
        }
        wanted += taken || (waits && asked->own == NULL);
        yielding += i > 0 && waits && asked->own == NULL && asked->recent;
    }
    /* Not all of the table fits: what was answered not long ago can wait once more. */
    if (wanted >= most && room->queue->others_first) {
        wanted -= yielding;
    }
    spare.refusals = wanted < most ? most - wanted : 0;
    return spare;
}

bool battery_spare_is_for(const struct battery_room *room, const struct technique_result *asked)
{
    const struct other_domains *helos = &room->result->others[DOMAIN_AS_HELO];
    struct spare spare = spare_of(room);
    enum domain_role role = role_of(asked);
    enum domain_role other = role == DOMAIN_AS_HELO ? DOMAIN_AS_SENDER : DOMAIN_AS_HELO;
    unsigned int all = spare.refusals + spare.spent[role] + spare.spent[other];
    bool has_odd = helos->first == (role == DOMAIN_AS_HELO);
    unsigned int share = (all + has_odd) / 2;

    if (!helos->waits) {
        share = role == DOMAIN_AS_SENDER ? all : 0;
    }
    return spare.refusals > 0 &&
           (spare.spent[role] < share || spare.refusals > spare.waiting[other]);
}
