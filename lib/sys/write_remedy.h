/*
 * write_remedy - what to do about a file that cannot be written
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_SYS_WRITE_REMEDY_H
#define RELAYWARDEN_LIB_SYS_WRITE_REMEDY_H

/* `usual`, unless `error` (errno) says that the file system is read-only: so it is for a unit
 * outside of the folders that it names, whoever owns them. */
const char *write_remedy(int error, const char *usual);

#endif
