/*
 * mta_way - whether Postfix, as it is set, finds the filter's socket
 *
 * An absolute path in smtpd_milters means one file to an smtpd in a chroot and another to one
 * without. Under the wrong one mail flows, and the filter sees none of it: Postfix logs a warning,
 * and default_action=accept does the rest. Asks postconf(1) for smtpd_milters (main.cf's, and -o of
 * master.cf), queue_directory and the chroot field of each smtpd; master(5), MILTER_README.
 *
 * Runs another program, within MTA_WAY_MS altogether; any thread, no mail waits. The judgement by
 * itself is pure but for symbolic links, which it follows.
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_MTA_WAY_H
#define RELAYWARDEN_MILTER_DISCOVER_MTA_WAY_H

#include <stdbool.h>
#include <stddef.h>

#define MTA_WAY_MS   3000
#define MTA_WAY_SIZE 2048 /* of a sentence */

enum mta_way {
    MTA_WAY_UNKNOWN, /* no postconf, or it failed, or no smtpd has a filter that could be this */
    MTA_WAY_RIGHT,   /* each smtpd that names this socket finds it */
    MTA_WAY_WRONG,   /* one names it so that it is another file there */
};

/* `socket` as configured: "unix:PATH" or "inet:PORT@HOST". WRONG: the sentence says which service
 * and what to write instead; else it is "". */
enum mta_way mta_way_ask(const char *socket, char sentence[MTA_WAY_SIZE]);

/* What postconf says: all of it, NUL-terminated. */
struct mta_way_facts {
    const char *milters;         /* postconf -xh smtpd_milters */
    const char *overrides;       /* postconf -xP: SERVICE/TYPE/PARAMETER = VALUE, each on a line */
    const char *services;        /* postconf -M: a line each */
    const char *queue_directory; /* postconf -xh queue_directory */
    bool chroot_is_usual;        /* what "-" stands for: with a compatibility_level below 1 */
};

enum mta_way mta_way_judge(const struct mta_way_facts *facts, const char *socket,
                           char sentence[MTA_WAY_SIZE]);

/* Whether it is worth a word that no client was announced in this time since the start. */
bool mta_way_silent_long(long seconds, unsigned long long connections);

#endif
