/*
 * mc - the statements of a sendmail.mc: calls of macros at the beginning of a line
 *
 * "FEATURE(`relay_mail_from', `domain')dnl": m4 quotes with ` and ', which nest; what stands behind
 * dnl on a line is a comment. Nothing is expanded: m4 is asked for what it makes.
 *
 * Pure; one thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_MC_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_MC_H

#include <stdbool.h>
#include <stddef.h>

#define MC_NAME_SIZE 64

struct mc_statement {
    size_t begin; /* octets of the file */
    size_t end;   /* behind its bracket */
    char name[MC_NAME_SIZE];
    char first[MC_NAME_SIZE]; /* its first argument without quotes, cut off if it is longer */
    size_t arguments;         /* between the brackets */
    size_t arguments_end;
};

/* The next one from `*at` on, which is moved behind it; false: there is none. */
bool mc_next(const char *text, size_t length, size_t *at, struct mc_statement *out);

#endif
