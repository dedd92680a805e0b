/*
 * service_manager - tells systemd, or whoever started us so, how we are
 *
 * The protocol of sd_notify(3): one datagram to the UNIX socket that NOTIFY_SOCKET names. It is
 * stable, documented there, and short, so libsystemd is not linked for it. Any thread; waits for
 * nothing.
 */
#ifndef RELAYWARDEN_LIB_SYS_SERVICE_MANAGER_H
#define RELAYWARDEN_LIB_SYS_SERVICE_MANAGER_H

#include <stdint.h>

/* printf into one message, as in "READY=1"; at most 512 octets. Nobody listens, or the message is
 * lost: nothing happens. */
void service_manager_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Microseconds within which it wants to hear "WATCHDOG=1" from this process, again and again
 * (sd_watchdog_enabled(3)); 0 = it does not. */
uint64_t service_manager_watchdog(void);

#endif
