/*
 * self_signed - a certificate that signs itself, for a server that only we ask
 *
 * For the stage, where the site's own key may be unreadable and is not needed: nobody there checks.
 */
#ifndef RELAYWARDEN_PROBE_NET_SELF_SIGNED_H
#define RELAYWARDEN_PROBE_NET_SELF_SIGNED_H

#include <stdbool.h>

/* Makes a key and its certificate, good for a day, and writes both to `path` as PEM, readable for
 * its owner alone. False with errno. */
bool self_signed_certificate(const char *path);

#endif
