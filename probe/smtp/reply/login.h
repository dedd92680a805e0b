/*
 * login - whether a clause says that who wants to send must say who he is
 *
 * By AUTH (RFC 4954), by fetching mail first (POP before SMTP), or at a port for submission. A
 * clause on the authentication of a message, on a web page to log in at, or on a limit for those
 * without asks for none. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_LOGIN_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_LOGIN_H

#include <stdbool.h>

#include "probe/smtp/reply/clause.h"

bool login_asks(const struct clause *clause);

/* Whether it names the port or the service for submission. */
bool login_asks_for_submission(const struct clause *clause);

#endif
