/* The row of candidate_mta.h for Exim: what its parts make together. */
#include "probe/rehearse/exim/exim.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/candidate_mta.h"
#include "probe/rehearse/exim/derive.h"
#include "probe/rehearse/exim/listeners.h"
#include "probe/rehearse/exim/propose.h"
#include "probe/rehearse/exim/reading.h"
#include "probe/rehearse/exim/settle.h"

#define OVERLAYS_MAX 64

/* Exim itself reports a setting that it does not take, when it does not start. */
static bool read_candidate(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE])
{
    struct exim_reading *reading = reading_exim_new(candidate, why);
    struct candidate_overlay *overlays = calloc(OVERLAYS_MAX, sizeof(*overlays));
    size_t overlay_count = OVERLAYS_MAX;
    char folder[PATH_MAX];
    char ignored[CANDIDATE_WHY_SIZE];
    bool done = true;

    if (reading == NULL || overlays == NULL) {
        if (reading != NULL) {
            reading_exim_free(reading);
            snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        }
        free(overlays);
        return false;
    }
    candidate_set_reading(candidate, reading);
    const char *lack = reading_exim_lack(reading);
    if (lack != NULL) {
        free(overlays);
        return candidate_lack(candidate, lack);
    }
    snprintf(folder, sizeof(folder), "%s/exim", candidate_scratch(candidate));
    if (candidate_write(candidate, NULL, 0, folder, overlays, &overlay_count, ignored) ==
        INSTANCE_NO_FAULT) {
        done = reading_exim_load(candidate, folder, why);
        if (done && !listeners_exim_read(candidate)) {
            snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
            done = false;
        }
    }
    free(overlays);
    return done;
}

bool exim_named_place(const struct candidate *candidate, const char *words, char *out, size_t size,
                      const char **begin, const char **end)
{
    const char *line = strstr(words, "in line ");
    char *rest;
    char path[PATH_MAX];

    if (line == NULL) {
        return false;
    }
    unsigned long number = strtoul(line + 8, &rest, 10);
    if (strncmp(rest, " of ", 4) != 0) {
        return false;
    }
    size_t length = strcspn(rest + 4, " :");
    snprintf(path, sizeof(path), "%.*s", (int)length, rest + 4);
    *begin = line;
    *end = rest + 4 + length;
    return reading_exim_place(candidate, path, (unsigned int)number, out, size);
}

static void place(struct candidate *candidate, const char *words, char *out, size_t size)
{
    const char *begin;
    const char *end;

    /* Words that were told once name a place as it is shown. */
    if (!exim_named_place(candidate, words, out, size, &begin, &end)) {
        out[0] = '\0';
    }
}

const struct candidate_mta candidate_exim = {
    .name = "exim",
    .read = read_candidate,
    .free = reading_exim_free,
    .value = reading_exim_value,
    .propose = propose_exim,
    .grants = propose_exim_grants,
    .derive = derive_exim,
    .place = place,
    .settle = settle_exim,
};
