/*
 * callback_gate - lets callbacks in while the program runs, and tells when the last one is out
 *
 * libmilter's worker threads outlive smfi_main: a callback may still run, or begin, while the
 * program takes itself apart. Each callback therefore enters the gate first. Any thread, without a
 * lock.
 */
#ifndef RELAYWARDEN_MILTER_SERVICE_CALLBACK_GATE_H
#define RELAYWARDEN_MILTER_SERVICE_CALLBACK_GATE_H

#include <stdatomic.h>
#include <stdbool.h>

struct callback_gate {
    atomic_uint inside;
    atomic_bool closed;
};

/* False: the program is ending, touch nothing. True: call callback_gate_leave on the way out. */
bool callback_gate_enter(struct callback_gate *gate);
void callback_gate_leave(struct callback_gate *gate);

/* Lets nobody in any more and waits for those inside, at most `wait_ms`. False if some stayed. */
bool callback_gate_close(struct callback_gate *gate, int wait_ms);

#endif
