/*
 * former_state - takes over the files in which earlier versions kept what is now in the database
 *
 * probe/memory.json (what audits left for the next) and probe/metrics.json (how endpoints stood).
 * All of it goes into the database in one transaction; then the files are renamed, and the locks
 * beside them are removed. After a crash in between it is taken over again, to the same effect. The
 * counts of metrics.json are dropped: counters begin with the program. One thread.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_FORMER_STATE_H
#define RELAYWARDEN_PROBE_AUDIT_FORMER_STATE_H

#define FORMER_STATE_SAYS_SIZE 512

enum former_state {
    FORMER_STATE_NONE,   /* there are no such files */
    FORMER_STATE_TAKEN,  /* and `says` is a line for the operator */
    FORMER_STATE_STANDS, /* it cannot be taken over, and `says` is a sentence with a remedy */
};

enum former_state former_state_take_over(const char *state_directory,
                                         char says[FORMER_STATE_SAYS_SIZE]);

#endif
