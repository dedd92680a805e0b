/*
 * sink_place - where a test has one sink, and who reads what it writes
 *
 * Each fails the running test when it cannot do its work.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_SINK_PLACE_H
#define RELAYWARDEN_TESTS_UNIT_SINK_PLACE_H

#include "lib/alert/sink/sink.h"

struct sink_place {
    char *folder;
    char path[256];    /* in it: a socket, or a file */
    int daemon;        /* a datagram socket bound there; -1: none */
    struct sink *sink; /* the test's to make; NULL: none */
    char error[SINK_ERROR_SIZE];
};

/* With a daemon, or not. sink_place_free also frees the sink. */
struct sink_place *sink_place_new(bool daemon);
void sink_place_free(struct sink_place *place);

/* A cmocka teardown for a state that is one. */
int sink_place_tear_down(void **state);

#endif
