/*
 * program - the probe's own name, as its messages and alerts have it
 */
#ifndef RELAYWARDEN_PROBE_MODEL_PROGRAM_H
#define RELAYWARDEN_PROBE_MODEL_PROGRAM_H

#define PROBE_PROGRAM "relaywarden-probe"

/* `schema` in all JSON of the probe: the number of conf/share/schemas. Within one, members are
 * added alone. */
#define PROBE_SCHEMA 1

#endif
