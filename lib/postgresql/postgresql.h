/*
 * postgresql - a PostgreSQL server that many machines share (option `database`)
 *
 * libpq is in a module of its own, relaywarden-postgresql.so, which is loaded when a handle is
 * opened for the first time: who has no `database` needs neither. The module is looked for beside
 * the program, then in PREFIX/lib/relaywarden. One beside the program that others may change is
 * refused.
 *
 * A handle is one connection. A question is one statement with parameters: texts, which never
 * become SQL. Nothing waits longer than it is told to: libpq is driven without blocking, but for
 * the look-up of a server's name. Several hosts in one `place` share that time; those of a service
 * do not: there the first that is silent costs all of it. Nothing is kept in the session, so that a
 * pooler in transaction mode may stand between; what needs a transaction of several statements
 * begins and ends it itself.
 *
 * One thread at a time for a handle. Results that a call hands out live during the call.
 */
#ifndef RELAYWARDEN_LIB_POSTGRESQL_POSTGRESQL_H
#define RELAYWARDEN_LIB_POSTGRESQL_POSTGRESQL_H

#include <stdbool.h>
#include <stddef.h>

#define POSTGRESQL_WHY_SIZE 640
#define POSTGRESQL_OLDEST   13 /* the server's version */

enum postgresql_fault {
    POSTGRESQL_FINE,
    POSTGRESQL_MODULE,    /* missing, or of another version of relaywarden */
    POSTGRESQL_PLACE,     /* `database` is not understood, or names a service that is not known */
    POSTGRESQL_REFUSED,   /* password, role, database: it will not work later either */
    POSTGRESQL_OLD,       /* the server is older than POSTGRESQL_OLDEST */
    POSTGRESQL_ABSENT,    /* does not answer, or not any more: it may work later */
    POSTGRESQL_CONFLICT,  /* another transaction was in the way: the same may work at once */
    POSTGRESQL_FORBIDDEN, /* the role may not do that */
    POSTGRESQL_UNKNOWN,   /* a table, function or schema is not there */
    POSTGRESQL_STATEMENT, /* it failed for another reason */
    POSTGRESQL_MEMORY,
};

/* The error: one sentence with a remedy, printable. */
struct postgresql_trouble {
    enum postgresql_fault fault;
    char why[POSTGRESQL_WHY_SIZE];
};

struct postgresql;

/* `place` is the option's value: postgresql://... or service=NAME. NULL and the trouble. */
struct postgresql *postgresql_open(const char *place, int wait_ms,
                                   struct postgresql_trouble *trouble);
void postgresql_close(struct postgresql *server); /* NULL is nothing */

struct postgresql_question {
    const char *sql;           /* one statement, or with no values several */
    const char *const *values; /* of $1, $2, ...; NULL in it is SQL's */
    size_t count;
    int wait_ms;
};

/* Columns as text; NULL is SQL's. Returns false to end, and then so does postgresql_ask. */
typedef bool (*postgresql_row)(const char *const *columns, size_t count, void *user);

/* Asks, and hands each row to `read`, which may be NULL. After POSTGRESQL_ABSENT the handle is of
 * no more use, and nobody knows whether the statement had its effect. */
bool postgresql_ask(struct postgresql *server, const struct postgresql_question *question,
                    postgresql_row read, void *user, struct postgresql_trouble *trouble);

/* Whether trying again later without a change by the operator can help. */
bool postgresql_may_pass(enum postgresql_fault fault);

/* ---- for module/ ---- */

#define POSTGRESQL_MODULE_FILE   "relaywarden-postgresql.so"
#define POSTGRESQL_MODULE_SYMBOL "relaywarden_postgresql"

/* The table of functions that the module gives; they are the ones above, for a connection. The
 * programs refuse a module of another version than their own. */
struct postgresql_module {
    const char *version; /* RELAYWARDEN_VERSION */
    void *(*open)(const char *place, int wait_ms, struct postgresql_trouble *trouble);
    void (*close)(void *link);
    bool (*ask)(void *link, const struct postgresql_question *question, postgresql_row read,
                void *user, struct postgresql_trouble *trouble);
};

#endif
