#include "probe/http/health.h"

#include <time.h>

/* The clock of `due`. */
static int64_t boot_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

void health_expect(struct health *health, int64_t seconds, bool auditing)
{
    atomic_store(&health->auditing, auditing);
    atomic_store(&health->due, boot_seconds() + seconds);
}

bool health_tell(const struct health *health, FILE *out)
{
    const long long due = atomic_load(&health->due);
    const long long late = due != 0 ? boot_seconds() - due : 0;
    const bool auditing = atomic_load(&health->auditing);

    if (late > 0) {
        fprintf(out, "%s is %lld seconds late; restart relaywarden-probe.\n",
                auditing ? "An audit" : "The next audit", late);
        return false;
    }
    fprintf(out, "Healthy: %s.\n",
            auditing ? "an audit is under way" : "waiting for the next audit");
    return true;
}

bool health_tell_readiness(const struct health *health, FILE *out)
{
    const size_t targets = atomic_load(&health->targets);

    if (!atomic_load(&health->in_service)) {
        fputs("Not ready: starting or stopping.\n", out);
        return false;
    }
    if (atomic_load(&health->unkept)) {
        fputs(
            "Not ready: the last audit could not be kept, so page and API show an earlier one; the "
            "log says why.\n",
            out);
        return false;
    }
    fprintf(out, "Ready: %zu target%s audited.\n", targets, targets == 1 ? " is" : "s are");
    return true;
}
