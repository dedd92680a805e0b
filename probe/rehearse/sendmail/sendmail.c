/* The row of candidate_mta.h for Sendmail: what its parts make together. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/candidate_mta.h"
#include "probe/rehearse/sendmail/derive.h"
#include "probe/rehearse/sendmail/listeners.h"
#include "probe/rehearse/sendmail/propose.h"
#include "probe/rehearse/sendmail/reading.h"
#include "probe/rehearse/sendmail/settle.h"

#define OVERLAYS_MAX 64

/* That m4 does not make a sendmail.cf, or Sendmail does not take it, is told when it does not
 * start.
 */
static bool read_candidate(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE])
{
    struct sendmail_reading *reading = reading_sendmail_new(candidate, why);
    struct candidate_overlay *overlays = calloc(OVERLAYS_MAX, sizeof(*overlays));
    size_t overlay_count = OVERLAYS_MAX;
    char folder[PATH_MAX];
    char ignored[CANDIDATE_WHY_SIZE];
    bool done = true;

    if (reading == NULL || overlays == NULL) {
        if (reading != NULL) {
            reading_sendmail_free(reading);
            snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        }
        free(overlays);
        return false;
    }
    candidate_set_reading(candidate, reading);
    if (!reading_sendmail_has_programs(candidate)) {
        free(overlays);
        return true;
    }
    snprintf(folder, sizeof(folder), "%s/sendmail", candidate_scratch(candidate));
    if (candidate_write(candidate, NULL, 0, folder, overlays, &overlay_count, ignored) ==
        INSTANCE_NO_FAULT) {
        done = reading_sendmail_load(candidate, folder) && listeners_sendmail_read(candidate);
        if (!done) {
            snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        }
    }
    free(overlays);
    return done;
}

/* The number behind a path in words: "PATH:12:", "PATH: line 12:"; 0: there is none. */
static unsigned long number_behind(const char *words, const char *path)
{
    const char *found = strstr(words, path);

    if (found == NULL) {
        return 0;
    }
    found += strlen(path);
    found += strspn(found, ": ");
    found += strncmp(found, "line ", 5) == 0 ? 5 : 0;
    return strtoul(found, NULL, 10);
}

/* Where sendmail.mc has the same line as the sendmail.cf that was made of it; 0: nowhere. */
static unsigned long line_of_mc(const struct candidate *candidate, unsigned long number)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    const char *at = reading->text;
    unsigned long line = 1;

    for (; at != NULL && number > 1; number--) {
        at = strchr(at, '\n');
        at += at != NULL;
    }
    size_t length = at != NULL ? strcspn(at, "\n") : 0;
    for (const char *mc = candidate_file(candidate, reading->main)->text;
         length > 0 && mc != NULL && *mc != '\0'; line++) {
        if (strcspn(mc, "\n") == length && strncmp(mc, at, length) == 0) {
            return line;
        }
        mc = strchr(mc, '\n');
        mc += mc != NULL;
    }
    return 0;
}

/* m4 says "m4:/etc/mail/sendmail.mc:12: ...", Sendmail "/etc/mail/sendmail.cf: line 12: ...". */
static void place(struct candidate *candidate, const char *words, char *out, size_t size)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    const char *path = candidate_file(candidate, reading->main)->path;
    unsigned long number = number_behind(words, path);

    if (number == 0 && reading->is_made) {
        number = number_behind(words, "/" READING_CF);
        number = number > 0 ? line_of_mc(candidate, number) : 0;
    }
    out[0] = '\0';
    if (number > 0) {
        snprintf(out, size, "%s:%lu", path, number);
    }
}

const struct candidate_mta candidate_sendmail = {
    .name = "sendmail",
    .read = read_candidate,
    .free = reading_sendmail_free,
    .value = reading_sendmail_value,
    .propose = propose_sendmail,
    .grants = propose_sendmail_grants,
    .derive = derive_sendmail,
    .place = place,
    .settle = settle_sendmail,
};
