/*
 * mistakes - collects what is wrong with a configuration while it is read
 *
 * Each message gets its place ("FILE:LINE: ") when it is added; conf_messages_publish sorts them by
 * line and hands them to the caller's struct conf_report. One thread at a time.
 */
#ifndef RELAYWARDEN_CONF_MISTAKES_H
#define RELAYWARDEN_CONF_MISTAKES_H

#include <stdbool.h>
#include <stddef.h>

#define CONF_SHOW_SIZE 100 /* of a value in a message */

enum conf_weight {
    CONF_MISTAKE, /* the configuration cannot be used */
    CONF_NOTE,    /* worth knowing */
};

/* Where a message belongs. */
struct conf_place {
    const char *file; /* NULL = the configuration file itself */
    int line;         /* 0 = none can be named */
};

struct conf_message {
    enum conf_weight weight;
    int order; /* line in the configuration file; messages about other files come last */
    size_t sequence;
    char *text;
};

struct conf_messages {
    const char *file; /* the configuration file's path; outlives this struct */
    struct conf_message *entries;
    size_t count;
    size_t mistakes;
    bool out_of_memory; /* a message may be missing: the configuration must not be used */
    bool system_failed; /* see conf.h; out_of_memory implies it */
};

void conf_mistake(struct conf_messages *messages, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void conf_note(struct conf_messages *messages, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A file could not be opened or read, for this reason (errno): whether the system failed. */
void conf_note_failure(struct conf_messages *messages, int error);

/* A mistake in another file that the configuration names. */
void conf_mistake_in(struct conf_messages *messages, struct conf_place place, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* One that another process has composed: as it is. */
void conf_messages_take(struct conf_messages *messages, enum conf_weight weight, int order,
                        const char *composed);

/* The findings of loading. Lines are complete and printable: "FILE:LINE: ...", or "FILE: ..."
 * where no line can be named. Mistakes prevent use; notes do not. */
struct conf_report {
    char **mistakes;
    size_t mistake_count;
    char **notes; /* a user, group or directory that does not exist yet, ... */
    size_t note_count;
    bool system_failed; /* the system was out of memory or descriptors, or its disk failed: the same
                           configuration may be a good one later */
};

void conf_report_free(struct conf_report *report); /* the members, not the struct */

/* Moves all messages, sorted, into `report`; the struct is empty afterwards. */
void conf_messages_publish(struct conf_messages *messages, struct conf_report *report);

/* A value as messages show it: printable, in quotes, cut when long. Returns out. */
const char *conf_show(char out[CONF_SHOW_SIZE], const char *value);

#endif
