/*
 * module - libpq, driven without blocking: all of relaywarden-postgresql.so
 *
 * It is linked alone and calls nothing of the programs but what is handed to it, so that it can be
 * loaded into either. postgresql.h says what the functions do.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/postgresql/postgresql.h"

extern const struct postgresql_module relaywarden_postgresql __attribute__((visibility("default")));

#define COLUMNS_MAX 32

/* ---- what went wrong ------------------------------------------------------------------------- */

/* One line, printable ASCII: a server's words are a stranger's until it is known who it is. */
static void put_words(char *out, size_t size, const char *words)
{
    size_t used = 0;

    for (const char *at = words; *at != '\0' && used + 1 < size; at++) {
        const unsigned char octet = (unsigned char)*at;

        if (octet == '\n' && (at[1] == '\0' || used == 0)) {
            continue;
        }
        out[used++] = octet >= ' ' && octet < 0x7f ? *at : octet == '\n' ? ' ' : '?';
    }
    out[used] = '\0';
}

static void tell(struct postgresql_trouble *trouble, enum postgresql_fault fault, const char *words,
                 const char *remedy)
{
    char shown[400];

    put_words(shown, sizeof(shown), words);
    trouble->fault = fault;
    snprintf(trouble->why, sizeof(trouble->why), "database: %s%s%s", shown,
             remedy[0] != '\0' ? "; " : "", remedy);
}

/* The meaning of a SQLSTATE to us. The first row that fits; an asterisk stands for any end. */
static const struct meaning {
    const char *state;
    enum postgresql_fault fault;
    const char *remedy;
} meanings[] = {
    {"28*", POSTGRESQL_REFUSED,
     "name a role that may log in, and put its password into ~/.pgpass of this program's user, or "
     "where passfile= says"},
    {"3D000", POSTGRESQL_REFUSED, "create the database, or name another"},
    {"42501", POSTGRESQL_FORBIDDEN,
     "grant the role what it lacks (GRANT relaywarden_worker TO ROLE), or have fleet migrate run "
     "by the owner of the database"},
    {"3F000", POSTGRESQL_UNKNOWN, "run relaywarden-probe fleet migrate as the database's owner"},
    {"42P01", POSTGRESQL_UNKNOWN, "run relaywarden-probe fleet migrate as the database's owner"},
    {"42883", POSTGRESQL_UNKNOWN, "run relaywarden-probe fleet migrate as the database's owner"},
    {"40001", POSTGRESQL_CONFLICT, ""},
    {"40P01", POSTGRESQL_CONFLICT, ""},
    {"55P03", POSTGRESQL_CONFLICT, ""},
    {"53*", POSTGRESQL_ABSENT, "it is tried again"},
    {"57P*", POSTGRESQL_ABSENT, "it is tried again"},
    {"57014", POSTGRESQL_ABSENT, "it is tried again"},
    {"58*", POSTGRESQL_ABSENT, "it is tried again"},
    {"08*", POSTGRESQL_ABSENT, "it is tried again"},
    {"25006", POSTGRESQL_ABSENT, "a replica answers; name the primary server"},
};

static const struct meaning *meaning_of(const char *state)
{
    for (size_t i = 0; state != NULL && i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        size_t length = strcspn(meanings[i].state, "*");

        if (strncmp(meanings[i].state, state, length) == 0) {
            return &meanings[i];
        }
    }
    return NULL;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: the time is over. */
static bool wait_for(const PGconn *link, short events, int64_t until)
{
    struct pollfd place = {.fd = PQsocket(link), .events = events};

    for (;;) {
        int64_t left = until - now_ms();
        int ready = left <= 0 ? 0 : poll(&place, 1, left > INT32_MAX ? INT32_MAX : (int)left);

        if (ready != -1 || errno != EINTR) {
            return ready > 0;
        }
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

/* libpq keeps no SQLSTATE of a connection that did not come about, but writes it into a verbose
 * message: "FATAL:  28P01: password authentication failed ...\nLOCATION:  ...". The words before it
 * are in the server's language. NULL: there is none. */
static const char *state_in(const char *said, char state[6], char *words, size_t size)
{
    for (const char *at = strstr(said, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *code = at + 3;

        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && code[5] == ':') {
            memcpy(state, code, 5);
            state[5] = '\0';
            code += 6 + strspn(code + 6, " ");
            snprintf(words, size, "%.*s", (int)strcspn(code, "\n"), code);
            return state;
        }
    }
    return NULL;
}

static bool says_one_of(const char *said, const char *const *words)
{
    while (*words != NULL && strstr(said, *words) == NULL) {
        words++;
    }
    return *words != NULL;
}

/* pgbouncer says 08P01 of whatever it does not like; a missing password is libpq's own finding. */
static void tell_no_link(const PGconn *link, struct postgresql_trouble *trouble)
{
    static const char *const refusals[] = {"no such user", "no such database",
                                           "authentication failed", "no password supplied", NULL};
    static const char *const places[] = {"definition of service",
                                         "service file",
                                         "invalid connection option",
                                         "invalid URI",
                                         "missing \"=\"",
                                         "invalid port",
                                         NULL};
    char state[6];
    char words[400];
    const char *said = PQerrorMessage(link);
    const struct meaning *meaning = meaning_of(state_in(said, state, words, sizeof(words)));

    if (meaning == NULL || strcmp(state, "08P01") == 0) {
        snprintf(words, sizeof(words), "%s", said);
        meaning = says_one_of(said, refusals) ? meaning_of("28000") : NULL;
    }
    if (meaning != NULL) {
        tell(trouble, meaning->fault, words, meaning->remedy);
    } else if (says_one_of(said, places)) {
        tell(trouble, POSTGRESQL_PLACE, said,
             "write postgresql://HOST/DATABASE, or a service of pg_service.conf");
    } else {
        tell(trouble, POSTGRESQL_ABSENT, said, "start the server, or mend the way to it");
    }
}

/* The handshake. False, and told. */
static bool establish(PGconn *link, int64_t until, struct postgresql_trouble *trouble)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK) {
        if (status == PGRES_POLLING_FAILED) {
            tell_no_link(link, trouble);
            return false;
        }
        if (!wait_for(link, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until)) {
            tell(trouble, POSTGRESQL_ABSENT, "the server does not answer",
                 "start it, or mend the way to it");
            return false;
        }
        status = PQconnectPoll(link);
    }
    return true;
}

/* libpq would write it to standard error, as the server worded it. */
static void ignore_notice(void *user, const PGresult *notice)
{
    (void)user;
    (void)notice;
}

static PGconn *open_one(const char *const *names, const char *const *values, int64_t until,
                        struct postgresql_trouble *trouble)
{
    PGconn *link = PQconnectStartParams(names, values, 1);

    if (link == NULL) {
        tell(trouble, POSTGRESQL_MEMORY, "out of memory", "");
        return NULL;
    }
    (void)PQsetNoticeReceiver(link, ignore_notice, NULL);
    (void)PQsetErrorVerbosity(link, PQERRORS_VERBOSE);
    if (PQstatus(link) == CONNECTION_BAD) {
        tell_no_link(link, trouble);
    } else if (establish(link, until, trouble)) {
        const int version = PQserverVersion(link) / 10000;

        if (version < POSTGRESQL_OLDEST) {
            char words[80];
            snprintf(words, sizeof(words), "the server is PostgreSQL %d", version);
            tell(trouble, POSTGRESQL_OLD, words,
                 "13 or newer is needed; upgrade it, or name another");
        } else if (PQsetnonblocking(link, 1) != 0) {
            tell(trouble, POSTGRESQL_ABSENT, PQerrorMessage(link), "it is tried again");
        } else {
            return link;
        }
    }
    PQfinish(link);
    return NULL;
}

/* ---- one of several hosts ---- */

#define PARTS_MAX 16
#define PART_SIZE 300

/* The parts of "a,b"; how many. More are not looked at. */
static size_t split(const char *list, char parts[PARTS_MAX][PART_SIZE])
{
    size_t count = 0;

    for (const char *at = list; count < PARTS_MAX; at++) {
        const size_t length = strcspn(at, ",");

        snprintf(parts[count++], PART_SIZE, "%.*s", (int)length, at);
        at += length;
        if (*at == '\0') {
            break;
        }
    }
    return count;
}

static const PQconninfoOption *option_of(const PQconninfoOption *options, const char *keyword)
{
    while (options->keyword != NULL && strcmp(options->keyword, keyword) != 0) {
        options++;
    }
    return options;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    const char *value = option_of(options, keyword)->val;

    return value != NULL ? value : "";
}

struct hosts {
    char names[PARTS_MAX][PART_SIZE];
    char ports[PARTS_MAX][PART_SIZE]; /* "": none is named for any host */
    size_t count;
};

/* False: libpq has to choose among them by itself, or says what is wrong with them. A part that is
 * empty is not passed as such: libpq would take the whole list for it. An empty port in a list
 * stands for the one that libpq was built with. */
static bool read_hosts(const PQconninfoOption *options, struct hosts *out)
{
    const char *port = option_of(options, "port")->compiled;
    const size_t ports = split(value_of(options, "port"), out->ports);
    bool is_whole = true;

    out->count = split(value_of(options, "host"), out->names);
    for (size_t i = 0; i < out->count; i++) {
        is_whole = is_whole && out->names[i][0] != '\0';
        if (ports == 1) {
            memmove(out->ports[i], out->ports[0], PART_SIZE);
        } else if (out->ports[i][0] == '\0') {
            snprintf(out->ports[i], PART_SIZE, "%s", port != NULL ? port : "5432");
        }
    }
    return is_whole && out->count > 1 && (ports == 1 || ports == out->count) &&
           value_of(options, "hostaddr")[0] == '\0' &&
           strcmp(value_of(options, "target_session_attrs"), "prefer-standby") != 0;
}

/* libpq, driven without blocking, leaves a host only when that refuses: one that is silent would
 * use up the time of all. So each is opened by itself, and has its part of what is left. */
static PGconn *open_each(const struct hosts *hosts, const char *place, int64_t until,
                         struct postgresql_trouble *trouble)
{
    PGconn *link = NULL;

    for (size_t i = 0; i < hosts->count && link == NULL; i++) {
        const int64_t part = (until - now_ms()) / (int64_t)(hosts->count - i);
        const char *const names[] = {
            "dbname", "host", "port", "client_encoding", "fallback_application_name", NULL};
        const char *const values[] = {place,  hosts->names[i], hosts->ports[i],
                                      "UTF8", "relaywarden",   NULL};

        link = open_one(names, values, now_ms() + part, trouble);
        if (trouble->fault != POSTGRESQL_ABSENT) {
            break;
        }
    }
    return link;
}

/* The options that libpq reads from the place. Where that names no host, a service file or the
 * environment may: libpq tells so of a connection alone, which is begun for that, and given up.
 * NULL: open_one says why. */
static PQconninfoOption *read_place(const char *const *names, const char *const *values)
{
    PQconninfoOption *options = PQconninfoParse(values[0], NULL);

    if (options == NULL || value_of(options, "host")[0] != '\0') {
        return options;
    }
    PQconninfoFree(options);
    PGconn *link = PQconnectStartParams(names, values, 1);
    options = link != NULL ? PQconninfo(link) : NULL;
    PQfinish(link);
    return options;
}

static void *module_open(const char *place, int wait_ms, struct postgresql_trouble *trouble)
{
    const char *const names[] = {"dbname", "client_encoding", "fallback_application_name", NULL};
    const char *const values[] = {place, "UTF8", "relaywarden", NULL};
    const int64_t until = now_ms() + wait_ms;
    PQconninfoOption *options = read_place(names, values);
    struct hosts hosts = {.count = 0};
    PGconn *link = options != NULL && read_hosts(options, &hosts)
                       ? open_each(&hosts, place, until, trouble)
                       : open_one(names, values, until, trouble);

    PQconninfoFree(options);
    return link;
}

static void module_close(void *link)
{
    PQfinish(link);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool lose(struct postgresql_trouble *trouble, const char *words)
{
    tell(trouble, POSTGRESQL_ABSENT, words, "it is tried again");
    return false;
}

static bool send_question(PGconn *link, const struct postgresql_question *question, int64_t until,
                          struct postgresql_trouble *trouble)
{
    const int sent = question->count == 0
                         ? PQsendQuery(link, question->sql)
                         : PQsendQueryParams(link, question->sql, (int)question->count, NULL,
                                             question->values, NULL, NULL, 0);

    if (sent != 1) {
        return lose(trouble, PQerrorMessage(link));
    }
    for (int left = PQflush(link); left != 0; left = PQflush(link)) {
        if (left < 0) {
            return lose(trouble, PQerrorMessage(link));
        }
        if (!wait_for(link, POLLIN | POLLOUT, until)) {
            return lose(trouble, "the server does not answer any more");
        }
        if (PQconsumeInput(link) != 1) {
            return lose(trouble, PQerrorMessage(link));
        }
    }
    return true;
}

static bool read_rows(const PGresult *result, postgresql_row read, void *user)
{
    const int columns = PQnfields(result);
    const char *row[COLUMNS_MAX];

    for (int i = 0; read != NULL && i < PQntuples(result); i++) {
        for (int column = 0; column < columns && column < COLUMNS_MAX; column++) {
            row[column] = PQgetisnull(result, i, column) ? NULL : PQgetvalue(result, i, column);
        }
        if (!read(row, (size_t)(columns < COLUMNS_MAX ? columns : COLUMNS_MAX), user)) {
            return false;
        }
    }
    return true;
}

static bool take_result(const PGresult *result, postgresql_row read, void *user,
                        struct postgresql_trouble *trouble)
{
    const ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
        if (!read_rows(result, read, user)) {
            tell(trouble, POSTGRESQL_STATEMENT, "an answer could not be read", "");
            return false;
        }
        return true;
    }
    const struct meaning *meaning = meaning_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    tell(trouble, meaning != NULL ? meaning->fault : POSTGRESQL_STATEMENT,
         said != NULL ? said : PQresultErrorMessage(result),
         meaning != NULL ? meaning->remedy : "");
    return false;
}

/* The next result, of which NULL is the last. False, and told: the server is lost. */
static bool next_result(PGconn *link, int64_t until, PGresult **out,
                        struct postgresql_trouble *trouble)
{
    while (PQisBusy(link) != 0) {
        if (!wait_for(link, POLLIN, until)) {
            return lose(trouble, "the server does not answer any more");
        }
        if (PQconsumeInput(link) != 1) {
            return lose(trouble, PQerrorMessage(link));
        }
    }
    *out = PQgetResult(link);
    return true;
}

static bool module_ask(void *opened, const struct postgresql_question *question,
                       postgresql_row read, void *user, struct postgresql_trouble *trouble)
{
    PGconn *link = opened;
    const int64_t until = now_ms() + question->wait_ms;
    PGresult *result = NULL;
    bool fine = true;

    if (!send_question(link, question, until, trouble)) {
        return false;
    }
    do {
        if (!next_result(link, until, &result, trouble)) {
            return false;
        }
        fine = result == NULL || !fine ? fine : take_result(result, read, user, trouble);
        PQclear(result);
    } while (result != NULL);
    if (!fine && PQstatus(link) == CONNECTION_BAD) {
        trouble->fault = POSTGRESQL_ABSENT;
    }
    return fine;
}

const struct postgresql_module relaywarden_postgresql = {
    .version = RELAYWARDEN_VERSION,
    .open = module_open,
    .close = module_close,
    .ask = module_ask,
};
