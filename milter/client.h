/*
 * client - who speaks on a connection, and what the transaction is that it has begun
 *
 * Plain facts, by value: milter/connection.h gathers them, findings and the probe's dialogue read
 * them.
 */
#ifndef RELAYWARDEN_MILTER_CLIENT_H
#define RELAYWARDEN_MILTER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/observation.h"
#include "lib/words.h"

/* A command's argument or HELO name; longer is cut (RFC 5321: 256 octets). */
#define CLIENT_TEXT_SIZE 1024

struct client {
    struct address address;
    uint16_t port; /* 0: unknown */
    char text[ADDRESS_TEXT_SIZE];
    struct address listener;
    uint16_t listener_port;
    char listener_text[ENDPOINT_TEXT_SIZE]; /* "192.0.2.25:25"; "unknown" */
    char mta[OBSERVATION_MTA_SIZE];         /* its name, cut */
    char helo[CLIENT_TEXT_SIZE];
};

struct transaction {
    char sender[CLIENT_TEXT_SIZE]; /* MAIL's argument */
    enum permission permission;
    enum permission declared; /* the same without regard to masks */
    bool masked;              /* strangers hide behind the client's trusted address */
};

#endif
