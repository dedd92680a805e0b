#include "milter/service/callback_gate.h"

#include <time.h>

bool callback_gate_enter(struct callback_gate *gate)
{
    atomic_fetch_add(&gate->inside, 1);
    if (!atomic_load(&gate->closed)) {
        return true;
    }
    atomic_fetch_sub(&gate->inside, 1);
    return false;
}

void callback_gate_leave(struct callback_gate *gate)
{
    atomic_fetch_sub(&gate->inside, 1);
}

bool callback_gate_close(struct callback_gate *gate, int wait_ms)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};

    atomic_store(&gate->closed, true);
    while (atomic_load(&gate->inside) != 0 && wait_ms-- > 0) {
        nanosleep(&millisecond, NULL);
    }
    return atomic_load(&gate->inside) == 0;
}
