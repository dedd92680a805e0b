/*
 * conf_try - loads a configuration out of a folder of its own, for tests
 *
 * The folder has, beside the configuration: `key` (40 octets, 0640), `domains` (two domains),
 * `targets` (one target), `run` (an executable). In texts "@/" stands for the folder's path with a
 * slash.
 */
#ifndef RELAYWARDEN_TESTS_CONF_TRY_H
#define RELAYWARDEN_TESTS_CONF_TRY_H

#include <stddef.h>
#include <sys/types.h>

#include "conf/conf.h"

#define CONF_TRY_PATH 256

struct conf_try {
    char folder[CONF_TRY_PATH];
    char path[CONF_TRY_PATH]; /* of the configuration */
    struct conf *conf;
    struct conf_report report;
};

void conf_try_begin(struct conf_try *attempt);
/* Writes `text` (with "@/" replaced) as the configuration and loads it; frees what was loaded
 * before. */
void conf_try_load(struct conf_try *attempt, const char *text, enum conf_program program);
/* The same with bytes that may hold NUL, as they are. */
void conf_try_load_bytes(struct conf_try *attempt, const char *bytes, size_t length,
                         enum conf_program program);
/* Loads the file as it is. */
void conf_try_again(struct conf_try *attempt, enum conf_program program);
/* Writes another file into the folder. */
void conf_try_write(const struct conf_try *attempt, const char *name, const char *text,
                    mode_t mode);
void conf_try_end(struct conf_try *attempt);

/* A message of this place ("PATH:LINE: "; line 0: "PATH: ") that contains `part`; fails the test,
 * showing what was said, if there is none. */
void conf_try_expect_mistake(const struct conf_try *attempt, int line, const char *part);
void conf_try_expect_note(const struct conf_try *attempt, int line, const char *part);
/* In another file of the folder. */
void conf_try_expect_mistake_in(const struct conf_try *attempt, const char *name, int line,
                                const char *part);
/* As many mistakes, and so loaded or not. */
void conf_try_expect_count(const struct conf_try *attempt, size_t mistakes);
/* Fails if any note contains `part`. */
void conf_try_refuse_note(const struct conf_try *attempt, const char *part);

#endif
