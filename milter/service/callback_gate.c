#include "milter/service/callback_gate.h"

#include <time.h>

bool gate_enter(struct gate *gate)
{
    atomic_fetch_add(&gate->inside, 1);
    if (!atomic_load(&gate->closed)) {
        return true;
    }
    atomic_fetch_sub(&gate->inside, 1);
    return false;
}

void gate_leave(struct gate *gate)
{
    atomic_fetch_sub(&gate->inside, 1);
}

bool gate_close(struct gate *gate, int wait_ms)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};

    atomic_store(&gate->closed, true);
    while (atomic_load(&gate->inside) != 0 && wait_ms-- > 0) {
        nanosleep(&millisecond, NULL);
    }
    return atomic_load(&gate->inside) == 0;
}
