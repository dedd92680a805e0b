#include "probe/cli/verbs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/key.h"
#include "lib/printable.h"
#include "probe/audit/arrivals.h"
#include "probe/audit/carry_over.h"

#define HEADER_MAX 262144 /* octets that are looked at; what an MTA adds is far less */

struct receiver {
    const struct options *invocation;
    struct conf *conf;         /* NULL with --record */
    struct carry_over *memory; /* likewise */
    struct token_key key;      /* of --key */
    bool has_key;
    char path[PATH_MAX]; /* of the arrivals */
    json_t *recorded;    /* tokens; NULL without --json */
    bool failed;         /* something could not be recorded or read */
    char *header;        /* HEADER_MAX octets */
};

/* Says what keeps a message from being recorded; the MTA logs it. */
static void complain(struct receiver *receiver, const char *what, const char *why)
{
    char shown[PATH_MAX];

    printable_string(shown, sizeof(shown), what);
    fprintf(stderr, "%s: receive: %s%s%s\n", PROBE_PROGRAM, shown, shown[0] != '\0' ? ": " : "",
            why);
    receiver->failed = true;
}

/* ---- one message ------------------------------------------------------------------------ */

/* Its beginning; the number of octets, or -1 on an error of reading. */
static ssize_t read_header(int descriptor, char *header)
{
    size_t length = 0;
    ssize_t got;

    do {
        got = read(descriptor, header + length, HEADER_MAX - length);
        if (got > 0) {
            length += (size_t)got;
        }
    } while ((got > 0 && length < HEADER_MAX) || (got < 0 && errno == EINTR));
    return got < 0 ? -1 : (ssize_t)length;
}

/* Takes the rest of it, for a writer that sees its pipe close thinks that nobody took it. */
static void drain(int descriptor)
{
    char rest[8192];
    ssize_t got;

    do {
        got = read(descriptor, rest, sizeof(rest));
    } while (got > 0 || (got < 0 && errno == EINTR));
}

/* Whether the message at hand is one of ours, and its token. */
static bool is_ours(const struct receiver *receiver, size_t length, char token[MESSAGE_TOKEN_SIZE])
{
    return message_find_token(receiver->header, length, token) &&
           (receiver->memory == NULL ||
            carry_over_knows_token(receiver->memory, token, time(NULL))) &&
           (!receiver->has_key || message_is_sealed(&receiver->key, token));
}

static void record(struct receiver *receiver, const char *token)
{
    char error[ARRIVALS_ERROR_SIZE];

    enum arrival arrival = arrivals_record(receiver->path, token, time(NULL), error);
    if (arrival == ARRIVAL_FAILED) {
        complain(receiver, "", error);
    } else if (arrival == ARRIVAL_KNOWN) {
        return; /* a mailbox is read again and again, and anybody may send a message again */
    } else if (receiver->recorded != NULL) {
        json_array_append_new(receiver->recorded, json_string(token));
    } else {
        printf("recorded %s\n", token);
    }
}

static int take_message(struct receiver *receiver)
{
    char token[MESSAGE_TOKEN_SIZE];
    ssize_t length = read_header(STDIN_FILENO, receiver->header);

    if (length < 0) {
        complain(receiver, "standard input", strerror(errno));
        return RECEIVE_EXIT_LATER;
    }
    drain(STDIN_FILENO);
    if (!is_ours(receiver, (size_t)length, token)) {
        return RECEIVE_EXIT_TAKEN;
    }
    record(receiver, token);
    return receiver->failed ? RECEIVE_EXIT_LATER : RECEIVE_EXIT_TAKEN;
}

/* ---- a Maildir -------------------------------------------------------------------------- */

static void take_file(struct receiver *receiver, int directory, const char *name)
{
    char token[MESSAGE_TOKEN_SIZE];
    /* Not what hangs: the mailbox is other people's to write to. */
    int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (descriptor < 0) {
        if (errno != ENOENT) { /* a mail program may have moved it just now */
            complain(receiver, name, strerror(errno));
        }
        return;
    }
    ssize_t length = read_header(descriptor, receiver->header);
    if (length > 0 && is_ours(receiver, (size_t)length, token)) {
        record(receiver, token);
    }
    close(descriptor);
}

static void take_folder(struct receiver *receiver, const char *name)
{
    char path[PATH_MAX];
    const struct dirent *entry;

    snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 8, receiver->invocation->maildir, name);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        complain(receiver, path, strerror(errno));
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            take_file(receiver, dirfd(folder), entry->d_name);
        }
    }
    closedir(folder);
}

static int take_maildir(struct receiver *receiver)
{
    take_folder(receiver, "new");
    take_folder(receiver, "cur");
    return receiver->failed ? RECEIVE_EXIT_LATER : RECEIVE_EXIT_TAKEN;
}

/* ---- the verb --------------------------------------------------------------------------- */

/* False, after it was told, when nothing can be received. */
static bool prepare(struct receiver *receiver)
{
    const struct options *invocation = receiver->invocation;
    struct conf_report report = {0};
    char error[CARRY_OVER_ERROR_SIZE];

    receiver->header = malloc(HEADER_MAX);
    if (receiver->header == NULL) {
        complain(receiver, "", "out of memory");
        return false;
    }
    if (invocation->key != NULL) {
        char fault[CONF_KEY_FAULT_SIZE];
        receiver->has_key = conf_read_key(invocation->key, &receiver->key, fault);
        if (!receiver->has_key) {
            complain(receiver, "--key", fault);
            return false;
        }
    }
    if (invocation->record != NULL) {
        snprintf(receiver->path, sizeof(receiver->path), "%s", invocation->record);
        return true;
    }
    receiver->conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    if (receiver->conf == NULL) {
        (void)options_fail_configuration(invocation, &report);
        conf_report_free(&report);
        return false;
    }
    conf_report_free(&report);
    arrivals_path(receiver->conf->state_directory, receiver->path);
    receiver->memory = carry_over_open(receiver->conf->state_directory, error);
    if (receiver->memory == NULL) {
        complain(receiver, "", error);
        return false;
    }
    return true;
}

static void print_json(struct receiver *receiver, int code)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:o, s:i}", "program", PROBE_PROGRAM, "version",
                               RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "recorded",
                               receiver->recorded, "exit", code);

    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

int receive_main(const struct options *invocation)
{
    struct receiver receiver = {.invocation = invocation,
                                .recorded = invocation->json ? json_array() : NULL};
    int code = RECEIVE_EXIT_LATER;

    if (prepare(&receiver)) {
        code = invocation->maildir != NULL ? take_maildir(&receiver) : take_message(&receiver);
        if (invocation->json) {
            print_json(&receiver, code);
        }
    } else {
        json_decref(receiver.recorded);
    }
    (void)options_output_is_written(); /* the record is what counts */
    free(receiver.header);
    token_wipe(&receiver.key, sizeof(receiver.key));
    carry_over_close(receiver.memory);
    conf_free(receiver.conf);
    return code;
}
