/*
 * tcp_service - TCP ports as configurations write them: a number, or a name of services(5)
 *
 * Any thread; nothing is kept.
 */
#ifndef RELAYWARDEN_PROBE_NET_TCP_SERVICE_H
#define RELAYWARDEN_PROBE_NET_TCP_SERVICE_H

#include <stdint.h>

#define TCP_SERVICE_SIZE 32

/* 0 where it is neither. */
uint16_t tcp_service_port(const char *text);

/* The name of a port; its number where it has none, or where the name does not fit. */
void tcp_service_name(uint16_t port, char out[TCP_SERVICE_SIZE]);

#endif
