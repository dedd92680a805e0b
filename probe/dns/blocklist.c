#include "probe/dns/blocklist.h"

/* The worst of an entry's answers. */
static struct blocklist_reading read_entry(const char *zone, const struct posture_entry *entry)
{
    struct blocklist_reading reading = {.state = BLOCKLIST_ANSWERS, .worst = DNSBL_NOTHING};

    for (size_t i = 0; i < entry->answer_count; i++) {
        struct dnsbl_reading one = dnsbl_read(zone, &entry->answers[i]);
        if (one.meaning > reading.worst || reading.answer == NULL) {
            reading.worst = one.meaning;
            reading.answer = &entry->answers[i];
            reading.text = one.text;
        }
    }
    if (reading.worst == DNSBL_ERROR) {
        reading.state = BLOCKLIST_REFUSES;
    }
    return reading;
}

static struct blocklist_reading broken(const struct posture_entry *entry, const char *text)
{
    return (struct blocklist_reading){
        .state = BLOCKLIST_BROKEN,
        .answer = entry->answer_count > 0 ? &entry->answers[0] : NULL,
        .text = text,
    };
}

/* Whether the list shows itself to be one; then the state is BLOCKLIST_ANSWERS. */
static struct blocklist_reading read_tests(const struct posture_listing *listing)
{
    const struct posture_tests *tests = listing->tests;
    struct blocklist_reading sound = {.state = BLOCKLIST_ANSWERS};

    if (tests->unlisted.state == POSTURE_HAD) {
        struct blocklist_reading reading = read_entry(listing->zone, &tests->unlisted);
        return reading.state == BLOCKLIST_REFUSES
                   ? reading
                   : broken(&listing->entry,
                            "it lists 127.0.0.1, too, so it lists everything (RFC 5782 section 5)");
    }
    if (tests->listed.state == POSTURE_HAD) {
        struct blocklist_reading reading = read_entry(listing->zone, &tests->listed);
        return reading.state == BLOCKLIST_REFUSES ? reading : sound;
    }
    if (tests->listed.state == POSTURE_NONE) {
        /* Most lists are of IPv4 addresses alone. They have nothing that is IPv6. */
        bool other_family = tests != listing->tests_v4 &&
                            listing->tests_v4->listed.state == POSTURE_HAD &&
                            listing->entry.state == POSTURE_NONE;
        return other_family ? sound
                            : broken(&listing->entry, "it has no test entry for 127.0.0.2, so it "
                                                      "has ended or is no list (RFC 5782 "
                                                      "section 5)");
    }
    return (struct blocklist_reading){.state = BLOCKLIST_SILENT};
}

static bool is_pending(const struct posture_listing *listing)
{
    const struct posture_entry *entries[] = {&listing->entry, &listing->tests->listed,
                                             &listing->tests->unlisted, &listing->tests_v4->listed};

    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        if (entries[i]->state == POSTURE_PENDING) {
            return true;
        }
    }
    return false;
}

struct blocklist_reading blocklist_read(const struct posture_listing *listing)
{
    if (is_pending(listing)) {
        return (struct blocklist_reading){.state = BLOCKLIST_PENDING};
    }
    if (dnsbl_is_of_names(listing->zone)) {
        struct posture_entry none = {.state = POSTURE_NONE};
        struct blocklist_reading reading =
            broken(&none, "it lists domain names, not addresses, and says nothing about a server");
        reading.answer = listing->entry.answer_count > 0 ? &listing->entry.answers[0] : NULL;
        return reading;
    }
    if (listing->entry.state == POSTURE_FAILED) {
        return (struct blocklist_reading){.state = BLOCKLIST_SILENT};
    }
    struct blocklist_reading tests = read_tests(listing);
    if (tests.state != BLOCKLIST_ANSWERS) {
        return tests;
    }
    if (listing->entry.state == POSTURE_NONE) {
        return (struct blocklist_reading){.state = BLOCKLIST_CLEAR};
    }
    /* A list of everything is the one that would be believed wrongly. */
    return listing->tests->unlisted.state == POSTURE_NONE
               ? read_entry(listing->zone, &listing->entry)
               : (struct blocklist_reading){.state = BLOCKLIST_SILENT};
}

bool blocklist_is_learnt(const struct posture_listing *listing)
{
    enum blocklist_state state = blocklist_read(listing).state;

    return state >= BLOCKLIST_BROKEN;
}
