#include "probe/http/pulse.h"

#include <time.h>

int64_t pulse_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

void pulse_expect(struct pulse *pulse, int64_t seconds, bool auditing)
{
    atomic_store(&pulse->auditing, auditing);
    atomic_store(&pulse->due, pulse_now() + seconds);
}

bool pulse_tell_health(const struct pulse *pulse, FILE *out)
{
    const long long due = atomic_load(&pulse->due);
    const long long late = due != 0 ? pulse_now() - due : 0;
    const bool auditing = atomic_load(&pulse->auditing);

    if (late > 0) {
        fprintf(out, "%s is %lld seconds late; restart relaywarden-probe.\n",
                auditing ? "An audit" : "The next audit", late);
        return false;
    }
    fprintf(out, "Healthy: %s.\n",
            auditing ? "an audit is under way" : "waiting for the next audit");
    return true;
}

bool pulse_tell_readiness(const struct pulse *pulse, FILE *out)
{
    const size_t targets = atomic_load(&pulse->targets);

    if (!atomic_load(&pulse->in_service)) {
        fputs("Not ready: starting or stopping.\n", out);
        return false;
    }
    if (atomic_load(&pulse->unkept)) {
        fputs(
            "Not ready: the last audit could not be kept, so page and API show an earlier one; the "
            "log says why.\n",
            out);
        return false;
    }
    fprintf(out, "Ready: %zu target%s audited.\n", targets, targets == 1 ? " is" : "s are");
    return true;
}
