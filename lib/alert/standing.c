#include "lib/alert/standing.h"

#include "lib/sys/thread.h"

struct telling {
    struct dispatch *dispatch;
    time_t now;
    size_t skip;
    size_t room;
    size_t told;
};

void standing_begin(struct standing *standing)
{
    standing->told = 0;
    standing->next = thread_moment(0);
    standing->round = thread_moment(STANDING_MS);
}

/* incident_visit */
static void tell(const struct incident *incident, void *user)
{
    struct telling *telling = user;

    if (telling->skip > 0) {
        telling->skip--;
        return;
    }
    if (telling->told == telling->room) {
        return;
    }
    dispatch_stand(telling->dispatch, incident, telling->now);
    telling->told++;
}

void standing_tell(struct standing *standing, struct incident_table *incidents,
                   struct dispatch *dispatch, time_t now)
{
    if (standing_left_ms(standing, dispatch) != 0) {
        return;
    }
    if (thread_moment_left(&standing->round) == 0) {
        standing_begin(standing);
    }
    struct telling telling = {dispatch, now, standing->told, STANDING_SLICE, 0};
    incident_each(incidents, tell, &telling);
    standing->told += telling.told;
    standing->next = standing->told < incident_open_count(incidents)
                         ? thread_moment(STANDING_SLICE_MS)
                         : standing->round;
}

int standing_left_ms(const struct standing *standing, const struct dispatch *dispatch)
{
    return dispatch_has_standing(dispatch) ? thread_moment_left(&standing->next) : -1;
}
