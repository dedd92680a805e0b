/*
 * liar - a DNS server on loopback, UDP and TCP, that answers as a test says
 */
#ifndef RELAYWARDEN_TESTS_LIAR_H
#define RELAYWARDEN_TESTS_LIAR_H

#include <stdbool.h>
#include <stdint.h>

enum liar_way {
    LIAR_ANSWERS,
    LIAR_SILENT,
    LIAR_TRUNCATED, /* over UDP an empty truncated answer, over TCP the whole */
    LIAR_GARBAGE,   /* a header and then noise */
};

/* The answer to one question; the first row that fits counts. Names that are in no row do not
 * exist. */
struct liar_row {
    const char *name;
    const char *type; /* "MX", "A", "AAAA", "PTR", "TXT" */
    enum liar_way way;
    int rcode;
    /* One a line: "MX 10 mx.example.org", "A 192.0.2.1", "AAAA 2001:db8::1", "CNAME
     * other.example.org", "PTR mx.example.org", "TXT one|record"; the root is
     * "."; a CNAME renames the records after it. */
    const char *records;
};

struct liar;

/* The rows end with one whose name is NULL and live as long as the liar. */
struct liar *liar_start(const struct liar_row *rows);
uint16_t liar_port(const struct liar *liar);
void liar_stop(struct liar *liar);

#endif
