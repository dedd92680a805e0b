#include "lib/sys/clocks.h"

#include <time.h>

#define STEADY_BEGINS (1LL << 40) /* more than the age of whatever has a Unix time */

struct clocks clocks_now(void)
{
    struct timespec since_boot = {0};

    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return (struct clocks){.wall = time(NULL), .steady = STEADY_BEGINS + since_boot.tv_sec};
}

int64_t clocks_steady(const struct clocks *now, int64_t wall)
{
    if (wall == 0) {
        return 0;
    }
    return now->steady - (wall > now->wall ? 0 : now->wall - wall);
}

int64_t clocks_wall(const struct clocks *now, int64_t steady)
{
    return steady == 0 ? 0 : now->wall - (now->steady - steady);
}
