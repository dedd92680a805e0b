#include "conf/unknown.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_OCTETS 40
#define ALLOWED_SIZE    512
#define CLOSE_ENOUGH    2u

static unsigned int least(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

unsigned int conf_distance(const char *a, const char *b)
{
    /* Row i, column j: the distance of the first i octets of a and the first j of b. */
    unsigned int rows[NAME_MAX_OCTETS + 1][NAME_MAX_OCTETS + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);

    if (a_length > NAME_MAX_OCTETS || b_length > NAME_MAX_OCTETS) {
        return CONF_FAR;
    }
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned int)(i + j);
                continue;
            }
            unsigned int change = a[i - 1] != b[j - 1];
            rows[i][j] =
                least(rows[i - 1][j - 1] + change, least(rows[i - 1][j] + 1, rows[i][j - 1] + 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
            }
        }
    }
    return rows[a_length][b_length];
}

/* The words that may stand in a section: its options, then the sections within it. NULL behind the
 * last. */
static const char *allowed_name(enum conf_section section, size_t index)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        if (conf_options[i].section == section && index-- == 0) {
            return conf_options[i].name;
        }
    }
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (conf_sections[i].parent == section && index-- == 0) {
            return conf_sections[i].name;
        }
    }
    return NULL;
}

static const char *closest(enum conf_section section, const char *name)
{
    const char *best = NULL;
    unsigned int best_distance = CLOSE_ENOUGH + 1;
    const char *candidate;

    for (size_t i = 0; (candidate = allowed_name(section, i)) != NULL; i++) {
        unsigned int distance = conf_distance(name, candidate);
        if (distance < best_distance && distance < strlen(candidate)) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

/* The section that has an option or a section of exactly this name; SECTION_COUNT if none has. */
static enum conf_section home_of(const char *name)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        const char *candidate;
        for (size_t j = 0; (candidate = allowed_name((enum conf_section)i, j)) != NULL; j++) {
            if (strcmp(candidate, name) == 0) {
                return (enum conf_section)i;
            }
        }
    }
    return SECTION_COUNT;
}

static void hint(char *out, size_t size, enum conf_section section, const char *name)
{
    enum conf_section home = home_of(name);
    const char *meant = closest(section, name);

    if (home == SECTION_ROOT) {
        snprintf(out, size, "; it belongs outside of all sections. Allowed");
    } else if (home != SECTION_COUNT) {
        snprintf(out, size, "; it belongs in section \"%s\". Allowed", conf_sections[home].name);
    } else if (meant != NULL) {
        snprintf(out, size, "; did you mean \"%s\"? Allowed", meant);
    } else {
        snprintf(out, size, "; allowed");
    }
}

void conf_report_unknown(struct conf_messages *messages, int line, enum conf_section section,
                         const char *name)
{
    char shown[CONF_SHOW_SIZE];
    char hinted[CONF_SHOW_SIZE];
    char allowed[ALLOWED_SIZE] = "";
    const char *candidate;
    size_t used = 0;

    for (size_t i = 0; (candidate = allowed_name(section, i)) != NULL; i++) {
        if (used + strlen(candidate) + 3 > sizeof(allowed)) {
            break;
        }
        used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s", i > 0 ? ", " : "",
                                 candidate);
    }
    hint(hinted, sizeof(hinted), section, name);
    if (section == SECTION_ROOT) {
        conf_mistake(messages, line, "unknown option %s outside of all sections%s here: %s",
                     conf_show(shown, name), hinted, allowed);
    } else {
        conf_mistake(messages, line, "unknown option %s in section \"%s\"%s here: %s",
                     conf_show(shown, name), conf_sections[section].name, hinted, allowed);
    }
}
