/*
 * own_name - whether a server calls itself by a name that no public DNS has
 *
 * RFC 5321 section 4.2 and 4.1.1.1 put the server's domain, or its address literal (section 4.1.3),
 * first in its greeting and in its reply to EHLO. Where it greets other servers so, too, many of
 * them refuse its mail. Pure; any thread. The name is a part of the text that it was found in.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_OWN_NAME_H
#define RELAYWARDEN_PROBE_JUDGE_OWN_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"

enum own_name_fault {
    OWN_NAME_FINE,    /* a public name, or none that is understood */
    OWN_NAME_PRIVATE, /* "localhost", "mx.corp.local" */
    OWN_NAME_SINGLE,  /* "mail": one label alone is no domain of the internet */
    OWN_NAME_OTHER,   /* the literal of an address that is not the server's */
    OWN_NAME_BARE,    /* an address without the brackets that make it a literal */
};

struct own_name {
    enum own_name_fault fault;
    bool in_greeting; /* else in the reply to EHLO */
    const char *text;
    size_t length;
};

/* `greeting` and `ehlo` are the first lines without their codes, "" for what did not come;
 * `address` is the one that was connected to. */
struct own_name own_name_judge(const char *greeting, const char *ehlo,
                               const struct address *address);

#endif
