/*
 * program - the probe's own name, as its messages and alerts have it
 */
#ifndef RELAYWARDEN_PROBE_MODEL_PROGRAM_H
#define RELAYWARDEN_PROBE_MODEL_PROGRAM_H

#define PROBE_PROGRAM "relaywarden-probe"

#endif
