/*
 * remedy - what to do about a file that cannot be written
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_SYS_REMEDY_H
#define RELAYWARDEN_LIB_SYS_REMEDY_H

/* `usual`, unless `error` (errno) says that the file system is read-only: so it is for a unit
 * outside of the folders that it names, whoever owns them. */
const char *remedy_of(int error, const char *usual);

#endif
