/*
 * finding - one thing worth telling the operator: kind, severity, subject, evidence
 *
 * A finding is one flat struct without pointers to anything but static strings: copying it is an
 * assignment, and any thread may own it. Field values are made printable (printable.h) and bounded
 * when they are added, so no later step needs to distrust them. All of a finding's text lives in
 * its arena.
 *
 * Fields keep the order in which they were added; that is their order in the syslog line. A field
 * is part of the subject (what the incident is about, its identity), of the evidence (what was
 * seen), or both.
 *
 * Kinds, severities and when they are raised: DESIGN "Findings", relaywarden-milter(8).
 */
#ifndef RELAYWARDEN_LIB_FINDING_H
#define RELAYWARDEN_LIB_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/remedy.h"
#include "lib/words.h"

#define FINDING_FIELDS   24
#define FINDING_ARENA    3072
#define FINDING_WHY_SIZE 512
#define FINDING_KEY_SIZE 256
#define FINDING_VALUE_MAX                                                                          \
    520 /* octets of one value after escaping; longer is cut and shows "..." */

enum field_place {
    FIELD_SUBJECT = 1,  /* shown in the JSON subject */
    FIELD_EVIDENCE = 2, /* shown in the JSON evidence */
    FIELD_LOGGED = 4,   /* shown in the syslog line */
    FIELD_QUOTED =
        8, /* the syslog line always quotes it (free text); others only when they must be */
};

struct finding_field {
    const char *name; /* static */
    uint16_t value;   /* offset into the arena */
    uint16_t places;  /* enum field_place, or-ed */
};

struct finding {
    enum finding_kind kind;
    enum severity severity;
    uint64_t count; /* how many events this stands for; 1 when new */
    /* The incident's subject, unique together with the kind. For the milter "LISTENER NETWORK",
     * for the probe "ENDPOINT CAUSE". `fold` is the part within which subjects are counted (the
     * listener, the endpoint): past 16 open ones they become "any". Both empty: one incident of
     * this kind a program. */
    char key[FINDING_KEY_SIZE];
    char fold[FINDING_KEY_SIZE];
    char why[FINDING_WHY_SIZE]; /* one sentence */
    struct remedies fix;        /* may be none */
    struct finding_field field[FINDING_FIELDS];
    size_t fields;
    size_t arena_used;
    char arena[FINDING_ARENA];
};

/* An empty finding of this kind with its usual severity (the first that DESIGN's table names),
 * count 1. */
void finding_init(struct finding *finding, enum finding_kind kind);

/* Adds one field; `name` must be static, `value` is escaped here (NULL: empty). When fields or
 * arena are used up the field is left out and false returned. */
bool finding_add(struct finding *finding, const char *name, unsigned int places, const char *value);

/* The same for a value that a finding had before, as finding_get gives it: nothing is escaped.
 * False also if it holds what printable.h would have escaped. */
bool finding_add_shown(struct finding *finding, const char *name, unsigned int places,
                       const char *value);

/* Its value, or NULL. Belongs to the finding. */
const char *finding_get(const struct finding *finding, const char *name);

/* printf into `why`, or into `fix` as its only remedy, which is for every mail server; text from
 * the network must be printable already. Cut at the size, on a character's boundary. */
void finding_why(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void finding_fix(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* `fold` and `rest` become the key "fold rest". */
void finding_subject(struct finding *finding, const char *fold, const char *rest);

/* The usual severity of a kind. */
enum severity finding_kind_severity(enum finding_kind kind);

#endif
